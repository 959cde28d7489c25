/* The watchdog of a session: what becomes of a hang. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/pulse.h"
#include "train/session.h"

/* A disk that hangs must not keep the watchdog from ending the run. */
enum { FILES_SECONDS = 10 };

struct hang {
    const struct ls_session *session;
    char line[LS_MESSAGE_BYTES];
    char newest[LS_MESSAGE_BYTES]; /* what to do now, once it is known */
    atomic_bool known;
};

static void tell_newest(struct hang *hang)
{
    char path[512];
    ls_directory_newest(hang->session->path, path, sizeof path);
    const char *name = strstr(path, "/step-");
    if (!name)
        snprintf(hang->newest, sizeof hang->newest, "; there is no checkpoint yet: run it again");
    else
        snprintf(hang->newest, sizeof hang->newest,
                 "; the newest checkpoint is step %lld: run it again with --resume",
                 strtoll(name + strlen("/step-"), NULL, 10));
}

/* Whoever of the ranks found out: the directory says what rank 0 said last. */
static void write_status(const struct hang *hang)
{
    struct ls_run_status status;
    const struct ls_directory directory = {.path = hang->session->path, .lock = -1};
    if (ls_run_status(directory.path, &status) != LS_OK || status.state != LS_RUN_RUNNING)
        return;
    status.state = LS_RUN_FAILED;
    snprintf(status.message, sizeof status.message, "%.*s", (int)sizeof status.message - 1,
             hang->line);
    ls_directory_write_status(&directory, &status);
}

static void *use_files(void *user)
{
    struct hang *hang = user;
    tell_newest(hang);
    atomic_store(&hang->known, true);
    write_status(hang);
    return NULL;
}

/* On the watchdog's thread. The files' own memory stays behind: who is called here ends the
 * process.
 */
static void on_hang(void *user, const char *line)
{
    static struct hang hang;
    const struct ls_run_observer *observer;
    struct timespec limit;
    pthread_t files;
    hang.session = user;
    observer = hang.session->options->observer;
    snprintf(hang.line, sizeof hang.line, "%s", line);
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += FILES_SECONDS;
    if (pthread_create(&files, NULL, use_files, &hang) == 0)
        pthread_timedjoin_np(files, NULL, &limit);
    char told[2 * LS_MESSAGE_BYTES];
    snprintf(told, sizeof told, "%s%s", line, atomic_load(&hang.known) ? hang.newest : "");
    observer->hang(observer->user, told);
}

static ls_status start_watchdog(struct ls_session *session)
{
    const struct ls_run_observer *observer = session->options->observer;
    const double seconds = session->config.fit.watchdog;
    bool wanted = seconds > 0 && observer && observer->hang;
    if (ls_comm_sum(session->comm, wanted) < ls_comm_size(session->comm))
        return ls_comm_agree(session->comm, LS_OK);
    return ls_watchdog_start(
        &session->watchdog, session->comm,
        &(struct ls_watchdog_options){.seconds = seconds, .hang = on_hang, .user = session});
}

ls_status ls_session_watch(struct ls_session *session)
{
    const struct ls_run_observer *observer = session->options->observer;
    LS_TRY(start_watchdog(session));
    if (observer && observer->hang && observer->watched)
        observer->watched(observer->user);
    return LS_OK;
}
