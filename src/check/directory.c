/* The run directory: whether a run could write there, and what is there already. It is tried with a
 * file that is removed again, beside the directory where that is not there yet. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "check/facts.h"

static const char content[] = "lockstep check\n";

static ls_status cannot(const char *path, const char *what)
{
    return ls_fail(LS_CANNOT_WRITE, "%s: %s: %s", path, what, strerror(errno));
}

/* Where to try, in new memory: the run directory, or the one that it would be made in. */
static ls_status find_place(char **place, const char *path)
{
    if (ls_path_is_directory(path))
        return ls_duplicate(place, path);
    LS_TRY(ls_path_absolute(place, path));
    size_t length = strlen(*place);
    while (length > 1 && (*place)[length - 1] == '/')
        (*place)[--length] = '\0';
    char *slash = strrchr(*place, '/');
    slash[slash == *place] = '\0';
    errno = access(path, F_OK) == 0 ? ENOTDIR : errno;
    if (errno == ENOENT && ls_path_is_directory(*place))
        return LS_OK;
    return ls_fail(LS_CANNOT_WRITE, "cannot write '%s': %s", path, strerror(errno));
}

/* -- the trial, on rank 0 */

struct trial {
    char *directory, *first, *path; /* path: that `first` is renamed to, which all look at */
    int file;
};

/* A lock that a second opening of the same file is refused, as a run's is. */
static ls_status try_lock(const struct trial *trial)
{
    if (flock(trial->file, LOCK_EX | LOCK_NB) != 0)
        return cannot(trial->directory, "files cannot be locked there");
    int second = open(trial->first, O_RDONLY | O_CLOEXEC);
    if (second < 0)
        return cannot(trial->first, "cannot read it again");
    bool refused = flock(second, LOCK_SH | LOCK_NB) != 0;
    close(second);
    errno = EALREADY;
    return refused ? LS_OK
                   : ls_fail(LS_CANNOT_WRITE,
                             "%s: locks of files hold nobody off there: two runs could write into "
                             "one directory",
                             trial->directory);
}

static ls_status sync_directory(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ls_status status = LS_OK;
    if (directory < 0 || fsync(directory) != 0)
        status = cannot(path, "cannot sync the directory");
    if (directory >= 0)
        close(directory);
    return status;
}

static ls_status write_trial(struct trial *trial)
{
    LS_TRY(ls_format(&trial->first, "%s/.check-%ld.tmp", trial->directory, (long)getpid()));
    LS_TRY(ls_format(&trial->path, "%s/.check-%ld", trial->directory, (long)getpid()));
    trial->file = open(trial->first, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (trial->file < 0)
        return ls_fail(LS_CANNOT_WRITE, "%s: cannot write there: %s", trial->directory,
                       strerror(errno));
    if (write(trial->file, content, strlen(content)) != (ssize_t)strlen(content))
        return cannot(trial->directory, "cannot write there");
    if (fsync(trial->file) != 0)
        return cannot(trial->directory, "files cannot be synced there");
    LS_TRY(try_lock(trial));
    if (rename(trial->first, trial->path) != 0)
        return cannot(trial->directory, "files cannot be renamed there");
    return sync_directory(trial->directory);
}

static void end_trial(struct trial *trial)
{
    if (trial->file >= 0) {
        unlink(trial->path);
        unlink(trial->first);
        close(trial->file);
    }
    ls_release(trial->directory);
    ls_release(trial->first);
    ls_release(trial->path);
}

/* -- what other hosts see of it */

/* File systems of networks take a moment. */
static enum ls_sight look(const char *path)
{
    static const double patience = 2.0; /* seconds */
    const struct timespec pause = {.tv_nsec = 20000000};
    char text[sizeof content] = "";
    double until = ls_seconds() + patience;
    do {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            ssize_t got = read(file, text, sizeof text - 1);
            bool same = got == (ssize_t)strlen(content) && strcmp(text, content) == 0;
            bool locked = flock(file, LOCK_SH | LOCK_NB) != 0;
            close(file);
            if (same)
                return locked ? LS_SEEN : LS_UNLOCKED;
        }
        nanosleep(&pause, NULL);
    } while (ls_seconds() < until);
    return LS_UNSEEN;
}

