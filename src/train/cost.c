#include "train/cost.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "comm/partition.h"

/* What the parts of the model need of a job. */
struct setting {
    const struct ls_cost_step *step;
    const struct ls_cost_net *net;
    double nodes, ranks_per_node, partials;
    double local; /* replicas of the rank that has most */
    double *arrives;
};

/* -- what a bucket needs at each stage */

static double messages(const struct setting *s)
{
    return s->nodes - 1;
}

/* Of a rank, for partial sums, and for sums. */
static double overhead_of_partials(const struct setting *s)
{
    return 2 * s->partials * messages(s) * s->net->overhead;
}

static double overhead_of_sums(const struct setting *s)
{
    return 2 * messages(s) * s->net->overhead;
}

static double on_node(const struct setting *s, double bytes)
{
    double ranks = s->ranks_per_node;
    return ranks > 1 ? (ranks + 1) / ranks * bytes / s->step->add_rate : 0;
}

static double rest_of_tree(const struct setting *s, double bytes)
{
    double part = bytes / (s->nodes * s->ranks_per_node);
    return s->nodes > 1 ? (s->partials * s->nodes + 1) * part / s->step->add_rate : 0;
}

/* On the link. */
static double wire(const struct setting *s, double bytes)
{
    return bytes * (s->nodes - 1) / s->nodes / s->net->bytes_per_second;
}

/* An allgather of `bytes` of each rank: Bruck's, which MPI takes for what is small: log2(ranks)
 * rounds, everything once to every rank; and the tree over them, on every rank. */
static double gather(const struct setting *s, double rounds, double bytes)
{
    double ranks = s->nodes * s->ranks_per_node, all = ranks * bytes;
    double others = (ranks - s->ranks_per_node) * bytes * s->ranks_per_node;
    if (ranks == 1 || bytes == 0)
        return 0;
    double time = all / s->step->add_rate;
    if (s->nodes > 1)
        time += rounds * ceil(log2(ranks)) * (s->net->latency + 2 * s->net->overhead) +
                others / s->net->bytes_per_second;
    return time;
}

/* -- a step in time */

/* The rank's core, how far it has computed, and the node's link. All in seconds. */
struct state {
    double now, computed;
    double link; /* free from then on */
    size_t sent, summed;
    double end; /* of the last sums */
};

/* Partial sums of the next bucket are here: the rest of its tree, and its sums go out. */
static void sum_up(struct state *t, const struct setting *s)
{
    double bytes = s->step->bucket[t->summed++].bytes;
    t->now += rest_of_tree(s, bytes) + overhead_of_sums(s);
    t->link = fmax(t->link, t->now) + wire(s, bytes);
    t->end = s->nodes > 1 ? t->link + s->net->latency : t->now;
}

/* Computes on, and looks after what arrives meanwhile. */
static void compute_until(struct state *t, const struct setting *s, double computed)
{
    while (t->summed < t->sent &&
           s->arrives[t->summed] + s->step->pause < t->now + computed - t->computed) {
        double here = fmax(s->arrives[t->summed] + s->step->pause, t->now);
        t->computed += here - t->now;
        t->now = here;
        sum_up(t, s);
    }
    t->now += computed - t->computed;
    t->computed = computed;
}

/* The next bucket is final: what the node does with it, and its partial sums go out. */
static void send(struct state *t, const struct setting *s)
{
    double bytes = s->step->bucket[t->sent].bytes;
    t->now += on_node(s, bytes) + overhead_of_partials(s);
    t->link = fmax(t->link, t->now) + s->partials * wire(s, bytes);
    s->arrives[t->sent++] = s->nodes > 1 ? t->link + s->net->latency : t->now;
}

/* A step's seconds without what comes after the combine. `late`: all buckets are final only at the
 * end. */
