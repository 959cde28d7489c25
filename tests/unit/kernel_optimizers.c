/* The updates of the optimizers: the bits of scalar C in every set, and steps worked out by hand.
 */
#include "unit/kernel_sets.h"

static const struct ls_update update = {
    .learning_rate = 0.01,
    .momentum = 0.9,
    .rho = 0.9,
    .beta_1 = 0.9,
    .beta_2 = 0.999,
    .epsilon = 1e-7,
    .correction = 0.3,
    .rest_1 = 0.3,
    .rest_2 = 0.2,
    .of_momentum = 1.5,
    .of_gradient = 0.25,
    .power = 0.5,
    .l1 = 0.5,
    .l2 = 0.25,
    .l2_shrinkage = 0.125,
};
static struct ls_update with(bool nesterov, double momentum, bool centered)
{
    struct ls_update u = update;
    u.nesterov = nesterov;
    u.momentum = momentum;
    u.centered = centered;
    return u;
}

/* arrays: 0 w, 1 g, then slots */
static void run_sgd(const struct ls_kernels *k, float **x, size_t n)
{
    k->sgd(x[0], NULL, x[1], &update, n);
}
static void expect_sgd(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[0][i] = x[0][i] - 0.01f * x[1][i];
}
static void run_momentum(const struct ls_kernels *k, float **x, size_t n)
{
    k->sgd(x[0], x[2], x[1], &update, n);
}
static void expect_momentum(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[2][i] = 0.9f * x[2][i] - 0.01f * x[1][i];
        x[0][i] = x[0][i] + x[2][i];
    }
}
static void run_nesterov(const struct ls_kernels *k, float **x, size_t n)
{
    struct ls_update u = with(true, 0.9, false);
    k->sgd(x[0], x[2], x[1], &u, n);
}
static void expect_nesterov(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float step = 0.01f * x[1][i];
        x[2][i] = 0.9f * x[2][i] - step;
        x[0][i] = x[0][i] + (0.9f * x[2][i] - step);
    }
}

static void adam_scalar(float **x, size_t n, bool amsgrad)
{
    const float alpha = (float)(0.01 * 0.3), rest_1 = (float)(1 - 0.9), rest_2 = (float)(1 - 0.999);
    for (size_t i = 0; i < n; i++) {
        const float g = x[1][i];
        x[2][i] = x[2][i] + (g - x[2][i]) * rest_1;
        x[3][i] = x[3][i] + (g * g - x[3][i]) * rest_2;
        if (amsgrad && x[4][i] < x[3][i])
            x[4][i] = x[3][i];
        float v = amsgrad ? x[4][i] : x[3][i];
        x[0][i] = x[0][i] - x[2][i] * alpha / (sqrtf(v) + 1e-7f);
    }
}
static void run_adam(const struct ls_kernels *k, float **x, size_t n)
{
    k->adam(x[0], x[2], x[3], NULL, x[1], &update, n);
}
static void expect_adam(float **x, size_t n)
{
    adam_scalar(x, n, false);
}
static void run_amsgrad(const struct ls_kernels *k, float **x, size_t n)
{
    k->adam(x[0], x[2], x[3], x[4], x[1], &update, n);
}
static void expect_amsgrad(float **x, size_t n)
{
    adam_scalar(x, n, true);
}

/* Slots: 2 v, large enough that v - a^2 stays positive, 3 m, 4 a. */
static void raise_v(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[2][i] += 30;
}
static void rmsprop_scalar(float **x, size_t n, bool momentum, bool centered)
{
    const float rest = (float)(1 - 0.9);
    raise_v(x, n);
    for (size_t i = 0; i < n; i++) {
        const float g = x[1][i];
        x[2][i] = 0.9f * x[2][i] + rest * (g * g);
        float d = x[2][i];
        if (centered) {
            x[4][i] = 0.9f * x[4][i] + rest * g;
            d = d - x[4][i] * x[4][i];
        }
        float step = 0.01f * g / sqrtf(d + 1e-7f);
        if (momentum)
            x[3][i] = step = 0.9f * x[3][i] + step;
        x[0][i] = x[0][i] - step;
    }
}
#define RMSPROP(name, momentum, centered)                                                          \
    static void run_##name(const struct ls_kernels *k, float **x, size_t n)                        \
    {                                                                                              \
        struct ls_update u = with(false, momentum ? 0.9 : 0, centered);                            \
        raise_v(x, n);                                                                             \
        k->rmsprop(x[0], x[2], momentum ? x[3] : NULL, centered ? x[4] : NULL, x[1], &u, n);       \
    }                                                                                              \
    static void expect_##name(float **x, size_t n)                                                 \
    {                                                                                              \
        rmsprop_scalar(x, n, momentum, centered);                                                  \
    }
