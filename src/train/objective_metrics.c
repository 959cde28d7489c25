/* The objective's metrics, and the names of all that it reports. */
#include <string.h>

#include "base/memory.h"
#include "train/objective_inside.h"

/* "accuracy" is no kind, but a word that stands for one of several. */
static ls_status parse_metric(struct ls_instance *metric, const struct ls_tree *tree)
{
    static const char *const words[] = {"accuracy", NULL};
    if (tree->type == LS_TREE_SCALAR && !ls_kind_find(&ls_metrics, tree->text) &&
        ls_nearest(tree->text, words))
        return ls_fail_at(tree, LS_BAD_INPUT, "unknown metric '%s' (did you mean '%s'?)",
                          tree->text, words[0]);
    return ls_instance_parse(metric, &ls_metrics, tree);
}

/* Results name columns of the history, and keys beside the reports of an evaluation. */
static ls_status check_name(const struct ls_tree *tree, const char *name)
{
    static const char *const taken[] = {"samples",   "confusion_matrix", "classification_report",
                                        "residuals", "roc_curve",        "precision_recall_curve"};
    if (*name == '\0' || strcmp(name, ".") == 0 || strchr(name, '/'))
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "'%s' cannot be the name of a result: choose one that is not empty and "
                          "has no '/'",
                          name);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return ls_fail_at(tree, LS_BAD_INPUT,
                              "'%s' is the name of a part of evaluations: give the metric another",
                              name);
    return LS_OK;
}

/* Finds the kind and the options of one more metric of an output. */
static ls_status make_metric(struct ls_objective *objective, size_t o, const struct ls_tree *tree)
{
    const struct ls_objective_output *output = &objective->output[o];
    const struct ls_metric_kind *kind = NULL;
    LS_TRY(ls_reallocate(&objective->metric, objective->metrics + 1, sizeof *objective->metric));
    struct ls_objective_metric *metric = &objective->metric[objective->metrics];
    memset(metric, 0, sizeof *metric);
    metric->output = o;
    if (ls_tree_is_null(tree))
        return ls_fail_at(tree, LS_BAD_INPUT, "expected a metric");
    if (tree->type == LS_TREE_SCALAR)
        kind = ls_metric_resolve(tree->text, output->columns, output->form);
    if (kind)
        LS_TRY(ls_instance_create(&metric->instance, &kind->kind, NULL, NULL));
    else
        LS_TRY(parse_metric(&metric->instance, tree));
    objective->metrics++; /* from here on it is released with the objective */
    LS_TRY(ls_metric_key(&metric->name, tree, &metric->instance));
    return check_name(tree, metric->name);
}

static ls_status bind_metric(struct ls_objective *objective, size_t o, const struct ls_tree *tree,
                             bool weighted)
{
    struct ls_objective_output *output = &objective->output[o];
    LS_TRY(make_metric(objective, o, tree));
    struct ls_objective_metric *metric = &objective->metric[objective->metrics - 1];
    const struct ls_metric_kind *kind = ls_metric_of(metric);
    enum ls_target_form form = ls_metric_target(&metric->instance);
    if (form == LS_TARGET_CLASS && output->form != LS_TARGET_CLASS)
        return ls_fail_at(tree, LS_BAD_INPUT, "%s needs integer classes as targets",
                          kind->kind.name);
    if (form == LS_TARGET_CLASS && !kind->any_class && output->ignored != LS_NULL_INT &&
        (output->ignored < 0 || output->ignored >= output->columns))
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "%s does not take the class %lld, which %s ignores: ignore one of the "
                          "%lld",
                          kind->kind.name, (long long)output->ignored, output->loss.kind->name,
                          (long long)output->columns);
    if (kind->check && kind->check(&metric->instance, output->columns, output->form) != LS_OK)
        return ls_fail_at(tree, LS_BAD_INPUT, "%s: %s", kind->kind.name, ls_message());
    output->one_hot |= form == LS_TARGET_SAME && output->form == LS_TARGET_CLASS;
    metric->weighted = weighted;
    metric->offset = objective->doubles;
    metric->list = ls_metric_list(&metric->instance, output->columns);
    objective->doubles += kind->state_doubles(&metric->instance, output->columns);
    return LS_OK;
}

/* One metric, or a list of them; lists in it are flattened, as Keras does. */
static ls_status bind_list(struct ls_objective *objective, size_t o, const struct ls_tree *tree,
                           bool weighted)
{
    if (tree->type != LS_TREE_LIST)
        return bind_metric(objective, o, tree, weighted);
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(bind_list(objective, o, entry, weighted));
    return LS_OK;
}

