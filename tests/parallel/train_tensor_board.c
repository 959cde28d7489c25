/* TensorBoard at 1 to 4 ranks: the same events but for the times, with the counts of a confusion
 * matrix over all validation samples and the gradients of all replicas. */
#include <unistd.h>

#include "check.h"
#include "lockstep/lockstep.h"

#define assert_true      CHECK
#define assert_int_equal CHECK_INT
#define assert_non_null  CHECK
#include "unit/events_reader.h"

enum { SAMPLES = 700, FEATURES = 3, REPLICAS = 4 }; /* validation in three blocks */

static float x[SAMPLES * FEATURES];
static float y[SAMPLES];

static struct ls_data *make_data(void)
{
    struct ls_data *data = NULL;
    CHECK_OK(ls_data_from_arrays(
        &data, &(struct ls_data_arrays){
                   .samples = SAMPLES, .x = x, .x_size = FEATURES, .y = y, .y_size = 1}));
    return data;
}

static void train(struct ls_comm *comm, const char *directory)
{
    struct ls_model *model = NULL;
    struct ls_data *data = make_data(), *validation = make_data();
    char options[256];
    snprintf(options, sizeof options,
             "epochs: 2, batch_size: 50, callbacks: [{TensorBoard: {log_dir: %s, update_freq: 3, "
             "histogram_freq: 1, confusion_matrix: true, write_images: true}}]",
             directory);
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [3]"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 9, activation: tanh"));
    CHECK_OK(ls_layer_add(model, "BatchNormalization", ""));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 4, activation: softmax"));
    CHECK_OK(ls_model_compile(model, "optimizer: adam, loss: sparse_categorical_crossentropy, "
                                     "metrics: [accuracy]"));
    CHECK_OK(ls_model_fit(
        model, comm,
        &(struct ls_fit){
            .options = options, .replicas = REPLICAS, .train = data, .validation = validation}));
    ls_data_free(data);
    ls_data_free(validation);
    ls_model_free(model);
}

/* But for the wall time, which is first. */
static void compare(const char *one, const char *other, const char *part)
{
    enum { WALL_TIME = 9 };
    static struct records a, b;
    char path[2][128];
    snprintf(path[0], sizeof path[0], "%s/%s", one, part);
    snprintf(path[1], sizeof path[1], "%s/%s", other, part);
    read_directory(&a, path[0]);
    read_directory(&b, path[1]);
    CHECK(a.count > 8);
    CHECK_INT(b.count, a.count);
    for (size_t i = 0; i < a.count && i < b.count; i++) {
        struct bytes mine = a.record[i], theirs = b.record[i];
        CHECK_THAT(mine.length == theirs.length &&
                       memcmp(mine.data + WALL_TIME, theirs.data + WALL_TIME,
                              mine.length - WALL_TIME) == 0,
                   "event %zu of %s differs in %s and %s", i, part, one, other);
    }
}

int main(void)
{
    struct ls_comm *comm[5] = {0};
    char scratch[32] = "/tmp/lockstep-board-XXXXXX", directory[5][64], command[64];
    CHECK_OK(ls_comm_create(&check_world));
    if (ls_comm_rank(check_world) == 0)
        CHECK(mkdtemp(scratch));
    ls_comm_broadcast(check_world, scratch, sizeof scratch, 0);
    for (int i = 0; i < SAMPLES * FEATURES; i++)
        x[i] = (float)((i * 37) % 101) / 50 - 1;
    for (int i = 0; i < SAMPLES; i++)
        y[i] = (float)((x[i * FEATURES] > 0) + 2 * (x[i * FEATURES + 1] > x[i * FEATURES + 2]));
    for (int ranks = 1; ranks <= 4; ranks++) {
        comm[ranks] = check_part(ranks, &(struct ls_comm_test){0});
        snprintf(directory[ranks], sizeof directory[ranks], "%s/%d", scratch, ranks);
        if (comm[ranks])
            train(comm[ranks], directory[ranks]);
        ls_comm_barrier(check_world);
        if (ls_comm_rank(check_world) != 0)
            continue;
        compare(directory[1], directory[ranks], "train");
        compare(directory[1], directory[ranks], "validation");
    }
    for (int ranks = 1; ranks <= 4; ranks++)
        ls_comm_free(comm[ranks]);
    if (ls_comm_rank(check_world) == 0) {
        snprintf(command, sizeof command, "rm -r %s", scratch);
        CHECK_INT(system(command), 0);
    }
    return check_end();
}
