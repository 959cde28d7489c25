/* What watchdogs tell each other between nodes: datagrams, since MPI may be what hangs, and since a
 * host that is gone takes no connection down with it. */
#ifndef COMM_WATCH_NET_H
#define COMM_WATCH_NET_H

#include "comm/comm.h"
#include "comm/verdict.h"

struct ls_watch_net;

/* A rank as it is sent. */
struct ls_watch_note {
    int rank, doing;
    int64_t step;
    double idle, silent;
    char state, left; /* left: nothing comes of it any more */
    char name[LS_PULSE_WORDS * sizeof(uint64_t)];
};

/* `talks`: this rank sends to rank 0, or is rank 0. Where it does not, or all of them are on one
 * node, *net is NULL. Where a host has no network, nothing is sent, with a warning. Collective. */
ls_status ls_watch_net_create(struct ls_watch_net **net, struct ls_comm *comm, bool talks);
void ls_watch_net_free(struct ls_watch_net *net);

/* Becomes readable when there is something to receive; -1: never. */
int ls_watch_net_descriptor(const struct ls_watch_net *net);
/* To rank 0. What cannot be sent is lost. */
void ls_watch_net_send(struct ls_watch_net *net, const struct ls_watch_note *notes, size_t count);
/* All that has come, note by note; on rank 0 each datagram is answered with `answer`. */
void ls_watch_net_receive(struct ls_watch_net *net, const struct ls_watch_note *answer,
                          void (*take)(void *user, const struct ls_watch_note *note), void *user);

#endif
