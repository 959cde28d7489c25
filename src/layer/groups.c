/* Two ways through a sample. Where groups lie in memory as they are (the axes named are the last
 * ones) they are rows, and gamma and beta have a number a column. Else a sample is lines of
 * columns, each column in one group and with one number of gamma and beta: sums of columns are put
 * together by group. */
#include "layer/groups.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "layer/call.h"

/* -- layout */

struct layout {
    bool rows;
    size_t lines, columns;   /* of a sample; as rows: how many groups, and numbers of each */
    size_t groups;           /* of a sample */
    size_t size;             /* of a group */
    size_t places;           /* of gamma and beta */
    uint32_t *group, *place; /* of each column; where they are not rows, once it is prepared */
};

ls_status ls_groups_along(struct ls_groups *groups, const struct ls_layer *layer,
                          const struct ls_ints *axis, const struct ls_shape *in,
                          struct ls_shape *weight)
{
    struct ls_ints sorted = *axis;
    for (size_t i = 0; i < sorted.count; i++)
        for (size_t j = i; j > 0 && sorted.value[j - 1] > sorted.value[j]; j--) {
            int64_t larger = sorted.value[j - 1];
            sorted.value[j - 1] = sorted.value[j];
            sorted.value[j] = larger;
        }
    *weight = (struct ls_shape){0};
    if (sorted.count == 0)
        return ls_layer_fail(layer, "axis: at least one is needed");
    for (size_t i = 0; i < sorted.count; i++) {
        int index;
        LS_TRY(ls_layer_axis(layer, in, "axis", sorted.value[i], &index));
        if (groups->along[index])
            return ls_layer_fail(layer, "axis: %lld is named twice", (long long)sorted.value[i]);
        groups->along[index] = true;
        weight->size[weight->rank++] = in->size[index];
    }
    return LS_OK;
}

static struct layout layout_of_parts(const struct ls_groups *g, const struct ls_shape *in)
{
    struct layout l = {.lines = 1, .columns = 1, .groups = (size_t)g->parts};
    for (int i = 0; i < in->rank; i++)
        *(i < g->axis ? &l.lines : &l.columns) *= (size_t)in->size[i];
    l.places = (size_t)in->size[g->axis];
    l.size = l.lines * l.columns / l.groups;
    return l;
}

static struct layout layout_of(const struct ls_groups *g, const struct ls_shape *in)
{
    if (g->parts)
        return layout_of_parts(g, in);
    struct layout l = {.rows = true, .size = 1};
    size_t all = (size_t)ls_shape_count(in);
    for (int i = 0; i < in->rank; i++) {
        l.size *= g->along[i] ? (size_t)in->size[i] : 1;
        l.rows &= i == 0 || g->along[i] || !g->along[i - 1];
    }
    l.groups = all / l.size;
    l.places = l.size;
    l.lines = l.rows ? l.groups : 1;
    l.columns = l.rows ? l.size : all;
    return l;
}

/* The number of a column's place along the axes that are named, and along the others. */
static void fill_maps(struct layout *l, const struct ls_groups *g, const struct ls_shape *in)
{
    size_t each = l->columns / l->places; /* columns of a place, where there are parts */
    for (size_t c = 0; c < l->columns; c++) {
        size_t rest = c, step[2] = {1, 1}, index[2] = {0, 0};
        for (int i = in->rank; i-- > 0 && !g->parts;) {
            size_t size = (size_t)in->size[i];
            index[g->along[i]] += rest % size * step[g->along[i]];
            step[g->along[i]] *= size;
            rest /= size;
        }
        l->group[c] = (uint32_t)(g->parts ? c / (l->columns / l->groups) : index[false]);
        l->place[c] = (uint32_t)(g->parts ? c / each : index[true]);
    }
}

/* A call keeps, by group: shift, inverse, and what the gradient is measured from. */
enum { SHIFT, INVERSE, CENTER, SAVED };

