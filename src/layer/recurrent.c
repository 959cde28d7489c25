/* What the recurrent kinds have before they run: shapes, variables, memory, masks. */
#include "layer/recurrent.h"

enum { PRODUCT_ROWS = 256 }; /* a product with so many rows is as fast as one with more */

/* -- masks: [rows][steps] in the order of the input */

bool ls_steps_masked(const struct ls_steps *s, int64_t r, int64_t t)
{
    const struct ls_recurrent *o = s->call->layer->options;
    return s->mask && s->mask[r * s->steps + (o->go_backwards ? s->steps - 1 - t : t)] == 0;
}

bool ls_steps_next(const struct ls_steps *s, int64_t t, struct ls_run *run)
{
    int64_t r = run->first + run->count, end;
    while (r < s->rows && ls_steps_masked(s, r, t))
        r++;
    for (end = r; end < s->rows && !ls_steps_masked(s, end, t);)
        end++;
    *run = (struct ls_run){r, end - r};
    return run->count > 0;
}

bool ls_steps_show(const struct ls_steps *s, int64_t r, int64_t t)
{
    return !s->shown || s->shown[r * s->steps + t] != 0;
}

static void find_shown(const struct ls_steps *s)
{
    const struct ls_recurrent *o = s->call->layer->options;
    for (int64_t r = 0; s->mask && r < s->rows; r++)
        for (int64_t t = 0; t < s->steps; t++) {
            const int64_t at = r * s->steps + t;
            const bool repeats = !o->zero_output_for_mask && t > 0 && s->shown[at - 1] != 0;
            s->shown[at] = repeats || !ls_steps_masked(s, r, t) ? 1 : 0;
        }
}

/* -- memory */

/* Counts floats; hands out their places where there is memory. */
struct cutter {
    float *base;
    int64_t used;
};

static float *cut(struct cutter *c, int64_t floats)
{
    float *place = c->base ? c->base + c->used : NULL;
    c->used += floats;
    return place;
}

static bool needs_before(const struct ls_steps *s)
{
    return ls_activation_saves(&s->activation) == LS_SAVES_INPUT ||
           ls_activation_saves(&s->recurrent_activation) == LS_SAVES_INPUT;
}

static void cut_saved(struct ls_steps *s, struct cutter *c)
{
    const struct ls_recurrent *o = s->call->layer->options;
    const int64_t all = s->steps * s->rows;
    s->x = cut(c, all * s->inputs);
    s->gates = cut(c, all * s->columns);
    if (needs_before(s))
        s->before = cut(c, all * s->columns);
    if (s->cell->extra)
        s->extra = cut(c, all * s->units);
    for (int i = 0; i < s->cell->states; i++)
        s->state[i] = cut(c, (all + s->rows) * s->units);
    s->fed = o->recurrent_dropout > 0 && s->call->training ? cut(c, all * s->units) : s->state[0];
}

static void cut_work(struct ls_steps *s, struct cutter *c, bool backward)
{
    const struct ls_recurrent *o = s->call->layer->options;
    const int64_t all = s->together * s->rows, state = s->rows * s->units;
    bool drops = o->recurrent_dropout > 0 && s->call->training;
    if (s->call->shapes->mask_of[0])
        s->shown = cut(c, s->rows * s->steps);
    if (o->dropout > 0 && s->call->training)
        s->input_keep = cut(c, s->rows * s->inputs);
    if (drops)
        s->state_keep = cut(c, state);
    if (!backward) {
        if (s->cell->reads_inner)
            s->inner = cut(c, s->rows * s->columns);
        return;
    }
    s->gates_grad = cut(c, all * s->columns);
    s->inner_grad = s->cell->reads_inner ? cut(c, all * s->columns) : s->gates_grad;
    for (int i = 0; i < s->cell->states; i++)
        s->state_grad[i] = cut(c, state);
    if (drops || s->cell->makes_products)
        s->product = cut(c, state);
    s->x_grad = cut(c, all * s->inputs);
    s->transposed = cut(c, s->columns * s->units);
}

