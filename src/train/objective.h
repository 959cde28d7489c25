/* The objective: what `compile` says of losses and metrics, bound to a model's outputs and a data
 * set's targets. It measures the rows of one replica or block into a vector of doubles that is
 * added over replicas, blocks and steps, and turns totals into the numbers that are reported. */
#ifndef TRAIN_OBJECTIVE_H
#define TRAIN_OBJECTIVE_H

#include "data/loader.h"
#include "loss/loss.h"
#include "metric/metric.h"
#include "model/plan.h"

struct ls_objective;

/* The columns that the model takes from a data set: inputs, then targets by output, then weights.
 */
struct ls_columns {
    struct ls_column_use *use;
    size_t uses, inputs, targets;
    bool weighted; /* the last use is sample_weight */
};

/* Finds the model's inputs (and, unless `inputs_only`, targets of a compiled model) among the
 * columns of data, and checks shapes and types. LS_BAD_INPUT names the layer and the column. */
ls_status ls_columns_find(struct ls_columns *columns, const struct ls_model *model,
                          const struct ls_objective *objective, const struct ls_data *data);
void ls_columns_release(struct ls_columns *columns);

/* From `compile` (which must outlive it); targets' forms are taken from data's columns. The model
 * must be built and outlive it. */
ls_status ls_objective_create(struct ls_objective **objective, const struct ls_model *model,
                              const struct ls_tree *compile, const struct ls_data *data);
void ls_objective_free(struct ls_objective *objective);

/* By output: whether its last activation is left to the loss. For struct ls_plan_options. */
const bool *ls_objective_defer(const struct ls_objective *objective);

/* Doubles that a measurement adds to. */
size_t ls_objective_doubles(const struct ls_objective *objective);

/* Scratch memory for a measurement of up to `rows` rows. */
struct ls_measure_room {
    float *value, *target, *prediction, *work, *weight;
};
ls_status ls_measure_room_create(struct ls_measure_room *room, const struct ls_objective *objective,
                                 int64_t rows);
void ls_measure_room_release(struct ls_measure_room *room);

struct ls_measure {
    const struct ls_plan_run *run; /* after its forward pass */
    const float *const *target;    /* by output, as the loader gave them: [rows][shape] */
    const float *weight;           /* [rows], or NULL */
    int64_t global_rows;           /* of the batch: what means are over */
    bool gradient;                 /* write the plan's output gradients too */
    double *sums;                  /* added to */
    struct ls_measure_room *room;
    int64_t bad_row; /* out: the first row whose loss is not finite, or -1 */
};
void ls_objective_measure(const struct ls_objective *objective, struct ls_measure *measure);

/* The loss over `samples` samples from their sums, without the regularizers' penalty. */
double ls_objective_loss(const struct ls_objective *objective, const double *sums, int64_t samples);

/* The reported numbers: names ("loss", then each metric) and their values from total sums. */
size_t ls_objective_results(const struct ls_objective *objective);
const char *const *ls_objective_names(const struct ls_objective *objective);
void ls_objective_values(const struct ls_objective *objective, const double *sums, double loss,
                         double *values);

/* The penalty of all weight regularizers of a model: the same on every rank. */
double ls_model_penalty(const struct ls_model *model);

#endif
