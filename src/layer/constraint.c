/* Constraints (keras/src/constraints/constraints.py), computed in float32 as Keras' but for the
 * norms' sums, which are double, in an order of the elements that is
 * fixed. One row each. */
#include <math.h>
#include <string.h>

#include "kernel/kernels.h"
#include "layer/layer.h"

static const float epsilon = 1e-7F; /* Keras adds it to the norms that it divides by */

struct by_norm {
    struct ls_ints axis; /* first: struct ls_constraint_kind */
    double min_value, max_value, rate;
};

#define AXIS_OPTION                                                                                \
    {                                                                                              \
        .name = "axis", .type = LS_OPTION_INTS, .offset = offsetof(struct by_norm, axis),          \
        .initial = "0", .nullable = true,                                                          \
        .help = "along which a vector lies: 0 in Dense, [0, 1, 2] in Conv2D; null: all"            \
    }
#define NORM_OPTION(field, initial_, whole_, help_)                                                \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_FLOAT, .offset = offsetof(struct by_norm, field),        \
        .initial = initial_, .min = 0, .max = INFINITY, .open_max = true, .whole = whole_,         \
        .help = help_                                                                              \
    }

static const struct ls_option max_options[] = {
    NORM_OPTION(max_value, "2", true, "the largest norm"), AXIS_OPTION, {.name = NULL}};
static const struct ls_option unit_options[] = {AXIS_OPTION, {.name = NULL}};
static const struct ls_option min_max_options[] = {
    NORM_OPTION(min_value, "0.0", false, "the smallest norm"),
    NORM_OPTION(max_value, "1.0", false, "the largest norm"),
    {.name = "rate",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct by_norm, rate),
     .initial = "1.0",
     .min = 0,
     .max = 1,
     .help = "part of the way that each step goes"},
    AXIS_OPTION,
    {.name = NULL},
};

static float max_norm(const void *options, float norm)
{
    const struct by_norm *o = options;
    return fminf(norm, (float)o->max_value);
}

static float unit_norm(const void *options, float norm)
{
    (void)options, (void)norm;
    return 1;
}

static float min_max_norm(const void *options, float norm)
{
    const struct by_norm *o = options;
    float held = fminf(fmaxf(norm, (float)o->min_value), (float)o->max_value);
    return (float)o->rate * held + (float)(1 - o->rate) * norm;
}

static void make_non_negative(const void *options, float *weights, size_t n)
{
    (void)options;
    for (size_t i = 0; i < n; i++)
        weights[i] = weights[i] < 0 ? 0 : weights[i];
}

static const char *const max_examples[] = {"{}", "max_value: 0.5, axis: [0, 1]", NULL};
static const char *const unit_examples[] = {"{}", "axis: -1", "axis: null", NULL};
static const char *const min_max_examples[] = {
    "{}", "min_value: 0.5, max_value: 0.75, rate: 0.25, axis: 1", NULL};
static const char *const no_examples[] = {"{}", NULL};

static const struct ls_constraint_kind max_norm_kind = {
    .kind = {.name = "MaxNorm",
             .summary = "vectors are not longer than max_value",
             .options = max_options,
             .options_size = sizeof(struct by_norm)},
    .norm = max_norm,
    .examples = max_examples,
};
static const struct ls_constraint_kind non_neg_kind = {
    .kind = {.name = "NonNeg", .summary = "no number is below 0"},
    .each = make_non_negative,
    .examples = no_examples,
};
static const struct ls_constraint_kind unit_norm_kind = {
    .kind = {.name = "UnitNorm",
             .summary = "vectors have the length 1",
             .options = unit_options,
             .options_size = sizeof(struct by_norm)},
    .norm = unit_norm,
    .examples = unit_examples,
};
static const struct ls_constraint_kind min_max_norm_kind = {
    .kind = {.name = "MinMaxNorm",
             .summary = "vectors are as long as min_value to max_value",
             .options = min_max_options,
             .options_size = sizeof(struct by_norm)},
    .norm = min_max_norm,
    .examples = min_max_examples,
};

static const struct ls_kind *const kinds[] = {&max_norm_kind.kind, &non_neg_kind.kind,
                                              &unit_norm_kind.kind, &min_max_norm_kind.kind, NULL};
const struct ls_registry ls_constraints = {.noun = "constraint", .kinds = kinds};

/* -- vectors along some of the axes */

static const struct ls_constraint_kind *kind_of(const struct ls_instance *constraint)
{
    return constraint ? (const struct ls_constraint_kind *)constraint->kind : NULL;
}

