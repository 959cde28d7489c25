/* Which columns of a data set a model takes. */
#include <string.h>

#include "base/memory.h"
#include "train/objective_inside.h"

ls_status ls_find_by_name(const struct ls_data *data, const char *only, const char *name,
                          size_t *column)
{
    if (!only)
        return ls_data_find(data, name, column);
    if (!ls_data_has(data, only) && ls_data_has(data, name))
        return ls_fail(LS_BAD_INPUT,
                       "%s: no dataset '%s', as the only one of a model is called; '%s' can stand "
                       "for it in a run file: {file: F.h5, x: /PATH, y: /PATH}",
                       ls_data_name(data), only, name);
    return ls_data_find(data, only, column);
}

static ls_status find_input(struct ls_columns *columns, const struct ls_model *model, size_t i,
                            const struct ls_data *data)
{
    const struct ls_graph_call *call = &model->call[model->input[i].call];
    struct ls_column_use *use = &columns->use[columns->uses++];
    char wanted[LS_SHAPE_TEXT], found[LS_SHAPE_TEXT];
    LS_TRY(
        ls_find_by_name(data, model->inputs == 1 ? "x" : NULL, model->input_name[i], &use->column));
    const struct ls_column *column = ls_data_column(data, use->column);
    struct ls_integers integers = ls_model_integers(model, i);
    use->finite = true;
    use->what = "input";
    use->classes = integers.count;
    use->reader = integers.layer ? integers.layer->path : NULL;
    if (ls_column_fits(column, &call->shapes.out[0]))
        return LS_OK;
    ls_shape_format(wanted, &call->shapes.out[0]);
    ls_shape_format(found, &column->shape);
    return ls_fail(LS_BAD_INPUT, "%s: '%s' has shape %s, but the model's input is %s",
                   ls_data_name(data), column->name, found, wanted);
}

static void use_target(struct ls_columns *columns, const struct ls_objective *objective, size_t o)
{
    const struct ls_objective_output *output = &objective->output[o];
    columns->output[o] = (struct ls_output_use){.target = LS_NO_USE, .weight = LS_NO_USE};
    if (!output->has_target)
        return;
    columns->output[o].target = columns->uses;
    columns->use[columns->uses++] = (struct ls_column_use){
        .column = output->target,
        .finite = true,
        .classes = output->form == LS_TARGET_CLASS ? output->columns : 0,
        .ignored = output->ignored != LS_NULL_INT ? output->ignored : 0,
        .what = output->what,
    };
}

/* -- sample weights */

/* Whether the data's column of this name is an input or a target of the model. */
static bool is_taken(const struct ls_model *model, const char *name)
{
    bool taken = false;
    for (size_t i = 0; model->inputs > 1 && i < model->inputs; i++)
        taken |= strcmp(model->input_name[i], name) == 0;
    for (size_t o = 0; model->outputs > 1 && o < model->outputs; o++)
        taken |= strcmp(model->output_name[o], name) == 0;
    return taken;
}

/* The column of an output's weights: *found is false where it has none. */
static ls_status find_weight(bool *found, size_t *column, const struct ls_model *model,
                             const char *output, const struct ls_data *data)
{
    static const char common[] = "sample_weight";
    char *own = NULL;
    LS_TRY(ls_format(&own, "%s_%s", output, common));
    const char *name = ls_data_has(data, own) && !is_taken(model, own) ? own : common;
    ls_status status = LS_OK;
    *found = ls_data_has(data, name) && !is_taken(model, name);
    if (*found)
        status = ls_data_find(data, name, column);
    ls_release(own);
    return status;
}

static ls_status check_weight(bool *by_position, const struct ls_objective_output *output,
                              size_t outputs, const struct ls_data *data, size_t c)
{
    const struct ls_column *column = ls_data_column(data, c);
    struct ls_shape positions = *output->shape;
    char found[LS_SHAPE_TEXT], wanted[LS_SHAPE_TEXT];
    *by_position = false;
    if (ls_shape_count(&column->shape) == 1)
        return LS_OK;
    *by_position = true;
    if (output->inner > 1 && ls_column_fits_positions(column, output->shape))
        return LS_OK;
    ls_shape_format(found, &column->shape);
    if (output->inner == 1)
        return ls_fail(LS_BAD_INPUT, "%s: '%s' has shape %s, but a sample has one weight%s%s",
                       ls_data_name(data), column->name, found, outputs > 1 ? " in output " : "",
                       outputs > 1 ? output->name : "");
    positions.rank--;
    ls_shape_format(wanted, &positions);
    return ls_fail(LS_BAD_INPUT,
                   "%s: '%s' has shape %s, but a sample has one weight, or, in output %s, %s",
                   ls_data_name(data), column->name, found, output->name, wanted);
}

