/* Dot: of two inputs, the sum over an axis of each: element (i.., j..) of the result is
 * sum_k x[.. k ..] y[.. k ..], i over x's other axes and j over y's. With `normalize` each is
 * divided by its length along that axis first, so that the result is the cosine.
 *
 * A sample of a side is [outer][k][inner]: one matrix [outer][k] where the axis is the last, else
 * `outer` matrices [k][inner]. Everything is a product of these, sample by sample. */
#include <math.h>

#include "kernel/gemm.h"
#include "layer/call.h"

struct dot {
    struct ls_ints axes;
    bool normalize;
};

static const struct ls_option options[] = {
    {.name = "axes",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct dot, axes),
     .help = "the axis that is summed over, the samples' being 0 and negative ones from the last; "
             "or a list of two, one for each input"},
    {.name = "normalize",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct dot, normalize),
     .initial = "false",
     .help = "cosines: divide by the lengths along the axes"},
    {.name = NULL},
};

struct side {
    int64_t outer, k, inner, count;
    bool last;            /* the axis is the last: matrices are [width][k], else [k][width] */
    int64_t parts, width; /* the matrices, and their axis that is not k */
};

struct sides {
    struct side side[2];
    int64_t columns; /* the result is [x's outer inner][columns], columns y's outer inner */
};

/* -- shapes */

static ls_status find_axes(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                           int axis[2])
{
    const struct dot *o = layer->options;
    char text[2][LS_SHAPE_TEXT];
    if (o->axes.count != 1 && o->axes.count != 2)
        return ls_layer_fail(layer, "axes: expected one axis or a list of two, found %zu",
                             o->axes.count);
    if (o->axes.count == 1 && !o->axes.scalar)
        return ls_layer_fail(layer, "axes: a list has two axes, one for each input");
    for (size_t i = 0; i < 2; i++) {
        int64_t wanted = o->axes.value[o->axes.count == 2 ? i : 0];
        LS_TRY(ls_layer_axis(layer, &shapes->in[i], "axes", wanted, &axis[i]));
        ls_shape_format(text[i], &shapes->in[i]);
    }
    int64_t a = shapes->in[0].size[axis[0]], b = shapes->in[1].size[axis[1]];
    if (a != b)
        return ls_layer_fail(layer,
                             "axis %d of %s has %lld elements, axis %d of %s %lld: they must be "
                             "equal",
                             axis[0] + 1, text[0], (long long)a, axis[1] + 1, text[1],
                             (long long)b);
    return LS_OK;
}

static struct side side_of(const struct ls_shape *in, int axis)
{
    struct side s = {.outer = 1, .k = in->size[axis], .inner = 1, .count = ls_shape_count(in)};
    for (int i = 0; i < in->rank; i++)
        if (i != axis)
            *(i < axis ? &s.outer : &s.inner) *= in->size[i];
    s.last = s.inner == 1;
    s.parts = s.last ? 1 : s.outer;
    s.width = s.last ? s.outer : s.inner;
    return s;
}

static struct sides sides_of(const struct dot *o, const struct ls_call_shapes *shapes)
{
    struct sides s;
    for (size_t i = 0; i < 2; i++) {
        int64_t axis = o->axes.value[o->axes.count == 2 ? i : 0];
        s.side[i] = side_of(&shapes->in[i], (int)(axis < 0 ? axis + shapes->in[i].rank : axis - 1));
    }
    s.columns = s.side[1].outer * s.side[1].inner;
    return s;
}

