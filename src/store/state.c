#include "store/state.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "store/digest.h"
#include "store/h5_table.h"

#define GROUP "/lockstep"

/* -- writing */

static ls_status put_tree(struct ls_h5_image *image, const char *attribute,
                          const struct ls_tree *tree,
                          void (*format)(struct ls_text *, const struct ls_tree *))
{
    struct ls_text text = {0};
    if (!tree)
        return LS_OK;
    format(&text, tree);
    ls_status status = ls_text_status(&text);
    if (status == LS_OK)
        status = ls_h5_put_text(image, GROUP, attribute, text.data);
    ls_text_release(&text);
    return status;
}

/* An arena by variable: GROUP/slots/SLOT/LAYER/VARIABLE of the trainable ones, or
 * GROUP/kept/NUMBER/LAYER/VARIABLE of all. */
struct arena {
    const struct ls_model *model;
    const char *group; /* slots/SLOT, kept/NUMBER */
    bool all;
};

static ls_status arena_object(char **object, const struct arena *arena,
                              const struct ls_variable_at *at)
{
    return ls_format(object, GROUP "/%s/%s/%s", arena->group, at->layer->path, at->variable->name);
}

static ls_status put_arena(struct ls_h5_image *image, const struct arena *arena,
                           const float *floats)
{
    const size_t variables = ls_model_variables(arena->model);
    for (size_t i = 0; i < variables; i++) {
        const struct ls_variable_at at = ls_model_variable(arena->model, i);
        char *object = NULL;
        if (!at.trainable && !arena->all)
            continue;
        const struct ls_h5_values values = {LS_H5_FLOAT, at.variable->shape,
                                            floats + at.variable->offset, NULL};
        LS_TRY(arena_object(&object, arena, &at));
        ls_status status = ls_h5_put_values(image, object, &values);
        ls_release(object);
        if (status != LS_OK)
            return status;
    }
    return LS_OK;
}

static ls_status put_slot(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint,
                          size_t slot)
{
    char *group = NULL;
    LS_TRY(ls_format(&group, "slots/%s", checkpoint->slot_name[slot]));
    ls_status status =
        put_arena(image, &(struct arena){checkpoint->model, group, false}, checkpoint->slot[slot]);
    ls_release(group);
    return status;
}

static ls_status put_kept(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->kepts; i++) {
        char group[32];
        snprintf(group, sizeof group, "kept/%zu", i);
        LS_TRY(
            put_arena(image, &(struct arena){checkpoint->model, group, true}, checkpoint->kept[i]));
    }
    return LS_OK;
}

static ls_status put_slots(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint)
{
    struct ls_texts names = {0};
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_h5_put_group(image, GROUP "/slots"));
    for (size_t i = 0; i < checkpoint->slots; i++) {
        LS_TRY_OUT(ls_texts_add(&names, checkpoint->slot_name[i]));
        LS_TRY_OUT(put_slot(image, checkpoint, i));
    }
    LS_TRY_OUT(ls_h5_put_int(image, GROUP "/slots", "iteration", checkpoint->iteration));
    status = ls_h5_put_texts(image, GROUP "/slots", "slots", &names);
out:
    ls_texts_release(&names);
    return status;
}

ls_status ls_state_write(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint)
{
    const struct ls_h5_values partial = {
        LS_H5_DOUBLE, {1, {(int64_t)checkpoint->partials}}, checkpoint->partial, NULL};
    LS_TRY(ls_h5_put_group(image, GROUP));
    LS_TRY(ls_h5_put_fixed(image, GROUP, "digest", LS_DIGEST_EMPTY));
    LS_TRY(ls_h5_put_int(image, GROUP, "format", LS_STATE_FORMAT));
    LS_TRY(ls_h5_put_text(image, GROUP, "program", LOCKSTEP_VERSION));
    LS_TRY(put_tree(image, "state", checkpoint->state, ls_tree_format_json));
    LS_TRY(put_tree(image, "compile",
                    checkpoint->compile ? checkpoint->compile : checkpoint->model->compile,
                    ls_tree_format_yaml));
    LS_TRY(put_slots(image, checkpoint));
    LS_TRY(ls_h5_put_values(image, GROUP "/partial", &partial));
    LS_TRY(put_kept(image, checkpoint));
    return ls_h5_put_table(image, GROUP "/epochs", &checkpoint->epochs);
}

/* -- reading */

static ls_status read_state(const struct ls_h5 *h5, struct ls_tree **state)
{
    char *text = NULL;
    LS_TRY(ls_h5_read_text(h5, GROUP, "state", &text));
    ls_status status = text ? ls_tree_parse_json(state, text, strlen(text), h5->path) : LS_OK;
    ls_release(text);
    return status;
}

/* Ours has more than Keras' training_config, as the user wrote it. */
static ls_status read_compile(const struct ls_h5 *h5, struct ls_tree **compile)
{
    struct ls_tree *read = NULL;
    char *text = NULL;
    LS_TRY(ls_h5_read_text(h5, GROUP, "compile", &text));
    ls_status status = text ? ls_tree_parse_yaml(&read, text, strlen(text), h5->path) : LS_OK;
    ls_release(text);
    if (read) {
        ls_tree_free(*compile);
        *compile = read;
    }
    return status;
}

