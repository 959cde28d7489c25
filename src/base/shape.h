/* The shape of a tensor without its first axis, the samples. */
#ifndef BASE_SHAPE_H
#define BASE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LS_RANK_MAX = 8 };

struct ls_shape {
    int rank;                  /* 0: one number a sample */
    int64_t size[LS_RANK_MAX]; /* row-major, channels last; each >= 1 */
};

int64_t ls_shape_count(const struct ls_shape *shape); /* elements a sample */
bool ls_shape_equal(const struct ls_shape *a, const struct ls_shape *b);
/* "(None, 28, 28)" as Keras writes it; out holds LS_SHAPE_TEXT bytes. */
enum { LS_SHAPE_TEXT = 192 };
void ls_shape_format(char out[LS_SHAPE_TEXT], const struct ls_shape *shape);

#endif
