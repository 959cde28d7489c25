#include "train/evaluator.h"

#include <string.h>

#include "base/memory.h"
#include "train/exact.h"
#include "train/scan.h"

struct ls_evaluator {
    struct ls_comm *comm;
    struct ls_model *model;
    struct ls_data *data;
    struct ls_objective *objective;
    struct ls_scan *scan;
    struct ls_measure_room room;
    double *block_sums; /* [block of this rank][doubles] */
    double *sums;       /* of all */
    double *losses;
    struct ls_answers *answers; /* NULL, as exact: nobody asked to keep them */
    struct ls_exact *exact;
    struct ls_tally *tally; /* NULL: nobody asked */
};

static ls_status make(struct ls_evaluator *e, const struct ls_tree *compile)
{
    LS_TRY(ls_objective_create(&e->objective, e->model, compile, e->data));
    LS_TRY(ls_scan_create(&e->scan, &(struct ls_scan_options){.comm = e->comm,
                                                              .model = e->model,
                                                              .data = e->data,
                                                              .objective = e->objective}));
    LS_TRY(ls_measure_room_create(&e->room, e->objective, LS_BLOCK_ROWS));
    size_t doubles = ls_objective_doubles(e->objective);
    struct ls_range mine = ls_scan_mine(e->scan);
    LS_TRY(
        ls_allocate(&e->block_sums, (size_t)(mine.end - mine.begin) * doubles + 1, sizeof(double)));
    LS_TRY(ls_allocate(&e->losses, ls_objective_losses(e->objective), sizeof(double)));
    return ls_allocate(&e->sums, doubles, sizeof(double));
}

ls_status ls_evaluator_create(struct ls_evaluator **evaluator, struct ls_comm *comm,
                              struct ls_model *model, const struct ls_tree *compile,
                              struct ls_data *data)
{
    struct ls_evaluator *made = NULL;
    *evaluator = NULL;
    ls_status status = ls_allocate(&made, 1, sizeof *made);
    if (status == LS_OK) {
        made->comm = comm;
        made->model = model;
        made->data = data;
        status = make(made, compile);
    }
    status = ls_comm_agree(comm, status);
    if (status == LS_OK)
        *evaluator = made;
    else
        ls_evaluator_free(made);
    return status;
}

ls_status ls_evaluator_bytes(size_t *bytes, struct ls_comm *comm, struct ls_model *model,
                             const struct ls_tree *compile, struct ls_data *data)
{
    struct ls_objective *objective = NULL;
    *bytes = 0;
    ls_status status = ls_objective_create(&objective, model, compile, data);
    if (status == LS_OK)
        status = ls_scan_bytes(
            bytes, &(struct ls_scan_options){
                       .comm = comm, .model = model, .data = data, .objective = objective});
    if (status == LS_OK) {
        int64_t blocks = ls_order_steps(ls_data_samples(data), LS_BLOCK_ROWS);
        struct ls_range mine = ls_part(blocks, ls_comm_size(comm), ls_comm_rank(comm));
        size_t sums = (size_t)(mine.end - mine.begin) + 1; /* of each block, and of all */
        *bytes += ls_measure_room_bytes(objective, LS_BLOCK_ROWS) +
                  sums * ls_objective_doubles(objective) * sizeof(double);
    }
    ls_objective_free(objective);
    return status;
}

void ls_evaluator_free(struct ls_evaluator *evaluator)
{
    if (!evaluator)
        return;
    ls_answers_free(evaluator->answers);
    ls_exact_free(evaluator->exact);
    ls_tally_free(evaluator->tally);
    ls_scan_free(evaluator->scan);
    ls_objective_free(evaluator->objective);
    ls_measure_room_release(&evaluator->room);
    ls_release(evaluator->block_sums);
    ls_release(evaluator->sums);
    ls_release(evaluator->losses);
    ls_release(evaluator);
}

const struct ls_objective *ls_evaluator_objective(const struct ls_evaluator *evaluator)
{
    return evaluator->objective;
}

static ls_status make_keepers(struct ls_evaluator *e, bool curves)
{
    struct ls_range mine = ls_scan_mine(e->scan);
    LS_TRY(ls_answers_create(&e->answers,
                             &(struct ls_answers_options){.comm = e->comm,
                                                          .objective = e->objective,
                                                          .blocks = ls_scan_blocks(e->scan),
                                                          .mine = mine,
                                                          .curves = curves}));
    return ls_exact_create(&e->exact, e->objective, (mine.end - mine.begin) * LS_BLOCK_ROWS);
}

ls_status ls_evaluator_keep(struct ls_evaluator *evaluator, bool curves)
{
    return ls_comm_agree(evaluator->comm, make_keepers(evaluator, curves));
}

ls_status ls_evaluator_report(struct ls_evaluator *evaluator, const struct ls_answers_names *names,
                              struct ls_evaluation *evaluation)
{
    return ls_answers_report(evaluator->answers, names, evaluation);
}

static void see(void *user, const struct ls_seen *seen)
{
    struct ls_evaluator *e = user;
    ls_answers_see(e->answers, seen);
    ls_exact_see(e->exact, seen);
}

ls_status ls_evaluator_tally(struct ls_evaluator *evaluator, const struct ls_tally **tally)
{
    if (!evaluator->tally)
        LS_TRY(ls_tally_create(&evaluator->tally, evaluator->objective));
    *tally = evaluator->tally;
    return LS_OK;
}

static ls_status measure_block(void *user, const struct ls_plan_run *run,
                               const struct ls_batch *batch, int64_t block)
{
    struct ls_evaluator *e = user;
    const struct ls_columns *columns = ls_scan_columns(e->scan);
    size_t doubles = ls_objective_doubles(e->objective);
    double *sums = e->block_sums + (size_t)(block - ls_scan_mine(e->scan).begin) * doubles;
    memset(sums, 0, doubles * sizeof *sums);
    struct ls_measure measure = {
        .run = run,
        .global_rows = batch->rows,
        .sums = sums,
        .room = &e->room,
        .see = e->answers ? see : NULL,
        .user = e,
    };
    ls_measure_aim(&e->room, columns, batch->column, 0, run);
    ls_objective_measure(e->objective, &measure);
    if (e->answers)
        ls_answers_end_block(e->answers);
    if (e->tally)
        ls_tally_add(e->tally, run, e->room.output);
    return LS_OK;
}

ls_status ls_evaluator_run(struct ls_evaluator *e, double *values)
{
    if (e->tally)
        ls_tally_clear(e->tally);
    LS_TRY(ls_comm_agree(e->comm, ls_scan_run(e->scan, measure_block, e)));
    LS_TRY(ls_comm_sum_blocks(e->comm, e->sums, e->block_sums, ls_scan_blocks(e->scan),
                              ls_objective_doubles(e->objective)));
    ls_objective_loss(e->objective, e->sums, ls_data_samples(e->data), e->losses);
    e->losses[0] += ls_model_penalty(e->model);
    ls_objective_values(e->objective, e->sums, e->losses, values);
    if (e->tally)
        LS_TRY(ls_tally_sum(e->tally, e->comm));
    return e->exact ? ls_exact_values(e->exact, e->comm, values) : LS_OK;
}