static ls_status read_arena(const struct ls_h5 *h5, const struct arena *arena, float *floats)
{
    const size_t variables = ls_model_variables(arena->model);
    for (size_t i = 0; i < variables; i++) {
        const struct ls_variable_at at = ls_model_variable(arena->model, i);
        char *object = NULL;
        if (!at.trainable && !arena->all)
            continue;
        LS_TRY(arena_object(&object, arena, &at));
        ls_status status =
            ls_h5_read_floats(h5, object, floats + at.variable->offset, &at.variable->shape);
        ls_release(object);
        if (status != LS_OK)
            return status;
    }
    return LS_OK;
}

static ls_status read_slot(const struct ls_h5 *h5, const struct ls_model *model, const char *slot,
                           float *floats)
{
    char *group = NULL;
    LS_TRY(ls_format(&group, "slots/%s", slot));
    ls_status status = read_arena(h5, &(struct arena){model, group, false}, floats);
    ls_release(group);
    return status;
}

static ls_status read_kept(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint)
{
    const struct ls_model *model = checkpoint->model;
    for (size_t i = 0; i < LS_CHECKPOINT_KEPT_MAX; i++) {
        char group[32], object[64];
        bool found;
        snprintf(group, sizeof group, "kept/%zu", i);
        snprintf(object, sizeof object, GROUP "/%s", group);
        LS_TRY(ls_h5_find(h5, object, &found));
        if (!found)
            break;
        LS_TRY(
            ls_allocate(&checkpoint->kept[i], model->floats + LS_ALIGNMENT_FLOATS, sizeof(float)));
        checkpoint->kepts = i + 1;
        LS_TRY(read_arena(h5, &(struct arena){model, group, true}, checkpoint->kept[i]));
    }
    return LS_OK;
}

/* A checkpoint of before there was such an attribute has it as the run's position. */
static ls_status read_iteration(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint)
{
    bool found;
    LS_TRY(ls_h5_read_int(h5, GROUP "/slots", "iteration", &checkpoint->iteration, &found));
    const struct ls_tree *position =
        found ? NULL : ls_tree_find_path(checkpoint->state, "position.iteration");
    return position ? ls_tree_int(position, &checkpoint->iteration) : LS_OK;
}

static ls_status read_slots(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint)
{
    struct ls_texts names = {0};
    ls_status status = LS_OK;
    LS_TRY(read_iteration(h5, checkpoint));
    LS_TRY_OUT(ls_h5_read_texts(h5, GROUP "/slots", "slots", &names));
    if (names.count > LS_CHECKPOINT_SLOTS_MAX)
        LS_TRY_OUT(ls_fail(LS_BAD_INPUT, "%s: " GROUP "/slots: too many", h5->path));
    for (size_t i = 0; i < names.count; i++) {
        char *name = NULL;
        LS_TRY_OUT(ls_duplicate(&name, names.text[i]));
        checkpoint->slot_name[i] = name;
        checkpoint->slots = i + 1;
        LS_TRY_OUT(ls_allocate(&checkpoint->slot[i],
                               checkpoint->model->trainable_floats + LS_ALIGNMENT_FLOATS,
                               sizeof(float)));
        LS_TRY_OUT(read_slot(h5, checkpoint->model, name, checkpoint->slot[i]));
    }
out:
    ls_texts_release(&names);
    return status;
}

static ls_status check_format(const struct ls_h5 *h5, bool *newer)
{
    int64_t format = 0;
    bool found = false;
    LS_TRY(ls_h5_read_int(h5, GROUP, "format", &format, &found));
    if (!found || format < 1)
        return ls_fail(LS_BAD_INPUT, "%s: " GROUP ": no format", h5->path);
    *newer = format > LS_STATE_FORMAT;
    if (*newer)
        return ls_fail(LS_BAD_INPUT,
                       "%s: of format %lld, but this program (" LOCKSTEP_VERSION
                       ") knows formats up to %d: use a newer one",
                       h5->path, (long long)format, LS_STATE_FORMAT);
    return LS_OK;
}

ls_status ls_state_read(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint)
{
    bool found;
    LS_TRY(read_state(h5, &checkpoint->state));
    LS_TRY(read_compile(h5, &checkpoint->compile));
    LS_TRY(read_slots(h5, checkpoint));
    LS_TRY(ls_h5_find(h5, GROUP "/partial", &found));
    if (found)
        LS_TRY(
            ls_h5_read_doubles(h5, GROUP "/partial", &checkpoint->partial, &checkpoint->partials));
    LS_TRY(read_kept(h5, checkpoint));
    return ls_h5_read_table(h5, GROUP "/epochs", &checkpoint->epochs);
}

ls_status ls_state_find(const struct ls_h5 *h5, bool *found, bool *newer)
{
    *newer = false;
    LS_TRY(ls_h5_find(h5, GROUP, found));
    return *found ? check_format(h5, newer) : LS_OK;
}
