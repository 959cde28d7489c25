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

/* The loss of price_is_right_net is that of tests/examples/price_is_right.c. */
static const char *const models[] = {
    "linear_gd",          "perceptron_and",    "perceptron_or",     "perceptron_xor",
    "excel_net",          "relu_softmax",      "seq_classifier",    "house_price",
    "metrics_binary",     "regularized_leaky", "functional_concat", "binary_functional",
    "siamese_shared",     "residual_mlp",      "activations_zoo",   "mnist_mlp",
    "price_is_right_net", "lstm_seq",          "rnn_seq",           "siamese_nested",
    "bilstm_tag",         "tiny_transformer",  "cnn_digits",        "cnn_mnist_bn",
    "residual_cnn",       "frozen_nested",     "gru_text",          "multi_io",
    "conv1d_seq",         "conv_zoo",          "masked_graph",
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

enum { TENSORS = 4, NAME = 128 };

/* A group's datasets, by name; their columns are freed with the reference. */
struct tensors {
    char name[TENSORS][NAME];
    float *value[TENSORS];
    size_t size[TENSORS]; /* of a sample */
    size_t count, samples;
};

static void read_tensors(struct tensors *tensors, hid_t file, const char *group)
{
    H5G_info_t info;
    H5Gget_info_by_name(file, group, &info, H5P_DEFAULT);
    for (size_t i = 0; i < info.nlinks && i < TENSORS; i++) {
        char path[2 * NAME];
        size_t count;
        H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC, i, tensors->name[i], NAME,
                           H5P_DEFAULT);
        snprintf(path, sizeof path, "%s/%s", group, tensors->name[i]);
        tensors->value[i] = read_floats(file, path, &count, &tensors->samples);
        tensors->size[i] = count / tensors->samples;
        tensors->count++;
    }
}

static void free_tensors(struct tensors *tensors)
{
    for (size_t i = 0; i < tensors->count; i++)
        free(tensors->value[i]);
}

struct reference {
    struct tensors x, y, predicted;
    hid_t file;
};

static void open_reference(struct reference *reference, const char *name)
{
    char path[512];
    *reference = (struct reference){0};
    snprintf(path, sizeof path, "%s/reference/%s_ref.h5", TEST_DIRECTORY, name);
    reference->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    read_tensors(&reference->x, reference->file, "/x");
    read_tensors(&reference->y, reference->file, "/y");
    read_tensors(&reference->predicted, reference->file, "/pred");
}

static void close_reference(struct reference *reference)
{
    H5Fclose(reference->file);
    free_tensors(&reference->x);
    free_tensors(&reference->y);
    free_tensors(&reference->predicted);
}

