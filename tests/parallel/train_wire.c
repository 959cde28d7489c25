/* Gradients in 16 bits between nodes, and MPI's own sum: all ranks stay equal (verify: 1), and the
 * loss is near that of float32 in the fixed tree. On one node 16 bits change nothing. */
#include <math.h>

#include "check.h"
#include "lockstep/lockstep.h"

enum { SAMPLES = 240, FEATURES = 12, CLASSES = 4 };

static float x[SAMPLES * FEATURES], y[SAMPLES];

static ls_status keep_loss(void *user, int64_t epoch, const char *const *names,
                           const double *values, size_t count)
{
    (void)epoch, (void)names, (void)count;
    *(double *)user = values[0];
    return LS_OK;
}

static double train(struct ls_comm *comm, struct ls_data *data, const char *how, uint64_t *hash)
{
    char options[160];
    double loss = NAN;
    struct ls_model *model = NULL;
    snprintf(options, sizeof options, "epochs: 12, batch_size: 24, verify: 1, bucket_size: 640%s",
             how);
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [12]"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 40, activation: relu"));
    CHECK_OK(ls_layer_add(model, "BatchNormalization", NULL));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 4"));
    CHECK_OK(ls_model_compile(model, "optimizer: {Adam: {learning_rate: 0.01}}, loss: "
                                     "{SparseCategoricalCrossentropy: {from_logits: true}}"));
    CHECK_OK(ls_model_fit(model, comm,
                          &(struct ls_fit){.options = options,
                                           .replicas = 5,
                                           .train = data,
                                           .on_epoch = keep_loss,
                                           .user = &loss}));
    CHECK_OK(ls_model_hash(model, hash));
    ls_model_free(model);
    return loss;
}

static void compare(const struct ls_comm_test *test, struct ls_data *data, bool nodes)
{
    static const char *const ways[] = {", wire: bf16", ", wire: fp16", ", combine: fast"};
    struct ls_comm *comm = check_part(ls_comm_size(check_world), test);
    uint64_t hash, exact;
    double right = train(comm, data, "", &exact);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        double loss = train(comm, data, ways[i], &hash);
        CHECK_THAT(fabs(loss - right) < 0.02 * right, "%s: loss %g, %g in float32", ways[i], loss,
                   right);
        if (i < 2)
            CHECK_THAT((hash == exact) == !nodes,
                       "%s, %d ranks a node: the weights are %s those "
                       "of float32",
                       ways[i], test->ranks_per_node, hash == exact ? "" : "not");
    }
    ls_comm_free(comm);
}

int main(void)
{
    struct ls_data *data = NULL;
    CHECK_OK(ls_comm_create(&check_world));
    for (int i = 0; i < SAMPLES * FEATURES; i++)
        x[i] = (float)((i * 29 + i / 7) % 17) / 17 - 0.5f;
    for (int i = 0; i < SAMPLES; i++)
        y[i] = (float)((x[i * FEATURES] > 0) + 2 * (x[i * FEATURES + 1] > x[i * FEATURES + 2]));
    CHECK_OK(ls_data_from_arrays(
        &data, &(struct ls_data_arrays){
                   .samples = SAMPLES, .x = x, .x_size = FEATURES, .y = y, .y_size = 1}));
    compare(&(struct ls_comm_test){0}, data, false);
    compare(&(struct ls_comm_test){.ranks_per_node = 1}, data, true);
    compare(&(struct ls_comm_test){.ranks_per_node = 3}, data, true);
    ls_data_free(data);
    return check_end();
}
