/* The files, and records in them. */
#include "store/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "store/file.h"
#include "store/protobuf.h"

/* "tfevents" is what TensorBoard knows such files by. */
#define NAME_FORMAT "events.out.tfevents.%010lld.lockstep.%llx.%lld"

enum { WALL_TIME = 1, STEP = 2, SOURCE = 10, SOURCE_WRITER = 1 }; /* fields of Event */

struct ls_events {
    char *path;
    int file;
    int64_t number, bytes;
    bool first;             /* of the run's that are left */
    struct ls_text records; /* not yet written */
};

static double wall_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t ls_events_run(const char *directory)
{
    struct {
        double time;
        uint64_t process, random; /* two may begin in one tick of the clock */
    } mine = {wall_time(), (uint64_t)getpid(), 0};
    if (!directory && getrandom(&mine.random, sizeof mine.random, GRND_NONBLOCK) < 0)
        mine.random = (uintptr_t)&mine;
    uint64_t hash =
        directory ? ls_hash64(directory, strlen(directory), 0) : ls_hash64(&mine, sizeof mine, 0);
    return (int64_t)(hash >> 16);
}

static ls_status cannot_write(const char *path, int error)
{
    return ls_fail(LS_CANNOT_WRITE, "cannot write '%s': %s", path, strerror(error));
}

/* -- records */

/* CRC-32C (RFC 3720, appendix B.4), four bits at a time. */
static uint32_t checksum(const char *bytes, size_t count)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        crc ^= (unsigned char)bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void put_little(char *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (char)(value >> 8 * i);
}

/* A checksum of data that hold checksums, as records do: rotated, and moved on. */
static void append_checksum(struct ls_text *records, const char *bytes, size_t count)
{
    char masked[4];
    uint32_t crc = checksum(bytes, count);
    put_little(masked, (uint32_t)((crc >> 15 | crc << 17) + 0xa282ead8U), sizeof masked);
    ls_text_append_bytes(records, masked, sizeof masked);
}

static void append_record(struct ls_text *records, const struct ls_text *data)
{
    char length[8];
    put_little(length, data->length, sizeof length);
    ls_text_append_bytes(records, length, sizeof length);
    append_checksum(records, length, sizeof length);
    ls_text_append_bytes(records, data->data, data->length);
    append_checksum(records, data->data, data->length);
    records->failed |= data->failed;
}

void ls_events_add(struct ls_events *events, int64_t step, enum ls_event_field field,
                   const struct ls_text *message)
{
    struct ls_text event = {0}, source = {0};
    ls_proto_double(&event, WALL_TIME, wall_time());
    ls_proto_int(&event, STEP, step);
    ls_proto_bytes(&event, field, message->data, message->length);
    if (field == LS_EVENT_VERSION) {
        ls_proto_text(&source, SOURCE_WRITER, "lockstep");
        ls_proto_message(&event, SOURCE, &source);
    }
    event.failed |= message->failed;
    append_record(&events->records, &event);
    ls_text_release(&event);
}

ls_status ls_events_flush(struct ls_events *events)
{
    struct ls_text *records = &events->records;
    ls_status status = ls_text_status(records);
    for (size_t done = 0; done < records->length && status == LS_OK;) {
        ssize_t wrote = pwrite(events->file, records->data + done, records->length - done,
                               (off_t)(events->bytes + (int64_t)done));
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote == 0 || errno != EINTR)
            status = cannot_write(events->path, wrote ? errno : EIO);
    }
    if (status == LS_OK)
        events->bytes += (int64_t)records->length;
    else if (ftruncate(events->file, (off_t)events->bytes) != 0) /* the first failure is told */
        ls_warn("cannot cut '%s': %s", events->path, strerror(errno));
    records->length = 0;
    records->failed = false;
    return status;
}

int64_t ls_events_number(const struct ls_events *events)
{
    return events->number;
}

