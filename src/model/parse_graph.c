/* Functional models from the run file: entries that name where they come `from`. They may stand in
 * any order: names are resolved over the whole list, then the entries are put in an order in which
 * they can run. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/parse_graph.h"

/* -- entries */

/* What stands in an entry beside the layer. */
static const char *const words[] = {"from", "as", "apply", "call"};
enum { WORDS = sizeof words / sizeof *words };

static bool is_word(const char *key)
{
    bool word = false;
    for (size_t i = 0; i < WORDS; i++)
        word |= strcmp(key, words[i]) == 0;
    return word;
}

static const struct ls_tree *kind_of(const struct ls_tree *tree)
{
    const struct ls_tree *child = tree->child;
    while (child && is_word(child->key))
        child = child->next;
    return child;
}

/* One layer, and what stands beside it at its place. */
static ls_status check_keys(const struct ls_tree *tree, const struct ls_tree *kind)
{
    const char *known[WORDS + 2] = {kind->key};
    memcpy(known + 1, words, sizeof words);
    for (const struct ls_tree *child = kind->next; child; child = child->next)
        if (ls_part_is_model(child->key) || ls_kind_find(&ls_layers, child->key))
            return ls_fail_at(tree, LS_BAD_INPUT, "one layer an entry: both %s and %s", kind->key,
                              child->key);
    LS_TRY(ls_keys_check(tree, known));
    for (const struct ls_tree *option = kind->type == LS_TREE_MAP ? kind->child : NULL; option;
         option = option->next)
        if (is_word(option->key))
            return ls_fail_at(option, LS_BAD_INPUT,
                              "it stands beside the layer, a line of its own, not among its "
                              "options");
    return LS_OK;
}

static ls_status add_part(struct ls_graph_parser *p, struct ls_entry *entry, struct ls_part part)
{
    entry->input = part.layer && part.layer->kind->flags & LS_LAYER_INPUT;
    entry->use.part = p->model->parts;
    entry->number = p->model->uses; /* of an input, which is used at once */
    ls_status status = ls_model_add_part(p->model, part);
    if (status != LS_OK) {
        ls_part_release(&part);
        return status;
    }
    if (entry->input)
        entry->state = LS_ENTRY_DONE;
    if (!entry->result)
        entry->result = ls_part_name(&p->model->part[entry->use.part]);
    return entry->input ? ls_duplicate(&p->model->use[entry->number].name, entry->result) : LS_OK;
}

static ls_status parse_entry(struct ls_graph_parser *p, const struct ls_tree *tree)
{
    struct ls_entry *entry = &p->entry[p->entries];
    struct ls_part part;
    entry->tree = tree;
    p->entries++;
    if (tree->type == LS_TREE_SCALAR) {
        LS_TRY(ls_part_parse(p->model, tree, tree->text, p->files, &part));
        return add_part(p, entry, part);
    }
    if (tree->type != LS_TREE_MAP)
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "expected a layer: its name, or its name with a map "
                          "of options");
    const struct ls_tree *kind = kind_of(tree), *as = ls_tree_find(tree, "as");
    entry->from = ls_tree_find(tree, "from");
    entry->apply = ls_tree_find(tree, "apply");
    if (as)
        LS_TRY(ls_tree_text(as, &entry->result));
    entry->call = ls_tree_find(tree, "call");
    if (kind && entry->apply)
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "`apply` calls a layer that is there: '%s' has no "
                          "business here",
                          kind->key);
    if (entry->apply)
        return LS_OK;
    if (!kind)
        return ls_fail_at(tree, LS_BAD_INPUT, "expected a layer, or `apply`");
    LS_TRY(check_keys(tree, kind));
    LS_TRY(ls_part_parse(p->model, kind, kind->key, p->files, &part));
    return add_part(p, entry, part);
}

/* -- inputs */

