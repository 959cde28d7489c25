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

/* Where an output's columns are among the uses; LS_NO_USE: there is none. */
#define LS_NO_USE SIZE_MAX
struct ls_output_use {
    size_t target, weight;
    bool by_position; /* the weights are one a position, not one a sample */
};

/* The columns that the model takes from a data set: inputs, then targets and sample weights. */
struct ls_columns {
    struct ls_column_use *use;
    size_t *floats; /* by use: of a sample */
    size_t uses, inputs;
    struct ls_output_use *output; /* by output; NULL: inputs only */
    size_t outputs;
};

/* Finds the model's inputs (and, with an objective, its targets and weights) among the columns of
 * data, and checks shapes and types. An input is named x where there is one, else as the model
 * names it; a target is y where there is one output, else named as the output. Sample weights are
 * NAME_sample_weight for the output NAME, else sample_weight: one a sample, or one a position (the
 * shape of the output without its last axis). LS_BAD_INPUT names the layer and the column; also
 * where NAME is neither an output nor another target of the data. */
ls_status ls_columns_find(struct ls_columns *columns, const struct ls_model *model,
                          const struct ls_objective *objective, const struct ls_data *data);
void ls_columns_release(struct ls_columns *columns);

/* From `compile` (which must outlive it); targets' forms are taken from data's columns. The model
 * must be built and outlive it. */
ls_status ls_objective_create(struct ls_objective **objective, const struct ls_model *model,
                              const struct ls_tree *compile, const struct ls_data *data);
void ls_objective_free(struct ls_objective *objective);

/* By output: whether its last activation is left to the loss, and whether it has no loss. For
 * struct ls_plan_options. */
const bool *ls_objective_defer(const struct ls_objective *objective);
const bool *ls_objective_no_loss(const struct ls_objective *objective);

/* Whether a loss is a mean over something that the batch has to be asked for first (positions that
 * a mask or ignore_class leaves, sample weights): a cross-replica point before the gradients. */
bool ls_objective_counts(const struct ls_objective *objective);

/* Doubles that a measurement adds to. */
size_t ls_objective_doubles(const struct ls_objective *objective);

/* What is measured of one output. */
struct ls_measured {
    const float *target; /* as the loader gave it: [rows][shape]; NULL: none */
    const float *weight; /* [rows], or [rows][positions] where by_position; NULL: 1 */
    bool by_position;
    const float *mask; /* [rows][positions] of 0 and 1; NULL: all count */
    double valid;      /* of the global batch, what ls_objective_count says of its parts; for
                          gradients, where ls_objective_counts */
};

struct ls_class_weights;

/* Scratch memory for a measurement of up to `rows` rows. */
struct ls_measure_room {
    float *value, *target, *prediction, *work, *weight;
    bool counts;                            /* ls_objective_counts */
    const struct ls_class_weights *classes; /* of the only output's samples; NULL: none */
    struct ls_measured *output; /* by output: to fill, with ls_measure_aim, before a measurement */
};
ls_status ls_measure_room_create(struct ls_measure_room *room, const struct ls_objective *objective,
                                 int64_t rows);
size_t ls_measure_room_bytes(const struct ls_objective *objective, int64_t rows);
void ls_measure_room_release(struct ls_measure_room *room);

/* Sets targets and weights to the rows from `row` on of a loader's columns, and masks to those of a
 * run's outputs. */
void ls_measure_aim(struct ls_measure_room *room, const struct ls_columns *columns,
                    float *const *column, size_t row, const struct ls_plan_run *run);

/* What the losses of these rows are means over, by output: positions, or their weights. After
 * ls_measure_aim. */
void ls_objective_count(const struct ls_objective *objective, struct ls_measure_room *room,
                        int64_t rows, double *counts);

/* One output's rows, shown to who keeps them: predictions as the model's output is (logits only
 * where they are that), targets as the data has them, in `weight` the
 * mask; then once more a metric, as that takes them. */
struct ls_objective_metric;
struct ls_seen {
    size_t output;
    const struct ls_objective_metric *metric; /* seen as this metric sees it; NULL: by itself */
    const struct ls_metric_call *call;
};

struct ls_measure {
    const struct ls_plan_run *run; /* after its forward pass */
    int64_t global_rows;           /* of the batch: what means are over */
    bool gradient;                 /* write the plan's output gradients too */
    double *sums;                  /* added to */
    struct ls_measure_room *room;
    void (*see)(void *user, const struct ls_seen *seen); /* or NULL */
    void *user;
    int64_t bad_row; /* out: the first row whose loss is not finite, or -1 */
};
void ls_objective_measure(const struct ls_objective *objective, struct ls_measure *measure);

/* The losses of a batch, or of all samples, from their sums: the total without the regularizers'
 * penalty, then, where several outputs have a loss, each output's without its weight. */
size_t ls_objective_losses(const struct ls_objective *objective); /* how many */
void ls_objective_loss(const struct ls_objective *objective, const double *sums, int64_t samples,
                       double *losses);

/* The reported numbers: names (the losses, "loss" and "OUTPUT_loss", then the metrics: "METRIC", or
 * "OUTPUT_METRIC" where there are several outputs; of one whose result is a list "METRIC_0",
 * "METRIC_1", ...) and their values from the means of the losses and total sums. Lists, by name:
 * "METRIC" where the number is one of its list's, else NULL. */
size_t ls_objective_results(const struct ls_objective *objective);
const char *const *ls_objective_names(const struct ls_objective *objective);
const char *const *ls_objective_lists(const struct ls_objective *objective);
void ls_objective_values(const struct ls_objective *objective, const double *sums,
                         const double *losses, double *values);

/* Which values of the result of this index are the better ones: of losses the smaller. */
enum ls_direction ls_objective_direction(const struct ls_objective *objective, size_t result);

/* The penalty of all weight regularizers of a model: the same on every rank. */
double ls_model_penalty(const struct ls_model *model);

#endif
