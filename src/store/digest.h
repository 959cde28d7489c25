/* The digest of a file of ours: "lockstep-xxh3:" and 32 hexadecimal digits in the file, the
 * XXH3-128 of the whole file with zeros for the digits. It is found by its bytes, so that a file is
 * checked before HDF5 parses it. */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include "store/h5.h"

enum { LS_DIGEST_DIGITS = 32 };
#define LS_DIGEST_MARK "lockstep-xxh3:"
/* What is laid out, before the digest is known. */
#define LS_DIGEST_EMPTY LS_DIGEST_MARK "00000000000000000000000000000000"

/* Puts the digest into a finished file that has LS_DIGEST_EMPTY in it. */
ls_status ls_digest_seal(struct ls_h5_buffer *buffer, const char *path);

/* LS_BAD_INPUT when the file at path has a digest that is not that of its bytes; *found false: it
 * has none. LS_NO_INPUT when it cannot be read. */
ls_status ls_digest_check(const char *path, bool *found);

#endif
