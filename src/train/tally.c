#include "train/tally.h"

#include <string.h>

#include "base/memory.h"
#include "train/objective_inside.h"

struct ls_tally {
    const struct ls_objective *objective;
    size_t *begin;         /* by output, and the end: of its counts */
    int64_t *count, *mine; /* of all ranks, of this one */
};

size_t ls_tally_classes(const struct ls_objective *objective, size_t o)
{
    const struct ls_objective_output *output = &objective->output[o];
    const enum ls_answer_form form =
        ls_output_has_loss(output) ? ls_loss_of(output)->answer : LS_ANSWER_NUMBERS;
    if (!output->has_target)
        return 0;
    if (output->columns == 1)
        return form == LS_ANSWER_LABELS ? 2 : 0;
    return output->form == LS_TARGET_CLASS || form == LS_ANSWER_CLASSES ? (size_t)output->columns
                                                                        : 0;
}

ls_status ls_tally_create(struct ls_tally **tally, const struct ls_objective *objective)
{
    struct ls_tally *made = NULL;
    const size_t outputs = objective->model->outputs;
    ls_status status;
    *tally = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->objective = objective;
    LS_TRY_OUT(ls_allocate(&made->begin, outputs + 1, sizeof *made->begin));
    for (size_t o = 0; o < outputs; o++) {
        size_t classes = ls_tally_classes(objective, o);
        bool counts = classes <= LS_TALLY_CLASSES_MAX;
        made->begin[o + 1] = made->begin[o] + (counts ? classes * classes : 0);
    }
    LS_TRY_OUT(ls_allocate(&made->count, made->begin[outputs], sizeof *made->count));
    LS_TRY_OUT(ls_allocate(&made->mine, made->begin[outputs], sizeof *made->mine));
    *tally = made;
    return LS_OK;
out:
    ls_tally_free(made);
    return status;
}

void ls_tally_free(struct ls_tally *tally)
{
    if (!tally)
        return;
    ls_release(tally->begin);
    ls_release(tally->count);
    ls_release(tally->mine);
    ls_release(tally);
}

static size_t counts_of(const struct ls_tally *tally)
{
    return tally->begin[tally->objective->model->outputs];
}

void ls_tally_clear(struct ls_tally *tally)
{
    memset(tally->mine, 0, counts_of(tally) * sizeof *tally->mine);
}

/* The first of the largest. */
static size_t largest(const float *row, int64_t columns)
{
    int64_t at = 0;
    for (int64_t c = 1; c < columns; c++)
        if (row[c] > row[at])
            at = c;
    return (size_t)at;
}

/* The class of a position whose numbers these are: a prediction or a target. */
static size_t class_of(const float *row, int64_t columns, bool logits)
{
    return columns > 1 ? largest(row, columns) : *row > (logits ? 0.0F : 0.5F);
}

static void add_output(int64_t *count, const struct ls_objective_output *output, int64_t positions,
                       const float *prediction, const struct ls_measured *measured)
{
    const bool by_number = output->form == LS_TARGET_CLASS && output->columns > 1;
    const int64_t columns = output->columns;
    const size_t classes = columns > 1 ? (size_t)columns : 2;
    for (int64_t p = 0; p < positions; p++) {
        if (!ls_position_counts(output, measured->target, measured->mask, p))
            continue;
        size_t target = by_number ? (size_t)measured->target[p]
                                  : class_of(measured->target + p * columns, columns, false);
        size_t taken = class_of(prediction + p * columns, columns, output->from_logits);
        count[target * classes + taken]++;
    }
}

void ls_tally_add(struct ls_tally *tally, const struct ls_plan_run *run,
                  const struct ls_measured *measured)
{
    for (size_t o = 0; o < tally->objective->model->outputs; o++) {
        const struct ls_objective_output *output = &tally->objective->output[o];
        if (tally->begin[o + 1] > tally->begin[o])
            add_output(tally->mine + tally->begin[o], output, run->rows * output->inner,
                       ls_plan_output(run, o), &measured[o]);
    }
}

ls_status ls_tally_sum(struct ls_tally *tally, struct ls_comm *comm)
{
    memcpy(tally->count, tally->mine, counts_of(tally) * sizeof *tally->count);
    ls_comm_sum_counts(comm, tally->count, counts_of(tally));
    return ls_comm_agree(comm, LS_OK);
}

const int64_t *ls_tally_counts(const struct ls_tally *tally, size_t output)
{
    return tally->begin[output + 1] > tally->begin[output] ? tally->count + tally->begin[output]
                                                           : NULL;
}
