/* Pooling: in every set the bits of plain scalar C. */
#include "unit/kernel_sets.h"

enum { ROWS = 2 };

static const struct ls_pool shapes[] = {
    {.in = {4, 6}, .out = {2, 3}, .size = {2, 2}, .stride = {2, 2}},
    {.in = {5, 5}, .out = {2, 2}, .size = {2, 2}, .stride = {2, 2}},
    {.in = {5, 5}, .out = {3, 3}, .size = {2, 2}, .stride = {2, 2}},
    {.in = {5, 6}, .out = {3, 4}, .size = {3, 3}, .stride = {1, 1}},
    {.in = {5, 6}, .out = {5, 6}, .size = {3, 2}, .stride = {1, 1}, .before = {1, 0}},
    {.in = {5, 6}, .out = {3, 3}, .size = {3, 3}, .stride = {2, 2}, .before = {1, 0}},
    {.in = {7, 5}, .out = {2, 2}, .size = {2, 1}, .stride = {4, 3}},
    {.in = {1, 9}, .out = {1, 3}, .size = {1, 5}, .stride = {1, 3}, .before = {0, 1}},
    {.in = {3, 3}, .out = {1, 1}, .size = {7, 7}, .stride = {7, 7}, .before = {2, 2}},
    {.in = {19, 18}, .out = {2, 1}, .size = {18, 18}, .stride = {1, 1}},
};

static size_t floats_of(const struct ls_pool *p, const size_t *sizes)
{
    return ROWS * sizes[0] * sizes[1] * p->channels;
}

/* Calls `see` for every cell inside the image of every window, in order. */
struct seen {
    size_t row, channel, window, cell; /* window, cell: places in the arrays */
    size_t index;                      /* of the cell in the window */
};
struct naive {
    const struct ls_pool *p;
    float *out, *winner, *in_grad;
    const float *in, *out_grad;
    float *count;
};

static void walk(const struct naive *n, void (*see)(const struct naive *n, const struct seen *s))
{
    const struct ls_pool *p = n->p;
    size_t window = 0;
    for (size_t row = 0; row < ROWS; row++)
        for (size_t oy = 0; oy < p->out[0]; oy++)
            for (size_t ox = 0; ox < p->out[1]; ox++)
                for (size_t c = 0; c < p->channels; c++, window++)
                    for (size_t k = 0; k < p->size[0] * p->size[1]; k++) {
                        size_t y = oy * p->stride[0] + k / p->size[1] - p->before[0];
                        size_t x = ox * p->stride[1] + k % p->size[1] - p->before[1];
                        if (y >= p->in[0] || x >= p->in[1]) /* those below 0 wrap around */
                            continue;
                        size_t cell = ((row * p->in[0] + y) * p->in[1] + x) * p->channels + c;
                        see(n, &(struct seen){row, c, window, cell, k});
                    }
}

static void see_max(const struct naive *n, const struct seen *s)
{
    float value = n->in[s->cell], *best = &n->out[s->window];
    if (n->winner[s->window] >= 0 && value <= *best)
        return;
    n->winner[s->window] = (float)s->index;
    *best = isnan(*best) ? *best : value;
}
static void see_max_grad(const struct naive *n, const struct seen *s)
{
    if (n->winner[s->window] == (float)s->index)
        n->in_grad[s->cell] += n->out_grad[s->window];
}
static void see_sum(const struct naive *n, const struct seen *s)
{
    n->out[s->window] += n->in[s->cell];
    n->count[s->window]++;
}
static void see_sum_grad(const struct naive *n, const struct seen *s)
{
    float share = n->p->mean ? 1 / n->count[s->window] : 1;
    n->in_grad[s->cell] += share * n->out_grad[s->window];
}

/* Few values, so that there are equals, and a NaN. */
static void make_ties(float *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        in[i] = roundf(in[i]);
    in[n / 2] = NAN;
}

