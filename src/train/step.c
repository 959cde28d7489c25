#include "train/step.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/pulse.h"
#include "kernel/kernels.h"
#include "train/buckets.h"
#include "train/class_weight.h"
#include "train/step_layout.h"

struct ls_stepper {
    struct ls_stepper_options options;
    struct ls_step_layout layout;
    struct ls_update_plan *update;
    struct ls_combine *combine;
    struct ls_buckets buckets; /* none for a rank alone */
    struct ls_range local;     /* replicas of this rank */
    struct ls_plan_run **run;  /* one, or one a local replica where the plan has points */
    size_t runs;
    struct ls_loader *loader;
    struct ls_measure_room room;
    struct ls_class_weights classes;
    float **input;              /* by run and input */
    double *points;             /* by local replica */
    double *point_sums;         /* of all segments' points in this step, one after the other */
    double *losses;             /* of the last step */
    bool penalized;             /* some variable has a regularizer */
    struct ls_profile *profile; /* NULL: nobody asked */

    int64_t epoch, step, iteration;
    const struct ls_batch *batch;
    ls_status fault;                 /* of this rank in this step */
    size_t written;                  /* buckets, in this step */
    int64_t replica;                 /* the local one that runs, for the loss */
    int64_t bad_replica, bad_sample; /* local replica and sample whose loss is not finite; or -1 */
    double *sums;                    /* where the loss adds to */
};

/* -- the loss, called by the plan between forward and backward */

static size_t first_row(const struct ls_stepper *s)
{
    return (size_t)s->batch->first[s->replica];
}

static void note_nonfinite(struct ls_stepper *s, int64_t row)
{
    s->fault = LS_FAILED;
    s->bad_replica = s->replica;
    s->bad_sample = s->batch->samples[(int64_t)first_row(s) + row];
}

static void count_for_loss(void *user, struct ls_plan_run *run)
{
    struct ls_stepper *s = user;
    ls_measure_aim(&s->room, &s->layout.columns, s->batch->column, first_row(s), run);
    ls_objective_count(s->layout.objective, &s->room, run->rows, run->point);
}

static void measure_loss(void *user, struct ls_plan_run *run)
{
    struct ls_stepper *s = user;
    struct ls_measure measure = {
        .run = run,
        .global_rows = s->batch->global_rows,
        .gradient = true,
        .sums = s->sums,
        .room = &s->room,
    };
    ls_measure_aim(&s->room, &s->layout.columns, s->batch->column, first_row(s), run);
    ls_objective_measure(s->layout.objective, &measure);
    if (measure.bad_row >= 0 && s->fault == LS_OK)
        note_nonfinite(s, measure.bad_row);
}

/* -- the gradients, bucket by bucket */

/* Called by the plan in between, for the last local replica: when it has written a bucket all have.
 */
static void write_buckets(void *user, struct ls_plan_run *run, size_t items)
{
    struct ls_stepper *s = user;
    const struct ls_buckets *buckets = &s->buckets;
    (void)run;
    for (; s->written < buckets->count && buckets->final[s->written] <= items; s->written++)
        ls_combine_write(s->combine);
    if (s->written > 0)
        ls_combine_progress(s->combine);
}

/* -- making */

static ls_status make_loader(struct ls_stepper *s)
{
    struct ls_loader_options loader = ls_step_loader(&s->options, &s->layout.columns, s->local);
    return ls_loader_create(&s->loader, &loader);
}

static ls_status make_profile(struct ls_stepper *s)
{
    LS_TRY(ls_profile_create(&s->profile, s->layout.plan));
    ls_combine_time(s->combine, &s->profile->combine);
    return LS_OK;
}

