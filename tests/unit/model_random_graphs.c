/* Random graphs, run by the plan, whose tensors share memory, and call by call, with memory for
 * each: outputs, masks, penalties and gradients are the same bit for bit. */
#include "unit/model_naive.h"

#include "base/text.h"

enum { GRAPHS = 1500, TENSORS = 64, INPUTS = 3, OUTPUTS = 32, ROWS = 4, GLOBAL_ROWS = 9 };

/* -- graphs as run files */

/* Results that later layers may read; those of a shape have one number. */
struct drawn {
    uint32_t graph, count; /* of numbers drawn */
    bool masks;            /* Masking is among the layers, but not what refuses or drops masks */
    struct ls_text text;
    char name[TENSORS][16];
    int size[TENSORS][2]; /* [0] is 0: of one axis */
    bool read[TENSORS];
    size_t tensors, layers, shared, inputs;
    bool tower;
};

static uint32_t pick(struct drawn *d, uint32_t of)
{
    return draw(1000 + d->graph, d->count++) % of;
}

static size_t add_tensor(struct drawn *d, int rows, int columns)
{
    assert_true(d->tensors < TENSORS);
    snprintf(d->name[d->tensors], sizeof *d->name, "t%zu", d->tensors);
    d->size[d->tensors][0] = rows;
    d->size[d->tensors][1] = columns;
    return d->tensors++;
}

static int numbers_of(const struct drawn *d, size_t t)
{
    return d->size[t][1] * (d->size[t][0] ? d->size[t][0] : 1);
}

static const char *read_name(struct drawn *d, size_t t)
{
    d->read[t] = true;
    return d->name[t];
}

/* `- KIND: {OPTIONS}`, from t, as a new result. */
static void add_layer(struct drawn *d, size_t t, const char *layer, int rows, int columns)
{
    const char *from = read_name(d, t);
    size_t made = add_tensor(d, rows, columns);
    ls_text_append(&d->text, "    - %s\n      from: %s\n      as: %s\n", layer, from,
                   d->name[made]);
    if (pick(d, 10) == 0)
        ls_text_append(&d->text, "      call: {training: false}\n");
}

static void add_dense(struct drawn *d, size_t t)
{
    static const char *const more[] = {
        "activation: relu",
        "activation: tanh",
        "activation: gelu",
        "activation: tanh, activity_regularizer: {L2: {l2: 0.1}}",
        "activation: gelu, activity_regularizer: {L1: {l1: 0.1}}",
        "trainable: false",
        "use_bias: false, activation: sigmoid",
        "activation: softmax",
    };
    char layer[160];
    int units = 2 * (1 + (int)pick(d, 3));
    snprintf(layer, sizeof layer, "Dense: {units: %d, %s}", units,
             more[pick(d, sizeof more / sizeof *more)]);
    add_layer(d, t, layer, d->size[t][0], units);
}

static void add_same(struct drawn *d, size_t t)
{
    static const char *const layers[] = {
        "Activation: {activation: relu}",
        "Activation: {activation: tanh}",
        "Activation: {activation: elu}",
        "LeakyReLU: {}",
        "Dropout: {rate: 0.4}",
        "Dropout: {rate: 0.2}",
        "Rescaling: {scale: 2, offset: 0.5}",
        "Identity: {}",
        "Softmax: {}",
    };
    add_layer(d, t, layers[pick(d, sizeof layers / sizeof *layers - d->masks)], d->size[t][0],
              d->size[t][1]);
}

static void add_view(struct drawn *d, size_t t)
{
    char layer[64];
    int n = numbers_of(d, t);
    if (d->masks) {
        add_layer(d, t, "Masking: {mask_value: 0.0}", d->size[t][0], d->size[t][1]);
    } else if (pick(d, 2)) {
        add_layer(d, t, "Flatten: {}", 0, n);
    } else {
        snprintf(layer, sizeof layer, "Reshape: {target_shape: [2, %d]}", n / 2);
        add_layer(d, t, layer, 2, n / 2);
    }
}

/* A tensor of the same shape, the same one perhaps. */
static size_t like(struct drawn *d, size_t t)
{
    for (int tries = 0; tries < 8; tries++) {
        size_t other = pick(d, (uint32_t)d->tensors);
        if (memcmp(d->size[other], d->size[t], sizeof d->size[t]) == 0)
            return other;
    }
    return t;
}

