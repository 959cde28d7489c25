/* Time that passes: for how long, never what o'clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Seconds since some moment before the process began; never goes back. */
double ls_seconds(void);

#endif
