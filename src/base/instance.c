/* Instances: a kind with its options, from the run file and from Keras' configs, and back. */
#include <string.h>

#include "base/kind.h"
#include "base/memory.h"
#include "base/option.h"

static void *field_of(void *options, const struct ls_option *option)
{
    return (char *)options + option->offset;
}

static bool is_in(const char *name, const char *const *names)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool has_key(const struct ls_option *option, const char *key)
{
    return strcmp(option->name, key) == 0 || (option->alias && strcmp(option->alias, key) == 0);
}

static const struct ls_option *rows_of(const struct ls_kind *kind)
{
    static const struct ls_option none = {.name = NULL};
    return kind->options ? kind->options : &none;
}

static ls_status fail_unknown(const struct ls_kind *kind, const struct ls_tree *map,
                              const struct ls_tree *entry)
{
    size_t count = 0;
    const char **names;
    char key[LS_EXCERPT];
    struct ls_text known = {0};
    ls_excerpt(key, entry->key);
    for (const struct ls_option *option = rows_of(kind); option->name; option++)
        count += 1 + (option->alias != NULL);
    LS_TRY(ls_allocate(&names, count + 1, sizeof *names));
    count = 0;
    for (const struct ls_option *option = rows_of(kind); option->name; option++) {
        ls_text_append(&known, "%s%s", count > 0 ? ", " : "", option->name);
        names[count++] = option->name;
        if (option->alias)
            names[count++] = option->alias;
    }
    const char *near = ls_nearest(entry->key, names);
    ls_status status = ls_text_status(&known);
    if (status == LS_OK && near)
        status = ls_fail_at_line(map, entry->line, LS_BAD_INPUT,
                                 "unknown option '%s' (did you mean '%s'?)", key, near);
    else if (status == LS_OK)
        status =
            ls_fail_at_line(map, entry->line, LS_BAD_INPUT, "unknown option '%s' (%s%s)", key,
                            count > 0 ? "known: " : "there are none", known.data ? known.data : "");
    ls_release(names);
    ls_text_release(&known);
    return status;
}

static ls_status check_keys(const struct ls_kind *kind, const struct ls_tree *map,
                            const char *const *ignore)
{
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next) {
        const struct ls_option *option = rows_of(kind);
        while (option->name && !has_key(option, entry->key))
            option++;
        if (!option->name && !is_in(entry->key, ignore))
            return fail_unknown(kind, map, entry);
    }
    return LS_OK;
}

/* The entry for an option under either of its names; NULL when it is not given. */
static ls_status find_entry(const struct ls_tree **entry, const struct ls_tree *map,
                            const struct ls_option *option)
{
    const struct ls_tree *other = option->alias ? ls_tree_find(map, option->alias) : NULL;
    *entry = ls_tree_find(map, option->name);
    if (*entry && other)
        return ls_fail_at_line(map, other->line, LS_BAD_INPUT,
                               "'%s' and '%s' are the same option: give one of them", option->name,
                               option->alias);
    if (!*entry)
        *entry = other;
    return LS_OK;
}

/* The option's value and its default, as they are written. */
static ls_status is_initial(bool *initial, const void *field, const struct ls_option *option)
{
    struct ls_text texts[2] = {{0}, {0}};
    struct ls_tree *map = ls_tree_new(LS_TREE_MAP);
    union {
        bool truth;
        int64_t integer;
        double number;
        struct ls_ints ints;
        struct ls_floats floats;
        struct ls_instance instance;
        struct ls_instances instances;
        struct ls_inner inner;
        char *text;
    } value;
    ls_status status = map ? LS_OK : LS_FAILED;
    memset(&value, 0, sizeof value);
    if (status == LS_OK)
        status = ls_option_parse_initial(&value, option);
    for (int i = 0; i < 2 && status == LS_OK; i++) {
        status = ls_option_write(i == 0 ? field : &value, option, map);
        if (status == LS_OK) {
            ls_tree_format_json(&texts[i], map->last);
            status = ls_text_status(&texts[i]);
        }
    }
    if (status == LS_OK)
        *initial = strcmp(texts[0].data, texts[1].data) == 0;
    ls_option_release(&value, option);
    ls_text_release(&texts[0]);
    ls_text_release(&texts[1]);
    ls_tree_free(map);
    return status;
}

/* Options that are known only to be refused: the default passes, and null, which stands for it. */
static ls_status parse_refused(void *field, const struct ls_option *option,
                               const struct ls_tree *entry)
{
    bool initial = ls_tree_is_null(entry);
    bool only_null = option->initial && strcmp(option->initial, "null") == 0;
    if (!initial && only_null)
        return ls_fail_at(entry, LS_BAD_INPUT, "%s", option->refused);
    if (initial && option->initial && ls_option_nullable(option))
        return ls_option_parse_initial(field, option);
    LS_TRY(ls_option_parse(field, option, entry));
    LS_TRY(is_initial(&initial, field, option));
    return initial ? LS_OK : ls_fail_at(entry, LS_BAD_INPUT, "%s", option->refused);
}

