/* The probe of the plan that trains: a hash of what the kernels compute, which changes nothing and
 * never comes from a failure. */
#include <sys/wait.h>
#include <unistd.h>

#include "unit/train_test.h"

#include "base/hash.h"
#include "kernel/sets.h"
#include "train/step.h"

enum { SAMPLES = 24, REPLICAS = 2, IMAGE = 10 * 10 * 3, WIDE = 1024 };

/* Convolutions, points, dropout, a recurrent layer, attention and a table. */
static const char *const images[] = {"Input",
                                     "shape: [10, 10, 3]",
                                     "Conv2D",
                                     "filters: 16, kernel_size: 3, use_bias: false",
                                     "BatchNormalization",
                                     "",
                                     "ReLU",
                                     "",
                                     "Conv2D",
                                     "filters: 24, kernel_size: 3, strides: 2",
                                     "Dropout",
                                     "rate: 0.25",
                                     "Reshape",
                                     "target_shape: [9, 24]",
                                     "GRU",
                                     "units: 20",
                                     "Dense",
                                     "units: 4, activation: softmax",
                                     NULL};
static const char *const words[] = {"Input",     "shape: [12]",
                                    "Embedding", "input_dim: 7, output_dim: 16, mask_zero: true",
                                    "LSTM",      "units: 18, recurrent_dropout: 0.1",
                                    "Dense",     "units: 4, activation: softmax",
                                    NULL};
static const char *const dense[] = {"Input", "shape: [300]",
                                    "Dense", "units: 200, activation: tanh",
                                    "Dense", "units: 4, activation: softmax",
                                    NULL};
static const char *const wide[] = {"Input", "shape: [1024]", "Dense", "units: 4096", NULL};

/* A model with data to train on. */
struct trained {
    struct ls_model *model;
    float *x, *y;
    struct ls_data *data;
    struct ls_stepper *stepper;
};

static void make(struct trained *t, const char *const *layers, size_t size, int64_t batch_size)
{
    size_t samples = batch_size > SAMPLES ? (size_t)batch_size : SAMPLES;
    t->model = layers_model(layers, 3);
    t->x = malloc(samples * size * sizeof *t->x);
    t->y = malloc(samples * sizeof *t->y);
    assert_true(t->x && t->y);
    for (size_t i = 0; i < samples * size; i++)
        t->x[i] = layers == words ? (float)(i % 7) : test_number(i);
    for (size_t i = 0; i < samples; i++)
        t->y[i] = (float)(i % 4);
    assert_ok(ls_data_from_arrays(
        &t->data,
        &(struct ls_data_arrays){
            .samples = (int64_t)samples, .x = t->x, .x_size = size, .y = t->y, .y_size = 1}));
    assert_ok(ls_model_compile(t->model, "optimizer: adam, loss: sparse_categorical_crossentropy"));
    assert_ok(ls_stepper_create(&t->stepper, &(struct ls_stepper_options){
                                                 .comm = alone,
                                                 .model = t->model,
                                                 .compile = t->model->compile,
                                                 .data = t->data,
                                                 .batch_size = batch_size,
                                                 .replicas = REPLICAS,
                                                 .seed = 5,
                                             }));
}

static void release(struct trained *t)
{
    ls_stepper_free(t->stepper);
    ls_data_free(t->data);
    ls_model_free(t->model);
    free(t->x), free(t->y);
}

static uint64_t probe(const struct trained *t)
{
    uint64_t hash = 1;
    assert_ok(ls_stepper_probe(t->stepper, &hash));
    return hash;
}

static uint64_t probe_of(const char *const *layers, size_t size, int64_t batch_size)
{
    struct trained t;
    make(&t, layers, size, batch_size);
    uint64_t hash = probe(&t);
    release(&t);
    return hash;
}

static uint64_t train(struct trained *t, int steps)
{
    struct ls_step_result result;
    assert_ok(ls_stepper_seek(t->stepper, 0, 0, 0));
    for (int i = 0; i < steps; i++)
        assert_ok(ls_stepper_step(t->stepper, LS_OK, (struct ls_request){0}, &result));
    return ls_hash64(t->model->weights, t->model->floats * sizeof(float), 0);
}

/* -- what it is a function of */

