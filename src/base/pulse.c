#include "base/pulse.h"

#include <string.h>

#include "base/clock.h"

static _Thread_local struct {
    struct ls_pulse *shown;
    int depth; /* of waits */
    double since, waited;
} own;

void ls_pulse_show(struct ls_pulse *pulse)
{
    own.shown = pulse;
}

struct ls_pulse *ls_pulse_here(void)
{
    return own.shown;
}

double ls_pulse_waited(void)
{
    return own.waited;
}

/* One thread counts here at most times; that a beat gets lost among two does no harm. */
void ls_pulse_beat(struct ls_pulse *pulse)
{
    if (pulse)
        atomic_store_explicit(&pulse->beats,
                              atomic_load_explicit(&pulse->beats, memory_order_relaxed) + 1,
                              memory_order_relaxed);
}

static void tell(enum ls_pulse_doing doing, const char *name)
{
    uint64_t word[LS_PULSE_WORDS] = {0};
    memcpy(word, name, strnlen(name, sizeof word));
    atomic_store_explicit(&own.shown->doing, doing, memory_order_relaxed);
    for (int i = 0; i < LS_PULSE_WORDS; i++)
        atomic_store_explicit(&own.shown->word[i], word[i], memory_order_relaxed);
}

void ls_pulse_begin(enum ls_pulse_doing doing, const char *name)
{
    if (!own.shown || own.depth > 0)
        return;
    tell(doing, name);
    ls_pulse_beat(own.shown);
}

void ls_pulse_step(int64_t step)
{
    if (!own.shown)
        return;
    atomic_store_explicit(&own.shown->step, step, memory_order_relaxed);
    ls_pulse_beat(own.shown);
}

void ls_pulse_wait(const char *in)
{
    if (own.depth++ > 0)
        return;
    own.since = ls_seconds();
    if (own.shown)
        tell(LS_PULSE_WAIT, in);
}

void ls_pulse_done(void)
{
    if (--own.depth > 0)
        return;
    own.waited += ls_seconds() - own.since;
    if (!own.shown)
        return;
    atomic_store_explicit(&own.shown->doing, LS_PULSE_AFTER, memory_order_relaxed);
    ls_pulse_beat(own.shown);
}

void ls_pulse_look(struct ls_pulse_view *view, const struct ls_pulse *pulse)
{
    uint64_t word[LS_PULSE_WORDS];
    view->beats = atomic_load_explicit(&pulse->beats, memory_order_relaxed);
    view->step = atomic_load_explicit(&pulse->step, memory_order_relaxed);
    view->doing = atomic_load_explicit(&pulse->doing, memory_order_relaxed);
    for (int i = 0; i < LS_PULSE_WORDS; i++)
        word[i] = atomic_load_explicit(&pulse->word[i], memory_order_relaxed);
    memcpy(view->name, word, sizeof word);
    view->name[sizeof word] = '\0';
}
