/* One producer, one consumer, a ring of batches between them; but none of it where all that is read
 * lies in memory: then there is nothing to wait for, a batch is filled when it is asked for, and is
 * still in the core's cache when it is used (measured, 32 rows of MNIST a step, one core a rank: 10
 * to 25 us a step less than the thread costs). A step may take 100 us, so the thread's normal
 * case is free of system calls: the consumer finds a batch by an atomic load. The producer sleeps
 * when the ring is full and is woken when half of it is free, so that a wake-up is paid once in
 * many batches. */
#include "data/loader.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/pulse.h"
#include "data/loader_check.h"

enum {
    DEPTH_MAX = 16,
    DEPTH_MIN = 2, /* one that is trained on, one ahead */
    RING_BYTES = 64 * 1024 * 1024,
    MESSAGE_BYTES = 1024
};

struct slot {
    struct ls_batch batch;
    float **column;
    int64_t *first;
    int64_t *samples;
    ls_status status;
    char message[MESSAGE_BYTES];
};

struct ls_loader {
    struct ls_loader_options options;
    struct ls_column_use *use;
    int64_t rows; /* of the largest local batch */
    size_t depth;
    struct slot *slot;
    float *floats;         /* all slots' columns */
    unsigned char *staged; /* numbers before they are converted */
    int64_t steps;         /* an epoch */

    bool direct;  /* no thread: all is in memory */
    bool running; /* there is a thread, or none is needed */
    bool holds;   /* the consumer has a batch */
    pthread_t thread;
    struct ls_pulse *pulse; /* of who started the thread, and may wait for it */
    int64_t epoch, step;    /* where the thread begins; without one, what comes next */

    /* Numbers of batches since the start; slot n % depth. */
    _Alignas(LS_ALIGNMENT) _Atomic uint64_t produced;
    _Alignas(LS_ALIGNMENT) _Atomic uint64_t released;
    _Alignas(LS_ALIGNMENT) atomic_bool producer_sleeps;
    atomic_bool consumer_sleeps;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t room, ready;
};

/* -- filling a batch */

static ls_status fill_column(struct ls_loader *loader, struct slot *slot, size_t index)
{
    const struct ls_column_use *use = &loader->use[index];
    struct ls_data *data = loader->options.data;
    const struct ls_column *column = ls_data_column(data, use->column);
    size_t n = (size_t)(slot->batch.rows * ls_shape_count(&column->shape));
    bool is_float = column->type == LS_NUMBER_FLOAT;

    LS_TRY(ls_data_read(data, use->column, is_float ? (void *)slot->column[index] : loader->staged,
                        slot->samples, slot->batch.rows));
    if (!is_float)
        ls_k->convert(slot->column[index], loader->staged, column->type, n);
    return ls_loader_check(&(struct ls_loader_numbers){.data = data,
                                                       .use = loader->use,
                                                       .uses = loader->options.uses,
                                                       .index = index,
                                                       .number = slot->column[index],
                                                       .sample = slot->samples,
                                                       .rows = (size_t)slot->batch.rows});
}

static ls_status fill(struct ls_loader *loader, struct slot *slot, int64_t epoch, int64_t step)
{
    const struct ls_loader_options *o = &loader->options;
    struct ls_batch *batch = &slot->batch;

    batch->rows = 0;
    for (int64_t replica = o->local.begin; replica < o->local.end; replica++) {
        struct ls_range range =
            ls_order_slice(o->order.samples, o->batch_size, step, o->replicas, replica);

        slot->first[replica - o->local.begin] = batch->rows;
        for (int64_t at = range.begin; at < range.end; at++)
            slot->samples[batch->rows++] = ls_order_sample(&o->order, epoch, at);
    }
    slot->first[o->local.end - o->local.begin] = batch->rows;
    batch->global_rows = o->order.samples - step * o->batch_size;
    if (batch->global_rows > o->batch_size)
        batch->global_rows = o->batch_size;
    for (size_t i = 0; i < o->uses; i++)
        LS_TRY(fill_column(loader, slot, i));
    return LS_OK;
}

