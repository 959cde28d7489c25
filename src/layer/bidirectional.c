/* Bidirectional: two recurrent layers over one series, from its beginning and from its end
 * (Schuster and Paliwal, IEEE Trans. Signal Processing 45, 1997), their results merged. What comes
 * out of the second has its last step first: it is turned round before it is merged, where all
 * steps come out. */
#include "layer/bidirectional.h"

#include <string.h>

#include "base/memory.h"
#include "layer/call.h"

static const char *const merge_modes[] = {"concat", "sum", "mul", "ave", NULL};

static const struct ls_option options[] = {
    {.name = "layer",
     .type = LS_OPTION_INNER,
     .offset = offsetof(struct ls_bidirectional, layer),
     .registry = &ls_layers,
     .help = "a recurrent layer, for one direction"},
    {.name = "merge_mode",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct ls_bidirectional, merge_mode),
     .initial = "concat",
     .nullable = true,
     .choices = merge_modes,
     .help = "how the two results become one; null: they are two results"},
    {.name = "backward_layer",
     .type = LS_OPTION_INNER,
     .offset = offsetof(struct ls_bidirectional, backward_layer),
     .initial = "null",
     .registry = &ls_layers,
     .help = "for the other direction; null: as layer, with go_backwards turned round"},
    {.name = NULL},
};

/* -- the options of the layers in it */

/* A bool option of the layer, or NULL where its kind has none of the name. */
static bool *find_bool(const struct ls_inner *inner, const char *name)
{
    const struct ls_kind *kind = inner->instance.kind;
    for (const struct ls_option *option = kind->options; option && option->name; option++)
        if (option->type == LS_OPTION_BOOL && strcmp(option->name, name) == 0)
            return (bool *)((char *)inner->instance.options + option->offset);
    return NULL;
}

static ls_status check_recurrent(const struct ls_layer *layer, const struct ls_inner *inner)
{
    if (find_bool(inner, "go_backwards") && find_bool(inner, "return_sequences") &&
        find_bool(inner, "return_state"))
        return LS_OK;
    return ls_layer_fail(layer, "it takes a recurrent layer (SimpleRNN, LSTM, GRU), not %s",
                         inner->instance.kind->name);
}

static const struct ls_inner *given(const struct ls_layer *layer, int direction)
{
    const struct ls_bidirectional *o = layer->options;
    return direction == LS_BOTH_BACKWARD && o->backward_layer.instance.kind ? &o->backward_layer
                                                                            : &o->layer;
}

static bool makes_backward(const struct ls_layer *layer)
{
    return given(layer, LS_BOTH_BACKWARD) == given(layer, LS_BOTH_FORWARD);
}

static ls_status check_options(const struct ls_layer *layer)
{
    static const char *const same[] = {"return_sequences", "return_state"};
    const struct ls_inner *one = given(layer, LS_BOTH_FORWARD),
                          *other = given(layer, LS_BOTH_BACKWARD);
    LS_TRY(check_recurrent(layer, one));
    LS_TRY(check_recurrent(layer, other));
    for (size_t i = 0; i < 2; i++)
        if (*find_bool(one, same[i]) != *find_bool(other, same[i]))
            return ls_layer_fail(layer, "layer and backward_layer have different %s", same[i]);
    if (!makes_backward(layer) &&
        *find_bool(one, "go_backwards") == *find_bool(other, "go_backwards"))
        return ls_layer_fail(layer, "layer and backward_layer go the same way: one of them has "
                                    "go_backwards: true");
    return LS_OK;
}

static bool returns_sequences(const struct ls_layer *layer)
{
    return *find_bool(given(layer, LS_BOTH_FORWARD), "return_sequences");
}

/* As Keras has them: masked steps of all steps' results are zeros. */
static ls_status copy_inner(struct ls_inner *inner, const struct ls_layer *layer, int direction)
{
    LS_TRY(ls_inner_copy(inner, given(layer, direction)));
    bool *zero = find_bool(inner, "zero_output_for_mask");
    bool *backwards = find_bool(inner, "go_backwards");
    if (zero)
        *zero = *find_bool(inner, "return_sequences");
    if (direction == LS_BOTH_BACKWARD && makes_backward(layer))
        *backwards = !*backwards;
    return LS_OK;
}

/* -- shapes */

