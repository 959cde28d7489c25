#include "base_kind_samples.h"
#include "base_test.h"

static struct ls_instance parse(const char *yaml)
{
    struct ls_instance instance;
    struct ls_tree *tree = yaml_tree(yaml);
    assert_ok(ls_instance_parse(&instance, &samples, tree));
    ls_tree_free(tree);
    return instance;
}

static void assert_written(const struct ls_instance *instance, const char *expected)
{
    struct ls_tree *map = ls_tree_new(LS_TREE_MAP);
    assert_ok(ls_instance_write(instance, map));
    assert_json(map, expected);
    ls_tree_free(map);
}

static void test_find(void **state)
{
    (void)state;
    assert_ptr_equal(ls_kind_find(&samples, "LeakySample"), &sample);
    assert_ptr_equal(ls_kind_find(&samples, "leaky_sample"), &sample);
    assert_ptr_equal(ls_kind_find(&samples, "smp"), &sample);
    assert_ptr_equal(ls_kind_find(&samples, "zeros"), &zeros);
    assert_null(ls_kind_find(&samples, "leakysample"));
    assert_null(ls_kind_find(&samples, ""));
}

static void test_require(void **state)
{
    (void)state;
    const struct ls_kind *kind;
    struct ls_tree *tree = yaml_tree("model:\n  layers:\n  - Zeors\n");
    const struct ls_tree *place = ls_tree_find_path(tree, "model.layers.0");
    assert_ok(ls_kind_require(&samples, place, "Zeros", &kind));
    assert_ptr_equal(kind, &zeros);
    assert_fails(ls_kind_require(&samples, place, place->text, &kind), LS_BAD_INPUT,
                 "run.yaml:3: layers[0]: unknown layer 'Zeors' (did you mean 'Zeros'?)");
    assert_null(kind);
    assert_fails(ls_kind_require(&samples, NULL, "samplelayr", &kind), LS_BAD_INPUT,
                 "unknown layer 'samplelayr' (did you mean 'SampleLayer'?)");
    assert_fails(ls_kind_require(&samples, NULL, "Attention", &kind), LS_BAD_INPUT,
                 "unknown layer 'Attention' (known: LeakySample, Zeros)");
    ls_tree_free(tree);
}

static void test_defaults(void **state)
{
    (void)state;
    struct ls_instance instance = parse("LeakySample: {units: 3}");
    const struct sample *options = instance.options;
    assert_ptr_equal(instance.kind, &sample);
    assert_int_equal(options->units, 3);
    assert_true(options->every == LS_NULL_INT);
    assert_true(options->rate == 0.5);
    assert_true(isnan(options->clip));
    assert_true(options->use_bias);
    assert_null(options->name);
    assert_int_equal(options->mode, 1);
    assert_int_equal(options->axis.count, 1);
    assert_true(options->axis.scalar);
    assert_int_equal(options->axis.value[0], -1);
    assert_int_equal(options->mean.count, 0);
    assert_ptr_equal(options->filler.kind, &zeros);
    assert_null(options->filler.options);
    assert_null(options->other.kind);
    assert_true(options->slope == 0.2);
    assert_written(
        &instance,
        "{\"units\": 3, \"every\": null, \"rate\": 0.5, \"clip\": null, "
        "\"use_bias\": true, \"name\": null, \"mode\": true, \"axis\": -1, "
        "\"mean\": null, \"skip\": [], \"filler\": {\"class_name\": \"Zeros\", \"config\": {}}, "
        "\"other\": null, \"negative_slope\": 0.2}");
    ls_instance_release(&instance);
    assert_null(instance.kind);
    ls_instance_release(&instance);
}

static const char all_options[] =
    "{leaky_sample: {units: 1e3, every: 5, rate: 0, clip: 1e-7, use_bias: False, name: 7, mode: chunk, "
    "axis: [1, 2], mean: [[1, 2.5], [3, -4]], skip: [a, 7], filler: {Constant: {value: 2}}, other: constant, alpha: 0.3, "
    "secret: true}}";
