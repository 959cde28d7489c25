#include "comm/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "comm/shared.h"
#include "comm/watch_net.h"

/* Looks in the time limit; a tick is between these. */
enum { LOOKS = 20, AWAY_TICKS = 3, TURN_TICKS = 2, CLAIM_SECONDS = 20, GOODBYES = 3 };
static const double tick_least = 0.05, tick_most = 1;
/* By then all are heard that can be. */
static const double hear_seconds = 60;
/* What rank 0 has before those of other nodes act in its place: so long it takes until mpirun has
 * ended them. And between nodes, when it is rank 0 that they miss. */
static const double other_nodes = 5, between_nodes = 3, between_most = 30;

/* A rank's place in the memory that its node's ranks share. */
struct post {
    struct ls_pulse pulse;
    _Atomic uint64_t ticks; /* of its watchdog */
    _Atomic int pid;
    _Atomic bool watches, left;
};
struct block {
    _Alignas(
        64) _Atomic uint64_t claimed; /* when one of the node began to act, in seconds; 0: none */
    struct post post[];
};

/* What the last look saw. */
struct memory {
    uint64_t beats, ticks;
};

struct ls_watchdog {
    struct ls_comm *comm;
    struct ls_watchdog_options options;
    double tick;
    struct ls_shared shared;
    struct block *block;
    const int *ranks; /* that share it, by post */
    int posts, mine;
    struct ls_watch_net *net;
    struct ls_seen_rank *seen; /* by rank */
    struct memory *memory;     /* by post */
    struct ls_watch_note *note;
    double found; /* seconds for which somebody has held the job up */
    double ran;   /* seconds */
    bool told, missed;

    pthread_t thread;
    int wake;
};

/* -- what can be seen */

/* The state of a process of this host; 't' when a debugger has it, whoever waits for it. */
static char state_of(int pid)
{
    char path[64], text[1024], *at, state;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    at = strstr(text, "\nState:\t");
    state = at ? at[strlen("\nState:\t")] : '\0';
    at = strstr(text, "\nTracerPid:\t");
    return at && strtol(at + strlen("\nTracerPid:\t"), NULL, 10) != 0 ? 't' : state;
}

static void look_at(struct ls_watchdog *w, int i, double passed)
{
    const struct post *post = &w->block->post[i];
    struct ls_seen_rank *seen = &w->seen[w->ranks[i]];
    struct memory *memory = &w->memory[i];
    uint64_t ticks = atomic_load(&post->ticks);
    seen->known = atomic_load(&post->watches) && !atomic_load(&post->left);
    ls_pulse_look(&seen->pulse, &post->pulse);
    seen->idle = seen->pulse.beats == memory->beats ? seen->idle + passed : 0;
    seen->silent = ticks == memory->ticks && i != w->mine ? seen->silent + passed : 0;
    *memory = (struct memory){seen->pulse.beats, ticks};
    seen->state = '\0';
    if (seen->known && seen->idle > w->options.seconds / 2)
        seen->state = state_of(atomic_load(&post->pid));
    if (seen->state == 't') /* who debugs may take all the time he wants */
        seen->idle = seen->silent = 0;
}

/* Those of other nodes age until something is heard of them. */
static void look(struct ls_watchdog *w, double passed)
{
    for (int rank = 0; rank < w->comm->place.size; rank++) {
        w->seen[rank].idle += passed;
        w->seen[rank].silent += passed;
    }
    for (int i = 0; i < w->posts; i++) {
        w->seen[w->ranks[i]].idle -= passed;
        w->seen[w->ranks[i]].silent -= passed;
        look_at(w, i, passed);
    }
}

static void write_note(const struct ls_watchdog *w, struct ls_watch_note *note, int rank)
{
    const struct ls_seen_rank *seen = &w->seen[rank];
    *note = (struct ls_watch_note){.rank = rank,
                                   .doing = seen->pulse.doing,
                                   .step = seen->pulse.step,
                                   .idle = seen->idle,
                                   .silent = seen->silent,
                                   .state = seen->state,
                                   .left = !seen->known};
    memcpy(note->name, seen->pulse.name, sizeof note->name);
}

