/* Initializers without random numbers: Zeros, Ones, Constant, Identity. */
#include "kernel/kernels.h"
#include "layer/layer.h"

static const char *const no_options[] = {"{}", NULL};

static ls_status fill_with(float *values, const struct ls_shape *shape, float value)
{
    ls_k->fill(values, value, (size_t)ls_shape_count(shape));
    return LS_OK;
}

static ls_status fill_zeros(const void *options, float *values, const struct ls_shape *shape,
                            struct ls_random_key key, uint32_t number)
{
    (void)options, (void)key, (void)number;
    return fill_with(values, shape, 0);
}

static const char *const zeros_aliases[] = {"zero", NULL};

const struct ls_initializer_kind ls_initializer_zeros = {
    .kind = {.name = "Zeros", .aliases = zeros_aliases, .summary = "all 0"},
    .fill = fill_zeros,
    .seed_offset = SIZE_MAX,
    .examples = no_options,
};

static ls_status fill_ones(const void *options, float *values, const struct ls_shape *shape,
                           struct ls_random_key key, uint32_t number)
{
    (void)options, (void)key, (void)number;
    return fill_with(values, shape, 1);
}

static const char *const ones_aliases[] = {"one", NULL};

const struct ls_initializer_kind ls_initializer_ones = {
    .kind = {.name = "Ones", .aliases = ones_aliases, .summary = "all 1"},
    .fill = fill_ones,
    .seed_offset = SIZE_MAX,
    .examples = no_options,
};

/* -- Constant */

struct constant {
    struct ls_floats value;
};

static const struct ls_option constant_options[] = {
    {.name = "value",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct constant, value),
     .initial = "0.0",
     .help = "a number, or one for each element of the last axis"},
    {.name = NULL},
};

static ls_status fill_constant(const void *options, float *values, const struct ls_shape *shape,
                               struct ls_random_key key, uint32_t number)
{
    const struct constant *o = options;
    size_t count = (size_t)ls_shape_count(shape);
    size_t last = shape->rank ? (size_t)shape->size[shape->rank - 1] : 1;
    (void)key, (void)number;
    if (o->value.count != 1 && o->value.count != last)
        return ls_fail(LS_BAD_INPUT,
                       "Constant: value: expected one number, or %zu for the last axis, found %zu",
                       last, o->value.count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)o->value.value[i % o->value.count];
    return LS_OK;
}

static const char *const constant_examples[] = {"{}", "value: 0.25", "value: [1, 2, 3, 4]", NULL};

const struct ls_initializer_kind ls_initializer_constant = {
    .kind = {.name = "Constant",
             .summary = "all value",
             .options = constant_options,
             .options_size = sizeof(struct constant)},
    .fill = fill_constant,
    .seed_offset = SIZE_MAX,
    .examples = constant_examples,
};

/* -- Identity */

struct identity {
    double gain;
};

static const struct ls_option identity_options[] = {
    {.name = "gain",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct identity, gain),
     .initial = "1.0",
     .unwritten = true,
     .help = "factor"},
    {.name = NULL},
};

static ls_status fill_identity(const void *options, float *values, const struct ls_shape *shape,
                               struct ls_random_key key, uint32_t number)
{
    const struct identity *o = options;
    (void)key, (void)number;
    if (shape->rank != 2)
        return ls_fail(LS_BAD_INPUT, "Identity: the weight has %d axes, it needs 2", shape->rank);
    for (int64_t row = 0; row < shape->size[0]; row++)
        for (int64_t column = 0; column < shape->size[1]; column++)
            values[row * shape->size[1] + column] = row == column ? (float)o->gain : 0;
    return LS_OK;
}

static const char *const identity_aliases[] = {"IdentityInitializer", "eye", NULL};
static const char *const identity_examples[] = {"{}", "gain: 0.5", NULL};

const struct ls_initializer_kind ls_initializer_identity = {
    .kind = {.name = "Identity",
             .aliases = identity_aliases,
             .summary = "gain on the diagonal, else 0; of two axes",
             .options = identity_options,
             .options_size = sizeof(struct identity)},
    .fill = fill_identity,
    .seed_offset = SIZE_MAX,
    .examples = identity_examples,
};
