/* Axes, sizes and shapes of MultiHeadAttention. */
#include <string.h>

#include "layer/heads.h"

static const struct ls_shape *query_of(const struct ls_call_shapes *shapes)
{
    return &shapes->in[ls_call_input(shapes, LS_HEADS_QUERY)];
}

static const struct ls_shape *value_of(const struct ls_call_shapes *shapes)
{
    return &shapes->in[ls_call_input(shapes, LS_HEADS_VALUE)];
}

size_t ls_heads_key(const struct ls_call_shapes *shapes)
{
    size_t key = ls_call_input(shapes, LS_HEADS_KEY);
    return key == SIZE_MAX ? ls_call_input(shapes, LS_HEADS_VALUE) : key;
}

size_t ls_heads_input(const struct ls_call_shapes *shapes, size_t projection)
{
    return projection == LS_HEADS_TO_KEY     ? ls_heads_key(shapes)
           : projection == LS_HEADS_TO_VALUE ? ls_call_input(shapes, LS_HEADS_VALUE)
                                             : ls_call_input(shapes, LS_HEADS_QUERY);
}

/* -- axes */

bool ls_heads_fused(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_attention_arguments *arguments = shapes->arguments;
    return o->dropout.rate == 0 && !arguments->return_attention_scores &&
           query_of(shapes)->rank == 2;
}

/* From how Keras counts: the samples' axis is 0, that of the heads the last. */
static int64_t axis_of(int64_t axis, int positions)
{
    return axis < 0 ? axis + positions + 1 : axis - 1;
}

struct ls_heads_axes ls_heads_axes(const struct ls_layer *layer,
                                   const struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    struct ls_heads_axes a = {.positions = query_of(shapes)->rank - 1};
    const bool all = o->attention_axes.count == 0 || ls_heads_fused(layer, shapes);
    bool taken[LS_RANK_MAX] = {false};
    a.attended = all ? a.positions : (int)o->attention_axes.count;
    for (int i = 0; i < a.attended; i++) {
        a.axis[i] = all ? i : (int)axis_of(o->attention_axes.value[i], a.positions);
        taken[a.axis[i]] = true;
    }
    for (int i = 0; i <= a.positions; i++)
        if (!taken[i])
            a.other[a.others++] = i;
    return a;
}

/* Of one that is attended, or of the heads. */
static size_t axis_size(const struct ls_layer *layer, const struct ls_shape *input, int axis)
{
    const struct ls_heads_options *o = layer->options;
    return axis == input->rank - 1 ? (size_t)o->num_heads : (size_t)input->size[axis];
}

static size_t count_axes(const struct ls_layer *layer, const struct ls_shape *input, int axes,
                         const int *axis)
{
    size_t count = 1;
    for (int i = 0; i < axes; i++)
        count *= axis_size(layer, input, axis[i]);
    return count;
}

/* Whether the attended axes are all positions, in their order. */
static bool is_strided(const struct ls_heads_axes *a)
{
    bool strided = a->attended == a->positions;
    for (int i = 0; strided && i < a->attended; i++)
        strided = a->axis[i] == i;
    return strided;
}

static size_t positions(const struct ls_shape *shape)
{
    return (size_t)ls_shape_count(shape) / ls_last_axis(shape);
}

struct ls_heads_sizes ls_heads_sizes(const struct ls_layer *layer,
                                     const struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_heads_axes a = ls_heads_axes(layer, shapes);
    const struct ls_shape *query = query_of(shapes), *value = value_of(shapes);
    const size_t n = (size_t)o->num_heads, k = (size_t)o->key_dim;
    const size_t v = o->value_dim == LS_NULL_INT ? k : (size_t)o->value_dim;
    const size_t asking = positions(query), asked = positions(value);
    struct ls_heads_sizes s = {
        .heads = n,
        .key_dim = k,
        .value_dim = v,
        .groups = count_axes(layer, query, a.others, a.other),
        .queries = count_axes(layer, query, a.attended, a.axis),
        .keys = count_axes(layer, value, a.attended, a.axis),
        .strided = is_strided(&a),
        .places = {asking, asked, asking, asked, asking},
        .width = {ls_last_axis(query), ls_last_axis(&shapes->in[ls_heads_key(shapes)]),
                  ls_last_axis(query), ls_last_axis(value), n * v},
        .columns = {n * k, n * k, o->use_gate ? n * v : 0, n * v,
                    (size_t)ls_shape_count(&shapes->out[0]) / asking},
    };
    s.scores = s.groups * s.queries * s.keys;
    s.room = 2 * s.scores;
    for (size_t p = 0; p < LS_PROJECTIONS && !s.strided; p++) {
        size_t floats = s.places[p] * (p == LS_HEADS_OUTPUT ? s.width[p] : s.columns[p]);
        s.room = floats > s.room ? floats : s.room;
    }
    return s;
}

