/* Masks in Keras' configs of Functional models: Keras writes the operations that compute them as
 * layers, and their results as arguments of calls. */
#include "unit/store_test.h"

#define LAYER(class, name, options, calls)                                                         \
    ", {\"module\": \"keras.layers\", \"class_name\": \"" class                                    \
        "\", \"name\": \"" name "\", \"config\": {\"name\": \"" name                               \
        "\", \"trainable\": true" options "}, \"inbound_nodes\": [" calls "]}"
/* An operation, as archives have it; files of .h5 have no module. */
#define OPERATION(class, name, options, arguments)                                                 \
    ", {\"module\": \"keras.src.ops.numpy\", \"class_name\": \"" class                             \
        "\", \"name\": \"" name "\", \"config\": {\"name\": \"" name "\"" options                  \
        "}, \"inbound_nodes\": [" CALL(arguments, "") "]}"
#define OPERATION_H5(class, name, options, arguments)                                              \
    ", {\"class_name\": \"" class "\", \"name\": \"" name "\", \"config\": {\"name\": \"" name     \
                                  "\"" options "}, \"inbound_nodes\": [" CALL(arguments, "") "]}"
#define CALL(arguments, named) "{\"args\": [" arguments "], \"kwargs\": {" named "}}"
#define TENSOR(layer)                                                                              \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"keras_history\": [\"" layer "\", 0, 0]}}"
#define MASK(layer) "\"mask\": " TENSOR(layer)

/* x [6, 3], its maskings `two` and `one`, what computes their masks, and what follows them. */
#define TWO LAYER("Masking", "two", ", \"mask_value\": 2.0", CALL(TENSOR("x"), ""))
#define ONE LAYER("Masking", "one", ", \"mask_value\": 1.0", CALL(TENSOR("x"), ""))
#define ANY_TWO                                                                                    \
    OPERATION("NotEqual", "unequal", "", TENSOR("x") ", 2.0")                                      \
    OPERATION("Any", "any", ", \"axis\": -1, \"keepdims\": false", TENSOR("unequal"))
#define ANY_ONE                                                                                    \
    OPERATION("NotEqual", "unequal_1", "", TENSOR("x") ", 1.0")                                    \
    OPERATION("Any", "any_1", ", \"axis\": -1, \"keepdims\": false", TENSOR("unequal_1"))
#define GRAPH_OF(shape, layers, end)                                                               \
    "{\"class_name\": \"Functional\", \"config\": {\"name\": \"net\", \"layers\": "                \
    "[{\"class_name\": \"InputLayer\", \"name\": \"x\", \"config\": {\"name\": \"x\", "            \
    "\"batch_shape\": [null, " shape "]}, \"inbound_nodes\": []}" layers                           \
    "], \"input_layers\": [[\"x\", 0, 0]], \"output_layers\": [[\"" end "\", 0, 0]]}}"
#define GRAPH(layers)     GRAPH_OF("6, 3", layers, "end")
#define POOL(from, named) LAYER("GlobalAveragePooling1D", "end", "", CALL(TENSOR(from), named))
#define LSTM(name, from, more, named)                                                              \
    LAYER("LSTM", name, ", \"units\": 3" more, CALL(TENSOR(from), named))

static ls_status read_graph(struct ls_model **model, const char *json)
{
    struct ls_tree *config = json_tree(json);
    ls_status status = ls_model_from_keras(model, config);
    ls_tree_free(config);
    return status;
}

static const struct ls_graph_call *last_call(const struct ls_model *model)
{
    return &model->call[model->output[0].call];
}

