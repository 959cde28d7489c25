/* Writing checkpoints while training goes on: the caller's thread lays the file out in memory,
 * which is the snapshot; a thread of the writer's own does all input and output. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/pulse.h"
#include "store/checkpoint.h"
#include "store/digest.h"
#include "store/file.h"
#include "store/history.h"
#include "store/keras_file.h"
#include "store/state.h"
#include "store/steps.h"

enum { MESSAGE_BYTES = 1024 };

struct ls_checkpoint_writer {
    char *directory;
    int64_t keep;
    struct ls_h5_buffer buffer; /* the thread's while it runs */

    pthread_t thread;
    bool started; /* not yet joined */
    atomic_bool busy;
    int64_t step;
    char *path;
    struct ls_pulse *pulse; /* of who began: it may wait for the thread */

    /* the thread's result, read after it is joined */
    ls_status status;
    char message[MESSAGE_BYTES];
};

/* -- one file */

/* Room for the numbers, and something for what HDF5 says of them: it asks for a little more again
 * and again, and a buffer that grows is there twice while it is copied. */
static ls_status reserve(struct ls_h5_buffer *buffer, const struct ls_checkpoint *checkpoint)
{
    enum { WORDS = 1 << 16, SHARE = 64 };
    const struct ls_model *model = checkpoint->model;
    size_t floats = model->floats + checkpoint->slots * model->trainable_floats;
    size_t bytes = floats * sizeof(float);
    return ls_h5_buffer_reserve(buffer, bytes + bytes / SHARE + WORDS);
}

static ls_status lay_out(struct ls_h5_buffer *buffer, const struct ls_checkpoint *checkpoint,
                         const char *path)
{
    struct ls_h5_image image;
    LS_TRY(reserve(buffer, checkpoint));
    LS_TRY(ls_h5_image_open(&image, buffer, path));
    ls_status status = ls_keras_file_write(&image, checkpoint);
    if (status == LS_OK)
        status = ls_state_write(&image, checkpoint);
    if (status == LS_OK)
        status = ls_h5_image_finish(&image);
    ls_h5_image_close(&image);
    return status;
}

static ls_status publish(struct ls_h5_buffer *buffer, const char *path)
{
    LS_TRY(ls_digest_seal(buffer, path));
    return ls_file_publish(path, buffer->bytes, buffer->length);
}

ls_status ls_checkpoint_save(const struct ls_checkpoint *checkpoint, const char *path)
{
    struct ls_h5_buffer buffer = {0};
    ls_status status = lay_out(&buffer, checkpoint, path);
    if (status == LS_OK)
        status = publish(&buffer, path);
    ls_h5_buffer_release(&buffer);
    return status;
}

/* -- the thread */

/* Removes checkpoints older than the newest `keep`. One of a later step is none of ours to count or
 * to remove: the run went back behind it since it is damaged, and will write it again. */
static ls_status prune(const struct ls_checkpoint_writer *writer)
{
    struct ls_steps steps;
    int64_t kept = 0;
    LS_TRY(ls_steps_list(&steps, writer->directory));
    for (size_t i = 0; i < steps.count; i++) {
        char *path = NULL;
        if (steps.step[i] > writer->step || ++kept <= writer->keep)
            continue;
        ls_status status = ls_step_path(&path, writer->directory, steps.step[i]);
        if (status == LS_OK && unlink(path) != 0 && errno != ENOENT)
            ls_warn("cannot remove the old checkpoint '%s': %s", path, strerror(errno));
        ls_release(path);
    }
    ls_steps_release(&steps);
    return LS_OK;
}

/* A machine that crashes loses what was not synced: a checkpoint waits for the log of its steps. */
static ls_status sync_log(const struct ls_checkpoint_writer *writer)
{
    char *log = NULL;
    LS_TRY(ls_format(&log, "%s/" LS_HISTORY_LOG, writer->directory));
    ls_status status = ls_file_sync(log);
    ls_release(log);
    return status;
}