static size_t lengths(const struct side *s)
{
    return (size_t)(s->outer * s->inner);
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct dot *o = layer->options;
    struct ls_shape *out = &shapes->out[0];
    int axis[2];
    LS_TRY(ls_layer_check_inputs(layer, shapes->inputs));
    LS_TRY(find_axes(layer, shapes, axis));
    int rank = shapes->in[0].rank + shapes->in[1].rank - 2;
    if (rank > LS_RANK_MAX)
        return ls_layer_fail(layer, "the result would have %d axes, at most %d are possible", rank,
                             LS_RANK_MAX);
    shapes->outputs = 1;
    *out = (struct ls_shape){0};
    for (size_t i = 0; i < 2; i++)
        for (int a = 0; a < shapes->in[i].rank; a++)
            if (a != axis[i])
                out->size[out->rank++] = shapes->in[i].size[a];
    if (out->rank == 0)
        out->size[out->rank++] = 1;
    LS_TRY(ls_layer_check_size(layer, out));
    struct sides s = sides_of(o, shapes);
    if (o->normalize)
        for (size_t i = 0; i < 2; i++)
            needs->work_floats += (size_t)s.side[i].count + lengths(&s.side[i]);
    return LS_OK;
}

/* -- one sample */

static void multiply(const struct sides *s, float *out, const float *const in[2])
{
    const struct side *x = &s->side[0], *y = &s->side[1];
    for (int64_t i = 0; i < x->parts; i++)
        for (int64_t j = 0; j < y->parts; j++)
            ls_gemm(&(struct ls_gemm){.transpose_a = !x->last,
                                      .transpose_b = y->last,
                                      .m = x->width,
                                      .n = y->width,
                                      .k = x->k,
                                      .a = in[0] + i * x->k * x->width,
                                      .b = in[1] + j * y->k * y->width,
                                      .c = out + i * x->width * s->columns + j * y->width,
                                      .ldc = s->columns});
}

/* The gradient of side `mine`: of each of its matrices the sum, over the other's, of that times the
 * part of the result's gradient that both made; the latter is [x's width][y's width]. */
static void multiply_back(const struct sides *s, int mine, float *in_grad, const float *other,
                          const float *grad)
{
    const struct side *a = &s->side[mine], *b = &s->side[1 - mine];
    const int64_t step[2] = {s->side[0].width * s->columns, s->side[1].width};
    for (int64_t i = 0; i < a->parts; i++)
        for (int64_t j = 0; j < b->parts; j++) {
            const float *part = grad + i * step[mine] + j * step[1 - mine];
            const float *matrix = other + j * b->k * b->width;
            struct ls_gemm g = {.m = a->width,
                                .n = a->k,
                                .k = b->width,
                                .a = part,
                                .lda = s->columns,
                                .transpose_a = mine == 1,
                                .b = matrix,
                                .transpose_b = !b->last,
                                .c = in_grad + i * a->k * a->width,
                                .beta = j > 0 ? 1 : 0};
            if (!a->last)
                g = (struct ls_gemm){.m = a->k,
                                     .n = a->width,
                                     .k = b->width,
                                     .a = matrix,
                                     .transpose_a = b->last,
                                     .b = part,
                                     .ldb = s->columns,
                                     .transpose_b = mine == 0,
                                     .c = g.c,
                                     .beta = g.beta};
            ls_gemm(&g);
        }
}

/* Keras' epsilon is the least length that is divided by. */
static const float most_inverse = 1e7F;

static float inverse_length(const float *x, int64_t k, int64_t step)
{
    double sum = 0;
    for (int64_t i = 0; i < k; i++)
        sum += (double)x[i * step] * x[i * step];
    float inverse = (float)(1 / sqrt(sum));
    return inverse > most_inverse ? most_inverse : inverse;
}

static void normalize(const struct side *s, float *out, float *inverse, const float *in)
{
    for (int64_t i = 0; i < s->outer; i++)
        for (int64_t j = 0; j < s->inner; j++) {
            int64_t at = i * s->k * s->inner + j;
            float factor = inverse_length(in + at, s->k, s->inner);
            *inverse++ = factor;
            for (int64_t k = 0; k < s->k; k++, at += s->inner)
                out[at] = in[at] * factor;
        }
}

