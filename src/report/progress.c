#include "lockstep/report.h"

#include <langinfo.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "report/line.h"
#include "report/progress.h"
#include "report/terminal.h"

static const double redraw_seconds = 0.1;
static const double plain_seconds = 60.0;

struct ls_progress {
    FILE *out;
    struct ls_terminal terminal;
    struct ls_run_observer observer;
    struct ls_line_style style;
    int columns; /* as the caller fixed it, or 0 */
    double (*clock)(void);
    pthread_mutex_t lock; /* notes come from other threads while a line is drawn */
    struct ls_text line;  /* kept, so that drawing does not allocate each time */
    size_t drawn;         /* columns of the line that stands unfinished on the terminal */
    int64_t epoch;        /* the one that `told` and `headed` belong to; -1 at first */
    double told;          /* seconds of the epoch, or of the clock for imports, at the last line */
    bool headed;          /* "Epoch 1/5" is written */
};

/* Nothing can be done about a terminal that went away: the run goes on, and says so elsewhere. */
static void put(struct ls_progress *progress, const char *text)
{
    fputs(text, progress->out);
}

static void flush(struct ls_progress *progress)
{
    fflush(progress->out);
}

static void begin_line(struct ls_progress *progress)
{
    progress->line.length = 0;
    progress->line.failed = false;
    if (progress->line.data != NULL)
        progress->line.data[0] = '\0';
    progress->style.columns =
        progress->columns > 0 ? progress->columns : ls_terminal_columns(&progress->terminal);
}

/* The line of text over the one that stands there, with blanks over the rest of that one. */
static void draw(struct ls_progress *progress, bool last)
{
    if (progress->line.data == NULL || progress->line.failed)
        return;
    size_t columns = ls_line_columns(progress->line.data);
    put(progress, "\r");
    put(progress, progress->line.data);
    if (progress->drawn > columns) {
        /* Never past the edge of a terminal that has become narrower meanwhile. */
        size_t limit = (size_t)progress->style.columns;
        size_t upto = progress->drawn < limit ? progress->drawn : limit - 1;
        if (upto > columns)
            fprintf(progress->out, "%*s", (int)(upto - columns), "");
    }
    if (last)
        put(progress, "\n");
    progress->drawn = last ? 0 : columns;
    flush(progress);
}

static void clear(struct ls_progress *progress)
{
    if (progress->drawn == 0)
        return;
    fprintf(progress->out, "\r%*s\r", (int)progress->drawn, "");
    progress->drawn = 0;
    flush(progress);
}

static void on_start(void *user, const struct ls_run_start *start)
{
    struct ls_progress *progress = user;
    pthread_mutex_lock(&progress->lock);
    clear(progress);
    begin_line(progress);
    ls_line_start(&progress->line, start);
    if (progress->line.data != NULL && !progress->line.failed)
        put(progress, progress->line.data);
    flush(progress);
    pthread_mutex_unlock(&progress->lock);
}

static void draw_epoch(struct ls_progress *progress, const struct ls_run_progress *now)
{
    begin_line(progress);
    if (!progress->terminal.drawn) {
        ls_line_plain(&progress->line, now);
        if (progress->line.data != NULL && !progress->line.failed)
            fprintf(progress->out, "%s\n", progress->line.data);
        flush(progress);
        return;
    }
    if (!progress->headed) {
        clear(progress);
        fprintf(progress->out, "Epoch %lld/%lld\n", (long long)now->epoch + 1,
                (long long)now->epochs);
        progress->headed = true;
    }
    ls_line_epoch(&progress->line, now, &progress->style);
    draw(progress, now->epoch_done);
}

/* Called after each step: nothing but comparisons unless it is time to draw. The epoch's first line
 * is drawn when its first interval is over, so that many short epochs cost one line each. */
static void on_progress(void *user, const struct ls_run_progress *now)
{
    struct ls_progress *progress = user;
    if (now->epoch != progress->epoch) {
        progress->epoch = now->epoch;
        progress->headed = false;
        progress->told = 0.0;
    }
    double interval = progress->terminal.drawn ? redraw_seconds : plain_seconds;
    if (!now->epoch_done && now->seconds - progress->told < interval)
        return;
    progress->told = now->seconds;
    pthread_mutex_lock(&progress->lock);
    draw_epoch(progress, now);
    pthread_mutex_unlock(&progress->lock);
}

void ls_progress_import(void *user, int64_t done, int64_t total)
{
    struct ls_progress *progress = user;
    double now = progress->clock();
    if (progress->epoch < 0) {
        progress->epoch = 0;
        progress->told = now;
    }
    double interval = progress->terminal.drawn ? redraw_seconds : plain_seconds;
    bool last = done >= total && progress->drawn > 0;
    if (!last && now - progress->told < interval)
        return;
    progress->told = now;
    double part = total > 0 ? (double)done / (double)total : 1.0;
    pthread_mutex_lock(&progress->lock);
    begin_line(progress);
    ls_text_append(&progress->line, "%3.0f%%", 100.0 * part);
    int room = progress->style.columns - 8; /* percent, a blank, brackets, the last column */
    if (progress->terminal.drawn) {
        ls_text_append(&progress->line, " ");
        ls_line_bar(&progress->line,
                    room < 1    ? 1
                    : room < 40 ? room
                                : 40,
                    part, progress->style.ascii);
        draw(progress, last);
    } else if (progress->line.data != NULL && !progress->line.failed) {
        fprintf(progress->out, "%s\n", progress->line.data);
        flush(progress);
    }
    pthread_mutex_unlock(&progress->lock);
}

void ls_progress_clear(struct ls_progress *progress)
{
    if (progress == NULL)
        return;
    pthread_mutex_lock(&progress->lock);
    clear(progress);
    pthread_mutex_unlock(&progress->lock);
}

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ls_progress_set_clock(struct ls_progress *progress, double (*clock)(void))
{
    progress->clock = clock;
}

const struct ls_run_observer *ls_progress_observer(struct ls_progress *progress)
{
    return &progress->observer;
}

ls_status ls_progress_create(struct ls_progress **result, FILE *out,
                             const struct ls_progress_options *options)
{
    static const struct ls_progress_options automatic;
    if (options == NULL)
        options = &automatic;
    *result = NULL;
    struct ls_progress *progress;
    LS_TRY(ls_allocate(&progress, 1, sizeof(*progress)));
    ls_status status = ls_terminal_find(&progress->terminal, out);
    if (status != LS_OK) {
        ls_release(progress);
        return status;
    }
    if (options->style != LS_PROGRESS_AUTO)
        progress->terminal.drawn = options->style == LS_PROGRESS_TERMINAL;
    progress->out = out;
    progress->columns = options->columns;
    progress->style.ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    progress->clock = clock_seconds;
    progress->epoch = -1;
    progress->observer =
        (struct ls_run_observer){.start = on_start, .progress = on_progress, .user = progress};
    pthread_mutex_init(&progress->lock, NULL);
    *result = progress;
    return LS_OK;
}

void ls_progress_free(struct ls_progress *progress)
{
    if (progress == NULL)
        return;
    if (progress->drawn > 0) {
        put(progress, "\n");
        flush(progress);
    }
    ls_terminal_release(&progress->terminal);
    pthread_mutex_destroy(&progress->lock);
    ls_text_release(&progress->line);
    ls_release(progress);
}
