/* A plugin for tests: a layer that scales its columns, and on one rank at one step does what
 * FAULT_KIND says, in the middle of its forward pass; FaultClock tells it the step.
 *
 *     FAULT_RANK=1 FAULT_STEP=20 FAULT_KIND=flip mpirun -n 3 lockstep train --plugin
 * fault-plugin.so ...
 *
 *     flip[:BIT]  changes a bit (30: a high one) of the rank's first weight
 *     nan         an output is no number
 *     stop kill   the process gets SIGSTOP, SIGKILL
 *     usr1        it gets SIGUSR1, which asks the run to save and to end after that step
 *     hang        nothing goes on, though nothing stopped it
 *     slow:MS     from this step on each step takes so many milliseconds more
 *
 * FAULT_RANK -1: on all. FAULT_TIMES: so often, each time the training comes to that step; else
 * once.
 *
 * FAULT_SAMPLES=FILE: each rank adds to FILE.RANK a line "STEP NUMBER" for each row that it trains
 * on: the first number of the layer's input. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/plugin.h"

/* Where the training stands: the steps that are done; -1: it has not begun, what runs is the probe.
 */
static int64_t done = -1;

static int64_t number(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

static bool is_this_rank(void)
{
    const int64_t rank = number("FAULT_RANK", 0);
    return getenv("FAULT_KIND") && (rank == -1 || rank == number("OMPI_COMM_WORLD_RANK", 0));
}

static void flip(float *weight, int bit)
{
    uint32_t bits;
    memcpy(&bits, weight, sizeof bits);
    bits ^= UINT32_C(1) << bit;
    memcpy(weight, &bits, sizeof bits);
}

static void break_down(const struct ls_custom_layer_call *call)
{
    static int64_t times;
    const char *kind = getenv("FAULT_KIND"), *colon = strchr(kind, ':');
    const int64_t option = colon ? strtoll(colon + 1, NULL, 10) : 0, step = number("FAULT_STEP", 1);
    if (strncmp(kind, "slow", 4) == 0 && done + 1 >= step)
        usleep((useconds_t)option * 1000);
    if (done + 1 != step || times >= number("FAULT_TIMES", 1))
        return;
    times++;
    if (strncmp(kind, "flip", 4) == 0)
        flip((float *)call->weight[0], (int)option);
    else if (strcmp(kind, "nan") == 0)
        call->output[0] = strtof("nan", NULL);
    else if (strcmp(kind, "stop") == 0)
        raise(SIGSTOP);
    else if (strcmp(kind, "kill") == 0)
        raise(SIGKILL);
    while (strcmp(kind, "hang") == 0)
        pause();
}

/* -- the layer: y = x * scale along the last axis */

static const struct ls_custom_weight weights[] = {{.name = "scale", .initializer = "ones"},
                                                  {.name = NULL}};

static ls_status shape(struct ls_custom_layer_shapes *shapes)
{
    const struct ls_custom_shape *in = &shapes->input[0];
    shapes->weight[0] = (struct ls_custom_shape){.rank = 1, .size = {in->size[in->rank - 1]}};
    return LS_OK;
}

static int64_t columns_of(const struct ls_custom_layer_call *call)
{
    return call->input_shape[0].size[call->input_shape[0].rank - 1];
}

static void log_samples(const struct ls_custom_layer_call *call)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.%d", getenv("FAULT_SAMPLES"),
             (int)number("OMPI_COMM_WORLD_RANK", 0));
    FILE *file = fopen(path, "ae");
    if (!file)
        abort();
    for (int64_t i = 0; i < call->rows; i++)
        fprintf(file, "%lld %.0f\n", (long long)done + 1,
                (double)call->input[0][i * columns_of(call)]);
    fclose(file);
}

static void forward(const struct ls_custom_layer_call *call)
{
    const int64_t count = call->rows * (int64_t)ls_custom_count(&call->input_shape[0]);
    for (int64_t i = 0; i < count; i++)
        call->output[i] = call->input[0][i] * call->weight[0][i % columns_of(call)];
    if (call->training && done >= 0 && getenv("FAULT_SAMPLES"))
        log_samples(call);
    if (call->training && is_this_rank())
        break_down(call);
}

static void backward(const struct ls_custom_layer_call *call)
{
    const int64_t count = call->rows * (int64_t)ls_custom_count(&call->input_shape[0]);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = i % columns_of(call);
        if (call->weight_gradient[0])
            call->weight_gradient[0][c] += call->output_gradient[i] * call->input[0][i];
        if (call->input_gradient[0])
            call->input_gradient[0][i] = call->output_gradient[i] * call->weight[0][c];
    }
}

static const struct ls_custom_layer fault = {
    .kind = {.name = "Fault", .summary = "x * scale, and what FAULT_KIND says"},
    .weights = weights,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};

/* -- the clock */

static ls_status count_steps(struct ls_custom_callback_call *call)
{
    done = call->iteration;
    if (is_this_rank() && strcmp(getenv("FAULT_KIND"), "usr1") == 0 &&
        done == number("FAULT_STEP", 1))
        raise(SIGUSR1);
    return LS_OK;
}

static const struct ls_custom_callback fault_clock = {
    .kind = {.name = "FaultClock", .summary = "tells the layer Fault the step"},
    .on_train_begin = count_steps,
    .on_step_end = count_steps,
};

static const struct ls_custom_layer *const layers[] = {&fault, NULL};
static const struct ls_custom_callback *const callbacks[] = {&fault_clock, NULL};

const struct ls_plugin lockstep_plugin = {
    .abi = LS_PLUGIN_ABI, .name = "fault", .layers = layers, .callbacks = callbacks};
