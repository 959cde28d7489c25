/* Layers of attention against Keras 3.15's numbers; their declarations, configs and messages.
 * Inputs, weights and gradients are numbers that both sides make from a formula. */
#include "layer_harness.h"

/* Element i of stream s: ((37 i + 53 s) mod 101) / 50 - 1. */
static void make(float *out, size_t n, size_t stream)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((double)((i * 37 + stream * 53) % 101) / 50 - 1);
}

enum { ROWS_MAX = 2, MASKS = 24, OUT = 32, IN = 40 };

struct numbers {
    const char *options, *input;
    int rows;
    float masks[MASKS]; /* the inputs' end: an attention_mask, and those of the inputs */
    float out[OUT];
    float in_grad[IN];
    float weight_grad[LS_VARIABLES_MAX]; /* of each weight, the sum times stream 200 + its number */
};

static void expect(const float *found, const float *wanted, size_t n, const struct numbers *of,
                   const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(found[i] - wanted[i]) <= 2e-6F * (1 + fabsf(wanted[i]))))
            fail_msg("{%s} of %s, %s[%zu]: %.9g, expected %.9g", of->options, of->input, what, i,
                     found[i], wanted[i]);
}

/* Inputs that are masks, all in all. */
static size_t count_masks(const struct harness *h)
{
    size_t mask = ls_layer_input_name(h->layer.kind, "attention_mask"), n = h->mask_size;
    size_t input = mask == SIZE_MAX ? SIZE_MAX : ls_call_input(&h->shapes, mask);
    return n + (input == SIZE_MAX ? 0 : floats_of(&h->shapes.in[input], 1, h->rows));
}

static void check_weights(const struct harness *h, const struct numbers *of)
{
    for (size_t v = 0; v < h->layer.variables; v++) {
        float by[64];
        double sum = 0;
        size_t n = (size_t)ls_shape_count(&h->layer.variable[v].shape);
        assert_true(n <= sizeof by / sizeof *by);
        make(by, n, 200 + v);
        for (size_t i = 0; i < n; i++)
            sum += (double)by[i] * (double)h->weight_grad[v][i];
        float found = (float)sum;
        expect(&found, &of->weight_grad[v], 1, of, h->layer.variable[v].name);
    }
}

static void check(const char *kind, const struct numbers *of)
{
    struct harness h;
    harness_create(&h, kind, &(struct ls_layer_example){of->options, of->input, 1}, of->rows);
    size_t masks = count_masks(&h);
    assert_true(masks <= MASKS && h.out_size <= OUT && h.in_size - h.mask_size <= IN);
    h.training = false;
    make(h.in, h.in_size - masks, 1);
    memcpy(h.in + h.in_size - masks, of->masks, masks * sizeof *h.in);
    make(h.out_grad, h.out_size, 2);
    for (size_t v = 0; v < h.layer.variables; v++)
        make(h.weight[v], (size_t)ls_shape_count(&h.layer.variable[v].shape), 100 + v);
    harness_forward(&h);
    expect(h.out, of->out, h.out_size, of, "result");
    harness_backward(&h, false);
    expect(h.in_grad, of->in_grad, h.in_size - masks, of, "gradient");
    check_weights(&h, of);
    harness_free(&h);
}

