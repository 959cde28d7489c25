/* `shard_optimizer`: the ranks of a node have weights and optimizer in common and update a part
 * each. The same bits as without it, in weights and slots, at any number of ranks and nodes, for
 * whatever touches the weights; and a training goes on with or without it. */
#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "check.h"
#include "kernel/kernels.h"
#include "lockstep/lockstep.h"
#include "model/graph.h"
#include "train/needs.h"

enum { SAMPLES = 61, FEATURES = 12, CLASSES = 5, REPLICAS = 5 };

static float x[SAMPLES * FEATURES], y[SAMPLES];

struct recipe {
    const char *name, *optimizer, *fit;
    bool plain; /* layers without constraints and regularizers: pieces are cut inside variables */
};

static const struct recipe recipes[] = {
    {"momentum", "{SGD: {learning_rate: 0.1, momentum: 0.9}}", "epochs: 1", true},
    {"amsgrad", "{Adam: {amsgrad: true}}", "epochs: 1", true},
    {"amsgrad, held", "{Adam: {amsgrad: true}}", "epochs: 1", false},
    {"rmsprop", "{RMSprop: {momentum: 0.5, centered: true}}", "epochs: 1", false},
    {"lamb", "lamb", "epochs: 1", true},
    {"muon", "{Muon: {exclude_layers: [dense_2]}}", "epochs: 1", true},
    {"lars", "{LARS: {weight_decay: 0.01}}", "epochs: 1", false},
    {"ftrl", "{Ftrl: {learning_rate: 0.1, learning_rate_power: -0.6, clipvalue: 0.1}}", "epochs: 1",
     true},
    {"clipped by variable", "{AdamW: {clipnorm: 0.1}}", "epochs: 1", true},
    {"clipped as a whole", "{Nadam: {global_clipnorm: 0.3}}", "epochs: 1", false},
    {"averaged", "{Adam: {use_ema: true, ema_momentum: 0.7}}", "epochs: 1", true},
    {"averages that overwrite, accumulated, decayed",
     "{SGD: {learning_rate: 0.1, use_ema: true, ema_overwrite_frequency: 2, weight_decay: 0.1, "
     "gradient_accumulation_steps: 2}}",
     "epochs: 1", false},
    {"all of it",
     "{Adam: {global_clipnorm: 0.3, use_ema: true, gradient_accumulation_steps: 3, epsilon: 0.0, "
     "weight_decay: 0.01}}",
     "epochs: 1", false},
    /* The first epoch is the best one: the loss gets smaller. */
    {"best weights restored", "{SGD: {learning_rate: 0.1}}",
     "epochs: 2, callbacks: [{EarlyStopping: {monitor: loss, mode: max, patience: 1, "
     "restore_best_weights: true}}]",
     true},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

static void add(struct ls_model *model, const char *kind, const char *options)
{
    CHECK_OK(ls_layer_add(model, kind, options));
}

static struct ls_model *make_model(const struct recipe *recipe)
{
    struct ls_model *model = NULL;
    char compile[512];
    CHECK_OK(ls_model_create(&model, NULL));
    add(model, "Input", "shape: [12]");
    add(model, "Normalization", NULL);
    add(model, "Dense",
        recipe->plain ? "units: 33, activation: tanh"
                      : "units: 33, activation: tanh, kernel_constraint: {MaxNorm: {max_value: "
                        "1}}, kernel_regularizer: {OrthogonalRegularizer: {mode: columns}}");
    add(model, "BatchNormalization", "momentum: 0.9");
    add(model, "Dense",
        recipe->plain ? "units: 17"
                      : "units: 17, kernel_regularizer: l2, bias_constraint: non_neg");
    add(model, "Dense", "units: 5, activation: softmax");
    snprintf(compile, sizeof compile, "optimizer: %s, loss: sparse_categorical_crossentropy",
             recipe->optimizer);
    CHECK_OK(ls_model_compile(model, compile));
    return model;
}

/* Hashes of weights, of the optimizer's slots, and of what epochs said. */
struct result {
    uint64_t weights, slots, values;
};

static ls_status hash_values(void *user, int64_t epoch, const char *const *names,
                             const double *values, size_t count)
{
    struct result *result = user;
    (void)epoch, (void)names;
    result->values = ls_hash64(values, count * sizeof *values, result->values);
    return LS_OK;
}

static void hash_model(struct result *result, struct ls_model *model)
{
    CHECK_OK(ls_model_hash(model, &result->weights));
    CHECK(model->trained != NULL);
    for (size_t s = 0; model->trained && s < model->trained->slots; s++)
        result->slots = ls_hash64(model->trained->slot[s], model->trainable_floats * sizeof(float),
                                  result->slots);
}

/* Two trainings in a row, each with or without the option. */
static struct result train(struct ls_comm *comm, const struct recipe *recipe, bool first,
                           bool second)
{
    const bool sharded[] = {first, second};
    struct result result = {0};
    struct ls_data *data = NULL;
    struct ls_model *model = make_model(recipe);
    CHECK_OK(ls_data_from_columns(
        &data, SAMPLES, (const struct ls_data_array[]){{"x", x, FEATURES}, {"y", y, 1}}, 2));
    for (int i = 0; i < 2; i++) {
        char options[512];
        snprintf(options, sizeof options,
                 "batch_size: 10, seed: 3, verify: 1, shard_optimizer: %s, %s",
                 sharded[i] ? "true" : "false", recipe->fit);
        CHECK_OK(ls_model_fit(model, comm,
                              &(struct ls_fit){.options = options,
                                               .replicas = REPLICAS,
                                               .train = data,
                                               .validation = data,
                                               .on_epoch = hash_values,
                                               .user = &result}));
    }
    hash_model(&result, model);
    ls_data_free(data);
    ls_model_free(model);
    return result;
}

/* Where a recipe runs: ranks, and how they lie on (pretended) nodes. */
static const struct place {
    const char *name;
    int ranks;
    struct ls_comm_test test;
} places[] = {
    {"1 rank", 1, {0}},
    {"2 ranks", 2, {0}},
    {"3 ranks", 3, {0}},
    {"4 ranks", 4, {0}},
    {"4 ranks on 2 nodes", 4, {.ranks_per_node = 2}},
    {"3 ranks on 2 nodes", 3, {.ranks_per_node = 2}},
    {"2 ranks without shared memory", 2, {.no_shared_memory = true}},
};
enum { PLACES = sizeof places / sizeof *places };

/* On every rank: each has the weights for itself when a training is over. */
static void check_bits(struct ls_comm *const comm[PLACES], const struct recipe *recipe)
{
    struct result wanted = {0};
    if (comm[0])
        wanted = train(comm[0], recipe, false, false);
    ls_comm_broadcast(check_world, &wanted, sizeof wanted, 0);
    for (size_t p = 0; p < PLACES; p++) {
        bool again = p % 2 != 0; /* else the second training goes without it */
        if (!comm[p])
            continue;
        struct result found = train(comm[p], recipe, true, again);
        CHECK_THAT(memcmp(&found, &wanted, sizeof found) == 0,
                   "%s, %s: weights %016" PRIx64 ", slots %016" PRIx64 ", values %016" PRIx64
                   ", not %016" PRIx64 ", %016" PRIx64 ", %016" PRIx64,
                   recipe->name, places[p].name, found.weights, found.slots, found.values,
                   wanted.weights, wanted.slots, wanted.values);
    }
}

/* -- what it takes, and what helps where there is less */

static struct ls_needs find_needs(struct ls_comm *comm, struct ls_model *model,
                                  struct ls_data *data, struct ls_crew *crew)
{
    struct ls_needs needs;
    CHECK_OK(ls_needs_find(&needs,
                           &(struct ls_stepper_options){.comm = comm,
                                                        .model = model,
                                                        .compile = model->compile,
                                                        .data = data,
                                                        .batch_size = 10,
                                                        .replicas = REPLICAS,
                                                        .crew = crew},
                           NULL, true));
    return needs;
}

static void check_parts(struct ls_comm *comm, struct ls_model *model, struct ls_data *data)
{
    const double bytes = (double)model->trainable_floats * sizeof(float);
    const double ranks = ls_comm_size(comm);
    struct ls_crew *crew = NULL;
    CHECK_OK(ls_crew_create(&crew, comm, true));
    struct ls_needs each = find_needs(comm, model, data, NULL);
    struct ls_needs once = find_needs(comm, model, data, crew);
    CHECK_THAT(each.bytes[LS_NEEDS_WEIGHTS] == bytes &&
                   once.bytes[LS_NEEDS_WEIGHTS] == bytes / ranks,
               "weights of %g bytes: %g, %g", bytes, each.bytes[LS_NEEDS_WEIGHTS],
               once.bytes[LS_NEEDS_WEIGHTS]);
    CHECK_THAT(each.bytes[LS_NEEDS_SLOTS] == 2 * bytes &&
                   once.bytes[LS_NEEDS_SLOTS] == 2 * bytes / ranks,
               "slots of %g bytes: %g, %g", 2 * bytes, each.bytes[LS_NEEDS_SLOTS],
               once.bytes[LS_NEEDS_SLOTS]);
    CHECK_INT(once.bytes[LS_NEEDS_GRADIENTS], each.bytes[LS_NEEDS_GRADIENTS]);
    CHECK_INT(once.bytes[LS_NEEDS_CHECKPOINT], each.bytes[LS_NEEDS_CHECKPOINT]);
    ls_crew_free(crew);
}

static ls_status fit_in(struct ls_model *model, struct ls_comm *comm, struct ls_data *data,
                        uint64_t megabytes)
{
    ls_memory_pretend(megabytes * 1000000);
    ls_status status = ls_model_fit(
        model, comm,
        &(struct ls_fit){.options = "batch_size: 5", .replicas = REPLICAS, .train = data});
    ls_memory_pretend(0);
    return status;
}

/* Adam for 25 million weights, which are not made. */
static void check_memory(struct ls_comm *comm)
{
    enum { WIDE = 5000 };
    struct ls_model *model = NULL;
    struct ls_data *data = NULL;
    float *rows = NULL;
    if (!comm)
        return;
    CHECK_OK(ls_allocate(&rows, REPLICAS * WIDE, sizeof *rows));
    CHECK_OK(ls_data_from_columns(
        &data, REPLICAS, (const struct ls_data_array[]){{"x", rows, WIDE}, {"y", y, 1}}, 2));
    CHECK_OK(ls_model_create(&model, NULL));
    add(model, "Input", "shape: [5000]");
    add(model, "Dense", "units: 5000, use_bias: false");
    CHECK_OK(ls_model_compile(model, "optimizer: adam, loss: sparse_categorical_crossentropy"));
    CHECK_OK(ls_model_build(model));
    CHECK_OK(ls_kernels_init(NULL));
    check_parts(comm, model, data);
    CHECK_INT(fit_in(model, comm, data, 900), LS_BAD_INPUT);
    CHECK_HAS(ls_message(), "of memory for the 2 ranks of a node, but 900.0 MB are free (");
    CHECK_HAS(ls_message(), "): use fit.shard_optimizer: true, which has weights and optimizer "
                            "once a node, or fewer ranks a node");
    CHECK_INT(fit_in(model, comm, data, 700), LS_BAD_INPUT);
    CHECK_HAS(ls_message(), "): use fewer ranks a node"); /* the other would not be enough */
    ls_model_free(model);
    ls_data_free(data);
    ls_release(rows);
}

static void make_data(void)
{
    struct ls_random_key key = ls_random_key(1, LS_PURPOSE_TEST);
    for (uint32_t i = 0; i < SAMPLES * FEATURES; i++) {
        uint32_t word[4];
        ls_philox(word, (uint32_t[4]){i}, key);
        x[i] = 2 * ls_uniform_float(word[0]) - 1;
    }
    for (int i = 0; i < SAMPLES; i++)
        y[i] = (float)((i * 7 + (x[i * FEATURES] > 0)) % CLASSES);
}

int main(void)
{
    struct ls_comm *comm[PLACES] = {0};
    CHECK_OK(ls_comm_create(&check_world));
    make_data();
    for (size_t p = 0; p < PLACES; p++)
        comm[p] = check_part(places[p].ranks, &places[p].test);
    check_memory(comm[1]);
    for (size_t r = 0; r < RECIPES; r++)
        check_bits(comm, &recipes[r]);
    for (size_t p = 0; p < PLACES; p++)
        ls_comm_free(comm[p]);
    return check_end();
}
