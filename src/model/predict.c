/* Prediction of rows in memory: a plan of its own each time, so that it is re-entrant. Rows are
 * taken in fixed blocks, since the bits of one row of a matrix product depend on how many rows it
 * has. */
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "model/plan.h"

static size_t row_floats(const struct ls_model *model, struct ls_edge edge)
{
    return (size_t)ls_shape_count(&model->call[edge.call].shapes.out[edge.output]);
}

/* The run's rows begin at `row`. */
static ls_status predict_block(struct ls_plan_run *run, const float *const *input, size_t row,
                               float *const *output)
{
    const struct ls_model *model = run->user;
    size_t rows = (size_t)run->rows;
    for (size_t i = 0; i < model->inputs; i++) {
        size_t n = row_floats(model, model->input[i]);
        memcpy(run->input[i], input[i] + row * n, rows * n * sizeof(float));
    }
    LS_TRY(ls_plan_execute(run, 0));
    for (size_t o = 0; o < model->outputs; o++) {
        size_t n = row_floats(model, model->output[o]);
        if (output[o])
            memcpy(output[o] + row * n, ls_plan_output(run, o), rows * n * sizeof(float));
    }
    return LS_OK;
}

/* What the loader asks of the numbers that it reads. */
static ls_status check_integers(const struct ls_model *model, const float *const *input,
                                int64_t samples)
{
    for (size_t i = 0; i < model->inputs; i++) {
        struct ls_integers integers = ls_model_integers(model, i);
        size_t row = row_floats(model, model->input[i]), n = (size_t)samples * row;
        if (integers.count == 0)
            continue;
        size_t at = ls_find_no_index(input[i], n, integers.count);
        if (at < n)
            return ls_fail(LS_BAD_INPUT,
                           "sample %zu: input '%s' has %.9g at element %zu, but layer '%s' takes "
                           "whole numbers in [0, %lld)",
                           at / row, model->input_name[i], (double)input[i][at], at % row,
                           integers.layer->path, (long long)integers.count);
    }
    return LS_OK;
}

ls_status ls_model_predict_all(const struct ls_model *model, const float *const *input,
                               int64_t samples, float *const *output)
{
    struct ls_plan *plan = NULL;
    struct ls_plan_run *run = NULL;
    float *rows[LS_TENSORS_MAX] = {0};
    ls_status status;
    if (!model->built || !model->initialized)
        return ls_fail(LS_USAGE, "the model has no weights yet: train it, or set them");
    LS_TRY(check_integers(model, input, samples));
    LS_TRY(ls_kernels_init(NULL));
    for (size_t i = 0; i < model->inputs; i++)
        LS_TRY_OUT(ls_allocate(&rows[i], row_floats(model, model->input[i]) * LS_BLOCK_ROWS + 1,
                               sizeof(float)));
    LS_TRY_OUT(
        ls_plan_create(&plan, &(struct ls_plan_options){.model = model, .rows = LS_BLOCK_ROWS}));
    LS_TRY_OUT(ls_plan_run_create(&run, plan));
    run->weights = model->weights;
    run->input = rows;
    run->user = (void *)model; /* is only read */
    for (int64_t row = 0; row < samples; row += run->rows) {
        run->rows = samples - row < LS_BLOCK_ROWS ? samples - row : LS_BLOCK_ROWS;
        LS_TRY_OUT(ls_plan_prepare(run));
        LS_TRY_OUT(predict_block(run, input, (size_t)row, output));
    }
out:
    ls_plan_run_free(run);
    ls_plan_free(plan);
    for (size_t i = 0; i < model->inputs; i++)
        ls_release(rows[i]);
    return status;
}

ls_status ls_model_predict(const struct ls_model *model, const float *x, int64_t samples,
                           float *out)
{
    if (model->built && (model->inputs != 1 || model->outputs != 1))
        return ls_fail(LS_USAGE, "ls_model_predict is for models of one input and one output: "
                                 "ls_model_predict_all takes any");
    return ls_model_predict_all(model, &x, samples, &out);
}
