/* BatchNormalization (Ioffe and Szegedy, 2015): each channel less its mean, over its standard
 * deviation, times gamma, plus beta. In training mean and (biased) variance are those of the batch,
 * summed over all replicas at a point; elsewhere the moving statistics. Where the input is masked
 * its masked positions count for no statistic, but are normalized too.
 */
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/columns.h"
#include "layer/options.h"
#include "layer/portable.h"

struct batch_normalization {
    int64_t axis;
    double momentum, epsilon;
    bool center, scale;
    struct ls_weight_options beta, gamma, moving_mean, moving_variance;
    bool synchronized, renorm;
    char *renorm_clipping;
    double renorm_momentum;
};

/* What the masked case of Keras adds to the count of positions, so that none is no division. */
static const double masked_epsilon = 1e-7;

#define OPTION(member) offsetof(struct batch_normalization, member)
static const struct ls_option options[] = {
    {.name = "axis",
     .type = LS_OPTION_INT,
     .offset = OPTION(axis),
     .initial = "-1",
     .help = "the channels' axis (the samples are axis 0)"},
    {.name = "momentum",
     .type = LS_OPTION_FLOAT,
     .offset = OPTION(momentum),
     .initial = "0.99",
     .min = 0,
     .max = 1,
     .help = "of the moving statistics: what stays of them in a step"},
    {.name = "epsilon",
     .type = LS_OPTION_FLOAT,
     .offset = OPTION(epsilon),
     .initial = "0.001",
     .min = 0,
     .max = INFINITY,
     .help = "added to the variance"},
    {.name = "center",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(center),
     .initial = "true",
     .help = "add a beta a channel"},
    {.name = "scale",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(scale),
     .initial = "true",
     .help = "multiply by a gamma a channel"},
    LS_INITIALIZER_OPTION("beta", struct batch_normalization, beta, "Zeros"),
    LS_INITIALIZER_OPTION("gamma", struct batch_normalization, gamma, "Ones"),
    LS_INITIALIZER_OPTION("moving_mean", struct batch_normalization, moving_mean, "Zeros"),
    LS_INITIALIZER_OPTION("moving_variance", struct batch_normalization, moving_variance, "Ones"),
    LS_REGULARIZER_OPTION("beta", struct batch_normalization, beta),
    LS_REGULARIZER_OPTION("gamma", struct batch_normalization, gamma),
    LS_CONSTRAINT_OPTION("beta", struct batch_normalization, beta),
    LS_CONSTRAINT_OPTION("gamma", struct batch_normalization, gamma),
    {.name = "synchronized",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(synchronized),
     .initial = "false",
     .unwritten = true,
     .help = "kept for Keras: statistics are of the whole batch as `fit.batchnorm` says"},
    {.name = "renorm",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(renorm),
     .initial = "false",
     .refused = "is not supported: batches are normalized by their own statistics",
     .unwritten = true,
     .help = "false: batch renormalization is not supported"},
    {.name = "renorm_clipping",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(renorm_clipping),
     .initial = "null",
     .refused = "is not supported, as renorm is not",
     .unwritten = true,
     .help = "null: of renorm"},
    {.name = "renorm_momentum",
     .type = LS_OPTION_FLOAT,
     .offset = OPTION(renorm_momentum),
     .initial = "0.99",
     .unwritten = true,
     .help = "of renorm, which is not supported: counts for nothing"},
    {.name = NULL},
};

/* The layer's variables are there or not by its options; -1: not. */
struct places {
    int gamma, beta, mean, variance;
};

static struct places places_of(const struct ls_layer *layer)
{
    const struct batch_normalization *o = layer->options;
    int moving = o->scale + o->center;
    return (struct places){o->scale ? 0 : -1, o->center ? o->scale : -1, moving, moving + 1};
}

static void declare_moving(struct ls_layer *layer, const char *name, const struct ls_shape *shape,
                           const struct ls_weight_options *weight)
{
    ls_layer_declare(layer, name, *shape, weight);
    layer->variable[layer->variables - 1].trainable = false;
    layer->variable[layer->variables - 1].updated = true;
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct batch_normalization *o = layer->options;
    int axis;
    LS_TRY(ls_layer_axis(layer, &shapes->in[0], "axis", o->axis, &axis));
    struct ls_shape channels = {1, {shapes->in[0].size[axis]}};
    if (o->scale)
        ls_layer_declare(layer, "gamma", channels, &o->gamma);
    if (o->center)
        ls_layer_declare(layer, "beta", channels, &o->beta);
    declare_moving(layer, "moving_mean", &channels, &o->moving_mean);
    declare_moving(layer, "moving_variance", &channels, &o->moving_variance);
    return LS_OK;
}

