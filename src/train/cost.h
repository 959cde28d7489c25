/* What a step costs on more nodes than are here: a model of the combine, fed with what was measured
 * here. Arithmetic alone, so that one process answers for any number of ranks.
 *
 * The model. N nodes of K ranks each, their links alike: what a node sends goes over its link one
 * thing after the other, and what it receives over the other direction. A message of b bytes costs
 * its sender and its receiver an overhead o each, during which they do nothing else, and is there
 * b / B + L later (B the link's bytes a second, L the latency): LogGP, Alexandrov et al., SPAA
 * 1995. Reduce-scatter and allgather by direct messages, as Thakur, Rabenseifner and Gropp
 * (IJHPCA 2005) count them for long vectors. For a bucket of b bytes that has been final since t:
 *
 *   on the node  each rank adds up its slice of the K arenas: (K + 1) b / K bytes read and written
 *   partials     of its slice each node sends what others sum up, once for each of its q partial
 *                sums: q b (N - 1) / N bytes on the link, N - 1 messages a rank and partial sum
 * out, and as many in the rest     each rank adds the partial sums of all nodes for its part: (q N
 * + 1) b / (N K) sums         to the other nodes: b (N - 1) / N bytes, N - 1 messages a rank, and
 * as many in
 *
 * Buckets go in their order through these four, each as soon as it can: links are busy while the
 * ranks compute. What ranks do for the combine meanwhile, they do in place of computing. Not in the
 * model: ranks that are late (jitter, other users of the network), switches that have less than
 * full bandwidth, more than two nodes that send to one at the same time. */
#ifndef TRAIN_COST_H
#define TRAIN_COST_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct ls_cost_net {
    double bytes_per_second; /* of a node's link, in each direction */
    double latency;          /* seconds */
    double overhead;         /* seconds of a rank's for a message that it sends or receives */
};

/* "25Gbit,5us": bandwidth and latency of a link; "25Gbit,5us,1us": with the overhead of a message,
 * which is a fifth of the latency otherwise. LS_USAGE for anything else. */
ls_status ls_cost_net_parse(struct ls_cost_net *net, const char *text);

/* One replica's step, as measured on a rank that is as busy as it will be. Seconds. */
struct ls_cost_bucket {
    double bytes;
    double ready; /* from the step's start until its gradients are final; ascending */
};
struct ls_cost_step {
    double compute; /* forward and backward; at least the last bucket's `ready` */
    double rest;    /* once a step, whatever the number of replicas: data, update, ... */
    const struct ls_cost_bucket *bucket;
    size_t buckets;
    double doubles;     /* bytes of a rank that are summed beside the gradients: losses, metrics */
    double points;      /* cross-replica points, */
    double point_bytes; /* and the bytes of a rank's at all of them */
    double add_rate;    /* bytes a second that a rank reads and writes when it adds */
    double pause;       /* until a message that is here is looked at while the rank computes */
    int64_t rows;       /* samples */
};

struct ls_cost_job {
    int ranks, ranks_per_node;
    int64_t replicas;    /* at least as many as ranks */
    double bucket_bytes; /* neighbouring buckets go together up to this size; 0: none */
};

struct ls_cost {
    int nodes;
    double step;    /* seconds */
    double compute; /* of that: forward and backward of the rank with most replicas, and the rest */
    double exposed; /* of that: the combine, as far as it is not hidden behind computing */
    double combine; /* what it would take if it began when all is computed */
    double messages; /* that a rank sends a step */
    double bytes;    /* that a node sends a step */
    int partials;    /* partial sums of a node, at most */
    double samples_per_second;
    double efficiency; /* what a step would take without a combine, with replicas dealt evenly, over
                          what it takes */
};

/* LS_USAGE where there are fewer replicas than ranks, or no ranks. */
ls_status ls_cost_predict(struct ls_cost *cost, const struct ls_cost_step *step,
                          const struct ls_cost_net *net, const struct ls_cost_job *job);

#endif