static const struct numbers heads[] = {
    {"num_heads: 2, key_dim: 2",
     "[[3, 2], [3, 2], {call: {use_causal_mask: true}}]",
     1,
     {0},
     {-0.767928, 0.198336, -2.241957, 0.04057946, -1.897934, 0.1156381},
     {0, 0, -0.02174463, 0.09934317, 0.1015847, -0.1847773, -0.2472442, 0.8584993, 0.1190492,
      -0.5987207, 0.00283505, 0.1028132},
     {-0.2763183, 0.07984005, 0.09586436, 1.510605e-08, 0.893413, -0.12536, 0.425567, -0.1528}},
    {"num_heads: 2, key_dim: 2, value_dim: 1, output_shape: [2, 1], use_bias: false",
     "[{masked: [2, 2]}, {masked: [3, 1]}, {masked: [3, 2]}]",
     2,
     {1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1},
     {-0.0328, 0.045568, -0.005466659, 0.007594657, 0.07495542, -0.1128055, 0.05616607, -0.0938602},
     {0,           0,           0,           0,          0.001446665, -0.02749027, 0.002572355,
      -0.02826453, -0.06569064, 0.2121733,   0.2121733,  0,           -0.3584595,  -0.4111325,
      0,           0,           0,           0,          0,           0,           0,
      0,           0.1420916,   -0.08004692, -0.1420916, 0.08004693},
     {-0.03730611, 0.02969782, 0.006169893, 0.06377503}},
    {"num_heads: 2, key_dim: 1",
     "[[2, 2], {masked: [3, 2]}, {attention_mask: [2, 3]}, {call: {return_attention_scores: true}}]",
     1,
     {1, 0, 1, 0, 0, 1, 1, 1, 0},
     {-1.045712, -0.153568, -0.7, 0.04, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0},
     {0, 0, 0, 0, 0.09752001, 0.213944, 0, 0, 0, 0},
     {0, 0, 0, 0, 0.425008, 0.09752001, -0.7707417, -0.9432}},
    {"num_heads: 1, key_dim: 2",
     "[[2, 2, 1], [2, 1, 1]]",
     1,
     {0},
     {-0.6927489, -0.5805635, -0.7723084, -0.66254},
     {-0.1353296, -0.02417333, 0.0832125, -0.1061174, -0.5691105, -0.5419776},
     {0.03965908, -0.1824079, -0.3250537, 0, 0.1715744, -1.111088, -0.6801929, -0.3068}},
    {"num_heads: 2, key_dim: 1, dropout: 0.5",
     "[{masked: [2, 1]}, [3, 1], {attention_mask: [2, 1, 3]}, {call: {use_causal_mask: true}}]",
     1,
     {1, 0, 1, 1, 1, 0, 1, 1},
     {-1.419968, -1.057475},
     {0, -0.01095302, -0.9133757, -0.08472029, 0},
     {0.004506385, -0.01095302, 0.001525599, 0, -0.1901563, -0.9980959, -0.7713376, -0.2756}},
    {"num_heads: 1, key_dim: 1, sliding_window: 2",
     "[[4, 1], [4, 1]]",
     1,
     {0},
     {-0.8940483, -0.8923484, -0.9175465, -0.9165205},
     {3.675015e-05, 4.420842e-06, -1.583687e-05, 2.85827e-05, -0.01933352, -0.01447113,
      -0.008215167, -0.007068174},
     {-0.0004778224, 5.391682e-05, -0.02281189, 1.145527e-09, 0.08231286, -0.049088, -0.7101742,
      -0.3068}},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        check("MultiHeadAttention", &heads[i]);
}

static const struct numbers attention[] = {
    {"{}",
     "[[2, 2], [3, 2]]",
     1,
     {0},
     {0.3124614, 0.1428927, 0.3153053, 0.04959255},
     {-0.1625785, 0.1377688, 0.2574152, -0.4085276, -0.1927435, -0.2918406, -0.09090587, -0.1619528,
      -0.03635055, -0.4062066},
     {0}},
    {"use_scale: true",
     "[{masked: [2, 2]}, {masked: [3, 3]}, [3, 2], {call: {return_attention_scores: true}}]",
     1,
     {1, 0, 1, 1, 0},
     {0.08154815, -0.1790712, 0.5609288, 0, 0, 0, 0.4953561, 0.5046439, 0, 0.501188, 0.498812, 0},
     {0.01329365, 0.01329365, 0.003995977, 0.003995977, -0.4458205, -0.07925697, 0.2873065,
      -0.4541795, -0.08074301, 0.2926934, 0, 0, 0, -0.002074907, 0.02161829, 0.002074907,
      -0.02161829, 0, 0},
     {-0.2427288}},
    {"score_mode: concat, use_scale: true",
     "[[3, 2], [3, 2], {call: {use_causal_mask: true}}]",
     1,
     {0},
     {0.46, -0.82, 0.1849269, -0.06609575, -0.07901223, -0.005065775},
     {0, 0, 6.757677e-06, 1.148507e-05, 1.771958e-05, 1.397869e-05, -0.5968443, -0.2408379,
      0.3027574, -0.09589452, 0.01411144, 0.2567578},
     {0.1405231, -0.0002451944}},
    {"score_mode: concat",
     "[[2, 1], [3, 2], [3, 1]]",
     2,
     {0},
     {0.4567524, -0.1357633, 0.4564977, -0.1383725, 0.1810273, -0.4222993, 0.1830153, -0.4238322},
     {0.001990994, 0.006212817, -0.002258563, -0.002334058, -0.1079335,  -0.2863731,
      -0.102482,   -0.2817514,  -0.1095844,   -0.2918754,   -0.1532224,  0.3412682,
      -0.1501771,  0.3324391,   -0.1566005,   0.3462927,    0.002065079, -0.002571927,
      0.008710658, -0.01081834, 0.001551648,  0.004674076},
     {0.1797954}},
    {"dropout: 0.0",
     "[[2, 2], {masked: [3, 2]}, {call: {use_causal_mask: true}}]",
     1,
     {0, 1, 1},
     {0.46, -0.1466667, 0.46, -0.82},
     {-0.147888, 0.09244712, 0, 0, -0.3092933, -0.1772444, 0.2821546, -0.7246044, -0.2928613,
      0.0418489},
     {0}},
};

