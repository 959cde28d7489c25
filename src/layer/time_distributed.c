/* TimeDistributed: a layer on every step of a series. What it holds gets the steps of all rows as
 * rows: row r's step t is row r T + t, of sample s T + t, so that a Dropout draws other numbers for
 * each step. */
#include <string.h>

#include "base/memory.h"
#include "layer/call.h"
#include "layer/wrapped.h"

struct time_distributed {
    struct ls_inner layer;
};

static const struct ls_option options[] = {
    {.name = "layer",
     .type = LS_OPTION_INNER,
     .offset = offsetof(struct time_distributed, layer),
     .registry = &ls_layers,
     .help = "what each step goes through"},
    {.name = NULL},
};

static const struct ls_inner *inner_of(const struct ls_layer *layer)
{
    return &((const struct time_distributed *)layer->options)->layer;
}

/* What one step is: the shapes of a call of the inner layer, and what it needs for a row. */
struct step {
    struct ls_call_shapes shapes;
    struct ls_call_needs needs;
    int64_t count; /* of steps */
};

static void drop_axis(struct ls_shape *to, const struct ls_shape *from)
{
    *to = (struct ls_shape){.rank = from->rank - 1};
    memcpy(to->size, from->size + 1, (size_t)to->rank * sizeof *to->size);
}

static ls_status check_input(const struct ls_layer *layer, const struct ls_shape *in)
{
    char text[LS_SHAPE_TEXT];
    ls_shape_format(text, in);
    return in->rank > 1 ? LS_OK
                        : ls_layer_fail(layer,
                                        "the input needs two axes beside the samples, the first of "
                                        "them for the steps, it is %s",
                                        text);
}

static ls_status find_step(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                           struct step *step)
{
    const struct ls_layer inner = ls_wrapped_layer(layer, inner_of(layer));
    LS_TRY(check_input(layer, &shapes->in[0]));
    step->shapes = (struct ls_call_shapes){.inputs = shapes->inputs, .masks = shapes->masks};
    step->shapes.mask_of[0] = shapes->mask_of[0];
    for (size_t i = 0; i < shapes->inputs; i++)
        drop_axis(&step->shapes.in[i], &shapes->in[i]);
    step->count = shapes->in[0].size[0];
    return ls_wrapped_shape(&inner, &step->shapes, &step->needs);
}

/* Keras drops a mask that the inner layer makes. */
static size_t results_of(const struct ls_layer *inner, const struct step *step)
{
    return step->shapes.outputs - (ls_layer_flags(inner) & LS_LAYER_MAKES_MASK ? 1 : 0);
}

static size_t made_mask_floats(const struct step *step)
{
    return step->shapes.outputs > 1 ? (size_t)ls_shape_count(&step->shapes.out[1]) : 0;
}

static ls_status check_inner(const struct ls_layer *layer, const struct step *step)
{
    const struct ls_layer inner = ls_wrapped_layer(layer, inner_of(layer));
    if (inner.kind->forward_points || inner.kind->update)
        return ls_layer_fail(layer,
                             "%s in it is not supported (Keras takes statistics of each step by "
                             "itself): use it without, with statistics of all steps",
                             inner.kind->kind.name);
    if (inner.kind->arguments)
        return ls_layer_fail(layer, "%s in it is not supported: its calls have arguments",
                             inner.kind->kind.name);
    if (results_of(&inner, step) != 1)
        return ls_layer_fail(layer, "it takes a layer of one result: %s has %zu",
                             inner.kind->kind.name, results_of(&inner, step));
    if (step->shapes.out[0].rank == LS_RANK_MAX)
        return ls_layer_fail(layer, "its result has more than %d axes", LS_RANK_MAX);
    return LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    struct step step;
    LS_TRY(find_step(layer, shapes, &step));
    LS_TRY(check_inner(layer, &step));
    const struct ls_shape *out = &step.shapes.out[0];
    size_t steps = (size_t)step.count;
    shapes->outputs = 1;
    shapes->out[0] = (struct ls_shape){.rank = out->rank + 1, .size = {step.count}};
    memcpy(shapes->out[0].size + 1, out->size, (size_t)out->rank * sizeof *out->size);
    needs->saved_floats = step.needs.saved_floats;
    needs->work_floats = step.needs.work_floats;
    needs->saved_floats_per_row = steps * step.needs.saved_floats_per_row;
    needs->work_floats_per_row = steps * (step.needs.work_floats_per_row + made_mask_floats(&step));
    return ls_layer_check_size(layer, &shapes->out[0]);
}

