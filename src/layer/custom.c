/* A plugin's layer as a kind. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "layer/layer.h"

struct custom {
    struct ls_layer_kind layer;
    const struct ls_custom_layer *custom;
    size_t weights;
    struct ls_layer_example example[2];
};

static const struct custom *custom_of(const struct ls_layer *layer)
{
    return (const struct custom *)layer->kind;
}

_Static_assert((int)LS_CUSTOM_RANK_MAX == (int)LS_RANK_MAX &&
                   (int)LS_CUSTOM_WEIGHTS_MAX <= (int)LS_VARIABLES_MAX,
               "the plugin's limits are within ours");

/* -- shapes */

static struct ls_custom_shape to_custom(const struct ls_shape *shape)
{
    struct ls_custom_shape made = {.rank = shape->rank};
    memcpy(made.size, shape->size, sizeof made.size);
    return made;
}

/* What the plugin wrote is checked: it comes from code that is not ours. */
static ls_status from_custom(const struct ls_layer *layer, struct ls_shape *shape,
                             const struct ls_custom_shape *custom, const char *what)
{
    bool valid = custom->rank >= 0 && custom->rank <= LS_RANK_MAX;
    for (int i = 0; valid && i < custom->rank; i++)
        valid = custom->size[i] >= 1;
    if (!valid)
        return ls_layer_fail(layer,
                             "the plugin gives its %s no shape of %d axes at most, of sizes "
                             "of 1 and more",
                             what, LS_RANK_MAX);
    *shape = (struct ls_shape){.rank = custom->rank};
    memcpy(shape->size, custom->size, (size_t)custom->rank * sizeof *shape->size);
    if (ls_shape_count(shape) > (int64_t)1 << 40) /* times rows still far from overflow */
        return ls_layer_fail(layer, "the plugin's %s has %lld numbers: too many", what,
                             (long long)ls_shape_count(shape));
    return LS_OK;
}

/* What the plugin says of a use with these inputs. */
struct said {
    struct ls_shape output, weight[LS_VARIABLES_MAX];
    size_t saved_floats;
};

static ls_status ask(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                     struct said *said)
{
    const struct custom *kind = custom_of(layer);
    struct ls_custom_shape input[LS_TENSORS_MAX], weight[LS_VARIABLES_MAX];
    char message[LS_CUSTOM_MESSAGE] = "";
    LS_TRY(ls_layer_check_inputs(layer, shapes->inputs));
    memset(weight, 0, sizeof weight);
    for (size_t i = 0; i < shapes->inputs; i++)
        input[i] = to_custom(&shapes->in[i]);
    struct ls_custom_layer_shapes call = {.option = ls_custom_numbers(layer->options, 0),
                                          .inputs = shapes->inputs,
                                          .input = input,
                                          .output = input[0],
                                          .weight = weight,
                                          .message = message};
    if (kind->custom->shape && kind->custom->shape(&call) != LS_OK) {
        message[sizeof message - 1] = '\0';
        return ls_layer_fail(layer, "%s", *message ? message : "its inputs do not suit it");
    }
    LS_TRY(from_custom(layer, &said->output, &call.output, "output"));
    for (size_t i = 0; i < kind->weights; i++)
        LS_TRY(from_custom(layer, &said->weight[i], &weight[i], kind->custom->weights[i].name));
    said->saved_floats = call.saved_floats;
    return LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    struct said said;
    LS_TRY(ask(layer, shapes, &said));
    for (size_t i = 0; i < layer->variables; i++) /* of an earlier use */
        if (!ls_shape_equal(&said.weight[i], &layer->variable[i].shape))
            return ls_layer_fail(layer,
                                 "the weight '%s' would need another shape than in its first use",
                                 layer->variable[i].name);
    shapes->outputs = 1;
    shapes->out[0] = said.output;
    needs->saved_floats_per_row = said.saved_floats;
    return LS_OK;
}

/* Its options are numbers, then an initializer a weight. */
static const struct ls_instance *initializers(const struct ls_layer *layer)
{
    const struct custom *kind = custom_of(layer);
    size_t bytes = kind->layer.kind.options_size - kind->weights * sizeof(struct ls_instance);
    return (const struct ls_instance *)((const char *)layer->options + bytes);
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct custom *kind = custom_of(layer);
    struct said said;
    LS_TRY(ask(layer, shapes, &said));
    for (size_t i = 0; i < kind->weights; i++)
        layer->variable[i] = (struct ls_variable){.name = kind->custom->weights[i].name,
                                                  .shape = said.weight[i],
                                                  .trainable = true,
                                                  .initializer = &initializers(layer)[i]};
    layer->variables = kind->weights;
    return LS_OK;
}

