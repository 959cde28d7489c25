#include "store/slots_layout.h"

#include "base/memory.h"
#include "store/variable_way.h"

const struct ls_tree *ls_slots_optimizer(const struct ls_checkpoint *checkpoint)
{
    const struct ls_tree *compile =
        checkpoint->compile ? checkpoint->compile : checkpoint->model->compile;
    const struct ls_tree *optimizer =
        compile && compile->type == LS_TREE_MAP ? ls_tree_find(compile, "optimizer") : NULL;
    return optimizer && !ls_tree_is_null(optimizer) ? optimizer : NULL;
}

/* Slots `first` to `end` of the variables from `variable` on, up to the next: those that are. */
static void add_spots(struct ls_slots_layout *layout, size_t first, size_t end, size_t variable,
                      int way)
{
    const struct ls_optimizer_kind *kind = ls_optimizer_kind(&layout->optimizer);
    for (size_t s = first; s < end; s++)
        if (s < layout->slots.own || !kind->lacks || !kind->lacks(way, s - layout->slots.own))
            layout->spot[layout->spots++] = (struct ls_slots_spot){s, variable};
}

/* Averages and accumulated gradients stand before the kind's own. */
static void add_all(struct ls_slots_layout *layout, const int *way, size_t variables, size_t paired)
{
    size_t own = layout->slots.own, count = layout->slots.count;
    size_t pairs = own + (paired < count - own ? paired : count - own);
    for (size_t s = 0; s < own; s++)
        for (size_t v = 0; v < variables; v++)
            add_spots(layout, s, s + 1, v, way[v]);
    for (size_t v = 0; v < variables; v++)
        add_spots(layout, own, pairs, v, way[v]);
    for (size_t s = pairs; s < count; s++)
        for (size_t v = 0; v < variables; v++)
            add_spots(layout, s, s + 1, v, way[v]);
}

static ls_status lay_out(struct ls_slots_layout *layout, const struct ls_model *model, bool by_slot)
{
    const struct ls_optimizer_kind *kind = ls_optimizer_kind(&layout->optimizer);
    size_t count = ls_model_variables(model), variables = 0;
    int *way = NULL;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&way, count + 1, sizeof *way));
    for (; variables < count; variables++) {
        struct ls_variable_at at = ls_model_variable(model, variables);
        if (!at.trainable)
            break;
        LS_TRY_OUT(ls_variable_way(&way[variables], &layout->optimizer, model, &at));
    }
    ls_optimizer_slots(&layout->slots, &layout->optimizer);
    layout->scalar = kind->scalar != NULL;
    LS_TRY_OUT(
        ls_allocate(&layout->spot, layout->slots.count * variables + 1, sizeof *layout->spot));
    add_all(layout, way, variables, by_slot ? 0 : kind->paired);
out:
    ls_release(way);
    return status;
}

ls_status ls_slots_layout_make(struct ls_slots_layout *layout,
                               const struct ls_checkpoint *checkpoint, bool by_slot)
{
    *layout = (struct ls_slots_layout){0};
    LS_TRY(ls_optimizer_parse(&layout->optimizer, ls_slots_optimizer(checkpoint)));
    ls_status status = lay_out(layout, checkpoint->model, by_slot);
    if (status != LS_OK)
        ls_slots_layout_release(layout);
    return status;
}

void ls_slots_layout_release(struct ls_slots_layout *layout)
{
    ls_instance_release(&layout->optimizer);
    ls_release(layout->spot);
    *layout = (struct ls_slots_layout){0};
}

ls_status ls_slots_objects(struct ls_texts *objects, const char *group,
                           const struct ls_texts *names)
{
    for (size_t i = 0; i < names->count; i++) {
        char *object = NULL;
        LS_TRY(ls_format(&object, "%s/%s", group, names->text[i]));
        ls_status status = ls_texts_add(objects, object);
        ls_release(object);
        LS_TRY(status);
    }
    return LS_OK;
}
