#include "train/exact.h"

#include <string.h>

#include "base/memory.h"
#include "train/objective_inside.h"
#include "train/pieces.h"

/* The scores that one metric has seen on this rank. */
struct scores {
    const struct ls_objective_metric *metric;
    size_t value; /* where its result is among the values */
    size_t parts, columns;
    size_t positions;       /* so far */
    struct ls_score **part; /* each [positions][columns / parts] */
};

struct ls_exact {
    struct scores *scores;
    size_t count;
};

static const struct ls_metric_exact *exact_of(const struct ls_objective_metric *metric)
{
    return ls_metric_of(metric)->exact;
}

static bool is_wanted(const struct ls_objective_metric *metric)
{
    return exact_of(metric) && exact_of(metric)->wanted(&metric->instance);
}

static ls_status make_scores(struct scores *scores, const struct ls_objective *objective,
                             const struct ls_objective_metric *metric, int64_t samples)
{
    const struct ls_objective_output *output = &objective->output[metric->output];
    size_t positions = (size_t)(samples * output->inner);
    scores->metric = metric;
    scores->columns = (size_t)output->columns;
    LS_TRY(ls_allocate(&scores->part, exact_of(metric)->parts(&metric->instance, output->columns),
                       sizeof *scores->part));
    scores->parts = exact_of(metric)->parts(&metric->instance, output->columns);
    for (size_t p = 0; p < scores->parts; p++)
        LS_TRY(ls_allocate(&scores->part[p], positions * scores->columns / scores->parts + 1,
                           sizeof **scores->part));
    return LS_OK;
}

static ls_status make(struct ls_exact *exact, const struct ls_objective *objective, int64_t samples)
{
    size_t value = ls_objective_losses(objective);
    LS_TRY(ls_allocate(&exact->scores, objective->metrics, sizeof *exact->scores));
    for (size_t m = 0; m < objective->metrics; m++) {
        const struct ls_objective_metric *metric = &objective->metric[m];
        if (is_wanted(metric)) {
            exact->scores[exact->count].value = value;
            LS_TRY(make_scores(&exact->scores[exact->count++], objective, metric, samples));
        }
        value += ls_metric_numbers(metric);
    }
    return LS_OK;
}

ls_status ls_exact_create(struct ls_exact **exact, const struct ls_objective *objective,
                          int64_t samples)
{
    struct ls_exact *made = NULL;
    *exact = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    ls_status status = make(made, objective, samples);
    if (status == LS_OK)
        *exact = made;
    else
        ls_exact_free(made);
    return status;
}

void ls_exact_free(struct ls_exact *exact)
{
    if (!exact)
        return;
    for (size_t i = 0; i < exact->count; i++) {
        for (size_t p = 0; p < exact->scores[i].parts; p++)
            ls_release(exact->scores[i].part[p]);
        ls_release(exact->scores[i].part);
    }
    ls_release(exact->scores);
    ls_release(exact);
}

/* -- while it measures */

static void add(struct scores *scores, const struct ls_metric_call *call)
{
    size_t at = scores->positions * scores->columns / scores->parts;
    for (size_t p = 0; p < scores->parts; p++)
        exact_of(scores->metric)->score(call, p, scores->part[p] + at);
    scores->positions += (size_t)call->positions;
}

void ls_exact_see(struct ls_exact *exact, const struct ls_seen *seen)
{
    for (size_t i = 0; i < exact->count; i++)
        if (exact->scores[i].metric == seen->metric)
            add(&exact->scores[i], seen->call);
}

/* -- results */

static ls_status find_part(struct scores *scores, struct ls_comm *comm, size_t part, double *value)
{
    struct ls_pieces pieces;
    size_t count = scores->positions * scores->columns / scores->parts;
    ls_status status = ls_pieces_gather_scores(&pieces, comm, scores->part[part], count);
    if (status == LS_OK && ls_comm_rank(comm) == 0)
        *value = exact_of(scores->metric)
                     ->part(&scores->metric->instance, pieces.all,
                            pieces.total / sizeof(struct ls_score));
    ls_pieces_release(&pieces);
    return status;
}

static ls_status find_value(struct scores *scores, struct ls_comm *comm, double *value)
{
    double *part = NULL;
    ls_status status;
    LS_TRY(ls_comm_agree(comm, ls_allocate(&part, scores->parts, sizeof *part)));
    for (size_t p = 0; p < scores->parts; p++)
        LS_TRY_OUT(find_part(scores, comm, p, &part[p]));
    ls_comm_broadcast(comm, part, scores->parts * sizeof *part, 0);
    *value = exact_of(scores->metric)->result(&scores->metric->instance, part, scores->parts);
    status = ls_comm_agree(comm, LS_OK);
out:
    ls_release(part);
    return status;
}

ls_status ls_exact_values(struct ls_exact *exact, struct ls_comm *comm, double *values)
{
    for (size_t i = 0; i < exact->count; i++)
        LS_TRY(find_value(&exact->scores[i], comm, &values[exact->scores[i].value]));
    return LS_OK;
}
