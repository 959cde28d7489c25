/* What a plan computes from fixed numbers, as a hash: ranks, and starts of a run, whose kernels
 * would give other bits are found by it before the first step. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "model/plan_layout.h"

struct probe {
    uint64_t hash;
    uint32_t array; /* of those that were filled: each has other numbers */
};

enum { SEED = 0 }; /* of all that is random here */

/* -- the numbers */

/* Uniform in [low, high), with all 24 bits, so that an order of additions shows. */
static void fill(struct probe *probe, float *x, size_t n, float low, float high)
{
    enum { PERIOD = 8192 - 4 }; /* no divisor of a likely stride */
    const struct ls_random_key key = ls_random_key(SEED, LS_PURPOSE_PROBE);
    const size_t first = n < PERIOD ? n : PERIOD;
    const uint32_t array = probe->array++;
    for (size_t i = 0; i < first; i += 4) {
        uint32_t word[4];
        ls_philox(word, (const uint32_t[4]){(uint32_t)i, array}, key);
        for (size_t lane = 0; lane < 4 && i + lane < first; lane++)
            x[i + lane] = low + (high - low) * ls_uniform_float(word[lane]);
    }
    for (size_t i = first; i < n; i += PERIOD)
        memcpy(x + i, x, (n - i < PERIOD ? n - i : PERIOD) * sizeof *x);
}

/* Matrices keep the size of what goes through them; everything else is positive, as variances. */
static void fill_variable(struct probe *probe, float *weights, const struct ls_variable *variable)
{
    const size_t n = ls_variable_count(variable);
    const struct ls_shape *shape = &variable->shape;
    if (shape->rank < 2 || !variable->trainable) {
        fill(probe, weights, n, 0.5f, 1.5f);
        return;
    }
    const float limit = sqrtf(3 * (float)shape->size[shape->rank - 1] / (float)n);
    fill(probe, weights, n, -limit, limit);
}

static void fill_input(struct probe *probe, const struct ls_plan_run *run, size_t input)
{
    const struct ls_model *model = run->plan->model;
    const struct ls_integers integers = ls_model_integers(model, input);
    const size_t n =
        (size_t)(ls_shape_count(ls_plan_shape(run->plan, model->input[input])) * run->rows);
    float *x = run->input[input];
    if (integers.count == 0) {
        fill(probe, x, n, -1, 1);
        return;
    }
    fill(probe, x, n, 0, (float)integers.count);
    for (size_t i = 0; i < n; i++)
        x[i] = fminf(floorf(x[i]), (float)(integers.count - 1));
}

/* -- the results */

static void add(struct probe *probe, const float *x, size_t n)
{
    probe->hash = ls_hash64(x, n * sizeof *x, probe->hash);
}

/* In place of the loss. */
static void take_outputs(void *user, struct ls_plan_run *run)
{
    struct probe *probe = user;
    const struct ls_plan *plan = run->plan;
    for (size_t o = 0; o < plan->outputs; o++) {
        const size_t n = (size_t)(ls_shape_count(ls_plan_shape(plan, plan->output[o])) * run->rows);
        float *grad = ls_plan_output_grad(run, o);
        add(probe, ls_plan_output(run, o), n);
        if (grad)
            fill(probe, grad, n, -1, 1);
    }
}

/* In place of what a loss counts. */
static void take_rows(void *user, struct ls_plan_run *run)
{
    (void)user;
    for (size_t o = 0; o < run->plan->outputs; o++)
        run->point[o] = (double)run->rows;
}

static void take_gradients(struct probe *probe, const struct ls_plan_run *run)
{
    const struct ls_model *model = run->plan->model;
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        const struct ls_variable *variable = ls_model_variable(model, i).variable;
        if (variable->offset < model->gradient_floats)
            add(probe, run->gradient + variable->offset, ls_variable_count(variable));
    }
}

/* -- the run */

/* Operations that a row costs, about: those of products, and of results as many as one could do in
 * the time that passes over memory take. */
