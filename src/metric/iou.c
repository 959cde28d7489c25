/* Intersection over union of classes, from their confusion matrix: IoU, MeanIoU, BinaryIoU,
 * OneHotIoU, OneHotMeanIoU (keras/src/metrics/iou_metrics.py). */
#include <math.h>

#include "kernel/kernels.h"
#include "metric/metric.h"

static const double epsilon = 1e-7;     /* Keras' backend.epsilon() */
static const double least_union = 1e-9; /* of a class that is there at all */

/* What Keras counts in: integers cut off what weights, targets and predictions have behind the
 * point. */
static const char *const dtypes[] = {"int64", "int32", "int", "float32", NULL};
enum { INT64, INT32, INT, FLOAT32 };

enum { CLASSES_MOST = 1 << 14 };

struct iou {
    struct ls_metric_common common;
    int64_t num_classes;
    struct ls_ints target_class_ids; /* none: all */
    int64_t ignore_class;
    bool sparse_y_true, sparse_y_pred;
    int64_t axis;
};

struct binary_iou {
    struct ls_metric_common common;
    struct ls_ints target_class_ids;
    double threshold;
};

/* -- the matrix: [true][predicted] */

struct matrix {
    double *count;
    int64_t classes, ignored;
    bool whole; /* counts in integers */
};

static double cut(const struct matrix *matrix, double value)
{
    return matrix->whole ? trunc(value) : value;
}

/* Classes that are none, and the ignored one, count nowhere. */
static void add(const struct matrix *matrix, double wanted, double predicted, double weight)
{
    double classes = (double)matrix->classes;
    wanted = cut(matrix, wanted);
    predicted = cut(matrix, predicted);
    if (!(wanted >= 0 && wanted < classes && predicted >= 0 && predicted < classes) ||
        (matrix->ignored != LS_NULL_INT && wanted == (double)matrix->ignored))
        return;
    matrix->count[(int64_t)wanted * matrix->classes + (int64_t)predicted] += cut(matrix, weight);
}

/* The union of a class' targets and predictions: its row and its column. */
static double union_of(const double *count, int64_t classes, int64_t class)
{
    double sum = -count[class * classes + class];
    for (int64_t other = 0; other < classes; other++)
        sum += count[class * classes + other] + count[other * classes + class];
    return sum;
}

/* Of the classes that are there at all. */
static double mean_iou(const double *count, int64_t classes, const struct ls_ints *ids)
{
    double sum = 0, there = 0;
    size_t wanted = ids->count ? ids->count : (size_t)classes;
    for (size_t i = 0; i < wanted; i++) {
        int64_t class = ids->count ? ids->value[i] : (int64_t)i;
        double all = union_of(count, classes, class);
        if (all <= least_union)
            continue;
        sum += count[class * classes + class] / (all + epsilon);
        there++;
    }
    return sum / (there + epsilon);
}

/* -- all but BinaryIoU */

static size_t state_doubles(const struct ls_instance *metric, int64_t columns)
{
    const struct iou *o = metric->options;
    (void)columns;
    return (size_t)(o->num_classes * o->num_classes);
}

static enum ls_target_form target_form(const struct ls_instance *metric)
{
    const struct iou *o = metric->options;
    return o->sparse_y_true && !o->sparse_y_pred ? LS_TARGET_CLASS : LS_TARGET_SAME;
}

static ls_status check(const struct ls_instance *metric, int64_t columns, enum ls_target_form given)
{
    const struct iou *o = metric->options;
    if (o->sparse_y_pred && columns > 1 && (!o->sparse_y_true || given == LS_TARGET_CLASS))
        return ls_fail(LS_BAD_INPUT,
                       "sparse_y_pred: the output has %lld numbers for each target, not its "
                       "class: set it to false",
                       (long long)columns);
    for (size_t i = 0; i < o->target_class_ids.count; i++)
        if (o->target_class_ids.value[i] >= o->num_classes)
            return ls_fail(LS_BAD_INPUT, "target_class_ids: there is no class %lld of %lld",
                           (long long)o->target_class_ids.value[i], (long long)o->num_classes);
    return LS_OK;
}