/* The calls of both layers. */
static void split_inputs(struct ls_call_shapes *to, const struct ls_call_shapes *from,
                         int direction)
{
    size_t half = (from->inputs - from->masks - 1) / 2, mask = from->mask_of[0];
    *to = (struct ls_call_shapes){.inputs = 1 + half};
    to->in[0] = from->in[0];
    for (size_t i = 0; i < half; i++) {
        to->in[1 + i] = from->in[1 + (size_t)direction * half + i];
        to->name_of[1 + i] = from->name_of[1 + i];
    }
    if (mask) {
        to->mask_of[0] = (uint8_t)to->inputs;
        to->in[to->inputs++] = from->in[mask];
        to->masks = 1;
    }
}

ls_status ls_both_find_shapes(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                              struct ls_both_shapes *both)
{
    size_t states = shapes->inputs - shapes->masks - 1;
    if (states % 2 != 0)
        return ls_layer_fail(layer,
                             "its initial state has %zu tensors: each of the two layers "
                             "takes a half of them",
                             states);
    for (int d = 0; d < LS_BOTH; d++) {
        const struct ls_layer inner = ls_wrapped_layer(layer, given(layer, d));
        split_inputs(&both->shapes[d], shapes, d);
        LS_TRY(ls_wrapped_shape(&inner, &both->shapes[d], &both->needs[d]));
    }
    return LS_OK;
}

static ls_status check_sides(const struct ls_layer *layer, const struct ls_both_shapes *both)
{
    const struct ls_bidirectional *o = layer->options;
    const struct ls_call_shapes *s = both->shapes;
    char text[LS_BOTH][LS_SHAPE_TEXT];
    for (int d = 0; d < LS_BOTH; d++)
        ls_shape_format(text[d], &s[d].out[0]);
    if (!ls_shape_equal(&s[LS_BOTH_FORWARD].out[0], &s[LS_BOTH_BACKWARD].out[0]) ||
        s[LS_BOTH_FORWARD].outputs != s[LS_BOTH_BACKWARD].outputs)
        return ls_layer_fail(layer,
                             "layer and backward_layer give results of different shapes: %s and %s",
                             text[LS_BOTH_FORWARD], text[LS_BOTH_BACKWARD]);
    if (o->merge_mode == LS_BOTH_SEPARATE && s->masks > 0 && returns_sequences(layer))
        return ls_layer_fail(layer, "merge_mode: with null, series that are masked are not "
                                    "supported: only one result can have a mask");
    return LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct ls_bidirectional *o = layer->options;
    struct ls_both_shapes both;
    LS_TRY(check_options(layer));
    LS_TRY(ls_both_find_shapes(layer, shapes, &both));
    LS_TRY(check_sides(layer, &both));
    const struct ls_shape *result = &both.shapes[LS_BOTH_FORWARD].out[0];
    shapes->outputs = o->merge_mode == LS_BOTH_SEPARATE ? 2 : 1;
    shapes->out[0] = shapes->out[1] = *result;
    if (o->merge_mode == LS_BOTH_CONCAT)
        shapes->out[0].size[result->rank - 1] *= 2;
    for (int d = 0; d < LS_BOTH; d++)
        for (size_t s = 1; s < both.shapes[d].outputs; s++)
            shapes->out[shapes->outputs++] = both.shapes[d].out[s];
    ls_both_find_needs(&both, needs);
    return ls_layer_check_size(layer, &shapes->out[0]);
}

/* -- building */

static void release(struct ls_layer *layer)
{
    struct ls_both *state = layer->state;
    for (int d = 0; d < LS_BOTH; d++) {
        ls_wrapped_release(&state->wrapped[d]);
        ls_inner_release(&state->inner[d]);
    }
}

