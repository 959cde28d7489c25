/* Normalization: (x - mean) / max(sqrt(variance), 1e-7) with a mean and variance for each element
 * of the kept axes: given, or weights that are adapted on the data before the first step.
 *
 * A sample is read as a pattern of `columns` elements that repeats; map says which of the kept
 * elements each column has. */
#include "base/memory.h"
#include "kernel/kernels.h"
#include "layer/call.h"

struct normalization {
    struct ls_ints axis;
    struct ls_floats mean, variance;
    bool invert;
};

struct state {
    struct ls_shape kept;  /* sizes of the kept axes */
    size_t columns;        /* the pattern */
    uint32_t *map;         /* [columns] */
    float *mean, *deviate; /* [elements of kept] variance's root, when given; else NULL */
};

enum { MEAN, VARIANCE, COUNT };

static const struct ls_option options[] = {
    {.name = "axis",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct normalization, axis),
     .initial = "-1",
     .nullable = true,
     .help = "axes that have means of their own (the samples are axis 0); null: one mean for all"},
    {.name = "mean",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct normalization, mean),
     .initial = "null",
     .help = "null: of the training data"},
    {.name = "variance",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct normalization, variance),
     .initial = "null",
     .min = 0,
     .max = INFINITY,
     .help = "null: of the training data"},
    {.name = "invert",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct normalization, invert),
     .initial = "false",
     .help = "undo a normalization: x sqrt(variance) + mean"},
    {.name = NULL},
};

/* keep[i]: axis i of the sample is kept. */
static ls_status find_kept(const struct ls_layer *layer, const struct ls_shape *in,
                           bool keep[LS_RANK_MAX])
{
    const struct normalization *o = layer->options;
    for (int i = 0; i < LS_RANK_MAX; i++)
        keep[i] = false;
    for (size_t i = 0; i < o->axis.count; i++) {
        int64_t axis = o->axis.value[i];
        int64_t index = axis < 0 ? axis + in->rank : axis - 1; /* without the samples' axis */
        char text[LS_SHAPE_TEXT];
        ls_shape_format(text, in);
        if (axis == 0 || index == -1)
            return ls_layer_fail(layer,
                                 "axis: %lld is the samples' axis, which has no size of its own",
                                 (long long)axis);
        if (index < 0 || index >= in->rank)
            return ls_layer_fail(layer, "axis: %s has no axis %lld", text, (long long)axis);
        if (keep[index])
            return ls_layer_fail(layer, "axis: %lld is named twice", (long long)axis);
        keep[index] = true;
    }
    return LS_OK;
}

static size_t columns_of(const struct ls_shape *in, const bool keep[LS_RANK_MAX])
{
    for (int i = 0; i + 1 < in->rank; i++)
        if (keep[i])
            return (size_t)ls_shape_count(in);
    return ls_last_axis(in);
}

/* How many of the last kept axes a given list of `count` numbers is for; -1: none suits. */
static int given_axes(const struct ls_shape *kept, size_t count)
{
    size_t product = 1;
    for (int axes = 0; axes <= kept->rank; axes++) {
        if (axes > 0)
            product *= (size_t)kept->size[kept->rank - axes];
        if (product == count)
            return axes;
    }
    return -1;
}

static ls_status check_given(const struct ls_layer *layer, const struct ls_shape *kept)
{
    const struct normalization *o = layer->options;
    if (!o->mean.count != !o->variance.count)
        return ls_layer_fail(layer, "mean and variance are given together or not at all");
    if (o->mean.count != o->variance.count)
        return ls_layer_fail(layer, "mean has %zu numbers, variance %zu", o->mean.count,
                             o->variance.count);
    if (o->mean.count && given_axes(kept, o->mean.count) < 0)
        return ls_layer_fail(layer, "mean: expected %lld numbers for the kept axes, found %zu",
                             (long long)ls_shape_count(kept), o->mean.count);
    return LS_OK;
}