/* Masks that are the inputs' own: the last layer gets one, and no operation becomes a layer. */
static void masks_of_inputs_are_passed_over(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        size_t parts;
    } cases[] = {
        {GRAPH(TWO ANY_TWO POOL("two", MASK("any"))), 3},
        {GRAPH(TWO ANY_TWO POOL("two", "\"mask\": [" TENSOR("any") "]")), 3},
        /* as .h5 files have it, of an Embedding */
        {GRAPH_OF(
             "6",
             LAYER("Embedding", "two", ", \"input_dim\": 4, \"output_dim\": 2, \"mask_zero\": true",
                   CALL(TENSOR("x"), "")) OPERATION_H5("NotEqual", "unequal", "", TENSOR("x") ", 0")
                 POOL("two", MASK("unequal")),
             "end"),
         3},
        /* through layers */
        {GRAPH(TWO ANY_TWO LSTM("rnn", "two", ", \"return_sequences\": true",
                                "\"training\": false, " MASK("any"))
                   LAYER("Dense", "dense", ", \"units\": 2", CALL(TENSOR("rnn"), ""))
                       POOL("dense", MASK("any"))),
         5},
        /* joined by a merge */
        {GRAPH(TWO ONE ANY_TWO ANY_ONE OPERATION("LogicalOr", "or", "",
                                                 TENSOR("any") ", " TENSOR("any_1"))
                   LAYER("Add", "add", "", CALL("[" TENSOR("two") ", " TENSOR("one") "]", ""))
                       POOL("add", MASK("or"))),
         5},
        /* one behind the other; the Concatenate of the masks is no layer */
        {GRAPH(TWO ONE ANY_TWO ANY_ONE OPERATION_H5("ExpandDims", "wide", ", \"axis\": -1",
                                                    TENSOR("any"))
                   OPERATION_H5("ExpandDims", "wide_1", ", \"axis\": -1", TENSOR("any_1"))
                       OPERATION_H5("ZerosLike", "zeros", "", TENSOR("two"))
                           OPERATION_H5("LogicalOr", "or", "", TENSOR("wide") ", " TENSOR("zeros"))
                               OPERATION_H5("Concatenate", "masks", ", \"axis\": 1",
                                            "[" TENSOR("or") ", " TENSOR("wide_1") "]")
                                   OPERATION_H5("Any", "whole", ", \"axis\": -1", TENSOR("masks"))
                                       LAYER("Concatenate", "join", ", \"axis\": 1",
                                             CALL("[" TENSOR("two") ", " TENSOR("one") "]", ""))
                                           POOL("join", MASK("whole"))),
         5},
        /* of a query */
        {GRAPH(TWO ONE ANY_TWO OPERATION("ConvertToTensor", "tensor", "", TENSOR("any")) LAYER(
             "Attention", "look", "", CALL("[" TENSOR("two") ", " TENSOR("one") "]", ""))
                   POOL("look", MASK("tensor"))),
         5},
        /* null in a file: found when the call runs */
        {GRAPH(TWO POOL("two", "\"mask\": null")), 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_model *model;
        if (read_graph(&model, cases[i].json) != LS_OK)
            fail_msg("case %zu: %s", i, ls_message());
        if (model->parts != cases[i].parts || last_call(model)->shapes.masks != 1)
            fail_msg("case %zu: %zu parts, %zu masks; expected %zu and 1", i, model->parts,
                     last_call(model)->shapes.masks, cases[i].parts);
        ls_model_free(model);
    }
}

static void other_masks_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *place, *input;
    } cases[] = {
        /* the input has none, or another one */
        {GRAPH(ANY_TWO POOL("x", MASK("any"))), "[3]", "x"},
        {GRAPH(TWO ANY_ONE POOL("two", MASK("any_1"))), "[4]", "two"},
        {GRAPH(TWO POOL("two", MASK("x"))), "[2]", "two"},
        {GRAPH(TWO ANY_TWO LAYER("Permute", "turn", ", \"dims\": [1, 2]", CALL(TENSOR("two"), ""))
                   POOL("turn", MASK("any"))),
         "[5]", "turn"},
        {GRAPH(TWO ANY_TWO LAYER("Add", "add", "", CALL("[" TENSOR("two") ", " TENSOR("x") "]", ""))
                   POOL("add", MASK("any"))),
         "[5]", "add"},
        /* joined otherwise */
        {GRAPH(TWO ONE ANY_TWO ANY_ONE OPERATION("LogicalAnd", "and", "",
                                                 TENSOR("any") ", " TENSOR("any_1"))
                   LAYER("Add", "add", "", CALL("[" TENSOR("two") ", " TENSOR("one") "]", ""))
                       POOL("add", MASK("and"))),
         "[9]", "add"},
        {GRAPH(TWO OPERATION("NotEqual", "unequal", "", TENSOR("x") ", 2.0") OPERATION(
             "Any", "any", ", \"axis\": 1", TENSOR("unequal")) POOL("two", MASK("any"))),
         "[4]", "two"},
        /* one that leads to itself */
        {GRAPH(TWO OPERATION("LogicalOr", "or", "", TENSOR("or") ", " TENSOR("or"))
                   POOL("two", MASK("or"))),
         "[3]", "two"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_model *model;
        char expected[256];
        snprintf(expected, sizeof expected,
                 "net.json: layers%s inbound_nodes[0] kwargs mask: the mask of a call must be the "
                 "one that its input '%s' has by itself, of an Embedding or a Masking: another one "
                 "is not known here",
                 cases[i].place, cases[i].input);
        assert_int_equal(read_graph(&model, cases[i].json), LS_BAD_INPUT);
        assert_string_equal(ls_message(), expected);
    }
}