/* -- grouping */

/* A walk over the vectors of a projected sample, group by group. */
struct walk {
    int axes;
    size_t size[LS_RANK_MAX], step[LS_RANK_MAX], index[LS_RANK_MAX], at;
};

static struct walk walk_of(const struct ls_call *call, size_t projection)
{
    const bool asking = projection != LS_HEADS_TO_KEY && projection != LS_HEADS_TO_VALUE;
    const struct ls_shape *input = asking ? query_of(call->shapes) : value_of(call->shapes);
    const struct ls_heads_axes a = ls_heads_axes(call->layer, call->shapes);
    size_t step[LS_RANK_MAX], vectors = 1;
    struct walk w = {.axes = a.others + a.attended};
    for (int axis = a.positions; axis >= 0; axis--) {
        step[axis] = vectors;
        vectors *= axis_size(call->layer, input, axis);
    }
    for (int i = 0; i < w.axes; i++) {
        int axis = i < a.others ? a.other[i] : a.axis[i - a.others];
        w.size[i] = axis_size(call->layer, input, axis);
        w.step[i] = step[axis];
    }
    return w;
}

static void go_on(struct walk *w)
{
    for (int i = w->axes; i-- > 0;) {
        w->at += w->step[i];
        if (++w->index[i] < w->size[i])
            return;
        w->at -= w->size[i] * w->step[i];
        w->index[i] = 0;
    }
}

static void regroup(const struct ls_call *call, size_t projection, float *const block[2], bool back)
{
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    const bool keys = projection == LS_HEADS_TO_QUERY || projection == LS_HEADS_TO_KEY;
    const size_t dim = keys ? s.key_dim : s.value_dim, vectors = s.places[projection] * s.heads;
    float *row = block[0], *room = block[1];
    struct walk w = walk_of(call, projection);
    if (s.strided)
        return;
    for (int64_t r = 0; r < call->rows; r++, row += vectors * dim) {
        memcpy(room, row, vectors * dim * sizeof *row);
        for (size_t i = 0; i < vectors; i++, go_on(&w))
            memcpy(row + (back ? w.at : i) * dim, room + (back ? i : w.at) * dim,
                   dim * sizeof *row);
    }
}

void ls_heads_group(const struct ls_call *call, size_t projection, float *block, float *room)
{
    regroup(call, projection, (float *const[]){block, room}, false);
}

void ls_heads_ungroup(const struct ls_call *call, size_t projection, float *block, float *room)
{
    regroup(call, projection, (float *const[]){block, room}, true);
}

/* -- shapes */

static ls_status check_axes(const struct ls_layer *layer, int positions)
{
    const struct ls_heads_options *o = layer->options;
    bool taken[LS_RANK_MAX] = {false};
    for (size_t i = 0; i < o->attention_axes.count; i++) {
        int64_t axis = axis_of(o->attention_axes.value[i], positions);
        if (axis < 0 || axis > positions || taken[axis])
            return ls_layer_fail(layer,
                                 "attention_axes: each axis once, from 1, the first behind the "
                                 "samples, to %d, that of the heads, or %d to -1; found %lld",
                                 positions + 1, -positions - 1,
                                 (long long)o->attention_axes.value[i]);
        taken[axis] = true;
    }
    return LS_OK;
}

