/* Time that passes: for how long, never what o'clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds since some moment before the process began; never goes back. */
double ls_seconds(void);

/* A stopwatch: each lap adds the time since the one before to a sum, so that sums of several laps
 * have no gap and no overlap. Who measures at no price where nobody asked has no watch. */
struct ls_stopwatch {
    double last;
};
static inline void ls_lap(struct ls_stopwatch *watch, double *sum)
{
    double now = ls_seconds();
    *sum += now - watch->last;
    watch->last = now;
}

#endif
