/* Promise 1: the weights after training are the same bits at any number of ranks, for every
 * optimizer, with dropout, regularizers and short last batches, for replicas that fit the ranks and
 * replicas that do not. Promise 2: up to rounding, they do not depend on the replicas either,
 * unless statistics are to be those of each replica. */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "check.h"
#include "lockstep/lockstep.h"
#include "model/graph.h"

enum { SAMPLES = 103, FEATURES = 12, CLASSES = 5, REPLICAS_MAX = 6 };

static float x[SAMPLES * FEATURES], y[SAMPLES], pair[SAMPLES * 4], weight[SAMPLES * 2];
static float series[SAMPLES * FEATURES]; /* x, with steps of zeros: masked */
static float words[SAMPLES * 4];         /* whole numbers below 9 */

enum shape {
    ROW,
    LOSSES,            /* an output for each of several losses; the same weights */
    SEVERAL,           /* two outputs, with weights by sample and by position */
    MASKED,            /* an output a step, some of them masked */
    STEPS,             /* recurrent layers on them */
    WORDS,             /* the same of whole numbers, 0 being masked */
    IMAGE,             /* convolutions */
    POOLED,            /* windows over images, and images made larger and smaller */
    NOISY,             /* small images, through all that draws random numbers by sample */
    NORMALIZED,        /* by the batch's statistics, by one layer in two places too */
    NORMALIZED_MASKED, /* without what is masked */
    HELD,              /* weights with constraints and penalties on whole matrices */
};

struct recipe {
    const char *name, *compile, *fit;
    enum shape shape;
};

