/* Functional models made in C: layers applied to tensors. */
#include "unit/store_test.h"

#include "lockstep/lockstep.h"

static struct ls_model *siamese(void)
{
    struct ls_model *model;
    struct ls_tensor left, right, a, b, both, same;
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_input(model, "shape: [3], name: left", &left));
    assert_ok(ls_input(model, "shape: [3], name: right", &right));
    assert_ok(ls_layer_apply(model, "Dense", "units: 2, name: encode", LS_TENSORS(left), &a));
    assert_ok(ls_layer_call(model, "encode", LS_TENSORS(right), &b));
    assert_ok(ls_layer_apply(model, "Concatenate", NULL, LS_TENSORS(a, b), &both));
    assert_ok(ls_layer_apply(model, "Dense", "units: 1, name: same", LS_TENSORS(both), &same));
    assert_ok(ls_model_output(model, same, NULL));
    return model;
}

static void test_siamese(void **state)
{
    (void)state;
    struct ls_model *model = siamese();
    const float left[2][3] = {{1, 2, 3}, {0, 1, 0}}, right[2][3] = {{0, 0, 1}, {1, 1, 1}};
    const float kernel[3][2] = {{1, 0}, {0, 1}, {1, 1}}, sum[4] = {1, 1, 10, 10};
    const float *input[] = {left[0], right[0]};
    float out[2], *output[] = {out};
    assert_string_equal(model->name, "functional");
    assert_int_equal(ls_model_input_size(model, 1), 3);
    assert_int_equal(ls_model_output_size(model, 0), 1);
    assert_ok(ls_model_set_weights(model, "encode", "kernel", kernel[0], 6));
    assert_ok(ls_model_set_weights(model, "same", "kernel", sum, 4));
    assert_ok(ls_model_predict_all(model, input, 2, output));
    assert_true(out[0] == 9 + 20 && out[1] == 1 + 40);
    assert_fails(ls_model_predict(model, left[0], 2, out), LS_USAGE,
                 "ls_model_predict is for models of one input and one output: ls_model_predict_all "
                 "takes any");
    ls_model_free(model);
}

#define OWNED "model 'tower' is a part of another, which has its layers: as 'tower/LAYER' there"

/* What a model is a part of has its memory: it is no part of two, and nothing is done with it by
 * itself. */
static void test_part_of_another(void **state)
{
    (void)state;
    struct ls_model *model, *tower;
    struct ls_tensor x, y, z, other;
    float kernel[3];
    char *text;
    assert_ok(ls_model_create(&tower, "tower"));
    assert_ok(ls_layer_add(tower, "Input", "shape: 3"));
    assert_ok(ls_layer_add(tower, "Dense", "units: 1, name: code"));
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_input(model, "shape: 3, name: left", &x));
    assert_ok(ls_input(model, "shape: 3, name: right", &other));
    assert_ok(ls_model_apply(model, tower, LS_TENSORS(x), &y));
    assert_fails(ls_model_apply(model, tower, LS_TENSORS(other), &z), LS_USAGE,
                 "model 'tower' is a part of a model already: ls_layer_call calls it again");
    assert_ok(ls_layer_call(model, "tower", LS_TENSORS(other), &z));
    assert_fails(ls_layer_add(tower, "Flatten", NULL), LS_USAGE, "Flatten: " OWNED);
    assert_fails(ls_model_apply(tower, model, LS_TENSORS(x), &z), LS_USAGE, OWNED);
    assert_ok(ls_layer_apply(model, "Add", NULL, LS_TENSORS(y, z), &y));
    assert_ok(ls_model_output(model, y, NULL));
    assert_ok(ls_model_summary(model, &text));
    ls_text_free(text);
    assert_fails(ls_model_get_weights(tower, "code", "kernel", kernel, 3), LS_USAGE, OWNED);
    assert_ok(ls_model_get_weights(model, "tower/code", "kernel", kernel, 3));
    ls_model_free(model);
}

/* A model in a layer's place, with the weights that it has. */
static void test_nested(void **state)
{
    (void)state;
    struct ls_model *model, *tower, *other;
    struct ls_tensor x, y, z;
    const float one[] = {1, 2, 3}, kernel[] = {1, 10, 100};
    float out;
    assert_ok(ls_model_create(&tower, "tower"));
    assert_ok(ls_layer_add(tower, "Input", "shape: 3"));
    assert_ok(ls_layer_add(tower, "Dense", "units: 1, name: code"));
    assert_ok(ls_model_set_weights(tower, "code", "kernel", kernel, 3));
    assert_ok(ls_model_create(&other, "tower"));
    assert_ok(ls_layer_add(other, "Input", "shape: 1"));
    assert_ok(ls_layer_add(other, "Flatten", NULL));
    assert_ok(ls_model_create(&model, "whole"));
    assert_ok(ls_input(model, "shape: 3", &x));
    assert_ok(ls_model_apply(model, tower, LS_TENSORS(x), &y));
    assert_ok(ls_model_apply(model, other, LS_TENSORS(y), &z));
    assert_ok(ls_model_output(model, z, "end"));
    assert_string_equal(other->name, "tower_1");
    assert_ok(ls_model_set_weights(model, "tower/code", "bias", (const float[]){0.5F}, 1));
    assert_ok(ls_model_predict(model, one, 1, &out));
    assert_true(out == 321.5F);
    ls_model_free(model);
}

