/* The probe of the plan that trains: the same at any number of ranks, with points between replicas
 * and without, and with several replicas on a rank; a rank that cannot compute it says so to all.
 * Another hash on one rank is an error of all that names it. */
#include "check.h"

#include "base/memory.h"
#include "kernel/kernels.h"
#include "lockstep/lockstep.h"
#include "model/graph.h"
#include "train/identity.h"

enum { SAMPLES = 40, FEATURES = 64, REPLICAS = 4, BATCH = 18 };

static float x[SAMPLES * FEATURES], y[SAMPLES];

static struct ls_model *make_model(bool points)
{
    struct ls_model *model = NULL;
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [8, 8, 1]"));
    CHECK_OK(ls_layer_add(model, "Conv2D", "filters: 16, kernel_size: 3"));
    CHECK_OK(ls_layer_add(model, points ? "BatchNormalization" : "Activation",
                          points ? "" : "activation: relu"));
    CHECK_OK(ls_layer_add(model, "Flatten", ""));
    CHECK_OK(ls_layer_add(model, "Dropout", "rate: 0.5"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 1"));
    CHECK_OK(ls_model_compile(model, "optimizer: adam, loss: mse"));
    CHECK_OK(ls_model_initialize(model, 0));
    return model;
}

struct start {
    struct ls_model *model;
    struct ls_data *data;
    struct ls_fit_run *fit;
    struct ls_fit_options options;
    struct ls_fit_job job;
};

static void begin(struct start *s, struct ls_comm *comm, bool points)
{
    *s = (struct start){.model = make_model(points), .options = {.batch_size = BATCH}};
    CHECK_OK(ls_data_from_arrays(
        &s->data, &(struct ls_data_arrays){
                      .samples = SAMPLES, .x = x, .x_size = FEATURES, .y = y, .y_size = 1}));
    s->job = (struct ls_fit_job){.comm = comm,
                                 .model = s->model,
                                 .compile = s->model->compile,
                                 .train = s->data,
                                 .fit = &s->options,
                                 .replicas = REPLICAS};
    CHECK_OK(ls_fit_create(&s->fit, &s->job));
}

static void end(struct start *s)
{
    ls_fit_free(s->fit);
    ls_data_free(s->data);
    ls_model_free(s->model);
}

static void check_same(struct ls_comm *comm, bool points, uint64_t *first)
{
    struct ls_identity identity = {0};
    struct start start;
    begin(&start, comm, points);
    CHECK_OK(ls_identity_probe(&identity, start.fit));
    CHECK_OK(ls_identity_agree_kernels(&identity, comm));
    if (ls_comm_size(comm) == 1)
        *first = identity.kernels.probe;
    CHECK(identity.kernels.probe != identity.fixed);
    if (ls_comm_rank(check_world) == 0) /* which is in all of them */
        CHECK_THAT(identity.kernels.probe == *first,
                   "probe %016" PRIx64 " at %d ranks, %016" PRIx64 " at 1", identity.kernels.probe,
                   ls_comm_size(comm), *first);
    end(&start);
}

static void check_failures_are_shared(struct ls_comm *comm)
{
    const int last = ls_comm_size(comm) - 1;
    struct ls_identity identity = {0};
    struct start start;
    char expected[64];
    begin(&start, comm, false);
    if (ls_comm_rank(comm) == last)
        ls_memory_fail_at(2);
    ls_status status = ls_comm_agree(comm, ls_identity_probe(&identity, start.fit));
    ls_memory_fail_at(0);
    CHECK_INT(status, LS_FAILED);
    CHECK_HAS(ls_message(), "out of memory");

    CHECK_OK(ls_identity_probe(&identity, start.fit));
    if (ls_comm_rank(comm) == last)
        identity.kernels.probe++;
    status = ls_identity_agree_kernels(&identity, comm);
    CHECK_INT(status, last > 0 ? LS_FAILED : LS_OK);
    snprintf(expected, sizeof expected, "; rank %d (host %s) with ", last,
             ls_comm_host(comm, last));
    if (last > 0) {
        CHECK_HAS(ls_message(), "ranks compute differently: rank 0 (host ");
        CHECK_HAS(ls_message(), expected);
        CHECK_HAS(ls_message(), ") differ: take hosts of one kind");
    }
    end(&start);
}

int main(void)
{
    uint64_t first[2] = {0};
    CHECK_OK(ls_comm_create(&check_world));
    CHECK_OK(ls_kernels_init(NULL));
    for (int i = 0; i < SAMPLES * FEATURES; i++)
        x[i] = (float)((i * 37) % 101) / 50 - 1;
    for (int ranks = 1; ranks <= 4; ranks++) {
        struct ls_comm *comm = check_part(ranks, &(struct ls_comm_test){0});
        if (!comm)
            continue;
        for (int points = 0; points < 2; points++)
            check_same(comm, points, &first[points]);
        check_failures_are_shared(comm);
        ls_comm_free(comm);
    }
    return check_end();
}
