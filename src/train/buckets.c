#include "train/buckets.h"

#include <stdlib.h>

#include "base/memory.h"

enum { A_RANK = 64 << 10, LEAST = 512 << 10, MOST = 8 << 20 };

int64_t ls_buckets_bytes(int ranks)
{
    int64_t bytes = (int64_t)ranks * A_RANK;
    return bytes < LEAST ? LEAST : bytes > MOST ? MOST : bytes;
}

struct bucket {
    struct ls_range range;
    size_t final;
};

static int compare(const void *left, const void *right)
{
    const struct bucket *a = left, *b = right;
    if (a->final != b->final)
        return a->final < b->final ? -1 : 1;
    return a->range.begin > b->range.begin ? -1 : 1;
}

/* The k-th from the end. */
static struct ls_range cut(size_t floats, size_t size, size_t k)
{
    size_t whole = ls_round_up(floats, LS_ALIGNMENT_FLOATS); /* cuts are at cache lines */
    size_t from_end = k * size, next = from_end + size;
    return (struct ls_range){next < whole ? (int64_t)(whole - next) : 0,
                             k == 0 ? (int64_t)floats : (int64_t)(whole - from_end)};
}

ls_status ls_buckets_cut(struct ls_buckets *buckets, const struct ls_plan *plan, size_t floats,
                         int64_t bytes)
{
    size_t whole = ls_round_up(floats, LS_ALIGNMENT_FLOATS);
    size_t size = ls_round_up((size_t)bytes / sizeof(float), LS_ALIGNMENT_FLOATS);
    size = size && size < whole ? size : whole;
    size_t count = whole ? (whole + size - 1) / size : 1;
    struct bucket *bucket = NULL;
    ls_status status;
    *buckets = (struct ls_buckets){0};
    LS_TRY_OUT(ls_allocate(&bucket, count, sizeof *bucket));
    LS_TRY_OUT(ls_allocate(&buckets->range, count, sizeof *buckets->range));
    LS_TRY_OUT(ls_allocate(&buckets->final, count, sizeof *buckets->final));
    for (size_t k = 0; k < count; k++) {
        bucket[k].range = cut(floats, size, k);
        bucket[k].final =
            ls_plan_final(plan, (size_t)bucket[k].range.begin, (size_t)bucket[k].range.end);
    }
    qsort(bucket, count, sizeof *bucket, compare);
    for (size_t k = 0; k < count; k++) {
        buckets->range[k] = bucket[k].range;
        buckets->final[k] = bucket[k].final;
    }
    buckets->count = count;
out:
    ls_release(bucket);
    if (status != LS_OK)
        ls_buckets_release(buckets);
    return status;
}

void ls_buckets_release(struct ls_buckets *buckets)
{
    ls_release(buckets->range);
    ls_release(buckets->final);
    *buckets = (struct ls_buckets){0};
}
