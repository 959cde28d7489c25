/* One layer with its tensors, for tests that run over the registry of layers. Memory that the layer
 * may scribble in holds NaN before every call, and every block is exactly as long as the layer
 * says, so that sanitizers see a step too far. */
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
    struct ls_tree *tree;
    struct ls_instance instance;
    struct ls_layer layer;
    struct ls_call_shapes shapes;
    struct ls_call_needs needs;
    int64_t rows;
    size_t in_size, out_size, saved_size, work_size; /* floats, all rows */
    float *in, *out, *out_grad, *in_grad, *saved, *work;
    float *weight[LS_VARIABLES_MAX], *weight_grad[LS_VARIABLES_MAX];
    int64_t samples[HARNESS_ROWS];
    bool training, defer;
    uint64_t seed;
    uint32_t epoch, stream;
};

static inline struct ls_shape parse_shape(const char *text)
{
    struct ls_tree *tree = parse_text(text);
    struct ls_shape shape = {0};
    for (const struct ls_tree *size = tree->child; size; size = size->next)
        NEED(ls_tree_int(size, &shape.size[shape.rank++]));
    ls_tree_free(tree);
    return shape;
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
    ls_release(h->layer.state);
    ls_instance_release(&h->instance);
    ls_tree_free(h->tree);
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
    LS_TRY(ls_instance_create(&h->instance, kind, h->tree, NULL));
    h->layer = (struct ls_layer){.kind = ls_layer_kind_of(kind),
                                 .options = h->instance.options,
                                 .name = name,
                                 .trainable = true};
    h->shapes.inputs = h->layer.kind->flags & LS_LAYER_INPUT ? 0 : 1;
    h->shapes.in[0] = parse_shape(input);
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

static inline void harness_create(struct harness *h, const char *kind,
                                  const struct ls_layer_example *example, int64_t rows)
{
    static const int64_t samples[HARNESS_ROWS] = {7, 3, 5000000000, 4, 100};
    NEED(harness_try(h, kind, example->options, example->input));
    h->rows = rows;
    h->in_size = (size_t)(rows * ls_shape_count(&h->shapes.in[0]));
    h->out_size = (size_t)(rows * ls_shape_count(&h->shapes.out[0]));
    h->saved_size = (size_t)rows * h->needs.saved_floats_per_row;
    h->work_size = (size_t)rows * h->needs.work_floats_per_row + h->needs.work_floats;
    h->in = harness_floats(h->in_size);
    h->in_grad = harness_floats(h->in_size);
    h->out = harness_floats(h->out_size);
    h->out_grad = harness_floats(h->out_size);
    h->saved = harness_floats(h->saved_size);
    h->work = harness_floats(h->work_size);
    harness_weights(h);
    test_fill(h->in, h->in_size, 1, example->scale == 0 ? 1 : (float)example->scale);
    test_fill(h->out_grad, h->out_size, 2, 1);
    memcpy(h->samples, samples, sizeof samples);
    h->training = true;
    h->seed = 5;
    h->epoch = 2;
    h->stream = 9;
}

/* Forward or backward, with these tensors in place of the harness' own. */
struct tensors {
    const float *in, *out_grad;
    float *out, *in_grad;
    bool backward, accumulate, no_in_grad;
};

static inline void harness_run(struct harness *h, struct tensors t)
{
    const float *in[] = {t.in}, *out_grad[] = {t.out_grad};
    float *out[] = {t.out}, *in_grad[] = {t.no_in_grad ? NULL : t.in_grad};
    float *weight_grad[LS_VARIABLES_MAX] = {0};
    for (size_t v = 0; v < h->layer.variables; v++)
        weight_grad[v] = h->layer.variable[v].trainable ? h->weight_grad[v] : NULL;
    struct ls_call call = {
        .layer = &h->layer,
        .shapes = &h->shapes,
        .rows = h->rows,
        .training = h->training,
        .defer_activation = h->defer,
        .in = in,
        .out = out,
        .out_grad = out_grad,
        .in_grad = in_grad,
        .weight = (const float *const *)h->weight,
        .weight_grad = weight_grad,
        .accumulate = t.accumulate,
        .saved = h->saved,
        .work = h->work,
        .seed = h->seed,
        .epoch = h->epoch,
        .stream = h->stream,
        .samples = h->samples,
    };
    poison(h->work, h->work_size);
    if (t.backward)
        h->layer.kind->backward(&call);
    else
        h->layer.kind->forward(&call);
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
