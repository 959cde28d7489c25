/* What the layers have in common that take their inputs as images: [height][width][channels], or
 * [steps][channels], which is an image of height 1. Private to the room. */
#ifndef LAYER_IMAGES_H
#define LAYER_IMAGES_H

#include "layer/layer.h"

struct ls_image {
    size_t size[2]; /* height, width */
    size_t channels;
};

enum { LS_IMAGE_STEPS_MAX = 1 << 20 }; /* of options by axis: their products are no overflow */

/* The image of an input or result with one or two spatial axes. */
struct ls_image ls_image_of(const struct ls_shape *shape);
static inline size_t ls_image_row(const struct ls_image *image)
{
    return image->size[1] * image->channels;
}
static inline size_t ls_image_floats(const struct ls_image *image)
{
    return image->size[0] * ls_image_row(image);
}

/* LS_BAD_INPUT unless the input has `spatial` axes (1 or 2) and the channels. */
ls_status ls_image_check(const struct ls_layer *layer, const struct ls_shape *in, int spatial);
/* An option of one number for all spatial axes, or one for each, by axis of the image; the height
 * of 1 has 1. LS_BAD_INPUT, naming the option. */
ls_status ls_image_option(const struct ls_layer *layer, const char *name,
                          const struct ls_ints *option, int spatial, size_t by_axis[2]);
/* The one result, with the rank and the channels of the input; LS_BAD_INPUT where it is too large.
 */
ls_status ls_image_result(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                          const size_t size[2]);

#endif