static void add_merge(struct drawn *d, size_t t)
{
    static const char *const kinds[] = {"Add", "Average", "Maximum", "Multiply", "Concatenate"};
    size_t kind = pick(d, d->masks ? 2 : 5), inputs = 2 + pick(d, 2);
    int columns = d->size[t][1] * (kind == 4 ? (int)inputs : 1);
    if (columns > 24) {
        add_same(d, t);
        return;
    }
    ls_text_append(&d->text, "    - %s: {}\n      from: [%s", kinds[kind], read_name(d, t));
    for (size_t i = 1; i < inputs; i++)
        ls_text_append(&d->text, ", %s", read_name(d, like(d, t)));
    size_t made = add_tensor(d, d->size[t][0], columns);
    ls_text_append(&d->text, "]\n      as: %s\n", d->name[made]);
}

/* A layer that is called several times. */
static void add_shared(struct drawn *d, size_t t)
{
    char layer[96];
    if (d->size[t][1] != 4)
        return;
    snprintf(layer, sizeof layer, "%s", "apply: shared");
    if (d->shared++ == 0)
        snprintf(layer, sizeof layer, "Dense: {units: 4, activation: tanh, name: shared}");
    add_layer(d, t, layer, d->size[t][0], 4);
}

/* A model in a layer's place, of which one result may go unread. */
static void add_tower(struct drawn *d, size_t t)
{
    if (d->size[t][0] || d->size[t][1] != 4 || d->masks)
        return;
    const char *from = read_name(d, t);
    if (d->tower)
        ls_text_append(&d->text, "    - apply: tower\n");
    else
        ls_text_append(&d->text, "    - Model:\n"
                                 "        name: tower\n"
                                 "        inputs: {x: {shape: 4}}\n"
                                 "        layers:\n"
                                 "          - Dense: {units: 4, activation: tanh, name: a}\n"
                                 "          - Dropout: {rate: 0.3, name: b}\n"
                                 "          - Dense: {units: 2, activation: gelu, name: c,\n"
                                 "                    activity_regularizer: {L2: {l2: 0.1}}}\n"
                                 "            from: x\n"
                                 "          - Dense: {units: 6, name: d}\n"
                                 "            from: a\n"
                                 "          - LeakyReLU: {name: e}\n"
                                 "            from: a\n"
                                 "        outputs: [b, c, d, e, x]\n");
    d->tower = true;
    size_t made = add_tensor(d, 0, 4), unread = pick(d, 5);
    ls_text_append(&d->text, "      from: %s\n      as: %s\n", from, d->name[made]);
    static const int columns[] = {4, 2, 6, 4, 4};
    for (size_t o = 1; o < 5; o++) {
        char name[24];
        snprintf(name, sizeof name, "%s:%zu", d->name[made], o);
        if (o != unread)
            memcpy(d->name[add_tensor(d, 0, columns[o])], name, sizeof *d->name);
    }
}

static void add_any(struct drawn *d)
{
    static void (*const adds[])(struct drawn *, size_t) = {
        add_dense, add_dense, add_same, add_same, add_view, add_merge, add_shared, add_tower,
    };
    /* mostly what is new, so that graphs get deep */
    size_t t = pick(d, 3) ? d->tensors - 1 - pick(d, d->tensors > 3 ? 3 : 1)
                          : pick(d, (uint32_t)d->tensors);
    adds[pick(d, sizeof adds / sizeof *adds)](d, t);
}

/* What nobody reads, and some of what is read, once or twice. */
static void add_outputs(struct drawn *d)
{
    size_t outputs = 0;
    ls_text_append(&d->text, "  outputs:\n");
    for (size_t t = 0; t < d->tensors; t++) {
        size_t times = d->read[t] ? pick(d, 7) == 0 : t >= d->inputs;
        if (times > 0 && pick(d, 8) == 0)
            times++;
        for (; times > 0 && outputs < OUTPUTS; times--)
            ls_text_append(&d->text, "    o%zu: %s\n", outputs++, d->name[t]);
        assert_true(times == 0);
    }
    if (outputs == 0)
        ls_text_append(&d->text, "    o: t0\n");
}

