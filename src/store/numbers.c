#include "store/numbers.h"

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

struct all {
    const struct ls_numbers *numbers;
    size_t count;
};

static ls_status put_all(struct ls_h5_image *image, const void *user)
{
    const struct all *all = user;
    for (size_t i = 0; i < all->count; i++)
        LS_TRY(put(image, &all->numbers[i]));
    return LS_OK;
}

ls_status ls_numbers_write(const char *path, const struct ls_numbers *numbers, size_t count)
{
    return ls_h5_publish(path, put_all, &(struct all){numbers, count});
}
