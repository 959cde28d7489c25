/* The chunks of a dataset that somebody else wrote. HDF5 1.10 takes what a chunk gives for a whole
 * one, however few bytes it is, and reads on behind its end: so the sizes are looked at first. All
 * callers are quiet (data/hdf5.h). */
#ifndef DATA_CHUNK_H
#define DATA_CHUNK_H

#include <hdf5.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"

struct ls_chunks {
    int rank; /* 0: not chunked */
    hsize_t size[LS_RANK_MAX + 1], chunk[LS_RANK_MAX + 1];
    uint64_t bytes;        /* of the values of a chunk, as the file has them */
    int deflate, fletcher; /* places among the filters, from 0; -1: not there */
};

/* From the dataset's header, with the filters that are known: gzip, shuffle and fletcher32. The
 * first chunk gives as many bytes as the header says, so that the header is right about all of
 * them. LS_BAD_INPUT; the message is without the dataset's name. */
ls_status ls_chunks_init(struct ls_chunks *chunks, hid_t dataset);

/* Whether the chunks with any of [begin, end) of the first axis are there, and as large as they
 * must be where zlib does not see to that. LS_BAD_INPUT. */
ls_status ls_chunks_check(const struct ls_chunks *chunks, hid_t dataset, int64_t begin,
                          int64_t end);

#endif
