#include "model/graph.h"

#include <string.h>

#include "base/memory.h"
#include "model/append.h"

const char *const ls_layer_common_options[] = {"name", "trainable", "dtype", "weights", NULL};

ls_status ls_model_create(struct ls_model **model, const char *name)
{
    struct ls_model *made = NULL;
    *model = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    ls_status status = ls_duplicate(&made->name, name ? name : "sequential");
    if (status != LS_OK) {
        ls_release(made);
        return status;
    }
    made->sequential = true;
    made->trainable = true;
    *model = made;
    return LS_OK;
}

static void free_layer(struct ls_layer *layer)
{
    struct ls_instance instance = {&layer->kind->kind, layer->options};
    ls_layer_forget(layer);
    ls_instance_release(&instance);
    ls_tree_free(layer->own_place);
    ls_release(layer->name);
    ls_release(layer->path);
    ls_release(layer);
}

static void free_texts(char **text, size_t count)
{
    for (size_t i = 0; text && i < count; i++)
        ls_release(text[i]);
    ls_release(text);
}

void ls_trained_free(struct ls_trained *trained)
{
    if (!trained)
        return;
    for (size_t s = 0; s < trained->slots; s++) {
        ls_release(trained->slot_name[s]);
        ls_release(trained->slot[s]);
    }
    ls_release(trained->refused);
    ls_release(trained);
}

void ls_use_release(struct ls_use *use)
{
    ls_release(use->name);
    ls_release(use->out);
    ls_release(use->made);
    use->name = NULL;
    use->out = NULL;
    use->made = NULL;
    use->outputs = 0;
    ls_instance_release(&use->arguments);
}

void ls_model_free(struct ls_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->parts; i++) {
        if (model->part[i].layer)
            free_layer(model->part[i].layer);
        ls_model_free(model->part[i].model);
    }
    for (size_t u = 0; u < model->uses; u++)
        ls_use_release(&model->use[u]);
    free_texts(model->input_name, model->inputs);
    free_texts(model->output_name, model->outputs);
    for (; model->hidden > 0; model->hidden--)
        free_layer(model->layer[--model->layers]);
    ls_release(model->part);
    ls_release(model->use);
    ls_release(model->given);
    ls_release(model->result);
    ls_release(model->layer);
    ls_release(model->call);
    ls_release(model->input);
    ls_release(model->output);
    ls_release(model->weights);
    ls_release(model->kept);
    ls_release(model->penalty_room);
    ls_release(model->name);
    ls_tree_free(model->compile);
    ls_tree_free(model->source);
    ls_trained_free(model->trained);
    ls_release(model);
}

const char *ls_part_class(const struct ls_part *part)
{
    if (part->layer)
        return part->layer->kind->kind.name;
    return part->model->sequential ? "Sequential" : "Functional";
}

bool ls_model_name_taken(const struct ls_model *model, const char *name)
{
    for (size_t i = 0; i < model->parts; i++)
        if (strcmp(ls_part_name(&model->part[i]), name) == 0)
            return true;
    return false;
}

/* n of the names "base" (0), "base_1", "base_2" and so on; limit: of another name, or too large. */
static size_t name_number(const char *name, const char *base, size_t limit)
{
    size_t length = strlen(base), number = 0;
    if (strncmp(name, base, length) != 0)
        return limit;
    name += length;
    if (*name == '\0')
        return 0;
    if (name[0] != '_' || name[1] < '1' || name[1] > '9')
        return limit;
    for (name++; *name >= '0' && *name <= '9' && number < limit; name++)
        number = 10 * number + (size_t)(*name - '0');
    return *name == '\0' && number < limit ? number : limit;
}

/* base, base_1, base_2: the first that is free, as Keras names what has no name. */
static ls_status free_name(const struct ls_model *model, const char *base, char **name)
{
    bool *taken = NULL;
    size_t limit = model->parts + 1, number = 0;
    *name = NULL;
    LS_TRY(ls_allocate(&taken, limit + 1, sizeof *taken));
    for (size_t i = 0; i < model->parts; i++)
        taken[name_number(ls_part_name(&model->part[i]), base, limit)] = true;
    while (taken[number])
        number++;
    ls_release(taken);
    return number == 0 ? ls_duplicate(name, base) : ls_format(name, "%s_%zu", base, number);
}

