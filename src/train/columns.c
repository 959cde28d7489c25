/* Which columns of a data set a model takes. */
#include <string.h>

#include "base/memory.h"
#include "train/objective_inside.h"

static ls_status find_input(struct ls_columns *columns, const struct ls_model *model, size_t i,
                            const struct ls_data *data)
{
    const struct ls_graph_call *call = &model->call[model->input[i].call];
    struct ls_column_use *use = &columns->use[columns->uses++];
    char wanted[LS_SHAPE_TEXT], found[LS_SHAPE_TEXT];
    LS_TRY(ls_data_find(data, model->inputs == 1 ? "x" : model->input_name[i], &use->column));
    const struct ls_column *column = ls_data_column(data, use->column);
    use->finite = true;
    use->what = "input";
    if (ls_column_fits(column, &call->shapes.out[0]))
        return LS_OK;
    ls_shape_format(wanted, &call->shapes.out[0]);
    ls_shape_format(found, &column->shape);
    return ls_fail(LS_BAD_INPUT, "%s: '%s' has shape %s, but the model's input is %s",
                   ls_data_name(data), column->name, found, wanted);
}

static void use_target(struct ls_columns *columns, const struct ls_objective_output *output)
{
    struct ls_column_use *use = &columns->use[columns->uses++];
    use->column = output->target;
    use->finite = true;
    use->classes = output->form == LS_TARGET_CLASS ? output->columns : 0;
    use->what = "target";
}

static ls_status use_weight(struct ls_columns *columns, const struct ls_data *data)
{
    char shape[LS_SHAPE_TEXT];
    for (size_t c = 0; c < ls_data_columns(data); c++) {
        const struct ls_column *column = ls_data_column(data, c);
        if (column->role != LS_COLUMN_WEIGHT)
            continue;
        ls_shape_format(shape, &column->shape);
        if (ls_shape_count(&column->shape) != 1)
            return ls_fail(LS_BAD_INPUT, "%s: '%s' has shape %s, but a sample has one weight",
                           ls_data_name(data), column->name, shape);
        columns->weighted = true;
        columns->use[columns->uses++] =
            (struct ls_column_use){.column = c, .finite = true, .what = "sample weight"};
    }
    return LS_OK;
}

ls_status ls_columns_find(struct ls_columns *columns, const struct ls_model *model,
                          const struct ls_objective *objective, const struct ls_data *data)
{
    ls_status status;
    memset(columns, 0, sizeof *columns);
    columns->inputs = model->inputs;
    LS_TRY(ls_allocate(&columns->use, model->inputs + model->outputs + 1, sizeof *columns->use));
    for (size_t i = 0; i < model->inputs; i++)
        LS_TRY_OUT(find_input(columns, model, i, data));
    if (!objective)
        return LS_OK;
    columns->targets = model->outputs;
    for (size_t o = 0; o < model->outputs; o++)
        use_target(columns, &objective->output[o]);
    LS_TRY_OUT(use_weight(columns, data));
    return LS_OK;
out:
    ls_columns_release(columns);
    return status;
}

void ls_columns_release(struct ls_columns *columns)
{
    ls_release(columns->use);
    memset(columns, 0, sizeof *columns);
}
