/* Generated data: shapes and types, what its distributions are, that targets follow the inputs, the
 * same bits everywhere; what is refused; whole or not there. */
#include <math.h>
#include <signal.h>

#include "base/hash.h"
#include "base/memory.h"
#include "data_files.h"
#include "kernel/kernels.h"
#include "lockstep/run.h"

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static ls_status import_random(struct ls_import import)
{
    import.out = "r.h5";
    return ls_import_random(&import);
}
#define IMPORT(...) import_random((struct ls_import){__VA_ARGS__})

/* All numbers of a column as floats, to be freed; *count: how many. */
static float *read_column(const char *source, const char *name, size_t *count)
{
    struct ls_data *data;
    size_t index;
    float *values;

    expect_status(ls_data_open(&data, source), LS_OK);
    expect_status(ls_data_find(data, name, &index), LS_OK);
    const struct ls_column *column = ls_data_column(data, index);
    size_t row = (size_t)ls_shape_count(&column->shape);
    int64_t samples = ls_data_samples(data);

    *count = row * (size_t)samples;
    values = malloc(*count * sizeof *values);
    for (int64_t i = 0; i < samples; i++) {
        unsigned char bytes[4096];

        expect_status(ls_data_read(data, index, bytes, &i, 1), LS_OK);
        ls_k->convert(values + (size_t)i * row, bytes, column->type, row);
    }
    ls_data_free(data);
    return values;
}

/* "x float (None, 20)" of each column, in the file's order, with the samples first. */
static void expect_columns(const char *source, const char *expected)
{
    struct ls_data *data;
    char found[512], shape[LS_SHAPE_TEXT];
    int used;

    expect_status(ls_data_open(&data, source), LS_OK);
    used = snprintf(found, sizeof found, "%lld", (long long)ls_data_samples(data));
    for (size_t i = 0; i < ls_data_columns(data); i++) {
        const struct ls_column *column = ls_data_column(data, i);

        ls_shape_format(shape, &column->shape);
        used += snprintf(found + used, sizeof found - (size_t)used, "; %s %s %s", column->name,
                         column->type == LS_NUMBER_FLOAT   ? "float"
                         : column->type == LS_NUMBER_INT32 ? "int32"
                                                           : "?",
                         shape);
    }
    ls_data_free(data);
    assert_string_equal(found, expected);
}

static void test_columns(void **state)
{
    (void)state;
    expect_status(IMPORT(.seed = 1), LS_OK);
    expect_columns("r.h5:train", "1000; x float (None, 20); y int32 (None,)");
    expect_status(IMPORT(.samples = 10, .inputs = TEXTS("28x28x1"), .targets = TEXTS("classes:10"),
                         .split = "0.5,0.2,0.3"),
                  LS_OK);
    expect_columns("r.h5:train", "5; x float (None, 28, 28, 1); y int32 (None,)");
    expect_columns("r.h5:validation", "2; x float (None, 28, 28, 1); y int32 (None,)");
    expect_columns("r.h5:test", "3; x float (None, 28, 28, 1); y int32 (None,)");
    expect_status(IMPORT(.samples = 3, .split = "mine", .inputs = TEXTS("a=2", "b=3x2"),
                         .targets = TEXTS("c=binary", "d=real", "e=real:4", "f=classes:3")),
                  LS_OK);
    expect_columns("r.h5:mine", "3; a float (None, 2); b float (None, 3, 2); c int32 (None,); d "
                                "float (None,); e float (None, 4); f int32 (None,)");
    expect_status(IMPORT(.samples = 3, .inputs = TEXTS("only=1"), .targets = TEXTS("real:2x2")),
                  LS_OK);
    expect_columns("r.h5:train", "3; only float (None, 1); y float (None, 2, 2)");
}

struct moments {
    double mean, variance;
};

static struct moments moments_of(const float *values, size_t count)
{
    struct moments m = {0};

