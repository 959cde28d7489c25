/* CSVLogger: keras/src/callbacks/csv_logger.py, with the bytes of Python's csv.excel: a row an
 * epoch, the numbers in the order of their names; without validation a column NA for each. The
 * length of the file goes with the checkpoint: a run that is resumed cuts what came after it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number.h"
#include "store/file.h"
#include "train/callback_file.h"
#include "train/fit.h"

struct csv_logger {
    char *filename, *separator;
    bool append;
};

/* In doubles: whether the file was begun, and the bytes of it that are the run's or were there. */
enum { BEGUN, BYTES, STATE_DOUBLES };

#define OPTION(field) offsetof(struct csv_logger, field)
static const struct ls_option options[] = {
    {.name = "filename",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(filename),
     .help = "of the CSV file, in the run directory"},
    {.name = "separator",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(separator),
     .initial = "','",
     .help = "one character between two fields"},
    {.name = "append",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(append),
     .initial = "false",
     .help = "behind what is in the file, not in its place"},
    {.name = NULL},
};

static size_t state_doubles(const struct ls_instance *instance)
{
    (void)instance;
    return STATE_DOUBLES;
}

/* In new memory. */
static ls_status find_file(char **path, const struct ls_callback_call *call)
{
    const struct csv_logger *o = call->instance->options;
    char *name = NULL;
    LS_TRY(ls_expand_variables(&name, o->filename));
    ls_status status = ls_callback_path(path, call, name);
    ls_release(name);
    return status;
}

static ls_status check(const struct ls_callback_call *call)
{
    const struct csv_logger *o = call->instance->options;
    char *name = NULL;
    if (strlen(o->separator) != 1 || strchr("\"\r\n", *o->separator))
        return ls_callback_fail(call, "separator",
                                "expected one character that is no quote and no line end, found "
                                "'%s'",
                                o->separator);
    if (ls_expand_variables(&name, o->filename) != LS_OK)
        return ls_callback_fail(call, "filename", "%s", ls_message());
    ls_status status = ls_callback_path_check(call, "filename", name);
    ls_release(name);
    return status;
}

/* -- the file */

static ls_status cannot_write(const char *path)
{
    return ls_fail(LS_CANNOT_WRITE, "CSVLogger: cannot write '%s': %s", path, strerror(errno));
}

