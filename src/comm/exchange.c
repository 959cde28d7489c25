/* A bucket's way between nodes. Each rank folds its slice of its node's partial sums and sends
 * every rank w of the other nodes what of it lies in w's part of the elements; w finishes the tree
 * over its part and sends the sums back to those whose slice they lie in. Parts and slices are cut
 * by element, so nodes may be uneven. A rank has to do with one or two ranks of each other node
 * only, so these are plain messages, straight from arena to arena, set up once; MPI_Alltoallv would
 * visit all ranks and want the pieces packed.
 *
 * MPI's own sum is one MPI_Iallreduce in place of all that. */
#include "comm/combine_private.h"
#include "comm/wire.h"

/* In floats, 62 kB: with its header below the size up to which MPI sends without asking first (64
 * kB in Open MPI's TCP). Longer messages wait for the receiver's word, which comes over the same
 * connection, behind all that the receiver itself is sending: of two nodes that send at once one
 * waits for the other. Measured, 73.5 MB each way over 1 Gbit/s: in one piece 52 MB/s, in pieces of
 * 4 MB 53, of 62 kB 115 (of a plain socket 118). */
enum { MESSAGE_FLOATS = 15872 };
/* MPI counts in int. */
enum { REDUCE_FLOATS = 1 << 28 };

/* Messages come in the order of the buckets, so that one tag each will do. */
enum { PARTIALS_TAG, SUMS_TAG };

struct requests {
    MPI_Request *request;
    int count, room;
};

struct ls_exchange {
    struct ls_range elements, slice, mine;
    float *received; /* [other nodes' partial sums][mine] */
    struct requests receive_partials, send_partials, receive_sums, send_sums;
    struct requests reduce;  /* MPI's own sum */
    struct ls_wire_bucket w; /* where what is sent and received has 16 bits */
    bool narrow;
};

static struct ls_range intersect(struct ls_range a, struct ls_range b)
{
    struct ls_range both = {a.begin > b.begin ? a.begin : b.begin, a.end < b.end ? a.end : b.end};

    return both.end > both.begin ? both : (struct ls_range){0, 0};
}

/* Partial sum i of node_leaves: ours in place, theirs as received. */
static struct ls_operand partial(const struct ls_exchange *x, const struct ls_combine *c, int i)
{
    int ours = c->node_leaves.first[c->node], end = c->node_leaves.first[c->node + 1];
    int64_t theirs = i < ours ? i : i - (end - ours);

    if (i >= ours && i < end)
        return c->tree.operand[c->tree.leaves + (uint32_t)(i - ours)];
    return (struct ls_operand){x->received + theirs * (x->mine.end - x->mine.begin), x->mine.begin};
}

/* -- setting up */

static ls_status grow(struct requests *requests)
{
    if (requests->count < requests->room)
        return LS_OK;
    int room = requests->room ? 2 * requests->room : 4;
    LS_TRY(ls_reallocate(&requests->request, (size_t)room, sizeof *requests->request));
    requests->room = room;
    return LS_OK;
}

/* Element e is at data + (e - first) items. */
struct place {
    void *data;
    int64_t first;
};

struct message {
    struct place place;
    struct ls_range elements;
    MPI_Datatype type;
    size_t item_bytes;
    int rank, tag;
    MPI_Comm comm;
};

static struct place at(struct ls_operand operand)
{
    return (struct place){operand.data, operand.first};
}

/* Partial sum i of node_leaves as it is sent or received. */
static struct place sent_partial(const struct ls_exchange *x, const struct ls_combine *c, int i)
{
    int ours = c->node_leaves.first[c->node], end = c->node_leaves.first[c->node + 1];
    int64_t theirs = i < ours ? i : i - (end - ours);

    if (!x->narrow)
        return at(partial(x, c, i));
    if (i >= ours && i < end)
        return (struct place){x->w.partials + (i - ours) * ls_range_length(x->slice),
                              x->slice.begin};
    return (struct place){x->w.received + theirs * ls_range_length(x->mine), x->mine.begin};
}