static void test_same(void **state)
{
    (void)state;
    const uint64_t first = probe_of(images, IMAGE, 8);
    assert_true(first == probe_of(images, IMAGE, 8));
    assert_true(first != probe_of(images, IMAGE, 10));
    assert_true(probe_of(words, 12, 8) == probe_of(words, 12, 8));
    assert_true(probe_of(words, 12, 8) != first);
}

static void test_begins_with(void **state)
{
    (void)state;
    struct trained t;
    uint64_t one = 1, two = 2;
    make(&t, dense, 300, 8);
    assert_ok(ls_stepper_probe(t.stepper, &one));
    assert_ok(ls_stepper_probe(t.stepper, &two));
    assert_true(one != two);
    assert_true(one == probe(&t)); /* what the memory held before does not count */
    release(&t);
}

/* Slices of 2048 and 4096 rows take more than a moment: of either as many are computed. */
static void test_bounded(void **state)
{
    (void)state;
    assert_true(probe_of(wide, WIDE, 4096) == probe_of(wide, WIDE, 8192));
    assert_true(probe_of(wide, WIDE, 4096) != probe_of(wide, WIDE, 64));
}

/* -- sets: loaded once a process */

static uint64_t probe_with(const char *set)
{
    uint64_t hash = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("LOCKSTEP_KERNELS", set, 1);
        if (ls_kernels_init(NULL) != LS_OK || ls_comm_create_alone(&alone) != LS_OK)
            _exit(1);
        hash = probe_of(dense, 300, 64);
        _exit(write(ends[1], &hash, sizeof hash) != sizeof hash);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], &hash, sizeof hash), sizeof hash);
    close(ends[0]);
    close(ends[1]);
    return hash;
}

/* Before this process loads its own. */
static void test_sets(void **state)
{
    (void)state;
    static const char *const names[] = {
#define X(set, needs, core, isa) #set,
        LS_KERNEL_SETS(X)
#undef X
    };
    uint64_t hash[LS_KERNEL_SET_COUNT];
    for (size_t s = 0; s < LS_KERNEL_SET_COUNT && ls_kernels_runnable() >> s & 1; s++) {
        hash[s] = probe_with(names[s]);
        assert_true(hash[s] == probe_with(names[s]));
        for (size_t other = 0; other < s; other++)
            assert_true(hash[s] != hash[other]);
    }
}

/* -- what it leaves alone */

static void check_undisturbed(const char *const *layers, size_t size)
{
    struct trained probed, plain;
    make(&probed, layers, size, 8);
    make(&plain, layers, size, 8);
    const uint64_t before =
        ls_hash64(probed.model->weights, probed.model->floats * sizeof(float), 0);
    const uint64_t hash = probe(&probed);
    assert_true(before ==
                ls_hash64(probed.model->weights, probed.model->floats * sizeof(float), 0));
    assert_true(train(&probed, 4) == train(&plain, 4));
    assert_true(hash == probe(&probed)); /* of other weights, in memory that was used */
    release(&probed);
    release(&plain);
}

static void test_undisturbed(void **state)
{
    (void)state;
    check_undisturbed(images, IMAGE);
    check_undisturbed(words, 12);
}

/* No allocation's failure gives a hash: two ranks would agree on it. */
static void test_no_memory(void **state)
{
    (void)state;
    enum { ALLOCATIONS_MAX = 400 };
    long n = 1;
    struct trained t;
    make(&t, images, IMAGE, 8);
    for (ls_status status = LS_FAILED; status != LS_OK; n++) {
        uint64_t hash = 1;
        ls_memory_fail_at(n);
        status = ls_stepper_probe(t.stepper, &hash);
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || (hash == 1 && strstr(ls_message(), "out of memory")));
        assert_in_range(n, 1, ALLOCATIONS_MAX);
    }
    assert_in_range(n, 6, ALLOCATIONS_MAX);
    release(&t);
}

int main(void)
{
    static const struct CMUnitTest by_process[] = {cmocka_unit_test(test_sets)};
    static const struct CMUnitTest tests[] = {
        leak_checked_test(test_same),      leak_checked_test(test_begins_with),
        leak_checked_test(test_bounded),   leak_checked_test(test_undisturbed),
        leak_checked_test(test_no_memory),
    };
    int failed = cmocka_run_group_tests_name("sets", by_process, NULL, NULL);
    return failed + cmocka_run_group_tests_name("probe", tests, start_alone, end_alone);
}
