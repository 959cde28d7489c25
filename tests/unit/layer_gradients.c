/* Every layer of the registry, by its examples: gradients against finite differences, and what its
 * flags promise the plan. */
#include "layer_harness.h"

/* sum over i of grad[i] (high[i] - low[i]) */
static double change(const struct harness *h, const float *high, const float *low)
{
    double sum = 0;
    for (size_t i = 0; i < h->grad_size; i++)
        sum += (double)h->out_grad[i] * ((double)high[i] - (double)low[i]);
    return sum;
}

static void result_at(struct harness *h, float *place, double value, float *out)
{
    *place = (float)value;
    harness_run(h, (struct tensors){.in = h->in, .out = out});
}

/* The slope at *place by four points, from steps that float32 represents. */
static double slope(struct harness *h, float *place, double step)
{
    float *out[4], at = *place;
    double x[4], penalty[4], sum = 0;
    static const double shift[4] = {-2, -1, 1, 2};
    for (int i = 0; i < 4; i++) {
        out[i] = harness_floats(h->out_size);
        x[i] = (double)(float)(at + shift[i] * step);
        result_at(h, place, x[i], out[i]);
        penalty[i] = h->penalty;
    }
    *place = at;
    sum = 4.0 / 3 * (change(h, out[2], out[1]) + penalty[2] - penalty[1]) / (x[2] - x[1]) -
          1.0 / 3 * (change(h, out[3], out[0]) + penalty[3] - penalty[0]) / (x[3] - x[0]);
    for (int i = 0; i < 4; i++)
        free(out[i]);
    return sum;
}

struct checked {
    size_t all, kinks;
};

/* Where two step sizes disagree there is a kink, and no slope to compare with. */
static struct checked check_slopes(struct harness *h, float *values, const float *grad, size_t n,
                                   const char *what)
{
    static const double relative = 3e-3;
    struct checked checked = {0};
    double scale = 1;
    for (size_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(values[i]));
    for (size_t i = 0; i < n; i++) {
        double wide = slope(h, &values[i], 0.02 * scale),
               narrow = slope(h, &values[i], 0.012 * scale);
        double tolerance = relative * (fabs(wide) + 1 / scale);
        checked.all++;
        if (fabs(wide - narrow) > tolerance)
            checked.kinks++;
        else if (!(fabs(wide - grad[i]) <= 2 * tolerance))
            fail_msg("%s[%zu]: gradient %.7g, by differences %.7g", what, i, grad[i], wide);
    }
    return checked;
}

static void compare(const float *found, const float *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&found[i], &wanted[i], sizeof *found) != 0)
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, found[i], wanted[i]);
}

/* With accumulate the same gradient is added to what was there. */
static void check_accumulate(struct harness *h, const char *title)
{
    char what[512];
    for (size_t v = 0; v < h->layer.variables; v++) {
        size_t n = (size_t)ls_shape_count(&h->layer.variable[v].shape);
        float *once = harness_floats(n);
        if (h->layer.variable[v].trainable) {
            memcpy(once, h->weight_grad[v], n * sizeof *once);
            for (size_t i = 0; i < n; i++)
                h->weight_grad[v][i] = 10 + (float)i;
            harness_backward(h, true);
            for (size_t i = 0; i < n; i++) {
                snprintf(what, sizeof what, "%s %s[%zu]", title, h->layer.variable[v].name, i);
                double wanted = 10 + (double)i + once[i];
                if (fabs(h->weight_grad[v][i] - wanted) > 1e-5 * fabs(wanted))
                    fail_msg("%s: accumulated %.9g, expected %.9g", what, h->weight_grad[v][i],
                             wanted);
            }
            harness_backward(h, false);
        }
        free(once);
    }
}

static size_t variable_count(const struct harness *h, size_t v)
{
    return (size_t)ls_shape_count(&h->layer.variable[v].shape);
}

/* Input by input; one of whole numbers has no slope, and a gradient of 0. */
static struct checked check_inputs(struct harness *h, const float *in_grad, const char *title)
{
    char what[512];
    struct checked total = {0};
    size_t at = 0;
    for (size_t i = 0; i < h->shapes.inputs - h->shapes.masks; i++) {
        size_t n = floats_of(&h->shapes.in[i], 1, h->rows);
        snprintf(what, sizeof what, "%s input %zu", title, i);
        if (harness_integers(h, i) == 0) {
            struct checked part = check_slopes(h, h->in + at, in_grad + at, n, what);
            total.all += part.all, total.kinks += part.kinks;
        }
        for (size_t k = at; harness_integers(h, i) > 0 && k < at + n; k++)
            if (in_grad[k] != 0)
                fail_msg("%s[%zu]: gradient %.7g, expected 0", what, k - at, in_grad[k]);
        at += n;
    }
    return total;
}

