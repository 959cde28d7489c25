#include "train/update.h"

#include <string.h>

#include "base/memory.h"

/* A range of the arena that is updated in one call: one variable with a regularizer, or all of them
 * between two such. */
struct piece {
    size_t offset, floats;
    const struct ls_instance *regularizer;
};

struct ls_update_plan {
    struct ls_model *model;
    struct ls_instance optimizer;
    const char *slot_name[LS_SLOTS_MAX];
    float *slot[LS_SLOTS_MAX];
    size_t slots;
    struct piece *piece;
    size_t pieces;
    float *regularized; /* the gradient of one variable with its regularizer's */
};

static const struct ls_optimizer_kind *kind_of(const struct ls_update_plan *plan)
{
    return (const struct ls_optimizer_kind *)plan->optimizer.kind;
}

static ls_status parse_optimizer(struct ls_update_plan *plan, const struct ls_tree *tree)
{
    const struct ls_kind *kind;
    if (tree && !ls_tree_is_null(tree))
        return ls_instance_parse(&plan->optimizer, &ls_optimizers, tree);
    LS_TRY(ls_kind_require(&ls_optimizers, NULL, "rmsprop", &kind));
    return ls_instance_create(&plan->optimizer, kind, NULL, NULL);
}

static ls_status make_slots(struct ls_update_plan *plan)
{
    plan->slots = kind_of(plan)->slots(plan->optimizer.options, plan->slot_name);
    for (size_t s = 0; s < plan->slots; s++)
        LS_TRY(ls_allocate(&plan->slot[s], plan->model->trainable_floats + LS_ALIGNMENT_FLOATS,
                           sizeof(float)));
    return LS_OK;
}

/* Floats of the largest variable that has a regularizer. */
static size_t most_regularized(const struct ls_model *model)
{
    size_t most = 0;
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        const struct ls_instance *regularizer = at.variable->regularizer;
        size_t floats = ls_round_up(ls_variable_count(at.variable), LS_ALIGNMENT_FLOATS);
        if (at.trainable && regularizer && regularizer->kind && floats > most)
            most = floats;
    }
    return most;
}

static void add_piece(struct ls_update_plan *plan, struct piece piece)
{
    struct piece *last = plan->pieces ? &plan->piece[plan->pieces - 1] : NULL;
    if (last && !last->regularizer && !piece.regularizer)
        last->floats = piece.offset + piece.floats - last->offset;
    else
        plan->piece[plan->pieces++] = piece;
}

static ls_status make_pieces(struct ls_update_plan *plan)
{
    size_t count = ls_model_variables(plan->model), largest = most_regularized(plan->model);
    LS_TRY(ls_allocate(&plan->piece, count + 1, sizeof *plan->piece));
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(plan->model, i);
        const struct ls_instance *regularizer = at.variable->regularizer;
        if (!at.trainable)
            break;
        size_t floats = ls_round_up(ls_variable_count(at.variable), LS_ALIGNMENT_FLOATS);
        bool regularized = regularizer && regularizer->kind;
        add_piece(plan,
                  (struct piece){at.variable->offset, floats, regularized ? regularizer : NULL});
    }
    return largest ? ls_allocate(&plan->regularized, largest, sizeof(float)) : LS_OK;
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
    for (size_t s = 0; s < plan->slots; s++)
        ls_release(plan->slot[s]);
    ls_instance_release(&plan->optimizer);
    ls_release(plan->piece);
    ls_release(plan->regularized);
    ls_release(plan);
}

double ls_update_plan_learning_rate(const struct ls_update_plan *plan, int64_t iteration)
{
    (void)iteration;
    return *(const double *)((const char *)plan->optimizer.options +
                             kind_of(plan)->learning_rate_offset);
}

/* The regularizer's gradient is added to the sum, once, not to each replica's part. */
static const float *with_regularizer(struct ls_update_plan *plan, const struct piece *piece,
                                     const float *gradient)
{
    if (!piece->regularizer)
        return gradient;
    memcpy(plan->regularized, gradient, piece->floats * sizeof *gradient);
    ls_penalty_add_gradient(piece->regularizer, plan->regularized,
                            plan->model->weights + piece->offset, 1, piece->floats);
    return plan->regularized;
}

void ls_update_plan_step(struct ls_update_plan *plan, const float *gradient, int64_t iteration)
{
    for (size_t p = 0; p < plan->pieces; p++) {
        const struct piece *piece = &plan->piece[p];
        struct ls_optimizer_call call = {
            .options = plan->optimizer.options,
            .weights = plan->model->weights + piece->offset,
            .gradient = with_regularizer(plan, piece, gradient + piece->offset),
            .n = piece->floats,
            .iteration = iteration,
            .learning_rate = ls_update_plan_learning_rate(plan, iteration),
        };
        for (size_t s = 0; s < plan->slots; s++)
            call.slot[s] = plan->slot[s] + piece->offset;
        kind_of(plan)->step(&call);
    }
}

bool ls_update_plan_regularized(const struct ls_update_plan *plan)
{
    return plan->regularized != NULL;
}

size_t ls_update_plan_slots(const struct ls_update_plan *plan)
{
    return plan->slots;
}

const char *ls_update_plan_slot_name(const struct ls_update_plan *plan, size_t slot)
{
    return plan->slot_name[slot];
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
