/* keras/src/callbacks/tensorboard.py, _log_weight_as_image, and tf.summary.image. */
#include <string.h>

#include "base/memory.h"
#include "train/pictures.h"

enum { PICTURES_MAX = 3, AXES = 4 }; /* max_outputs of tf.summary.image */

/* The weights as [picture][y][x][channel], and where in memory each axis goes. */
struct view {
    size_t size[AXES], stride[AXES];
};

static size_t squeeze(int64_t *size, const struct ls_shape *shape)
{
    size_t rank = 0;
    for (int d = 0; d < shape->rank; d++)
        if (shape->size[d] != 1)
            size[rank++] = shape->size[d];
    return rank;
}

/* False: there is no way to show it. */
static bool find_view(struct view *view, const struct ls_shape *shape)
{
    int64_t kept[LS_RANK_MAX];
    const size_t rank = squeeze(kept, shape);
    const size_t a = rank > 0 ? (size_t)kept[0] : 1, b = rank > 1 ? (size_t)kept[1] : 1;
    const size_t c = rank > 2 ? (size_t)kept[2] : 1, d = rank > 3 ? (size_t)kept[3] : 1;
    switch (rank) {
    case 1: /* a column */
        *view = (struct view){{1, a, 1, 1}, {0, 1, 0, 0}};
        return true;
    case 2: /* lying */
        *view = a > b ? (struct view){{1, b, a, 1}, {0, 1, b, 0}}
                      : (struct view){{1, a, b, 1}, {0, b, 1, 0}};
        return true;
    case 3: /* a picture a channel */
        *view = (struct view){{c, a, b, 1}, {1, b * c, c, 0}};
        return true;
    case 4:
        *view = (struct view){{a, b, c, d}, {b * c * d, c * d, d, 1}};
        return d <= 4;
    default:
        return false;
    }
}

/* As tf.image.convert_image_dtype, saturating. */
static uint8_t shade(float weight)
{
    const float scaled = weight * (UINT8_MAX + 0.5F);
    return scaled >= UINT8_MAX ? UINT8_MAX : scaled > 0 ? (uint8_t)scaled : 0;
}

static ls_status draw(struct ls_picture *picture, const struct view *view, const float *weights)
{
    *picture = (struct ls_picture){
        .width = view->size[2], .height = view->size[1], .channels = view->size[3]};
    LS_TRY(ls_allocate(&picture->pixel, view->size[1] * view->size[2], view->size[3]));
    uint8_t *pixel = picture->pixel;
    for (size_t y = 0; y < view->size[1]; y++)
        for (size_t x = 0; x < view->size[2]; x++)
            for (size_t k = 0; k < view->size[3]; k++)
                *pixel++ =
                    shade(weights[y * view->stride[1] + x * view->stride[2] + k * view->stride[3]]);
    return LS_OK;
}

ls_status ls_weights_show(struct ls_events *events, const char *path, int64_t step,
                          const float *weights, const struct ls_shape *shape)
{
    struct ls_picture picture[PICTURES_MAX] = {{0}};
    struct view view;
    char *tag = NULL;
    if (!find_view(&view, shape))
        return LS_OK;
    const size_t count = view.size[0] < PICTURES_MAX ? view.size[0] : PICTURES_MAX;
    ls_status status = ls_format(&tag, "%s/image", path);
    for (size_t i = 0; i < count && status == LS_OK; i++)
        status = draw(&picture[i], &view, weights + i * view.stride[0]);
    if (status == LS_OK)
        status = ls_events_pictures(
            events, step,
            &(struct ls_event_pictures){.tag = tag, .picture = picture, .count = count});
    for (size_t i = 0; i < count; i++)
        ls_release(picture[i].pixel);
    ls_release(tag);
    return status;
}
