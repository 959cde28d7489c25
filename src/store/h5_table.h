/* Tables in HDF5: a group with a one-dimensional dataset a column, and their order. */
#ifndef STORE_H5_TABLE_H
#define STORE_H5_TABLE_H

#include "store/checkpoint.h"
#include "store/h5.h"

ls_status ls_h5_put_table(struct ls_h5_image *image, const char *group,
                          const struct ls_table *table);
/* A group that is missing is an empty table. */
ls_status ls_h5_read_table(const struct ls_h5 *h5, const char *group, struct ls_table *table);

#endif
