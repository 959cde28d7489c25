/* A profile in HDF5: the group /profile of a history. */
#ifndef STORE_H5_PROFILE_H
#define STORE_H5_PROFILE_H

#include "lockstep/run.h"
#include "store/h5.h"

ls_status ls_h5_put_profile(struct ls_h5_image *image, const struct ls_run_profile *profile);

#endif
