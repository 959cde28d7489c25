/* What happens around the cells. Only the state's product goes step by step, with the recurrent
 * kernel (in the backward pass a transposed copy of it: measured, 72 us to 99 us at 64 x 128 x 512)
 * staying in the cache; all others are made for several steps at once, as many as make large
 * products, and no more, so that the gates and their gradients are in the cache when the steps come
 * to them, or when the products come to what the steps left.
 */
#include "layer/recurrent.h"

static size_t bytes_of(int64_t floats)
{
    return (size_t)floats * sizeof(float);
}

/* Where the features of a step are in a row of the input. */
static int64_t place_of(const struct ls_steps *s, int64_t r, int64_t t)
{
    const struct ls_recurrent *o = s->call->layer->options;
    return (r * s->steps + (o->go_backwards ? s->steps - 1 - t : t)) * s->inputs;
}

/* The first step has no state that the recurrent kernel could multiply where that is 0. */
static bool has_product(const struct ls_steps *s, int64_t t)
{
    return t > 0 || s->given;
}

/* -- forward */

static void take_input(const struct ls_steps *s)
{
    const size_t n = (size_t)s->inputs;
    float *to = s->x;
    for (int64_t t = 0; t < s->steps; t++)
        for (int64_t r = 0; r < s->rows; r++, to += n) {
            const float *from = s->call->in[0] + place_of(s, r, t);
            if (s->input_keep)
                ls_k->multiply(to, from, s->input_keep + r * s->inputs, n);
            else
                memcpy(to, from, n * sizeof *to);
        }
}

static void take_state(const struct ls_steps *s)
{
    const size_t n = (size_t)(s->rows * s->units);
    for (int i = 0; i < s->cell->states; i++)
        if (s->given)
            memcpy(s->state[i], s->call->in[1 + i], n * sizeof(float));
        else
            ls_k->fill(s->state[i], 0, n);
}

static void add_product(const struct ls_steps *s, int64_t t)
{
    const int64_t state = s->rows * s->units, gates = s->rows * s->columns;
    float *to = s->inner ? s->inner : s->gates + t * gates;
    if (s->state_keep)
        ls_k->multiply(s->fed + t * state, s->state[0] + t * state, s->state_keep, (size_t)state);
    if (s->cell->makes_products)
        return;
    if (has_product(s, t))
        ls_gemm(&(struct ls_gemm){.m = s->rows,
                                  .n = s->columns,
                                  .k = s->units,
                                  .a = s->fed + t * state,
                                  .b = s->recurrent,
                                  .c = to,
                                  .beta = s->inner ? 0 : 1});
    else if (s->inner)
        ls_k->fill(s->inner, 0, (size_t)gates);
}

/* The states of masked rows are those of the step before. */
static void keep_masked(const struct ls_steps *s, int64_t t)
{
    for (int64_t r = 0; s->mask && r < s->rows; r++)
        for (int i = 0; i < s->cell->states && ls_steps_masked(s, r, t); i++) {
            float *from = s->state[i] + (t * s->rows + r) * s->units;
            memcpy(from + s->rows * s->units, from, bytes_of(s->units));
        }
}

static void give_step(const struct ls_steps *s, float *to, int64_t r, int64_t t)
{
    if (ls_steps_show(s, r, t))
        memcpy(to, s->state[0] + ((t + 1) * s->rows + r) * s->units, bytes_of(s->units));
    else
        ls_k->fill(to, 0, (size_t)s->units);
}

static void give(const struct ls_steps *s)
{
    const struct ls_recurrent *o = s->call->layer->options;
    const int64_t last = s->steps * s->rows * s->units;
    for (int64_t r = 0; r < s->rows; r++)
        for (int64_t t = o->return_sequences ? 0 : s->steps - 1; t < s->steps; t++)
            give_step(s, s->call->out[0] + (o->return_sequences ? r * s->steps + t : r) * s->units,
                      r, t);
    for (int i = 0; o->return_state && i < s->cell->states; i++)
        memcpy(s->call->out[1 + i], s->state[i] + last, bytes_of(s->rows * s->units));
}

