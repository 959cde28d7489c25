#include "report/line.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { BAR_MARKS = 20, NARROW_BAR_MARKS = 10 };

void ls_line_step_time(struct ls_text *text, double seconds)
{
    static const struct {
        double least, factor;
        const char *unit;
    } units[] = {{0.9995, 1.0, "s"}, {0.9995e-3, 1e3, "ms"}, {0.0, 1e6, "us"}};
    size_t i = 0;
    while (seconds < units[i].least)
        i++;
    double value = seconds * units[i].factor;
    ls_text_append(text, "%.*f%s/step", value < 9.95 ? 1 : 0, value, units[i].unit);
}

void ls_line_duration(struct ls_text *text, double seconds)
{
    if (seconds < 9.95) {
        ls_text_append(text, "%.1fs", seconds);
        return;
    }
    int64_t whole = (int64_t)(seconds + 0.5);
    if (whole < 60)
        ls_text_append(text, "%" PRId64 "s", whole);
    else if (whole < 3600)
        ls_text_append(text, "%" PRId64 ":%02" PRId64, whole / 60, whole % 60);
    else
        ls_text_append(text, "%" PRId64 ":%02" PRId64 ":%02" PRId64, whole / 3600, whole / 60 % 60,
                       whole % 60);
}

void ls_line_bar(struct ls_text *text, int marks, double part, bool ascii)
{
    int full = (int)(part * marks);
    if (full > marks)
        full = marks;
    if (ascii)
        ls_text_append(text, "[");
    for (int i = 0; i < marks; i++) {
        /* Keras tells the halves apart by colour alone; heavy and light need none. */
        if (ascii)
            ls_text_append(text, "%s", i < full ? "=" : i == full ? ">" : ".");
        else
            ls_text_append(text, "%s", i < full ? "\u2501" : "\u2500");
    }
    if (ascii)
        ls_text_append(text, "]");
}

