/* What the convolutions share: options, the window, and what comes before and after a pass of
 * kernel/convolution.h. Private to the room.
 *
 * A kind's table has the rows that it knows of struct ls_convolution_options; fields without a row
 * stay 0. Kernels are stored as in Keras, which is how kernel/convolution.h wants them; one spatial
 * axis is a height of 1. */
#ifndef LAYER_CONVOLUTION_H
#define LAYER_CONVOLUTION_H

#include "kernel/convolution.h"
#include "layer/options.h"

struct ls_convolution_options {
    int64_t filters, groups, depth_multiplier;
    struct ls_ints kernel_size, strides, dilation_rate, output_padding;
    int padding, data_format;
    struct ls_instance activation;
    bool use_bias;
    struct ls_weight_options kernel, pointwise, bias; /* kernel: or depthwise */
    struct ls_instance activity_regularizer;
};

enum ls_convolution_padding { LS_PADDING_VALID, LS_PADDING_SAME, LS_PADDING_CAUSAL };
extern const char *const ls_convolution_paddings[];        /* valid and same */
extern const char *const ls_convolution_causal_paddings[]; /* and causal */

enum {
    LS_CONVOLUTION_STEPS_MAX = 1 << 20
}; /* of sizes and steps: their products are no overflow */

#define LS_CONVOLUTION_FIELD(field) .offset = offsetof(struct ls_convolution_options, field)

#define LS_CONVOLUTION_COUNT_OPTION(field, first, text)                                            \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_INT, LS_CONVOLUTION_FIELD(field), .initial = first,      \
        .min = 1, .max = INT32_MAX, .help = text                                                   \
    }

/* A number for all spatial axes, or one for each. */
#define LS_CONVOLUTION_SIZES_OPTION(field, first, least, text)                                     \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_INTS, LS_CONVOLUTION_FIELD(field), .initial = first,     \
        .min = least, .max = LS_CONVOLUTION_STEPS_MAX, .help = text                                \
    }

#define LS_FILTERS_OPTION LS_CONVOLUTION_COUNT_OPTION(filters, NULL, "channels of the result")
#define LS_MULTIPLIER_OPTION                                                                       \
    LS_CONVOLUTION_COUNT_OPTION(depth_multiplier, "1", "kernels for each channel of the input")
#define LS_KERNEL_SIZE_OPTION                                                                      \
    LS_CONVOLUTION_SIZES_OPTION(kernel_size, NULL, 1, "cells of the kernel, by axis")
#define LS_STRIDES_OPTION(text) LS_CONVOLUTION_SIZES_OPTION(strides, "1", 1, text)
#define LS_DILATION_OPTION                                                                         \
    LS_CONVOLUTION_SIZES_OPTION(dilation_rate, "1", 1, "steps between the kernel's cells, by axis")

#define LS_PADDING_OPTION(names, text)                                                             \
    {                                                                                              \
        .name = "padding", .type = LS_OPTION_CHOICE, LS_CONVOLUTION_FIELD(padding),                \
        .initial = "valid", .choices = names, .help = text                                         \
    }
#define LS_PADDING_HELP                                                                            \
    "valid: where the kernel lies within the input; same: zeros around it, as many results as "    \
    "inputs a stride"

/* LS_BAD_INPUT unless the input has `spatial` axes (1 or 2) and the channels, and the options that
 * go by axis have one number or one for each. */
ls_status ls_convolution_check(const struct ls_layer *layer, const struct ls_shape *in,
                               int spatial);
/* LS_BAD_INPUT where strides and dilation go together, which Keras has not. */
ls_status ls_convolution_check_steps(const struct ls_layer *layer, int spatial);

/* The option's number for an axis of the image: 0 is the height. With one spatial axis the height
 * has `single`. */
int64_t ls_convolution_at(const struct ls_ints *option, int axis, int spatial, int64_t single);

/* The window over an input that was checked; channels, filters and groups are the caller's. */
struct ls_convolution_shape ls_convolution_window(const struct ls_convolution_options *options,
                                                  const struct ls_shape *in);
/* LS_BAD_INPUT where no result fits. */
ls_status ls_convolution_check_window(const struct ls_layer *layer,
                                      const struct ls_convolution_shape *window,
                                      const struct ls_shape *in);

/* The result, of these spatial sizes, and the memory that the activation needs: saved what it reads
 * of its input, work for the gradient before it. */
ls_status ls_convolution_result(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                struct ls_call_needs *needs, const int64_t size[2],
                                int64_t channels);

/* [height][width][channels[0]][channels[1]] of a kernel that has the window's size, without the
 * height where there is one spatial axis. */
struct ls_shape ls_convolution_kernel_shape(const struct ls_convolution_shape *window, int spatial,
                                            const int64_t channels[2]);
/* The layer's next variable, a kernel; LS_BAD_INPUT where it is too large. */
ls_status ls_convolution_declare(struct ls_layer *layer, const char *name, struct ls_shape shape,
                                 const struct ls_weight_options *options);
/* Bias, activation and activity regularizer: what comes last. */
void ls_convolution_declare_rest(struct ls_layer *layer, int64_t filters);

/* By the options: of every kind here. */
unsigned ls_convolution_flags(const struct ls_layer *layer);

/* The bias, the layer's last variable, or NULL. */
const float *ls_convolution_bias(const struct ls_call *call);

/* Adds the bias (NULL: out has it) and applies the activation; `before` keeps what its gradient
 * reads of its input. */
void ls_convolution_activate(const struct ls_call *call, const float *bias, float *before);
/* The gradient before the activation, in call->work or where it came; and that of the bias. */
const float *ls_convolution_activate_back(const struct ls_call *call, const float *before);

/* What backward leaves where there are no rows: gradients of 0, or as they were. */
void ls_convolution_no_rows(const struct ls_call *call);

/* Operations of a pass for one sample. */
double ls_convolution_flops(const struct ls_convolution_shape *shape);

/* Makes the passes that a call wants: the one that gives its result (forward, or of the data), for
 * the gradient of its input the other of these two, and the kernel's for its first variable. */
ls_status ls_convolution_prepare(void **prepared, const struct ls_call *call,
                                 const struct ls_convolution_shape *window,
                                 enum ls_convolution_pass result, bool bias);
/* The bytes that it would take. */
ls_status ls_convolution_prepared_bytes(size_t *bytes, const struct ls_call *call,
                                        const struct ls_convolution_shape *window,
                                        enum ls_convolution_pass result, bool bias);

/* For the tables: */
ls_status ls_convolution_read(struct ls_tree *config); /* drops keys of Keras 2 that say nothing */
void ls_convolution_discard(void *prepared);           /* a struct ls_convolution */

#endif
