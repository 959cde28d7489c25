/* A Functional model's config while its calls are read: the layers by name, and tensors, of which
 * Keras says which layer made them, in which of its calls, as which result. */
#ifndef MODEL_KERAS_READ_GRAPH_H
#define MODEL_KERAS_READ_GRAPH_H

#include "model/keras_read.h"

struct ls_keras_layer {
    const char *name;
    const struct ls_tree *tree;
    size_t calls;
    bool computes_mask; /* an operation for masks of calls alone: no layer here */
    size_t first_call;  /* in the count of all layers' calls; one for a layer without */
    bool known;         /* what follows is: */
    unsigned flags;     /* LS_LAYER_*, with its options; 0: a model, or no layer */
};

struct ls_keras_layers {
    struct ls_keras_layer *layer; /* by name */
    size_t count, calls;
    bool lists; /* calls are lists of tensors, as Keras 2 writes them: it counts from 1 what a
                   nested model was called */
};

struct ls_keras_tensor {
    struct ls_keras_layer *layer;
    int64_t call, result;
};

/* Release r->layer, also on failure. */
ls_status ls_keras_list_layers(struct ls_keras_layers *r, const struct ls_tree *layers);
/* Of one of the layers. */
bool ls_keras_computes_mask(const struct ls_keras_layers *r, const char *name);
/* The calls of a layer, or NULL. */
const struct ls_tree *ls_keras_calls(const struct ls_tree *layer);
/* A call's tensors: its args, or (Keras 2) itself. */
const struct ls_tree *ls_keras_arguments(const struct ls_tree *call);

/* null, or a list of nothing else: the masks of a nested model's inputs that have none. */
bool ls_keras_says_nothing(const struct ls_tree *value);
/* A tensor as Keras 2 writes it: ["x", 0, 0] or ["x", 0, 0, {...}]. */
bool ls_keras_is_history(const struct ls_tree *tree);
/* history: [layer, call, result, ...]. `ends`: it is one of input_layers or output_layers. */
ls_status ls_keras_find_tensor(struct ls_keras_tensor *tensor, const struct ls_keras_layers *r,
                               const struct ls_tree *history, bool ends);
/* "name", or "name/2" of a later call, ":1" of a second result. */
ls_status ls_keras_format_result(char **text, const char *name, int64_t call, int64_t result);
/* The same of a tensor that a layer has made. */
ls_status ls_keras_read_history(char **text, const struct ls_keras_layers *r,
                                const struct ls_tree *history, bool ends);
/* The entries of a map in the order in which Keras takes them. */
ls_status ls_keras_sort_entries(const struct ls_tree ***sorted, const struct ls_tree *map);
/* All tensors of an argument, left to right, to `take`, as histories. */
struct ls_keras_taker {
    ls_status (*take)(const struct ls_keras_taker *taker, const struct ls_tree *history);
    const struct ls_keras_layers *r;
    void *into;
    bool constants; /* are passed over, else refused */
};
ls_status ls_keras_take_tensors(const struct ls_keras_taker *taker, const struct ls_tree *argument);

/* Marks the operations that compute masks of calls. LS_BAD_INPUT where a call's mask is another
 * than the graph gives it by itself. */
ls_status ls_keras_read_masks(struct ls_keras_layers *r, const struct ls_tree *layers);

#endif
