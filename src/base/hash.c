#define XXH_STATIC_LINKING_ONLY /* for the size of the state: our memory holds it */
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/memory.h"

struct ls_hasher {
    XXH3_state_t state;
};

uint64_t ls_hash64(const void *bytes, size_t length, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, length, seed);
}

struct ls_hasher *ls_hasher_create(void)
{
    struct ls_hasher *hasher;
    if (ls_allocate(&hasher, 1, sizeof *hasher) != LS_OK)
        return NULL;
    XXH3_128bits_reset(&hasher->state);
    return hasher;
}

void ls_hasher_add(struct ls_hasher *hasher, const void *bytes, size_t length)
{
    XXH3_128bits_update(&hasher->state, bytes, length);
}

struct ls_digest ls_hasher_digest(const struct ls_hasher *hasher)
{
    XXH128_hash_t hash = XXH3_128bits_digest(&hasher->state);
    return (struct ls_digest){{hash.low64, hash.high64}};
}

void ls_hasher_free(struct ls_hasher *hasher)
{
    ls_release(hasher);
}

void ls_digest_format(char out[33], struct ls_digest digest)
{
    snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, digest.word[1], digest.word[0]);
}
