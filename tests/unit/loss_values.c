/* Losses against Keras' numbers, and against numbers worked out by hand. */
#include "reference.h"

#include "kind_harness.h"
#include "loss/loss.h"

/* Keras leaves delta out of Huber's config. */
static struct ls_instance instance_of(hid_t file, const char *group)
{
    size_t count;
    char **config = reference_texts(file, group, "config", &count);
    struct ls_tree *tree;
    struct ls_instance instance;
    NEED(ls_tree_parse_json(&tree, config[0], strlen(config[0]), NULL));
    if (strcmp(group, "huber_delta") == 0)
        assert_non_null(
            ls_tree_add_double((struct ls_tree *)ls_tree_find(tree, "config"), "delta", 0.4));
    NEED(ls_instance_parse(&instance, &ls_losses, tree));
    ls_tree_free(tree);
    reference_free_texts(config);
    return instance;
}

static void near(double found, double wanted, const char *group, const char *what, size_t i)
{
    if (!(fabs(found - wanted) <= 2e-6 * (1 + fabs(wanted))))
        fail_msg("%s %s[%zu]: %.9g, Keras %.9g", group, what, i, found, wanted);
}

/* What the values are a mean over; at least 1. */
static double counted(const struct ls_instance *loss, const float *target, size_t rows)
{
    const struct ls_loss_kind *kind = (const struct ls_loss_kind *)loss->kind;
    int64_t ignored = kind->ignored ? kind->ignored(loss->options) : LS_NULL_INT;
    double count = 0;
    for (size_t r = 0; r < rows; r++)
        count += ignored == LS_NULL_INT || target[r] != (float)ignored;
    return count > 0 ? count : 1;
}

static void check_case(hid_t file, const char *group)
{
    struct ls_instance instance = instance_of(file, group);
    const struct ls_loss_kind *kind = (const struct ls_loss_kind *)instance.kind;
    struct reference target = reference_read(file, group, "y_true");
    struct reference prediction = reference_read(file, group, "y_pred");
    struct reference weight = reference_read(file, group, "sample_weight");
    struct reference values = reference_read(file, group, "per_sample");
    struct reference grad = reference_read(file, group, "grad");
    struct reference value = reference_read(file, group, "value");
    struct reference value_weighted = reference_read(file, group, "value_weighted");
    size_t rows = prediction.size[0], n = prediction.count;
    bool logits = kind->from_logits_offset != SIZE_MAX &&
                  *((const bool *)instance.options + kind->from_logits_offset);
    struct ls_loss_call call = {.options = instance.options,
                                .positions = (int64_t)rows,
                                .columns = (int64_t)(n / rows),
                                .prediction = prediction.value,
                                .target = target.value,
                                .from_logits = logits,
                                .value = harness_floats(rows),
                                .grad = harness_floats(n),
                                .work = harness_floats(n)};
    kind->compute(&call);
    double sum = 0, sum_weighted = 0, count = counted(&instance, target.value, rows);
    for (size_t r = 0; r < rows; r++) {
        near(call.value[r], values.value[r], group, "value", r);
        sum += call.value[r] / count;
        sum_weighted += call.value[r] * weight.value[r] / count;
    }
    near(sum, value.value[0], group, "mean", 0);
    near(sum_weighted, value_weighted.value[0], group, "weighted mean", 0);
    for (size_t i = 0; i < n; i++)
        near(call.grad[i] / count, grad.value[i], group, "gradient", i);
    free(call.value), free(call.grad), free(call.work);
    free(target.value), free(prediction.value), free(weight.value), free(values.value);
    free(grad.value), free(value.value), free(value_weighted.value);
    ls_instance_release(&instance);
}

static void check_file(const char *name, size_t at_least)
{
    char group[REFERENCE_NAME];
    size_t cases = 0;
    hid_t file = reference_open(name);
    for (; reference_group(file, cases, group); cases++)
        check_case(file, group);
    assert_true(cases >= at_least);
    H5Fclose(file);
}

static void test_keras(void **state)
{
    (void)state;
    check_file("losses_ref.h5", 25);
}

/* Other options, and the edges: zeros, kinks, ties, clipped numbers, ignored classes. */
static void test_options(void **state)
{
    (void)state;
    check_file("loss_options_ref.h5", 37);
}

/* One position of two columns; the wanted value. */
static void expect(const char *kind_name, const char *options, const float *prediction,
                   const float *target, double wanted)
{
    struct ls_instance instance = make_instance(&ls_losses, kind_name, options);
    const struct ls_loss_kind *kind = (const struct ls_loss_kind *)instance.kind;
    float value, work[2];
    struct ls_loss_call call = {.options = instance.options,
                                .positions = 1,
                                .columns = 2,
                                .prediction = prediction,
                                .target = target,
                                .value = &value,
                                .work = work};
    if (kind->from_logits_offset != SIZE_MAX)
        call.from_logits = *((const bool *)instance.options + kind->from_logits_offset);
    kind->compute(&call);
    if (fabs(value - wanted) > 1e-6 * (1 + wanted))
        fail_msg("%s {%s}: %.9g, expected %.9g", kind_name, options, value, wanted);
    ls_instance_release(&instance);
}

static void test_by_hand(void **state)
{
    (void)state;
    expect("mse", "{}", (float[]){1, 4}, (float[]){3, 1}, (4 + 9) / 2.0);
    expect("mae", "{}", (float[]){1, 4}, (float[]){3, 1}, (2 + 3) / 2.0);
    expect("huber", "delta: 2", (float[]){1, 4}, (float[]){2, 1}, (0.5 + 2 * 3 - 2) / 2);
    expect("bce", "{}", (float[]){0.25F, 0.5F}, (float[]){0, 1}, (-log(0.75) - log(0.5)) / 2);
    expect("bce", "from_logits: true", (float[]){0, 0}, (float[]){0, 1}, log(2));
    /* targets 0.1 and 0.9 */
    expect("bce", "label_smoothing: 0.2", (float[]){0.25F, 0.75F}, (float[]){0, 1},
           -(0.1 * log(0.25) + 0.9 * log(0.75)));
    expect("categorical_crossentropy", "{}", (float[]){0.25F, 0.75F}, (float[]){0, 1}, -log(0.75));
    expect("categorical_crossentropy", "{}", (float[]){1, 3}, (float[]){0, 1}, -log(0.75));
    expect("categorical_crossentropy", "label_smoothing: 0.5", (float[]){0.25F, 0.75F},
           (float[]){0, 1}, -(0.25 * log(0.25) + 0.75 * log(0.75)));
    expect("sparse_categorical_crossentropy", "{}", (float[]){0.25F, 0.75F}, (float[]){1},
           -log(0.75));
    expect("sparse_categorical_crossentropy", "from_logits: true", (float[]){0, 0}, (float[]){0},
           log(2));
    /* clipped to 1e-7: no infinity */
    expect("bce", "{}", (float[]){0, 1}, (float[]){1, 1}, -log(1e-7) / 2);
    expect("sparse_categorical_crossentropy", "{}", (float[]){0, 1}, (float[]){0}, -log(1e-7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_by_hand),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
