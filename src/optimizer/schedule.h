/* What a kind of schedule is: the learning rate by the number of steps done. Computed in float32 as
 * Keras' (keras/src/optimizers/schedules), with powers and cosines that have the same bits on every
 * machine. optimizer/schedule_decay.c has the one to copy (ExponentialDecay); optimizer/schedule.c
 * one row a kind. */
#ifndef OPTIMIZER_SCHEDULE_H
#define OPTIMIZER_SCHEDULE_H

#include "base/kind.h"

struct ls_schedule_kind {
    struct ls_kind kind;
    /* Of the step after `step` others, from 0. */
    float (*rate)(const void *options, int64_t step);
    ls_status (*check)(const void *options); /* of options that do not go together; NULL: none */
    /* Options for the registry-wide tests, as YAML maps that together exercise the table; ends with
     * NULL. */
    const char *const *examples;
};

extern const struct ls_registry ls_schedules;

/* Kind NULL: 0. */
double ls_schedule_rate(const struct ls_instance *schedule, int64_t step);
/* LS_BAD_INPUT with the kind's name before the message. Kind NULL: LS_OK. */
ls_status ls_schedule_check(const struct ls_instance *schedule);

/* x^y in float32, for x >= 0. */
float ls_schedule_power(float x, float y);

/* Rows of option tables: a number of at least 0; above 0; the name. */
#define LS_SCHEDULE_NUMBER(type_, field, initial_, whole_, help_)                                  \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_FLOAT, .offset = offsetof(type_, field),                 \
        .initial = initial_, .min = 0, .max = INFINITY, .open_max = true, .whole = whole_,         \
        .help = help_                                                                              \
    }
#define LS_SCHEDULE_STEPS(type_, field, help_)                                                     \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_FLOAT, .offset = offsetof(type_, field), .min = 0,       \
        .max = INFINITY, .open_min = true, .open_max = true, .whole = true, .unit = "steps",       \
        .help = help_                                                                              \
    }
#define LS_SCHEDULE_NAME(type_, initial_)                                                          \
    {                                                                                              \
        .name = "name", .type = LS_OPTION_TEXT, .offset = offsetof(type_, name),                   \
        .initial = initial_, .nullable = true, .help = "name, for messages"                        \
    }

#endif
