/* LayerNormalization (Ba, Kiros and Hinton, 2016), GroupNormalization (Wu and He, 2018),
 * RMSNormalization and UnitNormalization: each sample by its own numbers, in groups (groups.h). */
#include "layer/call.h"
#include "layer/groups.h"
#include "layer/options.h"

/* Of all kinds here; each has some of it in its table. */
struct normalization {
    struct ls_ints axes;
    int64_t axis, groups; /* GroupNormalization */
    double epsilon;
    bool center, scale, rms_scaling;
    struct ls_weight_options beta, gamma;
};

extern const struct ls_layer_kind ls_layer_layer_normalization, ls_layer_group_normalization,
    ls_layer_rms_normalization, ls_layer_unit_normalization;

/* UnitNormalization divides by no less. */
static const double least_norm = 1e-12;

#define OPTION(member) offsetof(struct normalization, member)
#define AXES_OPTION                                                                                \
    {                                                                                              \
        .name = "axis", .type = LS_OPTION_INTS, .offset = OPTION(axes), .initial = "-1",           \
        .help = "one or several, along which numbers belong together (the samples are axis 0)"     \
    }
#define EPSILON_OPTION(first, of)                                                                  \
    {                                                                                              \
        .name = "epsilon", .type = LS_OPTION_FLOAT, .offset = OPTION(epsilon), .initial = first,   \
        .max = INFINITY, .help = "added to the " of                                                \
    }
#define CENTER_OPTION                                                                              \
    {                                                                                              \
        .name = "center", .type = LS_OPTION_BOOL, .offset = OPTION(center), .initial = "true",     \
        .help = "add a beta a place along the axis or axes"                                        \
    }
#define SCALE_OPTION                                                                               \
    {                                                                                              \
        .name = "scale", .type = LS_OPTION_BOOL, .offset = OPTION(scale), .initial = "true",       \
        .help = "multiply by a gamma a place along the axis or axes"                               \
    }
#define WEIGHT_OPTIONS                                                                             \
    LS_INITIALIZER_OPTION("beta", struct normalization, beta, "Zeros"),                            \
        LS_INITIALIZER_OPTION("gamma", struct normalization, gamma, "Ones"),                       \
        LS_REGULARIZER_OPTION("beta", struct normalization, beta),                                 \
        LS_REGULARIZER_OPTION("gamma", struct normalization, gamma),                               \
        LS_CONSTRAINT_OPTION("beta", struct normalization, beta),                                  \
        LS_CONSTRAINT_OPTION("gamma", struct normalization, gamma)

static const struct ls_option layer_options[] = {
    AXES_OPTION,
    EPSILON_OPTION("0.001", "variance"),
    CENTER_OPTION,
    SCALE_OPTION,
    {.name = "rms_scaling",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(rms_scaling),
     .initial = "false",
     .unwritten = true,
     .help = "leave the mean, add no beta: for old files (see RMSNormalization)"},
    WEIGHT_OPTIONS,
    {.name = NULL},
};

static const struct ls_option group_options[] = {
    {.name = "groups",
     .type = LS_OPTION_INT,
     .offset = OPTION(groups),
     .initial = "32",
     .min = -1,
     .max = INT32_MAX,
     .help = "of the channels; -1: each is one"},
    {.name = "axis",
     .type = LS_OPTION_INT,
     .offset = OPTION(axis),
     .initial = "-1",
     .help = "the channels' axis (the samples are axis 0)"},
    EPSILON_OPTION("0.001", "variance"),
    CENTER_OPTION,
    SCALE_OPTION,
    WEIGHT_OPTIONS,
    {.name = NULL},
};

static const struct ls_option rms_options[] = {
    AXES_OPTION,
    EPSILON_OPTION("1e-6", "mean of the squares"),
    {.name = NULL},
};

static const struct ls_option unit_options[] = {
    AXES_OPTION,
    {.name = NULL},
};

/* -- groups */