static const char all_written[] =
    "{\"units\": 1000, \"every\": 5, \"rate\": 0.0, \"clip\": 1e-07, \"use_bias\": false, \"name\": \"7\", "
    "\"mode\": \"chunk\", \"axis\": [1, 2], \"mean\": [1.0, 2.5, 3.0, -4.0], \"skip\": [\"a\", \"7\"], \"filler\": {\"class_name\": "
    "\"Constant\", \"config\": {\"value\": 2.0}}, \"other\": {\"class_name\": \"Constant\", \"config\": "
    "{\"value\": 0.05}}, \"negative_slope\": 0.3, \"secret\": true}";

/* Written, read as Keras' JSON, copied: it stays the same. */
static void test_all_options_round(void **state)
{
    (void)state;
    struct ls_instance instance = parse(all_options), again, copy;
    assert_written(&instance, all_written);

    struct ls_text json = {0};
    struct ls_tree *tree;
    ls_text_append(
        &json,
        "{\"class_name\": \"LeakySample\", \"config\": %s, \"module\": \"m\", "
        "\"registered_name\": null, \"build_config\": {\"a\": [1]}, \"shared_object_id\": 4}",
        all_written);
    assert_ok(ls_tree_parse_json(&tree, json.data, json.length, NULL));
    assert_ok(ls_instance_parse(&again, &samples, tree));
    assert_written(&again, all_written);
    ls_tree_free(tree);
    ls_text_release(&json);

    assert_ok(ls_instance_copy(&copy, &again));
    ls_instance_release(&again);
    assert_written(&copy, all_written);
    ls_instance_release(&copy);
    ls_instance_release(&instance);
}

static void test_values(void **state)
{
    (void)state;
    struct ls_instance instance =
        parse("smp: {units: 1, mode: True, axis: [], mean: 2, rate: 0.999}");
    const struct sample *options = instance.options;
    assert_int_equal(options->mode, 1);
    assert_int_equal(options->axis.count, 0);
    assert_false(options->axis.scalar);
    assert_int_equal(options->mean.count, 1);
    assert_true(options->mean.scalar);
    ls_instance_release(&instance);

    instance = parse("smp: {units: 1, skip: one}");
    options = instance.options;
    assert_int_equal(options->skip.count, 1);
    assert_string_equal(options->skip.text[0], "one");
    ls_instance_release(&instance);

    instance =
        parse("smp: {units: 1, mode: null, mean: [], clip: .inf, filler: {zero: }, every: }");
    options = instance.options;
    assert_int_equal(options->mode, -1);
    assert_int_equal(options->mean.count, 0);
    assert_true(isinf(options->clip));
    assert_ptr_equal(options->filler.kind, &zeros);
    assert_true(options->every == LS_NULL_INT);
    ls_instance_release(&instance);

    /* how Keras writes tuples and arrays */
    instance =
        parse("smp: {units: 1, axis: {class_name: __tuple__, items: [0, 1]}, mean: {class_name: "
              "__numpy__, config: {value: [1, 2], dtype: float32}}}");
    options = instance.options;
    assert_int_equal(options->axis.count, 2);
    assert_int_equal(options->mean.count, 2);
    assert_true(options->mean.value[1] == 2);
    ls_instance_release(&instance);
}

static void test_instance_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "Zeros",
        "zero",
        "Zeros: ",
        "Zeros: {}",
        "Zeros: null",
        "{class_name: Zeros}",
        "{class_name: zeros, config: {}}",
        "{class_name: Zeros, config: null, module: keras.initializers, registered_name: null}",
        "{class_name: function, config: zeros, module: builtins, registered_name: function}",
        "{class_name: function, config: 'lockstep>zeros', registered_name: function}",
        "'Custom>Zeros'",
        "{class_name: 'Custom>Zeros', config: {}}",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct ls_instance instance = parse(forms[i]);
        assert_ptr_equal(instance.kind, &zeros);
        ls_instance_release(&instance);
    }
    struct ls_instance none = parse("null");
    assert_null(none.kind);
    assert_written(&none, "{}");
    assert_ok(ls_instance_copy(&none, &none));
    none = parse("None");
    assert_null(none.kind);
}

