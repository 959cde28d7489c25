/* Sample weights and masks in losses, gradients and metrics: numbers to check by hand, which are
 * Keras' too (losses/loss.py: apply_mask; metrics/reduction_metrics.py). */
#include <math.h>

#include "unit/train_test.h"

#include "data/dataset.h"
#include "model/plan_layout.h"
#include "train/objective_inside.h"

/* Two samples of three positions of two numbers. The targets are 0, so that the squared errors of
 * the positions are 1, 4, 9; 5, 0, 10. */
enum { ROWS = 2, STEPS = 3, POSITIONS = ROWS * STEPS, FLOATS = 2 * POSITIONS };
static const float predicted[FLOATS] = {1, 1, 2, 2, 3, 3, 1, 3, 0, 0, 2, 4};
static const float zeros[FLOATS];
static const float mask[POSITIONS] = {1, 1, 0, 1, 0, 0};
static const float by_position[POSITIONS] = {2, 0.5F, 1, 3, 1, 1};
static const float by_row[ROWS] = {2, 3};

/* A plan whose only output and its gradient lie in the inputs' memory. */
struct fake {
    struct ls_model model;
    struct ls_plan_call call;
    struct ls_edge output;
    int output_grad;
    struct ls_plan plan;
    struct ls_plan_run run;
    float value[FLOATS], grad[FLOATS], *input[2];
};

static void fake_create(struct fake *fake)
{
    memset(fake, 0, sizeof *fake);
    memcpy(fake->value, predicted, sizeof predicted);
    fake->model.inputs = 2;
    fake->call.value[0] = 0;
    fake->output_grad = 1;
    fake->plan = (struct ls_plan){.model = &fake->model,
                                  .call = &fake->call,
                                  .output = &fake->output,
                                  .output_grad = &fake->output_grad,
                                  .outputs = 1};
    fake->input[0] = fake->value;
    fake->input[1] = fake->grad;
    fake->run = (struct ls_plan_run){.plan = &fake->plan, .input = fake->input, .rows = ROWS};
}

struct wanted {
    double loss, plain, weighted; /* of the metrics */
};

struct measured_case {
    const char *compile;
    struct ls_measured given; /* without the target */
    struct wanted wanted;
    float factor[POSITIONS]; /* the gradient is this times the prediction */
};

static void assert_number(const char *what, double found, double wanted)
{
    if (fabs(found - wanted) > 1e-6 * (1 + fabs(wanted)))
        fail_msg("%s: %.9g, expected %.9g", what, found, wanted);
}

static void check_sums(const struct measured_case *c, const struct ls_objective *objective,
                       struct fake *fake)
{
    struct ls_measure_room room;
    double sums[16] = {0}, loss, values[3];
    assert_true(ls_objective_doubles(objective) <= 16);
    assert_ok(ls_measure_room_create(&room, objective, ROWS));
    room.output[0] = c->given;
    room.counts = c->given.valid > 0; /* the model has no mask of its own */
    room.output[0].target = zeros;
    struct ls_measure measure = {
        .run = &fake->run, .global_rows = ROWS, .gradient = true, .sums = sums, .room = &room};
    double count;
    ls_objective_count(objective, &room, ROWS, &count);
    if (room.counts)
        assert_number("what the loss is a mean over", count, c->given.valid);
    ls_objective_measure(objective, &measure);
    assert_int_equal(measure.bad_row, -1);
    ls_objective_loss(objective, sums, ROWS, &loss);
    ls_objective_values(objective, sums, &loss, values);
    assert_number("loss", values[0], c->wanted.loss);
    assert_number("mse", values[1], c->wanted.plain);
    assert_number("weighted mse", values[2], c->wanted.weighted);
    for (size_t i = 0; i < FLOATS; i++)
        assert_number("gradient", fake->grad[i], c->factor[i / 2] * predicted[i]);
    ls_measure_room_release(&room);
}

static void check(const struct measured_case *c)
{
    struct ls_objective *objective;
    struct ls_data *data;
    struct fake fake;
    struct ls_model *model =
        layers_model((const char *const[]){"Input", "shape: [3, 4]", "Dense", "units: 2", NULL}, 1);
    struct ls_tree *compile = yaml_tree(c->compile);
    fake_create(&fake);
    assert_ok(ls_data_from_arrays(
        &data, &(struct ls_data_arrays){1, predicted, FLOATS, zeros, STEPS * 2}));
    assert_ok(ls_objective_create(&objective, model, compile, data));
    check_sums(c, objective, &fake);
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
}

#define COMPILE "loss: mse\nmetrics: [mse]\nweighted_metrics: [mse]\n"

