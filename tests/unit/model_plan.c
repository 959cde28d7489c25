/* The plan against the same layers run one by one with memory of their own: bit for bit, forward
 * and backward, for many models; its gradients against differences; its memory. */
#include "unit/model_plan_test.h"

/* -- many models
 */

static const char *const drawn_layers[][2] = {
    {"Dense", "units: 6, activation: relu"},
    {"Dense", "units: 4, activation: tanh, activity_regularizer: {L2: {l2: 0.1}}"},
    {"Dense", "units: 8, activity_regularizer: {L1: {l1: 0.1}}"},
    {"Dense", "units: 4, activation: gelu, trainable: false"},
    {"Dense", "units: 2, use_bias: false, activation: sigmoid"},
    {"Dense", "units: 6, activation: softmax"},
    {"Dropout", "rate: 0.4"},
    {"LeakyReLU", NULL},
    {"ReLU", "max_value: 0.7"},
    {"Flatten", NULL},
    {"Reshape", "target_shape: [2, -1]"},
    {"Reshape", "target_shape: [-1, 1, 2]"},
    {"Softmax", NULL},
    {"Activation", "activation: elu"},
    {"Rescaling", "scale: 2, offset: 0.5"},
    {"Normalization", "mean: 0.5, variance: 2"},
    {"ELU", NULL},
};
enum { DRAWN = sizeof drawn_layers / sizeof *drawn_layers };

enum { LAYERS_MAX = 12 };

static struct ls_model *random_model(uint32_t n)
{
    const char *layers[2 * LAYERS_MAX + 2] = {"Input", "shape: [4, 2]"};
    size_t count = 2 + draw(500, n) % (LAYERS_MAX - 2);
    for (size_t i = 1; i < count; i++) {
        const char *const *drawn = drawn_layers[draw(501 + n, (uint32_t)i) % DRAWN];
        layers[2 * i] = drawn[0];
        layers[2 * i + 1] = drawn[1];
    }
    return model_of(layers);
}

static void check_forward(const struct ls_model *model, const float *input, int64_t rows)
{
    struct naive n = {.model = model, .rows = rows, .samples = samples};
    struct planned p;
    naive_forward(&n, (const float *const *)&input);
    plan_create(&p, model, rows, &(struct ls_plan_options){0});
    plan_execute(&p, input, rows);
    size_t last = model->calls - 1;
    compare("output", ls_plan_output(p.run, 0), n.value[last][0], tensor_size(model, last, rows));
    if (p.run->penalty != n.penalty)
        fail_msg("penalty %.17g, one by one %.17g", p.run->penalty, n.penalty);
    plan_release(&p);
    naive_free(&n);
}

/* A plan for `room` rows does its work for fewer ones too. */
static void check_training(const struct ls_model *model, const float *input, int64_t rows,
                           bool defer)
{
    struct naive n = {
        .model = model, .rows = rows, .samples = samples, .training = true, .defer = &defer};
    struct planned p;
    size_t last = model->calls - 1, size = tensor_size(model, last, rows);
    float *wanted = numbers(size, 600);
    naive_forward(&n, (const float *const *)&input);
    naive_backward(&n, (const float *const *)&wanted, GLOBAL_ROWS);
    plan_create(&p, model, rows + 3, &(struct ls_plan_options){.training = true, .defer = &defer});
    p.wanted_grad = wanted;
    for (int pass = 0; pass < 2; pass++) { /* a run is as good as new */
        plan_execute(&p, input, rows);
        compare("output", p.out, n.value[last][0], size);
        if (p.run->penalty != n.penalty)
            fail_msg("penalty %.17g, one by one %.17g", p.run->penalty, n.penalty);
        compare_gradients(model, p.gradient, n.gradient);
    }
    plan_release(&p);
    naive_free(&n);
    free(wanted);
}

