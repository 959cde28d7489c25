/* What is no plugin: kinds, names and options that will not do. Nothing of it is known then, and no
 * memory is kept. */
#include "unit/plugin_kinds.h"

#include "layer/layer.h"
#include "loss/loss.h"

/* A plugin of at most one kind of each sort. */
struct one {
    const struct ls_custom_loss *losses[3];
    const struct ls_custom_metric *metrics[2];
    const struct ls_custom_layer *layers[2];
    const struct ls_custom_callback *callbacks[2];
};

static ls_status try(const struct one *one)
{
    static struct ls_plugin plugin;
    plugin = (struct ls_plugin){.abi = LS_PLUGIN_ABI,
                                .name = "mine",
                                .losses = one->losses,
                                .metrics = one->metrics,
                                .layers = one->layers,
                                .callbacks = one->callbacks};
    return ls_plugin_register(&plugin);
}

#define LOSS(...)                                                                                  \
    .losses = {&(const struct ls_custom_loss){.compute = no_loss, .kind = {__VA_ARGS__}}}
#define METRIC(...)                                                                                \
    .metrics = {&(const struct ls_custom_metric){.state_doubles = one_double,                      \
                                                 .update = no_update,                              \
                                                 .result = no_result,                              \
                                                 .kind = {__VA_ARGS__}}}
#define LAYER(...) .layers = {&(const struct ls_custom_layer){__VA_ARGS__}}
#define OPTIONS(...)                                                                               \
    .options = (const struct ls_custom_option[])                                                   \
    {                                                                                              \
        {__VA_ARGS__},                                                                             \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }
#define WEIGHTS(...)                                                                               \
    .weights = (const struct ls_custom_weight[])                                                   \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }

static void refuse(struct one one, const char *wanted)
{
    long blocks = ls_memory_blocks();
    ls_status status = try(&one);
    if (status != LS_BAD_INPUT || strcmp(ls_message(), wanted) != 0)
        fail_msg("status %d: %s\nexpected: %s", status, ls_message(), wanted);
    assert_int_equal(ls_memory_blocks(), blocks);
}

static ls_status no_shape(struct ls_custom_layer_shapes *shapes)
{
    (void)shapes;
    return LS_OK;
}

static void test_refused_kinds(void **state)
{
    (void)state;
    refuse((struct one){.losses = {&(const struct ls_custom_loss){.kind = {.name = "Mine"}}}},
           "plugin 'mine': loss 'Mine': a loss needs the function compute");
    refuse((struct one){.metrics = {&(const struct ls_custom_metric){.kind = {.name = "Mine"},
                                                                     .update = no_update}}},
           "plugin 'mine': metric 'Mine': a metric needs the functions state_doubles, update and "
           "result");
    refuse((struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass)},
           "plugin 'mine': layer 'Mine': a layer needs the functions forward and backward");
    refuse(
        (struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass, .backward = no_pass,
                           WEIGHTS({"a", "zeros"}))},
        "plugin 'mine': layer 'Mine': a layer with weights needs the function shape, which gives "
        "them shapes");
    refuse(
        (struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass, .backward = no_pass,
                           .least_inputs = 2, .most_inputs = 1)},
        "plugin 'mine': layer 'Mine': a layer has least_inputs to most_inputs inputs, 32 at most, "
        "not 2 to 1");
    refuse(
        (struct one){.callbacks = {&(const struct ls_custom_callback){.kind = {.name = "Mine"}}}},
        "plugin 'mine': callback 'Mine': a callback needs one of the functions on_train_begin, "
        "on_epoch_begin, on_step_end, on_epoch_end, on_train_end");
}

#define NAME_RULE                                                                                  \
    "a kind's name is a capital letter, then letters and digits, at most 31, as PriceIsRight"

