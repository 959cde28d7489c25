/* One layer with its tensors, for tests that run over the registry of layers. Memory that the layer
 * may scribble in holds NaN before every call, and every block is exactly as long as the layer
 * says, so that sanitizers see a step too far. Tests see the inputs of a layer that has several as
 * one array, one input after the other, and so its results; the layer gets each in a block of its
 * own. */
#ifndef TESTS_LAYER_HARNESS_H
#define TESTS_LAYER_HARNESS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "kind_harness.h"
#include "layer/layer.h"

enum { HARNESS_ROWS = 5 };

struct harness {
    struct ls_tree *tree, *input_tree;
    struct ls_instance instance, arguments;
    struct ls_layer layer;
    struct ls_call_shapes shapes;
    struct ls_call_needs needs;
    int64_t rows;
    size_t in_size, out_size, saved_size, work_size; /* floats, all rows */
    size_t grad_size;                                /* of out_grad: a mask has none */
    size_t mask_size;                                /* of in: the masks, its end */
    float *in, *out, *out_grad, *in_grad, *saved, *work;
    float *weight[LS_VARIABLES_MAX], *weight_grad[LS_VARIABLES_MAX];
    double *point; /* as long as the layer says; of this one replica */
    int64_t samples[HARNESS_ROWS];
    bool training, defer;
    double penalty; /* of the last forward, where the kind has its own, for a row of the batch */
    void *prepared;
    uint64_t seed;
    uint32_t epoch, stream;
};

static inline struct ls_shape shape_of(const struct ls_tree *tree)
{
    struct ls_shape shape = {0};
    for (const struct ls_tree *size = tree->child; size; size = size->next)
        NEED(ls_tree_int(size, &shape.size[shape.rank++]));
    return shape;
}

static inline struct ls_shape parse_shape(const char *text)
{
    struct ls_tree *tree = parse_text(text);
    struct ls_shape shape = shape_of(tree);
    ls_tree_free(tree);
    return shape;
}

/* Which inputs are masked; how many of them, the last ones, are given by name. */
struct harness_inputs {
    const struct ls_layer_kind *kind;
    unsigned masks;
    size_t named;
    const struct ls_tree *call; /* its other arguments */
};

/* The next input: "[2, 3]", "{masked: [2, 3]}" or "{NAME: [2, 3]}"; or what stands behind the
 * inputs: "{call: {NAME: true}}". An input that finds no room is counted only. */
static inline void add_input(struct ls_call_shapes *shapes, struct harness_inputs *inputs,
                             const struct ls_tree *tree)
{
    bool map = tree->type == LS_TREE_MAP;
    if (map && strcmp(tree->child->key, "call") == 0) {
        inputs->call = tree->child;
        return;
    }
    bool named = map && strcmp(tree->child->key, "masked") != 0;
    if (shapes->inputs < LS_TENSORS_MAX) {
        size_t name = named ? ls_layer_input_name(inputs->kind, tree->child->key) : shapes->inputs;
        assert_true(name != SIZE_MAX);
        shapes->in[shapes->inputs] = shape_of(map ? tree->child : tree);
        shapes->name_of[shapes->inputs] = (uint8_t)name;
        inputs->masks |= map && !named ? 1U << shapes->inputs : 0;
        inputs->named += named;
    }
    shapes->inputs++;
}

/* One input, or a list of several. */
static inline void parse_inputs(struct ls_call_shapes *shapes, struct harness_inputs *inputs,
                                const struct ls_tree *tree)
{
    bool list = tree->type == LS_TREE_LIST && tree->child && tree->child->type >= LS_TREE_LIST;
    for (const struct ls_tree *one = tree->child; list && one; one = one->next)
        add_input(shapes, inputs, one);
    if (!list)
        add_input(shapes, inputs, tree);
}

/* Floats of all rows of the first `count` tensors. */
static inline size_t floats_of(const struct ls_shape *shapes, size_t count, int64_t rows)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (size_t)(rows * ls_shape_count(&shapes[i]));
    return sum;
}

static inline void test_fill(float *out, size_t n, uint32_t stream, float scale)
{
    for (size_t i = 0; i < n; i++)
        out[i] = scale * test_random(stream, i);
}

