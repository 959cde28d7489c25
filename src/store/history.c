/* The log of steps: a head, then a record of 32 bytes a step, each with a checksum, so that a torn
 * end is known from a whole one. history.h5 is rebuilt from it. */
#include "store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/h5_profile.h"
#include "store/h5_table.h"

static const char head[32] = "lockstep steps, format 1\n";

/* In the file, little-endian. */
struct record {
    struct ls_history_step step;
    uint64_t checksum;
};
_Static_assert(sizeof(struct record) == 32, "no gaps: it is written as it is");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "it is written as it is");

enum { BUFFER_RECORDS = 4096 };

struct ls_history {
    char *path, *published; /* steps.log, history.h5 */
    int file;
    uint64_t records; /* in the file */
    struct record *buffer;
    size_t buffered;
    bool failed; /* to write: that was told */
    struct ls_h5_profile profile;
};

static ls_status cannot_write(const char *path)
{
    return ls_fail(LS_CANNOT_WRITE, "cannot write '%s': %s", path, strerror(errno));
}

static ls_status cannot_read(const char *path)
{
    return ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
}

static uint64_t checksum(const struct ls_history_step *step, uint64_t number)
{
    return ls_hash64(step, sizeof *step, number);
}

static off_t offset_of(uint64_t record)
{
    return (off_t)(sizeof head + record * sizeof(struct record));
}

static ls_status write_at(const struct ls_history *history, const void *bytes, size_t count,
                          off_t offset)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t done = pwrite(history->file, at, count, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return cannot_write(history->path);
        at += done;
        offset += done;
        count -= (size_t)done;
    }
    return LS_OK;
}

/* Reads up to count bytes; *got less at the end of the file. */
static ls_status read_at(const struct ls_history *history, void *bytes, size_t count, off_t offset,
                         size_t *got)
{
    *got = 0;
    while (*got < count) {
        ssize_t now =
            pread(history->file, (char *)bytes + *got, count - *got, offset + (off_t)*got);
        if (now < 0 && errno == EINTR)
            continue;
        if (now < 0)
            return cannot_read(history->path);
        if (now == 0)
            break;
        *got += (size_t)now;
    }
    return LS_OK;
}

/* -- opening */

/* True while records are whole and not after `last`; their steps rise. */
static bool is_kept(const struct record *record, uint64_t number, int64_t before, int64_t last)
{
    return record->checksum == checksum(&record->step, number) && record->step.step > before &&
           record->step.step <= last;
}

/* How many records from the first on are kept. */
static ls_status count_kept(struct ls_history *history, int64_t last, uint64_t *kept)
{
    int64_t before = 0;
    size_t got = BUFFER_RECORDS * sizeof(struct record);
    *kept = 0;
    while (got == BUFFER_RECORDS * sizeof(struct record)) {
        LS_TRY(read_at(history, history->buffer, got, offset_of(*kept), &got));
        for (size_t i = 0; i < got / sizeof(struct record); i++) {
            if (!is_kept(&history->buffer[i], *kept, before, last))
                return LS_OK;
            before = history->buffer[i].step.step;
            ++*kept;
        }
    }
    return LS_OK;
}

/* A file that is shorter than its head was torn when it was made. */
static ls_status check_head(const struct ls_history *history)
{
    char found[sizeof head] = {0};
    size_t got;
    LS_TRY(read_at(history, found, sizeof found, 0, &got));
    if (got == sizeof head && memcmp(found, head, sizeof head) != 0)
        return ls_fail(LS_BAD_INPUT,
                       "%s: not a log of steps that this program knows (move it away to go on "
                       "without the steps before)",
                       history->path);
    return got == sizeof head ? LS_OK : write_at(history, head, sizeof head, 0);
}

static ls_status cut(struct ls_history *history, int64_t last)
{
    struct stat info;
    LS_TRY(check_head(history));
    LS_TRY(count_kept(history, last, &history->records));
    if (fstat(history->file, &info) != 0)
        return cannot_read(history->path);
    if (info.st_size > offset_of(history->records) &&
        TEMP_FAILURE_RETRY(ftruncate(history->file, offset_of(history->records))) != 0)
        return cannot_write(history->path);
    return LS_OK;
}

