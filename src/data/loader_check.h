/* What the loader looks for in the numbers that it has read. */
#ifndef DATA_LOADER_CHECK_H
#define DATA_LOADER_CHECK_H

#include "data/loader.h"

/* A use's numbers of a batch. */
struct ls_loader_numbers {
    struct ls_data *data;
    const struct ls_column_use *use; /* all of them */
    size_t uses, index;              /* index: whose numbers these are */
    const float *number;             /* [rows][shape] */
    const int64_t *sample;           /* [rows]: which they are */
    size_t rows;
};

/* LS_BAD_INPUT names the data, the sample and the first number that is no class of the use, or not
 * finite where that is asked. */
ls_status ls_loader_check(const struct ls_loader_numbers *numbers);

#endif