static inline void poison(float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = NAN;
}

static inline void harness_free(struct harness *h)
{
    for (size_t v = 0; v < h->layer.variables; v++) {
        free(h->weight[v]);
        free(h->weight_grad[v]);
    }
    free(h->in);
    free(h->out);
    free(h->out_grad);
    free(h->in_grad);
    free(h->saved);
    free(h->work);
    free(h->point);
    if (h->prepared)
        h->layer.kind->discard(h->prepared);
    ls_layer_forget(&h->layer);
    ls_instance_release(&h->instance);
    ls_instance_release(&h->arguments);
    ls_tree_free(h->tree);
    ls_tree_free(h->input_tree);
}

/* The masks of the inputs that an example masks, as a graph adds them. */
static inline void harness_add_masks(struct harness *h, unsigned masks)
{
    struct ls_call_shapes *s = &h->shapes;
    size_t inputs = s->inputs;
    for (size_t i = 0; i < inputs; i++) {
        if (!(masks >> i & 1))
            continue;
        s->mask_of[i] = (uint8_t)s->inputs;
        s->in[s->inputs] = s->in[i];
        s->in[s->inputs++].rank--;
        s->masks++;
    }
}

/* Options, shapes and build alone; the failing status for tests of messages. */
static inline ls_status harness_try(struct harness *h, const char *kind_name, const char *options,
                                    const char *input)
{
    static char name[] = "it";
    const struct ls_kind *kind = ls_kind_find(&ls_layers, kind_name);
    assert_non_null(kind);
    memset(h, 0, sizeof *h);
    h->tree = parse_text(options);
    h->input_tree = parse_text(input);
    LS_TRY(ls_instance_create(&h->instance, kind, h->tree, NULL));
    h->layer = (struct ls_layer){.kind = ls_layer_kind_of(kind),
                                 .options = h->instance.options,
                                 .name = name,
                                 .trainable = true};
    struct harness_inputs inputs = {.kind = h->layer.kind};
    parse_inputs(&h->shapes, &inputs, h->input_tree);
    if (h->layer.kind->flags & LS_LAYER_INPUT)
        h->shapes.inputs = 0;
    LS_TRY(ls_layer_check_named(&h->layer, &h->shapes, inputs.named));
    if (h->layer.kind->arguments)
        LS_TRY(ls_instance_create(&h->arguments, h->layer.kind->arguments, inputs.call, NULL));
    h->shapes.arguments = h->arguments.options;
    harness_add_masks(h, inputs.masks);
    if (h->layer.kind->shape) {
        LS_TRY(h->layer.kind->shape(&h->layer, &h->shapes, &h->needs));
    } else {
        h->shapes.outputs = 1;
        h->shapes.out[0] = h->shapes.in[0];
    }
    return h->layer.kind->build ? h->layer.kind->build(&h->layer, &h->shapes) : LS_OK;
}

static inline void harness_weights(struct harness *h)
{
    for (size_t v = 0; v < h->layer.variables; v++) {
        const struct ls_variable *variable = &h->layer.variable[v];
        size_t n = (size_t)ls_shape_count(&variable->shape);
        h->weight[v] = harness_floats(n);
        h->weight_grad[v] = harness_floats(n);
        if (variable->trainable)
            test_fill(h->weight[v], n, 100 + (uint32_t)v, 1);
        else
            NEED(ls_initialize(variable->initializer, h->weight[v], &variable->shape, 1, 0));
        for (size_t i = 0; i < n && !variable->trainable; i++)
            h->weight[v][i] += 1 + test_random(200 + (uint32_t)v, i);
    }
}

/* Below how many whole numbers an input stays; 0: it holds any. */
static inline int64_t harness_integers(const struct harness *h, size_t input)
{
    return h->layer.kind->integers ? h->layer.kind->integers(&h->layer, input) : 0;
}

