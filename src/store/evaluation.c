#include "store/evaluation.h"

#include <stddef.h>

#include "base/memory.h"
#include "store/h5.h"

enum { CONFUSION_RANK_MOST = 3, PAIR = 2 };

/* A dataset of this name below /evaluation. */
static ls_status put(struct ls_h5_image *image, const char *prefix, const char *name,
                     struct ls_h5_values values)
{
    char *object = NULL;
    ls_status status = ls_format(&object, "/evaluation/%s%s", prefix, name);
    if (status == LS_OK)
        status = ls_h5_put_values(image, object, &values);
    else
        ls_release(values.owned);
    ls_release(object);
    return status;
}

static ls_status put_doubles(struct ls_h5_image *image, const char *prefix, const char *name,
                             const double *values, size_t count)
{
    return put(image, prefix, name,
               (struct ls_h5_values){.type = LS_H5_DOUBLE,
                                     .shape = {.rank = 1, .size = {(int64_t)count}},
                                     .values = values});
}

static ls_status put_number(struct ls_h5_image *image, const char *prefix, const char *name,
                            const double *value)
{
    return put(image, prefix, name, (struct ls_h5_values){.type = LS_H5_DOUBLE, .values = value});
}

/* -- classes */

static ls_status put_confusion(struct ls_h5_image *image, const char *prefix,
                               const struct ls_classification *c)
{
    int64_t classes = (int64_t)c->classes;
    struct ls_shape shape = {.rank = PAIR, .size = {classes, classes}};
    if (c->multi_label)
        shape = (struct ls_shape){.rank = CONFUSION_RANK_MOST, .size = {classes, PAIR, PAIR}};
    return put(image, prefix, "confusion_matrix",
               (struct ls_h5_values){.type = LS_H5_INT64, .shape = shape, .values = c->confusion});
}

static ls_status put_names(struct ls_h5_image *image, const char *prefix,
                           const struct ls_classification *c)
{
    struct ls_texts names = {0};
    char *object = NULL;
    ls_status status = ls_format(&object, "/evaluation/%sclassification_report/name", prefix);
    for (size_t r = 0; r < c->rows && status == LS_OK; r++)
        status = ls_texts_add(&names, c->row[r].name);
    if (status == LS_OK)
        status = ls_h5_put_strings(image, object, &names);
    ls_texts_release(&names);
    ls_release(object);
    return status;
}

/* One column of the rows, in memory that the image takes. */
static ls_status put_column(struct ls_h5_image *image, const char *prefix, const char *name,
                            const struct ls_classification *c, size_t offset)
{
    double *column = NULL;
    LS_TRY(ls_allocate(&column, c->rows, sizeof *column));
    for (size_t r = 0; r < c->rows; r++)
        column[r] = *(const double *)((const char *)&c->row[r] + offset);
    return put(image, prefix, name,
               (struct ls_h5_values){.type = LS_H5_DOUBLE,
                                     .shape = {.rank = 1, .size = {(int64_t)c->rows}},
                                     .values = column,
                                     .owned = column});
}

static ls_status put_support(struct ls_h5_image *image, const char *prefix,
                             const struct ls_classification *c)
{
    int64_t *column = NULL;
    LS_TRY(ls_allocate(&column, c->rows, sizeof *column));
    for (size_t r = 0; r < c->rows; r++)
        column[r] = c->row[r].support;
    return put(image, prefix, "classification_report/support",
               (struct ls_h5_values){.type = LS_H5_INT64,
                                     .shape = {.rank = 1, .size = {(int64_t)c->rows}},
                                     .values = column,
                                     .owned = column});
}

static ls_status put_rows(struct ls_h5_image *image, const char *prefix,
                          const struct ls_classification *c)
{
    LS_TRY(put_names(image, prefix, c));
    LS_TRY(put_column(image, prefix, "classification_report/precision", c,
                      offsetof(struct ls_class_row, precision)));
    LS_TRY(put_column(image, prefix, "classification_report/recall", c,
                      offsetof(struct ls_class_row, recall)));
    LS_TRY(put_column(image, prefix, "classification_report/f1-score", c,
                      offsetof(struct ls_class_row, f1)));
    LS_TRY(put_support(image, prefix, c));
    return put_number(image, prefix, "classification_report/accuracy", &c->accuracy);
}

/* -- curves */

static ls_status put_curve(struct ls_h5_image *image, const char *prefix,
                           const struct ls_curve *curve, size_t class)
{
    char *roc = NULL, *pr = NULL;
    ls_status status;
    LS_TRY_OUT(ls_format(&roc, "%sroc_curve/%zu/", prefix, class));
    LS_TRY_OUT(ls_format(&pr, "%sprecision_recall_curve/%zu/", prefix, class));
    LS_TRY_OUT(put_doubles(image, roc, "threshold", curve->threshold, curve->points));
    LS_TRY_OUT(
        put_doubles(image, roc, "false_positive_rate", curve->false_positive_rate, curve->points));
    LS_TRY_OUT(
        put_doubles(image, roc, "true_positive_rate", curve->true_positive_rate, curve->points));
    LS_TRY_OUT(put_number(image, roc, "auc", &curve->roc_auc));
    LS_TRY_OUT(put_doubles(image, pr, "threshold", curve->threshold, curve->points));
    LS_TRY_OUT(put_doubles(image, pr, "precision", curve->precision, curve->points));
    LS_TRY_OUT(put_doubles(image, pr, "recall", curve->true_positive_rate, curve->points));
    status = put_number(image, pr, "average_precision", &curve->average_precision);
out:
    ls_release(roc);
    ls_release(pr);
    return status;
}

static ls_status put_classification(struct ls_h5_image *image, const char *prefix,
                                    const struct ls_classification *c)
{
    bool one_score = !c->multi_label && c->curves == 1;
    LS_TRY(put_confusion(image, prefix, c));
    LS_TRY(put_rows(image, prefix, c));
    for (size_t i = 0; i < c->curves; i++)
        LS_TRY(put_curve(image, prefix, &c->curve[i], one_score ? 1 : i));
    return LS_OK;
}

/* -- numbers */

static ls_status put_residuals(struct ls_h5_image *image, const char *prefix,
                               const struct ls_residuals *residuals)
{
    char *group = NULL;
    ls_status status = ls_format(&group, "%sresiduals/", prefix);
    if (status == LS_OK)
        status = put(image, group, "count",
                     (struct ls_h5_values){.type = LS_H5_INT64, .values = &residuals->count});
    for (int i = 0; i < LS_RESIDUALS_COUNT && status == LS_OK; i++)
        status =
            put_number(image, group, ls_residual_name((enum ls_residual)i), &residuals->value[i]);
    ls_release(group);
    return status;
}

/* -- the whole */

static ls_status put_report(struct ls_h5_image *image, const struct ls_output_report *report)
{
    if (report->classification)
        return put_classification(image, report->prefix, report->classification);
    return put_residuals(image, report->prefix, report->residuals);
}

static ls_status put_all(struct ls_h5_image *image, const void *user)
{
    const struct ls_evaluation *evaluation = user;
    for (size_t i = 0; i < evaluation->count; i++)
        LS_TRY(put_number(image, "", evaluation->names[i], &evaluation->values[i]));
    for (size_t r = 0; r < evaluation->reports; r++)
        LS_TRY(put_report(image, &evaluation->report[r]));
    return LS_OK;
}

ls_status ls_evaluation_write(const char *path, const struct ls_evaluation *evaluation)
{
    return ls_h5_publish(path, put_all, evaluation);
}
