/* The splits that an import makes of its samples: one by its name, or shares. */
#ifndef DATA_SHARES_H
#define DATA_SHARES_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { LS_SHARES_MAX = 3 };

struct ls_shares {
    size_t count;
    const char *name[LS_SHARES_MAX]; /* may point into the text that was parsed */
    double share[LS_SHARES_MAX];
    int64_t samples[LS_SHARES_MAX]; /* set by ls_shares_divide */
};

/* "0.8,0.2" is train and test, three are train, validation and test; else a split's name, which has
 * all; NULL: train. LS_USAGE. */
ls_status ls_shares_parse(struct ls_shares *shares, const char *text);

/* Shares to samples: each boundary is rounded, so that they add up. LS_USAGE when a split gets
 * none. */
ls_status ls_shares_divide(struct ls_shares *shares, int64_t samples);

#endif
