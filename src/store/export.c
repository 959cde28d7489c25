#include "store/export.h"

#include "base/text.h"
#include "store/digest.h"
#include "store/file.h"
#include "store/keras_archive.h"
#include "store/keras_file.h"
#include "store/keras_slots.h"
#include "store/slots_layout.h"
#include "store/state.h"

ls_status ls_export_form(const char *path, enum ls_export_form *form)
{
    static const char *const ending[] = {
        [LS_EXPORT_KERAS] = ".keras", [LS_EXPORT_H5] = ".h5", [LS_EXPORT_JSON] = ".json"};
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        if (ls_ends_with(path, ending[i])) {
            *form = (enum ls_export_form)i;
            return LS_OK;
        }
    return ls_fail(LS_USAGE, "'%s': expected a name that ends in .keras, .h5 or .json", path);
}

static ls_status export_json(const struct ls_checkpoint *checkpoint, const char *path)
{
    struct ls_text text = {0};
    ls_status status = ls_keras_json_write(&text, checkpoint);
    if (status == LS_OK)
        status = ls_file_publish(path, text.data, text.length);
    ls_text_release(&text);
    return status;
}

static ls_status lay_out(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint,
                         bool optimizer_weights)
{
    LS_TRY(ls_keras_file_write(image, checkpoint));
    if (optimizer_weights)
        LS_TRY(ls_keras_slots_write_names(image, checkpoint));
    if (checkpoint->state)
        LS_TRY(ls_state_write(image, checkpoint));
    return ls_h5_image_finish(image);
}

/* Keras reads a .h5 without telling a layer in a layer (its variables have a group) that what it
 * was adapted to is there: it would predict as before. */
static ls_status check_adapted(const struct ls_model *model)
{
    for (size_t l = 0; l < model->layers; l++) {
        const struct ls_layer *layer = model->layer[l];
        if (ls_layer_needs_adapt(layer) > 0 && layer->variable[0].group)
            return ls_fail(LS_BAD_INPUT,
                           "layer '%s' (%s): Keras would read a .h5, but predict as before the "
                           "layer in it was adapted to the data: export a .keras",
                           layer->path, layer->kind->kind.name);
    }
    return LS_OK;
}

static ls_status export_h5(const struct ls_checkpoint *checkpoint, const char *path,
                           bool optimizer_weights)
{
    struct ls_h5_buffer buffer = {0};
    struct ls_h5_image image;
    LS_TRY(check_adapted(checkpoint->model));
    ls_status status = ls_h5_image_open(&image, &buffer, path);
    if (status == LS_OK)
        status = lay_out(&image, checkpoint, optimizer_weights);
    ls_h5_image_close(&image);
    if (status == LS_OK && checkpoint->state)
        status = ls_digest_seal(&buffer, path);
    if (status == LS_OK)
        status = ls_file_publish(path, buffer.bytes, buffer.length);
    ls_h5_buffer_release(&buffer);
    return status;
}

ls_status ls_export(const struct ls_checkpoint *checkpoint, const char *path,
                    bool optimizer_weights)
{
    enum ls_export_form form = LS_EXPORT_KERAS;
    LS_TRY(ls_export_form(path, &form));
    if (form == LS_EXPORT_JSON)
        return export_json(checkpoint, path);
    if (!checkpoint->model->initialized)
        return ls_fail(LS_BAD_INPUT, "the model has no weights: only a .json can be made of it");
    if (optimizer_weights && !ls_slots_optimizer(checkpoint))
        return ls_fail(LS_BAD_INPUT, "the model is not compiled: it has no optimizer's weights");
    if (checkpoint->slots_refused && (form == LS_EXPORT_KERAS || optimizer_weights))
        return ls_fail(LS_BAD_INPUT, "%s", checkpoint->slots_refused);
    return form == LS_EXPORT_KERAS ? ls_keras_archive_write(checkpoint, path)
                                   : export_h5(checkpoint, path, optimizer_weights);
}
