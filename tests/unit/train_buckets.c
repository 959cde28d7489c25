/* Buckets of the gradient arena: cut, in order, and final when the plan says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/tree.h"
#include "kernel/kernels.h"
#include "model/graph.h"
#include "train/buckets.h"

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != LS_OK)                                                                       \
            fail_msg("%s: %s", #call, ls_message());                                               \
    } while (0)

enum { ROWS = 3, SIZE = 6 };

static const char shared[] = "inputs: {x: {shape: [6]}}\n"
                             "layers:\n"
                             "  - Dense: {units: 40, name: first}\n"
                             "  - Dense: {units: 40, activity_regularizer: l2, name: shared}\n"
                             "  - Dense: {units: 40, activation: relu, name: middle}\n"
                             "  - apply: shared\n"
                             "    as: again\n"
                             "  - Dense: {units: 6, name: last}\n"
                             "outputs: [last]\n";
static const char normalized[] = "inputs: {x: {shape: [6]}}\n"
                                 "layers:\n"
                                 "  - Dense: {units: 30, use_bias: false}\n"
                                 "  - BatchNormalization: {name: norm}\n"
                                 "  - Reshape: {target_shape: [3, 10]}\n"
                                 "  - Conv1D: {filters: 4, kernel_size: 2}\n"
                                 "  - SeparableConv1D: {filters: 7, kernel_size: 2}\n"
                                 "  - Conv1DTranspose: {filters: 6, kernel_size: 3}\n"
                                 "  - TimeDistributed: {layer: {Dense: {units: 9}}}\n"
                                 "  - Bidirectional: {layer: {LSTM: {units: 5}}}\n"
                                 "  - Dense: {units: 10}\n"
                                 "  - Dense: {units: 6, name: last}\n"
                                 "outputs: [last]\n";

static struct ls_model *make(const char *yaml)
{
    struct ls_model *model = NULL;
    struct ls_tree *tree = NULL;
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL));
    assert_ok(ls_model_from_tree(&model, tree));
    model->source = tree;
    assert_ok(ls_model_make_weights(model));
    return model;
}

static void loss(void *user, struct ls_plan_run *run)
{
    (void)user;
    for (size_t i = 0; i < ROWS * SIZE; i++)
        ls_plan_output_grad(run, 0)[i] = (float)i - 7;
}

static struct ls_plan *plan_of(const struct ls_model *model)
{
    struct ls_plan *plan = NULL;
    assert_ok(ls_plan_create(
        &plan,
        &(struct ls_plan_options){
            .model = model, .rows = ROWS, .training = true, .own_points = true, .loss = loss}));
    return plan;
}

/* The elements of a layer's first variable. */
static size_t final_of(const struct ls_plan *plan, const struct ls_model *model, const char *layer)
{
    for (size_t l = 0; l < model->layers; l++)
        if (strcmp(model->layer[l]->name, layer) == 0) {
            const struct ls_variable *v = &model->layer[l]->variable[0];
            return ls_plan_final(plan, v->offset, v->offset + ls_variable_count(v));
        }
    fail_msg("no layer %s", layer);
    return 0;
}

/* Five forward passes, the loss, five backward passes from behind. */
static void test_final(void **state)
{
    (void)state;
    struct ls_model *model = make(shared);
    struct ls_plan *plan = plan_of(model);
    assert_int_equal(final_of(plan, model, "last"), 7);
    assert_int_equal(final_of(plan, model, "middle"), 9);
    assert_int_equal(final_of(plan, model, "shared"), 10);
    assert_int_equal(final_of(plan, model, "first"), 11);
    assert_int_equal(ls_plan_final(plan, 0, model->gradient_floats), 11);
    ls_plan_free(plan);
    ls_model_free(model);
}

/* -- what is said to be final is */

struct watched {
    const struct ls_buckets *buckets;
    size_t seen, early; /* buckets; and those that are final before the layer's call is over */
    size_t last;        /* items */
    float *copy;
};

static void look(void *user, struct ls_plan_run *run, size_t items)
{
    struct watched *w = user;
    for (; w->seen < w->buckets->count && w->buckets->final[w->seen] <= items; w->seen++) {
        struct ls_range range = w->buckets->range[w->seen];
        memcpy(w->copy + range.begin, run->gradient + range.begin,
               (size_t)ls_range_length(range) * sizeof(float));
    }
    w->early += items == w->last; /* said once more when it is over */
    w->last = items;
}

