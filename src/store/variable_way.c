#include "store/variable_way.h"

#include "base/memory.h"
#include "store/keras_file.h"

ls_status ls_variable_way(int *way, const struct ls_instance *optimizer,
                          const struct ls_model *model, const struct ls_variable_at *at)
{
    const struct ls_optimizer_kind *kind = ls_optimizer_kind(optimizer);
    char *path = NULL;
    *way = 0;
    if (!kind->way)
        return LS_OK;
    LS_TRY(ls_keras_variable_path(&path, model, at->layer, at->variable));
    *way = kind->way(optimizer->options, path, &at->variable->shape);
    ls_release(path);
    return LS_OK;
}
