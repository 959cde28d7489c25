#include <math.h>

#include "base/memory.h"
#include "store/keras_slots.h"
#include "store/slots_layout.h"

/* The variables of a file, in order, and how many of them stand before the slots. */
struct listed {
    struct ls_texts object;
    size_t head;
    double iteration, learning_rate; /* learning_rate NaN: not there */
    bool by_slot;                    /* of an optimizer of old: no slots are paired */
};

/* Where the learning rate follows a schedule Keras holds none. */
static ls_status read_head(const struct ls_h5 *h5, struct listed *listed,
                           const struct ls_instance *optimizer)
{
    const struct ls_texts *object = &listed->object;
    const bool held = ls_optimizer_holds_rate(optimizer);
    int rank = -1;
    LS_TRY(ls_h5_read_number(h5, object->text[0], &listed->iteration));
    if (!(listed->iteration >= 0 && listed->iteration < (double)(INT64_C(1) << 53)))
        return ls_fail(LS_BAD_INPUT, "%s: %s: expected a count of steps", h5->path,
                       object->text[0]);
    listed->learning_rate = NAN;
    listed->head = 1;
    if (held && object->count > 1)
        LS_TRY(ls_h5_read_rank(h5, object->text[1], &rank));
    if (rank == 0) {
        LS_TRY(ls_h5_read_number(h5, object->text[1], &listed->learning_rate));
        listed->head = 2;
    }
    return LS_OK;
}

/* What was set while training counts, not what the model was compiled with. */
static ls_status take_learning_rate(struct ls_checkpoint *checkpoint, double rate)
{
    struct ls_tree *optimizer = (struct ls_tree *)ls_slots_optimizer(checkpoint);
    struct ls_tree *options = optimizer->type == LS_TREE_MAP ? optimizer->child : NULL;
    double before;
    if (!options || options->type != LS_TREE_MAP || isnan(rate))
        return LS_OK;
    struct ls_tree *entry = (struct ls_tree *)ls_tree_find(options, "learning_rate");
    if (entry && (entry->type != LS_TREE_SCALAR || ls_tree_double(entry, &before) != LS_OK ||
                  (float)before == (float)rate))
        return LS_OK;
    if (entry)
        ls_tree_remove(entry);
    return ls_tree_add_double(options, "learning_rate", rate) ? LS_OK
                                                              : ls_fail(LS_FAILED, "out of memory");
}

static ls_status add_slots(struct ls_checkpoint *checkpoint, const struct ls_slots_layout *layout)
{
    for (size_t s = 0; s < layout->slots.count; s++) {
        char *name = NULL;
        LS_TRY(ls_duplicate(&name, layout->slots.name[s]));
        checkpoint->slot_name[s] = name;
        checkpoint->slots = s + 1;
        LS_TRY(ls_allocate(&checkpoint->slot[s],
                           checkpoint->model->trainable_floats + LS_ALIGNMENT_FLOATS,
                           sizeof(float)));
    }
    return LS_OK;
}

static ls_status read_slots(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint,
                            const struct ls_slots_layout *layout, const struct listed *listed)
{
    size_t wanted = layout->spots + layout->scalar;
    size_t count = listed->object.count - listed->head;
    if (count == 0 && listed->iteration == 0)
        return LS_OK; /* compiled and not yet trained */
    if (count != wanted)
        return ls_fail(LS_BAD_INPUT,
                       "it has %zu slots of variables after %.0f steps, but %s of this model has "
                       "%zu",
                       count, listed->iteration, layout->optimizer.kind->name, wanted);
    LS_TRY(add_slots(checkpoint, layout));
    for (size_t n = 0; n < layout->spots; n++) { /* a number behind them goes by the steps */
        struct ls_slots_spot spot = layout->spot[n];
        struct ls_variable_at at = ls_model_variable(checkpoint->model, spot.variable);
        LS_TRY(ls_h5_read_floats(h5, listed->object.text[listed->head + n],
                                 checkpoint->slot[spot.slot] + at.variable->offset,
                                 &at.variable->shape));
    }
    return LS_OK;
}

static ls_status read_all(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint,
                          struct listed *listed)
{
    struct ls_slots_layout layout;
    listed->by_slot = ls_ends_with(listed->object.text[0], "/iter:0");
    LS_TRY(ls_slots_layout_make(&layout, checkpoint, listed->by_slot));
    ls_status status = read_head(h5, listed, &layout.optimizer);
    if (status == LS_OK)
        status = read_slots(h5, checkpoint, &layout, listed);
    if (status == LS_OK)
        checkpoint->iteration = (int64_t)listed->iteration;
    if (status == LS_OK)
        status = take_learning_rate(checkpoint, listed->learning_rate);
    ls_slots_layout_release(&layout);
    return status;
}

/* A file whose optimizer cannot go on predicts and evaluates all the same. */
static ls_status refuse(struct ls_checkpoint *checkpoint, const char *path)
{
    ls_checkpoint_release_slots(checkpoint);
    return ls_format(&checkpoint->slots_refused,
                     "%s: the optimizer's state in it cannot be taken: %s (with a `compile` of its "
                     "own a run takes the weights alone)",
                     path, ls_message());
}

static ls_status read_listed(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint,
                             struct listed *listed)
{
    if (listed->object.count == 0)
        return LS_OK;
    ls_status status = read_all(h5, checkpoint, listed);
    return status == LS_BAD_INPUT ? refuse(checkpoint, h5->path) : status;
}

static bool is_compiled(const struct ls_checkpoint *checkpoint)
{
    return ls_slots_optimizer(checkpoint) != NULL;
}

ls_status ls_keras_slots_read_names(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint)
{
    struct listed listed = {0};
    struct ls_texts names = {0};
    bool found = false;
    ls_status status = LS_OK;
    if (is_compiled(checkpoint))
        LS_TRY_OUT(ls_h5_find(h5, LS_SLOTS_NAMED, &found));
    if (found)
        LS_TRY_OUT(ls_h5_read_texts(h5, LS_SLOTS_NAMED, "weight_names", &names));
    LS_TRY_OUT(ls_slots_objects(&listed.object, LS_SLOTS_NAMED, &names));
    status = read_listed(h5, checkpoint, &listed);
out:
    ls_texts_release(&names);
    ls_texts_release(&listed.object);
    return status;
}

ls_status ls_keras_slots_read_numbers(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint)
{
    struct listed listed = {0};
    struct ls_texts names = {0};
    bool found = false;
    ls_status status = LS_OK;
    if (is_compiled(checkpoint))
        LS_TRY_OUT(ls_h5_find(h5, LS_SLOTS_NUMBERED, &found));
    if (found)
        LS_TRY_OUT(ls_h5_list(h5, LS_SLOTS_NUMBERED, &names));
    for (size_t i = 0; i < names.count; i++) { /* by number, whatever order the file has */
        ls_release(names.text[i]);
        names.text[i] = NULL;
        LS_TRY_OUT(ls_format(&names.text[i], "%zu", i));
    }
    LS_TRY_OUT(ls_slots_objects(&listed.object, LS_SLOTS_NUMBERED, &names));
    status = read_listed(h5, checkpoint, &listed);
out:
    ls_texts_release(&names);
    ls_texts_release(&listed.object);
    return status;
}