/* In place, from the gradient of u = x / |x| to that of x: (g - u (u g)) / |x|; or g times the
 * largest factor, where that was taken. */
static void normalize_back(const struct side *s, float *grad, const float *inverse, const float *u)
{
    for (int64_t i = 0; i < s->outer; i++)
        for (int64_t j = 0; j < s->inner; j++) {
            int64_t at = i * s->k * s->inner + j;
            float factor = *inverse++;
            double along = 0;
            for (int64_t k = 0; k < s->k && factor < most_inverse; k++)
                along += (double)grad[at + k * s->inner] * u[at + k * s->inner];
            for (int64_t k = 0; k < s->k; k++, at += s->inner)
                grad[at] = (float)((grad[at] - along * u[at]) * factor);
        }
}

/* A sample's inputs as they are multiplied, and, where they are normalized, the factors. */
struct sample {
    const float *in[2], *inverse[2];
};

static struct sample sample_of(const struct ls_call *call, const struct sides *s, int64_t row)
{
    const struct dot *o = call->layer->options;
    struct sample sample = {0};
    float *work = call->work;
    for (int i = 0; i < 2; i++) {
        const struct side *side = &s->side[i];
        sample.in[i] = call->in[i] + row * side->count;
        if (!o->normalize)
            continue;
        normalize(side, work, work + side->count, sample.in[i]);
        sample.in[i] = work;
        sample.inverse[i] = work + side->count;
        work += (size_t)side->count + lengths(side);
    }
    return sample;
}

static void forward(const struct ls_call *call)
{
    const struct sides s = sides_of(call->layer->options, call->shapes);
    const int64_t count = ls_shape_count(&call->shapes->out[0]);
    for (int64_t r = 0; r < call->rows; r++) {
        struct sample sample = sample_of(call, &s, r);
        multiply(&s, call->out[0] + r * count, sample.in);
    }
}

static void backward(const struct ls_call *call)
{
    const struct sides s = sides_of(call->layer->options, call->shapes);
    const int64_t count = ls_shape_count(&call->shapes->out[0]);
    for (int64_t r = 0; r < call->rows; r++) {
        struct sample sample = sample_of(call, &s, r);
        for (int i = 0; i < 2; i++) {
            if (!call->in_grad[i])
                continue;
            float *in_grad = call->in_grad[i] + r * s.side[i].count;
            multiply_back(&s, i, in_grad, sample.in[1 - i], call->out_grad[0] + r * count);
            if (sample.inverse[i])
                normalize_back(&s.side[i], in_grad, sample.inverse[i], sample.in[i]);
        }
    }
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct sides s = sides_of(layer->options, shapes);
    flops->forward =
        2.0 * (double)lengths(&s.side[0]) * (double)lengths(&s.side[1]) * (double)s.side[0].k;
    flops->to_data = 2 * flops->forward;
}

static const struct ls_layer_example examples[] = {
    {"axes: 1", "[[4], [4]]", 1},
    {"axes: -1, normalize: true", "[[3], [3]]", 1},
    {"axes: [2, 1]", "[[2, 3], [3]]", 1},
    {"axes: [1, 1]", "[[3], [3, 2]]", 1},
    {"axes: [1, 2], normalize: true", "[[3, 2], [4, 3]]", 1},
    {"axes: [-1, 1]", "[[2, 3], [3, 4]]", 1},
    {"axes: [2, 2], normalize: true", "[[2, 3, 2], [3, 3, 2]]", 1},
    {"axes: [3, 1]", "[[2, 2, 3], [3, 2, 2]]", 1},
    {"axes: [2, 3]", "[[2, 3, 2], [2, 2, 3]]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_dot = {
    .kind = {.name = "Dot",
             .summary = "the sum over an axis of two inputs' products; cosines with normalize",
             .options = options,
             .options_size = sizeof(struct dot)},
    .flags = LS_LAYER_READS_IN,
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .flops = flops,
    .examples = examples,
};
