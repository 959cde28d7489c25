#include "store/keras_compile.h"

#include <string.h>

#include "base/memory.h"
#include "loss/loss.h"
#include "metric/metric.h"
#include "model/by_output.h"
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

static ls_status write_object(struct ls_tree *parent, const char *key,
                              const struct ls_instance *instance)
{
    struct ls_tree *made = ls_tree_add(parent, key, LS_TREE_MAP);
    struct ls_tree *config = NULL;
    if (made && ls_tree_add_text(made, "class_name", ls_kind_class_name(instance->kind)))
        config = ls_tree_add(made, "config", LS_TREE_MAP);
    return config ? ls_instance_write(instance, config) : no_memory();
}

/* {"class_name": C, "config": {...}} of a kind of ours with its options. */
static ls_status write_known(struct ls_tree *parent, const char *key,
                             const struct ls_registry *registry, const struct ls_tree *tree)
{
    struct ls_instance instance;
    LS_TRY(ls_instance_parse(&instance, registry, tree));
    ls_status status = write_object(parent, key, &instance);
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

/* The kind of a plugin that an entry names; or NULL. */
static const struct ls_kind *custom_kind(const struct ls_registry *registry,
                                         const struct ls_tree *tree)
{
    const char *name = named_kind(tree);
    const struct ls_kind *kind = name ? ls_kind_find(registry, name) : NULL;
    return kind && kind->registered ? kind : NULL;
}

/* A plugin's loss without options is a function to Keras, as those of its users mostly are. */
static ls_status write_loss(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    const struct ls_kind *kind = custom_kind(&ls_losses, tree);
    struct ls_instance instance;
    if (!kind || !kind->function)
        return write_kind(parent, key, &ls_losses, tree);
    LS_TRY(ls_instance_parse(&instance, &ls_losses, tree));
    const struct ls_loss_common *common = instance.options;
    ls_status status = LS_OK;
    if (common->name || common->reduction != LS_REDUCTION_MEAN)
        status = write_object(parent, key, &instance);
    else if (!ls_tree_add_text(parent, key, kind->function))
        status = no_memory();
    ls_instance_release(&instance);
    return status;
}

/* A metric's name stays: it is the key of the logs. That of a plugin's goes into its config, since
 * Keras finds the class under another one. */
static ls_status write_metric(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    struct ls_instance instance;
    bool custom = custom_kind(&ls_metrics, tree) != NULL;
    if (tree->type != LS_TREE_SCALAR)
        return write_kind(parent, key, &ls_metrics, tree);
    if (!custom)
        return ls_tree_add_text(parent, key, tree->text) ? LS_OK : no_memory();
    LS_TRY(ls_instance_parse(&instance, &ls_metrics, tree));
    struct ls_metric_common *common = instance.options;
    ls_status status = ls_metric_key(&common->name, tree, &instance);
    if (status == LS_OK)
        status = write_object(parent, key, &instance);
    ls_instance_release(&instance);
    return status;
}

static ls_status write_null(struct ls_tree *parent, const char *key)
{
    return ls_tree_add_null(parent, key) ? LS_OK : no_memory();
}

/* An entry for each of several outputs, in their order: by position, which Keras understands
 * however the model was compiled (it takes maps of losses only with all outputs in them and by the
 * names of layers, and puts the weights of a map into the order of the alphabet where the losses
 * are a list); by name where the model itself gives a dictionary. */
static struct ls_tree *add_entries(struct ls_tree *config, const char *key,
                                   const struct ls_model *model)
{
    bool named = model->output_structure == LS_STRUCTURE_DICTIONARY;
    return ls_tree_add(config, key, named ? LS_TREE_MAP : LS_TREE_LIST);
}

static const char *entry_key(const struct ls_tree *entries, const struct ls_model *model, size_t o)
{
    return entries->type == LS_TREE_MAP ? model->output_name[o] : NULL;
}

/* One metric or a list of them, always as a list. */
static ls_status write_metric_list(struct ls_tree *parent, const char *key,
                                   const struct ls_tree *tree)
{
    struct ls_tree *list = ls_tree_add(parent, key, LS_TREE_LIST);
    if (!list)
        return no_memory();
    if (tree->type != LS_TREE_LIST)
        return write_metric(list, NULL, tree);
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        LS_TRY(entry->type == LS_TREE_LIST ? write_metric_list(list, NULL, entry)
                                           : write_metric(list, NULL, entry));
    return LS_OK;
}

/* Of the only output, whose name is no matter to a Sequential model, its entry alone. */
static ls_status write_metrics(struct ls_tree *config, const char *key, const struct ls_tree **part,
                               const struct ls_model *model)
{
    bool some = false;
    for (size_t o = 0; o < model->outputs; o++)
        some |= part[o] != NULL;
    if (!some)
        return write_null(config, key);
    if (model->outputs == 1)
        return write_metric_list(config, key, part[0]);
    struct ls_tree *entries = add_entries(config, key, model);
    if (!entries)
        return no_memory();
    for (size_t o = 0; o < model->outputs; o++) {
        const char *name = entry_key(entries, model, o);
        LS_TRY(part[o] ? write_metric_list(entries, name, part[o]) : write_null(entries, name));
    }
    return LS_OK;
}

static ls_status write_loss_or_null(struct ls_tree *parent, const char *key,
                                    const struct ls_tree *tree)
{
    return tree ? write_loss(parent, key, tree) : write_null(parent, key);
}

/* Keras wants the weights as floats. */
static ls_status write_weight(struct ls_tree *parent, const char *key, const struct ls_tree *tree)
{
    double value = 1;
    if (tree)
        LS_TRY(ls_tree_double(tree, &value));
    return ls_tree_add_double(parent, key, value) ? LS_OK : no_memory();
}

struct losses {
    const struct ls_tree **loss, **weight; /* by output */
    enum ls_by_output loss_is, weight_is;
};

typedef ls_status write_one(struct ls_tree *parent, const char *key, const struct ls_tree *tree);

static ls_status write_each(struct ls_tree *config, const char *key, const struct ls_tree **part,
                            const struct ls_model *model, write_one *write)
{
    struct ls_tree *entries = add_entries(config, key, model);
    if (!entries)
        return no_memory();
    for (size_t o = 0; o < model->outputs; o++)
        LS_TRY(write(entries, entry_key(entries, model, o), part[o]));
    return LS_OK;
}

/* One loss for all outputs stays one, unless there are weights for each. */
static ls_status write_losses(struct ls_tree *config, const struct losses *losses,
                              const struct ls_model *model)
{
    bool one_weight = model->outputs == 1 || losses->weight_is == LS_BY_ALL;
    bool one_loss = model->outputs == 1 || (losses->loss_is == LS_BY_ALL &&
                                            (one_weight || losses->weight_is == LS_BY_NOTHING));
    if (one_loss || losses->loss_is == LS_BY_NOTHING)
        LS_TRY(write_loss_or_null(config, "loss", losses->loss[0]));
    else
        LS_TRY(write_each(config, "loss", losses->loss, model, write_loss_or_null));
    if (losses->weight_is == LS_BY_NOTHING)
        return write_null(config, "loss_weights");
    if (one_weight)
        return write_weight(config, "loss_weights", losses->weight[0]);
    return write_each(config, "loss_weights", losses->weight, model, write_weight);
}

static ls_status write_by_output(struct ls_tree *config, const struct ls_tree *compile,
                                 const struct ls_model *model)
{
    struct losses losses;
    const struct ls_tree **room = NULL;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&room, 4 * model->outputs, sizeof *room));
    const struct ls_tree **metrics = room + 2 * model->outputs, **weighted;
    losses.loss = room;
    losses.weight = room + model->outputs;
    weighted = metrics + model->outputs;
    LS_TRY_OUT(
        ls_by_output(&losses.loss_is, losses.loss, model, find(compile, "loss"), &ls_losses));
    LS_TRY_OUT(
        ls_by_output(&losses.weight_is, losses.weight, model, find(compile, "loss_weights"), NULL));
    LS_TRY_OUT(ls_metrics_by_output(metrics, model, find(compile, "metrics"), &ls_metrics));
    LS_TRY_OUT(
        ls_metrics_by_output(weighted, model, find(compile, "weighted_metrics"), &ls_metrics));
    LS_TRY_OUT(write_losses(config, &losses, model));
    LS_TRY_OUT(write_metrics(config, "metrics", metrics, model));
    LS_TRY_OUT(write_metrics(config, "weighted_metrics", weighted, model));
