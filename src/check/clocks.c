/* Whether the hosts agree on the time, by which files are older or newer. */
#include <math.h>
#include <stdio.h>

#include "check/facts.h"

static const double much = 1.0; /* seconds */

void ls_clocks_tell(struct ls_checker *checker, const struct ls_clock_difference *of)
{
    double worst = 0, latency = 0;
    int most = 0;
    for (int node = 1; node < checker->nodes; node++) {
        latency = fmax(latency, of[node].latency);
        if (fabs(of[node].seconds) > worst) {
            worst = fabs(of[node].seconds);
            most = node;
        }
    }
    ls_check_figure(checker->check, "clock_difference_seconds", worst);
    ls_check_figure(checker->check, "latency_seconds", latency);
    if (worst > much)
        ls_check_add(checker->check, LS_CHECK_WARNING, "clocks",
                     "the clock of host %s is %.1f s %s that of %s: ages of checkpoints and files "
                     "will be wrong; synchronize them (chrony, ntpd)",
                     ls_hosts_name(checker, most), worst,
                     of[most].seconds > 0 ? "ahead of" : "behind", ls_hosts_name(checker, 0));
    else
        ls_check_add(checker->check, LS_CHECK_OK, "clocks",
                     "differ by %.0f ms at most; a message takes up to %.0f us", worst * 1e3,
                     latency * 1e6);
}

ls_status ls_check_clocks(struct ls_checker *checker)
{
    struct ls_clock_difference *of = NULL;
    if (checker->nodes == 1)
        return LS_OK;
    ls_status status =
        ls_checker_writes(checker) ? ls_allocate(&of, (size_t)checker->nodes, sizeof *of) : LS_OK;
    LS_TRY_OUT(ls_comm_agree(checker->comm, status));
    LS_TRY_OUT(ls_comm_clocks(checker->comm, of));
    if (ls_checker_writes(checker))
        ls_clocks_tell(checker, of);
out:
    ls_release(of);
    return status;
}
