/* Every layer of the registry, by its examples: a NaN that comes to a layer comes out of it, at all
 * results that go by the number in whose place it stands. What a layer does not look at (what is
 * cropped, dropped, masked) may be NaN. */
#include "layer_harness.h"

/* Where a result goes by input i: it changes with what stands there. */
static void find_results_of(struct harness *h, size_t i, int64_t count, bool *goes_by)
{
    static const float shifts[] = {-1000, -1, -0.25F, 0.25F, 1, 1000};
    float *usual = harness_floats(h->out_size);
    const float at = h->in[i];
    harness_forward(h);
    memcpy(usual, h->out, h->out_size * sizeof *usual);
    memset(goes_by, 0, h->out_size * sizeof *goes_by);
    for (size_t s = 0; s < (count > 0 ? (size_t)count : sizeof shifts / sizeof *shifts); s++) {
        h->in[i] = count > 0 ? (float)s : at + shifts[s];
        harness_forward(h);
        for (size_t k = 0; k < h->grad_size; k++)
            goes_by[k] |= h->out[k] != usual[k];
    }
    h->in[i] = at;
    free(usual);
}

static void check_element(struct harness *h, size_t i, int64_t count, const char *title)
{
    bool *goes_by = calloc(h->out_size + 1, sizeof *goes_by);
    const float at = h->in[i];
    find_results_of(h, i, count, goes_by);
    h->in[i] = NAN;
    harness_forward(h);
    for (size_t k = 0; k < h->grad_size; k++)
        if (goes_by[k] && !isnan(h->out[k]))
            fail_msg("%s in[%zu] is NaN: out[%zu] is %g, expected NaN", title, i, k, h->out[k]);
    h->in[i] = at;
    free(goes_by);
}

static void check_example(const struct ls_kind *kind, const struct ls_layer_example *e,
                          bool training)
{
    struct harness h;
    char title[300];
    size_t at = 0;
    snprintf(title, sizeof title, "%s {%s} of %s%s:", kind->name, e->options, e->input,
             training ? "" : ", not training");
    harness_create(&h, kind->name, e, 2);
    h.training = training;
    for (size_t i = 0; i < h.shapes.inputs - h.shapes.masks; i++)
        for (size_t n = floats_of(&h.shapes.in[i], 1, h.rows); n > 0; n--)
            check_element(&h, at++, harness_integers(&h, i), title);
    harness_free(&h);
}

static void test_nan_comes_out(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_layers)
    {
        const struct ls_layer_kind *layer = ls_layer_kind_of(kind);
        for (const struct ls_layer_example *e = layer->examples; layer->forward && e->options;
             e++) {
            check_example(kind, e, true);
            check_example(kind, e, false);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nan_comes_out),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
