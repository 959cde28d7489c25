#include "train/objective.h"

#include <string.h>

#include "base/memory.h"
#include "model/append.h"
#include "model/by_output.h"
#include "train/objective_inside.h"

static const struct ls_layer *output_layer(const struct ls_model *model, size_t output)
{
    return model->layer[model->call[model->output[output].call].layer];
}

/* -- targets */

static ls_status find_target(struct ls_objective *objective, size_t o, const struct ls_data *data)
{
    const struct ls_model *model = objective->model;
    struct ls_objective_output *output = &objective->output[o];
    char made[LS_SHAPE_TEXT], found[LS_SHAPE_TEXT];
    LS_TRY(ls_find_by_name(data, model->outputs == 1 ? "y" : NULL, output->name, &output->target));
    LS_TRY(model->outputs == 1 ? ls_duplicate(&output->what, "target")
                               : ls_format(&output->what, "target of output '%s'", output->name));
    const struct ls_column *column = ls_data_column(data, output->target);
    output->has_target = true;
    if (ls_column_fits(column, output->shape)) {
        output->form = LS_TARGET_SAME;
        return LS_OK;
    }
    if (output->shape->rank && ls_column_fits_positions(column, output->shape)) {
        output->form = output->columns == 1 ? LS_TARGET_SAME : LS_TARGET_CLASS;
        return LS_OK;
    }
    ls_shape_format(made, output->shape);
    ls_shape_format(found, &column->shape);
    return ls_fail(LS_BAD_INPUT, "%s: target '%s' has shape %s, but the output of layer '%s' is %s",
                   ls_data_name(data), column->name, found, output_layer(model, o)->name, made);
}

/* -- losses */

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

static const struct ls_layer *maker_of(const struct ls_model *model, size_t o)
{
    return model->layer[model->call[ls_model_maker(model, model->output[o]).call].layer];
}

/* The activation that the output is the direct result of, if there is one. */
static struct ls_activation activation_of(const struct ls_model *model, size_t o)
{
    const struct ls_layer *layer = maker_of(model, o);
    bool direct = layer->has_activation && ls_model_output_is_last(model, o);
    return direct ? layer->activation : ls_activation_default(LS_ACTIVATION_LINEAR);
}

/* Leaves the output's last activation to the loss where that takes its logits. */
static void take_logits(struct ls_objective *objective, size_t o)
{
    struct ls_objective_output *output = &objective->output[o];
    const struct ls_loss_kind *kind = ls_loss_of(output);
    output->from_logits = option_bool(output->loss.options, kind->from_logits_offset);
    if ((output->from_logits && kind->takes_given) || kind->logits_of == LS_ACTIVATION_LINEAR ||
        (int)output->activation.id != kind->logits_of ||
        maker_of(objective->model, o)->activity_regularizer)
        return;
    output->from_logits = objective->defer[o] = true;
}

static ls_status bind_loss(struct ls_objective *objective, size_t o, const struct ls_tree *tree)
{
    struct ls_objective_output *output = &objective->output[o];
    const struct ls_loss_kind *kind = NULL;
    if (tree->type == LS_TREE_SCALAR)
        kind = ls_loss_resolve(tree->text, output->columns, output->form);
    if (kind)
        LS_TRY(ls_instance_create(&output->loss, &kind->kind, NULL, NULL));
    else
        LS_TRY(ls_instance_parse(&output->loss, &ls_losses, tree));
    objective->losses++;
    LS_TRY(check_form(output, tree));
    kind = ls_loss_of(output);
    if (kind->check && kind->check(output->loss.options, output->columns) != LS_OK)
        return ls_fail_at(tree, LS_BAD_INPUT, "%s: %s", kind->kind.name, ls_message());
    output->reduction = ((const struct ls_loss_common *)output->loss.options)->reduction;
    output->ignored = kind->ignored ? kind->ignored(output->loss.options) : LS_NULL_INT;
    output->one_hot |=
        ls_loss_of(output)->target == LS_TARGET_SAME && output->form == LS_TARGET_CLASS;
    take_logits(objective, o);
    return LS_OK;
}