static double simulate(const struct setting *s, bool late)
{
    const struct ls_cost_step *step = s->step;
    double bytes = 0;
    struct state t = {0};
    for (size_t i = 0; i < step->buckets; i++)
        bytes += step->bucket[i].bytes;
    /* Replicas before the last one, each added to what was there; points are waited for. */
    t.now = (s->local - 1) * (step->compute + 3 * bytes / step->add_rate) +
            gather(s, step->points, step->point_bytes);
    while (t.sent < step->buckets) {
        compute_until(&t, s, late ? step->compute : step->bucket[t.sent].ready);
        send(&t, s);
    }
    compute_until(&t, s, step->compute);
    while (t.summed < t.sent) {
        t.now = fmax(t.now, s->arrives[t.summed]);
        sum_up(&t, s);
    }
    return fmax(t.end, t.now + gather(s, 1, step->doubles));
}

/* Of the node that has most. */
static int count_partials(const struct ls_cost_job *job)
{
    struct ls_range subtrees[LS_SUBTREES_MAX];
    size_t most = 1;
    for (int first = 0; first < job->ranks; first += job->ranks_per_node) {
        int end =
            first + job->ranks_per_node < job->ranks ? first + job->ranks_per_node : job->ranks;
        struct ls_range node = {ls_part(job->replicas, job->ranks, first).begin,
                                ls_part(job->replicas, job->ranks, end - 1).end};
        size_t count = ls_tree_subtrees(subtrees, job->replicas, node);
        most = count > most ? count : most;
    }
    return (int)most;
}

static void fill_in(struct ls_cost *cost, const struct setting *s, const struct ls_cost_job *job)
{
    const struct ls_cost_step *step = s->step;
    double ranks = job->ranks, alone = s->local * step->compute;
    double time = job->ranks > 1 ? simulate(s, false) : alone;
    double late = job->ranks > 1 ? simulate(s, true) : alone;
    *cost = (struct ls_cost){
        .nodes = (int)s->nodes,
        .step = time + step->rest,
        .compute = alone + step->rest,
        .exposed = time - alone,
        .combine = late - alone,
        .messages = (s->partials + 1) * messages(s) * (double)step->buckets,
        .partials = (int)s->partials,
    };
    for (size_t i = 0; i < step->buckets; i++)
        cost->bytes +=
            (s->partials + 1) * wire(s, step->bucket[i].bytes) * s->net->bytes_per_second;
    cost->samples_per_second = (double)(job->replicas * step->rows) / cost->step;
    cost->efficiency = ((double)job->replicas / ranks * step->compute + step->rest) / cost->step;
}

/* Buckets that go together are ready with the last of them. */
static size_t merge(struct ls_cost_bucket *merged, const struct ls_cost_step *step, double most)
{
    size_t count = 0;
    for (size_t i = 0; i < step->buckets; i++) {
        const struct ls_cost_bucket *bucket = &step->bucket[i];
        if (count > 0 && most > 0 && merged[count - 1].bytes + bucket->bytes <= most)
            merged[count - 1].bytes += bucket->bytes;
        else
            merged[count++].bytes = bucket->bytes;
        merged[count - 1].ready = bucket->ready;
    }
    return count;
}

ls_status ls_cost_predict(struct ls_cost *cost, const struct ls_cost_step *step,
                          const struct ls_cost_net *net, const struct ls_cost_job *job)
{
    if (job->ranks < 1 || job->ranks_per_node < 1 || job->replicas < job->ranks)
        return ls_fail(LS_USAGE, "no step of %lld replicas on %d ranks, %d a node",
                       (long long)job->replicas, job->ranks, job->ranks_per_node);
    int on_node = job->ranks < job->ranks_per_node ? job->ranks : job->ranks_per_node;
    struct setting s = {
        .net = net,
        .nodes = (job->ranks + on_node - 1) / on_node,
        .ranks_per_node = on_node,
        .local = (double)((job->replicas + job->ranks - 1) / job->ranks),
    };
    s.partials = s.nodes > 1 ? count_partials(job) : 1;
    struct ls_cost_step of = *step;
    struct ls_cost_bucket *merged = NULL;
    s.step = &of;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&merged, step->buckets + 1, sizeof *merged));
    LS_TRY_OUT(ls_allocate(&s.arrives, step->buckets + 1, sizeof *s.arrives));
    of.buckets = merge(merged, step, job->bucket_bytes);
    of.bucket = merged;
    fill_in(cost, &s, job);
out:
    ls_release(merged);
    ls_release(s.arrives);
    return status;
}