static ls_status add_message(struct requests *requests, bool send, const struct message *message)
{
    struct ls_range left = message->elements;

    while (left.begin < left.end) {
        int64_t length = left.end - left.begin;
        int count = length < MESSAGE_FLOATS ? (int)length : MESSAGE_FLOATS;
        char *data = (char *)message->place.data +
                     (size_t)(left.begin - message->place.first) * message->item_bytes;
        LS_TRY(grow(requests));
        MPI_Request *request = &requests->request[requests->count];
        if (send)
            LS_TRY(LS_MPI(MPI_Send_init, data, count, message->type, message->rank, message->tag,
                          message->comm, request));
        else
            LS_TRY(LS_MPI(MPI_Recv_init, data, count, message->type, message->rank, message->tag,
                          message->comm, request));
        requests->count++;
        left.begin += count;
    }
    return LS_OK;
}

/* All messages to and from the rank at a position of another node. Partial sums go in the order of
 * the tree on both sides. */
static ls_status add_peer(struct ls_exchange *x, const struct ls_combine *c, int node, int position)
{
    int node_size = c->node_first[node + 1] - c->node_first[node];
    struct ls_range its = ls_combine_split(x->elements, c->comm->place.size, position);
    struct ls_range its_slice =
        ls_combine_split(x->elements, node_size, position - c->node_first[node]);
    struct message message = {.type = x->narrow ? MPI_UINT16_T : MPI_FLOAT,
                              .item_bytes = x->narrow ? sizeof(uint16_t) : sizeof(float),
                              .rank = c->comm->rank_at[position],
                              .comm = c->comm->world};
    struct place sum = at(c->rest.operand[c->rest.leaves]);
    const int *first = c->node_leaves.first;

    message.tag = c->tag + PARTIALS_TAG;
    message.elements = intersect(its_slice, x->mine);
    for (int i = first[node]; i < first[node + 1]; i++) {
        message.place = sent_partial(x, c, i);
        LS_TRY(add_message(&x->receive_partials, false, &message));
    }
    message.elements = intersect(x->slice, its);
    for (int i = first[c->node]; i < first[c->node + 1]; i++) {
        message.place = sent_partial(x, c, i);
        LS_TRY(add_message(&x->send_partials, true, &message));
    }
    message.tag = c->tag + SUMS_TAG;
    message.place = x->narrow ? (struct place){x->w.received_sums, x->slice.begin} : sum;
    message.elements = intersect(its, x->slice);
    LS_TRY(add_message(&x->receive_sums, false, &message));
    message.place = x->narrow ? (struct place){x->w.sums, x->mine.begin} : sum;
    message.elements = intersect(x->mine, its_slice);
    return add_message(&x->send_sums, true, &message);
}

/* Each rank begins with the node after its own, so that not all send to the first at once. */
static ls_status add_peers(struct ls_exchange *x, const struct ls_combine *c)
{
    int ours = c->node_leaves.first[c->node + 1] - c->node_leaves.first[c->node];
    size_t theirs = c->node_leaves.count - (size_t)ours;

    LS_TRY(
        ls_allocate(&x->received, theirs * (size_t)ls_range_length(x->mine), sizeof *x->received));
    if (x->narrow) {
        x->w = (struct ls_wire_bucket){.type = c->options.wire,
                                       .slice = x->slice,
                                       .mine = x->mine,
                                       .ours = (size_t)ours,
                                       .theirs = theirs};
        LS_TRY(ls_wire_allocate(&x->w));
    }
    for (int i = 1; i < c->nodes; i++) {
        int node = (c->node + i) % c->nodes;
        for (int p = c->node_first[node]; p < c->node_first[node + 1]; p++)
            LS_TRY(add_peer(x, c, node, p));
    }
    return LS_OK;
}

ls_status ls_exchange_create(struct ls_exchange **exchange, struct ls_combine *combine,
                             const struct ls_bucket *bucket)
{
    struct ls_exchange *x = NULL;
    int position = combine->comm->place.position;
    ls_status status;

    *exchange = NULL;
    LS_TRY_OUT(ls_allocate(&x, 1, sizeof *x));
    x->elements = bucket->elements;
    x->slice = bucket->slice;
    x->mine = ls_combine_split(x->elements, combine->comm->place.size, position);
    x->narrow = combine->options.wire != LS_WIRE_FLOAT32;
    if (!combine->options.fast)
        LS_TRY_OUT(add_peers(x, combine));
out:
    if (status != LS_OK)
        ls_exchange_free(x);
    else
        *exchange = x;
    return status;
}

static void release_requests(struct requests *requests)
{
    for (int i = 0; i < requests->count; i++)
        if (requests->request[i] != MPI_REQUEST_NULL)
            MPI_Request_free(&requests->request[i]);
    ls_release(requests->request);
}

