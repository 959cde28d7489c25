/* Reading checkpoints and Keras' own files. */
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/archive.h"
#include "store/checkpoint.h"
#include "store/digest.h"
#include "store/keras_archive.h"
#include "store/keras_file.h"
#include "store/keras_slots.h"
#include "store/state.h"
#include "store/steps.h"

void ls_checkpoint_release_slots(struct ls_checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->slots; i++) {
        ls_release((char *)checkpoint->slot_name[i]); /* ls_checkpoint_read made it */
        ls_release(checkpoint->slot[i]);
    }
    ls_release(checkpoint->slots_refused);
    checkpoint->slots_refused = NULL;
    checkpoint->slots = 0;
    checkpoint->iteration = 0;
}

void ls_checkpoint_release(struct ls_checkpoint *checkpoint)
{
    ls_checkpoint_release_slots(checkpoint);
    ls_model_free(checkpoint->model);
    ls_tree_free(checkpoint->compile);
    ls_tree_free(checkpoint->state);
    ls_release(checkpoint->partial);
    for (size_t i = 0; i < checkpoint->kepts; i++)
        ls_release(checkpoint->kept[i]);
    ls_table_release(&checkpoint->epochs);
    *checkpoint = (struct ls_checkpoint){0};
}

static ls_status read_parts(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint, bool sealed,
                            bool *newer)
{
    bool ours = false;
    LS_TRY(ls_state_find(h5, &ours, newer));
    if (ours && !sealed)
        return ls_fail(LS_BAD_INPUT, "%s: damaged: its digest is lost", h5->path);
    LS_TRY(ls_keras_file_read(h5, &checkpoint->model, &checkpoint->compile));
    LS_TRY(ours ? ls_state_read(h5, checkpoint) : ls_keras_slots_read_names(h5, checkpoint));
    if (checkpoint->compile)
        LS_TRY(ls_tree_copy(&checkpoint->model->compile, checkpoint->compile));
    return LS_OK;
}

/* *whole: it failed though it is as it was written: of a newer format, or with kinds of a plugin
 * that is not there. */
static ls_status read_file(struct ls_checkpoint *checkpoint, const char *path, bool *whole)
{
    struct ls_h5 h5;
    bool sealed = false, newer = false;
    *whole = false;
    *checkpoint = (struct ls_checkpoint){0};
    if (ls_archive_is(path))
        return ls_keras_archive_read(checkpoint, path);
    /* The bytes first: HDF5 is no judge of damaged files. */
    LS_TRY(ls_digest_check(path, &sealed));
    LS_TRY(sealed ? ls_h5_open_sealed(&h5, path) : ls_h5_open(&h5, path));
    ls_status status = read_parts(&h5, checkpoint, sealed, &newer);
    *whole = sealed || newer;
    ls_h5_close(&h5);
    if (status != LS_OK)
        ls_checkpoint_release(checkpoint);
    return status;
}

ls_status ls_checkpoint_read(struct ls_checkpoint *checkpoint, const char *path)
{
    bool whole;
    return read_file(checkpoint, path, &whole);
}

/* The first whole one of steps; *path NULL when there is none. */
static ls_status read_first(struct ls_checkpoint *checkpoint, char **path, const char *directory,
                            const struct ls_steps *steps)
{
    size_t damaged = 0;
    for (size_t i = 0; i < steps->count; i++) {
        bool whole;
        LS_TRY(ls_step_path(path, directory, steps->step[i]));
        ls_status status = read_file(checkpoint, *path, &whole);
        if (status == LS_OK)
            return LS_OK;
        ls_release(*path);
        *path = NULL;
        /* To go back behind a whole one would be to lose it. */
        if (status != LS_BAD_INPUT || whole)
            return status;
        damaged++;
        if (i + 1 < steps->count)
            ls_warn("%s; going back to the checkpoint before it", ls_message());
    }
    if (damaged > 0)
        return ls_fail_within(
            LS_BAD_INPUT,
            "%s: none of its %zu checkpoints is whole (move the directory away to "
            "start anew)",
            directory, damaged);
    return LS_OK;
}

/* model.h5 is the newest checkpoint under another name: it serves where checkpoints/ was emptied.
 */
static ls_status read_model_h5(struct ls_checkpoint *checkpoint, char **path, const char *directory)
{
    LS_TRY(ls_format(path, "%s/model.h5", directory));
    ls_status status =
        access(*path, F_OK) == 0 ? ls_checkpoint_read(checkpoint, *path) : LS_NO_INPUT;
    if (status == LS_OK)
        return LS_OK;
    ls_release(*path);
    *path = NULL;
    return status == LS_NO_INPUT ? LS_OK : status;
}

ls_status ls_checkpoint_read_newest(struct ls_checkpoint *checkpoint, char **path,
                                    const char *directory)
{
    enum { ATTEMPTS = 3 };
    ls_status status = LS_OK;
    *path = NULL;
    *checkpoint = (struct ls_checkpoint){0};
    /* A run that goes on may remove a checkpoint between our finding and our opening it. */
    for (int i = 0; i < ATTEMPTS; i++) {
        struct ls_steps steps;
        LS_TRY(ls_steps_list(&steps, directory));
        status = steps.count > 0 ? read_first(checkpoint, path, directory, &steps)
                                 : read_model_h5(checkpoint, path, directory);
        ls_steps_release(&steps);
        if (status != LS_NO_INPUT)
            break;
    }
    return status;
}
