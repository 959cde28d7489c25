/* The kinds of layers: one row each. */
#include "layer/layer.h"

#define LS_LAYERS(X)                                                                               \
    X(ls_layer_input)                                                                              \
    X(ls_layer_flatten)                                                                            \
    X(ls_layer_reshape)                                                                            \
    X(ls_layer_dense)                                                                              \
    X(ls_layer_simple_rnn)                                                                         \
    X(ls_layer_lstm)                                                                               \
    X(ls_layer_gru)                                                                                \
    X(ls_layer_embedding)                                                                          \
    X(ls_layer_conv_1d)                                                                            \
    X(ls_layer_conv_2d)                                                                            \
    X(ls_layer_depthwise_conv_1d)                                                                  \
    X(ls_layer_depthwise_conv_2d)                                                                  \
    X(ls_layer_separable_conv_1d)                                                                  \
    X(ls_layer_separable_conv_2d)                                                                  \
    X(ls_layer_conv_1d_transpose)                                                                  \
    X(ls_layer_conv_2d_transpose)                                                                  \
    X(ls_layer_activation)                                                                         \
    X(ls_layer_relu)                                                                               \
    X(ls_layer_leaky_relu)                                                                         \
    X(ls_layer_prelu)                                                                              \
    X(ls_layer_elu)                                                                                \
    X(ls_layer_softmax)                                                                            \
    X(ls_layer_max_pooling_1d)                                                                     \
    X(ls_layer_max_pooling_2d)                                                                     \
    X(ls_layer_average_pooling_1d)                                                                 \
    X(ls_layer_average_pooling_2d)                                                                 \
    X(ls_layer_global_max_pooling_1d)                                                              \
    X(ls_layer_global_max_pooling_2d)                                                              \
    X(ls_layer_global_average_pooling_1d)                                                          \
    X(ls_layer_global_average_pooling_2d)                                                          \
    X(ls_layer_zero_padding_1d)                                                                    \
    X(ls_layer_zero_padding_2d)                                                                    \
    X(ls_layer_cropping_1d)                                                                        \
    X(ls_layer_cropping_2d)                                                                        \
    X(ls_layer_up_sampling_1d)                                                                     \
    X(ls_layer_up_sampling_2d)                                                                     \
    X(ls_layer_activity_regularization)                                                            \
    X(ls_layer_dropout)                                                                            \
    X(ls_layer_spatial_dropout_1d)                                                                 \
    X(ls_layer_spatial_dropout_2d)                                                                 \
    X(ls_layer_alpha_dropout)                                                                      \
    X(ls_layer_gaussian_noise)                                                                     \
    X(ls_layer_gaussian_dropout)                                                                   \
    X(ls_layer_category_encoding)                                                                  \
    X(ls_layer_random_flip)                                                                        \
    X(ls_layer_random_translation)                                                                 \
    X(ls_layer_random_rotation)                                                                    \
    X(ls_layer_random_zoom)                                                                        \
    X(ls_layer_rescaling)                                                                          \
    X(ls_layer_normalization)                                                                      \
    X(ls_layer_batch_normalization)                                                                \
    X(ls_layer_layer_normalization)                                                                \
    X(ls_layer_group_normalization)                                                                \
    X(ls_layer_rms_normalization)                                                                  \
    X(ls_layer_unit_normalization)                                                                 \
    X(ls_layer_identity)                                                                           \
    X(ls_layer_permute)                                                                            \
    X(ls_layer_repeat_vector)                                                                      \
    X(ls_layer_masking)                                                                            \
    X(ls_layer_time_distributed)                                                                   \
    X(ls_layer_bidirectional)                                                                      \
    X(ls_layer_concatenate)                                                                        \
    X(ls_merge_add)                                                                                \
    X(ls_merge_subtract)                                                                           \
    X(ls_merge_multiply)                                                                           \
    X(ls_merge_average)                                                                            \
    X(ls_merge_maximum)                                                                            \
    X(ls_merge_minimum)                                                                            \
    X(ls_layer_multi_head_attention)                                                               \
    X(ls_layer_attention)                                                                          \
    X(ls_layer_additive_attention)                                                                 \
    X(ls_layer_dot)

#define X(kind) extern const struct ls_layer_kind kind;
LS_LAYERS(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_LAYERS(X)
#undef X
        NULL};

const struct ls_registry ls_layers = {.noun = "layer", .kinds = kinds, .open = true};