/* The steps, from the first on, whose products are made together. */
static struct ls_run steps_with(const struct ls_steps *s, int64_t first)
{
    const int64_t left = s->steps - first;
    return (struct ls_run){first, left < s->together ? left : s->together};
}

static void multiply_input(const struct ls_steps *s, struct ls_run steps)
{
    ls_gemm(&(struct ls_gemm){.m = steps.count * s->rows,
                              .n = s->columns,
                              .k = s->inputs,
                              .a = s->x + steps.first * s->rows * s->inputs,
                              .b = s->call->weight[LS_RECURRENT_KERNEL],
                              .c = s->gates + steps.first * s->rows * s->columns});
}

void ls_recurrent_forward(const struct ls_call *call, const struct ls_cell *cell)
{
    if (call->rows == 0)
        return;
    const struct ls_steps s = ls_steps_start(call, cell, false);
    take_input(&s);
    take_state(&s);
    for (int64_t t = 0; t < s.steps; t++) {
        if (t % s.together == 0)
            multiply_input(&s, steps_with(&s, t));
        add_product(&s, t);
        cell->forward(&s, t);
        keep_masked(&s, t);
    }
    give(&s);
}

/* -- backward */

static void transpose(float *out, const float *in, int64_t rows, int64_t columns)
{
    enum { TILE = 16 };
    for (int64_t r0 = 0; r0 < rows; r0 += TILE)
        for (int64_t c0 = 0; c0 < columns; c0 += TILE)
            for (int64_t c = c0; c < columns && c < c0 + TILE; c++)
                for (int64_t r = r0; r < rows && r < r0 + TILE; r++)
                    out[c * rows + r] = in[r * columns + c];
}

static void start_gradients(const struct ls_steps *s)
{
    const struct ls_recurrent *o = s->call->layer->options;
    const int64_t n = s->rows * s->units;
    for (int i = 0; i < s->cell->states; i++) {
        const float *grad = o->return_state ? s->call->out_grad[1 + i] : NULL;
        if (grad)
            memcpy(s->state_grad[i], grad, bytes_of(n));
        else
            ls_k->fill(s->state_grad[i], 0, (size_t)n);
    }
}

/* What comes to the state of a step from the output. */
static void add_output_gradient(const struct ls_steps *s, int64_t t)
{
    const struct ls_recurrent *o = s->call->layer->options;
    const float *grad = s->call->out_grad[0];
    if (!grad || (!o->return_sequences && t < s->steps - 1))
        return;
    for (int64_t r = 0; r < s->rows; r++) {
        const float *from = grad + (o->return_sequences ? r * s->steps + t : r) * s->units;
        float *to = s->state_grad[0] + r * s->units;
        if (ls_steps_show(s, r, t))
            ls_k->add(to, to, from, (size_t)s->units);
    }
}

static void clear_masked(const struct ls_steps *s, int64_t t)
{
    for (int64_t r = 0; s->mask && r < s->rows; r++) {
        const int64_t at = r * s->columns;
        if (!ls_steps_masked(s, r, t))
            continue;
        ls_k->fill(ls_steps_gradient(s, s->gates_grad, t) + at, 0, (size_t)s->columns);
        ls_k->fill(ls_steps_gradient(s, s->inner_grad, t) + at, 0, (size_t)s->columns);
    }
}

void ls_steps_add_product_gradient(const struct ls_steps *s, float *grad)
{
    const size_t n = (size_t)(s->rows * s->units);
    if (s->state_keep)
        ls_k->multiply(grad, grad, s->state_keep, n);
    ls_k->add(s->state_grad[0], s->state_grad[0], grad, n);
}

/* What comes to the state before through the recurrent kernel. */
static void add_product_gradient(const struct ls_steps *s, int64_t t)
{
    if (s->cell->makes_products)
        return;
    ls_gemm(&(struct ls_gemm){.m = s->rows,
                              .n = s->units,
                              .k = s->columns,
                              .a = ls_steps_gradient(s, s->inner_grad, t),
                              .b = s->transposed,
                              .c = s->product ? s->product : s->state_grad[0],
                              .beta = s->product ? 0 : 1});
    if (s->product)
        ls_steps_add_product_gradient(s, s->product);
}

