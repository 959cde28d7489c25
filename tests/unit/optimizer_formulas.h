/* What optimizers compute, in double: Keras' formulas, and that of LARS (You, Gitman, Ginsburg,
 * 2017). */
#ifndef UNIT_OPTIMIZER_FORMULAS_H
#define UNIT_OPTIMIZER_FORMULAS_H

#include "kind_harness.h"
#include "optimizer/optimizer.h"

/* Of all kinds; 0 and false where a kind has no such option, or null. */
struct scalars {
    double learning_rate, weight_decay, momentum, rho, beta_1, beta_2, epsilon;
    double initial_accumulator_value, learning_rate_power, beta;
    double l1, l2, l2_shrinkage; /* ..._regularization_strength */
    double trust_coefficient, muon_a, muon_b, muon_c, ns_steps, rms_rate;
    bool nesterov, centered, amsgrad, no_rms_rate;
};

static inline double number_of(const struct ls_tree *config, const char *key)
{
    double value = 0;
    const struct ls_tree *entry = ls_tree_find(config, key);
    if (entry && !ls_tree_is_null(entry))
        NEED(ls_tree_double(entry, &value));
    return value;
}

static inline bool truth_of(const struct ls_tree *config, const char *key)
{
    bool value = false;
    const struct ls_tree *entry = ls_tree_find(config, key);
    if (entry)
        NEED(ls_tree_bool(entry, &value));
    return value;
}

/* From the config that the options are written as: so the names are checked too. */
static inline struct scalars scalars_of(const struct ls_instance *instance)
{
    struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
    NEED(ls_instance_write(instance, config));
    const struct ls_tree *rms_rate = ls_tree_find(config, "rms_rate");
    struct scalars s = {
        .learning_rate = number_of(config, "learning_rate"),
        .weight_decay = number_of(config, "weight_decay"),
        .momentum = number_of(config, "momentum"),
        .rho = number_of(config, "rho"),
        .beta_1 = number_of(config, "beta_1"),
        .beta_2 = number_of(config, "beta_2"),
        .epsilon = number_of(config, "epsilon"),
        .initial_accumulator_value = number_of(config, "initial_accumulator_value"),
        .learning_rate_power = number_of(config, "learning_rate_power"),
        .beta = number_of(config, "beta"),
        .l1 = number_of(config, "l1_regularization_strength"),
        .l2 = number_of(config, "l2_regularization_strength"),
        .l2_shrinkage = number_of(config, "l2_shrinkage_regularization_strength"),
        .trust_coefficient = number_of(config, "trust_coefficient"),
        .muon_a = number_of(config, "muon_a"),
        .muon_b = number_of(config, "muon_b"),
        .muon_c = number_of(config, "muon_c"),
        .ns_steps = number_of(config, "ns_steps"),
        .rms_rate = number_of(config, "rms_rate"),
        .nesterov = truth_of(config, "nesterov"),
        .centered = truth_of(config, "centered"),
        .amsgrad = truth_of(config, "amsgrad"),
        .no_rms_rate = rms_rate && ls_tree_is_null(rms_rate),
    };
    ls_tree_free(config);
    return s;
}

struct memory {
    double m, v, extra; /* zero before the first step */
    double step;        /* what a kind that goes by variable takes off */
};

/* -- element by element: the new weight */

static inline double sgd(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    if (s->momentum == 0)
        return w - s->learning_rate * g;
    k->m = s->momentum * k->m - s->learning_rate * g;
    return s->nesterov ? w + s->momentum * k->m - s->learning_rate * g : w + k->m;
}

static inline void move_moments(const struct scalars *s, struct memory *k, double g)
{
    k->m += (g - k->m) * (1 - s->beta_1);
    k->v += (g * g - k->v) * (1 - s->beta_2);
}

static inline double adam(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    double rate = s->learning_rate * sqrt(1 - pow(s->beta_2, t)) / (1 - pow(s->beta_1, t));
    move_moments(s, k, g);
    k->extra = fmax(k->extra, k->v);
    return w - rate * k->m / (sqrt(s->amsgrad ? k->extra : k->v) + s->epsilon);
}

static inline double rmsprop(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    k->v = s->rho * k->v + (1 - s->rho) * g * g;
    k->extra = s->rho * k->extra + (1 - s->rho) * g;
    double divisor = k->v - (s->centered ? k->extra * k->extra : 0) + s->epsilon;
    double change = s->learning_rate * g / sqrt(divisor);
    k->m = s->momentum * k->m + change;
    return w - k->m;
}

static inline double adamax(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    k->m += (g - k->m) * (1 - s->beta_1);
    k->extra = fmax(s->beta_2 * k->extra, fabs(g));
    return w - s->learning_rate * k->m / ((1 - pow(s->beta_1, t)) * (k->extra + s->epsilon));
}

static inline double nadam(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    double product = 1;
    for (int i = 1; i <= t; i++)
        product *= s->beta_1 * (1 - 0.5 * pow(0.96, i));
    double now = s->beta_1 * (1 - 0.5 * pow(0.96, t));
    double next = s->beta_1 * (1 - 0.5 * pow(0.96, t + 1));
    move_moments(s, k, g);
    double m = next * k->m / (1 - product * next) + (1 - now) * g / (1 - product);
    return w - s->learning_rate * m / (sqrt(k->v / (1 - pow(s->beta_2, t))) + s->epsilon);
}

