/* What callbacks that watch one number of an epoch have in common: keras/src/callbacks/
 * monitor_callback.py. Numbers are compared as float32, as Keras compares them. */
#ifndef TRAIN_MONITOR_H
#define TRAIN_MONITOR_H

#include "train/callback.h"

/* Every such callback's option struct begins with it. */
struct ls_monitor_options {
    char *monitor;
    int mode;
};

extern const char *const ls_monitor_modes[];
/* Its rows in the option table. */
#define LS_MONITOR_OPTIONS                                                                         \
    {.name = "monitor",                                                                            \
     .type = LS_OPTION_TEXT,                                                                       \
     .offset = offsetof(struct ls_monitor_options, monitor),                                       \
     .initial = "val_loss",                                                                        \
     .help = "the number of an epoch that is watched"},                                            \
    {                                                                                              \
        .name = "mode", .type = LS_OPTION_CHOICE,                                                  \
        .offset = offsetof(struct ls_monitor_options, mode), .initial = "auto",                    \
        .choices = ls_monitor_modes, .help = "which is better: max, min, or as the number's kind"  \
    }
/* And one that most of them have. */
#define LS_VERBOSE_OPTION(struct_)                                                                 \
    {                                                                                              \
        .name = "verbose", .type = LS_OPTION_INT, .offset = offsetof(struct_, verbose),            \
        .initial = "0", .min = 0, .max = 2, .help = "1 or 2: say what is done"                     \
    }

/* For `check`: the number is among the first `count` of fit->names and its better direction is
 * known. LS_BAD_INPUT. */
ls_status ls_monitor_check(const struct ls_callback_call *call, size_t count);

struct ls_monitor {
    double value;
    bool up; /* larger is better */
};
/* The present value of what was checked. */
struct ls_monitor ls_monitor_read(const struct ls_callback_call *call);
/* Whether the value is better than `best` by more than |min_delta|; of a NaN nothing is. */
bool ls_monitor_improves(const struct ls_monitor *monitor, double min_delta, double best);

#endif
