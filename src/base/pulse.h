/* The pulse of a thread: what it does and that it gets on, told where a watchdog (comm/watchdog.h)
 * of this or another process looks on. A thread tells nothing until it is given a place; telling
 * costs some nanoseconds, so that each layer and each wait can be told. */
#ifndef BASE_PULSE_H
#define BASE_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

enum ls_pulse_doing {
    LS_PULSE_WORK,     /* what the name says: "reading data" */
    LS_PULSE_FORWARD,  /* of the layer of this name */
    LS_PULSE_BACKWARD, /* likewise */
    LS_PULSE_WAIT,     /* for other ranks, in the function or event of this name */
    LS_PULSE_AFTER,    /* this wait: something that has no name here */
};

enum { LS_PULSE_WORDS = 6 }; /* a longer name loses its end */

/* Lies in memory that processes may share; zeros are a pulse that has not begun. */
struct ls_pulse {
    _Alignas(64) _Atomic uint64_t beats; /* changes whenever something was done */
    _Atomic int64_t step;
    _Atomic int doing; /* enum ls_pulse_doing */
    _Atomic uint64_t word[LS_PULSE_WORDS];
};
struct ls_pulse_view {
    uint64_t beats;
    int64_t step;
    enum ls_pulse_doing doing;
    char name[LS_PULSE_WORDS * sizeof(uint64_t) + 1];
};
/* Of any thread, at any time. A name that changes meanwhile may come out as a mixture. */
void ls_pulse_look(struct ls_pulse_view *view, const struct ls_pulse *pulse);

/* From here on this thread tells it there; NULL: nowhere. */
void ls_pulse_show(struct ls_pulse *pulse);

/* This thread begins something, which is a beat. */
void ls_pulse_begin(enum ls_pulse_doing doing, const char *name);
/* It is at this step, a beat too. */
void ls_pulse_step(int64_t step);

/* This thread waits for other ranks, from here to ls_pulse_done. Of waits inside a wait the
 * outermost is told. A wait is no beat, and neither is what goes on in it: its end is one. */
void ls_pulse_wait(const char *in);
void ls_pulse_done(void);
/* Seconds that this thread has waited for other ranks so far; counted with or without a place. */
double ls_pulse_waited(void);

/* For a thread that works for another one: beats there. */
struct ls_pulse *ls_pulse_here(void);       /* this thread's place, or NULL */
void ls_pulse_beat(struct ls_pulse *pulse); /* NULL is allowed */

#endif
