/* The combine between nodes, for one range of elements. Each rank folds its slice of its node's
 * partial sums and sends every rank w of the other nodes what of it lies in w's part of the
 * elements; w finishes the tree over its part and sends the sums back to those whose slice they lie
 * in. Parts and slices are cut by element, so nodes may be uneven. A rank has to do with one or two
 * ranks of each other node only, so these are plain messages, straight from arena to arena, set up
 * once; MPI_Alltoallv would visit all ranks and want the pieces packed. */
#include <limits.h>

#include "comm/combine_private.h"

/* MPI counts in int, and some of its transports dislike more than 2 GB at once. */
enum { MESSAGE_FLOATS = 1 << 28 };

struct requests {
    MPI_Request *request;
    int count, room;
};

struct ls_exchange {
    struct ls_range elements, slice, mine;
    int number;      /* of this exchange: its tags */
    float *received; /* [other nodes' partial sums][mine] */
    struct ls_treesum rest;
    struct requests receive_partials, send_partials, receive_sums, send_sums;
};

static struct ls_range intersect(struct ls_range a, struct ls_range b)
{
    struct ls_range both = {a.begin > b.begin ? a.begin : b.begin, a.end < b.end ? a.end : b.end};

    return both.end > both.begin ? both : (struct ls_range){0, 0};
}

/* -- setting up */

static ls_status grow(struct requests *requests)
{
    if (requests->count < requests->room)
        return LS_OK;
    int room = requests->room ? 2 * requests->room : 16;
    LS_TRY(ls_reallocate(&requests->request, (size_t)room, sizeof *requests->request));
    requests->room = room;
    return LS_OK;
}

struct message {
    struct ls_operand place;
    struct ls_range elements;
    int rank, tag;
    MPI_Comm comm;
};

static ls_status add_message(struct requests *requests, bool send, const struct message *message)
{
    struct ls_range left = message->elements;

    while (left.begin < left.end) {
        int64_t length = left.end - left.begin;
        int count = length < MESSAGE_FLOATS ? (int)length : MESSAGE_FLOATS;
        float *data = message->place.data + (left.begin - message->place.first);
        LS_TRY(grow(requests));
        MPI_Request *request = &requests->request[requests->count];
        if (send)
            LS_TRY(LS_MPI(MPI_Send_init, data, count, MPI_FLOAT, message->rank, message->tag,
                          message->comm, request));
        else
            LS_TRY(LS_MPI(MPI_Recv_init, data, count, MPI_FLOAT, message->rank, message->tag,
                          message->comm, request));
        requests->count++;
        left.begin += count;
    }
    return LS_OK;
}

/* All messages to and from the rank at a position of another node. Partial sums go in the order of
 * the tree on both sides, so that one tag will do. */
static ls_status add_peer(struct ls_exchange *x, const struct ls_combine *c, int node, int position)
{
    int node_size = c->node_first[node + 1] - c->node_first[node];
    struct ls_range its = ls_combine_split(x->elements, c->comm->place.size, position);
    struct ls_range its_slice =
        ls_combine_split(x->elements, node_size, position - c->node_first[node]);
    struct message message = {.rank = c->comm->rank_at[position], .comm = c->comm->world};
    const int *first = c->node_leaves.first;

    message.tag = 2 * x->number;
    message.elements = intersect(its_slice, x->mine);
    for (int i = first[node]; i < first[node + 1]; i++) {
        message.place = x->rest.operand[i];
        LS_TRY(add_message(&x->receive_partials, false, &message));
    }
    message.elements = intersect(x->slice, its);
    for (int i = first[c->node]; i < first[c->node + 1]; i++) {
        message.place = x->rest.operand[i];
        LS_TRY(add_message(&x->send_partials, true, &message));
    }
    message.tag = 2 * x->number + 1;
    message.place = x->rest.operand[x->rest.leaves];
    message.elements = intersect(its, x->slice);
    LS_TRY(add_message(&x->receive_sums, false, &message));
    message.elements = intersect(x->mine, its_slice);
    return add_message(&x->send_sums, true, &message);
}