static void take_note(void *user, const struct ls_watch_note *note)
{
    struct ls_watchdog *w = user;
    struct ls_seen_rank *seen = &w->seen[note->rank];
    for (int i = 0; i < w->posts; i++)
        if (w->ranks[i] == note->rank)
            return; /* this node knows better */
    seen->known = !note->left;
    seen->heard = true;
    seen->idle = note->idle;
    seen->silent = note->silent;
    seen->state = note->state;
    seen->pulse.doing = (enum ls_pulse_doing)note->doing;
    seen->pulse.step = note->step;
    memcpy(seen->pulse.name, note->name, sizeof note->name);
}

static void hear(struct ls_watchdog *w)
{
    if (!w->net)
        return;
    write_note(w, &w->note[0], 0);
    ls_watch_net_receive(w->net, &w->note[0], take_note, w);
}

static void send_notes(struct ls_watchdog *w)
{
    if (!w->net || w->comm->place.rank == 0)
        return;
    for (int i = 0; i < w->posts; i++)
        write_note(w, &w->note[i], w->ranks[i]);
    ls_watch_net_send(w->net, w->note, (size_t)w->posts);
}

/* Rank 0 says once which hosts it cannot watch. */
static void miss_unheard(struct ls_watchdog *w, double passed)
{
    int count = 0, first = -1;
    w->ran += passed;
    if (!w->net || w->comm->place.rank != 0 || w->missed || w->ran < hear_seconds)
        return;
    w->missed = true;
    for (int i = 0; i < w->posts; i++)
        w->seen[w->ranks[i]].heard = true;
    for (int rank = 0; rank < w->comm->place.size; rank++)
        if (!w->seen[rank].heard)
            first = count++ ? first : rank;
    if (count > 0)
        ls_warn("the watchdog hears nothing of %d rank%s, first rank %d (host %s): let UDP pass "
                "between the hosts, else nobody misses a host that stands still",
                count, count > 1 ? "s" : "", first, w->comm->hosts[first]);
}

/* -- acting */

/* Seconds that those have who are to act before this rank. */
static double patience(const struct ls_watchdog *w, const struct ls_verdict *verdict)
{
    double seconds = w->mine * TURN_TICKS * w->tick;
    if (w->ranks[0] == 0)
        return seconds;
    double turn = verdict->rank == 0 ? between_nodes * w->comm->place.node : 0;
    return seconds + other_nodes + (turn < between_most ? turn : between_most);
}

/* One of a node acts, unless it was stopped when it was about to. */
static bool claim(struct block *block)
{
    uint64_t now = (uint64_t)ls_seconds() + 1, before = atomic_load(&block->claimed);
    if (before != 0 && now < before + CLAIM_SECONDS)
        return false;
    return atomic_compare_exchange_strong(&block->claimed, &before, now);
}

static void judge(struct ls_watchdog *w, double passed)
{
    struct ls_verdict verdict;
    if (!ls_verdict_find(&verdict, w->seen, w->comm->place.size, w->options.seconds)) {
        w->found = 0;
        return;
    }
    w->found += passed;
    if (w->told || w->found < patience(w, &verdict) || !claim(w->block))
        return;
    w->told = true;
    w->options.hang(w->options.user, verdict.text);
}

/* -- the thread */

/* Until the next tick; false: it is the end. */
static bool sleep_a_tick(struct ls_watchdog *w, double until)
{
    for (;;) {
        struct pollfd poll_on[] = {{.fd = w->wake, .events = POLLIN},
                                   {.fd = ls_watch_net_descriptor(w->net), .events = POLLIN}};
        double left = until - ls_seconds();
        if (left <= 0)
            return true;
        poll(poll_on, 2, (int)(left * 1000) + 1);
        if (poll_on[0].revents)
            return false;
        if (poll_on[1].revents)
            hear(w);
    }
}

/* Time in which this thread did not run, since its process was stopped or its machine asleep, is
 * nobody's fault: a tick counts as a few at most. */
static void *watch(void *user)
{
    struct ls_watchdog *w = user;
    double last = ls_seconds();
    while (sleep_a_tick(w, last + w->tick)) {
        double now = ls_seconds(), passed = now - last;
        last = now;
        if (passed > AWAY_TICKS * w->tick)
            passed = AWAY_TICKS * w->tick;
        atomic_fetch_add(&w->block->post[w->mine].ticks, 1);
        look(w, passed);
        hear(w);
        send_notes(w);
        miss_unheard(w, passed);
        judge(w, passed);
    }
    return NULL;
}

