/* Reports of classes, labels and numbers, and curves, against scikit-learn's. */
#include "reference.h"

#include <math.h>
#include <stdint.h>

#include "base/memory.h"
#include "lockstep/lockstep.h"
#include "metric/classification.h"
#include "metric/curve.h"
#include "metric/residuals.h"

enum { ROW_NUMBERS = 4 };

static void near(double found, double wanted, const char *group, const char *what, size_t i)
{
    double most = 1e-6 * (fabs(wanted) > 1 ? fabs(wanted) : 1);
    if (!(fabs(found - wanted) <= most) && !(isnan(found) && isnan(wanted)))
        fail_msg("%s %s[%zu]: %.9g, scikit-learn %.9g", group, what, i, found, wanted);
}

/* The targets, y, or the answers, x, of a case. */
static struct reference read_answers(hid_t file, const char *group, const char *what)
{
    char name[REFERENCE_NAME];
    snprintf(name, sizeof name, "xy_%s", group);
    return reference_read(file, name, what);
}

static void near_all(const double *found, size_t count, hid_t file, const char *group,
                     const char *what)
{
    struct reference wanted = reference_read(file, group, what);
    assert_int_equal(count, wanted.count);
    for (size_t i = 0; i < count; i++)
        near(found[i], (double)wanted.value[i], group, what, i);
    free(wanted.value);
}

/* -- classes and labels */

static void check_text(struct ls_classification *c, hid_t file, const char *group)
{
    struct ls_output_report report = {.output = "y", .prefix = "", .classification = c};
    struct ls_evaluation evaluation = {.report = &report, .reports = 1};
    size_t count;
    char **wanted = reference_texts(file, group, "text", &count), *text;
    assert_int_equal(ls_evaluation_format(&evaluation, &text), LS_OK);
    if (!strstr(text, wanted[0]))
        fail_msg("%s:\n%s\nscikit-learn:\n%s", group, text, wanted[0]);
    assert_non_null(strstr(text, c->multi_label ? "true negative" : "confusion matrix"));
    ls_text_free(text);
    reference_free_texts(wanted);
}

static void check_classification(struct ls_classification *c, hid_t file, const char *group)
{
    struct reference confusion = reference_read(file, group, "confusion");
    struct reference rows = reference_read(file, group, "report");
    assert_int_equal(confusion.count, ls_classification_counts(c));
    for (size_t i = 0; i < confusion.count; i++)
        assert_int_equal(c->confusion[i], (int64_t)confusion.value[i]);
    assert_int_equal(rows.count, ROW_NUMBERS * c->rows);
    for (size_t r = 0; r < c->rows; r++) {
        const float *wanted = rows.value + ROW_NUMBERS * r;
        near(c->row[r].precision, (double)wanted[0], group, "precision", r);
        near(c->row[r].recall, (double)wanted[1], group, "recall", r);
        near(c->row[r].f1, (double)wanted[2], group, "f1", r);
        assert_int_equal(c->row[r].support, (int64_t)wanted[3]);
    }
    near_all(&c->accuracy, 1, file, group, "accuracy");
    check_text(c, file, group);
    free(confusion.value), free(rows.value);
}

static void check_classes(hid_t file, const char *group)
{
    struct reference target = read_answers(file, group, "y");
    struct reference prediction = read_answers(file, group, "x");
    struct reference confusion = reference_read(file, group, "confusion");
    struct ls_classification *c;
    assert_int_equal(ls_classification_create(&c, confusion.size[0], false), LS_OK);
    for (size_t i = 0; i < target.count; i++)
        c->confusion[(size_t)target.value[i] * c->classes + (size_t)prediction.value[i]]++;
    ls_classification_finish(c, (int64_t)target.count, NULL);
    check_classification(c, file, group);
    ls_classification_free(c);
    free(target.value), free(prediction.value), free(confusion.value);
}

static void check_labels(hid_t file, const char *group)
{
    struct reference target = read_answers(file, group, "y");
    struct reference prediction = read_answers(file, group, "x");
    size_t columns = target.size[1];
    struct ls_label_sums sums = {0};
    struct ls_classification *c;
    bool label[2][8];
    assert_int_equal(ls_classification_create(&c, columns, true), LS_OK);
    for (size_t i = 0; i < target.size[0]; i++) {
        for (size_t l = 0; l < columns; l++) {
            label[0][l] = target.value[i * columns + l] > 0;
            label[1][l] = prediction.value[i * columns + l] > 0;
        }
        ls_classification_add_labels(c, label[0], label[1], &sums);
    }
    ls_classification_finish(c, (int64_t)target.size[0], &sums);
    check_classification(c, file, group);
    ls_classification_free(c);
    free(target.value), free(prediction.value);
}

/* -- curves */

