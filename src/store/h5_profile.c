#include "store/h5_profile.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

typedef double number_of(const struct ls_run_profile *profile,
                         const struct ls_run_profile_row *row);

/* What is not a layer, and what no one counts, has no number. */
static double known(double number, bool is_known)
{
    return is_known ? number : NAN;
}

static double gflops(double flops, double seconds)
{
    return known(flops / seconds * 1e-9, flops > 0 && seconds > 0);
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

static const struct {
    const char *object;
    number_of *number;
} columns[LS_H5_PROFILE_COLUMNS] = {
    {"/profile/seconds", seconds},
    {"/profile/share", share},
    {"/profile/forward_seconds", forward_seconds},
    {"/profile/backward_seconds", backward_seconds},
    {"/profile/forward_gflops", forward_gflops},
    {"/profile/backward_gflops", backward_gflops},
    {"/profile/gflops", all_gflops},
    {"/profile/of_peak", of_peak},
};

static ls_status add_row(struct ls_h5_profile *kept, const struct ls_run_profile_row *row)
{
    LS_TRY(ls_texts_add(&kept->names, row->name));
    return ls_texts_add(&kept->classes, row->kind ? row->kind : "");
}

ls_status ls_h5_profile_create(struct ls_h5_profile *kept, const struct ls_run_profile *profile)
{
    ls_status status = LS_OK;
    *kept = (struct ls_h5_profile){.steps = profile->steps,
                                   .step_seconds = profile->step_seconds,
                                   .peak_gflops = profile->peak_gflops,
                                   .hidden_seconds = profile->hidden_seconds};
    for (size_t i = 0; i < profile->count; i++)
        LS_TRY_OUT(add_row(kept, &profile->rows[i]));
    for (size_t c = 0; c < LS_H5_PROFILE_COLUMNS; c++) {
        LS_TRY_OUT(ls_allocate(&kept->column[c], profile->count, sizeof *kept->column[c]));
        for (size_t i = 0; i < profile->count; i++)
            kept->column[c][i] = columns[c].number(profile, &profile->rows[i]);
    }
out:
    if (status != LS_OK)
        ls_h5_profile_release(kept);
    return status;
}

void ls_h5_profile_release(struct ls_h5_profile *profile)
{
    ls_texts_release(&profile->names);
    ls_texts_release(&profile->classes);
    for (size_t c = 0; c < LS_H5_PROFILE_COLUMNS; c++)
        ls_release(profile->column[c]);
    *profile = (struct ls_h5_profile){0};
}

/* -- in the file: texts are datasets, and attributes too, as which they are read again */

static ls_status put_texts(struct ls_h5_image *image, const char *object, const char *attribute,
                           const struct ls_texts *texts)
{
    LS_TRY(ls_h5_put_strings(image, object, texts));
    return ls_h5_put_texts(image, "/profile", attribute, texts);
}

static ls_status put_number(struct ls_h5_image *image, const char *object, const double *number)
{
    return ls_h5_put_values(image, object, &(struct ls_h5_values){LS_H5_DOUBLE, {0}, number, NULL});
}

ls_status ls_h5_put_profile(struct ls_h5_image *image, const struct ls_h5_profile *profile)
{
    const struct ls_shape rows = {1, {(int64_t)profile->names.count}};
    LS_TRY(ls_h5_put_group(image, "/profile"));
    LS_TRY(ls_h5_put_values(image, "/profile/steps",
                            &(struct ls_h5_values){LS_H5_INT64, {0}, &profile->steps, NULL}));
    LS_TRY(put_number(image, "/profile/step_seconds", &profile->step_seconds));
    LS_TRY(put_number(image, "/profile/peak_gflops", &profile->peak_gflops));
    LS_TRY(put_number(image, "/profile/hidden_seconds", &profile->hidden_seconds));
    LS_TRY(put_texts(image, "/profile/name", "names", &profile->names));
    LS_TRY(put_texts(image, "/profile/class", "classes", &profile->classes));
    for (size_t c = 0; c < LS_H5_PROFILE_COLUMNS; c++)
        LS_TRY(
            ls_h5_put_values(image, columns[c].object,
                             &(struct ls_h5_values){LS_H5_DOUBLE, rows, profile->column[c], NULL}));
    return LS_OK;
}

static ls_status read_column(const struct ls_h5 *h5, struct ls_h5_profile *profile, size_t c)
{
    size_t rows = 0;
    LS_TRY(ls_h5_read_doubles(h5, columns[c].object, &profile->column[c], &rows));
    if (rows != profile->names.count)
        return ls_fail(LS_BAD_INPUT, "%s: %s has %zu rows, expected %zu", h5->path,
                       columns[c].object, rows, profile->names.count);
    return LS_OK;
}

ls_status ls_h5_read_profile(const struct ls_h5 *h5, struct ls_h5_profile *profile)
{
    bool found;
    double steps = 0;
    ls_status status;
    *profile = (struct ls_h5_profile){0};
    LS_TRY(ls_h5_find(h5, "/profile", &found));
    if (!found)
        return LS_OK;
    LS_TRY_OUT(ls_h5_read_number(h5, "/profile/steps", &steps));
    profile->steps = (int64_t)steps;
    LS_TRY_OUT(ls_h5_read_number(h5, "/profile/step_seconds", &profile->step_seconds));
    LS_TRY_OUT(ls_h5_read_number(h5, "/profile/peak_gflops", &profile->peak_gflops));
    LS_TRY_OUT(ls_h5_find(h5, "/profile/hidden_seconds", &found)); /* older ones have none */
    if (found)
        LS_TRY_OUT(ls_h5_read_number(h5, "/profile/hidden_seconds", &profile->hidden_seconds));
    LS_TRY_OUT(ls_h5_read_texts(h5, "/profile", "names", &profile->names));
    LS_TRY_OUT(ls_h5_read_texts(h5, "/profile", "classes", &profile->classes));
    if (profile->names.count == 0 || profile->classes.count != profile->names.count)
        LS_TRY_OUT(ls_fail(LS_BAD_INPUT, "%s: /profile has %zu names of %zu classes", h5->path,
                           profile->names.count, profile->classes.count));
    for (size_t c = 0; c < LS_H5_PROFILE_COLUMNS; c++)
        LS_TRY_OUT(read_column(h5, profile, c));
out:
    if (status != LS_OK)
        ls_h5_profile_release(profile);
    return status;
}
