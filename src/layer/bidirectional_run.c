/* Calls of Bidirectional. Saved: what each of the two layers saves, and its result. In work: what
 * one of them works in, the gradient of its result, and what comes to the series from the second.
 */
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "layer/bidirectional.h"
#include "layer/call.h"

/* The second draws other random numbers: no graph has so many calls. */
static const uint32_t backward_stream = UINT32_C(1) << 31;

static size_t result_floats(const struct ls_both_shapes *both)
{
    return (size_t)ls_shape_count(&both->shapes[LS_BOTH_FORWARD].out[0]);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t series_floats(const struct ls_both_shapes *both)
{
    return (size_t)ls_shape_count(&both->shapes[LS_BOTH_FORWARD].in[0]);
}

void ls_both_find_needs(const struct ls_both_shapes *both, struct ls_call_needs *needs)
{
    const struct ls_call_needs *a = &both->needs[LS_BOTH_FORWARD],
                               *b = &both->needs[LS_BOTH_BACKWARD];
    needs->saved_floats = a->saved_floats + b->saved_floats + LS_ALIGNMENT_FLOATS;
    needs->saved_floats_per_row =
        a->saved_floats_per_row + b->saved_floats_per_row + 2 * result_floats(both);
    needs->work_floats = larger(a->work_floats, b->work_floats);
    needs->work_floats_per_row = larger(a->work_floats_per_row, b->work_floats_per_row) +
                                 result_floats(both) + series_floats(both);
}

/* -- calls of the two layers */

struct prepared {
    struct ls_both_shapes both;
    void *inner[LS_BOTH];
    void (*discard[LS_BOTH])(void *inner);
};

/* Where a call's memory is. */
struct memory {
    float *saved[LS_BOTH], *result[LS_BOTH]; /* saved */
    float *work, *result_grad, *series_grad; /* in work */
};

static size_t total(size_t fixed, size_t per_row, size_t rows)
{
    return fixed + per_row * rows;
}

/* What the layers in it have begins where memory is aligned. */
static struct memory memory_of(const struct ls_call *call, const struct ls_both_shapes *both)
{
    const struct ls_call_needs *a = &both->needs[LS_BOTH_FORWARD],
                               *b = &both->needs[LS_BOTH_BACKWARD];
    const size_t rows = (size_t)call->rows, result = rows * result_floats(both);
    struct memory m = {.work = call->work, .saved = {call->saved}};
    m.saved[LS_BOTH_BACKWARD] =
        call->saved +
        ls_round_up(total(a->saved_floats, a->saved_floats_per_row, rows), LS_ALIGNMENT_FLOATS);
    m.result[LS_BOTH_FORWARD] =
        m.saved[LS_BOTH_BACKWARD] + total(b->saved_floats, b->saved_floats_per_row, rows);
    m.result[LS_BOTH_BACKWARD] = m.result[LS_BOTH_FORWARD] + result;
    m.result_grad =
        call->work + total(larger(a->work_floats, b->work_floats),
                           larger(a->work_floats_per_row, b->work_floats_per_row), rows);
    m.series_grad = m.result_grad + result;
    return m;
}

static void bind_states(struct ls_wrapped_call *bound, const struct ls_call *call,
                        const struct ls_both_shapes *both, int direction)
{
    const struct ls_bidirectional *o = call->layer->options;
    const struct ls_call_shapes *s = &both->shapes[direction];
    size_t given_states = s->inputs - s->masks - 1, states = s->outputs - 1;
    size_t in = 1 + (size_t)direction * given_states;
    size_t out = (o->merge_mode == LS_BOTH_SEPARATE ? 2 : 1) + (size_t)direction * states;
    for (size_t i = 0; i < given_states; i++) {
        bound->in[1 + i] = call->in[in + i];
        bound->in_grad[1 + i] = call->in_grad[in + i];
    }
    for (size_t i = 0; i < states; i++) {
        bound->out[1 + i] = call->out[out + i];
        bound->out_grad[1 + i] = call->out_grad[out + i];
    }
}

static void bind(struct ls_wrapped_call *bound, const struct ls_call *call,
                 const struct prepared *prepared, int direction)
{
    const struct ls_both *state = call->layer->state;
    const struct ls_both_shapes *both = &prepared->both;
    const struct ls_call_shapes *s = &both->shapes[direction];
    const struct memory m = memory_of(call, both);
    ls_wrapped_bind(bound, &state->wrapped[direction], call, s);
    bound->call.prepared = prepared->inner[direction];
    bound->call.stream = call->stream ^ (direction == LS_BOTH_BACKWARD ? backward_stream : 0);
    bound->call.saved = m.saved[direction];
    bound->call.work = m.work;
    bound->in[0] = call->in[0];
    if (s->masks > 0)
        bound->in[s->mask_of[0]] = ls_call_mask(call, 0);
    bound->out[0] = m.result[direction];
    bound->out_grad[0] = m.result_grad;
    if (call->in_grad[0])
        bound->in_grad[0] = direction == LS_BOTH_FORWARD ? call->in_grad[0] : m.series_grad;
    bind_states(bound, call, both, direction);
}

void ls_both_discard(void *prepared)
{
    struct prepared *made = prepared;
    for (int d = 0; d < LS_BOTH; d++)
        if (made->inner[d])
            made->discard[d](made->inner[d]);
    ls_release(made);
}

ls_status ls_both_prepare(const struct ls_call *call, void **prepared)
{
    struct prepared *made = NULL;
    ls_status status;
    *prepared = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    LS_TRY_OUT(ls_both_find_shapes(call->layer, call->shapes, &made->both));
    for (int d = 0; d < LS_BOTH; d++) {
        struct ls_wrapped_call bound;
        bind(&bound, call, made, d);
        const struct ls_layer_kind *kind = bound.call.layer->kind;
        made->discard[d] = kind->discard;
        if (kind->prepare)
            LS_TRY_OUT(kind->prepare(&bound.call, &made->inner[d]));
    }
    *prepared = made;
    made = NULL;
out:
    if (made)
        ls_both_discard(made);
    return status;
}

/* -- merging */

/* The results of both, [rows][steps][units] each; the second's steps begin with the last. */
struct results {
    enum ls_both_mode mode;
    size_t rows, steps, units;
    const float *result[LS_BOTH];
};

/* Where the second has the step that the first has at `at`. */
static size_t turned(const struct results *r, size_t at)
{
    return at / r->steps * r->steps + (r->steps - 1 - at % r->steps);
}

/* Floats of a merged step. */
static size_t width(const struct results *r)
{
    return r->mode == LS_BOTH_CONCAT ? 2 * r->units : r->units;
}

static void merge_step(const struct results *r, float *out, const float *a, const float *b)
{
    const size_t units = r->units;
    if (r->mode == LS_BOTH_CONCAT) {
        memcpy(out, a, units * sizeof *out);
        memcpy(out + units, b, units * sizeof *out);
    } else if (r->mode == LS_BOTH_SUM) {
        for (size_t u = 0; u < units; u++)
            out[u] = a[u] + b[u];
    } else if (r->mode == LS_BOTH_AVE) {
        for (size_t u = 0; u < units; u++)
            out[u] = (a[u] + b[u]) / 2;
    } else {
        for (size_t u = 0; u < units; u++)
            out[u] = a[u] * b[u];
    }
}

/* Into out[0], or out[0] and out[1]. */
static void merge(const struct results *r, float *const *out)
{
    const size_t units = r->units;
    for (size_t at = 0; at < r->rows * r->steps; at++) {
        const float *a = r->result[0] + at * units;
        const float *b = r->result[1] + turned(r, at) * units;
        if (r->mode != LS_BOTH_SEPARATE) {
            merge_step(r, out[0] + at * width(r), a, b);
            continue;
        }
        memcpy(out[0] + at * units, a, units * sizeof *a);
        memcpy(out[1] + at * units, b, units * sizeof *b);
    }
}

/* `merged`: what the merged step's gradient has of this one; `other`: the other's result. */
static void derive_step(const struct results *r, float *grad, const float *merged,
                        const float *other)
{
    const size_t units = r->units;
    if (r->mode == LS_BOTH_MUL) {
        for (size_t u = 0; u < units; u++)
            grad[u] = merged[u] * other[u];
    } else if (r->mode == LS_BOTH_AVE) {
        for (size_t u = 0; u < units; u++)
            grad[u] = merged[u] / 2;
    } else {
        memcpy(grad, merged, units * sizeof *grad);
    }
}

/* The gradient of result[which], in its own order, from those of what merge gave; 0 where that is
 * NULL. */
static void derive(const struct results *r, int which, const float *const *out_grad, float *grad)
{
    const float *merged = out_grad[r->mode == LS_BOTH_SEPARATE ? which : 0];
    const size_t units = r->units;
    if (!merged) {
        ls_k->fill(grad, 0, r->rows * r->steps * units);
        return;
    }
    if (r->mode == LS_BOTH_CONCAT)
        merged += (size_t)which * units;
    for (size_t at = 0; at < r->rows * r->steps; at++) {
        size_t back = turned(r, at);
        derive_step(r, grad + (which ? back : at) * units, merged + at * width(r),
                    r->result[!which] + (which ? at : back) * units);
    }
}

/* What merging is about: the results that the two layers gave. */
static struct results results_of(const struct ls_call *call, const struct ls_both_shapes *both)
{
    const struct ls_bidirectional *o = call->layer->options;
    const struct ls_shape *result = &both->shapes[LS_BOTH_FORWARD].out[0];
    const struct memory m = memory_of(call, both);
    size_t units = ls_last_axis(result);
    return (struct results){.mode = (enum ls_both_mode)o->merge_mode,
                            .rows = (size_t)call->rows,
                            .steps = (size_t)ls_shape_count(result) / units,
                            .units = units,
                            .result = {m.result[LS_BOTH_FORWARD], m.result[LS_BOTH_BACKWARD]}};
}

/* -- passes */

void ls_both_forward(const struct ls_call *call)
{
    const struct prepared *prepared = call->prepared;
    if (call->rows == 0)
        return;
    for (int d = 0; d < LS_BOTH; d++) {
        struct ls_wrapped_call bound;
        bind(&bound, call, prepared, d);
        bound.call.layer->kind->forward(&bound.call);
    }
    const struct results results = results_of(call, &prepared->both);
    merge(&results, call->out);
}

void ls_both_backward(const struct ls_call *call)
{
    const struct prepared *prepared = call->prepared;
    if (call->rows == 0) {
        ls_wrapped_clear_gradients(call);
        return;
    }
    const struct ls_both_shapes *both = &prepared->both;
    const struct memory m = memory_of(call, both);
    const struct results results = results_of(call, both);
    for (int d = 0; d < LS_BOTH; d++) {
        struct ls_wrapped_call bound;
        bind(&bound, call, prepared, d);
        derive(&results, d, call->out_grad, m.result_grad);
        ls_penalty_add_gradient(
            bound.call.layer->activity_regularizer, m.result_grad,
            &(struct ls_penalized){.values = m.result[d],
                                   .n = (size_t)call->rows * result_floats(both)},
            1.0 / (double)call->global_rows);
        bound.call.layer->kind->backward(&bound.call);
    }
    if (call->in_grad[0])
        ls_k->add(call->in_grad[0], call->in_grad[0], m.series_grad,
                  (size_t)call->rows * series_floats(both));
}

/* Keras penalizes the results of the two layers, not the merged one. */
double ls_both_penalty(const struct ls_call *call)
{
    const struct ls_both *state = call->layer->state;
    const struct prepared *prepared = call->prepared;
    double sum = 0;
    if (call->rows == 0)
        return 0;
    const struct memory m = memory_of(call, &prepared->both);
    for (int d = 0; d < LS_BOTH; d++)
        sum += ls_penalty(
            state->wrapped[d].layer.activity_regularizer,
            &(struct ls_penalized){.values = m.result[d],
                                   .n = (size_t)call->rows * result_floats(&prepared->both)});
    return sum;
}
