/* Run files: what is read, and where it is wrong. */
#include "unit/store_test.h"

#include "train/config.h"

static struct ls_comm *alone;

static void write_run(const char *path, const char *yaml)
{
    write_bytes(path, yaml, strlen(yaml));
}

static struct ls_config read_run(const char *yaml, const char *const *set, const char *data)
{
    struct ls_config config;
    write_run("run.yaml", yaml);
    assert_ok(ls_config_read(&config, alone, "run.yaml",
                             &(struct ls_config_changes){.set = set, .data = data}));
    return config;
}

static void refuse_set(const char *yaml, const char *const *set, ls_status wanted_status,
                       const char *wanted)
{
    struct ls_config config;
    write_run("run.yaml", yaml);
    ls_status status =
        ls_config_read(&config, alone, "run.yaml", &(struct ls_config_changes){.set = set});
    if (status != wanted_status)
        fail_msg("%sstatus %d, expected: %s", yaml, status, wanted);
    assert_string_equal(ls_message(), wanted);
    assert_null(config.tree);
}

static void refuse(const char *yaml, const char *wanted)
{
    refuse_set(yaml, NULL, LS_BAD_INPUT, wanted);
}

/* A path of the test's directory. */
static const char *here(const char *name)
{
    static char path[8][512];
    static int next;
    char *made = path[next++ % 8];
    snprintf(made, sizeof path[0], "%s/%s", scratch, name);
    return made;
}

/* -- values */

#define MODEL                                                                                      \
    "model:\n"                                                                                     \
    "  input: {shape: 3}\n"                                                                        \
    "  layers:\n"                                                                                  \
    "    - Dense: {units: 2}\n"                                                                    \
    "    - Flatten\n"                                                                              \
    "    - Dense: {units: 4, name: last}\n"

static void test_defaults(void **state)
{
    (void)state;
    static const char *const forms[] = {
        MODEL, MODEL "fit:\ncheckpoint:\ndata:\ncompile:\n",
        MODEL "data: {train: null, validation: ~, validation_split: null}\nfit: null\n"};
    for (size_t i = 0; i < 3; i++) {
        struct ls_config config = read_run(forms[i], NULL, NULL);
        assert_non_null(config.model);
        assert_null(config.compile);
        assert_null(config.train);
        assert_null(config.validation);
        assert_true(config.validation_split == 0);
        assert_int_equal(config.fit.batch_size, 32);
        assert_int_equal(config.fit.epochs, 1);
        assert_int_equal(config.fit.shuffle, 1);
        assert_int_equal(config.fit.seed, 0);
        assert_int_equal(config.fit.threads, 1);
        assert_true(config.fit.replicas == LS_NULL_INT);
        assert_int_equal(config.fit.verify, 100);
        assert_true(config.fit.bucket_size == LS_NULL_INT);
        assert_int_equal(config.fit.combine, LS_COMBINE_EXACT);
        assert_int_equal(config.fit.wire, LS_WIRE_FLOAT32);
        assert_int_equal(config.checkpoint.unit, LS_EVERY_EPOCHS);
        assert_true(config.checkpoint.count == 1);
        assert_int_equal(config.checkpoint.keep, 3);
        ls_config_release(&config);
    }
}

static void test_values(void **state)
{
    (void)state;
    struct ls_config config =
        read_run(MODEL "compile: {loss: mse}\n"
                       "data: {train: a.h5:train, validation_split: 0.25}\n"
                       "fit: {batch_size: 64, epochs: 5, shuffle: chunk, seed: 1e3, threads: 2, "
                       "replicas: 4, verify: 0}\n"
                       "checkpoint: {every: 500 steps, keep: 1}\n",
                 NULL, NULL);
    assert_true(config.validation_split == 0.25);
    assert_string_equal(config.train->text, here("a.h5:train"));
    assert_non_null(ls_tree_find(config.compile, "loss"));
    assert_int_equal(config.fit.batch_size, 64);
    assert_int_equal(config.fit.shuffle, 2);
    assert_int_equal(config.fit.seed, 1000);
    assert_int_equal(config.fit.replicas, 4);
    assert_int_equal(config.checkpoint.unit, LS_EVERY_STEPS);
    assert_true(config.checkpoint.count == 500);
    ls_config_release(&config);
}

