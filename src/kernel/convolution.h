/* Convolutions (cross-correlations, as Keras') on oneDNN: images [rows][height][width][channels],
 * kernels [height][width][channels / groups][filters]. One axis only is a height of 1. */
#ifndef KERNEL_CONVOLUTION_H
#define KERNEL_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* out[y] = sum over k of in[y stride + k dilation - before] kernel[k], by axis: height, width. What
 * lies outside of the image is 0; so are cells that no k reaches in a gradient. Group g of `groups`
 * makes filters g filters / groups and on from channels g channels / groups and on. */
struct ls_convolution_shape {
    int64_t rows, channels, filters, groups;
    int64_t in[2], out[2]; /* sizes of the images */
    int64_t kernel[2], stride[2], dilation[2];
    int64_t before[2]; /* cells of padding above and left; below and right it is what `out` asks */
};

/* The passes of a convolution; bits of a set of them are 1 << pass. */
enum ls_convolution_pass {
    LS_CONVOLUTION_FORWARD, /* out from in */
    LS_CONVOLUTION_DATA,    /* gradient of in from that of out; also a transposed convolution */
    LS_CONVOLUTION_KERNEL,  /* gradient of the kernel from in and the gradient of out */
    LS_CONVOLUTION_PASSES
};
/* Beside the passes' bits: fewer multiplications where there is a way (Winograd's, with AVX-512),
 * with rounding errors some ten times as large: up to 4e-6 of the sum of the terms' magnitudes, for
 * 1e-6. For steps of training, whose gradients are noisier than that; not for what a model is
 * asked. */
enum { LS_CONVOLUTION_FAST = 1 << LS_CONVOLUTION_PASSES };

/* A shape's passes, ready to run: code, and memory for what they need meanwhile. It belongs to one
 * thread at a time; different ones may run at once. */
struct ls_convolution;

/* `passes`: bits of those that will run, and LS_CONVOLUTION_FAST. With `bias` the forward pass adds
 * one. LS_FAILED when memory ran out. Made and used with the same number of threads
 * (ls_kernels_init). */
ls_status ls_convolution_create(struct ls_convolution **convolution,
                                const struct ls_convolution_shape *shape, unsigned passes,
                                bool bias);
void ls_convolution_free(struct ls_convolution *convolution); /* NULL is allowed */
/* The bytes that ls_convolution_create would take, but for oneDNN's code. */
ls_status ls_convolution_bytes(size_t *bytes, const struct ls_convolution_shape *shape,
                               unsigned passes, bool bias);

/* The bits depend on the shape, LS_CONVOLUTION_FAST, the kernel set and the number of threads
 * alone. NaN and infinity go through. Where oneDNN does not compute one ls_kernels_fault says so.
 */
void ls_convolution_forward(struct ls_convolution *convolution, float *out, const float *in,
                            const float *kernel, const float *bias);
void ls_convolution_data(struct ls_convolution *convolution, float *in, const float *out,
                         const float *kernel);
/* kernel (+)= */
void ls_convolution_kernel(struct ls_convolution *convolution, float *kernel, const float *in,
                           const float *out, bool accumulate);

#endif
