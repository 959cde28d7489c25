/* ZIP archives: what Keras' .keras files are. */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct zip;

/* -- reading */

struct ls_archive {
    struct zip *zip;
    const char *path; /* the caller's */
    uint64_t bytes;   /* of the file */
};

/* Whether the file has the name of one of Keras' or begins as an archive does. */
bool ls_archive_is(const char *path);

/* LS_NO_INPUT when there is no such file, LS_BAD_INPUT when it is no whole archive. */
ls_status ls_archive_open(struct ls_archive *archive, const char *path);
void ls_archive_close(struct ls_archive *archive); /* a failed open is allowed */

/* A member in new memory, with a NUL behind it; NULL when there is none. LS_BAD_INPUT when its
 * checksum is wrong, or when it claims to be larger than its bytes in the archive can give. */
ls_status ls_archive_read(const struct ls_archive *archive, const char *name, char **bytes,
                          size_t *length);

/* -- writing */

struct ls_member {
    const char *name;
    const void *bytes;
    size_t length;
};

/* An archive of these members, as they are (not compressed), whole at path or not there. The same
 * members give the same bytes. LS_CANNOT_WRITE. */
ls_status ls_archive_publish(const char *path, const struct ls_member *member, size_t count);

#endif