/* -- the whole */

/* One number for several outputs goes with one loss for all of them alone, as in Keras. */
static ls_status split_weights(const struct ls_objective_parts *parts, const struct ls_model *model,
                               const struct ls_tree *tree, enum ls_by_output losses)
{
    enum ls_by_output how;
    LS_TRY(ls_by_output(&how, parts->weight, model, tree, NULL));
    if (how == LS_BY_ALL && model->outputs > 1 && losses != LS_BY_ALL)
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "expected a map by output or a list with a number for each output");
    return LS_OK;
}

static ls_status split_compile(const struct ls_objective_parts *parts, const struct ls_model *model,
                               const struct ls_tree *compile)
{
    static const char *const known[] = {"optimizer",        "loss", "metrics", "loss_weights",
                                        "weighted_metrics", NULL};
    enum ls_by_output how;
    bool some = false;
    if (compile->type != LS_TREE_MAP)
        return ls_fail_at(compile, LS_BAD_INPUT, "expected a map with optimizer, loss, metrics");
    LS_TRY(ls_keys_check(compile, known));
    const struct ls_tree *loss = ls_tree_find(compile, "loss");
    LS_TRY(ls_by_output(&how, parts->loss, model, loss, &ls_losses));
    for (size_t o = 0; o < model->outputs; o++)
        some |= parts->loss[o] != NULL;
    if (!some)
        return ls_fail_at(loss ? loss : compile, LS_BAD_INPUT, "`compile` names no loss");
    LS_TRY(split_weights(parts, model, ls_tree_find(compile, "loss_weights"), how));
    LS_TRY(
        ls_metrics_by_output(parts->metrics, model, ls_tree_find(compile, "metrics"), &ls_metrics));
    return ls_metrics_by_output(parts->weighted, model, ls_tree_find(compile, "weighted_metrics"),
                                &ls_metrics);
}

/* A mask says of each position whether it counts. */
static ls_status check_mask(const struct ls_objective *objective, size_t o)
{
    const struct ls_model *model = objective->model;
    const struct ls_objective_output *output = &objective->output[o];
    const struct ls_edge *edge = ls_model_mask(model, model->output[o]);
    char made[LS_SHAPE_TEXT], masked[LS_SHAPE_TEXT];
    if (!edge)
        return LS_OK;
    const struct ls_shape *mask = &model->call[edge->call].shapes.out[edge->output];
    if (ls_shape_count(mask) == output->inner)
        return LS_OK;
    ls_shape_format(masked, mask);
    ls_shape_format(made, output->shape);
    return ls_fail(LS_BAD_INPUT,
                   "output '%s' is %s, but its mask is %s: a loss takes a mask of all axes but the "
                   "last",
                   output->name, made, masked);
}

static ls_status bind_output(struct ls_objective *objective, size_t o,
                             const struct ls_objective_parts *parts, const struct ls_data *data)
{
    const struct ls_model *model = objective->model;
    struct ls_objective_output *output = &objective->output[o];
    struct ls_edge edge = model->output[o];
    output->name = model->output_name[o];
    output->shape = &model->call[edge.call].shapes.out[edge.output];
    output->columns = output->shape->rank ? output->shape->size[output->shape->rank - 1] : 1;
    output->inner = ls_shape_count(output->shape) / output->columns;
    output->weight = 1;
    output->ignored = LS_NULL_INT;
    output->activation = activation_of(model, o);
    objective->no_loss[o] = !parts->loss[o];
    if (parts->weight[o])
        LS_TRY(ls_tree_double(parts->weight[o], &output->weight));
    if (!parts->loss[o] && !parts->metrics[o] && !parts->weighted[o])
        return LS_OK;
    LS_TRY(check_mask(objective, o));
    LS_TRY(find_target(objective, o, data));
    return parts->loss[o] ? bind_loss(objective, o, parts->loss[o]) : LS_OK;
}

