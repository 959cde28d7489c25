/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers:
 * as easy as 1, 2, 3, SC 2011) and the keyed permutation of [0, n). No stored state: a number is a
 * function of (seed, purpose, counter). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* One table: what random numbers are drawn for. Never renumber: runs must stay reproducible. */
#define LS_PURPOSES(X)                                                                             \
    X(INITIALIZE, 1)                                                                               \
    X(SHUFFLE, 2)                                                                                  \
    X(DROPOUT, 3)                                                                                  \
    X(SPLIT, 4)                                                                                    \
    X(NOISE, 5)                                                                                    \
    X(TEST, 6)                                                                                     \
    X(DATA, 7)                                                                                     \
    X(RECURRENT_DROPOUT, 8)                                                                        \
    X(PROBE, 9)

enum ls_purpose {
#define X(name, number) LS_PURPOSE_##name = number,
    LS_PURPOSES(X)
#undef X
};

struct ls_random_key {
    uint32_t word[2];
};

struct ls_random_key ls_random_key(uint64_t seed, enum ls_purpose purpose);

/* The four words at a 128-bit counter. */
void ls_philox(uint32_t out[4], const uint32_t counter[4], struct ls_random_key key);

/* [0, 1) with 24 and 53 bits. */
static inline float ls_uniform_float(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}
static inline double ls_uniform_double(uint32_t high, uint32_t low)
{
    return (double)((((uint64_t)high << 32) | low) >> 11) * 0x1p-53;
}

/* The image of index under the permutation of [0, n) that (key, round) names: a Feistel network of
 * the next even number of bits with cycle walking. O(1); a bijection for every n >= 1. `round` is
 * the epoch. */
uint64_t ls_permute(uint64_t index, uint64_t n, struct ls_random_key key, uint64_t round);

#endif
