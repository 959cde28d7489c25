#include "train/update.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "store/variable_way.h"

/* A range of the arena that is updated in one call: one variable, or all of them between two that
 * stand alone because they have a regularizer; each stands alone where norms or steps go by
 * variable. */
struct piece {
    size_t offset, floats;
    const struct ls_instance *regularizer; /* or NULL */
    const struct ls_shape *shape;
    int way;
    double decay; /* of the weights; NaN: none */
};

/* What is behind a variable in the arena, up to where the next begins: zeros. */
struct gap {
    size_t offset, floats;
};

struct ls_update_plan {
    struct ls_model *model;
    struct ls_instance optimizer;
    struct ls_optimizer_slots slots;
    float *slot[LS_ALL_SLOTS_MAX];
    struct piece *piece;
    size_t pieces;
    struct gap *gap; /* one a trainable variable */
    size_t gaps;
    bool regularized;
    float *changed; /* the gradient of a piece with all that is added to it, or clipped; or NULL */
    double *square; /* of the pieces' gradients, for their norm; or NULL */
    float *room;    /* the kind's */
};

/* One step: what its parts have to know. */
struct at {
    const float *gradient; /* the arena */
    int64_t updates;       /* done before it */
    double learning_rate;
    double factor; /* that clips the whole gradient */
};

static const struct ls_optimizer_kind *kind_of(const struct ls_update_plan *plan)
{
    return ls_optimizer_kind(&plan->optimizer);
}

static const struct ls_optimizer_common *common_of(const struct ls_update_plan *plan)
{
    return ls_optimizer_common(&plan->optimizer);
}

static bool accumulates(const struct ls_update_plan *plan)
{
    return plan->slots.accumulator != SIZE_MAX;
}

/* -- making */

static ls_status parse_optimizer(struct ls_update_plan *plan, const struct ls_tree *tree)
{
    const struct ls_kind *kind;
    if (tree && !ls_tree_is_null(tree))
        return ls_optimizer_parse(&plan->optimizer, tree);
    LS_TRY(ls_kind_require(&ls_optimizers, NULL, "rmsprop", &kind));
    return ls_instance_create(&plan->optimizer, kind, NULL, NULL);
}

static ls_status make_slots(struct ls_update_plan *plan)
{
    const size_t floats = plan->model->trainable_floats;
    ls_optimizer_slots(&plan->slots, &plan->optimizer);
    for (size_t s = 0; s < plan->slots.count; s++) {
        LS_TRY(ls_allocate(&plan->slot[s], floats + LS_ALIGNMENT_FLOATS, sizeof(float)));
        if (plan->slots.initial[s] != 0)
            ls_k->fill(plan->slot[s], (float)plan->slots.initial[s], floats);
    }
    return LS_OK;
}

static bool goes_by_variable(const struct ls_update_plan *plan)
{
    const struct ls_optimizer_common *common = common_of(plan);
    return kind_of(plan)->by_variable || !isnan(common->clipnorm) ||
           !isnan(common->global_clipnorm);
}

static void add_piece(struct ls_update_plan *plan, const struct piece *piece)
{
    struct piece *last = plan->pieces ? &plan->piece[plan->pieces - 1] : NULL;
    bool joined = last && !last->regularizer && !piece->regularizer && !goes_by_variable(plan);
    if (joined)
        last->floats = piece->offset + piece->floats - last->offset;
    else
        plan->piece[plan->pieces++] = *piece;
}

static ls_status add_variable(struct ls_update_plan *plan, const struct ls_variable_at *at)
{
    const struct ls_optimizer_kind *kind = kind_of(plan);
    const struct ls_instance *regularizer = at->variable->regularizer;
    size_t count = ls_variable_count(at->variable);
    size_t floats = ls_round_up(count, LS_ALIGNMENT_FLOATS);
    struct piece piece = {.offset = at->variable->offset,
                          .floats = goes_by_variable(plan) ? count : floats,
                          .shape = &at->variable->shape,
                          .decay = common_of(plan)->weight_decay};
    if (regularizer && regularizer->kind)
        piece.regularizer = regularizer;
    plan->regularized |= piece.regularizer != NULL;
    LS_TRY(ls_variable_way(&piece.way, &plan->optimizer, plan->model, at));
    if (kind->decay)
        piece.decay = kind->decay(plan->optimizer.options, piece.way);
    plan->gap[plan->gaps++] = (struct gap){at->variable->offset + count, floats - count};
    add_piece(plan, &piece);
    return LS_OK;
}

