#include "train/update.h"

#include <string.h>

#include "kernel/kernels.h"
#include "train/update_inside.h"

/* One step: what its parts have to know. */
struct at {
    const float *gradient; /* the arena */
    int64_t updates;       /* done before it */
    double learning_rate;
    double factor; /* that clips the whole gradient */
};

static double scale_at(const struct ls_rate_scale *scale, int64_t iteration)
{
    double done = (double)(iteration - scale->from);
    return done < scale->steps ? 1 + (scale->factor - 1) * (done / scale->steps) : scale->factor;
}

double ls_update_plan_base_rate(const struct ls_update_plan *plan, int64_t iteration)
{
    const struct ls_float_or_kind *rate = ls_optimizer_rate(&plan->optimizer);
    if (plan->steered)
        return plan->rate;
    return rate->instance.kind ? ls_schedule_rate(&rate->instance, iteration) : rate->number;
}

int64_t ls_update_plan_updates(const struct ls_update_plan *plan, int64_t steps)
{
    return ls_optimizer_updates(&plan->optimizer, steps);
}

bool ls_update_plan_scheduled(const struct ls_update_plan *plan)
{
    return !ls_optimizer_holds_rate(&plan->optimizer);
}

double ls_update_plan_learning_rate(const struct ls_update_plan *plan, int64_t iteration)
{
    return ls_update_plan_base_rate(plan, iteration) * scale_at(&plan->scale, iteration);
}

void ls_update_plan_scale(struct ls_update_plan *plan, struct ls_rate_scale scale)
{
    plan->scale = scale;
}

void ls_update_plan_set_learning_rate(struct ls_update_plan *plan, double rate)
{
    plan->rate = rate;
    plan->steered = true;
}

/* -- the gradient */

/* The regularizer's gradient is added to the sum, once, not to each replica's part. */
static const float *with_regularizer(struct ls_update_plan *plan, const struct piece *piece,
                                     const float *gradient)
{
    if (!piece->regularized)
        return gradient + piece->offset;
    memcpy(plan->changed, gradient + piece->offset, piece->floats * sizeof *gradient);
    struct ls_penalized weight = ls_model_penalized(plan->model, piece->regularized);
    ls_penalty_add_gradient(piece->regularized->regularizer, plan->changed, &weight, 1);
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

/* A norm that is not finite makes the whole gradient NaN, as in Keras: it ends the training. Each
 * rank of the crew has the squares of its pieces; they are not written again before all of it have
 * come to the next step. */
static ls_status find_factor(struct ls_update_plan *plan, const float *gradient, double *factor)
{
    double most = common_of(plan)->global_clipnorm;
    *factor = 1;
    if (!plan->square || !(most > 0))
        return LS_OK;
    for (size_t p = 0; p < plan->pieces; p++) {
        const struct piece *piece = &plan->piece[p];
        plan->square[piece->number] =
            ls_sum_blocks(mean_gradient(plan, piece, gradient), piece->floats, LS_SUM_SQUARES);
    }
    LS_TRY(ls_crew_wait(plan->crew));
    double norm = sqrt(ls_tree_sum(plan->square, plan->all_pieces));
    *factor = isfinite(norm) ? clipping_factor(norm, most) : (double)NAN;
    return LS_OK;
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

/* -- the step, in Keras' order: clip, decay, update, average, constrain */

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
    for (size_t p = 0; accumulates(plan) && p < plan->pieces; p++)
        memset(accumulator_of(plan, &plan->piece[p]), 0, plan->piece[p].floats * sizeof(float));
}

static void take_averages(struct ls_update_plan *plan)
{
    for (size_t p = 0; p < plan->pieces; p++) {
        const struct piece *piece = &plan->piece[p];
        memcpy(plan->model->weights + piece->offset,
               plan->slot[plan->slots.average] + piece->offset, piece->floats * sizeof(float));
    }
}

/* After every step, also one that only accumulates: so does Keras. */
static void average(struct ls_update_plan *plan, int64_t updates)
{
    const struct ls_optimizer_common *common = common_of(plan);
    int64_t every = common->ema_overwrite_frequency;
    if (!common->use_ema)
        return;
    for (size_t p = 0; p < plan->pieces; p++) {
        const struct piece *piece = &plan->piece[p];
        ls_k->moving_mean(plan->slot[plan->slots.average] + piece->offset,
                          plan->model->weights + piece->offset,
                          updates == 0 ? 0 : (float)common->ema_momentum, piece->floats);
    }
    if (every != LS_NULL_INT && (updates + 1) % every == 0)
        take_averages(plan);
}

/* After every step, also one that only accumulates, and not in the averages: so does Keras. */
static void constrain(const struct ls_update_plan *plan)
{
    for (size_t c = 0; c < plan->constraints; c++) {
        const struct ls_variable *variable = plan->constrained[c];
        ls_constrain(variable->constraint, plan->model->weights + variable->offset,
                     &variable->shape, plan->norms);
    }
}

ls_status ls_update_plan_step(struct ls_update_plan *plan, const float *gradient, int64_t iteration)
{
    struct at at = {.gradient = gradient,
                    .updates = ls_optimizer_updates(&plan->optimizer, iteration),
                    .learning_rate = ls_update_plan_learning_rate(plan, iteration)};
    LS_TRY(ls_crew_wait(plan->crew));
    if (ls_optimizer_updates(&plan->optimizer, iteration + 1) == at.updates) {
        accumulate(plan, gradient);
    } else {
        LS_TRY(find_factor(plan, gradient, &at.factor));
        update(plan, &at);
    }
    average(plan, at.updates);
    constrain(plan);
    return LS_OK;
}

ls_status ls_update_plan_finish(struct ls_update_plan *plan, int64_t iteration)
{
    if (!common_of(plan)->use_ema || iteration == 0)
        return LS_OK;
    LS_TRY(ls_crew_wait(plan->crew));
    take_averages(plan);
    return ls_crew_wait(plan->crew);
}
