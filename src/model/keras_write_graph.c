/* The calls of a Functional model in Keras' config. Two forms: lists of tensors, which Keras 2 and
 * 3 read, and Keras 3's nodes, for models that hold models (Keras 2 counts their calls from 1,
 * Keras 3 from 0) or layers whose inputs are arguments of their own. */
#include <string.h>

#include "model/keras_write.h"

#define no_memory ls_keras_no_memory

struct writer {
    const struct ls_model *model;
    bool nodes;
};

static const struct ls_part *part_of(const struct ls_model *model, struct ls_edge edge)
{
    return &model->part[model->use[edge.call].part];
}

/* layer name, number of the call, number of the result */
static ls_status add_history(struct ls_tree *list, const struct writer *w, struct ls_edge edge,
                             size_t first)
{
    const struct ls_part *part = part_of(w->model, edge);
    size_t result = part->model ? ls_model_output_rank(part->model, edge.output) : edge.output;
    bool good = ls_tree_add_text(list, NULL, ls_part_name(part)) &&
                ls_tree_add_int(list, NULL, (int64_t)(w->model->use[edge.call].nth + first)) &&
                ls_tree_add_int(list, NULL, (int64_t)result);
    return good ? LS_OK : no_memory();
}

/* -- Keras 3's nodes */

static ls_status write_tensor(struct ls_tree *list, const struct writer *w, struct ls_edge edge)
{
    struct ls_tree *tensor = ls_tree_add(list, NULL, LS_TREE_MAP);
    struct ls_tree *config = NULL;
    if (tensor && ls_tree_add_text(tensor, "class_name", "__keras_tensor__"))
        config = ls_tree_add(tensor, "config", LS_TREE_MAP);
    if (!config)
        return no_memory();
    LS_TRY(ls_keras_write_shape(config, "shape", &w->model->use[edge.call].out[edge.output]));
    if (!ls_tree_add_text(config, "dtype", "float32"))
        return no_memory();
    struct ls_tree *history = ls_tree_add(config, "keras_history", LS_TREE_LIST);
    return history ? add_history(history, w, edge, 0) : no_memory();
}

/* A dictionary of inputs is called with one. */
static ls_status write_dictionary(struct ls_tree *arguments, const struct writer *w,
                                  const struct ls_use *use, const struct ls_model *called)
{
    struct ls_tree *map = ls_tree_add(arguments, NULL, LS_TREE_MAP);
    for (size_t i = 0; map && i < use->inputs; i++) {
        struct ls_tree *holder = ls_tree_new(LS_TREE_LIST);
        if (!holder)
            return no_memory();
        ls_status status = write_tensor(holder, w, use->in[i]);
        if (status == LS_OK && !ls_tree_add_copy(map, called->input_name[i], holder->child))
            status = no_memory();
        ls_tree_free(holder);
        LS_TRY(status);
    }
    return map ? LS_OK : no_memory();
}

static const char *const *input_names(const struct writer *w, const struct ls_use *use)
{
    const struct ls_layer *layer = w->model->part[use->part].layer;
    return layer ? layer->kind->input_names : NULL;
}

/* The first tensor, and a list of the others. */
static ls_status write_states(struct ls_tree *arguments, const struct writer *w,
                              const struct ls_use *use)
{
    LS_TRY(write_tensor(arguments, w, use->in[0]));
    struct ls_tree *states = ls_tree_add(arguments, NULL, LS_TREE_LIST);
    if (!states)
        return no_memory();
    for (size_t i = 1; i < use->inputs; i++)
        LS_TRY(write_tensor(states, w, use->in[i]));
    return LS_OK;
}

/* What the call gives in order. */
static ls_status write_arguments(struct ls_tree *arguments, const struct writer *w,
                                 const struct ls_use *use)
{
    const struct ls_model *called = w->model->part[use->part].model;
    bool list = called ? called->input_structure == LS_STRUCTURE_LIST
                       : use->inputs > 1 && !input_names(w, use);
    if (called && called->input_structure == LS_STRUCTURE_DICTIONARY)
        return write_dictionary(arguments, w, use, called);
    if (list && !called && w->model->part[use->part].layer->kind->flags & LS_LAYER_STATES)
        return write_states(arguments, w, use);
    struct ls_tree *tensors = list ? ls_tree_add(arguments, NULL, LS_TREE_LIST) : arguments;
    if (!tensors)
        return no_memory();
    for (size_t i = 0; i < use->inputs - use->named; i++)
        LS_TRY(write_tensor(tensors, w, use->in[i]));
    return LS_OK;
}

/* What it gives by name. */
static ls_status write_named(struct ls_tree *named, const struct writer *w,
                             const struct ls_use *use)
{
    const char *const *names = input_names(w, use);
    for (size_t i = use->inputs - use->named; i < use->inputs; i++) {
        struct ls_tree *holder = ls_tree_new(LS_TREE_LIST);
        ls_status status = holder ? write_tensor(holder, w, use->in[i]) : no_memory();
        if (status == LS_OK && !ls_tree_add_copy(named, names[use->name_of[i]], holder->child))
            status = no_memory();
        ls_tree_free(holder);
        LS_TRY(status);
    }
    if (use->arguments.kind)
        LS_TRY(ls_instance_write(&use->arguments, named));
    return !use->inference || ls_tree_add_bool(named, "training", false) ? LS_OK : no_memory();
}