static void test_errors(void **state)
{
    (void)state;
#define AT "run.yaml:1: LeakySample"
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"LeakySample:\n  units: 1\n  rat: 2\n",
         "run.yaml:3: LeakySample: unknown option 'rat' (did you mean 'rate'?)"},
        {"LeakySample: {unit: 1}", AT ": unknown option 'unit' (did you mean 'units'?)"},
        {"LeakySample: {alhpa: 1}", AT ": unknown option 'alhpa' (did you mean 'alpha'?)"},
        {"LeakySample: {activation: 1}", AT
         ": unknown option 'activation' (known: units, every, rate, clip, use_bias, name, mode, axis, "
         "mean, skip, filler, other, negative_slope, secret)"},
        {"Zeros: {value: 1}", "run.yaml:1: Zeros: unknown option 'value' (there are none)"},
        {"LeakySample: {rate: 0.1}", AT ": option 'units' is missing"},
        {"LeakySample: ", AT ": option 'units' is missing"},
        {"[LeakySample, x]",
         "run.yaml:1: expected a name, or a map of one name with its options, found a list"},
        {"LeakySample", "run.yaml:1: LeakySample: option 'units' is missing"},
        {"LeakySample: {units: 0}", AT " units: must be at least 1, found 0"},
        {"LeakySample: {units: 1.5}", AT " units: expected an integer, found '1.5'"},
        {"LeakySample: {units: null}", AT " units: must not be null"},
        {"LeakySample: {units: '1'}", AT " units: expected an integer, found \"1\""},
        {"LeakySample: {units: 1, every: 0}", AT " every: must be at least 1, found 0"},
        {"LeakySample: {units: 1, rate: 1}", AT " rate: must be at least 0 and below 1, found 1"},
        {"LeakySample: {units: 1, rate: -1e-9}",
         AT " rate: must be at least 0 and below 1, found -1e-9"},
        {"LeakySample: {units: 1, rate: nan}", AT " rate: expected a number, found 'nan'"},
        {"LeakySample: {units: 1, rate: x}", AT " rate: expected a number, found 'x'"},
        {"LeakySample: {units: 1, clip: 0}", AT " clip: must be above 0, found 0"},
        {"LeakySample: {units: 1, use_bias: 1}", AT " use_bias: expected true or false, found '1'"},
        {"LeakySample: {units: 1, use_bias: null}", AT " use_bias: must not be null"},
        {"LeakySample: {units: 1, name: [a]}", AT " name: expected a text, found a list"},
        {"LeakySample: {units: 1, mode: chunks}",
         AT " mode: must be one of false, true, chunk; found 'chunks' (did you mean 'chunk'?)"},
        {"LeakySample: {units: 1, mode: 5}",
         AT " mode: must be one of false, true, chunk; found '5'"},
        {"LeakySample: {units: 1, mode: {}}", AT " mode: expected a text, found a map"},
        {"LeakySample: {units: 1, axis: 8}",
         AT " axis: must be at least -1 and at most 7, found 8"},
        {"LeakySample: {units: 1, axis: [1, 9]}",
         "run.yaml:1: axis[1]: must be at least -1 and at most 7, found 9"},
        {"LeakySample: {units: 1, axis: [1, x]}",
         "run.yaml:1: axis[1]: expected an integer, found 'x'"},
        {"LeakySample: {units: 1, axis: {a: 1}}",
         AT " axis: expected an integer or a list of integers, found a map"},
        {"LeakySample: {units: 1, axis: [1, 2, 3, 4, 5, 6, 7, 0, 1]}",
         AT " axis: expected at most 8 integers, found 9"},
        {"LeakySample: {units: 1, axis: null}", AT " axis: must not be null"},
        {"LeakySample: {units: 1, mean: {a: 1}}",
         AT " mean: expected a number or a list of numbers, found a map"},
        {"LeakySample: {units: 1, mean: [1, [2]]}",
         "run.yaml:1: mean[1]: expected a number as before it, found a list"},
        {"LeakySample: {units: 1, mean: [[1], 2]}",
         "run.yaml:1: mean[1]: expected a list as before it, found '2'"},
        {"LeakySample: {units: 1, mean: [[1, 2], [3]]}",
         "run.yaml:1: mean[1]: expected 2 numbers as before it, found 1"},
        {"LeakySample: {units: 1, mean: [[1, 2], [3, x]]}",
         "run.yaml:1: mean[1][1]: expected a number, found 'x'"},
        {"LeakySample: {units: 1, mean: [1001]}",
         "run.yaml:1: mean[0]: must be at least -1000 and at most 1000, found 1001"},
        {"LeakySample: {units: 1, filler: null}", AT " filler: must not be null"},
        {"LeakySample: {units: 1, filler: ones}",
         AT " filler: unknown filler 'ones' (known: Zeros, Constant)"},
        {"LeakySample: {units: 1, filler: {Constant: {valu: 1}}}",
         "run.yaml:1: filler Constant: unknown option 'valu' (did you mean 'value'?)"},
        {"LeakySample: {units: 1, filler: {class_name: Constant, config: {value: x}}}",
         "run.yaml:1: filler Constant value: expected a number, found 'x'"},
        {"LeakySample: {units: 1, filler: {Zeros: , Constant: }}",
         AT " filler: expected a name, or a map of one name with its options, found a map of 2"},
        {"LeakySample: {units: 1, filler: {}}",
         AT " filler: expected a name, or a map of one name with its options, found a map of 0"},
        {"LeakySample: {units: 1, alpha: 0.1,\n negative_slope: 0.1}",
         AT ": 'negative_slope' and 'alpha' are the same option: give one of them"},
        {"LeakySample: 5", AT ": expected a map of options, found '5'"},
        {"LeakySample: [1]", AT ": expected a map of options, found a list"},
        {"{class_name: Zeros, config: {}, extra: 1}",
         "run.yaml:1: unknown key 'extra' beside class_name and config"},
        {"{class_name: [Zeros]}", "run.yaml:1: class_name: expected a text, found a list"},
        {"{class_name: Zeros, config: [1]}",
         "run.yaml:1: Zeros: expected a map of options, found a list"},
        {"{class_name: Zeroes}",
         "run.yaml:1: class_name: unknown layer 'Zeroes' (did you mean 'Zeros'?)"},
        {"{class_name: LeakySample}", "run.yaml:1: option 'units' is missing"},
        {"{class_name: function, config: nothing}",
         "run.yaml:1: function: unknown layer 'nothing' (known: LeakySample, Zeros)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_instance instance;
        struct ls_tree *tree = yaml_tree(cases[i].yaml);
        if (ls_instance_parse(&instance, &samples, tree) != LS_BAD_INPUT)
            fail_msg("read without an error: %s", cases[i].yaml);
        assert_string_equal(ls_message(), cases[i].message);
        assert_null(instance.kind);
        assert_null(instance.options);
        ls_tree_free(tree);
    }
}

