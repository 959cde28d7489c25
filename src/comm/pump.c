#include "comm/pump.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "comm/combine_private.h"

/* Some 0.1 ms: 12 kB of a 1 Gbit/s wire, which its buffers hold, and few enough wakes a second not
 * to be felt by who computes on the same core. */
enum { NAP_NANOSECONDS = 100000 };

struct ls_pump {
    struct ls_combine *combine;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool awake, ends;
};

static void *run(void *user)
{
    const struct timespec nap = {.tv_nsec = NAP_NANOSECONDS};
    struct ls_pump *pump = user;

    pthread_mutex_lock(&pump->lock);
    while (!pump->ends) {
        if (!pump->awake) {
            pthread_cond_wait(&pump->changed, &pump->lock);
            continue;
        }
        ls_combine_try(pump->combine);
        pthread_mutex_unlock(&pump->lock);
        nanosleep(&nap, NULL);
        pthread_mutex_lock(&pump->lock);
    }
    pthread_mutex_unlock(&pump->lock);
    return NULL;
}

/* Signals are for the thread that computes. */
static int start_thread(struct ls_pump *pump)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&pump->thread, NULL, run, pump);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

ls_status ls_pump_create(struct ls_pump **pump, struct ls_combine *combine)
{
    struct ls_pump *made = NULL;

    *pump = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->combine = combine;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    int error = start_thread(made);
    if (error) {
        pthread_cond_destroy(&made->changed);
        pthread_mutex_destroy(&made->lock);
        ls_release(made);
        return ls_fail(LS_FAILED, "cannot start a thread for messages between nodes: %s",
                       strerror(error));
    }
    *pump = made;
    return LS_OK;
}

void ls_pump_free(struct ls_pump *pump)
{
    if (!pump)
        return;
    pthread_mutex_lock(&pump->lock);
    pump->ends = true;
    pthread_cond_signal(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
    pthread_join(pump->thread, NULL);
    pthread_cond_destroy(&pump->changed);
    pthread_mutex_destroy(&pump->lock);
    ls_release(pump);
}

void ls_pump_wake(struct ls_pump *pump)
{
    if (pump->awake) /* this thread alone changes it */
        return;
    pthread_mutex_lock(&pump->lock);
    pump->awake = true;
    pthread_cond_signal(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
}

void ls_pump_rest(struct ls_pump *pump)
{
    if (!pump)
        return;
    pthread_mutex_lock(&pump->lock);
    pump->awake = false;
    pthread_mutex_unlock(&pump->lock);
}

void ls_pump_hold(struct ls_pump *pump)
{
    if (pump)
        pthread_mutex_lock(&pump->lock);
}

void ls_pump_release(struct ls_pump *pump)
{
    if (pump)
        pthread_mutex_unlock(&pump->lock);
}