/* The scores in two sorted runs and an empty one, merged. */
static struct ls_score *read_scores(hid_t file, const char *group, size_t *count)
{
    struct reference target = read_answers(file, group, "y");
    struct reference value = read_answers(file, group, "x");
    struct ls_score *score = calloc(target.count, sizeof *score);
    size_t first = target.count / 3, length[] = {first, 0, target.count - first};
    assert_non_null(score);
    for (size_t i = 0; i < target.count; i++)
        score[i] = (struct ls_score){value.value[i], 1, target.value[i] != 0};
    ls_scores_sort(score, first);
    ls_scores_sort(score + first, target.count - first);
    assert_int_equal(ls_scores_merge(score, length, 3), LS_OK);
    *count = target.count;
    free(target.value), free(value.value);
    return score;
}

static void check_curve(hid_t file, const char *group)
{
    size_t count;
    struct ls_score *score = read_scores(file, group, &count);
    struct ls_curve curve;
    assert_int_equal(ls_curve_create(&curve, score, count), LS_OK);
    assert_true(isinf(curve.threshold[0]) && curve.precision[0] == 1);
    near_all(curve.threshold + 1, curve.points - 1, file, group, "threshold");
    near_all(curve.false_positive_rate + 1, curve.points - 1, file, group, "fp_rate");
    near_all(curve.true_positive_rate + 1, curve.points - 1, file, group, "tp_rate");
    near_all(curve.precision + 1, curve.points - 1, file, group, "precision");
    near_all(&curve.roc_auc, 1, file, group, "roc_auc");
    near_all(&curve.average_precision, 1, file, group, "average_precision");
    ls_curve_release(&curve);
    free(score);
}

/* -- numbers */

static void check_residuals(hid_t file, const char *group)
{
    struct reference target = read_answers(file, group, "y");
    struct reference prediction = read_answers(file, group, "x");
    struct ls_residuals residuals;
    assert_int_equal(ls_residuals_find(&residuals, target.value, prediction.value, target.size[0],
                                       target.size[1]),
                     LS_OK);
    assert_int_equal(residuals.count, target.count);
    near_all(residuals.value, LS_RESIDUALS_COUNT, file, group, "statistics");
    free(target.value), free(prediction.value);
}

/* -- tests */

static size_t check_all(const char *prefix, void (*check)(hid_t file, const char *group))
{
    hid_t file = reference_open("reports_ref.h5");
    char group[REFERENCE_NAME];
    size_t count = 0;
    for (size_t i = 0; reference_group(file, i, group); i++)
        if (strncmp(group, prefix, strlen(prefix)) == 0) {
            check(file, group);
            count++;
        }
    H5Fclose(file);
    return count;
}

static void test_classes(void **state)
{
    (void)state;
    assert_int_equal(check_all("classes_", check_classes), 6);
    assert_int_equal(check_all("labels_", check_labels), 2);
}

static void test_curves(void **state)
{
    (void)state;
    assert_int_equal(check_all("curve_", check_curve), 6);
}

static void test_residuals(void **state)
{
    (void)state;
    struct ls_residuals none;
    assert_int_equal(check_all("residuals_", check_residuals), 5);
    assert_int_equal(ls_residuals_find(&none, NULL, NULL, 0, 1), LS_OK);
    assert_int_equal(none.count, 0);
}

/* A score that is no number is below all others. */
static void test_nan(void **state)
{
    (void)state;
    struct ls_score score[] = {{NAN, 1, true}, {-5, 1, false}, {2, 1, true}};
    ls_scores_sort(score, 3);
    assert_true(score[0].value == 2 && score[1].value == -5 && isinf(score[2].value));
}

/* An allocation that fails leaves nothing behind. */
static void test_memory(void **state)
{
    (void)state;
    struct ls_score score[] = {{1, 1, true}, {0, 1, false}};
    long before = ls_memory_blocks();
    for (long n = 1; n <= 4; n++) {
        struct ls_curve curve;
        struct ls_classification *c;
        ls_memory_fail_at(n);
        assert_int_equal(ls_curve_create(&curve, score, 2), LS_FAILED);
        ls_memory_fail_at(n);
        assert_int_equal(ls_classification_create(&c, 2, false), LS_FAILED);
        assert_null(c);
    }
    ls_memory_fail_at(0);
    assert_int_equal(ls_memory_blocks(), before);
}

/* A NaN has a sign on some machines: nothing is said of it. */
static void test_nan_text(void **state)
{
    char *names[] = {"kappa"}, *lists[] = {NULL}, *text;
    double values[] = {-(double)NAN};
    struct ls_evaluation evaluation = {
        .samples = 1, .count = 1, .names = names, .lists = lists, .values = values};
    (void)state;
    assert_int_equal(ls_evaluation_format(&evaluation, &text), LS_OK);
    assert_string_equal(text, "samples  1\nkappa    nan\n");
    ls_text_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),   cmocka_unit_test(test_curves),
        cmocka_unit_test(test_residuals), cmocka_unit_test(test_nan),
        cmocka_unit_test(test_nan_text),  cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
