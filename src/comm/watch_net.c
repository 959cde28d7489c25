#include "comm/watch_net.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

enum { ADDRESSES = 16, NOTES = 256 /* a datagram */ };

/* Where rank 0 hears, under any of its host's addresses. */
struct offer {
    uint64_t token; /* of this run: other datagrams are none of ours */
    struct in_addr address[ADDRESSES];
    int addresses;
    in_port_t port;
};

struct datagram {
    uint64_t token;
    uint64_t count;
    struct ls_watch_note note[NOTES];
};

struct ls_watch_net {
    int socket, size;
    bool hub;
    struct offer offer;
    int known; /* the address that has answered; -1: none yet */
    struct datagram out, in;
};

/* -- making */

static ls_status open_socket(int *out)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    *out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*out < 0 || bind(*out, (struct sockaddr *)&any, sizeof any) != 0)
        return ls_fail(LS_FAILED, "cannot open a UDP socket: %s", strerror(errno));
    return LS_OK;
}

static void list_addresses(struct offer *offer)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *at = all; at && offer->addresses < ADDRESSES; at = at->ifa_next)
        if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET)
            offer->address[offer->addresses++] = ((struct sockaddr_in *)at->ifa_addr)->sin_addr;
    freeifaddrs(all);
}

static ls_status make_offer(struct ls_watch_net *net)
{
    struct sockaddr_in name;
    socklen_t length = sizeof name;
    LS_TRY(open_socket(&net->socket));
    if (getsockname(net->socket, (struct sockaddr *)&name, &length) != 0 ||
        getrandom(&net->offer.token, sizeof net->offer.token, 0) < 0)
        return ls_fail(LS_FAILED, "cannot open a UDP socket: %s", strerror(errno));
    net->offer.port = name.sin_port;
    list_addresses(&net->offer);
    return LS_OK;
}

ls_status ls_watch_net_create(struct ls_watch_net **net, struct ls_comm *comm, bool talks)
{
    struct ls_watch_net *made = NULL;
    *net = NULL;
    if (ls_comm_sum(comm, talks) < 2)
        return ls_comm_agree(comm, LS_OK);
    LS_TRY(ls_comm_agree(comm, ls_allocate(&made, 1, sizeof *made)));
    made->socket = made->known = -1;
    made->size = ls_comm_size(comm);
    made->hub = ls_comm_rank(comm) == 0;
    ls_status status = made->hub ? make_offer(made) : LS_OK;
    ls_comm_broadcast(comm, &made->offer, sizeof made->offer, 0);
    if (talks && !made->hub)
        status = open_socket(&made->socket);
    if (ls_comm_agree(comm, status) != LS_OK && made->hub)
        ls_warn("a host that is lost is not missed by the watchdogs: %s", ls_message());
    if (talks && made->socket >= 0)
        *net = made;
    else
        ls_watch_net_free(made);
    return LS_OK;
}

void ls_watch_net_free(struct ls_watch_net *net)
{
    if (!net)
        return;
    if (net->socket >= 0)
        close(net->socket);
    ls_release(net);
}

int ls_watch_net_descriptor(const struct ls_watch_net *net)
{
    return net ? net->socket : -1;
}

/* -- sending */

static void send_to(struct ls_watch_net *net, const struct sockaddr_in *to)
{
    size_t bytes = offsetof(struct datagram, note) + net->out.count * sizeof *net->out.note;
    sendto(net->socket, &net->out, bytes, MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof *to);
}

static void fill(struct ls_watch_net *net, const struct ls_watch_note *notes, size_t count)
{
    net->out.token = net->offer.token;
    net->out.count = count;
    memcpy(net->out.note, notes, count * sizeof *notes);
}

void ls_watch_net_send(struct ls_watch_net *net, const struct ls_watch_note *notes, size_t count)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = net->offer.port};
    for (size_t piece; count > 0; notes += piece, count -= piece) {
        piece = count < NOTES ? count : NOTES;
        fill(net, notes, piece);
        for (int i = 0; i < net->offer.addresses; i++) {
            to.sin_addr = net->offer.address[i];
            if (net->known < 0 || net->known == i)
                send_to(net, &to);
        }
    }
}

/* -- receiving */

static bool is_ours(const struct ls_watch_net *net, ssize_t bytes)
{
    size_t head = offsetof(struct datagram, note);
    if (bytes < (ssize_t)head || net->in.token != net->offer.token || net->in.count > NOTES ||
        (size_t)bytes != head + net->in.count * sizeof *net->in.note)
        return false;
    for (size_t i = 0; i < net->in.count; i++)
        if (net->in.note[i].rank < 0 || net->in.note[i].rank >= net->size ||
            net->in.note[i].doing < LS_PULSE_WORK || net->in.note[i].doing > LS_PULSE_AFTER)
            return false;
    return true;
}

static void find_known(struct ls_watch_net *net, const struct sockaddr_in *from)
{
    for (int i = 0; i < net->offer.addresses; i++)
        if (net->offer.address[i].s_addr == from->sin_addr.s_addr)
            net->known = i;
}

void ls_watch_net_receive(struct ls_watch_net *net, const struct ls_watch_note *answer,
                          void (*take)(void *user, const struct ls_watch_note *note), void *user)
{
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t bytes;
    /* An error is that of an earlier sending, to an address where nobody hears. */
    while ((bytes = recvfrom(net->socket, &net->in, sizeof net->in, 0, (struct sockaddr *)&from,
                             &length)) >= 0 ||
           errno == ECONNREFUSED || errno == EINTR) {
        if (bytes < 0 || !is_ours(net, bytes))
            continue;
        for (size_t i = 0; i < net->in.count; i++)
            take(user, &net->in.note[i]);
        if (net->hub) {
            fill(net, answer, 1);
            send_to(net, &from);
        } else {
            find_known(net, &from);
        }
        length = sizeof from;
    }
}