static ls_status set_parts(const struct ls_layer *layer, const struct ls_shape *in,
                           struct ls_groups *groups, struct ls_shape *weight)
{
    const struct normalization *o = layer->options;
    LS_TRY(ls_layer_axis(layer, in, "axis", o->axis, &groups->axis));
    int64_t channels = in->size[groups->axis];
    groups->parts = o->groups == -1 ? channels : o->groups;
    *weight = (struct ls_shape){1, {channels}};
    if (groups->parts == 0)
        return ls_layer_fail(layer, "groups: expected a number above 0, or -1");
    if (channels % groups->parts != 0)
        return ls_layer_fail(layer, "groups: %lld channels are not %lld groups of one size",
                             (long long)channels, (long long)groups->parts);
    return LS_OK;
}

/* Keras lays the scale of RMSNormalization over the last axes, whatever its axes are: what is right
 * where it has these, in their order. */
static ls_status check_last(const struct ls_layer *layer, const struct ls_shape *in,
                            const struct ls_groups *groups, const struct ls_shape *weight)
{
    bool last = true;
    for (int i = 0; i < in->rank; i++)
        last &= groups->along[i] == (i >= in->rank - weight->rank);
    for (int i = 0; i < weight->rank; i++)
        last &= weight->size[i] == in->size[in->rank - weight->rank + i];
    return last ? LS_OK : ls_layer_fail(layer, "axis: only the last axes, in their order");
}

/* With the shape of gamma and beta. */
static ls_status set_groups(const struct ls_layer *layer, const struct ls_shape *in,
                            struct ls_groups *groups, struct ls_shape *weight)
{
    const struct normalization *o = layer->options;
    *groups = (struct ls_groups){.epsilon = o->epsilon, .gamma = -1, .beta = -1};
    if (layer->kind == &ls_layer_unit_normalization) {
        groups->mode = LS_GROUPS_UNIT;
        groups->epsilon = least_norm;
    } else if (layer->kind == &ls_layer_rms_normalization) {
        groups->mode = LS_GROUPS_RMS;
        groups->gamma = 0;
    } else {
        groups->mode = o->rms_scaling ? LS_GROUPS_SCALED : LS_GROUPS_CENTERED;
        groups->gamma = o->scale || o->rms_scaling ? 0 : -1;
        groups->beta = o->center && !o->rms_scaling ? groups->gamma + 1 : -1;
    }
    if (layer->kind == &ls_layer_group_normalization)
        return set_parts(layer, in, groups, weight);
    LS_TRY(ls_groups_along(groups, layer, &o->axes, in, weight));
    return groups->mode == LS_GROUPS_RMS ? check_last(layer, in, groups, weight) : LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    struct ls_groups groups;
    struct ls_shape weight;
    LS_TRY(set_groups(layer, &shapes->in[0], &groups, &weight));
    ls_groups_needs(&groups, &shapes->in[0], needs);
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    return LS_OK;
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    extern const struct ls_initializer_kind ls_initializer_ones;
    static const struct ls_weight_options ones = {.initializer = {&ls_initializer_ones.kind, NULL}};
    const struct normalization *o = layer->options;
    bool rms = layer->kind == &ls_layer_rms_normalization;
    struct ls_groups groups;
    struct ls_shape weight;
    LS_TRY(set_groups(layer, &shapes->in[0], &groups, &weight));
    if (groups.gamma >= 0)
        ls_layer_declare(layer, rms ? "scale" : "gamma", weight, rms ? &ones : &o->gamma);
    if (groups.beta >= 0)
        ls_layer_declare(layer, "beta", weight, &o->beta);
    return LS_OK;
}

static struct ls_groups groups_of(const struct ls_call *call)
{
    struct ls_groups groups;
    struct ls_shape weight;
    (void)set_groups(call->layer, &call->shapes->in[0], &groups, &weight); /* `shape` checked it */
    return groups;
}

