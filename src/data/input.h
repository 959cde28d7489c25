/* Bytes of a file that is imported, plain or gzip, with progress and the wish to stop. */
#ifndef DATA_INPUT_H
#define DATA_INPUT_H

#include <zlib.h>

#include "lockstep/run.h"

/* What all files of an import share. */
struct ls_watch {
    const struct ls_import *import;
    int64_t done, total; /* bytes of the files as they are stored, over all passes */
};

/* Sets the total: passes times the files' bytes; LS_NO_INPUT, LS_BAD_INPUT for what cannot be read
 * or is no plain file. */
ls_status ls_watch_init(struct ls_watch *watch, const struct ls_import *import, int passes);

struct ls_input {
    const char *path; /* borrowed */
    struct ls_watch *watch;
    gzFile gz;
    unsigned char *buffer;
    size_t at, filled;
    int64_t position; /* bytes that were given out, unpacked */
    int64_t stored, counted;
};

/* LS_INTERRUPTED when the import is to stop: where it is long busy without reading. */
ls_status ls_import_check_stop(const struct ls_import *import);

/* *input is to be closed whatever the status. */
ls_status ls_input_open(struct ls_input *input, const char *path, struct ls_watch *watch);
void ls_input_close(struct ls_input *input);

/* More bytes into the buffer, which is used up: at < filled, or the file has ended. LS_INTERRUPTED
 * when the import is to stop. */
ls_status ls_input_fill(struct ls_input *input);

/* The next count bytes, or as many as there are: *got. */
ls_status ls_input_read(struct ls_input *input, void *bytes, size_t count, size_t *got);

#endif