    for (size_t i = 0; i < count; i++)
        m.mean += values[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        m.variance += (values[i] - m.mean) * (values[i] - m.mean) / (double)count;
    return m;
}

/* Within five standard errors of a normal distribution's moments. */
static void expect_normal(const char *name, double slack)
{
    size_t count;
    float *values = read_column("r.h5:train", name, &count);
    struct moments m = moments_of(values, count);

    if (fabs(m.mean) > 5 / sqrt((double)count) + slack ||
        fabs(m.variance - 1) > 5 * sqrt(2.0 / (double)count) + slack)
        fail_msg("%s: mean %g, variance %g, expected 0 and 1", name, m.mean, m.variance);
    free(values);
}

/* How many of each class: within a fifth of the share, and sampling's own error. */
static void expect_balanced(const char *name, size_t classes)
{
    size_t count, of[LS_RANK_MAX * 32] = {0};
    float *values = read_column("r.h5:train", name, &count);
    double share = (double)count / (double)classes;

    for (size_t i = 0; i < count; i++) {
        assert_true(values[i] >= 0 && values[i] < (float)classes && values[i] == floorf(values[i]));
        of[(size_t)values[i]]++;
    }
    for (size_t c = 0; c < classes; c++)
        if (fabs((double)of[c] - share) > 0.2 * share + 3 * sqrt(share))
            fail_msg("%s: %zu of class %zu, expected about %g", name, of[c], c, share);
    free(values);
}

static void test_distributions(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        for (int unrelated = 0; unrelated < 2; unrelated++) {
            expect_status(IMPORT(.samples = 4000, .seed = seed, .unrelated = unrelated,
                                 .inputs = TEXTS("p=5", "q=2x2"),
                                 .targets = TEXTS("b=binary", "t=classes:3", "h=classes:100",
                                                  "r=real", "s=real:7")),
                          LS_OK);
            expect_normal("p", 0);
            expect_normal("q", 0);
            expect_normal("r", 0.05);
            expect_normal("s", 0.05);
            expect_balanced("b", 2);
            expect_balanced("t", 3);
            expect_balanced("h", 100);
        }
        /* as few inputs as can be */
        expect_status(IMPORT(.samples = 4000, .seed = seed, .inputs = TEXTS("1"),
                             .targets = TEXTS("classes:3")),
                      LS_OK);
        expect_balanced("y", 3);
    }
}

/* The share of the variance of y that the best linear function of x explains, by descent. */
static double explained(void)
{
    enum { INPUTS = 4, STEPS = 300 };
    size_t count, ignored;
    float *y = read_column("r.h5:train", "y", &count);
    float *x = read_column("r.h5:train", "x", &ignored);
    double w[INPUTS] = {0}, rest = 0, all = moments_of(y, count).variance;

    for (int step = 0; step <= STEPS; step++) {
        double gradient[INPUTS] = {0};

        rest = 0;
        for (size_t i = 0; i < count; i++) {
            double off = -y[i];

            for (size_t k = 0; k < INPUTS; k++)
                off += w[k] * x[i * INPUTS + k];
            rest += off * off / (double)count;
            for (size_t k = 0; k < INPUTS; k++)
                gradient[k] += off * x[i * INPUTS + k] / (double)count;
        }
        for (size_t k = 0; k < INPUTS; k++)
            w[k] -= 0.1 * gradient[k];
    }
    free(x);
    free(y);
    return 1 - rest / all;
}

static void test_targets_follow_the_inputs(void **state)
{
    double with, noisy, without;

    (void)state;
    expect_status(IMPORT(.samples = 4000, .inputs = TEXTS("4"), .targets = TEXTS("real")), LS_OK);
    with = explained();
    expect_status(
        IMPORT(.samples = 4000, .inputs = TEXTS("4"), .targets = TEXTS("real"), .noise = 2), LS_OK);
    noisy = explained();
    expect_status(
        IMPORT(.samples = 4000, .inputs = TEXTS("4"), .targets = TEXTS("real"), .unrelated = true),
        LS_OK);
    without = explained();
    if (with < 0.7 || fabs(noisy - with / 5) > 0.05 || without > 0.01)
        fail_msg("a linear function explains %g, %g with noise, %g of unrelated targets; expected "
                 "above 0.7, a fifth of it, 0",
                 with, noisy, without);
}