static void update(const struct ls_metric_call *call)
{
    const struct iou *o = call->options;
    size_t positions = (size_t)call->positions, columns = (size_t)call->columns;
    struct matrix matrix = {.count = call->state,
                            .classes = o->num_classes,
                            .ignored = o->ignore_class,
                            .whole = o->common.dtype != FLOAT32};
    const float *wanted = call->target, *predicted = call->prediction;
    bool by_rows = !o->sparse_y_pred || !o->sparse_y_true;
    if (!o->sparse_y_pred) {
        ls_k->argmax_rows(call->work, predicted, positions, columns);
        predicted = call->work;
    }
    for (size_t p = 0; p < positions; p++) {
        double weight = call->weight ? call->weight[p] : 1;
        for (size_t c = 0; c < (by_rows ? 1 : columns); c++) {
            float class;
            if (o->sparse_y_true)
                class = wanted[by_rows ? p : p * columns + c];
            else
                ls_k->argmax_rows(&class, wanted + p * columns, 1, columns);
            add(&matrix, class, predicted[by_rows ? p : p * columns + c], weight);
        }
    }
}

static double result(const struct ls_instance *metric, const double *state, int64_t columns)
{
    const struct iou *o = metric->options;
    (void)columns;
    return mean_iou(state, o->num_classes, &o->target_class_ids);
}

#define DTYPE_OPTION                                                                               \
    {                                                                                              \
        .name = "dtype", .type = LS_OPTION_CHOICE,                                                 \
        .offset = offsetof(struct ls_metric_common, dtype), .initial = "int64", .nullable = true,  \
        .unwritten = true, .choices = dtypes,                                                      \
        .help = "of integers: sample weights count without what is behind the point"               \
    }
#define CLASSES_OPTION                                                                             \
    {                                                                                              \
        .name = "num_classes", .type = LS_OPTION_INT, .offset = offsetof(struct iou, num_classes), \
        .min = 1, .max = CLASSES_MOST, .help = "how many classes there are"                        \
    }
#define IDS_OPTION                                                                                 \
    {                                                                                              \
        .name = "target_class_ids", .type = LS_OPTION_INTS,                                        \
        .offset = offsetof(struct iou, target_class_ids), .min = 0, .max = -1,                     \
        .help = "the classes whose mean it is"                                                     \
    }
#define IGNORE_OPTION                                                                              \
    {                                                                                              \
        .name = "ignore_class", .type = LS_OPTION_INT,                                             \
        .offset = offsetof(struct iou, ignore_class), .initial = "null",                           \
        .help = "targets of this class count nowhere"                                              \
    }
#define TRUE_OPTION                                                                                \
    {                                                                                              \
        .name = "sparse_y_true", .type = LS_OPTION_BOOL,                                           \
        .offset = offsetof(struct iou, sparse_y_true), .initial = "true",                          \
        .help = "targets are classes, not rows of which the largest is meant"                      \
    }
#define PREDICTED_OPTION(start)                                                                    \
    {                                                                                              \
        .name = "sparse_y_pred", .type = LS_OPTION_BOOL,                                           \
        .offset = offsetof(struct iou, sparse_y_pred), .initial = start,                           \
        .help = "predictions are classes, not rows of which the largest is meant"                  \
    }
#define AXIS_OPTION                                                                                \
    {                                                                                              \
        .name = "axis", .type = LS_OPTION_INT, .offset = offsetof(struct iou, axis),               \
        .initial = "-1", .min = -1, .max = -1, .help = "rows are along the last one"               \
    }

#define IOU_KIND(variable, class_name, text, table, cases)                                         \
    const struct ls_metric_kind variable = {                                                       \
        .kind = {.name = class_name,                                                               \
                 .summary = text,                                                                  \
                 .options = table,                                                                 \
                 .options_size = sizeof(struct iou)},                                              \
        .direction = LS_DIRECTION_UP,                                                              \
        .target_by_options = target_form,                                                          \
        .check = check,                                                                            \
        .state_doubles = state_doubles,                                                            \
        .update = update,                                                                          \
        .result = result,                                                                          \
        .examples = cases,                                                                         \
    }

static const struct ls_option iou_options[] = {
    LS_METRIC_NAME_OPTION,    DTYPE_OPTION, CLASSES_OPTION, IDS_OPTION, IGNORE_OPTION, TRUE_OPTION,
    PREDICTED_OPTION("true"), AXIS_OPTION,  {.name = NULL}};
