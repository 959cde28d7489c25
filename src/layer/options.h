/* Rows of option tables that many kinds of layers have: what Keras calls the arguments of a weight,
 * and the activation. `type` is the kind's option struct. Private to the room. */
#ifndef LAYER_OPTIONS_H
#define LAYER_OPTIONS_H

#include "layer/layer.h"

/* How a weight begins, what it costs, what it is held to. A field of the option struct. */
struct ls_weight_options {
    struct ls_instance initializer, regularizer, constraint;
};

/* X_initializer, X_regularizer and X_constraint of the field `member`; `word` is X as text. */
#define LS_INITIALIZER_OPTION(word, layer_type, member, first)                                     \
    {                                                                                              \
        .name = word "_initializer", .type = LS_OPTION_KIND,                                       \
        .offset = offsetof(layer_type, member.initializer), .initial = first, .nullable = true,    \
        .registry = &ls_initializers, .help = "first values of the " word                          \
    }
#define LS_REGULARIZER_OPTION(word, layer_type, member)                                            \
    {                                                                                              \
        .name = word "_regularizer", .type = LS_OPTION_KIND,                                       \
        .offset = offsetof(layer_type, member.regularizer), .initial = "null",                     \
        .registry = &ls_regularizers, .help = "penalty on the " word                               \
    }
#define LS_CONSTRAINT_OPTION(word, layer_type, member)                                             \
    {                                                                                              \
        .name = word "_constraint", .type = LS_OPTION_KIND,                                        \
        .offset = offsetof(layer_type, member.constraint), .initial = "null",                      \
        .registry = &ls_constraints, .help = "what the " word " is held to"                        \
    }

#define LS_ACTIVATION_OPTION(layer_type, first)                                                    \
    {                                                                                              \
        .name = "activation", .type = LS_OPTION_KIND, .offset = offsetof(layer_type, activation),  \
        .initial = first, .nullable = true, .registry = &ls_activations,                           \
        .help = "function applied to the result"                                                   \
    }

#define LS_USE_BIAS_OPTION(layer_type)                                                             \
    {                                                                                              \
        .name = "use_bias", .type = LS_OPTION_BOOL, .offset = offsetof(layer_type, use_bias),      \
        .initial = "true", .help = "add a bias a unit, filter or channel of the result"            \
    }

#define LS_ACTIVITY_REGULARIZER_OPTION(layer_type)                                                 \
    {                                                                                              \
        .name = "activity_regularizer", .type = LS_OPTION_KIND,                                    \
        .offset = offsetof(layer_type, activity_regularizer), .initial = "null",                   \
        .registry = &ls_regularizers, .unwritten = true,                                           \
        .help = "penalty on the output, divided by the batch size"                                 \
    }

/* int64_t; for ls_call_key. */
#define LS_LAYER_SEED_OPTION(layer_type)                                                           \
    {                                                                                              \
        .name = "seed", .type = LS_OPTION_INT, .offset = offsetof(layer_type, seed),               \
        .initial = "null", .help = "of its random numbers; null: the run's"                        \
    }

#define LS_CHANNELS_LAST_OPTION(layer_type)                                                        \
    {                                                                                              \
        .name = "data_format", .type = LS_OPTION_CHOICE,                                           \
        .offset = offsetof(layer_type, data_format), .initial = "channels_last", .nullable = true, \
        .choices = ls_layer_data_formats,                                                          \
        .refused = "is not supported: data is laid out channels last",                             \
        .help = "data is laid out channels last"                                                   \
    }
extern const char *const ls_layer_data_formats[];

/* Only what Keras writes for a layer in float32. */
#define LS_QUANTIZATION_OPTION(layer_type)                                                         \
    {                                                                                              \
        .name = "quantization_config", .type = LS_OPTION_TEXT,                                     \
        .offset = offsetof(layer_type, quantization_config), .initial = "null",                    \
        .refused = "is not supported: layers compute in float32", .unwritten = true,               \
        .help = "null: quantized layers are not supported"                                         \
    }

/* Declares the layer's next variable, one that trains. */
void ls_layer_declare(struct ls_layer *layer, const char *name, struct ls_shape shape,
                      const struct ls_weight_options *options);

#endif
