/* Images drawn anew through an affine map: a pixel of the result is read at another place of the
 * image, between its pixels and beyond its border, as TensorFlow's ImageProjectiveTransformV3 reads
 * it. Pixels lie at whole coordinates, (0, 0) the first, x along the width. Private to the room. */
#ifndef LAYER_RESAMPLE_H
#define LAYER_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The pixel (x, y) of the result is read at (x[0] x + x[1] y + x[2], y[0] x + y[1] y + y[2]). */
struct ls_affine {
    float x[3], y[3];
};

/* What is beyond the border. */
enum ls_fill_mode {
    LS_FILL_REFLECT,  /* d c b a | a b c d | d c b a */
    LS_FILL_WRAP,     /* a b c d | a b c d | a b c d */
    LS_FILL_CONSTANT, /* k k k k | a b c d | k k k k */
    LS_FILL_NEAREST,  /* a a a a | a b c d | d d d d */
};

struct ls_resample {
    int64_t height, width, channels; /* of an image, [height][width][channels] */
    enum ls_fill_mode fill_mode;
    float fill_value; /* k */
    bool bilinear;    /* else the nearest pixel */
};

/* out may not be in. */
void ls_resample(float *out, const float *in, const struct ls_resample *r,
                 const struct ls_affine *map);
/* The gradient of the image from that of the result, which is another memory. */
void ls_resample_backward(float *in_grad, const float *out_grad, const struct ls_resample *r,
                          const struct ls_affine *map);

#endif