/* Writes the text behind the first `bytes` of the file, whose end is then that of the text. */
static ls_status put(const struct ls_callback_call *call, double bytes, const struct ls_text *text)
{
    char *path = NULL;
    ls_status status = LS_OK;
    LS_TRY(find_file(&path, call));
    int file = TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (file < 0 || TEMP_FAILURE_RETRY(ftruncate(file, (off_t)bytes)) != 0)
        LS_TRY_OUT(cannot_write(path));
    for (size_t done = 0; done < text->length;) {
        ssize_t wrote =
            pwrite(file, text->data + done, text->length - done, (off_t)bytes + (off_t)done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            LS_TRY_OUT(cannot_write(path));
        done += (size_t)wrote;
    }
out:
    if (file >= 0)
        close(file);
    ls_release(path);
    return status;
}

/* The length of the file now; of none 0. */
static ls_status measure(const struct ls_callback_call *call, double *bytes)
{
    struct stat file;
    char *path = NULL;
    LS_TRY(find_file(&path, call));
    ls_status status = ls_callback_path_open(path);
    if (status != LS_OK)
        status = ls_fail_within(status, "CSVLogger");
    *bytes = status == LS_OK && stat(path, &file) == 0 ? (double)file.st_size : 0;
    if (status == LS_OK && call->doubles[BYTES] > *bytes)
        ls_warn(
            "CSVLogger: %s has %.0f bytes, the checkpoint knows of %.0f: it goes on behind what "
            "is there",
            path, *bytes, call->doubles[BYTES]);
    ls_release(path);
    return status;
}

/* On rank 0, whose state is the one that counts. */
static ls_status begin(struct ls_callback_call *call)
{
    const struct csv_logger *o = call->instance->options;
    double *state = call->doubles, bytes;
    if (!call->first)
        return LS_OK;
    LS_TRY(measure(call, &bytes));
    if (state[BEGUN] == 0)
        state[BYTES] = o->append ? bytes : 0;
    else if (bytes < state[BYTES])
        state[BYTES] = bytes;
    state[BEGUN] = 1;
    return put(call, state[BYTES], &(struct ls_text){0});
}

/* -- rows */

/* csv.QUOTE_MINIMAL. */
static void append_field(struct ls_text *row, const char *field, char separator)
{
    const char special[] = {separator, '"', '\r', '\n', '\0'};
    if (row->length > 0 && row->data[row->length - 1] != '\n')
        ls_text_append_bytes(row, &separator, 1);
    if (!strpbrk(field, special)) {
        ls_text_append(row, "%s", field);
        return;
    }
    ls_text_append(row, "\"");
    for (; *field; field++)
        ls_text_append(row, *field == '"' ? "\"\"" : "%c", *field);
    ls_text_append(row, "\"");
}

/* The numbers' places in the order of their names. */
static void sort_names(size_t *order, const struct ls_fit_state *fit)
{
    for (size_t i = 0; i < fit->count; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(fit->names[i], fit->names[order[at - 1]]) < 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static bool has_validation(const struct ls_fit_state *fit)
{
    for (size_t i = 0; i < fit->count; i++)
        if (strncmp(fit->names[i], "val_", strlen("val_")) == 0)
            return true;
    return false;
}

static void append_header(struct ls_text *text, const struct ls_fit_state *fit, const size_t *order,
                          char separator)
{
    struct ls_text name = {0};
    append_field(text, "epoch", separator);
    for (size_t i = 0; i < fit->count; i++)
        append_field(text, fit->names[order[i]], separator);
    for (size_t i = 0; i < fit->count && !has_validation(fit); i++) {
        name.length = 0;
        ls_text_append(&name, "val_%s", fit->names[order[i]]);
        text->failed |= name.failed;
        append_field(text, name.data ? name.data : "", separator);
    }
    ls_text_append(text, "\r\n");
    ls_text_release(&name);
}

static void append_row(struct ls_text *text, const struct ls_fit_state *fit, const size_t *order,
                       char separator)
{
    char number[LS_DOUBLE_TEXT];
    snprintf(number, sizeof number, "%lld", (long long)fit->epoch);
    append_field(text, number, separator);
    for (size_t i = 0; i < fit->count; i++) {
        ls_double_format_python(number, fit->values[order[i]]);
        append_field(text, number, separator);
    }
    for (size_t i = 0; i < fit->count && !has_validation(fit); i++)
        append_field(text, "NA", separator);
    ls_text_append(text, "\r\n");
}

static ls_status epoch_end(struct ls_callback_call *call)
{
    const struct csv_logger *o = call->instance->options;
    const struct ls_fit_state *fit = call->fit;
    struct ls_text text = {0};
    size_t *order = NULL;
    if (!call->first)
        return LS_OK;
    LS_TRY(ls_allocate(&order, fit->count, sizeof *order));
    sort_names(order, fit);
    if (call->doubles[BYTES] == 0)
        append_header(&text, fit, order, *o->separator);
    append_row(&text, fit, order, *o->separator);
    ls_status status = ls_text_status(&text);
    if (status == LS_OK)
        status = put(call, call->doubles[BYTES], &text);
    if (status == LS_OK)
        call->doubles[BYTES] += (double)text.length;
    ls_release(order);
    ls_text_release(&text);
    return status;
}

static const char *const examples[] = {
    "filename: log.csv", "filename: logs/log.tsv, separator: \"\\t\", append: true", NULL};

const struct ls_callback_kind ls_callback_csv_logger = {
    .kind = {.name = "CSVLogger",
             .summary = "writes the numbers of each epoch to a CSV file",
             .options = options,
             .options_size = sizeof(struct csv_logger)},
    .state_doubles = state_doubles,
    .check = check,
    .never_stops = true,
    .on = {[LS_CALLBACK_TRAIN_BEGIN] = begin, [LS_CALLBACK_EPOCH_END] = epoch_end},
    .examples = examples,
};
