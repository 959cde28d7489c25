/* The objective's inside, shared by what makes it and what measures with it. */
#ifndef TRAIN_OBJECTIVE_INSIDE_H
#define TRAIN_OBJECTIVE_INSIDE_H

#include "train/objective.h"

/* One output of the model with its loss, if it has one, and its target. */
struct ls_objective_output {
    const char *name;        /* the model's name for it */
    struct ls_instance loss; /* kind NULL: none */
    double weight;           /* loss_weights */
    bool from_logits;        /* the loss takes logits: by option, or deferred */
    int reduction;           /* enum ls_reduction */
    int64_t ignored;         /* the class that the loss does not count, or LS_NULL_INT */
    const struct ls_shape *shape;
    int64_t inner, columns;          /* positions a sample, numbers a position */
    struct ls_activation activation; /* whose result it is; what was deferred */
    bool has_target, one_hot;        /* one_hot: something wants classes as rows of 0 and 1 */
    size_t target;                   /* the data's column */
    enum ls_target_form form;        /* of the data's target */
    char *what;                      /* the target, for the loader's messages */
};

struct ls_objective_metric {
    struct ls_instance instance;
    char *name;    /* by itself */
    char *key;     /* in the results, before a number that makes it differ */
    bool weighted; /* uses the sample weights */
    size_t output;
    size_t offset; /* of its state in the sums */
    size_t list;   /* numbers of its result, where that is a list; 0: it is one */
};

/* Sums: by output the loss's weighted values and how many positions they are of, then the
 * activities' penalty, then the metrics' states. */
struct ls_objective {
    const struct ls_model *model;
    struct ls_objective_output *output; /* as many as the model's */
    bool *defer, *no_loss;              /* by output */
    size_t losses;                      /* outputs that have one */
    struct ls_objective_metric *metric;
    size_t metrics;
    size_t doubles;
    char **name; /* of the results */
    char **list; /* by name: ls_objective_lists */
    size_t names;
};

/* What `compile` says of each output: NULL for nothing. */
struct ls_objective_parts {
    const struct ls_tree **loss, **weight, **metrics, **weighted;
};

/* The parts of ls_objective_create: metrics, and the results' names. */
ls_status ls_objective_bind_metrics(struct ls_objective *objective,
                                    const struct ls_objective_parts *parts);
ls_status ls_objective_name_results(struct ls_objective *objective);

/* The column of an input or a target: `name`, or what a model's only one is called (`only`; NULL:
 * it is one of several). */
ls_status ls_find_by_name(const struct ls_data *data, const char *only, const char *name,
                          size_t *column);

/* Whether a column holds samples of this shape; arrays know only how many numbers a sample has. */
static inline bool ls_column_fits(const struct ls_column *column, const struct ls_shape *shape)
{
    return column->flat ? ls_shape_count(&column->shape) == ls_shape_count(shape)
                        : ls_shape_equal(&column->shape, shape);
}

/* Whether it is `shape` (not of a single number) without its last axis, or with 1 in its place. */
static inline bool ls_column_fits_positions(const struct ls_column *column,
                                            const struct ls_shape *shape)
{
    struct ls_shape shorter = *shape, one = *shape;
    shorter.rank--;
    one.size[one.rank - 1] = 1;
    return ls_column_fits(column, &shorter) || ls_column_fits(column, &one);
}

static inline bool ls_output_has_loss(const struct ls_objective_output *output)
{
    return output->loss.kind != NULL;
}
static inline const struct ls_loss_kind *ls_loss_of(const struct ls_objective_output *output)
{
    return (const struct ls_loss_kind *)output->loss.kind;
}
static inline const struct ls_metric_kind *ls_metric_of(const struct ls_objective_metric *metric)
{
    return (const struct ls_metric_kind *)metric->instance.kind;
}

/* How many of the reported numbers are the metric's. */
static inline size_t ls_metric_numbers(const struct ls_objective_metric *metric)
{
    return metric->list ? metric->list : 1;
}

/* Whether position p of an output is one to report of: the mask (or NULL) lets it through, and it
 * is not of the class that the loss ignores. */
static inline bool ls_position_counts(const struct ls_objective_output *output, const float *target,
                                      const float *mask, int64_t p)
{
    bool ignored = output->form == LS_TARGET_CLASS && output->ignored != LS_NULL_INT &&
                   target[p] == (float)output->ignored;
    return (!mask || mask[p] != 0) && !ignored;
}

#endif
