/* ls_model_fit: which samples each step sees, what ends the training, what is refused. */
#include <math.h>

#include "kernel/kernels.h"
#include "unit/train_test.h"

enum { SAMPLES = 103, EPOCHS = 3, LOG = SAMPLES * EPOCHS + 1000 };

/* -- a reader that writes down what it is asked for
 * ------------------------------------------------------ */

struct reader {
    int64_t asked[LOG];
    size_t count;
    int64_t bad;  /* a sample that is NaN; -1: none */
    int64_t torn; /* a sample that cannot be read; -1: none */
};

static ls_status read_sample(void *user, int64_t sample, float *x, float *y)
{
    struct reader *reader = user;
    if (reader->count < LOG)
        reader->asked[reader->count++] = sample;
    if (sample == reader->torn)
        return LS_FAILED;
    x[0] = sample == reader->bad ? NAN : test_number(2 * (size_t)sample);
    x[1] = test_number(2 * (size_t)sample + 1);
    y[0] = x[0] + x[1];
    return LS_OK;
}

static struct ls_data *open_reader(struct reader *reader)
{
    struct ls_data *data;
    expect_status(
        ls_data_from_reader(&data, &(struct ls_data_reader){SAMPLES, 2, 1, read_sample, reader}),
        LS_OK);
    return data;
}

static struct ls_model *make_model(const char *compile)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_layer_add(model, "Input", "shape: 2"));
    assert_ok(ls_layer_add(model, "Dense", "units: 3, activation: tanh, name: hidden"));
    assert_ok(ls_layer_add(model, "Dense", "units: 1, name: out"));
    assert_ok(ls_model_compile(model, compile));
    return model;
}

static ls_status fit(struct reader *reader, const char *options, int64_t replicas)
{
    struct ls_data *data = open_reader(reader);
    struct ls_model *model = make_model("optimizer: sgd, loss: mse");
    ls_status status = ls_model_fit(
        model, alone, &(struct ls_fit){.options = options, .replicas = replicas, .train = data});
    ls_model_free(model);
    ls_data_free(data);
    return status;
}

static struct reader fresh(void)
{
    return (struct reader){.bad = -1, .torn = -1};
}

/* -- the order of samples
 * -------------------------------------------------------------------------------- */

/* Every sample once an epoch, a short last batch included. The loader may read ahead into an epoch
 * that is never trained. */
static void check_each_once(const struct reader *reader)
{
    assert_true(reader->count >= SAMPLES * EPOCHS);
    for (size_t epoch = 0; epoch < EPOCHS; epoch++) {
        int seen[SAMPLES] = {0};
        for (size_t i = 0; i < SAMPLES; i++)
            seen[reader->asked[epoch * SAMPLES + i]]++;
        for (size_t s = 0; s < SAMPLES; s++)
            if (seen[s] != 1)
                fail_msg("epoch %zu: sample %zu was read %d times", epoch, s, seen[s]);
    }
}

