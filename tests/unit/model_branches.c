/* Gradients of graphs with branches against finite differences. */
#include <math.h>

#include "unit/store_test.h"

#include "lockstep/lockstep.h"
#include "model/plan_layout.h"

#define SIAMESE                                                                                    \
    "model:\n"                                                                                     \
    "  inputs: {left: {shape: 3}, right: {shape: 3}}\n"                                            \
    "  layers:\n"                                                                                  \
    "    - Dense: {units: 2, name: encode}\n"                                                      \
    "      from: left\n"                                                                           \
    "      as: left_code\n"                                                                        \
    "    - apply: encode\n"                                                                        \
    "      from: right\n"                                                                          \
    "      as: right_code\n"

#define HEAD                                                                                       \
    "model:\n"                                                                                     \
    "  inputs: {x: {shape: 3}}\n"                                                                  \
    "  layers:\n"

static struct ls_model *parse(struct ls_tree **tree, const char *yaml)
{
    struct ls_model *model;
    assert_ok(ls_tree_parse_yaml(tree, yaml, strlen(yaml), "run.yaml"));
    assert_ok(ls_model_from_tree(&model, ls_tree_find(*tree, "model")));
    return model;
}

enum { ROWS = 3, OUT_MAX = 64 };

struct graph {
    struct ls_model *model;
    float *input[4];
    float *grad[4]; /* d loss / d output */
    bool no_loss[4];
};

static float draw(uint32_t stream, size_t i)
{
    uint32_t word[4];
    ls_philox(word, (uint32_t[4]){(uint32_t)i, stream}, ls_random_key(7, LS_PURPOSE_TEST));
    return 2 * ls_uniform_float(word[0]) - 1;
}