void ls_exchange_free(struct ls_exchange *x)
{
    if (!x)
        return;
    release_requests(&x->receive_partials);
    release_requests(&x->send_partials);
    release_requests(&x->receive_sums);
    release_requests(&x->send_sums);
    release_requests(&x->reduce);
    ls_wire_release(&x->w);
    ls_release(x->received);
    ls_release(x);
}

/* -- a step */

static ls_status start(struct requests *requests)
{
    return requests->count ? LS_MPI(MPI_Startall, requests->count, requests->request) : LS_OK;
}

static ls_status are_through(struct requests *requests, bool *through)
{
    int all = 1;

    if (*through && requests->count)
        LS_TRY(LS_MPI(MPI_Testall, requests->count, requests->request, &all, MPI_STATUSES_IGNORE));
    *through &= all != 0;
    return LS_OK;
}

ls_status ls_exchange_open(struct ls_exchange *x)
{
    LS_TRY(start(&x->receive_partials));
    return start(&x->receive_sums);
}

/* The rank's sum is in its first slot (combine_fold.c). */
static ls_status reduce(struct ls_exchange *x, struct ls_combine *combine)
{
    struct ls_range left = x->elements;
    const float *mine = ls_combine_arena(combine, 0);
    float *sum = ls_combine_arena(combine, combine->layout.sum);

    for (x->reduce.count = 0; left.begin < left.end; x->reduce.count++) {
        int64_t length = left.end - left.begin;
        int count = length < REDUCE_FLOATS ? (int)length : REDUCE_FLOATS;
        LS_TRY(grow(&x->reduce));
        LS_TRY(LS_MPI(MPI_Iallreduce, mine + left.begin, sum + left.begin, count, MPI_FLOAT,
                      MPI_SUM, combine->comm->fast, &x->reduce.request[x->reduce.count]));
        left.begin += count;
    }
    return LS_OK;
}

ls_status ls_exchange_send(struct ls_exchange *x, struct ls_combine *combine)
{
    const struct ls_operand *own = combine->tree.operand + combine->tree.leaves;

    if (combine->options.fast)
        return reduce(x, combine);
    for (size_t i = 0; x->narrow && i < x->w.ours; i++)
        ls_wire_tell_partial(&x->w, i, own[i].data + (x->slice.begin - own[i].first));
    return start(&x->send_partials);
}

ls_status ls_exchange_sum(struct ls_exchange *x, struct ls_combine *combine, bool *summed)
{
    *summed = true;
    if (combine->options.fast)
        return LS_OK;
    LS_TRY(are_through(&x->receive_partials, summed));
    if (!*summed)
        return LS_OK;
    if (x->narrow)
        ls_wire_hear_partials(&x->w, x->received);
    for (uint32_t i = 0; i < combine->rest.leaves; i++)
        combine->rest.operand[i] = partial(x, combine, (int)i);
    ls_treesum_run(&combine->rest, x->mine);
    if (x->narrow)
        ls_wire_tell_sum(&x->w, ls_combine_arena(combine, combine->layout.sum) + x->mine.begin);
    return start(&x->send_sums);
}

/* What of the slice lies in other nodes' parts: before and after this node's. */
static void hear_sums(struct ls_exchange *x, const struct ls_combine *combine)
{
    int size = combine->comm->place.size, last = combine->node_first[combine->node + 1] - 1;
    int64_t begin = ls_combine_split(x->elements, size, combine->node_first[combine->node]).begin;
    int64_t end = ls_combine_split(x->elements, size, last).end;
    float *sum = ls_combine_arena(combine, combine->layout.sum);

    ls_wire_hear_sum(&x->w, sum, intersect(x->slice, (struct ls_range){x->slice.begin, begin}));
    ls_wire_hear_sum(&x->w, sum, intersect(x->slice, (struct ls_range){end, x->slice.end}));
}

ls_status ls_exchange_end(struct ls_exchange *x, const struct ls_combine *combine, bool *done)
{
    *done = true;
    LS_TRY(are_through(&x->send_partials, done));
    LS_TRY(are_through(&x->receive_sums, done));
    LS_TRY(are_through(&x->send_sums, done));
    LS_TRY(are_through(&x->reduce, done));
    if (*done && x->narrow)
        hear_sums(x, combine);
    return LS_OK;
}