static void release(struct ls_layer *layer)
{
    ls_wrapped_release(layer->state);
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    struct step step;
    LS_TRY(find_step(layer, shapes, &step));
    LS_TRY(ls_allocate(&layer->state, 1, sizeof(struct ls_wrapped)));
    ls_status status = ls_wrapped_build(
        layer->state, layer,
        &(struct ls_wrapped_parts){
            .inner = inner_of(layer), .prefix = "", .attribute = "layer", .shapes = &step.shapes});
    const struct ls_wrapped *wrapped = layer->state;
    if (status == LS_OK && wrapped->layer.kind->penalty)
        layer->activity_regularizer = wrapped->layer.activity_regularizer;
    else if (status == LS_OK && wrapped->layer.activity_regularizer)
        ls_warn("layer '%s' (TimeDistributed): the activity_regularizer of the %s in it does "
                "nothing, as in Keras",
                layer->name, wrapped->layer.kind->kind.name);
    if (status != LS_OK) {
        layer->variables = 0;
        ls_layer_forget(layer);
    }
    return status;
}

static unsigned flags_of(const struct ls_layer *layer)
{
    const struct ls_wrapped *wrapped = layer->state;
    const struct ls_layer inner = ls_wrapped_layer(layer, inner_of(layer));
    unsigned flags = ls_layer_flags(wrapped ? &wrapped->layer : &inner);
    const unsigned others = LS_LAYER_INPUT | LS_LAYER_MAKES_MASK | LS_LAYER_STATES;
    return (flags & ~others) | LS_LAYER_PASSES_MASK;
}

/* -- passes */

struct prepared {
    struct step step;
    void *inner;
    void (*discard)(void *inner);
    int64_t samples[]; /* of the inner call */
};

/* The inner call; the mask that it makes, and nobody reads, goes behind its work memory. */
static void bind(struct ls_wrapped_call *bound, const struct ls_call *call,
                 struct prepared *prepared)
{
    const struct step *step = &prepared->step;
    ls_wrapped_bind(bound, call->layer->state, call, &step->shapes);
    bound->call.rows = call->rows * step->count;
    bound->call.samples = call->samples ? prepared->samples : NULL;
    for (int64_t r = 0; call->samples && r < call->rows; r++)
        for (int64_t t = 0; t < step->count; t++)
            prepared->samples[r * step->count + t] = call->samples[r] * step->count + t;
    bound->call.prepared = prepared->inner;
    memcpy(bound->in, call->in, step->shapes.inputs * sizeof *bound->in);
    bound->out[0] = call->out[0];
    if (made_mask_floats(step) > 0)
        bound->out[1] = call->work + step->needs.work_floats +
                        (size_t)bound->call.rows * step->needs.work_floats_per_row;
    bound->in_grad[0] = call->in_grad[0];
    bound->out_grad[0] = call->out_grad[0];
}

static ls_status prepare(const struct ls_call *call, void **prepared)
{
    const struct ls_wrapped *wrapped = call->layer->state;
    struct ls_wrapped_call bound;
    struct prepared *made = NULL;
    struct step step;
    *prepared = NULL;
    LS_TRY(find_step(call->layer, call->shapes, &step));
    size_t rows = (size_t)(call->rows * step.count);
    LS_TRY(ls_allocate(&made, sizeof *made + rows * sizeof *made->samples, 1));
    made->step = step;
    made->discard = wrapped->layer.kind->discard;
    bind(&bound, call, made);
    ls_status status = wrapped->layer.kind->prepare
                           ? wrapped->layer.kind->prepare(&bound.call, &made->inner)
                           : LS_OK;
    if (status == LS_OK)
        *prepared = made;
    else
        ls_release(made);
    return status;
}

static ls_status prepared_bytes(const struct ls_call *call, size_t *bytes)
{
    const struct ls_wrapped *wrapped = call->layer->state;
    struct ls_wrapped_call bound;
    struct prepared made = {.inner = NULL};
    struct ls_call without = *call;
    *bytes = 0;
    if (!wrapped->layer.kind->prepared_bytes)
        return LS_OK;
    without.samples = NULL; /* for which there is no room here */
    LS_TRY(find_step(call->layer, call->shapes, &made.step));
    bind(&bound, &without, &made);
    return wrapped->layer.kind->prepared_bytes(&bound.call, bytes);
}

static void discard(void *prepared)
{
    struct prepared *made = prepared;
    if (made->inner)
        made->discard(made->inner);
    ls_release(made);
}

/* What a view does where it is no view: in the tests' hands. */
static void copy(float *out, const float *in, const struct ls_call *call)
{
    if (out && out != in)
        memcpy(out, in, ls_call_elements(call) * sizeof *out);
}