static const struct recipe recipes[] = {
    {"sgd", "optimizer: {SGD: {learning_rate: 0.1}}, loss: sparse_categorical_crossentropy",
     "epochs: 2, batch_size: 10, seed: 3", ROW},
    {"momentum",
     "optimizer: {SGD: {learning_rate: 0.1, momentum: 0.9, nesterov: true}}, "
     "loss: sparse_categorical_crossentropy, metrics: [accuracy]",
     "epochs: 2, batch_size: 32, seed: 4, verify: 1", ROW},
    {"adam", "optimizer: adam, loss: categorical_crossentropy, metrics: [accuracy, mse]",
     "epochs: 2, batch_size: 16, seed: 5", ROW},
    {"amsgrad", "optimizer: {Adam: {amsgrad: true}}, loss: mse", "epochs: 1, batch_size: 103", ROW},
    {"rmsprop",
     "optimizer: {RMSprop: {momentum: 0.5, centered: true}}, loss: categorical_crossentropy",
     "epochs: 2, batch_size: 50, shuffle: false", ROW},
    {"clipped by variable, decayed, accumulated",
     "optimizer: {AdamW: {clipnorm: 0.1, gradient_accumulation_steps: 3}}, "
     "loss: categorical_crossentropy",
     "epochs: 2, batch_size: 10, seed: 3", ROW},
    {"clipped as a whole, averaged",
     "optimizer: {Nadam: {global_clipnorm: 0.3, use_ema: true, ema_overwrite_frequency: 4}}, "
     "loss: categorical_crossentropy",
     "epochs: 2, batch_size: 10, seed: 3", ROW},
    {"all around the step",
     "optimizer: {Ftrl: {learning_rate: 0.1, learning_rate_power: -0.6, clipvalue: 0.1, "
     "weight_decay: 0.1, use_ema: true, ema_momentum: 0.75, gradient_accumulation_steps: 4}}, "
     "loss: categorical_crossentropy",
     "epochs: 2, batch_size: 16, seed: 3", ROW},
    {"lamb", "optimizer: lamb, loss: categorical_crossentropy",
     "epochs: 2, batch_size: 16, seed: 5", ROW},
    {"lars", "optimizer: {LARS: {weight_decay: 0.01}}, loss: categorical_crossentropy",
     "epochs: 2, batch_size: 16, seed: 5", ROW},
    {"muon", "optimizer: {Muon: {exclude_layers: [dense_2]}}, loss: categorical_crossentropy",
     "epochs: 2, batch_size: 16, seed: 5", ROW},
    {"by a schedule, held, classes weighed",
     "optimizer: {Adam: {learning_rate: {CosineDecayRestarts: {initial_learning_rate: 0.01, "
     "first_decay_steps: 4, t_mul: 1.5}}, use_ema: true, ema_overwrite_frequency: 5}}, "
     "loss: sparse_categorical_crossentropy, weighted_metrics: [accuracy]",
     "epochs: 2, batch_size: 16, seed: 5, class_weight: {1: 3.5, 4: 0.25}, "
     "scale_learning_rate: {base_batch_size: 4, warmup_epochs: 1.5}",
     HELD},
    {"warm, held, classes balanced",
     "optimizer: {SGD: {learning_rate: {CosineDecay: {initial_learning_rate: 0.01, decay_steps: 9, "
     "warmup_target: 0.2, warmup_steps: 5}}, gradient_accumulation_steps: 3}}, "
     "loss: sparse_categorical_crossentropy",
     "epochs: 2, batch_size: 10, seed: 6, class_weight: balanced", HELD},
    {"tiny batch", "optimizer: adam, loss: categorical_crossentropy",
     "epochs: 1, batch_size: 3, seed: 6", ROW},
    {"two outputs",
     "optimizer: adam, loss: {kind: ce, pair: {Huber: {delta: 0.5}}}, loss_weights: {pair: 0.3}, "
     "metrics: {kind: accuracy}, weighted_metrics: [[accuracy, mse], mae]",
     "epochs: 2, batch_size: 16, seed: 7", SEVERAL},
    {"losses",
     "optimizer: adam, loss: {kind: {SparseCategoricalCrossentropy: {ignore_class: 2}}, "
     "far: {KLDivergence: {reduction: mean_with_sample_weight}}, sides: binary_focal_crossentropy, "
     "focal: {CategoricalFocalCrossentropy: {alpha: [0.1, 0.2, 0.3, 0.4, 0.5]}}, "
     "wrong: {CategoricalGeneralizedCrossEntropy: {q: 0.6}}, margin: categorical_hinge, "
     "count: poisson, logarithm: msle, pair: {CosineSimilarity: "
     "{reduction: mean_with_sample_weight}}}, "
     "metrics: {kind: sparse_categorical_crossentropy, pair: RootMeanSquaredError}",
     "epochs: 2, batch_size: 10, seed: 7", LOSSES},
    {"masked, mean by weights",
     "optimizer: adam, loss: {LogCosh: {reduction: mean_with_sample_weight}}",
     "epochs: 1, batch_size: 7, seed: 8", MASKED},
    {"masked", "optimizer: adam, loss: mse, metrics: [mae], weighted_metrics: [mse]",
     "epochs: 2, batch_size: 7, seed: 8", MASKED},
    {"recurrent", "optimizer: adam, loss: mse", "epochs: 2, batch_size: 11, seed: 9", STEPS},
    {"words", "optimizer: adam, loss: mse, metrics: [mae]", "epochs: 2, batch_size: 10, seed: 9",
     WORDS},
    {"image", "optimizer: adam, loss: sparse_categorical_crossentropy",
     "epochs: 2, batch_size: 11, seed: 10", IMAGE},
    {"pooled", "optimizer: adam, loss: sparse_categorical_crossentropy",
     "epochs: 2, batch_size: 11, seed: 11", POOLED},
    {"noise and augmentation", "optimizer: adam, loss: sparse_categorical_crossentropy",
     "epochs: 2, batch_size: 10, seed: 9", NOISY},
    {"normalized", "optimizer: adam, loss: categorical_crossentropy, metrics: [accuracy]",
     "epochs: 2, batch_size: 10, seed: 9, verify: 1", NORMALIZED},
    {"normalized, tiny batch", "optimizer: sgd, loss: categorical_crossentropy",
     "epochs: 1, batch_size: 4, seed: 9", NORMALIZED},
    {"normalized, masked", "optimizer: adam, loss: mse", "epochs: 2, batch_size: 9, seed: 10",
     NORMALIZED_MASKED},
    {"normalized by replica", "optimizer: adam, loss: categorical_crossentropy",
     "epochs: 2, batch_size: 10, seed: 9, verify: 1, batchnorm: replica", NORMALIZED},
    {"normalized by replica, masked", "optimizer: adam, loss: mse",
     "epochs: 1, batch_size: 9, seed: 10, batchnorm: replica", NORMALIZED_MASKED},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

static const char *const descriptions[] = {
    [SEVERAL] = "inputs: {x: {shape: [12]}}\n"
                "layers:\n"
                "  - Dense: {units: 33, activation: relu}\n"
                "  - Dropout: {rate: 0.3, name: shared}\n"
                "  - Dense: {units: 5, activation: softmax, name: kind}\n"
                "  - Dense: {units: 4, activation: tanh}\n"
                "    from: shared\n"
                "  - Reshape: {target_shape: [2, 2], name: pair}\n"
                "outputs: [kind, pair]\n",
    [LOSSES] = "inputs: {x: {shape: [12]}}\n"
               "layers:\n"
               "  - Dense: {units: 16, activation: tanh, name: shared}\n"
               "  - Dense: {units: 5, activation: softmax, name: kind}\n"
               "  - Dense: {units: 5, activation: softmax, name: far}\n"
               "    from: shared\n"
               "  - Dense: {units: 5, activation: sigmoid, name: sides}\n"
               "    from: shared\n"
               "  - Dense: {units: 5, activation: softmax, name: focal}\n"
               "    from: shared\n"
               "  - Dense: {units: 5, activation: softmax, name: wrong}\n"
               "    from: shared\n"
               "  - Dense: {units: 5, name: margin}\n"
               "    from: shared\n"
               "  - Dense: {units: 5, activation: softplus, name: count}\n"
               "    from: shared\n"
               "  - Dense: {units: 5, activation: softplus, name: logarithm}\n"
               "    from: shared\n"
               "  - Dense: {units: 4}\n"
               "    from: shared\n"
               "  - Reshape: {target_shape: [2, 2], name: pair}\n"
               "outputs: [kind, far, sides, focal, wrong, margin, count, logarithm, pair]\n",
    [MASKED] = "inputs: {x: {shape: [12]}}\n"
               "layers:\n"
               "  - Reshape: {target_shape: [4, 3]}\n"
               "  - Masking\n"
               "  - Dense: {units: 8, activation: tanh, name: a}\n"
               "  - Dense: {units: 8, activation: tanh, name: b}\n"
               "  - Add:\n"
               "    from: [a, b]\n"
               "  - TimeDistributed: {layer: {Dropout: {rate: 0.2}}}\n"
               "  - TimeDistributed: {layer: {Dense: {units: 1}}, name: steps}\n"
               "outputs: [steps]\n",
    [STEPS] = "inputs: {x: {shape: [12]}}\n"
              "layers:\n"
              "  - Reshape: {target_shape: [4, 3]}\n"
              "  - Masking\n"
              "  - SimpleRNN: {units: 7, return_sequences: true, dropout: 0.2}\n"
              "  - LSTM: {units: 6, return_sequences: true, return_state: true, name: lstm}\n"
              "  - LSTM: {units: 6, recurrent_dropout: 0.3, return_sequences: true}\n"
              "    from: [lstm, lstm:1, lstm:2]\n"
              "  - GRU: {units: 5, return_sequences: true, go_backwards: true}\n"
              "  - Bidirectional: {layer: {GRU: {units: 3, return_sequences: true, dropout: 0.2, "
              "activity_regularizer: l2}}, merge_mode: sum}\n"
              "  - Dense: {units: 1, name: steps}\n"
              "outputs: [steps]\n",
    [WORDS] = "inputs: {x: {shape: [4]}}\n"
              "layers:\n"
              "  - Embedding: {input_dim: 9, output_dim: 6, mask_zero: true, "
              "embeddings_regularizer: l2, name: words}\n"
              "  - MultiHeadAttention: {num_heads: 2, key_dim: 5, dropout: 0.25, use_gate: true, "
              "activity_regularizer: l2}\n"
              "    from: [words, words]\n"
              "    call: {use_causal_mask: true}\n"
              "  - Dense: {units: 8, activation: tanh}\n"
              "  - Dense: {units: 1, name: steps}\n"
              "outputs: [steps]\n",
    [IMAGE] =
        "inputs: {x: {shape: [12]}}\n"
        "layers:\n"
        "  - Reshape: {target_shape: [3, 4, 1]}\n"
        "  - Conv2D: {filters: 6, kernel_size: 3, padding: same, activation: relu, "
        "kernel_regularizer: l2}\n"
        "  - DepthwiseConv2D: {kernel_size: 2, depth_multiplier: 2}\n"
        "  - SeparableConv2D: {filters: 17, kernel_size: 2, padding: same, activation: silu}\n"
        "  - Conv2DTranspose: {filters: 4, kernel_size: 3, strides: 2, padding: same}\n"
        "  - Conv2D: {filters: 8, kernel_size: 3, strides: 2, groups: 2, activation: tanh}\n"
        "  - Reshape: {target_shape: [2, 8]}\n"
        "  - Conv1D: {filters: 4, kernel_size: 2, padding: causal}\n"
        "  - Flatten\n"
        "  - Dense: {units: 5, activation: softmax, name: y}\n"
        "outputs: [y]\n",
    [POOLED] =
        "inputs: {x: {shape: [12]}}\n"
        "layers:\n"
        "  - Reshape: {target_shape: [2, 6, 1]}\n"
        "  - Conv2D: {filters: 4, kernel_size: 2, padding: same, activation: relu}\n"
        "  - UpSampling2D: {size: [3, 1], interpolation: bilinear}\n"
        "  - ZeroPadding2D: {padding: [[1, 0], 1]}\n"
        "  - MaxPooling2D: {pool_size: 3, strides: 2, padding: same}\n"
        "  - Conv2D: {filters: 6, kernel_size: 2, padding: same}\n"
        "  - AveragePooling2D: {pool_size: 2, strides: 1, name: seen}\n"
        "  - MultiHeadAttention: {num_heads: 3, key_dim: 2, attention_axes: 2, name: pooled}\n"
        "    from: [seen, seen]\n"
        "  - GlobalMaxPooling2D: {name: max}\n"
        "  - GlobalAveragePooling2D: {name: mean}\n"
        "    from: pooled\n"
        "  - Concatenate:\n"
        "    from: [max, mean]\n"
        "  - Dense: {units: 5, activation: softmax, name: y}\n"
        "outputs: [y]\n",
    [NOISY] = "inputs: {x: {shape: [12]}}\n"
              "layers:\n"
              "  - Reshape: {target_shape: [2, 3, 2]}\n"
              "  - Dense: {units: 6}\n"
              "  - RandomFlip: {mode: horizontal}\n"
              "  - RandomTranslation: {height_factor: 0.2, width_factor: 0.3, seed: 5}\n"
              "  - RandomRotation: {factor: 0.1, fill_mode: constant}\n"
              "  - RandomZoom: {height_factor: 0.2, fill_mode: nearest}\n"
              "  - PReLU: {shared_axes: [1, 2]}\n"
              "  - SpatialDropout2D: {rate: 0.2}\n"
              "  - GaussianNoise: {stddev: 0.1}\n"
              "  - Reshape: {target_shape: [6, 6]}\n"
              "  - SpatialDropout1D: {rate: 0.2}\n"
              "  - Dropout: {rate: 0.2, noise_shape: [null, 6, 1]}\n"
              "  - Flatten\n"
              "  - GaussianDropout: {rate: 0.2}\n"
              "  - Dense: {units: 17, activation: selu}\n"
              "  - AlphaDropout: {rate: 0.1}\n"
              "  - Dense: {units: 5, activation: softmax, name: classes}\n"
              "outputs: [classes]\n",
    [NORMALIZED] = "inputs: {x: {shape: [12]}}\n"
                   "layers:\n"
                   "  - Dense: {units: 21, use_bias: false}\n"
                   "  - BatchNormalization: {momentum: 0.9, name: shared}\n"
                   "  - Activation: {activation: relu}\n"
                   "  - Dropout: {rate: 0.2}\n"
                   "  - Dense: {units: 21, use_bias: false}\n"
                   "  - apply: shared\n"
                   "    as: again\n"
                   "  - Reshape: {target_shape: [7, 3]}\n"
                   "  - BatchNormalization: {axis: 1, scale: false}\n"
                   "  - Flatten\n"
                   "  - Dense: {units: 5, activation: softmax, name: y}\n"
                   "outputs: [y]\n",
    [NORMALIZED_MASKED] = "inputs: {x: {shape: [12]}}\n"
                          "layers:\n"
                          "  - Reshape: {target_shape: [4, 3]}\n"
                          "  - Masking\n"
                          "  - Dense: {units: 8, activation: tanh}\n"
                          "  - BatchNormalization: {momentum: 0.8}\n"
                          "  - Dense: {units: 1, name: steps}\n"
                          "outputs: [steps]\n",
    [HELD] =
        "inputs: {x: {shape: [12]}}\n"
        "layers:\n"
        "  - Dense: {units: 33, activation: relu, kernel_constraint: {MaxNorm: {max_value: 1}}, "
        "bias_constraint: non_neg, "
        "kernel_regularizer: {OrthogonalRegularizer: {mode: columns}}}\n"
        "  - Dropout: {rate: 0.2}\n"
        "  - Dense: {units: 12, kernel_regularizer: orthogonal_regularizer, "
        "kernel_constraint: {MinMaxNorm: {min_value: 0.5, rate: 0.5, axis: 1}}}\n"
        "  - PReLU: {alpha_constraint: non_neg}\n"
        "  - Reshape: {target_shape: [2, 6, 1]}\n"
        "  - Conv2D: {filters: 3, kernel_size: 2, kernel_constraint: {UnitNorm: {axis: [0, 1, "
        "2]}}}\n"
        "  - Flatten\n"
        "  - Dense: {units: 5, activation: softmax, name: y}\n"
        "outputs: [y]\n",
};

static struct ls_model *make_graph(const struct recipe *recipe)
{
    const char *yaml = descriptions[recipe->shape];
    struct ls_model *model = NULL;
    struct ls_tree *tree = NULL;
    CHECK_OK(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL));
    CHECK_OK(ls_model_from_tree(&model, tree));
    model->source = tree;
    CHECK_OK(ls_model_compile(model, recipe->compile));
    return model;
}

