/* The guides' models against Keras' own numbers: predictions, losses before each of six steps, and
 * the weights after one and after five steps, at 1, 2 and 3 ranks. tests/reference/README.md says
 * where the files come from. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lockstep/lockstep.h"
#include "model/graph.h"
#include "train/open_model.h"

/* Keras' numbers and ours agree to a few float32 roundings of values around 1. */
static const double tolerance = 1e-5;

static const char *const models[] = {
    "linear_gd",    "perceptron_and", "perceptron_or", "perceptron_xor", "excel_net",
    "relu_softmax", "seq_classifier", "house_price",   "metrics_binary", "regularized_leaky",
};

/* -- the reference file */

/* A dataset as float32; *count elements, *rows of them along the first axis. */
static float *read_floats(hid_t file, const char *name, size_t *count, size_t *rows)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(dataset);
    hsize_t sizes[H5S_MAX_RANK] = {1};
    int rank = H5Sget_simple_extent_dims(space, sizes, NULL);
    *count = (size_t)H5Sget_simple_extent_npoints(space);
    if (rows)
        *rows = rank > 0 ? (size_t)sizes[0] : 1;
    float *values = calloc(*count + 1, sizeof *values);
    H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Sclose(space);
    H5Dclose(dataset);
    return values;
}

/* The one dataset of a group. */
static float *read_only_member(hid_t file, const char *group, size_t *count, size_t *rows)
{
    char name[256], path[512];
    H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC, 0, name, sizeof name, H5P_DEFAULT);
    snprintf(path, sizeof path, "%s/%s", group, name);
    return read_floats(file, path, count, rows);
}

struct reference {
    float *x, *y, *predicted;
    size_t samples, x_size, y_size, predicted_size;
    hid_t file;
};

static void open_reference(struct reference *reference, const char *name)
{
    char path[512];
    size_t count, rows;
    snprintf(path, sizeof path, "%s/reference/%s_ref.h5", TEST_DIRECTORY, name);
    reference->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    reference->x = read_only_member(reference->file, "/x", &count, &rows);
    reference->samples = rows;
    reference->x_size = count / rows;
    reference->y = read_only_member(reference->file, "/y", &count, &rows);
    reference->y_size = count / rows;
    reference->predicted = read_only_member(reference->file, "/pred", &count, &rows);
    reference->predicted_size = count;
}

static void close_reference(struct reference *reference)
{
    H5Fclose(reference->file);
    free(reference->x);
    free(reference->y);
    free(reference->predicted);
}

/* -- comparing */

static double largest_gap(const float *a, const float *b, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double gap = fabs((double)a[i] - (double)b[i]) / fmax(1.0, fabs((double)b[i]));
        if (!(gap <= largest))
            largest = gap;
    }
    return largest;
}

/* The model's weights in Keras' order against GROUP/0, GROUP/1, ... */
static double weights_gap(const struct ls_model *model, hid_t file, const char *group)
{
    double largest = 0;
    size_t index = 0;
    for (size_t l = 0; l < model->layers; l++)
        for (size_t v = 0; v < model->layer[l]->variables; v++, index++) {
            const struct ls_variable *variable = &model->layer[l]->variable[v];
            char path[64];
            size_t count;
            snprintf(path, sizeof path, "%s/%zu", group, index);
            float *wanted = read_floats(file, path, &count, NULL);
            double gap = count == ls_variable_count(variable)
                             ? largest_gap(model->weights + variable->offset, wanted, count)
                             : INFINITY;
            largest = fmax(largest, gap);
            free(wanted);
        }
    return largest;
}

/* -- one model */

/* Keras' numbers are without dropout. */
static void switch_dropout_off(struct ls_tree *config)
{
    struct ls_tree *layers = (struct ls_tree *)ls_tree_find_path(config, "config.layers");
    for (struct ls_tree *layer = layers->child; layer; layer = layer->next) {
        const struct ls_tree *class_name = ls_tree_find(layer, "class_name");
        if (strcmp(class_name->text, "Dropout") == 0)
            ls_tree_set_path(layer, "config.rate", "0.0");
    }
}

/* The model of a Keras file, without dropout, with its weights and its compile state. */
static struct ls_model *open_model(const char *name)
{
    char path[512];
    struct ls_checkpoint file;
    struct ls_model *model = NULL;
    struct ls_tree *config = NULL;
    snprintf(path, sizeof path, "%s/reference/%s.h5", TEST_DIRECTORY, name);
    ls_status status = ls_model_open(&file, path);
    CHECK_THAT(status == LS_OK, "%s: %s", path, ls_message());
    if (status != LS_OK)
        return NULL;
    ls_model_to_keras(file.model, &config);
    switch_dropout_off(config);
    CHECK_THAT(ls_model_from_keras(&model, config) == LS_OK && ls_model_build(model) == LS_OK,
               "%s: %s", name, ls_message());
    memcpy(model->weights, file.model->weights, model->floats * sizeof(float));
    model->initialized = true;
    ls_tree_copy(&model->compile, file.compile ? file.compile : file.model->compile);
    ls_tree_set_path(model->compile, "metrics", "[accuracy]"); /* others are tested on their own */
    ls_tree_free(config);
    ls_checkpoint_release(&file);
    return model;
}

