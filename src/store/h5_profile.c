#include "store/h5_profile.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

typedef double number_of(const struct ls_run_profile *profile,
                         const struct ls_run_profile_row *row);
typedef const char *text_of(const struct ls_run_profile_row *row);

/* What is not a layer, and what no one counts, has no number. */
static double known(double number, bool is_known)
{
    return is_known ? number : NAN;
}

static double gflops(double flops, double seconds)
{
    return known(flops / seconds * 1e-9, flops > 0 && seconds > 0);
}

static const char *name(const struct ls_run_profile_row *row)
{
    return row->name;
}
static const char *class_name(const struct ls_run_profile_row *row)
{
    return row->kind ? row->kind : "";
}

#define NUMBER(column, value)                                                                      \
    static double column(const struct ls_run_profile *p, const struct ls_run_profile_row *row)     \
    {                                                                                              \
        (void)p;                                                                                   \
        return value;                                                                              \
    }
NUMBER(seconds, row->seconds)
NUMBER(share, row->share)
NUMBER(forward_seconds, known(row->forward_seconds, row->kind))
NUMBER(backward_seconds, known(row->backward_seconds, row->kind))
NUMBER(forward_gflops, gflops(row->forward_flops, row->forward_seconds))
NUMBER(backward_gflops, gflops(row->backward_flops, row->backward_seconds))
NUMBER(all_gflops, gflops(row->forward_flops + row->backward_flops, row->seconds))
NUMBER(of_peak, all_gflops(p, row) / p->peak_gflops)

static ls_status put_numbers(struct ls_h5_image *image, const char *object,
                             const struct ls_run_profile *profile, number_of *number)
{
    double *values = NULL;
    LS_TRY(ls_allocate(&values, profile->count, sizeof *values));
    for (size_t i = 0; i < profile->count; i++)
        values[i] = number(profile, &profile->rows[i]);
    return ls_h5_put_values(
        image, object,
        &(struct ls_h5_values){LS_H5_DOUBLE, {1, {(int64_t)profile->count}}, values, values});
}

static ls_status put_words(struct ls_h5_image *image, const char *object,
                           const struct ls_run_profile *profile, text_of *text)
{
    struct ls_texts texts = {0};
    LS_TRY(ls_allocate(&texts.text, profile->count, sizeof *texts.text));
    for (; texts.count < profile->count; texts.count++)
        texts.text[texts.count] = (char *)text(&profile->rows[texts.count]);
    ls_status status = ls_h5_put_strings(image, object, &texts);
    ls_release(texts.text);
    return status;
}

static ls_status put_number(struct ls_h5_image *image, const char *object, const double *number)
{
    return ls_h5_put_values(image, object, &(struct ls_h5_values){LS_H5_DOUBLE, {0}, number, NULL});
}

ls_status ls_h5_put_profile(struct ls_h5_image *image, const struct ls_run_profile *profile)
{
    static const struct {
        const char *object;
        number_of *number;
    } columns[] = {{"/profile/seconds", seconds},
                   {"/profile/share", share},
                   {"/profile/forward_seconds", forward_seconds},
                   {"/profile/backward_seconds", backward_seconds},
                   {"/profile/forward_gflops", forward_gflops},
                   {"/profile/backward_gflops", backward_gflops},
                   {"/profile/gflops", all_gflops},
                   {"/profile/of_peak", of_peak}};
    LS_TRY(ls_h5_put_group(image, "/profile"));
    LS_TRY(ls_h5_put_values(image, "/profile/steps",
                            &(struct ls_h5_values){LS_H5_INT64, {0}, &profile->steps, NULL}));
    LS_TRY(put_number(image, "/profile/step_seconds", &profile->step_seconds));
    LS_TRY(put_number(image, "/profile/peak_gflops", &profile->peak_gflops));
    LS_TRY(put_words(image, "/profile/name", profile, name));
    LS_TRY(put_words(image, "/profile/class", profile, class_name));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        LS_TRY(put_numbers(image, columns[i].object, profile, columns[i].number));
    return LS_OK;
}
