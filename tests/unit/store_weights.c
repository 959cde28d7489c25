/* Weights alone, from all files that hold some of Keras', and from such as do not fit. */
#include "unit/store_test.h"

#include "store/h5.h"

#define REFERENCE TEST_DIRECTORY "/reference/"

/* -- files that fit */

static void assert_same_weights(const char *whole, const char *weights)
{
    struct ls_checkpoint model, other;
    assert_ok(ls_checkpoint_read(&model, whole));
    assert_ok(ls_checkpoint_read(&other, whole));
    memset(other.model->weights, 0, other.model->floats * sizeof(float));
    other.model->initialized = false;
    assert_ok(ls_weights_read(other.model, weights));
    assert_true(other.model->initialized);
    assert_floats(other.model->weights, model.model->weights, model.model->floats);
    ls_checkpoint_release(&model);
    ls_checkpoint_release(&other);
}

static void files_of_keras(void **state)
{
    (void)state;
    assert_same_weights(REFERENCE "trained_adam.h5", REFERENCE "trained_adam.weights.h5");
    assert_same_weights(REFERENCE "trained_adam.h5", REFERENCE "trained_adam.keras");
    assert_same_weights(REFERENCE "trained_adam.h5", REFERENCE "trained_adam.h5");
    assert_same_weights(REFERENCE "keras2_adam.h5", REFERENCE "keras2_adam_weights.h5");
}

static void checkpoints_of_ours(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_checkpoint made = {.model = model};
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    assert_same_weights("a.h5", "a.h5");
    ls_model_free(model);
    char *bytes;
    size_t length = read_bytes("a.h5", &bytes);
    struct ls_checkpoint back;
    assert_ok(ls_checkpoint_read(&back, "a.h5"));
    bytes[length / 2] ^= 1;
    write_bytes("a.h5", bytes, length);
    free(bytes);
    assert_int_equal(ls_weights_read(back.model, "a.h5"), LS_BAD_INPUT); /* its digest */
    ls_checkpoint_release(&back);
}

static void weights_are_no_model(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    static const char *const paths[] = {REFERENCE "trained_adam.weights.h5",
                                        REFERENCE "keras2_adam_weights.h5"};
    for (size_t i = 0; i < 2; i++) {
        char expected[512];
        snprintf(expected, sizeof expected,
                 "%s: it holds weights alone, no model: name it in a run file as `weights`, beside "
                 "`model`",
                 paths[i]);
        assert_fails(ls_checkpoint_read(&back, paths[i]), LS_BAD_INPUT, expected);
    }
}

/* -- files that do not fit */

static struct ls_h5_image image;
static struct ls_h5_buffer buffer;
static const float numbers[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const struct ls_shape matrix = {2, {2, 3}}, vector = {1, {3}}, other = {2, {3, 1}};

static void put(const char *object, struct ls_shape shape)
{
    const struct ls_h5_values put = {LS_H5_FLOAT, shape, numbers, NULL};
    assert_ok(ls_h5_put_values(&image, object, &put));
}

/* The first dense layer as it should be. */
static void begin(void)
{
    assert_ok(ls_h5_image_open(&image, &buffer, "w.h5"));
    put("/layers/dense/vars/0", matrix);
    put("/layers/dense/vars/1", vector);
}

static struct ls_model *model_for_it(void)
{
    return make_model("model: {layers: [Input: {shape: [2]}, Dense: {units: 3}, Dropout: {rate: "
                      "0.5}, Dense: {units: 1, use_bias: false, name: last}]}");
}

static ls_status end(struct ls_model *model)
{
    assert_ok(ls_h5_image_finish(&image));
    ls_h5_image_close(&image);
    write_bytes("w.h5", buffer.bytes, buffer.length);
    ls_h5_buffer_release(&buffer);
    return ls_weights_read(model, "w.h5");
}

static void assert_refused(const char *message)
{
    struct ls_model *model = model_for_it();
    assert_fails(end(model), LS_BAD_INPUT, message);
    ls_model_free(model);
}

static void layers_are_counted_by_class(void **state)
{
    (void)state;
    struct ls_model *model = model_for_it();
    begin();
    put("/layers/dense_1/vars/0", other);
    put("/layers/dropout/seed_generator/vars/0", vector); /* no weights of a layer */
    assert_ok(end(model));
    assert_floats(model->weights + model->layer[1]->variable[0].offset, numbers, 6);
    assert_floats(model->weights + model->layer[3]->variable[0].offset, numbers, 3);
    ls_model_free(model);
}

static void groups_that_do_not_fit_are_told(void **state)
{
    (void)state;
    begin();
    assert_refused("w.h5: /layers/dense_1 has 0 weights, but layer last (Dense) has 1");
    begin();
    put("/layers/dense_1/vars/0", other);
    put("/layers/dense_1/vars/1", vector);
    assert_refused("w.h5: /layers/dense_1 has 2 weights, but layer last (Dense) has 1");
    begin();
    put("/layers/dense_1/vars/0", matrix);
    assert_refused("w.h5: /layers/dense_1/vars/0: its shape is (2, 3), but the model's is (3, 1)");
    begin();
    put("/layers/dense_1/vars/weight", other);
    assert_refused("w.h5: /layers/dense_1/vars/0: missing");
    begin();
    put("/layers/dense_1/vars/0", other);
    put("/layers/dense_2/vars/0", other);
    assert_refused("w.h5: /layers/dense_2 has weights, but the model has no layer for them");
    begin();
    put("/layers/dense_1/vars/0", other);
    put("/layers/sequential/layers/dense/vars/0", other);
    assert_refused("w.h5: /layers/sequential/layers/dense has weights, but the model has no layer "
                   "for them");
    begin();
    put("/layers/dense_1/vars", other);
    assert_refused("w.h5: /layers/dense_1/vars: expected a group");
}

static void a_file_too_deep_is_told(void **state)
{
    (void)state;
    char way[2048] = "";
    begin();
    for (int i = 0; i < 40; i++)
        strcat(way, "/layers/a");
    assert_ok(ls_h5_put_group(&image, way));
    struct ls_model *model = model_for_it();
    assert_int_equal(end(model), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "/layers/a: too deep"));
    ls_model_free(model);
}

static void files_of_something_else_are_told(void **state)
{
    (void)state;
    struct ls_model *model = model_for_it();
    assert_ok(ls_h5_image_open(&image, &buffer, "w.h5"));
    put("/x", vector);
    assert_fails(end(model), LS_BAD_INPUT, "w.h5: it holds no weights of Keras'");
    assert_fails(ls_weights_read(model, "none.h5"), LS_NO_INPUT,
                 "cannot read 'none.h5': No such file or directory");
    assert_fails(ls_weights_read(model, "none.keras"), LS_NO_INPUT,
                 "cannot read 'none.keras': No such file or directory");
    ls_model_free(model);
    assert_ok(ls_h5_image_open(&image, &buffer, "w.h5"));
    put("/a/k", matrix);
    struct ls_texts names = {(char *[]){"a"}, 1}, weights = {(char *[]){"k"}, 1};
    assert_ok(ls_h5_put_texts(&image, "/", "layer_names", &names));
    assert_ok(ls_h5_put_texts(&image, "/a", "weight_names", &weights));
    assert_refused("w.h5: it has 1 layers with weights, but the model has 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(files_of_keras),
        scratch_test(checkpoints_of_ours),
        scratch_test(weights_are_no_model),
        scratch_test(layers_are_counted_by_class),
        scratch_test(groups_that_do_not_fit_are_told),
        scratch_test(a_file_too_deep_is_told),
        scratch_test(files_of_something_else_are_told),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