static void run_watched(const struct ls_plan *plan, const struct ls_model *model,
                        const struct ls_buckets *buckets)
{
    struct watched watched = {.buckets = buckets};
    struct ls_plan_run *run = NULL;
    float x[ROWS * SIZE], *input = x;
    const int64_t samples[ROWS] = {0, 1, 2};
    for (size_t i = 0; i < ROWS * SIZE; i++)
        x[i] = (float)(i * i % 11) / 4;
    assert_ok(ls_plan_run_create(&run, plan));
    assert_ok(ls_allocate(&watched.copy, model->gradient_floats, sizeof(float)));
    assert_ok(ls_allocate(&run->gradient, model->gradient_floats, sizeof(float)));
    memset(run->gradient, 0xff, model->gradient_floats * sizeof(float));
    run->weights = model->weights;
    run->input = &input;
    run->rows = run->global_rows = ROWS;
    run->samples = samples;
    run->user = &watched;
    run->passed = look;
    assert_ok(ls_plan_prepare(run));
    assert_ok(ls_plan_execute(run, 0));
    assert_int_equal(watched.seen, buckets->count);
    assert_true(watched.early > 0);
    assert_memory_equal(watched.copy, run->gradient, model->gradient_floats * sizeof(float));
    ls_release(watched.copy);
    ls_release(run->gradient);
    ls_plan_run_free(run);
}

static void check_parts(const struct ls_buckets *buckets, size_t floats)
{
    char *found = NULL;
    assert_ok(ls_allocate(&found, floats, 1));
    for (size_t b = 0; b < buckets->count; b++) {
        assert_true(b == 0 || buckets->final[b - 1] <= buckets->final[b]);
        assert_int_equal(buckets->range[b].begin % LS_ALIGNMENT_FLOATS, 0);
        for (int64_t e = buckets->range[b].begin; e < buckets->range[b].end; e++)
            found[e]++;
    }
    for (size_t e = 0; e < floats; e++)
        assert_int_equal(found[e], 1);
    ls_release(found);
}

static void test_buckets(void **state)
{
    (void)state;
    static const char *const models[] = {shared, normalized};
    static const int64_t bytes[] = {64, 68, 1000, 6400, 1 << 20, 0};
    for (size_t m = 0; m < 2; m++) {
        struct ls_model *model = make(models[m]);
        struct ls_plan *plan = plan_of(model);
        for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
            struct ls_buckets buckets;
            assert_ok(ls_buckets_cut(&buckets, plan, model->gradient_floats, bytes[i]));
            check_parts(&buckets, model->gradient_floats);
            run_watched(plan, model, &buckets);
            if (bytes[i] == 64)
                assert_int_equal(buckets.count, model->gradient_floats / LS_ALIGNMENT_FLOATS);
            if (bytes[i] == 0 || bytes[i] == 1 << 20)
                assert_int_equal(buckets.count, 1);
            ls_buckets_release(&buckets);
        }
        ls_plan_free(plan);
        ls_model_free(model);
    }
}

/* Moving statistics are at the arena's end, and final before the loss; the first layer's kernel is
 * at its start, and final with the last item. */
static void test_order(void **state)
{
    (void)state;
    struct ls_model *model = make(normalized);
    struct ls_plan *plan = plan_of(model);
    struct ls_buckets buckets;
    assert_ok(ls_buckets_cut(&buckets, plan, model->gradient_floats, 64));
    assert_int_equal(buckets.range[0].end, model->gradient_floats);
    assert_true(buckets.range[0].begin >= (int64_t)model->trainable_floats);
    assert_int_equal(buckets.range[buckets.count - 1].begin, 0);
    ls_buckets_release(&buckets);
    assert_ok(ls_buckets_cut(&buckets, plan, 0, 64));
    assert_int_equal(buckets.count, 1);
    assert_int_equal(buckets.range[0].end, 0);
    ls_buckets_release(&buckets);
    ls_plan_free(plan);
    ls_model_free(model);
}

static void test_bytes(void **state)
{
    (void)state;
    assert_int_equal(ls_buckets_bytes(2), 512 << 10);
    assert_int_equal(ls_buckets_bytes(64), 4 << 20);
    assert_int_equal(ls_buckets_bytes(4096), 8 << 20);
}

static int start(void **state)
{
    (void)state;
    return ls_kernels_init(NULL) != LS_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_final),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