static struct ls_columns matrix_of(const struct ls_layer *layer, const struct ls_shape *in,
                                   int64_t samples)
{
    const struct batch_normalization *o = layer->options;
    return ls_columns_of(in, (int)(o->axis < 0 ? o->axis + in->rank : o->axis - 1), samples);
}

static struct ls_columns matrix_of_call(const struct ls_call *call)
{
    return matrix_of(call->layer, &call->shapes->in[0], call->rows);
}

/* A call keeps, by channel: mean, 1 / deviation, and 1 / count. */
enum { MEAN, INVERSE, SHARE, SAVED };
/* It works with sums of columns in double (as much memory as two rows of floats each), or with a
 * map's vectors of columns and one of zeros. */
enum { MAP_MEAN, MAP_FACTOR, MAP_SLOPE, MAP_OFFSET, ZEROS, WORK };

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct batch_normalization *o = layer->options;
    const struct ls_shape *in = &shapes->in[0];
    int axis;
    LS_TRY(ls_layer_axis(layer, in, "axis", o->axis, &axis));
    struct ls_columns m = matrix_of(layer, in, 1);
    needs->saved_floats = SAVED * m.channels;
    needs->work_floats = WORK * m.columns;
    shapes->outputs = 1;
    shapes->out[0] = *in;
    return LS_OK;
}

/* -- sums */

/* The sums of columns in the work memory, to channels. */
static void fold(double *to, const double *columns, const struct ls_columns *m)
{
    for (size_t c = 0; c < m->channels; c++) {
        to[c] = 0;
        for (size_t i = 0; i < m->each; i++)
            to[c] += columns[c * m->each + i];
    }
}

/* For the point: sums, sums of squares and counts of each channel, of what counts. */
static void measure(const struct ls_call *call, const struct ls_columns *m)
{
    double *sum = (double *)call->work, *squares = sum + m->columns;
    double *count = call->point + 2 * m->channels;
    struct ls_stretch s;
    memset(sum, 0, 2 * m->columns * sizeof *sum);
    memset(count, 0, m->channels * sizeof *count);
    for (size_t at = 0; ls_columns_next(call, m, &at, &s);) {
        const float *in = call->in[0] + s.row * m->columns + s.column;
        if (!s.counts)
            continue;
        ls_k->column_moments(sum + s.column, squares + s.column, in, s.rows, s.columns);
        for (size_t c = 0; c < s.columns; c++)
            count[(s.column + c) / m->each] += (double)s.rows;
    }
    fold(call->point, sum, m);
    fold(call->point + m->channels, squares, m);
}

static float inverse_deviation(const struct ls_call *call, double variance)
{
    const struct batch_normalization *o = call->layer->options;
    return (float)(1 / sqrt(variance + o->epsilon));
}

/* What the moving statistics are to take in: earlier calls' count as Keras updates once a call. */
static void leave(const struct ls_call *call, int variable, size_t c, double statistic)
{
    const struct batch_normalization *o = call->layer->options;
    float *to = call->weight_grad[variable];
    double share = (double)call->rows / (double)call->global_rows;
    if (to)
        to[c] = (float)(statistic * share + (call->accumulate ? (double)to[c] * o->momentum : 0.0));
}

/* From the point's sums over all replicas. */
static void take_statistics(const struct ls_call *call, const struct ls_columns *m)
{
    struct places place = places_of(call->layer);
    bool masked = ls_call_mask(call, 0);
    float *saved = call->saved;
    for (size_t c = 0; c < m->channels; c++) {
        double sum = call->point[c], squares = call->point[m->channels + c];
        double count = call->point[2 * m->channels + c];
        double share = 1 / (count + (masked ? masked_epsilon : 0));
        double mean = count > 0 ? sum * share : 0;
        double variance = (squares - 2 * mean * sum + count * mean * mean) * share;
        variance = count > 0 && !(variance < 0) ? variance : 0;
        saved[MEAN * m->channels + c] = (float)mean;
        saved[INVERSE * m->channels + c] = inverse_deviation(call, variance);
        saved[SHARE * m->channels + c] = count > 0 ? (float)share : 0;
        leave(call, place.mean, c, mean);
        leave(call, place.variance, c, variance);
    }
}

