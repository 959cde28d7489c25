/* The plan: a model's calls laid out in time and memory. Compiling it fixes every buffer of a run;
 * ls_plan_prepare makes what the calls keep for a number of rows that is new to the run, and
 * nothing else allocates. A plan is read only while it runs, so that several threads or replicas
 * may run it, each with a run of its own. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "base/clock.h"
#include "comm/crew.h"
#include "model/graph.h"

struct ls_plan;
struct ls_plan_run;
struct ls_plan_prepared;

/* Evaluation and prediction take samples in blocks of this many: a block's bits do not depend on
 * who computes it. */
enum { LS_BLOCK_ROWS = 256 };

struct ls_plan_options {
    const struct ls_model *model; /* complete; must outlive the plan */
    int64_t rows;                 /* the largest slice */
    bool training;                /* lays out the backward pass too */
    bool own_points;              /* the layers' points are each replica's own: not summed */
    const bool *defer;            /* by output: leave its last activation to the loss; NULL: none */
    const struct ls_edge *outputs; /* results to keep in place of the model's; NULL */
    size_t output_count;
    const bool *no_loss; /* by output: the loss writes no gradient of it; NULL: of all */
    /* Between forward and backward, for the rows of one replica: reads ls_plan_output, writes
     * ls_plan_output_grad. Needed when training. */
    void (*loss)(void *user, struct ls_plan_run *run);
    /* Before the loss, where that is a mean over what has to be counted first: writes a number for
     * each output to run->point, whose sums over the global batch the loss finds in
     * ls_plan_output_valid. NULL: there is nothing to count. */
    void (*count)(void *user, struct ls_plan_run *run);
};

ls_status ls_plan_create(struct ls_plan **plan, const struct ls_plan_options *options);
void ls_plan_free(struct ls_plan *plan);

/* The pieces between cross-replica points: one where there are none. Piece by piece: every local
 * replica, then the point. */
size_t ls_plan_segments(const struct ls_plan *plan);
/* Doubles of the point that ends a segment (0 for the last one), and of the largest. */
size_t ls_plan_point_doubles(const struct ls_plan *plan, size_t segment);
size_t ls_plan_point_doubles_most(const struct ls_plan *plan);
size_t ls_plan_point_doubles_all(const struct ls_plan *plan); /* of all of them together */
/* Whether the point that ends a segment comes before the loss. */
bool ls_plan_is_forward(const struct ls_plan *plan, size_t segment);
size_t ls_plan_bytes(const struct ls_plan *plan); /* of one run's activations */
/* Of what ls_plan_prepare would make for so many rows. */
ls_status ls_plan_prepared_bytes(const struct ls_plan *plan, int64_t rows, size_t *bytes);

/* What the items of runs took: each one adds the time since the watch's last lap. */
struct ls_plan_times {
    struct ls_stopwatch *watch;
    struct ls_plan_call_time {
        double forward, backward; /* seconds */
        double written; /* of backward: until the variables' gradients are there; 0: all */
    } * call;           /* as many as ls_plan_calls says; NULL: it is not timed */
    double loss;        /* and counting what it is a mean over */
    int64_t rows;       /* that went through */
};

/* What there is to know of a call beside its times. */
struct ls_plan_work {
    const struct ls_layer *layer;
    size_t number, of;                    /* which of its layer's calls it is, from 1 */
    double forward_flops, backward_flops; /* for one sample (struct ls_call_flops); 0: not known */
};
size_t ls_plan_calls(const struct ls_plan *plan);
/* False for a call that never does anything: an input, a view, what leads to no output. */
bool ls_plan_work_of(const struct ls_plan *plan, size_t call, struct ls_plan_work *work);

