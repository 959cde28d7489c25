#include "train/straggler.h"

#include "base/memory.h"

/* What counts: so many times the median, and so many seconds above it. */
static const struct bound {
    double factor, seconds;
} bounds[] = {[false] = {1.2, 0.25}, [true] = {1.5, 0.5}};

/* The lower one where they are even: that with half of the ranks at most below it, and the other
 * half above. One pass a candidate; it is done once an epoch. */
static double median(const double *seconds, int ranks)
{
    for (int i = 0; i < ranks; i++) {
        int below = 0, same = 0;
        for (int j = 0; j < ranks; j++) {
            below += seconds[j] < seconds[i];
            same += seconds[j] == seconds[i];
        }
        if (below <= (ranks - 1) / 2 && below + same > (ranks - 1) / 2)
            return seconds[i];
    }
    return 0; /* something is no number */
}

struct ls_straggler ls_straggler_find(const double *seconds, int ranks, bool crowded)
{
    const struct bound *bound = &bounds[crowded];
    const double middle = median(seconds, ranks);
    int slowest = 0;
    for (int rank = 1; rank < ranks; rank++)
        if (seconds[rank] > seconds[slowest])
            slowest = rank;
    if (!(middle > 0) || seconds[slowest] < bound->factor * middle ||
        seconds[slowest] - middle < bound->seconds)
        return (struct ls_straggler){.rank = -1};
    return (struct ls_straggler){slowest, seconds[slowest] / middle};
}

ls_status ls_straggler_agree(struct ls_straggler *straggler, struct ls_comm *comm, double seconds)
{
    const int ranks = ls_comm_size(comm);
    double *all = NULL;
    ls_status status;
    *straggler = (struct ls_straggler){.rank = -1};
    if (ranks == 1)
        return LS_OK;
    LS_TRY_OUT(ls_comm_agree(comm, ls_allocate(&all, (size_t)ranks, sizeof *all)));
    ls_comm_allgather(comm, all, &seconds, sizeof seconds);
    *straggler = ls_straggler_find(all, ranks, ls_comm_crowded(comm));
out:
    ls_release(all);
    return status;
}
