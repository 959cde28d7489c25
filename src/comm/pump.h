/* A thread that keeps a combine between nodes going while its rank computes. Transports such as TCP
 * move in calls of MPI alone, and the product of two large matrices lasts hundreds of milliseconds.
 *
 * It is awake from the first bucket that is written to the combine's end, looks whether something
 * can go on, and sleeps a moment. Never do it and the rank call MPI at once: between wake and rest
 * the rank calls MPI only while it holds the thread up. So MPI_THREAD_SERIALIZED is enough where
 * nobody else calls MPI (comm->threads); else the layer loop's ls_combine_progress has to serve.
 *
 * Measured: two namespaces joined by 1 Gbit/s, 784-4096-4096-4096-10 (147 MB, 1.25 s of wire), 1024
 * samples a rank, milliseconds a step, 4 steps:
 *
 *                             waited for   backward pass    step
 *     all at the end                1249            1496    3591
 *     the layer loop alone          1079            1447    3348
 *     this thread                    120            1764    2723
 *
 * The backward pass is slower for the copies that TCP makes on the same core, 0.2 s here. */
#ifndef COMM_PUMP_H
#define COMM_PUMP_H

#include "base/status.h"

struct ls_combine;
struct ls_pump;

ls_status ls_pump_create(struct ls_pump **pump, struct ls_combine *combine);
/* NULL is allowed. */
void ls_pump_free(struct ls_pump *pump);

void ls_pump_wake(struct ls_pump *pump);
/* The thread is asleep from here on. NULL is allowed. */
void ls_pump_rest(struct ls_pump *pump);

/* The thread waits from hold to release. NULL is allowed. */
void ls_pump_hold(struct ls_pump *pump);
void ls_pump_release(struct ls_pump *pump);

#endif