static ls_status check_inputs(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_shape *query = query_of(shapes), *value = value_of(shapes);
    const struct ls_shape *key = &shapes->in[ls_heads_key(shapes)];
    char q[LS_SHAPE_TEXT], v[LS_SHAPE_TEXT], k[LS_SHAPE_TEXT];
    ls_shape_format(q, query);
    ls_shape_format(v, value);
    ls_shape_format(k, key);
    if (query->rank < 2 || query->rank != value->rank)
        return ls_layer_fail(layer,
                             "query and value need as many axes, two or more beside the samples; "
                             "they are %s and %s",
                             q, v);
    bool same = key->rank == value->rank;
    for (int i = 0; same && i < key->rank - 1; i++)
        same = key->size[i] == value->size[i];
    if (!same)
        return ls_layer_fail(layer, "key and value differ in more than the last axis: %s and %s", k,
                             v);
    LS_TRY(check_axes(layer, query->rank - 1));
    const struct ls_heads_axes a = ls_heads_axes(layer, shapes);
    for (int i = 0; i < a.others; i++)
        if (axis_size(layer, query, a.other[i]) != axis_size(layer, value, a.other[i]))
            return ls_layer_fail(layer,
                                 "query and value, %s and %s, differ in axis %d, which is none of "
                                 "its attention_axes",
                                 q, v, a.other[i] + 1);
    return LS_OK;
}

static ls_status set_scores(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                            struct ls_shape *scores)
{
    const struct ls_heads_axes a = ls_heads_axes(layer, shapes);
    const struct ls_shape *query = query_of(shapes), *value = value_of(shapes);
    if (a.others + 2 * a.attended > LS_RANK_MAX)
        return ls_layer_fail(layer, "its scores have more than %d axes beside the samples",
                             LS_RANK_MAX);
    *scores = (struct ls_shape){.rank = a.others + 2 * a.attended};
    for (int i = 0; i < a.others; i++)
        scores->size[i] = (int64_t)axis_size(layer, query, a.other[i]);
    for (int i = 0; i < a.attended; i++) {
        scores->size[a.others + i] = (int64_t)axis_size(layer, query, a.axis[i]);
        scores->size[a.others + a.attended + i] = (int64_t)axis_size(layer, value, a.axis[i]);
    }
    return ls_layer_check_size(layer, scores);
}

static ls_status set_results(const struct ls_layer *layer, struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_attention_arguments *arguments = shapes->arguments;
    const struct ls_shape *query = query_of(shapes);
    const int axes = query->rank - 1;
    struct ls_shape *out = &shapes->out[0];
    const size_t last = o->output_shape.count ? o->output_shape.count : 1;
    if (axes + (int)last > LS_RANK_MAX)
        return ls_layer_fail(layer, "its result has more than %d axes beside the samples",
                             LS_RANK_MAX);
    *out = *query;
    for (size_t i = 0; i < o->output_shape.count; i++)
        out->size[axes + (int)i] = o->output_shape.value[i];
    out->rank = axes + (int)last;
    shapes->outputs = arguments->return_attention_scores ? 2 : 1;
    LS_TRY(set_scores(layer, shapes, &shapes->out[1]));
    return ls_layer_check_size(layer, out);
}

static void set_needs(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                      struct ls_call_needs *needs)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_heads_sizes s = ls_heads_sizes(layer, shapes);
    size_t projected = s.places[LS_HEADS_OUTPUT] * s.width[LS_HEADS_OUTPUT];
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++)
        projected += s.places[p] * s.columns[p];
    needs->saved_floats_per_row = projected + s.scores;
    needs->work_floats_per_row = projected;
    if (o->activity_regularizer.kind) /* the gradient of the result has its penalty's added */
        needs->work_floats_per_row += (size_t)ls_shape_count(&shapes->out[0]);
    needs->work_floats = s.room;
}

ls_status ls_heads_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                         struct ls_call_needs *needs)
{
    LS_TRY(check_inputs(layer, shapes));
    LS_TRY(set_results(layer, shapes));
    LS_TRY(ls_heads_check_masks(layer, shapes, &shapes->out[1]));
    set_needs(layer, shapes, needs);
    return LS_OK;
}
