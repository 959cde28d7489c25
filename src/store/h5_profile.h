/* A profile in HDF5: the group /profile of a history. */
#ifndef STORE_H5_PROFILE_H
#define STORE_H5_PROFILE_H

#include "lockstep/run.h"
#include "store/h5.h"

enum { LS_H5_PROFILE_COLUMNS = 8 };

/* As the file has it: a row for each part of a step, its numbers in columns (h5_profile.c names
 * them). {0}: none. */
struct ls_h5_profile {
    int64_t steps;
    double step_seconds, peak_gflops, hidden_seconds;
    struct ls_texts names, classes; /* class "": no layer */
    double *column[LS_H5_PROFILE_COLUMNS];
};

/* In new memory; released after a failure. */
ls_status ls_h5_profile_create(struct ls_h5_profile *kept, const struct ls_run_profile *profile);
void ls_h5_profile_release(struct ls_h5_profile *profile);

/* Its numbers are borrowed until ls_h5_image_finish. */
ls_status ls_h5_put_profile(struct ls_h5_image *image, const struct ls_h5_profile *profile);
/* {0} where the file has none. */
ls_status ls_h5_read_profile(const struct ls_h5 *h5, struct ls_h5_profile *profile);

#endif
