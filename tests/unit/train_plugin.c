/* Plugins: what is registered is known everywhere, under the names that Keras uses; files that are
 * no plugins are refused. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/plugin_kinds.h"

#include "layer/layer.h"
#include "loss/loss.h"
#include "metric/metric.h"
#include "store/keras_compile.h"
#include "train/callback.h"
#include "train/config.h"

/* -- shapes that a plugin gives */

static int shape_case;

static ls_status odd_shape(struct ls_custom_layer_shapes *shapes)
{
    shapes->weight[0] = (struct ls_custom_shape){.rank = 1, .size = {shapes->input[0].size[0]}};
    if (shape_case == 1)
        shapes->output.rank = 9;
    if (shape_case == 2)
        shapes->weight[0].size[0] = 0;
    if (shape_case == 3)
        shapes->output.size[0] = INT64_C(1) << 41;
    if (shape_case == 4)
        snprintf(shapes->message, LS_CUSTOM_MESSAGE, "expected another");
    return shape_case >= 4 ? LS_BAD_INPUT : LS_OK;
}

static const struct ls_custom_layer odd = {
    .kind = {.name = "Odd"},
    .weights = (const struct ls_custom_weight[]){{"w", "ones"}, {.name = NULL}},
    .least_inputs = 1,
    .most_inputs = 3,
    .shape = odd_shape,
    .forward = no_pass,
    .backward = no_pass};
static const struct ls_custom_layer two = {.kind = {.name = "TwoOnly"},
                                           .least_inputs = 2,
                                           .most_inputs = 2,
                                           .forward = no_pass,
                                           .backward = no_pass};
static const struct ls_custom_loss bare = {
    .kind = {.name = "BareLoss", .summary = "nothing"}, .classes = true, .compute = no_loss};
static const struct ls_custom_metric hits = {.kind = {.name = "Hits"},
                                             .state_doubles = one_double,
                                             .update = no_update,
                                             .result = no_result};
static const struct ls_custom_callback quiet = {.kind = {.name = "Quiet"},
                                                .on_train_end = no_callback};
static const struct ls_plugin plain = {
    .abi = LS_PLUGIN_ABI,
    .name = "plain",
    .losses = (const struct ls_custom_loss *const[]){&bare, NULL},
    .metrics = (const struct ls_custom_metric *const[]){&hits, NULL},
    .layers = (const struct ls_custom_layer *const[]){&odd, &two, NULL},
    .callbacks = (const struct ls_custom_callback *const[]){&quiet, NULL},
};

static ls_status build(const char *layer)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_layer_add(model, "Input", "shape: 4"));
    assert_ok(ls_layer_add(model, layer, NULL));
    ls_status status = ls_model_initialize(model, 1);
    ls_model_free(model);
    return status;
}

static void test_shapes(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        NULL,
        "odd (Odd): the plugin gives its output no shape of 8 axes at most, of sizes of 1 and more",
        "odd (Odd): the plugin gives its w no shape of 8 axes at most, of sizes of 1 and more",
        "odd (Odd): the plugin's output has 2199023255552 numbers: too many",
        "odd (Odd): expected another",
        "odd (Odd): its inputs do not suit it"};
    for (shape_case = 0; shape_case < 6; shape_case++)
        if (wanted[shape_case])
            assert_fails(build("Odd"), LS_BAD_INPUT, wanted[shape_case]);
        else
            assert_ok(build("Odd"));
    assert_fails(build("TwoOnly"), LS_BAD_INPUT, "two_only (TwoOnly): it takes 2 inputs, not 1");
    shape_case = 0;
}

/* -- names, and what Keras is told */

static void test_names(void **state)
{
    (void)state;
    const struct ls_kind *kind = ls_kind_find(&ls_losses, "bare_loss");
    assert_non_null(kind);
    assert_ptr_equal(kind, ls_kind_find(&ls_losses, "BareLoss"));
    assert_ptr_equal(kind, ls_kind_find(&ls_losses, "mine>bare_loss"));
    assert_ptr_equal(kind, ls_kind_find(&ls_losses, "lockstep>BareLoss"));
    assert_ptr_equal(kind, ls_kind_find(&ls_losses, "Custom>BareLoss"));
    assert_non_null(ls_kind_find(&ls_losses, "Custom>Huber"));
    assert_null(ls_kind_find(&ls_losses, "mine>Huber")); /* not Keras' */
    assert_fails(ls_kind_require(&ls_losses, NULL, "mine>Huber", &kind), LS_BAD_INPUT,
                 "the loss 'mine>Huber' is a custom one, which only its author's code knows: "
                 "--plugin F.so loads it");
    assert_int_equal(ls_kind_require(&ls_callbacks_known, NULL, "Nothing", &kind), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), ", StopBelow, Quiet; --plugin F.so loads custom ones)"));
}

