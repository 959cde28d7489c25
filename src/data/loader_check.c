/* Numbers that a batch must not have. */
#include "data/loader_check.h"

#include <math.h>
#include <stdio.h>

static ls_status fail_at_sample(const struct ls_loader_numbers *numbers, size_t at,
                                const char *what)
{
    int64_t within;
    const char *name = ls_data_locate(numbers->data, numbers->sample[at], &within);

    return ls_fail(LS_BAD_INPUT, "%s: sample %lld: %s", name, (long long)within, what);
}

static const char *name_of(const struct ls_loader_numbers *numbers, const struct ls_column_use *use)
{
    return use->what ? use->what : ls_data_column(numbers->data, use->column)->name;
}

static ls_status check_finite(const struct ls_loader_numbers *numbers)
{
    const struct ls_column_use *use = &numbers->use[numbers->index];
    const struct ls_column *column = ls_data_column(numbers->data, use->column);
    size_t row = (size_t)ls_shape_count(&column->shape);
    size_t n = numbers->rows * row;
    size_t at = ls_k->find_nonfinite(numbers->number, n);
    char what[256];

    if (at == n)
        return LS_OK;
    snprintf(what, sizeof what, "%s has %s at element %zu", name_of(numbers, use),
             isnan(numbers->number[at]) ? "NaN" : "infinity", at % row);
    return fail_at_sample(numbers, at / row, what);
}

/* A number that is no label of the use's classes, in words. */
static void describe_label(char *what, size_t size, const struct ls_loader_numbers *numbers,
                           float label)
{
    const struct ls_column_use *use = &numbers->use[numbers->index];
    size_t others = 0;

    for (size_t i = 0; i < numbers->uses; i++)
        others += i != numbers->index && numbers->use[i].classes > 0 && !numbers->use[i].reader;
    /* as those of a regression are, whose output has another width than its target */
    bool fraction = isfinite(label) && label != floorf(label);
    snprintf(what, size, "label %.9g is %s [0, %lld)%s%s%s", (double)label,
             fraction ? "not a whole number in" : "out of range", (long long)use->classes,
             others > 0 ? " in " : "", others > 0 ? name_of(numbers, use) : "",
             fraction ? ": one number for an output of several is a class" : "");
}

/* The index of the first of n numbers that is no class of the use, nor what it ignores; or n. */
static size_t find_no_class(const struct ls_column_use *use, const float *number, size_t n)
{
    size_t at = ls_find_no_index(number, n, use->classes);
    while (at < n && number[at] == (float)use->ignored)
        at += 1 + ls_find_no_index(number + at + 1, n - at - 1, use->classes);
    return at;
}

static ls_status check_classes(const struct ls_loader_numbers *numbers)
{
    const struct ls_column_use *use = &numbers->use[numbers->index];
    const struct ls_column *column = ls_data_column(numbers->data, use->column);
    size_t row = (size_t)ls_shape_count(&column->shape);
    size_t n = numbers->rows * row;
    size_t at = find_no_class(use, numbers->number, n);
    char what[512];

    if (at == n)
        return LS_OK;
    if (use->reader)
        snprintf(what, sizeof what,
                 "%s has %.9g at element %zu, but layer '%s' takes whole numbers in [0, %lld)",
                 column->name, (double)numbers->number[at], at % row, use->reader,
                 (long long)use->classes);
    else
        describe_label(what, sizeof what, numbers, numbers->number[at]);
    return fail_at_sample(numbers, at / row, what);
}

ls_status ls_loader_check(const struct ls_loader_numbers *numbers)
{
    const struct ls_column_use *use = &numbers->use[numbers->index];
    enum ls_number_type type = ls_data_column(numbers->data, use->column)->type;

    if (use->classes > 0)
        return check_classes(numbers);
    if (use->finite && (type == LS_NUMBER_FLOAT || type == LS_NUMBER_DOUBLE))
        return check_finite(numbers);
    return LS_OK;
}
