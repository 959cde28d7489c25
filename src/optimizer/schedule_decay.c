/* Decay by time: ExponentialDecay (the one to copy), InverseTimeDecay and PolynomialDecay. */
#include "optimizer/schedule.h"

struct by_rate {
    double initial_learning_rate, decay_steps, decay_rate;
    bool staircase;
    char *name;
};

#define BY_RATE_OPTIONS(name_)                                                                     \
    LS_SCHEDULE_NUMBER(struct by_rate, initial_learning_rate, NULL, false, "at the first step"),   \
        LS_SCHEDULE_STEPS(struct by_rate, decay_steps, "of one decay"),                            \
        LS_SCHEDULE_NUMBER(struct by_rate, decay_rate, NULL, false, "of one decay"),               \
        {.name = "staircase",                                                                      \
         .type = LS_OPTION_BOOL,                                                                   \
         .offset = offsetof(struct by_rate, staircase),                                            \
         .initial = "false",                                                                       \
         .help = "decay after every decay_steps, not at every step"},                              \
        LS_SCHEDULE_NAME(struct by_rate, name_), {.name = NULL},

static const struct ls_option exponential_options[] = {BY_RATE_OPTIONS("ExponentialDecay")};
static const struct ls_option inverse_options[] = {BY_RATE_OPTIONS("InverseTimeDecay")};

/* How many times decay_steps have gone by. */
static float decays(const struct by_rate *o, int64_t step)
{
    float count = (float)step / (float)o->decay_steps;
    return o->staircase ? floorf(count) : count;
}

static float exponential(const void *options, int64_t step)
{
    const struct by_rate *o = options;
    return (float)o->initial_learning_rate *
           ls_schedule_power((float)o->decay_rate, decays(o, step));
}

static float inverse_time(const void *options, int64_t step)
{
    const struct by_rate *o = options;
    return (float)o->initial_learning_rate / (1 + (float)o->decay_rate * decays(o, step));
}

static const char *const by_rate_examples[] = {
    "initial_learning_rate: 0.1, decay_steps: 4, decay_rate: 0.5",
    "initial_learning_rate: 0.1, decay_steps: 2.5, decay_rate: 0.9, staircase: true, name: mine",
    NULL};

const struct ls_schedule_kind ls_schedule_exponential_decay = {
    .kind = {.name = "ExponentialDecay",
             .summary = "initial_learning_rate decay_rate^(step / decay_steps)",
             .options = exponential_options,
             .options_size = sizeof(struct by_rate)},
    .rate = exponential,
    .examples = by_rate_examples,
};

const struct ls_schedule_kind ls_schedule_inverse_time_decay = {
    .kind = {.name = "InverseTimeDecay",
             .summary = "initial_learning_rate / (1 + decay_rate step / decay_steps)",
             .options = inverse_options,
             .options_size = sizeof(struct by_rate)},
    .rate = inverse_time,
    .examples = by_rate_examples,
};

struct polynomial {
    double initial_learning_rate, decay_steps, end_learning_rate, power;
    bool cycle;
    char *name;
};

static const struct ls_option polynomial_options[] = {
    LS_SCHEDULE_NUMBER(struct polynomial, initial_learning_rate, NULL, false, "at the first step"),
    LS_SCHEDULE_STEPS(struct polynomial, decay_steps, "to end_learning_rate"),
    LS_SCHEDULE_NUMBER(struct polynomial, end_learning_rate, "0.0001", false,
                       "after decay_steps, or after each of the cycles"),
    LS_SCHEDULE_NUMBER(struct polynomial, power, "1.0", false, "of what is left of the way"),
    {.name = "cycle",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct polynomial, cycle),
     .initial = "false",
     .help = "rise again after decay_steps, and decay more slowly from cycle to cycle"},
    LS_SCHEDULE_NAME(struct polynomial, "PolynomialDecay"),
    {.name = NULL},
};

static float polynomial_rate(const void *options, int64_t step_)
{
    const struct polynomial *o = options;
    float step = (float)step_, steps = (float)o->decay_steps, end = (float)o->end_learning_rate;
    if (!o->cycle)
        step = fminf(step, steps);
    else if (step_ > 0)
        steps *= ceilf(step / steps);
    float left = ls_schedule_power(1 - step / steps, (float)o->power);
    return ((float)o->initial_learning_rate - end) * left + end;
}

static const char *const polynomial_examples[] = {
    "initial_learning_rate: 0.1, decay_steps: 5",
    "initial_learning_rate: 0.1, decay_steps: 3.5, end_learning_rate: 0.01, power: 0.5, cycle: "
    "true, name: mine",
    NULL};

const struct ls_schedule_kind ls_schedule_polynomial_decay = {
    .kind = {.name = "PolynomialDecay",
             .summary = "from initial_learning_rate to end_learning_rate by a power of the time",
             .options = polynomial_options,
             .options_size = sizeof(struct polynomial)},
    .rate = polynomial_rate,
    .examples = polynomial_examples,
};