static struct ls_data *make_arrays(enum shape shape)
{
    struct ls_data *data = NULL;
    if (shape == MASKED || shape == STEPS || shape == WORDS || shape == NORMALIZED_MASKED) {
        struct ls_data_array in = {"x", series, FEATURES};
        if (shape == WORDS)
            in = (struct ls_data_array){"x", words, 4};
        CHECK_OK(ls_data_from_columns(
            &data, SAMPLES,
            (const struct ls_data_array[]){in, {"y", pair, 4}, {"sample_weight", weight, 1}}, 3));
        return data;
    }
    if (shape == LOSSES) {
        const struct ls_data_array all[] = {{"x", x, FEATURES},
                                            {"kind", y, 1},
                                            {"far", y, 1},
                                            {"sides", y, 1},
                                            {"focal", y, 1},
                                            {"wrong", y, 1},
                                            {"margin", y, 1},
                                            {"count", y, 1},
                                            {"logarithm", y, 1},
                                            {"pair", pair, 4},
                                            {"pair_sample_weight", weight, 2},
                                            {"sample_weight", weight, 1}};
        CHECK_OK(ls_data_from_columns(&data, SAMPLES, all, sizeof all / sizeof *all));
        return data;
    }
    const struct ls_data_array array[] = {{"x", x, FEATURES},
                                          {shape == SEVERAL ? "kind" : "y", y, 1},
                                          {"pair", pair, 4},
                                          {"pair_sample_weight", weight, 2},
                                          {"sample_weight", weight, 1}};
    CHECK_OK(ls_data_from_columns(&data, SAMPLES, array, shape == SEVERAL ? 5 : 2));
    return data;
}

