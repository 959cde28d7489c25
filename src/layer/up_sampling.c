/* UpSampling1D, UpSampling2D: images times a whole number as large. `nearest` repeats cells; the
 * others are sums of the cells around a point, with weights by their distance to it, along one axis
 * and then the other, as TensorFlow's resize has them: pixels are squares, their centres at 1/2,
 * and what would lie outside the image does not count. */
#include <math.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/images.h"
#include "layer/options.h"
#include "layer/portable.h"

struct up_sampling {
    int64_t steps;       /* UpSampling1D */
    struct ls_ints size; /* UpSampling2D */
    int interpolation, data_format;
};

/* Keys, Cubic Convolution Interpolation for Digital Image Processing, IEEE Transactions on
 * Acoustics, Speech and Signal Processing 29 (1981), with a = -1/2. */
static double bicubic(double x, double radius)
{
    const double a = -0.5;
    (void)radius;
    return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static double bilinear(double x, double radius)
{
    return radius - x;
}

static double lanczos(double x, double radius)
{
    const double pi = 0x1.921fb54442d18p1;
    double sine, slow, cosine;
    if (x <= 1e-3)
        return 1;
    ls_portable_sine(x / 2, &sine, &cosine);
    ls_portable_sine(x / radius / 2, &slow, &cosine);
    return radius * sine * slow / (pi * pi * x * x);
}

enum { NEAREST, BILINEAR, BICUBIC, LANCZOS3, LANCZOS5 };
static const char *const interpolations[] = {"nearest",  "bilinear", "bicubic",
                                             "lanczos3", "lanczos5", NULL};
static const struct {
    double (*weight)(double distance, double radius);
    double radius;
    double parts; /* of a cell, which points are rounded to, as TensorFlow's table has them; or 0 */
} methods[] = {
    [BILINEAR] = {bilinear, 1, 0},
    [BICUBIC] = {bicubic, 2, 1024},
    [LANCZOS3] = {lanczos, 3, 0},
    [LANCZOS5] = {lanczos, 5, 0},
};

static const struct ls_option options_1d[] = {
    {.name = "size",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct up_sampling, steps),
     .initial = "2",
     .min = 1,
     .max = LS_IMAGE_STEPS_MAX,
     .help = "how often each step"},
    {.name = NULL},
};

static const struct ls_option options_2d[] = {
    {.name = "size",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct up_sampling, size),
     .initial = "2",
     .min = 1,
     .max = LS_IMAGE_STEPS_MAX,
     .help = "how many cells of each, by axis"},
    LS_CHANNELS_LAST_OPTION(struct up_sampling),
    {.name = "interpolation",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct up_sampling, interpolation),
     .initial = "nearest",
     .choices = interpolations,
     .help = "nearest: cells are repeated; others: sums of cells around, by their distance"},
    {.name = NULL},
};

/* The windows of the larger image that its cells are. */
static ls_status windows(struct ls_pool *p, const struct ls_layer *layer, const struct ls_shape *in)
{
    const struct up_sampling *o = layer->options;
    const struct ls_image image = ls_image_of(in);
    *p = (struct ls_pool){.channels = image.channels};
    if (in->rank == 2)
        p->size[0] = 1, p->size[1] = (size_t)o->steps;
    else
        LS_TRY(ls_image_option(layer, "size", &o->size, 2, p->size));
    for (int a = 0; a < 2; a++) {
        p->stride[a] = p->size[a];
        p->out[a] = image.size[a];
        p->in[a] = image.size[a] * p->size[a];
    }
    return LS_OK;
}

static struct ls_pool windows_of(const struct ls_call *call)
{
    struct ls_pool p;
    (void)windows(&p, call->layer, &call->shapes->in[0]); /* shape saw to it */
    return p;
}

static ls_status shape_1d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                          struct ls_call_needs *needs)
{
    struct ls_pool p;
    (void)needs;
    LS_TRY(ls_image_check(layer, &shapes->in[0], 1));
    LS_TRY(windows(&p, layer, &shapes->in[0]));
    return ls_image_result(layer, shapes, p.in);
}

static ls_status shape_2d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                          struct ls_call_needs *needs)
{
    const struct up_sampling *o = layer->options;
    struct ls_pool p;
    LS_TRY(ls_image_check(layer, &shapes->in[0], 2));
    LS_TRY(windows(&p, layer, &shapes->in[0]));
    if (o->interpolation != NEAREST)
        needs->work_floats = p.out[1] * p.channels;
    return ls_image_result(layer, shapes, p.in);
}

static void nearest_forward(const struct ls_call *call)
{
    const struct ls_pool p = windows_of(call);
    ls_k->mean_pool_backward(call->out[0], call->in[0], &p, (size_t)call->rows);
}

static void nearest_backward(const struct ls_call *call)
{
    const struct ls_pool p = windows_of(call);
    if (call->in_grad[0])
        ls_k->mean_pool(call->in_grad[0], call->out_grad[0], &p, (size_t)call->rows);
}

/* -- sums of the cells around a point */

enum { AROUND_MAX = 11 }; /* cells: 2 * 5 + 1 */

struct around {
    size_t first, cells;
    float weight[AROUND_MAX];
};

/* Of each cell of the result, by axis; the height's first. */
struct arounds {
    size_t height;
    struct around at[];
};

