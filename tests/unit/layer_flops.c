/* How many operations calls have: some worked out by hand, and of every kind what all must keep. */
#include "layer_harness.h"

struct counted {
    const char *kind, *options, *input;
    struct ls_call_flops flops;
};

static const struct counted counted[] = {
    {"Dense", "units: 3", "[4]", {24, 24, 24}},
    {"Dense", "units: 5", "[2, 3]", {60, 60, 60}},
    {"Dot", "axes: [2, 1]", "[[2, 3], [3, 5]]", {60, 120, 0}},
    /* 4 steps of 2 features and 3 units; the first one's state is 0, and not multiplied */
    {"SimpleRNN", "units: 3", "[4, 2]", {48 + 54, 48, 48 + 108}},
    {"LSTM", "units: 3", "[4, 2]", {192 + 216, 192, 192 + 432}},
    {"LSTM", "units: 3", "[[4, 2], [3], [3]]", {192 + 288, 192, 192 + 576}},
    {"GRU", "units: 3", "{masked: [4, 2]}", {144 + 162, 144, 144 + 324}},
    {"TimeDistributed", "layer: {Dense: {units: 3}}", "[7, 4]", {168, 168, 168}},
    {"TimeDistributed", "layer: {Dropout: {rate: 0.5}}", "[7, 4]", {0, 0, 0}},
    {"Bidirectional", "layer: {LSTM: {units: 3}}", "[4, 2]", {816, 384, 1248}},
    {"Conv1D", "filters: 3, kernel_size: 2, padding: same", "[5, 4]", {240, 240, 240}},
    {"Conv2D", "filters: 6, kernel_size: 3, groups: 2", "[5, 6, 4]", {2592, 2592, 2592}},
};

static void test_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        const struct counted *c = &counted[i];
        struct ls_call_flops flops = {0};
        struct harness h;
        NEED(harness_try(&h, c->kind, c->options, c->input));
        h.layer.kind->flops(&h.layer, &h.shapes, &flops);
        if (memcmp(&flops, &c->flops, sizeof flops) != 0)
            fail_msg("%s: {%s} of %s: expected %g, %g, %g, found %g, %g, %g", c->kind, c->options,
                     c->input, c->flops.forward, c->flops.to_data, c->flops.to_weights,
                     flops.forward, flops.to_data, flops.to_weights);
        harness_free(&h);
    }
}

/* A product has two gradients, of as many operations each. */
static void check(const struct harness *h)
{
    struct ls_call_flops f = {0};
    h->layer.kind->flops(&h->layer, &h->shapes, &f);
    if (!(f.forward >= 0 && f.to_data >= 0 && f.to_weights >= 0) ||
        f.to_data + f.to_weights != 2 * f.forward)
        fail_msg("%s: %g forward, %g + %g backward", h->layer.kind->kind.name, f.forward, f.to_data,
                 f.to_weights);
}

static void test_all(void **state)
{
    (void)state;
    const struct ls_kind *kind;
    for (size_t i = 0; (kind = ls_registry_kind(&ls_layers, i)) != NULL; i++) {
        const struct ls_layer_kind *layer = ls_layer_kind_of(kind);
        for (size_t e = 0; layer->flops && layer->examples[e].options; e++) {
            struct harness h;
            NEED(harness_try(&h, kind->name, layer->examples[e].options, layer->examples[e].input));
            check(&h);
            harness_free(&h);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counted),
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
