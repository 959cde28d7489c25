#include "cli.h"

/* The one thing that a signal handler may touch. */
static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

const volatile sig_atomic_t *cli_stop(void)
{
    return &stop;
}

/* What this process was started to ignore it goes on ignoring: nohup does so with SIGHUP, a shell
 * with the SIGINT of its background jobs. */
static void handle(int number, const struct sigaction *action)
{
    struct sigaction before;
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, action, NULL);
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    handle(SIGUSR1, &action);
    handle(SIGTERM, &action);
    handle(SIGHUP, &action);
    action.sa_flags |= (int)SA_RESETHAND;
    handle(SIGINT, &action);

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL); /* a run does not end because nobody watches any more */
    sigaction(SIGXFSZ, &ignore, NULL); /* the write fails instead, with a message */
}