static struct ls_shape kept_shape(const struct ls_shape *in, const bool keep[LS_RANK_MAX])
{
    struct ls_shape kept = {0};
    for (int i = 0; i < in->rank; i++)
        if (keep[i])
            kept.size[kept.rank++] = in->size[i];
    return kept;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    bool keep[LS_RANK_MAX];
    const struct ls_shape *in = &shapes->in[0];
    LS_TRY(find_kept(layer, in, keep));
    struct ls_shape kept = kept_shape(in, keep);
    LS_TRY(check_given(layer, &kept));
    needs->work_floats = 2 * columns_of(in, keep);
    shapes->outputs = 1;
    shapes->out[0] = *in;
    return LS_OK;
}

static void fill_map(struct state *state, const struct ls_shape *in, const bool keep[LS_RANK_MAX])
{
    for (size_t column = 0; column < state->columns; column++) {
        size_t rest = column, step = 1, kept = 0;
        for (int i = in->rank; i-- > 0;) {
            size_t size = (size_t)in->size[i];
            if (keep[i]) {
                kept += rest % size * step;
                step *= size;
            }
            rest /= size;
        }
        state->map[column] = (uint32_t)kept;
    }
}

/* The divisor: never 0. */
static float deviation(float variance)
{
    static const float epsilon = 1e-7F;
    float root = sqrtf(variance);
    return root > epsilon ? root : epsilon;
}

static void fill_given(struct state *state, const struct normalization *o, size_t kept)
{
    for (size_t k = 0; k < kept; k++) {
        state->mean[k] = (float)o->mean.value[k % o->mean.count];
        state->deviate[k] = deviation((float)o->variance.value[k % o->variance.count]);
    }
}

static void declare(struct ls_layer *layer, size_t index, const char *name,
                    const struct ls_shape *shape)
{
    extern const struct ls_initializer_kind ls_initializer_ones;
    static const struct ls_instance ones = {&ls_initializer_ones.kind, NULL};
    layer->variable[index] = (struct ls_variable){
        .name = name, .shape = *shape, .initializer = index == VARIANCE ? &ones : NULL};
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct normalization *o = layer->options;
    const struct ls_shape *in = &shapes->in[0], scalar = {0};
    bool keep[LS_RANK_MAX];
    LS_TRY(find_kept(layer, in, keep));
    struct ls_shape kept = kept_shape(in, keep);
    size_t elements = (size_t)ls_shape_count(&kept), columns = columns_of(in, keep);
    size_t bytes = sizeof(struct state) + columns * sizeof(uint32_t) + 2 * elements * sizeof(float);
    LS_TRY(ls_allocate(&layer->state, bytes, 1));
    struct state *state = layer->state;
    state->kept = kept;
    state->columns = columns;
    state->map = (uint32_t *)(state + 1);
    fill_map(state, in, keep);
    if (o->mean.count) {
        state->mean = (float *)(state->map + columns);
        state->deviate = state->mean + elements;
        fill_given(state, o, elements);
        return LS_OK;
    }
    declare(layer, MEAN, "mean", &kept);
    declare(layer, VARIANCE, "variance", &kept);
    declare(layer, COUNT, "count", &scalar);
    layer->variables = 3;
    return LS_OK;
}

/* Fills work: means and factors, so that the result is (x - mean) factor. */
static void fill_work(const struct ls_call *call, bool gradient)
{
    const struct state *state = call->layer->state;
    const struct normalization *o = call->layer->options;
    float *mean = call->work, *factor = call->work + state->columns;
    for (size_t c = 0; c < state->columns; c++) {
        size_t k = state->map[c];
        float m = state->mean ? state->mean[k] : call->weight[MEAN][k];
        float d = state->mean ? state->deviate[k] : deviation(call->weight[VARIANCE][k]);
        factor[c] = o->invert ? d : 1 / d;
        mean[c] = gradient ? 0 : o->invert ? -m / d : m;
    }
}

static void apply(const struct ls_call *call, float *out, const float *in, bool gradient)
{
    const struct state *state = call->layer->state;
    fill_work(call, gradient);
    ls_k->normalize_columns(out, in, call->work, call->work + state->columns,
                            ls_call_elements(call) / state->columns, state->columns);
}

static void forward(const struct ls_call *call)
{
    apply(call, call->out[0], call->in[0], false);
}

static void backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        apply(call, call->in_grad[0], call->out_grad[0], true);
}

/* -- adapting: how many elements, then sums, then sums of squares, of each kept element. Float
 * inputs squared are exact in double, and what the sums lose does not show in a float: the inputs
 * themselves have lost more when the mean is that far from 0. ------------------------------------
 */

