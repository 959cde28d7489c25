#include "train/out.h"

#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "store/file.h"

static bool is_file(const struct stat *out, const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && file.st_dev == out->st_dev && file.st_ino == out->st_ino;
}

static ls_status is_model(bool *is, const struct stat *out, const char *model)
{
    char *within = NULL;
    LS_TRY(ls_format(&within, "%s/model.h5", model));
    *is = is_file(out, model) || is_file(out, within);
    ls_release(within);
    return LS_OK;
}

/* One holder of samples after the other, from the last on: FILE:SPLIT, or a file. */
static ls_status is_data(bool *is, const struct stat *out, const struct ls_data *data)
{
    int64_t within = 0;
    for (int64_t sample = ls_data_samples(data) - 1; sample >= 0 && !*is; sample -= within + 1) {
        const char *name = ls_data_locate(data, sample, &within);
        const char *colon = strrchr(name, ':');
        char *file = NULL;
        LS_TRY(ls_format(&file, "%.*s", (int)(colon ? colon - name : 0), name));
        *is = is_file(out, name) || is_file(out, file);
        ls_release(file);
    }
    return LS_OK;
}

static ls_status check(const char *out, const char *model, const struct ls_data *data)
{
    struct stat about;
    struct ls_draft draft;
    bool is = false;
    if (stat(out, &about) == 0) {
        LS_TRY(is_model(&is, &about, model));
        LS_TRY(is_data(&is, &about, data));
    }
    if (is)
        return ls_fail(LS_USAGE,
                       "'%s' is both what is read and what is to be written: name another file",
                       out);
    LS_TRY(ls_draft_open(&draft, out));
    ls_draft_close(&draft);
    return LS_OK;
}

ls_status ls_out_check(struct ls_comm *comm, const char *out, const char *model,
                       const struct ls_data *data)
{
    ls_status status = LS_OK;
    if (out && ls_comm_rank(comm) == 0)
        status = check(out, model, data);
    return ls_comm_agree(comm, status);
}