static void check_compile(const char *yaml, const char *key, const char *wanted)
{
    struct ls_model *model =
        layers_model((const char *const[]){"Input", "shape: 4", "Dense", "units: 2", NULL}, 1);
    struct ls_tree *compile = yaml_tree(yaml), *config, *again;
    assert_ok(ls_compile_to_keras(&config, compile, model));
    assert_json(ls_tree_find(config, key), wanted);
    ls_tree_free(compile);
    assert_ok(ls_compile_from_keras(&compile, config)); /* and once more, from what Keras has */
    assert_ok(ls_compile_to_keras(&again, compile, model));
    assert_json(ls_tree_find(again, key), wanted);
    ls_tree_free(compile);
    ls_tree_free(config);
    ls_tree_free(again);
    ls_model_free(model);
}

static void test_keras_names(void **state)
{
    (void)state;
    check_compile("{optimizer: sgd, loss: BareLoss}", "loss", "\"lockstep>bare_loss\"");
    check_compile("{optimizer: sgd, loss: mine>bare_loss}", "loss", "\"lockstep>bare_loss\"");
    check_compile("{optimizer: sgd, loss: {BareLoss: {reduction: sum}}}", "loss",
                  "{\"class_name\": \"lockstep>BareLoss\", \"config\": {\"reduction\": \"sum\"}}");
    check_compile("{optimizer: sgd, loss: price_is_right}", "loss",
                  "{\"class_name\": \"lockstep>PriceIsRight\", \"config\": {\"reduction\": "
                  "\"sum_over_batch_size\", \"over\": 10.0}}");
    check_compile(
        "{optimizer: sgd, loss: mse, metrics: [hits, {Hits: {name: more}}, mae]}", "metrics",
        "[{\"class_name\": \"lockstep>Hits\", \"config\": {\"name\": \"hits\"}}, "
        "{\"class_name\": \"lockstep>Hits\", \"config\": {\"name\": \"more\"}}, \"mae\"]");
}

/* The long form, of .keras archives. */
static void test_keras_long_names(void **state)
{
    (void)state;
    struct ls_model *model =
        layers_model((const char *const[]){"Input", "shape: 4", "Dense", "units: 2", NULL}, 1);
    struct ls_tree *compile = yaml_tree("{optimizer: sgd, loss: price_is_right}"), *config;
    assert_ok(ls_compile_to_keras_long(&config, compile, model));
    assert_json(ls_tree_find(config, "loss"),
                "{\"module\": null, \"class_name\": \"lockstep>PriceIsRight\", \"config\": "
                "{\"reduction\": \"sum_over_batch_size\", \"over\": 10.0}, "
                "\"registered_name\": \"lockstep>PriceIsRight\"}");
    ls_tree_free(config);
    ls_tree_free(compile);
    ls_model_free(model);
}

/* Keras 3's own forms of a layer: the package is in registered_name, or in class_name. */
static void test_keras_layers(void **state)
{
    (void)state;
    static const char *const names[] = {"AxisScale", "mine>AxisScale", "lockstep>AxisScale"};
    for (size_t i = 0; i < 3; i++) {
        char json[1024];
        struct ls_model *model;
        snprintf(json, sizeof json,
                 "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": "
                 "[{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 4], "
                 "\"name\": \"i\"}}, {\"module\": null, \"class_name\": \"%s\", \"config\": "
                 "{\"name\": \"a\", \"activity_regularizer\": null, \"trainable\": true, "
                 "\"dtype\": \"float32\", \"autocast\": true}, \"registered_name\": "
                 "\"mine>AxisScale\"}]}}",
                 names[i]);
        struct ls_tree *tree = json_tree(json);
        assert_ok(ls_model_from_keras(&model, tree));
        assert_string_equal(model->layer[1]->kind->kind.name, "AxisScale");
        assert_int_equal(ls_model_variables(model), 2);
        ls_model_free(model);
        ls_tree_free(tree);
    }
}

/* -- registering and loading */

static void test_register(void **state)
{
    (void)state;
    const struct ls_plugin old = {.abi = LS_PLUGIN_ABI + 1};
    assert_ok(ls_plugin_register(&plain));
    assert_ok(ls_plugin_register(&lockstep_plugin));
    assert_fails(ls_plugin_register(&old), LS_BAD_INPUT,
                 "the plugin has ABI 2, this library has 1: compile it again with this library's "
                 "lockstep/plugin.h");
}

