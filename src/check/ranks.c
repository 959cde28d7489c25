#include "check/ranks.h"

#include <limits.h>

#include "comm/combine.h"

bool ls_ranks_are_good(int64_t replicas, int64_t ranks)
{
    return ranks > 0 && ranks <= INT_MAX && replicas % ranks == 0 &&
           ls_combine_partials(replicas, (int)ranks) == 1;
}

void ls_ranks_append_good(struct ls_text *text, int64_t replicas, int64_t ranks)
{
    enum { BELOW = 3, ABOVE = 2 };
    int64_t good[BELOW + ABOVE];
    size_t count = 0;
    for (int64_t n = ranks < replicas ? ranks : replicas; n > 0 && count < BELOW; n--)
        if (ls_ranks_are_good(replicas, n))
            good[count++] = n;
    for (size_t i = 0; i < count / 2; i++) {
        int64_t first = good[i];
        good[i] = good[count - 1 - i];
        good[count - 1 - i] = first;
    }
    const size_t below = count;
    for (int64_t n = ranks + 1; n <= replicas && count < below + ABOVE; n++)
        if (ls_ranks_are_good(replicas, n))
            good[count++] = n;
    for (size_t i = 0; i < count; i++)
        ls_text_append(text, "%s%lld",
                       i == 0          ? ""
                       : i + 1 < count ? ", "
                                       : " or ",
                       (long long)good[i]);
    ls_text_append(text, count == 1 && good[0] == 1 ? " rank" : " ranks");
}
