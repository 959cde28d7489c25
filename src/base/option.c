/* Reading one option, and its range. */
#include "base/option.h"

#include <string.h>

#include "base/memory.h"
#include "base/number.h"

bool ls_option_nullable(const struct ls_option *option)
{
    return option->nullable || (option->initial && strcmp(option->initial, "null") == 0);
}

static bool has_min(const struct ls_option *option)
{
    bool any = option->min == 0 && option->max == 0;
    return (!any || option->open_min) && !isinf(option->min);
}

static bool has_max(const struct ls_option *option)
{
    bool any = option->min == 0 && option->max == 0;
    return (!any || option->open_max) && option->max >= option->min && !isinf(option->max);
}

static void append_bound(struct ls_text *text, const char *word, double bound)
{
    char digits[LS_DOUBLE_TEXT];
    ls_double_format(digits, bound);
    size_t length = strlen(digits);
    if (length > 2 && strcmp(digits + length - 2, ".0") == 0)
        digits[length - 2] = '\0';
    ls_text_append(text, "%s %s", word, digits);
}

void ls_option_format_range(struct ls_text *text, const struct ls_option *option)
{
    if (has_min(option))
        append_bound(text, option->open_min ? "above" : "at least", option->min);
    if (has_min(option) && has_max(option))
        ls_text_append(text, " and ");
    if (has_max(option))
        append_bound(text, option->open_max ? "below" : "at most", option->max);
}

static ls_status check_range(const struct ls_option *option, double value,
                             const struct ls_tree *place)
{
    bool below = has_min(option) && (option->open_min ? value <= option->min : value < option->min);
    bool above = has_max(option) && (option->open_max ? value >= option->max : value > option->max);
    if (!below && !above)
        return LS_OK;
    char found[LS_EXCERPT];
    struct ls_text range = {0};
    ls_excerpt(found, place->text);
    ls_option_format_range(&range, option);
    ls_status status = ls_text_status(&range);
    if (status == LS_OK)
        status = ls_fail_at(place, LS_BAD_INPUT, "must be %s, found %s", range.data, found);
    ls_text_release(&range);
    return status;
}

static ls_status parse_int(int64_t *value, const struct ls_option *option,
                           const struct ls_tree *tree)
{
    LS_TRY(ls_tree_int(tree, value));
    return check_range(option, (double)*value, tree);
}

static ls_status parse_double(double *value, const struct ls_option *option,
                              const struct ls_tree *tree)
{
    LS_TRY(ls_tree_double(tree, value));
    if (isnan(*value)) /* it stands for null in option structs */
        return ls_fail_expected(tree, "a number");
    return check_range(option, *value, tree);
}

static ls_status parse_choice(int *choice, const struct ls_option *option,
                              const struct ls_tree *tree)
{
    const char *text, *word, *near;
    LS_TRY(ls_tree_text(tree, &text));
    word = text;
    if (!tree->quoted && strcmp(text, "True") == 0)
        word = "true";
    if (!tree->quoted && strcmp(text, "False") == 0)
        word = "false";
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], word) == 0) {
            *choice = i;
            return LS_OK;
        }
    }
    char found[LS_EXCERPT];
    struct ls_text known = {0};
    ls_excerpt(found, text);
    for (int i = 0; option->choices[i]; i++)
        ls_text_append(&known, "%s%s", i > 0 ? ", " : "", option->choices[i]);
    near = ls_nearest(text, option->choices);
    ls_status status = ls_text_status(&known);
    if (status == LS_OK && near)
        status =
            ls_fail_at(tree, LS_BAD_INPUT, "must be one of %s; found '%s' (did you mean '%s'?)",
                       known.data, found, near);
    else if (status == LS_OK)
        status = ls_fail_at(tree, LS_BAD_INPUT, "must be one of %s; found '%s'", known.data, found);
    ls_text_release(&known);
    return status;
}

/* Keras writes a tuple as {class_name: __tuple__, items: [...]} and an array as {class_name:
 * __numpy__, config: {value: [...]}}. */
static const struct ls_tree *unwrap(const struct ls_tree *tree)
{
    const struct ls_tree *class_name = ls_tree_find(tree, "class_name"), *inner = NULL;
    if (!class_name || class_name->type != LS_TREE_SCALAR)
        return tree;
    if (strcmp(class_name->text, "__tuple__") == 0)
        inner = ls_tree_find(tree, "items");
    else if (strcmp(class_name->text, "__numpy__") == 0 ||
             strcmp(class_name->text, "__tensor__") == 0)
        inner = ls_tree_find(ls_tree_find(tree, "config"), "value");
    return inner ? inner : tree;
}

