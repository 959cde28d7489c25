/* Making the update plan: pieces, slots, room. */
#include "base/memory.h"
#include "kernel/kernels.h"
#include "store/variable_way.h"
#include "train/update_inside.h"

static ls_status parse_optimizer(struct ls_update_plan *plan, const struct ls_tree *tree)
{
    const struct ls_kind *kind;
    if (tree && !ls_tree_is_null(tree))
        return ls_optimizer_parse(&plan->optimizer, tree);
    LS_TRY(ls_kind_require(&ls_optimizers, NULL, "rmsprop", &kind));
    return ls_instance_create(&plan->optimizer, kind, NULL, NULL);
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
    if (last && !last->whole && !piece->whole)
        last->floats = piece->offset + piece->floats - last->offset;
    else
        plan->piece[plan->pieces++] = *piece;
}

static ls_status add_variable(struct ls_update_plan *plan, const struct ls_variable_at *at)
{
    const struct ls_optimizer_kind *kind = kind_of(plan);
    const struct ls_instance *regularizer = at->variable->regularizer;
    const struct ls_instance *constraint = at->variable->constraint;
    size_t count = ls_variable_count(at->variable);
    size_t floats = ls_round_up(count, LS_ALIGNMENT_FLOATS);
    struct piece piece = {.offset = at->variable->offset,
                          .floats = goes_by_variable(plan) ? count : floats,
                          .shape = &at->variable->shape,
                          .decay = common_of(plan)->weight_decay};
    if (regularizer && regularizer->kind)
        piece.regularized = at->variable;
    if (constraint && constraint->kind)
        plan->constrained[plan->constraints++] = at->variable;
    piece.whole = goes_by_variable(plan) || piece.regularized || (constraint && constraint->kind);
    plan->regularized |= piece.regularized != NULL;
    LS_TRY(ls_variable_way(&piece.way, &plan->optimizer, plan->model, at));
    if (kind->decay)
        piece.decay = kind->decay(plan->optimizer.options, piece.way);
    plan->gap[plan->gaps++] = (struct gap){at->variable->offset + count, floats - count};
    add_piece(plan, &piece);
    return LS_OK;
}

/* What a plan's steps need beside the slots: floats of `changed` and of the kind's room, doubles of
 * the constraints' norms. */
struct room {
    size_t changed, own, norms;
};

static struct room room_of(const struct ls_update_plan *plan)
{
    const struct ls_optimizer_kind *kind = kind_of(plan);
    const struct ls_optimizer_common *common = common_of(plan);
    struct room most = {0};
    for (size_t p = 0; p < plan->pieces; p++) {
        size_t own = kind->room ? kind->room(plan->piece[p].shape) : 0;
        most.changed = plan->piece[p].floats > most.changed ? plan->piece[p].floats : most.changed;
        most.own = own > most.own ? own : most.own;
    }
    if (!plan->regularized && !accumulates(plan) && isnan(common->clipnorm) &&
        isnan(common->global_clipnorm) && isnan(common->clipvalue))
        most.changed = 0;
    for (size_t c = 0; c < plan->constraints; c++) {
        const struct ls_variable *variable = plan->constrained[c];
        size_t norms = ls_constraint_room(variable->constraint, &variable->shape);
        most.norms = norms > most.norms ? norms : most.norms;
    }
    return most;
}

static ls_status make_room(struct ls_update_plan *plan)
{
    struct room room = room_of(plan);
    if (room.changed)
        LS_TRY(ls_allocate(&plan->changed, room.changed + LS_ALIGNMENT_FLOATS, sizeof(float)));
    if (room.norms)
        LS_TRY(ls_allocate(&plan->norms, room.norms, sizeof *plan->norms));
    return room.own ? ls_allocate(&plan->room, room.own, sizeof(float)) : LS_OK;
}