/* x and y where there is one, else as the model names them. */
static struct ls_data *reference_data(const struct reference *reference)
{
    struct ls_data *data = NULL;
    struct ls_data_array arrays[2 * TENSORS];
    size_t count = 0;
    for (int target = 0; target < 2; target++) {
        const struct tensors *t = target ? &reference->y : &reference->x;
        for (size_t i = 0; i < t->count; i++)
            arrays[count++] = (struct ls_data_array){t->count > 1 ? t->name[i]
                                                     : target     ? "y"
                                                                  : "x",
                                                     t->value[i], t->size[i]};
    }
    CHECK_OK(ls_data_from_columns(&data, (int64_t)reference->x.samples, arrays, count));
    return data;
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

/* GROUP/INDEX, or NULL where it has other than `count` numbers. */
static float *read_variable(hid_t file, const char *group, size_t index, size_t count)
{
    char path[64];
    size_t found;
    snprintf(path, sizeof path, "%s/%zu", group, index);
    float *values = read_floats(file, path, &found, NULL);
    if (found == count)
        return values;
    free(values);
    return NULL;
}

/* A gradient that is 0, or nearly so, but for rounding (of a bias that BatchNormalization takes
 * away again) moves an adaptive optimizer by a noise that may be as large as its learning rate:
 * such elements are passed over, `found` becomes `wanted`. */
static void pass_over_noise(float *found, const float *wanted, const float *gradient, size_t n)
{
    static const float noise = 1e-6F;
    for (size_t i = 0; gradient && i < n; i++)
        if (gradient[i] != 0 && fabsf(gradient[i]) < noise)
            found[i] = wanted[i];
}

/* The model's weights in Keras' order against GROUP/0, GROUP/1, ...; with `before` (the weights
 * before a step of size 1) the gradient that made the step, of those that train. */
static double weights_gap(const struct ls_model *model, const float *before, hid_t file,
                          const char *group)
{
    double largest = 0;
    size_t index = 0, trained = 0;
    for (size_t l = 0; l < model->layers; l++)
        for (size_t v = 0; v < model->layer[l]->variables; v++) {
            const struct ls_variable *variable = &model->layer[l]->variable[v];
            bool trains = model->layer[l]->trainable && variable->trainable;
            float *values = model->weights + variable->offset;
            size_t count = ls_variable_count(variable);
            if (before && !trains)
                continue;
            float *wanted = read_variable(file, group, index++, count);
            float *gradient = trains ? read_variable(file, "/grad", trained++, count) : NULL;
            for (size_t i = 0; before && i < count; i++)
                values[i] = before[variable->offset + i] - values[i];
            if (!before && wanted)
                pass_over_noise(values, wanted, gradient, count);
            largest = fmax(largest, wanted ? largest_gap(values, wanted, count) : INFINITY);
            free(wanted);
            free(gradient);
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
        if (strstr(class_name->text, "Dropout"))
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
    CHECK_THAT(ls_model_from_keras(&model, config) == LS_OK &&
                   ls_model_make_weights(model) == LS_OK,
               "%s: %s", name, ls_message());
    memcpy(model->weights, file.model->weights, model->floats * sizeof(float));
    model->initialized = true;
    ls_tree_copy(&model->compile, file.compile ? file.compile : file.model->compile);
    /* others are tested on their own */
    ls_tree_set_path(model->compile, "metrics", model->outputs == 1 ? "[accuracy]" : "null");
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
static struct ls_model *train(struct ls_comm *comm, struct ls_model *model,
                              const struct reference *reference, int steps, struct losses *losses)
{
    char options[128];
    struct ls_data *data = reference_data(reference);
    if (!model)
        return NULL;
    snprintf(options, sizeof options, "batch_size: %zu, epochs: %d, shuffle: false",
             reference->x.samples, steps);
    losses->count = 0;
    ls_status status = ls_model_fit(
        model, comm,
        &(struct ls_fit){.options = options, .train = data, .on_epoch = note_loss, .user = losses});
    CHECK_THAT(status == LS_OK, "%s: %s", model->name, ls_message());
    ls_data_free(data);
    return model;
}

static const struct tensors *find_tensor(const struct tensors *tensors, const char *name, size_t *i)
{
    for (*i = 0; *i < tensors->count; ++*i)
        if (tensors->count == 1 || strcmp(tensors->name[*i], name) == 0)
            return tensors;
    return NULL;
}

static double check_prediction(const char *name, const struct reference *reference)
{
    struct ls_model *model = open_model(name);
    const float *input[TENSORS];
    float *output[TENSORS];
    double largest = 0;
    size_t i;
    if (!model)
        return INFINITY;
    for (size_t k = 0; k < model->inputs; k++)
        input[k] =
            find_tensor(&reference->x, model->input_name[k], &i) ? reference->x.value[i] : NULL;
    for (size_t k = 0; k < model->outputs; k++)
        output[k] = calloc(ls_model_output_size(model, k) * reference->x.samples, sizeof(float));
    CHECK_THAT(ls_model_predict_all(model, input, (int64_t)reference->x.samples, output) == LS_OK,
               "%s: %s", name, ls_message());
    for (size_t k = 0; k < model->outputs; k++) {
        size_t size = ls_model_output_size(model, k);
        const struct tensors *t = find_tensor(&reference->predicted, model->output_name[k], &i);
        double gap = t && t->size[i] == size
                         ? largest_gap(output[k], t->value[i], size * t->samples)
                         : INFINITY;
        CHECK_THAT(gap <= tolerance, "%s: predictions of %s differ by %g", name,
                   model->output_name[k], gap);
        largest = fmax(largest, gap);
        free(output[k]);
    }
    ls_model_free(model);
    return largest;
}

/* The gradient, from a step of plain descent by 1. */
static double gradient_gap(struct ls_comm *comm, const char *name,
                           const struct reference *reference)
{
    struct losses losses;
    struct ls_model *model = open_model(name);
    if (!model)
        return INFINITY;
    float *before = malloc(model->floats * sizeof *before);
    memcpy(before, model->weights, model->floats * sizeof *before);
    ls_tree_set_path(model->compile, "optimizer", "{SGD: {learning_rate: 1.0}}");
    train(comm, model, reference, 1, &losses);
    double gap = weights_gap(model, before, reference->file, "/grad");
    CHECK_THAT(gap <= tolerance, "%s: gradients differ by %g", name, gap);
    ls_model_free(model);
    free(before);
    return gap;
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
    double gap[2] = {NAN, NAN};
    open_reference(&reference, name);
    double predicted = check_prediction(name, &reference);
    double gradient = gradient_gap(comm, name, &reference);
    for (int i = 0; i < 2; i++) {
        struct ls_model *model = train(comm, open_model(name), &reference, i ? 5 : 1, &losses);
        if (model)
            gap[i] = weights_gap(model, NULL, reference.file, i ? "/w5" : "/w1");
        ls_model_free(model);
        CHECK_THAT(gap[i] <= tolerance, "%s: weights after %d steps differ by %g", name, i ? 5 : 1,
                   gap[i]);
    }
    ls_model_free(train(comm, open_model(name), &reference, 6, &losses));
    check_losses(name, &reference, &losses);
    if (ls_comm_rank(comm) == 0)
        printf("%-18s %d ranks: prediction %.1e, gradient %.1e, weights after 1 step %.1e, after 5 "
               "steps %.1e\n",
               name, ls_comm_size(comm), predicted, gradient, gap[0], gap[1]);
    close_reference(&reference);
}

int main(void)
{
    CHECK_OK(ls_comm_create(&check_world));
    CHECK_OK(ls_plugin_register(&lockstep_plugin));
    const int first = getenv("TESTS_SANITIZED") ? 3 : 1; /* all is several times slower then */
    for (int ranks = first; ranks <= 3; ranks++) {
        struct ls_comm *comm = check_part(ranks, &(struct ls_comm_test){0});
        for (size_t m = 0; comm && m < sizeof models / sizeof *models; m++)
            check_model(comm, models[m]);
        ls_comm_free(comm);
    }
    return check_end();
}
