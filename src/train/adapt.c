#include "train/adapt.h"

#include "base/memory.h"
#include "comm/combine.h"
#include "train/scan.h"

struct adapting {
    const struct ls_layer *layer;
    const struct ls_shape *shape;
    size_t doubles;
    int64_t first; /* block */
    double *sums;  /* [block of this rank][doubles] */
};

static ls_status add_block(void *user, const struct ls_plan_run *run, const struct ls_batch *batch,
                           int64_t block)
{
    struct adapting *adapting = user;
    double *sums = adapting->sums + (size_t)(block - adapting->first) * adapting->doubles;
    adapting->layer->kind->adapter->add(adapting->layer, sums, ls_plan_output(run, 0), batch->rows,
                                        adapting->shape);
    return LS_OK;
}

static ls_status finish(struct ls_model *model, const struct ls_layer *layer, const double *total)
{
    float *weight[LS_VARIABLES_MAX];
    for (size_t v = 0; v < layer->variables; v++)
        weight[v] = model->weights + layer->variable[v].offset;
    return layer->kind->adapter->finish(layer, total, weight);
}

/* One layer, from the results of the call before it over all samples. */
static ls_status adapt_layer(struct ls_model *model, struct ls_crew *crew, struct ls_data *data,
                             const struct ls_graph_call *call)
{
    struct ls_comm *comm = ls_crew_comm(crew);
    const struct ls_layer *layer = model->layer[call->layer];
    struct adapting adapting = {
        .layer = layer, .shape = &call->shapes.in[0], .doubles = ls_layer_needs_adapt(layer)};
    struct ls_scan *scan = NULL;
    double *total = NULL;
    ls_status status = ls_scan_create(
        &scan,
        &(struct ls_scan_options){
            .comm = comm, .model = model, .data = data, .outputs = call->in, .output_count = 1});
    if (status == LS_OK) {
        struct ls_range mine = ls_scan_mine(scan);
        adapting.first = mine.begin;
        status = ls_allocate(&adapting.sums, (size_t)(mine.end - mine.begin) * adapting.doubles + 1,
                             sizeof(double));
    }
    if (status == LS_OK)
        status = ls_allocate(&total, adapting.doubles, sizeof(double));
    if (status == LS_OK)
        status = ls_scan_run(scan, add_block, &adapting);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    LS_TRY_OUT(
        ls_comm_sum_blocks(comm, total, adapting.sums, ls_scan_blocks(scan), adapting.doubles));
    status = ls_comm_agree(comm, ls_crew_leads(crew) ? finish(model, layer, total) : LS_OK);
    LS_TRY_OUT(status);
    status = ls_crew_wait(crew);
out:
    ls_scan_free(scan);
    ls_release(adapting.sums);
    ls_release(total);
    return status;
}

ls_status ls_model_adapt(struct ls_model *model, struct ls_crew *crew, struct ls_data *data)
{
    for (size_t c = 0; c < model->calls; c++)
        if (ls_layer_needs_adapt(model->layer[model->call[c].layer]))
            LS_TRY(adapt_layer(model, crew, data, &model->call[c]));
    return LS_OK;
}