static void test_random_models(void **state)
{
    (void)state;
    float *input = numbers(8 * ROWS_MAX, 400);
    for (uint32_t i = 0; i < 250; i++) {
        struct ls_model *model = random_model(i);
        check_forward(model, input, 1 + draw(502, i) % 9);
        check_training(model, input, 1 + draw(503, i) % 9, false);
        ls_model_free(model);
    }
    free(input);
}

/* -- prediction */

static const char *const mixed[] = {
    "Input",     "shape: [4, 2]",
    "Rescaling", "scale: 3",
    "Flatten",   NULL,
    "Dense",     "units: 16, activation: relu",
    "Dropout",   "rate: 0.5",
    "Reshape",   "target_shape: [4, 4]",
    "LeakyReLU", NULL,
    "Dense",     "units: 3, activity_regularizer: {L2: {l2: 0.01}}",
    "Softmax",   NULL,
    NULL,
};

static void test_predict(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 1, 255, 256, 257};
    struct ls_model *model = model_of(mixed);
    size_t out_size = ls_model_output_size(model, 0);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int64_t rows = counts[i], first = rows < LS_BLOCK_ROWS ? rows : LS_BLOCK_ROWS;
        float *input = numbers(8 * (size_t)rows, 401), *out = poisoned(out_size * (size_t)rows);
        float *kept = numbers(8 * (size_t)rows, 401);
        assert_ok(ls_model_predict(model, input, rows, out));
        compare("input", input, kept, 8 * (size_t)rows); /* stays the caller's */
        for (int64_t row = 0; row < rows; row += first) {
            struct naive n = {.model = model, .rows = rows - row < first ? rows - row : first};
            naive_forward(&n, (const float *const[]){input + 8 * row});
            compare("prediction", out + out_size * (size_t)row, n.value[model->calls - 1][0],
                    out_size * (size_t)n.rows);
            naive_free(&n);
        }
        free(input);
        free(kept);
        free(out);
    }
    ls_model_free(model);
}

/* Results in the middle of the model, in place of its own. */
static void test_other_outputs(void **state)
{
    (void)state;
    struct ls_model *model = model_of(mixed);
    float *input = numbers(8 * 5, 402);
    struct naive n = {.model = model, .rows = 5};
    naive_forward(&n, (const float *const *)&input);
    for (size_t c = 0; c < model->calls; c++) {
        const struct ls_edge edges[] = {{c, 0}, {model->calls - 1, 0}};
        struct planned p;
        plan_create(&p, model, 5, &(struct ls_plan_options){.outputs = edges, .output_count = 1});
        plan_execute(&p, input, 5);
        /* The input's own memory is scribbled on by those that work in place behind it, but here
         * nothing is behind it. */
        compare("alone", ls_plan_output(p.run, 0), n.value[c][0], tensor_size(model, c, 5));
        plan_release(&p);
    }
    for (size_t c = 1; c + 1 < model->calls; c++) {
        const struct ls_edge edges[] = {{c, 0}, {model->calls - 1, 0}};
        struct planned p;
        plan_create(&p, model, 5, &(struct ls_plan_options){.outputs = edges, .output_count = 2});
        plan_execute(&p, input, 5);
        compare("beside the last", ls_plan_output(p.run, 0), n.value[c][0],
                tensor_size(model, c, 5));
        compare("last", ls_plan_output(p.run, 1), n.value[model->calls - 1][0],
                tensor_size(model, model->calls - 1, 5));
        plan_release(&p);
    }
    naive_free(&n);
    free(input);
    ls_model_free(model);
}

/* -- gradients by differences */

/* sum of wanted_grad[i] out[i], and the activities' penalty as a mean over the global batch. */
static double objective(struct planned *p, const float *input, int64_t rows)
{
    double sum = 0;
    plan_execute(p, input, rows);
    for (size_t i = 0; i < tensor_size(p->model, p->model->calls - 1, rows); i++)
        sum += (double)p->wanted_grad[i] * (double)p->out[i];
    return sum + p->run->penalty / GLOBAL_ROWS;
}

