#include "metric/classification.h"

#include <string.h>

#include "base/memory.h"
#include "metric/curve.h"

enum { AVERAGES = 2, LABEL_AVERAGES = 4, PAIRS = 4 };

size_t ls_classification_counts(const struct ls_classification *c)
{
    return c->multi_label ? PAIRS * c->classes : c->classes * c->classes;
}

static ls_status make(struct ls_classification *c)
{
    c->rows = c->classes + (c->multi_label ? LABEL_AVERAGES : AVERAGES);
    LS_TRY(ls_allocate(&c->name, c->classes, sizeof *c->name));
    LS_TRY(ls_allocate(&c->row, c->rows, sizeof *c->row));
    LS_TRY(ls_allocate(&c->confusion, ls_classification_counts(c), sizeof *c->confusion));
    for (size_t i = 0; i < c->classes; i++)
        LS_TRY(ls_format(&c->name[i], "%zu", i));
    return LS_OK;
}

ls_status ls_classification_create(struct ls_classification **classification, size_t classes,
                                   bool multi_label)
{
    struct ls_classification *made = NULL;
    *classification = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->classes = classes;
    made->multi_label = multi_label;
    ls_status status = make(made);
    if (status == LS_OK)
        *classification = made;
    else
        ls_classification_free(made);
    return status;
}

void ls_classification_free(struct ls_classification *c)
{
    if (!c)
        return;
    for (size_t i = 0; c->name && i < c->classes; i++)
        ls_release(c->name[i]);
    for (size_t i = 0; i < c->curves; i++)
        ls_curve_release(&c->curve[i]);
    ls_release(c->name);
    ls_release(c->row);
    ls_release(c->confusion);
    ls_release(c->curve);
    ls_release(c);
}

/* -- one row */

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/* Of those that were found and those that were to be found. */
static struct ls_class_row row_of(const char *name, int64_t right, int64_t found, int64_t wanted)
{
    return (struct ls_class_row){.name = name,
                                 .precision = ratio((double)right, (double)found),
                                 .recall = ratio((double)right, (double)wanted),
                                 .f1 = ratio(2 * (double)right, (double)(found + wanted)),
                                 .support = wanted};
}

void ls_classification_add_labels(struct ls_classification *c, const bool *target,
                                  const bool *prediction, struct ls_label_sums *sums)
{
    int64_t right = 0, found = 0, wanted = 0;
    for (size_t i = 0; i < c->classes; i++) {
        c->confusion[PAIRS * i + 2 * (size_t)target[i] + (size_t)prediction[i]]++;
        right += target[i] && prediction[i];
        found += prediction[i];
        wanted += target[i];
    }
    struct ls_class_row row = row_of(NULL, right, found, wanted);
    sums->precision += row.precision;
    sums->recall += row.recall;
    sums->f1 += row.f1;
    sums->all_right += right == found && right == wanted;
}

/* -- all rows */

/* Of a class: what is right, found, wanted. */
struct counts {
    int64_t right, found, wanted;
};

static struct counts counts_of(const struct ls_classification *c, size_t class)
{
    struct counts counts = {0};
    if (c->multi_label) {
        const int64_t *pair = &c->confusion[PAIRS * class];
        return (struct counts){pair[3], pair[1] + pair[3], pair[2] + pair[3]};
    }
    counts.right = c->confusion[class * c->classes + class];
    for (size_t i = 0; i < c->classes; i++) {
        counts.found += c->confusion[i * c->classes + class];
        counts.wanted += c->confusion[class * c->classes + i];
    }
    return counts;
}

/* The classes' mean, each alike or with its support. */
static struct ls_class_row average(const struct ls_classification *c, const char *name,
                                   bool weighted)
{
    struct ls_class_row mean = {.name = name};
    double weights = 0;
    for (size_t i = 0; i < c->classes; i++) {
        const struct ls_class_row *row = &c->row[i];
        double weight = weighted ? (double)row->support : 1;
        mean.precision += weight * row->precision;
        mean.recall += weight * row->recall;
        mean.f1 += weight * row->f1;
        mean.support += row->support;
        weights += weight;
    }
    mean.precision = ratio(mean.precision, weights);
    mean.recall = ratio(mean.recall, weights);
    mean.f1 = ratio(mean.f1, weights);
    return mean;
}

static struct ls_class_row average_samples(const struct ls_label_sums *sums, int64_t samples,
                                           int64_t support)
{
    return (struct ls_class_row){.name = "samples avg",
                                 .precision = ratio(sums->precision, (double)samples),
                                 .recall = ratio(sums->recall, (double)samples),
                                 .f1 = ratio(sums->f1, (double)samples),
                                 .support = support};
}

void ls_classification_finish(struct ls_classification *c, int64_t samples,
                              const struct ls_label_sums *sums)
{
    struct counts all = {0};
    struct ls_class_row *next = c->row;
    for (size_t i = 0; i < c->classes; i++) {
        struct counts counts = counts_of(c, i);
        *next++ = row_of(c->name[i], counts.right, counts.found, counts.wanted);
        all.right += counts.right;
        all.found += counts.found;
        all.wanted += counts.wanted;
    }
    if (c->multi_label)
        *next++ = row_of("micro avg", all.right, all.found, all.wanted);
    *next++ = average(c, "macro avg", false);
    *next++ = average(c, "weighted avg", true);
    if (c->multi_label)
        *next = average_samples(sums, samples, all.wanted);
    c->accuracy = ratio(c->multi_label ? sums->all_right : (double)all.right, (double)samples);
}