static void test_every(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ls_every unit;
        double count;
    } good[] = {
        {"1 step", LS_EVERY_STEPS, 1},        {"10 steps", LS_EVERY_STEPS, 10},
        {"1 epoch", LS_EVERY_EPOCHS, 1},      {"2 epochs", LS_EVERY_EPOCHS, 2},
        {"1 minute", LS_EVERY_SECONDS, 60},   {"0.5 minutes", LS_EVERY_SECONDS, 30},
        {"90 seconds", LS_EVERY_SECONDS, 90}, {"1.5 hours", LS_EVERY_SECONDS, 5400},
        {"1e3steps", LS_EVERY_STEPS, 1000},   {"3   epochs", LS_EVERY_EPOCHS, 3},
    };
    static const char *const bad[] = {
        "0 steps",   "-1 steps",  "1.5 epochs",  "steps",    "5",          "5 days",    "1 stepss",
        "nan steps", "inf steps", "inf minutes", "1 epoch!", "1e30 steps", "0x10 steps"};
    char yaml[512], wanted[256];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(yaml, sizeof yaml, MODEL "checkpoint: {every: '%s'}\n", good[i].text);
        struct ls_config config = read_run(yaml, NULL, NULL);
        assert_int_equal(config.checkpoint.unit, good[i].unit);
        assert_true(config.checkpoint.count == good[i].count);
        ls_config_release(&config);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(yaml, sizeof yaml, MODEL "checkpoint:\n  keep: 2\n  every: '%s'\n", bad[i]);
        snprintf(
            wanted, sizeof wanted,
            "run.yaml:9: checkpoint every: expected N steps, epochs, seconds, minutes or hours, "
            "found '%s'",
            bad[i]);
        refuse(yaml, wanted);
    }
}

/* -- what is refused */

static void test_no_file(void **state)
{
    (void)state;
    struct ls_config config;
    assert_fails(ls_config_read(&config, alone, "none.yaml", &(struct ls_config_changes){0}),
                 LS_NO_INPUT, "cannot read 'none.yaml': No such file or directory");
    assert_fails(ls_config_read(&config, alone, ".", &(struct ls_config_changes){0}), LS_NO_INPUT,
                 "cannot read '.': Is a directory");
    /* What is behind a NUL is not passed over. */
    FILE *file = fopen("run.yaml", "wb");
    assert_non_null(file);
    assert_int_equal(fwrite("model: a.h5\n\0fit: {}\n", 1, 22, file), 22);
    fclose(file);
    assert_fails(ls_config_read(&config, alone, "run.yaml", &(struct ls_config_changes){0}),
                 LS_BAD_INPUT, "run.yaml: not a text: it has a NUL byte at 12");
}

static void test_refused_files(void **state)
{
    (void)state;
    refuse("", "run.yaml:1: expected a run file: a map with model, compile, data, fit");
    refuse("- a\n", "run.yaml:1: expected a run file: a map with model, compile, data, fit");
    refuse("just text\n", "run.yaml:1: expected a run file: a map with model, compile, data, fit");
    refuse("fit: {epochs: 2}\n", "run.yaml:1: there is no `model`");
    refuse("model:\n", "run.yaml:1: there is no `model`");
    refuse(MODEL "fits: {epochs: 2}\n", "run.yaml:7: unknown key 'fits' (did you mean 'fit'?)");
    refuse(
        MODEL "callbacks: []\n",
        "run.yaml:7: unknown key 'callbacks'; known: model, weights, compile, data, fit, checkpoint, plugins");
    refuse(MODEL "fit: {epochs: 2}\nfit: {epochs: 3}\n",
           "run.yaml:8: duplicate key 'fit' (first on line 7)");
}

static void test_refused_fit(void **state)
{
    (void)state;
    refuse(MODEL "fit:\n  epochs: 2\n  batchsize: 3\n",
           "run.yaml:9: fit: unknown option 'batchsize' (did you mean 'batch_size'?)");
    refuse(MODEL "fit: {batch_size: 0}\n",
           "run.yaml:7: fit batch_size: must be at least 1 and at most 2147483647, found 0");
    refuse(MODEL "fit: {epochs: 1.5}\n",
           "run.yaml:7: fit epochs: expected an integer, found '1.5'");
    refuse(MODEL "fit: {epochs: -1}\n",
           "run.yaml:7: fit epochs: must be at least 0 and at most 2147483647, found -1");
    refuse(
        MODEL "fit: {shuffle: chunks}\n",
        "run.yaml:7: fit shuffle: must be one of false, true, chunk; found 'chunks' (did you mean "
        "'chunk'?)");
    refuse(MODEL "fit: {seed: -3}\n",
           "run.yaml:7: fit seed: must be at least 0 and at most 9007199254740992, found -3");
    refuse(MODEL "fit: {threads: 0}\n",
           "run.yaml:7: fit threads: must be at least 1 and at most 1024, found 0");
    refuse(MODEL "fit: {replicas: 0}\n",
           "run.yaml:7: fit replicas: must be at least 1 and at most 1048576, found 0");
    refuse(MODEL "fit: {bucket_size: 63}\n",
           "run.yaml:7: fit bucket_size: must be at least 64 and at most 1073741824, found 63");
    refuse(MODEL "fit: {combine: fastest}\n",
           "run.yaml:7: fit combine: must be one of exact, fast; found 'fastest'");
    refuse(MODEL "fit: {wire: float64}\n",
           "run.yaml:7: fit wire: must be one of float32, bf16, fp16; found 'float64' (did you "
           "mean 'float32'?)");
    refuse(MODEL "fit: {seed: null}\n", "run.yaml:7: fit seed: must not be null");
    refuse(MODEL "fit: 3\n", "run.yaml:7: fit: expected a map of options, found '3'");
    refuse(MODEL "checkpoint: {keep: 0}\n",
           "run.yaml:7: checkpoint keep: must be at least 1 and at most 2147483647, found 0");
    refuse(MODEL "checkpoint: {evry: 1 step}\n",
           "run.yaml:7: checkpoint: unknown option 'evry' (did you mean 'every'?)");
    refuse(MODEL "checkpoint: []\n",
           "run.yaml:7: checkpoint: expected a map of options, found a list");
}

