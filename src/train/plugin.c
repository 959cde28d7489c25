/* Plugins: their tables become kinds, those of a shared object too. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/custom.h"
#include "base/memory.h"
#include "layer/layer.h"
#include "loss/loss.h"
#include "metric/metric.h"
#include "model/graph.h"
#include "train/callback.h"

/* -- registering */

/* The kinds of a plugin, until they are the process'. */
struct made {
    const struct ls_plugin *plugin;
    struct ls_added_kind *first, *last;
};

static void release(struct made *made)
{
    for (struct ls_added_kind *at = made->first, *next; at; at = next) {
        next = at->next;
        ls_custom_free(at->kind);
        ls_release(at);
    }
}

/* Takes a kind that was made, or tells whose making failed. */
static ls_status take(struct made *made, const struct ls_registry *registry,
                      const struct ls_custom *custom, ls_status status, const struct ls_kind *kind)
{
    struct ls_added_kind *node = NULL;
    if (status != LS_OK)
        return ls_fail_within(status, "%s '%.60s'", registry->noun,
                              custom->name ? custom->name : "");
    status = ls_allocate(&node, 1, sizeof *node);
    if (status != LS_OK) {
        ls_custom_free(kind);
        return status;
    }
    *node = (struct ls_added_kind){.registry = registry, .kind = kind, .source = made->plugin};
    if (made->last)
        made->last->next = node;
    else
        made->first = node;
    made->last = node;
    return LS_OK;
}

/* All kinds of one sort. */
#define LS_TAKE_ALL(made, registry, array, create)                                                 \
    for (size_t i = 0; (array) && (array)[i]; i++) {                                               \
        const struct ls_kind *kind = NULL;                                                         \
        ls_status status = create(&kind, (array)[i]);                                              \
        LS_TRY(take(made, registry, &(array)[i]->kind, status, kind));                             \
    }

static ls_status make_layer(const struct ls_kind **kind, const struct ls_custom_layer *custom)
{
    if (custom->kind.name && ls_part_is_model(custom->kind.name))
        return ls_fail(LS_BAD_INPUT, "'%s' stands for a model: give it another name",
                       custom->kind.name);
    return ls_layer_custom(kind, custom);
}

static ls_status make(struct made *made)
{
    const struct ls_plugin *plugin = made->plugin;
    LS_TAKE_ALL(made, &ls_losses, plugin->losses, ls_loss_custom)
    LS_TAKE_ALL(made, &ls_metrics, plugin->metrics, ls_metric_custom)
    LS_TAKE_ALL(made, &ls_layers, plugin->layers, make_layer)
    LS_TAKE_ALL(made, &ls_callbacks_known, plugin->callbacks, ls_callback_custom)
    return ls_kinds_add(made->first);
}

ls_status ls_plugin_register(const struct ls_plugin *plugin)
{
    struct made made = {.plugin = plugin};
    if (plugin->abi != LS_PLUGIN_ABI)
        return ls_fail(LS_BAD_INPUT,
                       "the plugin has ABI %u, this library has %u: compile it again with this "
                       "library's lockstep/plugin.h",
                       plugin->abi, LS_PLUGIN_ABI);
    if (ls_kinds_added(plugin))
        return LS_OK;
    ls_status status = make(&made);
    if (status == LS_OK)
        return LS_OK;
    release(&made);
    return ls_fail_within(status, "plugin '%.60s'", plugin->name ? plugin->name : "");
}

/* -- loading */

/* The loader maps a file without asking whether it is all there; one that is cut short would end
 * the process. Section headers are what a linker writes last. */
static ls_status check_file(const char *path)
{
    Elf64_Ehdr head;
    struct stat file;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return ls_fail(LS_NO_INPUT, "cannot read the plugin '%s': %s", path, strerror(errno));
    ssize_t got = read(descriptor, &head, sizeof head);
    int result = fstat(descriptor, &file);
    close(descriptor);
    if (result != 0 || !S_ISREG(file.st_mode) || got != sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
        return ls_fail(LS_BAD_INPUT, "%s is no shared object: make one with cc -shared -fPIC",
                       path);
    if (head.e_shoff + (uint64_t)head.e_shnum * head.e_shentsize > (uint64_t)file.st_size)
        return ls_fail(LS_BAD_INPUT, "%s is cut short: make it again", path);
    return LS_OK;
}

static ls_status fail_loading(const char *path)
{
    const char *why = dlerror();
    size_t length = strlen(path);
    if (why && strncmp(why, path, length) == 0 && why[length] == ':')
        why += length + 2;
    return ls_fail(LS_BAD_INPUT, "%s cannot be loaded: %s", path, why ? why : "unknown reason");
}

static ls_status load(const char *path)
{
    LS_TRY(check_file(path));
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        return fail_loading(path);
    const struct ls_plugin *plugin = dlsym(object, "lockstep_plugin");
    ls_status status =
        plugin ? LS_OK
               : ls_fail(LS_BAD_INPUT,
                         "%s is no plugin: it has no symbol lockstep_plugin (lockstep/plugin.h)",
                         path);
    bool known = plugin && ls_kinds_added(plugin);
    if (status == LS_OK) {
        status = ls_plugin_register(plugin);
        if (status != LS_OK)
            ls_fail_within(status, "%s", path);
    }
    if (status != LS_OK || known)
        dlclose(object);
    return status;
}

ls_status ls_plugin_load(const char *path)
{
    char *absolute = NULL; /* a bare name would be looked for among the system's libraries */
    LS_TRY(ls_path_absolute(&absolute, path));
    ls_status status = load(absolute);
    ls_release(absolute);
    return status;
}
