/* Add, Subtract, Multiply, Average, Maximum, Minimum: element by element, of inputs of one shape or
 * of shapes that are made one as Keras' merge layers do it: aligned at the last axis, an axis of
 * size 1, or none, standing for every element of the others'.
 *
 * The work is done in blocks in which every tensor has as many elements: a piece of all rows where
 * the shapes are equal, else one row, with what stands for several expanded into `work` and its
 * gradient summed from there. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/strides.h"

enum { BLOCK = 1024 };                               /* elements, of equal shapes */
enum { OPERAND, PREFIX, REST, RESULT, WORK_BLOCKS }; /* the parts of work */

struct block {
    const struct ls_call *call;
    size_t row, offset, n; /* elements offset .. offset + n from the row's first on */
};

static bool is_whole(const struct ls_call_shapes *shapes, size_t i)
{
    return ls_shape_count(&shapes->in[i]) == ls_shape_count(&shapes->out[0]);
}

static bool all_whole(const struct ls_call_shapes *shapes)
{
    for (size_t i = 0; i < shapes->inputs; i++)
        if (!is_whole(shapes, i))
            return false;
    return true;
}

/* -- shapes */

static ls_status widen(const struct ls_layer *layer, struct ls_shape *out,
                       const struct ls_shape *in, size_t number)
{
    const struct ls_shape before = *out;
    char text[LS_SHAPE_TEXT], other[LS_SHAPE_TEXT];
    if (in->rank > out->rank)
        *out = *in;
    for (int i = 1; i <= in->rank && i <= before.rank; i++) {
        int64_t a = before.size[before.rank - i], b = in->size[in->rank - i];
        if (a != b && a != 1 && b != 1) {
            ls_shape_format(text, in);
            ls_shape_format(other, &before);
            return ls_layer_fail(layer,
                                 "input %zu, %s, does not fit %s: from the last axis on, sizes "
                                 "are equal or one of them is 1",
                                 number, text, other);
        }
        out->size[out->rank - i] = a == 1 ? b : a;
    }
    return LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    LS_TRY(ls_layer_check_inputs(layer, shapes->inputs));
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    for (size_t i = 1; i < shapes->inputs; i++)
        LS_TRY(widen(layer, &shapes->out[0], &shapes->in[i], i + 1));
    LS_TRY(ls_layer_check_size(layer, &shapes->out[0]));
    size_t n = all_whole(shapes) ? BLOCK : (size_t)ls_shape_count(&shapes->out[0]);
    needs->work_floats = WORK_BLOCKS * n;
    return LS_OK;
}

/* -- blocks */

static void each_block(const struct ls_call *call, void (*work)(const struct block *))
{
    size_t count = (size_t)ls_shape_count(&call->shapes->out[0]), rows = (size_t)call->rows;
    if (!all_whole(call->shapes)) {
        for (size_t r = 0; r < rows; r++)
            work(&(struct block){call, r, 0, count});
        return;
    }
    for (size_t i = 0; i < rows * count; i += BLOCK)
        work(&(struct block){call, 0, i, rows * count - i < BLOCK ? rows * count - i : BLOCK});
}

static float *scratch(const struct block *b, size_t part)
{
    return b->call->work + part * b->n;
}

/* Where the block begins in a tensor of this shape. */
static size_t start(const struct block *b, const struct ls_shape *shape)
{
    return b->row * (size_t)ls_shape_count(shape) + b->offset;
}

static float *result(const struct block *b)
{
    return b->call->out[0] + start(b, &b->call->shapes->out[0]);
}

static const float *result_grad(const struct block *b)
{
    return b->call->out_grad[0] + start(b, &b->call->shapes->out[0]);
}

/* A row of an input as a row of the result. Last axes of size 1 make no runs. */
static struct ls_strides widened(const struct ls_call_shapes *shapes, size_t input)
{
    const struct ls_shape *in = &shapes->in[input];
    struct ls_strides s = {.shape = shapes->out[0]};
    size_t step = 1;
    for (int i = in->rank; i-- > 0; step *= (size_t)in->size[i])
        s.step[i + s.shape.rank - in->rank] = in->size[i] == 1 ? 0 : step;
    while (s.shape.rank > 1 && s.shape.size[s.shape.rank - 1] == 1)
        s.shape.rank--;
    return s;
}