/* `left: {shape: [100]}`: an input named by its key. */
static ls_status parse_input(struct ls_graph_parser *p, const struct ls_tree *input)
{
    struct ls_entry *entry = &p->entry[p->entries];
    const struct ls_kind *kind;
    struct ls_part part = {0};
    const struct ls_tree *name = ls_tree_find(input, "name");
    LS_TRY(ls_kind_require(&ls_layers, input, "InputLayer", &kind));
    if (name)
        return ls_fail_at(name, LS_BAD_INPUT, "an input's name is its key, '%s'", input->key);
    entry->tree = input;
    entry->result = input->key;
    p->entries++;
    LS_TRY(ls_layer_create(p->model, &part.layer, kind, input));
    ls_release(part.layer->name);
    part.layer->name = NULL;
    ls_status status = ls_duplicate(&part.layer->name, input->key);
    if (status == LS_OK)
        status = ls_name_check(input->key, "an input's", input);
    if (status != LS_OK) {
        ls_part_release(&part);
        return status;
    }
    return add_part(p, entry, part);
}

static ls_status parse_inputs(struct ls_graph_parser *p, const struct ls_tree *inputs)
{
    if (inputs->type != LS_TREE_MAP)
        return LS_OK; /* names of Input layers */
    for (const struct ls_tree *input = inputs->child; input; input = input->next) {
        if (input->type == LS_TREE_LIST)
            return ls_fail_at(input, LS_BAD_INPUT, "expected a map: {shape: [100]}");
        if (input->type != inputs->child->type)
            return ls_fail_at(input, LS_BAD_INPUT,
                              "either all inputs are maps ({shape: [100]}) or all are names of "
                              "Input layers");
        if (input->type == LS_TREE_MAP)
            LS_TRY(parse_input(p, input));
    }
    return LS_OK;
}

/* -- from, apply */

static ls_status resolve_from(struct ls_graph_parser *p, size_t index)
{
    struct ls_entry *entry = &p->entry[index];
    struct ls_edge edge = {index - 1, 0};
    const struct ls_tree *from = entry->from;
    if (entry->input)
        return from ? ls_fail_at(from, LS_BAD_INPUT, "an input comes from nowhere") : LS_OK;
    if (!from && index == 0)
        return ls_fail_at(entry->tree, LS_BAD_INPUT,
                          "the first layer comes `from` nowhere: the model's inputs are among its "
                          "layers");
    if (!from && p->entry[index - 1].input && p->model->inputs > 1)
        return ls_fail_at(entry->tree, LS_BAD_INPUT,
                          "the model has several inputs: say which one this layer comes `from`");
    if (!from)
        return ls_use_add_input(&entry->use, edge, entry->tree);
    if (from->type != LS_TREE_LIST) {
        LS_TRY(ls_entries_find(p, from, &edge));
        return ls_use_add_input(&entry->use, edge, entry->tree);
    }
    if (from->count == 0 && !entry->call)
        return ls_fail_at(from, LS_BAD_INPUT, "expected the names of what the layer comes from");
    for (const struct ls_tree *name = from->child; name; name = name->next) {
        LS_TRY(ls_entries_find(p, name, &edge));
        LS_TRY(ls_use_add_input(&entry->use, edge, entry->tree));
    }
    return LS_OK;
}

static ls_status fail_unknown_layer(const struct ls_graph_parser *p, const struct ls_tree *place,
                                    const char *name)
{
    const char **known = NULL;
    LS_TRY(ls_allocate(&known, p->model->parts + 1, sizeof *known));
    for (size_t i = 0; i < p->model->parts; i++)
        known[i] = ls_part_name(&p->model->part[i]);
    const char *near = ls_nearest(name, known);
    ls_status status = near ? ls_fail_at(place, LS_BAD_INPUT,
                                         "there is no layer '%s' (did you mean '%s'?)", name, near)
                            : ls_fail_at(place, LS_BAD_INPUT, "there is no layer '%s'", name);
    ls_release(known);
    return status;
}