/* The memory and place of one replica (or of one after the other, where there are no points). */
struct ls_plan_run {
    const struct ls_plan *plan;
    float *block;         /* activations, owned */
    const float *weights; /* arena */
    float *gradient;      /* arena; written for every variable that trains or is updated; NULL: not
                             training */
    float *const *input;  /* by input: [rows][shape]; scribbled on */
    int64_t rows;
    const int64_t *samples; /* rows, or NULL when not training */
    int64_t global_rows;    /* of the batch: what activity penalties are means over */
    double penalty;         /* out, after forward: of activities, summed over the rows */
    uint64_t seed;
    uint32_t epoch;
    double *point;                     /* what a segment left, and what the next one finds; owned */
    struct ls_plan_prepared *prepared; /* what the calls keep, by number of rows; or NULL */
    bool borrowed;                     /* of another run; else owned */
    void *const *kept;                 /* of that, for `rows`: by call; or NULL */
    struct ls_plan_times *times;       /* not owned; NULL: nobody wants to know */
    /* Called in between: what ls_plan_final says of up to `items` items is final. NULL: not. */
    void (*passed)(void *user, struct ls_plan_run *run, size_t items);
    void (*loss)(void *user, struct ls_plan_run *run);  /* the plan's, unless set otherwise */
    void (*count)(void *user, struct ls_plan_run *run); /* so too */
    void *user;                                         /* for all of them */
};

ls_status ls_plan_run_create(struct ls_plan_run **run, const struct ls_plan *plan);
/* One more run of the plan, of the same thread, that keeps nothing by itself: a call keeps no
 * state, and both use what one of them prepared. `first` must outlive it. */
ls_status ls_plan_run_create_beside(struct ls_plan_run **run, const struct ls_plan_run *first);
void ls_plan_run_free(struct ls_plan_run *run);

/* Makes what the calls keep for run->rows, where that is not made yet: before the first segment.
 * Batches come in few sizes, so that it is at once done but for the first time. What was made for
 * LS_PLAN_SIZES numbers of rows stays, of this run and those beside it together: those that run in
 * turns, segment by segment, have no more of them at once. */
enum { LS_PLAN_SIZES = 4 }; /* slices have at most two sizes, those of a last batch two more */
ls_status ls_plan_prepare(struct ls_plan_run *run);
/* Runs a segment; rows may be 0. LS_FAILED where a library had no memory for something: what the
 * run has computed is void. */
ls_status ls_plan_execute(struct ls_plan_run *run, size_t segment);
/* After how many items of a whole pass the elements [begin, end) of the gradient arena stay as they
 * are: 0 where no pass writes any of them but its beginning. (A layer that is called several times
 * adds to its gradients till the last of its backward passes, which is of its first call.) */
size_t ls_plan_final(const struct ls_plan *plan, size_t begin, size_t end);

/* What passes took (in all, as they were timed) until what ls_plan_final says of `items` items was
 * final; LS_PLAN_WHOLE: till their end. A call's time is that of its items in equal parts. */
#define LS_PLAN_WHOLE SIZE_MAX
double ls_plan_seconds(const struct ls_plan *plan, const struct ls_plan_times *times, size_t items);

/* What a training plan computes from fixed numbers (weights, inputs, gradients of its outputs), as
 * a hash of its results and gradients, begun with *hash: the same wherever the kernels compute the
 * same. It takes the rows of a whole slice, fewer where these cost more than a fraction of a
 * second, and no other replica's sums at points. Of the run it uses, and leaves overwritten, what a
 * step overwrites: block, point and gradient; what it prepared for a whole slice stays. The weights
 * that it takes are there once a crew (NULL: this rank's own). LS_FAILED without memory. Collective
 * over the crew; each rank's status is its own. */
ls_status ls_plan_probe(const struct ls_plan_run *run, struct ls_crew *crew, uint64_t *hash);

/* [rows][shape] of an output: valid during the loss, and, when not training, until the next run. */
const float *ls_plan_output(const struct ls_plan_run *run, size_t output);
float *ls_plan_output_grad(const struct ls_plan_run *run, size_t output);

/* The mask of an output, [rows][positions] (1: counts, 0: does not), or NULL where it has none; and
 * what was counted of the global batch, known while the loss runs. */
const float *ls_plan_output_mask(const struct ls_plan_run *run, size_t output);
double ls_plan_output_valid(const struct ls_plan_run *run, size_t output);

/* After a forward pass that gave NaN or infinity: runs it again call by call and returns the first
 * layer whose result is not finite, with the row, or NULL. The inputs must be fresh; `points` are
 * the sums that the forward pass found at its points, one after the other. */
const struct ls_layer *ls_plan_find_nonfinite(struct ls_plan_run *run, const double *points,
                                              int64_t *row);

/* What the layers' updated variables become after a step, from the sum of the gradient arenas. */
void ls_plan_update(const struct ls_plan *plan, float *weights, const float *sum);

#endif