/* Numbers in [-scale, scale], or whole ones where the layer asks for these; masks at the end. */
static inline void harness_fill(struct harness *h, float scale)
{
    size_t at = 0;
    test_fill(h->in, h->in_size, 1, scale);
    for (size_t i = 0; i < h->shapes.inputs - h->shapes.masks; i++) {
        size_t end = at + floats_of(&h->shapes.in[i], 1, h->rows);
        int64_t count = harness_integers(h, i);
        for (; at < end; at++)
            if (count > 0)
                h->in[at] = floorf((test_random(1, at) + 1) / 2 * (float)count);
    }
    for (; at < h->in_size; at++)
        h->in[at] = test_random(3, at) > -0.4F ? 1 : 0;
}

static inline void harness_create(struct harness *h, const char *kind,
                                  const struct ls_layer_example *example, int64_t rows)
{
    static const int64_t samples[HARNESS_ROWS] = {7, 3, 5000000000, 4, 100};
    NEED(harness_try(h, kind, example->options, example->input));
    h->rows = rows;
    size_t masks = ls_layer_flags(&h->layer) & LS_LAYER_MAKES_MASK ? 1 : 0;
    h->in_size = floats_of(h->shapes.in, h->shapes.inputs, rows);
    h->mask_size =
        floats_of(h->shapes.in + h->shapes.inputs - h->shapes.masks, h->shapes.masks, rows);
    h->out_size = floats_of(h->shapes.out, h->shapes.outputs, rows);
    h->grad_size = floats_of(h->shapes.out, h->shapes.outputs - masks, rows);
    h->saved_size = (size_t)rows * h->needs.saved_floats_per_row + h->needs.saved_floats;
    h->work_size = (size_t)rows * h->needs.work_floats_per_row + h->needs.work_floats;
    h->in = harness_floats(h->in_size);
    h->in_grad = harness_floats(h->in_size);
    h->out = harness_floats(h->out_size);
    h->out_grad = harness_floats(h->grad_size);
    h->saved = harness_floats(h->saved_size);
    h->work = harness_floats(h->work_size);
    if (h->layer.kind->point_doubles)
        h->point = calloc(h->layer.kind->point_doubles(&h->layer, &h->shapes), sizeof(double));
    harness_weights(h);
    harness_fill(h, example->scale == 0 ? 1 : (float)example->scale);
    test_fill(h->out_grad, h->grad_size, 2, 1);
    memcpy(h->samples, samples, sizeof samples);
    h->training = true;
    h->seed = 5;
    h->epoch = 2;
    h->stream = 9;
}

/* Forward or backward, with these tensors in place of the harness' own. Where in and out, or the
 * gradients, are the same memory, the layer works in place. */
struct tensors {
    const float *in, *out_grad;
    float *out, *in_grad;
    bool backward, accumulate;
    uint32_t without; /* bit i: nobody wants in_grad[i] */
};

/* Several tensors that tests have as one array, each in a block of its own; one is itself. */
struct pieces {
    float *whole, *piece[LS_TENSORS_MAX];
    size_t count, size[LS_TENSORS_MAX];
};

static inline struct pieces pieces_cut(const float *whole, const struct ls_shape *shapes,
                                       size_t count, int64_t rows)
{
    struct pieces p = {.whole = (float *)whole, .piece = {(float *)whole}, .count = count};
    for (size_t i = 0; count > 1 && whole && i < count; i++) {
        p.size[i] = floats_of(&shapes[i], 1, rows);
        p.piece[i] = harness_floats(p.size[i]);
        if (p.size[i])
            memcpy(p.piece[i], whole, p.size[i] * sizeof *whole);
        whole += p.size[i];
    }
    return p;
}

/* The pieces back into the array, and away. */
static inline void pieces_join(struct pieces *p)
{
    float *to = p->whole;
    for (size_t i = 0; p->count > 1 && p->whole && i < p->count; i++) {
        if (p->size[i])
            memcpy(to, p->piece[i], p->size[i] * sizeof *to);
        to += p->size[i];
        free(p->piece[i]);
    }
}

static inline bool harness_is_mask(const struct harness *h, size_t input)
{
    return input >= h->shapes.inputs - h->shapes.masks && input < h->shapes.inputs;
}

