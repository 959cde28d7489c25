#include "base/custom.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

enum { NAME_BYTES = 64 }; /* of a kind, an option, a weight */

/* A kind's rows and all texts that it needs, in one block that begins with the rows. */
struct texts {
    char registered[NAME_BYTES + 16], function[NAME_BYTES + 16];
    char initial[][LS_DOUBLE_TEXT]; /* by option */
};

/* Letters, digits and _, so that it can stand in run files, in paths of HDF5, and before '>'. */
static bool is_name(const char *name, bool upper)
{
    if (!name || !(upper ? isupper((unsigned char)*name) : isalpha((unsigned char)*name)))
        return false;
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return length < NAME_BYTES / 2;
}

/* Rows of `rows` before this one, and what the nouns themselves read. */
static bool is_used(const struct ls_option *rows, const struct ls_option *row)
{
    static const char *const ours[] = {"name", "trainable", "dtype",   "weights",
                                       "from", "apply",     "outputs", NULL};
    for (size_t i = 0; ours[i]; i++)
        if (strcmp(ours[i], row->name) == 0)
            return true;
    for (; rows != row; rows++)
        if (strcmp(rows->name, row->name) == 0)
            return true;
    return false;
}

static size_t count_options(const struct ls_custom *custom)
{
    size_t count = 0;
    while (custom->options && custom->options[count].name)
        count++;
    return count;
}

static size_t count_weights(const struct ls_custom_source *source)
{
    size_t count = 0;
    while (source->weights && source->weights[count].name)
        count++;
    return count;
}

static size_t count_common(const struct ls_custom_source *source)
{
    size_t count = 0;
    while (source->common && source->common[count].name)
        count++;
    return count;
}

/* -- rows */

static ls_status fill_number(struct ls_option *row, const struct ls_custom_option *option,
                             char initial[LS_DOUBLE_TEXT])
{
    bool any = option->min == 0 && option->max == 0;
    if (!is_name(option->name, false))
        return ls_fail(LS_BAD_INPUT, "an option's name is letters, digits and _, not '%s'",
                       option->name);
    if (!any && !(option->min <= option->max))
        return ls_fail(LS_BAD_INPUT, "option '%s': its min is not below its max", option->name);
    if (!any && (option->initial < option->min || option->initial > option->max))
        return ls_fail(LS_BAD_INPUT, "option '%s': its initial value is out of its range",
                       option->name);
    ls_double_format(initial, option->initial);
    *row = (struct ls_option){.name = option->name,
                              .type = LS_OPTION_FLOAT,
                              .initial = isnan(option->initial) ? NULL : initial,
                              .min = option->min,
                              .max = option->max,
                              .help = option->help};
    return LS_OK;
}

/* The option that a run file may give in place of what the plugin says. */
static ls_status fill_initializer(struct ls_option *row, const struct ls_custom_weight *weight,
                                  const struct ls_registry *initializers)
{
    struct ls_instance trial;
    char *name = NULL;
    if (!is_name(weight->name, false))
        return ls_fail(LS_BAD_INPUT, "a weight's name is letters, digits and _, not '%s'",
                       weight->name);
    if (!weight->initializer)
        return ls_fail(LS_BAD_INPUT, "weight '%s' has no initializer", weight->name);
    LS_TRY(ls_format(&name, "%s_initializer", weight->name));
    *row = (struct ls_option){.name = name,
                              .type = LS_OPTION_KIND,
                              .initial = weight->initializer,
                              .registry = initializers,
                              .unwritten = true,
                              .help = "first values of the weight"};
    struct ls_tree *tree = NULL;
    ls_status status =
        ls_tree_parse_yaml(&tree, weight->initializer, strlen(weight->initializer), NULL);
    if (status == LS_OK) {
        status = ls_instance_parse(&trial, initializers, tree);
        ls_tree_free(tree);
    }
    if (status != LS_OK)
        return ls_fail_within(status, "weight '%s'", weight->name);
    ls_instance_release(&trial);
    return LS_OK;
}

static ls_status fill_rows(struct ls_kind *kind, const struct ls_custom_source *source,
                           struct ls_option *rows, struct texts *texts)
{
    const struct ls_custom *custom = source->custom;
    size_t common = count_common(source), numbers = count_options(custom);
    struct ls_option *row = rows + common;
    size_t offset = ls_custom_offset(source->common_bytes);
    if (common)
        memcpy(rows, source->common, common * sizeof *rows);
    for (size_t i = 0; i < numbers; i++, row++, offset += sizeof(double)) {
        LS_TRY(fill_number(row, &custom->options[i], texts->initial[i]));
        row->offset = offset;
        if (is_used(rows, row))
            return ls_fail(LS_BAD_INPUT, "there is an option '%s' already: give it another name",
                           row->name);
    }
    for (size_t i = 0; i < count_weights(source);
         i++, row++, offset += sizeof(struct ls_instance)) {
        LS_TRY(fill_initializer(row, &source->weights[i], source->initializers));
        row->offset = offset;
        if (is_used(rows, row))
            return ls_fail(LS_BAD_INPUT, "there is an option '%s' already: give it another name",
                           row->name);
    }
    kind->options_size = offset;
    return LS_OK;
}

/* -- kinds */

static ls_status fill_kind(struct ls_kind *kind, const struct ls_custom_source *source)
{
    const struct ls_custom *custom = source->custom;
    size_t numbers = count_options(custom);
    size_t rows = count_common(source) + numbers + count_weights(source) + 1;
    struct ls_option *block = NULL;
    if (!is_name(custom->name, true))
        return ls_fail(LS_BAD_INPUT,
                       "a kind's name is a capital letter, then letters and digits, at most %d, as "
                       "PriceIsRight",
                       NAME_BYTES / 2 - 1);
    LS_TRY(ls_allocate(&block,
                       rows * sizeof *block + sizeof(struct texts) + numbers * LS_DOUBLE_TEXT, 1));
    struct texts *texts = (struct texts *)(block + rows);
    char snake[NAME_BYTES];
    ls_snake_case(snake, sizeof snake, custom->name);
    snprintf(texts->registered, sizeof texts->registered, "lockstep>%s", custom->name);
    snprintf(texts->function, sizeof texts->function, "lockstep>%s", snake);
    *kind = (struct ls_kind){.name = custom->name,
                             .summary = custom->summary ? custom->summary : "",
                             .options = block,
                             .registered = texts->registered,
                             .function = numbers ? NULL : texts->function};
    return fill_rows(kind, source, block, texts);
}

ls_status ls_custom_create(void *kind, const struct ls_custom_source *source)
{
    struct ls_kind *made = NULL;
    LS_TRY(ls_allocate(&made, source->kind_bytes, 1));
    ls_status status = fill_kind(made, source);
    if (status == LS_OK) {
        memcpy(kind, &made, sizeof made);
        return LS_OK;
    }
    ls_custom_free(made);
    return status;
}

/* Names of initializers' options are the only texts of their own. */
void ls_custom_free(const struct ls_kind *kind)
{
    for (const struct ls_option *row = kind ? kind->options : NULL; row && row->name; row++)
        if (row->type == LS_OPTION_KIND)
            ls_release((char *)row->name);
    if (kind)
        ls_release((void *)kind->options);
    ls_release((void *)kind);
}

const char *const *ls_custom_examples(const struct ls_custom *custom)
{
    static const char *const examples[] = {"{}", NULL};
    for (size_t i = 0; i < count_options(custom); i++)
        if (isnan(custom->options[i].initial))
            return examples + 1;
    return examples;
}
