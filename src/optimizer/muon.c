/* Muon (Jordan et al., https://kellerjordan.github.io/posts/muon, 2024; Liu et al.,
 * arXiv:2502.16982, 2025) as Keras 3.15 computes it: the momentum of a matrix, made nearly
 * orthogonal by Newton and Schulz' iteration, is its step. What is no matrix, embeddings, and
 * layers that are excluded go by Adam. */
#include <regex.h>
#include <string.h>

#include "kernel/gemm.h"
#include "kernel/kernels.h"
#include "layer/portable.h"
#include "optimizer/optimizer.h"

struct muon {
    struct ls_optimizer_common common;
    double adam_beta_1, adam_beta_2, epsilon;
    struct ls_option_texts exclude_layers;
    double muon_a, muon_b, muon_c;
    double adam_lr_ratio, momentum;
    int64_t ns_steps;
    bool nesterov, exclude_embeddings;
    double adam_weight_decay, rms_rate; /* NaN: none */
};

#define FACTOR(field_, initial_)                                                                   \
    {                                                                                              \
        .name = #field_, .type = LS_OPTION_FLOAT, .offset = offsetof(struct muon, field_),         \
        .initial = initial_, .help = "factor of the iteration"                                     \
    }
static const struct ls_option options[] = {
    LS_OPTIMIZER_DECAY_OPTIONS("0.001", "0.004", true),
    LS_OPTIMIZER_OWN(struct muon, adam_beta_1, "0.9", true, "beta_1 of Adam"),
    LS_OPTIMIZER_OWN(struct muon, adam_beta_2, "0.999", true, "beta_2 of Adam"),
    LS_OPTIMIZER_OWN(struct muon, epsilon, "1e-07", false, "epsilon of Adam"),
    {.name = "exclude_layers",
     .type = LS_OPTION_TEXTS,
     .offset = offsetof(struct muon, exclude_layers),
     .initial = "[]",
     .nullable = true,
     .help = "patterns: what has one in its path goes by Adam"},
    FACTOR(muon_a, "3.4445"),
    FACTOR(muon_b, "-4.775"),
    FACTOR(muon_c, "2.0315"),
    LS_OPTIMIZER_OWN(struct muon, adam_lr_ratio, "1.0", false,
                     "learning rate of Adam, as part of the other"),
    {.name = "momentum",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct muon, momentum),
     .initial = "0.95",
     .min = 0,
     .max = 1,
     .help = "part of the last step that goes on"},
    {.name = "ns_steps",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct muon, ns_steps),
     .initial = "5",
     .min = 0,
     .max = 1000,
     .help = "rounds of the iteration"},
    {.name = "nesterov",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct muon, nesterov),
     .initial = "true",
     .help = "momentum looks one step ahead"},
    {.name = "exclude_embeddings",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct muon, exclude_embeddings),
     .initial = "true",
     .help = "what has `embedding` in its path goes by Adam"},
    {.name = "adam_weight_decay",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct muon, adam_weight_decay),
     .initial = "0.004",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .nullable = true,
     .help = "weight decay of what goes by Adam"},
    {.name = "rms_rate",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct muon, rms_rate),
     .initial = "0.2",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .nullable = true,
     .help = "steps as long as Adam's: times the root of the longer side"},
    {.name = NULL},
};

enum { MUON, ADAM }; /* ways */
enum { MOMENTUM, VELOCITY };

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[MOMENTUM] = "momentum";
    names[VELOCITY] = "velocity";
    return 2;
}

static bool lacks(int way, size_t slot)
{
    return way == MUON && slot == VELOCITY;
}

/* -- which variables */

/* Keras takes the patterns of Python's re; what POSIX' extended ones would understand otherwise is
 * refused, and what the C library compiles into any amount of memory or stack: counts within
 * counts, a thousand brackets. */