/* What the layer keeps, for calls that want every gradient. */
static inline void harness_prepare(struct harness *h, const struct ls_call *call)
{
    struct ls_call whole = *call;
    float *in_grad[LS_TENSORS_MAX];
    const float *out_grad[LS_TENSORS_MAX];
    for (size_t i = 0; i < LS_TENSORS_MAX; i++) {
        in_grad[i] = harness_is_mask(h, i) ? NULL : h->in_grad;
        out_grad[i] = h->out_grad;
    }
    whole.in_grad = in_grad;
    whole.out_grad = out_grad;
    if (h->layer.kind->prepare && !h->prepared && h->rows > 0)
        NEED(h->layer.kind->prepare(&whole, &h->prepared));
}

/* Of this one replica, whose numbers at a point are the sum. */
static inline size_t harness_points(const struct harness *h, bool backward)
{
    const struct ls_layer_kind *kind = h->layer.kind;
    return !h->training ? 0 : backward ? kind->backward_points : kind->forward_points;
}

/* The layer's own pointers, from the pieces. */
static inline void harness_call(struct harness *h, const struct tensors *t, struct pieces *p)
{
    float *weight_grad[LS_VARIABLES_MAX] = {0}, *in_grad[LS_TENSORS_MAX], *out[LS_TENSORS_MAX];
    for (size_t v = 0; v < h->layer.variables; v++)
        weight_grad[v] = h->layer.variable[v].trainable || h->layer.variable[v].updated
                             ? h->weight_grad[v]
                             : NULL;
    for (size_t i = 0; i < LS_TENSORS_MAX; i++)
        in_grad[i] = t->without >> i & 1 || harness_is_mask(h, i) ? NULL : p[3].piece[i];
    memcpy(out, p[1].piece, sizeof out);
    if (t->out == t->in)
        out[0] = p[0].piece[0];
    if (t->out_grad && t->out_grad == t->in_grad)
        in_grad[0] = p[2].piece[0];
    struct ls_call call = {
        .layer = &h->layer,
        .shapes = &h->shapes,
        .rows = h->rows,
        .global_rows = h->rows,
        .training = h->training,
        .defer_activation = h->defer,
        .in = (const float *const *)p[0].piece,
        .out = out,
        .out_grad = (const float *const *)p[2].piece,
        .in_grad = in_grad,
        .weight = (const float *const *)h->weight,
        .weight_grad = weight_grad,
        .accumulate = t->accumulate,
        .saved = h->saved,
        .work = h->work,
        .seed = h->seed,
        .epoch = h->epoch,
        .stream = h->stream,
        .samples = h->samples,
        .point = h->point,
    };
    harness_prepare(h, &call);
    call.prepared = h->prepared;
    for (size_t points = harness_points(h, t->backward); call.phase <= points; call.phase++) {
        poison(h->work, h->work_size);
        if (t->backward)
            h->layer.kind->backward(&call);
        else
            h->layer.kind->forward(&call);
    }
    if (!t->backward && h->layer.kind->penalty && h->layer.activity_regularizer && h->rows > 0)
        h->penalty = h->layer.kind->penalty(&call) / (double)h->rows;
}

static inline void harness_run(struct harness *h, struct tensors t)
{
    const struct ls_call_shapes *s = &h->shapes;
    size_t masks = ls_layer_flags(&h->layer) & LS_LAYER_MAKES_MASK ? 1 : 0;
    struct pieces p[4] = {pieces_cut(t.in, s->in, s->inputs, h->rows),
                          pieces_cut(t.out, s->out, s->outputs, h->rows),
                          pieces_cut(t.out_grad, s->out, s->outputs - masks, h->rows),
                          pieces_cut(t.in_grad, s->in, s->inputs, h->rows)};
    harness_call(h, &t, p);
    for (size_t i = 4; i-- > 0;)
        pieces_join(&p[i]);
}

static inline void harness_forward(struct harness *h)
{
    poison(h->out, h->out_size);
    poison(h->saved, h->saved_size);
    harness_run(h, (struct tensors){.in = h->in, .out = h->out});
}

static inline void harness_backward(struct harness *h, bool accumulate)
{
    harness_run(h, (struct tensors){.in = h->in,
                                    .out = h->out,
                                    .out_grad = h->out_grad,
                                    .in_grad = h->in_grad,
                                    .backward = true,
                                    .accumulate = accumulate});
}

#endif
