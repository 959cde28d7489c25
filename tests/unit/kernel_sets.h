/* Running a loop of the kernel room in every set that the CPU has, against a plain scalar one. */
#ifndef UNIT_KERNEL_SETS_H
#define UNIT_KERNEL_SETS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/sets.h"

static const size_t sizes[] = {0, 1, 3, 15, 16, 17, 33, 100};
enum { SIZES = sizeof sizes / sizeof *sizes, ARRAYS_MAX = 5 };

static const char *const set_names[] = {
#define X(set, needs, core, isa) #set,
    LS_KERNEL_SETS(X)
#undef X
};

static inline bool set_runs(size_t set)
{
    return ls_kernels_runnable() >> set & 1;
}

/* A number in [-3, 3) that depends on its place alone. */
static inline float number_at(size_t array, size_t i)
{
    uint32_t x = (uint32_t)(i * 2654435761u) ^ (uint32_t)((array + 1) * 0x9e3779b9u);
    x = (x ^ x >> 15) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return (float)(int32_t)(x ^ x >> 16) * 0x1p-31f * 3.0f;
}

/* Arrays of exactly n floats (a write or read past the end is the sanitizer's), not aligned to
 * vectors. Slots that must not be negative are made so by the run functions' `prepare`. */
static inline float *make_array(size_t array, size_t n)
{
    float *memory = malloc((n + 1) * sizeof *memory);
    assert_non_null(memory);
    memory[0] = 0;
    for (size_t i = 0; i < n; i++)
        memory[1 + i] = number_at(array, i);
    return memory + 1;
}
static inline void free_array(float *array)
{
    free(array - 1);
}

/* A loop over arrays of n floats, some of them its outputs, and what it should do to them. */
struct loop_case {
    const char *name;
    size_t arrays;
    void (*run)(const struct ls_kernels *k, float **array, size_t n);
    void (*expect)(float **array, size_t n);
    unsigned positive; /* bit a: array a holds magnitudes */
};

static inline void make_arrays(float **array, const struct loop_case *c, size_t n)
{
    for (size_t a = 0; a < c->arrays; a++) {
        array[a] = make_array(a, n);
        for (size_t i = 0; i < n; i++)
            if (c->positive >> a & 1)
                array[a][i] = fabsf(array[a][i]);
    }
}

static inline void assert_same_bits(const float *got, const float *want, size_t n, const char *what,
                                    const char *set)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s, set %s, n %zu, element %zu: %a (%.9g), not %a (%.9g)", what, set, n, i,
                     (double)got[i], (double)got[i], (double)want[i], (double)want[i]);
}

/* The same bits as the scalar function in every set and at every size. */
static inline void check_loop(const struct loop_case *c)
{
    for (size_t s = 0; s < SIZES; s++) {
        const size_t n = sizes[s];
        float *want[ARRAYS_MAX], *got[ARRAYS_MAX];
        make_arrays(want, c, n);
        c->expect(want, n);
        for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
            if (!set_runs(set))
                continue;
            assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
            make_arrays(got, c, n);
            c->run(ls_k, got, n);
            for (size_t a = 0; a < c->arrays; a++) {
                assert_same_bits(got[a], want[a], n, c->name, ls_k->name);
                free_array(got[a]);
            }
        }
        for (size_t a = 0; a < c->arrays; a++)
            free_array(want[a]);
    }
}

#endif