ls_status ls_directory_tell(struct ls_checker *checker, const enum ls_sight *seen)
{
    struct ls_host_line *line = NULL;
    LS_TRY(ls_allocate(&line, (size_t)checker->nodes, sizeof *line));
    for (int node = 1; node < checker->nodes; node++) {
        enum ls_sight found = seen[checker->first_of[node]];
        line[node].level = LS_CHECK_WARNING;
        if (found == LS_UNSEEN)
            snprintf(line[node].text, sizeof line[node].text,
                     "does not see the run directory: only rank 0 writes there, but a resume that "
                     "begins on another host would find nothing");
        else if (found == LS_UNLOCKED)
            snprintf(line[node].text, sizeof line[node].text,
                     "does not see locks in the run directory: a second job there would not be "
                     "refused");
    }
    ls_hosts_tell(checker, "directory", line);
    ls_release(line);
    return LS_OK;
}

static ls_status check_hosts(struct ls_checker *checker, const struct trial *trial)
{
    char *path = trial->path;
    enum ls_sight mine = LS_SEEN, *all = NULL;
    if (checker->nodes == 1)
        return LS_OK;
    LS_TRY(ls_comm_broadcast_text(checker->comm, &path, 0));
    if (ls_comm_place(checker->comm)->node > 0 && ls_comm_place(checker->comm)->node_rank == 0)
        mine = look(path);
    if (!ls_checker_writes(checker))
        ls_release(path);
    LS_TRY(ls_checker_gather(checker, &all, &mine, sizeof mine));
    ls_status status = ls_checker_writes(checker) ? ls_directory_tell(checker, all) : LS_OK;
    ls_release(all);
    return ls_comm_agree(checker->comm, status);
}

/* -- what is there, on rank 0 */

static void tell_space(struct ls_checker *checker, const char *directory)
{
    const struct ls_session *session = &checker->session;
    struct statvfs space;
    char size[LS_BYTES_TEXT], free_text[LS_BYTES_TEXT];
    if (statvfs(directory, &space) != 0)
        return;
    const double floor = 100e3; /* a file's own, whatever the model's size */
    const double one = checker->checkpoint_bytes + floor;
    const double all = one * (double)(session->config.checkpoint.keep + 1);
    const double free = (double)space.f_bavail * (double)space.f_frsize;
    ls_bytes_format(size, all);
    ls_bytes_format(free_text, free);
    ls_check_add(checker->check, all > free ? LS_CHECK_WARNING : LS_CHECK_OK, "directory",
                 "%lld checkpoints and the next one take %s of %s free%s",
                 (long long)session->config.checkpoint.keep, size, free_text,
                 all > free ? ": use a smaller checkpoint.keep, or -o DIR elsewhere" : "");
    ls_check_figure(checker->check, "checkpoint_bytes", one);
    ls_check_figure(checker->check, "disk_free_bytes", free);
}

static void tell_run(struct ls_checker *checker)
{
    const struct ls_session *session = &checker->session;
    const struct ls_position *at = &session->position;
    if (!session->state)
        ls_check_add(checker->check, LS_CHECK_OK, "directory",
                     "%s: can be written, locked, synced; holds no run", session->path);
    else if (ls_position_is_last(at, session->config.fit.epochs))
        ls_check_add(checker->check, LS_CHECK_WARNING, "directory",
                     "%s holds a run that is finished: train --resume does nothing, --epochs N "
                     "trains on, -o DIR trains elsewhere",
                     session->path);
    else
        ls_check_add(checker->check, LS_CHECK_OK, "directory",
                     "%s holds a run: train --resume goes on in epoch %lld of %lld, after step "
                     "%lld, from %s",
                     session->path, (long long)at->epoch + 1, (long long)session->config.fit.epochs,
                     (long long)at->step, session->resumed_from);
}

static ls_status check_holder(const struct ls_session *session)
{
    char holder[320];
    if (!ls_directory_locked(session->path))
        return LS_OK;
    ls_directory_holder(session->path, holder, sizeof holder);
    return ls_fail(LS_CANNOT_WRITE, "%s: in use by %s", session->path,
                   *holder ? holder : "another process");
}

ls_status ls_check_directory(struct ls_checker *checker)
{
    const struct ls_session *session = &checker->session;
    const bool first = ls_checker_writes(checker);
    struct trial trial = {.file = -1};
    ls_status status = first ? check_holder(session) : LS_OK;
    ls_checker_fails(checker, "directory", ls_comm_agree(checker->comm, status));
    status = first ? find_place(&trial.directory, session->path) : LS_OK;
    if (status == LS_OK && first)
        status = write_trial(&trial);
    status = ls_comm_agree(checker->comm, status);
    if (!ls_checker_fails(checker, "directory", status)) {
        if (first)
            tell_run(checker);
        status = check_hosts(checker, &trial);
        if (first)
            tell_space(checker, trial.directory);
    } else {
        status = LS_OK; /* it is told */
    }
    end_trial(&trial);
    return status;
}
