/* What goes wrong on one rank ends the training on all, with one message that names the place:
 * where the ranks are one node, and where they are several and gradients are on their way. */
#include <math.h>

#include "check.h"
#include "lockstep/lockstep.h"

enum { SAMPLES = 40, FEATURES = 3 };

static float x[SAMPLES * FEATURES], y[SAMPLES];
static struct ls_comm *comm;

/* Buckets of 16 elements: the gradients of one layer are on their way before those of the one
 * before it are there. */
static ls_status fit(struct ls_model *model, const char *options, struct ls_fit rest)
{
    char text[128];
    snprintf(text, sizeof text, "%s%sbucket_size: 64", options, *options ? ", " : "");
    rest.options = text;
    return ls_model_fit(model, comm, &rest);
}

static struct ls_model *make_model(const char *activation)
{
    char options[64];
    struct ls_model *model = NULL;
    snprintf(options, sizeof options, "units: 8, activation: %s, name: hidden", activation);
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [3]"));
    CHECK_OK(ls_layer_add(model, "Dense", options));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 1"));
    CHECK_OK(ls_model_compile(model, "optimizer: sgd, loss: mse"));
    return model;
}

static void check_failure(ls_status status, ls_status wanted, const char *part)
{
    CHECK_INT(status, wanted);
    CHECK_HAS(ls_message(), part);
}

/* -- replicas that part */

static ls_status change_one(void *user, int64_t epoch, const char *const *names,
                            const double *values, size_t count)
{
    float kernel[8];
    struct ls_model *model = user;
    (void)names, (void)values, (void)count;
    if (epoch != 1 || ls_comm_rank(check_world) != 2)
        return LS_OK;
    CHECK_OK(ls_model_get_weights(model, "dense", "kernel", kernel, 8));
    kernel[5] = nextafterf(kernel[5], 2);
    CHECK_OK(ls_model_set_weights(model, "dense", "kernel", kernel, 8));
    return LS_OK;
}

/* One bit of one weight of rank 2 changes after the second epoch (5 steps each): found at the next
 * comparison. */
static void parted(struct ls_data *data)
{
    struct ls_model *model = make_model("relu");
    ls_status status = fit(model, "epochs: 5, batch_size: 8, verify: 4",
                           (struct ls_fit){.train = data, .on_epoch = change_one, .user = model});
    check_failure(status, LS_FAILED, "after step 12: the weights' hash differs on rank 2 (");
    ls_model_free(model);
}

/* -- numbers that are none */

static void not_finite(struct ls_data *data)
{
    float kernel[3 * 8];
    struct ls_model *model = make_model("exponential");
    for (size_t i = 0; i < 3 * 8; i++)
        kernel[i] = 200; /* e^(200 x) overflows for the one sample with a large x */
    CHECK_OK(ls_model_set_weights(model, "hidden", "kernel", kernel, 3 * 8));
    check_failure(fit(model, "batch_size: 40, shuffle: false", (struct ls_fit){.train = data}),
                  LS_FAILED,
                  "epoch 1, step 1: the loss is not finite (NaN or infinity) at sample 33 of");
    CHECK_HAS(ls_message(), "in replica 3; first in the result of layer 'hidden'");
    ls_model_free(model);
}

/* Before a point that would spoil all replicas' values. */
static void not_finite_before_point(struct ls_data *data)
{
    float kernel[3 * 8];
    struct ls_model *model = NULL;
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [3]"));
    CHECK_OK(ls_layer_add(model, "BatchNormalization", "name: first, trainable: false"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 8, activation: exponential, name: hidden"));
    CHECK_OK(ls_layer_add(model, "BatchNormalization", NULL));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 1"));
    CHECK_OK(ls_layer_add(model, "BatchNormalization", NULL));
    CHECK_OK(ls_model_compile(model, "optimizer: sgd, loss: mse"));
    for (size_t i = 0; i < 3 * 8; i++)
        kernel[i] = 200;
    CHECK_OK(ls_model_set_weights(model, "hidden", "kernel", kernel, 3 * 8));
    check_failure(fit(model, "batch_size: 40, shuffle: false", (struct ls_fit){.train = data}),
                  LS_FAILED,
                  "epoch 1, step 1: the loss is not finite (NaN or infinity) at sample 33 of");
    CHECK_HAS(ls_message(), "in replica 3; first in the result of layer 'hidden'");
    ls_model_free(model);
}

/* -- data that cannot be read */

static ls_status read_some(void *user, int64_t sample, float *values, float *target)
{
    (void)user;
    for (int i = 0; i < FEATURES; i++)
        values[i] = sample == 17 ? NAN : 1;
    *target = 0;
    return LS_OK;
}

static void bad_sample(void)
{
    struct ls_data *data = NULL;
    struct ls_model *model = make_model("relu");
    CHECK_OK(ls_data_from_reader(
        &data, &(struct ls_data_reader){
                   .samples = SAMPLES, .x_size = FEATURES, .y_size = 1, .read = read_some}));
    check_failure(fit(model, "batch_size: 8", (struct ls_fit){.train = data}), LS_BAD_INPUT,
                  "sample 17");
    ls_data_free(data);
    ls_model_free(model);
}

/* -- a callback that ends it */

static ls_status end_it(void *user, int64_t epoch, const char *const *names, const double *values,
                        size_t count)
{
    (void)user, (void)names, (void)values, (void)count;
    return epoch == 1 ? LS_INTERRUPTED : LS_OK;
}

static void ended(struct ls_data *data)
{
    struct ls_model *model = make_model("relu");
    CHECK_INT(
        fit(model, "epochs: 9, batch_size: 8", (struct ls_fit){.train = data, .on_epoch = end_it}),
        LS_INTERRUPTED);
    ls_model_free(model);
}

static void too_many_ranks(struct ls_data *data)
{
    struct ls_model *model = make_model("relu");
    check_failure(fit(model, "", (struct ls_fit){.replicas = 3, .train = data}), LS_USAGE,
                  "replicas");
    ls_model_free(model);
}

int main(void)
{
    struct ls_data *data = NULL;
    CHECK_OK(ls_comm_create(&check_world));
    for (int i = 0; i < SAMPLES * FEATURES; i++)
        x[i] = (float)((i * 29) % 17) / 17 - 1;
    x[33 * FEATURES] = 3;
    CHECK_OK(ls_data_from_arrays(
        &data, &(struct ls_data_arrays){
                   .samples = SAMPLES, .x = x, .x_size = FEATURES, .y = y, .y_size = 1}));
    for (int per_node = 0; per_node < 3; per_node++) {
        comm = check_part(ls_comm_size(check_world),
                          &(struct ls_comm_test){.ranks_per_node = per_node});
        parted(data);
        not_finite(data);
        not_finite_before_point(data);
        bad_sample();
        ended(data);
        too_many_ranks(data);
        ls_comm_free(comm);
    }
    ls_data_free(data);
    return check_end();
}