static double slope(struct planned *p, const float *input, float *at, float step)
{
    float before = *at, up = before + step, down = before - step;
    *at = up;
    double high = objective(p, input, 4);
    *at = down;
    double low = objective(p, input, 4);
    *at = before;
    return (high - low) / ((double)up - (double)down);
}

static void check_slopes(const char *const *layers, bool defer)
{
    struct ls_model *model = model_of(layers);
    size_t floats = model->trainable_floats, checked = 0, kinks = 0;
    float *input = numbers((size_t)ls_model_input_size(model, 0) * 4, 403);
    float *wanted = numbers(tensor_size(model, model->calls - 1, 4), 404);
    float *gradient = malloc(floats * sizeof *gradient);
    struct planned p;
    plan_create(&p, model, 4, &(struct ls_plan_options){.training = true, .defer = &defer});
    p.wanted_grad = wanted;
    objective(&p, input, 4);
    memcpy(gradient, p.gradient, floats * sizeof *gradient);
    for (size_t i = 0; i < floats; i++) {
        if (isnan(gradient[i])) /* a gap of the arena */
            continue;
        double wide = slope(&p, input, &model->weights[i], 0.01F);
        double narrow = slope(&p, input, &model->weights[i], 0.006F);
        double tolerance = 2e-3 * (1 + fabs(wide));
        checked++;
        if (fabs(wide - narrow) > tolerance)
            kinks++;
        else if (fabs(wide - gradient[i]) > 2 * tolerance)
            fail_msg("%s ..., weight %zu: gradient %.7g, by differences %.7g", layers[2], i,
                     gradient[i], wide);
    }
    assert_true(checked > 10 && kinks * 5 <= checked);
    plan_release(&p);
    free(input);
    free(wanted);
    free(gradient);
    ls_model_free(model);
}

static void test_slopes(void **state)
{
    (void)state;
    check_slopes(mixed, false);
    check_slopes((const char *const[]){"Input", "shape: 5", "Dense", "units: 6, activation: tanh",
                                       "Dropout", "rate: 0.3", "Dense",
                                       "units: 4, activation: softmax", NULL},
                 false);
    check_slopes((const char *const[]){"Input", "shape: 5", "Dropout", "rate: 0.3", "LeakyReLU",
                                       NULL, "Dense",
                                       "units: 6, activation: gelu, "
                                       "activity_regularizer: {L1: {l1: 0.05}}",
                                       "Reshape", "target_shape: [2, 3]", "Softmax", NULL, "Dense",
                                       "units: 2, activation: selu", NULL},
                 false);
}

/* What is left to the loss is neither in the result nor in the gradient. */
static void test_slopes_with_deferred_activation(void **state)
{
    (void)state;
    static const char *const ends[][2] = {
        {"Softmax", NULL},
        {"Dense", "units: 3, activation: softmax"},
        {"Dense", "units: 1, activation: sigmoid"},
        {"Activation", "activation: sigmoid"},
    };
    float *input = numbers(8 * 9, 405);
    for (size_t i = 0; i < 2 * sizeof ends / sizeof *ends; i++) {
        const char *const *end = ends[i / 2], *behind = i % 2 ? "Identity" : NULL;
        const char *const layers[] = {"Input", "shape: [4, 2]", "Dense",     "units: 5", "Flatten",
                                      NULL,    "Dropout",       "rate: 0.2", "Dense",    "units: 4",
                                      end[0],  end[1],          behind,      NULL,       NULL};
        struct ls_model *model = model_of(layers);
        const struct ls_layer *last = model->layer[model->layers - (behind ? 2 : 1)];
        assert_true(last->has_activation);
        check_training(model, input, 9, true);
        ls_model_free(model);
        check_slopes(layers, true);
    }
    free(input);
}

