/* A model run layer by layer, each tensor in memory of its own, beside the plan that shares it. */
#ifndef UNIT_MODEL_PLAN_TEST_H
#define UNIT_MODEL_PLAN_TEST_H

#include <math.h>

#include "unit/store_test.h"

#include "base/random.h"
#include "model/plan_layout.h"

enum { LAYERS_MAX = 12, ROWS_MAX = 300 };

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

/* -- the model run layer by layer */

/* Each tensor in memory of its own; call c's result is value[c], its gradient grad[c]. */
struct naive {
    const struct ls_model *model;
    int64_t rows;
    bool training, defer; /* defer: of the last call */
    float *value[LAYERS_MAX], *grad[LAYERS_MAX], *saved[LAYERS_MAX], *gradient;
    const int64_t *samples;
    double penalty;
};

static inline size_t tensor_size(const struct ls_model *model, size_t c, int64_t rows)
{
    return (size_t)(ls_shape_count(&model->call[c].shapes.out[0]) * rows);
}

static inline void naive_call(struct naive *n, size_t c, bool backward)
{
    const struct ls_graph_call *graph = &n->model->call[c];
    const struct ls_layer *layer = n->model->layer[graph->layer];
    const float *in[1] = {n->value[c - 1]}, *out_grad[1] = {n->grad[c]};
    const float *weight[LS_VARIABLES_MAX];
    float *out[1] = {n->value[c]}, *in_grad[1] = {n->grad[c - 1]}, *weight_grad[LS_VARIABLES_MAX];
    size_t rows = (size_t)n->rows;
    float *work = poisoned(graph->needs.work_floats + graph->needs.work_floats_per_row * rows);
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
        .training = n->training,
        .defer_activation = n->defer && c + 1 == n->model->calls,
        .in = in,
        .out = out,
        .out_grad = out_grad,
        .in_grad = in_grad,
        .weight = weight,
        .weight_grad = weight_grad,
        .saved = n->saved[c],
        .work = work,
        .seed = 5,
        .epoch = 2,
        .stream = (uint32_t)c,
        .samples = n->samples,
    };
    size_t size = tensor_size(n->model, c, n->rows);
    if (ls_layer_flags(layer) & LS_LAYER_VIEW)
        memcpy(backward ? in_grad[0] : out[0], backward ? out_grad[0] : in[0],
               size * sizeof(float));
    else if (backward)
        layer->kind->backward(&call);
    else
        layer->kind->forward(&call);
    free(work);
}

static inline void naive_forward(struct naive *n, const float *input)
{
    const struct ls_model *model = n->model;
    assert_true(model->calls <= LAYERS_MAX);
    n->penalty = 0;
    n->gradient = poisoned(model->floats);
    for (size_t c = 0; c < model->calls; c++) {
        const struct ls_layer *layer = model->layer[model->call[c].layer];
        size_t size = tensor_size(model, c, n->rows);
        n->value[c] = poisoned(size);
        n->grad[c] = poisoned(size);
        n->saved[c] = poisoned(model->call[c].needs.saved_floats_per_row * (size_t)n->rows);
        if (c == 0)
            memcpy(n->value[0], input, size * sizeof *input);
        else
            naive_call(n, c, false);
        if (layer->activity_regularizer)
            n->penalty += ls_penalty(layer->activity_regularizer, n->value[c], size);
    }
}

/* From the last call's gradient, whose mean is over global_rows. */
static inline void naive_backward(struct naive *n, const float *gradient, int64_t global_rows)
{
    const struct ls_model *model = n->model;
    size_t last = model->calls - 1;
    memcpy(n->grad[last], gradient, tensor_size(model, last, n->rows) * sizeof *gradient);
    for (size_t c = last; c > 0; c--) {
        const struct ls_layer *layer = model->layer[model->call[c].layer];
        if (layer->activity_regularizer)
            ls_penalty_add_gradient(layer->activity_regularizer, n->grad[c], n->value[c],
                                    1.0 / (double)global_rows, tensor_size(model, c, n->rows));
        naive_call(n, c, true);
    }
}

static inline void naive_free(struct naive *n)
{
    for (size_t c = 0; c < n->model->calls; c++) {
        free(n->value[c]);
        free(n->grad[c]);
        free(n->saved[c]);
    }
    free(n->gradient);
}

/* -- the plan */

enum { GLOBAL_ROWS = 40 };
static int64_t samples[ROWS_MAX];

/* A plan with one run on inputs of its own. */
struct planned {
    const struct ls_model *model;
    struct ls_plan *plan;
    struct ls_plan_run *run;
    float *input, *gradient, *out_grad;
    const float *wanted_grad; /* what the loss gives back */
    float *out;               /* as the loss saw it */
};

static inline void loss(void *user, struct ls_plan_run *run)
{
    struct planned *p = user;
    size_t size = tensor_size(p->model, p->model->output[0].call, run->rows);
    memcpy(p->out, ls_plan_output(run, 0), size * sizeof *p->out);
    memcpy(ls_plan_output_grad(run, 0), p->wanted_grad, size * sizeof *p->out);
}

static inline void plan_create(struct planned *p, const struct ls_model *model, int64_t rows,
                               const struct ls_plan_options *options)
{
    struct ls_plan_options all = *options;
    *p = (struct planned){.model = model};
    all.model = model;
    all.rows = rows;
    all.loss = loss;
    assert_ok(ls_plan_create(&p->plan, &all));
    assert_ok(ls_plan_run_create(&p->run, p->plan));
    p->input = poisoned(tensor_size(model, 0, rows));
    p->gradient = poisoned(model->floats);
    p->out = poisoned(tensor_size(model, model->output[0].call, rows));
    p->run->weights = model->weights;
    p->run->gradient = options->training ? p->gradient : NULL;
    p->run->input = &p->input;
    p->run->samples = samples;
    p->run->global_rows = GLOBAL_ROWS;
    p->run->seed = 5;
    p->run->epoch = 2;
    p->run->user = p;
    assert_int_equal(ls_plan_segments(p->plan), 1);
    assert_int_equal(ls_plan_point_doubles(p->plan, 0), 0);
}

static inline void plan_execute(struct planned *p, const float *input, int64_t rows)
{
    memcpy(p->input, input, tensor_size(p->model, 0, rows) * sizeof *input);
    for (size_t i = 0; i < ls_plan_bytes(p->plan) / sizeof(float); i++)
        p->run->block[i] = NAN;
    for (size_t i = 0; i < p->model->floats; i++)
        p->gradient[i] = NAN;
    p->run->rows = rows;
    ls_plan_execute(p->run, 0);
}

static inline void plan_release(struct planned *p)
{
    ls_plan_run_free(p->run);
    ls_plan_free(p->plan);
    free(p->input);
    free(p->gradient);
    free(p->out);
}

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

/* -- models */

static inline struct ls_model *model_of(const char *const *layers)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    for (size_t i = 0; layers[i]; i += 2)
        assert_ok(ls_layer_add(model, layers[i], layers[i + 1]));
    assert_ok(ls_model_initialize(model, 11));
    for (size_t i = 0; i < ls_model_variables(model); i++) { /* biases are no zeros */
        struct ls_variable_at at = ls_model_variable(model, i);
        if (strcmp(at.variable->name, "bias") == 0)
            for (size_t b = 0; b < ls_variable_count(at.variable); b++)
                model->weights[at.variable->offset + b] = number(77 + at.number, b) / 2;
    }
    return model;
}

#endif
