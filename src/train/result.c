#include "train/result.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What a name stands for: the results of a call of a layer, or of a use of a nested model. */
struct found {
    size_t calls; /* of the layer; 0: it is not found */
    size_t call;
    const struct ls_use *use; /* or NULL: it is the call's */
};

/* How many calls of a layer there are; *call: the number'th of them, from 1. */
static size_t find_call(const struct ls_model *model, const char *path, size_t number, size_t *call)
{
    size_t count = 0;
    for (size_t c = 0; c < model->calls; c++)
        if (strcmp(model->layer[model->call[c].layer]->path, path) == 0 && ++count == number)
            *call = c;
    return count;
}

/* "encoder#2": the second call, as they run. */
static ls_status find_numbered(const struct ls_model *model, const char *name, struct found *found)
{
    const char *mark = strrchr(name, '#');
    char *path, *end;
    if (!mark || mark[1] < '1' || mark[1] > '9')
        return LS_OK;
    size_t number = strtoul(mark + 1, &end, 10);
    if (*end != '\0')
        return LS_OK;
    LS_TRY(ls_format(&path, "%.*s", (int)(mark - name), name));
    found->calls = find_call(model, path, number, &found->call);
    ls_status status = LS_OK;
    if (found->calls > 0 && number > found->calls)
        status = ls_fail(LS_USAGE, "layer '%s' is called %zu time%s: there is no '%s'", path,
                         found->calls, found->calls == 1 ? "" : "s", name);
    ls_release(path);
    return status;
}

static bool is_named(const struct ls_use *use, const char *name)
{
    return use->name && strcmp(use->name, name) == 0;
}

static ls_status find(const struct ls_model *model, const char *name, struct found *found)
{
    found->calls = find_call(model, name, 1, &found->call);
    if (found->calls > 1)
        return ls_fail(LS_USAGE, "layer '%s' is called %zu times: say which, '%s#1' to '%s#%zu'",
                       name, found->calls, name, name, found->calls);
    if (found->calls == 0)
        LS_TRY(find_numbered(model, name, found));
    for (size_t u = 0; u < model->uses && found->calls == 0; u++)
        if (is_named(&model->use[u], name))
            *found = (struct found){.calls = 1, .use = &model->use[u]};
    return LS_OK;
}

static ls_status fail_unknown(const struct ls_model *model, const char *name)
{
    struct ls_text known = {0};
    size_t call;
    for (size_t l = 0; l < model->layers; l++)
        ls_text_append(&known, "%s%s", l ? ", " : "", model->layer[l]->path);
    for (size_t u = 0; u < model->uses; u++)
        if (model->use[u].name && find_call(model, model->use[u].name, 1, &call) == 0)
            ls_text_append(&known, ", %s", model->use[u].name);
    ls_status status = ls_fail(LS_USAGE, "the model has no layer '%s'; it has %s", name,
                               known.data ? known.data : "none");
    ls_text_release(&known);
    return status;
}

static ls_status take(const struct ls_model *model, const struct found *found, const char *name,
                      size_t output, struct ls_edge *edge)
{
    const struct ls_graph_call *call = &model->call[found->call];
    const bool mask = ls_layer_flags(model->layer[call->layer]) & LS_LAYER_MAKES_MASK;
    const size_t count = found->use ? found->use->outputs : call->shapes.outputs - mask;
    if (output >= count)
        return ls_fail(LS_USAGE, "'%s' has %zu result%s: there is no '%s:%zu'", name, count,
                       count == 1 ? "" : "s", name, output);
    *edge = found->use ? found->use->made[output] : (struct ls_edge){found->call, output};
    return LS_OK;
}

/* "lstm:1". A name may have a colon of its own. */
static ls_status find_further(const struct ls_model *model, const char *name, struct ls_edge *edge)
{
    const char *colon = strrchr(name, ':');
    struct found found = {0};
    char *base, *end;
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return fail_unknown(model, name);
    size_t output = strtoul(colon + 1, &end, 10);
    if (*end != '\0')
        return fail_unknown(model, name);
    LS_TRY(ls_format(&base, "%.*s", (int)(colon - name), name));
    ls_status status = find(model, base, &found);
    if (status == LS_OK)
        status =
            found.calls > 0 ? take(model, &found, base, output, edge) : fail_unknown(model, name);
    ls_release(base);
    return status;
}

ls_status ls_result_find(const struct ls_model *model, const char *name, struct ls_edge *edge)
{
    struct found found = {0};
    LS_TRY(find(model, name, &found));
    return found.calls > 0 ? take(model, &found, name, 0, edge) : find_further(model, name, edge);
}
