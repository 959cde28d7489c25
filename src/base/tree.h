/* The config tree: what a run file (YAML) and a Keras config (JSON) become. Text with its place,
 * not yet typed: the option tables do that. */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

enum ls_tree_type { LS_TREE_NULL, LS_TREE_SCALAR, LS_TREE_LIST, LS_TREE_MAP };

struct ls_tree {
    enum ls_tree_type type;
    char *key;              /* in a map: its key, else NULL */
    char *text;             /* of a scalar */
    bool quoted;            /* the scalar was quoted: it is text, whatever it looks like */
    char *file;             /* where it was read, for messages; NULL: made by the program.
                               Shared by the nodes: not to be set or freed by hand */
    int line;               /* from 1 */
    struct ls_tree *parent; /* owner, or NULL */
    struct ls_tree *child;  /* the first entry of a list or map, which owns it */
    struct ls_tree *last;   /* its last entry */
    struct ls_tree *next;   /* the next entry of the same parent */
    size_t count;           /* entries of a list or map */
    bool incomplete;        /* there was no memory for an entry of it: ls_tree_status */
};

/* Reading. On failure *tree is NULL and the message has file and line. YAML: one document; aliases,
 * anchors, tags, duplicate keys, yes/no/on/off unquoted, and numbers such as 010 are refused
 * (LS_BAD_INPUT); empty text is LS_TREE_NULL. `file` is only for messages (NULL: none). */
ls_status ls_tree_parse_yaml(struct ls_tree **tree, const char *text, size_t length,
                             const char *file);
/* "units: 128, activation: relu": a map without its braces; NULL: an empty one. */
ls_status ls_tree_parse_options(struct ls_tree **tree, const char *options);
ls_status ls_tree_read_yaml(struct ls_tree **tree, const char *path);
/* JSON through jansson; NaN and Infinity as Python writes them are read too; duplicate keys are
 * refused; depth is limited. Numbers keep the digits they were written with where that matters
 * (17 significant ones). */
ls_status ls_tree_parse_json(struct ls_tree **tree, const char *text, size_t length,
                             const char *file);

/* Writing: appended to text; JSON on one line as Python's json.dumps writes it (", " and ": ",
 * non-ASCII as \uXXXX), YAML in block style with short leaf maps and lists in flow style. A scalar
 * that is not quoted is written as it stands (true, null, 1.0, 1e-07), a quoted one as a string. */
void ls_tree_format_json(struct ls_text *text, const struct ls_tree *tree);
void ls_tree_format_yaml(struct ls_text *text, const struct ls_tree *tree);

void ls_tree_free(struct ls_tree *tree);
ls_status ls_tree_copy(struct ls_tree **copy, const struct ls_tree *tree);

/* Looking. NULL when there is none. */
const struct ls_tree *ls_tree_find(const struct ls_tree *map, const char *key);
/* "fit.epochs", "model.layers.2.units", "model.layers.dense_1.units": a step is a key, an index, or
 * the `name` option of an entry of a list, or the name that Keras would give it (dense, dense_1);
 * `- Dense: {..}` in a list, `optimizer: {Adam: {..}}` and Keras' {class_name, config} are looked
 * through. */
const struct ls_tree *ls_tree_find_path(const struct ls_tree *tree, const char *path);
/* Sets the scalar (or whole YAML value) at a path, making the maps on the way: `--set a.b=c`.
 * The new nodes' file is "--set". A bare name (`- Flatten`, `optimizer: adam`) becomes a map when
 * options are set in it. On failure (LS_BAD_INPUT) the tree is as before. */
ls_status ls_tree_set_path(struct ls_tree *tree, const char *path, const char *yaml);

/* Making. Each returns the new node, owned by parent, appended to it (key NULL in a list), or NULL
 * when memory ran out (the callers then return ls_fail's LS_FAILED). ls_tree_new makes a root. */
struct ls_tree *ls_tree_new(enum ls_tree_type type);
struct ls_tree *ls_tree_add(struct ls_tree *parent, const char *key, enum ls_tree_type type);
struct ls_tree *ls_tree_add_text(struct ls_tree *parent, const char *key, const char *text);
struct ls_tree *ls_tree_add_int(struct ls_tree *parent, const char *key, int64_t value);
struct ls_tree *ls_tree_add_bool(struct ls_tree *parent, const char *key, bool value);
/* The shortest digits that give the same double again, always with a '.' or an exponent (1.0). */
struct ls_tree *ls_tree_add_double(struct ls_tree *parent, const char *key, double value);
struct ls_tree *ls_tree_add_null(struct ls_tree *parent, const char *key);
/* A copy of child under parent. */
struct ls_tree *ls_tree_add_copy(struct ls_tree *parent, const char *key,
                                 const struct ls_tree *child);
/* LS_FAILED where the tree is NULL, or an entry of any of its nodes could not be made: so that only
 * the end of a chain of ls_tree_add needs a check. */
ls_status ls_tree_status(const struct ls_tree *tree);
/* Takes an entry out of its parent and frees it. */
void ls_tree_remove(struct ls_tree *entry);

/* Failing at a place: "run.yaml:12: layers[2] Dense: " and the message. The place is the file, the
 * line (where there is a file), and the way from the root, whose first key is left out when two or
 * more steps follow it ("layers[2] Dense", but "fit epochs"); all that is known of them. Keras'
 * "config" is shown as its class. place NULL: ls_fail. */
ls_status ls_fail_at(const struct ls_tree *place, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of what a kind is given, as its map or by its bare name: `- Dense` is shown as `- Dense:
 * {}` is, "layers[2] Dense". */
ls_status ls_fail_at_name(const struct ls_tree *place, ls_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with the line of something in place: of a key that has no business there. */
ls_status ls_fail_at_line(const struct ls_tree *place, int line, ls_status status,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* LS_BAD_INPUT at tree: "expected a number, found 'abc'" (or null, a list, a map). */
ls_status ls_fail_expected(const struct ls_tree *tree, const char *expected);

/* Typing a scalar; a failure is LS_BAD_INPUT at its place ("expected a number, found 'abc'").
 * Integers: decimal, with sign, 1e3 and 64.0 too when whole. Numbers: all that strtod takes in
 * decimal, inf and nan in YAML's and Python's spelling. Bool: true, false (True, False). */
ls_status ls_tree_int(const struct ls_tree *tree, int64_t *value);
ls_status ls_tree_double(const struct ls_tree *tree, double *value);
ls_status ls_tree_bool(const struct ls_tree *tree, bool *value);
/* The scalar's text, which stays the tree's. */
ls_status ls_tree_text(const struct ls_tree *tree, const char **value);
/* True for LS_TREE_NULL and for an unquoted null, ~, None. */
bool ls_tree_is_null(const struct ls_tree *tree);

#endif
