/* Finding and setting by a path: "fit.epochs", "model.layers.2.units",
 * "model.layers.dense_1.units".
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/tree_internal.h"

enum { STEP_BYTES = 256, SNAKE_BYTES = 128 };

const struct ls_tree *ls_tree_find(const struct ls_tree *map, const char *key)
{
    if (!map || map->type != LS_TREE_MAP)
        return NULL;
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next)
        if (strcmp(entry->key, key) == 0)
            return entry;
    return NULL;
}

/* The entry that names the kind: the only one when it has a class' name; in a list, where `from`,
 * `as` and such stand beside it, the first with a class' name or else the first. */
static struct ls_tree *kind_entry(const struct ls_tree *entry)
{
    bool listed = entry->parent && entry->parent->type == LS_TREE_LIST;
    if (entry->type != LS_TREE_MAP || (!listed && entry->count != 1))
        return NULL;
    for (struct ls_tree *child = entry->child; child; child = child->next)
        if (isupper((unsigned char)child->key[0]))
            return child;
    return listed ? entry->child : NULL;
}

struct ls_tree *ls_tree_look_through(const struct ls_tree *entry)
{
    if (ls_tree_find(entry, "class_name"))
        return (struct ls_tree *)ls_tree_find(entry, "config");
    return kind_entry(entry);
}

/* The class of a list's entry in the forms Flatten, {Dense: {...}}, {class_name, config}. */
static const char *kind_name(const struct ls_tree *entry)
{
    if (entry->type == LS_TREE_SCALAR)
        return entry->text;
    const struct ls_tree *class_name = ls_tree_find(entry, "class_name");
    if (class_name)
        return class_name->text;
    const struct ls_tree *kind = kind_entry(entry);
    return kind ? kind->key : NULL;
}

static const char *given_name(const struct ls_tree *entry)
{
    const struct ls_tree *name = ls_tree_find(entry, "name");
    if (!name)
        name = ls_tree_find(ls_tree_look_through(entry), "name");
    return name && name->type == LS_TREE_SCALAR ? name->text : NULL;
}

/* An entry whose name is given; else one that Keras would name so: dense, dense_1, ... in the order
 * of those without a name. */
static struct ls_tree *find_named(const struct ls_tree *list, const char *name)
{
    for (struct ls_tree *entry = list->child; entry; entry = entry->next) {
        const char *given = given_name(entry);
        if (given && strcmp(given, name) == 0)
            return entry;
    }
    for (struct ls_tree *entry = list->child; entry; entry = entry->next) {
        char snake[SNAKE_BYTES], other[SNAKE_BYTES], made[SNAKE_BYTES + 32];
        const char *kind = kind_name(entry);
        if (!kind || given_name(entry))
            continue;
        ls_snake_case(snake, sizeof snake, kind);
        if (strncmp(name, snake, strlen(snake)) != 0)
            continue;
        size_t earlier = 0;
        for (const struct ls_tree *before = list->child; before != entry; before = before->next) {
            const char *before_kind = given_name(before) ? NULL : kind_name(before);
            ls_snake_case(other, sizeof other, before_kind ? before_kind : "");
            earlier += strcmp(other, snake) == 0;
        }
        if (earlier == 0)
            snprintf(made, sizeof made, "%s", snake);
        else
            snprintf(made, sizeof made, "%s_%zu", snake, earlier);
        if (strcmp(made, name) == 0)
            return entry;
    }
    return NULL;
}

static struct ls_tree *find_in_list(const struct ls_tree *list, const char *step)
{
    size_t index = 0;
    if (strspn(step, "0123456789") != strlen(step))
        return find_named(list, step);
    for (const char *c = step; *c; c++) {
        index = 10 * index + (size_t)(*c - '0');
        if (index >= list->count)
            return NULL;
    }
    struct ls_tree *entry = list->child;
    while (index-- > 0)
        entry = entry->next;
    return entry;
}

/* One step down; NULL when there is no such entry. */
static struct ls_tree *find_step(const struct ls_tree *node, const char *step)
{
    if (node->type == LS_TREE_LIST)
        return find_in_list(node, step);
    struct ls_tree *found = (struct ls_tree *)ls_tree_find(node, step);
    if (!found && node->type == LS_TREE_MAP) {
        const struct ls_tree *inner = ls_tree_look_through(node);
        found = (struct ls_tree *)ls_tree_find(inner, step);
    }
    return found;
}

/* The next step of *path, which moves behind it; false for an empty or overlong one. */
static bool next_step(char step[STEP_BYTES], const char **path)
{
    size_t length = strcspn(*path, ".");
    if (length == 0 || length >= STEP_BYTES)
        return false;
    memcpy(step, *path, length);
    step[length] = '\0';
    *path += length;
    if (**path == '.') {
        ++*path;
        return **path != '\0';
    }
    return true;
}