ls_status ls_history_open(struct ls_history **history, const char *directory, int64_t step)
{
    struct ls_history *made = NULL;
    ls_status status = LS_OK;
    *history = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->file = -1;
    LS_TRY_OUT(ls_format(&made->path, "%s/" LS_HISTORY_LOG, directory));
    LS_TRY_OUT(ls_format(&made->published, "%s/history.h5", directory));
    LS_TRY_OUT(ls_allocate(&made->buffer, BUFFER_RECORDS, sizeof *made->buffer));
    made->file =
        TEMP_FAILURE_RETRY(open(made->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (made->file < 0)
        LS_TRY_OUT(cannot_write(made->path));
    LS_TRY_OUT(cut(made, step));
    *history = made;
    made = NULL;
out:
    ls_history_close(made);
    return status;
}

void ls_history_close(struct ls_history *history)
{
    if (!history)
        return;
    if (history->file >= 0) {
        if (!history->failed && ls_history_flush(history) != LS_OK)
            ls_warn("%s", ls_message());
        close(history->file);
    }
    ls_h5_profile_release(&history->profile);
    ls_release(history->buffer);
    ls_release(history->path);
    ls_release(history->published);
    ls_release(history);
}

/* -- appending */

ls_status ls_history_append(struct ls_history *history, const struct ls_history_step *record)
{
    if (history->buffered == BUFFER_RECORDS)
        LS_TRY(ls_history_flush(history));
    struct record *next = &history->buffer[history->buffered];
    *next = (struct record){*record, checksum(record, history->records + history->buffered)};
    history->buffered++;
    return LS_OK;
}

ls_status ls_history_flush(struct ls_history *history)
{
    if (history->buffered == 0)
        return LS_OK;
    ls_status status = write_at(history, history->buffer, history->buffered * sizeof(struct record),
                                offset_of(history->records));
    history->failed = status != LS_OK;
    LS_TRY(status);
    history->records += history->buffered;
    history->buffered = 0;
    return LS_OK;
}

/* -- history.h5 */

/* The log, a column each. */
struct columns {
    int64_t *step;
    double *loss, *learning_rate;
};

static ls_status read_columns(struct ls_history *history, struct columns *columns)
{
    struct record *block = NULL;
    size_t got;
    *columns = (struct columns){0};
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_allocate(&block, BUFFER_RECORDS, sizeof *block));
    LS_TRY_OUT(ls_allocate(&columns->step, history->records, sizeof *columns->step));
    LS_TRY_OUT(ls_allocate(&columns->loss, history->records, sizeof *columns->loss));
    LS_TRY_OUT(
        ls_allocate(&columns->learning_rate, history->records, sizeof *columns->learning_rate));
    for (uint64_t done = 0; done < history->records;) {
        LS_TRY_OUT(read_at(history, block, BUFFER_RECORDS * sizeof *block, offset_of(done), &got));
        if (got < sizeof *block)
            LS_TRY_OUT(ls_fail(LS_FAILED, "%s: cut short while it was in use", history->path));
        for (size_t i = 0; i < got / sizeof *block && done < history->records; i++, done++) {
            columns->step[done] = block[i].step.step;
            columns->loss[done] = block[i].step.loss;
            columns->learning_rate[done] = block[i].step.learning_rate;
        }
    }
out:
    ls_release(block);
    return status;
}

static ls_status put_steps(struct ls_h5_image *image, const struct columns *columns, uint64_t count)
{
    const struct ls_shape shape = {1, {(int64_t)count}};
    const struct ls_h5_values step = {LS_H5_INT64, shape, columns->step, NULL};
    const struct ls_h5_values loss = {LS_H5_DOUBLE, shape, columns->loss, NULL};
    const struct ls_h5_values rate = {LS_H5_DOUBLE, shape, columns->learning_rate, NULL};
    char *order[] = {"step", "loss", "learning_rate"};
    const struct ls_texts names = {order, sizeof order / sizeof *order};
    LS_TRY(ls_h5_put_group(image, "/step"));
    LS_TRY(ls_h5_put_texts(image, "/step", "columns", &names)); /* what ls_h5_read_table reads by */
    LS_TRY(ls_h5_put_values(image, "/step/step", &step));
    LS_TRY(ls_h5_put_values(image, "/step/loss", &loss));
    return ls_h5_put_values(image, "/step/learning_rate", &rate);
}

static ls_status lay_out(struct ls_h5_buffer *buffer, const struct ls_history *history,
                         const struct ls_table *epochs, const struct columns *columns)
{
    struct ls_h5_image image;
    LS_TRY(ls_h5_image_open(&image, buffer, history->published));
    ls_status status = ls_h5_put_table(&image, "/epoch", epochs);
    if (status == LS_OK)
        status = put_steps(&image, columns, history->records);
    if (status == LS_OK && history->profile.names.count > 0)
        status = ls_h5_put_profile(&image, &history->profile);
    if (status == LS_OK)
        status = ls_h5_image_finish(&image);
    ls_h5_image_close(&image);
    return status;
}

ls_status ls_history_keep_profile(struct ls_history *history, const struct ls_run_profile *profile)
{
    struct ls_h5_profile kept;
    LS_TRY(ls_h5_profile_create(&kept, profile));
    ls_h5_profile_release(&history->profile);
    history->profile = kept;
    return LS_OK;
}

static ls_status read_profile(struct ls_history *history)
{
    struct ls_h5 h5;
    ls_status status = ls_h5_open(&h5, history->published);
    if (status == LS_OK)
        status = ls_h5_read_profile(&h5, &history->profile);
    ls_h5_close(&h5);
    return status;
}

void ls_history_find_profile(struct ls_history *history)
{
    if (access(history->published, F_OK) == 0 && read_profile(history) != LS_OK)
        ls_warn("%s: the profile in it is lost, the next one takes its place", ls_message());
}

ls_status ls_history_write(struct ls_history *history, const struct ls_table *epochs)
{
    struct ls_h5_buffer buffer = {0};
    struct columns columns = {0};
    ls_status status;
    LS_TRY(ls_history_flush(history));
    LS_TRY_OUT(read_columns(history, &columns));
    LS_TRY_OUT(lay_out(&buffer, history, epochs, &columns));
    status = ls_file_publish(history->published, buffer.bytes, buffer.length);
out:
    ls_h5_buffer_release(&buffer);
    ls_release(columns.step);
    ls_release(columns.loss);
    ls_release(columns.learning_rate);
    return status;
}
