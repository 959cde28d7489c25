/* What hides keys in MultiHeadAttention. Keras makes a mask of each input that has one, and of
 * places, joins them by `and`, puts axes of size 1 before the last ones, which are two for each
 * axis that is attended, until there are as many as the scores have, and broadcasts the result over
 * these: so the first axes of a mask are those of the scores, and its last ones the last. (Masks
 * with different numbers of axes Keras joins from the last axis, so that one's samples come upon
 * another's queries; here each is put over the scores for itself.) */
#include "layer/heads.h"

/* The masks of inputs, and the one that is an input. */
static const size_t masked[] = {LS_HEADS_QUERY, LS_HEADS_VALUE, LS_HEADS_KEY, LS_HEADS_MASK};
enum { MASKS = sizeof masked / sizeof *masked };

/* The index in `in` of the mask; SIZE_MAX: none. */
static size_t mask_input(const struct ls_call_shapes *shapes, size_t name)
{
    const size_t input = ls_call_input(shapes, name);
    if (input == SIZE_MAX || name == LS_HEADS_MASK)
        return input;
    return shapes->mask_of[input] ? shapes->mask_of[input] : SIZE_MAX;
}

/* As Keras has it: a query's mask for all keys, a key's for all queries. */
static struct ls_shape mask_shape(const struct ls_call_shapes *shapes, size_t name)
{
    struct ls_shape shape = shapes->in[mask_input(shapes, name)];
    if (name == LS_HEADS_MASK)
        return shape;
    shape.size[shape.rank] = 1;
    if (name != LS_HEADS_QUERY) {
        shape.size[shape.rank] = shape.size[shape.rank - 1];
        shape.size[shape.rank - 1] = 1;
    }
    shape.rank++;
    return shape;
}

/* The steps of a mask along the scores' axes, the last `last` of which are its own last ones.
 * Whether it fits. */
static bool align(size_t step[LS_RANK_MAX], const struct ls_shape *mask,
                  const struct ls_shape *scores, int last)
{
    const int first = mask->rank - last;
    size_t floats = 1;
    for (int axis = 0; axis < scores->rank; axis++)
        step[axis] = 0;
    if (first < 0 || mask->rank > scores->rank)
        return false;
    for (int i = mask->rank; i-- > 0;) {
        int axis = i < first ? i : i + scores->rank - mask->rank;
        if (mask->size[i] != 1 && mask->size[i] != scores->size[axis])
            return false;
        step[axis] = mask->size[i] == 1 ? 0 : floats;
        floats *= (size_t)mask->size[i];
    }
    return true;
}

static int last_axes(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    return 2 * ls_heads_axes(layer, shapes).attended;
}

/* -- checks */

static ls_status check_mask(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                            const struct ls_shape *scores, size_t name)
{
    static const char *const what[] = {"the mask of query, in Keras", "the mask of value, in Keras",
                                       "the mask of key, in Keras", "attention_mask,"};
    const int last = last_axes(layer, shapes);
    const struct ls_shape shape = mask_shape(shapes, name);
    char mask[LS_SHAPE_TEXT], of[LS_SHAPE_TEXT];
    size_t step[LS_RANK_MAX];
    if (align(step, &shape, scores, last))
        return LS_OK;
    ls_shape_format(mask, &shape);
    ls_shape_format(of, scores);
    return ls_layer_fail(layer,
                         "%s %s, does not fit the scores, %s: it needs their last %d axes, and may "
                         "have their first ones, each of their size or 1",
                         what[name], mask, of, last);
}

/* Keras takes the places on axis 1, and has them as the scores' last two axes. */
static ls_status check_places(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                              const struct ls_shape *scores, size_t masks)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_attention_arguments *arguments = shapes->arguments;
    const int64_t queries = shapes->in[ls_heads_input(shapes, LS_HEADS_TO_QUERY)].size[0];
    const int64_t keys = shapes->in[ls_heads_input(shapes, LS_HEADS_TO_VALUE)].size[0];
    const int64_t *end = scores->size + scores->rank - 2;
    char of[LS_SHAPE_TEXT];
    const bool fits = (queries == end[0] && keys == end[1]) || (queries == 1 && keys == 1);
    if (!arguments->use_causal_mask && o->sliding_window == LS_NULL_INT)
        return LS_OK;
    if (fits && (masks > 0 || last_axes(layer, shapes) == 2))
        return LS_OK;
    ls_shape_format(of, scores);
    return ls_layer_fail(layer,
                         "%s: it hides by places on axis 1, in Keras by a mask (1, %lld, %lld), "
                         "which does not fit the scores, %s: use an attention_mask",
                         arguments->use_causal_mask ? "use_causal_mask" : "sliding_window",
                         (long long)queries, (long long)keys, of);
}

ls_status ls_heads_check_masks(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                               const struct ls_shape *scores)
{
    size_t masks = 0;
    for (size_t m = 0; m < MASKS; m++) {
        if (mask_input(shapes, masked[m]) == SIZE_MAX)
            continue;
        LS_TRY(check_mask(layer, shapes, scores, masked[m]));
        masks++;
    }
    return check_places(layer, shapes, scores, masks);
}

/* -- of one row */

struct ls_hidden ls_heads_hidden(const struct ls_call *call, int64_t row)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_call_shapes *shapes = call->shapes;
    const struct ls_attention_arguments *arguments = shapes->arguments;
    const struct ls_shape *scores = &shapes->out[1];
    /* One query and one key: broadcast, they hide nothing. */
    const bool places = shapes->in[ls_heads_input(shapes, LS_HEADS_TO_QUERY)].size[0] > 1 ||
                        shapes->in[ls_heads_input(shapes, LS_HEADS_TO_VALUE)].size[0] > 1;
    struct ls_hidden hidden = {
        .axes = scores->rank,
        .causal = places && arguments->use_causal_mask,
        .window = places && o->sliding_window != LS_NULL_INT ? (size_t)o->sliding_window : 0,
    };
    for (int axis = 0; axis < scores->rank; axis++)
        hidden.size[axis] = (size_t)scores->size[axis];
    for (size_t m = 0; m < MASKS; m++) {
        const size_t input = mask_input(shapes, masked[m]);
        if (input == SIZE_MAX)
            continue;
        const struct ls_shape shape = mask_shape(shapes, masked[m]);
        struct ls_hiding *mask = &hidden.mask[hidden.masks++];
        mask->mask = call->in[input] + row * ls_shape_count(&shape);
        align(mask->step, &shape, scores, last_axes(call->layer, shapes));
    }
    return hidden;
}
