/* What the files of the config tree share among themselves. */
#ifndef BASE_TREE_INTERNAL_H
#define BASE_TREE_INTERNAL_H

#include "base/tree.h"

/* Limits of what is read: deeper or larger input is refused, so that recursion is bounded. */
enum { LS_TREE_DEPTH_MAX = 256, LS_TREE_NODES_MAX = 4000000 };

/* A file name that its nodes share. A reference of its own to the name, or NULL for NULL. */
ls_status ls_tree_file_create(char **file, const char *name);
char *ls_tree_file_share(char *file);
void ls_tree_file_release(char *file);

/* A node in no tree, with its key (NULL: none) and text (NULL: none) copied. */
struct ls_tree_origin {
    char *file; /* from ls_tree_file_create, shared; NULL: none */
    int line;
};
ls_status ls_tree_node_create(struct ls_tree **node, enum ls_tree_type type, const char *key,
                              const char *text, struct ls_tree_origin origin);
void ls_tree_append(struct ls_tree *parent, struct ls_tree *node);

/* An entry of a list as "Dense: {...}" or {class_name, config}: the map of its options; NULL when
 * there is none. */
struct ls_tree *ls_tree_look_through(const struct ls_tree *entry);

/* True where YAML's plain style would give something else than this text. */
bool ls_yaml_needs_quotes(const char *text, bool is_text);

#endif
