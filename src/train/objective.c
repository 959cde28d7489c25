#include "train/objective.h"

#include <string.h>

#include "base/memory.h"
#include "model/append.h"
#include "train/objective_inside.h"

static const struct ls_shape *output_shape(const struct ls_model *model, size_t output)
{
    struct ls_edge edge = model->output[output];
    return &model->call[edge.call].shapes.out[edge.output];
}

static const struct ls_layer *output_layer(const struct ls_model *model, size_t output)
{
    return model->layer[model->call[model->output[output].call].layer];
}

/* -- targets */

/* Whether `target` is `shape` without its last axis, or with 1 in its place. */
static bool without_last(const struct ls_column *target, const struct ls_shape *shape)
{
    struct ls_shape shorter = *shape, one = *shape;
    shorter.rank--;
    one.size[one.rank - 1] = 1;
    return ls_column_fits(target, &shorter) || ls_column_fits(target, &one);
}

static ls_status find_target(struct ls_objective *objective, size_t o, const struct ls_data *data)
{
    const struct ls_model *model = objective->model;
    struct ls_objective_output *output = &objective->output[o];
    const struct ls_shape *shape = output_shape(model, o);
    char made[LS_SHAPE_TEXT], found[LS_SHAPE_TEXT];
    LS_TRY(ls_data_find(data, model->outputs == 1 ? "y" : model->output_name[o], &output->target));
    const struct ls_column *column = ls_data_column(data, output->target);
    output->columns = shape->rank ? shape->size[shape->rank - 1] : 1;
    output->inner = ls_shape_count(shape) / output->columns;
    if (ls_column_fits(column, shape)) {
        output->form = LS_TARGET_SAME;
        return LS_OK;
    }
    if (shape->rank && without_last(column, shape)) {
        output->form = output->columns == 1 ? LS_TARGET_SAME : LS_TARGET_CLASS;
        return LS_OK;
    }
    ls_shape_format(made, shape);
    ls_shape_format(found, &column->shape);
    return ls_fail(LS_BAD_INPUT, "%s: target '%s' has shape %s, but the output of layer '%s' is %s",
                   ls_data_name(data), column->name, found, output_layer(model, o)->name, made);
}

/* -- losses */

/* What `loss` or `metrics` says of one output: its entry in a map by output, or all of it. */
static const struct ls_tree *part_of(const struct ls_model *model, const struct ls_tree *tree,
                                     size_t o)
{
    if (tree && tree->type == LS_TREE_MAP && ls_tree_find(tree, model->output_name[o]))
        return ls_tree_find(tree, model->output_name[o]);
    return tree;
}

static bool option_bool(const void *options, size_t offset)
{
    return offset != SIZE_MAX && *(const bool *)((const char *)options + offset);
}

static ls_status check_form(const struct ls_objective_output *output, const struct ls_tree *place)
{
    const struct ls_loss_kind *kind = ls_loss_of(output);
    if (kind->target != LS_TARGET_CLASS)
        return LS_OK;
    if (output->columns < 2)
        return ls_fail_at(place, LS_BAD_INPUT,
                          "%s needs an output of at least 2 classes, the model's has 1",
                          kind->kind.name);
    if (output->form != LS_TARGET_CLASS)
        return ls_fail_at(place, LS_BAD_INPUT,
                          "%s needs integer classes, but the target has rows of %lld numbers "
                          "(CategoricalCrossentropy takes those)",
                          kind->kind.name, (long long)output->columns);
    return LS_OK;
}

static ls_status bind_loss(struct ls_objective *objective, size_t o, const struct ls_tree *tree,
                           const struct ls_tree *compile)
{
    struct ls_objective_output *output = &objective->output[o];
    const struct ls_layer *layer = output_layer(objective->model, o);
    if (!tree || ls_tree_is_null(tree))
        return ls_fail_at(tree ? tree : compile, LS_BAD_INPUT, "`compile` names no loss");
    LS_TRY(ls_instance_parse(&output->loss, &ls_losses, tree));
    LS_TRY(check_form(output, tree));
    const struct ls_loss_kind *kind = ls_loss_of(output);
    output->sum =
        ((const struct ls_loss_common *)output->loss.options)->reduction == LS_REDUCTION_SUM;
    output->from_logits = option_bool(output->loss.options, kind->from_logits_offset);
    if (!output->from_logits && layer->has_activation && !layer->activity_regularizer &&
        kind->logits_of != LS_ACTIVATION_LINEAR && (int)layer->activation.id == kind->logits_of) {
        output->from_logits = objective->defer[o] = true;
        output->activation = layer->activation;
    }
    return LS_OK;
}

static ls_status bind_weight(struct ls_objective *objective, const struct ls_tree *tree)
{
    objective->output[0].weight = 1;
    if (!tree || ls_tree_is_null(tree))
        return LS_OK;
    if (tree->type == LS_TREE_LIST && tree->count == 1)
        tree = tree->child;
    tree = part_of(objective->model, tree, 0);
    return ls_tree_double(tree, &objective->output[0].weight);
}

