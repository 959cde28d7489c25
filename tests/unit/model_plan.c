/* The plan against the same layers run one by one with memory of their own: bit for bit, forward
 * and backward, for many models; and where its buffers lie. */
#include <math.h>

#include "unit/store_test.h"

#include "base/random.h"
#include "model/plan_layout.h"

enum { LAYERS_MAX = 12, ROWS_MAX = 300 };

static uint32_t draw(uint32_t stream, uint32_t index)
{
    uint32_t word[4];
    ls_philox(word, (uint32_t[4]){index, stream}, ls_random_key(3, LS_PURPOSE_TEST));
    return word[0];
}

static float number(uint32_t stream, size_t index)
{
    return 2 * ls_uniform_float(draw(stream, (uint32_t)index)) - 1;
}

static float *numbers(size_t n, uint32_t stream)
{
    float *made = malloc((n + 1) * sizeof *made);
    assert_non_null(made);
    for (size_t i = 0; i < n; i++)
        made[i] = number(stream, i);
    return made;
}

/* NaN: what is read before it is written shows. */
static float *poisoned(size_t n)
{
    float *made = malloc((n + 1) * sizeof *made);
    assert_non_null(made);
    for (size_t i = 0; i < n; i++)
        made[i] = NAN;
    return made;
}

/* -- intervals */

static void check_intervals(const struct ls_interval *interval, size_t count, size_t floats)
{
    size_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = interval[i].offset + interval[i].floats;
        assert_int_equal(interval[i].offset % LS_ALIGNMENT_FLOATS, 0);
        highest = end > highest ? end : highest;
        for (size_t j = 0; j < i; j++)
            if (interval[i].from <= interval[j].to && interval[j].from <= interval[i].to &&
                interval[i].offset < interval[j].offset + interval[j].floats &&
                interval[j].offset < end)
                fail_msg("%zu [%zu, %zu) and %zu [%zu, %zu) overlap", i, interval[i].offset, end, j,
                         interval[j].offset, interval[j].offset + interval[j].floats);
    }
    assert_int_equal(floats, highest);
}

/* What no placing can go below: the most that is wanted at one time. */
static size_t most_at_once(const struct ls_interval *interval, size_t count, int64_t times)
{
    size_t most = 0;
    for (int64_t t = 0; t <= times; t++) {
        size_t now = 0;
        for (size_t i = 0; i < count; i++)
            if (interval[i].from <= t && t <= interval[i].to)
                now += interval[i].floats;
        most = now > most ? now : most;
    }
    return most;
}

static void test_intervals(void **state)
{
    (void)state;
    enum { COUNT = 40, TIMES = 30 };
    double wasted = 0;
    for (uint32_t set = 0; set < 400; set++) {
        struct ls_interval interval[COUNT];
        size_t count = draw(1, set) % (COUNT + 1), floats = 0, wanted[COUNT];
        for (uint32_t i = 0; i < count; i++) {
            int64_t from = draw(2 + set, 3 * i) % TIMES;
            wanted[i] = draw(2 + set, 3 * i + 1) % 500;
            interval[i] = (struct ls_interval){
                .floats = wanted[i], .from = from, .to = from + draw(2 + set, 3 * i + 2) % 8};
        }
        assert_ok(ls_intervals_place(interval, count, &floats));
        check_intervals(interval, count, floats);
        for (size_t i = 0; i < count; i++)
            assert_true(interval[i].floats >= wanted[i]);
        size_t least = most_at_once(interval, count, TIMES + 8);
        assert_true(floats >= least);
        wasted += least ? (double)floats / (double)least - 1 : 0;
    }
    assert_true(wasted / 400 < 0.15); /* no proof, but a plan that wastes more is broken */
}

