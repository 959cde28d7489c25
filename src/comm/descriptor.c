/* Passing an open file between the ranks of a node. Each step is collective, so that no rank waits
 * for one that has failed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "comm/shared.h"

enum { SOCKET_SECONDS = 10 }; /* for a peer that is alive: it never takes that long */

struct offer {
    int64_t process;
    int descriptor;
    uint64_t device, inode;
};

/* The process number may mean another process here (containers that share a host name): only the
 * very file counts. */
static bool is_offered(int descriptor, const struct offer *offer)
{
    struct stat stat;

    return fstat(descriptor, &stat) == 0 && stat.st_dev == offer->device &&
           stat.st_ino == offer->inode;
}

static int open_in_proc(const struct offer *offer)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%lld/fd/%d", (long long)offer->process, offer->descriptor);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor >= 0 && !is_offered(descriptor, offer)) {
        close(descriptor);
        descriptor = -1;
    }
    return descriptor;
}

/* -- over a socket */

struct address {
    struct sockaddr_un name;
    socklen_t length;
};

static ls_status open_socket(int *out)
{
    struct timeval limit = {.tv_sec = SOCKET_SECONDS};

    *out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*out < 0 || setsockopt(*out, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(*out, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
        return ls_fail(LS_FAILED, "cannot open a socket: %s", strerror(errno));
    return LS_OK;
}

static ls_status listen_for(struct address *address, int *listener, int peers)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};

    LS_TRY(open_socket(listener));
    address->length = sizeof address->name;
    /* No name given: the kernel chooses a free abstract one. */
    if (bind(*listener, (struct sockaddr *)&any, sizeof any.sun_family) != 0 ||
        listen(*listener, peers) != 0 ||
        getsockname(*listener, (struct sockaddr *)&address->name, &address->length) != 0)
        return ls_fail(LS_FAILED, "cannot listen on a socket: %s", strerror(errno));
    return LS_OK;
}

/* Room for one descriptor beside one byte, as the kernel wants it. */
struct envelope {
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec vector;
    struct msghdr message;
};

static void address_envelope(struct envelope *envelope)
{
    memset(envelope, 0, sizeof *envelope);
    envelope->vector = (struct iovec){&envelope->byte, 1};
    envelope->message.msg_iov = &envelope->vector;
    envelope->message.msg_iovlen = 1;
    envelope->message.msg_control = envelope->control.bytes;
    envelope->message.msg_controllen = sizeof envelope->control.bytes;
}

static int send_descriptor(int peer, int descriptor)
{
    struct envelope envelope;

    address_envelope(&envelope);
    struct cmsghdr *header = CMSG_FIRSTHDR(&envelope.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(peer, &envelope.message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Sends to `peers` processes of this user, who all wait in the listener's queue already. */
static ls_status serve(int listener, int peers, int descriptor)
{
    while (peers > 0) {
        struct ucred who = {0};
        socklen_t length = sizeof who;
        int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0 && errno == EINTR)
            continue;
        bool ok = peer >= 0 && getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0;
        bool ours = ok && who.uid == geteuid();
        if (ours)
            ok = send_descriptor(peer, descriptor) == 0;
        int error = errno;
        if (peer >= 0)
            close(peer);
        if (!ok)
            return ls_fail(LS_FAILED, "cannot pass shared memory over a socket: %s",
                           strerror(error));
        peers -= ours;
    }
    return LS_OK;
}

static ls_status receive(int server, const struct offer *offer, int *descriptor)
{
    struct envelope envelope;
    ssize_t got;

    address_envelope(&envelope);
    do
        got = recvmsg(server, &envelope.message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&envelope.message) : NULL;
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return ls_fail(LS_FAILED, "shared memory did not come over the socket");
    memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    if (!is_offered(*descriptor, offer)) {
        close(*descriptor);
        *descriptor = -1;
        return ls_fail(LS_FAILED, "another file than the shared memory came over the socket");
    }
    return LS_OK;
}

static ls_status over_socket(struct ls_comm *comm, const struct offer *offer, int *descriptor)
{
    struct address address = {0};
    bool first = comm->place.node_rank == 0, need = *descriptor < 0;
    int end = -1, peers = 0;
    ls_status status = LS_OK;

    if (first)
        status = listen_for(&address, &end, comm->place.node_size);
    LS_TRY_OUT(ls_mpi_agree(comm->node, status));
    LS_TRY_OUT(LS_MPI(MPI_Bcast, &address, sizeof address, MPI_BYTE, 0, comm->node));
    if (need) {
        status = open_socket(&end);
        if (status == LS_OK && connect(end, (struct sockaddr *)&address.name, address.length) != 0)
            status = ls_fail(LS_FAILED, "cannot connect to a socket: %s", strerror(errno));
        peers = status == LS_OK;
    }
    ls_status counted =
        LS_MPI(MPI_Allreduce, MPI_IN_PLACE, &peers, 1, MPI_INT, MPI_SUM, comm->node);
    if (status == LS_OK)
        status = counted;
    if (status == LS_OK && first)
        status = serve(end, peers, *descriptor);
    else if (status == LS_OK && need)
        status = receive(end, offer, descriptor);
out:
    if (end >= 0)
        close(end);
    return status;
}

ls_status ls_descriptor_share(struct ls_comm *comm, int *descriptor)
{
    struct offer offer = {0};
    struct stat stat;
    int need;

    if (comm->place.node_rank == 0 && fstat(*descriptor, &stat) == 0)
        offer = (struct offer){getpid(), *descriptor, stat.st_dev, stat.st_ino};
    LS_TRY(LS_MPI(MPI_Bcast, &offer, sizeof offer, MPI_BYTE, 0, comm->node));
    if (comm->place.node_rank != 0)
        *descriptor = comm->no_proc ? -1 : open_in_proc(&offer);
    need = *descriptor < 0;
    LS_TRY(LS_MPI(MPI_Allreduce, MPI_IN_PLACE, &need, 1, MPI_INT, MPI_MAX, comm->node));
    return need ? over_socket(comm, &offer, descriptor) : LS_OK;
}
