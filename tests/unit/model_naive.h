/* A model run call by call, each tensor in memory of its own: what a plan, which shares memory,
 * must give bit for bit. */
#ifndef UNIT_MODEL_NAIVE_H
#define UNIT_MODEL_NAIVE_H

#include <math.h>

#include "unit/store_test.h"

#include "base/random.h"
#include "kernel/kernels.h"
#include "model/plan_layout.h"

enum { CALLS_MAX = 96, RESULTS_MAX = 2 };

static inline uint32_t draw(uint32_t stream, uint32_t index)
{
    uint32_t word[4];
    ls_philox(word, (uint32_t[4]){index, stream}, ls_random_key(3, LS_PURPOSE_TEST));
    return word[0];
}

static inline float number(uint32_t stream, size_t index)
{
    return 2 * ls_uniform_float(draw(stream, (uint32_t)index)) - 1;
}

static inline float *numbers(size_t n, uint32_t stream)
{
    float *made = malloc((n + 1) * sizeof *made);
    assert_non_null(made);
    for (size_t i = 0; i < n; i++)
        made[i] = number(stream, i);
    return made;
}

/* NaN: what is read before it is written shows. */
static inline float *poisoned(size_t n)
{
    float *made = malloc((n + 1) * sizeof *made);
    assert_non_null(made);
    for (size_t i = 0; i < n; i++)
        made[i] = NAN;
    return made;
}

/* -- the model run call by call */

struct naive {
    const struct ls_model *model;
    int64_t rows;
    bool training;
    const bool *defer, *no_loss; /* by output, as a plan's; NULL */
    const int64_t *samples;
    /* made by naive_forward: by call and result */
    float *value[CALLS_MAX][RESULTS_MAX], *saved[CALLS_MAX];
    float *grad[CALLS_MAX][RESULTS_MAX]; /* NULL: none came */
    float *gradient;
    double penalty;
};

static inline size_t edge_size(const struct ls_model *model, struct ls_edge edge, int64_t rows)
{
    return (size_t)(ls_shape_count(&model->call[edge.call].shapes.out[edge.output]) * rows);
}

static inline size_t tensor_size(const struct ls_model *model, size_t c, int64_t rows)
{
    return edge_size(model, (struct ls_edge){c, 0}, rows);
}

static inline const struct ls_layer *naive_layer(const struct naive *n, size_t c)
{
    return n->model->layer[n->model->call[c].layer];
}

/* The layer's gradient has something of a later call already. */
static inline bool naive_again(const struct naive *n, size_t c)
{
    for (size_t later = c + 1; later < n->model->calls; later++)
        if (n->model->call[later].layer == n->model->call[c].layer &&
            (n->grad[later][0] || n->grad[later][1]))
            return true;
    return false;
}

static inline bool naive_defers(const struct naive *n, size_t c)
{
    for (size_t o = 0; n->defer && o < n->model->outputs; o++)
        if (n->defer[o] && ls_model_maker(n->model, n->model->output[o]).call == c)
            return true;
    return false;
}

/* in_grad: where backward writes; NULL: forward. */
static inline void naive_call(struct naive *n, size_t c, float *const *in_grad)
{
    const struct ls_graph_call *graph = &n->model->call[c];
    const struct ls_layer *layer = naive_layer(n, c);
    const float *in[LS_TENSORS_MAX], *weight[LS_VARIABLES_MAX];
    float *weight_grad[LS_VARIABLES_MAX];
    bool training = n->training && !graph->inference;
    size_t rows = (size_t)n->rows;
    float *work = poisoned(graph->needs.work_floats + graph->needs.work_floats_per_row * rows);
    for (size_t i = 0; i < graph->shapes.inputs; i++)
        in[i] = n->value[graph->in[i].call][graph->in[i].output];
    for (size_t v = 0; v < layer->variables; v++) {
        const struct ls_variable *variable = &layer->variable[v];
        bool trains = n->training && layer->trainable && variable->trainable;
        weight[v] = n->model->weights + variable->offset;
        weight_grad[v] = trains ? n->gradient + variable->offset : NULL;
    }
    struct ls_call call = {
        .layer = layer,
        .shapes = &graph->shapes,
        .rows = n->rows,
        .training = training,
        .defer_activation = naive_defers(n, c),
        .in = in,
        .out = n->value[c],
        .out_grad = (const float *const *)n->grad[c],
        .in_grad = in_grad,
        .weight = weight,
        .weight_grad = weight_grad,
        .accumulate = in_grad && naive_again(n, c),
        .saved = n->saved[c],
        .work = work,
        .seed = 5,
        .epoch = 2,
        .stream = (uint32_t)c,
        .samples = n->samples,
    };
    size_t size = tensor_size(n->model, c, n->rows);
    unsigned flags = ls_layer_flags(layer);
    if (flags & LS_LAYER_VIEW || (flags & LS_LAYER_TRAINING && !training))
        memcpy(in_grad ? in_grad[0] : n->value[c][0], in_grad ? n->grad[c][0] : in[0],
               size * sizeof(float));
    else if (in_grad)
        layer->kind->backward(&call);
    else
        layer->kind->forward(&call);
    free(work);
}

