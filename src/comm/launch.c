#include "comm/launch.h"

#include <stdlib.h>

static long count_of(const char *name)
{
    const char *text = getenv(name);

    return text ? strtol(text, NULL, 10) : 0;
}

void ls_launch_read(struct ls_launch *launch)
{
    long pmi = count_of("PMI_SIZE"), slurm = count_of("SLURM_STEP_NUM_TASKS");
    bool pmix = getenv("PMIX_RANK") != NULL;

    /* mpirun's word counts before Slurm's: inside a job mpirun starts its daemons by srun, and what
     * Slurm then says is their number. */
    if (getenv("OMPI_COMM_WORLD_SIZE")) {
        *launch = (struct ls_launch){true, true, count_of("OMPI_COMM_WORLD_SIZE"),
                                     getenv("OMPI_MCA_orte_top_session_dir")};
        return;
    }
    launch->sessions = NULL;
    launch->processes = pmi > slurm ? pmi : slurm;
    launch->launched = pmix || launch->processes > 1;
    launch->reachable = pmix || getenv("PMI_RANK") || pmi > 0;
}

ls_status ls_launch_refuse(const struct ls_launch *launch)
{
    return ls_fail(LS_USAGE,
                   "%ld processes were started, but MPI shows each of them itself alone: start "
                   "them with srun --mpi=pmix, or with mpirun of the MPI that lockstep was built "
                   "with",
                   launch->processes);
}

const char *ls_launch_tcp_interfaces(bool *excluded)
{
    const char *included = getenv("OMPI_MCA_btl_tcp_if_include");
    const char *left_out = getenv("OMPI_MCA_btl_tcp_if_exclude");

    *excluded = !included || !*included;
    if (*excluded)
        return left_out && *left_out ? left_out : NULL;
    return included;
}