static void test_each_sample_once(void **state)
{
    (void)state;
    static const char *const options[] = {
        "epochs: 3, batch_size: 10, seed: 1",        "epochs: 3, batch_size: 1, seed: 1",
        "epochs: 3, batch_size: 103, seed: 1",       "epochs: 3, batch_size: 1000, seed: 1",
        "epochs: 3, batch_size: 10, shuffle: chunk", "epochs: 3, batch_size: 10, shuffle: false"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        for (int64_t replicas = 1; replicas <= 3; replicas++) {
            struct reader reader = fresh();
            expect_status(fit(&reader, options[i], replicas), LS_OK);
            check_each_once(&reader);
        }
}

static void test_order(void **state)
{
    (void)state;
    struct reader first = fresh(), split = fresh(), other = fresh(), plain = fresh();
    expect_status(fit(&first, "epochs: 3, batch_size: 10, seed: 1", 1), LS_OK);
    expect_status(fit(&split, "epochs: 3, batch_size: 10, seed: 1", 4), LS_OK);
    expect_status(fit(&other, "epochs: 3, batch_size: 10, seed: 2", 1), LS_OK);
    expect_status(fit(&plain, "epochs: 3, batch_size: 10, seed: 1, shuffle: false", 1), LS_OK);
    size_t bytes = SAMPLES * sizeof *first.asked;
    assert_memory_equal(first.asked, split.asked, 3 * bytes); /* whatever the replicas */
    assert_memory_not_equal(first.asked, other.asked, bytes); /* a function of the seed, */
    assert_memory_not_equal(first.asked, first.asked + SAMPLES, bytes); /* and of the epoch */
    for (int64_t i = 0; i < SAMPLES * EPOCHS; i++)
        assert_int_equal(plain.asked[i], i % SAMPLES);
}

/* -- what ends it
 * -------------------------------------------------------------------------------------- */

struct told {
    int epochs, end_after;
    double loss[8], last[8]; /* last: val_ of the last metric, where there is validation */
    char names[128];
};

static ls_status on_epoch(void *user, int64_t epoch, const char *const *names, const double *values,
                          size_t count)
{
    struct told *told = user;
    assert_int_equal(epoch, told->epochs);
    told->names[0] = '\0';
    for (size_t i = 0; i < count; i++)
        strcat(strcat(told->names, names[i]), " ");
    told->last[told->epochs] = values[count - 1];
    told->loss[told->epochs++] = values[0];
    return told->epochs == told->end_after ? LS_INTERRUPTED : LS_OK;
}

static void test_epochs_told(void **state)
{
    (void)state;
    struct told told = {0};
    struct reader reader = fresh();
    struct ls_data *data = open_reader(&reader);
    struct ls_model *model = make_model("optimizer: sgd, loss: mse, metrics: [mae]");
    struct ls_fit job = {
        .options = "epochs: 4", .train = data, .on_epoch = on_epoch, .user = &told};
    assert_ok(ls_model_fit(model, alone, &job));
    assert_int_equal(told.epochs, 4);
    assert_string_equal(told.names, "loss mae ");
    assert_true(told.loss[3] < told.loss[0]);
    told = (struct told){.end_after = 2};
    job.validation = data;
    expect_status(ls_model_fit(model, alone, &job), LS_INTERRUPTED);
    assert_int_equal(told.epochs, 2);
    assert_string_equal(told.names, "loss mae val_loss val_mae ");
    ls_model_free(model);
    ls_data_free(data);
}

/* An epoch's loss is of its own steps alone: with one step an epoch it is what validation on the
 * same samples gave after the epoch before. */
static void test_loss_of_an_epoch(void **state)
{
    (void)state;
    struct told told = {0};
    struct reader reader = fresh();
    struct ls_data *data = open_reader(&reader);
    struct ls_model *model = make_model("optimizer: {SGD: {learning_rate: 0.2}}, loss: mse");
    assert_ok(ls_model_fit(model, alone,
                           &(struct ls_fit){.options = "epochs: 4, batch_size: 103",
                                            .train = data,
                                            .validation = data,
                                            .on_epoch = on_epoch,
                                            .user = &told}));
    for (int i = 1; i < 4; i++) {
        assert_true(told.loss[i] < 0.95 * told.loss[i - 1]);
        if (fabs(told.loss[i] - told.last[i - 1]) > 1e-6)
            fail_msg("epoch %d: loss %.9g, validated %.9g", i, told.loss[i], told.last[i - 1]);
    }
    ls_model_free(model);
    ls_data_free(data);
}

/* The first fit initializes from its seed; the next one goes on from where the weights are. */
static void test_goes_on(void **state)
{
    (void)state;
    struct reader reader = fresh();
    struct ls_data *data = open_reader(&reader);
    uint64_t hash[3];
    for (int i = 0; i < 3; i++) {
        struct ls_model *model = make_model("optimizer: sgd, loss: mse");
        struct ls_fit job = {.options = i == 1 ? "seed: 2" : "seed: 1", .train = data};
        assert_ok(ls_model_fit(model, alone, &job));
        assert_ok(ls_model_hash(model, &hash[i]));
        if (i == 2) {
            assert_ok(ls_model_fit(model, alone, &job));
            uint64_t after;
            assert_ok(ls_model_hash(model, &after));
            assert_int_not_equal(after, hash[2]);
        }
        ls_model_free(model);
    }
    assert_int_equal(hash[0], hash[2]);
    assert_int_not_equal(hash[0], hash[1]);
    ls_data_free(data);
}

/* Where replicas are more than samples in a batch, empty slices change nothing but rounding. */
static void test_empty_slices(void **state)
{
    (void)state;
    float kernel[2][6];
    struct reader reader = fresh();
    struct ls_data *data = open_reader(&reader);
    for (int i = 0; i < 2; i++) {
        struct ls_model *model = make_model("optimizer: sgd, loss: mse");
        assert_ok(ls_model_fit(model, alone,
                               &(struct ls_fit){.options = "batch_size: 5, epochs: 2",
                                                .replicas = i ? 9 : 1,
                                                .train = data}));
        assert_ok(ls_model_get_weights(model, "hidden", "kernel", kernel[i], 6));
        ls_model_free(model);
    }
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(kernel[0][i] - kernel[1][i]) < 1e-5F);
    ls_data_free(data);
}

