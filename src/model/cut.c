/* A model up to one of its layers: what a nested model of a file may be wanted for. */
#include <string.h>

#include "base/memory.h"
#include "model/append.h"

static ls_status find_use(const struct ls_model *model, const char *layer, size_t *use)
{
    struct ls_text names = {0};
    for (size_t u = model->uses; u-- > 0;)
        if (strcmp(ls_part_name(&model->part[model->use[u].part]), layer) == 0) {
            *use = u;
            return LS_OK;
        }
    for (size_t p = 0; p < model->parts; p++)
        ls_text_append(&names, "%s%s", p ? ", " : "", ls_part_name(&model->part[p]));
    ls_status status = ls_fail(LS_BAD_INPUT, "the model has no layer '%s'; it has %s", layer,
                               names.data ? names.data : "none");
    ls_text_release(&names);
    return status;
}

/* What leads to a use. Uses come after those they read. */
static void mark(const struct ls_model *model, size_t use, bool *wanted)
{
    wanted[use] = true;
    for (size_t u = use + 1; u-- > 0;)
        for (size_t i = 0; wanted[u] && i < model->use[u].inputs; i++)
            wanted[model->use[u].in[i].call] = true;
    for (size_t i = 0; i < model->inputs; i++)
        wanted[model->given[i].call] = true;
}

static void drop_uses(struct ls_model *model, const bool *wanted, size_t *place)
{
    size_t kept = 0;
    for (size_t u = 0; u < model->uses; u++) {
        place[u] = kept;
        if (!wanted[u]) {
            ls_use_release(&model->use[u]);
            continue;
        }
        model->use[kept] = model->use[u];
        for (size_t i = 0; i < model->use[kept].inputs; i++)
            model->use[kept].in[i].call = place[model->use[kept].in[i].call];
        kept++;
    }
    model->uses = kept;
    for (size_t i = 0; i < model->inputs; i++)
        model->given[i].call = place[model->given[i].call];
}

static void drop_parts(struct ls_model *model)
{
    size_t kept = 0;
    for (size_t p = 0; p < model->parts; p++) {
        size_t uses = 0;
        for (size_t u = 0; u < model->uses; u++)
            if (model->use[u].part == p) {
                model->use[u].nth = uses++;
                model->use[u].part = kept;
            }
        if (uses > 0)
            model->part[kept++] = model->part[p];
        else
            ls_part_release(&model->part[p]);
    }
    model->parts = kept;
}

ls_status ls_model_cut(struct ls_model *model, const char *layer)
{
    size_t use = 0, *place = NULL;
    bool *wanted = NULL;
    char *name = NULL;
    ls_status status;
    LS_TRY(find_use(model, layer, &use));
    LS_TRY_OUT(ls_allocate(&place, model->uses, sizeof *place));
    LS_TRY_OUT(ls_allocate(&wanted, model->uses, sizeof *wanted));
    LS_TRY_OUT(ls_duplicate(&name, layer));
    ls_model_unbuild(model);
    mark(model, use, wanted);
    drop_uses(model, wanted, place);
    drop_parts(model);
    for (size_t o = 0; o < model->outputs; o++)
        ls_release(model->output_name[o]);
    model->outputs = 1;
    model->output_name[0] = name;
    name = NULL;
    model->result[0] = (struct ls_edge){place[use], 0};
    model->output_structure = LS_STRUCTURE_ONE;
    model->ordered = false;
out:
    ls_release(place);
    ls_release(wanted);
    ls_release(name);
    return status;
}