static struct ls_model *make_model(const char *compile)
{
    struct ls_model *model = NULL;
    CHECK_OK(ls_model_create(&model, NULL));
    CHECK_OK(ls_layer_add(model, "Input", "shape: [12]"));
    CHECK_OK(ls_layer_add(model, "Normalization", NULL));
    CHECK_OK(ls_layer_add(model, "Dense",
                          "units: 33, activation: relu, kernel_regularizer: {L2: {l2: 0.01}}, "
                          "activity_regularizer: {L1: {l1: 0.001}}"));
    CHECK_OK(ls_layer_add(model, "Dropout", "rate: 0.3"));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 17, activation: gelu"));
    CHECK_OK(ls_layer_add(model, "LeakyReLU", NULL));
    CHECK_OK(ls_layer_add(model, "Dense", "units: 5, activation: softmax"));
    CHECK_OK(ls_model_compile(model, compile));
    return model;
}

struct result {
    uint64_t hash;
    double loss, evaluated;
};

static ls_status keep_loss(void *user, int64_t epoch, const char *const *names,
                           const double *values, size_t count)
{
    struct result *result = user;
    (void)epoch, (void)names, (void)count;
    result->loss = values[0];
    return LS_OK;
}

/* Where a recipe runs: ranks, and how they lie on (pretended) nodes; and the bytes of a bucket. */
struct place {
    const char *name;
    int ranks;
    struct ls_comm_test test;
    int bucket_size;
};

