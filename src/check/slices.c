/* How the batch is cut over the replicas, and the replicas over the ranks. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "check/check.h"
#include "check/ranks.h"
#include "comm/combine.h"

static const double uneven = 1.1; /* the largest beside the mean, from here on worth a word */

static void tell_slices(struct ls_checker *checker)
{
    const int64_t replicas = checker->session.identity.replicas;
    const int64_t samples = ls_data_samples(checker->session.data.train);
    const int64_t asked = checker->session.config.fit.batch_size;
    const int64_t batch = asked < samples ? asked : samples;
    const int64_t least = batch / replicas, most = (batch + replicas - 1) / replicas;
    const int64_t last = samples % batch;
    struct ls_check *check = checker->check;
    char range[64];
    snprintf(range, sizeof range, least == most ? "%lld" : "%lld to %lld", (long long)least,
             (long long)most);
    if (least == 0)
        ls_check_add(check, LS_CHECK_WARNING, "slices",
                     "a batch of %lld samples leaves %lld of %lld replicas without: use "
                     "--batch-size %lld or more, or fewer replicas",
                     (long long)batch, (long long)(replicas - batch), (long long)replicas,
                     (long long)replicas);
    else
        ls_check_add(check,
                     (double)most * (double)replicas > uneven * (double)batch ? LS_CHECK_WARNING
                                                                              : LS_CHECK_OK,
                     "slices", "%lld replica%s x %s samples = batch of %lld%s", (long long)replicas,
                     replicas == 1 ? "" : "s", range, (long long)batch,
                     least == most ? "" : ", which does not divide: some wait for the others");
    if (least > 0 && last > 0 && last < replicas)
        ls_check_add(check, LS_CHECK_OK, "slices",
                     "the last batch of an epoch has %lld samples and leaves %lld of %lld replicas "
                     "without",
                     (long long)last, (long long)(replicas - last), (long long)replicas);
}

static void tell_ranks(struct ls_checker *checker)
{
    const int64_t replicas = checker->session.identity.replicas;
    const int size = ls_comm_size(checker->comm);
    const int64_t least = replicas / size, most = (replicas + size - 1) / size;
    size_t partials = ls_combine_partials(replicas, size);
    struct ls_text good = {0};
    if (size == 1)
        return;
    ls_check_figure(checker->check, "partial_sums", (double)partials);
    ls_ranks_append_good(&good, replicas, size);
    if (least < most)
        ls_check_add(
            checker->check,
            (double)most * size > uneven * (double)replicas ? LS_CHECK_WARNING : LS_CHECK_OK,
            "slices",
            "%d ranks hold %lld to %lld replicas: those with fewer wait; with %s they hold "
            "as many",
            size, (long long)least, (long long)most, good.data ? good.data : "");
    if (partials > 1)
        ls_check_add(checker->check, LS_CHECK_WARNING, "slices",
                     "a rank has up to %zu partial sums for the others, as the ranks do not align "
                     "with the tree over the replicas; with %s it is one",
                     partials, good.data ? good.data : "");
    ls_text_release(&good);
}

void ls_check_slices(struct ls_checker *checker)
{
    tell_slices(checker);
    tell_ranks(checker);
}