static ls_status prepare(const struct ls_call *call, void **prepared)
{
    struct ls_groups groups = groups_of(call);
    return ls_groups_prepare(&groups, call, prepared);
}

static void forward(const struct ls_call *call)
{
    struct ls_groups groups = groups_of(call);
    ls_groups_forward(&groups, call);
}

static void backward(const struct ls_call *call)
{
    struct ls_groups groups = groups_of(call);
    ls_groups_backward(&groups, call);
}

/* -- the kinds */

#define FUNCTIONS                                                                                  \
    .build = build, .shape = shape, .prepare = prepare, .discard = ls_groups_discard,              \
    .forward = forward, .backward = backward

const struct ls_layer_kind ls_layer_layer_normalization = {
    .kind = {.name = "LayerNormalization",
             .summary = "(x - mean) / sqrt(variance + epsilon) gamma + beta, by each sample's "
                        "numbers along some axes",
             .options = layer_options,
             .options_size = sizeof(struct normalization)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_IN_PLACE,
    FUNCTIONS,
    .examples =
        (const struct ls_layer_example[]){
            {"{}", "[5]", 1},
            {"epsilon: 0.01, gamma_regularizer: l2, beta_regularizer: l1", "[3, 19]", 1},
            {"axis: [1, -1], beta_initializer: ones", "[3, 4]", 1},
            {"axis: [-1, 1], gamma_initializer: {Constant: {value: 0.5}}", "[3, 2, 4]", 1},
            {"axis: 1, center: false, gamma_constraint: null, beta_constraint: null", "[4, 3]", 1},
            {"axis: [2, 3], scale: false", "[2, 3, 2]", 1},
            {"rms_scaling: true", "[2, 6]", 1},
            {"rms_scaling: true, scale: false, axis: 1", "[3, 2]", 1},
            {0}},
};

const struct ls_layer_kind ls_layer_group_normalization = {
    .kind = {.name = "GroupNormalization",
             .summary = "(x - mean) / sqrt(variance + epsilon) gamma + beta, by each sample's "
                        "groups of channels",
             .options = group_options,
             .options_size = sizeof(struct normalization)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_IN_PLACE,
    FUNCTIONS,
    .examples =
        (const struct ls_layer_example[]){
            {"groups: 2", "[6]", 1},
            {"groups: 3, epsilon: 0.01, gamma_regularizer: l2, beta_regularizer: l1", "[2, 3, 9]",
             1},
            {"groups: -1, axis: 1, center: false, gamma_initializer: {Constant: {value: 0.5}}",
             "[3, 4]", 1},
            {"groups: 2, axis: -2, scale: false, beta_initializer: ones", "[3, 4, 2]", 1},
            {"groups: 1, beta_constraint: null, gamma_constraint: null", "[2, 3]", 1},
            {0}},
};

const struct ls_layer_kind ls_layer_rms_normalization = {
    .kind = {.name = "RMSNormalization",
             .summary = "x / sqrt(mean of squares + epsilon) scale, by each sample's numbers along "
                        "some axes",
             .options = rms_options,
             .options_size = sizeof(struct normalization)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_IN_PLACE,
    FUNCTIONS,
    .examples = (const struct ls_layer_example[]){{"{}", "[5]", 1},
                                                  {"epsilon: 0.1", "[3, 17]", 1},
                                                  {"axis: [-1, 2], epsilon: 0.01", "[2, 3, 3]", 1},
                                                  {0}},
};

const struct ls_layer_kind ls_layer_unit_normalization = {
    .kind = {.name = "UnitNormalization",
             .summary = "x / sqrt(sum of squares), of each sample's numbers along some axes",
             .options = unit_options,
             .options_size = sizeof(struct normalization)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_IN_PLACE,
    FUNCTIONS,
    .examples =
        (const struct ls_layer_example[]){
            {"{}", "[5]", 1}, {"axis: [1, 2]", "[3, 6]", 1}, {"axis: 1", "[3, 4]", 1}, {0}},
};
