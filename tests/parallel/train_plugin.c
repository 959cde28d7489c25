/* Kinds of one's own on several ranks: weights and loss have the same bits on 1 to 4 of them;
 * callbacks see the same numbers everywhere and end the training everywhere, whoever asks for it.
 */
#include "check.h"
#include "lockstep/lockstep.h"

enum { SAMPLES = 61, FEATURES = 5, RANKS = 4 };

static float x[SAMPLES * FEATURES], y[SAMPLES];

/* -- a callback that adds up what it is told, and goes wrong where its options say so */

enum { ASK, FAIL, AT };
static const struct ls_custom_option witness_options[] = {
    [ASK] = {.name = "ask", .initial = -1, .help = "the rank that asks for a stop"},
    [FAIL] = {.name = "fail", .initial = -1, .help = "the rank that fails"},
    [AT] = {.name = "at", .initial = 5, .help = "after so many steps"},
    {.name = NULL},
};

static int this_rank; /* a plugin is not told; a test may know */

static struct seen {
    double sum;
    int64_t steps;
    int begun, ended, epochs_begun, epochs_ended;
    ls_status status;
} seen;

static ls_status begin(struct ls_custom_callback_call *call)
{
    seen = (struct seen){.begun = 1};
    CHECK_INT(call->count, 0);
    CHECK_INT(call->first_rank, this_rank == 0);
    return LS_OK;
}

static ls_status epoch_begin(struct ls_custom_callback_call *call)
{
    CHECK_INT(call->step, 0);
    CHECK_INT(call->epoch, seen.epochs_begun++);
    return LS_OK;
}

static ls_status step_end(struct ls_custom_callback_call *call)
{
    CHECK_INT(call->iteration, ++seen.steps);
    CHECK_TEXT(call->names[0], "loss");
    CHECK_TEXT(call->names[1], "over_bids");
    CHECK_INT(call->count, 2);
    seen.sum += call->loss + call->learning_rate + call->values[0] + call->values[1];
    call->state[0] += call->loss;
    call->stop =
        this_rank == (int)call->option[ASK] && call->iteration == (int64_t)call->option[AT];
    if (this_rank != (int)call->option[FAIL] || call->iteration != (int64_t)call->option[AT])
        return LS_OK;
    snprintf(call->message, LS_CUSTOM_MESSAGE, "had enough");
    return LS_CANNOT_WRITE;
}

static ls_status epoch_end(struct ls_custom_callback_call *call)
{
    CHECK_INT(call->step, call->steps);
    CHECK_TEXT(call->names[2], "val_loss");
    CHECK_INT(call->count, 4);
    seen.sum += call->values[2];
    seen.epochs_ended++;
    return LS_OK;
}

static ls_status end(struct ls_custom_callback_call *call)
{
    seen.ended++;
    seen.status = call->status;
    return LS_OK;
}

static const struct ls_custom_callback witness = {
    .kind = {.name = "Witness", .options = witness_options},
    .state_doubles = 1,
    .on_train_begin = begin,
    .on_epoch_begin = epoch_begin,
    .on_step_end = step_end,
    .on_epoch_end = epoch_end,
    .on_train_end = end,
};
static const struct ls_custom_callback *const callbacks[] = {&witness, NULL};
static const struct ls_plugin witnesses = {
    .abi = LS_PLUGIN_ABI, .name = "witnesses", .callbacks = callbacks};

/* -- training */

struct result {
    ls_status status;
    uint64_t hash;
    double loss;
};