size_t ls_line_columns(const char *text)
{
    size_t columns = 0;
    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

/* Keras' rule: what would show as 0.000x gets an exponent. So does what would fill the line. */
static void append_value(struct ls_text *text, const char *name, double value)
{
    double size = fabs(value);
    bool plain = value == 0.0 || !isfinite(value) || (size > 1e-3 && size < 1e7);
    ls_text_append(text, plain ? " - %s: %.4f" : " - %s: %.4e", name, value);
}

static double step_seconds(const struct ls_run_progress *progress)
{
    return progress->steps_here > 0 ? progress->seconds / (double)progress->steps_here : 0.0;
}

static void append_straggler(struct ls_text *text, const struct ls_run_progress *progress)
{
    if (progress->straggler_host)
        ls_text_append(text, " - straggler: rank %d (host %s) %.1fx", progress->straggler,
                       progress->straggler_host, progress->straggler_factor);
}

/* What may be left out of a line, from the widest form to the narrowest. */
struct form {
    int marks;
    bool throughput, times;
    size_t values;
};

static void append_epoch(struct ls_text *text, const struct ls_run_progress *progress,
                         const struct form *form, bool ascii)
{
    char steps[24];
    int width = snprintf(steps, sizeof(steps), "%" PRId64, progress->steps);
    ls_text_append(text, "%*" PRId64 "/%s", width, progress->step, steps);
    if (form->marks > 0) {
        ls_text_append(text, " ");
        double part = progress->steps > 0 ? (double)progress->step / (double)progress->steps : 1.0;
        ls_line_bar(text, form->marks, part, ascii);
    }
    if (form->times) {
        double each = step_seconds(progress);
        double left = each * (double)(progress->steps - progress->step);
        ls_text_append(text, " ");
        ls_line_duration(text, progress->epoch_done ? progress->seconds : left);
        if (!progress->epoch_done)
            ls_text_append(text, " left");
        ls_text_append(text, " ");
        ls_line_step_time(text, each);
    }
    if (form->throughput)
        ls_text_append(text, " %.0f samples/s", progress->samples_per_second);
    for (size_t i = 0; i < form->values; i++)
        append_value(text, progress->names[i], progress->values[i]);
    append_straggler(text, progress);
}

/* Removes what matters least; false when there is nothing left to remove. */
static bool narrow(struct form *form)
{
    if (form->throughput)
        form->throughput = false;
    else if (form->marks > 0)
        form->marks = form->marks > NARROW_BAR_MARKS ? NARROW_BAR_MARKS : 0;
    else if (form->values > 1)
        form->values--;
    else if (form->times)
        form->times = false;
    else if (form->values > 0)
        form->values = 0;
    else
        return false;
    return true;
}

void ls_line_epoch(struct ls_text *text, const struct ls_run_progress *progress,
                   const struct ls_line_style *style)
{
    struct form form = {BAR_MARKS, true, true, progress->count};
    size_t before = text->length;
    append_epoch(text, progress, &form, style->ascii);
    if (progress->epoch_done || style->columns <= 0)
        return;
    while (!text->failed && ls_line_columns(text->data + before) >= (size_t)style->columns &&
           narrow(&form)) {
        text->length = before;
        text->data[before] = '\0';
        append_epoch(text, progress, &form, style->ascii);
    }
    /* Narrower than the count of steps itself; only ASCII is left, so any byte is a good end. */
    size_t most = style->columns > 1 ? (size_t)style->columns - 1 : 1;
    if (!text->failed && text->length - before > most && form.marks == 0) {
        text->length = before + most;
        text->data[text->length] = '\0';
    }
}

void ls_line_plain(struct ls_text *text, const struct ls_run_progress *progress)
{
    ls_text_append(text, "Epoch %" PRId64 "/%" PRId64 " - %" PRId64 "/%" PRId64 " - ",
                   progress->epoch + 1, progress->epochs, progress->step, progress->steps);
    ls_line_duration(text, progress->seconds);
    ls_text_append(text, " - ");
    ls_line_step_time(text, step_seconds(progress));
    ls_text_append(text, " - %.0f samples/s", progress->samples_per_second);
    for (size_t i = 0; i < progress->count; i++)
        append_value(text, progress->names[i], progress->values[i]);
    append_straggler(text, progress);
}

static void append_count(struct ls_text *text, int64_t count, const char *noun)
{
    ls_text_append(text, "%" PRId64 " %s%s", count, noun, count == 1 ? "" : "s");
}

void ls_line_start(struct ls_text *text, const struct ls_run_start *start)
{
    char size[LS_BYTES_TEXT];
    ls_text_append(text, "%s: ", start->directory);
    append_count(text, start->nodes, "node");
    ls_text_append(text, ", ");
    append_count(text, start->ranks, "rank");
    ls_text_append(text, " x ");
    append_count(text, start->threads, "thread");
    ls_text_append(text, ", ");
    append_count(text, start->replicas, "replica");
    int64_t least = start->batch_size / start->replicas;
    int64_t most = (start->batch_size + start->replicas - 1) / start->replicas;
    ls_text_append(text, " x %" PRId64, least);
    if (most != least)
        ls_text_append(text, " to %" PRId64, most);
    ls_text_append(text, " sample%s = batch of %" PRId64 ", kernels %s\n", most == 1 ? "" : "s",
                   start->batch_size, start->kernels);
    append_count(text, start->samples, "sample");
    if (start->validation_samples > 0)
        ls_text_append(text, ", %" PRId64 " for validation", start->validation_samples);
    ls_text_append(text, ", ");
    append_count(text, start->steps, "step");
    ls_text_append(text, " an epoch, ");
    append_count(text, start->epochs, "epoch");
    ls_text_append(text, "\n");
    if (start->shared_bytes > 0)
        ls_text_append(text, "weights and optimizer: %s once a node, not once a rank\n",
                       ls_bytes_format(size, start->shared_bytes));
    if (start->resumed_from != NULL)
        ls_text_append(text,
                       "resumed from %s: epoch %" PRId64 ", after step %" PRId64 "/%" PRId64 "\n",
                       start->resumed_from, start->epoch + 1, start->step, start->steps);
}
