/* Models of a row of layers, run by a plan. */
#ifndef UNIT_MODEL_PLAN_TEST_H
#define UNIT_MODEL_PLAN_TEST_H

#include "unit/model_naive.h"

enum { ROWS_MAX = 300 };

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
    assert_ok(ls_plan_execute(p->run, 0));
}

static inline void plan_release(struct planned *p)
{
    ls_plan_run_free(p->run);
    ls_plan_free(p->plan);
    free(p->input);
    free(p->gradient);
    free(p->out);
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
