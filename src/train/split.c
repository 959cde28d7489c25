#include "train/split.h"

#include <string.h>

ls_status ls_split_open(struct ls_split *split, const struct ls_tree *train,
                        const struct ls_tree *validation, double fraction)
{
    memset(split, 0, sizeof *split);
    LS_TRY(ls_data_from_tree(&split->all, train, "/"));
    int64_t samples = ls_data_samples(split->all);
    int64_t kept = samples - (int64_t)((double)samples * fraction);
    if (fraction > 0) {
        if (kept == samples || kept == 0)
            return ls_fail(LS_BAD_INPUT,
                           "data.validation_split %g of %lld samples leaves one part empty",
                           fraction, (long long)samples);
        LS_TRY(ls_data_slice(&split->validation, split->all, kept, samples));
    } else if (validation) {
        LS_TRY(ls_data_from_tree(&split->validation, validation, "/"));
    }
    return ls_data_slice(&split->train, split->all, 0, kept);
}

void ls_split_close(struct ls_split *split)
{
    ls_data_free(split->train);
    ls_data_free(split->validation);
    ls_data_free(split->all);
    memset(split, 0, sizeof *split);
}