static uint64_t hash_column(const char *source, const char *name)
{
    size_t count;
    float *values = read_column(source, name, &count);
    uint64_t hash = ls_hash64(values, count * sizeof *values, 0);

    free(values);
    return hash;
}

static void expect_hash(const char *source, const char *name, uint64_t expected)
{
    uint64_t found = hash_column(source, name);

    if (found != expected)
        fail_msg("%s %s: hash %016llx, expected %016llx", source, name, (unsigned long long)found,
                 (unsigned long long)expected);
}

/* The same bits everywhere and for ever: what examples and their tests count on. */
static void test_bits(void **state)
{
    uint64_t x;

    (void)state;
    expect_status(IMPORT(.samples = 500, .seed = 3, .noise = 0.1), LS_OK);
    expect_hash("r.h5:train", "x", 0xdeca61193a17f31e);
    expect_hash("r.h5:train", "y", 0x1c8ac1dfb4140597);
    expect_status(IMPORT(.samples = 300, .seed = 3, .noise = 0.1, .inputs = TEXTS("a=3", "b=2x9"),
                         .targets = TEXTS("c=classes:5", "r=real:3")),
                  LS_OK);
    expect_hash("r.h5:train", "b", 0xe6a2980b35673250);
    expect_hash("r.h5:train", "c", 0x7eedc22f2f6f8de9);
    expect_hash("r.h5:train", "r", 0xf8160581312a8d4f);
    /* a longer file begins like a shorter one; another seed gives another */
    expect_status(IMPORT(.samples = 50, .seed = 3), LS_OK);
    x = hash_column("r.h5:train", "x");
    expect_status(IMPORT(.samples = 100, .seed = 3, .split = "0.5,0.5"), LS_OK);
    expect_hash("r.h5:train", "x", x);
    assert_true(hash_column("r.h5:test", "x") != x);
    expect_status(IMPORT(.samples = 50, .seed = 4), LS_OK);
    assert_true(hash_column("r.h5:train", "x") != x);
}

static void test_refused(void **state)
{
    const struct {
        struct ls_import import;
        const char *message;
    } cases[] = {
        {{.inputs = TEXTS("20x")}, "input 'x': '20x' is no shape, as 20 or 28x28x1"},
        {{.inputs = TEXTS("a=")}, "input 'a': '' is no shape, as 20 or 28x28x1"},
        {{.inputs = TEXTS("a=0")}, "input 'a': '0' is no shape, as 20 or 28x28x1"},
        {{.inputs = TEXTS("a=-1")}, "input 'a': '-1' is no shape, as 20 or 28x28x1"},
        {{.inputs = TEXTS("1x1x1x1x1x1x1x1x1")},
         "input 'x': '1x1x1x1x1x1x1x1x1' is no shape, as 20 or 28x28x1"},
        {{.inputs = TEXTS("99999999999")},
         "input 'x': '99999999999' is no shape, as 20 or 28x28x1"},
        {{.inputs = TEXTS("65536x65536")},
         "input 'x': '65536x65536' is no shape, as 20 or 28x28x1"},
        {{.inputs = TEXTS("20", "b=3")}, "input '20': of 2 each needs a name, as NAME=20"},
        {{.targets = TEXTS("a=real", "binary")},
         "target 'binary': of 2 each needs a name, as NAME=binary"},
        {{.inputs = TEXTS("a=2", "a=3")}, "'a' names two inputs or targets"},
        {{.inputs = TEXTS("y=2")}, "'y' names two inputs or targets"},
        {{.inputs = TEXTS("a/b=2")},
         "'a/b': not a name for an input or target (no '/', no ':', no sample_weight)"},
        {{.inputs = TEXTS("=2")},
         "'': not a name for an input or target (no '/', no ':', no sample_weight)"},
        {{.targets = TEXTS("kind_sample_weight=real")},
         "'kind_sample_weight': not a name for an input or target (no '/', no ':', no "
         "sample_weight)"},
        {{.targets = TEXTS("sample_weight=real")},
         "'sample_weight': not a name for an input or target (no '/', no ':', no sample_weight)"},
        {{.targets = TEXTS("clases:3")},
         "target 'y': 'clases:3' is none of classes:N (N from 2 to "
         "1000), binary, real, real:SHAPE"},
        {{.targets = TEXTS("classes:1")},
         "target 'y': 'classes:1' is none of classes:N (N from 2 "
         "to 1000), binary, real, real:SHAPE"},
        {{.targets = TEXTS("classes:1001")},
         "target 'y': 'classes:1001' is none of classes:N (N "
         "from 2 to 1000), binary, real, real:SHAPE"},
        {{.targets = TEXTS("classes:3x")},
         "target 'y': 'classes:3x' is none of classes:N (N from "
         "2 to 1000), binary, real, real:SHAPE"},
        {{.targets = TEXTS("real:")},
         "target 'y': 'real:' is none of classes:N (N from 2 to "
         "1000), binary, real, real:SHAPE"},
        {{.noise = -1}, "noise: expected a number from 0"},
        {{.noise = NAN}, "noise: expected a number from 0"},
        {{.samples = -1}, "samples: expected a number from 1"},
        {{.samples = INT64_MAX}, "9223372036854775807 samples: more than any file has"},
        {{.samples = 2, .split = "0.1,0.9"}, "of 2 rows none are left for the split 'train'"},
        {{.split = "a/b"}, "'a/b': not a name for a split (no '/', no ':')"},
    };
    int before = count_files();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_failure(import_random(cases[i].import), LS_USAGE, cases[i].message);
    assert_int_equal(count_files(), before);
}