RMSPROP(rmsprop, false, false)
RMSPROP(rmsprop_momentum, true, false)
RMSPROP(rmsprop_centered, false, true)
RMSPROP(rmsprop_both, true, true)

#define REST_1 ((float)(1 - 0.9))
#define REST_2 ((float)(1 - 0.999))

static void run_adamax(const struct ls_kernels *k, float **x, size_t n)
{
    k->adamax(x[0], x[2], x[3], x[1], &update, n);
}
static void expect_adamax(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[2][i] = x[2][i] + (x[1][i] - x[2][i]) * REST_1;
        float before = 0.999f * x[3][i], now = fabsf(x[1][i]);
        x[3][i] = before < now ? now : before;
        x[0][i] = x[0][i] - 0.01f * x[2][i] / (0.3f * (x[3][i] + 1e-7f));
    }
}

static void move_moments(float **x, size_t i)
{
    x[2][i] = x[2][i] + (x[1][i] - x[2][i]) * REST_1;
    x[3][i] = x[3][i] + (x[1][i] * x[1][i] - x[3][i]) * REST_2;
}
static void run_nadam(const struct ls_kernels *k, float **x, size_t n)
{
    k->nadam(x[0], x[2], x[3], x[1], &update, n);
}
static void expect_nadam(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        move_moments(x, i);
        float m = x[2][i] * 1.5f + x[1][i] * 0.25f;
        x[0][i] = x[0][i] - m * 0.01f / (sqrtf(x[3][i] / 0.2f) + 1e-7f);
    }
}
static void run_lamb(const struct ls_kernels *k, float **x, size_t n)
{
    k->lamb(x[0], x[2], x[3], x[1], &update, n);
}
static void expect_lamb(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        move_moments(x, i);
        x[0][i] = x[2][i] / 0.3f / (sqrtf(x[3][i] / 0.2f) + 1e-7f);
    }
}

static void run_adagrad(const struct ls_kernels *k, float **x, size_t n)
{
    k->adagrad(x[0], x[2], x[1], &update, n);
}
static void expect_adagrad(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[2][i] = x[2][i] + x[1][i] * x[1][i];
        x[0][i] = x[0][i] - 0.01f * x[1][i] / sqrtf(x[2][i] + 1e-7f);
    }
}

static void run_adadelta(const struct ls_kernels *k, float **x, size_t n)
{
    k->adadelta(x[0], x[2], x[3], x[1], &update, n);
}
static void expect_adadelta(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[2][i] = 0.9f * x[2][i] + REST_1 * (x[1][i] * x[1][i]);
        float step = sqrtf(x[3][i] + 1e-7f) * x[1][i] / sqrtf(x[2][i] + 1e-7f);
        x[3][i] = 0.9f * x[3][i] + REST_1 * (step * step);
        x[0][i] = x[0][i] - 0.01f * step;
    }
}

static void run_ftrl(const struct ls_kernels *k, float **x, size_t n)
{
    k->ftrl(x[0], x[2], x[3], x[1], &update, n);
}
static void expect_ftrl(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float after = x[2][i] + x[1][i] * x[1][i], high = sqrtf(after);
        float shrunk = x[1][i] + 0.25f * x[0][i];
        float z = x[3][i] + (shrunk - (high - sqrtf(x[2][i])) / 0.01f * x[0][i]);
        float clipped = z < -0.5f ? -0.5f : z > 0.5f ? 0.5f : z;
        x[0][i] = (clipped - z) / (high / 0.01f + 0.5f);
        x[2][i] = after;
        x[3][i] = z;
    }
}

static void run_lion(const struct ls_kernels *k, float **x, size_t n)
{
    struct ls_update u = update;
    u.beta_2 = 0.75;
    k->lion(x[0], x[2], x[1], &u, n);
}
static void expect_lion(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float way = x[2][i] * 0.9f + x[1][i] * (1 - 0.9f);
        x[2][i] = x[2][i] * 0.75f + x[1][i] * 0.25f;
        x[0][i] = x[0][i] - 0.01f * (way > 0 ? 1.0f : way < 0 ? -1.0f : way);
    }
}