static ls_status make_room(struct ls_update_plan *plan)
{
    const struct ls_optimizer_kind *kind = kind_of(plan);
    const struct ls_optimizer_common *common = common_of(plan);
    size_t largest = 0, room = 0;
    for (size_t p = 0; p < plan->pieces; p++) {
        size_t needed = kind->room ? kind->room(plan->piece[p].shape) : 0;
        largest = plan->piece[p].floats > largest ? plan->piece[p].floats : largest;
        room = needed > room ? needed : room;
    }
    if (plan->regularized || accumulates(plan) || !isnan(common->clipnorm) ||
        !isnan(common->global_clipnorm) || !isnan(common->clipvalue))
        LS_TRY(ls_allocate(&plan->changed, largest + LS_ALIGNMENT_FLOATS, sizeof(float)));
    if (!isnan(common->global_clipnorm))
        LS_TRY(ls_allocate(&plan->square, plan->pieces + 1, sizeof *plan->square));
    return room ? ls_allocate(&plan->room, room, sizeof(float)) : LS_OK;
}

static ls_status make_pieces(struct ls_update_plan *plan)
{
    size_t count = ls_model_variables(plan->model);
    LS_TRY(ls_allocate(&plan->piece, count + 1, sizeof *plan->piece));
    LS_TRY(ls_allocate(&plan->gap, count + 1, sizeof *plan->gap));
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(plan->model, i);
        if (!at.trainable)
            break;
        LS_TRY(add_variable(plan, &at));
    }
    return make_room(plan);
}

ls_status ls_update_plan_create(struct ls_update_plan **plan, struct ls_model *model,
                                const struct ls_tree *optimizer)
{
    struct ls_update_plan *made = NULL;
    ls_status status;
    *plan = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->model = model;
    LS_TRY_OUT(parse_optimizer(made, optimizer));
    LS_TRY_OUT(make_slots(made));
    LS_TRY_OUT(make_pieces(made));
    *plan = made;
    return LS_OK;
out:
    ls_update_plan_free(made);
    return status;
}

ls_status ls_update_plan_bytes(size_t *bytes, struct ls_model *model,
                               const struct ls_tree *optimizer)
{
    struct ls_update_plan dry = {.model = model};
    *bytes = 0;
    ls_status status = parse_optimizer(&dry, optimizer);
    if (status == LS_OK) {
        size_t slots = kind_of(&dry)->slots(dry.optimizer.options, dry.slot_name);
        *bytes = (slots * model->trainable_floats + most_regularized(model)) * sizeof(float);
    }
    ls_instance_release(&dry.optimizer);
    return status;
}

void ls_update_plan_free(struct ls_update_plan *plan)
{
    if (!plan)
        return;
    for (size_t s = 0; s < plan->slots.count; s++)
        ls_release(plan->slot[s]);
    ls_instance_release(&plan->optimizer);
    ls_release(plan->piece);
    ls_release(plan->gap);
    ls_release(plan->changed);
    ls_release(plan->square);
    ls_release(plan->room);
    ls_release(plan);
}

double ls_update_plan_learning_rate(const struct ls_update_plan *plan, int64_t iteration)
{
    (void)iteration;
    return *(const double *)((const char *)plan->optimizer.options +
                             kind_of(plan)->learning_rate_offset);
}

/* -- the gradient */

/* The regularizer's gradient is added to the sum, once, not to each replica's part. */
static const float *with_regularizer(struct ls_update_plan *plan, const struct piece *piece,
                                     const float *gradient)
{
    if (!piece->regularizer)
        return gradient + piece->offset;
    memcpy(plan->changed, gradient + piece->offset, piece->floats * sizeof *gradient);
    ls_penalty_add_gradient(piece->regularizer, plan->changed, plan->model->weights + piece->offset,
                            1, piece->floats);
    return plan->changed;
}

static float *accumulator_of(const struct ls_update_plan *plan, const struct piece *piece)
{
    return plan->slot[plan->slots.accumulator] + piece->offset;
}

/* The mean of this step's gradient and those that were accumulated. */
static const float *mean_gradient(struct ls_update_plan *plan, const struct piece *piece,
                                  const float *gradient)
{
    const float *g = with_regularizer(plan, piece, gradient);
    if (!accumulates(plan))
        return g;
    double steps = (double)common_of(plan)->gradient_accumulation_steps;
    ls_k->add(plan->changed, g, accumulator_of(plan, piece), piece->floats);
    ls_k->scale(plan->changed, plan->changed, (float)(1 / steps), piece->floats);
    return plan->changed;
}

static const float *scaled(struct ls_update_plan *plan, const float *g, double factor, size_t n)
{
    if (factor == 1)
        return g;
    ls_k->scale(plan->changed, g, (float)factor, n);
    return plan->changed;
}

/* What makes a norm `most` where it is larger. 0 is no limit, as in Keras. */
static double clipping_factor(double norm, double most)
{
    return most > 0 && norm > most ? most / norm : 1;
}

/* A norm that is not finite makes the whole gradient NaN, as in Keras: it ends the training. */
static double whole_factor(struct ls_update_plan *plan, const float *gradient)
{
    double most = common_of(plan)->global_clipnorm;
    if (!plan->square || !(most > 0))
        return 1;
    for (size_t p = 0; p < plan->pieces; p++)
        plan->square[p] = ls_sum_blocks(mean_gradient(plan, &plan->piece[p], gradient),
                                        plan->piece[p].floats, LS_SUM_SQUARES);
    double norm = sqrt(ls_tree_sum(plan->square, plan->pieces));
    return isfinite(norm) ? clipping_factor(norm, most) : (double)NAN;
}

