/* BatchNormalization against numbers of Keras' (keras 3.15, torch backend): in training, with a
 * mask, along another axis; its moving statistics, which several calls change one after the other;
 * not training; slices of a batch with a sum between them. */
#include "layer_harness.h"

enum { N = 12, C = 2 };

static const float x[N] = {1, 2, 3, -1, 0, 4, 2, 2, -2, 5, 1, 1};
static const float weight[N] = {1, 0.5F, -1, 2, 0.25F, 1, 2, -2, 0.5F, 1, 1, -1};

static void expect(const float *found, const double *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - wanted[i]) <= 2e-6 * (1 + fabs(wanted[i]))))
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, (double)found[i], wanted[i]);
}

static void start(struct harness *h, const char *options, const char *input)
{
    struct ls_layer_example example = {options, input, 1};
    harness_create(h, "BatchNormalization", &example, 2);
    memcpy(h->in, x, sizeof x);
    memcpy(h->out_grad, weight, sizeof weight);
    for (size_t v = 0; v < h->layer.variables; v++) {
        size_t n = (size_t)h->layer.variable[v].shape.size[0];
        static const float first[4][3] = {{2, 0.5F}, {1, -1}, {0}, {1, 1, 1}};
        static const float along[4][3] = {{1, 2, 3}, {1, 2, 3}, {0}, {1, 1, 1}};
        memcpy(h->weight[v], n == 3 ? along[v] : first[v], n * sizeof(float));
    }
}

/* After one call: moving * momentum + statistic * (1 - momentum). */
static void update(struct harness *h, size_t calls)
{
    h->layer.kind->update(&h->layer, h->weight, (const float *const *)h->weight_grad, calls);
}

struct wanted {
    const char *options, *input;
    double out[N], in_grad[N], gamma[3], beta[3], mean[3], variance[3], inference[N];
};

static void check(const struct wanted *w)
{
    struct harness h;
    start(&h, w->options, w->input);
    if (h.mask_size)
        memcpy(h.in + N, (const float[]){1, 1, 0, 1, 0, 0}, 6 * sizeof(float));
    size_t channels = (size_t)h.layer.variable[0].shape.size[0];
    harness_forward(&h);
    expect(h.out, w->out, N, "out");
    harness_backward(&h, false);
    expect(h.in_grad, w->in_grad, N, "in_grad");
    expect(h.weight_grad[0], w->gamma, channels, "gradient of gamma");
    expect(h.weight_grad[1], w->beta, channels, "gradient of beta");
    update(&h, 1);
    expect(h.weight[2], w->mean, channels, "moving_mean");
    expect(h.weight[3], w->variance, channels, "moving_variance");
    h.training = false;
    harness_forward(&h);
    expect(h.out, w->inference, N, "out when not training");
    harness_free(&h);
}

static const struct wanted plain = {
    "momentum: 0.9, epsilon: 0.01",
    "[3, 2]",
    {1.21157217, -1.04266191, 3.75043726, -1.81057549, -0.0578603745, -0.530719519, 2.48100471,
     -1.04266191, -2.59672546, -0.274748325, 1.21157217, -1.2986331},
    {0.492018759, 0.063526921, -1.85506773, 0.439097911, -0.555944979, 0.197103024, 1.85734057,
     -0.576401055, -0.430365443, 0.199898303, 0.492018759, -0.323225141},
    {-0.714055657, -0.127985597},
    {3.75, 1.5},
    {0.0833333358, 0.216666684},
    {1.14722216, 1.28055549},
    {2.70424906, -0.215100258, 6.42261065, -1.53549236, 0.845068262, 0.665161143, 4.56342986,
     -0.215100258, -2.87329333, 1.10529184, 2.70424906, -0.655230959},
};

static const struct wanted masked = {
    "momentum: 0.9, epsilon: 0.01",
    "{masked: [3, 2]}",
    {-1.43132281, -0.647327185, 3.43132281, -1.70534563, -3.86264563, 0.058018446, 1, -0.647327185,
     -8.72529125, 0.410691261, -1.43132281, -1},
    {-7.19515896, -0.0877295509, 1.11685252, 0.70446831, 0.607830703, 0.352672815, 1.82349229,
     -0.969411612, 1.21566141, 0.352672815, 2.43132281, -0.352672815},
    {-6.68613768, 1.05801845},
    {3.75, 1.5},
    {0.200000003, 0.100000001},
    {0.966666639, 1.10000002},
    {2.61899996, -0.0982999206, 6.66649961, -1.52203691, 0.59525001, 0.850858212, 4.64274979,
     -0.0982999206, -3.45224953, 1.32543707, 2.61899996, -0.572878897},
};

static const struct wanted along = {
    "axis: 1, momentum: 0.75",
    "[3, 2]",
    {-0.727450371, 1.57581687, 3.22311091, 0.427428722, 0.000666379929, 7.99888945, 1.57581687,
     1.57581687, -0.271491766, 4.62095213, 2.00022221, 2.00022221},
    {0.00763702393, 0.765210152, -0.981708765, 0.762968063, 0.582889199, 0.194925487, 4.22011137,
     -4.99295807, -0.373434037, 0.592174768, 1.61064839, -2.38846302},
    {-1.43954206, -1.44152367, 1.41635191},
    {1.5, 2.5, 1.25},
    {0.4375, 0.3125, 0.375},
    {0.796875, 2.796875, 1.3125},
    {1.62973106, 2.7492528, 5.21339655, 0.430666804, 2.01839352, 12.4888639, 2.7492528, 2.7492528,
     -0.765015602, 7.60476112, 4.63601112, 4.63601112},
};

static void test_keras(void **state)
{
    (void)state;
    check(&plain);
    check(&masked);
    check(&along);
}