static const struct ls_ints *axes_of(const struct ls_instance *constraint)
{
    return &((const struct by_norm *)constraint->options)->axis;
}

/* How far apart in the list of norms two neighbours along each axis have theirs: 0 where they are
 * of one vector. The last axes are put together as far as they are alike. */
struct vectors {
    int rank;
    size_t size[LS_RANK_MAX], step[LS_RANK_MAX];
    size_t norms;
};

static bool is_along(const struct ls_ints *axes, int axis, int rank)
{
    bool along = axes->count == 0;
    for (size_t i = 0; i < axes->count; i++)
        along |= axes->value[i] == axis || axes->value[i] + rank == axis;
    return along;
}

static struct vectors vectors_of(const struct ls_instance *constraint, const struct ls_shape *shape)
{
    const struct ls_ints *axes = axes_of(constraint);
    struct vectors v = {.rank = shape->rank > 0 ? shape->rank : 1, .size = {1}, .norms = 1};
    for (int axis = shape->rank; axis-- > 0;) {
        bool along = is_along(axes, axis, shape->rank);
        v.size[axis] = (size_t)shape->size[axis];
        v.step[axis] = along ? 0 : v.norms;
        v.norms *= along ? 1 : v.size[axis];
    }
    while (v.rank > 1 && (v.step[v.rank - 1] == 0) == (v.step[v.rank - 2] == 0)) {
        v.size[v.rank - 2] *= v.size[v.rank - 1];
        v.step[v.rank - 2] = v.step[v.rank - 1];
        v.rank--;
    }
    return v;
}

/* Adds the squares of a run of weights to their norms, or scales them by these. */
static void handle_run(float *weights, double *norm, size_t step, size_t n, bool scale)
{
    if (step == 0 && scale)
        ls_k->scale(weights, weights, (float)*norm, n);
    else if (step == 0)
        *norm += ls_sum_blocks(weights, n, LS_SUM_SQUARES);
    for (size_t i = 0; i < n && step > 0 && scale; i++)
        weights[i] *= (float)norm[step * i];
    for (size_t i = 0; i < n && step > 0 && !scale; i++)
        norm[step * i] += (double)weights[i] * (double)weights[i];
}

/* Goes over all runs along the last axis. */
static void handle_all(const struct vectors *v, float *weights, double *norms, bool scale)
{
    size_t index[LS_RANK_MAX] = {0}, norm = 0, n = v->size[v->rank - 1];
    for (int axis = 0; axis >= 0;) {
        handle_run(weights, norms + norm, v->step[v->rank - 1], n, scale);
        weights += n;
        for (axis = v->rank - 2; axis >= 0; axis--) {
            norm += v->step[axis];
            if (++index[axis] < v->size[axis])
                break;
            norm -= v->step[axis] * v->size[axis];
            index[axis] = 0;
        }
    }
}

static void constrain_norms(const struct ls_instance *constraint, float *weights,
                            const struct ls_shape *shape, double *norms)
{
    const struct vectors v = vectors_of(constraint, shape);
    memset(norms, 0, v.norms * sizeof *norms);
    handle_all(&v, weights, norms, false);
    for (size_t i = 0; i < v.norms; i++) {
        float norm = (float)sqrt(norms[i]);
        float wanted = kind_of(constraint)->norm(constraint->options, norm);
        norms[i] = (double)(wanted / (epsilon + norm));
    }
    handle_all(&v, weights, norms, true);
}

ls_status ls_constraint_check(const struct ls_instance *constraint, const struct ls_shape *shape)
{
    if (!kind_of(constraint) || !kind_of(constraint)->norm)
        return LS_OK;
    const struct ls_ints *axes = axes_of(constraint);
    for (size_t i = 0; i < axes->count; i++)
        if (axes->value[i] >= shape->rank || axes->value[i] < -shape->rank)
            return ls_fail(LS_BAD_INPUT, "%s: axis %lld, but there are %d axes",
                           constraint->kind->name, (long long)axes->value[i], shape->rank);
    return LS_OK;
}

size_t ls_constraint_room(const struct ls_instance *constraint, const struct ls_shape *shape)
{
    return kind_of(constraint) && kind_of(constraint)->norm ? vectors_of(constraint, shape).norms
                                                            : 0;
}

void ls_constrain(const struct ls_instance *constraint, float *weights,
                  const struct ls_shape *shape, double *room)
{
    const struct ls_constraint_kind *kind = kind_of(constraint);
    if (!kind)
        return;
    if (kind->norm)
        constrain_norms(constraint, weights, shape, room);
    else
        kind->each(constraint->options, weights, (size_t)ls_shape_count(shape));
}
