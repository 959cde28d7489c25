/* digits.c: a network that reads handwritten digits, trained on as many processes as there are.
 *
 *     digits mnist-5k.h5                      alone
 *     mpirun -n 4 digits mnist-5k.h5          on four: the same weights, to the last bit
 */
#include <inttypes.h>
#include <stdio.h>

#include "lockstep/lockstep.h"

/* All processes work on one model; the first one speaks. */
struct program {
    struct ls_comm *comm;
    struct ls_model *model;
    struct ls_data *train, *test;
};

static ls_status open_data(struct program *program, const char *file)
{
    char source[4096];
    snprintf(source, sizeof source, "%s:train", file);
    ls_status status = ls_data_open(&program->train, source);
    if (status == LS_OK) {
        snprintf(source, sizeof source, "%s:test", file);
        status = ls_data_open(&program->test, source);
    }
    return status;
}

static ls_status build(struct ls_model *model)
{
    static const char *const layers[][2] = {
        {"Input", "shape: [28, 28]"},
        {"Rescaling", "scale: 0.00392156862745098"}, /* bytes to [0, 1] */
        {"Flatten", NULL},
        {"Dense", "units: 128, activation: relu"},
        {"Dropout", "rate: 0.2"},
        {"Dense", "units: 10"},
    };
    ls_status status = LS_OK;
    for (size_t i = 0; status == LS_OK && i < sizeof layers / sizeof layers[0]; i++)
        status = ls_layer_add(model, layers[i][0], layers[i][1]);
    if (status == LS_OK)
        status = ls_model_compile(model, "optimizer: adam, metrics: [accuracy], "
                                         "loss: {SparseCategoricalCrossentropy: "
                                         "{from_logits: true}}");
    return status;
}

/* After every epoch, on every rank. */
static ls_status show(void *user, int64_t epoch, const char *const *names, const double *values,
                      size_t count)
{
    const struct program *program = user;
    if (ls_comm_rank(program->comm) != 0)
        return LS_OK;
    printf("epoch %" PRId64, epoch + 1);
    for (size_t i = 0; i < count; i++)
        printf("  %s %.4f", names[i], values[i]);
    printf("\n");
    return LS_OK;
}

static ls_status train(struct program *program)
{
    struct ls_fit fit = {
        .options = "epochs: 3, batch_size: 64, seed: 1",
        .replicas = 4, /* whatever the number of processes, 1 to 4: the bits are those of 4 */
        .train = program->train,
        .validation = program->test,
        .on_epoch = show,
        .user = program,
    };
    return ls_model_fit(program->model, program->comm, &fit);
}

/* The hash tells whether two runs came to the same weights. */
static ls_status report(struct program *program)
{
    uint64_t hash = 0;
    ls_status status = ls_model_hash(program->model, &hash);
    if (status == LS_OK && ls_comm_rank(program->comm) == 0) {
        printf("weights %016" PRIx64 "\n", hash);
        status = ls_model_save(program->model, "digits.h5"); /* Keras opens it */
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: digits FILE.h5\n");
        return LS_USAGE;
    }
    struct program program = {0};
    ls_status status = ls_comm_create(&program.comm);
    if (status == LS_OK)
        status = open_data(&program, argv[1]);
    if (status == LS_OK)
        status = ls_model_create(&program.model, "digits");
    if (status == LS_OK)
        status = build(program.model);
    if (status == LS_OK)
        status = train(&program);
    if (status == LS_OK)
        status = report(&program);

    if (status != LS_OK && (!program.comm || ls_comm_rank(program.comm) == 0))
        fprintf(stderr, "digits: %s\n", ls_message());
    ls_model_free(program.model);
    ls_data_free(program.test);
    ls_data_free(program.train);
    ls_comm_free(program.comm);
    return (int)status;
}
