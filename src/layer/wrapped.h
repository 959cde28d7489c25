/* Layers that hold a layer as an option (LS_OPTION_INNER): what TimeDistributed and Bidirectional
 * share. The inner layer is a struct ls_layer of its own in the outer one's state; its variables
 * are the outer one's too, and its calls are made from the outer one's. Private to the room. */
#ifndef LAYER_WRAPPED_H
#define LAYER_WRAPPED_H

#include "layer/layer.h"

/* An inner layer that is built; begins as zeros. */
struct ls_wrapped {
    struct ls_layer layer;            /* named as the outer one, for messages */
    char *name;                       /* as Keras names it */
    size_t first;                     /* of the outer layer's variables */
    char *text[2 * LS_VARIABLES_MAX]; /* their names and groups */
};

/* What an inner layer is made of. */
struct ls_wrapped_parts {
    const struct ls_inner *inner;        /* outlives the layer */
    const char *prefix;                  /* of its name: "forward_", or "" */
    const char *attribute;               /* of the outer layer, in Keras' archives: "layer" */
    const struct ls_call_shapes *shapes; /* of its first call */
};

/* The layer of an option, not built: for what its kind is asked before. */
struct ls_layer ls_wrapped_layer(const struct ls_layer *outer, const struct ls_inner *inner);
/* Its kind's `shape`, for as many inputs as shapes has; results without masks. */
ls_status ls_wrapped_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                           struct ls_call_needs *needs);
/* Builds it, and adds its variables to the outer layer's. On failure it is to be released too. */
ls_status ls_wrapped_build(struct ls_wrapped *wrapped, struct ls_layer *outer,
                           const struct ls_wrapped_parts *parts);
void ls_wrapped_release(struct ls_wrapped *wrapped);

/* An inner call, with the pointers that it points to. */
struct ls_wrapped_call {
    struct ls_call call;
    const float *in[LS_TENSORS_MAX], *out_grad[LS_TENSORS_MAX];
    float *out[LS_TENSORS_MAX], *in_grad[LS_TENSORS_MAX];
};
/* All that is as in the outer call, and the weights; the tensors are NULL, to be set. */
void ls_wrapped_bind(struct ls_wrapped_call *bound, const struct ls_wrapped *wrapped,
                     const struct ls_call *outer, const struct ls_call_shapes *shapes);
/* Backward of an outer call without rows. */
void ls_wrapped_clear_gradients(const struct ls_call *outer);

/* Adds what `times` calls of the inner layer compute. */
void ls_wrapped_flops(const struct ls_wrapped *wrapped, const struct ls_call_shapes *shapes,
                      double times, struct ls_call_flops *flops);

/* For `read` of the outer kind: that of the inner layer's kind, where the config has one under the
 * key. */
ls_status ls_wrapped_read(struct ls_tree *config, const char *key);
/* For `write` of the outer kind: the config's entry under the key becomes this inner layer, which
 * is built, with the options that `inner` has now. */
ls_status ls_wrapped_write(const struct ls_wrapped *wrapped, const struct ls_inner *inner,
                           struct ls_tree *config, const char *key);

#endif