static struct result train(struct ls_comm *comm, const char *callback, int64_t replicas)
{
    struct result result = {0};
    struct ls_model *model = NULL;
    struct ls_data *data = NULL;
    struct ls_evaluation evaluation = {0};
    char options[256];
    this_rank = ls_comm_rank(comm);
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [5]"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 7, activation: tanh"));
    CHECK_OK(ls_layer_add(model, "AxisScale", "scale_initializer: {Constant: {value: 0.5}}"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 1"));
    CHECK_OK(ls_layer_add(model, "AxisScale", NULL));
    CHECK_OK(ls_model_compile(model, "optimizer: adam, loss: {PriceIsRight: {over: 3}}, "
                                     "metrics: [over_bids]"));
    CHECK_OK(ls_data_from_arrays(
        &data, &(struct ls_data_arrays){
                   .samples = SAMPLES, .x = x, .x_size = FEATURES, .y = y, .y_size = 1}));
    snprintf(options, sizeof options, "epochs: 3, batch_size: 16, seed: 2, callbacks: [%s]",
             callback);
    result.status = ls_model_fit(
        model, comm,
        &(struct ls_fit){
            .options = options, .replicas = replicas, .train = data, .validation = data});
    CHECK_OK(ls_model_hash(model, &result.hash));
    CHECK_OK(ls_model_evaluate(model, comm, data, &evaluation));
    result.loss = evaluation.values[0];
    ls_evaluation_release(&evaluation);
    ls_data_free(data);
    ls_model_free(model);
    return result;
}

/* -- checks */

/* One process first; then ranks, each to its bits. */
static void check_bits(void)
{
    struct result wanted = {0};
    double sum = 0;
    for (int ranks = 1; ranks <= RANKS; ranks++) {
        struct ls_comm *comm = check_part(ranks, &(struct ls_comm_test){0});
        if (!comm)
            continue;
        struct result found = train(comm, "Witness", RANKS);
        CHECK_INT(found.status, LS_OK);
        CHECK_INT(seen.steps, 12);
        CHECK_INT(seen.epochs_begun, 3);
        CHECK_INT(seen.epochs_ended, 3);
        CHECK_INT(seen.ended, 1);
        CHECK_INT(seen.status, LS_OK);
        if (ranks == 1)
            wanted = found, sum = seen.sum;
        if (ls_comm_rank(comm) == 0) {
            CHECK_THAT(found.hash == wanted.hash,
                       "%d ranks: hash %016" PRIx64 ", expected %016" PRIx64, ranks, found.hash,
                       wanted.hash);
            CHECK_THAT(memcmp(&found.loss, &wanted.loss, sizeof found.loss) == 0,
                       "%d ranks: loss %.17g, expected %.17g", ranks, found.loss, wanted.loss);
            CHECK_THAT(memcmp(&seen.sum, &sum, sizeof sum) == 0,
                       "%d ranks: the callback saw %.17g, expected %.17g", ranks, seen.sum, sum);
        }
        double all[RANKS];
        ls_comm_allgather(comm, all, &seen.sum, sizeof seen.sum);
        for (int r = 0; r < ranks; r++)
            CHECK_THAT(memcmp(&all[r], &all[0], sizeof all[r]) == 0,
                       "rank %d saw %.17g, rank 0 %.17g", r, all[r], all[0]);
        ls_comm_free(comm);
    }
}

/* Rank 0's wish is everybody's; another rank's is nobody's, and nobody waits for ever. */
static void check_stop(void)
{
    struct result result = train(check_world, "Witness: {ask: 0, at: 6}", RANKS);
    CHECK_INT(result.status, LS_OK);
    CHECK_INT(seen.steps, 6);
    CHECK_INT(seen.epochs_ended, 1);
    CHECK_INT(seen.ended, 1);
    result = train(check_world, "Witness: {ask: 2, at: 6}", RANKS);
    CHECK_INT(result.status, LS_OK);
    CHECK_INT(seen.steps, 12);
    CHECK_INT(seen.epochs_ended, 3);
}

static void check_failure(void)
{
    for (int rank = 0; rank < RANKS; rank += 3) {
        char callback[64];
        snprintf(callback, sizeof callback, "Witness: {fail: %d, at: 12}", rank);
        struct result result = train(check_world, callback, RANKS);
        CHECK_INT(result.status, LS_CANNOT_WRITE);
        CHECK_INT(seen.ended, 1);
        snprintf(callback, sizeof callback, "Witness: {fail: %d}", rank);
        result = train(check_world, callback, RANKS);
        CHECK_INT(result.status, LS_CANNOT_WRITE);
        CHECK_HAS(ls_message(), "callback Witness: had enough");
        CHECK_INT(seen.ended, 1);
        CHECK_INT(seen.status, LS_CANNOT_WRITE);
    }
}

int main(void)
{
    CHECK_OK(ls_comm_create(&check_world));
    CHECK_OK(ls_plugin_register(&lockstep_plugin));
    CHECK_OK(ls_plugin_register(&witnesses));
    for (size_t i = 0; i < SAMPLES * FEATURES; i++)
        x[i] = (float)(i * 37 % 101) / 101;
    for (size_t i = 0; i < SAMPLES; i++)
        y[i] = x[i * FEATURES] + 0.5F * x[i * FEATURES + 1] - 0.3F * x[i * FEATURES + 4];
    check_bits();
    check_stop();
    check_failure();
    return check_end();
}