/* An entry of a list that is one integer for both of its pair, or a list of two. */
static ls_status parse_pair(struct ls_ints *ints, const struct ls_option *option,
                            const struct ls_tree *tree)
{
    tree = unwrap(tree);
    const bool list = tree->type == LS_TREE_LIST;
    if (list && tree->count != 2)
        return ls_fail_expected(tree, "an integer or a list of two");
    const struct ls_tree *first = list ? tree->child : tree, *second = list ? first->next : tree;
    LS_TRY(parse_int(&ints->value[ints->count++], option, first));
    return parse_int(&ints->value[ints->count++], option, second);
}

static ls_status parse_ints(struct ls_ints *ints, const struct ls_option *option,
                            const struct ls_tree *tree)
{
    tree = unwrap(tree);
    ints->count = 0;
    ints->scalar = tree->type != LS_TREE_LIST;
    if (tree->type == LS_TREE_MAP)
        return ls_fail_expected(tree, "an integer or a list of integers");
    if (ints->scalar) {
        LS_TRY(parse_int(&ints->value[0], option, tree));
        ints->count = 1;
        return LS_OK;
    }
    const int most = option->pairs ? LS_INTS_MAX / 2 : LS_INTS_MAX;
    if (tree->count > (size_t)most)
        return ls_fail_at(tree, LS_BAD_INPUT, "expected at most %d %s, found %zu", most,
                          option->pairs ? "pairs" : "integers", tree->count);
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        if (option->pairs) {
            LS_TRY(parse_pair(ints, option, entry));
            continue;
        }
        int64_t *value = &ints->value[ints->count++];
        if (option->null_entries && ls_tree_is_null(entry))
            *value = LS_NULL_INT;
        else
            LS_TRY(parse_int(value, option, entry));
    }
    return LS_OK;
}

static size_t count_leaves(const struct ls_tree *tree)
{
    size_t count = 0;
    if (tree->type != LS_TREE_LIST)
        return 1;
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        count += count_leaves(entry);
    return count;
}

/* All lists of one level must be of one length, as those of an array are. */
static ls_status fill_floats(struct ls_floats *floats, const struct ls_option *option,
                             const struct ls_tree *tree)
{
    if (tree->type != LS_TREE_LIST) {
        LS_TRY(parse_double(&floats->value[floats->count], option, tree));
        floats->count++;
        return LS_OK;
    }
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        bool list = entry->type == LS_TREE_LIST;
        if (list != (tree->child->type == LS_TREE_LIST))
            return ls_fail_expected(entry, list ? "a number as before it" : "a list as before it");
        if (list && entry->count != tree->child->count)
            return ls_fail_at(entry, LS_BAD_INPUT, "expected %zu numbers as before it, found %zu",
                              tree->child->count, entry->count);
        LS_TRY(fill_floats(floats, option, entry));
    }
    return LS_OK;
}

static ls_status parse_keyed(struct ls_floats *floats, const struct ls_option *option,
                             const struct ls_tree *tree)
{
    double before = -1;
    LS_TRY(ls_allocate(&floats->value, 2 * tree->count, sizeof *floats->value));
    floats->keyed = true;
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        double key;
        bool whole = ls_number_form(entry->key) == LS_NUMBER_REAL &&
                     ls_double_parse(entry->key, &key) && key == floor(key) && key < INT32_MAX;
        if (!whole || key <= before)
            return ls_fail_at_line(tree, entry->line, LS_BAD_INPUT,
                                   "expected whole numbers from 0 as keys, in rising order, found "
                                   "'%.60s'",
                                   entry->key);
        before = key;
        floats->value[floats->count++] = key;
        LS_TRY(parse_double(&floats->value[floats->count++], option, entry));
    }
    return LS_OK;
}

static ls_status parse_floats(struct ls_floats *floats, const struct ls_option *option,
                              const struct ls_tree *tree)
{
    tree = unwrap(tree);
    if (tree->type == LS_TREE_MAP && option->keys)
        return parse_keyed(floats, option, tree);
    if (tree->type == LS_TREE_MAP)
        return ls_fail_expected(tree, "a number or a list of numbers");
    LS_TRY(ls_allocate(&floats->value, count_leaves(tree), sizeof *floats->value));
    floats->scalar = tree->type != LS_TREE_LIST;
    return fill_floats(floats, option, tree);
}