static void forward(const struct ls_call *call)
{
    struct ls_wrapped_call bound;
    if (call->rows == 0)
        return;
    if (ls_layer_flags(call->layer) & LS_LAYER_VIEW) {
        copy(call->out[0], call->in[0], call);
        return;
    }
    bind(&bound, call, call->prepared);
    bound.call.layer->kind->forward(&bound.call);
}

static void backward(const struct ls_call *call)
{
    struct ls_wrapped_call bound;
    if (call->rows == 0) {
        ls_wrapped_clear_gradients(call);
        return;
    }
    if (ls_layer_flags(call->layer) & LS_LAYER_VIEW) {
        copy(call->in_grad[0], call->out_grad[0], call);
        return;
    }
    bind(&bound, call, call->prepared);
    bound.call.layer->kind->backward(&bound.call);
}

/* Of a layer in the layer in it: of a Bidirectional's. */
static double penalty(const struct ls_call *call)
{
    struct ls_wrapped_call bound;
    if (call->rows == 0)
        return 0;
    bind(&bound, call, call->prepared);
    return bound.call.layer->kind->penalty(&bound.call);
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    struct step step;
    if (find_step(layer, shapes, &step) == LS_OK) /* it was, when it was built */
        ls_wrapped_flops(layer->state, &step.shapes, (double)step.count, flops);
}

static int64_t integers(const struct ls_layer *layer, size_t input)
{
    const struct ls_wrapped *wrapped = layer->state;
    const struct ls_layer_kind *kind = wrapped->layer.kind;
    return kind->integers ? kind->integers(&wrapped->layer, input) : 0;
}

/* -- a Normalization in it that learns from the data */

static size_t adapt_doubles(const struct ls_layer *layer)
{
    const struct ls_wrapped *wrapped = layer->state;
    return ls_layer_needs_adapt(&wrapped->layer);
}

static void adapt_add(const struct ls_layer *layer, double *sums, const float *in, int64_t rows,
                      const struct ls_shape *of)
{
    const struct ls_wrapped *wrapped = layer->state;
    struct ls_shape step;
    drop_axis(&step, of);
    wrapped->layer.kind->adapter->add(&wrapped->layer, sums, in, rows * of->size[0], &step);
}

static ls_status adapt_finish(const struct ls_layer *layer, const double *sums,
                              float *const *weight)
{
    const struct ls_wrapped *wrapped = layer->state;
    return wrapped->layer.kind->adapter->finish(&wrapped->layer, sums, weight);
}

static const struct ls_layer_adapter adapter = {adapt_doubles, adapt_add, adapt_finish};

/* -- Keras' configs */

static ls_status read(struct ls_tree *config)
{
    return ls_wrapped_read(config, "layer");
}

static ls_status write(const struct ls_layer *layer, struct ls_tree *config)
{
    return ls_wrapped_write(layer->state, inner_of(layer), config, "layer");
}

const struct ls_layer_kind ls_layer_time_distributed = {
    .kind = {.name = "TimeDistributed",
             .summary = "a layer applied to each step of a series",
             .options = options,
             .options_size = sizeof(struct time_distributed)},
    .flags = LS_LAYER_PASSES_MASK,
    .flags_of = flags_of,
    .build = build,
    .release = release,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .penalty = penalty,
    .flops = flops,
    .integers = integers,
    .prepare = prepare,
    .discard = discard,
    .prepared_bytes = prepared_bytes,
    .adapter = &adapter,
    .read = read,
    .write = write,
    .examples =
        (const struct ls_layer_example[]){
            {"layer: {Dense: {units: 3, activation: softmax}}", "[4, 2]", 1},
            {"layer: {Dense: {units: 2, activation: gelu, name: scores, trainable: false}}",
             "[2, 3, 2]", 1},
            {"layer: Flatten", "[2, 2, 3]", 1},
            {"layer: {Dropout: {rate: 0.5}}", "[3, 4]", 1},
            {"layer: Masking", "[2, 3, 2]", 1},
            {"layer: {LSTM: {units: 2}}", "{masked: [2, 3, 2]}", 1},
            {"layer: {Bidirectional: {layer: {GRU: {units: 2, dropout: 0.4, activity_regularizer: "
             "l2}}}}",
             "[2, 3, 2]", 1},
            {"layer: {Normalization: {mean: [1, 2], variance: [1, 4]}}", "[3, 2]", 1},
            {"layer: {TimeDistributed: {layer: {Dense: {units: 2, activation: tanh}}}}",
             "[2, 3, 4]", 1},
            {0}},
};