ls_status ls_model_rename(const struct ls_model *model, struct ls_model *nested, const char *name,
                          const struct ls_tree *place)
{
    char *made;
    if (name)
        LS_TRY(ls_name_check(name, "a layer's", place));
    if (name && ls_model_name_taken(model, name))
        return ls_fail_at(place, LS_BAD_INPUT, "the name '%s' is used twice", name);
    LS_TRY(free_name(model, name ? name : nested->name, &made));
    ls_release(nested->name);
    nested->name = made;
    return LS_OK;
}

/* What every layer has besides its kind's options. */
static ls_status read_common(const struct ls_model *model, struct ls_layer *layer,
                             const struct ls_tree *options)
{
    const struct ls_tree *name = options ? ls_tree_find(options, "name") : NULL;
    const struct ls_tree *trainable = options ? ls_tree_find(options, "trainable") : NULL;
    layer->trainable = true;
    if (name && !ls_tree_is_null(name)) {
        const char *text;
        LS_TRY(ls_tree_text(name, &text));
        LS_TRY(ls_name_check(text, "a layer's", name));
        if (ls_model_name_taken(model, text))
            return ls_fail_at(name, LS_BAD_INPUT, "the name '%s' is used twice", text);
        LS_TRY(ls_duplicate(&layer->name, text));
    } else {
        char base[64];
        ls_snake_case(base, sizeof base, layer->kind->kind.name);
        LS_TRY(free_name(model, base, &layer->name));
    }
    if (trainable)
        LS_TRY(ls_tree_bool(trainable, &layer->trainable));
    return ls_dtype_check(options ? ls_tree_find(options, "dtype") : NULL);
}

/* What a layer in a layer is called, in all forms that ls_inner_parse takes; or NULL. */
static const char *inner_name(const struct ls_tree *inner)
{
    const struct ls_tree *class_name =
        inner->type == LS_TREE_MAP ? ls_tree_find(inner, "class_name") : NULL;
    if (class_name)
        return class_name->text;
    return inner->type == LS_TREE_MAP && inner->child ? inner->child->key : inner->text;
}

ls_status ls_layer_check_inner(const struct ls_kind *kind, const struct ls_tree *options)
{
    bool map = options && options->type == LS_TREE_MAP;
    for (const struct ls_option *option = kind->options; map && option && option->name; option++) {
        const struct ls_tree *inner = ls_tree_find(options, option->name);
        const char *name = option->type == LS_OPTION_INNER && inner ? inner_name(inner) : NULL;
        if (name && ls_part_is_model(name))
            return ls_fail_at(inner, LS_BAD_INPUT,
                              "%s of a model is not supported: apply it to the model's layers, one "
                              "by one",
                              kind->name);
    }
    return LS_OK;
}

ls_status ls_layer_create(const struct ls_model *model, struct ls_layer **layer,
                          const struct ls_kind *kind, const struct ls_tree *options)
{
    struct ls_layer *made = NULL;
    struct ls_instance instance = {0};
    ls_status status = LS_OK;
    *layer = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->kind = ls_layer_kind_of(kind);
    made->place = options;
    made->number = (uint32_t)model->parts;
    LS_TRY_OUT(ls_layer_check_inner(kind, options));
    LS_TRY_OUT(ls_instance_create(&instance, kind, options, ls_layer_common_options));
    made->options = instance.options;
    LS_TRY_OUT(read_common(model, made, options));
    *layer = made;
    return LS_OK;
out:
    free_layer(made);
    return status;
}

/* Room for one more part and use, so that what follows cannot fail half-way. */
static ls_status make_room(struct ls_model *model)
{
    LS_TRY(ls_grow(&model->part, model->parts, sizeof *model->part));
    LS_TRY(ls_grow(&model->use, model->uses, sizeof *model->use));
    LS_TRY(ls_grow(&model->given, model->inputs, sizeof *model->given));
    return ls_grow(&model->input_name, model->inputs, sizeof *model->input_name);
}

ls_status ls_model_add_part(struct ls_model *model, struct ls_part part)
{
    char *name = NULL;
    bool input = part.layer && part.layer->kind->flags & LS_LAYER_INPUT;
    if (model->parts >= LS_LAYERS_MAX)
        return ls_fail_at(part.layer ? part.layer->place : NULL, LS_BAD_INPUT,
                          "a model of more than %d layers", LS_LAYERS_MAX);
    LS_TRY(make_room(model));
    if (input)
        LS_TRY(ls_duplicate(&name, part.layer->name));
    model->part[model->parts++] = part;
    if (!input)
        return LS_OK;
    model->given[model->inputs] = (struct ls_edge){model->uses, 0};
    model->input_name[model->inputs++] = name;
    model->use[model->uses++] = (struct ls_use){.part = model->parts - 1};
    return LS_OK;
}

