/* Losses, gradients and metrics of the rows of one replica or block. */
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "train/class_weight.h"
#include "train/objective_inside.h"

/* Of the output that has most of either. */
struct extent {
    size_t positions, numbers;
};

static struct extent extent_of(const struct ls_objective *objective, int64_t rows)
{
    struct extent most = {1, 1};
    for (size_t o = 0; o < objective->model->outputs; o++) {
        size_t here = (size_t)(objective->output[o].inner * rows);
        size_t all = here * (size_t)objective->output[o].columns;
        most.positions = here > most.positions ? here : most.positions;
        most.numbers = all > most.numbers ? all : most.numbers;
    }
    return most;
}

size_t ls_measure_room_bytes(const struct ls_objective *objective, int64_t rows)
{
    struct extent most = extent_of(objective, rows);
    return (2 * most.positions + 3 * most.numbers) * sizeof(float);
}

ls_status ls_measure_room_create(struct ls_measure_room *room, const struct ls_objective *objective,
                                 int64_t rows)
{
    struct extent most = extent_of(objective, rows);
    ls_status status;
    memset(room, 0, sizeof *room);
    room->counts = ls_objective_counts(objective);
    LS_TRY_OUT(ls_allocate(&room->value, most.positions, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->weight, most.positions, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->target, most.numbers, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->prediction, most.numbers, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->work, most.numbers, sizeof(float)));
    LS_TRY_OUT(ls_allocate(&room->output, objective->model->outputs, sizeof *room->output));
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
    ls_release(room->output);
    memset(room, 0, sizeof *room);
}

void ls_measure_aim(struct ls_measure_room *room, const struct ls_columns *columns,
                    float *const *column, size_t row, const struct ls_plan_run *run)
{
    for (size_t o = 0; o < columns->outputs; o++) {
        const struct ls_output_use *use = &columns->output[o];
        struct ls_measured *output = &room->output[o];
        *output = (struct ls_measured){.by_position = use->by_position,
                                       .mask = ls_plan_output_mask(run, o)};
        if (room->counts && run->gradient) /* only gradients need it, only training counts it */
            output->valid = ls_plan_output_valid(run, o);
        if (use->target != LS_NO_USE)
            output->target = column[use->target] + row * columns->floats[use->target];
        if (use->weight != LS_NO_USE)
            output->weight = column[use->weight] + row * columns->floats[use->weight];
    }
}

/* One output's rows, as the loss and the metrics see them. */
struct view {
    const struct ls_objective_output *output;
    const struct ls_measured *measured;
    int64_t positions, columns;
    const float *one_hot; /* of integer classes; else NULL */
    const float *weight;  /* [positions]: mask times sample weight times class weight; NULL: 1 */
};

static void encode(float *one_hot, const struct view *view)
{
    ls_k->fill(one_hot, 0, (size_t)(view->positions * view->columns));
    for (int64_t p = 0; p < view->positions; p++) {
        int64_t class = (int64_t)view->measured->target[p];
        if (class >= 0 && class < view->columns) /* an ignored one may be no class */
            one_hot[p * view->columns + class] = 1;
    }
}

static const float *target_for(const struct view *view, enum ls_target_form form)
{
    return form == LS_TARGET_SAME && view->one_hot ? view->one_hot : view->measured->target;
}

/* What each position counts: the mask times the sample weight. */
static const float *weigh(float *room, const struct view *view)
{
    const struct ls_measured *m = view->measured;
    int64_t inner = m->by_position ? 1 : view->output->inner;
    if (!m->weight)
        return m->mask;
    if (!m->mask && inner == 1)
        return m->weight;
    for (int64_t p = 0; p < view->positions; p++)
        room[p] = m->weight[p / inner] * (m->mask ? m->mask[p] : 1);
    return room;
}

/* The same times the class weight. */
static const float *weigh_classes(float *room, const struct view *view, const float *weight,
                                  const struct ls_class_weights *classes)
{
    const bool given = view->output->form == LS_TARGET_CLASS;
    const int64_t numbers = given ? 1 : view->columns;
    for (int64_t p = 0; p < view->positions; p++)
        room[p] = (weight ? weight[p] : 1) *
                  ls_class_weight(classes, view->measured->target + p * numbers, numbers);
    return room;
}

