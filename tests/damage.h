/* Damages of a file's bytes, each a function of its number: cut short, bytes changed, a piece put
 * elsewhere or zeroed. */
#ifndef TESTS_DAMAGE_H
#define TESTS_DAMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* SplitMix64. */
static inline uint64_t damage_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline size_t damage_below(uint64_t *state, size_t limit)
{
    return limit ? (size_t)(damage_random(state) % limit) : 0;
}

static inline void damage_byte(uint64_t *state, unsigned char *byte)
{
    static const unsigned char odd[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    switch (damage_below(state, 3)) {
    case 0:
        *byte ^= (unsigned char)(1u << damage_below(state, 8));
        break;
    case 1:
        *byte = odd[damage_below(state, sizeof odd)];
        break;
    default:
        *byte = (unsigned char)damage_random(state);
    }
}

/* Returns the new length, at most `length`. */
static inline size_t damage(unsigned char *bytes, size_t length, uint64_t number)
{
    enum { PIECE_MAX = 256, BYTES_MAX = 8 };
    uint64_t state = number;
    size_t kind = damage_below(&state, 8);
    size_t piece = 1 + damage_below(&state, length < PIECE_MAX ? length : PIECE_MAX);
    if (length == 0)
        return 0;
    if (kind == 0)
        return damage_below(&state, length);
    if (kind == 1) {
        size_t to = damage_below(&state, length - piece + 1);
        memmove(bytes + to, bytes + damage_below(&state, length - piece + 1), piece);
        return length;
    }
    if (kind == 2) {
        memset(bytes + damage_below(&state, length - piece + 1), damage_below(&state, 2) ? 0 : 0xff,
               piece);
        return length;
    }
    for (size_t count = 1 + damage_below(&state, BYTES_MAX); count > 0; count--)
        damage_byte(&state, &bytes[damage_below(&state, length)]);
    return length;
}

#endif