/* -- metrics */

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

static ls_status bind_metric(struct ls_objective *objective, size_t o, const struct ls_tree *tree)
{
    struct ls_objective_output *output = &objective->output[o];
    LS_TRY(ls_reallocate(&objective->metric, objective->metrics + 1, sizeof *objective->metric));
    struct ls_objective_metric *metric = &objective->metric[objective->metrics];
    const struct ls_metric_kind *kind = NULL;
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
    kind = ls_metric_of(metric);
    if (kind->target == LS_TARGET_CLASS && output->form != LS_TARGET_CLASS)
        return ls_fail_at(tree, LS_BAD_INPUT, "%s needs integer classes as targets",
                          kind->kind.name);
    metric->offset = objective->doubles;
    objective->doubles += kind->state_doubles(metric->instance.options, output->columns);
    return ls_metric_key(&metric->name, tree, &metric->instance);
}

static ls_status bind_metrics(struct ls_objective *objective, size_t o, const struct ls_tree *tree)
{
    if (!tree || ls_tree_is_null(tree))
        return LS_OK;
    if (tree->type != LS_TREE_LIST)
        return bind_metric(objective, o, tree);
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(bind_metric(objective, o, entry));
    return LS_OK;
}

/* -- the whole */

static ls_status name_results(struct ls_objective *objective)
{
    LS_TRY(ls_allocate(&objective->name, objective->metrics + 1, sizeof *objective->name));
    objective->name[objective->names++] = "loss";
    for (size_t m = 0; m < objective->metrics; m++) {
        for (size_t other = 0; other < m; other++)
            if (strcmp(objective->metric[m].name, objective->metric[other].name) == 0)
                return ls_fail(LS_BAD_INPUT, "compile: metric '%s' is there twice",
                               objective->metric[m].name);
        objective->name[objective->names++] = objective->metric[m].name;
    }
    return LS_OK;
}

static ls_status bind_outputs(struct ls_objective *objective, const struct ls_tree *compile,
                              const struct ls_data *data)
{
    static const char *const known[] = {"optimizer", "loss", "metrics", "loss_weights", NULL};
    const struct ls_model *model = objective->model;
    if (compile->type != LS_TREE_MAP)
        return ls_fail_at(compile, LS_BAD_INPUT, "expected a map with optimizer, loss, metrics");
    LS_TRY(ls_keys_check(compile, known));
    const struct ls_tree *loss = ls_tree_find(compile, "loss");
    const struct ls_tree *metrics = ls_tree_find(compile, "metrics");
    for (size_t o = 0; o < model->outputs; o++) {
        LS_TRY(find_target(objective, o, data));
        LS_TRY(bind_loss(objective, o, part_of(model, loss, o), compile));
    }
    LS_TRY(bind_weight(objective, ls_tree_find(compile, "loss_weights")));
    objective->doubles = model->outputs + 1;
    for (size_t o = 0; o < model->outputs; o++)
        LS_TRY(bind_metrics(objective, o, part_of(model, metrics, o)));
    return name_results(objective);
}

ls_status ls_objective_create(struct ls_objective **objective, const struct ls_model *model,
                              const struct ls_tree *compile, const struct ls_data *data)
{
    struct ls_objective *made = NULL;
    ls_status status;
    *objective = NULL;
    if (!compile)
        return ls_fail(LS_BAD_INPUT, "the model is not compiled: `compile` names its loss, "
                                     "optimizer and metrics");
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->model = model;
    LS_TRY_OUT(ls_allocate(&made->output, model->outputs, sizeof *made->output));
    LS_TRY_OUT(ls_allocate(&made->defer, model->outputs, sizeof *made->defer));
    LS_TRY_OUT(bind_outputs(made, compile, data));
    *objective = made;
    return LS_OK;
out:
    ls_objective_free(made);
    return status;
}

void ls_objective_free(struct ls_objective *objective)
{
    if (!objective)
        return;
    for (size_t o = 0; objective->output && o < objective->model->outputs; o++)
        ls_instance_release(&objective->output[o].loss);
    for (size_t m = 0; m < objective->metrics; m++) {
        ls_instance_release(&objective->metric[m].instance);
        ls_release(objective->metric[m].name);
    }
    ls_release(objective->output);
    ls_release(objective->defer);
    ls_release(objective->metric);
    ls_release(objective->name);
    ls_release(objective);
}

const bool *ls_objective_defer(const struct ls_objective *objective)
{
    return objective->defer;
}

size_t ls_objective_doubles(const struct ls_objective *objective)
{
    return objective->doubles;
}

size_t ls_objective_results(const struct ls_objective *objective)
{
    return objective->names;
}

const char *const *ls_objective_names(const struct ls_objective *objective)
{
    return objective->name;
}
