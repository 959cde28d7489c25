/* Kinds: everything that a run file can name (a layer, a loss, an optimizer, a metric, an
 * initializer, ...) is one kind: a table with its Keras name and its options. A registry is the
 * list of the kinds of one noun. Parsing, defaults, writing, help and `lockstep list` are done here
 * once for all of them, from the tables. */
#ifndef BASE_KIND_H
#define BASE_KIND_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/tree.h"

struct ls_registry;

enum ls_option_type {
    LS_OPTION_BOOL,   /* bool */
    LS_OPTION_INT,    /* int64_t; null: LS_NULL_INT */
    LS_OPTION_FLOAT,  /* double; null: NaN */
    LS_OPTION_TEXT,   /* char *, owned; null: NULL */
    LS_OPTION_CHOICE, /* int: the index in choices; null: -1 */
    LS_OPTION_INTS,   /* struct ls_ints: one integer or a list; null: count 0 */
    LS_OPTION_FLOATS, /* struct ls_floats: one number or a (nested) list, flattened; null: count 0
                       */
    LS_OPTION_TEXTS,  /* struct ls_option_texts: one text or a list; null: count 0 */
    LS_OPTION_KIND,   /* struct ls_instance of `registry`; null: kind NULL */
    LS_OPTION_KINDS,  /* struct ls_instances of `registry`: one or a list; null: count 0 */
    LS_OPTION_INNER,  /* struct ls_inner of `registry`: a layer in a layer; null: kind NULL */
    LS_OPTION_FLOAT_OR_KIND, /* struct ls_float_or_kind of `registry` */
    LS_OPTION_MAP, /* struct ls_instance of the kind `map`, by a map of its options; null: kind NULL
                    */
    LS_OPTION_TREE, /* const struct ls_tree *, whatever stands there, in the tree that was parsed,
                       which outlives it; null: NULL */
};

#define LS_NULL_INT INT64_MIN

enum { LS_INTS_MAX = 8 };

struct ls_ints {
    int64_t value[LS_INTS_MAX];
    size_t count;
    bool scalar; /* written as one integer */
};

struct ls_floats {
    double *value; /* owned */
    size_t count;
    bool scalar;
    bool keyed; /* of a map {INTEGER: number, ...}: value has each key and its number in turn */
};

struct ls_option_texts {
    char **text; /* owned, each of them too */
    size_t count;
};

/* A kind with its options' values. {0} is none. */
struct ls_instance {
    const struct ls_kind *kind;
    void *options; /* the kind's option struct, owned; NULL when the kind has none */
};

struct ls_instances {
    struct ls_instance *item; /* owned */
    size_t count;
};

/* A number, or what gives one. */
struct ls_float_or_kind {
    double number;
    struct ls_instance instance; /* kind NULL: the number counts */
};

/* A layer that another holds as an option: what every layer has besides its kind's options stands
 * among them. */
struct ls_inner {
    struct ls_instance instance;
    char *name; /* owned; NULL: none was given */
    bool trainable;
    const struct ls_tree *place; /* its options, or its bare name, in the tree that was parsed */
};

/* One row of a kind's option table; the table ends with a row whose name is NULL. */
struct ls_option {
    const char *name;
    enum ls_option_type type;
    size_t offset;       /* offsetof(struct the_options, field) */
    const char *initial; /* the default as it is written in YAML; NULL: the option is required */
    double min, max;     /* range of numbers, of each for lists; both 0: any; a max below min,
                            or an open_min with both 0: no upper limit */
    bool open_min, open_max; /* the range excludes min / max themselves */
    bool nullable;           /* null is allowed (an `initial` of "null" implies it) */
    bool null_entries;       /* LS_OPTION_INTS: and as an entry of a list: LS_NULL_INT */
    bool pairs; /* LS_OPTION_INTS: each entry of a list is a list of two, or one integer for both;
                   value has both of each */
    bool keys;  /* LS_OPTION_FLOATS: a map {INTEGER: number} is read too, its keys (from 0) in
                   rising order */
    const char *const *choices;         /* LS_OPTION_CHOICE: names, ends with NULL */
    const struct ls_registry *registry; /* LS_OPTION_KIND, _KINDS, _INNER, _FLOAT_OR_KIND */
    const struct ls_kind *map;          /* LS_OPTION_MAP */
    const char *alias;   /* another spelling that is read (alpha for negative_slope), or NULL */
    const char *refused; /* not NULL: every value but null and the default is refused with this
                            message: "is not supported yet" */
    bool whole;          /* LS_OPTION_FLOAT, _FLOATS: written as an integer where it is one */
    bool unwritten;      /* ours alone: not written into Keras' config when it has its default */
    const char *unit;    /* "samples", "seconds", or NULL */
    const char *help;    /* one line */
};

struct ls_kind {
    const char *name;           /* Keras' class name: "Dense", "MeanSquaredError" */
    const char *const *aliases; /* other names that are read: "mse", ...; ends with NULL; or NULL.
                                   Keras' snake_case of the name is always read. */
    const char *summary;        /* one line for `lockstep list` */
    const struct ls_option *options; /* or NULL */
    size_t options_size;             /* bytes of the option struct */
    const char *function;   /* Keras' configs hold this bare name, as of a function ("relu", and
                               "lockstep>step" where Keras has none), not a class with its config */
    const char *registered; /* what Keras' configs call the class where Keras has none of the name:
                               "lockstep>PriceIsRight"; NULL: the name. Such a kind is read under
                               any package ("mine>PriceIsRight") */
};

