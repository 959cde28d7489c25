#include "train/callback_file.h"

#include <string.h>

#include "base/memory.h"
#include "store/file.h"
#include "train/fit.h"

static const char *directory_of(const struct ls_callback_call *call)
{
    const char *directory = call->fit->job->directory;
    return directory ? directory : ".";
}

ls_status ls_callback_path(char **path, const struct ls_callback_call *call, const char *given)
{
    return ls_path_join(path, directory_of(call), given);
}

/* Whether a path below the run directory is one of the run's own. */
static bool is_own(const char *below)
{
    static const char *const own[] = {"model.h5",    "history.h5", "run.yaml", "report.html",
                                      "status.json", "steps.log",  "lock",     "stop"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(below, own[i]) == 0)
            return true;
    return strncmp(below, "checkpoints/step-", strlen("checkpoints/step-")) == 0;
}

ls_status ls_callback_path_check(const struct ls_callback_call *call, const char *option,
                                 const char *given)
{
    char *path = NULL, *absolute = NULL, *directory = NULL;
    ls_status status = ls_callback_path(&path, call, given);
    if (status == LS_OK)
        status = ls_path_absolute(&absolute, path);
    if (status == LS_OK)
        status = ls_path_absolute(&directory, directory_of(call));
    if (status == LS_OK && call->fit->job->directory) {
        size_t length = strlen(directory);
        if (strncmp(absolute, directory, length) == 0 && absolute[length] == '/' &&
            is_own(absolute + length + 1))
            status =
                ls_callback_fail(call, option, "'%s' is a file of the run's own: give another name",
                                 absolute + length + 1);
    }
    ls_release(path);
    ls_release(absolute);
    ls_release(directory);
    return status;
}

ls_status ls_callback_path_open(const char *path)
{
    struct ls_draft draft;
    if (ls_path_is_directory(path))
        return ls_fail(LS_CANNOT_WRITE, "cannot write '%s': it is a directory", path);
    LS_TRY(ls_file_make_way(path));
    ls_status status = ls_draft_open(&draft, path);
    if (status == LS_OK)
        ls_draft_close(&draft);
    return status;
}