static void check_gradients(struct harness *h, const char *title)
{
    char what[512];
    struct checked total, part;
    harness_forward(h);
    harness_backward(h, false);
    check_accumulate(h, title);
    float *in_grad = harness_floats(h->in_size);
    memcpy(in_grad, h->in_grad, h->in_size * sizeof *in_grad);
    total = check_inputs(h, in_grad, title);
    for (size_t v = 0; v < h->layer.variables; v++) {
        if (!h->layer.variable[v].trainable)
            continue;
        snprintf(what, sizeof what, "%s %s", title, h->layer.variable[v].name);
        part = check_slopes(h, h->weight[v], h->weight_grad[v], variable_count(h, v), what);
        total.all += part.all, total.kinks += part.kinks;
    }
    if (total.kinks * 3 > total.all)
        fail_msg("%s: %zu of %zu slopes are at kinks", title, total.kinks, total.all);
    free(in_grad);
}

/* The gradients of the inputs that are wanted are what they were; the others are not written. */
static void compare_wanted(const struct harness *h, const float *in_grad, uint32_t without,
                           const char *title)
{
    size_t at = 0;
    for (size_t i = 0; i < h->shapes.inputs; i++) {
        size_t n = floats_of(&h->shapes.in[i], 1, h->rows);
        if (harness_is_mask(h, i))
            break;
        for (size_t k = at; without >> i & 1 && k < at + n; k++)
            if (!isnan(in_grad[k]))
                fail_msg("%s: nobody wanted input %zu's gradient, found %g", title, i, in_grad[k]);
        if (!(without >> i & 1))
            compare(in_grad + at, h->in_grad + at, n, title);
        at += n;
    }
}

/* What backward does not say that it reads may be anything, but for masks; an input gradient that
 * nobody wants is not written: all, none, and of several inputs each alone and each left out. */
static void check_reads(struct harness *h, const char *title)
{
    unsigned flags = ls_layer_flags(&h->layer);
    float *in = harness_floats(h->in_size), *out = harness_floats(h->out_size);
    float *in_grad = harness_floats(h->in_size), *wanted[LS_VARIABLES_MAX] = {0};
    const uint32_t all = h->shapes.inputs == 32 ? UINT32_MAX : (1U << h->shapes.inputs) - 1;
    const size_t data = h->in_size - h->mask_size; /* masks may be read */
    if (h->mask_size)
        memcpy(in + data, h->in + data, h->mask_size * sizeof *in);
    harness_forward(h);
    harness_backward(h, false);
    for (size_t v = 0; v < h->layer.variables; v++) {
        wanted[v] = harness_floats(variable_count(h, v));
        memcpy(wanted[v], h->weight_grad[v], variable_count(h, v) * sizeof(float));
    }
    for (size_t pass = 0; pass < 2 + 2 * h->shapes.inputs; pass++) {
        uint32_t bit = pass < 2 ? 0 : 1U << (pass / 2 - 1);
        struct tensors t = {.in = flags & LS_LAYER_READS_IN ? h->in : in,
                            .out = flags & LS_LAYER_READS_OUT ? h->out : out,
                            .out_grad = h->out_grad,
                            .in_grad = in_grad,
                            .backward = true,
                            .without = pass % 2 ? all & ~bit : bit};
        poison(in_grad, h->in_size);
        harness_run(h, t);
        compare_wanted(h, in_grad, t.without, title);
        for (size_t v = 0; v < h->layer.variables; v++)
            if (h->layer.variable[v].trainable)
                compare(h->weight_grad[v], wanted[v], variable_count(h, v), title);
    }
    for (size_t v = 0; v < h->layer.variables; v++)
        free(wanted[v]);
    free(in);
    free(out);
    free(in_grad);
}

/* In place gives the same bits, forward and backward. (A layer that reads a mask has two inputs: it
 * is not asked to.) */
static void check_in_place(struct harness *h, const char *title)
{
    if (!(ls_layer_flags(&h->layer) & LS_LAYER_IN_PLACE) || h->shapes.masks > 0)
        return;
    float *both = harness_floats(h->out_size); /* and a mask after it */
    assert_int_equal(h->in_size, h->grad_size);
    harness_forward(h);
    harness_backward(h, false);
    memcpy(both, h->in, h->in_size * sizeof *both);
    harness_run(h, (struct tensors){.in = both, .out = both});
    compare(both, h->out, h->in_size, title);
    memcpy(both, h->out_grad, h->in_size * sizeof *both);
    harness_run(
        h, (struct tensors){
               .in = h->in, .out = h->out, .out_grad = both, .in_grad = both, .backward = true});
    compare(both, h->in_grad, h->in_size, title);
    free(both);
}