/* As rows: sums of the columns of gamma and beta in double; two sums of each group in double, and
 * two floats. As columns: two sums of columns, of groups and of places in double, and four floats a
 * column. A double is two floats. */
void ls_groups_needs(const struct ls_groups *groups, const struct ls_shape *in,
                     struct ls_call_needs *needs)
{
    struct layout l = layout_of(groups, in);
    needs->saved_floats_per_row = SAVED * l.groups;
    needs->work_floats = l.rows ? 4 * l.columns : 8 * l.columns + 4 * l.groups + 4 * l.places;
    needs->work_floats_per_row = l.rows ? 6 * l.groups : 0;
}

ls_status ls_groups_prepare(const struct ls_groups *groups, const struct ls_call *call,
                            void **prepared)
{
    const struct ls_shape *in = &call->shapes->in[0];
    struct layout l = layout_of(groups, in), *made;
    size_t maps = l.rows ? 0 : 2 * l.columns * sizeof *l.group;
    LS_TRY(ls_allocate(&made, sizeof l + maps, 1));
    *made = l;
    made->group = (uint32_t *)(made + 1);
    made->place = made->group + l.columns;
    if (!l.rows)
        fill_maps(made, groups, in);
    *prepared = made;
    return LS_OK;
}

void ls_groups_discard(void *prepared)
{
    ls_release(prepared);
}

/* -- one group */

/* From the sums of a group's numbers and squares. `saved` is that of group 0, SHIFT; the vectors
 * are `count` long. */
static void set_group(const struct ls_groups *g, float *saved, size_t count, size_t size,
                      const double sums[2])
{
    double share = 1 / (double)size, mean = sums[0] * share;
    double square = sums[1] * share, variance = square - mean * mean;
    bool centered = g->mode == LS_GROUPS_CENTERED,
         measured = centered || g->mode == LS_GROUPS_SCALED;
    variance = !(variance < 0) ? variance : 0;
    if (measured)
        square = variance + g->epsilon;
    else
        square = g->mode == LS_GROUPS_RMS ? square + g->epsilon : sums[1];
    double inverse = 1 / sqrt(square);
    if (g->mode == LS_GROUPS_UNIT && inverse > 1 / g->epsilon)
        inverse = 1 / g->epsilon;
    saved[SHIFT * count] = centered ? (float)mean : 0;
    saved[INVERSE * count] = (float)inverse;
    saved[CENTER * count] = measured ? (float)mean : 0;
}

/* The gradient of a group's input is out_grad gamma inverse + (x - center) slope + offset; from the
 * sums over the group of out_grad gamma, alone and times x - shift. */
struct back {
    float slope, offset;
};

static struct back back_of(const struct ls_groups *g, float saved_inverse, size_t size,
                           const double sums[2])
{
    double inverse = (double)saved_inverse, cube = inverse * inverse * inverse;
    double share = g->mode == LS_GROUPS_UNIT ? 1 : 1 / (double)size;
    bool capped = g->mode == LS_GROUPS_UNIT && saved_inverse >= (float)(1 / g->epsilon);
    return (struct back){
        .slope = capped ? 0 : (float)(-cube * sums[1] * share),
        .offset = g->mode == LS_GROUPS_CENTERED ? (float)(-inverse * sums[0] * share) : 0,
    };
}

static const float *weight_of(const struct ls_call *call, int variable)
{
    return variable >= 0 ? call->weight[variable] : NULL;
}

static void write_gradient(const struct ls_call *call, int variable, const double *sum, size_t n)
{
    float *to = variable >= 0 ? call->weight_grad[variable] : NULL;
    for (size_t i = 0; to && i < n; i++)
        to[i] = call->accumulate ? to[i] + (float)sum[i] : (float)sum[i];
}

/* -- as rows */