static void find_around(struct around *a, int interpolation, double point, size_t size)
{
    const double radius = methods[interpolation].radius, parts = methods[interpolation].parts;
    double sum = 0, weight[AROUND_MAX];
    if (parts > 0)
        point = floor(point) + nearbyint((point - floor(point)) * parts) / parts;
    double first = fmax(ceil(point - radius), 0);
    double last = fmin(floor(point + radius), (double)size - 1);
    *a = (struct around){.first = (size_t)first, .cells = (size_t)(last - first) + 1};
    for (size_t i = 0; i < a->cells; i++) {
        weight[i] = methods[interpolation].weight(fabs(first + (double)i - point), radius);
        sum += weight[i];
    }
    for (size_t i = 0; i < a->cells; i++)
        a->weight[i] = (float)(weight[i] / sum);
}

static ls_status prepare(const struct ls_call *call, void **prepared)
{
    const struct up_sampling *o = call->layer->options;
    const struct ls_pool p = windows_of(call);
    struct arounds *all = NULL;
    *prepared = NULL;
    if (o->interpolation == NEAREST)
        return LS_OK;
    LS_TRY(ls_allocate(&all, 1, sizeof *all + (p.in[0] + p.in[1]) * sizeof *all->at));
    all->height = p.in[0];
    for (int a = 0; a < 2; a++)
        for (size_t i = 0; i < p.in[a]; i++)
            find_around(&all->at[a * all->height + i], o->interpolation,
                        ((double)i + 0.5) / (double)p.size[a] - 0.5, p.out[a]);
    *prepared = all;
    return LS_OK;
}

static void discard(void *prepared)
{
    ls_release(prepared);
}

/* out = the weighted sum of cells of n floats that lie one after the other from in + first n on. */
static void gather(float *out, const float *in, const struct around *a, size_t n)
{
    in += a->first * n;
    ls_k->scale(out, in, a->weight[0], n);
    for (size_t i = 1; i < a->cells; i++)
        ls_k->axpy(out, a->weight[i], in + i * n, n);
}

/* The other way: adds to each of the cells. */
static void scatter(float *out, const float *in, const struct around *a, size_t n)
{
    out += a->first * n;
    for (size_t i = 0; i < a->cells; i++)
        ls_k->axpy(out + i * n, a->weight[i], in, n);
}

static void forward_2d(const struct ls_call *call)
{
    const struct up_sampling *o = call->layer->options;
    const struct ls_pool p = windows_of(call);
    const struct arounds *all = call->prepared;
    const float *in = call->in[0];
    float *out = call->out[0], *line = call->work;
    const size_t row = p.out[1] * p.channels;
    if (o->interpolation == NEAREST) {
        nearest_forward(call);
        return;
    }
    for (int64_t r = 0; r < call->rows; r++, in += p.out[0] * row)
        for (size_t y = 0; y < p.in[0]; y++) {
            gather(line, in, &all->at[y], row);
            for (size_t x = 0; x < p.in[1]; x++, out += p.channels)
                gather(out, line, &all->at[all->height + x], p.channels);
        }
}

static void backward_2d(const struct ls_call *call)
{
    const struct up_sampling *o = call->layer->options;
    const struct ls_pool p = windows_of(call);
    const struct arounds *all = call->prepared;
    const float *grad = call->out_grad[0];
    float *in_grad = call->in_grad[0], *line = call->work;
    const size_t row = p.out[1] * p.channels;
    if (o->interpolation == NEAREST) {
        nearest_backward(call);
        return;
    }
    for (int64_t r = 0; in_grad && r < call->rows; r++, in_grad += p.out[0] * row) {
        ls_k->fill(in_grad, 0, p.out[0] * row);
        for (size_t y = 0; y < p.in[0]; y++) {
            ls_k->fill(line, 0, row);
            for (size_t x = 0; x < p.in[1]; x++, grad += p.channels)
                scatter(line, grad, &all->at[all->height + x], p.channels);
            scatter(in_grad, line, &all->at[y], row);
        }
    }
}

const struct ls_layer_kind ls_layer_up_sampling_1d = {
    .kind = {.name = "UpSampling1D",
             .summary = "each step several times",
             .options = options_1d,
             .options_size = sizeof(struct up_sampling)},
    .shape = shape_1d,
    .forward = nearest_forward,
    .backward = nearest_backward,
    .examples =
        (const struct ls_layer_example[]){{"{}", "[3, 2]", 1}, {"size: 3", "[2, 17]", 1}, {0}},
};

const struct ls_layer_kind ls_layer_up_sampling_2d = {
    .kind = {.name = "UpSampling2D",
             .summary = "an image several times as large",
             .options = options_2d,
             .options_size = sizeof(struct up_sampling)},
    .shape = shape_2d,
    .forward = forward_2d,
    .backward = backward_2d,
    .prepare = prepare,
    .discard = discard,
    .examples =
        (const struct ls_layer_example[]){
            {"{}", "[2, 3, 2]", 1},
            {"size: [1, 3], data_format: channels_last, interpolation: nearest", "[2, 2, 3]", 1},
            {"interpolation: bilinear", "[2, 3, 2]", 1},
            {"size: [3, 2], interpolation: bicubic", "[3, 2, 1]", 1},
            {"size: [2, 1], interpolation: lanczos3", "[2, 3, 2]", 1},
            {"size: [1, 2], interpolation: lanczos5", "[1, 3, 2]", 1},
            {0}},
};
