#include "base/random.h"

enum { PHILOX_ROUNDS = 10 };
enum { FEISTEL_ROUNDS = 8, FEISTEL_BITS_MIN = 6 };

/* Counters of our own uses of Philox, told apart by their last word. */
enum { COUNTER_KEY = 0x4b455931, COUNTER_PERMUTE = 0x5045524d };

void ls_philox(uint32_t out[4], const uint32_t counter[4], struct ls_random_key key)
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key.word[0], k1 = key.word[1];
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        uint64_t a = (uint64_t)c0 * 0xD2511F53u;
        uint64_t b = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct ls_random_key ls_random_key(uint64_t seed, enum ls_purpose purpose)
{
    const uint32_t counter[4] = {(uint32_t)purpose, 0, 0, COUNTER_KEY};
    struct ls_random_key seeded = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    uint32_t out[4];
    ls_philox(out, counter, seeded);
    return (struct ls_random_key){{out[0], out[1]}};
}

/* A round's function: any will do for a bijection; this one mixes every bit of half and round key
 * into the low ones. The two multipliers are those of MurmurHash3's 64-bit finalizer. */
static uint64_t mix_half(uint64_t half, uint32_t round_key)
{
    uint64_t x = half + ((uint64_t)round_key << 32) + round_key;
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
}

uint64_t ls_permute(uint64_t index, uint64_t n, struct ls_random_key key, uint64_t round)
{
    if (n <= 1)
        return 0;
    /* Fewer bits than the least would give a Feistel network few permutations to choose from. */
    int bits = FEISTEL_BITS_MIN;
    while (bits < 64 && (n - 1) >> bits)
        bits += 2;
    const int half_bits = bits / 2;
    const uint64_t mask = ((uint64_t)1 << half_bits) - 1;

    uint32_t round_key[FEISTEL_ROUNDS];
    for (uint32_t i = 0; i < FEISTEL_ROUNDS / 4; i++) {
        const uint32_t counter[4] = {(uint32_t)round, (uint32_t)(round >> 32), i, COUNTER_PERMUTE};
        ls_philox(round_key + (size_t)4 * i, counter, key);
    }

    uint64_t image = index;
    do { /* the cycle that holds index < n comes back below n */
        uint64_t left = image >> half_bits, right = image & mask;
        for (int i = 0; i < FEISTEL_ROUNDS; i++) {
            uint64_t next = left ^ (mix_half(right, round_key[i]) & mask);
            left = right;
            right = next;
        }
        image = left << half_bits | right;
    } while (image >= n);
    return image;
}
