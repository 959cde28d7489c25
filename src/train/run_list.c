/* lockstep list, version and summary. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "layer/layer.h"
#include "lockstep/model.h"
#include "lockstep/run.h"
#include "loss/loss.h"
#include "metric/metric.h"
#include "optimizer/optimizer.h"
#include "train/callback.h"
#include "train/open_model.h"

static const struct noun {
    const char *name;
    const struct ls_registry *registry;
} nouns[] = {
    {"layers", &ls_layers},
    {"losses", &ls_losses},
    {"optimizers", &ls_optimizers},
    {"metrics", &ls_metrics},
    {"activations", &ls_activations},
    {"initializers", &ls_initializers},
    {"regularizers", &ls_regularizers},
    {"constraints", &ls_constraints},
    {"schedules", &ls_schedules},
    {"callbacks", &ls_callbacks_known},
};
enum { NOUNS = sizeof nouns / sizeof *nouns };

static ls_status find_noun(const char *name, const struct ls_registry **registry)
{
    struct ls_text known = {0};
    for (size_t i = 0; i < NOUNS; i++) {
        if (strcmp(nouns[i].name, name) == 0) {
            *registry = nouns[i].registry;
            return LS_OK;
        }
    }
    for (size_t i = 0; i < NOUNS; i++)
        ls_text_append(&known, "%s%s", i ? ", " : "", nouns[i].name);
    ls_fail(LS_USAGE, "nothing is known of '%s'; known: %s", name, known.data ? known.data : "");
    ls_text_release(&known);
    return LS_USAGE;
}

static ls_status give(struct ls_text *made, char **text)
{
    ls_status status = ls_text_status(made);
    if (status == LS_OK)
        status = ls_duplicate(text, made->data ? made->data : "");
    ls_text_release(made);
    return status;
}

static void append_kinds(struct ls_text *text, const struct ls_registry *registry)
{
    const struct ls_kind *kind;
    int width = 0;
    for (size_t i = 0; (kind = ls_registry_kind(registry, i)); i++) {
        int length = (int)strlen(kind->name);
        width = length > width ? length : width;
    }
    for (size_t i = 0; (kind = ls_registry_kind(registry, i)); i++)
        ls_text_append(text, "%-*s  %s\n", width, kind->name, kind->summary);
}

ls_status ls_run_list(const char *noun, const char *name, char **text)
{
    const struct ls_registry *registry;
    const struct ls_kind *kind;
    struct ls_text made = {0};
    *text = NULL;
    LS_TRY(find_noun(noun, &registry));
    if (name) {
        if (ls_kind_require(registry, NULL, name, &kind) != LS_OK)
            return ls_fail(LS_USAGE, "%s", ls_message());
        ls_kind_format_help(&made, kind);
    } else {
        append_kinds(&made, registry);
    }
    return give(&made, text);
}

ls_status ls_run_version(char **text)
{
    struct ls_kernel_identity identity;
    struct ls_text made = {0};
    *text = NULL;
    LS_TRY(ls_kernels_init(NULL));
    LS_TRY(ls_kernels_identity(&identity));
    ls_text_append(&made, "lockstep %s\n", LOCKSTEP_VERSION);
    ls_text_append(&made, "processor   %s\n", identity.cpu);
    ls_text_append(&made, "kernel set  %s\n", identity.set);
    ls_text_append(&made, "OpenBLAS    %s, core %s\n", identity.blas_version, identity.blas_core);
    ls_text_append(&made, "oneDNN      %s, %s\n", identity.onednn_version, identity.onednn_isa);
    ls_text_append(&made, "SLEEF       %s\n", identity.sleef_version);
    ls_text_append(&made, "HDF5        %s\n", ls_checkpoint_library());
    ls_text_append(&made, "libzip      %s\n", ls_archive_library());
    ls_text_append(&made, "MPI         %s\n", ls_comm_library());
    ls_text_append(&made, "probe       %016llx\n", (unsigned long long)identity.probe);
    return give(&made, text);
}

ls_status ls_run_summary(const char *model, char **text)
{
    struct ls_checkpoint checkpoint = {0};
    *text = NULL;
    ls_status status = ls_model_open_shapes(&checkpoint, model);
    if (status == LS_OK)
        status = ls_model_summary(checkpoint.model, text);
    ls_checkpoint_release(&checkpoint);
    return status;
}