ls_status ls_objective_bind_metrics(struct ls_objective *objective,
                                    const struct ls_objective_parts *parts)
{
    for (size_t o = 0; o < objective->model->outputs; o++)
        if (parts->metrics[o])
            LS_TRY(bind_list(objective, o, parts->metrics[o], false));
    for (size_t o = 0; o < objective->model->outputs; o++)
        if (parts->weighted[o])
            LS_TRY(bind_list(objective, o, parts->weighted[o], true));
    return LS_OK;
}

/* -- names */

/* How many metrics before this one have the key. */
static size_t keys_before(const struct ls_objective *objective, size_t metric, const char *key)
{
    size_t count = 0;
    for (size_t m = 0; m < metric; m++)
        count += strcmp(objective->metric[m].key, key) == 0;
    return count;
}

static ls_status make_key(char **key, const struct ls_objective *objective, size_t m,
                          const char *prefix)
{
    const struct ls_objective_metric *metric = &objective->metric[m];
    if (objective->model->outputs == 1)
        return ls_format(key, "%s%s", prefix, metric->name);
    return ls_format(key, "%s_%s%s", objective->output[metric->output].name, prefix, metric->name);
}

/* As Keras tells metrics of one name apart: mae, mae_1, mae_2; a weighted one that is not the first
 * is weighted_mae, weighted_mae_1. */
static ls_status name_metric(char **name, struct ls_objective *objective, size_t m)
{
    struct ls_objective_metric *metric = &objective->metric[m];
    LS_TRY(make_key(&metric->key, objective, m, ""));
    if (metric->weighted && keys_before(objective, m, metric->key) > 0) {
        ls_release(metric->key);
        metric->key = NULL;
        LS_TRY(make_key(&metric->key, objective, m, "weighted_"));
    }
    size_t before = keys_before(objective, m, metric->key);
    return before ? ls_format(name, "%s_%zu", metric->key, before)
                  : ls_duplicate(name, metric->key);
}

/* NAME, or NAME_0, NAME_1, ... */
static ls_status add_metric_names(struct ls_objective *objective, size_t m)
{
    size_t first = objective->names, list = objective->metric[m].list;
    if (!list)
        return name_metric(&objective->name[objective->names++], objective, m);
    objective->names += list;
    LS_TRY(name_metric(&objective->list[first], objective, m));
    for (size_t i = 0; i < list; i++) {
        LS_TRY(ls_format(&objective->name[first + i], "%s_%zu", objective->list[first], i));
        if (i > 0)
            LS_TRY(ls_duplicate(&objective->list[first + i], objective->list[first]));
    }
    return LS_OK;
}

static ls_status check_names(const struct ls_objective *objective)
{
    for (size_t i = 0; i < objective->names; i++)
        for (size_t other = 0; other < i; other++)
            if (strcmp(objective->name[i], objective->name[other]) == 0)
                return ls_fail(LS_BAD_INPUT,
                               "compile: two results would be named '%s': give one of the metrics "
                               "another `name`",
                               objective->name[i]);
    return LS_OK;
}

ls_status ls_objective_name_results(struct ls_objective *objective)
{
    size_t losses = ls_objective_losses(objective), names = losses;
    for (size_t m = 0; m < objective->metrics; m++)
        names += ls_metric_numbers(&objective->metric[m]);
    LS_TRY(ls_allocate(&objective->list, names, sizeof *objective->list));
    LS_TRY(ls_allocate(&objective->name, names, sizeof *objective->name));
    LS_TRY(ls_duplicate(&objective->name[objective->names++], "loss"));
    for (size_t o = 0; losses > 1 && o < objective->model->outputs; o++)
        if (ls_output_has_loss(&objective->output[o]))
            LS_TRY(ls_format(&objective->name[objective->names++], "%s_loss",
                             objective->output[o].name));
    for (size_t m = 0; m < objective->metrics; m++)
        LS_TRY(add_metric_names(objective, m));
    return check_names(objective);
}

enum ls_direction ls_objective_direction(const struct ls_objective *objective, size_t result)
{
    size_t losses = ls_objective_losses(objective);
    if (result < losses)
        return LS_DIRECTION_DOWN;
    size_t m = 0;
    for (size_t end = losses; m < objective->metrics; m++) {
        end += ls_metric_numbers(&objective->metric[m]);
        if (result < end)
            break;
    }
    return ls_metric_of(&objective->metric[m])->direction;
}