static ls_status make_runs(struct ls_stepper *s)
{
    size_t replicas = (size_t)(s->local.end - s->local.begin);
    s->runs = ls_step_runs(s->layout.plan, (int64_t)replicas);
    LS_TRY(ls_allocate(&s->run, s->runs, sizeof *s->run));
    LS_TRY(ls_allocate(&s->input, s->runs * s->layout.columns.inputs + 1, sizeof *s->input));
    for (size_t r = 0; r < s->runs; r++) {
        LS_TRY(r == 0 ? ls_plan_run_create(&s->run[r], s->layout.plan)
                      : ls_plan_run_create_beside(&s->run[r], s->run[0]));
        s->run[r]->weights = s->options.model->weights;
        s->run[r]->input = s->input + r * s->layout.columns.inputs;
        s->run[r]->seed = s->options.seed;
        s->run[r]->times = s->profile ? &s->profile->plan : NULL;
        s->run[r]->user = s;
    }
    size_t most = ls_plan_point_doubles_most(s->layout.plan);
    LS_TRY(ls_allocate(&s->points, replicas * most + 1, sizeof *s->points));
    return ls_allocate(&s->point_sums, ls_plan_point_doubles_all(s->layout.plan) + 1,
                       sizeof *s->point_sums);
}

/* What one rank makes by itself. */
static ls_status make_own(struct ls_stepper *s)
{
    const struct ls_stepper_options *options = &s->options;
    const struct ls_tree *compile = options->compile;
    LS_TRY(ls_step_layout_create(&s->layout, options,
                                 &(struct ls_step_calls){measure_loss, count_for_loss}));
    LS_TRY(ls_update_plan_create(&s->update, options->model, ls_tree_find(compile, "optimizer"),
                                 options->crew));
    s->penalized = ls_update_plan_regularized(s->update);
    LS_TRY(ls_measure_room_create(&s->room, s->layout.objective, ls_step_rows(options)));
    return ls_allocate(&s->losses, ls_objective_losses(s->layout.objective), sizeof *s->losses);
}

static ls_status make_classes(struct ls_stepper *s)
{
    const struct ls_stepper_options *options = &s->options;
    if (!options->class_weight)
        return LS_OK;
    s->room.classes = &s->classes;
    return ls_class_weights_create(&s->classes, options->comm, options->class_weight,
                                   s->layout.objective, options->data);
}

static ls_status make_shared(struct ls_stepper *s)
{
    const struct ls_stepper_options *options = &s->options;
    struct ls_combine_options combine = ls_step_combine(options, &s->layout);
    if (ls_comm_size(options->comm) > 1)
        LS_TRY(ls_comm_agree(options->comm, ls_buckets_cut(&s->buckets, s->layout.plan,
                                                           combine.floats, options->bucket_bytes)));
    combine.bucket = s->buckets.range;
    combine.buckets = s->buckets.count;
    LS_TRY(ls_comm_agree(options->comm, ls_update_plan_make_slots(s->update)));
    LS_TRY(ls_combine_create(&s->combine, options->comm, &combine));
    s->local = ls_combine_replicas(s->combine);
    if (ls_plan_segments(s->layout.plan) > 1)
        LS_TRY(ls_combine_reserve_points(s->combine, ls_plan_point_doubles_most(s->layout.plan)));
    ls_status status = options->profile ? make_profile(s) : LS_OK;
    if (status == LS_OK)
        status = make_runs(s);
    if (status == LS_OK)
        status = make_loader(s);
    return ls_comm_agree(options->comm, status);
}

ls_status ls_stepper_create(struct ls_stepper **stepper, const struct ls_stepper_options *options)
{
    struct ls_stepper *made = NULL;
    *stepper = NULL;
    ls_status status = ls_allocate(&made, 1, sizeof *made);
    if (status == LS_OK) {
        made->options = *options;
        status = make_own(made);
    }
    status = ls_comm_agree(options->comm, status);
    if (status == LS_OK)
        status = make_classes(made);
    if (status == LS_OK)
        status = make_shared(made);
    if (status == LS_OK)
        *stepper = made;
    else
        ls_stepper_free(made);
    return status;
}