const struct ls_tree *ls_tree_find_path(const struct ls_tree *tree, const char *path)
{
    char step[STEP_BYTES];
    while (tree && *path) {
        if (!next_step(step, &path))
            return NULL;
        tree = find_step(tree, step);
    }
    return tree;
}

/* -- setting */

/* What is not given yet, or is a bare name (`- Flatten`, `optimizer: adam`), becomes a map in which
 * options can be set. */
static bool is_bare_name(const struct ls_tree *node)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return node->type == LS_TREE_SCALAR && isalpha((unsigned char)node->text[0]) &&
           strspn(node->text, word) == strlen(node->text);
}

static ls_status open_name(struct ls_tree **node)
{
    struct ls_tree *inner;
    LS_TRY(ls_tree_node_create(&inner, LS_TREE_MAP, (*node)->text, NULL,
                               (struct ls_tree_origin){(*node)->file, (*node)->line}));
    ls_release((*node)->text);
    (*node)->text = NULL;
    (*node)->type = LS_TREE_MAP;
    ls_tree_append(*node, inner);
    *node = inner;
    return LS_OK;
}

/* The map, below node, into which a new option goes. */
static ls_status find_owner(struct ls_tree **node, const char *path, const struct ls_tree *value)
{
    char shown[LS_EXCERPT];
    ls_excerpt(shown, path);
    if ((*node)->type == LS_TREE_NULL)
        (*node)->type = LS_TREE_MAP;
    if (is_bare_name(*node))
        return open_name(node);
    if ((*node)->type == LS_TREE_LIST)
        return ls_fail_at(value, LS_BAD_INPUT,
                          "%s: no such entry: the list has %zu, named or numbered from 0", shown,
                          (*node)->count);
    if ((*node)->type != LS_TREE_MAP)
        return ls_fail_at(value, LS_BAD_INPUT, "%s: '%.60s' has no options to set", shown,
                          (*node)->text);
    struct ls_tree *inner = ls_tree_look_through(*node);
    if (inner && (inner->type == LS_TREE_MAP || inner->type == LS_TREE_NULL)) {
        *node = inner;
        inner->type = LS_TREE_MAP;
    }
    return LS_OK;
}

/* Exchanges what two nodes hold; keys and places in their trees stay. */
static void swap_values(struct ls_tree *a, struct ls_tree *b)
{
    struct ls_tree old = *a;
    a->type = b->type, a->text = b->text, a->quoted = b->quoted;
    a->file = b->file, a->line = b->line;
    a->child = b->child, a->last = b->last, a->count = b->count;
    b->type = old.type, b->text = old.text, b->quoted = old.quoted;
    b->file = old.file, b->line = old.line;
    b->child = old.child, b->last = old.last, b->count = old.count;
    for (struct ls_tree *entry = a->child; entry; entry = entry->next)
        entry->parent = a;
    for (struct ls_tree *entry = b->child; entry; entry = entry->next)
        entry->parent = b;
}

static void set_origin(struct ls_tree *tree, char *file)
{
    tree->file = ls_tree_file_share(file);
    tree->line = 0; /* an argument has none */
    for (struct ls_tree *entry = tree->child; entry; entry = entry->next)
        set_origin(entry, file);
}

static ls_status walk_and_set(struct ls_tree *node, const char *whole, struct ls_tree *value)
{
    char step[STEP_BYTES], shown[LS_EXCERPT];
    ls_excerpt(shown, whole);
    const char *path = whole;
    do {
        if (!next_step(step, &path))
            return ls_fail_at(value, LS_BAD_INPUT, "'%s' is no path: write key.key=value", shown);
        struct ls_tree *found = find_step(node, step);
        if (!found) {
            LS_TRY(find_owner(&node, whole, value));
            LS_TRY(ls_tree_node_create(&found, LS_TREE_NULL, step, NULL,
                                       (struct ls_tree_origin){value->file, 0}));
            ls_tree_append(node, found);
        }
        node = found;
    } while (*path);
    swap_values(node, value);
    return LS_OK;
}

ls_status ls_tree_set_path(struct ls_tree *tree, const char *path, const char *yaml)
{
    struct ls_tree *value, *copy = NULL;
    char *file = NULL;
    ls_status status = ls_tree_parse_yaml(&value, yaml, strlen(yaml), NULL);
    if (status != LS_OK)
        return ls_fail_within(status, "--set %.60s", path);
    LS_TRY_OUT(ls_tree_file_create(&file, "--set"));
    set_origin(value, file);
    /* In a copy first, so that a failure on the way leaves the tree as it was. */
    LS_TRY_OUT(ls_tree_copy(&copy, tree));
    LS_TRY_OUT(walk_and_set(copy, path, value));
    swap_values(tree, copy);
out:
    ls_tree_file_release(file);
    ls_tree_free(copy);
    ls_tree_free(value);
    return status;
}