/* A deferred activation is left out, and its backward pass begins before it: what comes out is the
 * layer with `linear`. */
static void check_deferred(struct harness *h, const char *title)
{
    if (!h->layer.has_activation)
        return;
    struct ls_activation f = h->layer.activation;
    float *wanted = harness_floats(h->out_size), *in_grad = harness_floats(h->in_size);
    h->layer.activation = ls_activation_default(LS_ACTIVATION_LINEAR);
    harness_forward(h);
    memcpy(wanted, h->out, h->out_size * sizeof *wanted);
    harness_backward(h, false);
    memcpy(in_grad, h->in_grad, h->in_size * sizeof *in_grad);
    h->layer.activation = f;
    h->defer = true;
    harness_forward(h);
    compare(h->out, wanted, h->out_size, title);
    poison(h->out, h->out_size);
    harness_backward(h, false);
    compare(h->in_grad, in_grad, h->in_size, title);
    h->defer = false;
    free(wanted);
    free(in_grad);
}

/* No rows: gradients of weights are 0, or what they were. */
static void check_empty(struct harness *h, const char *title)
{
    harness_forward(h);
    for (int accumulate = 1; accumulate >= 0; accumulate--) {
        for (size_t v = 0; v < h->layer.variables; v++)
            for (size_t i = 0; i < variable_count(h, v); i++)
                h->weight_grad[v][i] = 3;
        harness_backward(h, accumulate);
        for (size_t v = 0; v < h->layer.variables; v++)
            for (size_t i = 0; i < variable_count(h, v); i++)
                if (h->layer.variable[v].trainable &&
                    h->weight_grad[v][i] != (accumulate ? 3.0F : 0.0F))
                    fail_msg("%s: without rows the gradient of %s is %g", title,
                             h->layer.variable[v].name, h->weight_grad[v][i]);
    }
}

/* One example of so many rows, in training or not. */
static void check_example(const struct ls_kind *kind, const struct ls_layer_example *e,
                          int64_t rows, bool training)
{
    struct harness h;
    char title[300];
    snprintf(title, sizeof title, "%s {%s} of %s, %d rows%s:", kind->name, e->options, e->input,
             (int)rows, training ? "" : ", not training");
    harness_create(&h, kind->name, e, rows);
    h.training = training;
    check_gradients(&h, title);
    check_reads(&h, title);
    check_in_place(&h, title);
    check_deferred(&h, title);
    harness_free(&h);
}

/* Layers with points do something else where they are not training. */
static void test_examples(void **state)
{
    static const int64_t rows[] = {1, HARNESS_ROWS};
    (void)state;
    FOR_EACH_KIND(kind, ls_layers)
    {
        const struct ls_layer_kind *layer = ls_layer_kind_of(kind);
        assert_non_null(layer->examples);
        assert_non_null(layer->examples[0].options);
        for (const struct ls_layer_example *e = layer->examples; e->options; e++) {
            struct harness h;
            for (size_t r = 0; layer->forward && r < 2; r++) {
                check_example(kind, e, rows[r], true);
                if (layer->forward_points > 0)
                    check_example(kind, e, rows[r], false);
            }
            harness_create(&h, kind->name, e, 0);
            if (layer->forward)
                check_empty(&h, kind->name);
            else
                assert_true(layer->flags & (LS_LAYER_VIEW | LS_LAYER_INPUT));
            harness_free(&h);
        }
    }
}

/* Row r of the tensors that lie one after the other in `all`. */
static void take_row(float *one, const float *all, const struct ls_shape *shapes, size_t count,
                     size_t r)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = floats_of(&shapes[i], 1, 1);
        memcpy(one, all + r * n, n * sizeof *one);
        one += n;
        all += HARNESS_ROWS * n;
    }
}

static void check_rows(const char *kind, const struct ls_layer_example *e)
{
    struct harness all, one;
    harness_create(&all, kind, e, HARNESS_ROWS);
    harness_create(&one, kind, e, 1);
    float *wanted = harness_floats(one.out_size);
    all.training = one.training = all.layer.kind->forward_points == 0;
    harness_forward(&all);
    for (size_t r = 0; r < HARNESS_ROWS; r++) {
        take_row(one.in, all.in, one.shapes.in, one.shapes.inputs, r);
        take_row(wanted, all.out, one.shapes.out, one.shapes.outputs, r);
        one.samples[0] = all.samples[r];
        harness_forward(&one);
        for (size_t i = 0; i < one.out_size; i++)
            if (fabsf(one.out[i] - wanted[i]) > 1e-5F * (1 + fabsf(wanted[i])))
                fail_msg("%s {%s} row %zu alone: %.9g, among others %.9g", kind, e->options, r,
                         one.out[i], wanted[i]);
    }
    free(wanted);
    harness_free(&all);
    harness_free(&one);
}

