/* A profile as a table. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "lockstep/report.h"

enum { CELL_TEXT = 32, NAME_LEAST = 18, NAME_MOST = 40 };

static const char *class_of(const struct ls_run_profile_row *row)
{
    return row->kind ? row->kind : "";
}

static int width_of(const struct ls_run_profile *profile,
                    const char *(*cell)(const struct ls_run_profile_row *row), size_t least)
{
    size_t width = least;
    for (size_t i = 0; i < profile->count; i++) {
        size_t length = strlen(cell(&profile->rows[i]));
        width = length > width ? length : width;
    }
    return (int)(width < NAME_MOST ? width : NAME_MOST);
}

static const char *name_of(const struct ls_run_profile_row *row)
{
    return row->name;
}

/* Milliseconds, with as many digits as tell apart what is far below a microsecond a step. */
static void append_time(struct ls_text *text, double seconds, bool known)
{
    char cell[CELL_TEXT] = "";
    if (known)
        snprintf(cell, sizeof cell, "%.*f", seconds < 0.1 ? 4 : 1, seconds * 1e3);
    ls_text_append(text, "  %11s", cell);
}

static void append_rate(struct ls_text *text, double flops, double seconds)
{
    char cell[CELL_TEXT] = "";
    if (flops > 0 && seconds > 0)
        snprintf(cell, sizeof cell, "%.1f", flops / seconds * 1e-9);
    ls_text_append(text, "  %6s", cell);
}

static void append_percent(struct ls_text *text, int width, double part, bool known)
{
    char cell[CELL_TEXT] = "";
    if (known)
        snprintf(cell, sizeof cell, "%.1f%%", 100 * part);
    ls_text_append(text, "  %*s", width, cell);
}

static void append_row(struct ls_text *text, const struct ls_run_profile_row *row,
                       const int widths[2], double peak)
{
    double flops = row->forward_flops + row->backward_flops;
    ls_text_append(text, "%-*s  %-*s", widths[0], row->name, widths[1], class_of(row));
    append_time(text, row->forward_seconds, row->kind);
    append_rate(text, row->forward_flops, row->forward_seconds);
    append_time(text, row->backward_seconds, row->kind);
    append_rate(text, row->backward_flops, row->backward_seconds);
    append_percent(text, 7, flops / row->seconds * 1e-9 / peak, flops > 0 && row->seconds > 0);
    append_time(text, row->seconds, true);
    append_percent(text, 6, row->share, true);
    ls_text_append(text, "\n");
}

static void append_total(struct ls_text *text, const struct ls_run_profile *profile,
                         const int widths[2])
{
    struct ls_run_profile_row total = {
        .name = "a step", .seconds = profile->step_seconds, .share = 1};
    for (size_t i = 0; i < profile->count; i++) {
        total.forward_flops += profile->rows[i].forward_flops;
        total.backward_flops += profile->rows[i].backward_flops;
    }
    append_row(text, &total, widths, profile->peak_gflops);
}

ls_status ls_profile_format(const struct ls_run_profile *profile, char **text)
{
    struct ls_text all = {0};
    const int widths[2] = {width_of(profile, name_of, NAME_LEAST), width_of(profile, class_of, 5)};
    *text = NULL;
    ls_text_append(&all,
                   "profile:    %" PRId64 " step%s of rank 0, milliseconds a step; peak %.1f "
                   "GFLOPS\n%-*s  %-*s  %11s  %6s  %11s  %6s  %7s  %11s  %6s\n",
                   profile->steps, profile->steps == 1 ? "" : "s", profile->peak_gflops, widths[0],
                   "layer", widths[1], "class", "forward", "GFLOPS", "backward", "GFLOPS",
                   "of peak", "both", "share");
    for (size_t i = 0; i < profile->count; i++)
        if (profile->rows[i].seconds > 0)
            append_row(&all, &profile->rows[i], widths, profile->peak_gflops);
    append_total(&all, profile, widths);
    if (profile->hidden_seconds > 0)
        ls_text_append(&all,
                       "hidden:     %.1f ms a step of messages between nodes, while it computed\n",
                       profile->hidden_seconds * 1e3);
    ls_status status = ls_text_status(&all);
    if (status == LS_OK)
        status = ls_duplicate(text, all.data);
    ls_text_release(&all);
    return status;
}