static void draw_graph(struct drawn *d, uint32_t graph)
{
    static const int sizes[][2] = {{0, 4}, {2, 4}, {0, 6}};
    *d = (struct drawn){.graph = graph};
    d->masks = pick(d, 4) == 0;
    d->inputs = 1 + pick(d, INPUTS);
    ls_text_append(&d->text, "model:\n  inputs:\n");
    for (size_t i = 0; i < d->inputs; i++) {
        const int *size = sizes[d->masks ? 1 : pick(d, 3)];
        size_t made = add_tensor(d, size[0], size[1]);
        ls_text_append(&d->text, "    %s: {shape: [", d->name[made]);
        if (size[0])
            ls_text_append(&d->text, "%d, ", size[0]);
        ls_text_append(&d->text, "%d]}\n", size[1]);
    }
    ls_text_append(&d->text, "  layers:\n");
    add_dense(d, 0);
    for (size_t layers = 2 + pick(d, 9), i = 0; i < layers; i++)
        add_any(d);
    add_outputs(d);
    assert_ok(ls_text_status(&d->text));
}

/* -- comparing */

/* A graph, what it is run on, and what a plan gave. */
struct trial {
    struct drawn drawn;
    struct ls_tree *tree;
    struct ls_model *model;
    float *input[INPUTS], *given[INPUTS]; /* given: to the plan, which scribbles on it */
    float *wanted[OUTPUTS];               /* the loss's gradients */
    bool defer[OUTPUTS], no_loss[OUTPUTS];
    const struct naive *naive;
};

static void compare_output(const struct trial *t, const struct ls_plan_run *run, size_t o,
                           struct ls_edge edge)
{
    const struct ls_graph_call *call = &t->model->call[edge.call];
    const float *mask = ls_plan_output_mask(run, o);
    char what[32];
    snprintf(what, sizeof what, "output %zu", o);
    compare(what, ls_plan_output(run, o), t->naive->value[edge.call][edge.output],
            edge_size(t->model, edge, run->rows));
    assert_true(call->masked == (mask != NULL));
    if (mask)
        compare("its mask", mask, t->naive->value[call->mask.call][call->mask.output],
                edge_size(t->model, call->mask, run->rows));
}

static void take_loss(void *user, struct ls_plan_run *run)
{
    const struct trial *t = user;
    for (size_t o = 0; o < t->model->outputs; o++) {
        struct ls_edge edge = t->model->output[o];
        compare_output(t, run, o, edge);
        if (!t->no_loss[o])
            memcpy(ls_plan_output_grad(run, o), t->wanted[o],
                   edge_size(t->model, edge, run->rows) * sizeof(float));
    }
}

static const int64_t samples[ROWS] = {7, 3000000007, 12, 0};

static void run_plan(struct trial *t, const struct ls_plan *plan, struct ls_plan_run *run,
                     float *gradient)
{
    for (size_t i = 0; i < t->model->inputs; i++)
        memcpy(t->given[i], t->input[i],
               edge_size(t->model, t->model->input[i], ROWS) * sizeof(float));
    for (size_t i = 0; i < ls_plan_bytes(plan) / sizeof(float); i++)
        run->block[i] = NAN;
    for (size_t i = 0; i < t->model->floats; i++)
        gradient[i] = NAN;
    run->weights = t->model->weights;
    run->gradient = gradient;
    run->input = t->given;
    run->rows = ROWS;
    run->samples = samples;
    run->global_rows = GLOBAL_ROWS;
    run->seed = 5;
    run->epoch = 2;
    run->user = t;
    assert_ok(ls_plan_prepare(run));
    for (size_t s = 0; s < ls_plan_segments(plan); s++)
        assert_ok(ls_plan_execute(run, s));
}

static void check_training(struct trial *t)
{
    struct naive n = {.model = t->model,
                      .rows = ROWS,
                      .training = true,
                      .defer = t->defer,
                      .no_loss = t->no_loss,
                      .samples = samples};
    struct ls_plan *plan;
    struct ls_plan_run *run;
    float *gradient = poisoned(t->model->floats);
    naive_forward(&n, (const float *const *)t->input);
    naive_backward(&n, (const float *const *)t->wanted, GLOBAL_ROWS);
    t->naive = &n;
    assert_ok(ls_plan_create(&plan, &(struct ls_plan_options){.model = t->model,
                                                              .rows = ROWS + 1,
                                                              .training = true,
                                                              .defer = t->defer,
                                                              .no_loss = t->no_loss,
                                                              .loss = take_loss}));
    assert_ok(ls_plan_run_create(&run, plan));
    run_plan(t, plan, run, gradient);
    if (run->penalty != n.penalty)
        fail_msg("penalty %.17g, one by one %.17g", run->penalty, n.penalty);
    compare_gradients(t->model, gradient, n.gradient);
    ls_plan_run_free(run);
    ls_plan_free(plan);
    naive_free(&n);
    free(gradient);
}