static ls_status parse_texts(struct ls_option_texts *texts, const struct ls_tree *tree)
{
    tree = unwrap(tree);
    bool one = tree->type != LS_TREE_LIST;
    LS_TRY(ls_allocate(&texts->text, one ? 1 : tree->count + 1, sizeof *texts->text));
    for (const struct ls_tree *entry = one ? tree : tree->child; entry;
         entry = one ? NULL : entry->next) {
        const char *text;
        LS_TRY(ls_tree_text(entry, &text));
        LS_TRY(ls_duplicate(&texts->text[texts->count], text));
        texts->count++;
    }
    return LS_OK;
}

static ls_status parse_kinds(struct ls_instances *list, const struct ls_option *option,
                             const struct ls_tree *tree)
{
    bool one = tree->type != LS_TREE_LIST;
    LS_TRY(ls_allocate(&list->item, one ? 1 : tree->count, sizeof *list->item));
    for (const struct ls_tree *entry = one ? tree : tree->child; entry;
         entry = one ? NULL : entry->next) {
        if (ls_tree_is_null(entry))
            return ls_fail_expected(entry, "a name, or a map of one name with its options");
        LS_TRY(ls_instance_parse(&list->item[list->count], option->registry, entry));
        list->count++;
    }
    return LS_OK;
}

static ls_status parse_float_or_kind(struct ls_float_or_kind *value, const struct ls_option *option,
                                     const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_MAP || ls_kind_find(option->registry, tree->text ? tree->text : ""))
        return ls_instance_parse(&value->instance, option->registry, tree);
    return parse_double(&value->number, option, tree);
}

static ls_status parse_null(void *field, const struct ls_option *option, const struct ls_tree *tree)
{
    if (!ls_option_nullable(option) || option->type == LS_OPTION_BOOL)
        return ls_fail_at(tree, LS_BAD_INPUT, "must not be null");
    /* The field is zero: the null of texts, lists and kinds. */
    if (option->type == LS_OPTION_INT)
        *(int64_t *)field = LS_NULL_INT;
    else if (option->type == LS_OPTION_FLOAT)
        *(double *)field = (double)NAN;
    else if (option->type == LS_OPTION_CHOICE)
        *(int *)field = -1;
    return LS_OK;
}

ls_status ls_option_parse(void *field, const struct ls_option *option, const struct ls_tree *value)
{
    const char *text;
    if (ls_tree_is_null(value))
        return parse_null(field, option, value);
    switch (option->type) {
    case LS_OPTION_BOOL:
        return ls_tree_bool(value, field);
    case LS_OPTION_INT:
        return parse_int(field, option, value);
    case LS_OPTION_FLOAT:
        return parse_double(field, option, value);
    case LS_OPTION_TEXT:
        LS_TRY(ls_tree_text(value, &text));
        return ls_duplicate(field, text);
    case LS_OPTION_CHOICE:
        return parse_choice(field, option, value);
    case LS_OPTION_INTS:
        return parse_ints(field, option, value);
    case LS_OPTION_FLOATS:
        return parse_floats(field, option, value);
    case LS_OPTION_TEXTS:
        return parse_texts(field, value);
    case LS_OPTION_KIND:
        return ls_instance_parse(field, option->registry, value);
    case LS_OPTION_KINDS:
        return parse_kinds(field, option, value);
    case LS_OPTION_INNER:
        return ls_inner_parse(field, option->registry, value);
    case LS_OPTION_FLOAT_OR_KIND:
        return parse_float_or_kind(field, option, value);
    case LS_OPTION_MAP:
        return ls_instance_create(field, option->map, value, NULL);
    case LS_OPTION_TREE:
        *(const struct ls_tree **)field = value;
        return LS_OK;
    }
    return ls_fail(LS_FAILED, "option '%s' has no type", option->name);
}

ls_status ls_option_parse_initial(void *field, const struct ls_option *option)
{
    struct ls_tree *value;
    LS_TRY(ls_tree_parse_yaml(&value, option->initial, strlen(option->initial), NULL));
    ls_status status = ls_option_parse(field, option, value);
    ls_tree_free(value);
    return status;
}
