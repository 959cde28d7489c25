/* Tensors as matrices with a channel's numbers in columns of their own: the rows are samples and
 * the axes before the channels', the columns the channels, each with the axes behind. Private to
 * the room. */
#ifndef LAYER_COLUMNS_H
#define LAYER_COLUMNS_H

#include "layer/layer.h"

struct ls_columns {
    size_t rows, columns, channels;
    size_t each; /* columns of a channel */
};

/* `axis` is the channels' in a sample's shape, from 0. */
struct ls_columns ls_columns_of(const struct ls_shape *in, int axis, int64_t samples);

/* A part of a call's input of which all counts, or nothing, by its mask: whole rows, or a piece of
 * one. */
struct ls_stretch {
    size_t row, rows, column, columns;
    bool counts;
};

/* The stretches one after the other, from *at (at first 0) on; false after the last. Without a mask
 * there is one. */
bool ls_columns_next(const struct ls_call *call, const struct ls_columns *m, size_t *at,
                     struct ls_stretch *stretch);

#endif
