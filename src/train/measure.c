/* Losses, gradients and metrics of the rows of one replica or block. */
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "train/objective_inside.h"

ls_status ls_measure_room_create(struct ls_measure_room *room, const struct ls_objective *objective,
                                 int64_t rows)
{
    size_t positions = 1, numbers = 1;
    ls_status status;
    memset(room, 0, sizeof *room);
    for (size_t o = 0; o < objective->model->outputs; o++) {
        size_t here = (size_t)(objective->output[o].inner * rows);
        size_t all = here * (size_t)objective->output[o].columns;
        positions = here > positions ? here : positions;
        numbers = all > numbers ? all : numbers;
    }
    LS_TRY_OUT(ls_allocate(&room->value, positions, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->weight, positions, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->target, numbers, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->prediction, numbers, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->work, numbers, sizeof(float)));
    return LS_OK;
out:
    ls_measure_room_release(room);
    return status;
}

void ls_measure_room_release(struct ls_measure_room *room)
{
    ls_release(room->value);
    ls_release(room->weight);
    ls_release(room->target);
    ls_release(room->prediction);
    ls_release(room->work);
    memset(room, 0, sizeof *room);
}

/* One row of one output, as the loss and the metrics see it. */
struct view {
    const struct ls_objective_output *output;
    int64_t positions, columns;
    const float *target, *one_hot; /* one_hot: of integer classes; else NULL */
};

static void encode(float *one_hot, const struct view *view)
{
    ls_k->fill(one_hot, 0, (size_t)(view->positions * view->columns));
    for (int64_t p = 0; p < view->positions; p++)
        one_hot[p * view->columns + (int64_t)view->target[p]] = 1;
}

static const float *target_for(const struct view *view, enum ls_target_form form)
{
    return form == LS_TARGET_SAME && view->one_hot ? view->one_hot : view->target;
}

static bool needs_one_hot(const struct ls_objective *objective, size_t o)
{
    const struct ls_objective_output *output = &objective->output[o];
    bool needs = ls_loss_of(output)->target == LS_TARGET_SAME;
    for (size_t m = 0; m < objective->metrics; m++)
        if (objective->metric[m].output == o)
            needs |= ls_metric_of(&objective->metric[m])->target == LS_TARGET_SAME;
    return needs && output->form == LS_TARGET_CLASS;
}

/* The sum of the rows' weighted loss values, in the order of rows. */
static double sum_values(const struct ls_measure *measure, const struct view *view)
{
    const float *value = measure->room->value;
    if (!measure->weight)
        return ls_k->sum(value, (size_t)view->positions);
    double sum = 0;
    for (int64_t p = 0; p < view->positions; p++)
        sum += (double)measure->weight[p / view->output->inner] * (double)value[p];
    return sum;
}

/* The gradient of the mean over the global batch: each position's, times weight and 1 / count. */
static void scale_gradient(const struct ls_measure *measure, const struct view *view, float *grad)
{
    const struct ls_objective_output *output = view->output;
    double count = output->sum ? 1 : (double)(measure->global_rows * output->inner);
    float factor = (float)(output->weight / count);
    if (!measure->weight) {
        ls_k->scale(grad, grad, factor, (size_t)(view->positions * view->columns));
        return;
    }
    for (int64_t p = 0; p < view->positions; p++)
        ls_k->scale(grad + p * view->columns, grad + p * view->columns,
                    factor * measure->weight[p / output->inner], (size_t)view->columns);
}

static void measure_loss(struct ls_measure *measure, const struct view *view, size_t o)
{
    const struct ls_loss_kind *kind = ls_loss_of(view->output);
    float *grad = measure->gradient ? ls_plan_output_grad(measure->run, o) : NULL;
    kind->compute(&(struct ls_loss_call){
        .options = view->output->loss.options,
        .positions = view->positions,
        .columns = view->columns,
        .prediction = ls_plan_output(measure->run, o),
        .target = target_for(view, kind->target),
        .from_logits = view->output->from_logits,
        .value = measure->room->value,
        .grad = grad,
        .work = measure->room->work,
    });
    size_t bad = ls_k->find_nonfinite(measure->room->value, (size_t)view->positions);
    if (bad < (size_t)view->positions && measure->bad_row < 0)
        measure->bad_row = (int64_t)bad / view->output->inner;
    measure->sums[o] += sum_values(measure, view);
    if (grad)
        scale_gradient(measure, view, grad);
}

static const float *prediction(const struct ls_objective *objective,
                               const struct ls_measure *measure, const struct view *view, size_t o)
{
    const float *output = ls_plan_output(measure->run, o);
    if (!objective->defer[o])
        return output;
    ls_k->activate(measure->room->prediction, output, &view->output->activation,
                   (size_t)(view->positions * view->columns), (size_t)view->columns);
    return measure->room->prediction;
}

static void measure_metrics(const struct ls_objective *objective, struct ls_measure *measure,
                            const struct view *view, size_t o)
{
    const float *predicted = NULL;
    for (size_t m = 0; m < objective->metrics; m++) {
        const struct ls_objective_metric *metric = &objective->metric[m];
        if (metric->output != o)
            continue;
        if (!predicted)
            predicted = prediction(objective, measure, view, o);
        ls_metric_of(metric)->update(&(struct ls_metric_call){
            .options = metric->instance.options,
            .positions = view->positions,
            .columns = view->columns,
            .prediction = predicted,
            .target = target_for(view, ls_metric_of(metric)->target),
            .state = measure->sums + metric->offset,
            .work = measure->room->work,
        });
    }
}

void ls_objective_measure(const struct ls_objective *objective, struct ls_measure *measure)
{
    measure->bad_row = -1;
    measure->sums[objective->model->outputs] += measure->run->penalty;
    for (size_t o = 0; o < objective->model->outputs; o++) {
        const struct ls_objective_output *output = &objective->output[o];
        struct view view = {.output = output,
                            .positions = measure->run->rows * output->inner,
                            .columns = output->columns,
                            .target = measure->target[o]};
        if (needs_one_hot(objective, o)) {
            encode(measure->room->target, &view);
            view.one_hot = measure->room->target;
        }
        measure_loss(measure, &view, o);
        measure_metrics(objective, measure, &view, o);
    }
}

/* -- totals */

double ls_objective_loss(const struct ls_objective *objective, const double *sums, int64_t samples)
{
    double loss = samples > 0 ? sums[objective->model->outputs] / (double)samples : 0;
    for (size_t o = 0; o < objective->model->outputs; o++) {
        const struct ls_objective_output *output = &objective->output[o];
        double count = output->sum ? 1 : (double)(samples * output->inner);
        loss += count > 0 ? output->weight * (sums[o] / count) : 0;
    }
    return loss;
}

void ls_objective_values(const struct ls_objective *objective, const double *sums, double loss,
                         double *values)
{
    values[0] = loss;
    for (size_t m = 0; m < objective->metrics; m++) {
        const struct ls_objective_metric *metric = &objective->metric[m];
        values[m + 1] =
            ls_metric_of(metric)->result(metric->instance.options, sums + metric->offset,
                                         objective->output[metric->output].columns);
    }
}

double ls_model_penalty(const struct ls_model *model)
{
    double penalty = 0;
    size_t count = ls_model_variables(model);
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        if (at.trainable)
            penalty += ls_penalty(at.variable->regularizer, model->weights + at.variable->offset,
                                  ls_variable_count(at.variable));
    }
    return penalty;
}
