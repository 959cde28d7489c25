/* What a training will take of memory: part by part, beside what it takes, and its refusal. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/train_test.h"

#include "comm/partition.h"
#include "train/needs.h"

enum { MB = 1000000 };

/* -- data of any size, which nobody reads unless it is trained on */

static ls_status read_sample(void *user, int64_t sample, float *x, float *y)
{
    size_t size = *(const size_t *)user;
    for (size_t i = 0; i < size; i++)
        x[i] = test_number((size_t)sample + i);
    *y = x[0];
    return LS_OK;
}

static struct ls_data *open_reader(int64_t samples, size_t *size)
{
    struct ls_data *data;
    assert_ok(
        ls_data_from_reader(&data, &(struct ls_data_reader){samples, *size, 1, read_sample, size}));
    return data;
}

/* Layers as pairs of a kind and its options; the first is the input. */
static struct ls_model *compiled(const char *const *layers, const char *compile)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    for (size_t i = 0; layers[i]; i += 2)
        assert_ok(ls_layer_add(model, layers[i], layers[i + 1]));
    assert_ok(ls_model_compile(model, compile ? compile : "optimizer: adam, loss: mse"));
    return model;
}

struct training {
    const char *const *layers;
    size_t size;
    int64_t samples, batch, replicas;
    bool validation, own_statistics;
    const char *compile; /* NULL: adam, mse */
};

static struct ls_needs needs_of(const struct training *t)
{
    size_t size = t->size;
    struct ls_model *model = compiled(t->layers, t->compile);
    struct ls_data *data = open_reader(t->samples, &size);
    struct ls_needs needs;
    assert_ok(ls_model_build(model));
    assert_ok(ls_needs_find(&needs,
                            &(struct ls_stepper_options){.comm = alone,
                                                         .model = model,
                                                         .compile = model->compile,
                                                         .data = data,
                                                         .batch_size = t->batch,
                                                         .replicas = t->replicas,
                                                         .own_statistics = t->own_statistics},
                            t->validation ? data : NULL, false));
    assert_null(model->weights);
    ls_data_free(data);
    ls_model_free(model);
    return needs;
}

static ls_status fit(const struct training *t)
{
    char options[64];
    size_t size = t->size;
    struct ls_model *model = compiled(t->layers, t->compile);
    struct ls_data *data = open_reader(t->samples, &size);
    snprintf(options, sizeof options, "batch_size: %lld, epochs: 1", (long long)t->batch);
    ls_status status = ls_model_make_weights(model);
    model->initialized = true; /* with zeros: their numbers do not matter */
    if (status == LS_OK)
        status = ls_model_fit(model, alone,
                              &(struct ls_fit){.options = options,
                                               .replicas = t->replicas,
                                               .train = data,
                                               .validation = t->validation ? data : NULL});
    ls_data_free(data);
    ls_model_free(model);
    return status;
}

static const char *const dense[] = {
    "Input", "shape: 1000", "Dense", "units: 1000, activation: tanh", "Dense", "units: 1", NULL};
static const char *const normal[] = {"Input",       "shape: 1000",        "Dense",
                                     "units: 1000", "BatchNormalization", "",
                                     "Dense",       "units: 1",           NULL};
static const char *const convolution[] = {"Input",
                                          "shape: [32, 32, 3]",
                                          "Conv2D",
                                          "filters: 16, kernel_size: 3, activation: relu",
                                          "Conv2D",
                                          "filters: 16, kernel_size: 3",
                                          "GlobalAveragePooling2D",
                                          "",
                                          "Dense",
                                          "units: 1",
                                          NULL};

