/* Callbacks in runs: they end a training, keep their state in its checkpoints, and fail it. */
#include "unit/train_run_test.h"

#include "train/callback.h"
#include "train/options.h"

/* -- one that adds up losses until there are enough of them */

enum { ENOUGH, AT_EPOCHS };
static const struct ls_custom_option options[] = {
    [ENOUGH] = {.name = "enough", .initial = NAN, .help = "the sum to stop at"},
    [AT_EPOCHS] = {.name = "at_epochs", .initial = 0, .max = 1, .help = "1: at an epoch's end"},
    {.name = NULL},
};

static int begun, ended;
static ls_status end_status;

static ls_status begin(struct ls_custom_callback_call *call)
{
    begun++;
    assert_null(*call->memory);
    *call->memory = call->state; /* stays until the end */
    return LS_OK;
}

static ls_status step(struct ls_custom_callback_call *call)
{
    call->state[0] += call->loss;
    call->stop = call->option[AT_EPOCHS] == 0 && call->state[0] >= call->option[ENOUGH];
    return LS_OK;
}

static ls_status epoch(struct ls_custom_callback_call *call)
{
    call->state[1]++;
    assert_true(call->state[1] == (double)call->epoch + 1);
    call->stop = call->option[AT_EPOCHS] == 1 && call->state[0] >= call->option[ENOUGH];
    return LS_OK;
}

static ls_status end(struct ls_custom_callback_call *call)
{
    ended++;
    end_status = call->status;
    assert_ptr_equal(*call->memory, call->state);
    return LS_OK;
}

static const struct ls_custom_callback enough = {
    .kind = {.name = "Enough", .summary = "ends at a sum of losses", .options = options},
    .state_doubles = 2,
    .on_train_begin = begin,
    .on_step_end = step,
    .on_epoch_end = epoch,
    .on_train_end = end,
};

/* -- and those that fail, at each event */

static const struct ls_custom_option when[] = {{.name = "when", .initial = 0}, {.name = NULL}};

static ls_status fail_now(struct ls_custom_callback_call *call, int event)
{
    if ((int)call->option[0] != event)
        return LS_OK;
    if (event == LS_CALLBACK_EPOCH_END)
        return LS_FAILED;
    snprintf(call->message, LS_CUSTOM_MESSAGE, "event %d", event);
    return LS_NO_INPUT;
}
static ls_status fail_begin(struct ls_custom_callback_call *call)
{
    return fail_now(call, LS_CALLBACK_TRAIN_BEGIN);
}
static ls_status fail_epoch_begin(struct ls_custom_callback_call *call)
{
    return fail_now(call, LS_CALLBACK_EPOCH_BEGIN);
}
static ls_status fail_step(struct ls_custom_callback_call *call)
{
    return fail_now(call, LS_CALLBACK_STEP_END);
}
static ls_status fail_epoch(struct ls_custom_callback_call *call)
{
    return fail_now(call, LS_CALLBACK_EPOCH_END);
}
static ls_status fail_end(struct ls_custom_callback_call *call)
{
    return fail_now(call, LS_CALLBACK_TRAIN_END);
}

static const struct ls_custom_callback failing = {
    .kind = {.name = "Failing", .options = when},
    .on_train_begin = fail_begin,
    .on_epoch_begin = fail_epoch_begin,
    .on_step_end = fail_step,
    .on_epoch_end = fail_epoch,
    .on_train_end = fail_end,
};

static const struct ls_custom_callback *const callbacks[] = {&enough, &failing, NULL};
static const struct ls_plugin plugin = {
    .abi = LS_PLUGIN_ABI, .name = "callbacks", .callbacks = callbacks};

/* -- */

#define WITH(callback) "fit.callbacks=[" callback "]", "fit.epochs=3"

static int64_t steps_of(const char *directory)
{
    struct ls_run_status status;
    assert_ok(ls_run_status(directory, &status));
    assert_int_equal(status.state, LS_RUN_FINISHED);
    return status.step;
}

static const char *const stopping[] = {WITH("{Enough: {enough: 10}}"),
                                       "checkpoint.every=100 epochs", NULL};

/* A stop at a step, wherever the run was interrupted before it: the same step, the same bits. */
static void test_stop_and_resume(void **state)
{
    (void)state;
    begun = ended = 0;
    assert_ok(train_in("whole", false, stopping));
    int64_t wanted = steps_of("whole");
    assert_in_range(wanted, STEPS + 1, 2 * STEPS - 1); /* in the middle of the second epoch */
    assert_int_equal(begun, 1);
    assert_int_equal(ended, 1);
    assert_int_equal(end_status, LS_OK);
    for (int k = 1; k < wanted; k++) {
        char directory[32];
        struct seen first = {.stop_after = k - 1, .stop = k == 1}, second = {0};
        snprintf(directory, sizeof directory, "stopped-%d", k);
        assert_int_equal(train_seen(&first, directory, false, stopping), LS_INTERRUPTED);
        assert_int_equal(end_status, LS_INTERRUPTED);
        assert_int_equal(first.steps, k);
        assert_ok(train_seen(&second, directory, true, stopping));
        assert_int_equal(second.steps, wanted - k);
        assert_int_equal(steps_of(directory), wanted);
        assert_int_equal(hash_of(directory), hash_of("whole"));
    }
}

