/* GaussianNoise and GaussianDropout: normal noise, added or multiplied with, while training.
 *
 * An element's noise is a function of (seed, layer call, epoch, sample, element) alone, as in
 * layer/dropout.c: a word of Philox' four for each element, taken through the quantile of the
 * normal distribution in portable arithmetic, so that it has the same bits everywhere. */
#include <math.h>
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/options.h"
#include "layer/portable.h"

enum { WORDS = 4 };

/* mean + stddev times a normal number for each element of all rows. */
static void draw(const struct ls_call *call, float *noise, struct ls_random_key key, double mean,
                 double stddev)
{
    size_t columns = (size_t)ls_shape_count(&call->shapes->in[0]);
    for (size_t r = 0; r < (size_t)call->rows; r++, noise += columns) {
        const uint64_t sample = (uint64_t)call->samples[r];
        uint32_t word[WORDS];
        for (size_t i = 0; i < columns; i++) {
            if (i % WORDS == 0)
                ls_philox(word,
                          (uint32_t[4]){(uint32_t)(i / WORDS), (uint32_t)sample,
                                        (uint32_t)(sample >> 32), call->stream},
                          key);
            double p = ((double)word[i % WORDS] + 0.5) * 0x1p-32;
            noise[i] = (float)(mean + stddev * ls_portable_normal(p));
        }
    }
}

static void pass(const struct ls_call *call, float *out, const float *in)
{
    if (out != in && call->rows > 0)
        memcpy(out, in, ls_call_elements(call) * sizeof *out);
}

/* -- GaussianNoise */

struct noise {
    double stddev;
    int64_t seed;
};

static const struct ls_option noise_options[] = {
    {.name = "stddev",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct noise, stddev),
     .min = 0,
     .max = 1,
     .help = "standard deviation of the noise"},
    LS_LAYER_SEED_OPTION(struct noise),
    {.name = NULL},
};

static ls_status noise_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                             struct ls_call_needs *needs)
{
    const struct noise *o = layer->options;
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    if (o->stddev > 0)
        needs->work_floats_per_row = (size_t)ls_shape_count(&shapes->in[0]);
    return LS_OK;
}

static void noise_forward(const struct ls_call *call)
{
    const struct noise *o = call->layer->options;
    if (!call->training || o->stddev == 0) {
        pass(call, call->out[0], call->in[0]);
        return;
    }
    draw(call, call->work, ls_call_key(call, o->seed, LS_PURPOSE_NOISE), 0, o->stddev);
    ls_k->add(call->out[0], call->in[0], call->work, ls_call_elements(call));
}

static void noise_backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        pass(call, call->in_grad[0], call->out_grad[0]);
}

const struct ls_layer_kind ls_layer_gaussian_noise = {
    .kind = {.name = "GaussianNoise",
             .summary = "adds normal noise while training",
             .options = noise_options,
             .options_size = sizeof(struct noise)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_TRAINING,
    .shape = noise_shape,
    .forward = noise_forward,
    .backward = noise_backward,
    .examples = (const struct ls_layer_example[]){{"stddev: 0.5", "[7]", 1},
                                                  {"stddev: 0.1, seed: 3", "[2, 3]", 1},
                                                  {"stddev: 0", "[3]", 1},
                                                  {0}},
};

/* -- GaussianDropout (Srivastava et al., JMLR 15, 2014, section 10) */

struct factor {
    double rate;
    int64_t seed;
};

static const struct ls_option factor_options[] = {
    {.name = "rate",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct factor, rate),
     .min = 0,
     .max = 1,
     .open_max = true,
     .help = "the factors' standard deviation is sqrt(rate / (1 - rate))"},
    LS_LAYER_SEED_OPTION(struct factor),
    {.name = NULL},
};

static ls_status factor_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                              struct ls_call_needs *needs)
{
    const struct factor *o = layer->options;
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    if (o->rate > 0)
        needs->saved_floats_per_row = (size_t)ls_shape_count(&shapes->in[0]);
    return LS_OK;
}

static void factor_forward(const struct ls_call *call)
{
    const struct factor *o = call->layer->options;
    if (!call->training || o->rate == 0) {
        pass(call, call->out[0], call->in[0]);
        return;
    }
    draw(call, call->saved, ls_call_key(call, o->seed, LS_PURPOSE_NOISE), 1,
         sqrt(o->rate / (1 - o->rate)));
    ls_k->multiply(call->out[0], call->in[0], call->saved, ls_call_elements(call));
}

static void factor_backward(const struct ls_call *call)
{
    const struct factor *o = call->layer->options;
    if (!call->in_grad[0])
        return;
    if (!call->training || o->rate == 0)
        pass(call, call->in_grad[0], call->out_grad[0]);
    else
        ls_k->multiply(call->in_grad[0], call->out_grad[0], call->saved, ls_call_elements(call));
}

const struct ls_layer_kind ls_layer_gaussian_dropout = {
    .kind = {.name = "GaussianDropout",
             .summary = "multiplies with normal noise around 1 while training",
             .options = factor_options,
             .options_size = sizeof(struct factor)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_TRAINING,
    .shape = factor_shape,
    .forward = factor_forward,
    .backward = factor_backward,
    .examples = (const struct ls_layer_example[]){{"rate: 0.5", "[7]", 1},
                                                  {"rate: 0.1, seed: 3", "[2, 3]", 1},
                                                  {"rate: 0", "[3]", 1},
                                                  {0}},
};