void ls_stepper_free(struct ls_stepper *stepper)
{
    if (!stepper)
        return;
    ls_loader_free(stepper->loader);
    for (size_t r = stepper->runs; stepper->run && r-- > 0;) /* the others stand beside the first */
        ls_plan_run_free(stepper->run[r]);
    ls_combine_free(stepper->combine);
    ls_profile_free(stepper->profile);
    ls_buckets_release(&stepper->buckets);
    ls_update_plan_free(stepper->update);
    ls_step_layout_release(&stepper->layout);
    ls_measure_room_release(&stepper->room);
    ls_class_weights_release(&stepper->classes);
    ls_release(stepper->losses);
    ls_release(stepper->run);
    ls_release(stepper->input);
    ls_release(stepper->points);
    ls_release(stepper->point_sums);
    ls_release(stepper);
}

const struct ls_objective *ls_stepper_objective(const struct ls_stepper *stepper)
{
    return stepper->layout.objective;
}

struct ls_update_plan *ls_stepper_update(const struct ls_stepper *stepper)
{
    return stepper->update;
}

int64_t ls_stepper_steps(const struct ls_stepper *stepper)
{
    return ls_order_steps(ls_data_samples(stepper->options.data), stepper->options.batch_size);
}

ls_status ls_stepper_profile(const struct ls_stepper *stepper, struct ls_run_profile *table)
{
    *table = (struct ls_run_profile){0};
    if (!stepper->profile)
        return LS_OK;
    return ls_profile_table(table, stepper->profile, stepper->layout.plan,
                            ls_kernels_peak() * ls_kernels_threads());
}

const struct ls_plan *ls_stepper_plan(const struct ls_stepper *stepper)
{
    return stepper->layout.plan;
}

struct ls_profile *ls_stepper_times(const struct ls_stepper *stepper)
{
    return stepper->profile;
}

ls_status ls_stepper_probe(const struct ls_stepper *stepper, uint64_t *hash)
{
    struct ls_plan_run run = *stepper->run[0];
    run.gradient = ls_combine_slot(stepper->combine, stepper->local.begin).floats;
    run.passed = NULL;
    return ls_plan_probe(&run, stepper->options.crew, hash);
}

ls_status ls_stepper_seek(struct ls_stepper *stepper, int64_t epoch, int64_t step,
                          int64_t iteration)
{
    stepper->epoch = epoch;
    stepper->step = step;
    stepper->iteration = iteration;
    return ls_loader_start(stepper->loader, epoch, step);
}

/* -- one step */

static size_t sum_doubles(const struct ls_stepper *s)
{
    return LS_SUM_OBJECTIVE + ls_objective_doubles(s->layout.objective);
}

static void clear_slot(const struct ls_stepper *s, const struct ls_slot *slot)
{
    memset(slot->floats, 0, s->options.model->gradient_floats * sizeof(float));
}

/* Points a run at local replica `replica`'s rows and slot. */
static void aim(struct ls_stepper *s, struct ls_plan_run *run, int64_t replica,
                const struct ls_slot *slot)
{
    const bool last = replica + 1 == s->local.end - s->local.begin;
    s->replica = replica;
    s->sums = slot->doubles + LS_SUM_OBJECTIVE;
    run->gradient = slot->floats;
    run->passed = last && s->buckets.count ? write_buckets : NULL;
    run->rows = s->batch->first[replica + 1] - s->batch->first[replica];
    run->samples = s->batch->samples + s->batch->first[replica];
    run->epoch = (uint32_t)s->epoch;
    run->global_rows = s->batch->global_rows;
    for (size_t i = 0; i < s->layout.columns.inputs; i++)
        ((float **)run->input)[i] =
            s->batch->column[i] + first_row(s) * s->layout.columns.floats[i];
}

/* Runs a segment of a replica where there is something to run; its memory for the rows is made
 * before. */
static bool run_replica(struct ls_stepper *s, struct ls_plan_run *run, size_t segment)
{
    if (!s->batch || run->rows == 0)
        return false;
    if (segment == 0 && s->fault == LS_OK)
        s->fault = ls_plan_prepare(run);
    if (s->fault != LS_OK)
        return false;
    if (s->profile)
        ls_lap(&s->profile->watch, &s->profile->rest);
    ls_status executed = ls_plan_execute(run, segment);
    if (executed == LS_OK)
        return true;
    s->fault = executed; /* the cause of what may have come out of it, as a loss of NaN */
    s->bad_sample = -1;
    return false;
}