static ls_status resolve_apply(const struct ls_graph_parser *p, struct ls_entry *entry)
{
    const char *name;
    if (!entry->apply)
        return LS_OK;
    LS_TRY(ls_tree_text(entry->apply, &name));
    for (size_t i = 0; i < p->model->parts; i++) {
        const struct ls_layer *layer = p->model->part[i].layer;
        if (strcmp(ls_part_name(&p->model->part[i]), name) != 0)
            continue;
        entry->use.part = i;
        return layer && layer->kind->flags & LS_LAYER_INPUT
                   ? ls_fail_at(entry->apply, LS_BAD_INPUT, "an input is no layer to apply")
                   : LS_OK;
    }
    return fail_unknown_layer(p, entry->apply, name);
}

/* -- inputs and outputs */

/* A name for results: what the run file says, or, for those that Keras made, the layer's. */
static ls_status add_output(struct ls_graph_parser *p, const struct ls_tree *tree, const char *key)
{
    struct ls_edge edge;
    LS_TRY(ls_entries_find(p, tree, &edge));
    const struct ls_entry *entry = &p->entry[edge.call];
    const char *layer = ls_part_name(&p->model->part[entry->use.part]);
    const char *name = key                                            ? key
                       : entry->result && !strchr(entry->result, '/') ? entry->result
                                                                      : layer;
    char *made = NULL;
    LS_TRY(ls_duplicate(&made, name));
    for (int n = 1, taken = 1; taken; n++) {
        taken = 0;
        for (size_t o = 0; o < p->model->outputs; o++)
            taken |= strcmp(p->model->output_name[o], made) == 0;
        if (!taken)
            break;
        ls_release(made);
        LS_TRY(ls_format(&made, "%s_%d", name, n));
    }
    ls_status status =
        ls_model_set_result(p->model, (struct ls_edge){entry->number, edge.output}, made);
    ls_release(made);
    return status;
}

static ls_status parse_outputs(struct ls_graph_parser *p, const struct ls_tree *outputs)
{
    struct ls_model *model = p->model;
    const struct ls_entry *last = &p->entry[p->entries - 1];
    if (!outputs || ls_tree_is_null(outputs))
        return ls_model_set_result(model, (struct ls_edge){last->number, 0},
                                   ls_part_name(&model->part[last->use.part]));
    if (outputs->type == LS_TREE_SCALAR)
        return add_output(p, outputs, NULL);
    if (outputs->count == 0 || outputs->count > LS_TENSORS_MAX)
        return ls_fail_at(outputs, LS_BAD_INPUT, "expected the names of 1 to %d results",
                          LS_TENSORS_MAX);
    model->output_structure =
        outputs->type == LS_TREE_MAP ? LS_STRUCTURE_DICTIONARY : LS_STRUCTURE_LIST;
    for (const struct ls_tree *output = outputs->child; output; output = output->next)
        LS_TRY(add_output(p, output, output->key));
    return LS_OK;
}

/* The next of the model's inputs is the one of this name; `key`: what else it is called, or NULL.
 */
static ls_status take_input(struct ls_graph_parser *p, const struct ls_tree *tree, const char *key,
                            size_t position)
{
    struct ls_model *model = p->model;
    struct ls_edge edge;
    LS_TRY(ls_entries_find(p, tree, &edge));
    for (size_t i = position; i < model->inputs; i++) {
        if (model->given[i].call != p->entry[edge.call].number)
            continue;
        struct ls_edge given = model->given[i];
        char *name = model->input_name[i];
        memmove(&model->given[position + 1], &model->given[position],
                (i - position) * sizeof *model->given);
        memmove(&model->input_name[position + 1], &model->input_name[position],
                (i - position) * sizeof *model->input_name);
        model->given[position] = given;
        model->input_name[position] = name;
        if (!key)
            return LS_OK;
        ls_release(name);
        model->input_name[position] = NULL;
        return ls_duplicate(&model->input_name[position], key);
    }
    return ls_fail_at(tree, LS_BAD_INPUT, "'%s' is no Input, or is there twice", tree->text);
}

