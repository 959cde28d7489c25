#include "store/slots_layout.h"

#include "base/memory.h"

const struct ls_tree *ls_slots_optimizer(const struct ls_checkpoint *checkpoint)
{
    const struct ls_tree *compile =
        checkpoint->compile ? checkpoint->compile : checkpoint->model->compile;
    const struct ls_tree *optimizer =
        compile && compile->type == LS_TREE_MAP ? ls_tree_find(compile, "optimizer") : NULL;
    return optimizer && !ls_tree_is_null(optimizer) ? optimizer : NULL;
}

ls_status ls_slots_layout_make(struct ls_slots_layout *layout,
                               const struct ls_checkpoint *checkpoint)
{
    const struct ls_model *model = checkpoint->model;
    *layout = (struct ls_slots_layout){0};
    LS_TRY(ls_instance_parse(&layout->optimizer, &ls_optimizers, ls_slots_optimizer(checkpoint)));
    const struct ls_optimizer_kind *kind = (const struct ls_optimizer_kind *)layout->optimizer.kind;
    layout->slots = kind->slots(layout->optimizer.options, layout->slot);
    layout->paired = kind->paired < layout->slots ? kind->paired : layout->slots;
    while (layout->variables < ls_model_variables(model) &&
           ls_model_variable(model, layout->variables).trainable)
        layout->variables++;
    return LS_OK;
}

struct ls_slots_spot ls_slots_spot(const struct ls_slots_layout *layout, size_t n)
{
    size_t pairs = layout->paired * layout->variables;
    if (n < pairs)
        return (struct ls_slots_spot){n % layout->paired, n / layout->paired};
    n -= pairs;
    return (struct ls_slots_spot){layout->paired + n / layout->variables, n % layout->variables};
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