/* A second call of the layer, on 2 x + 1, in the same step. */
static void test_two_calls(void **state)
{
    struct harness h;
    (void)state;
    start(&h, plain.options, plain.input);
    harness_run(&h, (struct tensors){.in = h.in, .out = h.out});
    for (size_t i = 0; i < N; i++)
        h.in[i] = 2 * x[i] + 1;
    harness_run(&h, (struct tensors){.in = h.in, .out = h.out, .accumulate = true});
    update(&h, 2);
    expect(h.weight[2], (double[]){0.341666698, 0.728333354}, C, "moving_mean");
    expect(h.weight[3], (double[]){2.02138877, 2.67472219}, C, "moving_variance");
    harness_free(&h);
}

/* A phase of both slices of one sample, and the sum of what they left at the point. */
static void run_slices(struct harness *h, struct ls_call *call,
                       void (*pass)(const struct ls_call *))
{
    double left[3 * C] = {0};
    for (size_t phase = 0; phase <= 1; phase++) {
        double sum[3 * C] = {0};
        for (size_t r = 0; r < 2; r++) {
            call[r].phase = phase;
            memcpy(h->point, left, sizeof left);
            pass(&call[r]);
            for (size_t i = 0; i < 3 * C; i++)
                sum[i] += h->point[i];
        }
        memcpy(left, sum, sizeof left);
    }
}

/* Two slices give what the whole batch gives, and together its gradients and statistics. */
static void test_slices(void **state)
{
    struct harness h;
    (void)state;
    start(&h, plain.options, plain.input);
    float saved[2][3 * C], grads[2][4][C], total[4][C] = {{0}};
    float *grad[2][4];
    const float *in[2] = {h.in, h.in + N / 2}, *out_grad[2] = {h.out_grad, h.out_grad + N / 2};
    float *out[2] = {h.out, h.out + N / 2}, *in_grad[2] = {h.in_grad, h.in_grad + N / 2};
    struct ls_call call[2];
    for (size_t r = 0; r < 2; r++) {
        for (size_t v = 0; v < 4; v++)
            grad[r][v] = grads[r][v];
        call[r] = (struct ls_call){.layer = &h.layer,
                                   .shapes = &h.shapes,
                                   .rows = 1,
                                   .global_rows = 2,
                                   .training = true,
                                   .in = &in[r],
                                   .out = &out[r],
                                   .out_grad = &out_grad[r],
                                   .in_grad = &in_grad[r],
                                   .weight = (const float *const *)h.weight,
                                   .weight_grad = grad[r],
                                   .saved = saved[r],
                                   .work = h.work,
                                   .point = h.point};
    }
    run_slices(&h, call, h.layer.kind->forward);
    run_slices(&h, call, h.layer.kind->backward);
    expect(h.out, plain.out, N, "out");
    expect(h.in_grad, plain.in_grad, N, "in_grad");
    for (size_t i = 0; i < 4 * C; i++)
        total[i / C][i % C] = grads[0][i / C][i % C] + grads[1][i / C][i % C];
    expect(total[0], plain.gamma, C, "gradient of gamma");
    expect(total[1], plain.beta, C, "gradient of beta");
    h.layer.kind->update(&h.layer, h.weight, (const float *const[]){NULL, NULL, total[2], total[3]},
                         1);
    expect(h.weight[2], plain.mean, C, "moving_mean");
    expect(h.weight[3], plain.variance, C, "moving_variance");
    harness_free(&h);
}

/* Nothing counts: mean and variance are 0, as Keras has them. */
static void test_all_masked(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "epsilon: 0.25, momentum: 0.5", "{masked: [3, 2]}");
    memset(h.in + N, 0, 6 * sizeof(float));
    harness_forward(&h);
    expect(h.out, (double[]){5, 1, 13, -2, 1, 3}, 6, "x / sqrt(epsilon) gamma + beta");
    harness_backward(&h, false);
    expect(h.in_grad, (double[]){4, 0.5, -4, 2, 1, 1}, 6, "g gamma / sqrt(epsilon)");
    update(&h, 1);
    expect(h.weight[2], (double[]){0, 0}, C, "moving_mean");
    expect(h.weight[3], (double[]){0.5, 0.5}, C, "moving_variance");
    harness_free(&h);
}

/* Keras 2 writes a list of one axis. */
static void test_keras_2(void **state)
{
    struct ls_tree *config = parse_text("{axis: [3], momentum: 0.5}");
    int64_t axis = 0;
    (void)state;
    const struct ls_layer_kind *kind =
        ls_layer_kind_of(ls_kind_find(&ls_layers, "BatchNormalization"));
    NEED(kind->read(config));
    NEED(ls_tree_int(ls_tree_find(config, "axis"), &axis));
    assert_int_equal(axis, 3);
    NEED(kind->read(config));
    ls_tree_free(config);
}

static void test_declares(void **state)
{
    struct harness h;
    static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    (void)state;
    start(&h, "{}", "[3, 2]");
    assert_int_equal(h.layer.variables, 4);
    for (size_t v = 0; v < 4; v++) {
        assert_string_equal(h.layer.variable[v].name, names[v]);
        assert_int_equal(h.layer.variable[v].trainable, v < 2);
        assert_int_equal(h.layer.variable[v].updated, v >= 2);
        assert_string_equal(h.layer.variable[v].initializer->kind->name,
                            v == 1 || v == 2 ? "Zeros" : "Ones");
    }
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),   cmocka_unit_test(test_two_calls),
        cmocka_unit_test(test_slices),  cmocka_unit_test(test_all_masked),
        cmocka_unit_test(test_keras_2), cmocka_unit_test(test_declares),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
