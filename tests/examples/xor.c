/* xor.c: a network that learns "either, but not both", from arrays of the program's own.
 *
 *     cc xor.c $(pkg-config --cflags --libs lockstep) && ./a.out
 */
#include <stdio.h>

#include "lockstep/lockstep.h"

enum { SAMPLES = 4 };
static const float inputs[SAMPLES][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
static const float targets[SAMPLES][1] = {{0}, {1}, {1}, {0}};
static const struct ls_data_arrays arrays = {
    .samples = SAMPLES, .x = &inputs[0][0], .x_size = 2, .y = &targets[0][0], .y_size = 1};

/* Builds and trains; the caller frees what it finds in *model and *data, whatever is returned. */
static ls_status learn(struct ls_model **model, struct ls_data **data, struct ls_comm *comm)
{
    ls_status status = ls_model_create(model, "xor");
    if (status == LS_OK)
        status = ls_layer_add(*model, "Input", "shape: [2]");
    if (status == LS_OK)
        status = ls_layer_add(*model, "Dense", "units: 8, activation: tanh");
    if (status == LS_OK)
        status = ls_layer_add(*model, "Dense", "units: 1, activation: sigmoid");
    if (status == LS_OK)
        status = ls_model_compile(*model, "optimizer: {Adam: {learning_rate: 0.1}}, "
                                          "loss: binary_crossentropy");
    if (status == LS_OK)
        status = ls_data_from_arrays(data, &arrays);
    if (status == LS_OK) {
        struct ls_fit fit = {.options = "epochs: 200, batch_size: 4, seed: 1", .train = *data};
        status = ls_model_fit(*model, comm, &fit);
    }
    return status;
}

/* How many of the four answers are on the right side of one half. */
static ls_status test(struct ls_model *model, int *right)
{
    float answers[SAMPLES];
    ls_status status = ls_model_predict(model, &inputs[0][0], SAMPLES, answers);
    *right = 0;
    for (int i = 0; status == LS_OK && i < SAMPLES; i++) {
        printf("%g xor %g = %.3f\n", inputs[i][0], inputs[i][1], answers[i]);
        *right += (answers[i] > 0.5f) == (targets[i][0] > 0.5f);
    }
    return status;
}

int main(void)
{
    struct ls_comm *comm = NULL;
    struct ls_model *model = NULL;
    struct ls_data *data = NULL;
    int right = 0;

    ls_status status = ls_comm_create_alone(&comm);
    if (status == LS_OK)
        status = learn(&model, &data, comm);
    if (status == LS_OK)
        status = test(model, &right);
    if (status != LS_OK)
        fprintf(stderr, "xor: %s\n", ls_message());
    ls_data_free(data);
    ls_model_free(model);
    ls_comm_free(comm);
    if (status == LS_OK && right < SAMPLES)
        status = LS_FAILED;
    return (int)status;
}
