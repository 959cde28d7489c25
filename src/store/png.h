/* Pictures as PNG files (W3C, "Portable Network Graphics", second edition). */
#ifndef STORE_PNG_H
#define STORE_PNG_H

#include <stdint.h>

#include "base/text.h"

struct ls_picture {
    size_t width, height, channels; /* 1: grey, 2: grey, alpha, 3: red, green, blue, 4: and alpha */
    uint8_t *pixel;                 /* [height][width][channels] */
};

/* Appends the file's bytes to text. LS_FAILED: no memory. */
ls_status ls_png_write(struct ls_text *text, const struct ls_picture *picture);

#endif