/* Each row's result depends on that row alone, so that a slice of a batch is a batch; in training
 * but for what layers learn of the others at points. */
static void test_rows_are_independent(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_layers)
    {
        const struct ls_layer_kind *layer = ls_layer_kind_of(kind);
        for (const struct ls_layer_example *e = layer->examples; layer->forward && e->options; e++)
            check_rows(kind->name, e);
    }
}

/* Checkpoints know the variables of a layer by their names. */
static void test_variables_have_names(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_layers)
    {
        const struct ls_layer_kind *layer = ls_layer_kind_of(kind);
        for (const struct ls_layer_example *e = layer->examples; e->options; e++) {
            struct harness h;
            NEED(harness_try(&h, kind->name, e->options, e->input));
            for (size_t v = 0; v < h.layer.variables; v++)
                for (size_t other = 0; other < v; other++)
                    if (strcmp(h.layer.variable[v].name, h.layer.variable[other].name) == 0)
                        fail_msg("%s {%s}: variables %zu and %zu are both '%s'", kind->name,
                                 e->options, other, v, h.layer.variable[v].name);
            harness_free(&h);
        }
    }
}

/* Options written as a Keras config and read again are the same. */
static void test_config_round_trip(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_layers)
    {
        const struct ls_layer_kind *layer = ls_layer_kind_of(kind);
        for (const struct ls_layer_example *e = layer->examples; e->options; e++) {
            struct harness h;
            struct ls_text first = {0}, second = {0};
            for (int pass = 0; pass < 2; pass++) {
                struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
                if (pass == 0) {
                    NEED(harness_try(&h, kind->name, e->options, e->input));
                } else {
                    struct ls_tree *read;
                    NEED(ls_tree_parse_json(&read, first.data, first.length, NULL));
                    if (layer->read)
                        NEED(layer->read(read));
                    ls_instance_release(&h.instance);
                    NEED(ls_instance_create(&h.instance, kind, read, NULL));
                    h.layer.options = h.instance.options;
                    ls_tree_free(read);
                }
                NEED(ls_instance_write(&h.instance, config));
                if (layer->write)
                    NEED(layer->write(&h.layer, config));
                ls_tree_format_json(pass == 0 ? &first : &second, config);
                ls_tree_free(config);
            }
            assert_string_equal(first.data, second.data);
            ls_text_release(&first);
            ls_text_release(&second);
            harness_free(&h);
        }
    }
}

/* -- a plugin's layer of several inputs, which leaves something for backward: out = w (a + b)^2 */

static ls_status square_shape(struct ls_custom_layer_shapes *shapes)
{
    shapes->weight[0] = (struct ls_custom_shape){.rank = 0};
    shapes->saved_floats = ls_custom_count(&shapes->output);
    return LS_OK;
}

static void square_forward(const struct ls_custom_layer_call *call)
{
    size_t n = (size_t)call->rows * ls_custom_count(call->output_shape);
    for (size_t i = 0; i < n; i++) {
        call->saved[i] = call->input[0][i] + call->input[1][i];
        call->output[i] = call->weight[0][0] * call->saved[i] * call->saved[i];
    }
}

static void square_backward(const struct ls_custom_layer_call *call)
{
    size_t n = (size_t)call->rows * ls_custom_count(call->output_shape);
    for (size_t i = 0; i < n; i++) {
        float gradient = call->output_gradient[i], sum = call->saved[i];
        call->weight_gradient[0][0] += gradient * sum * sum;
        for (int k = 0; k < 2; k++)
            if (call->input_gradient[k])
                call->input_gradient[k][i] = 2 * gradient * call->weight[0][0] * sum;
    }
}

static const struct ls_custom_layer square = {
    .kind = {.name = "SquareOfSum"},
    .weights = (const struct ls_custom_weight[]){{"w", "ones"}, {.name = NULL}},
    .least_inputs = 2,
    .most_inputs = 2,
    .shape = square_shape,
    .forward = square_forward,
    .backward = square_backward,
    .example = "[[2, 3], [2, 3]]",
};
static const struct ls_plugin squares = {
    .abi = LS_PLUGIN_ABI,
    .name = "squares",
    .layers = (const struct ls_custom_layer *const[]){&square, NULL},
};

static int start(void **state)
{
    return ls_plugin_register(&squares) == LS_OK ? test_kernels(state) : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_rows_are_independent),
        cmocka_unit_test(test_config_round_trip),
        cmocka_unit_test(test_variables_have_names),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