/* -- the producer */

static uint64_t free_slots(struct ls_loader *loader, uint64_t produced)
{
    return loader->depth - (produced - atomic_load(&loader->released));
}

/* Waits until half of the ring is free; false when the loader is to stop. The flag is set before
 * the ring is looked at again, and the consumer looks at the flag after it released a batch, both
 * sequentially consistent: one of them sees the other. */
static bool wait_for_room(struct ls_loader *loader, uint64_t produced)
{
    pthread_mutex_lock(&loader->lock);
    atomic_store(&loader->producer_sleeps, true);
    while (!atomic_load(&loader->stop) && free_slots(loader, produced) < loader->depth / 2)
        pthread_cond_wait(&loader->room, &loader->lock);
    atomic_store(&loader->producer_sleeps, false);
    pthread_mutex_unlock(&loader->lock);
    return !atomic_load(&loader->stop);
}

static void publish(struct ls_loader *loader, uint64_t produced)
{
    atomic_store(&loader->produced, produced);
    if (atomic_load(&loader->consumer_sleeps)) {
        pthread_mutex_lock(&loader->lock);
        pthread_cond_signal(&loader->ready);
        pthread_mutex_unlock(&loader->lock);
    }
}

static void *produce(void *user)
{
    struct ls_loader *loader = user;
    int64_t epoch = loader->epoch, step = loader->step;
    uint64_t produced = 0;

    ls_pulse_show(loader->pulse);
    while (!atomic_load(&loader->stop)) {
        struct slot *slot = &loader->slot[produced % loader->depth];

        if (free_slots(loader, produced) == 0 && !wait_for_room(loader, produced))
            break;
        slot->status = fill(loader, slot, epoch, step);
        if (slot->status != LS_OK)
            snprintf(slot->message, sizeof slot->message, "%s", ls_message());
        publish(loader, ++produced);
        if (slot->status != LS_OK)
            break;
        if (++step == loader->steps) {
            step = 0;
            epoch++;
        }
    }
    return NULL;
}

static void stop_thread(struct ls_loader *loader)
{
    if (!loader->running || loader->direct)
        return;
    pthread_mutex_lock(&loader->lock);
    atomic_store(&loader->stop, true);
    pthread_cond_signal(&loader->room);
    pthread_mutex_unlock(&loader->lock);
    pthread_join(loader->thread, NULL);
    loader->running = false;
}

