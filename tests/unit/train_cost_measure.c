/* The trial that feeds the model of cost: what it finds is what a step is made of. */
#include "unit/train_test.h"

#include "base/clock.h"
#include "train/cost_measure.h"

enum { SAMPLES = 24 };

static const char *const wide[] = {"Input", "shape: [300]",
                                   "Dense", "units: 2000, activation: tanh",
                                   "Dense", "units: 200, activation: tanh",
                                   "Dense", "units: 4, activation: softmax",
                                   NULL};
static const char *const points[] = {"Input",
                                     "shape: [12]",
                                     "Dense",
                                     "units: 16",
                                     "BatchNormalization",
                                     "",
                                     "Dense",
                                     "units: 4, activation: softmax",
                                     NULL};

struct found {
    struct ls_model *model;
    struct ls_cost_trial trial;
    double seconds;
};

static void measure(struct found *found, const char *const *layers, size_t size, int64_t bytes)
{
    struct ls_data *data;
    float *x = malloc(SAMPLES * size * sizeof *x), y[SAMPLES];
    assert_non_null(x);
    for (size_t i = 0; i < SAMPLES * size; i++)
        x[i] = test_number(i);
    for (size_t i = 0; i < SAMPLES; i++)
        y[i] = (float)(i % 4);
    found->model = layers_model(layers, 3);
    assert_ok(ls_data_from_arrays(
        &data,
        &(struct ls_data_arrays){.samples = SAMPLES, .x = x, .x_size = size, .y = y, .y_size = 1}));
    assert_ok(
        ls_model_compile(found->model, "optimizer: adam, loss: sparse_categorical_crossentropy"));
    found->seconds = ls_seconds();
    assert_ok(ls_cost_measure(&found->trial,
                              &(struct ls_stepper_options){.comm = alone,
                                                           .model = found->model,
                                                           .compile = found->model->compile,
                                                           .data = data,
                                                           .batch_size = 999,
                                                           .replicas = 999,
                                                           .bucket_bytes = bytes},
                              8));
    found->seconds = ls_seconds() - found->seconds;
    ls_data_free(data);
    free(x);
}

static void release(struct found *found)
{
    ls_cost_trial_release(&found->trial);
    ls_model_free(found->model);
}

static void test_buckets(void **state)
{
    (void)state;
    struct found found;
    measure(&found, wide, 300, 1 << 18);
    const struct ls_cost_step *step = &found.trial.step;
    double bytes = 0, before = 0;
    for (size_t b = 0; b < step->buckets; b++) {
        bytes += step->bucket[b].bytes;
        assert_true(step->bucket[b].ready >= before);
        before = step->bucket[b].ready;
    }
    assert_float_equal(bytes, (double)(found.model->floats * sizeof(float)), 0.5);
    assert_int_equal(step->buckets, (found.model->floats * sizeof(float) + (1 << 18) - 1) >> 18);
    /* The second layer's gradients are there before the first's, whose backward pass is as long as
     * its forward pass; and these are there at the end. */
    assert_true(step->bucket[0].ready > 0.2 * step->compute);
    assert_true(step->bucket[0].ready < 0.95 * before);
    assert_true(before > 0.5 * step->compute && before <= step->compute);
    assert_true(step->rest > 0);
    assert_true(3 * (step->compute + step->rest) < found.seconds);
    assert_true(step->add_rate > 1e8 && step->add_rate < 1e13);
    assert_int_equal(step->rows, 8);
    assert_true(step->points == 0 && step->point_bytes == 0 && step->doubles > 0);
    release(&found);
}

/* BatchNormalization sums twice a step: mean and variance of 16 columns and a count, and two sums
 * of its gradients. */
static void test_points(void **state)
{
    (void)state;
    struct found found;
    measure(&found, points, 12, 0);
    assert_true(found.trial.step.points == 2);
    assert_true(found.trial.step.point_bytes >= 4 * 16 * sizeof(double));
    assert_int_equal(found.trial.step.buckets, 1);
    assert_true(found.trial.step.bucket[0].ready <= found.trial.step.compute);
    release(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_buckets),
        directory_test(test_points),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