static ls_status make_pieces(struct ls_update_plan *plan)
{
    size_t count = ls_model_variables(plan->model);
    LS_TRY(ls_allocate(&plan->piece, count + 1, sizeof *plan->piece));
    LS_TRY(ls_allocate(&plan->gap, count + 1, sizeof *plan->gap));
    LS_TRY(ls_allocate(&plan->constrained, count + 1, sizeof *plan->constrained));
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(plan->model, i);
        if (!at.trainable)
            break;
        LS_TRY(add_variable(plan, &at));
    }
    plan->all_pieces = plan->pieces;
    for (size_t p = 0; p < plan->pieces; p++)
        plan->piece[p].number = p;
    return ls_update_plan_divide(plan, ls_crew_rank(plan->crew), ls_crew_size(plan->crew));
}

ls_status ls_update_plan_create(struct ls_update_plan **plan, struct ls_model *model,
                                const struct ls_tree *optimizer, struct ls_crew *crew)
{
    struct ls_update_plan *made = NULL;
    ls_status status;
    *plan = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->model = model;
    made->crew = crew;
    made->scale.factor = 1;
    LS_TRY_OUT(parse_optimizer(made, optimizer));
    ls_optimizer_slots(&made->slots, &made->optimizer);
    LS_TRY_OUT(make_pieces(made));
    LS_TRY_OUT(make_room(made));
    *plan = made;
    return LS_OK;
out:
    ls_update_plan_free(made);
    return status;
}

/* What lies in memory of the crew. */
ls_status ls_update_plan_make_slots(struct ls_update_plan *plan)
{
    const size_t floats = plan->model->trainable_floats;
    if (!isnan(common_of(plan)->global_clipnorm))
        LS_TRY(ls_crew_allocate(plan->crew, &plan->square,
                                (plan->all_pieces + 1) * sizeof *plan->square));
    for (size_t s = 0; s < plan->slots.count; s++) {
        LS_TRY(ls_crew_allocate(plan->crew, &plan->slot[s],
                                (floats + LS_ALIGNMENT_FLOATS) * sizeof(float)));
        if (plan->slots.initial[s] != 0 && ls_crew_leads(plan->crew))
            ls_k->fill(plan->slot[s], (float)plan->slots.initial[s], floats);
    }
    return LS_OK;
}

ls_status ls_update_plan_bytes(size_t *bytes, size_t *slots, struct ls_model *model,
                               const struct ls_tree *optimizer, const struct ls_crew *crew)
{
    struct ls_update_plan *dry = NULL;
    ls_status status;
    *bytes = *slots = 0;
    LS_TRY(ls_allocate(&dry, 1, sizeof *dry));
    dry->model = model;
    dry->crew = (struct ls_crew *)crew; /* is only looked at */
    LS_TRY_OUT(parse_optimizer(dry, optimizer));
    LS_TRY_OUT(make_pieces(dry));
    ls_optimizer_slots(&dry->slots, &dry->optimizer);
    struct room room = room_of(dry);
    size_t floats = room.changed + room.own + ls_model_penalty_room(model);
    *slots = dry->slots.count * model->trainable_floats * sizeof(float);
    *bytes =
        *slots / (size_t)ls_crew_size(crew) + floats * sizeof(float) + room.norms * sizeof(double);
out:
    ls_update_plan_free(dry);
    return status;
}

void ls_update_plan_free(struct ls_update_plan *plan)
{
    if (!plan)
        return;
    for (size_t s = 0; s < plan->slots.count; s++)
        ls_crew_release(plan->crew, plan->slot[s]);
    ls_instance_release(&plan->optimizer);
    ls_release(plan->piece);
    ls_release(plan->gap);
    ls_release(plan->constrained);
    ls_release(plan->norms);
    ls_release(plan->changed);
    ls_crew_release(plan->crew, plan->square);
    ls_release(plan->room);
    ls_release(plan);
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

ls_status ls_update_plan_take_slot(struct ls_update_plan *plan, size_t slot, float **taken)
{
    LS_TRY(ls_crew_take(plan->crew, plan->slot[slot], taken));
    plan->slot[slot] = NULL;
    return LS_OK;
}
