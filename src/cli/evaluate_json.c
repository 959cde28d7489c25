/* An evaluation as one JSON object. */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static void put_key(FILE *out, const char *prefix, const char *name)
{
    fprintf(out, ", ");
    cli_json_key(out, prefix, name);
}

static void put_number(FILE *out, const char *name, double value)
{
    fprintf(out, "\"%s\": ", name);
    cli_json_number(out, value);
}

/* Whether number i belongs to the list that the one before it is of. */
static bool goes_on(const struct ls_evaluation *evaluation, size_t i)
{
    return i > 0 && i < evaluation->count && evaluation->lists[i] && evaluation->lists[i - 1] &&
           strcmp(evaluation->lists[i], evaluation->lists[i - 1]) == 0;
}

/* A metric whose result is a list is an array under its own name. */
static void put_values(FILE *out, const struct ls_evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->count; i++) {
        const char *list = evaluation->lists[i];
        if (goes_on(evaluation, i))
            fprintf(out, ", ");
        else
            put_key(out, "", list ? list : evaluation->names[i]);
        if (list && !goes_on(evaluation, i))
            fprintf(out, "[");
        cli_json_number(out, evaluation->values[i]);
        if (list && !goes_on(evaluation, i + 1))
            fprintf(out, "]");
    }
}

/* -- reports */

static void put_matrix(FILE *out, const int64_t *count, size_t size)
{
    for (size_t r = 0; r < size; r++) {
        fprintf(out, r ? ", [" : "[[");
        for (size_t c = 0; c < size; c++)
            fprintf(out, "%s%" PRId64, c ? ", " : "", count[r * size + c]);
        fprintf(out, "]");
    }
    fprintf(out, "]");
}

static void put_confusion(FILE *out, const char *prefix, const struct ls_classification *c)
{
    put_key(out, prefix, "confusion_matrix");
    if (!c->multi_label) {
        put_matrix(out, c->confusion, c->classes);
        return;
    }
    for (size_t i = 0; i < c->classes; i++) {
        fprintf(out, i ? ", " : "[");
        put_matrix(out, &c->confusion[4 * i], 2);
    }
    fprintf(out, "]");
}

/* The keys of scikit-learn's classification_report(output_dict=True). */
static void put_rows(FILE *out, const char *prefix, const struct ls_classification *c)
{
    put_key(out, prefix, "classification_report");
    fprintf(out, "{");
    for (size_t r = 0; r < c->rows; r++) {
        const struct ls_class_row *row = &c->row[r];
        if (r == c->classes && !c->multi_label) {
            put_number(out, "accuracy", c->accuracy);
            fprintf(out, ", ");
        }
        cli_json_text(out, row->name);
        fprintf(out, ": {");
        put_number(out, "precision", row->precision);
        fprintf(out, ", ");
        put_number(out, "recall", row->recall);
        fprintf(out, ", ");
        put_number(out, "f1-score", row->f1);
        fprintf(out, ", \"support\": %" PRId64 "}%s", row->support, r + 1 < c->rows ? ", " : "");
    }
    fprintf(out, "}");
}

static void put_residuals(FILE *out, const char *prefix, const struct ls_residuals *residuals)
{
    put_key(out, prefix, "residuals");
    fprintf(out, "{\"count\": %" PRId64, residuals->count);
    for (int i = 0; i < LS_RESIDUALS_COUNT; i++) {
        fprintf(out, ", ");
        put_number(out, ls_residual_name((enum ls_residual)i), residuals->value[i]);
    }
    fprintf(out, "}");
}

void cli_json_evaluation(FILE *out, const struct ls_evaluation *evaluation)
{
    fprintf(out, "{\"samples\": %" PRId64, evaluation->samples);
    put_values(out, evaluation);
    for (size_t r = 0; r < evaluation->reports; r++) {
        const struct ls_output_report *report = &evaluation->report[r];
        if (report->classification) {
            put_confusion(out, report->prefix, report->classification);
            put_rows(out, report->prefix, report->classification);
        } else {
            put_residuals(out, report->prefix, report->residuals);
        }
    }
    fprintf(out, "}\n");
}
