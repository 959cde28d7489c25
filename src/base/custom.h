/* Kinds from lockstep/plugin.h: what those of all nouns have in common. Each noun's own part is in
 * the custom.c of its room. */
#ifndef BASE_CUSTOM_H
#define BASE_CUSTOM_H

#include "base/kind.h"
#include "lockstep/plugin.h"

/* What a kind is made from. */
struct ls_custom_source {
    const struct ls_custom *custom;
    size_t kind_bytes;              /* of the struct to make, which begins with struct ls_kind */
    const struct ls_option *common; /* rows that every kind of the noun has; or NULL */
    size_t common_bytes;            /* of the struct that they are of */
    const struct ls_custom_weight
        *weights; /* of a layer: an option NAME_initializer each; or NULL */
    const struct ls_registry *initializers; /* of weights */
};

/* A new struct of kind_bytes that begins with the kind; all else in it is zero. The option struct
 * of its instances is `common_bytes`, then a double an option, then a struct ls_instance a weight.
 * LS_BAD_INPUT where names or numbers will not do. */
ls_status ls_custom_create(void *kind, const struct ls_custom_source *source);
void ls_custom_free(const struct ls_kind *kind);

/* The part of an option struct that ls_custom_create added: the doubles. */
static inline size_t ls_custom_offset(size_t common_bytes)
{
    return (common_bytes + sizeof(double) - 1) / sizeof(double) * sizeof(double);
}
static inline const double *ls_custom_numbers(const void *options, size_t common_bytes)
{
    return (const double *)((const char *)options + ls_custom_offset(common_bytes));
}

/* Options of a kind that has none to be given, for the tests that run over the registry; else none.
 * Ends with NULL. */
const char *const *ls_custom_examples(const struct ls_custom *custom);

#endif
