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
    return h->query || h->key || h->value || h->given || h->causal || h->window;
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

/* Those where the mask is 0; mask NULL: none. */
static void hide_masked(float *restrict score, const float *restrict mask, size_t n,
                        struct hiding by)
{
    for (size_t i = 0; mask && !by.add && i < n; i++)
        score[i] = mask[i] != 0 ? score[i] : by.value;
    for (size_t i = 0; mask && by.add && i < n; i++)
        score[i] += mask[i] != 0 ? 0 : by.value;
}

/* The keys that a query may see by their places: [*low, *high). */
static void find_seen(const struct ls_hidden *h, size_t query, size_t *low, size_t *high)
{
    *low = h->window && query + 1 > h->window ? query + 1 - h->window : 0;
    *low = *low < h->keys ? *low : h->keys;
    *high = h->keys;
    if (h->causal && *high > query + 1)
        *high = query + 1;
    if (h->window && *high > query + h->window)
        *high = query + h->window;
    *high = *high > *low ? *high : *low;
}

/* The scores of one query in one head. */
static void hide_row(const struct ls_hidden *h, float *score, size_t head, size_t query,
                     struct hiding by)
{
    const float *given =
        h->given ? h->given + head * h->given_step[0] + query * h->given_step[1] : NULL;
    const bool row = given && h->given_step[2] == 0;
    size_t low, high;
    if ((h->query && h->query[query] == 0) || (row && *given == 0)) {
        hide(score, h->keys, by);
        return;
    }
    find_seen(h, query, &low, &high);
    hide(score, low, by);
    hide(score + high, h->keys - high, by);
    hide_masked(score + low, h->value ? h->value + low : NULL, high - low, by);
    hide_masked(score + low, h->key ? h->key + low : NULL, high - low, by);
    hide_masked(score + low, given && !row ? given + low : NULL, high - low, by);
}

void ls_hidden_set(const struct ls_hidden *h, float *scores, float value, bool add)
{
    if (!ls_hidden_any(h))
        return;
    for (size_t head = 0; head < h->heads; head++)
        for (size_t query = 0; query < h->queries; query++, scores += h->keys)
            hide_row(h, scores, head, query, (struct hiding){value, add});
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