static const char *const iou_examples[] = {
    "num_classes: 2, target_class_ids: [0]",
    "num_classes: 4, target_class_ids: [1, 3], sparse_y_pred: false, ignore_class: 1, dtype: "
    "float32",
    NULL};
IOU_KIND(ls_metric_iou, "IoU", "mean intersection over union of some classes", iou_options,
         iou_examples);

static const struct ls_option mean_options[] = {
    LS_METRIC_NAME_OPTION,    DTYPE_OPTION, CLASSES_OPTION, IGNORE_OPTION, TRUE_OPTION,
    PREDICTED_OPTION("true"), AXIS_OPTION,  {.name = NULL}};
static const char *const mean_examples[] = {
    "num_classes: 2", "num_classes: 4, sparse_y_true: false, sparse_y_pred: false", NULL};
IOU_KIND(ls_metric_mean_iou, "MeanIoU", "mean intersection over union of all classes", mean_options,
         mean_examples);

static const struct ls_option one_hot_options[] = {
    LS_METRIC_NAME_OPTION,     DTYPE_OPTION, CLASSES_OPTION, IDS_OPTION, IGNORE_OPTION,
    PREDICTED_OPTION("false"), AXIS_OPTION,  {.name = NULL}};
static const char *const one_hot_examples[] = {
    "num_classes: 4, target_class_ids: [0, 2]",
    "num_classes: 3, target_class_ids: [1], ignore_class: 0", NULL};
IOU_KIND(ls_metric_one_hot_iou, "OneHotIoU",
         "mean intersection over union of some classes, targets in rows", one_hot_options,
         one_hot_examples);

static const struct ls_option one_hot_mean_options[] = {
    LS_METRIC_NAME_OPTION,     DTYPE_OPTION, CLASSES_OPTION, IGNORE_OPTION,
    PREDICTED_OPTION("false"), AXIS_OPTION,  {.name = NULL}};
static const char *const one_hot_mean_examples[] = {"num_classes: 4",
                                                    "num_classes: 3, dtype: float32", NULL};
IOU_KIND(ls_metric_one_hot_mean_iou, "OneHotMeanIoU",
         "mean intersection over union of all classes, targets in rows", one_hot_mean_options,
         one_hot_mean_examples);

/* -- BinaryIoU */

enum { BINARY_CLASSES = 2 };

static size_t binary_doubles(const struct ls_instance *metric, int64_t columns)
{
    (void)metric, (void)columns;
    return BINARY_CLASSES * BINARY_CLASSES;
}

static void update_binary(const struct ls_metric_call *call)
{
    const struct binary_iou *o = call->options;
    struct matrix matrix = {.count = call->state,
                            .classes = BINARY_CLASSES,
                            .ignored = LS_NULL_INT,
                            .whole = o->common.dtype != FLOAT32};
    for (int64_t i = 0; i < call->positions * call->columns; i++)
        add(&matrix, call->target[i], call->prediction[i] >= (float)o->threshold,
            call->weight ? call->weight[i / call->columns] : 1);
}

static double result_binary(const struct ls_instance *metric, const double *state, int64_t columns)
{
    const struct binary_iou *o = metric->options;
    (void)columns;
    return mean_iou(state, BINARY_CLASSES, &o->target_class_ids);
}

static const struct ls_option binary_options[] = {
    LS_METRIC_NAME_OPTION,
    DTYPE_OPTION,
    {.name = "target_class_ids",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct binary_iou, target_class_ids),
     .initial = "[0, 1]",
     .min = 0,
     .max = 1,
     .help = "the classes whose mean it is"},
    {.name = "threshold",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct binary_iou, threshold),
     .initial = "0.5",
     .help = "predictions from it on are 1"},
    {.name = NULL},
};
static const char *const binary_examples[] = {
    "{}", "target_class_ids: [1], threshold: 0.25, dtype: float32", NULL};

const struct ls_metric_kind ls_metric_binary_iou = {
    .kind = {.name = "BinaryIoU",
             .summary = "mean intersection over union of what is 0 and what is 1",
             .options = binary_options,
             .options_size = sizeof(struct binary_iou)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = binary_doubles,
    .update = update_binary,
    .result = result_binary,
    .examples = binary_examples,
};
