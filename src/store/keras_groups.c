#include "store/keras_groups.h"

#include <string.h>

#include "base/memory.h"

enum { CLASS_TEXT = 128, DEPTH_MAX = 32 };

/* -- the walk over containers */

static void class_of(char text[CLASS_TEXT], const struct ls_part *part)
{
    ls_snake_case(text, CLASS_TEXT, ls_part_class(part));
}

/* How many parts of this class stand before it in the container. */
static size_t count_before(const struct ls_model *container, size_t index, const char *class)
{
    char other[CLASS_TEXT];
    size_t count = 0;
    for (size_t i = 0; i < index; i++) {
        class_of(other, &container->part[i]);
        count += strcmp(other, class) == 0;
    }
    return count;
}

/* Keras' model.layers is without the input of a Sequential model. */
static bool is_left_out(const struct ls_model *container, const struct ls_part *part)
{
    return container->sequential && part->layer && part->layer->kind->flags & LS_LAYER_INPUT;
}

/* Takes the object over. */
static ls_status add_group(struct ls_keras_groups *groups, char *object,
                           const struct ls_layer *layer)
{
    ls_status status = ls_reallocate(&groups->group, groups->count + 1, sizeof *groups->group);
    if (status == LS_OK)
        groups->group[groups->count++] = (struct ls_keras_group){object, layer};
    else
        ls_release(object);
    return status;
}

/* The layers of one container, whose group is `prefix` ("" for the model), and of those in it. */
static ls_status add_container(struct ls_keras_groups *groups, const struct ls_model *container,
                               const char *prefix)
{
    char class[CLASS_TEXT];
    for (size_t i = 0; i < container->parts; i++) {
        const struct ls_part *part = &container->part[i];
        char *object = NULL;
        class_of(class, part);
        size_t before = count_before(container, i, class);
        if (is_left_out(container, part))
            continue;
        LS_TRY(before == 0 ? ls_format(&object, "%s/layers/%s", prefix, class)
                           : ls_format(&object, "%s/layers/%s_%zu", prefix, class, before));
        if (part->layer) {
            LS_TRY(add_group(groups, object, part->layer));
            continue;
        }
        ls_status status = add_container(groups, part->model, object);
        ls_release(object);
        LS_TRY(status);
    }
    return LS_OK;
}

ls_status ls_keras_groups_list(struct ls_keras_groups *groups, const struct ls_model *model)
{
    *groups = (struct ls_keras_groups){0};
    ls_status status = add_container(groups, model, "");
    if (status != LS_OK)
        ls_keras_groups_release(groups);
    return status;
}

void ls_keras_groups_release(struct ls_keras_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        ls_release(groups->group[i].object);
    ls_release(groups->group);
    *groups = (struct ls_keras_groups){0};
}

/* -- variables of a layer */

/* A variable, in the group of its layer or of a layer inside that. */
struct place {
    const struct ls_variable *variable;
    size_t index, count; /* its number in its group, of so many */
};

static bool same_group(const struct ls_variable *a, const char *group)
{
    return group ? a->group && strcmp(a->group, group) == 0 : !a->group;
}

/* How many of the layer's variables are in a group; NULL: in its own. */
static size_t count_in_group(const struct ls_layer *layer, const char *group)
{
    size_t count = 0;
    for (size_t v = 0; v < layer->variables; v++)
        count += same_group(&layer->variable[v], group);
    return count;
}

/* The layer's variables in Keras' order. */
static size_t order_variables(struct place ordered[LS_VARIABLES_MAX], const struct ls_layer *layer)
{
    size_t count = 0;
    for (int trainable = 1; trainable >= 0; trainable--)
        for (size_t v = 0; v < layer->variables; v++) {
            const struct ls_variable *variable = &layer->variable[v];
            if (variable->trainable != trainable)
                continue;
            ordered[count] = (struct place){variable, 0, count_in_group(layer, variable->group)};
            for (size_t i = 0; i < count; i++)
                ordered[count].index += same_group(ordered[i].variable, variable->group);
            count++;
        }
    return count;
}

/* "/layers/lstm/cell" */
static ls_status inner_group(char **object, const struct ls_keras_group *group, const char *inner)
{
    return ls_format(object, "%s%s%s", group->object, inner ? "/" : "", inner ? inner : "");
}

static ls_status variable_object(char **object, const struct ls_keras_group *group,
                                 const struct place *place)
{
    const char *inner = place->variable->group;
    return ls_format(object, "%s%s%s/vars/%zu", group->object, inner ? "/" : "", inner ? inner : "",
                     place->index);
}

/* -- writing */

static ls_status put_vars(struct ls_h5_image *image, const struct ls_keras_group *group,
                          const char *inner, const char *name)
{
    char *place = NULL, *object = NULL;
    LS_TRY(inner_group(&place, group, inner));
    ls_status status = ls_format(&object, "%s/vars", place);
    if (status == LS_OK)
        status = ls_h5_put_group(image, object);
    if (status == LS_OK && name)
        status = ls_h5_put_text(image, object, "name", name);
    ls_release(place);
    ls_release(object);
    return status;
}