/* Signals are the business of the program's own threads. */
static ls_status start_thread(struct ls_watchdog *w)
{
    sigset_t all, before;
    w->wake = eventfd(0, EFD_CLOEXEC);
    if (w->wake < 0)
        return ls_fail(LS_FAILED, "cannot start a watchdog: %s", strerror(errno));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return LS_OK;
    close(w->wake);
    w->wake = -1;
    return ls_fail(LS_FAILED, "cannot start a thread: %s", strerror(error));
}

/* -- making */

/* Where memory cannot be shared each rank has a block of its own. */
static ls_status make_block(struct ls_watchdog *w)
{
    struct ls_comm *comm = w->comm;
    const struct ls_place *place = &comm->place;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), post = sizeof(struct post);
    size_t bytes = ls_round_up(sizeof(struct block) + (size_t)place->node_size * post, page);
    struct ls_piece whole = {0, place->node_rank == 0 ? bytes : 0};
    w->ranks = &comm->rank_at[comm->node_first[place->node]];
    w->posts = place->node_size;
    w->mine = place->node_rank;
    if (ls_shared_create(&w->shared, comm, bytes, &whole, 1) != LS_OK) {
        w->ranks += w->mine;
        w->posts = 1;
        w->mine = 0;
        LS_TRY(ls_shared_create_alone(&w->shared, ls_round_up(sizeof(struct block) + post, page)));
    }
    w->block = (struct block *)w->shared.base;
    return LS_OK;
}

static ls_status make_tables(struct ls_watchdog *w)
{
    int size = w->comm->place.size;
    LS_TRY(make_block(w));
    LS_TRY(ls_allocate(&w->seen, (size_t)size, sizeof *w->seen));
    LS_TRY(ls_allocate(&w->memory, (size_t)w->posts, sizeof *w->memory));
    LS_TRY(ls_allocate(&w->note, (size_t)w->posts, sizeof *w->note));
    for (int rank = 0; rank < size; rank++)
        w->seen[rank].host = w->comm->hosts[rank];
    return LS_OK;
}

static void show(struct ls_watchdog *w)
{
    struct post *post = &w->block->post[w->mine];
    atomic_store(&post->pid, getpid());
    atomic_store(&post->watches, true);
    ls_pulse_show(&post->pulse);
}

ls_status ls_watchdog_start(struct ls_watchdog **watchdog, struct ls_comm *comm,
                            const struct ls_watchdog_options *options)
{
    struct ls_watchdog *w = NULL;
    ls_status status;
    *watchdog = NULL;
    if (comm->place.size == 1)
        return LS_OK;
    LS_TRY_OUT(ls_comm_agree(comm, ls_allocate(&w, 1, sizeof *w)));
    w->comm = comm;
    w->options = *options;
    w->wake = -1;
    w->tick = options->seconds / LOOKS;
    if (w->tick < tick_least)
        w->tick = tick_least;
    if (w->tick > tick_most)
        w->tick = tick_most;
    LS_TRY_OUT(ls_comm_agree(comm, make_tables(w)));
    LS_TRY_OUT(ls_watch_net_create(&w->net, comm, w->mine == 0));
    show(w);
    LS_TRY_OUT(ls_comm_agree(comm, start_thread(w)));
    *watchdog = w;
    w = NULL;
out:
    ls_watchdog_stop(w);
    return status;
}

/* Nothing comes of this node any more; rank 0 may not hear it the first time. */
static void say_goodbye(struct ls_watchdog *w)
{
    for (int i = 0; i < w->posts; i++)
        w->seen[w->ranks[i]].known = false;
    for (int i = 0; i < GOODBYES; i++)
        send_notes(w);
}

void ls_watchdog_stop(struct ls_watchdog *w)
{
    if (!w)
        return;
    if (w->wake >= 0) {
        eventfd_write(w->wake, 1);
        pthread_join(w->thread, NULL);
        close(w->wake);
    }
    ls_pulse_show(NULL);
    if (w->block)
        atomic_store(&w->block->post[w->mine].left, true);
    if (w->note)
        say_goodbye(w);
    ls_watch_net_free(w->net);
    ls_shared_release(&w->shared);
    ls_release(w->seen);
    ls_release(w->memory);
    ls_release(w->note);
    ls_release(w);
}