static inline const char *ls_kind_class_name(const struct ls_kind *kind)
{
    return kind->registered ? kind->registered : kind->name;
}

/* The kinds of one noun, NULL at the end; each row points to a struct that begins with its
 * struct ls_kind. */
struct ls_registry {
    const char *noun;   /* "layer", "loss": for messages */
    const char *module; /* where Keras has them, written where it stands as an option's value;
                           NULL: Keras needs none to find them */
    const struct ls_kind *const *kinds;
    bool open; /* plugins may add kinds */
};

/* A kind that a plugin adds to a registry; a list of them. */
struct ls_added_kind {
    struct ls_added_kind *next;
    const struct ls_registry *registry;
    const struct ls_kind *kind;
    const void *source; /* whatever all that come together have in common */
};
/* Whether a source's kinds were added already. */
bool ls_kinds_added(const void *source);
/* Adds all kinds of a list, whose memory is the process' from then on; or none, where a name is
 * taken (LS_BAD_INPUT). Before other threads look for kinds. */
ls_status ls_kinds_add(struct ls_added_kind *list);

/* The kinds of a registry in turn, those that were added behind its own; NULL after the last. */
const struct ls_kind *ls_registry_kind(const struct ls_registry *registry, size_t index);

/* By name, alias or snake_case; NULL when there is none. "Custom>" and "lockstep>" before the name
 * are passed over, and any package before the name of a kind that was added. */
const struct ls_kind *ls_kind_find(const struct ls_registry *registry, const char *name);
/* The same, or LS_BAD_INPUT at place (or NULL) with the nearest name, or the list of the known. */
ls_status ls_kind_require(const struct ls_registry *registry, const struct ls_tree *place,
                          const char *name, const struct ls_kind **kind);

/* Whether {"module", "class_name", "config", "registered_name"} of Keras 3's is of a class that is
 * none of Keras' own, though it may be called as one is. */
bool ls_kind_is_own(const struct ls_tree *saved);
/* What the class of {"class_name": C, ...} is called, for ls_kind_find: C, and of a class of a
 * user's own "package>C", which only a kind that was added answers to. To be released. LS_BAD_INPUT
 * without a class_name. */
ls_status ls_kind_saved_name(char **name, const struct ls_tree *saved);
/* The kind of {"class_name": ..., "config": {"name": ...}} in a config of Keras', which has more
 * kinds than there are here. */
ls_status ls_kind_require_keras(const struct ls_registry *registry, const struct ls_tree *saved,
                                const struct ls_kind **kind);

/* The options of a kind from a map (NULL or LS_TREE_NULL: all defaults; so does the kind's bare
 * name, as the place where a required option is missed). Unknown keys are refused with the nearest
 * right one, except those in `ignore` (names, ends with NULL, or NULL). Ranges and types are
 * checked. The new options are owned by the instance; on failure it is {0}. */
ls_status ls_instance_create(struct ls_instance *instance, const struct ls_kind *kind,
                             const struct ls_tree *options, const char *const *ignore);

/* An instance as it stands in a run file or a Keras config: `name`, `{name: {option: value}}`,
 * `{class_name: Name, config: {...}}` (Keras' JSON; the keys module, registered_name,
 * build_config and shared_object_id beside it are ignored; a function is {class_name: function,
 * config: name}), or null.
 */
ls_status ls_instance_parse(struct ls_instance *instance, const struct ls_registry *registry,
                            const struct ls_tree *tree);

/* The same of a layer in a layer, in whose options `name`, `trainable` and `dtype` may stand. */
ls_status ls_inner_parse(struct ls_inner *inner, const struct ls_registry *registry,
                         const struct ls_tree *tree);
ls_status ls_inner_copy(struct ls_inner *copy, const struct ls_inner *inner);
void ls_inner_release(struct ls_inner *inner);
/* Into parent under key, as Keras writes it: {"module", "class_name", "config"}. */
ls_status ls_inner_write(const struct ls_inner *inner, struct ls_tree *parent, const char *key);
/* LS_BAD_INPUT at place for what is no name of `of` ("a layer's"): HDF5's groups are named so in
 * files, where '.' is the group itself. dtype: NULL where none was given. */
ls_status ls_name_check(const char *name, const char *of, const struct ls_tree *place);
ls_status ls_dtype_check(const struct ls_tree *dtype);

/* All options as a Keras config: added to map under their names, in the table's order; sub-kinds as
 * {"class_name", "config"}; null where null. Returns LS_FAILED when memory ran out. */
ls_status ls_instance_write(const struct ls_instance *instance, struct ls_tree *map);

ls_status ls_instance_copy(struct ls_instance *copy, const struct ls_instance *instance);
void ls_instance_release(struct ls_instance *instance);

/* The help of a kind: an aligned table of options with type, default, range, help. */
void ls_kind_format_help(struct ls_text *text, const struct ls_kind *kind);

/* An option struct that belongs to no registry (the run file's `fit:`, a command's options): the
 * same tables. `struct ls_kind` with the table serves as the description. */
ls_status ls_options_parse(void *options, const struct ls_kind *kind, const struct ls_tree *map,
                           const char *const *ignore);
void ls_options_release(void *options, const struct ls_kind *kind);

#endif