/* -- faults
 * -------------------------------------------------------------------------------------------- */

static void test_bad_samples(void **state)
{
    (void)state;
    struct reader reader = fresh();
    reader.bad = 42;
    expect_status(fit(&reader, "batch_size: 10", 1), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "sample 42"));
    reader = fresh();
    reader.torn = 17;
    expect_status(fit(&reader, "batch_size: 10, shuffle: false", 1), LS_FAILED);
    assert_non_null(strstr(ls_message(), "sample 17"));
}

/* Named by step, layer, replica and sample; the weights stay as before the step. */
static void test_nonfinite_loss(void **state)
{
    (void)state;
    static const float bias[3] = {INFINITY, 0, 0};
    struct reader reader = fresh();
    struct ls_data *data = open_reader(&reader);
    struct ls_model *model = make_model("optimizer: sgd, loss: mse");
    struct ls_fit job = {.options = "batch_size: 10, shuffle: false", .replicas = 2, .train = data};
    uint64_t before, after;
    assert_ok(ls_model_set_weights(model, "out", "kernel", (float[]){1e30F, 1e30F, 1e30F}, 3));
    assert_ok(ls_model_hash(model, &before));
    expect_status(ls_model_fit(model, alone, &job), LS_FAILED);
    assert_string_equal(ls_message(),
                        "epoch 1, step 1: the loss is not finite (NaN or infinity) at sample 0 of "
                        "reader, in replica 0; first in the loss");
    assert_ok(ls_model_hash(model, &after));
    assert_int_equal(before, after);
    assert_ok(ls_model_set_weights(model, "out", "kernel", (float[]){1, 1, INFINITY}, 3));
    assert_ok(ls_model_set_weights(model, "hidden", "bias", bias, 3));
    expect_status(ls_model_fit(model, alone, &job), LS_FAILED);
    assert_string_equal(ls_message(),
                        "epoch 1, step 1: the loss is not finite (NaN or infinity) at sample 0 of "
                        "reader, in replica 0; first in the result of layer 'out'");
    ls_model_free(model);
    ls_data_free(data);
}