static void part_by_part(void **state)
{
    (void)state;
    struct ls_needs needs =
        needs_of(&(struct training){dense, 1000, 1000, 100, 1, false, false, NULL});
    double floats = 1000 * 1000 + 1008 + 1008 + 16; /* each variable begins aligned */
    assert_int_equal(needs.bytes[LS_NEEDS_WEIGHTS], 4 * floats);
    assert_int_equal(needs.bytes[LS_NEEDS_SLOTS], 2 * 4 * floats); /* Adam's */
    assert_in_range(needs.bytes[LS_NEEDS_GRADIENTS], 4 * floats, 4 * floats + 256);
    /* The result of the first layer, its gradient, and that before its activation. */
    assert_in_range(needs.bytes[LS_NEEDS_ACTIVATIONS], 3 * 400000, 3 * 400000 + 4096);
    assert_int_equal(needs.bytes[LS_NEEDS_EVALUATION], 0);
    assert_int_equal(needs.bytes[LS_NEEDS_KEPT], 0);
    assert_int_equal(needs.bytes[LS_NEEDS_CHECKPOINT], 0);
    assert_int_equal(needs.runs, 1);
    /* No more rows than there are samples, however large a batch may be. */
    struct ls_needs all =
        needs_of(&(struct training){dense, 1000, 100, 1 << 30, 1, false, false, NULL});
    assert_int_equal(all.bytes[LS_NEEDS_ACTIVATIONS], needs.bytes[LS_NEEDS_ACTIVATIONS]);
    struct ls_needs valid =
        needs_of(&(struct training){dense, 1000, 1000, 100, 1, true, false, NULL});
    assert_in_range(valid.bytes[LS_NEEDS_EVALUATION], 256 * 8000, 256 * 16000 + 16 * 256 * 8000);
    /* a metric's sums, of each of the 4 blocks of samples and of all */
    static const char many[] =
        "optimizer: adam, loss: mse, metrics: [AUC: {num_thresholds: 10000}]";
    struct ls_needs sums =
        needs_of(&(struct training){dense, 1000, 1000, 100, 1, true, false, many});
    double more = sums.bytes[LS_NEEDS_EVALUATION] - valid.bytes[LS_NEEDS_EVALUATION];
    assert_in_range(more, 5 * 2 * 10000 * 8, 5 * 2 * 10000 * 8 + 4096);
}

static void replicas_by_their_points(void **state)
{
    (void)state;
    struct ls_needs one =
        needs_of(&(struct training){dense, 1000, 1000, 400, 4, false, false, NULL});
    struct ls_needs own =
        needs_of(&(struct training){normal, 1000, 1000, 400, 4, false, true, NULL});
    struct ls_needs all =
        needs_of(&(struct training){normal, 1000, 1000, 400, 4, false, false, NULL});
    assert_int_equal(one.runs, 1);
    assert_int_equal(own.runs, 1);
    assert_int_equal(all.runs, 4);
    assert_int_equal(all.bytes[LS_NEEDS_ACTIVATIONS], 4 * own.bytes[LS_NEEDS_ACTIVATIONS]);
    /* Four slots; where they are folded as they come, three. */
    assert_int_equal(3 * all.bytes[LS_NEEDS_GRADIENTS], 4 * own.bytes[LS_NEEDS_GRADIENTS]);
}

static void what_layers_keep(void **state)
{
    (void)state;
    struct ls_needs even =
        needs_of(&(struct training){convolution, 3072, 64, 32, 2, false, false, NULL});
    struct ls_needs odd =
        needs_of(&(struct training){convolution, 3072, 64, 31, 2, false, false, NULL});
    assert_true(even.bytes[LS_NEEDS_KEPT] > 0);
    /* Slices of 16 and 15 rows, and of 1 in the last batch: two more sets. */
    assert_true(odd.bytes[LS_NEEDS_KEPT] > even.bytes[LS_NEEDS_KEPT]);
}

/* -- beside what it takes */

static long kilobytes(const char *name)
{
    char line[256];
    long found = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), ": %ld", &found);
    if (file)
        fclose(file);
    return found;
}

/* How far the process has grown at its highest, in bytes; it does so in a child. */
static double grown(const struct training *t)
{
    int ends[2];
    double bytes = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        long before = kilobytes("VmRSS");
        bytes = fit(t) == LS_OK ? 1024.0 * (double)(kilobytes("VmHWM") - before) : 0;
        _exit(write(ends[1], &bytes, sizeof bytes) == sizeof bytes ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &bytes, sizeof bytes), sizeof bytes);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return bytes;
}

static void as_much_as_it_takes(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* they take memory of their own */
#endif
    static const char *const wide[] = {"Input",       "shape: 2000", "Dense",
                                       "units: 2000", "Dense",       "units: 2000",
                                       "Dense",       "units: 1",    NULL};
    const struct training trainings[] = {
        {wide, 2000, 64, 64, 1, false, false, NULL},
        {normal, 1000, 16000, 16000, 4, false, false, NULL},
        {convolution, 3072, 512, 512, 2, true, false, NULL},
    };
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++) {
        struct ls_needs needs = needs_of(&trainings[i]);
        double took = grown(&trainings[i]), said = ls_needs_sum(&needs);
        print_message("training %zu: %.1f MB, it was to take %.1f MB\n", i, took / MB, said / MB);
        assert_true(said > 0.8 * took && said < 1.2 * took);
    }
}