static const float *clipped(struct ls_update_plan *plan, const struct piece *piece,
                            const struct at *at)
{
    const struct ls_optimizer_common *common = common_of(plan);
    const float *g = mean_gradient(plan, piece, at->gradient);
    if (common->clipnorm > 0) {
        double norm = sqrt(ls_sum_blocks(g, piece->floats, LS_SUM_SQUARES));
        return scaled(plan, g, clipping_factor(norm, common->clipnorm), piece->floats);
    }
    if (common->clipvalue > 0) {
        ls_k->clip(plan->changed, g, (float)common->clipvalue, piece->floats);
        return plan->changed;
    }
    return scaled(plan, g, at->factor, piece->floats);
}

/* -- the step, in Keras' order: clip, decay, update, average; what
 * constrains variables comes after that */

static void update_piece(struct ls_update_plan *plan, const struct piece *piece,
                         const struct at *at)
{
    struct ls_optimizer_call call = {
        .options = plan->optimizer.options,
        .weights = plan->model->weights + piece->offset,
        .gradient = clipped(plan, piece, at),
        .n = piece->floats,
        .iteration = at->updates,
        .learning_rate = at->learning_rate,
        .shape = piece->shape,
        .way = piece->way,
        .room = plan->room,
    };
    for (size_t s = plan->slots.own; s < plan->slots.count; s++)
        call.slot[s - plan->slots.own] = plan->slot[s] + piece->offset;
    if (!isnan(piece->decay))
        ls_k->decay_weights(call.weights, piece->decay, at->learning_rate, call.n);
    kind_of(plan)->step(&call);
}

static void accumulate(struct ls_update_plan *plan, const float *gradient)
{
    for (size_t p = 0; p < plan->pieces; p++) {
        const struct piece *piece = &plan->piece[p];
        float *sum = accumulator_of(plan, piece);
        ls_k->add(sum, sum, with_regularizer(plan, piece, gradient), piece->floats);
    }
}

/* Between the variables an optimizer may have divided zeros by zeros. */
static void clear_gaps(struct ls_update_plan *plan)
{
    for (size_t i = 0; i < plan->gaps; i++)
        memset(plan->model->weights + plan->gap[i].offset, 0, plan->gap[i].floats * sizeof(float));
}

static void update(struct ls_update_plan *plan, const struct at *at)
{
    for (size_t p = 0; p < plan->pieces; p++)
        update_piece(plan, &plan->piece[p], at);
    clear_gaps(plan);
    if (accumulates(plan))
        memset(plan->slot[plan->slots.accumulator], 0,
               plan->model->trainable_floats * sizeof(float));
}

static void take_averages(struct ls_update_plan *plan)
{
    memcpy(plan->model->weights, plan->slot[plan->slots.average],
           plan->model->trainable_floats * sizeof(float));
}

/* After every step, also one that only accumulates: so does Keras. */
static void average(struct ls_update_plan *plan, int64_t updates)
{
    const struct ls_optimizer_common *common = common_of(plan);
    int64_t every = common->ema_overwrite_frequency;
    if (!common->use_ema)
        return;
    ls_k->moving_mean(plan->slot[plan->slots.average], plan->model->weights,
                      updates == 0 ? 0 : (float)common->ema_momentum,
                      plan->model->trainable_floats);
    if (every != LS_NULL_INT && (updates + 1) % every == 0)
        take_averages(plan);
}

void ls_update_plan_step(struct ls_update_plan *plan, const float *gradient, int64_t iteration)
{
    struct at at = {.gradient = gradient,
                    .updates = ls_optimizer_updates(&plan->optimizer, iteration),
                    .learning_rate = ls_update_plan_learning_rate(plan, iteration)};
    if (ls_optimizer_updates(&plan->optimizer, iteration + 1) == at.updates) {
        accumulate(plan, gradient);
    } else {
        at.factor = whole_factor(plan, gradient);
        update(plan, &at);
    }
    average(plan, at.updates);
}

void ls_update_plan_finish(struct ls_update_plan *plan, int64_t iteration)
{
    if (common_of(plan)->use_ema && iteration > 0)
        take_averages(plan);
}

bool ls_update_plan_regularized(const struct ls_update_plan *plan)
{
    return plan->regularized;
}

size_t ls_update_plan_slots(const struct ls_update_plan *plan)
{
    return plan->slots.count;
}

const char *ls_update_plan_slot_name(const struct ls_update_plan *plan, size_t slot)
{
    return plan->slots.name[slot];
}

float *ls_update_plan_slot(const struct ls_update_plan *plan, size_t slot)
{
    return plan->slot[slot];
}

float *ls_update_plan_take_slot(struct ls_update_plan *plan, size_t slot)
{
    float *taken = plan->slot[slot];
    plan->slot[slot] = NULL;
    return taken;
}