static void check(const struct ls_pool *p, const struct naive *want)
{
    const size_t in = floats_of(p, p->in), out = floats_of(p, p->out);
    float *got_out = make_array(4, out), *got_grad = make_array(5, in),
          *winner = make_array(6, out);
    ls_k->max_pool(got_out, winner, want->in, p, ROWS);
    assert_same_bits(got_out, want->out, out, "max_pool", ls_k->name);
    for (size_t i = 0; i < out; i++) {
        float index = p->bytes ? (float)((uint8_t *)winner)[i] : winner[i];
        if (index != want->winner[i])
            fail_msg("max_pool, set %s, winner %zu of %zu channels: %g, not %g", ls_k->name, i,
                     p->channels, (double)index, (double)want->winner[i]);
    }
    ls_k->max_pool_backward(got_grad, want->out_grad, winner, p, ROWS);
    assert_same_bits(got_grad, want->in_grad, in, "max_pool_backward", ls_k->name);
    memset(got_out, 0, out * sizeof *got_out);
    ls_k->max_pool(got_out, NULL, want->in, p, ROWS);
    assert_same_bits(got_out, want->out, out, "max_pool without winners", ls_k->name);
    free_array(got_out);
    free_array(got_grad);
    free_array(winner);
}

static void check_mean(const struct ls_pool *p, const struct naive *want)
{
    const size_t in = floats_of(p, p->in), out = floats_of(p, p->out);
    float *got_out = make_array(4, out), *got_grad = make_array(5, in);
    ls_k->mean_pool(got_out, want->in, p, ROWS);
    assert_same_bits(got_out, want->out, out, "mean_pool", ls_k->name);
    ls_k->mean_pool_backward(got_grad, want->out_grad, p, ROWS);
    assert_same_bits(got_grad, want->in_grad, in, "mean_pool_backward", ls_k->name);
    free_array(got_out);
    free_array(got_grad);
}

static void clear(const struct naive *n)
{
    const size_t in = floats_of(n->p, n->p->in), out = floats_of(n->p, n->p->out);
    memset(n->in_grad, 0, in * sizeof *n->in_grad);
    memset(n->out, 0, out * sizeof *n->out);
    memset(n->count, 0, out * sizeof *n->count);
    for (size_t i = 0; i < out; i++)
        n->winner[i] = -1;
}

static void check_sets(const struct naive *n,
                       void (*one)(const struct ls_pool *p, const struct naive *want))
{
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        one(n->p, n);
    }
}

static void check_shape(const struct ls_pool *p)
{
    const size_t in = floats_of(p, p->in), out = floats_of(p, p->out);
    float *image = make_array(0, in);
    struct naive n = {.p = p,
                      .out = make_array(2, out),
                      .winner = make_array(2, out),
                      .in_grad = make_array(3, in),
                      .in = image,
                      .out_grad = make_array(1, out),
                      .count = make_array(2, out)};
    clear(&n);
    walk(&n, see_sum);
    for (size_t i = 0; i < out; i++)
        n.out[i] *= p->mean ? 1 / n.count[i] : 1;
    walk(&n, see_sum_grad);
    check_sets(&n, check_mean);
    make_ties(image, in);
    clear(&n);
    walk(&n, see_max);
    walk(&n, see_max_grad);
    check_sets(&n, check);
    free_array(image);
    free_array(n.out);
    free_array(n.winner);
    free_array(n.in_grad);
    free_array((float *)n.out_grad);
    free_array(n.count);
}

static void test_pooling(void **state)
{
    static const size_t channels[] = {1, 3, 16, 17, 39, 64, 127};
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t c = 0; c < sizeof channels / sizeof *channels; c++)
            for (int variant = 0; variant < 2; variant++) {
                struct ls_pool p = shapes[s];
                p.channels = channels[c];
                p.mean = variant;
                p.bytes = p.size[0] * p.size[1] <= 256 && variant;
                check_shape(&p);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pooling)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
