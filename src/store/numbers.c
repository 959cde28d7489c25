#include "store/numbers.h"

#include "store/file.h"
#include "store/h5.h"

static ls_status put(struct ls_h5_image *image, const struct ls_numbers *numbers)
{
    struct ls_h5_values values = {
        .type = numbers->floats ? LS_H5_FLOAT : LS_H5_DOUBLE,
        .shape = numbers->shape,
        .values = numbers->floats ? (const void *)numbers->floats : numbers->doubles,
    };
    return ls_h5_put_values(image, numbers->name, &values);
}

ls_status ls_numbers_write(const char *path, const struct ls_numbers *numbers, size_t count)
{
    struct ls_h5_buffer buffer = {0};
    struct ls_h5_image image;
    ls_status status = ls_h5_image_open(&image, &buffer, path);
    for (size_t i = 0; i < count && status == LS_OK; i++)
        status = put(&image, &numbers[i]);
    if (status == LS_OK)
        status = ls_h5_image_finish(&image);
    ls_h5_image_close(&image);
    if (status == LS_OK)
        status = ls_file_publish(path, buffer.bytes, buffer.length);
    ls_h5_buffer_release(&buffer);
    return status;
}
