#include "train/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/tree.h"
#include "store/file.h"

static const char lock_name[] = "lock", stop_name[] = "stop", status_name[] = "status.json";

ls_status ls_directory_file(char **path, const char *directory, const char *name)
{
    return ls_format(path, "%s/%s", directory, name);
}

static bool exists(const char *directory, const char *name)
{
    char *path = NULL;
    bool there = ls_directory_file(&path, directory, name) == LS_OK && access(path, F_OK) == 0;
    ls_release(path);
    return there;
}

/* -- the lock */

enum { HOLDER_TEXT = 320 };

static void read_holder(int lock, char *holder, size_t room)
{
    ssize_t length = pread(lock, holder, room - 1, 0);
    holder[length > 0 ? length : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
}

static ls_status take_lock(struct ls_directory *directory)
{
    char *path = NULL, holder[HOLDER_TEXT], host[256] = "";
    LS_TRY(ls_directory_file(&path, directory->path, lock_name));
    directory->lock =
        TEMP_FAILURE_RETRY(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    ls_release(path);
    if (directory->lock < 0)
        return ls_fail(LS_CANNOT_WRITE, "%s: cannot write there: %s", directory->path,
                       strerror(errno));
    if (flock(directory->lock, LOCK_EX | LOCK_NB) != 0) {
        read_holder(directory->lock, holder, sizeof holder);
        return ls_fail(LS_CANNOT_WRITE, "%s: in use by %s", directory->path,
                       *holder ? holder : "another process");
    }
    gethostname(host, sizeof host - 1);
    int length = snprintf(holder, sizeof holder, "process %ld on %s\n", (long)getpid(), host);
    if (TEMP_FAILURE_RETRY(ftruncate(directory->lock, 0)) != 0 ||
        TEMP_FAILURE_RETRY(pwrite(directory->lock, holder, (size_t)length, 0)) < 0)
        return ls_fail(LS_CANNOT_WRITE, "%s/%s: %s", directory->path, lock_name, strerror(errno));
    return LS_OK;
}

bool ls_directory_locked(const char *path)
{
    char *name = NULL;
    bool locked = false;
    if (ls_directory_file(&name, path, lock_name) != LS_OK)
        return false;
    int lock = open(name, O_RDONLY | O_CLOEXEC);
    if (lock >= 0) {
        locked = flock(lock, LOCK_SH | LOCK_NB) != 0;
        close(lock);
    }
    ls_release(name);
    return locked;
}

void ls_directory_holder(const char *path, char *holder, size_t room)
{
    char *name = NULL;
    int lock = -1;
    *holder = '\0';
    if (ls_directory_file(&name, path, lock_name) == LS_OK)
        lock = open(name, O_RDONLY | O_CLOEXEC);
    if (lock >= 0) {
        read_holder(lock, holder, room);
        close(lock);
    }
    ls_release(name);
}

ls_status ls_directory_open(struct ls_directory *directory, const char *path, bool *holds_run)
{
    char newest[512];
    ls_status status;
    char *stop = NULL;
    directory->lock = -1;
    directory->path = NULL;
    directory->made = false;
    LS_TRY(ls_duplicate(&directory->path, path));
    directory->made = access(path, F_OK) != 0;
    LS_TRY_OUT(ls_directory_make(path));
    ls_directory_newest(path, newest, sizeof newest);
    *holds_run = *newest != '\0' || exists(path, "model.h5");
    LS_TRY_OUT(take_lock(directory));
    LS_TRY_OUT(ls_directory_file(&stop, path, stop_name));
    if (unlink(stop) != 0 && errno != ENOENT)
        status = ls_fail(LS_CANNOT_WRITE, "%s: %s", stop, strerror(errno));
out:
    ls_release(stop);
    if (status != LS_OK)
        ls_directory_close(directory);
    return status;
}

/* A start that failed before the run began leaves no directory behind. */
static void remove_unused(const struct ls_directory *directory)
{
    char *lock = NULL;
    if (!directory->made || exists(directory->path, "run.yaml"))
        return;
    if (ls_directory_file(&lock, directory->path, lock_name) == LS_OK)
        unlink(lock);
    rmdir(directory->path);
    ls_release(lock);
}

void ls_directory_close(struct ls_directory *directory)
{
    if (directory->path && directory->lock >= 0)
        remove_unused(directory);
    if (directory->lock >= 0)
        close(directory->lock);
    ls_release(directory->path);
    directory->lock = -1;
    directory->path = NULL;
}

bool ls_directory_asked_to_stop(const struct ls_directory *directory)
{
    return exists(directory->path, stop_name);
}

/* -- status */

static void put_status(struct ls_tree *map, const struct ls_run_status *status)
{
    ls_tree_add_text(map, "state", ls_run_state_name(status->state));
    ls_tree_add_text(map, "host", status->host);
    ls_tree_add_int(map, "pid", status->pid);
    ls_tree_add_int(map, "ranks", status->ranks);
    ls_tree_add_int(map, "nodes", status->nodes);
    ls_tree_add_int(map, "epoch", status->epoch);
    ls_tree_add_int(map, "epochs", status->epochs);
    ls_tree_add_int(map, "step", status->step);
    ls_tree_add_int(map, "steps", status->steps);
    ls_tree_add_text(map, "best_name", status->best_name);
    ls_tree_add_double(map, "best_value", isfinite(status->best_value) ? status->best_value : 0);
    ls_tree_add_int(map, "best_epoch", status->best_epoch);
    ls_tree_add_int(map, "time", (int64_t)time(NULL));
    ls_tree_add_text(map, "straggler", status->straggler);
    ls_tree_add_text(map, "message", status->message);
}

ls_status ls_directory_write_status(const struct ls_directory *directory,
                                    const struct ls_run_status *status)
{
    struct ls_text text = {0};
    char *path = NULL;
    struct ls_tree *map = ls_tree_new(LS_TREE_MAP);
    ls_status result = map ? LS_OK : ls_fail(LS_FAILED, "out of memory");
    if (map) {
        put_status(map, status);
        ls_tree_format_json(&text, map);
        ls_text_append(&text, "\n");
        result = ls_text_status(&text);
    }
    if (result == LS_OK)
        result = ls_directory_file(&path, directory->path, status_name);
    if (result == LS_OK) /* while it trains it does not wait for the disk */
        result = (status->state == LS_RUN_RUNNING ? ls_file_replace
                                                  : ls_file_publish)(path, text.data, text.length);
    ls_release(path);
    ls_text_release(&text);
    ls_tree_free(map);
    return result;
}

void ls_directory_newest(const char *path, char *name, size_t room)
{
    char *checkpoints = NULL, best[256] = "";
    *name = '\0';
    if (ls_directory_file(&checkpoints, path, "checkpoints") != LS_OK)
        return;
    DIR *open_directory = opendir(checkpoints);
    for (struct dirent *entry; open_directory && (entry = readdir(open_directory));) {
        size_t length = strlen(entry->d_name);
        bool ours = strncmp(entry->d_name, "step-", 5) == 0 && length > 3 &&
                    strcmp(entry->d_name + length - 3, ".h5") == 0;
        size_t best_length = strlen(best);
        if (ours &&
            (length > best_length || (length == best_length && strcmp(entry->d_name, best) > 0)))
            snprintf(best, sizeof best, "%s", entry->d_name);
    }
    if (open_directory)
        closedir(open_directory);
    if (*best)
        snprintf(name, room, "%s/%s", checkpoints, best);
    ls_release(checkpoints);
}