static struct result train(struct ls_comm *comm, const struct recipe *recipe, int64_t replicas,
                           const struct place *place)
{
    struct result result = {0};
    char fit[256];
    snprintf(fit, sizeof fit, "%s, bucket_size: %d", recipe->fit, place->bucket_size);
    struct ls_evaluation evaluation = {0};
    struct ls_data *data = make_arrays(recipe->shape);
    struct ls_model *model =
        recipe->shape == ROW ? make_model(recipe->compile) : make_graph(recipe);
    CHECK_OK(ls_model_fit(model, comm,
                          &(struct ls_fit){.options = fit,
                                           .replicas = replicas,
                                           .train = data,
                                           .validation = data,
                                           .on_epoch = keep_loss,
                                           .user = &result}));
    CHECK_OK(ls_model_hash(model, &result.hash));
    CHECK_OK(ls_model_evaluate(model, comm, data, &evaluation));
    result.evaluated = evaluation.count ? evaluation.values[0] : NAN;
    ls_evaluation_release(&evaluation);
    ls_data_free(data);
    ls_model_free(model);
    return result;
}

static const struct place places[] = {
    {"1 rank", 1, {0}, 4096},
    {"2 ranks", 2, {0}, 64},
    {"3 ranks", 3, {0}, 4096},
    {"4 ranks", 4, {0}, 640},
    {"4 ranks on 2 nodes", 4, {.ranks_per_node = 2}, 640},
    {"3 ranks on 2 nodes", 3, {.ranks_per_node = 2}, 4096},
    {"3 ranks without shared memory", 3, {.no_shared_memory = true, .no_threads = true}, 1024},
};
enum { PLACES = sizeof places / sizeof *places };