static struct ls_steps steps_of(const struct ls_call *call, const struct ls_cell *cell)
{
    const struct ls_recurrent *o = call->layer->options;
    const struct ls_shape *in = &call->shapes->in[0];
    return (struct ls_steps){
        .call = call,
        .cell = cell,
        .steps = in->size[0],
        .rows = call->rows,
        .inputs = in->size[1],
        .units = o->units,
        .columns = cell->gates * o->units,
        .together = call->rows < PRODUCT_ROWS ? PRODUCT_ROWS / (call->rows + !call->rows) : 1,
        .activation = ls_activation_of(&o->activation),
        .recurrent_activation = ls_activation_of(&o->recurrent_activation),
        .given = call->shapes->inputs - call->shapes->masks > 1,
    };
}

/* -- shapes and variables */

static ls_status check_input(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                             const struct ls_cell *cell)
{
    const struct ls_recurrent *o = layer->options;
    const struct ls_shape state = {1, {o->units}};
    const size_t inputs = shapes->inputs - shapes->masks;
    char text[LS_SHAPE_TEXT], wanted[LS_SHAPE_TEXT];
    if (inputs != 1 && inputs != 1 + (size_t)cell->states)
        return ls_layer_fail(layer, "it takes the input alone or with all %d states to begin with",
                             cell->states);
    ls_shape_format(text, &shapes->in[0]);
    if (shapes->in[0].rank != 2)
        return ls_layer_fail(layer, "the input must be (None, steps, features), it is %s", text);
    for (size_t i = 1; i < inputs; i++) {
        if (ls_shape_equal(&shapes->in[i], &state))
            continue;
        ls_shape_format(text, &shapes->in[i]);
        ls_shape_format(wanted, &state);
        return ls_layer_fail(layer, "a state to begin with must be %s, input %zu is %s", wanted,
                             i + 1, text);
    }
    return LS_OK;
}

ls_status ls_recurrent_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                             struct ls_call_needs *needs, const struct ls_cell *cell)
{
    const struct ls_recurrent *o = layer->options;
    LS_TRY(check_input(layer, shapes, cell));
    shapes->outputs = 1 + (o->return_state ? (size_t)cell->states : 0);
    shapes->out[0] = o->return_sequences ? (struct ls_shape){2, {shapes->in[0].size[0], o->units}}
                                         : (struct ls_shape){1, {o->units}};
    for (size_t i = 1; i < shapes->outputs; i++)
        shapes->out[i] = (struct ls_shape){1, {o->units}};
    const struct ls_shape gates = {2, {shapes->in[0].size[0], cell->gates * o->units}};
    LS_TRY(ls_layer_check_size(layer, &gates)); /* they are kept, whatever is returned */

    /* Of what is kept for several steps there are at most PRODUCT_ROWS, or rows, rows. */
    const struct ls_call call = {.layer = layer, .shapes = shapes, .rows = 1, .training = true};
    struct ls_steps s = steps_of(&call, cell);
    struct cutter saved = {0}, forward = {0}, backward = {0};
    cut_saved(&s, &saved);
    needs->saved_floats_per_row = (size_t)saved.used;
    s.together = 1;
    cut_work(&s, &forward, false);
    cut_work(&s, &backward, true);
    backward.used -= s.columns * s.units;
    needs->work_floats_per_row =
        (size_t)(backward.used > forward.used ? backward.used : forward.used);
    needs->work_floats =
        (size_t)(s.columns * s.units +
                 PRODUCT_ROWS * ((cell->reads_inner ? 2 : 1) * s.columns + s.inputs));
    return LS_OK;
}

