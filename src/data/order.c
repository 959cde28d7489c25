#include "data/order.h"

#include "base/random.h"

/* Sets the permutation of the chunks apart from those of the samples. */
enum { CHUNK_KEY = 0x43484e4b };

/* The sequence of chunks of an epoch. All chunks but the last have the same length, so the full
 * ones are permuted among themselves and the short one is put at a place of its own: this keeps
 * the way from a position to its chunk O(1). */
struct chunk_sequence {
    const struct ls_order *order;
    struct ls_random_key key;
    int64_t epoch;
    int64_t full;       /* chunks of the whole length */
    int64_t tail;       /* samples of the short one, or 0 */
    int64_t tail_place; /* its place in the sequence */
};

static struct chunk_sequence sequence_of(const struct ls_order *order, int64_t epoch)
{
    struct chunk_sequence s = {.order = order, .epoch = epoch};

    s.key = ls_random_key(order->seed, LS_PURPOSE_SHUFFLE);
    s.key.word[1] ^= CHUNK_KEY;
    s.full = order->samples / order->chunk;
    s.tail = order->samples % order->chunk;
    s.tail_place = s.full + 1; /* no such place */
    if (s.tail > 0) {
        const uint32_t counter[4] = {(uint32_t)epoch, (uint32_t)((uint64_t)epoch >> 32), 0, 1};
        uint32_t word[4];

        ls_philox(word, counter, s.key);
        s.tail_place = (int64_t)((((uint64_t)word[0] << 32) | word[1]) % (uint64_t)(s.full + 1));
    }
    return s;
}

/* The position at which the chunk at a place begins. */
static int64_t begin_of(const struct chunk_sequence *s, int64_t place)
{
    if (place <= s->tail_place)
        return place * s->order->chunk;
    return (place - 1) * s->order->chunk + s->tail;
}

static int64_t place_of(const struct chunk_sequence *s, int64_t position)
{
    int64_t chunk = s->order->chunk;

    if (position < s->tail_place * chunk)
        return position / chunk;
    if (position < s->tail_place * chunk + s->tail)
        return s->tail_place;
    return (position - s->tail) / chunk + 1;
}

static int64_t chunk_at(const struct chunk_sequence *s, int64_t place)
{
    if (s->tail > 0 && place == s->tail_place)
        return s->full;
    if (s->tail > 0 && place > s->tail_place)
        place--;
    return (int64_t)ls_permute((uint64_t)place, (uint64_t)s->full, s->key, (uint64_t)s->epoch);
}

static int64_t sample_in_chunks(const struct ls_order *order, int64_t epoch, int64_t position)
{
    struct chunk_sequence s = sequence_of(order, epoch);
    int64_t places = s.full + (s.tail > 0);
    int64_t window = place_of(&s, position) / order->window;
    int64_t windows = (places + order->window - 1) / order->window;
    int64_t last = (window + 1) * order->window;
    int64_t begin = begin_of(&s, window * order->window);
    int64_t end = last < places ? begin_of(&s, last) : order->samples;
    int64_t place;

    position = begin + (int64_t)ls_permute((uint64_t)(position - begin), (uint64_t)(end - begin),
                                           ls_random_key(order->seed, LS_PURPOSE_SHUFFLE),
                                           (uint64_t)(epoch * windows + window));
    place = place_of(&s, position);
    return chunk_at(&s, place) * order->chunk + (position - begin_of(&s, place));
}

int64_t ls_order_sample(const struct ls_order *order, int64_t epoch, int64_t position)
{
    switch (order->shuffle) {
    case LS_SHUFFLE_GLOBAL:
        return (int64_t)ls_permute((uint64_t)position, (uint64_t)order->samples,
                                   ls_random_key(order->seed, LS_PURPOSE_SHUFFLE), (uint64_t)epoch);
    case LS_SHUFFLE_CHUNK:
        return sample_in_chunks(order, epoch, position);
    case LS_SHUFFLE_NONE:
        break;
    }
    return position;
}

int64_t ls_order_steps(int64_t samples, int64_t batch_size)
{
    return samples / batch_size + (samples % batch_size != 0);
}

struct ls_range ls_order_slice(int64_t samples, int64_t batch_size, int64_t step, int64_t replicas,
                               int64_t replica)
{
    int64_t begin = step < ls_order_steps(samples, batch_size) ? step * batch_size : samples;
    int64_t rows = samples - begin < batch_size ? samples - begin : batch_size;
    struct ls_range part = ls_part(rows, replicas, replica);

    return (struct ls_range){begin + part.begin, begin + part.end};
}