static void weigh_input(const struct ls_steps *s, struct ls_run steps, const struct ls_weigh *to)
{
    ls_gemm(&(struct ls_gemm){.transpose_a = true,
                              .m = s->inputs,
                              .n = s->columns,
                              .k = steps.count * s->rows,
                              .a = s->x + steps.first * s->rows * s->inputs,
                              .b = s->gates_grad,
                              .c = to->grad,
                              .beta = to->add ? 1 : 0});
}

static void weigh_state(const struct ls_steps *s, struct ls_run steps, const struct ls_weigh *to)
{
    const float *grad = s->inner_grad;
    if (s->cell->makes_products) {
        s->cell->weigh(s, steps, to);
        return;
    }
    if (steps.count > 0 && !has_product(s, steps.first)) {
        steps.first++;
        steps.count--;
        grad += s->rows * s->columns;
    }
    ls_gemm(&(struct ls_gemm){.transpose_a = true,
                              .m = s->units,
                              .n = s->columns,
                              .k = steps.count * s->rows,
                              .a = s->fed + steps.first * s->rows * s->units,
                              .b = grad,
                              .c = to->grad,
                              .beta = to->add ? 1 : 0});
}

/* The weights' gradients of steps that were taken together; the last ones are the first to come. */
static void weigh(const struct ls_steps *s, struct ls_run steps)
{
    const size_t rows = (size_t)(steps.count * s->rows), columns = (size_t)s->columns;
    float *const *grad = s->call->weight_grad;
    const bool add = s->call->accumulate || steps.first + steps.count < s->steps;
    if (grad[LS_RECURRENT_KERNEL])
        weigh_input(s, steps, &(struct ls_weigh){grad[LS_RECURRENT_KERNEL], add});
    if (grad[LS_RECURRENT_RECURRENT])
        weigh_state(s, steps, &(struct ls_weigh){grad[LS_RECURRENT_RECURRENT], add});
    if (!s->bias || !grad[LS_RECURRENT_BIAS])
        return;
    ls_k->column_sums(grad[LS_RECURRENT_BIAS], s->gates_grad, rows, columns, add);
    if (s->cell->reads_inner)
        ls_k->column_sums(grad[LS_RECURRENT_BIAS] + columns, s->inner_grad, rows, columns, add);
}

static void give_input_gradient(const struct ls_steps *s, struct ls_run steps)
{
    const size_t n = (size_t)s->inputs;
    const float *from = s->x_grad;
    ls_gemm(&(struct ls_gemm){.transpose_b = true,
                              .m = steps.count * s->rows,
                              .n = s->inputs,
                              .k = s->columns,
                              .a = s->gates_grad,
                              .b = s->call->weight[LS_RECURRENT_KERNEL],
                              .c = s->x_grad});
    for (int64_t t = steps.first; t < steps.first + steps.count; t++)
        for (int64_t r = 0; r < s->rows; r++, from += n) {
            float *to = s->call->in_grad[0] + place_of(s, r, t);
            if (s->input_keep)
                ls_k->multiply(to, from, s->input_keep + r * s->inputs, n);
            else
                memcpy(to, from, n * sizeof *to);
        }
}

static void step_backward(const struct ls_steps *s, int64_t t)
{
    add_output_gradient(s, t);
    clear_masked(s, t);
    s->cell->backward(s, t);
    if (has_product(s, t))
        add_product_gradient(s, t);
    if (t % s->together > 0)
        return;
    weigh(s, steps_with(s, t));
    if (s->call->in_grad[0])
        give_input_gradient(s, steps_with(s, t));
}

void ls_recurrent_backward(const struct ls_call *call, const struct ls_cell *cell)
{
    const struct ls_steps s = ls_steps_start(call, cell, true);
    if (s.rows == 0) {
        weigh(&s, (struct ls_run){s.steps, 0});
        return;
    }
    transpose(s.transposed, s.recurrent, s.units, s.columns);
    start_gradients(&s);
    for (int64_t t = s.steps; t-- > 0;)
        step_backward(&s, t);
    for (int i = 0; s.given && i < cell->states; i++)
        if (call->in_grad[1 + i])
            memcpy(call->in_grad[1 + i], s.state_grad[i], bytes_of(s.rows * s.units));
}
