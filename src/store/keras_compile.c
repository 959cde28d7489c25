#include "store/keras_compile.h"

#include <string.h>

#include "loss/loss.h"
#include "metric/metric.h"
#include "optimizer/optimizer.h"

static ls_status no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

static bool is_map(const struct ls_tree *tree)
{
    return tree && tree->type == LS_TREE_MAP;
}

/* NULL for what is missing or null. */
static const struct ls_tree *find(const struct ls_tree *map, const char *key)
{
    const struct ls_tree *entry = is_map(map) ? ls_tree_find(map, key) : NULL;
    return entry && !ls_tree_is_null(entry) ? entry : NULL;
}

/* -- writing */

/* What a map by output, a list or one entry holds, is written by this. */
typedef ls_status write_one(struct ls_tree *parent, const char *key, const struct ls_tree *tree);

/* {"class_name": C, "config": {...}} of a kind of ours with its options. */
static ls_status write_known(struct ls_tree *parent, const char *key,
                             const struct ls_registry *registry, const struct ls_tree *tree)
{
    struct ls_instance instance;
    LS_TRY(ls_instance_parse(&instance, registry, tree));
    struct ls_tree *made = ls_tree_add(parent, key, LS_TREE_MAP);
    struct ls_tree *config = NULL;
    if (made && ls_tree_add_text(made, "class_name", instance.kind->name))
        config = ls_tree_add(made, "config", LS_TREE_MAP);
    ls_status status = config ? ls_instance_write(&instance, config) : no_memory();
    ls_instance_release(&instance);
    return status;
}

/* The kind that an entry names: `mse`, {MeanSquaredError: {...}}, {class_name: ...}; or NULL. */
static const char *named_kind(const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_SCALAR)
        return tree->text;
    if (!is_map(tree) || !tree->child)
        return NULL;
    const struct ls_tree *class_name = find(tree, "class_name");
    if (class_name)
        return class_name->type == LS_TREE_SCALAR ? class_name->text : NULL;
    return tree->count == 1 ? tree->child->key : NULL;
}

/* One that we do not have (read from a file of Keras') as it was. */
static ls_status write_unknown(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    if (tree->type != LS_TREE_MAP || tree->count != 1)
        return ls_tree_add_copy(parent, key, tree) ? LS_OK : no_memory();
    struct ls_tree *made = ls_tree_add(parent, key, LS_TREE_MAP);
    if (!made || !ls_tree_add_text(made, "class_name", tree->child->key))
        return no_memory();
    const struct ls_tree *written = is_map(tree->child)
                                        ? ls_tree_add_copy(made, "config", tree->child)
                                        : ls_tree_add(made, "config", LS_TREE_MAP);
    return written ? LS_OK : no_memory();
}

static ls_status write_kind(struct ls_tree *parent, const char *key,
                            const struct ls_registry *registry, const struct ls_tree *tree)
{
    const char *name = named_kind(tree);
    if (name && ls_kind_find(registry, name))
        return write_known(parent, key, registry, tree);
    return write_unknown(parent, key, tree);
}

static ls_status write_loss(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    return write_kind(parent, key, &ls_losses, tree);
}

/* A metric's name stays: it is the key of the logs. */
static ls_status write_metric(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_SCALAR)
        return ls_tree_add_text(parent, key, tree->text) ? LS_OK : no_memory();
    return write_kind(parent, key, &ls_metrics, tree);
}

/* One metric or a list of them, always as a list. */
static ls_status write_metrics(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    struct ls_tree *list = ls_tree_add(parent, key, LS_TREE_LIST);
    if (!list)
        return no_memory();
    if (tree->type != LS_TREE_LIST)
        return write_metric(list, NULL, tree);
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(entry->type == LS_TREE_LIST ? write_metrics(list, NULL, entry)
                                           : write_metric(list, NULL, entry));
    return LS_OK;
}

static bool is_output(const struct ls_model *model, const char *name)
{
    for (size_t i = 0; i < model->outputs; i++)
        if (strcmp(model->output_name[i], name) == 0)
            return true;
    return false;
}

/* A map by output is one to Keras too, except for the only output of a Sequential model, whose name
 * is no matter there. */
static ls_status write_by_output(struct ls_tree *parent, const char *key,
                                 const struct ls_tree *tree, const struct ls_model *model,
                                 write_one *write)
{
    bool by_output = is_map(tree) && tree->child;
    for (const struct ls_tree *entry = by_output ? tree->child : NULL; entry; entry = entry->next)
        by_output = by_output && is_output(model, entry->key);
    if (!by_output)
        return write(parent, key, tree);
    if (model->outputs == 1)
        return write(parent, key, tree->child);
    struct ls_tree *map = ls_tree_add(parent, key, LS_TREE_MAP);
    if (!map)
        return no_memory();
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(write(map, entry->key, entry));
    return LS_OK;
}

static ls_status write_losses(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    if (tree->type != LS_TREE_LIST)
        return write_loss(parent, key, tree);
    struct ls_tree *list = ls_tree_add(parent, key, LS_TREE_LIST);
    if (!list)
        return no_memory();
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(write_loss(list, NULL, entry));
    return LS_OK;
}

/* A number of the weights of losses, which Keras wants as a float; lists and maps of them. */
static ls_status write_numbers(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    double value;
    if (tree->type == LS_TREE_SCALAR) {
        LS_TRY(ls_tree_double(tree, &value));
        return ls_tree_add_double(parent, key, value) ? LS_OK : no_memory();
    }
    struct ls_tree *made = ls_tree_add(parent, key, tree->type);
    if (!made)
        return no_memory();
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(write_numbers(made, entry->key, entry));
    return LS_OK;
}

static ls_status write_all(struct ls_tree *config, const struct ls_tree *compile,
                           const struct ls_model *model)
{
    static const struct {
        const char *key;
        write_one *write;
    } part[] = {{"loss", write_losses},
                {"loss_weights", write_numbers},
                {"metrics", write_metrics},
                {"weighted_metrics", write_metrics}};
    LS_TRY(write_kind(config, "optimizer_config", &ls_optimizers, find(compile, "optimizer")));
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        const struct ls_tree *entry = find(compile, part[i].key);
        if (entry)
            LS_TRY(write_by_output(config, part[i].key, entry, model, part[i].write));
        else if (!ls_tree_add_null(config, part[i].key))
            return no_memory();
    }
    if (!ls_tree_add_bool(config, "run_eagerly", false) ||
        !ls_tree_add_int(config, "steps_per_execution", 1) ||
        !ls_tree_add_bool(config, "jit_compile", false))
        return no_memory();
    return LS_OK;
}

ls_status ls_compile_to_keras(struct ls_tree **config, const struct ls_tree *compile,
                              const struct ls_model *model)
{
    *config = NULL;
    if (!find(compile, "optimizer"))
        return LS_OK;
    struct ls_tree *made = ls_tree_new(LS_TREE_MAP);
    ls_status status = made ? write_all(made, compile, model) : no_memory();
    if (status == LS_OK)
        *config = made;
    else
        ls_tree_free(made);
    return status;
}
