#include "train/step_layout.h"

#include <string.h>

int64_t ls_step_rows(const struct ls_stepper_options *options)
{
    int64_t samples = ls_data_samples(options->data), batch = options->batch_size;
    return ls_part(samples < batch ? samples : batch, options->replicas, 0).end;
}

ls_status ls_step_layout_create(struct ls_step_layout *layout,
                                const struct ls_stepper_options *options,
                                const struct ls_step_calls *calls)
{
    const struct ls_model *model = options->model;
    ls_status status;
    memset(layout, 0, sizeof *layout);
    LS_TRY_OUT(ls_objective_create(&layout->objective, model, options->compile, options->data));
    LS_TRY_OUT(ls_columns_find(&layout->columns, model, layout->objective, options->data));
    LS_TRY_OUT(ls_plan_create(
        &layout->plan, &(struct ls_plan_options){
                           .model = model,
                           .rows = ls_step_rows(options),
                           .training = true,
                           .own_points = options->own_statistics,
                           .defer = ls_objective_defer(layout->objective),
                           .no_loss = ls_objective_no_loss(layout->objective),
                           .loss = calls->loss,
                           .count = ls_objective_counts(layout->objective) ? calls->count : NULL}));
out:
    if (status != LS_OK)
        ls_step_layout_release(layout);
    return status;
}

void ls_step_layout_release(struct ls_step_layout *layout)
{
    ls_plan_free(layout->plan);
    ls_columns_release(&layout->columns);
    ls_objective_free(layout->objective);
    memset(layout, 0, sizeof *layout);
}

struct ls_loader_options ls_step_loader(const struct ls_stepper_options *options,
                                        const struct ls_columns *columns, struct ls_range local)
{
    struct ls_loader_options loader = {
        .data = options->data,
        .order = {.samples = ls_data_samples(options->data),
                  .shuffle = options->shuffle,
                  .chunk = ls_data_chunk(options->data),
                  .window = ls_data_window(options->data),
                  .seed = options->seed},
        .batch_size = options->batch_size,
        .replicas = options->replicas,
        .local = local,
        .use = columns->use,
        .uses = columns->uses,
    };
    if (loader.order.shuffle == LS_SHUFFLE_CHUNK && loader.order.chunk < 1)
        loader.order.chunk = loader.order.window = 1;
    return loader;
}

struct ls_combine_options ls_step_combine(const struct ls_stepper_options *options,
                                          const struct ls_step_layout *layout)
{
    return (struct ls_combine_options){
        .floats = options->model->gradient_floats,
        .doubles = LS_SUM_OBJECTIVE + ls_objective_doubles(layout->objective),
        .replicas = options->replicas,
        .resident = ls_plan_segments(layout->plan) > 1,
        .fast = options->fast,
        .wire = options->wire,
    };
}

size_t ls_step_runs(const struct ls_plan *plan, int64_t replicas)
{
    return ls_plan_segments(plan) > 1 ? (size_t)replicas : 1;
}
