/* Every metric has the same bits at any number of ranks, in training and in evaluation; counts are
 * exact, whatever adds them up. */
#include <math.h>

#include "base/random.h"
#include "check.h"
#include "lockstep/lockstep.h"
#include "model/graph.h"

enum { SAMPLES = 1100, FEATURES = 6, CLASSES = 5, RANKS_MOST = 4, VALUES_MOST = 256 };

static float x[SAMPLES * FEATURES], class[SAMPLES], number[SAMPLES * 3], label[SAMPLES * 2];
static float weight[SAMPLES];

static const char compile[] =
    "optimizer: adam, loss: {kind: ce, number: mse, label: binary_crossentropy}, "
    "metrics: {"
    "kind: [accuracy, Precision: {top_k: 2}, Recall: {class_id: 1}, F1Score, "
    "FBetaScore: {average: weighted, beta: 2.0}, AUC: {multi_label: true}, "
    "TopKCategoricalAccuracy: {k: 2}, SparseTopKCategoricalAccuracy: {k: 3}, "
    "MeanIoU: {num_classes: 5, sparse_y_pred: false}, "
    "OneHotIoU: {num_classes: 5, target_class_ids: [0, 3]}, "
    "MatthewsCorrelation, CohenKappa: {weights: quadratic}], "
    "number: [R2Score: {class_aggregation: null}, PearsonCorrelation, ConcordanceCorrelation], "
    "label: [true_positives, true_negatives, false_negatives, "
    "FalsePositives: {thresholds: [0.2, 0.5]}, AUC: {curve: PR}, "
    "AUC: {curve: PRGAIN, thresholds: [0.3, 0.6]}, SensitivityAtSpecificity: {specificity: 0.5}, "
    "BinaryIoU, Accuracy: {}]}, "
    "weighted_metrics: {"
    "kind: [F1Score: {average: macro}, CohenKappa, OneHotMeanIoU: {num_classes: 5, dtype: "
    "float32}], "
    "number: [R2Score], "
    "label: [Precision: {thresholds: [0.3, 0.5]}, AUC, PrecisionAtRecall: {recall: 0.5}]}";

static const char description[] = "inputs: {x: {shape: [6]}}\n"
                                  "layers:\n"
                                  "  - Dense: {units: 9, activation: tanh, name: hidden}\n"
                                  "  - Dense: {units: 5, activation: softmax, name: kind}\n"
                                  "  - Dense: {units: 3, name: number}\n"
                                  "    from: hidden\n"
                                  "  - Dense: {units: 2, activation: sigmoid, name: label}\n"
                                  "    from: hidden\n"
                                  "outputs: [kind, number, label]\n";

static void make_data(void)
{
    struct ls_random_key key = ls_random_key(3, LS_PURPOSE_TEST);
    for (uint32_t i = 0; i < SAMPLES * FEATURES; i++) {
        uint32_t word[4];
        ls_philox(word, (uint32_t[4]){i}, key);
        x[i] = 2 * ls_uniform_float(word[0]) - 1;
    }
    for (int i = 0; i < SAMPLES; i++) {
        class[i] = (float)((i * 7 + (x[i * FEATURES] > 0)) % CLASSES);
        weight[i] = (float)(i % 7) / 3;
        for (int c = 0; c < 3; c++)
            number[i * 3 + c] = x[i * FEATURES + c] + x[i * FEATURES + 4] / 3;
        for (int c = 0; c < 2; c++)
            label[i * 2 + c] = x[i * FEATURES + c] > x[i * FEATURES + 5];
    }
}

struct numbers {
    size_t count;
    double value[VALUES_MOST];
    char name[VALUES_MOST][64];
};

static void keep(struct numbers *numbers, const char *const *names, const double *values,
                 size_t count)
{
    for (size_t i = 0; i < count && numbers->count < VALUES_MOST; i++, numbers->count++) {
        numbers->value[numbers->count] = values[i];
        snprintf(numbers->name[numbers->count], sizeof numbers->name[0], "%s", names[i]);
    }
}

