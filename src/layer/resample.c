#include "layer/resample.h"

#include <math.h>
#include <string.h>

static float clamp(float at, float last)
{
    return at < 0 ? 0 : at > last ? last : at;
}

/* Reflected at the outer edges of the first and the last pixel: the pattern repeats after two
 * sizes. */
static float reflect(float at, float size)
{
    const float period = 2 * size;
    if (at < 0) {
        if (at < period)
            at += period * truncf(-at / period);
        at = at < -size ? at + period : -at - 1;
    } else if (at > size - 1) {
        at -= period * truncf(at / period);
        at = at >= size ? period - at - 1 : at;
    }
    return clamp(at, size - 1);
}

/* How many sizes it lies off is counted in steps of size - 1, as TensorFlow does; between the last
 * pixel and the first of the next image it stays with the last. */
static float wrap(float at, float size)
{
    if (at < 0)
        at += size * (truncf(-at / (size - 1)) + 1);
    else if (at > size - 1)
        at -= size * truncf(at / (size - 1));
    return clamp(at, size - 1);
}

static float place(float at, int64_t count, enum ls_fill_mode mode)
{
    const float size = (float)count;
    switch (mode) {
    case LS_FILL_REFLECT:
        return count == 1 ? 0 : reflect(at, size);
    case LS_FILL_WRAP:
        return count == 1 ? 0 : wrap(at, size);
    case LS_FILL_NEAREST:
        return clamp(at, size - 1);
    case LS_FILL_CONSTANT:
        break;
    }
    return at;
}

/* What a pixel of the result is made of: pixels of the image, by number, or -1: the fill value. */
enum { TAPS = 4 };
struct taps {
    int count;
    int64_t pixel[TAPS];
    float weight[TAPS];
};

static int64_t pixel_at(const struct ls_resample *r, float x, float y)
{
    bool inside = x >= 0 && y >= 0 && x < (float)r->width && y < (float)r->height;
    return inside ? (int64_t)y * r->width + (int64_t)x : -1;
}

static struct taps taps_of(const struct ls_resample *r, const struct ls_affine *map, int64_t column,
                           int64_t row)
{
    const float to_x = (float)column, to_y = (float)row;
    float x = place(map->x[0] * to_x + map->x[1] * to_y + map->x[2], r->width, r->fill_mode);
    float y = place(map->y[0] * to_x + map->y[1] * to_y + map->y[2], r->height, r->fill_mode);
    if (!r->bilinear)
        return (struct taps){1, {pixel_at(r, roundf(x), roundf(y))}, {1}};
    float left = floorf(x), top = floorf(y), right = left + 1, bottom = top + 1;
    return (struct taps){TAPS,
                         {pixel_at(r, left, top), pixel_at(r, right, top),
                          pixel_at(r, left, bottom), pixel_at(r, right, bottom)},
                         {(bottom - y) * (right - x), (bottom - y) * (x - left),
                          (y - top) * (right - x), (y - top) * (x - left)}};
}

void ls_resample(float *out, const float *in, const struct ls_resample *r,
                 const struct ls_affine *map)
{
    for (int64_t row = 0; row < r->height; row++)
        for (int64_t column = 0; column < r->width; column++, out += r->channels) {
            struct taps taps = taps_of(r, map, column, row);
            memset(out, 0, (size_t)r->channels * sizeof *out);
            for (int t = 0; t < taps.count; t++) {
                const float weight = taps.weight[t];
                const float *from = taps.pixel[t] < 0 ? NULL : in + taps.pixel[t] * r->channels;
                for (int64_t c = 0; c < r->channels; c++)
                    out[c] += weight * (from ? from[c] : r->fill_value);
            }
        }
}

void ls_resample_backward(float *in_grad, const float *out_grad, const struct ls_resample *r,
                          const struct ls_affine *map)
{
    memset(in_grad, 0, (size_t)(r->height * r->width * r->channels) * sizeof *in_grad);
    for (int64_t row = 0; row < r->height; row++)
        for (int64_t column = 0; column < r->width; column++, out_grad += r->channels) {
            struct taps taps = taps_of(r, map, column, row);
            for (int t = 0; t < taps.count; t++) {
                float *to = taps.pixel[t] < 0 ? NULL : in_grad + taps.pixel[t] * r->channels;
                for (int64_t c = 0; to && c < r->channels; c++)
                    to[c] += taps.weight[t] * out_grad[c];
            }
        }
}