/* The rest of the tree: over all nodes' partial sums, ours in place, theirs as received. */
static ls_status set_up_tree(struct ls_exchange *x, const struct ls_combine *c)
{
    const struct ls_leaves *leaves = &c->node_leaves;
    struct ls_range all = {0, leaves->n};
    int64_t length = x->mine.end - x->mine.begin;
    int ours = leaves->first[c->node], end = leaves->first[c->node + 1];
    float *at;

    LS_TRY(ls_treesum_create(&x->rest, leaves->range, leaves->count, &all, 1));
    LS_TRY(ls_allocate(&x->received, (leaves->count - (size_t)(end - ours)) * (size_t)length,
                       sizeof *x->received));
    at = x->received;
    for (int i = 0; i < (int)leaves->count; i++) {
        if (i >= ours && i < end) {
            x->rest.operand[i] = c->tree.operand[c->tree.leaves + (uint32_t)(i - ours)];
            continue;
        }
        x->rest.operand[i] = (struct ls_operand){at, x->mine.begin};
        at += length;
    }
    x->rest.operand[leaves->count] = (struct ls_operand){ls_combine_arena(c, c->layout.sum), 0};
    return LS_OK;
}

ls_status ls_exchange_create(struct ls_exchange **out_exchange, struct ls_combine *combine,
                             struct ls_range elements, int number)
{
    struct ls_exchange *x = NULL;
    ls_status status;

    *out_exchange = NULL;
    LS_TRY_OUT(ls_allocate(&x, 1, sizeof *x));
    x->elements = elements;
    x->number = number;
    x->slice = ls_combine_split(elements, combine->team.size, combine->team.rank);
    x->mine = ls_combine_split(elements, combine->comm->place.size, combine->comm->place.position);
    LS_TRY_OUT(set_up_tree(x, combine));
    /* Each begins with the node after its own, so that not all send to the first at once. */
    for (int i = 1; i < combine->nodes; i++) {
        int node = (combine->node + i) % combine->nodes;
        for (int p = combine->node_first[node]; p < combine->node_first[node + 1]; p++)
            LS_TRY_OUT(add_peer(x, combine, node, p));
    }
out:
    if (status != LS_OK)
        ls_exchange_free(x);
    else
        *out_exchange = x;
    return status;
}

static void release_requests(struct requests *requests)
{
    for (int i = 0; i < requests->count; i++)
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
    ls_treesum_release(&x->rest);
    ls_release(x->received);
    ls_release(x);
}

/* -- a step */

static ls_status start(struct requests *requests)
{
    return requests->count ? LS_MPI(MPI_Startall, requests->count, requests->request) : LS_OK;
}

static ls_status complete(struct requests *requests)
{
    return requests->count
               ? LS_MPI(MPI_Waitall, requests->count, requests->request, MPI_STATUSES_IGNORE)
               : LS_OK;
}

ls_status ls_exchange_start(struct ls_exchange *x, struct ls_combine *combine)
{
    /* Sums may come in from now on: nobody on this node reads the last step's any more. */
    LS_TRY(start(&x->receive_partials));
    LS_TRY(start(&x->receive_sums));
    ls_treesum_run(&combine->tree, x->slice);
    LS_TRY(start(&x->send_partials));
    ls_team_publish(&combine->team, LS_EVENT_FOLDED, combine->step);
    return LS_OK;
}

ls_status ls_exchange_finish(struct ls_exchange *x, struct ls_combine *combine)
{
    /* Our part of the elements lies in slices that others of the node have folded. */
    LS_TRY(ls_team_wait(&combine->team, LS_EVENT_FOLDED, combine->step));
    LS_TRY(complete(&x->receive_partials));
    ls_treesum_run(&x->rest, x->mine);
    LS_TRY(start(&x->send_sums));
    LS_TRY(complete(&x->send_partials));
    LS_TRY(complete(&x->receive_sums));
    return complete(&x->send_sums);
}