/* `inputs: [left, right]` and `inputs: {a: left}` name Input layers among the layers. */
static ls_status arrange_inputs(struct ls_graph_parser *p, const struct ls_tree *inputs)
{
    struct ls_model *model = p->model;
    size_t position = 0;
    if (model->inputs == 0)
        return ls_fail_at(inputs, LS_BAD_INPUT, "the model has no inputs");
    if (model->inputs > LS_TENSORS_MAX)
        return ls_fail_at(inputs, LS_BAD_INPUT, "a model has at most %d inputs", LS_TENSORS_MAX);
    model->input_structure = model->inputs > 1 ? LS_STRUCTURE_LIST : LS_STRUCTURE_ONE;
    if (inputs->type == LS_TREE_SCALAR) {
        LS_TRY(take_input(p, inputs, NULL, position++));
    } else if (inputs->type == LS_TREE_LIST || inputs->child->type == LS_TREE_SCALAR) {
        model->input_structure =
            inputs->type == LS_TREE_MAP ? LS_STRUCTURE_DICTIONARY : LS_STRUCTURE_LIST;
        for (const struct ls_tree *input = inputs->child; input; input = input->next)
            LS_TRY(take_input(p, input, input->key, position++));
    } else {
        return LS_OK;
    }
    return position == model->inputs
               ? LS_OK
               : ls_fail_at(inputs, LS_BAD_INPUT, "'%s' is an Input that is not named here",
                            model->input_name[position]);
}

static ls_status parse(struct ls_graph_parser *p, const struct ls_tree *tree)
{
    static const char *const known[] = {"name", "trainable", "inputs", "layers", "outputs", NULL};
    const struct ls_tree *inputs = ls_tree_find(tree, "inputs");
    const struct ls_tree *layers = ls_tree_find(tree, "layers");
    LS_TRY(ls_keys_check(tree, known));
    if (inputs->type == LS_TREE_LIST && inputs->child && inputs->child->type == LS_TREE_MAP)
        return ls_fail_at(inputs, LS_BAD_INPUT,
                          "found a list of maps: inputs have names: {left: {shape: [100]}}");
    if (ls_tree_is_null(inputs) || (inputs->type != LS_TREE_SCALAR && inputs->count == 0))
        return ls_fail_at(inputs, LS_BAD_INPUT, "expected a map of inputs: {left: {shape: [100]}}");
    if (!layers || layers->type != LS_TREE_LIST || layers->count == 0)
        return ls_fail_at(layers ? layers : tree, LS_BAD_INPUT, "expected `layers`, a list");
    if (inputs->count + layers->count > LS_LAYERS_MAX)
        return ls_fail_at(layers, LS_BAD_INPUT, "more than %d calls of layers", LS_LAYERS_MAX);
    p->model->sequential = false;
    LS_TRY(ls_allocate(&p->entry, inputs->count + layers->count + 1, sizeof *p->entry));
    LS_TRY(parse_inputs(p, inputs));
    for (const struct ls_tree *entry = layers->child; entry; entry = entry->next)
        LS_TRY(parse_entry(p, entry));
    LS_TRY(ls_entries_name(p));
    for (size_t i = 0; i < p->entries; i++) {
        LS_TRY(resolve_apply(p, &p->entry[i]));
        LS_TRY(resolve_from(p, i));
        LS_TRY(ls_entry_parse_call(p, &p->entry[i]));
    }
    LS_TRY(arrange_inputs(p, inputs));
    LS_TRY(ls_entries_order(p));
    return parse_outputs(p, ls_tree_find(tree, "outputs"));
}

ls_status ls_graph_parse(struct ls_model *model, const struct ls_tree *tree,
                         const struct ls_model_files *files)
{
    struct ls_graph_parser p = {.model = model, .files = files};
    ls_status status = parse(&p, tree);
    for (size_t i = 0; i < p.entries; i++)
        ls_use_release(&p.entry[i].use);
    ls_release(p.entry);
    ls_release(p.named);
    return status;
}