static void test_refused(void **state)
{
    (void)state;
    struct ls_model *model, *row;
    struct ls_tensor x, y;
    assert_ok(ls_model_create(&model, "net"));
    assert_fails(ls_layer_call(model, "encode", LS_TENSORS(((struct ls_tensor){0, 0})), &x),
                 LS_USAGE, "the model has no layer 'encode'");
    assert_fails(ls_input(model, "shap: 3", &x), LS_BAD_INPUT,
                 "Input: unknown option 'shap' (did you mean 'shape'?)");
    assert_ok(ls_input(model, "shape: 3, name: x", &x));
    assert_fails(
        ls_layer_apply(model, "Dense", "units: 2", LS_TENSORS(((struct ls_tensor){9, 0})), &y),
        LS_USAGE, "Dense: tensor 0 is none of this model");
    assert_fails(ls_layer_apply(model, "Dense", "units: 2", ((struct ls_tensors){NULL, 0}), &y),
                 LS_USAGE, "Dense: a layer is applied to 1 to 32 tensors, not 0");
    assert_fails(ls_layer_apply(model, "Input", "shape: 2", LS_TENSORS(x), &y), LS_USAGE,
                 "Input: an input is made by ls_input");
    assert_fails(ls_layer_call(model, "x", LS_TENSORS(x), &y), LS_USAGE,
                 "the model has no layer 'x'");
    assert_fails(ls_layer_add(model, "Flatten", NULL), LS_USAGE,
                 "Flatten: the model is no Sequential one: say which tensors the layer is applied "
                 "to (ls_layer_apply)");
    assert_fails(ls_model_build(model), LS_BAD_INPUT, "the model has no outputs");
    assert_fails(ls_model_apply(model, model, LS_TENSORS(x), &y), LS_USAGE,
                 "a model in a layer's place is another one, and has outputs");
    assert_fails(ls_model_output(model, (struct ls_tensor){5, 0}, NULL), LS_USAGE,
                 "the tensor is none of this model");
    assert_int_equal(model->parts, 1);
    assert_int_equal(model->uses, 1);
    assert_ok(ls_layer_apply(model, "Dense", "units: 2", LS_TENSORS(x), &y));
    assert_ok(ls_model_output(model, y, NULL));
    assert_fails(ls_model_output(model, y, "dense"), LS_USAGE,
                 "there is an output 'dense' already");
    assert_int_equal(ls_model_output_size(model, 0), 2);
    assert_fails(ls_model_output(model, y, "more"), LS_USAGE,
                 "the model is complete: layers are added before its first use");
    ls_model_free(model);
    assert_ok(ls_model_create(&row, NULL));
    assert_ok(ls_layer_add(row, "Input", "shape: 3"));
    assert_fails(ls_input(row, "shape: 3", &x), LS_USAGE,
                 "a Sequential model (ls_layer_add) takes no tensors");
    ls_model_free(row);
}

/* Each allocation fails once: nothing is lost or left half-way. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK && n < 500; n++) {
        struct ls_model *model;
        struct ls_tensor x, y;
        assert_ok(ls_model_create(&model, "net"));
        assert_ok(ls_input(model, "shape: 3", &x));
        ls_memory_fail_at(n);
        status = ls_layer_apply(model, "Dense", "units: 2", LS_TENSORS(x), &y);
        ls_memory_fail_at(0);
        if (status != LS_OK) {
            assert_int_equal(model->parts, 1);
            assert_int_equal(model->uses, 1);
            assert_ok(ls_layer_apply(model, "Dense", "units: 2", LS_TENSORS(x), &y));
        }
        assert_ok(ls_model_output(model, y, NULL));
        assert_int_equal(ls_model_output_size(model, 0), 2);
        ls_model_free(model);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_siamese),         leak_checked_test(test_nested),
        leak_checked_test(test_part_of_another), leak_checked_test(test_refused),
        leak_checked_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests_name("models made of tensors", tests, start_kernels, NULL);
}
