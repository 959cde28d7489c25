/* Prediction of rows in memory: a plan of its own each time, so that it is re-entrant. Rows are
 * taken in fixed blocks, since the bits of one row of a matrix product depend on how many rows it
 * has. */
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "model/plan.h"

static void predict_block(struct ls_plan_run *run, const float *x, size_t in, float *out,
                          size_t out_size)
{
    memcpy(run->input[0], x, in * (size_t)run->rows * sizeof *x);
    ls_plan_execute(run, 0);
    memcpy(out, ls_plan_output(run, 0), out_size * (size_t)run->rows * sizeof *out);
}

ls_status ls_model_predict(const struct ls_model *model, const float *x, int64_t samples,
                           float *out)
{
    struct ls_plan *plan = NULL;
    struct ls_plan_run *run = NULL;
    float *input = NULL;
    ls_status status;
    if (!model->built || !model->initialized)
        return ls_fail(LS_USAGE, "the model has no weights yet: train it, or set them");
    if (model->inputs != 1 || model->outputs != 1)
        return ls_fail(LS_USAGE, "ls_model_predict is for models of one input and one output");
    size_t in = (size_t)ls_shape_count(&model->call[model->input[0].call].shapes.out[0]);
    size_t out_size = (size_t)ls_shape_count(
        &model->call[model->output[0].call].shapes.out[model->output[0].output]);
    LS_TRY(ls_kernels_init(NULL));
    LS_TRY_OUT(ls_allocate(&input, in * LS_BLOCK_ROWS, sizeof *input));
    LS_TRY_OUT(
        ls_plan_create(&plan, &(struct ls_plan_options){.model = model, .rows = LS_BLOCK_ROWS}));
    LS_TRY_OUT(ls_plan_run_create(&run, plan));
    run->weights = model->weights;
    run->input = &input;
    for (int64_t row = 0; row < samples; row += run->rows) {
        run->rows = samples - row < LS_BLOCK_ROWS ? samples - row : LS_BLOCK_ROWS;
        predict_block(run, x + (size_t)row * in, in, out + (size_t)row * out_size, out_size);
    }
out:
    ls_plan_run_free(run);
    ls_plan_free(plan);
    ls_release(input);
    return status;
}