static bool is_known(const char *pattern)
{
    enum { LENGTH_MAX = 200 };
    regex_t compiled;
    if (strlen(pattern) > LENGTH_MAX || strpbrk(pattern, "\\{") || strstr(pattern, "(?") ||
        regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    regfree(&compiled);
    return true;
}

static ls_status check(const void *options_)
{
    const struct muon *o = options_;
    for (size_t i = 0; i < o->exclude_layers.count; i++) {
        const char *pattern = o->exclude_layers.text[i];
        char found[LS_EXCERPT];
        ls_excerpt(found, pattern);
        if (!is_known(pattern))
            return ls_fail(LS_BAD_INPUT,
                           "exclude_layers: '%s' is no pattern that is known here: use part of the "
                           "layer's name",
                           found);
    }
    return LS_OK;
}

static bool is_found(const char *pattern, const char *path, int flags)
{
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB | flags) != 0)
        return false;
    bool found = regexec(&compiled, path, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

static int way_of(const void *options_, const char *path, const struct ls_shape *shape)
{
    const struct muon *o = options_;
    if (shape->rank != 2 || (o->exclude_embeddings && is_found("embedding", path, REG_ICASE)))
        return ADAM;
    for (size_t i = 0; i < o->exclude_layers.count; i++)
        if (is_found(o->exclude_layers.text[i], path, 0))
            return ADAM;
    return MUON;
}

static double decay(const void *options_, int way)
{
    const struct muon *o = options_;
    return way == ADAM ? o->adam_weight_decay : o->common.weight_decay;
}

/* -- the step */

/* The iteration's matrices, the shorter side first. */
struct matrices {
    size_t rows, columns;
    float *x, *next;         /* rows x columns */
    float *square, *quartic; /* rows x rows: x x', and the polynomial in it */
};

static struct matrices matrices_of(const struct ls_shape *shape, float *room)
{
    size_t a = (size_t)shape->size[0], b = (size_t)shape->size[1];
    struct matrices m = {.rows = a < b ? a : b, .columns = a < b ? b : a, .x = room};
    if (room) {
        m.next = m.x + a * b;
        m.square = m.next + a * b;
        m.quartic = m.square + m.rows * m.rows;
    }
    return m;
}

static size_t room(const struct ls_shape *shape)
{
    if (shape->rank != 2)
        return 0;
    struct matrices m = matrices_of(shape, NULL);
    return 2 * m.rows * (m.rows + m.columns);
}

static void multiply(float *c, const float *a, const float *b, const struct ls_gemm *shape)
{
    struct ls_gemm product = *shape;
    product.a = a;
    product.b = b;
    product.c = c;
    product.ldc = product.n;
    ls_gemm(&product);
}

/* x = a x + (b A + c A A) x with A = x x', so many times. */
static void iterate(struct matrices *m, const struct muon *o)
{
    const int64_t rows = (int64_t)m->rows, columns = (int64_t)m->columns;
    const size_t n = m->rows * m->columns, square = m->rows * m->rows;
    for (int64_t step = 0; step < o->ns_steps; step++) {
        multiply(m->square, m->x, m->x,
                 &(struct ls_gemm){.transpose_b = true, .m = rows, .n = rows, .k = columns});
        multiply(m->quartic, m->square, m->square,
                 &(struct ls_gemm){.m = rows, .n = rows, .k = rows});
        ls_k->scale(m->quartic, m->quartic, (float)o->muon_c, square);
        ls_k->axpy(m->quartic, (float)o->muon_b, m->square, square);
        ls_k->scale(m->next, m->x, (float)o->muon_a, n);
        multiply(m->next, m->quartic, m->x,
                 &(struct ls_gemm){.m = rows, .n = columns, .k = rows, .beta = 1});
        float *swapped = m->x;
        m->x = m->next;
        m->next = swapped;
    }
}

/* out: columns x rows */
static void transpose(float *out, const float *in, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            out[c * rows + r] = in[r * columns + c];
}

static void orthogonalize(struct matrices *m, const struct muon *o, bool tall)
{
    static const double tiny = 1e-7;
    size_t n = m->rows * m->columns;
    if (tall) {
        memcpy(m->next, m->x, n * sizeof(float));
        transpose(m->x, m->next, m->columns, m->rows);
    }
    double norm = sqrt(ls_sum_blocks(m->x, n, LS_SUM_SQUARES)) + tiny;
    ls_k->scale(m->x, m->x, (float)(1 / norm), n);
    iterate(m, o);
    if (tall) {
        transpose(m->next, m->x, m->rows, m->columns);
        m->x = m->next;
    }
}

static void step_muon(const struct ls_optimizer_call *call, const struct muon *o)
{
    struct matrices m = matrices_of(call->shape, call->room);
    float *momentum = call->slot[MOMENTUM];
    double rate = call->learning_rate;
    ls_k->scale(momentum, momentum, (float)o->momentum, call->n);
    ls_k->add(momentum, momentum, call->gradient, call->n);
    memcpy(m.x, o->nesterov ? call->gradient : momentum, call->n * sizeof(float));
    if (o->nesterov)
        ls_k->axpy(m.x, (float)o->momentum, momentum, call->n);
    orthogonalize(&m, o, call->shape->size[0] > call->shape->size[1]);
    if (!isnan(o->rms_rate))
        rate *= sqrt((double)m.columns) * o->rms_rate;
    ls_k->axpy(call->weights, (float)-rate, m.x, call->n);
}

static void step(const struct ls_optimizer_call *call)
{
    const struct muon *o = call->options;
    int64_t t = call->iteration + 1;
    struct ls_update update = {
        .learning_rate = call->learning_rate * o->adam_lr_ratio,
        .beta_1 = o->adam_beta_1,
        .beta_2 = o->adam_beta_2,
        .epsilon = o->epsilon,
        .correction = sqrt(1 - ls_portable_power(o->adam_beta_2, t)) /
                      (1 - ls_portable_power(o->adam_beta_1, t)),
    };
    if (call->way == MUON)
        step_muon(call, o);
    else
        ls_k->adam(call->weights, call->slot[MOMENTUM], call->slot[VELOCITY], NULL, call->gradient,
                   &update, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 0.1, nesterov: false, rms_rate: null, weight_decay: null",
    "learning_rate: 0.02, exclude_layers: [out, 'dense_[0-9]'], ns_steps: 3, momentum: 0.5, "
    "adam_lr_ratio: 0.1, adam_weight_decay: null",
    NULL};

const struct ls_optimizer_kind ls_optimizer_muon = {
    .kind = {.name = "Muon",
             .summary = "orthogonal steps of matrices, Adam's of the rest",
             .options = options,
             .options_size = sizeof(struct muon)},
    .slots = slots,
    .paired = 2,
    .step = step,
    .learning_rate_offset = offsetof(struct muon, common.learning_rate),
    .by_variable = true,
    .room = room,
    .way = way_of,
    .decay = decay,
    .lacks = lacks,
    .check = check,
    .examples = examples,
};
