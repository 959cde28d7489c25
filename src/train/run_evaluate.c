/* lockstep evaluate. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/dataset.h"
#include "kernel/kernels.h"
#include "lockstep/model.h"
#include "lockstep/run.h"
#include "metric/classification.h"
#include "store/evaluation.h"
#include "train/evaluator.h"
#include "train/learnt.h"
#include "train/open_model.h"
#include "train/out.h"
#include "train/split.h"

/* The validation data of the run that a checkpoint's state is of: data of its own, or the part that
 * validation_split took. */
static ls_status open_validation(struct ls_split *split, const struct ls_tree *run)
{
    const struct ls_tree *fraction = ls_tree_find_path(run, "data.validation_split");
    double part = 0;
    if (fraction && !ls_tree_is_null(fraction))
        LS_TRY(ls_tree_double(fraction, &part));
    return ls_split_open(split, ls_tree_find_path(run, "data.train"),
                         ls_tree_find_path(run, "data.validation"), part);
}

/* The data that a command names (data->train then), or the run's validation data. */
static ls_status open_data(struct ls_split *data, const struct ls_run_evaluate *options,
                           const struct ls_tree *state)
{
    if (options->data)
        return ls_learnt_open(&data->train, &(struct ls_learnt_source){.data = options->data,
                                                                       .model = options->model,
                                                                       .state = state,
                                                                       .target = true});
    const struct ls_tree *run = state ? ls_tree_find(state, "run") : NULL;
    if (run && ls_tree_find_path(run, "data.train"))
        LS_TRY(open_validation(data, run));
    if (!data->validation)
        return ls_fail(LS_USAGE, "the model's run has no validation data: name data with --data "
                                 "FILE:SPLIT or F.csv");
    return LS_OK;
}

static ls_status fill(struct ls_evaluation *evaluation, const struct ls_evaluator *evaluator,
                      const double *values)
{
    const struct ls_objective *objective = ls_evaluator_objective(evaluator);
    size_t count = ls_objective_results(objective);
    LS_TRY(ls_allocate(&evaluation->names, count, sizeof *evaluation->names));
    LS_TRY(ls_allocate(&evaluation->values, count, sizeof *evaluation->values));
    LS_TRY(ls_allocate(&evaluation->lists, count, sizeof *evaluation->lists));
    evaluation->count = count;
    for (size_t i = 0; i < count; i++) {
        LS_TRY(ls_duplicate(&evaluation->names[i], ls_objective_names(objective)[i]));
        evaluation->values[i] = values[i];
        if (ls_objective_lists(objective)[i])
            LS_TRY(ls_duplicate(&evaluation->lists[i], ls_objective_lists(objective)[i]));
    }
    return LS_OK;
}

/* One line for all results that are NaN or infinite. */
static void warn_of_nonfinite(const struct ls_evaluation *evaluation)
{
    struct ls_text names = {0};
    size_t count = 0;
    for (size_t i = 0; i < evaluation->count; i++)
        if (!isfinite(evaluation->values[i]))
            ls_text_append(&names, "%s%s", count++ ? ", " : "", evaluation->names[i]);
    if (count > 0 && ls_text_status(&names) == LS_OK)
        ls_warn("%s: %s NaN or infinite: 'lockstep predict' with this data says whether the "
                "model's outputs are, and from which sample on",
                names.data, count == 1 ? "is" : "are");
    ls_text_release(&names);
}

/* What is asked beside loss and metrics; NULL: nothing, as Keras' evaluate. */
struct reports {
    bool curves;
    struct ls_answers_names names;
};

static ls_status run(struct ls_comm *comm, struct ls_evaluator *evaluator,
                     const struct reports *reports, double *values)
{
    if (reports)
        LS_TRY(ls_evaluator_keep(evaluator, reports->curves));
    return ls_comm_agree(comm, ls_evaluator_run(evaluator, values));
}

static ls_status evaluate(struct ls_comm *comm, struct ls_model *model, struct ls_data *data,
                          const struct reports *reports, struct ls_evaluation *evaluation)
{
    struct ls_evaluator *evaluator = NULL;
    double *values = NULL;
    ls_status status;
    LS_TRY(ls_evaluator_create(&evaluator, comm, model, model->compile, data));
    status = ls_allocate(&values, ls_objective_results(ls_evaluator_objective(evaluator)),
                         sizeof *values);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    LS_TRY_OUT(run(comm, evaluator, reports, values));
    evaluation->samples = ls_data_samples(data);
    LS_TRY_OUT(ls_comm_agree(comm, fill(evaluation, evaluator, values)));
    if (reports)
        status = ls_evaluator_report(evaluator, &reports->names, evaluation);
out:
    ls_evaluator_free(evaluator);
    ls_release(values);
    return status;
}

ls_status ls_model_evaluate(struct ls_model *model, struct ls_comm *comm, struct ls_data *data,
                            struct ls_evaluation *evaluation)
{
    memset(evaluation, 0, sizeof *evaluation);
    ls_status status = ls_kernels_init(NULL);
    if (status == LS_OK)
        status = ls_model_build(model);
    if (status == LS_OK && !model->initialized)
        status = ls_fail(LS_USAGE, "the model has no weights yet: train it, or set them");
    LS_TRY(ls_comm_agree(comm, status));
    status = evaluate(comm, model, data, NULL, evaluation);
    if (status != LS_OK)
        ls_evaluation_release(evaluation);
    return status;
}

ls_status ls_run_evaluate(struct ls_comm *comm, const struct ls_run_evaluate *options,
                          struct ls_evaluation *evaluation)
{
    struct ls_checkpoint opened;
    struct ls_split data = {0};
    ls_status status;
    memset(evaluation, 0, sizeof *evaluation);
    if (options->out && !ls_ends_with(options->out, ".h5"))
        return ls_fail(LS_USAGE, "-o names the file to write: F.h5");
    LS_TRY(ls_comm_agree(
        comm, ls_kernels_init(&(struct ls_kernel_options){.threads = options->threads})));
    LS_TRY(ls_model_open_all(&opened, comm, options->model, LS_OPEN_TO_USE));
    LS_TRY_OUT(ls_comm_agree(comm, open_data(&data, options, opened.state)));
    struct ls_data *used = data.validation ? data.validation : data.train;
    LS_TRY_OUT(ls_out_check(comm, options->out, options->model, used));
    struct reports reports = {.curves = options->out, .names = {used, opened.state}};
    LS_TRY_OUT(evaluate(comm, opened.model, used, &reports, evaluation));
    if (ls_comm_rank(comm) == 0)
        warn_of_nonfinite(evaluation);
    if (options->out && ls_comm_rank(comm) == 0)
        status = ls_evaluation_write(options->out, evaluation);
    status = ls_comm_agree(comm, status);
out:
    if (status != LS_OK)
        ls_evaluation_release(evaluation);
    ls_split_close(&data);
    ls_checkpoint_release(&opened);
    return status;
}

void ls_evaluation_release(struct ls_evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->count; i++) {
        ls_release(evaluation->names[i]);
        ls_release(evaluation->lists[i]);
    }
    ls_release(evaluation->names);
    ls_release(evaluation->values);
    ls_release(evaluation->lists);
    for (size_t r = 0; r < evaluation->reports; r++) {
        ls_release(evaluation->report[r].output);
        ls_release(evaluation->report[r].prefix);
        ls_classification_free(evaluation->report[r].classification);
        ls_release(evaluation->report[r].residuals);
    }
    ls_release(evaluation->report);
    memset(evaluation, 0, sizeof *evaluation);
}