out:
    ls_release(room);
    return status;
}

/* Whether null says something: where it is not the option's default. */
static bool null_counts(const struct ls_kind *kind, const char *key)
{
    for (const struct ls_option *o = kind ? kind->options : NULL; o && o->name; o++)
        if (strcmp(o->name, key) == 0)
            return strcmp(o->initial, "null") != 0;
    return false;
}

/* Options that are not in use go: optimizers of Keras 2 do not know all of them. */
static void trim_optimizer(struct ls_tree *optimizer)
{
    const char *name = optimizer ? named_kind(optimizer) : NULL;
    const struct ls_kind *kind = name ? ls_kind_find(&ls_optimizers, name) : NULL;
    struct ls_tree *options = (struct ls_tree *)find(optimizer, "config");
    const struct ls_tree *average = find(options, "use_ema");
    bool unused = average && average->type == LS_TREE_SCALAR && strcmp(average->text, "false") == 0;
    for (struct ls_tree *entry = is_map(options) ? options->child : NULL, *next; entry;
         entry = next) {
        next = entry->next;
        bool null = ls_tree_is_null(entry) && !null_counts(kind, entry->key);
        if (null || (unused && (strcmp(entry->key, "use_ema") == 0 ||
                                strcmp(entry->key, "ema_momentum") == 0)))
            ls_tree_remove(entry);
    }
}

static ls_status write_all(struct ls_tree *config, const struct ls_tree *compile,
                           const struct ls_model *model)
{
    LS_TRY(write_kind(config, "optimizer_config", &ls_optimizers, find(compile, "optimizer")));
    trim_optimizer((struct ls_tree *)find(config, "optimizer_config"));
    LS_TRY(write_by_output(config, compile, model));
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