/* The sum of the positions' weighted loss values, in their order. */
static double sum_values(const float *value, const struct view *view)
{
    if (!view->weight)
        return ls_k->sum(value, (size_t)view->positions);
    double sum = 0;
    for (int64_t p = 0; p < view->positions; p++)
        sum += (double)view->weight[p] * (double)value[p];
    return sum;
}

/* What the loss is a mean over: the positions that the mask and ignore_class leave, whatever their
 * weights, or their weights. */
static double count_positions(const struct view *view)
{
    const struct ls_objective_output *output = view->output;
    bool by_weight = output->reduction == LS_REDUCTION_WEIGHTED_MEAN;
    bool ignores = output->ignored != LS_NULL_INT;
    const float *each = by_weight ? view->weight : view->measured->mask,
                *target = view->measured->target;
    float ignored = (float)output->ignored;
    double count = 0;
    if (!each && !ignores)
        return (double)view->positions;
    for (int64_t p = 0; p < view->positions; p++)
        if (!ignores || target[p] != ignored)
            count += each ? (double)each[p] : 1;
    return count;
}

/* The gradient of the mean over the global batch: each position's, times weight and 1 / count. */
static void scale_gradient(const struct ls_measure *measure, const struct view *view, float *grad)
{
    const struct ls_objective_output *output = view->output;
    double count = measure->room->counts ? view->measured->valid
                                         : (double)(measure->global_rows * output->inner);
    double divisor = output->reduction == LS_REDUCTION_SUM ? 1 : count;
    float factor = divisor != 0 ? (float)(output->weight / divisor) : 0;
    if (!view->weight) {
        ls_k->scale(grad, grad, factor, (size_t)(view->positions * view->columns));
        return;
    }
    for (int64_t p = 0; p < view->positions; p++)
        ls_k->scale(grad + p * view->columns, grad + p * view->columns, factor * view->weight[p],
                    (size_t)view->columns);
}