/* The first registration fails at each of its allocations in turn, and leaves nothing. */
static int register_at_last(void **state)
{
    const struct ls_plugin *const plugins[] = {&lockstep_plugin, &plain};
    for (size_t i = 0; i < 2; i++) {
        long blocks = ls_memory_blocks();
        ls_status status = LS_FAILED;
        for (long n = 1; status != LS_OK; n++) {
            ls_memory_fail_at(n);
            status = ls_plugin_register(plugins[i]);
            ls_memory_fail_at(0);
            if (status != LS_OK && (status != LS_FAILED || ls_memory_blocks() != blocks))
                return -1;
        }
    }
    return start_alone(state);
}

static void copy_part(const char *from, const char *to, double part)
{
    char command[2048];
    struct stat file;
    assert_int_equal(stat(from, &file), 0);
    snprintf(command, sizeof command, "head -c %lld '%s' > '%s'",
             (long long)((double)file.st_size * part), from, to);
    assert_int_equal(system(command), 0);
}

static void refuse_file(const char *path, ls_status wanted, const char *format)
{
    char message[2048], whole[1024];
    snprintf(whole, sizeof whole, "%s/%s", test_directory, path);
    snprintf(message, sizeof message, format, whole);
    assert_fails(ls_plugin_load(path), wanted, message);
}

static void test_refused_files(void **state)
{
    (void)state;
    static const char no_object[] = "%s is no shared object: make one with cc -shared -fPIC";
    refuse_file("none.so", LS_NO_INPUT, "cannot read the plugin '%s': No such file or directory");
    write_text("text.so", "This is a text, and long enough to be the head of an object file.\n");
    refuse_file("text.so", LS_BAD_INPUT, no_object);
    write_text("short.so", "");
    refuse_file("short.so", LS_BAD_INPUT, no_object);
    assert_int_equal(mkdir("directory.so", 0777), 0);
    refuse_file("directory.so", LS_BAD_INPUT, no_object);
    copy_part(PLUGIN_FILE, "half.so", 0.5);
    refuse_file("half.so", LS_BAD_INPUT, "%s is cut short: make it again");
    copy_part(PLUGIN_FILE, "head.so", 0.01);
    refuse_file("head.so", LS_BAD_INPUT, "%s is cut short: make it again");
    copy_part("/proc/self/exe", "program.so", 1);
    assert_int_equal(ls_plugin_load("program.so"), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "program.so cannot be loaded: "));
    copy_part(SHARED_LIBRARY, "library.so", 1);
    refuse_file("library.so", LS_BAD_INPUT,
                "%s is no plugin: it has no symbol lockstep_plugin (lockstep/plugin.h)");
    /* The example is a part of this program already, under its names. */
    copy_part(PLUGIN_FILE, "example.so", 1);
    refuse_file("example.so", LS_BAD_INPUT,
                "%s: plugin 'price_is_right': there is a loss 'PriceIsRight' already: give it "
                "another name");
}

/* -- run files */

#define MODEL "model: {input: {shape: 4}, layers: [Flatten]}\n"

static void refuse_run(const char *yaml, ls_status status, const char *wanted)
{
    struct ls_config config;
    char message[2048];
    snprintf(message, sizeof message, wanted, test_directory);
    write_text("run.yaml", yaml);
    assert_fails(ls_config_read(&config, alone, "run.yaml", &(struct ls_config_changes){0}), status,
                 message);
}

static void test_run_files(void **state)
{
    (void)state;
    struct ls_config config;
    refuse_run(MODEL "plugins: [a.so]\n", LS_NO_INPUT,
               "cannot read the plugin '%s/a.so': No such file or directory");
    refuse_run(MODEL "plugins: sub/a.so\n", LS_NO_INPUT,
               "cannot read the plugin '%s/sub/a.so': No such file or directory");
    refuse_run(MODEL "plugins: {a: b}\n", LS_BAD_INPUT,
               "run.yaml:2: plugins: expected a text, found a map");
    refuse_run(MODEL "plugins: [[a]]\n", LS_BAD_INPUT,
               "run.yaml:2: plugins[0]: expected a text, found a list");
    write_text("run.yaml", MODEL "plugins:\n");
    assert_ok(ls_config_read(&config, alone, "run.yaml", &(struct ls_config_changes){0}));
    ls_config_release(&config);
    write_text("run.yaml", MODEL "plugins: a.so\n");
    static const char *const more[] = {"b.so", NULL};
    assert_int_equal(
        ls_config_read(&config, alone, "run.yaml", &(struct ls_config_changes){.plugins = more}),
        LS_NO_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_register),
        directory_test(test_shapes),
        directory_test(test_names),
        directory_test(test_keras_names),
        directory_test(test_keras_long_names),
        directory_test(test_keras_layers),
        directory_test(test_refused_files),
        directory_test(test_run_files),
    };
    return cmocka_run_group_tests(tests, register_at_last, end_alone);
}