static void test_refused_data(void **state)
{
    (void)state;
    refuse(MODEL "data: a.h5:train\n", "run.yaml:7: data: expected a map");
    refuse(MODEL "data:\n  train: a.h5:b\n  valid: 2\n",
           "run.yaml:9: data: unknown key 'valid'; known: train, validation, validation_split");
    static const char *const splits[] = {"-0.1", "1", "1.5", "nan"};
    for (size_t i = 0; i < 4; i++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml, MODEL "data:\n  validation_split: %s\n", splits[i]);
        refuse(yaml, "run.yaml:8: data validation_split: a fraction of the samples, in [0, 1)");
    }
    refuse(MODEL "data: {validation_split: a}\n",
           "run.yaml:7: data validation_split: expected a number, found 'a'");
    refuse(MODEL "data: {validation: a.h5:b, validation_split: 0.1}\n",
           "run.yaml:7: data validation_split: `validation` and `validation_split` exclude each "
           "other");
    struct ls_config config =
        read_run(MODEL "data: {validation: a.h5:b, validation_split: 0}\n", NULL, NULL);
    ls_config_release(&config);
}

/* -- paths */

static void test_paths(void **state)
{
    (void)state;
    struct ls_config config;
    setenv("LOCKSTEP_TEST_DATA", "/data", 1);
    assert_int_equal(mkdir("sub", 0777), 0);
    write_run("sub/run.yaml", "model: net.h5\n"
                              "data:\n"
                              "  train:\n"
                              "    - a.h5:train\n"
                              "    - ../b:c.h5:train\n"
                              "    - ${LOCKSTEP_TEST_DATA}/d.h5:x\n"
                              "    - {file: e.h5, x: /images, y: /labels}\n"
                              "  validation: /abs/f*.h5:test\n");
    assert_ok(ls_config_read(&config, alone, "sub/run.yaml", &(struct ls_config_changes){0}));
    const struct ls_tree *train = config.train->child;
    assert_string_equal(config.model->text, here("sub/net.h5"));
    assert_string_equal(train->text, here("sub/a.h5:train"));
    assert_string_equal(train->next->text, here("sub/../b:c.h5:train"));
    assert_string_equal(train->next->next->text, "/data/d.h5:x");
    assert_string_equal(ls_tree_find(train->next->next->next, "file")->text, here("sub/e.h5"));
    assert_string_equal(ls_tree_find(train->next->next->next, "x")->text, "/images");
    assert_string_equal(config.validation->text, "/abs/f*.h5:test");
    ls_config_release(&config);
    unsetenv("LOCKSTEP_TEST_DATA");
    assert_fails(ls_config_read(&config, alone, "sub/run.yaml", &(struct ls_config_changes){0}),
                 LS_BAD_INPUT,
                 "sub/run.yaml:6: train[2]: the environment variable LOCKSTEP_TEST_DATA is not "
                 "set");
}

/* What stands on the command line is relative to the current directory. */
static void test_paths_of_the_command_line(void **state)
{
    (void)state;
    static const char *const forms[] = {"model: net.h5\ndata: {train: a.h5:train}\n",
                                        "model: net.h5\n", "model: net.h5\ndata:\n"};
    struct ls_config config;
    assert_int_equal(mkdir("sub", 0777), 0);
    for (size_t i = 0; i < 3; i++) {
        write_run("sub/run.yaml", forms[i]);
        assert_ok(ls_config_read(&config, alone, "sub/run.yaml",
                                 &(struct ls_config_changes){.data = "mine.h5:train"}));
        assert_string_equal(config.train->text, here("mine.h5:train"));
        ls_config_release(&config);
        assert_ok(ls_config_read(
            &config, alone, "sub/run.yaml",
            &(struct ls_config_changes){
                .set = (const char *const[]){"data.train=mine.h5:train",
                                             "data.validation=[v.h5:a, {file: w.h5}]", NULL}}));
        assert_string_equal(config.train->text, here("mine.h5:train"));
        assert_string_equal(config.validation->child->text, here("v.h5:a"));
        assert_string_equal(config.validation->child->next->child->text, here("w.h5"));
        assert_string_equal(config.model->text, here("sub/net.h5"));
        ls_config_release(&config);
    }
    write_run("sub/run.yaml", "- a\n");
    assert_fails(ls_config_read(&config, alone, "sub/run.yaml",
                                &(struct ls_config_changes){.data = "mine.h5:train"}),
                 LS_BAD_INPUT,
                 "sub/run.yaml:1: expected a run file: a map with model, compile, data, fit");
    write_run("sub/run.yaml", MODEL "data: 5\n");
    assert_fails(ls_config_read(&config, alone, "sub/run.yaml",
                                &(struct ls_config_changes){.data = "mine.h5:train"}),
                 LS_BAD_INPUT, "sub/run.yaml:7: data: expected a map");
}