static void run_decay(const struct ls_kernels *k, float **x, size_t n)
{
    k->decay_weights(x[0], 0.1, 0.3, n);
}
static void expect_decay(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[0][i] = x[0][i] - x[0][i] * 0.1f * 0.3f;
}
static void run_clip(const struct ls_kernels *k, float **x, size_t n)
{
    k->clip(x[0], x[1], 0.5f, n);
}
static void expect_clip(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[0][i] = x[1][i] < -0.5f ? -0.5f : x[1][i] > 0.5f ? 0.5f : x[1][i];
}
static void run_moving_mean(const struct ls_kernels *k, float **x, size_t n)
{
    k->moving_mean(x[0], x[1], 0.9f, n);
}
static void expect_moving_mean(float **x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[0][i] = 0.9f * x[0][i] + (1 - 0.9f) * x[1][i];
}

static void test_bits(void **state)
{
    (void)state;
#define CASE(name, arrays, positive)                                                               \
    check_loop(&(struct loop_case){#name, arrays, run_##name, expect_##name, positive})
    CASE(sgd, 2, 0);
    CASE(momentum, 3, 0);
    CASE(nesterov, 3, 0);
    CASE(adam, 4, 1 << 3);
    CASE(amsgrad, 5, 1 << 3 | 1 << 4);
    CASE(rmsprop, 5, 1 << 2);
    CASE(rmsprop_momentum, 5, 1 << 2);
    CASE(rmsprop_centered, 5, 1 << 2);
    CASE(rmsprop_both, 5, 1 << 2);
    CASE(adamax, 4, 1 << 3);
    CASE(nadam, 4, 1 << 3);
    CASE(lamb, 4, 1 << 3);
    CASE(adagrad, 3, 1 << 2);
    CASE(adadelta, 4, 1 << 2 | 1 << 3);
    CASE(ftrl, 4, 1 << 2);
    CASE(lion, 3, 0);
    CASE(decay, 1, 0);
    CASE(clip, 2, 0);
    CASE(moving_mean, 2, 0);
}

/* Adam's first step goes by the learning rate whatever the gradient: m = 0.1 g, v = 0.001 g^2,
 * correction sqrt(0.001) / 0.1, so w moves by lr sign(g). 1 - 0.999 must be taken in double: in
 * float it is 5e-5 off, and v with it. */
static void test_by_hand(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        struct ls_update u = update;
        u.correction = sqrt(1 - 0.999) / (1 - 0.9);
        float w[2] = {1, 1}, m[2] = {0, 0}, v[2] = {0, 0};
        const float g[2] = {4, -0.5f};
        ls_k->adam(w, m, v, NULL, g, &u, 2);
        assert_float_equal(w[0], 0.99f, 1e-6f);
        assert_float_equal(w[1], 1.01f, 1e-6f);
        assert_float_equal(v[0], 0.016f, 2e-9f);

        float w2[1] = {1}, slot[1] = {2};
        struct ls_update nesterov = with(true, 0.5, false);
        nesterov.learning_rate = 0.25;
        ls_k->sgd(w2, slot, g, &nesterov, 1); /* m = 0.5 * 2 - 1 = 0, w += 0.5 * 0 - 1 */
        assert_float_equal(slot[0], 0, 0);
        assert_float_equal(w2[0], 0, 0);
    }
}

/* A power other than 1/2 has the same bits in every set; NaN goes through clipping. */
static void test_powers_and_nan(void **state)
{
    enum { N = 21 };
    float first[N] = {0};
    bool found = false;
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        struct ls_update u = update;
        float *w = make_array(0, N), *s = make_array(2, N), *z = make_array(3, N);
        float *g = make_array(1, N);
        u.power = 0.7;
        for (size_t i = 0; i < N; i++)
            s[i] = fabsf(s[i]);
        double power = pow((double)(s[3] + g[3] * g[3]), 0.7), before = pow((double)s[3], 0.7);
        double linear = (double)z[3] + (double)g[3] + 0.25 * (double)w[3] -
                        (power - before) / 0.01 * (double)w[3];
        double wanted = (fmax(-0.5, fmin(0.5, linear)) - linear) / (power / 0.01 + 0.5);
        ls_k->ftrl(w, s, z, g, &u, N);
        assert_float_equal(w[3], (float)wanted, 2e-5f);
        if (found)
            assert_same_bits(w, first, N, "power", set_names[set]);
        memcpy(first, w, sizeof first);
        found = true;
        g[1] = NAN;
        ls_k->clip(w, g, 0.5f, N);
        assert_true(isnan(w[1]) && !isnan(w[0]));
        free_array(w), free_array(s), free_array(z), free_array(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_powers_and_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
