#include "store/archive.h"
#include "store/h5_table.h"
#include "store/history.h"

ls_status ls_history_read(const char *path, struct ls_table *epochs, struct ls_table *steps,
                          bool *is_history)
{
    struct ls_h5 h5;
    bool epoch = false, model = false;
    *is_history = false;
    *epochs = *steps = (struct ls_table){0};
    if (ls_archive_is(path)) /* a model */
        return LS_OK;
    ls_status status = ls_h5_open(&h5, path);
    if (status == LS_OK)
        status = ls_h5_find(&h5, "/epoch", &epoch);
    if (status == LS_OK)
        status = ls_h5_find(&h5, "/model_weights", &model);
    *is_history = status == LS_OK && epoch && !model;
    if (*is_history)
        status = ls_h5_read_table(&h5, "/epoch", epochs);
    if (*is_history && status == LS_OK)
        status = ls_h5_read_table(&h5, "/step", steps);
    ls_h5_close(&h5);
    if (status != LS_OK) {
        ls_table_release(epochs);
        ls_table_release(steps);
    }
    return status;
}
