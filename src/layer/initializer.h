/* The random numbers that initializers draw. Private to the room. */
#ifndef LAYER_INITIALIZER_H
#define LAYER_INITIALIZER_H

#include "layer/layer.h"

/* ls_initialize with the run's key, for initializers that are made of others. */
ls_status ls_initialize_by_key(const struct ls_instance *initializer, float *values,
                               const struct ls_shape *shape, struct ls_random_key key,
                               uint32_t number);

struct ls_draw {
    struct ls_random_key key;
    uint32_t number; /* of the variable */
    uint64_t block;  /* that word holds the numbers of */
    uint32_t word[4];
};

void ls_draw_start(struct ls_draw *draw, struct ls_random_key key, uint32_t number);
/* The number of an element: in (0, 1); standard normal; the same between -2 and 2. */
double ls_draw_uniform(struct ls_draw *draw, uint64_t element);
double ls_draw_normal(struct ls_draw *draw, uint64_t element);
double ls_draw_truncated_normal(struct ls_draw *draw, uint64_t element);

#endif