static const struct numbers additive[] = {
    {"{}",
     "[[2, 3], {masked: [3, 2]}, {masked: [3, 3]}]",
     1,
     {1, 0, 1, 1, 1, 0},
     {-0.08745325, -0.3435129, -0.07874226, -0.3510947},
     {-0.001328,   -0.04233075, 0.003607698, 0.005633545, 0.0660661,   -0.03156781,   -0.1531135,
      -0.429711,   0,           0,           -0.1668865,  -0.430289,   -0.0005815076, 0.03852563,
      -0.06982792, 0,           0,           0,           0.004887052, -0.01479028,   0.04186781},
     {0.1141066}},
    {"use_scale: false",
     "[[2, 2], [3, 2], {call: {use_causal_mask: true, return_attention_scores: true}}]",
     1,
     {0},
     {1, -0.28, 0.853246, -0.4267541, 1, 0, 0, 0.7282333, 0.2717668, 0},
     {0, 0, 0.03628303, -0.0410365, -0.6005557, -0.8289772, 0.3168387, -0.07205923, 0, 0},
     {0}},
};

static void test_attention(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attention / sizeof *attention; i++)
        check("Attention", &attention[i]);
    for (size_t i = 0; i < sizeof additive / sizeof *additive; i++)
        check("AdditiveAttention", &additive[i]);
}

static void expect_config(const char *kind, const char *json, const char *wanted)
{
    const struct ls_layer_kind *layer = ls_layer_kind_of(ls_kind_find(&ls_layers, kind));
    struct ls_tree *config, *written = ls_tree_new(LS_TREE_MAP);
    struct ls_text text = {0};
    struct harness h;
    NEED(ls_tree_parse_json(&config, json, strlen(json), NULL));
    if (layer->read)
        NEED(layer->read(config));
    ls_tree_format_json(&text, config);
    NEED(harness_try(&h, kind, text.data, "[[3, 2], [3, 2]]"));
    NEED(ls_instance_write(&h.instance, written));
    if (layer->write)
        NEED(layer->write(&h.layer, written));
    ls_text_release(&text);
    ls_tree_format_json(&text, written);
    assert_string_equal(text.data, wanted);
    ls_text_release(&text);
    ls_tree_free(config);
    ls_tree_free(written);
    harness_free(&h);
}