static void test_weights(void **state)
{
    (void)state;
    check(&(struct measured_case){COMPILE,
                                  {0},
                                  {29.0 / 6, 29.0 / 6, 29.0 / 6},
                                  {1 / 6.F, 1 / 6.F, 1 / 6.F, 1 / 6.F, 1 / 6.F, 1 / 6.F}});
    /* The loss's divisor stays the count; a metric's is the sum of the weights. */
    check(&(struct measured_case){COMPILE,
                                  {.weight = by_row},
                                  {73.0 / 6, 29.0 / 6, 73.0 / 15},
                                  {2 / 6.F, 2 / 6.F, 2 / 6.F, 3 / 6.F, 3 / 6.F, 3 / 6.F}});
    check(&(struct measured_case){COMPILE,
                                  {.weight = by_position, .by_position = true},
                                  {38.0 / 6, 29.0 / 6, 38.0 / 8.5},
                                  {2 / 6.F, 0.5F / 6, 1 / 6.F, 3 / 6.F, 1 / 6.F, 1 / 6.F}});
}

static void test_masks(void **state)
{
    (void)state;
    check(&(struct measured_case){COMPILE,
                                  {.mask = mask, .valid = 3},
                                  {10.0 / 3, 10.0 / 3, 10.0 / 3},
                                  {1 / 3.F, 1 / 3.F, 0, 1 / 3.F, 0, 0}});
    check(&(struct measured_case){COMPILE,
                                  {.weight = by_row, .mask = mask, .valid = 3},
                                  {25.0 / 3, 10.0 / 3, 25.0 / 7},
                                  {2 / 3.F, 2 / 3.F, 0, 3 / 3.F, 0, 0}});
    check(&(struct measured_case){
        COMPILE,
        {.weight = by_position, .by_position = true, .mask = mask, .valid = 3},
        {19.0 / 3, 10.0 / 3, 19.0 / 5.5},
        {2 / 3.F, 0.5F / 3, 0, 3 / 3.F, 0, 0}});
}

/* Nothing counts: the loss and its gradient are 0, not NaN. */
static void test_all_masked(void **state)
{
    (void)state;
    check(&(struct measured_case){COMPILE, {.mask = zeros}, {0, 0, 0}, {0}});
}

/* A sum has no divisor; the loss's weight is in the gradient too. */
static void test_sums_and_loss_weights(void **state)
{
    (void)state;
    check(&(struct measured_case){
        "loss: {MeanSquaredError: {reduction: sum}}\nmetrics: [mse]\nweighted_metrics: [mse]\n",
        {.weight = by_row, .mask = mask, .valid = 3},
        {25, 10.0 / 3, 25.0 / 7},
        {2, 2, 0, 3, 0, 0}});
    check(&(struct measured_case){COMPILE "loss_weights: [0.5]\n",
                                  {.mask = mask, .valid = 3},
                                  {5.0 / 3, 10.0 / 3, 10.0 / 3},
                                  {0.5F / 3, 0.5F / 3, 0, 0.5F / 3, 0, 0}});
}

#define WEIGHTED                                                                                   \
    "loss: {MeanSquaredError: {reduction: mean_with_sample_weight}}\nmetrics: [mse]\n"             \
    "weighted_metrics: [mse]\n"

/* mean_with_sample_weight: the divisor is the sum of the positions' weights. */
static void test_mean_by_weights(void **state)
{
    static const float none[ROWS];
    (void)state;
    check(&(struct measured_case){WEIGHTED,
                                  {.weight = by_row, .valid = 15},
                                  {73.0 / 15, 29.0 / 6, 73.0 / 15},
                                  {2 / 15.F, 2 / 15.F, 2 / 15.F, 3 / 15.F, 3 / 15.F, 3 / 15.F}});
    check(&(struct measured_case){WEIGHTED,
                                  {.weight = by_row, .mask = mask, .valid = 7},
                                  {25.0 / 7, 10.0 / 3, 25.0 / 7},
                                  {2 / 7.F, 2 / 7.F, 0, 3 / 7.F, 0, 0}});
    check(&(struct measured_case){WEIGHTED,
                                  {.mask = mask, .valid = 3},
                                  {10.0 / 3, 10.0 / 3, 10.0 / 3},
                                  {1 / 3.F, 1 / 3.F, 0, 1 / 3.F, 0, 0}});
    check(&(struct measured_case){WEIGHTED,
                                  {.valid = 6},
                                  {29.0 / 6, 29.0 / 6, 29.0 / 6},
                                  {1 / 6.F, 1 / 6.F, 1 / 6.F, 1 / 6.F, 1 / 6.F, 1 / 6.F}});
    check(&(struct measured_case){WEIGHTED, {.weight = none}, {0, 29.0 / 6, 0}, {0}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_weights),         directory_test(test_masks),
        directory_test(test_all_masked),      directory_test(test_sums_and_loss_weights),
        directory_test(test_mean_by_weights),
    };
    return cmocka_run_group_tests_name("measurements", tests, start_alone, end_alone);
}
