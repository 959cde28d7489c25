/* The optimizer's state in files of Keras 3 and of tf.keras 2.15 (tests/reference/trained.py), in
 * our files for Keras, and in files that are not right. */
#include "unit/store_test.h"

#include "store/export.h"
#include "store/h5.h"
#include "store/keras_slots.h"

#define REFERENCE TEST_DIRECTORY "/reference/"

/* -- Keras' own files */

static void assert_names(const struct ls_checkpoint *file, const char *expected)
{
    char names[256] = "";
    for (size_t s = 0; s < file->slots; s++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s ", file->slot_name[s]);
    assert_string_equal(names, expected);
}

static void read_slot(const char *path, const char *object, float *values, struct ls_shape shape)
{
    struct ls_h5 h5;
    assert_ok(ls_h5_open(&h5, path));
    assert_ok(ls_h5_read_floats(&h5, object, values, &shape));
    ls_h5_close(&h5);
}

/* The slot of dense's kernel, by its name in the file. */
static void assert_slot(const struct ls_checkpoint *file, size_t slot, const char *path,
                        const char *object)
{
    float expected[12];
    read_slot(path, object, expected, (struct ls_shape){2, {3, 4}});
    assert_floats(file->slot[slot] + file->model->layer[1]->variable[0].offset, expected, 12);
}

static void keras_3_by_name(void **state)
{
    (void)state;
    static const char path[] = REFERENCE "trained_adam.h5";
    struct ls_checkpoint file;
    assert_ok(ls_checkpoint_read(&file, path));
    assert_null(file.slots_refused);
    assert_int_equal(file.iteration, 4);
    assert_names(&file, "momentum velocity velocity_hat ");
    assert_slot(&file, 0, path, "/optimizer_weights/adam/trained_dense_kernel_momentum");
    assert_slot(&file, 1, path, "/optimizer_weights/adam/trained_dense_kernel_velocity");
    assert_slot(&file, 2, path, "/optimizer_weights/adam/trained_dense_kernel_velocity_hat");
    ls_checkpoint_release(&file);
}

static void tf_keras_and_its_optimizers_of_old(void **state)
{
    (void)state;
    static const struct {
        const char *path, *names, *object[3];
    } files[] = {
        {REFERENCE "keras2_adam.h5",
         "momentum velocity velocity_hat ",
         {"/optimizer_weights/Adam/m/dense/kernel:0", "/optimizer_weights/Adam/v/dense/kernel:0",
          "/optimizer_weights/Adam/vhat/dense/kernel:0"}},
        {REFERENCE "keras2_old_adam.h5",
         "momentum velocity velocity_hat ",
         {"/optimizer_weights/Adam/dense_6/kernel/m:0",
          "/optimizer_weights/Adam/dense_6/kernel/v:0",
          "/optimizer_weights/Adam/dense_6/kernel/vhat:0"}},
        {REFERENCE "keras2_old_rmsprop.h5",
         "velocity momentum average_gradient ",
         {"/optimizer_weights/RMSprop/dense_10/kernel/rms:0",
          "/optimizer_weights/RMSprop/dense_10/kernel/momentum:0",
          "/optimizer_weights/RMSprop/dense_10/kernel/mg:0"}},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct ls_checkpoint file;
        assert_ok(ls_checkpoint_read(&file, files[i].path));
        assert_null(file.slots_refused);
        assert_int_equal(file.iteration, 4);
        assert_names(&file, files[i].names);
        for (size_t s = 0; s < file.slots; s++)
            assert_slot(&file, s, files[i].path, files[i].object[s]);
        ls_checkpoint_release(&file);
    }
}

/* The archive holds what the .h5 of the same moment does. */
static void archives_by_number(void **state)
{
    (void)state;
    static const char *const names[] = {"adam", "sgd", "rmsprop"};
    for (size_t i = 0; i < 3; i++) {
        struct ls_checkpoint archive, h5;
        char path[512];
        snprintf(path, sizeof path, REFERENCE "trained_%s.keras", names[i]);
        assert_ok(ls_checkpoint_read(&archive, path));
        snprintf(path, sizeof path, REFERENCE "trained_%s.h5", names[i]);
        assert_ok(ls_checkpoint_read(&h5, path));
        assert_null(archive.slots_refused);
        assert_int_equal(archive.iteration, 4);
        assert_int_equal(archive.slots, h5.slots);
        assert_floats(archive.model->weights, h5.model->weights, h5.model->floats);
        for (size_t s = 0; s < h5.slots; s++)
            assert_floats(archive.slot[s], h5.slot[s], h5.model->trainable_floats);
        assert_non_null(archive.model->compile);
        ls_checkpoint_release(&archive);
        ls_checkpoint_release(&h5);
    }
}

static void an_optimizer_that_is_not_known_leaves_the_weights(void **state)
{
    (void)state;
    struct ls_checkpoint file;
    assert_ok(ls_checkpoint_read(&file, REFERENCE "trained_adafactor.keras"));
    assert_true(file.model->initialized);
    assert_int_equal(file.slots, 0);
    assert_int_equal(file.iteration, 0);
    assert_string_equal(
        file.slots_refused, REFERENCE
        "trained_adafactor.keras: model.weights.h5: the optimizer's state in it cannot be "
        "taken: optimizer: unknown optimizer 'Adafactor' (known: SGD, Adam, RMSprop, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl, Lion, Lamb, LARS, Muon) (with a "
        "`compile` of its own a run takes the weights alone)");
    assert_fails(ls_export(&file, "a.keras", false), LS_BAD_INPUT, file.slots_refused);
    assert_fails(ls_export(&file, "a.h5", true), LS_BAD_INPUT, file.slots_refused);
    assert_ok(ls_export(&file, "a.h5", false));
    ls_checkpoint_release(&file);
}

/* -- ours */

static struct ls_checkpoint with_slots(struct ls_model *model, float *slot)
{
    for (size_t i = 0; i < model->trainable_floats; i++)
        slot[i] = (float)i;
    return (struct ls_checkpoint){.model = model,
                                  .slot_name = {"momentum"},
                                  .slot = {slot},
                                  .slots = 1,
                                  .iteration = INT64_C(5000000001)};
}

static void ours_come_back(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    float *slot = calloc(model->trainable_floats, sizeof *slot);
    const struct ls_checkpoint made = with_slots(model, slot);
    static const char *const paths[] = {"a.keras", "a.h5"};
    for (size_t i = 0; i < 2; i++) {
        struct ls_checkpoint back;
        assert_ok(ls_export(&made, paths[i], true));
        assert_ok(ls_checkpoint_read(&back, paths[i]));
        assert_null(back.slots_refused);
        assert_true(back.iteration == made.iteration);
        assert_names(&back, "momentum ");
        for (size_t v = 0; ls_model_variable(model, v).trainable; v++) {
            struct ls_variable_at at = ls_model_variable(model, v);
            assert_floats(back.slot[0] + at.variable->offset, slot + at.variable->offset,
                          ls_variable_count(at.variable));
        }
        ls_checkpoint_release(&back);
    }
    free(slot);
    ls_model_free(model);
}

static void names_are_keras_own(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_checkpoint made = {.model = model};
    struct ls_h5 h5;
    struct ls_texts names;
    static const char *const expected[] = {"sgd/iteration", "sgd/learning_rate",
                                           "sgd/small_dense_kernel_momentum",
                                           "sgd/small_dense_bias_momentum"};
    assert_ok(ls_export(&made, "a.h5", true));
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_ok(ls_h5_read_texts(&h5, "/optimizer_weights", "weight_names", &names));
    assert_int_equal(names.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(names.text[i], expected[i]);
    ls_texts_release(&names);
    ls_h5_close(&h5);
    ls_model_free(model);
}

/* Names may meet (a_b of c, a of b_c): the second one gets a number. */
static void names_that_meet_get_numbers(void **state)
{
    (void)state;
    struct ls_model *model = make_model(
        "model: {name: m, layers: [Input: {shape: [1]}, Dense: {units: 1, name: a, use_bias: "
        "false}, Dense: {units: 1, name: a_b, use_bias: false}]}\n"
        "compile: {optimizer: {SGD: {momentum: 0.5}}}\n");
    struct ls_checkpoint made = {.model = model}, back;
    struct ls_h5 h5;
    struct ls_texts names;
    model->layer[1]->variable[0].name = "b_kernel";
    assert_ok(ls_export(&made, "a.h5", true));
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_ok(ls_h5_read_texts(&h5, "/optimizer_weights", "weight_names", &names));
    assert_string_equal(names.text[2], "sgd/m_a_b_kernel_momentum");
    assert_string_equal(names.text[3], "sgd/m_a_b_kernel_momentum_1");
    ls_texts_release(&names);
    ls_h5_close(&h5);
    assert_ok(ls_checkpoint_read(&back, "a.h5"));
    assert_null(back.slots_refused);
    ls_checkpoint_release(&back);
    ls_model_free(model);
}

/* -- files that are not right */

static struct ls_h5_image image;

/* A whole model without slots, and a list of the optimizer's variables under these names. */
static void begin_file(const char *const *names)
{
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_checkpoint made = {.model = model};
    struct ls_texts list = {(char **)names, 0};
    assert_ok(ls_export(&made, "a.h5", false));
    ls_model_free(model);
    while (names[list.count])
        list.count++;
    char *bytes;
    size_t length = read_bytes("a.h5", &bytes);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    write_bytes("k.h5", bytes, length);
    free(bytes);
    image = (struct ls_h5_image){.path = "k.h5"};
    image.file = H5Fopen("k.h5", H5F_ACC_RDWR, access);
    H5Pclose(access);
    assert_ok(ls_h5_put_group(&image, "/optimizer_weights"));
    assert_ok(ls_h5_put_texts(&image, "/optimizer_weights", "weight_names", &list));
}

static void put(const char *name, struct ls_shape shape, double value)
{
    char path[128];
    hsize_t size[LS_RANK_MAX];
    double values[16];
    for (int i = 0; i < shape.rank; i++)
        size[i] = (hsize_t)shape.size[i];
    for (int i = 0; i < 16; i++)
        values[i] = value;
    snprintf(path, sizeof path, "/optimizer_weights/%s", name);
    hid_t space = H5Screate_simple(shape.rank, size, NULL);
    hid_t set = H5Dcreate2(image.file, path, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT,
                           H5P_DEFAULT);
    assert_true(set >= 0 &&
                H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static struct ls_checkpoint end_file(void)
{
    struct ls_checkpoint back;
    H5Fclose(image.file);
    assert_ok(ls_checkpoint_read(&back, "k.h5"));
    assert_true(back.model->initialized);
    return back;
}

static void assert_refused(const char *why)
{
    char expected[512];
    struct ls_checkpoint back = end_file();
    snprintf(expected, sizeof expected,
             "k.h5: the optimizer's state in it cannot be taken: %s (with a `compile` of its own a "
             "run takes the weights alone)",
             why);
    assert_non_null(back.slots_refused);
    assert_string_equal(back.slots_refused, expected);
    assert_int_equal(back.slots, 0);
    assert_int_equal(back.iteration, 0);
    ls_checkpoint_release(&back);
}

#define LIST(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
static const struct ls_shape scalar = {0}, kernel = {2, {3, 4}}, bias = {1, {4}};

static void the_rate_in_the_file_counts(void **state)
{
    (void)state;
    begin_file(LIST("i", "rate", "k", "b"));
    put("i", scalar, 9);
    put("rate", scalar, 0.25);
    put("k", kernel, 2);
    put("b", bias, 3);
    struct ls_checkpoint back = end_file();
    assert_null(back.slots_refused);
    assert_int_equal(back.iteration, 9);
    assert_yaml(back.compile,
                "optimizer: {SGD: {momentum: 0.5, nesterov: false, learning_rate: 0.25}}\n"
                "loss: {MeanSquaredError: {reduction: sum_over_batch_size}}\nmetrics: [mae]\n");
    ls_checkpoint_release(&back);
}

/* Keras 2 has no rate; nothing but the head: compiled, and not yet trained. */
static void lists_without_rate_or_slots(void **state)
{
    (void)state;
    begin_file(LIST("iteration:0", "k", "b"));
    put("iteration:0", scalar, 3);
    put("k", kernel, 2);
    put("b", bias, 3);
    struct ls_checkpoint back = end_file();
    assert_int_equal(back.iteration, 3);
    assert_names(&back, "momentum ");
    assert_true(back.slot[0][back.model->layer[2]->variable[0].offset] == 2);
    ls_checkpoint_release(&back);
    begin_file(LIST("i", "rate"));
    put("i", scalar, 0);
    put("rate", scalar, 1);
    back = end_file();
    assert_null(back.slots_refused);
    assert_int_equal(back.slots, 0);
    ls_checkpoint_release(&back);
}

static void lists_that_do_not_fit_are_told(void **state)
{
    (void)state;
    begin_file(LIST("i", "rate", "k"));
    put("i", scalar, 9);
    put("rate", scalar, 1);
    put("k", kernel, 2);
    assert_refused("it has 1 slots of variables after 9 steps, but SGD of this model has 2");
    begin_file(LIST("i", "rate"));
    put("i", scalar, 9);
    put("rate", scalar, 1);
    assert_refused("it has 0 slots of variables after 9 steps, but SGD of this model has 2");
    begin_file(LIST("i", "b", "k"));
    put("i", scalar, 9);
    put("b", bias, 2);
    put("k", kernel, 2);
    assert_refused("k.h5: /optimizer_weights/b: its shape is (4,), but the model's is (3, 4)");
    begin_file(LIST("i", "k"));
    put("i", scalar, 9);
    assert_refused("k.h5: /optimizer_weights/k: missing");
    begin_file(LIST("i"));
    put("i", scalar, -1);
    assert_refused("k.h5: /optimizer_weights/i: expected a count of steps");
    begin_file(LIST("i"));
    put("i", bias, 1);
    assert_refused("k.h5: /optimizer_weights/i: expected one number");
}

static void a_model_that_is_not_compiled_has_none(void **state)
{
    (void)state;
    struct ls_model *model =
        make_model("model: {layers: [Input: {shape: [2]}, Dense: {units: 1}]}");
    struct ls_checkpoint made = {.model = model}, back;
    assert_fails(ls_export(&made, "a.h5", true), LS_BAD_INPUT,
                 "the model is not compiled: it has no optimizer's weights");
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_checkpoint_read(&back, "a.keras"));
    assert_null(back.compile);
    assert_int_equal(back.slots, 0);
    ls_checkpoint_release(&back);
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(keras_3_by_name),
        scratch_test(tf_keras_and_its_optimizers_of_old),
        scratch_test(archives_by_number),
        scratch_test(an_optimizer_that_is_not_known_leaves_the_weights),
        scratch_test(ours_come_back),
        scratch_test(names_are_keras_own),
        scratch_test(names_that_meet_get_numbers),
        scratch_test(the_rate_in_the_file_counts),
        scratch_test(lists_without_rate_or_slots),
        scratch_test(lists_that_do_not_fit_are_told),
        scratch_test(a_model_that_is_not_compiled_has_none),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