static void test_intervals_by_hand(void **state)
{
    (void)state;
    struct ls_interval interval[] = {
        {.floats = 16, .from = 0, .to = 1}, /* lives with the second only */
        {.floats = 64, .from = 1, .to = 2},
        {.floats = 10, .from = 2, .to = 3}, /* the first one's place again */
        {.floats = 0, .from = 0, .to = 9},
    };
    size_t floats;
    assert_ok(ls_intervals_place(interval, 4, &floats));
    assert_int_equal(interval[1].offset, 0);
    assert_int_equal(interval[0].offset, 64);
    assert_int_equal(interval[2].offset, 64);
    assert_int_equal(floats, 80);
    assert_ok(ls_intervals_place(NULL, 0, &floats));
    assert_int_equal(floats, 0);
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

static size_t tensor_size(const struct ls_model *model, size_t c, int64_t rows)
{
    return (size_t)(ls_shape_count(&model->call[c].shapes.out[0]) * rows);
}

static void naive_call(struct naive *n, size_t c, bool backward)
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

static void naive_forward(struct naive *n, const float *input)
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
static void naive_backward(struct naive *n, const float *gradient, int64_t global_rows)
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

static void naive_free(struct naive *n)
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

static void loss(void *user, struct ls_plan_run *run)
{
    struct planned *p = user;
    size_t size = tensor_size(p->model, p->model->output[0].call, run->rows);
    memcpy(p->out, ls_plan_output(run, 0), size * sizeof *p->out);
    memcpy(ls_plan_output_grad(run, 0), p->wanted_grad, size * sizeof *p->out);
}

static void plan_create(struct planned *p, const struct ls_model *model, int64_t rows,
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

static void plan_execute(struct planned *p, const float *input, int64_t rows)
{
    memcpy(p->input, input, tensor_size(p->model, 0, rows) * sizeof *input);
    for (size_t i = 0; i < ls_plan_bytes(p->plan) / sizeof(float); i++)
        p->run->block[i] = NAN;
    for (size_t i = 0; i < p->model->floats; i++)
        p->gradient[i] = NAN;
    p->run->rows = rows;
    ls_plan_execute(p->run, 0);
}

static void plan_release(struct planned *p)
{
    ls_plan_run_free(p->run);
    ls_plan_free(p->plan);
    free(p->input);
    free(p->gradient);
    free(p->out);
}

static void compare(const char *what, const float *found, const float *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&found[i], &wanted[i], sizeof *found) != 0)
            fail_msg("%s[%zu]: %.9g, one by one %.9g", what, i, found[i], wanted[i]);
}

static void compare_gradients(const struct ls_model *model, const float *found, const float *wanted)
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

static struct ls_model *model_of(const char *const *layers)
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
    naive_forward(&n, input);
    plan_create(&p, model, rows, &(struct ls_plan_options){0});
    plan_execute(&p, input, rows);
    size_t last = model->calls - 1;
    compare("output", ls_plan_output(p.run, 0), n.value[last], tensor_size(model, last, rows));
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
        .model = model, .rows = rows, .samples = samples, .training = true, .defer = defer};
    struct planned p;
    size_t last = model->calls - 1, size = tensor_size(model, last, rows);
    float *wanted = numbers(size, 600);
    naive_forward(&n, input);
    naive_backward(&n, wanted, GLOBAL_ROWS);
    plan_create(&p, model, rows + 3, &(struct ls_plan_options){.training = true, .defer = &defer});
    p.wanted_grad = wanted;
    for (int pass = 0; pass < 2; pass++) { /* a run is as good as new */
        plan_execute(&p, input, rows);
        compare("output", p.out, n.value[last], size);
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
            naive_forward(&n, input + 8 * row);
            compare("prediction", out + out_size * (size_t)row, n.value[model->calls - 1],
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
    naive_forward(&n, input);
    for (size_t c = 0; c < model->calls; c++) {
        const struct ls_edge edges[] = {{c, 0}, {model->calls - 1, 0}};
        struct planned p;
        plan_create(&p, model, 5, &(struct ls_plan_options){.outputs = edges, .output_count = 1});
        plan_execute(&p, input, 5);
        /* The input's own memory is scribbled on by those that work in place behind it, but here
         * nothing is behind it. */
        compare("alone", ls_plan_output(p.run, 0), n.value[c], tensor_size(model, c, 5));
        plan_release(&p);
    }
    for (size_t c = 1; c + 1 < model->calls; c++) {
        const struct ls_edge edges[] = {{c, 0}, {model->calls - 1, 0}};
        struct planned p;
        plan_create(&p, model, 5, &(struct ls_plan_options){.outputs = edges, .output_count = 2});
        plan_execute(&p, input, 5);
        compare("beside the last", ls_plan_output(p.run, 0), n.value[c], tensor_size(model, c, 5));
        compare("last", ls_plan_output(p.run, 1), n.value[model->calls - 1],
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
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *const layers[] = {
            "Input",     "shape: [4, 2]", "Dense",    "units: 5", "Flatten",  NULL, "Dropout",
            "rate: 0.2", "Dense",         "units: 4", ends[i][0], ends[i][1], NULL};
        struct ls_model *model = model_of(layers);
        const struct ls_layer *last = model->layer[model->layers - 1];
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
    plan_create(&p, model, 4, &(struct ls_plan_options){0});
    memcpy(p.input, input, 32 * sizeof *input);
    p.run->rows = 4;
    assert_null(ls_plan_find_nonfinite(p.run));
    const struct ls_layer *second = model->layer[model->layers - 2];
    model->weights[second->variable[1].offset] = INFINITY;
    memcpy(p.input, input, 32 * sizeof *input);
    assert_ptr_equal(ls_plan_find_nonfinite(p.run), second);
    memcpy(p.input, input, 32 * sizeof *input);
    p.input[31] = NAN;
    assert_ptr_equal(ls_plan_find_nonfinite(p.run), model->layer[1]);
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
        leak_checked_test(test_intervals),
        leak_checked_test(test_intervals_by_hand),
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
