/* Writing, copying and releasing one option. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/option.h"

static size_t field_bytes(enum ls_option_type type)
{
    static const size_t bytes[] = {
        [LS_OPTION_BOOL] = sizeof(bool),
        [LS_OPTION_INT] = sizeof(int64_t),
        [LS_OPTION_FLOAT] = sizeof(double),
        [LS_OPTION_TEXT] = sizeof(char *),
        [LS_OPTION_CHOICE] = sizeof(int),
        [LS_OPTION_INTS] = sizeof(struct ls_ints),
        [LS_OPTION_FLOATS] = sizeof(struct ls_floats),
        [LS_OPTION_TEXTS] = sizeof(struct ls_option_texts),
        [LS_OPTION_KIND] = sizeof(struct ls_instance),
        [LS_OPTION_KINDS] = sizeof(struct ls_instances),
        [LS_OPTION_INNER] = sizeof(struct ls_inner),
        [LS_OPTION_FLOAT_OR_KIND] = sizeof(struct ls_float_or_kind),
        [LS_OPTION_MAP] = sizeof(struct ls_instance),
        [LS_OPTION_TREE] = sizeof(const struct ls_tree *),
    };
    return bytes[type];
}

static ls_status copy_texts(struct ls_option_texts *to, const struct ls_option_texts *from)
{
    LS_TRY(ls_allocate(&to->text, from->count + 1, sizeof *to->text));
    for (; to->count < from->count; to->count++)
        LS_TRY(ls_duplicate(&to->text[to->count], from->text[to->count]));
    return LS_OK;
}

static void release_texts(struct ls_option_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        ls_release(texts->text[i]);
    ls_release(texts->text);
}

static ls_status copy_kinds(struct ls_instances *to, const struct ls_instances *from)
{
    LS_TRY(ls_allocate(&to->item, from->count, sizeof *to->item));
    for (; to->count < from->count; to->count++)
        LS_TRY(ls_instance_copy(&to->item[to->count], &from->item[to->count]));
    return LS_OK;
}

static void release_kinds(struct ls_instances *list)
{
    for (size_t i = 0; i < list->count; i++)
        ls_instance_release(&list->item[i]);
    ls_release(list->item);
}

ls_status ls_option_copy(void *copy, const void *field, const struct ls_option *option)
{
    if (option->type == LS_OPTION_TEXT) {
        const char *text = *(char *const *)field;
        return text ? ls_duplicate(copy, text) : LS_OK;
    }
    if (option->type == LS_OPTION_FLOATS) {
        const struct ls_floats *from = field;
        struct ls_floats *to = copy;
        if (from->value) {
            LS_TRY(ls_allocate(&to->value, from->count, sizeof *to->value));
            memcpy(to->value, from->value, from->count * sizeof *to->value);
        }
        to->count = from->count;
        to->scalar = from->scalar;
        to->keyed = from->keyed;
        return LS_OK;
    }
    if (option->type == LS_OPTION_TEXTS)
        return copy_texts(copy, field);
    if (option->type == LS_OPTION_KIND || option->type == LS_OPTION_MAP)
        return ls_instance_copy(copy, field);
    if (option->type == LS_OPTION_KINDS)
        return copy_kinds(copy, field);
    if (option->type == LS_OPTION_INNER)
        return ls_inner_copy(copy, field);
    if (option->type == LS_OPTION_FLOAT_OR_KIND) {
        const struct ls_float_or_kind *from = field;
        ((struct ls_float_or_kind *)copy)->number = from->number;
        return ls_instance_copy(&((struct ls_float_or_kind *)copy)->instance, &from->instance);
    }
    memcpy(copy, field, field_bytes(option->type));
    return LS_OK;
}

void ls_option_release(void *field, const struct ls_option *option)
{
    if (option->type == LS_OPTION_TEXT)
        ls_release(*(char **)field);
    else if (option->type == LS_OPTION_FLOATS)
        ls_release(((struct ls_floats *)field)->value);
    else if (option->type == LS_OPTION_TEXTS)
        release_texts(field);
    else if (option->type == LS_OPTION_KIND || option->type == LS_OPTION_MAP)
        ls_instance_release(field);
    else if (option->type == LS_OPTION_KINDS)
        release_kinds(field);
    else if (option->type == LS_OPTION_INNER)
        ls_inner_release(field);
    else if (option->type == LS_OPTION_FLOAT_OR_KIND)
        ls_instance_release(&((struct ls_float_or_kind *)field)->instance);
    memset(field, 0, field_bytes(option->type));
}

static ls_status made(const struct ls_tree *node)
{
    return node ? LS_OK : LS_FAILED; /* the message is ls_allocate's */
}

