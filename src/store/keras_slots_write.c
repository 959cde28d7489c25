#include <string.h>

#include "base/memory.h"
#include "store/keras_file.h"
#include "store/keras_slots.h"
#include "store/slots_layout.h"

/* Copies of single numbers, and slots that are not there, live as long as the image. */
static ls_status put_number(struct ls_h5_image *image, const char *object, enum ls_h5_type type,
                            double value)
{
    struct ls_h5_values values = {.type = type};
    LS_TRY(ls_allocate(&values.owned, 1, sizeof(double)));
    if (type == LS_H5_INT64)
        *(int64_t *)values.owned = (int64_t)value;
    else
        *(float *)values.owned = (float)value;
    values.values = values.owned;
    return ls_h5_put_values(image, object, &values);
}

static ls_status put_slot(struct ls_h5_image *image, const char *object,
                          const struct ls_variable *variable, const float *slot)
{
    struct ls_h5_values values = {
        .type = LS_H5_FLOAT, .shape = variable->shape, .values = slot + variable->offset};
    return ls_h5_put_values(image, object, &values);
}

/* A slot that is not there, as it is before the first step. */
static ls_status put_initial(struct ls_h5_image *image, const char *object,
                             const struct ls_variable *variable, double initial)
{
    struct ls_h5_values values = {.type = LS_H5_FLOAT, .shape = variable->shape};
    size_t count = ls_variable_count(variable);
    LS_TRY(ls_allocate(&values.owned, count, sizeof(float)));
    for (size_t i = 0; i < count; i++)
        ((float *)values.owned)[i] = (float)initial;
    values.values = values.owned;
    return ls_h5_put_values(image, object, &values);
}

/* The checkpoint's slot of this name, or NULL. */
static const float *slot_of(const struct ls_checkpoint *checkpoint, const char *name)
{
    for (size_t s = 0; s < checkpoint->slots; s++)
        if (strcmp(checkpoint->slot_name[s], name) == 0)
            return checkpoint->slot[s];
    return NULL;
}

/* Writes the state as the variables `objects`, which are as many as its layout has. */
static ls_status put_all(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint,
                         const struct ls_slots_layout *layout, const struct ls_texts *objects)
{
    const struct ls_optimizer_kind *kind = ls_optimizer_kind(&layout->optimizer);
    const void *options = layout->optimizer.options;
    const size_t head = ls_slots_head(layout);
    const int64_t updates = ls_optimizer_updates(&layout->optimizer, checkpoint->iteration);
    LS_TRY(put_number(image, objects->text[0], LS_H5_INT64, (double)checkpoint->iteration));
    if (ls_optimizer_holds_rate(&layout->optimizer))
        LS_TRY(put_number(image, objects->text[1], LS_H5_FLOAT,
                          ls_optimizer_rate(&layout->optimizer)->number));
    for (size_t n = 0; n < layout->spots; n++) {
        struct ls_slots_spot spot = layout->spot[n];
        struct ls_variable_at at = ls_model_variable(checkpoint->model, spot.variable);
        const char *object = objects->text[head + n];
        const float *slot = slot_of(checkpoint, layout->slots.name[spot.slot]);
        double initial = layout->slots.initial[spot.slot];
        LS_TRY(slot ? put_slot(image, object, at.variable, slot)
                    : put_initial(image, object, at.variable, initial));
    }
    return layout->scalar ? put_number(image, objects->text[head + layout->spots], LS_H5_FLOAT,
                                       kind->scalar(options, updates))
                          : LS_OK;
}

/* adam/sequential_dense_kernel_momentum; with a number behind it where that is taken. */
static ls_status add_slot_name(struct ls_texts *names, const char *optimizer, const char *path,
                               const char *slot)
{
    char *name = NULL;
    ls_status status = LS_OK;
    for (size_t n = 0;; n++) {
        bool taken = false;
        LS_TRY(n == 0 ? ls_format(&name, "%s/%s_%s", optimizer, path, slot)
                      : ls_format(&name, "%s/%s_%s_%zu", optimizer, path, slot, n));
        for (size_t i = 0; i < names->count; i++)
            taken = taken || strcmp(names->text[i], name) == 0;
        if (!taken)
            break;
        ls_release(name);
    }
    status = ls_texts_add(names, name);
    ls_release(name);
    return status;
}

