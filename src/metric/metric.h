/* What a kind of metric is: a vector of doubles that is added over samples (so that replicas, ranks
 * and steps add up exactly), and a result computed from the total: one number, or a list of them,
 * which logs and histories have as NAME_0, NAME_1, .... One file a family;
 * metric/registry.c has one row a kind. metric/accuracy.c is the one to copy. */
#ifndef METRIC_METRIC_H
#define METRIC_METRIC_H

#include "base/kind.h"
#include "base/shape.h"
#include "loss/loss.h"
#include "metric/curve.h"

struct ls_metric_call {
    const struct ls_kind *kind; /* and its options */
    const void *options;
    int64_t positions, columns; /* as in struct ls_loss_call */
    const float *prediction;    /* never logits: as the model's output is */
    int activation;             /* whose direct result that is (enum ls_activation_id) */
    const float *logits;        /* what it was made of, where it is known; or NULL */
    const float *target;        /* in the metric's form */
    const float *weight;        /* [positions], or NULL: 1 */
    double *state;              /* added to */
    float *work;                /* [positions][columns] */
};

/* Every metric's option struct begins with it. */
struct ls_metric_common {
    char *name; /* the log key; NULL: see ls_metric_key */
    int dtype;
};

/* Its rows in the option table of a metric. */
extern const char *const ls_metric_dtypes[];
#define LS_METRIC_NAME_OPTION                                                                      \
    {                                                                                              \
        .name = "name", .type = LS_OPTION_TEXT, .offset = offsetof(struct ls_metric_common, name), \
        .initial = "null", .unwritten = true, .help = "the key in logs and histories"              \
    }
#define LS_METRIC_COMMON_OPTIONS LS_METRIC_NAME_OPTION, LS_METRIC_DTYPE_OPTION
#define LS_METRIC_DTYPE_OPTION                                                                     \
    {                                                                                              \
        .name = "dtype", .type = LS_OPTION_CHOICE,                                                 \
        .offset = offsetof(struct ls_metric_common, dtype), .initial = "float32",                  \
        .nullable = true, .unwritten = true, .choices = ls_metric_dtypes,                          \
        .help = "float32 (sums are kept in double)"                                                \
    }

/* Which values are the better ones: what `mode: auto` of callbacks goes by. As `_direction` of
 * Keras' metrics has it; unknown where Keras has none. */
enum ls_direction { LS_DIRECTION_UNKNOWN, LS_DIRECTION_UP, LS_DIRECTION_DOWN };

/* How a metric with a fixed number of thresholds has an exact result, where all scores can be kept:
 * in parts (columns by themselves, or one part), each sorted as metric/curve.h has it. */
struct ls_metric_exact {
    bool (*wanted)(const struct ls_instance *metric); /* its options do not ask for thresholds */
    size_t (*parts)(const struct ls_instance *metric, int64_t columns);
    /* The scores of a part: [positions] of a column, or [positions][columns]. */
    void (*score)(const struct ls_metric_call *call, size_t part, struct ls_score *score);
    double (*part)(const struct ls_instance *metric, const struct ls_score *sorted, size_t count);
    double (*result)(const struct ls_instance *metric, const double *part, size_t parts);
};

struct ls_metric_kind {
    struct ls_kind kind;
    enum ls_direction direction;
    const char *key; /* in logs, where that is not the snake_case of the name; or NULL */
    enum ls_target_form target;
    /* The same where options decide it; NULL: `target`. */
    enum ls_target_form (*target_by_options)(const struct ls_instance *metric);
    /* LS_BAD_INPUT where it cannot be taken of an output of `columns` columns and such targets of
     * the data; NULL: of any. */
    ls_status (*check)(const struct ls_instance *metric, int64_t columns,
                       enum ls_target_form given);
    /* Number of doubles of the state, for predictions of `columns` columns. */
    size_t (*state_doubles)(const struct ls_instance *metric, int64_t columns);
    void (*update)(const struct ls_metric_call *call);
    /* The metric of a total state, where it is always one number. */
    double (*result)(const struct ls_instance *metric, const double *state, int64_t columns);
    /* Else, in place of `result`: how long the list is that the result is, 0 where it is one number
     * by itself; and the result, in that many doubles, or in one. */
    size_t (*list)(const struct ls_instance *metric, int64_t columns);
    void (*results)(const struct ls_instance *metric, const double *state, int64_t columns,
                    double *values);
    bool any_class; /* LS_TARGET_CLASS: takes targets that are no class, as a loss may ignore */
    const struct ls_loss_kind *loss;     /* whose mean it is (of_loss.c); else NULL */
    const struct ls_metric_exact *exact; /* or NULL */
    /* Examples of options for the registry-wide tests; ends with NULL. */
    const char *const *examples;
};

extern const struct ls_registry ls_metrics;

/* The form in which update takes the targets. */
enum ls_target_form ls_metric_target(const struct ls_instance *metric);

/* How long the list is that the result is; 0: it is one number. */
size_t ls_metric_list(const struct ls_instance *metric, int64_t columns);

/* The result: as many numbers as the list has, or one. */
void ls_metric_results(const struct ls_instance *metric, const double *state, int64_t columns,
                       double *values);

/* A metric of a plugin as a kind, in new memory, freed with ls_custom_free (base/custom.h). */
ls_status ls_metric_custom(const struct ls_kind **kind, const struct ls_custom_metric *custom);

/* "accuracy" and "acc" name no kind: Keras resolves them by the output and the target. The kind for
 * an output with `columns` last elements whose target has the form; NULL for other names (look in
 * the registry then). */
const struct ls_metric_kind *ls_metric_resolve(const char *name, int64_t columns,
                                               enum ls_target_form target);

/* The log key of a metric as it stands in a run file or a Keras config, in new memory: a bare name
 * as it was written ("mae", "accuracy"); else the option `name`, or the kind's key. */
ls_status ls_metric_key(char **key, const struct ls_tree *tree, const struct ls_instance *metric);

#endif