static inline double adagrad(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    k->v += g * g;
    return w - s->learning_rate * g / sqrt(s->initial_accumulator_value + k->v + s->epsilon);
}

static inline double adadelta(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    k->v = s->rho * k->v + (1 - s->rho) * g * g;
    double step = sqrt(k->extra + s->epsilon) * g / sqrt(k->v + s->epsilon);
    k->extra = s->rho * k->extra + (1 - s->rho) * step * step;
    return w - s->learning_rate * step;
}

static inline double ftrl(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    double before = pow(s->initial_accumulator_value + k->v, -s->learning_rate_power);
    k->v += g * g;
    double after = pow(s->initial_accumulator_value + k->v, -s->learning_rate_power);
    k->m += g + 2 * s->l2_shrinkage * w - (after - before) / s->learning_rate * w;
    double l2 = s->l2 + s->beta / (2 * s->learning_rate);
    return (fmax(-s->l1, fmin(s->l1, k->m)) - k->m) / (after / s->learning_rate + 2 * l2);
}

static inline double lion(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    double way = s->beta_1 * k->m + (1 - s->beta_1) * g;
    k->m = s->beta_2 * k->m + (1 - s->beta_2) * g;
    return w - s->learning_rate * ((way > 0) - (way < 0));
}

/* -- by variable: the step of each of n elements, in their memory */

struct stepping {
    const struct scalars *s;
    struct memory *k;
    double *w; /* becomes what it is after the step */
    const float *g;
    size_t n;
    int t; /* from 1 */
};

static inline double norm_of(const struct memory *k, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += k[i].step * k[i].step;
    return sqrt(sum);
}

static inline void lamb(const struct stepping *v)
{
    const struct scalars *s = v->s;
    struct memory *k = v->k;
    const size_t n = v->n;
    double weights = 0;
    for (size_t i = 0; i < n; i++) {
        move_moments(s, &k[i], (double)v->g[i]);
        double square = k[i].v / (1 - pow(s->beta_2, v->t));
        k[i].step = k[i].m / (1 - pow(s->beta_1, v->t)) / (sqrt(square) + s->epsilon);
        weights += v->w[i] * v->w[i];
    }
    double ratio = sqrt(weights) / norm_of(k, n);
    for (size_t i = 0; i < n; i++)
        k[i].step *= ratio * s->learning_rate;
}

static inline void lars(const struct stepping *v)
{
    const struct scalars *s = v->s;
    struct memory *k = v->k;
    const size_t n = v->n;
    double weights = 0, gradient = 0;
    for (size_t i = 0; i < n; i++) {
        weights += v->w[i] * v->w[i];
        gradient += (double)v->g[i] * (double)v->g[i];
    }
    double rate = s->learning_rate * s->trust_coefficient * sqrt(weights) /
                  (sqrt(gradient) + s->weight_decay * sqrt(weights) + s->epsilon);
    for (size_t i = 0; i < n; i++) {
        double change = rate * ((double)v->g[i] + s->weight_decay * v->w[i]);
        k[i].m = s->momentum * k[i].m - change;
        k[i].step = s->nesterov ? change - s->momentum * k[i].m : -k[i].m;
    }
}

/* A matrix of one row: the iteration changes its length alone. */
static inline void muon(const struct stepping *v)
{
    const struct scalars *s = v->s;
    struct memory *k = v->k;
    const size_t n = v->n;
    for (size_t i = 0; i < n; i++) {
        k[i].m = s->momentum * k[i].m + (double)v->g[i];
        k[i].step = s->nesterov ? (double)v->g[i] + s->momentum * k[i].m : k[i].m;
    }
    double norm = norm_of(k, n) + 1e-7, length = norm_of(k, n) / norm;
    for (int step = 0; step < (int)s->ns_steps; step++) {
        double square = length * length;
        length *= s->muon_a + (s->muon_b + s->muon_c * square) * square;
    }
    double rate = s->learning_rate * (s->no_rms_rate ? 1 : sqrt((double)n) * s->rms_rate);
    double factor = rate * length / norm_of(k, n);
    for (size_t i = 0; i < n; i++)
        k[i].step *= factor;
}

static const struct {
    const char *name;
    double (*element)(const struct scalars *, struct memory *, double, double, int);
    void (*variable)(const struct stepping *);
} formulas[] = {
    {"SGD", sgd, NULL},         {"Adam", adam, NULL},         {"AdamW", adam, NULL},
    {"RMSprop", rmsprop, NULL}, {"Adamax", adamax, NULL},     {"Nadam", nadam, NULL},
    {"Adagrad", adagrad, NULL}, {"Adadelta", adadelta, NULL}, {"Ftrl", ftrl, NULL},
    {"Lion", lion, NULL},       {"Lamb", NULL, lamb},         {"LARS", NULL, lars},
    {"Muon", NULL, muon},
};

static inline void formula_step(const char *name, const struct stepping *v)
{
    size_t f = 0;
    while (f < sizeof formulas / sizeof *formulas && strcmp(formulas[f].name, name) != 0)
        f++;
    if (f == sizeof formulas / sizeof *formulas)
        fail_msg("there is no formula for %s here", name);
    if (formulas[f].variable)
        formulas[f].variable(v);
    for (size_t i = 0; i < v->n; i++)
        v->w[i] = formulas[f].element
                      ? formulas[f].element(v->s, &v->k[i], v->w[i], (double)v->g[i], v->t)
                      : v->w[i] - v->k[i].step;
}

#endif
