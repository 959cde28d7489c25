/* Keras' compile_config: training_config in the long form of to_json. */
#include <string.h>

#include "base/memory.h"
#include "store/keras_compile.h"

static ls_status no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

static ls_status copy_long(struct ls_tree *parent, const char *key, const struct ls_tree *tree,
                           const char *module);

/* Where Keras finds the kinds that stand in the options of kinds of a module. */
static const char *module_inside(const char *module)
{
    return strcmp(module, "keras.optimizers") == 0 ? "keras.optimizers.schedules" : module;
}

static struct ls_tree *add_text_or_null(struct ls_tree *map, const char *key, const char *text)
{
    return text ? ls_tree_add_text(map, key, text) : ls_tree_add_null(map, key);
}

static ls_status copy_entries(struct ls_tree *made, const struct ls_tree *tree, const char *module)
{
    if (!made)
        return no_memory();
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(copy_long(made, entry->key, entry, module));
    return LS_OK;
}

/* {"class_name", "config"} with the two keys by which Keras finds the class: its module, or, of a
 * custom one ("lockstep>PriceIsRight"), the name under which it is registered. */
static ls_status copy_object(struct ls_tree *parent, const char *key, const struct ls_tree *tree,
                             const char *module)
{
    const char *class_name = ls_tree_find(tree, "class_name")->text;
    bool function = strcmp(class_name, "function") == 0, custom = strchr(class_name, '>') != NULL;
    struct ls_tree *made = ls_tree_add(parent, key, LS_TREE_MAP);
    if (!made || !add_text_or_null(made, "module", function ? "builtins" : custom ? NULL : module))
        return no_memory();
    LS_TRY(copy_entries(made, tree, module_inside(module)));
    const char *registered = function || custom ? class_name : NULL;
    return add_text_or_null(made, "registered_name", registered) ? LS_OK : no_memory();
}

static ls_status copy_long(struct ls_tree *parent, const char *key, const struct ls_tree *tree,
                           const char *module)
{
    const struct ls_tree *name =
        tree->type == LS_TREE_MAP ? ls_tree_find(tree, "class_name") : NULL;
    if (name && name->type == LS_TREE_SCALAR && !ls_tree_find(tree, "module"))
        return copy_object(parent, key, tree, module);
    if (tree->type == LS_TREE_MAP || tree->type == LS_TREE_LIST)
        return copy_entries(ls_tree_add(parent, key, tree->type), tree, module);
    return ls_tree_add_copy(parent, key, tree) ? LS_OK : no_memory();
}

static ls_status copy_all(struct ls_tree *config, const struct ls_tree *training)
{
    static const char *const module[][3] = {
        {"optimizer_config", "optimizer", "keras.optimizers"},
        {"loss", "loss", "keras.losses"},
        {"metrics", "metrics", "keras.metrics"},
        {"weighted_metrics", "weighted_metrics", "keras.metrics"},
    };
    for (const struct ls_tree *entry = training->child; entry; entry = entry->next) {
        const char *const *row = NULL;
        for (size_t i = 0; i < sizeof module / sizeof *module; i++)
            if (strcmp(module[i][0], entry->key) == 0)
                row = module[i];
        if (row)
            LS_TRY(copy_long(config, row[1], entry, row[2]));
        else if (!ls_tree_add_copy(config, entry->key, entry))
            return no_memory();
    }
    return LS_OK;
}

ls_status ls_compile_to_keras_long(struct ls_tree **config, const struct ls_tree *compile,
                                   const struct ls_model *model)
{
    struct ls_tree *training = NULL, *made = NULL;
    *config = NULL;
    LS_TRY(ls_compile_to_keras(&training, compile, model));
    if (!training)
        return LS_OK;
    made = ls_tree_new(LS_TREE_MAP);
    ls_status status = made ? copy_all(made, training) : no_memory();
    ls_tree_free(training);
    if (status == LS_OK)
        *config = made;
    else
        ls_tree_free(made);
    return status;
}