/* edges: some results in place of the model's; NULL: the model's. */
static void check_prediction(struct trial *t, const struct ls_edge *edges, size_t count)
{
    struct naive n = {.model = t->model, .rows = ROWS, .samples = samples};
    struct ls_plan *plan;
    struct ls_plan_run *run;
    float *gradient = poisoned(t->model->floats);
    naive_forward(&n, (const float *const *)t->input);
    t->naive = &n;
    assert_ok(ls_plan_create(
        &plan, &(struct ls_plan_options){
                   .model = t->model, .rows = ROWS, .outputs = edges, .output_count = count}));
    assert_ok(ls_plan_run_create(&run, plan));
    run_plan(t, plan, run, gradient);
    for (size_t o = 0; o < (edges ? count : t->model->outputs); o++)
        compare_output(t, run, o, edges ? edges[o] : t->model->output[o]);
    if (!edges && run->penalty != n.penalty)
        fail_msg("penalty %.17g, one by one %.17g", run->penalty, n.penalty);
    ls_plan_run_free(run);
    ls_plan_free(plan);
    naive_free(&n);
    free(gradient);
}

static void check_some_results(struct trial *t)
{
    struct ls_edge edges[3];
    size_t count = 1 + pick(&t->drawn, 3);
    for (size_t i = 0; i < count; i++)
        edges[i] = (struct ls_edge){pick(&t->drawn, (uint32_t)t->model->calls), 0};
    check_prediction(t, edges, count);
}

static void prepare(struct trial *t)
{
    struct ls_model *model = t->model;
    assert_ok(ls_model_initialize(model, 11));
    for (size_t i = 0; i < model->floats; i++) /* biases are no zeros, and all signs are there */
        model->weights[i] += number(77, i) / 4;
    for (size_t i = 0; i < model->inputs; i++) {
        size_t size = edge_size(model, model->input[i], ROWS);
        t->input[i] = numbers(size, 20 + (uint32_t)i);
        t->given[i] = poisoned(size);
        for (size_t k = 0; t->drawn.masks && k < size; k++) /* some positions are masked */
            if (k / 4 % 3 == 0)
                t->input[i][k] = 0;
    }
    for (size_t o = 0; o < model->outputs; o++) {
        struct ls_edge edge = model->output[o];
        t->wanted[o] = numbers(edge_size(model, edge, ROWS), 40 + (uint32_t)o);
        t->no_loss[o] = pick(&t->drawn, 4) == 0;
        t->defer[o] = !t->no_loss[o] && ls_model_output_is_last(model, o) &&
                      model->layer[model->call[edge.call].layer]->has_activation &&
                      !model->layer[model->call[edge.call].layer]->activity_regularizer;
    }
}

static void check_graph(uint32_t graph)
{
    struct trial t = {0};
    draw_graph(&t.drawn, graph);
    assert_ok(ls_tree_parse_yaml(&t.tree, t.drawn.text.data, t.drawn.text.length, "run.yaml"));
    if (ls_model_from_tree(&t.model, ls_tree_find(t.tree, "model")) != LS_OK)
        fail_msg("%s\n%s", ls_message(), t.drawn.text.data);
    prepare(&t);
    check_training(&t);
    check_prediction(&t, NULL, 0);
    check_some_results(&t);
    for (size_t i = 0; i < INPUTS; i++) {
        free(t.input[i]);
        free(t.given[i]);
    }
    for (size_t o = 0; o < OUTPUTS; o++)
        free(t.wanted[o]);
    ls_model_free(t.model);
    ls_tree_free(t.tree);
    ls_text_release(&t.drawn.text);
}

static uint32_t at; /* the graph that is checked: which one failed */

static void test_random_graphs(void **state)
{
    (void)state;
    for (at = 0; at < GRAPHS; at++)
        check_graph(at);
}

static int name_graph(void **state)
{
    if (at < GRAPHS)
        print_error("it was graph %u\n", at);
    return check_blocks(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_graphs, count_blocks, name_graph)};
    return cmocka_run_group_tests_name("random graphs", tests, start_kernels, NULL);
}
