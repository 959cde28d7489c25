/* The plan's inside, shared by what compiles it and what runs it. */
#ifndef MODEL_PLAN_LAYOUT_H
#define MODEL_PLAN_LAYOUT_H

#include "model/plan.h"

/* A buffer that is wanted from time `from` to time `to`, both included; placed at `offset`. */
struct ls_interval {
    size_t floats, offset;
    int64_t from, to;
};

/* Places intervals so that those that are wanted at the same time do not overlap; returns the
 * floats that all of them need. Offsets are multiples of LS_ALIGNMENT_FLOATS. LS_FAILED without
 * memory. */
ls_status ls_intervals_place(struct ls_interval *interval, size_t count, size_t *floats);

/* LS_PLAN_COUNT: of what the losses are means over, for the point after it. */
enum ls_plan_action { LS_PLAN_FORWARD, LS_PLAN_COUNT, LS_PLAN_LOSS, LS_PLAN_BACKWARD };

struct ls_plan_item {
    enum ls_plan_action action;
    size_t call; /* in the model's calls */
    size_t phase;
};

/* Where a tensor lies is the number of an interval. The first ones are the run's inputs, whose
 * memory is not the plan's. */
enum { LS_PLAN_NONE = -1 };

struct ls_plan_call {
    int value[LS_TENSORS_MAX];   /* interval of each output's values */
    int grad[LS_TENSORS_MAX];    /* of their gradients; LS_PLAN_NONE where nobody wants them */
    int in_grad[LS_TENSORS_MAX]; /* where backward writes each input's; LS_PLAN_NONE */
    bool add[LS_TENSORS_MAX];    /* in_grad is scratch, to be added to what is there already */
    bool needed;                 /* it leads to what the plan is for; else it does not run */
    bool wants_grad;             /* some variable at or before this call trains */
    bool backward;  /* it has a backward pass: it wants a gradient, and one reaches it */
    bool from_zero; /* no loss is behind it: its gradient is its activity regularizer's alone */
    bool view;      /* forward and backward have nothing to do */
    bool defer;     /* its activation is left to the loss */
    bool again;     /* an earlier backward call of the layer wrote the gradients */
    bool follows;   /* an earlier call of the layer wrote what its updated variables become */
    int saved;      /* interval, or LS_PLAN_NONE */
    uint32_t stream;
};

struct ls_plan {
    const struct ls_model *model;
    int64_t rows;
    bool training, own_points;
    void (*loss)(void *user, struct ls_plan_run *run);
    void (*count)(void *user, struct ls_plan_run *run); /* NULL: there is nothing to count */
    struct ls_plan_call *call;                          /* as many as the model has calls */
    size_t calls;
    struct ls_interval *interval;
    size_t intervals, room;
    int work; /* interval of the scratch memory, or LS_PLAN_NONE */
    struct ls_edge *output;
    int *output_grad; /* by output: where the loss writes its gradient; LS_PLAN_NONE: nowhere */
    size_t outputs;
    struct ls_plan_item *item;
    size_t items;
    size_t *segment; /* first item of each segment, and the end */
    size_t *point;   /* doubles of the point that ends it */
    size_t segments;
    size_t most; /* doubles of any point, also of those that are each replica's own */
    struct ls_plan_silence {
        size_t offset, floats;
    } * silence; /* variables that train or are updated, but that nothing reaches: zero */
    size_t silences;
    struct ls_plan_update {
        const struct ls_layer *layer;
        size_t calls; /* that train */
    } * update;       /* layers with updated variables */
    size_t updates;
    size_t floats; /* of a run's block */
    bool prepares; /* some call has something to prepare */
};

/* Whether an input of a call is the mask of another one: it has no gradient. */
static inline bool ls_plan_is_mask(const struct ls_call_shapes *shapes, size_t input)
{
    return input >= shapes->inputs - shapes->masks;
}

static inline const struct ls_shape *ls_plan_shape(const struct ls_plan *plan, struct ls_edge edge)
{
    return &plan->model->call[edge.call].shapes.out[edge.output];
}
static inline bool ls_edge_equal(struct ls_edge a, struct ls_edge b)
{
    return a.call == b.call && a.output == b.output;
}

/* One execution of a call, with its pointers (plan_bind.c). */
struct ls_bound_call {
    struct ls_call call;
    const float *in[LS_TENSORS_MAX], *out_grad[LS_TENSORS_MAX];
    float *out[LS_TENSORS_MAX], *in_grad[LS_TENSORS_MAX];
    const float *weight[LS_VARIABLES_MAX];
    float *weight_grad[LS_VARIABLES_MAX];
};
float *ls_plan_place(const struct ls_plan_run *run, int interval);
void ls_plan_bind(struct ls_bound_call *bound, const struct ls_plan_run *run,
                  const struct ls_plan_item *item);
/* What the calls keep: room for it, what ls_plan_prepare made of a call for this run's rows, and
 * its end. */
ls_status ls_plan_make_prepared(struct ls_plan_run *run);
void *ls_plan_prepared(const struct ls_plan_run *run, size_t call);
void ls_plan_forget_prepared(struct ls_plan_run *run);

const struct ls_layer *ls_plan_layer(const struct ls_plan *plan, size_t call);
bool ls_layer_has_trainable(const struct ls_layer *layer);
/* When a call runs backward. */
int64_t ls_plan_backward_time(const struct ls_plan *plan, size_t call);
/* Whether a call has items of this direction. */
bool ls_plan_runs_forward(const struct ls_plan *plan, size_t call);
bool ls_plan_runs_backward(const struct ls_plan *plan, size_t call);
/* How many inputs of calls a result is. */
size_t ls_plan_readers(const struct ls_plan *plan, struct ls_edge edge);
size_t ls_plan_tensor_floats(const struct ls_plan *plan, const struct ls_shape *shape);
int ls_plan_add_interval(struct ls_plan *plan, size_t floats, int64_t from, int64_t to);
void ls_plan_extend(struct ls_plan *plan, int interval, int64_t to);

/* Places the gradients, after the values. */
ls_status ls_plan_place_gradients(struct ls_plan *plan, const bool *no_loss);
/* Whether the gradient of a call's input lies where that of its result does. */
bool ls_plan_passes_gradient(const struct ls_plan *plan, size_t call);

/* The flags of a call's layer in this plan (a layer that works in training only is a view
 * elsewhere). */
unsigned ls_plan_flags(const struct ls_plan *plan, size_t call);
/* Whether the layer of a call is training. */
bool ls_plan_trains(const struct ls_plan *plan, size_t call);
/* The points of a call in one direction: none where it is not training. */
size_t ls_plan_points(const struct ls_plan *plan, enum ls_plan_action action, size_t call);

/* Who updates its variables, and by which calls (plan_update.c); before the gradients are placed.
 */
ls_status ls_plan_find_updates(struct ls_plan *plan);

#endif