struct losses {
    double value[8];
    size_t count;
};

static ls_status note_loss(void *user, int64_t epoch, const char *const *names,
                           const double *values, size_t count)
{
    struct losses *losses = user;
    (void)epoch, (void)names, (void)count;
    losses->value[losses->count++] = values[0];
    return LS_OK;
}

/* `steps` steps on the whole batch, from the file's weights. */
static struct ls_model *train(struct ls_comm *comm, const char *name,
                              const struct reference *reference, int steps, struct losses *losses)
{
    char options[128];
    struct ls_data *data = NULL;
    struct ls_model *model = open_model(name);
    if (!model)
        return NULL;
    ls_data_from_arrays(&data, &(struct ls_data_arrays){.samples = (int64_t)reference->samples,
                                                        .x = reference->x,
                                                        .x_size = reference->x_size,
                                                        .y = reference->y,
                                                        .y_size = reference->y_size});
    snprintf(options, sizeof options, "batch_size: %zu, epochs: %d, shuffle: false",
             reference->samples, steps);
    losses->count = 0;
    ls_status status = ls_model_fit(
        model, comm,
        &(struct ls_fit){.options = options, .train = data, .on_epoch = note_loss, .user = losses});
    CHECK_THAT(status == LS_OK, "%s: %s", name, ls_message());
    ls_data_free(data);
    return model;
}

static void check_prediction(const char *name, const struct reference *reference)
{
    struct ls_model *model = open_model(name);
    if (!model)
        return;
    size_t size = ls_model_output_size(model, 0) * reference->samples;
    float *out = calloc(size, sizeof *out);
    CHECK_THAT(size == reference->predicted_size, "%s: %zu predictions, not %zu", name, size,
               reference->predicted_size);
    CHECK_THAT(ls_model_predict(model, reference->x, (int64_t)reference->samples, out) == LS_OK,
               "%s: %s", name, ls_message());
    double gap = largest_gap(out, reference->predicted, size);
    CHECK_THAT(gap <= tolerance, "%s: predictions differ by %g", name, gap);
    free(out);
    ls_model_free(model);
}

static void check_losses(const char *name, const struct reference *reference,
                         const struct losses *losses)
{
    hid_t dataset = H5Dopen2(reference->file, "/loss", H5P_DEFAULT);
    double wanted[6];
    H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, wanted);
    H5Dclose(dataset);
    for (size_t i = 0; i < 6; i++)
        CHECK_THAT(fabs(losses->value[i] - wanted[i]) <= tolerance * fmax(1, fabs(wanted[i])),
                   "%s: loss before step %zu is %.9g, Keras has %.9g", name, i + 1,
                   losses->value[i], wanted[i]);
}

static void check_model(struct ls_comm *comm, const char *name)
{
    struct reference reference;
    struct losses losses = {0};
    double gap[2] = {0};
    open_reference(&reference, name);
    check_prediction(name, &reference);
    for (int i = 0; i < 2; i++) {
        struct ls_model *model = train(comm, name, &reference, i ? 5 : 1, &losses);
        if (model)
            gap[i] = weights_gap(model, reference.file, i ? "/w5" : "/w1");
        ls_model_free(model);
        CHECK_THAT(gap[i] <= tolerance, "%s: weights after %d steps differ by %g", name, i ? 5 : 1,
                   gap[i]);
    }
    ls_model_free(train(comm, name, &reference, 6, &losses));
    check_losses(name, &reference, &losses);
    if (ls_comm_rank(comm) == 0)
        printf("%-18s %d ranks: weights after 1 step %.1e, after 5 steps %.1e\n", name,
               ls_comm_size(comm), gap[0], gap[1]);
    close_reference(&reference);
}

int main(void)
{
    CHECK_OK(ls_comm_create(&check_world));
    for (int ranks = 1; ranks <= 3; ranks++) {
        struct ls_comm *comm = check_part(ranks, &(struct ls_comm_test){0});
        for (size_t m = 0; comm && m < sizeof models / sizeof *models; m++)
            check_model(comm, models[m]);
        ls_comm_free(comm);
    }
    return check_end();
}