static void test_refused_names(void **state)
{
    (void)state;
    refuse((struct one){LOSS(.name = "mine")}, "plugin 'mine': loss 'mine': " NAME_RULE);
    refuse((struct one){LOSS(.name = NULL)}, "plugin 'mine': loss '': " NAME_RULE);
    refuse((struct one){LOSS(.name = "My>Loss")}, "plugin 'mine': loss 'My>Loss': " NAME_RULE);
    refuse((struct one){LOSS(.name = "Mse_Of_A_Name_That_Is_Quite_Long")},
           "plugin 'mine': loss 'Mse_Of_A_Name_That_Is_Quite_Long': " NAME_RULE);
    refuse((struct one){LOSS(.name = "Huber")},
           "plugin 'mine': there is a loss 'Huber' already: give it another name");
    refuse((struct one){LOSS(.name = "MSE")}, /* an alias */
           "plugin 'mine': there is a loss 'MSE' already: give it another name");
    refuse((struct one){LOSS(.name = "PriceIsRight")}, /* another plugin's */
           "plugin 'mine': there is a loss 'PriceIsRight' already: give it another name");
    refuse((struct one){LOSS(.name = "Crossentropy")},
           "plugin 'mine': loss 'Crossentropy': 'Crossentropy' stands for one of several losses: "
           "give it another name");
    refuse(
        (struct one){METRIC(.name = "Accuracy")},
        "plugin 'mine': metric 'Accuracy': 'Accuracy' stands for one of several metrics: give it "
        "another name");
    static const struct ls_custom_loss twin = {.kind = {.name = "Twin"}, .compute = no_loss};
    refuse((struct one){.losses = {&twin, &twin}},
           "plugin 'mine': there is a loss 'Twin' already: give it another name");
    refuse(
        (struct one){LAYER(.kind = {.name = "Sequential"})},
        "plugin 'mine': layer 'Sequential': 'Sequential' stands for a model: give it another name");
    assert_null(ls_kind_find(&ls_losses, "Twin"));
}

static void test_refused_options(void **state)
{
    (void)state;
    refuse((struct one){LOSS(.name = "Mine", OPTIONS(.name = "a b"))},
           "plugin 'mine': loss 'Mine': an option's name is letters, digits and _, not 'a b'");
    refuse((struct one){LOSS(.name = "Mine", OPTIONS(.name = "a", .min = 2, .max = 1))},
           "plugin 'mine': loss 'Mine': option 'a': its min is not below its max");
    refuse((struct one){LOSS(.name = "Mine", OPTIONS(.name = "a", .min = 1, .max = 2))},
           "plugin 'mine': loss 'Mine': option 'a': its initial value is out of its range");
    refuse((struct one){LOSS(.name = "Mine", OPTIONS(.name = "reduction"))},
           "plugin 'mine': loss 'Mine': there is an option 'reduction' already: give it another "
           "name");
    refuse((struct one){LAYER(.kind = {.name = "Mine", OPTIONS(.name = "trainable")},
                              .forward = no_pass, .backward = no_pass)},
           "plugin 'mine': layer 'Mine': there is an option 'trainable' already: give it another "
           "name");
    refuse((struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass, .backward = no_pass,
                              .shape = no_shape, WEIGHTS({"a", "onez"}))},
           "plugin 'mine': layer 'Mine': weight 'a': unknown initializer 'onez' (did you mean "
           "'Ones'?)");
    refuse((struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass, .backward = no_pass,
                              .shape = no_shape, WEIGHTS({"a", NULL}))},
           "plugin 'mine': layer 'Mine': weight 'a' has no initializer");
    refuse((struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass, .backward = no_pass,
                              .shape = no_shape, WEIGHTS({"a/b", "zeros"}))},
           "plugin 'mine': layer 'Mine': a weight's name is letters, digits and _, not 'a/b'");
    refuse((struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass, .backward = no_pass,
                              .shape = no_shape,
                              WEIGHTS({"a", "ones"}, {"b", "ones"}, {"c", "ones"}, {"d", "ones"},
                                      {"e", "ones"}, {"f", "ones"}, {"g", "ones"}, {"h", "ones"},
                                      {"i", "ones"}))},
           "plugin 'mine': layer 'Mine': a layer has 8 weights at most, not 9");
    refuse(
        (struct one){LAYER(.kind = {.name = "Mine"}, .forward = no_pass, .backward = no_pass,
                           .shape = no_shape, WEIGHTS({"a", "ones"}, {"a", "ones"}))},
        "plugin 'mine': layer 'Mine': there is an option 'a_initializer' already: give it another "
        "name");
}

static int start(void **state)
{
    return ls_plugin_register(&lockstep_plugin) == LS_OK ? start_alone(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_refused_kinds),
        directory_test(test_refused_names),
        directory_test(test_refused_options),
    };
    return cmocka_run_group_tests(tests, start, end_alone);
}
