/* Weights alone, from whatever holds weights of Keras'. */
#include "store/archive_weights.h"
#include "store/checkpoint.h"
#include "store/digest.h"
#include "store/keras_file.h"
#include "store/keras_groups.h"

static ls_status read_archive(struct ls_model *model, const char *path)
{
    struct ls_archive archive;
    struct ls_archive_weights weights = {0};
    ls_status status;
    LS_TRY_OUT(ls_archive_open(&archive, path));
    LS_TRY_OUT(ls_archive_weights_open(&weights, &archive));
    status = ls_keras_groups_read(&weights.h5, model);
out:
    ls_archive_weights_close(&weights);
    ls_archive_close(&archive);
    return status;
}

static ls_status read_h5(struct ls_model *model, const struct ls_h5 *h5)
{
    struct ls_texts names;
    bool whole, groups;
    LS_TRY(ls_h5_find(h5, LS_KERAS_WEIGHTS, &whole));
    if (whole)
        return ls_keras_weights_read(h5, LS_KERAS_WEIGHTS, model);
    LS_TRY(ls_h5_find(h5, "/layers", &groups));
    LS_TRY(ls_h5_read_texts(h5, "/", "layer_names", &names));
    bool named = names.count > 0;
    ls_texts_release(&names);
    if (named)
        return ls_keras_weights_read(h5, "", model);
    if (groups)
        return ls_keras_groups_read(h5, model);
    return ls_fail(LS_BAD_INPUT, "%s: it holds no weights of Keras'", h5->path);
}

ls_status ls_weights_read(struct ls_model *model, const char *path)
{
    struct ls_h5 h5;
    bool sealed;
    if (ls_archive_is(path))
        return read_archive(model, path);
    LS_TRY(ls_digest_check(path, &sealed));
    LS_TRY(sealed ? ls_h5_open_sealed(&h5, path) : ls_h5_open(&h5, path));
    ls_status status = read_h5(model, &h5);
    ls_h5_close(&h5);
    return status;
}