static void expand(const struct block *b, size_t input, float *out)
{
    const struct ls_strides s = widened(b->call->shapes, input);
    const float *in = b->call->in[input] + start(b, &b->call->shapes->in[input]);
    size_t length = ls_strides_length(&s), runs = ls_strides_runs(&s);
    for (size_t run = 0; run < runs; run++, out += length) {
        const float *from = in + ls_strides_at(&s, run);
        if (ls_strides_step(&s) == 0)
            ls_k->fill(out, *from, length);
        else
            memcpy(out, from, length * sizeof *out);
    }
}

/* The other way round: an element's gradient is the sum of those of all that it stands for. */
static void reduce(const struct block *b, size_t input, const float *grad)
{
    const struct ls_strides s = widened(b->call->shapes, input);
    const struct ls_shape *in = &b->call->shapes->in[input];
    float *in_grad = b->call->in_grad[input] + start(b, in);
    size_t length = ls_strides_length(&s), runs = ls_strides_runs(&s);
    ls_k->fill(in_grad, 0, (size_t)ls_shape_count(in));
    for (size_t run = 0; run < runs; run++, grad += length) {
        float *to = in_grad + ls_strides_at(&s, run);
        if (ls_strides_step(&s) == 0)
            *to += (float)ls_k->sum(grad, length);
        else
            ls_k->add(to, to, grad, length);
    }
}

/* An input's elements in the block: in place, or expanded into `room`. */
static const float *operand(const struct block *b, size_t i, float *room)
{
    if (is_whole(b->call->shapes, i))
        return b->call->in[i] + start(b, &b->call->shapes->in[i]);
    expand(b, i, room);
    return room;
}

static bool is_wanted(const struct block *b, size_t i)
{
    return b->call->in_grad[i] != NULL;
}

/* Where the block's gradient of an input is to be written; then `deliver` it. */
static float *target(const struct block *b, size_t i)
{
    if (!is_wanted(b, i) || !is_whole(b->call->shapes, i))
        return scratch(b, RESULT);
    return b->call->in_grad[i] + start(b, &b->call->shapes->in[i]);
}

static void deliver(const struct block *b, size_t i, const float *grad)
{
    if (is_wanted(b, i) && !is_whole(b->call->shapes, i))
        reduce(b, i, grad);
}

typedef void combine(float *out, const float *a, const float *b, size_t n);

/* The first `count` inputs, from the left: ((a f b) f c) .. */
static const float *chain(const struct block *b, size_t count, float *out, combine *f)
{
    const float *left = operand(b, 0, out);
    for (size_t i = 1; i < count; i++) {
        f(out, left, operand(b, i, scratch(b, OPERAND)), b->n);
        left = out;
    }
    return left;
}

static void forward_chain(const struct block *b, combine *f)
{
    chain(b, b->call->shapes->inputs, result(b), f);
}

/* An input's gradient is the result's times a factor. */
static void backward_scaled(const struct block *b, size_t i, float factor)
{
    float *grad = target(b, i);
    if (!is_wanted(b, i))
        return;
    ls_k->scale(grad, result_grad(b), factor, b->n);
    deliver(b, i, grad);
}

/* -- the kinds: a block forward, a block backward */

static void add_forward(const struct block *b)
{
    forward_chain(b, ls_k->add);
}

static void add_backward(const struct block *b)
{
    for (size_t i = 0; i < b->call->shapes->inputs; i++)
        backward_scaled(b, i, 1);
}

static void subtract_forward(const struct block *b)
{
    forward_chain(b, ls_k->subtract);
}

static void subtract_backward(const struct block *b)
{
    backward_scaled(b, 0, 1);
    backward_scaled(b, 1, -1);
}

static void average_forward(const struct block *b)
{
    forward_chain(b, ls_k->add);
    ls_k->scale(result(b), result(b), 1.0F / (float)b->call->shapes->inputs, b->n);
}

static void average_backward(const struct block *b)
{
    for (size_t i = 0; i < b->call->shapes->inputs; i++)
        backward_scaled(b, i, 1.0F / (float)b->call->shapes->inputs);
}

static void multiply_forward(const struct block *b)
{
    forward_chain(b, ls_k->multiply);
}

/* From the last input to the first: its gradient is what is left of the result's, times all inputs
 * before it; then what is left is multiplied by it. */
