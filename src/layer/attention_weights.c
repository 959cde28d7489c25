/* From scores to weights: what the layers of attention share. */
#include "kernel/kernels.h"
#include "layer/attention.h"

static const struct ls_option arguments[] = {
    {.name = "use_causal_mask",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct ls_attention_arguments, use_causal_mask),
     .initial = "false",
     .unwritten = true,
     .help = "a query sees no keys behind its own place"},
    {.name = "return_attention_scores",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct ls_attention_arguments, return_attention_scores),
     .initial = "false",
     .unwritten = true,
     .help = "the weights of the keys are a second result"},
    {.name = NULL},
};

const struct ls_kind ls_attention_arguments = {.name = "call",
                                               .summary = "a call of a layer of attention",
                                               .options = arguments,
                                               .options_size =
                                                   sizeof(struct ls_attention_arguments)};

bool ls_hidden_any(const struct ls_hidden *h)
{
    return h->masks > 0 || h->causal || h->window;
}

struct hiding {
    float value;
    bool add;
};

static void hide(float *score, size_t n, struct hiding by)
{
    for (size_t i = 0; i < n; i++)
        score[i] = by.add ? score[i] + by.value : by.value;
}

/* Those where the mask is 0. */
static void hide_masked(float *restrict score, const float *restrict mask, size_t n,
                        struct hiding by)
{
    for (size_t i = 0; !by.add && i < n; i++)
        score[i] = mask[i] != 0 ? score[i] : by.value;
    for (size_t i = 0; by.add && i < n; i++)
        score[i] += mask[i] != 0 ? 0 : by.value;
}

/* The keys that a query may see by their places: [*low, *high). */
static void find_seen(const struct ls_hidden *h, size_t query, size_t *low, size_t *high)
{
    const size_t keys = h->size[h->axes - 1];
    *low = h->window && query + 1 > h->window ? query + 1 - h->window : 0;
    *low = *low < keys ? *low : keys;
    *high = keys;
    if (h->causal && *high > query + 1)
        *high = query + 1;
    if (h->window && *high > query + h->window)
        *high = query + h->window;
    *high = *high > *low ? *high : *low;
}

/* What a mask says of the first key of a row of scores. */
static const float *mask_at(const struct ls_hidden *h, size_t mask, const size_t *index)
{
    const float *at = h->mask[mask].mask;
    for (int axis = 0; axis < h->axes - 1; axis++)
        at += index[axis] * h->mask[mask].step[axis];
    return at;
}

/* The scores of one query; `index` is its place on all axes but the last. */
static void hide_row(const struct ls_hidden *h, float *score, const size_t *index, struct hiding by)
{
    const int last = h->axes - 1;
    const size_t keys = h->size[last];
    size_t low, high;
    for (size_t m = 0; m < h->masks; m++) {
        if (h->mask[m].step[last] == 0 && *mask_at(h, m, index) == 0) {
            hide(score, keys, by);
            return;
        }
    }
    find_seen(h, index[last - 1], &low, &high);
    hide(score, low, by);
    hide(score + high, keys - high, by);
    for (size_t m = 0; m < h->masks; m++)
        if (h->mask[m].step[last] != 0)
            hide_masked(score + low, mask_at(h, m, index) + low, high - low, by);
}

void ls_hidden_set(const struct ls_hidden *h, float *scores, float value, bool add)
{
    size_t index[LS_RANK_MAX] = {0}, rows = 1;
    if (!ls_hidden_any(h))
        return;
    for (int axis = 0; axis < h->axes - 1; axis++)
        rows *= h->size[axis];
    for (size_t row = 0; row < rows; row++, scores += h->size[h->axes - 1]) {
        hide_row(h, scores, index, (struct hiding){value, add});
        for (int axis = h->axes - 2; axis >= 0 && ++index[axis] == h->size[axis]; axis--)
            index[axis] = 0;
    }
}

bool ls_weights_drop(const struct ls_call *call, const struct ls_weights_dropout *dropout)
{
    return call->training && dropout->rate > 0;
}

void ls_weights_apply(const struct ls_call *call, const struct ls_weights_dropout *dropout,
                      float *out, const float *in, struct ls_weights_of of)
{
    if (dropout->rate == 1) {
        ls_k->fill(out, 0, of.columns);
        return;
    }
    uint64_t seed = dropout->seed == LS_NULL_INT ? call->seed : (uint64_t)dropout->seed;
    struct ls_random_key key = ls_random_key(seed, LS_PURPOSE_DROPOUT);
    key.word[1] += call->epoch;
    ls_k->dropout(out, in, (float)dropout->rate, key, call->stream, call->samples + of.row, 1,
                  of.columns);
}