static inline void naive_forward(struct naive *n, const float *const *input)
{
    const struct ls_model *model = n->model;
    assert_true(model->calls <= CALLS_MAX);
    n->penalty = 0;
    n->gradient = poisoned(model->floats);
    for (size_t i = 0; n->training && i < model->trainable_floats; i++)
        n->gradient[i] = 0;
    for (size_t c = 0; c < model->calls; c++) {
        const struct ls_graph_call *call = &model->call[c];
        const struct ls_layer *layer = naive_layer(n, c);
        assert_true(call->shapes.outputs <= RESULTS_MAX);
        for (size_t o = 0; o < call->shapes.outputs; o++)
            n->value[c][o] = poisoned(edge_size(model, (struct ls_edge){c, o}, n->rows));
        n->saved[c] = poisoned(call->needs.saved_floats_per_row * (size_t)n->rows);
        size_t given = 0, size = tensor_size(model, c, n->rows);
        while (given < model->inputs && model->input[given].call != c)
            given++;
        if (given < model->inputs)
            memcpy(n->value[c][0], input[given], size * sizeof **input);
        else
            naive_call(n, c, NULL);
        if (layer->activity_regularizer)
            n->penalty += ls_penalty(layer->activity_regularizer,
                                     &(struct ls_penalized){.values = n->value[c][0], .n = size});
    }
}

/* The sum of what comes to a result, in the order in which it comes. */
static inline void naive_add(struct naive *n, struct ls_edge edge, const float *gradient)
{
    size_t size = edge_size(n->model, edge, n->rows);
    float **sum = &n->grad[edge.call][edge.output];
    if (*sum) {
        ls_k->add(*sum, *sum, gradient, size);
        return;
    }
    *sum = poisoned(size);
    memcpy(*sum, gradient, size * sizeof *gradient);
}

static inline void naive_back(struct naive *n, size_t c, int64_t global_rows)
{
    const struct ls_graph_call *call = &n->model->call[c];
    const struct ls_layer *layer = naive_layer(n, c);
    size_t size = tensor_size(n->model, c, n->rows);
    float *in_grad[LS_TENSORS_MAX];
    if (layer->activity_regularizer && !n->grad[c][0]) {
        n->grad[c][0] = poisoned(size);
        ls_k->fill(n->grad[c][0], 0, size);
    }
    if (!n->grad[c][0] && !n->grad[c][1])
        return;
    if (layer->activity_regularizer)
        ls_penalty_add_gradient(layer->activity_regularizer, n->grad[c][0],
                                &(struct ls_penalized){.values = n->value[c][0], .n = size},
                                1.0 / (double)global_rows);
    for (size_t i = 0; i < call->shapes.inputs; i++)
        in_grad[i] = poisoned(edge_size(n->model, call->in[i], n->rows));
    naive_call(n, c, in_grad);
    for (size_t i = 0; i < call->shapes.inputs; i++) {
        naive_add(n, call->in[i], in_grad[i]);
        free(in_grad[i]);
    }
}

/* From the outputs' gradients of a loss whose mean is over global_rows. */
static inline void naive_backward(struct naive *n, const float *const *gradient,
                                  int64_t global_rows)
{
    const struct ls_model *model = n->model;
    for (size_t o = 0; o < model->outputs; o++)
        if (!n->no_loss || !n->no_loss[o])
            naive_add(n, model->output[o], gradient[o]);
    for (size_t c = model->calls; c-- > 0;)
        if (model->call[c].shapes.inputs > 0)
            naive_back(n, c, global_rows);
}

static inline void naive_free(struct naive *n)
{
    for (size_t c = 0; c < n->model->calls; c++) {
        for (size_t o = 0; o < RESULTS_MAX; o++) {
            free(n->value[c][o]);
            free(n->grad[c][o]);
        }
        free(n->saved[c]);
    }
    free(n->gradient);
}

/* -- comparing */

static inline void compare(const char *what, const float *found, const float *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&found[i], &wanted[i], sizeof *found) != 0)
            fail_msg("%s[%zu]: %.9g, one by one %.9g", what, i, found[i], wanted[i]);
}

static inline void compare_gradients(const struct ls_model *model, const float *found,
                                     const float *wanted)
{
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        char what[128];
        snprintf(what, sizeof what, "gradient of %s/%s", at.layer->name, at.variable->name);
        if (at.trainable)
            compare(what, found + at.variable->offset, wanted + at.variable->offset,
                    ls_variable_count(at.variable));
    }
}

#endif