/* -- refusals */

static void refuse(const struct training *t, uint64_t free, const char *message)
{
    ls_memory_pretend(free);
    ls_status status = fit(t);
    ls_memory_pretend(0);
    assert_int_equal(status, LS_BAD_INPUT);
    assert_string_equal(ls_message(), message);
}

static void too_large(void **state)
{
    (void)state;
    static const char *const deep[] = {"Input",       "shape: 10", "Dense",
                                       "units: 1000", "Dense",     "units: 1000",
                                       "Dense",       "units: 1",  NULL};
    static const char *const apart[] = {"Input",       "shape: 10",          "Dense",
                                        "units: 1000", "BatchNormalization", "",
                                        "Dense",       "units: 1",           NULL};
    static const char *const heavy[] = {"Input", "shape: 5000", "Dense", "units: 5000",
                                        "Dense", "units: 1",    NULL};
    static const char *const long_one[] = {"Input",    "shape: 100000", "Dense",
                                           "units: 8", "Dense",         "units: 100000",
                                           "Dense",    "units: 1",      NULL};
    /* Where the weights alone are too many, the layer is named. */
    refuse(
        &(struct training){heavy, 5000, 10, 1, 1, false, false, NULL}, 90 * MB,
        "dense (Dense): the model's weights take 100.0 MB (100.0 MB in this layer), but 90.0 MB of memory are free");
    refuse(
        &(struct training){deep, 10, 100000, 100000, 1, false, false, NULL}, 300 * MB,
        "the training takes 1.3 GB of memory, but 300.0 MB are free ("
        "activations 1.2 GB, batches read ahead 82.0 MB, optimizer 8.1 MB): use a smaller fit.batch_size");
    refuse(
        &(struct training){apart, 10, 100000, 100000, 4, false, false, NULL}, 300 * MB,
        "the training takes 1.3 GB of memory, but 300.0 MB are free ("
        "activations 1.2 GB, batches read ahead 82.0 MB, data kept in memory 5.2 MB): use a smaller fit.batch_size, or more nodes");
    refuse(
        &(struct training){heavy, 5000, 10, 1, 1, false, false, NULL}, 250 * MB,
        "the training takes 300.5 MB of memory, but 250.0 MB are free ("
        "optimizer 200.1 MB, gradients 100.0 MB, batches read ahead 341.7 kB): it takes a smaller model or more memory");
    refuse(
        &(struct training){long_one, 100000, 1000, 1, 1, true, false, NULL}, 150 * MB,
        "the training takes 541.6 MB of memory, but 150.0 MB are free ("
        "validation 409.6 MB, data kept in memory 102.8 MB, optimizer 14.4 MB): leave out data.validation, which is measured in blocks of 256 samples whatever fit.batch_size is");
    refuse(
        &(struct training){normal, 1000, 100, 100, 64, false, false, NULL}, 100 * MB,
        "the training takes 276.4 MB of memory, but 100.0 MB are free ("
        "gradients 257.6 MB, optimizer 8.0 MB, batches read ahead 6.8 MB): use fewer replicas, or more nodes: layers that span the batch keep the gradients of each replica");
    static const char sums[] = "optimizer: sgd, loss: mse, metrics: ["
                               "AUC: {num_thresholds: 1000000, name: a}, "
                               "AUC: {num_thresholds: 1000000, name: b}, "
                               "AUC: {num_thresholds: 1000000, name: c}, "
                               "AUC: {num_thresholds: 1000000, name: d}, "
                               "AUC: {num_thresholds: 1000000, name: e}]";
    refuse(
        &(struct training){dense, 1000, 100, 100, 1, false, false, sums}, 70 * MB,
        "the training takes 92.4 MB of memory, but 70.0 MB are free ("
        "sums of metrics 80.0 MB, batches read ahead 6.8 MB, gradients 4.0 MB): use metrics of fewer numbers (AUC has twice num_thresholds of them)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(part_by_part, count_blocks, check_blocks),
        cmocka_unit_test_setup_teardown(replicas_by_their_points, count_blocks, check_blocks),
        cmocka_unit_test_setup_teardown(what_layers_keep, count_blocks, check_blocks),
        cmocka_unit_test_setup_teardown(as_much_as_it_takes, count_blocks, check_blocks),
        cmocka_unit_test_setup_teardown(too_large, count_blocks, check_blocks),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
