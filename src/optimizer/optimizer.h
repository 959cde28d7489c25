/* What a kind of optimizer is. It updates any range of elements of the weights arena from the
 * summed gradient; it knows no layer. One file a kind; optimizer/registry.c has one row.
 * optimizer/sgd.c is the one to copy. */
#ifndef OPTIMIZER_OPTIMIZER_H
#define OPTIMIZER_OPTIMIZER_H

#include "base/kind.h"

enum { LS_SLOTS_MAX = 4 };

struct ls_optimizer_call {
    const void *options;
    float *weights; /* n elements */
    const float *gradient;
    float *slot[LS_SLOTS_MAX]; /* zero before the first step */
    size_t n;
    int64_t iteration;    /* steps done before this one, from 0 */
    double learning_rate; /* of this step */
};

/* What all of Keras' optimizers have. Every optimizer's option struct begins with it; the values
 * other than the defaults are refused when they are read, until they are built. */
struct ls_optimizer_common {
    char *name;
    double learning_rate;
    double weight_decay, clipnorm, global_clipnorm, clipvalue;
    bool use_ema;
    double ema_momentum;
    int64_t ema_overwrite_frequency;
    double loss_scale_factor;
    int64_t gradient_accumulation_steps;
};

#define LS_OPTIMIZER_LATER "this optimizer option is not known here yet: leave it out"
#define LS_OPTIMIZER_LATER_OPTION(field, type_)                                                    \
    {                                                                                              \
        .name = #field, .type = type_, .offset = offsetof(struct ls_optimizer_common, field),      \
        .initial = "null", .refused = LS_OPTIMIZER_LATER, .help = "not known here yet"             \
    }
/* Its rows in the option table of an optimizer, with the default learning rate as text. */
#define LS_OPTIMIZER_COMMON_OPTIONS(rate)                                                          \
    {.name = "name",                                                                               \
     .type = LS_OPTION_TEXT,                                                                       \
     .offset = offsetof(struct ls_optimizer_common, name),                                         \
     .initial = "null",                                                                            \
     .unwritten = true,                                                                            \
     .help = "name, for messages"},                                                                \
        {.name = "learning_rate",                                                                  \
         .type = LS_OPTION_FLOAT,                                                                  \
         .offset = offsetof(struct ls_optimizer_common, learning_rate),                            \
         .initial = rate,                                                                          \
         .min = 0,                                                                                 \
         .max = INFINITY,                                                                          \
         .open_max = true,                                                                         \
         .help = "size of a step"},                                                                \
        LS_OPTIMIZER_LATER_OPTION(weight_decay, LS_OPTION_FLOAT),                                  \
        LS_OPTIMIZER_LATER_OPTION(clipnorm, LS_OPTION_FLOAT),                                      \
        LS_OPTIMIZER_LATER_OPTION(global_clipnorm, LS_OPTION_FLOAT),                               \
        LS_OPTIMIZER_LATER_OPTION(clipvalue, LS_OPTION_FLOAT),                                     \
        {.name = "use_ema",                                                                        \
         .type = LS_OPTION_BOOL,                                                                   \
         .offset = offsetof(struct ls_optimizer_common, use_ema),                                  \
         .initial = "false",                                                                       \
         .refused = LS_OPTIMIZER_LATER,                                                            \
         .help = "not known here yet"},                                                            \
        {.name = "ema_momentum",                                                                   \
         .type = LS_OPTION_FLOAT,                                                                  \
         .offset = offsetof(struct ls_optimizer_common, ema_momentum),                             \
         .initial = "0.99",                                                                        \
         .refused = LS_OPTIMIZER_LATER,                                                            \
         .help = "not known here yet"},                                                            \
        LS_OPTIMIZER_LATER_OPTION(ema_overwrite_frequency, LS_OPTION_INT),                         \
        LS_OPTIMIZER_LATER_OPTION(loss_scale_factor, LS_OPTION_FLOAT),                             \
        LS_OPTIMIZER_LATER_OPTION(gradient_accumulation_steps, LS_OPTION_INT)

struct ls_optimizer_kind {
    struct ls_kind kind;
    /* The slots in use with these options, by Keras' names ("momentum", "velocity"); returns how
     * many.
     */
    size_t (*slots)(const void *options, const char *names[LS_SLOTS_MAX]);
    /* Keras' files hold the first so many slots variable by variable (momentum and velocity of one,
     * then of the next), the others slot by slot. */
    size_t paired;
    void (*step)(const struct ls_optimizer_call *call);
    size_t learning_rate_offset; /* of the double option in options */
    /* Examples of options for the registry-wide tests; ends with NULL. */
    const char *const *examples;
};

extern const struct ls_registry ls_optimizers;

#endif