/* One recipe everywhere against one rank, bit for bit. */
static double check_places(struct ls_comm *const comm[PLACES], const struct recipe *recipe,
                           int64_t replicas)
{
    struct result first = {0};
    for (size_t p = 0; p < PLACES; p++) {
        if (!comm[p] || places[p].ranks > replicas)
            continue;
        struct result now = train(comm[p], recipe, replicas, &places[p]);
        if (p == 0)
            first = now;
        if (ls_comm_rank(comm[p]) != 0)
            continue;
        CHECK_THAT(now.hash == first.hash,
                   "%s, %d replicas, %s: hash %016" PRIx64 ", not %016" PRIx64, recipe->name,
                   (int)replicas, places[p].name, now.hash, first.hash);
        CHECK_THAT(now.loss == first.loss && now.evaluated == first.evaluated,
                   "%s, %d replicas, %s: loss %.17g, evaluated %.17g, not %.17g, %.17g",
                   recipe->name, (int)replicas, places[p].name, now.loss, now.evaluated, first.loss,
                   first.evaluated);
    }
    return first.loss;
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
    for (int i = 0; i < SAMPLES * FEATURES; i++)
        series[i] = (i / 3 + i / FEATURES) % 3 == 0 ? 0 : x[i];
    for (int i = 0; i < SAMPLES * 4; i++)
        pair[i] = x[i] / 2, words[i] = (float)(i * i % 11 % 9);
    for (int i = 0; i < SAMPLES * 2; i++)
        weight[i] = (float)(i % 5) / 4;
}

int main(void)
{
    struct ls_comm *comm[PLACES] = {0};
    const int64_t stride = getenv("TESTS_SANITIZED") ? 3 : 1; /* all is several times slower then */
    CHECK_OK(ls_comm_create(&check_world));
    make_data();
    for (size_t p = 0; p < PLACES; p++)
        comm[p] = check_part(places[p].ranks, &places[p].test);
    for (size_t r = 0; r < RECIPES; r++) {
        double alone = check_places(comm, &recipes[r], 1);
        for (int64_t replicas = 2; replicas <= REPLICAS_MAX; replicas += stride) {
            double loss = check_places(comm, &recipes[r], replicas);
            CHECK_THAT(!comm[0] || strstr(recipes[r].fit, "batchnorm: replica") ||
                           fabs(loss - alone) < 1e-4 * fabs(alone),
                       "%s: loss %.9g with %d replicas, %.9g with 1", recipes[r].name, loss,
                       (int)replicas, alone);
        }
    }
    for (size_t p = 0; p < PLACES; p++)
        ls_comm_free(comm[p]);
    return check_end();
}
