/* Dropout (Srivastava et al., JMLR 15, 2014).
 *
 * Whether an element is dropped is a function of (seed, layer call, epoch, sample, element) alone,
 * whatever else the call computes: call and sample and element are words of Philox' counter, the
 * epoch is added into a word of its key (a different key for every epoch of one seed). The backward
 * pass draws the same numbers again, so that nothing is saved. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"

struct dropout {
    double rate;
    int64_t seed;
    struct ls_ints noise_shape;
};

static const struct ls_option options[] = {
    {.name = "rate",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct dropout, rate),
     .min = 0,
     .max = 1,
     .help = "part of the elements that is dropped"},
    {.name = "seed",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct dropout, seed),
     .initial = "null",
     .help = "of its random numbers; null: the run's"},
    {.name = "noise_shape",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct dropout, noise_shape),
     .initial = "null",
     .refused = "is not supported: every element is dropped by itself",
     .help = "null: every element is dropped by itself"},
    {.name = NULL},
};

static void apply(const struct ls_call *call, float *out, const float *in)
{
    const struct dropout *o = call->layer->options;
    size_t columns = (size_t)ls_shape_count(&call->shapes->in[0]), rows = (size_t)call->rows;
    if (!call->training || o->rate == 0) {
        if (out != in && rows > 0)
            memcpy(out, in, rows * columns * sizeof *out);
        return;
    }
    if (o->rate == 1) {
        ls_k->fill(out, 0, rows * columns);
        return;
    }
    uint64_t seed = o->seed == LS_NULL_INT ? call->seed : (uint64_t)o->seed;
    struct ls_random_key key = ls_random_key(seed, LS_PURPOSE_DROPOUT);
    key.word[1] += call->epoch;
    ls_k->dropout(out, in, (float)o->rate, key, call->stream, call->samples, rows, columns);
}

static void forward(const struct ls_call *call)
{
    apply(call, call->out[0], call->in[0]);
}

static void backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        apply(call, call->in_grad[0], call->out_grad[0]);
}

const struct ls_layer_kind ls_layer_dropout = {
    .kind = {.name = "Dropout",
             .summary = "drops elements at random while training, and scales the others up",
             .options = options,
             .options_size = sizeof(struct dropout)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_TRAINING,
    .forward = forward,
    .backward = backward,
    .examples =
        (const struct ls_layer_example[]){{"rate: 0.5", "[7]", 1},
                                          {"rate: 0.2, seed: 3, noise_shape: null", "[2, 3]", 1},
                                          {"rate: 0", "[3]", 1},
                                          {"rate: 1", "[3]", 1},
                                          {0}},
};
