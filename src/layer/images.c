#include "layer/images.h"

#include "layer/call.h"

struct ls_image ls_image_of(const struct ls_shape *shape)
{
    const int spatial = shape->rank - 1;
    return (struct ls_image){
        .size = {spatial == 2 ? (size_t)shape->size[0] : 1, (size_t)shape->size[spatial - 1]},
        .channels = (size_t)shape->size[spatial]};
}

ls_status ls_image_check(const struct ls_layer *layer, const struct ls_shape *in, int spatial)
{
    char text[LS_SHAPE_TEXT];
    if (in->rank == spatial + 1)
        return LS_OK;
    ls_shape_format(text, in);
    return ls_layer_fail(
        layer, "the input needs %s beside the samples, it is %s",
        spatial == 2 ? "3 axes (height, width, channels)" : "2 axes (steps, channels)", text);
}

ls_status ls_image_option(const struct ls_layer *layer, const char *name,
                          const struct ls_ints *option, int spatial, size_t by_axis[2])
{
    if (!option->scalar &&
        option->count != (size_t)spatial) /* Keras takes no list of one for two */
        return ls_layer_fail(layer, "%s: expected one number%s, found %zu", name,
                             spatial == 2 ? ", or two: height and width" : "", option->count);
    by_axis[0] = spatial == 2 ? (size_t)option->value[0] : 1;
    by_axis[1] = (size_t)option->value[option->count - 1];
    return LS_OK;
}

ls_status ls_image_result(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                          const size_t size[2])
{
    const int spatial = shapes->in[0].rank - 1;
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    for (int a = 0; a < spatial; a++)
        shapes->out[0].size[a] = (int64_t)size[a + 2 - spatial];
    return ls_layer_check_size(layer, &shapes->out[0]);
}