static void assert_refused(const char *json, const char *message)
{
    struct ls_model *model;
    assert_int_equal(read_graph(&model, json), LS_BAD_INPUT);
    assert_string_equal(ls_message(), message);
}

static void masks_for_other_ends_are_refused(void **state)
{
    (void)state;
    assert_refused(GRAPH(ANY_TWO ", {\"name\": \"two\", \"config\": {}, \"inbound_nodes\": [" CALL(
                       TENSOR("x"), "") "]}" POOL("two", MASK("any"))),
                   "net.json: layers[3]: expected a layer with class_name and config");
    assert_refused(GRAPH(TWO ANY_TWO LSTM("rnn", "two", "", MASK("any"))
                             LAYER("Concatenate", "end", "",
                                   CALL("[" TENSOR("rnn") ", " TENSOR("any") "]", ""))),
                   "net.json: layers[5] inbound_nodes[0] args[0][1] __keras_tensor__ "
                   "keras_history: 'any' computes the mask of a call: nothing else can be done "
                   "with it here");
    assert_refused(
        GRAPH(TWO ANY_TWO LSTM("rnn", "two", ", \"return_state\": true", MASK("any"))
                  LSTM("end", "two", "",
                       "\"initial_state\": [" TENSOR("rnn") ", " TENSOR("rnn") "], " MASK("any"))),
        "net.json: layers[5] inbound_nodes[0] kwargs mask: a mask beside other "
        "arguments of a call is not known here");
    assert_refused(
        GRAPH(TWO ANY_TWO LAYER("Add", "end", "",
                                CALL("[" TENSOR("two") ", " TENSOR("two") "]", MASK("any")))),
        "net.json: layers[4] inbound_nodes[0] kwargs mask: a mask beside other arguments of a call "
        "is not known here");
}

/* What Keras does: the mask goes on, but the layer itself does not see it. */
static void calls_with_states_get_no_mask(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model:\n"
                                        "  inputs: {x: {shape: [4, 3]}}\n"
                                        "  layers:\n"
                                        "    - Masking: {name: two}\n"
                                        "    - GRU: {units: 3, return_state: true, name: first}\n"
                                        "    - GRU: {units: 3, return_sequences: true, name: "
                                        "second}\n"
                                        "      from: [two, 'first:1']\n"
                                        "    - GlobalAveragePooling1D: {}\n");
    const struct ls_graph_call *end = last_call(model);
    const struct ls_graph_call *second = &model->call[end->in[0].call];
    const struct ls_graph_call *first = &model->call[second->in[1].call];
    assert_int_equal(first->shapes.masks, 1);
    assert_int_equal(second->shapes.masks, 0);
    assert_int_equal(end->shapes.masks, 1);
    ls_model_free(model);
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    (void)state;
    struct ls_model *model = NULL;
    struct ls_tree *config = json_tree(GRAPH(
        TWO ONE ANY_TWO ANY_ONE OPERATION("LogicalOr", "or", "", TENSOR("any") ", " TENSOR("any_1"))
            LAYER("Add", "add", "", CALL("[" TENSOR("two") ", " TENSOR("one") "]", ""))
                POOL("add", MASK("or"))));
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = ls_model_from_keras(&model, config);
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED);
    }
    ls_tree_free(config);
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(masks_of_inputs_are_passed_over),
        leak_checked_test(other_masks_are_refused),
        leak_checked_test(masks_for_other_ends_are_refused),
        leak_checked_test(calls_with_states_get_no_mask),
        leak_checked_test(memory_that_runs_out_leaves_nothing),
    };
    return cmocka_run_group_tests_name("masks in Keras' graphs", tests, start_kernels, NULL);
}