static ls_status build_side(struct ls_layer *layer, const struct ls_both_shapes *both,
                            int direction)
{
    static const char *const attributes[] = {"forward_layer", "backward_layer"};
    struct ls_both *state = layer->state;
    bool kept = direction == LS_BOTH_BACKWARD && !makes_backward(layer) &&
                given(layer, LS_BOTH_BACKWARD)->name;
    LS_TRY(copy_inner(&state->inner[direction], layer, direction));
    LS_TRY(ls_wrapped_build(&state->wrapped[direction], layer,
                            &(struct ls_wrapped_parts){.inner = &state->inner[direction],
                                                       .prefix = direction == LS_BOTH_FORWARD
                                                                     ? "forward_"
                                                                 : kept ? ""
                                                                        : "backward_",
                                                       .attribute = attributes[direction],
                                                       .shapes = &both->shapes[direction]}));
    if (state->wrapped[direction].layer.activity_regularizer)
        layer->activity_regularizer = state->wrapped[direction].layer.activity_regularizer;
    return LS_OK;
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    struct ls_both_shapes both;
    ls_status status;
    LS_TRY(ls_both_find_shapes(layer, shapes, &both));
    LS_TRY(ls_allocate(&layer->state, 1, sizeof(struct ls_both)));
    const struct ls_wrapped *wrapped = ((struct ls_both *)layer->state)->wrapped;
    LS_TRY_OUT(build_side(layer, &both, LS_BOTH_FORWARD));
    LS_TRY_OUT(build_side(layer, &both, LS_BOTH_BACKWARD));
    if (strcmp(wrapped[LS_BOTH_FORWARD].name, wrapped[LS_BOTH_BACKWARD].name) == 0)
        status = ls_layer_fail(layer, "layer and backward_layer have the same name, '%s'",
                               wrapped[LS_BOTH_FORWARD].name);
out:
    if (status != LS_OK) {
        layer->variables = 0;
        layer->activity_regularizer = NULL;
        ls_layer_forget(layer);
    }
    return status;
}

static unsigned flags_of(const struct ls_layer *layer)
{
    unsigned flags = 0;
    for (int d = 0; d < LS_BOTH; d++) {
        const struct ls_layer inner = ls_wrapped_layer(layer, given(layer, d));
        flags |= ls_layer_flags(&inner);
    }
    return flags & (LS_LAYER_READS_IN | LS_LAYER_READS_OUT | LS_LAYER_READS_MASK |
                    LS_LAYER_PASSES_MASK | LS_LAYER_REFUSES_MASKS | LS_LAYER_STATES);
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct ls_both *state = layer->state;
    for (int d = 0; d < LS_BOTH; d++) {
        struct ls_call_shapes side;
        split_inputs(&side, shapes, d);
        ls_wrapped_flops(&state->wrapped[d], &side, 1, flops);
    }
}

/* -- Keras' configs */

static ls_status read(struct ls_tree *config)
{
    LS_TRY(ls_wrapped_read(config, "layer"));
    return ls_wrapped_read(config, "backward_layer");
}

static ls_status write(const struct ls_layer *layer, struct ls_tree *config)
{
    const struct ls_both *state = layer->state;
    LS_TRY(ls_wrapped_write(&state->wrapped[LS_BOTH_FORWARD], &state->inner[LS_BOTH_FORWARD],
                            config, "layer"));
    return ls_wrapped_write(&state->wrapped[LS_BOTH_BACKWARD], &state->inner[LS_BOTH_BACKWARD],
                            config, "backward_layer");
}

static const struct ls_layer_example examples[] = {
    {"layer: {LSTM: {units: 2}}", "[4, 3]", 1},
    {"layer: {LSTM: {units: 2, return_sequences: true}}, merge_mode: mul", "[3, 2]", 1},
    {"layer: {LSTM: {units: 2, return_sequences: true}}, merge_mode: sum", "{masked: [4, 2]}", 1},
    {"layer: {LSTM: {units: 2, return_sequences: true}}, merge_mode: null", "[4, 2]", 1},
    {"layer: {LSTM: {units: 2, return_state: true, dropout: 0.3, recurrent_dropout: 0.2}}, "
     "merge_mode: ave",
     "[[3, 2], [2], [2], [2], [2]]", 1},
    {"layer: {LSTM: {units: 2, return_sequences: true, return_state: true}}, merge_mode: null, "
     "backward_layer: {LSTM: {units: 2, activation: gelu, return_sequences: true, return_state: "
     "true, go_backwards: true, trainable: false}}",
     "[3, 2]", 1},
    {"layer: {LSTM: {units: 2, return_sequences: true, activity_regularizer: l2, name: a}}",
     "{masked: [4, 2]}", 1},
    {0},
};

const struct ls_layer_kind ls_layer_bidirectional = {
    .kind = {.name = "Bidirectional",
             .summary = "a recurrent layer over a series in both directions",
             .options = options,
             .options_size = sizeof(struct ls_bidirectional)},
    .flags = LS_LAYER_READS_MASK | LS_LAYER_STATES,
    .flags_of = flags_of,
    .least_inputs = 1,
    .most_inputs = 5,
    .build = build,
    .release = release,
    .shape = shape,
    .forward = ls_both_forward,
    .backward = ls_both_backward,
    .penalty = ls_both_penalty,
    .prepare = ls_both_prepare,
    .discard = ls_both_discard,
    .flops = flops,
    .read = read,
    .write = write,
    .examples = examples,
};
