/* What a kind of optimizer is. It updates a range of elements of the weights arena from the summed
 * gradient; it knows no layer. One file a kind; optimizer/registry.c has one row. optimizer/sgd.c
 * is the one to copy. What Keras' optimizers have in common stands around the kinds: clipping,
 * accumulation, weight decay and averages are the update plan's (train/update.c). */
#ifndef OPTIMIZER_OPTIMIZER_H
#define OPTIMIZER_OPTIMIZER_H

#include "base/kind.h"
#include "base/shape.h"
#include "optimizer/schedule.h"

enum { LS_SLOTS_MAX = 4 };

struct ls_optimizer_call {
    const void *options;
    float *weights; /* n elements */
    const float *gradient;
    float *slot[LS_SLOTS_MAX]; /* before the first step as `initial` says */
    size_t n;
    int64_t iteration;    /* updates done before this one, from 0 */
    double learning_rate; /* of this step */
    /* Of a kind that goes by variable; else 0: */
    const struct ls_shape *shape; /* n elements */
    int way;                      /* as `way` says */
    float *room;                  /* as much as `room` asks for */
};

/* What all of Keras' optimizers have. Every optimizer's option struct begins with it. */
struct ls_optimizer_common {
    char *name;
    struct ls_float_or_kind learning_rate;                     /* or one of ls_schedules */
    double weight_decay, clipnorm, global_clipnorm, clipvalue; /* NaN: none */
    bool use_ema;
    double ema_momentum;
    int64_t ema_overwrite_frequency; /* LS_NULL_INT: only at the end */
    double loss_scale_factor;
    int64_t gradient_accumulation_steps; /* LS_NULL_INT: none */
};

#define LS_OPTIMIZER_SCALE_REFUSED                                                                 \
    "losses and gradients are float32 here, which needs no scaling: leave it out"

/* One of its rows: a number that may be null. */
#define LS_OPTIMIZER_NUMBER(field, initial_, null_too, help_)                                      \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_FLOAT,                                                   \
        .offset = offsetof(struct ls_optimizer_common, field), .initial = initial_, .min = 0,      \
        .max = INFINITY, .open_max = true, .nullable = null_too, .help = help_                     \
    }

/* Its rows in the option table of an optimizer, with the defaults of the learning rate and of the
 * weight decay as text. */
#define LS_OPTIMIZER_DECAY_OPTIONS(rate, decay, null_decay)                                        \
    {.name = "name",                                                                               \
     .type = LS_OPTION_TEXT,                                                                       \
     .offset = offsetof(struct ls_optimizer_common, name),                                         \
     .initial = "null",                                                                            \
     .unwritten = true,                                                                            \
     .help = "name, for messages"},                                                                \
        {.name = "learning_rate",                                                                  \
         .type = LS_OPTION_FLOAT_OR_KIND,                                                          \
         .offset = offsetof(struct ls_optimizer_common, learning_rate),                            \
         .initial = rate,                                                                          \
         .min = 0,                                                                                 \
         .max = INFINITY,                                                                          \
         .open_max = true,                                                                         \
         .registry = &ls_schedules,                                                                \
         .help = "size of a step"},                                                                \
        LS_OPTIMIZER_NUMBER(weight_decay, decay, null_decay,                                       \
                            "part of each weight, times the learning rate, taken off each step"),  \
        LS_OPTIMIZER_NUMBER(clipnorm, "null", true, "largest norm of a variable's gradient"),      \
        LS_OPTIMIZER_NUMBER(global_clipnorm, "null", true, "largest norm of the whole gradient"),  \
        LS_OPTIMIZER_NUMBER(clipvalue, "null", true, "largest magnitude in a gradient"),           \
        {.name = "use_ema",                                                                        \
         .type = LS_OPTION_BOOL,                                                                   \
         .offset = offsetof(struct ls_optimizer_common, use_ema),                                  \
         .initial = "false",                                                                       \
         .help = "keep moving averages of the weights; a training ends with them"},                \
        {.name = "ema_momentum",                                                                   \
         .type = LS_OPTION_FLOAT,                                                                  \
         .offset = offsetof(struct ls_optimizer_common, ema_momentum),                             \
         .initial = "0.99",                                                                        \
         .min = 0,                                                                                 \
         .max = 1,                                                                                 \
         .help = "part of an average that stays"},                                                 \
        {.name = "ema_overwrite_frequency",                                                        \
         .type = LS_OPTION_INT,                                                                    \
         .offset = offsetof(struct ls_optimizer_common, ema_overwrite_frequency),                  \
         .initial = "null",                                                                        \
         .min = 1,                                                                                 \
         .unit = "steps",                                                                          \
         .help = "how often the averages replace the weights"},                                    \
        {.name = "loss_scale_factor",                                                              \
         .type = LS_OPTION_FLOAT,                                                                  \
         .offset = offsetof(struct ls_optimizer_common, loss_scale_factor),                        \
         .initial = "null",                                                                        \
         .refused = LS_OPTIMIZER_SCALE_REFUSED,                                                    \
         .help = "not in use: nothing is computed in half precision"},                             \
    {                                                                                              \
        .name = "gradient_accumulation_steps", .type = LS_OPTION_INT,                              \
        .offset = offsetof(struct ls_optimizer_common, gradient_accumulation_steps),               \
        .initial = "null", .min = 2, .unit = "steps",                                              \
        .help = "one update from the mean of so many"                                              \
    }

