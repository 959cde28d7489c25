/* The kinds of layers: one row each. */
#include "layer/layer.h"

#define LS_LAYERS(X)                                                                               \
    X(ls_layer_input)                                                                              \
    X(ls_layer_flatten)                                                                            \
    X(ls_layer_reshape)                                                                            \
    X(ls_layer_dense)                                                                              \
    X(ls_layer_activation)                                                                         \
    X(ls_layer_relu)                                                                               \
    X(ls_layer_leaky_relu)                                                                         \
    X(ls_layer_elu)                                                                                \
    X(ls_layer_softmax)                                                                            \
    X(ls_layer_dropout)                                                                            \
    X(ls_layer_rescaling)                                                                          \
    X(ls_layer_normalization)

#define X(kind) extern const struct ls_layer_kind kind;
LS_LAYERS(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_LAYERS(X)
#undef X
        NULL};

const struct ls_registry ls_layers = {.noun = "layer", .kinds = kinds};
