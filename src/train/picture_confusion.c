#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "train/pictures.h"

/* In pixels: the fields and the edge with the classes' numbers; the whole is at most about as large
 * as TensorBoard shows it. */
enum { WHOLE = 640, FIELD_MIN = 4, FIELD_MAX = 56, EDGE = 40, GAP = 1 };
/* Digits, and how they are magnified. */
enum { GLYPH_WIDTH = 3, GLYPH_HEIGHT = 5, LARGE = 2 };
enum { CHANNELS = 3 };

static const uint8_t digits[10][GLYPH_HEIGHT] = {
    {7, 5, 5, 5, 7}, {2, 6, 2, 2, 7}, {7, 1, 7, 4, 7}, {7, 1, 7, 1, 7}, {5, 5, 7, 1, 1},
    {7, 4, 7, 1, 7}, {7, 4, 7, 5, 7}, {7, 1, 1, 1, 1}, {7, 5, 7, 5, 7}, {7, 5, 7, 1, 7},
};

typedef uint8_t colour[CHANNELS];
static const colour white = {255, 255, 255}, black = {0, 0, 0}, blue = {8, 48, 107};

struct box {
    size_t x, y, width, height;
};

static void fill(const struct ls_picture *picture, struct box box, const colour with)
{
    for (size_t y = box.y; y < box.y + box.height; y++)
        for (size_t x = box.x; x < box.x + box.width; x++)
            memcpy(picture->pixel + (y * picture->width + x) * CHANNELS, with, CHANNELS);
}

static void draw_digit(const struct ls_picture *picture, char digit, struct box at,
                       const colour with)
{
    const uint8_t *row = digits[digit - '0'];
    const size_t dot = at.height / GLYPH_HEIGHT;
    for (size_t y = 0; y < GLYPH_HEIGHT; y++)
        for (size_t x = 0; x < GLYPH_WIDTH; x++)
            if (row[y] >> (GLYPH_WIDTH - 1 - x) & 1)
                fill(picture, (struct box){at.x + x * dot, at.y + y * dot, dot, dot}, with);
}

/* In the middle of a box, as large as it fits; not at all where it does not. */
static void draw_number(const struct ls_picture *picture, double number, struct box box,
                        const colour with)
{
    char text[32];
    const size_t length = (size_t)snprintf(text, sizeof text, "%.0f", number);
    for (size_t dot = LARGE; dot > 0; dot--) {
        size_t step = (GLYPH_WIDTH + 1) * dot, width = length * step - dot;
        size_t height = GLYPH_HEIGHT * dot;
        if (width + 2 > box.width || height + 2 > box.height)
            continue;
        struct box at = {box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, 0,
                         height};
        for (const char *digit = text; *digit; digit++, at.x += step)
            draw_digit(picture, *digit, at, with);
        return;
    }
}

static void draw_row(const struct ls_picture *picture, const int64_t *count, size_t classes,
                     struct box field)
{
    double all = 0;
    for (size_t c = 0; c < classes; c++)
        all += count[c];
    for (size_t c = 0; c < classes; c++) {
        const double part = all > 0 ? count[c] / all : 0;
        colour shade;
        for (int k = 0; k < CHANNELS; k++)
            shade[k] = (uint8_t)(white[k] - part * (white[k] - blue[k]) + 0.5);
        fill(picture, (struct box){field.x, field.y, field.width - GAP, field.height - GAP}, shade);
        draw_number(picture, count[c], field, part > 0.5 ? white : black);
        field.x += field.width;
    }
}

ls_status ls_confusion_picture(struct ls_picture *picture, const int64_t *count, size_t classes)
{
    static const colour grey = {221, 221, 221};
    size_t field = WHOLE / classes;
    field = field < FIELD_MIN ? FIELD_MIN : field > FIELD_MAX ? FIELD_MAX : field;
    const size_t side = EDGE + classes * field;
    *picture = (struct ls_picture){.width = side, .height = side, .channels = CHANNELS};
    LS_TRY(ls_allocate(&picture->pixel, side * side, CHANNELS));
    fill(picture, (struct box){0, 0, side, side}, white);
    fill(picture, (struct box){EDGE - GAP, EDGE - GAP, side - EDGE + GAP, side - EDGE + GAP}, grey);
    for (size_t c = 0; c < classes; c++) {
        const size_t at = EDGE + c * field;
        draw_number(picture, (double)c, (struct box){0, at, EDGE, field}, black);
        draw_number(picture, (double)c, (struct box){at, 0, field, EDGE}, black);
        draw_row(picture, count + c * classes, classes, (struct box){EDGE, at, field, field});
    }
    return LS_OK;
}
