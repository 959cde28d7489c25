/* The nodes of the config tree: making, linking, copying, freeing. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/tree_internal.h"

/* Every node has the name of its file; one text serves them all, and goes with the last of them. */
struct shared_name {
    _Atomic long users;
    char text[];
};

static struct shared_name *name_of(char *file)
{
    return (struct shared_name *)(void *)(file - offsetof(struct shared_name, text));
}

ls_status ls_tree_file_create(char **file, const char *name)
{
    struct shared_name *shared;
    *file = NULL;
    if (!name)
        return LS_OK;
    size_t length = strlen(name);
    LS_TRY(ls_allocate(&shared, sizeof *shared + length + 1, 1));
    atomic_init(&shared->users, 1);
    memcpy(shared->text, name, length + 1);
    *file = shared->text;
    return LS_OK;
}

char *ls_tree_file_share(char *file)
{
    if (file)
        atomic_fetch_add(&name_of(file)->users, 1);
    return file;
}

void ls_tree_file_release(char *file)
{
    if (file && atomic_fetch_sub(&name_of(file)->users, 1) == 1)
        ls_release(name_of(file));
}

static void free_node(struct ls_tree *node)
{
    ls_release(node->key);
    ls_release(node->text);
    ls_tree_file_release(node->file);
    ls_release(node);
}

void ls_tree_free(struct ls_tree *tree)
{
    if (!tree)
        return;
    for (struct ls_tree *entry = tree->child, *next; entry; entry = next) {
        next = entry->next;
        ls_tree_free(entry);
    }
    free_node(tree);
}

ls_status ls_tree_node_create(struct ls_tree **node, enum ls_tree_type type, const char *key,
                              const char *text, struct ls_tree_origin origin)
{
    *node = NULL;
    struct ls_tree *made;
    ls_status status = ls_allocate(&made, 1, sizeof *made);
    if (status != LS_OK)
        return status;
    made->type = type;
    if (key)
        LS_TRY_OUT(ls_duplicate(&made->key, key));
    if (text)
        LS_TRY_OUT(ls_duplicate(&made->text, text));
    made->file = ls_tree_file_share(origin.file);
    made->line = origin.line;
    *node = made;
    return LS_OK;
out:
    free_node(made);
    return status;
}

void ls_tree_append(struct ls_tree *parent, struct ls_tree *node)
{
    node->parent = parent;
    node->next = NULL;
    if (parent->last)
        parent->last->next = node;
    else
        parent->child = node;
    parent->last = node;
    parent->count++;
}

static ls_status copy_node(struct ls_tree **copy, const struct ls_tree *tree, const char *key)
{
    struct ls_tree *made;
    *copy = NULL;
    LS_TRY(ls_tree_node_create(&made, tree->type, key, tree->text,
                               (struct ls_tree_origin){tree->file, tree->line}));
    made->quoted = tree->quoted;
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        struct ls_tree *child;
        ls_status status = copy_node(&child, entry, entry->key);
        if (status != LS_OK) {
            ls_tree_free(made);
            return status;
        }
        ls_tree_append(made, child);
    }
    *copy = made;
    return LS_OK;
}

ls_status ls_tree_copy(struct ls_tree **copy, const struct ls_tree *tree)
{
    return copy_node(copy, tree, tree->key);
}

struct ls_tree *ls_tree_new(enum ls_tree_type type)
{
    struct ls_tree *node;
    ls_tree_node_create(&node, type, NULL, type == LS_TREE_SCALAR ? "" : NULL,
                        (struct ls_tree_origin){0});
    return node;
}

/* What the parent was to have: NULL, and remembered, where it could not be made. */
static struct ls_tree *add_made(struct ls_tree *parent, struct ls_tree *node, ls_status status)
{
    if (status == LS_OK)
        ls_tree_append(parent, node);
    else
        parent->incomplete = true;
    return node;
}

static struct ls_tree *add_scalar(struct ls_tree *parent, const char *key, const char *text,
                                  bool quoted)
{
    struct ls_tree *node;
    ls_status status =
        ls_tree_node_create(&node, LS_TREE_SCALAR, key, text, (struct ls_tree_origin){0});
    if (node)
        node->quoted = quoted;
    return add_made(parent, node, status);
}

struct ls_tree *ls_tree_add(struct ls_tree *parent, const char *key, enum ls_tree_type type)
{
    struct ls_tree *node;
    if (type == LS_TREE_SCALAR)
        return add_scalar(parent, key, "", false);
    ls_status status = ls_tree_node_create(&node, type, key, NULL, (struct ls_tree_origin){0});
    return add_made(parent, node, status);
}

struct ls_tree *ls_tree_add_text(struct ls_tree *parent, const char *key, const char *text)
{
    return add_scalar(parent, key, text, true);
}

struct ls_tree *ls_tree_add_int(struct ls_tree *parent, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    return add_scalar(parent, key, text, false);
}

struct ls_tree *ls_tree_add_bool(struct ls_tree *parent, const char *key, bool value)
{
    return add_scalar(parent, key, value ? "true" : "false", false);
}

struct ls_tree *ls_tree_add_double(struct ls_tree *parent, const char *key, double value)
{
    char text[LS_DOUBLE_TEXT];
    ls_double_format(text, value);
    return add_scalar(parent, key, text, false);
}

struct ls_tree *ls_tree_add_null(struct ls_tree *parent, const char *key)
{
    return ls_tree_add(parent, key, LS_TREE_NULL);
}

struct ls_tree *ls_tree_add_copy(struct ls_tree *parent, const char *key,
                                 const struct ls_tree *child)
{
    struct ls_tree *copy;
    ls_status status = copy_node(&copy, child, key);
    return add_made(parent, copy, status);
}

static bool is_complete(const struct ls_tree *tree)
{
    bool complete = !tree->incomplete;
    for (const struct ls_tree *entry = tree->child; entry && complete; entry = entry->next)
        complete = is_complete(entry);
    return complete;
}

ls_status ls_tree_status(const struct ls_tree *tree)
{
    return tree && is_complete(tree) ? LS_OK : ls_fail(LS_FAILED, "out of memory");
}

void ls_tree_remove(struct ls_tree *entry)
{
    struct ls_tree *parent = entry->parent;
    if (parent) {
        struct ls_tree *before = NULL;
        struct ls_tree **link = &parent->child;
        for (; *link != entry; link = &before->next)
            before = *link;
        *link = entry->next;
        if (parent->last == entry)
            parent->last = before;
        parent->count--;
    }
    ls_tree_free(entry);
}
