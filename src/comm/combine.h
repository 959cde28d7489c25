/* The combine: the sum of all replicas' gradients in the fixed tree, the same bits for any number
 * of ranks, placed anyhow. See "The combine" in README.md.
 *
 * A rank folds its replicas' gradients with a fold: it asks for a free slot (a gradient arena plus
 * `doubles` doubles), writes one replica's values into it, and pushes it; slots that belong
 * together are added as soon as both are there. After the last replica the combine adds over the
 * ranks, and every rank reads the same sum. One cycle a step: (slot, push) x replicas, finish,
 * read, and again.
 *
 * The elements may be cut into buckets. While the last replica is still being written, the rank
 * says bucket by bucket what is final (ls_combine_write); a bucket that all ranks of a node have
 * written is summed there, and goes to the other nodes, while the ranks compute on. Buckets change
 * when things are done, never the order of additions: the bits are the same for any. */
#ifndef COMM_COMBINE_H
#define COMM_COMBINE_H

#include "base/clock.h"
#include "comm/comm.h"
#include "comm/partition.h"
#include "kernel/kernels.h"

struct ls_combine;

struct ls_combine_options {
    size_t floats;    /* elements of the gradient arena */
    size_t doubles;   /* summed beside it in the same tree: losses, metrics, flags */
    int64_t replicas; /* of the run; >= size */
    bool resident;    /* all local replicas' slots exist at once (plans with cross-replica points):
                         ls_combine_slot(i) may be asked for in any order before the pushes */
    const struct ls_range *bucket; /* of the elements, which they part; cut at multiples of
                                      LS_ALIGNMENT_FLOATS; in the order in which they are written;
                                      the same on all ranks; need not outlive the creation */
    size_t buckets;                /* 0: one of all elements */
    bool fast; /* MPI's own sum in MPI's own order: no promise of bits but that all ranks have the
                  same */
    enum ls_wire wire; /* how partial sums and sums go between nodes: in 16 bits the sum is another
                          wherever nodes begin and end, and depends on the steps before */
};

/* Collective, after ls_kernels_init. The arenas lie in memory that the node's ranks share where
 * they can (where not, ls_comm_fallback says why). LS_USAGE when there are more ranks than
 * replicas. */
ls_status ls_combine_create(struct ls_combine **combine, struct ls_comm *comm,
                            const struct ls_combine_options *options);
/* The bytes of arenas that this rank would take; of what the ranks of a node have in common, and of
 * what they have from other nodes, its part. Where memory cannot be shared it is more. Not
 * collective. */
ls_status ls_combine_needs(struct ls_comm *comm, const struct ls_combine_options *options,
                           size_t *bytes);
/* Not collective; before the comm's ls_comm_free. NULL is allowed. */
void ls_combine_free(struct ls_combine *combine);

/* The replicas of this rank. */
struct ls_range ls_combine_replicas(const struct ls_combine *combine);

struct ls_slot {
    float *floats;   /* whatever was in it; the replica writes all of it (or zeroes it) */
    double *doubles; /* likewise */
};

/* Where replica `replica` (of this rank's range, in order) writes; valid until it is pushed. */
struct ls_slot ls_combine_slot(struct ls_combine *combine, int64_t replica);
/* The replica's slot is written. An empty slice is zeros, and pushed like any other. */
void ls_combine_push(struct ls_combine *combine, int64_t replica);
/* Before the pushes of what is in slots now: the next bucket of all these slots is final. Of use
 * where the last slot of this rank is being written; what is left is written with the pushes. Every
 * rank may do so with as many buckets as it likes. From here to ls_combine_finish the rank calls
 * nothing that is collective but this combine's points: a thread of the combine's may call MPI. */
void ls_combine_write(struct ls_combine *combine);
/* Does for the buckets on their way what can be done without waiting: to be called now and then
 * from ls_combine_write to ls_combine_finish, whose failure it will be where something fails. */
void ls_combine_progress(struct ls_combine *combine);

/* Collective: completes the tree over all ranks. The result may be the same memory for all ranks of
 * a node, and for a rank alone its first slot: read only, valid until this rank next asks for a
 * slot. (Named apart from enum ls_sum_of of kernel/kernels.h.) */
struct ls_combined {
    const float *floats;
    const double *doubles;
};
ls_status ls_combine_finish(struct ls_combine *combine, struct ls_combined *sum);

/* A cross-replica point: the tree sum of `count` doubles of every replica. values[local
 * replica][count] in, the sum out in sums[count]. Collective. count is at most what
 * ls_combine_reserve_points said (which is collective too, once, before the first step). */
ls_status ls_combine_reserve_points(struct ls_combine *combine, size_t count);
ls_status ls_combine_point(struct ls_combine *combine, double *sums, const double *values,
                           size_t count);

/* Where its time goes: waiting for the other ranks of the node, adding, and between nodes
 * (waiting for messages). What passes while the rank does something else is none of these: `hidden`
 * is how long, before ls_combine_finish, buckets were on their way between nodes. From the next
 * push on each part adds the time since the watch's last lap. The times must outlive the combine's
 * use; NULL: nobody wants to know. */
enum ls_combine_part { LS_COMBINE_WAITING, LS_COMBINE_ADDING, LS_COMBINE_EXCHANGING };
enum { LS_COMBINE_PARTS = 3 };
struct ls_combine_times {
    struct ls_stopwatch *watch;
    double seconds[LS_COMBINE_PARTS];
    double hidden;
};
void ls_combine_time(struct ls_combine *combine, struct ls_combine_times *times);

/* The tree sum over blocks that ranks hold in contiguous ranges ls_part(blocks, size, rank): values
 * [local block][count] in, sums[count] out on every rank. For evaluation. Collective. */
ls_status ls_comm_sum_blocks(struct ls_comm *comm, double *sums, const double *values,
                             int64_t blocks, size_t count);

/* Whether all ranks hold the same value; where not, LS_FAILED on all with a message that names the
 * ranks (and their hosts) that differ from the majority: "`what` differs on rank 2 (host b)", or
 * all, where most do not hold one value. Collective. */
ls_status ls_comm_same(struct ls_comm *comm, uint64_t value, const char *what);
/* The same; odd[rank] becomes true for those that are named, all of them false where all hold the
 * same. */
ls_status ls_comm_compare(struct ls_comm *comm, uint64_t value, const char *what, bool *odd);

/* What one rank pays, for `lockstep check` and the first line: partial sums a rank publishes at
 * most, and bytes of its arenas at most (a node pays for one sum beside them). */
size_t ls_combine_partials(int64_t replicas, int size);
size_t ls_combine_bytes(const struct ls_combine_options *options, int size);

#endif
