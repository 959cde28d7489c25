/* Numbers of ranks that suit a number of replicas. */
#ifndef CHECK_RANKS_H
#define CHECK_RANKS_H

#include <stdint.h>

#include "base/text.h"

/* Whether all ranks hold as many replicas, and each a whole subtree of them: one partial sum. */
bool ls_ranks_are_good(int64_t replicas, int64_t ranks);

/* "2, 4 or 8 ranks": the good numbers nearest to `ranks`, a few, in order. */
void ls_ranks_append_good(struct ls_text *text, int64_t replicas, int64_t ranks);

#endif
