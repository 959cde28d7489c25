/* Memory: every allocation of the library goes through here, so that a test can make the n-th fail.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { LS_ALIGNMENT = 64 };        /* bytes: a cache line, and the widest vector */
enum { LS_ALIGNMENT_FLOATS = 16 }; /* the same in floats */

/* Zeroed memory for count items, aligned to LS_ALIGNMENT, in *memory (a pointer to any pointer);
 * LS_FAILED with a message, and *memory NULL, when there is none or the product overflows. What is
 * large and more than ls_memory_available fails too: Linux gives it all the same, and kills the
 * process that uses it. */
ls_status ls_allocate(void *memory, size_t count, size_t item_bytes);

/* Grows or shrinks to count items; what is added is zeroed. On failure the old block stays. */
ls_status ls_reallocate(void *memory, size_t count, size_t item_bytes);

/* Room for one item more than the `count` there are, for arrays that grow one by one from nothing:
 * the room doubles at each power of two. */
static inline ls_status ls_grow(void *memory, size_t count, size_t item_bytes)
{
    if ((count & (count - 1)) != 0)
        return LS_OK;
    return ls_reallocate(memory, count ? 2 * count : 1, item_bytes);
}

ls_status ls_duplicate(char **copy, const char *text);

/* Formatted text in new memory. */
ls_status ls_format(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees what any of the above gave; NULL is allowed. */
void ls_release(void *memory);

/* Bytes that this process can still have: those that the machine has free, can free, or can swap
 * out; less where the process or one of its control groups is limited to less. */
uint64_t ls_memory_available(void);
/* Whether the C library has so many bytes more at once, as it is asked before a library that does
 * not check what it allocates. Costs a tenth of a microsecond. */
bool ls_memory_spare(size_t bytes);
/* The same without this process's own limit: what the processes of the machine or job have
 * together. */
uint64_t ls_memory_available_to_all(void);
/* What ls_memory_available is: what the machine has, or less, that a control group or the process
 * itself (ulimit -v) is limited to. */
enum ls_memory_limit { LS_MEMORY_OF_MACHINE, LS_MEMORY_OF_GROUP, LS_MEMORY_OF_PROCESS };
enum ls_memory_limit ls_memory_limit(void);
/* For tests: as if there were so many (0: what there is). */
void ls_memory_pretend(uint64_t bytes);

/* For tests: the n-th allocation from now on fails (0: none). */
void ls_memory_fail_at(long n);
/* For tests: after how many more one fails; 0: none does, or one did. */
long ls_memory_fails_in(void);
/* For tests: how many blocks are taken and not released. */
long ls_memory_blocks(void);

/* "34.4 GB". Returns out. */
enum { LS_BYTES_TEXT = 32 };
const char *ls_bytes_format(char out[LS_BYTES_TEXT], double bytes);

/* n rounded up to a multiple of step. */
static inline size_t ls_round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

#endif