ls_status ls_model_add_use(struct ls_model *model, const struct ls_use *use)
{
    if (model->uses >= LS_LAYERS_MAX)
        return ls_fail(LS_BAD_INPUT, "a model of more than %d calls of layers", LS_LAYERS_MAX);
    LS_TRY(ls_grow(&model->use, model->uses, sizeof *model->use));
    struct ls_use *made = &model->use[model->uses];
    *made = *use;
    made->nth = 0;
    for (size_t u = 0; u < model->uses; u++)
        made->nth += model->use[u].part == use->part;
    model->uses++;
    return LS_OK;
}

ls_status ls_model_set_result(struct ls_model *model, struct ls_edge edge, const char *name)
{
    LS_TRY(ls_grow(&model->result, model->outputs, sizeof *model->result));
    LS_TRY(ls_grow(&model->output_name, model->outputs, sizeof *model->output_name));
    LS_TRY(ls_duplicate(&model->output_name[model->outputs], name));
    model->result[model->outputs++] = edge;
    return LS_OK;
}

void ls_part_release(struct ls_part *part)
{
    if (part->layer)
        free_layer(part->layer);
    ls_model_free(part->model);
    *part = (struct ls_part){0};
}

ls_status ls_model_check_own(const struct ls_model *model)
{
    if (!model->nested)
        return LS_OK;
    return ls_fail(LS_USAGE,
                   "model '%s' is a part of another, which has its layers: as '%s/LAYER' there",
                   model->name, model->name);
}

/* Whatever can fail comes before the model is changed. */
static ls_status append_part(struct ls_model *model, struct ls_part part)
{
    bool input = part.layer && part.layer->kind->flags & LS_LAYER_INPUT;
    char *name = NULL;
    LS_TRY(make_room(model));
    LS_TRY(ls_reallocate(&model->result, 1, sizeof *model->result));
    LS_TRY(ls_reallocate(&model->output_name, 1, sizeof *model->output_name));
    LS_TRY(ls_duplicate(&name, ls_part_name(&part)));
    ls_status status = ls_model_add_part(model, part);
    if (status != LS_OK) {
        ls_release(name);
        return status;
    }
    if (!input) {
        struct ls_edge before = {model->uses - 1, 0};
        model->use[model->uses++] =
            (struct ls_use){.part = model->parts - 1, .inputs = 1, .in = {before}};
    }
    if (model->outputs == 1)
        ls_release(model->output_name[0]);
    model->outputs = 1;
    model->output_name[0] = name;
    model->result[0] = (struct ls_edge){model->uses - 1, 0};
    return LS_OK;
}

ls_status ls_model_append_part(struct ls_model *model, struct ls_part part,
                               const struct ls_tree *place)
{
    bool input = part.layer && part.layer->kind->flags & LS_LAYER_INPUT;
    LS_TRY(ls_model_check_own(model));
    if (model->built)
        return ls_fail(LS_USAGE, "the model is complete: layers are added before its first use");
    if (!model->sequential)
        return ls_fail(LS_USAGE, "the model is no Sequential one: say which tensors the layer is "
                                 "applied to (ls_layer_apply)");
    if (!input && model->parts == 0)
        return ls_fail_at_name(place, LS_BAD_INPUT,
                               "the model has no input: its first layer must be Input, with the "
                               "shape of a sample");
    if (input && model->parts > 0)
        return ls_fail_at_name(place, LS_BAD_INPUT,
                               "a Sequential model has one Input, its first layer");
    LS_TRY(append_part(model, part));
    model->use[model->uses - 1].place = place;
    return LS_OK;
}

ls_status ls_model_append(struct ls_model *model, const struct ls_kind *kind,
                          const struct ls_tree *options)
{
    struct ls_part part = {0};
    LS_TRY(ls_layer_create(model, &part.layer, kind, options));
    ls_status status = ls_model_append_part(model, part, options);
    if (status != LS_OK)
        ls_part_release(&part);
    return status;
}
