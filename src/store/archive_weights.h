/* model.weights.h5 in a .keras archive. */
#ifndef STORE_ARCHIVE_WEIGHTS_H
#define STORE_ARCHIVE_WEIGHTS_H

#include "store/archive.h"
#include "store/h5.h"

/* The file, open: to be closed with ls_archive_weights_close also after a
 * failure. */
struct ls_archive_weights {
    struct ls_h5 h5;
    bool open;
    char *bytes, *name; /* its own, for messages: m.keras: model.weights.h5 */
};
ls_status ls_archive_weights_open(struct ls_archive_weights *weights,
                                  const struct ls_archive *archive);
void ls_archive_weights_close(struct ls_archive_weights *weights);

#endif