static ls_status write_choice(int choice, const struct ls_option *option, struct ls_tree *map)
{
    if (choice < 0)
        return made(ls_tree_add_null(map, option->name));
    const char *text = option->choices[choice];
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return made(ls_tree_add_bool(map, option->name, text[0] == 't'));
    return made(ls_tree_add_text(map, option->name, text));
}

static ls_status write_ints(const struct ls_ints *ints, const struct ls_option *option,
                            struct ls_tree *map)
{
    if (ints->count == 0)
        return made(ls_tree_add_null(map, option->name));
    if (ints->scalar)
        return made(ls_tree_add_int(map, option->name, ints->value[0]));
    struct ls_tree *list = ls_tree_add(map, option->name, LS_TREE_LIST);
    LS_TRY(made(list));
    for (size_t i = 0; option->pairs && i < ints->count; i += 2) {
        struct ls_tree *pair = ls_tree_add(list, NULL, LS_TREE_LIST);
        LS_TRY(made(pair));
        LS_TRY(made(ls_tree_add_int(pair, NULL, ints->value[i])));
        LS_TRY(made(ls_tree_add_int(pair, NULL, ints->value[i + 1])));
    }
    for (size_t i = 0; !option->pairs && i < ints->count; i++)
        LS_TRY(made(ints->value[i] == LS_NULL_INT ? ls_tree_add_null(list, NULL)
                                                  : ls_tree_add_int(list, NULL, ints->value[i])));
    return LS_OK;
}

static ls_status write_keyed(const struct ls_floats *floats, const struct ls_option *option,
                             struct ls_tree *map)
{
    struct ls_tree *keyed = ls_tree_add(map, option->name, LS_TREE_MAP);
    LS_TRY(made(keyed));
    for (size_t i = 0; i < floats->count; i += 2) {
        char key[32];
        snprintf(key, sizeof key, "%lld", (long long)floats->value[i]);
        LS_TRY(made(ls_tree_add_double(keyed, key, floats->value[i + 1])));
    }
    return LS_OK;
}

/* key: of a map; NULL in a list. */
static ls_status write_float(double value, const struct ls_option *option, struct ls_tree *parent,
                             const char *key)
{
    if (option->whole && value == floor(value) && fabs(value) < 1e15)
        return made(ls_tree_add_int(parent, key, (int64_t)value));
    return made(ls_tree_add_double(parent, key, value));
}

static ls_status write_floats(const struct ls_floats *floats, const struct ls_option *option,
                              struct ls_tree *map)
{
    if (floats->count == 0)
        return made(ls_tree_add_null(map, option->name));
    if (floats->keyed)
        return write_keyed(floats, option, map);
    if (floats->scalar)
        return write_float(floats->value[0], option, map, option->name);
    struct ls_tree *list = ls_tree_add(map, option->name, LS_TREE_LIST);
    LS_TRY(made(list));
    for (size_t i = 0; i < floats->count; i++)
        LS_TRY(write_float(floats->value[i], option, list, NULL));
    return LS_OK;
}

static ls_status write_texts(const struct ls_option_texts *texts, const struct ls_option *option,
                             struct ls_tree *map)
{
    struct ls_tree *list = ls_tree_add(map, option->name, LS_TREE_LIST);
    LS_TRY(made(list));
    for (size_t i = 0; i < texts->count; i++)
        LS_TRY(made(ls_tree_add_text(list, NULL, texts->text[i])));
    return LS_OK;
}