static void take_moving(const struct ls_call *call, const struct ls_columns *m)
{
    struct places place = places_of(call->layer);
    for (size_t c = 0; c < m->channels; c++) {
        call->saved[MEAN * m->channels + c] = call->weight[place.mean][c];
        call->saved[INVERSE * m->channels + c] =
            inverse_deviation(call, (double)call->weight[place.variance][c]);
    }
}

/* -- maps */

static struct ls_column_map map_of(const struct ls_call *call, const struct ls_columns *m)
{
    const float *work = call->work;
    return (struct ls_column_map){
        .mean = work + MAP_MEAN * m->columns,
        .factor = work + MAP_FACTOR * m->columns,
        .slope = work + MAP_SLOPE * m->columns,
        .offset = work + MAP_OFFSET * m->columns,
    };
}

static void spread(const struct ls_call *call, const struct ls_columns *m, int vector,
                   const float *channels)
{
    float *to = call->work + (size_t)vector * m->columns;
    for (size_t c = 0; c < m->channels; c++)
        for (size_t i = 0; i < m->each; i++)
            to[c * m->each + i] = channels[c];
}

static void set_channel(const struct ls_call *call, const struct ls_columns *m, int vector,
                        size_t c, float value)
{
    float *to = call->work + (size_t)vector * m->columns + c * m->each;
    for (size_t i = 0; i < m->each; i++)
        to[i] = value;
}

static float factor_of(const struct ls_call *call, const struct ls_columns *m, size_t c)
{
    struct places place = places_of(call->layer);
    float inverse = call->saved[INVERSE * m->channels + c];
    return place.gamma >= 0 ? inverse * call->weight[place.gamma][c] : inverse;
}

static void normalize(const struct ls_call *call, const struct ls_columns *m)
{
    struct places place = places_of(call->layer);
    struct ls_column_map map = map_of(call, m);
    spread(call, m, MAP_MEAN, call->saved + MEAN * m->channels);
    for (size_t c = 0; c < m->channels; c++) {
        set_channel(call, m, MAP_FACTOR, c, factor_of(call, m, c));
        set_channel(call, m, MAP_OFFSET, c, place.beta >= 0 ? call->weight[place.beta][c] : 0);
    }
    ls_k->map_columns(call->out[0], call->in[0], &map, m->rows, m->columns);
}

static void forward(const struct ls_call *call)
{
    struct ls_columns m = matrix_of_call(call);
    if (call->training && call->phase == 0) {
        measure(call, &m);
        return;
    }
    if (call->training)
        take_statistics(call, &m);
    else
        take_moving(call, &m);
    normalize(call, &m);
}

/* -- backward: with h = (x - mean) / deviation and n positions that count, the input's gradient is
 * gamma / deviation (g - [it counts] (sum g + h sum g h) / n), the sums being over all replicas and
 * all positions, also masked ones; in inference gamma / deviation g. */

static void write_gradient(const struct ls_call *call, int variable, size_t c, double value)
{
    float *to = variable >= 0 ? call->weight_grad[variable] : NULL;
    if (to)
        to[c] = call->accumulate ? to[c] + (float)value : (float)value;
}

/* This replica's sums: gradients of gamma and beta, and what the point is to sum. */
static void sum_gradients(const struct ls_call *call, const struct ls_columns *m)
{
    struct places place = places_of(call->layer);
    double *sum = (double *)call->work, *products = sum + m->columns;
    float *mean = call->work + ZEROS * m->columns; /* behind the sums */
    memset(sum, 0, 2 * m->columns * sizeof *sum);
    spread(call, m, ZEROS, call->saved + MEAN * m->channels);
    ls_k->column_products(sum, products, call->out_grad[0], call->in[0], mean, m->rows, m->columns);
    for (size_t c = 0; c < m->channels; c++) {
        double one = 0, product = 0;
        for (size_t i = c * m->each; i < (c + 1) * m->each; i++) {
            one += sum[i];
            product += products[i];
        }
        product *= (double)call->saved[INVERSE * m->channels + c];
        write_gradient(call, place.beta, c, one);
        write_gradient(call, place.gamma, c, product);
        if (call->training) {
            call->point[c] = one;
            call->point[m->channels + c] = product;
            call->point[2 * m->channels + c] = 0;
        }
    }
}