ls_status ls_recurrent_build(struct ls_layer *layer, const struct ls_call_shapes *shapes,
                             const struct ls_cell *cell)
{
    const struct ls_recurrent *o = layer->options;
    const int64_t inputs = shapes->in[0].size[1], columns = cell->gates * o->units;
    const struct ls_shape bias =
        cell->reads_inner ? (struct ls_shape){2, {2, columns}} : (struct ls_shape){1, {columns}};
    if (o->activity_regularizer.kind && o->return_state)
        return ls_layer_fail(layer, "activity_regularizer: with return_state Keras penalizes the "
                                    "states too: use it without");
    ls_layer_declare(layer, "kernel", (struct ls_shape){2, {inputs, columns}}, &o->kernel);
    ls_layer_declare(layer, "recurrent_kernel", (struct ls_shape){2, {o->units, columns}},
                     &o->recurrent);
    if (o->use_bias)
        ls_layer_declare(layer, "bias", bias, &o->bias);
    for (size_t v = 0; v < layer->variables; v++) {
        layer->variable[v].within = cell->name;
        layer->variable[v].group = "cell";
    }
    layer->activity_regularizer = o->activity_regularizer.kind ? &o->activity_regularizer : NULL;
    return LS_OK;
}

/* The state's product is a part of the way of the gradient to the input (and to the state). */
void ls_recurrent_flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                        struct ls_call_flops *flops, const struct ls_cell *cell)
{
    const struct ls_recurrent *o = layer->options;
    const double columns = 2.0 * (double)(cell->gates * o->units);
    const double steps = (double)shapes->in[0].size[0];
    const double products = shapes->inputs - shapes->masks > 1 ? steps : steps - 1;
    const double input = columns * (double)shapes->in[0].size[1] * steps;
    const double state = columns * (double)o->units * products;
    *flops = (struct ls_call_flops){input + state, input, input + 2 * state};
}

unsigned ls_recurrent_flags(const struct ls_layer *layer)
{
    const struct ls_recurrent *o = layer->options;
    return LS_LAYER_READS_MASK | LS_LAYER_STATES | (o->return_sequences ? LS_LAYER_PASSES_MASK : 0);
}

/* -- both passes */

/* Dropout: a mask a sample, the same in all steps and for all gates, drawn as in Dropout
 * (layer/dropout.c), the two rates with keys of their own. (Keras draws a mask a gate where
 * recurrent_dropout is not 0.) */
static void draw_keep(float *keep, const struct ls_call *call, double rate, enum ls_purpose purpose)
{
    const struct ls_recurrent *o = call->layer->options;
    const size_t columns =
        (size_t)(purpose == LS_PURPOSE_DROPOUT ? call->shapes->in[0].size[1] : o->units);
    struct ls_random_key key =
        ls_random_key(o->seed == LS_NULL_INT ? call->seed : (uint64_t)o->seed, purpose);
    key.word[1] += call->epoch;
    ls_k->fill(keep, 1, (size_t)call->rows * columns);
    ls_k->dropout(keep, keep, (float)rate, key, call->stream, call->samples, (size_t)call->rows,
                  columns);
}

struct ls_steps ls_steps_start(const struct ls_call *call, const struct ls_cell *cell,
                               bool backward)
{
    const struct ls_recurrent *o = call->layer->options;
    struct ls_steps s = steps_of(call, cell);
    struct cutter saved = {.base = call->saved}, work = {.base = call->work};
    s.mask = ls_call_mask(call, 0);
    s.recurrent = call->weight[LS_RECURRENT_RECURRENT];
    s.bias = o->use_bias ? call->weight[LS_RECURRENT_BIAS] : NULL;
    cut_saved(&s, &saved);
    cut_work(&s, &work, backward);
    find_shown(&s);
    if (s.input_keep)
        draw_keep(s.input_keep, call, o->dropout, LS_PURPOSE_DROPOUT);
    if (s.state_keep)
        draw_keep(s.state_keep, call, o->recurrent_dropout, LS_PURPOSE_RECURRENT_DROPOUT);
    return s;
}