/* key: of a map; NULL in a list. module: NULL for none. */
static ls_status write_kind(const struct ls_instance *instance, struct ls_tree *parent,
                            const char *key, const char *module)
{
    if (!instance->kind)
        return made(ls_tree_add_null(parent, key));
    if (instance->kind->function)
        return made(ls_tree_add_text(parent, key, instance->kind->function));
    struct ls_tree *written = ls_tree_add(parent, key, LS_TREE_MAP);
    LS_TRY(made(written));
    if (module)
        LS_TRY(made(ls_tree_add_text(written, "module", module)));
    LS_TRY(made(ls_tree_add_text(written, "class_name", ls_kind_class_name(instance->kind))));
    struct ls_tree *config = ls_tree_add(written, "config", LS_TREE_MAP);
    LS_TRY(made(config));
    LS_TRY(ls_instance_write(instance, config));
    return module ? made(ls_tree_add_null(written, "registered_name")) : LS_OK;
}

static ls_status write_float_or_kind(const struct ls_float_or_kind *value,
                                     const struct ls_option *option, struct ls_tree *map)
{
    if (value->instance.kind)
        return write_kind(&value->instance, map, option->name, option->registry->module);
    return write_float(value->number, option, map, option->name);
}

static ls_status write_kinds(const struct ls_instances *instances, const struct ls_option *option,
                             struct ls_tree *map)
{
    struct ls_tree *list = ls_tree_add(map, option->name, LS_TREE_LIST);
    LS_TRY(made(list));
    for (size_t i = 0; i < instances->count; i++)
        LS_TRY(write_kind(&instances->item[i], list, NULL, option->registry->module));
    return LS_OK;
}

static ls_status write_map(const struct ls_instance *instance, const struct ls_option *option,
                           struct ls_tree *map)
{
    if (!instance->kind)
        return made(ls_tree_add_null(map, option->name));
    struct ls_tree *written = ls_tree_add(map, option->name, LS_TREE_MAP);
    LS_TRY(made(written));
    return ls_instance_write(instance, written);
}

static ls_status write_tree(const struct ls_tree *tree, const struct ls_option *option,
                            struct ls_tree *map)
{
    return made(tree ? ls_tree_add_copy(map, option->name, tree)
                     : ls_tree_add_null(map, option->name));
}

ls_status ls_option_write(const void *field, const struct ls_option *option, struct ls_tree *map)
{
    const char *text;
    switch (option->type) {
    case LS_OPTION_BOOL:
        return made(ls_tree_add_bool(map, option->name, *(const bool *)field));
    case LS_OPTION_INT:
        return *(const int64_t *)field == LS_NULL_INT
                   ? made(ls_tree_add_null(map, option->name))
                   : made(ls_tree_add_int(map, option->name, *(const int64_t *)field));
    case LS_OPTION_FLOAT:
        return isnan(*(const double *)field)
                   ? made(ls_tree_add_null(map, option->name))
                   : write_float(*(const double *)field, option, map, option->name);
    case LS_OPTION_TEXT:
        text = *(char *const *)field;
        return made(text ? ls_tree_add_text(map, option->name, text)
                         : ls_tree_add_null(map, option->name));
    case LS_OPTION_CHOICE:
        return write_choice(*(const int *)field, option, map);
    case LS_OPTION_INTS:
        return write_ints(field, option, map);
    case LS_OPTION_FLOATS:
        return write_floats(field, option, map);
    case LS_OPTION_TEXTS:
        return write_texts(field, option, map);
    case LS_OPTION_KIND:
        return write_kind(field, map, option->name, option->registry->module);
    case LS_OPTION_KINDS:
        return write_kinds(field, option, map);
    case LS_OPTION_INNER:
        return ls_inner_write(field, map, option->name);
    case LS_OPTION_FLOAT_OR_KIND:
        return write_float_or_kind(field, option, map);
    case LS_OPTION_MAP:
        return write_map(field, option, map);
    case LS_OPTION_TREE:
        return write_tree(*(const struct ls_tree *const *)field, option, map);
    }
    return ls_fail(LS_FAILED, "option '%s' has no type", option->name);
}
