/* A library of the kernels that had no memory for something ends a step, a prediction and an
 * evaluation: its result is never used. */
#include <math.h>

#include "unit/train_test.h"

#include "base/hash.h"
#include "kernel/memory.h"
#include "train/step.h"

enum { SAMPLES = 20, SIZE = 5, BATCH = 8 };

static const char said[] = "not enough memory for a matrix product: smaller slices (batch_size) or "
                           "fewer ranks on this host need less";

static float x[SAMPLES * SIZE], y[SAMPLES], out[SAMPLES];

struct trained {
    struct ls_model *model;
    struct ls_data *data;
};

static void begin(struct trained *t)
{
    static const char *const layers[] = {
        "Input", "shape: [5]", "Dense", "units: 4, activation: relu", "Dense", "units: 1", NULL};
    for (size_t i = 0; i < SAMPLES * SIZE; i++)
        x[i] = test_number(i);
    t->model = layers_model(layers, 3);
    assert_ok(ls_model_compile(t->model, "optimizer: adam, loss: mse"));
    assert_ok(ls_data_from_arrays(
        &t->data,
        &(struct ls_data_arrays){.samples = SAMPLES, .x = x, .x_size = SIZE, .y = y, .y_size = 1}));
}

static void end(struct trained *t)
{
    ls_data_free(t->data);
    ls_model_free(t->model);
}

static void check_refused(ls_status status)
{
    assert_int_equal(status, LS_FAILED);
    assert_string_equal(ls_message(), said);
    assert_ok(ls_kernels_fault()); /* it was said */
}

static void test_step(void **state)
{
    (void)state;
    struct trained t;
    struct ls_stepper *stepper;
    struct ls_step_result result;
    begin(&t);
    const size_t bytes = t.model->floats * sizeof(float);
    const uint64_t before = ls_hash64(t.model->weights, bytes, 0);
    assert_ok(ls_stepper_create(&stepper, &(struct ls_stepper_options){.comm = alone,
                                                                       .model = t.model,
                                                                       .compile = t.model->compile,
                                                                       .data = t.data,
                                                                       .batch_size = BATCH,
                                                                       .replicas = 2}));
    assert_ok(ls_stepper_seek(stepper, 0, 0, 0));
    ls_kernels_note("a matrix product");
    check_refused(ls_stepper_step(stepper, LS_OK, (struct ls_request){0}, &result));
    assert_true(ls_hash64(t.model->weights, bytes, 0) == before);
    ls_stepper_free(stepper);
    end(&t);
}

/* The loss is NaN too: what it came from is said. */
static void test_step_of_nan(void **state)
{
    (void)state;
    struct trained t;
    struct ls_stepper *stepper;
    struct ls_step_result result;
    begin(&t);
    assert_ok(ls_stepper_create(&stepper, &(struct ls_stepper_options){.comm = alone,
                                                                       .model = t.model,
                                                                       .compile = t.model->compile,
                                                                       .data = t.data,
                                                                       .batch_size = BATCH,
                                                                       .replicas = 1}));
    assert_ok(ls_stepper_seek(stepper, 0, 0, 0));
    t.model->weights[0] = (float)INFINITY;
    ls_kernels_note("a matrix product");
    check_refused(ls_stepper_step(stepper, LS_OK, (struct ls_request){0}, &result));
    ls_stepper_free(stepper);
    end(&t);
}

static void test_predict(void **state)
{
    (void)state;
    struct trained t;
    begin(&t);
    ls_kernels_note("a matrix product");
    check_refused(ls_model_predict(t.model, x, SAMPLES, out));
    assert_ok(ls_model_predict(t.model, x, SAMPLES, out));
    end(&t);
}

static void test_evaluate(void **state)
{
    (void)state;
    struct trained t;
    struct ls_evaluation evaluation = {0};
    begin(&t);
    ls_kernels_note("a matrix product");
    check_refused(ls_model_evaluate(t.model, alone, t.data, &evaluation));
    end(&t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        leak_checked_test(test_step),
        leak_checked_test(test_step_of_nan),
        leak_checked_test(test_predict),
        leak_checked_test(test_evaluate),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