static void measure_loss(struct ls_measure *measure, const struct view *view, size_t o)
{
    const struct ls_loss_kind *kind = ls_loss_of(view->output);
    float *grad = measure->gradient ? ls_plan_output_grad(measure->run, o) : NULL;
    kind->compute(&(struct ls_loss_call){
        .kind = view->output->loss.kind,
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
    if (bad < (size_t)view->positions) {
        int64_t row = (int64_t)bad / view->output->inner;
        measure->bad_row = measure->bad_row < 0 || row < measure->bad_row ? row : measure->bad_row;
    }
    measure->sums[2 * o] += sum_values(measure->room->value, view);
    measure->sums[2 * o + 1] += count_positions(view);
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

static bool has_metrics(const struct ls_objective *objective, size_t o)
{
    bool some = false;
    for (size_t m = 0; m < objective->metrics; m++)
        some |= objective->metric[m].output == o;
    return some;
}

static void show(const struct ls_measure *measure, const struct ls_seen *seen)
{
    if (measure->see)
        measure->see(measure->user, seen);
}

/* All metrics heed the mask, the weighted ones the sample weights too. */
static void measure_metrics(const struct ls_objective *objective, struct ls_measure *measure,
                            const struct view *view, size_t o)
{
    if (!measure->see && !has_metrics(objective, o))
        return;
    struct ls_metric_call call = {
        .positions = view->positions,
        .columns = view->columns,
        .prediction = prediction(objective, measure, view, o),
        .logits = objective->defer[o] ? ls_plan_output(measure->run, o) : NULL,
        .activation = (int)view->output->activation.id,
        .target = view->measured->target,
        .weight = view->measured->mask,
        .work = measure->room->work,
    };
    show(measure, &(struct ls_seen){.output = o, .call = &call});
    for (size_t m = 0; m < objective->metrics; m++) {
        const struct ls_objective_metric *metric = &objective->metric[m];
        if (metric->output != o)
            continue;
        call.kind = metric->instance.kind;
        call.options = metric->instance.options;
        call.target = target_for(view, ls_metric_target(&metric->instance));
        call.weight = metric->weighted ? view->weight : view->measured->mask;
        call.state = measure->sums + metric->offset;
        ls_metric_of(metric)->update(&call);
        show(measure, &(struct ls_seen){.output = o, .metric = metric, .call = &call});
    }
}

static struct view view_of(const struct ls_objective *objective, struct ls_measure_room *room,
                           int64_t rows, size_t o)
{
    const struct ls_objective_output *output = &objective->output[o];
    struct view view = {.output = output,
                        .measured = &room->output[o],
                        .positions = rows * output->inner,
                        .columns = output->columns};
    view.weight = weigh(room->weight, &view);
    if (room->classes && view.measured->target)
        view.weight = weigh_classes(room->weight, &view, view.weight, room->classes);
    return view;
}

static void measure_output(const struct ls_objective *objective, struct ls_measure *measure,
                           size_t o)
{
    const struct ls_objective_output *output = &objective->output[o];
    struct view view = view_of(objective, measure->room, measure->run->rows, o);
    if (output->one_hot) {
        encode(measure->room->target, &view);
        view.one_hot = measure->room->target;
    }
    if (ls_output_has_loss(output))
        measure_loss(measure, &view, o);
    if (output->has_target)
        measure_metrics(objective, measure, &view, o);
}

void ls_objective_count(const struct ls_objective *objective, struct ls_measure_room *room,
                        int64_t rows, double *counts)
{
    for (size_t o = 0; o < objective->model->outputs; o++) {
        struct view view = view_of(objective, room, rows, o);
        counts[o] = ls_output_has_loss(view.output) ? count_positions(&view) : 0;
    }
}

void ls_objective_measure(const struct ls_objective *objective, struct ls_measure *measure)
{
    measure->bad_row = -1;
    measure->sums[2 * objective->model->outputs] += measure->run->penalty;
    for (size_t o = 0; o < objective->model->outputs; o++)
        measure_output(objective, measure, o);
}

/* -- totals */

static double loss_of(const struct ls_objective_output *output, const double *sums)
{
    if (output->reduction == LS_REDUCTION_SUM)
        return sums[0];
    return sums[1] != 0 ? sums[0] / sums[1] : 0;
}

void ls_objective_loss(const struct ls_objective *objective, const double *sums, int64_t samples,
                       double *losses)
{
    size_t outputs = objective->model->outputs, reported = ls_objective_losses(objective), next = 1;
    losses[0] = samples > 0 ? sums[2 * outputs] / (double)samples : 0;
    for (size_t o = 0; o < outputs; o++) {
        const struct ls_objective_output *output = &objective->output[o];
        if (!ls_output_has_loss(output))
            continue;
        double loss = loss_of(output, &sums[2 * o]);
        losses[0] += output->weight * loss;
        if (reported > 1)
            losses[next++] = loss;
    }
}

void ls_objective_values(const struct ls_objective *objective, const double *sums,
                         const double *losses, double *values)
{
    size_t next = ls_objective_losses(objective);
    memcpy(values, losses, next * sizeof *values);
    for (size_t m = 0; m < objective->metrics; m++) {
        const struct ls_objective_metric *metric = &objective->metric[m];
        ls_metric_results(&metric->instance, sums + metric->offset,
                          objective->output[metric->output].columns, values + next);
        next += ls_metric_numbers(metric);
    }
}

double ls_model_penalty(const struct ls_model *model)
{
    double penalty = 0;
    for (size_t l = 0; l < model->layers; l++) {
        const struct ls_layer *layer = model->layer[l];
        for (size_t v = 0; v < layer->variables; v++) {
            const struct ls_variable *variable = &layer->variable[v];
            struct ls_penalized weight = ls_model_penalized(model, variable);
            if (layer->trainable && variable->trainable)
                penalty += ls_penalty(variable->regularizer, &weight);
        }
    }
    return penalty;
}
