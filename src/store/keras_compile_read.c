/* Keras' training_config or compile_config as the run file's `compile`. */
#include <string.h>

#include "base/memory.h"
#include "layer/layer.h"
#include "loss/loss.h"
#include "metric/metric.h"
#include "model/keras.h"
#include "optimizer/optimizer.h"
#include "store/keras_compile.h"

static ls_status no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

static const struct ls_tree *find(const struct ls_tree *map, const char *key)
{
    const struct ls_tree *entry = map && map->type == LS_TREE_MAP ? ls_tree_find(map, key) : NULL;
    return entry && !ls_tree_is_null(entry) ? entry : NULL;
}

static const char *text_of(const struct ls_tree *map, const char *key)
{
    const struct ls_tree *entry = find(map, key);
    return entry && entry->type == LS_TREE_SCALAR ? entry->text : NULL;
}

static ls_status add_named(struct ls_tree *parent, const char *key, const char *name,
                           const struct ls_tree *config, struct ls_tree **options)
{
    struct ls_tree *made = ls_tree_add(parent, key, LS_TREE_MAP);
    if (!made)
        return no_memory();
    *options = config && config->type == LS_TREE_MAP ? ls_tree_add_copy(made, name, config)
                                                     : ls_tree_add(made, name, LS_TREE_MAP);
    return *options ? LS_OK : no_memory();
}

/* {"class_name": C, "config": {...}} as {C: {...}}; C alone when nothing is set. */
static ls_status read_object(struct ls_tree *parent, const char *key,
                             const struct ls_registry *registry, const struct ls_tree *tree)
{
    static const char package[] = "Custom>"; /* Keras 2's own optimizers */
    const struct ls_tree *config = find(tree, "config");
    struct ls_tree *options;
    char *name;
    if (config && strcmp(text_of(tree, "class_name"), "function") == 0)
        return ls_tree_add_copy(parent, key, config) ? LS_OK : no_memory();
    LS_TRY(ls_kind_saved_name(&name, tree));
    const char *plain =
        strncmp(name, package, sizeof package - 1) == 0 ? name + sizeof package - 1 : name;
    ls_status status = add_named(parent, key, plain, config, &options);
    if (status == LS_OK)
        status = ls_keras_clean(options, ls_kind_find(registry, plain), NULL);
    ls_release(name);
    return status;
}

/* A name, an object, or a list or a map (by output) of them. */
static ls_status read_kinds(struct ls_tree *parent, const char *key,
                            const struct ls_registry *registry, const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_SCALAR || ls_tree_is_null(tree))
        return ls_tree_add_copy(parent, key, tree) ? LS_OK : no_memory();
    if (text_of(tree, "class_name"))
        return read_object(parent, key, registry, tree);
    struct ls_tree *made = ls_tree_add(parent, key, tree->type);
    if (!made)
        return no_memory();
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(read_kinds(made, entry->key, registry, entry));
    return LS_OK;
}

/* -- metrics */

/* Keras 2 writes a metric as a wrapper of the function that it resolved it to, under the name that
 * the user gave. */
static const char *wrapped_metric(const struct ls_tree *tree)
{
    const char *class_name = text_of(tree, "class_name");
    const struct ls_tree *config = find(tree, "config");
    if (!class_name || strcmp(class_name, "MeanMetricWrapper") != 0)
        return NULL;
    const char *name = text_of(config, "name"), *function = text_of(config, "fn");
    if (name && (strcmp(name, "accuracy") == 0 || strcmp(name, "acc") == 0 ||
                 ls_kind_find(&ls_metrics, name)))
        return name;
    return function;
}

/* A metric, or lists and maps (by output) of them. */
static ls_status read_metric(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    const char *wrapped = wrapped_metric(tree);
    if (wrapped)
        return ls_tree_add_text(parent, key, wrapped) ? LS_OK : no_memory();
    if (ls_tree_is_null(tree) || tree->type == LS_TREE_SCALAR || text_of(tree, "class_name"))
        return read_kinds(parent, key, &ls_metrics, tree);
    struct ls_tree *made = ls_tree_add(parent, key, tree->type);
    if (!made)
        return no_memory();
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(read_metric(made, entry->key, entry));
    return LS_OK;
}

/* The list of the only output's list is that list. */
static ls_status read_metrics(struct ls_tree *compile, const char *key, const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_LIST && tree->count == 1 && tree->child->type == LS_TREE_LIST)
        tree = tree->child;
    return read_metric(compile, key, tree);
}

static ls_status read_all(struct ls_tree *compile, const struct ls_tree *config)
{
    static const char *const metric_keys[] = {"metrics", "weighted_metrics"};
    const struct ls_tree *optimizer = find(config, "optimizer_config");
    if (!optimizer)
        optimizer = find(config, "optimizer"); /* compile_config */
    const struct ls_tree *loss = find(config, "loss");
    const struct ls_tree *weights = find(config, "loss_weights");
    if (loss && loss->type == LS_TREE_LIST && loss->count == 1)
        loss = loss->child;
    if (optimizer)
        LS_TRY(read_kinds(compile, "optimizer", &ls_optimizers, optimizer));
    if (loss)
        LS_TRY(read_kinds(compile, "loss", &ls_losses, loss));
    if (weights && !ls_tree_add_copy(compile, "loss_weights", weights))
        return no_memory();
    for (size_t i = 0; i < 2; i++) {
        const struct ls_tree *metrics = find(config, metric_keys[i]);
        if (metrics && metrics->count + (metrics->type == LS_TREE_SCALAR) > 0)
            LS_TRY(read_metrics(compile, metric_keys[i], metrics));
    }
    return LS_OK;
}

ls_status ls_compile_from_keras(struct ls_tree **compile, const struct ls_tree *config)
{
    struct ls_tree *made = ls_tree_new(LS_TREE_MAP);
    ls_status status = made ? read_all(made, config) : no_memory();
    *compile = NULL;
    if (status == LS_OK)
        *compile = made;
    else
        ls_tree_free(made);
    return status;
}