static ls_status write_node(struct ls_tree *calls, const struct writer *w, const struct ls_use *use)
{
    struct ls_tree *node = ls_tree_add(calls, NULL, LS_TREE_MAP);
    struct ls_tree *arguments = node ? ls_tree_add(node, "args", LS_TREE_LIST) : NULL;
    if (!arguments)
        return no_memory();
    LS_TRY(write_arguments(arguments, w, use));
    struct ls_tree *named = ls_tree_add(node, "kwargs", LS_TREE_MAP);
    return named ? write_named(named, w, use) : no_memory();
}

/* -- lists of tensors */

static ls_status write_list(struct ls_tree *calls, const struct writer *w, const struct ls_use *use)
{
    struct ls_tree *call = ls_tree_add(calls, NULL, LS_TREE_LIST);
    for (size_t i = 0; call && i < use->inputs; i++) {
        struct ls_tree *tensor = ls_tree_add(call, NULL, LS_TREE_LIST);
        if (!tensor)
            return no_memory();
        LS_TRY(add_history(tensor, w, use->in[i], 0));
        struct ls_tree *named = ls_tree_add(tensor, NULL, LS_TREE_MAP);
        if (!named)
            return no_memory();
        LS_TRY(write_named(named, w, use)); /* Keras takes those of the last tensor */
    }
    return call ? LS_OK : no_memory();
}

/* -- the whole */

static ls_status write_layer(struct ls_tree *layers, const struct writer *w, size_t part)
{
    const struct ls_model *model = w->model;
    struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
    const struct ls_use *first = ls_model_first_use(model, part);
    if (!entry)
        return no_memory();
    LS_TRY(ls_keras_write_part(entry, &model->part[part], &first->out[0], w->nodes));
    if (!ls_tree_add_text(entry, "name", ls_part_name(&model->part[part])))
        return no_memory();
    struct ls_tree *calls = ls_tree_add(entry, "inbound_nodes", LS_TREE_LIST);
    if (!calls)
        return no_memory();
    for (size_t u = 0; u < model->uses; u++) {
        const struct ls_use *use = &model->use[u];
        if (use->part == part && use->inputs > 0)
            LS_TRY(w->nodes ? write_node(calls, w, use) : write_list(calls, w, use));
    }
    return LS_OK;
}

/* Keras 3 counts the calls of nested Functional models from 1 here. */
static ls_status add_end(struct ls_tree *list, const struct writer *w, struct ls_edge edge)
{
    const struct ls_model *nested = part_of(w->model, edge)->model;
    return add_history(list, w, edge, nested && !nested->sequential);
}

/* The tensors that a model begins or ends with. */
struct ends {
    const struct ls_edge *edge;
    char *const *name;
    size_t count;
    enum ls_structure structure;
};

/* The n-th of the ends in the order in which Keras takes them: by name in a dictionary. */
static size_t nth_end(const struct ends *ends, size_t n)
{
    for (size_t i = 0; ends->structure == LS_STRUCTURE_DICTIONARY && i < ends->count; i++) {
        size_t before = 0;
        for (size_t other = 0; other < ends->count; other++)
            before += strcmp(ends->name[other], ends->name[i]) < 0;
        if (before == n)
            return i;
    }
    return n;
}

static ls_status write_ends(struct ls_tree *config, const char *key, const struct writer *w,
                            const struct ends *ends)
{
    bool map = ends->structure == LS_STRUCTURE_DICTIONARY;
    struct ls_tree *all = ls_tree_add(config, key, map ? LS_TREE_MAP : LS_TREE_LIST);
    if (!all)
        return no_memory();
    if (ends->structure == LS_STRUCTURE_ONE)
        return add_end(all, w, ends->edge[0]);
    for (size_t n = 0; n < ends->count; n++) {
        size_t i = nth_end(ends, n);
        struct ls_tree *one = ls_tree_add(all, map ? ends->name[i] : NULL, LS_TREE_LIST);
        if (!one)
            return no_memory();
        LS_TRY(add_end(one, w, ends->edge[i]));
    }
    return LS_OK;
}

ls_status ls_keras_write_graph(struct ls_tree *config, const struct ls_model *model, bool nodes)
{
    const struct writer w = {model, nodes};
    struct ls_tree *layers = ls_tree_add(config, "layers", LS_TREE_LIST);
    if (!layers)
        return no_memory();
    for (size_t p = 0; p < model->parts; p++)
        LS_TRY(write_layer(layers, &w, p));
    LS_TRY(write_ends(
        config, "input_layers", &w,
        &(struct ends){model->given, model->input_name, model->inputs, model->input_structure}));
    return write_ends(
        config, "output_layers", &w,
        &(struct ends){model->result, model->output_name, model->outputs, model->output_structure});
}