static float *draw_all(size_t n, uint32_t stream)
{
    float *values = malloc((n + 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++)
        values[i] = draw(stream, i);
    return values;
}

/* sum over outputs of grad * output */
static double value_of(const struct graph *g)
{
    float *out[4] = {0};
    double sum = 0;
    for (size_t o = 0; o < g->model->outputs; o++)
        out[o] = draw_all(ls_model_output_size(g->model, o) * ROWS, 1);
    assert_ok(ls_model_predict_all(g->model, (const float *const *)g->input, ROWS, out));
    for (size_t o = 0; o < g->model->outputs; o++) {
        size_t n = ls_model_output_size(g->model, o) * ROWS;
        for (size_t i = 0; i < n && !g->no_loss[o]; i++)
            sum += (double)g->grad[o][i] * (double)out[o][i];
        free(out[o]);
    }
    return sum;
}

static void write_gradients(void *user, struct ls_plan_run *run)
{
    const struct graph *g = user;
    for (size_t o = 0; o < g->model->outputs; o++)
        if (!g->no_loss[o])
            memcpy(ls_plan_output_grad(run, o), g->grad[o],
                   ls_model_output_size(g->model, o) * ROWS * sizeof(float));
}

static float *gradient_of(const struct graph *g)
{
    struct ls_plan *plan;
    struct ls_plan_run *run;
    float *gradient = draw_all(g->model->trainable_floats, 2); /* is to be written over */
    int64_t samples[ROWS] = {0, 1, 2};
    assert_ok(ls_plan_create(&plan, &(struct ls_plan_options){.model = g->model,
                                                              .rows = ROWS,
                                                              .training = true,
                                                              .no_loss = g->no_loss,
                                                              .loss = write_gradients}));
    assert_ok(ls_plan_run_create(&run, plan));
    run->weights = g->model->weights;
    run->gradient = gradient;
    run->input = g->input;
    run->rows = ROWS;
    run->samples = samples;
    run->global_rows = ROWS;
    run->user = (void *)g;
    assert_ok(ls_plan_prepare(run));
    assert_ok(ls_plan_execute(run, 0));
    ls_plan_run_free(run);
    ls_plan_free(plan);
    return gradient;
}

static void check_gradients(const struct graph *g)
{
    float *gradient = gradient_of(g);
    for (size_t i = 0; i < ls_model_variables(g->model); i++) {
        struct ls_variable_at at = ls_model_variable(g->model, i);
        for (size_t k = 0; at.trainable && k < ls_variable_count(at.variable); k++) {
            float *place = &g->model->weights[at.variable->offset + k], was = *place;
            double high, low, step = 1.0 / 64;
            *place = was + (float)step;
            high = value_of(g);
            *place = was - (float)step;
            low = value_of(g);
            *place = was;
            double wanted = (high - low) / (2 * step);
            double found = (double)gradient[at.variable->offset + k];
            if (!(fabs(found - wanted) <= 2e-3 * (1 + fabs(wanted))))
                fail_msg("%s/%s[%zu]: gradient %.7g, by differences %.7g", at.layer->path,
                         at.variable->name, k, found, wanted);
        }
    }
    free(gradient);
}

static void check_graph(const char *yaml, const bool *no_loss)
{
    struct ls_tree *tree;
    struct graph g = {.model = parse(&tree, yaml)};
    assert_ok(ls_model_initialize(g.model, 5));
    for (size_t i = 0; i < g.model->inputs; i++)
        g.input[i] = draw_all(ls_model_input_size(g.model, i) * ROWS, 10 + (uint32_t)i);
    for (size_t o = 0; o < g.model->outputs; o++) {
        g.grad[o] = draw_all(ls_model_output_size(g.model, o) * ROWS, 20 + (uint32_t)o);
        g.no_loss[o] = no_loss && no_loss[o];
    }
    check_gradients(&g);
    for (size_t i = 0; i < 4; i++) {
        free(g.input[i]);
        free(g.grad[i]);
    }
    ls_model_free(g.model);
    ls_tree_free(tree);
}

/* A result that several read, views and layers that work in place among them. */
static void test_branches(void **state)
{
    (void)state;
    check_graph(HEAD "    - Dense: {units: 4, activation: tanh, name: a}\n"
                     "    - Reshape: {target_shape: [2, 2], name: r}\n"
                     "    - Flatten: {name: f}\n"
                     "    - Rescaling: {scale: 2, name: s}\n"
                     "      from: a\n"
                     "    - Dense: {units: 4, activation: tanh, name: b}\n"
                     "      from: a\n"
                     "    - Add: {name: sum}\n"
                     "      from: [a, f, s, b]\n"
                     "    - Dense: {units: 2, name: end}\n",
                NULL);
    /* a residual block, twice */
    check_graph(HEAD "    - Dense: {units: 4, activation: tanh, name: a}\n"
                     "    - Dense: {units: 4, activation: tanh, name: b}\n"
                     "    - Add: {name: c}\n"
                     "      from: [a, b]\n"
                     "    - Dense: {units: 4, activation: tanh, name: d}\n"
                     "    - Add: {name: e}\n"
                     "      from: [c, d]\n"
                     "    - Activation: {activation: sigmoid}\n",
                NULL);
}

static void test_same_tensor_twice(void **state)
{
    (void)state;
    check_graph(HEAD "    - Dense: {units: 4, name: a}\n"
                     "    - Multiply: {name: square}\n"
                     "      from: [a, a]\n"
                     "    - Concatenate:\n"
                     "      from: [square, a, square]\n"
                     "    - Dense: {units: 2}\n",
                NULL);
}

static void test_shared_gradients(void **state)
{
    (void)state;
    check_graph(SIAMESE "    - Subtract: {name: gap}\n"
                        "      from: [left_code, right_code]\n"
                        "    - Multiply:\n"
                        "      from: [gap, gap]\n"
                        "    - Dense: {units: 1}\n",
                NULL);
    check_graph(HEAD "    - Dense: {units: 3, activation: tanh, name: a}\n"
                     "    - apply: a\n"
                     "    - apply: a\n",
                NULL);
}

/* An output in the midst of the graph; two outputs that are the same; inputs as outputs. */
static void test_outputs_that_others_read(void **state)
{
    (void)state;
    check_graph(HEAD "    - Dense: {units: 3, activation: tanh, name: a}\n"
                     "    - Flatten: {name: f}\n"
                     "    - Dense: {units: 2, name: b}\n"
                     "  outputs: {p: a, q: b, r: f, s: x}\n",
                NULL);
    const char *yaml = HEAD "    - Dense: {units: 3, activation: tanh, name: a}\n"
                            "    - Dense: {units: 2, name: b}\n"
                            "  outputs: {p: b, q: a, r: b, s: b}\n";
    check_graph(yaml, NULL);
    check_graph(yaml, (const bool[]){true, false, false, false});
    check_graph(yaml, (const bool[]){false, false, true, false});
}

/* One result under several names: the gradients of all of them count. */
static void test_result_that_is_several_outputs(void **state)
{
    (void)state;
    const char *yaml = HEAD "    - Dense: {units: 3, activation: tanh, name: a}\n"
                            "    - Dense: {units: 2, name: b}\n"
                            "  outputs: {p: b, q: b, r: a, s: b}\n";
    check_graph(yaml, NULL);
    check_graph(yaml, (const bool[]){true, false, false, false});
    check_graph(yaml, (const bool[]){false, true, true, false});
}

/* What leads to outputs without a loss alone gets no gradient: it is zero, not what was there. */
static void test_outputs_without_loss(void **state)
{
    (void)state;
    const char *yaml = HEAD "    - Dense: {units: 3, activation: tanh, name: a}\n"
                            "    - Dense: {units: 2, name: b}\n"
                            "    - Dense: {units: 2, name: c}\n"
                            "      from: a\n"
                            "    - apply: c\n"
                            "      from: x\n"
                            "      as: d\n"
                            "  outputs: [b, c, d]\n";
    check_graph(yaml, (const bool[]){true, false, false});
    check_graph(yaml, (const bool[]){false, true, false});
    check_graph(yaml, (const bool[]){true, true, false});
    check_graph(yaml, (const bool[]){true, false, true});
}

static void test_nested_gradients(void **state)
{
    (void)state;
    check_graph("model:\n"
                "  inputs: {a: {shape: 3}, b: {shape: 3}}\n"
                "  layers:\n"
                "    - Model:\n"
                "        name: tower\n"
                "        inputs: {x: {shape: 3}, y: {shape: 3}}\n"
                "        layers:\n"
                "          - Add:\n"
                "            from: [x, y]\n"
                "          - Dense: {units: 4, activation: tanh, name: one}\n"
                "          - Dense: {units: 2, name: two}\n"
                "            from: x\n"
                "        outputs: [one, two]\n"
                "      from: [a, b]\n"
                "    - apply: tower\n"
                "      from: [b, a]\n"
                "      as: other\n"
                "    - Concatenate:\n"
                "      from: [tower:0, other:1, other, tower:1]\n"
                "    - Dense: {units: 2}\n",
                NULL);
}

#define UNREAD(name)                                                                               \
    "          - Dense: {units: 3, activation: gelu, name: " name                                  \
    ", activity_regularizer: {L2: {l2: 0.1}}}\n"                                                   \
    "            from: x\n"

/* Results of a nested model that nobody reads, each with a penalty of its own: nothing else gives
 * their layers a gradient. */
static void test_unread_results(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct graph g = {
        .model = parse(&tree, HEAD "    - Dense: {units: 3, name: first}\n"
                                   "    - Model:\n"
                                   "        inputs: {x: {shape: 3}}\n"
                                   "        layers:\n" UNREAD("a") UNREAD("b") UNREAD("c")
                                       UNREAD("d") UNREAD("e") UNREAD("f")
                                           UNREAD("g") "        outputs: [a, b, c, d, e, f, g]\n")};
    assert_ok(ls_model_initialize(g.model, 5));
    g.input[0] = draw_all(3 * ROWS, 10);
    g.grad[0] = draw_all(3 * ROWS, 20);
    float *gradient = gradient_of(&g);
    for (size_t i = 0; i < ls_model_variables(g.model); i++) {
        struct ls_variable_at at = ls_model_variable(g.model, i);
        for (size_t k = 0; k < ls_variable_count(at.variable); k++)
            if (gradient[at.variable->offset + k] == 0)
                fail_msg("%s/%s[%zu]: no gradient", at.layer->path, at.variable->name, k);
    }
    free(gradient);
    free(g.input[0]);
    free(g.grad[0]);
    ls_model_free(g.model);
    ls_tree_free(tree);
}

/* The layers that a plan for some results runs. */
static void assert_runs(const struct ls_model *model, const struct ls_edge *outputs, size_t count,
                        const char *layers)
{
    struct ls_plan *plan;
    char found[64] = "";
    assert_ok(ls_plan_create(
        &plan, &(struct ls_plan_options){
                   .model = model, .rows = 1, .outputs = outputs, .output_count = count}));
    for (size_t i = 0; i < plan->items; i++) {
        const struct ls_graph_call *call = &model->call[plan->item[i].call];
        strcat(found, model->layer[call->layer]->name);
    }
    assert_string_equal(found, layers);
    ls_plan_free(plan);
}

/* For one result only what leads to it is computed; for the model's outputs its penalties too. */
static void test_only_what_is_needed(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model =
        parse(&tree, HEAD "    - Dense: {units: 3, name: a}\n"
                          "    - Dense: {units: 3, name: b}\n"
                          "      from: x\n"
                          "    - Model:\n"
                          "        inputs: {y: {shape: 3}}\n"
                          "        layers:\n"
                          "          - Dense: {units: 3, name: c}\n"
                          "          - Dense: {units: 3, name: d}\n"
                          "            from: y\n"
                          "          - Dense: {units: 3, name: e, activity_regularizer: l2}\n"
                          "            from: y\n"
                          "        outputs: [c, d, e]\n"
                          "      from: b\n"
                          "      as: m\n"
                          "    - Add: {name: s}\n"
                          "      from: [a, m:0]\n");
    size_t calls = model->calls; /* x a b c d e s */
    assert_int_equal(calls, 7);
    assert_runs(model, NULL, 0, "abces");
    assert_runs(model, (const struct ls_edge[]){{2, 0}}, 1, "b");
    assert_runs(model, (const struct ls_edge[]){{4, 0}, {1, 0}}, 2, "abd");
    assert_runs(model, (const struct ls_edge[]){{6, 0}}, 1, "abcs");
    assert_runs(model, (const struct ls_edge[]){{0, 0}}, 1, "");
    ls_model_free(model);
    ls_tree_free(tree);
}

/* `call: {training: false}`: no dropout there. */
static void test_inference(void **state)
{
    (void)state;
    check_graph(HEAD "    - Dense: {units: 3, name: a}\n"
                     "    - Model: {name: m, input: {shape: 3}, layers: [{Dropout: {rate: 0.5}}, "
                     "{Dense: {units: 2}}]}\n"
                     "      call: {training: false}\n"
                     "    - Dropout: {rate: 0.5}\n"
                     "      call: {training: false}\n",
                NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_branches),
        leak_checked_test(test_same_tensor_twice),
        leak_checked_test(test_shared_gradients),
        leak_checked_test(test_outputs_that_others_read),
        leak_checked_test(test_result_that_is_several_outputs),
        leak_checked_test(test_outputs_without_loss),
        leak_checked_test(test_nested_gradients),
        leak_checked_test(test_unread_results),
        leak_checked_test(test_only_what_is_needed),
        leak_checked_test(test_inference),
    };
    return cmocka_run_group_tests_name("gradients of graphs", tests, start_kernels, NULL);
}