/* -- passes */

typedef void pass_function(const struct ls_custom_layer_call *call);

static void pass(const struct ls_call *call, pass_function *function)
{
    struct ls_custom_shape input[LS_TENSORS_MAX];
    struct ls_custom_shape output = to_custom(&call->shapes->out[0]);
    for (size_t i = 0; i < call->shapes->inputs; i++)
        input[i] = to_custom(&call->shapes->in[i]);
    function(&(struct ls_custom_layer_call){
        .option = ls_custom_numbers(call->layer->options, 0),
        .rows = call->rows,
        .training = call->training,
        .inputs = call->shapes->inputs,
        .input_shape = input,
        .output_shape = &output,
        .input = call->in,
        .output = call->out[0],
        .weight = call->weight,
        .saved = call->saved,
        .output_gradient = call->out_grad ? call->out_grad[0] : NULL,
        .input_gradient = call->in_grad,
        .weight_gradient = call->weight_grad,
    });
}

static void forward(const struct ls_call *call)
{
    if (call->rows > 0)
        pass(call, custom_of(call->layer)->custom->forward);
}

/* The plugin always adds to the weights' gradients, so that it need not know of other uses. */
static void backward(const struct ls_call *call)
{
    const struct ls_layer *layer = call->layer;
    for (size_t i = 0; !call->accumulate && i < layer->variables; i++)
        if (call->weight_grad[i])
            memset(call->weight_grad[i], 0,
                   (size_t)ls_shape_count(&layer->variable[i].shape) * sizeof(float));
    if (call->rows > 0)
        pass(call, custom_of(layer)->custom->backward);
}

/* -- the kind */

static ls_status check(const struct ls_custom_layer *custom)
{
    if (!custom->forward || !custom->backward)
        return ls_fail(LS_BAD_INPUT, "a layer needs the functions forward and backward");
    if (custom->weights && custom->weights[0].name && !custom->shape)
        return ls_fail(LS_BAD_INPUT,
                       "a layer with weights needs the function shape, which gives them shapes");
    size_t weights = 0;
    while (custom->weights && custom->weights[weights].name)
        weights++;
    if (weights > LS_CUSTOM_WEIGHTS_MAX)
        return ls_fail(LS_BAD_INPUT, "a layer has %d weights at most, not %zu",
                       LS_CUSTOM_WEIGHTS_MAX, weights);
    if (custom->least_inputs > custom->most_inputs || custom->most_inputs > LS_TENSORS_MAX)
        return ls_fail(LS_BAD_INPUT,
                       "a layer has least_inputs to most_inputs inputs, %d at most, not %zu to %zu",
                       LS_TENSORS_MAX, custom->least_inputs, custom->most_inputs);
    return LS_OK;
}

ls_status ls_layer_custom(const struct ls_kind **kind, const struct ls_custom_layer *custom)
{
    struct custom *made = NULL;
    LS_TRY(check(custom));
    LS_TRY(ls_custom_create(&made, &(struct ls_custom_source){.custom = &custom->kind,
                                                              .kind_bytes = sizeof *made,
                                                              .weights = custom->weights,
                                                              .initializers = &ls_initializers}));
    made->custom = custom;
    while (custom->weights && custom->weights[made->weights].name)
        made->weights++;
    if (custom->most_inputs > 1) { /* else it is one, which 0 stands for */
        made->layer.least_inputs = custom->least_inputs;
        made->layer.most_inputs = custom->most_inputs;
    }
    made->layer.flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT;
    made->layer.build = build;
    made->layer.shape = shape;
    made->layer.forward = forward;
    made->layer.backward = backward;
    made->example[0] =
        (struct ls_layer_example){ls_custom_examples(&custom->kind)[0], custom->example, 0};
    if (!custom->example)
        made->example[0].options = NULL;
    made->layer.examples = made->example;
    *kind = &made->layer.kind;
    return LS_OK;
}