static void test_create_without_place(void **state)
{
    (void)state;
    struct ls_instance instance;
    assert_fails(ls_instance_create(&instance, &sample, NULL, NULL), LS_BAD_INPUT,
                 "LeakySample: option 'units' is missing");
    assert_ok(ls_instance_create(&instance, &constant, NULL, NULL));
    assert_true(((struct constant *)instance.options)->value == 0.05);
    ls_instance_release(&instance);
}

static void test_ignored_keys(void **state)
{
    (void)state;
    static const char *const ignore[] = {"dtype", "trainable", NULL};
    struct ls_instance instance;
    struct ls_tree *tree = yaml_tree("{units: 1, dtype: [x], trainable: true}");
    assert_ok(ls_instance_create(&instance, &sample, tree, ignore));
    ls_instance_release(&instance);
    assert_fails(
        ls_instance_create(&instance, &sample, tree, ignore + 1), LS_BAD_INPUT,
        "run.yaml:1: unknown option 'dtype' (known: units, every, rate, clip, use_bias, name, mode, "
        "axis, mean, skip, filler, other, negative_slope, secret)");
    ls_tree_free(tree);
}

/* A table in no registry, as the run file's `fit:`. */
static void test_plain_options(void **state)
{
    (void)state;
    struct sample options;
    struct ls_tree *tree = yaml_tree("fit: {units: 5, name: abc, mean: [1]}");
    assert_ok(ls_options_parse(&options, &sample, tree->child, NULL));
    assert_int_equal(options.units, 5);
    assert_string_equal(options.name, "abc");
    ls_options_release(&options, &sample);
    assert_null(options.name);
    ls_tree_free(tree);
    tree = yaml_tree("fit: {name: abc, mean: [1], units: x}");
    memset(&options, 0xff, sizeof options);
    assert_fails(ls_options_parse(&options, &sample, tree->child, NULL), LS_BAD_INPUT,
                 "run.yaml:1: fit units: expected an integer, found 'x'");
    assert_null(options.name);
    assert_null(options.mean.value);
    ls_tree_free(tree);
    tree = yaml_tree("fit: LeakySample");
    assert_fails(ls_options_parse(&options, &sample, tree->child, NULL), LS_BAD_INPUT,
                 "run.yaml:1: fit: expected a map of options, found 'LeakySample'");
    ls_tree_free(tree);
}