static void forward_rows(const struct ls_groups *g, const struct layout *l,
                         const struct ls_call *call)
{
    size_t rows = (size_t)call->rows * l->groups;
    double *sum = (double *)call->work, *squares = sum + rows;
    ls_k->row_moments(sum, squares, call->in[0], rows, l->columns);
    for (size_t r = 0; r < rows; r++)
        set_group(g, call->saved + r, rows, l->size, (const double[]){sum[r], squares[r]});
    struct ls_row_map map = {.shift = call->saved + SHIFT * rows,
                             .factor = call->saved + INVERSE * rows,
                             .gamma = weight_of(call, g->gamma),
                             .beta = weight_of(call, g->beta)};
    ls_k->map_rows(call->out[0], call->in[0], &map, rows, l->columns);
}

static void backward_rows(const struct ls_groups *g, const struct layout *l,
                          const struct ls_call *call)
{
    size_t rows = (size_t)call->rows * l->groups;
    const float *gamma = weight_of(call, g->gamma), *inverse = call->saved + INVERSE * rows;
    double *beta_sum = (double *)call->work, *gamma_sum = beta_sum + l->columns;
    double *sum = gamma_sum + l->columns, *products = sum + rows;
    float *slope = (float *)(products + rows), *offset = slope + rows;
    struct ls_row_map map = {.shift = call->saved + SHIFT * rows, .factor = inverse};
    memset(beta_sum, 0, 2 * l->columns * sizeof *beta_sum);
    if (g->gamma >= 0 || g->beta >= 0)
        ls_k->column_products_of_rows(beta_sum, gamma_sum, call->out_grad[0], call->in[0], &map,
                                      rows, l->columns);
    write_gradient(call, g->gamma, gamma_sum, l->columns);
    write_gradient(call, g->beta, beta_sum, l->columns);
    if (!call->in_grad[0])
        return;
    map.gamma = gamma;
    ls_k->row_products(sum, products, call->out_grad[0], call->in[0], &map, rows, l->columns);
    for (size_t r = 0; r < rows; r++) {
        struct back back = back_of(g, inverse[r], l->size, (const double[]){sum[r], products[r]});
        slope[r] = back.slope;
        offset[r] = back.offset;
    }
    map.shift = call->saved + CENTER * rows;
    map.slope = slope;
    map.offset = offset;
    ls_k->map_rows_backward(call->in_grad[0], call->out_grad[0], call->in[0], &map, rows,
                            l->columns);
}

/* -- as columns */

struct work {
    double *sum, *products;             /* by column */
    double *group_sum, *group_products; /* by group */
    double *beta_sum, *gamma_sum;       /* by place */
    float *mean, *factor, *slope, *offset;
    struct ls_column_map map;
};

static struct work work_of(const struct layout *l, const struct ls_call *call)
{
    struct work w = {.sum = (double *)call->work};
    w.products = w.sum + l->columns;
    w.group_sum = w.products + l->columns;
    w.group_products = w.group_sum + l->groups;
    w.beta_sum = w.group_products + l->groups;
    w.gamma_sum = w.beta_sum + l->places;
    w.mean = (float *)(w.gamma_sum + l->places);
    w.factor = w.mean + l->columns;
    w.slope = w.factor + l->columns;
    w.offset = w.slope + l->columns;
    w.map = (struct ls_column_map){w.mean, w.factor, w.slope, w.offset};
    return w;
}

/* The sums of columns of one sample by group; each times its gamma, where there is one. */
static void gather(const struct layout *l, const struct work *w, const float *gamma)
{
    memset(w->group_sum, 0, 2 * l->groups * sizeof *w->group_sum);
    for (size_t c = 0; c < l->columns; c++) {
        double factor = gamma ? (double)gamma[l->place[c]] : 1;
        w->group_sum[l->group[c]] += factor * w->sum[c];
        w->group_products[l->group[c]] += factor * w->products[c];
    }
}

