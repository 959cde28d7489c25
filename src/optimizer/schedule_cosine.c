/* Decay along half a cosine wave (Loshchilov & Hutter: SGDR, ICLR 2017): CosineDecay, with a
 * linear warm-up, and CosineDecayRestarts. */
#include <float.h>

#include "layer/portable.h"
#include "optimizer/schedule.h"

static const float pi = 3.14159274F; /* Keras multiplies by it in float32 */

static float cosine(float angle)
{
    const double full_turn = 6.283185307179586;
    double sine, result;
    ls_portable_sine((double)angle / full_turn, &sine, &result);
    return (float)result;
}

struct decay {
    double initial_learning_rate, decay_steps, alpha;
    char *name;
    double warmup_target, warmup_steps; /* warmup_target NaN: no warm-up */
};

static const struct ls_option decay_options[] = {
    LS_SCHEDULE_NUMBER(struct decay, initial_learning_rate, NULL, false, "at the first step"),
    LS_SCHEDULE_STEPS(struct decay, decay_steps, "of the decay, after the warm-up"),
    LS_SCHEDULE_NUMBER(struct decay, alpha, "0.0", false, "part of the rate that is left"),
    LS_SCHEDULE_NAME(struct decay, "CosineDecay"),
    LS_SCHEDULE_NUMBER(struct decay, warmup_target, "null", false,
                       "rate after the warm-up; null: no warm-up"),
    LS_SCHEDULE_NUMBER(struct decay, warmup_steps, "0", true, "steps of the warm-up"),
    {.name = NULL},
};

static float decayed(const struct decay *o, float step, float from)
{
    float wave = 0.5F * (1 + cosine(pi * (step / (float)o->decay_steps)));
    return from * ((float)(1 - o->alpha) * wave + (float)o->alpha);
}

static float decay_rate(const void *options, int64_t step_)
{
    const struct decay *o = options;
    float step = (float)step_, steps = (float)o->decay_steps, warmup = (float)o->warmup_steps;
    float initial = (float)o->initial_learning_rate, target = (float)o->warmup_target;
    if (isnan(o->warmup_target))
        return decayed(o, fminf(step, steps), initial);
    step = fminf(step, steps + warmup);
    if (step < warmup)
        return (target - initial) * (step / warmup) + initial;
    return decayed(o, step - warmup, target);
}

static const char *const decay_examples[] = {
    "initial_learning_rate: 0.1, decay_steps: 7",
    "initial_learning_rate: 0.01, decay_steps: 5.5, alpha: 0.1, warmup_target: 0.2, warmup_steps: "
    "3, name: mine",
    NULL};

const struct ls_schedule_kind ls_schedule_cosine_decay = {
    .kind = {.name = "CosineDecay",
             .summary = "half a cosine wave, after a linear warm-up",
             .options = decay_options,
             .options_size = sizeof(struct decay)},
    .rate = decay_rate,
    .examples = decay_examples,
};

struct restarts {
    double initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha;
    char *name;
};

static const struct ls_option restarts_options[] = {
    LS_SCHEDULE_NUMBER(struct restarts, initial_learning_rate, NULL, false, "at the first step"),
    LS_SCHEDULE_STEPS(struct restarts, first_decay_steps, "to the first restart"),
    {.name = "t_mul",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct restarts, t_mul),
     .initial = "2.0",
     .min = 1,
     .max = INFINITY,
     .open_max = true,
     .help = "how much longer each period is than the one before"},
    LS_SCHEDULE_NUMBER(struct restarts, m_mul, "1.0", false,
                       "what each period's first rate is of the one before"),
    LS_SCHEDULE_NUMBER(struct restarts, alpha, "0.0", false, "part of the first rate that is left"),
    LS_SCHEDULE_NAME(struct restarts, "SGDRDecay"),
    {.name = NULL},
};

/* Which period it is, and how much of it is done, from the time in first periods: the periods' ends
 * are a geometric series. */
static float period_of(float t_mul, float *done)
{
    if (t_mul == 1) {
        float period = floorf(*done);
        *done -= period;
        return period;
    }
    float reached = fminf(1 - *done * (1 - t_mul), FLT_MAX);
    float period =
        floorf((float)ls_portable_log((double)reached) / (float)ls_portable_log((double)t_mul));
    float length = ls_schedule_power(t_mul, period);
    *done = (*done - (1 - length) / (1 - t_mul)) / length;
    return period;
}

static float restarts_rate(const void *options, int64_t step)
{
    const struct restarts *o = options;
    float alpha = (float)o->alpha, done = (float)step / (float)o->first_decay_steps;
    float period = period_of((float)o->t_mul, &done);
    float wave = 0.5F * ls_schedule_power((float)o->m_mul, period) * (1 + cosine(pi * done));
    return (float)o->initial_learning_rate * ((1 - alpha) * wave + alpha);
}

static const char *const restarts_examples[] = {
    "initial_learning_rate: 0.1, first_decay_steps: 3",
    "initial_learning_rate: 0.1, first_decay_steps: 2.5, t_mul: 1.0, m_mul: 0.5, alpha: 0.1, name: "
    "mine",
    NULL};

const struct ls_schedule_kind ls_schedule_cosine_decay_restarts = {
    .kind = {.name = "CosineDecayRestarts",
             .summary = "half a cosine wave again and again, each longer than the one before",
             .options = restarts_options,
             .options_size = sizeof(struct restarts)},
    .rate = restarts_rate,
    .examples = restarts_examples,
};