/* Keras' names of all variables. */
static ls_status name_all(struct ls_texts *names, const struct ls_checkpoint *checkpoint,
                          const struct ls_slots_layout *layout)
{
    char optimizer[64], *head = NULL;
    ls_snake_case(optimizer, sizeof optimizer, layout->optimizer.kind->name);
    for (size_t i = 0; i < ls_slots_head(layout); i++) {
        LS_TRY(ls_format(&head, "%s/%s", optimizer, i == 0 ? "iteration" : "learning_rate"));
        ls_status status = ls_texts_add(names, head);
        ls_release(head);
        LS_TRY(status);
    }
    for (size_t n = 0; n < layout->spots; n++) {
        struct ls_slots_spot spot = layout->spot[n];
        struct ls_variable_at at = ls_model_variable(checkpoint->model, spot.variable);
        char *path = NULL;
        LS_TRY(ls_keras_variable_path(&path, checkpoint->model, at.layer, at.variable));
        for (char *slash = path; (slash = strchr(slash, '/')) != NULL;)
            *slash = '_';
        ls_status status = add_slot_name(names, optimizer, path, layout->slots.name[spot.slot]);
        ls_release(path);
        LS_TRY(status);
    }
    if (!layout->scalar)
        return LS_OK;
    LS_TRY(ls_format(&head, "%s/variable", optimizer));
    ls_status status = ls_texts_add(names, head);
    ls_release(head);
    return status;
}

static ls_status number_all(struct ls_texts *names, const struct ls_slots_layout *layout)
{
    for (size_t i = 0; i < ls_slots_head(layout) + layout->spots + layout->scalar; i++) {
        char *name = NULL;
        LS_TRY(ls_format(&name, "%zu", i));
        ls_status status = ls_texts_add(names, name);
        ls_release(name);
        LS_TRY(status);
    }
    return LS_OK;
}

/* An optimizer that is not known here has no slots that are. */
static bool is_known(const struct ls_checkpoint *checkpoint)
{
    struct ls_slots_layout layout;
    if (!ls_slots_optimizer(checkpoint) ||
        ls_slots_layout_make(&layout, checkpoint, false) != LS_OK)
        return false;
    ls_slots_layout_release(&layout);
    return true;
}

static ls_status write_all(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint,
                           const char *group, bool numbered)
{
    struct ls_texts names = {0}, objects = {0};
    struct ls_slots_layout layout;
    ls_status status = LS_OK;
    if (!is_known(checkpoint))
        return LS_OK;
    LS_TRY(ls_slots_layout_make(&layout, checkpoint, false));
    LS_TRY_OUT(numbered ? number_all(&names, &layout) : name_all(&names, checkpoint, &layout));
    LS_TRY_OUT(ls_slots_objects(&objects, group, &names));
    LS_TRY_OUT(ls_h5_put_group(image, group));
    LS_TRY_OUT(put_all(image, checkpoint, &layout, &objects));
    if (!numbered)
        status = ls_h5_put_texts(image, group, "weight_names", &names);
out:
    ls_texts_release(&names);
    ls_texts_release(&objects);
    ls_slots_layout_release(&layout);
    return status;
}

ls_status ls_keras_slots_write_names(struct ls_h5_image *image,
                                     const struct ls_checkpoint *checkpoint)
{
    return write_all(image, checkpoint, LS_SLOTS_NAMED, false);
}

ls_status ls_keras_slots_write_numbers(struct ls_h5_image *image,
                                       const struct ls_checkpoint *checkpoint)
{
    return write_all(image, checkpoint, LS_SLOTS_NUMBERED, true);
}
