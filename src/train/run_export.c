/* lockstep export. */
#include "lockstep/run.h"
#include "store/export.h"
#include "train/open_model.h"

ls_status ls_run_export(const struct ls_run_export *options)
{
    struct ls_checkpoint checkpoint = {0};
    enum ls_export_form form = LS_EXPORT_KERAS;
    LS_TRY(ls_export_form(options->out, &form)); /* before anything is read */
    if (options->optimizer_weights && form == LS_EXPORT_JSON)
        return ls_fail(LS_USAGE, "'%s': a .json holds no weights, nor an optimizer's",
                       options->out);
    ls_status status = ls_model_open(&checkpoint, options->model);
    if (status == LS_OK && form != LS_EXPORT_JSON && !checkpoint.model->initialized)
        status =
            ls_fail(LS_BAD_INPUT, "%s: the model has no weights: only a .json can be made of it",
                    options->model);
    if (status == LS_OK)
        status = ls_export(&checkpoint, options->out, options->optimizer_weights);
    ls_checkpoint_release(&checkpoint);
    return status;
}