static ls_status start_thread(struct ls_loader *loader)
{
    sigset_t all, before;
    int result;

    loader->pulse = ls_pulse_here();
    /* The program's signals are for its own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&loader->thread, NULL, produce, loader);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return ls_fail(LS_FAILED, "no thread for the loader: %s", strerror(result));
    return LS_OK;
}

ls_status ls_loader_start(struct ls_loader *loader, int64_t epoch, int64_t step)
{
    if (epoch < 0 || step < 0 || step >= loader->steps)
        return ls_fail(LS_USAGE, "no step %lld of %lld in epoch %lld", (long long)step,
                       (long long)loader->steps, (long long)epoch);
    stop_thread(loader);
    loader->epoch = epoch;
    loader->step = step;
    loader->holds = false;
    atomic_store(&loader->produced, 0);
    atomic_store(&loader->released, 0);
    atomic_store(&loader->stop, false);
    if (!loader->direct)
        LS_TRY(start_thread(loader));
    loader->running = true;
    return LS_OK;
}

/* -- the consumer */

static void release_batch(struct ls_loader *loader)
{
    uint64_t released = atomic_load(&loader->released) + 1;

    loader->holds = false;
    atomic_store(&loader->released, released);
    if (atomic_load(&loader->producer_sleeps) &&
        loader->depth - (atomic_load(&loader->produced) - released) >= loader->depth / 2) {
        pthread_mutex_lock(&loader->lock);
        pthread_cond_signal(&loader->room);
        pthread_mutex_unlock(&loader->lock);
    }
}

static void wait_for_batch(struct ls_loader *loader, uint64_t wanted)
{
    pthread_mutex_lock(&loader->lock);
    atomic_store(&loader->consumer_sleeps, true);
    while (atomic_load(&loader->produced) <= wanted)
        pthread_cond_wait(&loader->ready, &loader->lock);
    atomic_store(&loader->consumer_sleeps, false);
    pthread_mutex_unlock(&loader->lock);
}

/* A batch that fails comes again. */
static ls_status fill_next(struct ls_loader *loader, const struct ls_batch **batch)
{
    LS_TRY(fill(loader, loader->slot, loader->epoch, loader->step));
    *batch = &loader->slot->batch;
    if (++loader->step == loader->steps) {
        loader->step = 0;
        loader->epoch++;
    }
    return LS_OK;
}

ls_status ls_loader_next(struct ls_loader *loader, const struct ls_batch **batch)
{
    uint64_t wanted;
    struct slot *slot;

    if (!loader->running)
        return ls_fail(LS_USAGE, "the loader was not started");
    ls_pulse_begin(LS_PULSE_WORK, "reading data");
    if (loader->direct)
        return fill_next(loader, batch);
    if (loader->holds)
        release_batch(loader);
    wanted = atomic_load(&loader->released);
    if (atomic_load_explicit(&loader->produced, memory_order_acquire) <= wanted)
        wait_for_batch(loader, wanted);
    slot = &loader->slot[wanted % loader->depth];
    if (slot->status != LS_OK) /* not released, so that it comes again */
        return ls_fail(slot->status, "%s", slot->message);
    loader->holds = true;
    *batch = &slot->batch;
    return LS_OK;
}

/* -- making */

/* Floats of one column of a batch, aligned. */
static size_t column_floats(const struct ls_loader *loader, size_t index)
{
    const struct ls_column *column =
        ls_data_column(loader->options.data, loader->use[index].column);

    return ls_round_up((size_t)(loader->rows * ls_shape_count(&column->shape)),
                       LS_ALIGNMENT_FLOATS);
}

/* The largest local batch is that of a full step: a part of fewer rows is nowhere larger. */
static void count_rows(struct ls_loader *loader)
{
    const struct ls_loader_options *o = &loader->options;

    for (int64_t replica = o->local.begin; replica < o->local.end; replica++) {
        struct ls_range range =
            ls_order_slice(o->order.samples, o->batch_size, 0, o->replicas, replica);

        loader->rows += range.end - range.begin;
    }
}

static ls_status make_slot(struct ls_loader *loader, struct slot *slot, float *floats)
{
    const struct ls_loader_options *o = &loader->options;

    LS_TRY(ls_allocate(&slot->column, o->uses, sizeof *slot->column));
    LS_TRY(ls_allocate(&slot->first, (size_t)(o->local.end - o->local.begin) + 1,
                       sizeof *slot->first));
    LS_TRY(ls_allocate(&slot->samples, (size_t)loader->rows, sizeof *slot->samples));
    for (size_t i = 0; i < o->uses; i++) {
        slot->column[i] = floats;
        floats += column_floats(loader, i);
    }
    slot->batch.column = slot->column;
    slot->batch.first = slot->first;
    slot->batch.samples = slot->samples;
    return LS_OK;
}

/* How many batches are held, and what for: floats of one batch's columns, bytes of the numbers of a
 * column before they are converted. */
struct extent {
    size_t floats, staged;
};

static struct extent measure(struct ls_loader *loader)
{
    const struct ls_loader_options *o = &loader->options;
    size_t floats = 0, staged = 0;

    count_rows(loader);
    loader->direct = true;
    for (size_t i = 0; i < o->uses; i++) {
        const struct ls_column *column = ls_data_column(o->data, o->use[i].column);
        size_t bytes =
            (size_t)(loader->rows * ls_shape_count(&column->shape)) * ls_number_bytes(column->type);

        loader->direct = loader->direct && column->in_memory;
        floats += column_floats(loader, i);
        staged = bytes > staged ? bytes : staged;
    }
    loader->depth = loader->direct ? 1 : DEPTH_MAX;
    while (loader->depth > DEPTH_MIN && loader->depth * floats * sizeof(float) > RING_BYTES)
        loader->depth--;
    return (struct extent){floats, staged};
}

size_t ls_loader_bytes(const struct ls_loader_options *options)
{
    struct ls_loader loader = {.options = *options, .use = (struct ls_column_use *)options->use};
    struct extent extent = measure(&loader);
    size_t slot = (size_t)loader.rows * sizeof(int64_t) + extent.floats * sizeof(float);

    return loader.depth * slot + extent.staged;
}

static ls_status make_slots(struct ls_loader *loader)
{
    const struct ls_loader_options *o = &loader->options;

    LS_TRY(ls_allocate(&loader->use, o->uses, sizeof *loader->use));
    memcpy(loader->use, o->use, o->uses * sizeof *loader->use);
    struct extent extent = measure(loader);
    LS_TRY(ls_allocate(&loader->floats, loader->depth, extent.floats * sizeof(float)));
    LS_TRY(ls_allocate(&loader->staged, extent.staged, 1));
    LS_TRY(ls_allocate(&loader->slot, loader->depth, sizeof *loader->slot));
    for (size_t i = 0; i < loader->depth; i++)
        LS_TRY(make_slot(loader, &loader->slot[i], loader->floats + i * extent.floats));
    return LS_OK;
}

static ls_status check_options(const struct ls_loader_options *o)
{
    if (o->batch_size < 1 || o->replicas < 1 || o->local.begin < 0 ||
        o->local.begin > o->local.end || o->local.end > o->replicas)
        return ls_fail(LS_USAGE, "a loader of batches of %lld, replicas [%lld, %lld) of %lld",
                       (long long)o->batch_size, (long long)o->local.begin, (long long)o->local.end,
                       (long long)o->replicas);
    if (o->order.samples != ls_data_samples(o->data))
        return ls_fail(LS_USAGE, "an order of %lld samples for data of %lld",
                       (long long)o->order.samples, (long long)ls_data_samples(o->data));
    if (o->order.shuffle == LS_SHUFFLE_CHUNK && (o->order.chunk < 1 || o->order.window < 1))
        return ls_fail(LS_USAGE, "an order by chunks of %lld samples, %lld a window",
                       (long long)o->order.chunk, (long long)o->order.window);
    for (size_t i = 0; i < o->uses; i++)
        if (o->use[i].column >= ls_data_columns(o->data))
            return ls_fail(LS_USAGE, "%s has no column %zu", ls_data_name(o->data),
                           o->use[i].column);
    if (o->order.shuffle == LS_SHUFFLE_GLOBAL && !ls_data_random_access(o->data))
        return ls_fail(LS_BAD_INPUT,
                       "%s: chunked data that does not fit in memory cannot be shuffled as a "
                       "whole; use 'shuffle: chunk', or write it contiguous and uncompressed",
                       ls_data_name(o->data));
    return LS_OK;
}

ls_status ls_loader_create(struct ls_loader **loader, const struct ls_loader_options *options)
{
    struct ls_loader *made;
    ls_status status;

    *loader = NULL;
    LS_TRY(check_options(options));
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->options = *options;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->room, NULL);
    pthread_cond_init(&made->ready, NULL);
    made->steps = ls_order_steps(options->order.samples, options->batch_size);
    status = make_slots(made);
    made->options.use = made->use;
    if (status == LS_OK)
        *loader = made;
    else
        ls_loader_free(made);
    return status;
}

void ls_loader_free(struct ls_loader *loader)
{
    if (!loader)
        return;
    stop_thread(loader);
    for (size_t i = 0; loader->slot && i < loader->depth; i++) {
        ls_release(loader->slot[i].column);
        ls_release(loader->slot[i].first);
        ls_release(loader->slot[i].samples);
    }
    ls_release(loader->slot);
    ls_release(loader->floats);
    ls_release(loader->staged);
    ls_release(loader->use);
    pthread_mutex_destroy(&loader->lock);
    pthread_cond_destroy(&loader->room);
    pthread_cond_destroy(&loader->ready);
    ls_release(loader);
}