static size_t adapt_doubles(const struct ls_layer *layer)
{
    const struct state *state = layer->state;
    return state->mean ? 0 : 1 + 2 * (size_t)ls_shape_count(&state->kept);
}

static void adapt_add(const struct ls_layer *layer, double *sums, const float *in, int64_t rows,
                      const struct ls_shape *shape)
{
    const struct state *state = layer->state;
    size_t kept = (size_t)ls_shape_count(&state->kept);
    size_t n = (size_t)(rows * ls_shape_count(shape));
    sums[0] += (double)(n / kept);
    for (size_t i = 0; i < n; i += state->columns)
        for (size_t c = 0; c < state->columns; c++) {
            double x = in[i + c];
            sums[1 + state->map[c]] += x;
            sums[1 + kept + state->map[c]] += x * x;
        }
}

static ls_status adapt_finish(const struct ls_layer *layer, const double *sums,
                              float *const *weight)
{
    const struct state *state = layer->state;
    size_t kept = (size_t)ls_shape_count(&state->kept);
    if (!(sums[0] > 0))
        return ls_layer_fail(layer, "there are no samples to adapt it to");
    for (size_t k = 0; k < kept; k++) {
        double mean = sums[1 + k] / sums[0];
        double variance = sums[1 + kept + k] / sums[0] - mean * mean;
        weight[MEAN][k] = (float)mean;
        weight[VARIANCE][k] = variance > 0 ? (float)variance : 0;
    }
    weight[COUNT][0] = 0; /* as Keras leaves it */
    return LS_OK;
}

static const struct ls_layer_adapter adapter = {adapt_doubles, adapt_add, adapt_finish};

/* -- Keras' config: the lists have an axis for each axis that they are for */

static bool add_nested(struct ls_tree *parent, const char *key, const struct ls_shape *shape,
                       const double **next)
{
    if (shape->rank == 0)
        return ls_tree_add_double(parent, key, *(*next)++);
    struct ls_tree *list = ls_tree_add(parent, key, LS_TREE_LIST);
    struct ls_shape inner = {.rank = shape->rank - 1};
    for (int i = 0; i < inner.rank; i++)
        inner.size[i] = shape->size[i + 1];
    bool good = list;
    for (int64_t i = 0; good && i < shape->size[0]; i++)
        good = add_nested(list, NULL, &inner, next);
    return good;
}

static ls_status nest(const struct state *state, struct ls_tree *config, const char *key,
                      const struct ls_floats *list)
{
    struct ls_tree *flat = (struct ls_tree *)ls_tree_find(config, key);
    struct ls_shape shape = {.rank = given_axes(&state->kept, list->count)};
    const double *next = list->value;
    if (flat)
        ls_tree_remove(flat);
    for (int i = 0; i < shape.rank; i++)
        shape.size[i] = state->kept.size[state->kept.rank - shape.rank + i];
    return add_nested(config, key, &shape, &next) ? LS_OK : ls_fail(LS_FAILED, "out of memory");
}

static ls_status write(const struct ls_layer *layer, struct ls_tree *config)
{
    const struct normalization *o = layer->options;
    if (!o->mean.count)
        return LS_OK;
    LS_TRY(nest(layer->state, config, "mean", &o->mean));
    return nest(layer->state, config, "variance", &o->variance);
}

const struct ls_layer_kind ls_layer_normalization = {
    .kind = {.name = "Normalization",
             .summary = "(x - mean) / sqrt(variance), by numbers given or of the training data",
             .options = options,
             .options_size = sizeof(struct normalization)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE,
    .build = build,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .adapter = &adapter,
    .write = write,
    .examples =
        (const struct ls_layer_example[]){
            {"{}", "[3]", 1},
            {"axis: null", "[2, 3]", 1},
            {"axis: [1, -1]", "[2, 2, 3]", 1},
            {"mean: [1, 2, 3], variance: [1, 4, 0.25]", "[2, 3]", 1},
            {"axis: [1, 2], mean: [[1, 2, 3], [4, 5, 6]], variance: [[1, 2, 3], [4, 5, 6]]",
             "[2, 3, 2]", 1},
            {"axis: 1, mean: 0.5, variance: 4, invert: true", "[2, 3]", 1},
            {0}},
};