#define LS_OPTIMIZER_COMMON_OPTIONS(rate) LS_OPTIMIZER_DECAY_OPTIONS(rate, "null", true)

/* A number of a kind's own, at least 0 (and below 1 for `below_1`). */
#define LS_OPTIMIZER_OWN(type_, field, initial_, below_1, help_)                                   \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_FLOAT, .offset = offsetof(type_, field),                 \
        .initial = initial_, .min = 0, .max = below_1 ? 1 : INFINITY, .open_max = true,            \
        .help = help_                                                                              \
    }
/* beta_1, beta_2 and epsilon of Adam and its kin. */
#define LS_OPTIMIZER_MOMENT_OPTIONS(type_)                                                         \
    LS_OPTIMIZER_OWN(type_, beta_1, "0.9", true, "decay of the gradient's mean"),                  \
        LS_OPTIMIZER_OWN(type_, beta_2, "0.999", true, "decay of the gradient's mean square"),     \
        LS_OPTIMIZER_OWN(type_, epsilon, "1e-07", false, "added to the divisor")

struct ls_optimizer_kind {
    struct ls_kind kind;
    /* The slots in use with these options, by Keras' names ("momentum", "velocity"); returns how
     * many.
     */
    size_t (*slots)(const void *options, const char *names[LS_SLOTS_MAX]);
    /* What a slot holds before the first step; NULL: 0. */
    double (*initial)(const void *options, size_t slot);
    /* Keras' files hold the first so many slots variable by variable (momentum and velocity of one,
     * then of the next), the others slot by slot. */
    size_t paired;
    void (*step)(const struct ls_optimizer_call *call);
    size_t learning_rate_offset; /* of the option in options: struct ls_float_or_kind */
    /* A number that Keras' files hold behind the slots: what it is after so many updates. NULL:
     * there is none. */
    double (*scalar)(const void *options, int64_t updates);

    /* -- of kinds whose step is not the same for any range of elements: it gets one variable */
    bool by_variable;
    /* How many floats of room the step needs for a variable; NULL: none. */
    size_t (*room)(const struct ls_shape *shape);
    /* In which way the variable of this path of Keras' ("sequential/dense/kernel") is updated;
     * NULL: there is one, 0. */
    int (*way)(const void *options, const char *path, const struct ls_shape *shape);
    /* The weight decay of a way, NaN for none; NULL: the option's. */
    double (*decay)(const void *options, int way);
    /* Whether Keras has no such slot of a variable of this way; NULL: it has all. */
    bool (*lacks)(int way, size_t slot);

    ls_status (*check)(const void *options); /* of options that do not go together; NULL: none */
    /* Examples of options for the registry-wide tests; ends with NULL. */
    const char *const *examples;
};

extern const struct ls_registry ls_optimizers;

/* An optimizer as it stands in a run file or a file of Keras'. LS_BAD_INPUT also for options that
 * do not go together. */
ls_status ls_optimizer_parse(struct ls_instance *optimizer, const struct ls_tree *tree);

static inline const struct ls_optimizer_kind *ls_optimizer_kind(const struct ls_instance *optimizer)
{
    return (const struct ls_optimizer_kind *)optimizer->kind;
}
static inline const struct ls_float_or_kind *ls_optimizer_rate(const struct ls_instance *optimizer)
{
    size_t offset = ls_optimizer_kind(optimizer)->learning_rate_offset;
    return (const struct ls_float_or_kind *)((const char *)optimizer->options + offset);
}
static inline const struct ls_optimizer_common *
ls_optimizer_common(const struct ls_instance *optimizer)
{
    return (const struct ls_optimizer_common *)optimizer->options;
}

/* Whether the learning rate is a number, which Keras holds as a variable of the optimizer's. */
static inline bool ls_optimizer_holds_rate(const struct ls_instance *optimizer)
{
    return !ls_optimizer_rate(optimizer)->instance.kind;
}

/* All slots in Keras' order: averages, accumulated gradients, then the kind's own. */
enum { LS_ALL_SLOTS_MAX = LS_SLOTS_MAX + 2 };
struct ls_optimizer_slots {
    const char *name[LS_ALL_SLOTS_MAX];
    double initial[LS_ALL_SLOTS_MAX];
    size_t count;
    size_t average, accumulator; /* which they are; SIZE_MAX: not in use */
    size_t own;                  /* the first of the kind's */
};
void ls_optimizer_slots(struct ls_optimizer_slots *slots, const struct ls_instance *optimizer);

/* How many updates so many steps made: fewer where gradients are accumulated. */
int64_t ls_optimizer_updates(const struct ls_instance *optimizer, int64_t steps);

#endif