/* A default that its own table refuses is the programmer's fault, and says where. */
static void test_wrong_default(void **state)
{
    (void)state;
    static const struct ls_option wrong_options[] = {
        {.name = "value", .type = LS_OPTION_FLOAT, .initial = "abc"}, {0}};
    static const struct ls_kind wrong = {
        .name = "Wrong", .options = wrong_options, .options_size = sizeof(double)};
    struct ls_instance instance;
    assert_fails(ls_instance_create(&instance, &wrong, NULL, NULL), LS_BAD_INPUT,
                 "default of Wrong's 'value': expected a number, found 'abc'");
}

static void test_help(void **state)
{
    (void)state;
    struct ls_text text = {0};
    ls_kind_format_help(&text, &sample);
    assert_ok(ls_text_status(&text));
    assert_string_equal(
        text.data,
        "LeakySample (also smp, SampleLayer): has every type of option\n"
        "  option                 type             default   range\n"
        "  units                  integer          required  at least 1                       size of the output\n"
        "  every                  integer or null  null      at least 1                       [steps] how often\n"
        "  rate                   number           0.5       at least 0 and below 1           how many are dropped\n"
        "  clip                   number or null   null      above 0                          largest norm\n"
        "  use_bias               true or false    true\n"
        "  name                   text or null     null\n"
        "  mode                   choice or null   true      false, true, chunk               of shuffling\n"
        "  axis                   integers         -1        at least -1 and at most 7\n"
        "  mean                   numbers or null  null      at least -1000 and at most 1000\n"
        "  skip                   texts            []\n"
        "  filler                 filler           zeros                                      first values\n"
        "  other                  filler or null   null\n"
        "  negative_slope, alpha  number           0.2\n"
        "  secret                 true or false    false\n");
    ls_text_release(&text);
    ls_kind_format_help(&text, &zeros);
    assert_string_equal(text.data, "Zeros (also zero): all elements are 0\n  no options\n");
    ls_text_release(&text);
}