static ls_status keep_epoch(void *user, int64_t epoch, const char *const *names,
                            const double *values, size_t count)
{
    (void)epoch;
    keep(user, names, values, count);
    return LS_OK;
}

static double value_of(const struct numbers *numbers, const char *name)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (strcmp(numbers->name[i], name) == 0)
            return numbers->value[i];
    check_failed(__FILE__, __LINE__, "there is no %s", name);
    return NAN;
}

/* What an epoch and an evaluation tell. */
static struct numbers measure(struct ls_comm *comm, int64_t replicas)
{
    struct numbers numbers = {0};
    struct ls_evaluation evaluation = {0};
    struct ls_data *data = NULL;
    struct ls_model *model = NULL;
    struct ls_tree *tree = NULL;
    const struct ls_data_array array[] = {{"x", x, FEATURES},
                                          {"kind", class, 1},
                                          {"number", number, 3},
                                          {"label", label, 2},
                                          {"sample_weight", weight, 1}};
    CHECK_OK(ls_data_from_columns(&data, SAMPLES, array, 5));
    CHECK_OK(ls_tree_parse_yaml(&tree, description, strlen(description), NULL));
    CHECK_OK(ls_model_from_tree(&model, tree));
    model->source = tree;
    CHECK_OK(ls_model_compile(model, compile));
    CHECK_OK(ls_model_fit(model, comm,
                          &(struct ls_fit){.options = "epochs: 2, batch_size: 100, seed: 5",
                                           .replicas = replicas,
                                           .train = data,
                                           .on_epoch = keep_epoch,
                                           .user = &numbers}));
    CHECK_OK(ls_model_evaluate(model, comm, data, &evaluation));
    keep(&numbers, (const char *const *)evaluation.names, evaluation.values, evaluation.count);
    ls_evaluation_release(&evaluation);
    ls_data_free(data);
    ls_model_free(model);
    return numbers;
}

/* What is counted of all labels is whole, and is all of them. */
static void check_counts(const struct numbers *numbers)
{
    double right = value_of(numbers, "label_true_positives");
    double missed = value_of(numbers, "label_false_negatives");
    double wrong = value_of(numbers, "label_false_positives_1");
    double all = right + missed + wrong + value_of(numbers, "label_true_negatives");
    CHECK_THAT(right == floor(right) && right > 0 && missed > 0 && wrong > 0,
               "counts %.17g, %.17g, %.17g", right, missed, wrong);
    CHECK_THAT(all == 2 * SAMPLES, "%.17g of %d labels are counted", all, 2 * SAMPLES);
}

int main(void)
{
    struct ls_comm *comm[RANKS_MOST] = {0};
    static struct numbers first, now;
    CHECK_OK(ls_comm_create(&check_world));
    make_data();
    for (int ranks = 1; ranks <= RANKS_MOST; ranks++)
        comm[ranks - 1] = check_part(ranks, NULL);
    for (int ranks = 1; ranks <= RANKS_MOST; ranks++) {
        if (!comm[ranks - 1])
            continue;
        now = measure(comm[ranks - 1], RANKS_MOST);
        if (ranks == 1)
            first = now;
        if (ls_comm_rank(comm[ranks - 1]) != 0)
            continue;
        CHECK_INT(now.count, 3 * 43);
        check_counts(&now);
        for (size_t i = 0; i < now.count; i++)
            CHECK_THAT(memcmp(&now.value[i], &first.value[i], sizeof(double)) == 0,
                       "%s with %d ranks: %.17g, not %.17g", now.name[i], ranks, now.value[i],
                       first.value[i]);
    }
    for (int ranks = 1; ranks <= RANKS_MOST; ranks++)
        ls_comm_free(comm[ranks - 1]);
    return check_end();
}