/* -- --set */

static void check_set(const char *set, const char *path, const char *wanted)
{
    struct ls_config config = read_run(MODEL "compile:\n  optimizer: adam\n  loss: mse\n",
                                       (const char *const[]){set, NULL}, NULL);
    const struct ls_tree *found = ls_tree_find_path(config.tree, path);
    if (!found)
        fail_msg("--set %s: nothing at %s", set, path);
    assert_json(found, wanted);
    ls_config_release(&config);
}

static void test_set(void **state)
{
    (void)state;
    check_set("fit.epochs=7", "fit.epochs", "7");
    check_set("checkpoint.every=5 steps", "checkpoint.every", "\"5 steps\"");
    check_set("model.layers.0.units=256", "model.layers.0.units", "256");
    check_set("model.layers.last.units=256", "model.layers.2.units", "256");
    check_set("model.layers.dense.activation=relu", "model.layers.0.activation", "\"relu\"");
    check_set("model.layers.flatten.name=flat", "model.layers.1.Flatten.name", "\"flat\"");
    check_set("compile.optimizer.learning_rate=0.1", "compile.optimizer",
              "{\"adam\": {\"learning_rate\": 0.1}}");
    check_set("compile.metrics=[accuracy]", "compile.metrics", "[\"accuracy\"]");
    check_set("model.input.shape=[4, 5]", "model.input.shape", "[4, 5]");
    struct ls_config config = read_run(
        MODEL, (const char *const[]){"fit.epochs=7", "fit.epochs=8", "fit.batch_size=3", NULL},
        NULL);
    assert_int_equal(config.fit.epochs, 8);
    assert_int_equal(config.fit.batch_size, 3);
    ls_config_release(&config);
}

static void refuse_one(const char *set, ls_status status, const char *wanted)
{
    refuse_set(MODEL, (const char *const[]){set, NULL}, status, wanted);
}

static void test_refused_set(void **state)
{
    (void)state;
    refuse_one("fit.epochs", LS_USAGE, "--set fit.epochs: expected KEY=VALUE, as in fit.epochs=3");
    refuse_one("=3", LS_USAGE, "--set =3: expected KEY=VALUE, as in fit.epochs=3");
    refuse_one("fit.epochs=many", LS_BAD_INPUT,
               "--set: fit epochs: expected an integer, found 'many'");
    refuse_one("fit.epoch=3", LS_BAD_INPUT,
               "--set: fit: unknown option 'epoch' (did you mean 'epochs'?)");
    refuse_one("model.layers.7.units=3", LS_BAD_INPUT,
               "--set: model.layers.7.units: no such entry: the list has 3, named or numbered from "
               "0");
    refuse_one("model.layers.dense_3.units=3", LS_BAD_INPUT,
               "--set: model.layers.dense_3.units: no such entry: the list has 3, named or "
               "numbered from 0");
    refuse_one("fit..epochs=3", LS_BAD_INPUT,
               "--set: 'fit..epochs' is no path: write key.key=value");
    refuse_one("fit.epochs=[1", LS_BAD_INPUT,
               "--set fit.epochs: not valid YAML: did not find expected ',' or ']' while parsing a "
               "flow sequence that began on line 1");
}

static int start(void **state)
{
    (void)state;
    return ls_comm_create_alone(&alone) == LS_OK ? 0 : -1;
}
static int end(void **state)
{
    (void)state;
    ls_comm_free(alone);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_defaults),
        scratch_test(test_values),
        scratch_test(test_every),
        scratch_test(test_no_file),
        scratch_test(test_refused_files),
        scratch_test(test_refused_fit),
        scratch_test(test_refused_data),
        scratch_test(test_paths),
        scratch_test(test_paths_of_the_command_line),
        scratch_test(test_set),
        scratch_test(test_refused_set),
    };
    return cmocka_run_group_tests_name("run files", tests, start, end);
}
