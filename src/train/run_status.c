/* lockstep status and stop. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/tree.h"
#include "train/directory.h"

static const char *const state_names[] = {
    [LS_RUN_NONE] = "none",       [LS_RUN_RUNNING] = "running", [LS_RUN_FINISHED] = "finished",
    [LS_RUN_STOPPED] = "stopped", [LS_RUN_FAILED] = "failed",   [LS_RUN_DEAD] = "dead",
};

/* A running process writes its status every few seconds; one that was silent for this long on a
 * host whose lock cannot be seen from here counts as dead. */
static const double silent_seconds = 60;

const char *ls_run_state_name(enum ls_run_state state)
{
    return state_names[state];
}

static ls_status check_directory(const char *directory)
{
    struct stat about;
    if (stat(directory, &about) != 0)
        return ls_fail(LS_NO_INPUT, "%s: %s", directory, strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return ls_fail(LS_NO_INPUT, "%s: not a run directory", directory);
    return LS_OK;
}

/* -- reading status.json */

static ls_status int_of(const struct ls_tree *map, const char *key, int64_t *value)
{
    const struct ls_tree *node = ls_tree_find(map, key);
    return node ? ls_tree_int(node, value) : LS_OK;
}

static void text_of(const struct ls_tree *map, const char *key, char *text, size_t room)
{
    const struct ls_tree *node = ls_tree_find(map, key);
    snprintf(text, room, "%s", node && node->type == LS_TREE_SCALAR ? node->text : "");
}

static ls_status take(struct ls_run_status *status, const struct ls_tree *map, int64_t *written)
{
    char state[16];
    int64_t ranks = 0, nodes = 0;
    text_of(map, "state", state, sizeof state);
    for (int s = LS_RUN_NONE; s <= LS_RUN_DEAD; s++)
        if (strcmp(state, state_names[s]) == 0)
            status->state = (enum ls_run_state)s;
    text_of(map, "host", status->host, sizeof status->host);
    text_of(map, "best_name", status->best_name, sizeof status->best_name);
    text_of(map, "straggler", status->straggler, sizeof status->straggler);
    text_of(map, "message", status->message, sizeof status->message);
    LS_TRY(int_of(map, "pid", &status->pid));
    LS_TRY(int_of(map, "ranks", &ranks));
    LS_TRY(int_of(map, "nodes", &nodes));
    LS_TRY(int_of(map, "epoch", &status->epoch));
    LS_TRY(int_of(map, "epochs", &status->epochs));
    LS_TRY(int_of(map, "step", &status->step));
    LS_TRY(int_of(map, "steps", &status->steps));
    LS_TRY(int_of(map, "best_epoch", &status->best_epoch));
    LS_TRY(int_of(map, "time", written));
    status->ranks = (int)ranks;
    status->nodes = (int)nodes;
    const struct ls_tree *best = ls_tree_find(map, "best_value");
    return best ? ls_tree_double(best, &status->best_value) : LS_OK;
}

static ls_status read_status(struct ls_run_status *status, const char *directory, int64_t *written)
{
    struct ls_text text = {0};
    struct ls_tree *map = NULL;
    char *path = NULL;
    ls_status result = ls_directory_file(&path, directory, "status.json");
    if (result == LS_OK && access(path, F_OK) != 0)
        goto out; /* no run was ever begun here */
    if (result == LS_OK)
        result = ls_file_read_text(path, &text);
    if (result == LS_OK && text.data[0] == '\0') { /* its machine crashed before the disk had it */
        status->state = LS_RUN_DEAD;
        goto out;
    }
    if (result == LS_OK)
        result = ls_tree_parse_json(&map, text.data, text.length, path);
    if (result == LS_OK)
        result = take(status, map, written);
out:
    ls_tree_free(map);
    ls_text_release(&text);
    ls_release(path);
    return result;
}

static void find_checkpoint(struct ls_run_status *status, const char *directory)
{
    struct stat about;
    ls_directory_newest(directory, status->checkpoint, sizeof status->checkpoint);
    if (*status->checkpoint && stat(status->checkpoint, &about) == 0)
        status->checkpoint_age_seconds = difftime(time(NULL), about.st_mtime);
    const char *name = strrchr(status->checkpoint, '/');
    long long step = name ? strtoll(name + strlen("/step-"), NULL, 10) : 0;
    if (step <= status->step || status->epochs == 0 || status->steps < status->epochs)
        return;
    status->step = step; /* status.json is written every few seconds only */
    status->epoch = step / (status->steps / status->epochs);
}

/* The lock tells of a process on this host; from another one only its silence does. */
static bool is_dead(const struct ls_run_status *status, const char *directory, int64_t written)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    if (strcmp(host, status->host) == 0)
        return !ls_directory_locked(directory);
    return difftime(time(NULL), (time_t)written) > silent_seconds;
}

ls_status ls_run_status(const char *directory, struct ls_run_status *status)
{
    int64_t written = 0;
    memset(status, 0, sizeof *status);
    LS_TRY(check_directory(directory));
    LS_TRY(read_status(status, directory, &written));
    find_checkpoint(status, directory);
    if (status->state == LS_RUN_RUNNING && is_dead(status, directory, written))
        status->state = LS_RUN_DEAD;
    return LS_OK;
}

ls_status ls_run_stop(const char *directory)
{
    struct ls_run_status status;
    char *path = NULL;
    LS_TRY(ls_run_status(directory, &status));
    if (status.state != LS_RUN_RUNNING)
        return ls_fail(LS_FAILED, "%s: no run is going on (%s)", directory,
                       ls_run_state_name(status.state));
    LS_TRY(ls_directory_file(&path, directory, "stop"));
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    ls_status result =
        file >= 0 ? LS_OK : ls_fail(LS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    ls_release(path);
    return result;
}
