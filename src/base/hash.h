/* Hashes: XXH3 of libxxhash, for comparing weights and for digests of files. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t ls_hash64(const void *bytes, size_t length, uint64_t seed);

/* 128 bits, in pieces. */
struct ls_digest {
    uint64_t word[2];
};
struct ls_hasher;
struct ls_hasher *ls_hasher_create(void); /* NULL when there is no memory */
void ls_hasher_add(struct ls_hasher *hasher, const void *bytes, size_t length);
struct ls_digest ls_hasher_digest(const struct ls_hasher *hasher);
void ls_hasher_free(struct ls_hasher *hasher);

/* 32 hexadecimal digits and NUL. */
void ls_digest_format(char out[33], struct ls_digest digest);

#endif
