#include "train/scan.h"

#include "base/memory.h"

struct ls_scan {
    struct ls_scan_options options;
    struct ls_columns columns;
    struct ls_plan *plan;
    struct ls_plan_run *run;
    struct ls_loader *loader;
    int64_t blocks;
    struct ls_range mine;
};

static struct ls_loader_options loader_of(const struct ls_scan *scan)
{
    struct ls_data *data = scan->options.data;
    return (struct ls_loader_options){
        .data = data,
        .order = {.samples = ls_data_samples(data), .shuffle = LS_SHUFFLE_NONE},
        .batch_size = LS_BLOCK_ROWS,
        .replicas = 1,
        .local = {0, 1},
        .use = scan->columns.use,
        .uses = scan->columns.uses,
    };
}

/* What takes next to no memory. */
static ls_status lay_out(struct ls_scan *scan)
{
    const struct ls_scan_options *options = &scan->options;
    LS_TRY(ls_columns_find(&scan->columns, options->model, options->objective, options->data));
    struct ls_plan_options plan = {
        .model = options->model,
        .rows = LS_BLOCK_ROWS,
        .defer = options->objective ? ls_objective_defer(options->objective) : NULL,
        .outputs = options->outputs,
        .output_count = options->output_count,
    };
    LS_TRY(ls_plan_create(&scan->plan, &plan));
    scan->blocks = ls_order_steps(ls_data_samples(options->data), LS_BLOCK_ROWS);
    scan->mine = ls_part(scan->blocks, ls_comm_size(options->comm), ls_comm_rank(options->comm));
    return LS_OK;
}

static ls_status make(struct ls_scan *scan)
{
    LS_TRY(lay_out(scan));
    LS_TRY(ls_plan_run_create(&scan->run, scan->plan));
    struct ls_loader_options loader = loader_of(scan);
    return ls_loader_create(&scan->loader, &loader);
}

/* Blocks have two sizes: the last one may be shorter. */
static ls_status count(struct ls_scan *scan, size_t *bytes)
{
    int64_t samples = ls_data_samples(scan->options.data), last = samples % LS_BLOCK_ROWS;
    struct ls_loader_options loader = loader_of(scan);
    size_t whole = 0, rest = 0;
    if (samples >= LS_BLOCK_ROWS)
        LS_TRY(ls_plan_prepared_bytes(scan->plan, LS_BLOCK_ROWS, &whole));
    if (scan->mine.begin < scan->mine.end && scan->mine.end == scan->blocks)
        LS_TRY(ls_plan_prepared_bytes(scan->plan, last, &rest));
    *bytes = ls_plan_bytes(scan->plan) + whole + rest + ls_loader_bytes(&loader);
    return LS_OK;
}

ls_status ls_scan_bytes(size_t *bytes, const struct ls_scan_options *options)
{
    struct ls_scan scan = {.options = *options};
    *bytes = 0;
    ls_status status = lay_out(&scan);
    if (status == LS_OK)
        status = count(&scan, bytes);
    ls_plan_free(scan.plan);
    ls_columns_release(&scan.columns);
    return status;
}

ls_status ls_scan_create(struct ls_scan **scan, const struct ls_scan_options *options)
{
    struct ls_scan *made = NULL;
    *scan = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->options = *options;
    ls_status status = make(made);
    if (status == LS_OK)
        *scan = made;
    else
        ls_scan_free(made);
    return status;
}

void ls_scan_free(struct ls_scan *scan)
{
    if (!scan)
        return;
    ls_loader_free(scan->loader);
    ls_plan_run_free(scan->run);
    ls_plan_free(scan->plan);
    ls_columns_release(&scan->columns);
    ls_release(scan);
}

int64_t ls_scan_blocks(const struct ls_scan *scan)
{
    return scan->blocks;
}

struct ls_range ls_scan_mine(const struct ls_scan *scan)
{
    return scan->mine;
}

const struct ls_columns *ls_scan_columns(const struct ls_scan *scan)
{
    return &scan->columns;
}

ls_status ls_scan_run(struct ls_scan *scan, ls_scan_visit *visit, void *user)
{
    if (scan->mine.begin == scan->mine.end)
        return LS_OK;
    LS_TRY(ls_loader_start(scan->loader, 0, scan->mine.begin));
    for (int64_t block = scan->mine.begin; block < scan->mine.end; block++) {
        const struct ls_batch *batch;
        LS_TRY(ls_loader_next(scan->loader, &batch));
        scan->run->weights = scan->options.model->weights;
        scan->run->input = batch->column;
        scan->run->rows = scan->run->global_rows = batch->rows;
        scan->run->samples = batch->samples;
        LS_TRY(ls_plan_prepare(scan->run));
        LS_TRY(ls_plan_execute(scan->run, 0));
        LS_TRY(visit(user, scan->run, batch, block));
    }
    return LS_OK;
}
