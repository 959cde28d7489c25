/* What may change in a run file when its run is resumed. */
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

/* -- resuming */

#define RUN                                                                                        \
    "model:\n"                                                                                     \
    "  input: {shape: 3}\n"                                                                        \
    "  layers:\n"                                                                                  \
    "    - Dense: {units: 2}\n"                                                                    \
    "    - Dense: {units: 4, kernel_initializer: {Constant: {value: 0.1}}}\n"                      \
    "compile: {optimizer: adam, loss: mse, metrics: [mae, mse]}\n"                                 \
    "data: {train: /a.h5:train, validation: /a.h5:test}\n"                                         \
    "fit: {batch_size: 8, seed: 1, epochs: 2, shuffle: true}\n"                                    \
    "checkpoint: {every: 1 epoch}\n"

static ls_status same(const char *const *set, const char *const *accept)
{
    struct ls_config before = read_run(RUN, NULL, NULL), now = read_run(RUN, set, NULL);
    ls_status status = ls_config_same(now.tree, before.tree, accept);
    ls_config_release(&before);
    ls_config_release(&now);
    return status;
}

static void test_free_keys(void **state)
{
    (void)state;
    assert_ok(same(NULL, NULL));
    assert_ok(
        same((const char *const[]){"fit.epochs=20", "fit.verify=1", "fit.replicas=3",
                                   "fit.threads=2", "checkpoint.every=5 steps", "checkpoint.keep=9",
                                   "data.train=/b.h5:train", "data.validation=[/c.h5:a, /d.h5:b]",
                                   "fit.bucket_size=64", NULL},
             NULL));
    /* what is left out has its default */
    assert_ok(same((const char *const[]){"fit.combine=exact", "fit.wire=float32",
                                         "fit.batchnorm=global", NULL},
                   NULL));
    /* the same number in other digits is the same */
    assert_ok(same((const char *const[]){"model.layers.1.kernel_initializer.value=1e-1",
                                         "fit.batch_size=8.0", NULL},
                   NULL));
}

/* A change, what is said of it, and the --accept that takes it. */
static void check_change(const char *set, const char *accept, const char *wanted)
{
    const char *const sets[] = {set, NULL}, *const accepts[] = {accept, NULL};
    const char *const others[] = {"fit.epoch", "mod", "compile.loss_weights", NULL};
    ls_status status = same(sets, NULL);
    if (status != LS_BAD_INPUT)
        fail_msg("--set %s: status %d, expected: %s", set, status, wanted);
    assert_string_equal(ls_message(), wanted);
    assert_int_equal(same(sets, others), LS_BAD_INPUT);
    assert_ok(same(sets, accepts));
}

static void test_changes(void **state)
{
    (void)state;
    check_change("fit.combine=fast", "fit.combine",
                 "the run was started with fit.combine: (nothing), now it is \"fast\" (--accept "
                 "fit.combine takes the change)");
    check_change("fit.wire=bf16", "fit.wire",
                 "the run was started with fit.wire: (nothing), now it is \"bf16\" (--accept "
                 "fit.wire takes the change)");
    check_change("fit.batch_size=16", "fit.batch_size",
                 "the run was started with fit.batch_size: 8, now it is 16 (--accept "
                 "fit.batch_size takes the change)");
    check_change("fit.seed=2", "fit",
                 "the run was started with fit.seed: 1, now it is 2 (--accept fit.seed takes the "
                 "change)");
    check_change("fit.shuffle=chunk", "fit.shuffle",
                 "the run was started with fit.shuffle: true, now it is \"chunk\" (--accept "
                 "fit.shuffle takes the change)");
    check_change("model.layers.0.units=3", "model",
                 "the run was started with model.layers.0.Dense.units: 2, now it is 3 (--accept "
                 "model.layers.0.Dense.units takes the change)");
    check_change("model.layers.1.activation=relu", "model.layers",
                 "the run was started with model.layers.1.Dense.activation: (nothing), now it is "
                 "\"relu\" (--accept model.layers.1.Dense.activation takes the change)");
    check_change("compile.metrics=[mae]", "compile.metrics",
                 "the run was started with compile.metrics: [\"mae\", \"mse\"], now it is "
                 "[\"mae\"] (--accept compile.metrics takes the change)");
    check_change("compile.optimizer.learning_rate=1", "compile.optimizer",
                 "the run was started with compile.optimizer: \"adam\", now it is {\"adam\": "
                 "{\"learning_rate\": 1}} (--accept compile.optimizer takes the change)");
    check_change("data.validation_split=0.0", "data.validation_split",
                 "the run was started with data.validation_split: (nothing), now it is 0.0 "
                 "(--accept data.validation_split takes the change)");
    check_change("compile.loss='mse '", "compile.loss",
                 "the run was started with compile.loss: \"mse\", now it is \"mse \" (--accept "
                 "compile.loss takes the change)");
}

/* A key that is gone is a change too. */
static void test_keys_that_are_gone(void **state)
{
    (void)state;
    struct ls_tree *before = yaml_tree("a: {b: 1, c: 2}\nfit: {epochs: 3, seed: 1}\n"),
                   *now = yaml_tree("a: {b: 1}\n");
    assert_fails(ls_config_same(now, before, NULL), LS_BAD_INPUT,
                 "the run was started with a.c: 2, now it is (nothing) (--accept a.c takes the "
                 "change)");
    assert_fails(ls_config_same(now, before, (const char *const[]){"a.c", NULL}), LS_BAD_INPUT,
                 "the run was started with fit.seed: 1, now it is (nothing) (--accept fit.seed "
                 "takes the change)");
    assert_ok(ls_config_same(now, before, (const char *const[]){"a.c", "fit.seed", NULL}));
    ls_tree_free(before);
    ls_tree_free(now);
}

static void check_same(const char *now_yaml, const char *before_yaml, bool wanted)
{
    struct ls_tree *before = yaml_tree(before_yaml), *now = yaml_tree(now_yaml);
    bool is = ls_config_same(now, before, NULL) == LS_OK;
    if (is != wanted)
        fail_msg("now %s, before %s: %s", now_yaml, before_yaml, is ? "the same" : ls_message());
    is = ls_config_same(before, now, NULL) == LS_OK;
    if (is != wanted)
        fail_msg("now %s, before %s: %s", before_yaml, now_yaml, is ? "the same" : ls_message());
    ls_tree_free(before);
    ls_tree_free(now);
}

static void test_what_is_the_same(void **state)
{
    (void)state;
    check_same("a: 1e-3\n", "a: 0.001\n", true);
    check_same("a: '1.0'\n", "a: 1\n", false); /* a text is no number */
    check_same("a: [1, 2]\n", "a: [1, 3]\n", false);
    check_same("a: [1, 2]\n", "a: [1, 2, 3]\n", false);
    check_same("a: {b: 1}\n", "a: b\n", false);
    check_same("fit: {epochs: 3}\n", "fit:\n", true);
    check_same("fit: {seed: 3}\n", "fit:\n", false);
    check_same("a: {b: {c: 1}}\n", "a: {b: null}\n", false);
    check_same("a: null\n", "a: 1\n", false);
    check_same("a: [null, 1]\n", "a: [~, 1]\n", true);
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
        scratch_test(test_free_keys),
        scratch_test(test_changes),
        scratch_test(test_keys_that_are_gone),
        scratch_test(test_what_is_the_same),
    };
    return cmocka_run_group_tests_name("resumed run files", tests, start, end);
}
