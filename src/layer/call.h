/* What the layers' functions share. Private to the room. */
#ifndef LAYER_CALL_H
#define LAYER_CALL_H

#include "layer/layer.h"

/* Refuses a result that is larger than its inputs without bound, before anyone multiplies by it. */
ls_status ls_layer_check_size(const struct ls_layer *layer, const struct ls_shape *out);

/* The index in a sample's shape of an axis as Keras counts it: the samples' is 0, negative ones
 * from the last. LS_BAD_INPUT, naming the option, where there is none. */
ls_status ls_layer_axis(const struct ls_layer *layer, const struct ls_shape *shape,
                        const char *option, int64_t axis, int *index);

/* Elements of in[0], all rows. */
static inline size_t ls_call_elements(const struct ls_call *call)
{
    return (size_t)(call->rows * ls_shape_count(&call->shapes->in[0]));
}

/* The key of what a layer draws in a call: of its own seed, or the run's where that is null, and of
 * the epoch. Words of the counter are call->stream, the sample and whatever is drawn of it. */
struct ls_random_key ls_call_key(const struct ls_call *call, int64_t seed, enum ls_purpose purpose);

/* weight_grad is written. */
static inline void ls_call_written(const struct ls_call *call)
{
    if (call->written)
        call->written(call->written_user);
}

/* The mask of an input, or NULL where it has none. */
static inline const float *ls_call_mask(const struct ls_call *call, size_t input)
{
    size_t mask = call->shapes->mask_of[input];
    return mask ? call->in[mask] : NULL;
}

static inline size_t ls_last_axis(const struct ls_shape *shape)
{
    return shape->rank ? (size_t)shape->size[shape->rank - 1] : 1;
}

/* What the backward pass of an activation reads: out, in or NULL. */
static inline const float *ls_activation_saved(const struct ls_activation *f, const float *in,
                                               const float *out)
{
    enum ls_activation_saves saves = ls_activation_saves(f);
    return saves == LS_SAVES_OUTPUT ? out : saves == LS_SAVES_INPUT ? in : NULL;
}

#endif