static void fill_backward_map(const struct ls_call *call, const struct ls_columns *m)
{
    spread(call, m, MAP_MEAN, call->saved + MEAN * m->channels);
    memset(call->work + ZEROS * m->columns, 0, m->columns * sizeof(float));
    for (size_t c = 0; c < m->channels; c++) {
        float factor = factor_of(call, m, c);
        set_channel(call, m, MAP_FACTOR, c, factor);
        if (!call->training)
            continue;
        double share = (double)factor * (double)call->saved[SHARE * m->channels + c];
        double inverse = (double)call->saved[INVERSE * m->channels + c];
        set_channel(call, m, MAP_OFFSET, c, (float)(-share * call->point[c]));
        set_channel(call, m, MAP_SLOPE, c,
                    (float)(-share * inverse * call->point[m->channels + c]));
    }
}

static void write_input_gradient(const struct ls_call *call, const struct ls_columns *m)
{
    struct ls_column_map map = map_of(call, m);
    struct ls_stretch s;
    fill_backward_map(call, m);
    for (size_t at = 0; ls_columns_next(call, m, &at, &s);) {
        size_t begin = s.row * m->columns + s.column;
        const float *g = call->out_grad[0] + begin;
        struct ls_column_map part = {map.mean + s.column, map.factor + s.column,
                                     map.slope + s.column, map.offset + s.column};
        if (call->training && s.counts)
            ls_k->map_columns_backward(call->in_grad[0] + begin, g, call->in[0] + begin, &part,
                                       s.rows, s.columns);
        else
            ls_k->normalize_columns(call->in_grad[0] + begin, g, call->work + ZEROS * m->columns,
                                    part.factor, s.rows, s.columns);
    }
}

static void backward(const struct ls_call *call)
{
    struct ls_columns m = matrix_of_call(call);
    if (call->phase == 0)
        sum_gradients(call, &m);
    if (call->in_grad[0] && (!call->training || call->phase == 1))
        write_input_gradient(call, &m);
}

static size_t point_doubles(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    return 3 * matrix_of(layer, &shapes->in[0], 1).channels;
}

static void update(const struct ls_layer *layer, float *const *weight, const float *const *sum,
                   size_t calls)
{
    const struct batch_normalization *o = layer->options;
    struct places place = places_of(layer);
    double stays = ls_portable_power(o->momentum, (int64_t)calls), comes = 1 - o->momentum;
    for (int v = place.mean; v <= place.variance; v++)
        for (size_t c = 0; c < (size_t)layer->variable[v].shape.size[0]; c++)
            weight[v][c] = (float)((double)weight[v][c] * stays + (double)sum[v][c] * comes);
}

/* Keras 2 has the axis as a list of one. */
static ls_status read(struct ls_tree *config)
{
    struct ls_tree *axis = (struct ls_tree *)ls_tree_find(config, "axis");
    int64_t value;
    if (!axis || axis->type != LS_TREE_LIST || !axis->child || axis->child->next)
        return LS_OK;
    LS_TRY(ls_tree_int(axis->child, &value));
    ls_tree_remove(axis);
    return ls_tree_add_int(config, "axis", value) ? LS_OK : ls_fail(LS_FAILED, "out of memory");
}

static const struct ls_layer_example examples[] = {
    {"{}", "[4]", 1},
    {"momentum: 0.9, epsilon: 0.01, gamma_regularizer: l2, beta_regularizer: l1", "[3, 3, 17]", 2},
    {"axis: 1", "[3, 5]", 1},
    {"axis: -2, scale: false, moving_mean_initializer: ones, moving_variance_initializer: "
     "{Constant: {value: 2}}, synchronized: true",
     "[2, 3, 2]", 1},
    {"center: false, gamma_initializer: {Constant: {value: 0.5}}, renorm: false, "
     "renorm_clipping: null, renorm_momentum: 0.9",
     "{masked: [6, 3]}", 1},
    {"axis: 1, beta_initializer: ones, gamma_constraint: null, beta_constraint: null",
     "{masked: [3, 2]}", 1},
    {"center: false, scale: false", "[2, 2]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_batch_normalization = {
    .kind = {.name = "BatchNormalization",
             .summary = "(x - mean) / sqrt(variance + epsilon) gamma + beta, by the batch's own "
                        "statistics in training",
             .options = options,
             .options_size = sizeof(struct batch_normalization)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_MASK | LS_LAYER_READS_IN | LS_LAYER_IN_PLACE |
             LS_LAYER_FROZEN_INFERS,
    .build = build,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .forward_points = 1,
    .backward_points = 1,
    .point_doubles = point_doubles,
    .update = update,
    .read = read,
    .examples = examples,
};
