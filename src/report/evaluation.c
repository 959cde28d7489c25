/* An evaluation as text: loss and metrics, then each output's report as scikit-learn prints it. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "lockstep/report.h"

/* A matrix of more classes is wider than screens are. */
enum { MATRIX_CLASSES_MOST = 20, COUNT_LEAST = 4 };

static int wider(int width, const char *name)
{
    int length = (int)strlen(name);
    return length > width ? length : width;
}

/* What is not a number has no sign here: whether there is one depends on the machine. */
static void append_value(struct ls_text *text, int width, const char *name, double value)
{
    ls_text_append(text, "%-*s  %.6g\n", width, name, isnan(value) ? NAN : value);
}

static void append_values(struct ls_text *text, const struct ls_evaluation *evaluation)
{
    int width = (int)strlen("samples");
    for (size_t i = 0; i < evaluation->count; i++)
        width = wider(width, evaluation->names[i]);
    ls_text_append(text, "%-*s  %" PRId64 "\n", width, "samples", evaluation->samples);
    for (size_t i = 0; i < evaluation->count; i++)
        append_value(text, width, evaluation->names[i], evaluation->values[i]);
}

/* -- classes: the layout of scikit-learn's classification_report */

static void append_accuracy(struct ls_text *text, const struct ls_classification *c, int width)
{
    const struct ls_class_row *all = &c->row[c->classes];
    if (c->multi_label)
        return;
    ls_text_append(text, "%*s  %9s %9s %9.2f %9" PRId64 "\n", width, "accuracy", "", "",
                   c->accuracy, all->support);
}

static void append_rows(struct ls_text *text, const struct ls_classification *c)
{
    int width = 0;
    for (size_t r = 0; r < c->rows; r++)
        width = wider(width, c->row[r].name);
    ls_text_append(text, "%*s  %9s %9s %9s %9s\n\n", width, "", "precision", "recall", "f1-score",
                   "support");
    for (size_t r = 0; r < c->rows; r++) {
        const struct ls_class_row *row = &c->row[r];
        if (r == c->classes) {
            ls_text_append(text, "\n");
            append_accuracy(text, c, width);
        }
        ls_text_append(text, "%*s  %9.2f %9.2f %9.2f %9" PRId64 "\n", width, row->name,
                       row->precision, row->recall, row->f1, row->support);
    }
}

static int count_width(const struct ls_classification *c)
{
    int64_t most = 0;
    for (size_t i = 0; i < c->classes * c->classes; i++)
        most = c->confusion[i] > most ? c->confusion[i] : most;
    int width = 1;
    for (; most > 9; most /= 10)
        width++;
    return width < COUNT_LEAST ? COUNT_LEAST : width;
}

static void append_matrix(struct ls_text *text, const struct ls_classification *c)
{
    int names = 0, width = count_width(c);
    for (size_t i = 0; i < c->classes; i++)
        names = wider(names, c->name[i]);
    width = names > width ? names : width;
    ls_text_append(text, "confusion matrix (a row: the target, a column: the prediction)\n\n%*s",
                   names, "");
    for (size_t i = 0; i < c->classes; i++)
        ls_text_append(text, "  %*s", width, c->name[i]);
    ls_text_append(text, "\n");
    for (size_t t = 0; t < c->classes; t++) {
        ls_text_append(text, "%*s", names, c->name[t]);
        for (size_t p = 0; p < c->classes; p++)
            ls_text_append(text, "  %*" PRId64, width, c->confusion[t * c->classes + p]);
        ls_text_append(text, "\n");
    }
}

/* Each label's own matrix as a line. */
static void append_labels(struct ls_text *text, const struct ls_classification *c)
{
    int names = 0;
    for (size_t i = 0; i < c->classes; i++)
        names = wider(names, c->name[i]);
    ls_text_append(text, "%*s  %13s %14s %14s %13s\n", names, "", "true negative", "false positive",
                   "false negative", "true positive");
    for (size_t i = 0; i < c->classes; i++) {
        const int64_t *pair = &c->confusion[4 * i];
        ls_text_append(text, "%*s  %13" PRId64 " %14" PRId64 " %14" PRId64 " %13" PRId64 "\n",
                       names, c->name[i], pair[0], pair[1], pair[2], pair[3]);
    }
}

static void append_classification(struct ls_text *text, const struct ls_classification *c)
{
    append_rows(text, c);
    ls_text_append(text, "\n");
    if (c->classes > MATRIX_CLASSES_MOST)
        ls_text_append(text, "the confusion matrix of %zu classes is in --json and --out\n",
                       c->classes);
    else if (c->multi_label)
        append_labels(text, c);
    else
        append_matrix(text, c);
}

/* -- numbers */

static void append_residuals(struct ls_text *text, const struct ls_residuals *residuals)
{
    int width = 0;
    for (int i = 0; i < LS_RESIDUALS_COUNT; i++)
        width = wider(width, ls_residual_name((enum ls_residual)i));
    ls_text_append(text, "residuals (target - prediction) of %" PRId64 " numbers\n\n",
                   residuals->count);
    for (int i = 0; i < LS_RESIDUALS_COUNT; i++)
        append_value(text, width, ls_residual_name((enum ls_residual)i), residuals->value[i]);
}

/* -- the whole */

ls_status ls_evaluation_format(const struct ls_evaluation *evaluation, char **text)
{
    struct ls_text made = {0};
    append_values(&made, evaluation);
    for (size_t r = 0; r < evaluation->reports; r++) {
        const struct ls_output_report *report = &evaluation->report[r];
        ls_text_append(&made, "\n");
        if (*report->prefix)
            ls_text_append(&made, "output %s\n\n", report->output);
        if (report->classification)
            append_classification(&made, report->classification);
        else
            append_residuals(&made, report->residuals);
    }
    ls_status status = ls_text_status(&made);
    if (status == LS_OK)
        *text = made.data;
    else
        ls_text_release(&made);
    return status;
}