/* What this rank tells the others travels in its last replica's slot. */
static void tell(const struct ls_stepper *s, struct ls_request request, const struct ls_slot *slot)
{
    slot->doubles[LS_SUM_FAULT] = s->fault != LS_OK;
    slot->doubles[LS_SUM_STOP] = request.stop;
    slot->doubles[LS_SUM_SAVE] = request.save;
}

/* One replica after the other: there are no points, so that one run's memory serves all. */
static void run_in_turn(struct ls_stepper *s, struct ls_request request)
{
    for (int64_t r = s->local.begin; r < s->local.end; r++) {
        struct ls_slot slot = ls_combine_slot(s->combine, r);
        memset(slot.doubles, 0, sum_doubles(s) * sizeof(double));
        if (s->batch)
            aim(s, s->run[0], r - s->local.begin, &slot);
        if (!run_replica(s, s->run[0], 0) && s->fault == LS_OK) /* else the sum is void */
            clear_slot(s, &slot);
        if (r == s->local.end - 1)
            tell(s, request, &slot);
        ls_combine_push(s->combine, r);
    }
}

/* What is not finite before a point would be so in all replicas after it: here it is known whose it
 * is. The sample is found with the layer. */
static void check_point(struct ls_stepper *s, const struct ls_plan_run *run, size_t segment)
{
    bool finite = true;
    for (size_t i = 0; i < ls_plan_point_doubles(s->layout.plan, segment); i++)
        finite &= isfinite(run->point[i]) != 0;
    if (!finite && ls_plan_is_forward(s->layout.plan, segment))
        note_nonfinite(s, 0);
}

/* A segment on every local replica; what each leaves for the point is gathered in s->points. */
static void run_segment(struct ls_stepper *s, size_t segment, const double *sum)
{
    size_t before = segment ? ls_plan_point_doubles(s->layout.plan, segment - 1) : 0;
    size_t after = ls_plan_point_doubles(s->layout.plan, segment);
    for (int64_t r = 0; r < s->local.end - s->local.begin; r++) {
        struct ls_slot slot = ls_combine_slot(s->combine, s->local.begin + r);
        struct ls_plan_run *run = s->run[r];
        memcpy(run->point, sum, before * sizeof *sum);
        if (s->batch)
            aim(s, run, r, &slot);
        if (run_replica(s, run, segment))
            check_point(s, run, segment);
        if (s->fault != LS_OK || run->rows == 0)
            memset(run->point, 0, after * sizeof *sum);
        memcpy(s->points + (size_t)r * after, run->point, after * sizeof *sum);
    }
}

/* All replicas segment by segment, with a cross-replica point after each but the last. A rank with
 * a fault takes part too: the others wait for it there. */
static ls_status run_together(struct ls_stepper *s, struct ls_request request)
{
    for (int64_t r = s->local.begin; r < s->local.end; r++) {
        struct ls_slot slot = ls_combine_slot(s->combine, r);
        memset(slot.doubles, 0, sum_doubles(s) * sizeof(double));
        if (!s->batch ||
            s->batch->first[r - s->local.begin + 1] == s->batch->first[r - s->local.begin])
            clear_slot(s, &slot);
    }
    double *before = s->point_sums, *sum = before; /* of the segment before, and of this one */
    for (size_t segment = 0; segment < ls_plan_segments(s->layout.plan); segment++) {
        run_segment(s, segment, before);
        size_t doubles = ls_plan_point_doubles(s->layout.plan, segment);
        if (segment + 1 < ls_plan_segments(s->layout.plan))
            LS_TRY(ls_combine_point(s->combine, sum, s->points, doubles));
        before = sum;
        sum += doubles;
    }
    for (int64_t r = s->local.begin; r < s->local.end; r++) {
        struct ls_slot slot = ls_combine_slot(s->combine, r);
        if (r == s->local.end - 1)
            tell(s, request, &slot);
        ls_combine_push(s->combine, r);
    }
    return LS_OK;
}

/* The first layer whose result is not finite, and the sample, by a second pass over the same
 * samples, with what the points found in the first. */