static void forward_sample(const struct ls_groups *g, const struct layout *l,
                           const struct ls_call *call, size_t sample)
{
    struct work w = work_of(l, call);
    size_t begin = sample * l->lines * l->columns;
    float *saved = call->saved + sample * SAVED * l->groups;
    const float *gamma = weight_of(call, g->gamma), *beta = weight_of(call, g->beta);
    memset(w.sum, 0, 2 * l->columns * sizeof *w.sum);
    ls_k->column_moments(w.sum, w.products, call->in[0] + begin, l->lines, l->columns);
    gather(l, &w, NULL);
    for (size_t i = 0; i < l->groups; i++)
        set_group(g, saved + i, l->groups, l->size,
                  (const double[]){w.group_sum[i], w.group_products[i]});
    for (size_t c = 0; c < l->columns; c++) {
        float inverse = saved[INVERSE * l->groups + l->group[c]];
        w.mean[c] = saved[SHIFT * l->groups + l->group[c]];
        w.factor[c] = gamma ? inverse * gamma[l->place[c]] : inverse;
        w.offset[c] = beta ? beta[l->place[c]] : 0;
    }
    ls_k->map_columns(call->out[0] + begin, call->in[0] + begin, &w.map, l->lines, l->columns);
}

/* The map of one sample's gradient, from the sums of its groups. */
static void set_map(const struct ls_groups *g, const struct layout *l, const struct ls_call *call,
                    const float *saved)
{
    struct work w = work_of(l, call);
    const float *gamma = weight_of(call, g->gamma);
    for (size_t c = 0; c < l->columns; c++) {
        size_t group = l->group[c];
        float inverse = saved[INVERSE * l->groups + group];
        struct back back = back_of(g, inverse, l->size,
                                   (const double[]){w.group_sum[group], w.group_products[group]});
        w.mean[c] = saved[CENTER * l->groups + group];
        w.factor[c] = gamma ? inverse * gamma[l->place[c]] : inverse;
        w.slope[c] = back.slope;
        w.offset[c] = back.offset;
    }
}

static void backward_sample(const struct ls_groups *g, const struct layout *l,
                            const struct ls_call *call, size_t sample)
{
    struct work w = work_of(l, call);
    size_t begin = sample * l->lines * l->columns;
    const float *saved = call->saved + sample * SAVED * l->groups;
    const float *out_grad = call->out_grad[0] + begin, *in = call->in[0] + begin;
    for (size_t c = 0; c < l->columns; c++)
        w.mean[c] = saved[SHIFT * l->groups + l->group[c]];
    memset(w.sum, 0, 2 * l->columns * sizeof *w.sum);
    ls_k->column_products(w.sum, w.products, out_grad, in, w.mean, l->lines, l->columns);
    for (size_t c = 0; c < l->columns; c++) {
        w.beta_sum[l->place[c]] += w.sum[c];
        w.gamma_sum[l->place[c]] +=
            w.products[c] * (double)saved[INVERSE * l->groups + l->group[c]];
    }
    if (!call->in_grad[0])
        return;
    gather(l, &w, weight_of(call, g->gamma));
    set_map(g, l, call, saved);
    ls_k->map_columns_backward(call->in_grad[0] + begin, out_grad, in, &w.map, l->lines,
                               l->columns);
}

void ls_groups_forward(const struct ls_groups *groups, const struct ls_call *call)
{
    const struct layout *l = call->prepared;
    if (call->rows > 0 && l->rows)
        forward_rows(groups, l, call);
    for (int64_t sample = 0; sample < call->rows && !l->rows; sample++)
        forward_sample(groups, l, call, (size_t)sample);
}

void ls_groups_backward(const struct ls_groups *groups, const struct ls_call *call)
{
    const struct ls_shape *in = &call->shapes->in[0];
    struct layout l = call->prepared ? *(struct layout *)call->prepared : layout_of(groups, in);
    if (l.rows) {
        backward_rows(groups, &l, call);
        return;
    }
    struct work w = work_of(&l, call);
    memset(w.beta_sum, 0, 2 * l.places * sizeof *w.beta_sum);
    for (int64_t sample = 0; sample < call->rows; sample++)
        backward_sample(groups, &l, call, (size_t)sample);
    write_gradient(call, groups->gamma, w.gamma_sum, l.places);
    write_gradient(call, groups->beta, w.beta_sum, l.places);
}