/* `place` is where a missing option is missed; `map` may be NULL. */
static ls_status fill_options(void *options, const struct ls_kind *kind, const struct ls_tree *map,
                              const struct ls_tree *place)
{
    for (const struct ls_option *option = rows_of(kind); option->name; option++) {
        const struct ls_tree *entry;
        void *field = field_of(options, option);
        LS_TRY(find_entry(&entry, map, option));
        if (entry) {
            LS_TRY(option->refused ? parse_refused(field, option, entry)
                                   : ls_option_parse(field, option, entry));
        } else if (option->initial) {
            ls_status status = ls_option_parse_initial(field, option);
            if (status != LS_OK)
                return ls_fail_within(status, "default of %s's '%s'", kind->name, option->name);
        } else if (place) {
            return ls_fail_at_name(place, LS_BAD_INPUT, "option '%s' is missing", option->name);
        } else {
            return ls_fail(LS_BAD_INPUT, "%s: option '%s' is missing", kind->name, option->name);
        }
    }
    return LS_OK;
}

static ls_status parse_at(void *options, const struct ls_kind *kind, const struct ls_tree *map,
                          const struct ls_tree *place, const char *const *ignore)
{
    memset(options, 0, kind->options_size);
    if (map && ls_tree_is_null(map))
        map = NULL;
    if (map && map->type != LS_TREE_MAP)
        return ls_fail_expected(map, "a map of options");
    ls_status status = map ? check_keys(kind, map, ignore) : LS_OK;
    if (status == LS_OK)
        status = fill_options(options, kind, map, place);
    if (status != LS_OK)
        ls_options_release(options, kind);
    return status;
}

ls_status ls_options_parse(void *options, const struct ls_kind *kind, const struct ls_tree *map,
                           const char *const *ignore)
{
    return parse_at(options, kind, map, map, ignore);
}

void ls_options_release(void *options, const struct ls_kind *kind)
{
    for (const struct ls_option *option = rows_of(kind); option->name; option++)
        ls_option_release(field_of(options, option), option);
}

static bool names_kind(const struct ls_kind *kind, const struct ls_tree *tree)
{
    const struct ls_kind *const kinds[] = {kind, NULL};
    const struct ls_registry alone = {.noun = "kind", .kinds = kinds};
    return tree && tree->type == LS_TREE_SCALAR && ls_kind_find(&alone, tree->text) == kind;
}

ls_status ls_instance_create(struct ls_instance *instance, const struct ls_kind *kind,
                             const struct ls_tree *options, const char *const *ignore)
{
    *instance = (struct ls_instance){0};
    const struct ls_tree *map = names_kind(kind, options) ? NULL : options;
    void *made = NULL;
    unsigned char none; /* a kind without options still refuses what it is given */
    if (kind->options_size > 0)
        LS_TRY(ls_allocate(&made, kind->options_size, 1));
    ls_status status = parse_at(made ? made : &none, kind, map, options, ignore);
    if (status != LS_OK) {
        ls_release(made);
        return status;
    }
    *instance = (struct ls_instance){kind, made};
    return LS_OK;
}

void ls_instance_release(struct ls_instance *instance)
{
    if (instance->kind && instance->options)
        ls_options_release(instance->options, instance->kind);
    ls_release(instance->options);
    *instance = (struct ls_instance){0};
}

ls_status ls_instance_copy(struct ls_instance *copy, const struct ls_instance *instance)
{
    *copy = (struct ls_instance){.kind = instance->kind};
    if (!instance->options)
        return LS_OK;
    ls_status status = ls_allocate(&copy->options, instance->kind->options_size, 1);
    for (const struct ls_option *option = rows_of(instance->kind); status == LS_OK && option->name;
         option++)
        status = ls_option_copy(field_of(copy->options, option),
                                field_of(instance->options, option), option);
    if (status != LS_OK)
        ls_instance_release(copy);
    return status;
}

/* -- writing */

ls_status ls_instance_write(const struct ls_instance *instance, struct ls_tree *map)
{
    if (!instance->kind || !instance->options)
        return LS_OK;
    for (const struct ls_option *option = rows_of(instance->kind); option->name; option++) {
        const void *field = field_of(instance->options, option);
        bool left_out = false;
        if (option->unwritten && option->initial)
            LS_TRY(is_initial(&left_out, field, option));
        if (!left_out)
            LS_TRY(ls_option_write(field, option, map));
    }
    return LS_OK;
}