bool ls_events_is_first(const struct ls_events *events)
{
    return events->first;
}

int64_t ls_events_bytes(const struct ls_events *events)
{
    return events->bytes;
}

/* -- files */

/* Cuts the file before this start's. */
static ls_status cut(const char *path, int64_t bytes)
{
    struct stat about;
    int file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return cannot_write(path, errno);
    ls_status status = LS_OK;
    if (fstat(file, &about) != 0)
        status = cannot_write(path, errno);
    else if (about.st_size < bytes)
        ls_warn("%s has %lld bytes, the checkpoint knows of %lld: events before it are lost", path,
                (long long)about.st_size, (long long)bytes);
    else if (TEMP_FAILURE_RETRY(ftruncate(file, (off_t)bytes)) != 0)
        status = cannot_write(path, errno);
    close(file);
    return status;
}

/* One of the run's files that is there already. */
static ls_status keep_or_remove(const char *path, int64_t number, const struct ls_events_file *file)
{
    if (file->number >= 0 && number == file->number - 1)
        return cut(path, file->kept);
    if (file->number >= 0 && number >= file->number && unlink(path) != 0)
        return cannot_write(path, errno);
    return LS_OK;
}

/* Takes away what came after the checkpoint. The new file is later, in its name, than any of the
 * run's. */
static ls_status clean(struct ls_events *events, const char *directory,
                       const struct ls_events_file *file, int64_t *seconds)
{
    ls_status status = LS_OK;
    DIR *opened = opendir(directory);
    if (!opened)
        return cannot_write(directory, errno);
    events->number = file->number < 0 ? 0 : file->number;
    events->first = true;
    for (const struct dirent *entry; status == LS_OK && (entry = readdir(opened)) != NULL;) {
        long long time, number;
        unsigned long long run;
        char *path = NULL;
        if (sscanf(entry->d_name, NAME_FORMAT, &time, &run, &number) != 3 ||
            run != (unsigned long long)file->run)
            continue;
        *seconds = time >= *seconds ? time + 1 : *seconds;
        if (file->number < 0 && number >= events->number)
            events->number = number + 1;
        events->first &= number >= events->number;
        status = ls_path_join(&path, directory, entry->d_name);
        if (status == LS_OK)
            status = keep_or_remove(path, number, file);
        ls_release(path);
    }
    closedir(opened);
    return status;
}

static ls_status make_directory(const char *directory)
{
    char *inside = NULL;
    LS_TRY(ls_path_join(&inside, directory, "events"));
    ls_status status = ls_file_make_way(inside);
    ls_release(inside);
    return status;
}

static ls_status open_file(struct ls_events *events, const char *directory,
                           const struct ls_events_file *file)
{
    struct ls_text version = {0};
    int64_t seconds = (int64_t)wall_time();
    LS_TRY(make_directory(directory));
    LS_TRY(clean(events, directory, file, &seconds));
    LS_TRY(ls_format(&events->path, "%s/" NAME_FORMAT, directory, (long long)seconds,
                     (unsigned long long)file->run, (long long)events->number));
    events->file = TEMP_FAILURE_RETRY(
        open(events->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (events->file < 0)
        return cannot_write(events->path, errno);
    ls_text_append(&version, "brain.Event:2");
    ls_events_add(events, 0, LS_EVENT_VERSION, &version);
    ls_text_release(&version);
    return ls_events_flush(events);
}

ls_status ls_events_open(struct ls_events **events, const char *directory,
                         const struct ls_events_file *file)
{
    struct ls_events *made = NULL;
    *events = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->file = -1;
    ls_status status = open_file(made, directory, file);
    if (status == LS_OK)
        *events = made;
    else
        ls_events_close(made);
    return status;
}

void ls_events_close(struct ls_events *events)
{
    if (!events)
        return;
    if (events->file >= 0)
        close(events->file);
    ls_text_release(&events->records);
    ls_release(events->path);
    ls_release(events);
}