static const struct ls_layer *find_layer(struct ls_stepper *s)
{
    struct ls_plan_run *run = s->run[s->runs > 1 ? s->bad_replica : 0];
    struct ls_slot slot = {0};
    if (ls_loader_start(s->loader, s->epoch, s->step) != LS_OK ||
        ls_loader_next(s->loader, &s->batch) != LS_OK)
        return NULL;
    aim(s, run, s->bad_replica, &slot);
    int64_t row;
    const struct ls_layer *layer = ls_plan_find_nonfinite(run, s->point_sums, &row);
    if (layer)
        s->bad_sample = run->samples[row];
    return layer;
}

static ls_status name_nonfinite(struct ls_stepper *s)
{
    int64_t within;
    const struct ls_layer *layer = find_layer(s);
    const char *name = ls_data_locate(s->options.data, s->bad_sample, &within);
    return ls_fail(LS_FAILED,
                   "epoch %lld, step %lld: the loss is not finite (NaN or infinity) at sample %lld "
                   "of %s, in replica %lld; first in %s%s%s",
                   (long long)s->epoch + 1, (long long)s->step + 1, (long long)within, name,
                   (long long)(s->local.begin + s->bad_replica),
                   layer ? "the result of layer '" : "", layer ? layer->path : "the loss",
                   layer ? "'" : "");
}

/* Nobody reads the old weights any more when the first part of the new ones is written, nor the new
 * ones before the last part is. */
static ls_status update(struct ls_stepper *s, const float *gradient)
{
    LS_TRY(ls_update_plan_step(s->update, gradient, s->iteration));
    if (ls_crew_leads(s->options.crew))
        ls_plan_update(s->layout.plan, s->options.model->weights, gradient);
    return ls_crew_wait(s->options.crew);
}

static void move_on(struct ls_stepper *s)
{
    s->iteration++;
    if (++s->step == ls_stepper_steps(s)) {
        s->step = 0;
        s->epoch++;
    }
}

ls_status ls_stepper_step(struct ls_stepper *s, ls_status mine, struct ls_request request,
                          struct ls_step_result *result)
{
    struct ls_combined sum;
    result->diverged = false;
    s->bad_sample = -1;
    s->fault = mine;
    s->batch = NULL;
    s->written = 0;
    if (s->profile)
        ls_profile_begin(s->profile, s->step == 0);
    if (mine == LS_OK)
        s->fault = ls_loader_next(s->loader, &s->batch);
    if (s->fault != LS_OK)
        s->batch = NULL;
    if (s->profile)
        ls_lap(&s->profile->watch, &s->profile->data);
    if (ls_plan_segments(s->layout.plan) > 1)
        LS_TRY(run_together(s, request));
    else
        run_in_turn(s, request);
    LS_TRY(ls_combine_finish(s->combine, &sum));
    if (sum.doubles[LS_SUM_FAULT] > 0) {
        result->diverged =
            ls_comm_sum(s->options.comm, s->fault != LS_OK && s->bad_sample < 0) == 0;
        if (s->bad_sample >= 0)
            s->fault = name_nonfinite(s);
        return ls_comm_agree(s->options.comm, s->fault);
    }
    result->rows = s->batch->global_rows;
    result->sums = sum.doubles + LS_SUM_OBJECTIVE;
    result->losses = s->losses;
    result->gradient = sum.floats;
    ls_objective_loss(s->layout.objective, result->sums, result->rows, s->losses);
    if (s->penalized)
        s->losses[0] += ls_model_penalty(s->options.model);
    result->loss = s->losses[0];
    result->learning_rate = ls_update_plan_learning_rate(s->update, s->iteration);
    result->asked = (struct ls_request){sum.doubles[LS_SUM_STOP] > 0, sum.doubles[LS_SUM_SAVE] > 0};
    if (s->profile)
        ls_lap(&s->profile->watch, &s->profile->rest);
    ls_pulse_begin(LS_PULSE_WORK, "updating the weights");
    LS_TRY(update(s, sum.floats));
    if (s->profile)
        ls_lap(&s->profile->watch, &s->profile->optimizer);
    move_on(s);
    return LS_OK;
}
