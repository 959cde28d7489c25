/* Layers that change no number: InputLayer, Flatten, Reshape, Identity. */
#include "layer/call.h"
#include "layer/options.h"

/* -- InputLayer */

struct input {
    struct ls_ints shape;
    bool sparse, ragged, optional;
};

static const struct ls_option input_options[] = {
    {.name = "shape",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct input, shape),
     .min = 1,
     .max = INT32_MAX,
     .help = "the shape of a sample: [28, 28]"},
    {.name = "sparse",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct input, sparse),
     .initial = "false",
     .refused = "is not supported: inputs are dense",
     .help = "false: inputs are dense"},
    {.name = "ragged",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct input, ragged),
     .initial = "false",
     .refused = "is not supported: all samples have one shape",
     .help = "false: all samples have one shape"},
    {.name = "optional",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct input, optional),
     .initial = "false",
     .refused = "is not supported: every input is given",
     .help = "false: every input is given"},
    {.name = NULL},
};

static ls_status input_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                             struct ls_call_needs *needs)
{
    const struct input *o = layer->options;
    (void)needs;
    shapes->outputs = 1;
    shapes->out[0] = (struct ls_shape){.rank = (int)o->shape.count};
    for (size_t i = 0; i < o->shape.count; i++)
        shapes->out[0].size[i] = o->shape.value[i];
    return LS_OK;
}

/* Keras writes batch_shape, [null, 28, 28]; Keras 2 batch_input_shape. */
static ls_status input_read(struct ls_tree *config)
{
    const struct ls_tree *found = ls_tree_find(config, "batch_shape");
    if (!found)
        found = ls_tree_find(config, "batch_input_shape");
    if (!found)
        return LS_OK;
    if (found->type != LS_TREE_LIST || found->count == 0)
        return ls_fail_at(found, LS_BAD_INPUT, "expected a list, the samples' axis first");
    if (ls_tree_find(config, "shape"))
        return ls_fail_at(found, LS_BAD_INPUT, "only one of %s and shape can be given", found->key);
    struct ls_tree *shape = ls_tree_add(config, "shape", LS_TREE_LIST);
    if (!shape)
        return ls_fail(LS_FAILED, "out of memory");
    for (const struct ls_tree *size = found->child->next; size; size = size->next) {
        if (ls_tree_is_null(size))
            return ls_fail_at(found, LS_BAD_INPUT,
                              "only the samples' axis, the first, may be null");
        if (!ls_tree_add_copy(shape, NULL, size))
            return ls_fail(LS_FAILED, "out of memory");
    }
    ls_tree_remove((struct ls_tree *)found);
    return LS_OK;
}

static ls_status input_write(const struct ls_layer *layer, struct ls_tree *config)
{
    const struct input *o = layer->options;
    struct ls_tree *shape = (struct ls_tree *)ls_tree_find(config, "shape");
    if (shape)
        ls_tree_remove(shape);
    struct ls_tree *list = ls_tree_add(config, "batch_shape", LS_TREE_LIST);
    bool good = list && ls_tree_add_null(list, NULL);
    for (size_t i = 0; good && i < o->shape.count; i++)
        good = ls_tree_add_int(list, NULL, o->shape.value[i]);
    return good ? LS_OK : ls_fail(LS_FAILED, "out of memory");
}

static const char *const input_aliases[] = {"Input", NULL};

const struct ls_layer_kind ls_layer_input = {
    .kind = {.name = "InputLayer",
             .aliases = input_aliases,
             .summary = "an input of the model, and the shape of a sample of it",
             .options = input_options,
             .options_size = sizeof(struct input)},
    .flags = LS_LAYER_INPUT,
    .shape = input_shape,
    .read = input_read,
    .write = input_write,
    .examples = (const struct ls_layer_example[]){{"shape: [28, 28]", "[28, 28]", 1},
                                                  {"shape: [], sparse: false", "[]", 1},
                                                  {0}},
};

/* -- Flatten */

struct flatten {
    int data_format;
};

static const struct ls_option flatten_options[] = {
    LS_CHANNELS_LAST_OPTION(struct flatten),
    {.name = NULL},
};

static ls_status flatten_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                               struct ls_call_needs *needs)
{
    (void)layer;
    (void)needs;
    shapes->outputs = 1;
    shapes->out[0] = (struct ls_shape){.rank = 1, .size = {ls_shape_count(&shapes->in[0])}};
    return LS_OK;
}

const struct ls_layer_kind ls_layer_flatten = {
    .kind = {.name = "Flatten",
             .summary = "all axes of a sample as one",
             .options = flatten_options,
             .options_size = sizeof(struct flatten)},
    .flags = LS_LAYER_VIEW,
    .shape = flatten_shape,
    .examples = (const struct ls_layer_example[]){{"{}", "[2, 3]", 1},
                                                  {"data_format: channels_last", "[]", 1},
                                                  {0}},
};

/* -- Reshape */

struct reshape {
    struct ls_ints target_shape;
};

static const struct ls_option reshape_options[] = {
    {.name = "target_shape",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct reshape, target_shape),
     .min = -1,
     .max = INT32_MAX,
     .help = "the new shape of a sample; one axis may be -1: what is left"},
    {.name = NULL},
};

static ls_status reshape_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                               struct ls_call_needs *needs)
{
    const struct reshape *o = layer->options;
    int64_t count = ls_shape_count(&shapes->in[0]), known = 1;
    int open = -1;
    char text[LS_SHAPE_TEXT];
    struct ls_shape *out = &shapes->out[0];
    (void)needs;
    ls_shape_format(text, &shapes->in[0]);
    *out = (struct ls_shape){.rank = (int)o->target_shape.count};
    for (int i = 0; i < out->rank; i++) {
        out->size[i] = o->target_shape.value[i];
        if (out->size[i] == 0)
            return ls_layer_fail(layer, "target_shape: an axis has at least 1 element, or is -1");
        if (out->size[i] == -1 && open >= 0)
            return ls_layer_fail(layer, "target_shape: only one axis may be -1");
        if (out->size[i] == -1)
            open = i;
        else
            known = out->size[i] <= count / known ? known * out->size[i] : count + 1;
        if (known > count)
            break;
    }
    if (open >= 0)
        out->size[open] = count / known;
    if (known > count || (open >= 0 ? count % known : known != count))
        return ls_layer_fail(layer,
                             "target_shape: the %lld elements of a sample of %s do not fill it",
                             (long long)count, text);
    shapes->outputs = 1;
    return LS_OK;
}

const struct ls_layer_kind ls_layer_reshape = {
    .kind = {.name = "Reshape",
             .summary = "the elements of a sample in another shape",
             .options = reshape_options,
             .options_size = sizeof(struct reshape)},
    .flags = LS_LAYER_VIEW,
    .shape = reshape_shape,
    .examples = (const struct ls_layer_example[]){{"target_shape: [2, 3]", "[6]", 1},
                                                  {"target_shape: [-1, 2]", "[2, 4]", 1},
                                                  {0}},
};

/* -- Identity */

const struct ls_layer_kind ls_layer_identity = {
    .kind = {.name = "Identity", .summary = "its input as it is"},
    .flags = LS_LAYER_VIEW | LS_LAYER_SAME | LS_LAYER_PASSES_MASK,
    .examples = (const struct ls_layer_example[]){{"{}", "[2, 3]", 1}, {"{}", "[]", 1}, {0}},
};
