/* Cross-replica points in the plan: a layer that takes the mean over the global batch away, in one
 * forward and one backward point. The same bits at any number of ranks, the same numbers up to
 * rounding for any number of replicas. */
#include <math.h>

#include "check.h"
#include "lockstep/lockstep.h"
#include "model/append.h"

enum { SAMPLES = 37, FEATURES = 4, REPLICAS_MAX = 6 };

static float x[SAMPLES * FEATURES], y[SAMPLES];

/* -- the layer: out = in - mean over the batch; its gradient is the same of the gradient */

static size_t point_doubles(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    (void)layer;
    return (size_t)ls_shape_count(&shapes->in[0]) + 1; /* sums, and the rows */
}

static void center(const struct ls_call *call, float *out, const float *in)
{
    int64_t columns = ls_shape_count(&call->shapes->in[0]);
    if (call->phase == 0) {
        memset(call->point, 0, (size_t)(columns + 1) * sizeof(double));
        for (int64_t i = 0; i < call->rows * columns; i++)
            call->point[i % columns] += (double)in[i];
        call->point[columns] = (double)call->rows;
        return;
    }
    for (int64_t i = 0; i < call->rows * columns; i++)
        out[i] = (float)((double)in[i] - call->point[i % columns] / call->point[columns]);
}

static void forward(const struct ls_call *call)
{
    center(call, call->out[0], call->in[0]);
}

static void backward(const struct ls_call *call)
{
    center(call, call->in_grad[0], call->out_grad[0]);
}

/* On this rank there is no room for what the layer keeps. */
static bool without_room;

static ls_status prepare(const struct ls_call *call, void **prepared)
{
    (void)call;
    *prepared = NULL;
    return without_room ? ls_fail(LS_FAILED, "no room for a center") : LS_OK;
}

static void discard(void *prepared)
{
    (void)prepared;
}

static const struct ls_layer_kind batch_center = {
    .kind = {.name = "BatchCenter", .summary = "takes the batch's mean away"},
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .discard = discard,
    .forward_points = 1,
    .backward_points = 1,
    .point_doubles = point_doubles,
};

/* -- training with it */

static struct ls_model *make_model(void)
{
    struct ls_model *model = NULL;
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [4]"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 9, activation: tanh"));
    CHECK_OK(ls_model_append(model, &batch_center.kind, NULL));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 6, activation: relu"));
    CHECK_OK(ls_model_append(model, &batch_center.kind, NULL));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 1"));
    CHECK_OK(ls_model_compile(model, "optimizer: adam, loss: mse"));
    return model;
}

static ls_status keep_loss(void *user, int64_t epoch, const char *const *names,
                           const double *values, size_t count)
{
    (void)epoch, (void)names, (void)count;
    *(double *)user = values[0];
    return LS_OK;
}

static ls_status fit(struct ls_model *model, struct ls_comm *comm, int64_t replicas, double *loss)
{
    struct ls_data *data = NULL;
    CHECK_OK(ls_data_from_arrays(
        &data, &(struct ls_data_arrays){
                   .samples = SAMPLES, .x = x, .x_size = FEATURES, .y = y, .y_size = 1}));
    ls_status status = ls_model_fit(model, comm,
                                    &(struct ls_fit){.options = "epochs: 3, batch_size: 8, seed: 2",
                                                     .replicas = replicas,
                                                     .train = data,
                                                     .on_epoch = keep_loss,
                                                     .user = loss});
    ls_data_free(data);
    return status;
}

static uint64_t train(struct ls_comm *comm, int64_t replicas, double *loss)
{
    uint64_t hash = 0;
    struct ls_model *model = make_model();
    CHECK_OK(fit(model, comm, replicas, loss));
    CHECK_OK(ls_model_hash(model, &hash));
    ls_model_free(model);
    return hash;
}

/* What one rank alone cannot prepare ends the training on all: none waits at a point. */
static void fail_to_prepare(struct ls_comm *comm)
{
    double loss = NAN;
    struct ls_model *model = make_model();
    without_room = ls_comm_rank(comm) == ls_comm_size(comm) - 1;
    CHECK_INT(fit(model, comm, 4, &loss), LS_FAILED);
    CHECK_HAS(ls_message(), "no room for a center");
    without_room = false;
    ls_model_free(model);
}

int main(void)
{
    struct ls_comm *comm[5] = {0};
    double alone = NAN;
    CHECK_OK(ls_comm_create(&check_world));
    for (int i = 0; i < SAMPLES * FEATURES; i++)
        x[i] = (float)((i * 37) % 101) / 50 - 1;
    for (int i = 0; i < SAMPLES; i++)
        y[i] = x[i * FEATURES] * x[i * FEATURES + 1];
    for (int ranks = 1; ranks <= 4; ranks++)
        comm[ranks] = check_part(ranks, &(struct ls_comm_test){0});
    for (int64_t replicas = 1; replicas <= REPLICAS_MAX; replicas++) {
        uint64_t first = 0;
        for (int ranks = 1; ranks <= 4 && ranks <= replicas; ranks++) {
            double loss = NAN;
            if (!comm[ranks])
                continue;
            uint64_t hash = train(comm[ranks], replicas, &loss);
            first = ranks == 1 ? hash : first;
            alone = replicas == 1 ? loss : alone;
            if (ls_comm_rank(comm[ranks]) != 0)
                continue;
            CHECK_THAT(hash == first,
                       "%d replicas: hash %016" PRIx64 " at %d ranks, %016" PRIx64 " at 1",
                       (int)replicas, hash, ranks, first);
            CHECK_THAT(fabs(loss - alone) < 1e-5, "loss %.9g with %d replicas, %.9g with 1", loss,
                       (int)replicas, alone);
        }
    }
    for (int ranks = 1; ranks <= 4; ranks++) {
        if (comm[ranks])
            fail_to_prepare(comm[ranks]);
        ls_comm_free(comm[ranks]);
    }
    return check_end();
}