static size_t use_of(const struct ls_columns *columns, size_t column)
{
    for (size_t u = columns->inputs; u < columns->uses; u++)
        if (columns->use[u].column == column)
            return u;
    return LS_NO_USE;
}

/* Outputs with common weights share a use. */
static ls_status use_weight(struct ls_columns *columns, const struct ls_objective *objective,
                            size_t o, const struct ls_data *data)
{
    const struct ls_model *model = objective->model;
    const struct ls_objective_output *output = &objective->output[o];
    struct ls_output_use *use = &columns->output[o];
    bool found;
    size_t column;
    if (!output->has_target)
        return LS_OK;
    LS_TRY(find_weight(&found, &column, model, output->name, data));
    if (!found)
        return LS_OK;
    LS_TRY(check_weight(&use->by_position, output, model->outputs, data, column));
    use->weight = use_of(columns, column);
    if (use->weight == LS_NO_USE) {
        const char *name = ls_data_column(data, column)->name;
        use->weight = columns->uses;
        columns->use[columns->uses++] = (struct ls_column_use){
            .column = column,
            .finite = true,
            .what = strcmp(name, "sample_weight") == 0 ? "sample weight" : name,
        };
    }
    return LS_OK;
}

/* Whether weights called after this are no output's of this model, but may be one's of another that
 * the data is for: they have a target. */
static bool weighs_another(const struct ls_model *model, const char *name,
                           const struct ls_data *data)
{
    if (model->outputs == 1)
        return strcmp(name, "y") != 0 && ls_data_has(data, name);
    return ls_data_has(data, name);
}

/* Weights under a name that no output has would be passed over: the wrong model is trained, and
 * nobody told. */
static ls_status check_unused(const struct ls_columns *columns, const struct ls_model *model,
                              const struct ls_data *data)
{
    static const char ending[] = "_sample_weight";
    for (size_t c = 0; c < ls_data_columns(data); c++) {
        const char *name = ls_data_column(data, c)->name;
        bool known =
            !ls_ends_with(name, ending) || use_of(columns, c) != LS_NO_USE || is_taken(model, name);
        char *output = NULL;
        if (known)
            continue;
        LS_TRY(ls_format(&output, "%.*s", (int)(strlen(name) - strlen(ending)), name));
        known = weighs_another(model, output, data);
        for (size_t o = 0; o < model->outputs; o++)
            known |= strcmp(model->output_name[o], output) == 0;
        ls_release(output);
        if (!known)
            return ls_fail(
                LS_BAD_INPUT,
                "%s: '%s' is named after no output of the model: expected %s%s%s sample_weight",
                ls_data_name(data), name, model->output_name[0], ending,
                model->outputs > 1 ? ", ..., or" : " or");
    }
    return LS_OK;
}

/* -- the whole */

static ls_status use_outputs(struct ls_columns *columns, const struct ls_objective *objective,
                             const struct ls_data *data)
{
    size_t outputs = objective->model->outputs;
    LS_TRY(ls_allocate(&columns->output, outputs, sizeof *columns->output));
    columns->outputs = outputs;
    for (size_t o = 0; o < outputs; o++)
        use_target(columns, objective, o);
    for (size_t o = 0; o < outputs; o++)
        LS_TRY(use_weight(columns, objective, o, data));
    return check_unused(columns, objective->model, data);
}

ls_status ls_columns_find(struct ls_columns *columns, const struct ls_model *model,
                          const struct ls_objective *objective, const struct ls_data *data)
{
    size_t room = model->inputs + 2 * model->outputs;
    ls_status status;
    memset(columns, 0, sizeof *columns);
    columns->inputs = model->inputs;
    LS_TRY_OUT(ls_allocate(&columns->use, room, sizeof *columns->use));
    LS_TRY_OUT(ls_allocate(&columns->floats, room, sizeof *columns->floats));
    for (size_t i = 0; i < model->inputs; i++)
        LS_TRY_OUT(find_input(columns, model, i, data));
    if (objective)
        LS_TRY_OUT(use_outputs(columns, objective, data));
    for (size_t u = 0; u < columns->uses; u++)
        columns->floats[u] =
            (size_t)ls_shape_count(&ls_data_column(data, columns->use[u].column)->shape);
    return LS_OK;
out:
    ls_columns_release(columns);
    return status;
}

void ls_columns_release(struct ls_columns *columns)
{
    ls_release(columns->use);
    ls_release(columns->floats);
    ls_release(columns->output);
    memset(columns, 0, sizeof *columns);
}
