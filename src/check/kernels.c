/* Whether all ranks compute alike. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "check/check.h"

static bool is_alike(const struct ls_kernel_identity *a, const struct ls_kernel_identity *b)
{
    return a->probe == b->probe;
}

/* The ranks that have what `first` has. */
static void tell_alike(struct ls_checker *checker, const struct ls_kernel_identity *all, int first,
                       bool *which)
{
    const struct ls_kernel_identity *k = &all[first];
    const int size = checker->size;
    char ranks[LS_RANKS_TEXT];
    int count = 0;
    for (int rank = 0; rank < size; rank++) {
        which[rank] = is_alike(&all[rank], k);
        count += which[rank];
    }
    ls_check_add(checker->check, LS_CHECK_OK, "kernels",
                 "%s%s%s%s%s, OpenBLAS %s %s, oneDNN %s, SLEEF %s, %s; probe %016" PRIx64,
                 count < size ? ls_ranks_format(ranks, which, size) : "",
                 count < size ? ", host "
                 : size > 1   ? "all ranks compute alike"
                              : "",
                 count < size ? checker->host_of[first] : "", size > 1 ? ": " : "", k->set,
                 k->blas_version, k->blas_core, k->onednn_version, k->sleef_version, k->cpu,
                 k->probe);
}

static ls_status tell_kernels(struct ls_checker *checker, const struct ls_kernel_identity *all)
{
    const int size = checker->size;
    bool *which = NULL;
    LS_TRY(ls_allocate(&which, (size_t)size, sizeof *which));
    for (int rank = 0; rank < size; rank++) {
        bool told = false;
        for (int before = 0; before < rank; before++)
            told |= is_alike(&all[before], &all[rank]);
        if (!told)
            tell_alike(checker, all, rank, which);
    }
    ls_release(which);
    return LS_OK;
}

/* With the plan's probe where there is a plan. */
ls_status ls_check_kernels(struct ls_checker *checker)
{
    struct ls_kernel_identity mine = checker->session.identity.kernels, *all = NULL;
    ls_status status = *mine.set ? LS_OK : ls_kernels_identity(&mine);
    LS_TRY(ls_comm_agree(checker->comm, status));
    LS_TRY(ls_checker_gather(checker, &all, &mine, sizeof mine));
    status = ls_checker_writes(checker) ? tell_kernels(checker, all) : LS_OK;
    ls_release(all);
    return ls_comm_agree(checker->comm, status);
}