/* What a callback ended is finished, until there are more epochs or other callbacks. */
static void test_ended_is_finished(void **state)
{
    (void)state;
    struct seen seen = {0};
    assert_ok(train_in("run", false, stopping));
    int64_t wanted = steps_of("run");
    assert_ok(train_seen(&seen, "run", true, stopping));
    assert_int_equal(seen.steps, 0);
    assert_int_equal(steps_of("run"), wanted);
    const char *const more[] = {stopping[0], "fit.epochs=4", stopping[2], NULL};
    assert_ok(train_seen(&seen, "run", true, more)); /* the sum is kept: one step is enough */
    assert_int_equal(seen.steps, 1);
    assert_int_equal(
        ls_run_train(alone,
                     &(struct ls_run_train){
                         .run = "run.yaml",
                         .directory = "run",
                         .resume = true,
                         .set = (const char *const[]){"fit.epochs=4", stopping[2], NULL}}),
        LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "--accept fit.callbacks takes the change"));
    assert_ok(ls_run_train(
        alone,
        &(struct ls_run_train){.run = "run.yaml",
                               .directory = "run",
                               .resume = true,
                               .set = (const char *const[]){"fit.epochs=4", stopping[2], NULL},
                               .accept = (const char *const[]){"fit.callbacks", NULL}}));
    assert_int_equal(steps_of("run"), 4 * STEPS);
}

static void test_stop_at_an_epoch(void **state)
{
    (void)state;
    assert_ok(train_in("run", false,
                       (const char *const[]){WITH("{Enough: {enough: 10, at_epochs: 1}}"), NULL}));
    assert_int_equal(steps_of("run"), 2 * STEPS);
    /* of a run that is over there is nothing to be stopped */
    assert_ok(train_in("all", false, (const char *const[]){WITH("{Enough: {enough: 1e9}}"), NULL}));
    assert_int_equal(steps_of("all"), 3 * STEPS);
    assert_ok(train_in("none", false, (const char *const[]){"fit.epochs=3", NULL}));
    assert_int_equal(hash_of("all"), hash_of("none"));
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        const char *callback;
        ls_status status;
        const char *message;
    } cases[] = {
        {"fit.callbacks=[Failing]", LS_NO_INPUT, "callback Failing: event 0"},
        {"fit.callbacks=[{Failing: {when: 1}}]", LS_NO_INPUT, "callback Failing: event 1"},
        {"fit.callbacks=[{Failing: {when: 2}}]", LS_NO_INPUT, "callback Failing: event 2"},
        {"fit.callbacks=[{Failing: {when: 3}}]", LS_FAILED,
         "callback Failing ended the training with status 1"},
        {"fit.callbacks=[{Failing: {when: 6}}]", LS_NO_INPUT, "callback Failing: event 6"},
        {"fit.callbacks=[Enough]", LS_BAD_INPUT,
         "--set: callbacks[0] Enough: option 'enough' is missing"},
        {"fit.callbacks=[Enogh]", LS_BAD_INPUT,
         "--set: callbacks[0]: unknown callback 'Enogh' (did you mean 'Enough'?)"},
        {"fit.callbacks=[null]", LS_BAD_INPUT,
         "--set: callbacks[0]: expected a name, or a map of one name with its options, found "
         "null"},
        {"fit.callbacks=EarlyBird", LS_BAD_INPUT,
         "--set: fit callbacks: unknown callback 'EarlyBird' (known: EarlyStopping, ModelCheckpoint, "
         "ReduceLROnPlateau, LearningRateScheduler, TerminateOnNaN, CSVLogger, TensorBoard, "
         "BackupAndRestore, "
         "Enough, Failing; --plugin F.so loads custom ones)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char directory[32];
        snprintf(directory, sizeof directory, "run-%zu", i);
        ls_status status =
            train_in(directory, false, (const char *const[]){cases[i].callback, NULL});
        if (status != cases[i].status || strcmp(ls_message(), cases[i].message) != 0)
            fail_msg("%s: status %d: %s\nexpected %d: %s", cases[i].callback, status, ls_message(),
                     cases[i].status, cases[i].message);
    }
}

/* The list as an option: one or several, copied and written. */
static void test_option(void **state)
{
    (void)state;
    static const char *const forms[] = {"callbacks: {Enough: {enough: 2}}",
                                        "callbacks: [{Enough: {enough: 2}}, Failing]",
                                        "callbacks: []", "callbacks: null"};
    static const char *const written[] = {
        "[{\"class_name\": \"lockstep>Enough\", \"config\": {\"enough\": 2.0, \"at_epochs\": 0.0}}]",
        "[{\"class_name\": \"lockstep>Enough\", \"config\": {\"enough\": 2.0, \"at_epochs\": 0.0}}, "
        "{\"class_name\": \"lockstep>Failing\", \"config\": {\"when\": 0.0}}]",
        "[]"};
    for (size_t i = 0; i < 4; i++) {
        struct ls_tree *tree = yaml_tree(forms[i]), *config = ls_tree_new(LS_TREE_MAP);
        struct ls_instance fit, copy;
        if (i == 3) {
            assert_fails(ls_instance_create(&fit, &ls_fit_kind, tree, NULL), LS_BAD_INPUT,
                         "run.yaml:1: callbacks: must not be null");
        } else {
            assert_ok(ls_instance_create(&fit, &ls_fit_kind, tree, NULL));
            assert_ok(ls_instance_copy(&copy, &fit));
            ls_instance_release(&fit);
            assert_ok(ls_instance_write(&copy, config));
            assert_json(ls_tree_find(config, "callbacks"), written[i]);
            ls_instance_release(&copy);
        }
        ls_tree_free(config);
        ls_tree_free(tree);
    }
}

static int start(void **state)
{
    return ls_plugin_register(&plugin) == LS_OK ? start_alone(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trained_test(test_stop_and_resume),  trained_test(test_ended_is_finished),
        trained_test(test_stop_at_an_epoch), trained_test(test_failures),
        trained_test(test_option),
    };
    return cmocka_run_group_tests(tests, start, end_alone);
}