/* -- what a plan needs */

static size_t all_tensors(const struct ls_model *model, int64_t rows)
{
    size_t bytes = 0;
    for (size_t c = 1; c < model->calls; c++)
        bytes += tensor_size(model, c, rows) * sizeof(float);
    return bytes;
}

static size_t plan_bytes(const struct ls_model *model, bool training)
{
    struct planned p;
    plan_create(&p, model, 64, &(struct ls_plan_options){.training = training});
    size_t bytes = ls_plan_bytes(p.plan);
    plan_release(&p);
    return bytes;
}

static void test_memory(void **state)
{
    (void)state;
    struct ls_model *model = model_of((const char *const[]){
        "Input", "shape: 128", "Dense", "units: 128, activation: relu", "Dropout", "rate: 0.2",
        "Dense", "units: 128, activation: relu", "Reshape", "target_shape: [8, 16]", "Flatten",
        NULL, "Dense", "units: 128, activation: relu", "Dense", "units: 128", "LeakyReLU", NULL,
        NULL});
    size_t one = 64 * 128 * sizeof(float), all = all_tensors(model, 64);
    assert_int_equal(all, 8 * one);
    /* Two tensors at a time are enough to predict, and one to work in. */
    assert_in_range(plan_bytes(model, false), 1, 3 * one);
    /* Values that the backward pass reads stay; gradients need two tensors at a time. */
    assert_in_range(plan_bytes(model, true), 1, all);
    ls_model_free(model);
}

/* An empty slice gives no penalty, and gradients of zero. */
static void test_no_rows(void **state)
{
    (void)state;
    struct ls_model *model = model_of(mixed);
    struct planned p;
    float none = 0;
    plan_create(&p, model, 7, &(struct ls_plan_options){.training = true});
    p.wanted_grad = &none;
    plan_execute(&p, &none, 0);
    assert_true(p.run->penalty == 0);
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        for (size_t w = 0; at.trainable && w < ls_variable_count(at.variable); w++)
            if (p.gradient[at.variable->offset + w] != 0)
                fail_msg("%s/%s[%zu]: %g", at.layer->name, at.variable->name, w,
                         p.gradient[at.variable->offset + w]);
    }
    plan_release(&p);
    ls_model_free(model);
}

static void test_find_nonfinite(void **state)
{
    (void)state;
    struct ls_model *model = model_of(mixed);
    float *input = numbers(8 * 4, 406);
    struct planned p;
    int64_t row;
    plan_create(&p, model, 4, &(struct ls_plan_options){0});
    memcpy(p.input, input, 32 * sizeof *input);
    p.run->rows = 4;
    assert_null(ls_plan_find_nonfinite(p.run, NULL, &row));
    const struct ls_layer *second = model->layer[model->layers - 2];
    model->weights[second->variable[1].offset] = INFINITY;
    memcpy(p.input, input, 32 * sizeof *input);
    assert_ptr_equal(ls_plan_find_nonfinite(p.run, NULL, &row), second);
    memcpy(p.input, input, 32 * sizeof *input);
    p.input[31] = NAN;
    assert_ptr_equal(ls_plan_find_nonfinite(p.run, NULL, &row), model->layer[1]);
    assert_int_equal(row, 3);
    plan_release(&p);
    free(input);
    ls_model_free(model);
}

static int start(void **state)
{
    for (int i = 0; i < ROWS_MAX; i++)
        samples[i] = 3000000000LL * i + 7;
    return start_kernels(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_random_models),
        leak_checked_test(test_predict),
        leak_checked_test(test_other_outputs),
        leak_checked_test(test_slopes),
        leak_checked_test(test_slopes_with_deferred_activation),
        leak_checked_test(test_memory),
        leak_checked_test(test_no_rows),
        leak_checked_test(test_find_nonfinite),
    };
    return cmocka_run_group_tests_name("plans", tests, start, NULL);
}