static ls_status put_group(struct ls_h5_image *image, const struct ls_model *model,
                           const struct ls_keras_group *group)
{
    struct place place[LS_VARIABLES_MAX];
    size_t count = order_variables(place, group->layer);
    char *object = NULL;
    LS_TRY(put_vars(image, group, NULL, group->layer->name));
    for (size_t v = 0; v < count; v++) {
        const struct ls_variable *variable = place[v].variable;
        const struct ls_h5_values values = {LS_H5_FLOAT, variable->shape,
                                            model->weights + variable->offset, NULL};
        if (variable->group && place[v].index == 0)
            LS_TRY(put_vars(image, group, variable->group, variable->within));
        LS_TRY(variable_object(&object, group, &place[v]));
        ls_status status = ls_h5_put_values(image, object, &values);
        ls_release(object);
        LS_TRY(status);
    }
    return LS_OK;
}

ls_status ls_keras_groups_write(struct ls_h5_image *image, const struct ls_model *model)
{
    struct ls_keras_groups groups;
    LS_TRY(ls_keras_groups_list(&groups, model));
    ls_status status = ls_h5_put_group(image, "/vars"); /* the model's own: tf.keras looks for it */
    for (size_t i = 0; i < groups.count && status == LS_OK; i++)
        status = put_group(image, model, &groups.group[i]);
    ls_keras_groups_release(&groups);
    return status;
}

/* -- reading */

/* How many variables a group has in the file: 0 when it is not there. */
static ls_status count_variables(const struct ls_h5 *h5, const char *group, size_t *count)
{
    struct ls_texts names = {0};
    char *object = NULL;
    bool found = false;
    *count = 0;
    LS_TRY(ls_format(&object, "%s/vars", group));
    ls_status status = ls_h5_find(h5, object, &found);
    if (status == LS_OK && found)
        status = ls_h5_list(h5, object, &names);
    *count = names.count;
    ls_texts_release(&names);
    ls_release(object);
    return status;
}

static ls_status check_count(const struct ls_h5 *h5, const struct ls_keras_group *group,
                             const char *inner, size_t wanted)
{
    const struct ls_layer *layer = group->layer;
    char *object = NULL;
    size_t count;
    LS_TRY(inner_group(&object, group, inner));
    ls_status status = count_variables(h5, object, &count);
    if (status == LS_OK && count != wanted)
        status = ls_fail(LS_BAD_INPUT, "%s: %s has %zu weights, but layer %s (%s) has %zu",
                         h5->path, object, count, layer->path, layer->kind->kind.name, wanted);
    ls_release(object);
    return status;
}

static ls_status read_group(const struct ls_h5 *h5, const struct ls_model *model,
                            const struct ls_keras_group *group)
{
    struct place place[LS_VARIABLES_MAX];
    size_t count = order_variables(place, group->layer);
    LS_TRY(check_count(h5, group, NULL, count_in_group(group->layer, NULL)));
    for (size_t v = 0; v < count; v++) {
        const struct ls_variable *variable = place[v].variable;
        char *object = NULL;
        if (variable->group && place[v].index == 0)
            LS_TRY(check_count(h5, group, variable->group, place[v].count));
        LS_TRY(variable_object(&object, group, &place[v]));
        ls_status status =
            ls_h5_read_floats(h5, object, model->weights + variable->offset, &variable->shape);
        ls_release(object);
        LS_TRY(status);
    }
    return LS_OK;
}

static bool is_listed(const struct ls_keras_groups *groups, const char *object)
{
    for (size_t i = 0; i < groups->count; i++)
        if (strcmp(groups->group[i].object, object) == 0)
            return true;
    return false;
}

static ls_status check_container(const struct ls_h5 *h5, const struct ls_keras_groups *groups,
                                 const char *container, int depth);

/* A group under `layers` is one of the model's, or has no weights, nor have those in it. */
static ls_status check_group(const struct ls_h5 *h5, const struct ls_keras_groups *groups,
                             const char *object, int depth)
{
    size_t count = 0;
    if (!is_listed(groups, object))
        LS_TRY(count_variables(h5, object, &count));
    if (count > 0)
        return ls_fail(LS_BAD_INPUT, "%s: %s has weights, but the model has no layer for them",
                       h5->path, object);
    return check_container(h5, groups, object, depth + 1);
}

static ls_status check_container(const struct ls_h5 *h5, const struct ls_keras_groups *groups,
                                 const char *container, int depth)
{
    struct ls_texts names = {0};
    char *layers = NULL;
    bool found = false;
    if (depth > DEPTH_MAX)
        return ls_fail(LS_BAD_INPUT, "%s: %s: too deep", h5->path, container);
    LS_TRY(ls_format(&layers, "%s/layers", container));
    ls_status status = ls_h5_find(h5, layers, &found);
    if (status == LS_OK && found)
        status = ls_h5_list(h5, layers, &names);
    for (size_t i = 0; i < names.count && status == LS_OK; i++) {
        char *object = NULL;
        LS_TRY_OUT(ls_format(&object, "%s/%s", layers, names.text[i]));
        status = check_group(h5, groups, object, depth);
        ls_release(object);
    }
out:
    ls_texts_release(&names);
    ls_release(layers);
    return status;
}

ls_status ls_keras_groups_read(const struct ls_h5 *h5, struct ls_model *model)
{
    struct ls_keras_groups groups;
    LS_TRY(ls_model_make_weights(model));
    LS_TRY(ls_keras_groups_list(&groups, model));
    ls_status status = check_container(h5, &groups, "", 0);
    for (size_t i = 0; i < groups.count && status == LS_OK; i++)
        if (groups.group[i].layer->variables > 0)
            status = read_group(h5, model, &groups.group[i]);
    ls_keras_groups_release(&groups);
    if (status == LS_OK)
        model->initialized = true;
    return status;
}
