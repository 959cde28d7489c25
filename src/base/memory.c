#include "base/memory.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_ALIGNMENT = 16 };   /* names and lines need no cache line of their own */
enum { LARGE_BYTES = 1 << 28 }; /* asking how much there is costs little beside filling this */

static _Atomic long allocations_left; /* until one fails; 0: none does */
static _Atomic long blocks;           /* taken and not released */

void ls_memory_fail_at(long n)
{
    atomic_store(&allocations_left, n);
}

long ls_memory_fails_in(void)
{
    return atomic_load(&allocations_left);
}

long ls_memory_blocks(void)
{
    return atomic_load(&blocks);
}

static int must_fail(void)
{
    long left = atomic_load(&allocations_left);
    while (left > 0)
        if (atomic_compare_exchange_weak(&allocations_left, &left, left - 1))
            return left == 1;
    return 0;
}

/* The whole block is zeroed, with what the C library gives beyond the request: so a block that
 * grows into it, or into a new one, has zeros there. */
static ls_status take_block(void **block, size_t bytes, size_t alignment)
{
    *block = NULL;
    if (bytes == 0)
        bytes = 1;
    bool too_large = bytes > PTRDIFF_MAX || (bytes >= LARGE_BYTES && bytes > ls_memory_available());
    if (must_fail() || too_large || posix_memalign(block, alignment, bytes) != 0) {
        *block = NULL;
        return ls_fail(LS_FAILED, "out of memory: no room for %zu bytes", bytes);
    }
    atomic_fetch_add_explicit(&blocks, 1, memory_order_relaxed);
    memset(*block, 0, malloc_usable_size(*block));
    return LS_OK;
}

static ls_status multiply_bytes(size_t *bytes, size_t count, size_t item_bytes)
{
    if (__builtin_mul_overflow(count, item_bytes, bytes))
        return ls_fail(LS_FAILED, "out of memory: no room for %zu items of %zu bytes", count,
                       item_bytes);
    return LS_OK;
}

/* `memory` points to a pointer of some type; memcpy keeps to the aliasing rules. */
static void store_pointer(void *memory, void *block)
{
    memcpy(memory, &block, sizeof block);
}

ls_status ls_allocate(void *memory, size_t count, size_t item_bytes)
{
    void *block;
    size_t bytes;
    store_pointer(memory, NULL);
    LS_TRY(multiply_bytes(&bytes, count, item_bytes));
    LS_TRY(take_block(&block, bytes, LS_ALIGNMENT));
    store_pointer(memory, block);
    return LS_OK;
}

ls_status ls_reallocate(void *memory, size_t count, size_t item_bytes)
{
    void *old, *block;
    size_t bytes;
    memcpy(&old, memory, sizeof old);
    LS_TRY(multiply_bytes(&bytes, count, item_bytes));
    LS_TRY(take_block(&block, bytes, LS_ALIGNMENT));
    if (old) {
        size_t old_bytes = malloc_usable_size(old);
        memcpy(block, old, old_bytes < bytes ? old_bytes : bytes);
        ls_release(old);
    }
    store_pointer(memory, block);
    return LS_OK;
}

ls_status ls_duplicate(char **copy, const char *text)
{
    void *block;
    size_t bytes = strlen(text) + 1;
    *copy = NULL;
    LS_TRY(take_block(&block, bytes, TEXT_ALIGNMENT));
    *copy = memcpy(block, text, bytes);
    return LS_OK;
}

ls_status ls_format(char **text, const char *format, ...)
{
    void *block = NULL;
    ls_status status = LS_OK;
    va_list arguments, again;
    *text = NULL;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0)
        status = ls_fail(LS_FAILED, "cannot format a text");
    else
        status = take_block(&block, (size_t)length + 1, TEXT_ALIGNMENT);
    if (status == LS_OK)
        vsnprintf(block, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    *text = block;
    return status;
}

bool ls_memory_spare(size_t bytes)
{
    void *volatile block = malloc(bytes); /* else the compiler takes it for granted */
    const bool there = block != NULL;
    free(block);
    return there;
}

void ls_release(void *memory)
{
    if (memory)
        atomic_fetch_sub_explicit(&blocks, 1, memory_order_relaxed);
    free(memory);
}
