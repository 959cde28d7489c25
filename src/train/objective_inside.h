/* The objective's inside, shared by what makes it and what measures with it. */
#ifndef TRAIN_OBJECTIVE_INSIDE_H
#define TRAIN_OBJECTIVE_INSIDE_H

#include "train/objective.h"

/* One output of the model with its loss and its target. */
struct ls_objective_output {
    struct ls_instance loss;
    double weight;                   /* loss_weights */
    bool from_logits;                /* the loss takes logits: by option, or deferred */
    bool sum;                        /* reduction: sum */
    int64_t inner, columns;          /* positions a sample, numbers a position */
    struct ls_activation activation; /* what was deferred */
    size_t target;                   /* the data's column */
    enum ls_target_form form;        /* of the data's target */
};

struct ls_objective_metric {
    struct ls_instance instance;
    char *name;
    size_t output;
    size_t offset; /* of its state in the sums */
};

/* Sums: by output the weighted loss values, the activities' penalty, then the metrics' states. */
struct ls_objective {
    const struct ls_model *model;
    struct ls_objective_output *output; /* as many as the model's */
    bool *defer;                        /* by output */
    struct ls_objective_metric *metric;
    size_t metrics;
    size_t doubles;
    const char **name; /* of the results */
    size_t names;
};

/* Whether a column holds samples of this shape; arrays know only how many numbers a sample has. */
static inline bool ls_column_fits(const struct ls_column *column, const struct ls_shape *shape)
{
    return column->flat ? ls_shape_count(&column->shape) == ls_shape_count(shape)
                        : ls_shape_equal(&column->shape, shape);
}

static inline const struct ls_loss_kind *ls_loss_of(const struct ls_objective_output *output)
{
    return (const struct ls_loss_kind *)output->loss.kind;
}
static inline const struct ls_metric_kind *ls_metric_of(const struct ls_objective_metric *metric)
{
    return (const struct ls_metric_kind *)metric->instance.kind;
}

#endif