static void test_too_many(void **state)
{
    const char *inputs[34] = {0};
    char names[33][16];

    (void)state;
    for (int i = 0; i < 33; i++) {
        snprintf(names[i], sizeof names[i], "i%d=1", i);
        inputs[i] = names[i];
    }
    expect_failure(IMPORT(.inputs = inputs), LS_USAGE, "more than 32 inputs and targets");
    inputs[31] = NULL;
    expect_status(IMPORT(.samples = 2, .inputs = inputs), LS_OK);
}

struct told {
    int64_t done, total;
    volatile sig_atomic_t stop;
};

static void stop_at_once(void *user, int64_t done, int64_t total)
{
    struct told *told = user;

    told->done = done;
    told->total = total;
    told->stop = 1;
}

static void test_stopped(void **state)
{
    struct told told = {0};
    int before;

    (void)state;
    expect_status(IMPORT(.samples = 10), LS_OK);
    before = count_files();
    /* more than a block, whose first one tells */
    expect_failure(
        IMPORT(.samples = 40000, .progress = stop_at_once, .user = &told, .stop = &told.stop),
        LS_INTERRUPTED, "import stopped; nothing was written to r.h5");
    assert_true(told.done > 0 && told.done < told.total);
    assert_int_equal(told.total, 40000);
    assert_int_equal(count_files(), before);
    expect_columns("r.h5:train", "10; x float (None, 20); y int32 (None,)");
    expect_failure(ls_import_random(&(struct ls_import){.out = "nowhere/r.h5"}), LS_CANNOT_WRITE,
                   "nowhere/r.h5: cannot be written: No such file or directory");
}

static void test_without_memory(void **state)
{
    long before = ls_memory_blocks();
    ls_status status = LS_FAILED;
    int files;

    (void)state;
    expect_status(IMPORT(.samples = 10), LS_OK);
    files = count_files();
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = IMPORT(.samples = 3, .inputs = TEXTS("a=2", "b=3"),
                        .targets = TEXTS("c=classes:3", "d=real"));
        ls_memory_fail_at(0);
        assert_int_equal(ls_memory_blocks(), before);
        assert_int_equal(count_files(), files);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_targets_follow_the_inputs),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