static ls_status bind_all(struct ls_objective *objective, const struct ls_tree *compile,
                          const struct ls_data *data)
{
    size_t outputs = objective->model->outputs;
    const struct ls_tree **room = NULL;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&objective->output, outputs, sizeof *objective->output));
    LS_TRY_OUT(ls_allocate(&objective->defer, outputs, sizeof *objective->defer));
    LS_TRY_OUT(ls_allocate(&objective->no_loss, outputs, sizeof *objective->no_loss));
    LS_TRY_OUT(ls_allocate(&room, 4 * outputs, sizeof *room));
    struct ls_objective_parts parts = {room, room + outputs, room + 2 * outputs,
                                       room + 3 * outputs};
    LS_TRY_OUT(split_compile(&parts, objective->model, compile));
    for (size_t o = 0; o < outputs; o++)
        LS_TRY_OUT(bind_output(objective, o, &parts, data));
    objective->doubles = 2 * outputs + 1;
    LS_TRY_OUT(ls_objective_bind_metrics(objective, &parts));
    LS_TRY_OUT(ls_objective_name_results(objective));
out:
    ls_release(room);
    return status;
}

ls_status ls_objective_create(struct ls_objective **objective, const struct ls_model *model,
                              const struct ls_tree *compile, const struct ls_data *data)
{
    struct ls_objective *made = NULL;
    *objective = NULL;
    if (!compile)
        return ls_fail(LS_BAD_INPUT, "the model is not compiled: `compile` names its loss, "
                                     "optimizer and metrics");
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->model = model;
    ls_status status = bind_all(made, compile, data);
    if (status == LS_OK)
        *objective = made;
    else
        ls_objective_free(made);
    return status;
}

void ls_objective_free(struct ls_objective *objective)
{
    if (!objective)
        return;
    for (size_t o = 0; objective->output && o < objective->model->outputs; o++) {
        ls_instance_release(&objective->output[o].loss);
        ls_release(objective->output[o].what);
    }
    for (size_t m = 0; m < objective->metrics; m++) {
        ls_instance_release(&objective->metric[m].instance);
        ls_release(objective->metric[m].name);
        ls_release(objective->metric[m].key);
    }
    for (size_t n = 0; n < objective->names; n++) {
        ls_release(objective->name[n]);
        ls_release(objective->list[n]);
    }
    ls_release(objective->output);
    ls_release(objective->defer);
    ls_release(objective->no_loss);
    ls_release(objective->metric);
    ls_release(objective->name);
    ls_release(objective->list);
    ls_release(objective);
}

const bool *ls_objective_defer(const struct ls_objective *objective)
{
    return objective->defer;
}

bool ls_objective_counts(const struct ls_objective *objective)
{
    const struct ls_model *model = objective->model;
    for (size_t o = 0; o < model->outputs; o++) {
        const struct ls_objective_output *output = &objective->output[o];
        if (ls_output_has_loss(output) && output->reduction != LS_REDUCTION_SUM &&
            (ls_model_mask(model, model->output[o]) || output->ignored != LS_NULL_INT ||
             output->reduction == LS_REDUCTION_WEIGHTED_MEAN))
            return true;
    }
    return false;
}

const bool *ls_objective_no_loss(const struct ls_objective *objective)
{
    return objective->no_loss;
}

size_t ls_objective_doubles(const struct ls_objective *objective)
{
    return objective->doubles;
}

size_t ls_objective_losses(const struct ls_objective *objective)
{
    return objective->losses > 1 ? 1 + objective->losses : 1;
}

size_t ls_objective_results(const struct ls_objective *objective)
{
    return objective->names;
}

const char *const *ls_objective_names(const struct ls_objective *objective)
{
    return (const char *const *)objective->name;
}

const char *const *ls_objective_lists(const struct ls_objective *objective)
{
    return (const char *const *)objective->list;
}