static void multiply_backward(const struct block *b)
{
    const float *rest = result_grad(b);
    for (size_t i = b->call->shapes->inputs; i-- > 0;) {
        float *grad = target(b, i);
        if (is_wanted(b, i) && i > 0)
            ls_k->multiply(grad, rest, chain(b, i, scratch(b, PREFIX), ls_k->multiply), b->n);
        else if (is_wanted(b, i))
            ls_k->scale(grad, rest, 1, b->n);
        deliver(b, i, grad);
        if (i > 0)
            ls_k->multiply(scratch(b, REST), rest, operand(b, i, scratch(b, OPERAND)), b->n);
        rest = scratch(b, REST);
    }
}

/* As TensorFlow's gradient of max(max(a, b), c): of equals the first takes it all. */
static void extreme_backward(const struct block *b, combine *f)
{
    const float *extreme = chain(b, b->call->shapes->inputs, scratch(b, PREFIX), f);
    float *rest = scratch(b, REST);
    memcpy(rest, result_grad(b), b->n * sizeof *rest);
    for (size_t i = 0; i < b->call->shapes->inputs; i++) {
        float *grad = target(b, i);
        ls_k->take_equal(grad, rest, operand(b, i, scratch(b, OPERAND)), extreme, b->n);
        deliver(b, i, grad);
    }
}

static void maximum_forward(const struct block *b)
{
    forward_chain(b, ls_k->maximum);
}

static void maximum_backward(const struct block *b)
{
    extreme_backward(b, ls_k->maximum);
}

static void minimum_forward(const struct block *b)
{
    forward_chain(b, ls_k->minimum);
}

static void minimum_backward(const struct block *b)
{
    extreme_backward(b, ls_k->minimum);
}

static const struct ls_layer_example two_inputs[] = {
    {"{}", "[[3], [3]]", 1},
    {"{}", "[[2, 3], [3]]", 1},
    {"{}", "[[2, 1], [2, 1, 3]]", 1},
    {"{}", "[[], [2, 3]]", 1},
    {0},
};
#define MORE_INPUTS                                                                                \
    {"{}", "[[3], [3]]", 1}, {"{}", "[[2, 2], [2, 2], [2, 2], [2, 2]]", 1},                        \
        {"{}", "[[2, 1, 3], [3], [2, 2, 1]]", 1},                                                  \
    {                                                                                              \
        "{}", "[[], [2, 3], [1, 1], [2, 1]]", 1                                                    \
    }
static const struct ls_layer_example more_inputs[] = {MORE_INPUTS, {0}};
/* And of several blocks: too many elements for finite differences where inputs may be equal. */
static const struct ls_layer_example many_inputs[] = {
    MORE_INPUTS, {"{}", "[[250], [250], [250]]", 1}, {0}};

/* Keras leaves masked elements out. */
#define COUNTS (LS_LAYER_READS_IN | LS_LAYER_REFUSES_MASKS)

/* X(name in C, Keras' name, flags, most inputs, examples, summary) */
#define LS_MERGES(X)                                                                               \
    X(add, "Add", 0, LS_TENSORS_MAX, many_inputs, "a + b + ..")                                    \
    X(subtract, "Subtract", 0, 2, two_inputs, "a - b")                                             \
    X(multiply, "Multiply", COUNTS, LS_TENSORS_MAX, many_inputs, "a b ..")                         \
    X(average, "Average", 0, LS_TENSORS_MAX, many_inputs, "(a + b + ..) / n")                      \
    X(maximum, "Maximum", COUNTS, LS_TENSORS_MAX, more_inputs, "the largest input")                \
    X(minimum, "Minimum", COUNTS, LS_TENSORS_MAX, more_inputs, "the smallest input")

#define X(id, text, reads, most, list, help)                                                       \
    static void id##_all(const struct ls_call *call)                                               \
    {                                                                                              \
        each_block(call, id##_forward);                                                            \
    }                                                                                              \
    static void id##_all_back(const struct ls_call *call)                                          \
    {                                                                                              \
        each_block(call, id##_backward);                                                           \
    }                                                                                              \
    const struct ls_layer_kind ls_merge_##id = {                                                   \
        .kind = {.name = text, .summary = help ", element by element"},                            \
        .flags = LS_LAYER_PASSES_MASK | (reads),                                                   \
        .least_inputs = 2,                                                                         \
        .most_inputs = most,                                                                       \
        .shape = shape,                                                                            \
        .forward = id##_all,                                                                       \
        .backward = id##_all_back,                                                                 \
        .examples = list,                                                                          \
    };
LS_MERGES(X)
#undef X