/* What is written for these options; read again it gives the same. */
static void expect_mixed(const char *yaml, const char *wanted)
{
    struct ls_tree *options = yaml_tree(yaml);
    for (int turn = 0; turn < 2; turn++) {
        struct ls_instance parsed, copy;
        struct ls_text text = {0};
        struct ls_tree *written = ls_tree_new(LS_TREE_MAP);
        assert_ok(ls_instance_create(&parsed, &mixed, options, NULL));
        assert_ok(ls_instance_copy(&copy, &parsed));
        ls_instance_release(&parsed);
        assert_ok(ls_instance_write(&copy, written));
        ls_instance_release(&copy);
        ls_tree_free(options);
        options = written;
        ls_tree_format_json(&text, written);
        assert_string_equal(text.data, wanted);
        ls_text_release(&text);
    }
    ls_tree_free(options);
}

static void test_mixed(void **state)
{
    (void)state;
    struct ls_text text = {0};
    expect_mixed("{}", "{\"level\": 0.5, \"second\": 0.25, \"part\": null, \"any\": null, "
                       "\"count\": 2, \"bounds\": null}");
    expect_mixed(
        "{level: {constant: {value: 2}}, second: zeros, part: {value: 3.0}, any: {a: [1, "
        "b]}, count: 1.5, bounds: [1, 2.5, 1e20]}",
        "{\"level\": {\"module\": \"far.fillers\", \"class_name\": \"Constant\", "
        "\"config\": {\"value\": 2.0}, \"registered_name\": null}, \"second\": "
        "{\"class_name\": \"Zeros\", \"config\": {}}, \"part\": {\"value\": 3.0}, \"any\": "
        "{\"a\": [1, \"b\"]}, \"count\": 1.5, \"bounds\": [1, 2.5, 1e+20]}");
    expect_mixed(
        "{part: {}, any: text}",
        "{\"level\": 0.5, \"second\": 0.25, \"part\": {\"value\": 0.05}, \"any\": \"text\", "
        "\"count\": 2, \"bounds\": null}");
    ls_kind_format_help(&text, &mixed);
    assert_string_equal(text.data,
                        "Mixed: has options that are one of several things\n"
                        "  option  type                 default  range\n"
                        "  level   number or filler     0.5      at least 0 and at most 1\n"
                        "  second  number or filler     0.25\n"
                        "  part    options or null      null\n"
                        "  any     map or text or null  null\n"
                        "  count   number               2\n"
                        "  bounds  numbers or null      null\n");
    ls_text_release(&text);
}

static void refuse_mixed(const char *yaml, const char *wanted)
{
    struct ls_tree *options = yaml_tree(yaml);
    struct ls_instance parsed;
    assert_fails(ls_instance_create(&parsed, &mixed, options, NULL), LS_BAD_INPUT, wanted);
    ls_tree_free(options);
}

static void test_mixed_refused(void **state)
{
    (void)state;
    refuse_mixed("{level: 2}", "run.yaml:1: level: must be at least 0 and at most 1, found 2");
    refuse_mixed("{level: null}", "run.yaml:1: level: must not be null");
    refuse_mixed("{level: {ones: {}}}",
                 "run.yaml:1: level: unknown filler 'ones' (known: Zeros, Constant)");
    refuse_mixed("{level: [1]}", "run.yaml:1: level: expected a number, found a list");
    refuse_mixed("{part: {size: 1}}", "run.yaml:1: part: unknown option 'size' (known: value)");
    refuse_mixed("{part: 1}", "run.yaml:1: part: expected a map of options, found '1'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed),          cmocka_unit_test(test_mixed_refused),
        cmocka_unit_test(test_find),           leak_checked_test(test_require),
        leak_checked_test(test_defaults),      leak_checked_test(test_all_options_round),
        leak_checked_test(test_values),        leak_checked_test(test_instance_forms),
        leak_checked_test(test_errors),        leak_checked_test(test_create_without_place),
        leak_checked_test(test_ignored_keys),  leak_checked_test(test_plain_options),
        leak_checked_test(test_wrong_default), leak_checked_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
