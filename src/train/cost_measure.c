#include "train/cost_measure.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "train/buckets.h"
#include "train/step_layout.h"

enum { THIRDS = 3, STEPS_LEAST = 1, ADDS = 5, FLOATS_MOST = 1 << 24 };
static const double THIRD_SECONDS = 0.5, NANOSECONDS = 1e9;

/* A thread looks for messages so often while its rank computes (comm/pump.c). */
static const double PAUSE_SECONDS = 1e-4;

/* -- steps */

/* Of the trial, one after the other; times are of one step. */
struct measured {
    struct ls_buckets buckets;
    double *ready; /* by bucket */
    double compute, rest;
};

static void take(struct measured *m, const struct ls_stepper *stepper)
{
    const struct ls_profile *profile = ls_stepper_times(stepper);
    const struct ls_plan *plan = ls_stepper_plan(stepper);
    const struct ls_plan_times *times = &profile->plan;
    const double steps = (double)profile->steps;
    double compute = ls_plan_seconds(plan, times, LS_PLAN_WHOLE) / steps;
    double rest = (profile->optimizer + profile->data + profile->rest) / steps;
    if (m->compute > 0 && compute + rest >= m->compute + m->rest)
        return;
    m->compute = compute;
    m->rest = rest;
    for (size_t b = 0; b < m->buckets.count; b++)
        m->ready[b] = ls_plan_seconds(plan, times, m->buckets.final[b]) / steps;
}

static ls_status train(struct measured *m, struct ls_stepper *stepper)
{
    struct ls_step_result result;
    LS_TRY(ls_stepper_seek(stepper, 0, 0, 0));
    LS_TRY(ls_stepper_step(stepper, LS_OK, (struct ls_request){0}, &result)); /* makes memory */
    for (int third = 0; third < THIRDS; third++) {
        double end = ls_seconds() + THIRD_SECONDS;
        ls_profile_clear(ls_stepper_times(stepper));
        for (int step = 0; step < STEPS_LEAST || ls_seconds() < end; step++)
            LS_TRY(ls_stepper_step(stepper, LS_OK, (struct ls_request){0}, &result));
        take(m, stepper);
    }
    return LS_OK;
}

/* What is summed beside the gradients. */
static void count_values(struct ls_cost_step *step, const struct ls_stepper *stepper)
{
    const struct ls_plan *plan = ls_stepper_plan(stepper);
    double doubles = LS_SUM_OBJECTIVE + ls_objective_doubles(ls_stepper_objective(stepper));
    step->doubles = sizeof(double) * doubles;
    step->points = (double)ls_plan_segments(plan) - 1;
    step->point_bytes = (double)(ls_plan_point_doubles_all(plan) * sizeof(double));
}

static ls_status measure_steps(struct measured *m, struct ls_cost_trial *trial,
                               const struct ls_stepper_options *options)
{
    struct ls_stepper *stepper = NULL;
    const size_t floats = options->model->floats;
    ls_status status;
    LS_TRY_OUT(ls_model_make_weights(options->model));
    if (!options->model->initialized)
        LS_TRY_OUT(ls_model_initialize(options->model, options->seed));
    LS_TRY_OUT(ls_stepper_create(&stepper, options));
    LS_TRY_OUT(
        ls_buckets_cut(&m->buckets, ls_stepper_plan(stepper), floats, options->bucket_bytes));
    LS_TRY_OUT(ls_allocate(&m->ready, m->buckets.count, sizeof *m->ready));
    LS_TRY_OUT(train(m, stepper));
    count_values(&trial->step, stepper);
out:
    ls_stepper_free(stepper);
    return status;
}

/* -- additions */

static ls_status measure_adding(double *rate, size_t floats)
{
    enum { ARENAS = 3 }; /* two read, one written */
    size_t n = floats < FLOATS_MOST ? floats : FLOATS_MOST;
    float *sum = NULL, *other = NULL;
    double best = 0;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&sum, n + 1, sizeof *sum));
    LS_TRY_OUT(ls_allocate(&other, n + 1, sizeof *other));
    for (int i = 0; i < ADDS; i++) {
        double seconds = ls_seconds();
        ls_k->add(sum, sum, other, n);
        seconds = ls_seconds() - seconds;
        best = i == 0 || seconds < best ? seconds : best;
    }
    *rate = (double)(ARENAS * sizeof(float) * (n + 1)) / (best + 1 / NANOSECONDS);
out:
    ls_release(sum);
    ls_release(other);
    return status;
}

/* -- all of it */

static double slowest(struct ls_comm *comm, double seconds)
{
    return (double)ls_comm_max(comm, (int64_t)(seconds * NANOSECONDS)) / NANOSECONDS;
}

/* A step is as slow as its slowest rank, whose buckets are as many as rank 0's. */
static void agree(struct ls_cost_trial *trial, struct measured *m, struct ls_comm *comm)
{
    struct ls_cost_step *step = &trial->step;
    double all = slowest(comm, m->compute);
    for (size_t b = 0; b < m->buckets.count; b++) {
        struct ls_range range = m->buckets.range[b];
        trial->bucket[b] =
            (struct ls_cost_bucket){(double)((size_t)(range.end - range.begin) * sizeof(float)),
                                    slowest(comm, m->ready[b])};
    }
    step->compute = all;
    step->rest = slowest(comm, m->rest);
    step->add_rate = NANOSECONDS / slowest(comm, NANOSECONDS / step->add_rate);
    step->bucket = trial->bucket;
    step->buckets = m->buckets.count;
    step->pause = PAUSE_SECONDS;
}

ls_status ls_cost_measure(struct ls_cost_trial *trial, const struct ls_stepper_options *options,
                          int64_t rows)
{
    struct ls_stepper_options mine = *options;
    struct measured m = {0};
    struct ls_comm *alone = NULL;
    *trial = (struct ls_cost_trial){.step.rows = rows};
    mine.batch_size = rows;
    mine.replicas = 1;
    mine.profile = true;
    ls_status status = ls_comm_create_alone(&alone);
    mine.comm = alone;
    if (status == LS_OK)
        status = measure_steps(&m, trial, &mine);
    if (status == LS_OK)
        status = measure_adding(&trial->step.add_rate, options->model->floats);
    if (status == LS_OK)
        status = ls_allocate(&trial->bucket, m.buckets.count, sizeof *trial->bucket);
    status = ls_comm_agree(options->comm, status);
    if (status == LS_OK)
        agree(trial, &m, options->comm);
    else
        ls_cost_trial_release(trial);
    ls_buckets_release(&m.buckets);
    ls_release(m.ready);
    ls_comm_free(alone);
    return status;
}

void ls_cost_trial_release(struct ls_cost_trial *trial)
{
    ls_release(trial->bucket);
    *trial = (struct ls_cost_trial){0};
}