static double work_of_row(const struct ls_plan *plan)
{
    enum { OF_A_FLOAT = 64 };
    double work = 1;
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_call_shapes *shapes = &plan->model->call[c].shapes;
        struct ls_plan_work call;
        if (!ls_plan_work_of(plan, c, &call))
            continue;
        work += call.forward_flops + call.backward_flops;
        for (size_t o = 0; o < shapes->outputs; o++)
            work += OF_A_FLOAT * (double)ls_shape_count(&shapes->out[o]);
    }
    return work;
}

/* A function of the plan alone: 0.2 s where a core does 100 GFLOPS. */
static int64_t rows_of(const struct ls_plan *plan)
{
    static const double most_work = 2e10;
    const double rows = most_work / work_of_row(plan);
    return rows >= (double)plan->rows ? plan->rows : rows > 1 ? (int64_t)rows : 1;
}

/* The weights, which a crew has once: its leader fills them. */
static ls_status make_weights(struct probe *probe, const struct ls_model *model,
                              struct ls_crew *crew, float **weights)
{
    LS_TRY(ls_crew_allocate(crew, weights, (model->floats + 1) * sizeof **weights));
    for (size_t i = 0; ls_crew_leads(crew) && i < ls_model_variables(model); i++) {
        const struct ls_variable *variable = ls_model_variable(model, i).variable;
        fill_variable(probe, *weights + variable->offset, variable);
    }
    probe->array = (uint32_t)ls_model_variables(model);
    return ls_crew_wait(crew);
}

static ls_status make(struct ls_plan_run *run, float **input, int64_t **samples)
{
    const struct ls_model *model = run->plan->model;
    LS_TRY(ls_allocate(samples, (size_t)run->rows, sizeof **samples));
    for (size_t i = 0; i < model->inputs; i++) {
        const size_t n = (size_t)ls_shape_count(ls_plan_shape(run->plan, model->input[i]));
        LS_TRY(ls_allocate(&input[i], n * (size_t)run->rows + 1, sizeof *input[i]));
    }
    return run->plan->prepares && !run->prepared ? ls_plan_make_prepared(run) : LS_OK;
}

static ls_status execute(struct probe *probe, struct ls_plan_run *run, int64_t *samples)
{
    const struct ls_model *model = run->plan->model;
    for (size_t i = 0; i < model->inputs; i++)
        fill_input(probe, run, i);
    for (int64_t r = 0; r < run->rows; r++)
        samples[r] = r;
    LS_TRY(ls_plan_prepare(run));
    for (size_t s = 0; s < run->plan->segments; s++)
        LS_TRY(ls_plan_execute(run, s)); /* a point's sum is what the only replica leaves there */
    take_gradients(probe, run);
    return LS_OK;
}

ls_status ls_plan_probe(const struct ls_plan_run *run, struct ls_crew *crew, uint64_t *hash)
{
    struct probe probe = {.hash = *hash};
    struct ls_plan_run mine = *run;
    float *weights = NULL, *input[LS_TENSORS_MAX] = {0};
    int64_t *samples = NULL;
    mine.rows = mine.global_rows = rows_of(run->plan);
    if (mine.rows < run->plan->rows)
        mine.prepared = NULL; /* what training will not use is not kept */
    mine.seed = SEED;
    mine.epoch = 0;
    mine.times = NULL;
    mine.loss = take_outputs;
    mine.count = take_rows;
    mine.user = &probe;
    ls_status status = make_weights(&probe, run->plan->model, crew, &weights);
    if (status == LS_OK)
        status = make(&mine, input, &samples);
    mine.weights = weights;
    mine.input = input;
    mine.samples = samples;
    if (status == LS_OK)
        status = execute(&probe, &mine, samples);
    if (status == LS_OK)
        *hash = probe.hash;
    if (mine.prepared != run->prepared)
        ls_plan_forget_prepared(&mine);
    for (size_t i = 0; i < run->plan->model->inputs; i++)
        ls_release(input[i]);
    ls_release(samples);
    ls_crew_release(crew, weights);
    return status;
}