/* What Keras 3.15 and Keras 2.15 write. */
static void test_configs(void **state)
{
    static const char wanted[] =
        "{\"num_heads\": 3, \"key_dim\": 4, \"value_dim\": 4, \"dropout\": 0.0, "
        "\"use_bias\": true, \"output_shape\": null, \"attention_axes\": [1], "
        "\"kernel_initializer\": {\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": "
        "null}}, \"bias_initializer\": {\"class_name\": \"Zeros\", \"config\": {}}, "
        "\"kernel_regularizer\": null, \"bias_regularizer\": null, \"activity_regularizer\": "
        "null, \"kernel_constraint\": null, \"bias_constraint\": null}";
    (void)state;
    expect_config(
        "MultiHeadAttention",
        "{\"num_heads\": 3, \"key_dim\": 4, \"value_dim\": 4, \"dropout\": 0.0, "
        "\"use_bias\": true, \"use_gate\": false, \"output_shape\": null, "
        "\"attention_axes\": [1], \"sliding_window\": null, \"kernel_initializer\": "
        "{\"module\": \"keras.initializers\", \"class_name\": \"GlorotUniform\", \"config\": "
        "{\"seed\": null, \"input_axes\": null, \"output_axes\": null}, "
        "\"registered_name\": null}, \"bias_initializer\": {\"module\": "
        "\"keras.initializers\", \"class_name\": \"Zeros\", \"config\": {}, "
        "\"registered_name\": null}, \"kernel_regularizer\": null, \"bias_regularizer\": null, "
        "\"activity_regularizer\": null, \"kernel_constraint\": null, \"bias_constraint\": "
        "null, \"seed\": null}",
        wanted);
    expect_config(
        "MultiHeadAttention",
        "{\"num_heads\": 3, \"key_dim\": 4, \"value_dim\": 4, \"dropout\": 0.0, "
        "\"use_bias\": true, \"output_shape\": null, \"attention_axes\": [1], "
        "\"kernel_initializer\": {\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": "
        "null}}, \"bias_initializer\": {\"class_name\": \"Zeros\", \"config\": {}}, "
        "\"kernel_regularizer\": null, \"bias_regularizer\": null, \"activity_regularizer\": "
        "null, \"kernel_constraint\": null, \"bias_constraint\": null, \"query_shape\": [null, "
        "3, 2], \"key_shape\": [null, 3, 2], \"value_shape\": [null, 3, 2]}",
        wanted);
    expect_config("Attention",
                  "{\"use_scale\": true, \"score_mode\": \"concat\", \"dropout\": 0.5, "
                  "\"seed\": null}",
                  "{\"use_scale\": true, \"score_mode\": \"concat\", \"dropout\": 0.5}");
    expect_config("AdditiveAttention", "{\"use_scale\": false, \"dropout\": 0.0, \"seed\": 3}",
                  "{\"use_scale\": false, \"dropout\": 0.0, \"seed\": 3}");
}

static void refuse(const char *kind, const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, kind, options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("%s {%s} of %s: status %d, expected: %s", kind, options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

static void test_attention_refused(void **state)
{
    (void)state;
    refuse("Attention", "{}", "[3, 2]", "it (Attention): it takes at least 2 inputs, not 1");
    refuse("Attention", "score_mode: product", "[[3, 2], [3, 2]]",
           "score_mode: must be one of dot, concat; found 'product'");
    refuse("Attention", "{}", "[[3, 2], [4, 3]]",
           "it (Attention): expected queries (None, positions, features), values (None, others, "
           "any) and keys (None, others, features); found (None, 3, 2), (None, 4, 3)");
    refuse("AdditiveAttention", "{}", "[[3, 2], [4, 2], [5, 2]]",
           "it (AdditiveAttention): expected queries (None, positions, features), values (None, "
           "others, any) and keys (None, others, features); found (None, 3, 2), (None, 4, 2), "
           "(None, 5, 2)");
}

static void test_attention_declares(void **state)
{
    struct harness h;
    float value;
    (void)state;
    NEED(harness_try(&h, "Attention", "use_scale: true, score_mode: concat", "[[3, 2], [4, 2]]"));
    assert_int_equal(h.layer.variables, 2);
    assert_string_equal(h.layer.variable[0].name, "scale");
    assert_string_equal(h.layer.variable[1].name, "concat_score_weight");
    for (int v = 0; v < 2; v++) {
        assert_int_equal(h.layer.variable[v].shape.rank, 0);
        NEED(ls_initialize(h.layer.variable[v].initializer, &value, &h.layer.variable[v].shape, 1,
                           0));
        assert_true(value == 1);
    }
    harness_free(&h);
    NEED(harness_try(&h, "AdditiveAttention", "{}", "[[3, 2], [4, 2]]"));
    assert_int_equal(h.layer.variables, 1);
    assert_int_equal(h.layer.variable[0].shape.size[0], 2);
    assert_string_equal(h.layer.variable[0].initializer->kind->name, "GlorotUniform");
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_configs),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_attention_refused),
        cmocka_unit_test(test_attention_declares),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