static void test_refused(void **state)
{
    (void)state;
    struct reader reader = fresh();
    struct ls_data *data = open_reader(&reader);
    struct ls_model *model = make_model("optimizer: sgd, loss: mse");
    struct ls_fit job = {.options = "epoch: 2", .train = data};
    assert_fails(ls_model_fit(model, alone, &job), LS_BAD_INPUT,
                 "fit: unknown option 'epoch' (did you mean 'epochs'?)");
    job = (struct ls_fit){.options = "epochs: 2"};
    assert_fails(ls_model_fit(model, alone, &job), LS_USAGE, "fit: there is no data to train on");
    job.train = data;
    assert_ok(ls_model_compile(model, "loss: mse, optimizer: {SGD: {momentum: 2}}"));
    assert_fails(ls_model_fit(model, alone, &job), LS_BAD_INPUT,
                 "SGD momentum: must be at least 0 and at most 1, found 2");
    assert_ok(ls_model_compile(
        model, "optimizer: sgd, loss: mse, metrics: [{MeanAbsoluteError: {name: val_loss}}]"));
    assert_ok(ls_model_fit(model, alone, &job));
    job.validation = data;
    assert_fails(ls_model_fit(model, alone, &job), LS_BAD_INPUT,
                 "the result 'val_loss' has the name of the validation's 'loss': give the output "
                 "or metric another name");
    assert_ok(ls_model_compile(model, "loss: mse"));
    assert_fails(ls_model_save(model, "none/m.h5"), LS_CANNOT_WRITE,
                 "cannot write 'none/m.h5': No such file or directory");
    ls_model_free(model);
    model = make_model("loss: mse");
    assert_fails(ls_model_save(model, "m.h5"), LS_USAGE,
                 "the model has no weights yet: train it, or set them");
    ls_model_free(model);
    ls_data_free(data);
}

/* -- predicting while it trains */

struct looker {
    const struct ls_model *model; /* NULL: it does not look */
    float seen[5];
    int threads;
};

static ls_status look(void *user, int64_t epoch, const char *const *names, const double *values,
                      size_t count)
{
    struct looker *looker = user;
    const float x[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    (void)epoch, (void)names, (void)values, (void)count;
    if (looker->model)
        assert_ok(ls_model_predict(looker->model, x, 5, looker->seen));
    looker->threads = ls_kernels_threads();
    return LS_OK;
}

static uint64_t fit_and_look(struct looker *looker, bool looks)
{
    struct reader reader = {.bad = -1, .torn = -1};
    struct ls_data *data = open_reader(&reader);
    struct ls_model *model = make_model("optimizer: sgd, loss: mse");
    const float x[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    float after[5];
    uint64_t hash;
    *looker = (struct looker){.model = looks ? model : NULL};
    assert_ok(ls_kernels_init(&(struct ls_kernel_options){.threads = 3}));
    assert_ok(ls_model_fit(model, alone,
                           &(struct ls_fit){.options = "epochs: 3, batch_size: 20, threads: 3",
                                            .train = data,
                                            .on_epoch = look,
                                            .user = looker}));
    assert_ok(ls_model_hash(model, &hash));
    assert_ok(ls_model_predict(model, x, 5, after));
    if (looks)
        assert_memory_equal(looker->seen, after, sizeof after);
    ls_model_free(model);
    ls_data_free(data);
    assert_ok(ls_kernels_init(&(struct ls_kernel_options){.threads = 1}));
    return hash;
}

/* A prediction in on_epoch sees the weights of the epoch's end, and leaves the training, and its
 * threads, as they were. */
static void test_predicts_between_epochs(void **state)
{
    (void)state;
    struct looker looker;
    const uint64_t plain = fit_and_look(&looker, false);
    assert_int_equal(looker.threads, 3);
    assert_int_equal(fit_and_look(&looker, true), plain);
    assert_int_equal(looker.threads, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_predicts_between_epochs),
        directory_test(test_each_sample_once),
        directory_test(test_order),
        directory_test(test_epochs_told),
        directory_test(test_loss_of_an_epoch),
        directory_test(test_goes_on),
        directory_test(test_empty_slices),
        directory_test(test_bad_samples),
        directory_test(test_nonfinite_loss),
        directory_test(test_refused),
    };
    return cmocka_run_group_tests_name("fitting", tests, start_alone, end_alone);
}