static ls_status write_checkpoint(struct ls_checkpoint_writer *writer)
{
    char *newest = NULL;
    LS_TRY(sync_log(writer));
    LS_TRY(publish(&writer->buffer, writer->path));
    LS_TRY(ls_format(&newest, "%s/model.h5", writer->directory));
    ls_status status = ls_file_link(writer->path, newest);
    ls_release(newest);
    return status == LS_OK ? prune(writer) : status;
}

static void *run(void *user)
{
    struct ls_checkpoint_writer *writer = user;
    ls_pulse_show(writer->pulse);
    writer->status = write_checkpoint(writer);
    if (writer->status != LS_OK)
        strncpy(writer->message, ls_message(), sizeof writer->message - 1);
    atomic_store(&writer->busy, false);
    return NULL;
}

/* Signals are the business of the program's own threads. */
static int start_thread(struct ls_checkpoint_writer *writer)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&writer->thread, NULL, run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* -- the writer */

/* Fails now rather than at the first checkpoint. */
static ls_status check_writable(const char *directory)
{
    char *path = NULL;
    struct ls_draft draft;
    LS_TRY(ls_format(&path, "%s/probe", directory));
    ls_status status = ls_draft_open(&draft, path);
    if (status == LS_OK)
        ls_draft_close(&draft);
    ls_release(path);
    return status;
}

ls_status ls_checkpoint_writer_create(struct ls_checkpoint_writer **writer, const char *directory,
                                      int64_t keep)
{
    struct ls_checkpoint_writer *made = NULL;
    char *checkpoints = NULL;
    ls_status status = LS_OK;
    *writer = NULL;
    if (keep < 1)
        return ls_fail(LS_USAGE, "%" PRId64 " checkpoints to keep: at least 1 is kept", keep);
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->keep = keep;
    LS_TRY_OUT(ls_duplicate(&made->directory, directory));
    LS_TRY_OUT(ls_format(&checkpoints, "%s/checkpoints", directory));
    LS_TRY_OUT(ls_directory_make(checkpoints));
    ls_file_sweep(directory);
    ls_file_sweep(checkpoints);
    LS_TRY_OUT(check_writable(directory));
    LS_TRY_OUT(check_writable(checkpoints));
    *writer = made;
    made = NULL;
out:
    ls_release(checkpoints);
    ls_checkpoint_writer_free(made);
    return status;
}

ls_status ls_checkpoint_wait(struct ls_checkpoint_writer *writer)
{
    if (!writer->started)
        return LS_OK;
    ls_pulse_begin(LS_PULSE_WORK, "writing a checkpoint");
    pthread_join(writer->thread, NULL);
    writer->started = false;
    ls_release(writer->path);
    writer->path = NULL;
    return writer->status == LS_OK ? LS_OK : ls_fail(writer->status, "%s", writer->message);
}

ls_status ls_checkpoint_begin(struct ls_checkpoint_writer *writer,
                              const struct ls_checkpoint *checkpoint, int64_t step)
{
    LS_TRY(ls_checkpoint_wait(writer));
    LS_TRY(ls_step_path(&writer->path, writer->directory, step));
    writer->step = step;
    writer->pulse = ls_pulse_here();
    ls_pulse_begin(LS_PULSE_WORK, "writing a checkpoint");
    ls_status status = lay_out(&writer->buffer, checkpoint, writer->path);
    if (status == LS_OK) {
        atomic_store(&writer->busy, true);
        int error = start_thread(writer);
        writer->started = error == 0;
        if (error != 0)
            status = ls_fail(LS_FAILED, "cannot start a thread: %s", strerror(error));
    }
    if (status != LS_OK) {
        atomic_store(&writer->busy, false);
        ls_release(writer->path);
        writer->path = NULL;
    }
    return status;
}

bool ls_checkpoint_busy(const struct ls_checkpoint_writer *writer)
{
    return atomic_load(&writer->busy);
}

void ls_checkpoint_writer_free(struct ls_checkpoint_writer *writer)
{
    if (!writer)
        return;
    if (ls_checkpoint_wait(writer) != LS_OK)
        ls_warn("%s", ls_message());
    ls_h5_buffer_release(&writer->buffer);
    ls_release(writer->path);
    ls_release(writer->directory);
    ls_release(writer);
}
