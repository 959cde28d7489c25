/* What is trained, and on what. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "check/check.h"
#include "data/order.h"
#include "kernel/activation.h"
#include "layer/layer.h"

/* -- activations whose gradient is zero */

static bool is_flat(const struct ls_instance *instance, const struct ls_registry *registry)
{
    return registry == &ls_activations && instance->kind &&
           (strcmp(instance->kind->name, "step") == 0 || strcmp(instance->kind->name, "sign") == 0);
}

/* The name of such an activation among a kind's options, or those of a layer in it; or NULL. */
static const char *find_flat(const struct ls_kind *kind, const void *options)
{
    const struct ls_option *option = kind ? kind->options : NULL;
    for (; option && option->name; option++) {
        const void *value = (const char *)options + option->offset;
        if (option->type == LS_OPTION_KIND && is_flat(value, option->registry))
            return ((const struct ls_instance *)value)->kind->name;
        if (option->type != LS_OPTION_INNER)
            continue;
        const struct ls_instance *inner = &((const struct ls_inner *)value)->instance;
        const char *found = find_flat(inner->kind, inner->options);
        if (found)
            return found;
    }
    return NULL;
}

static void tell_flat(struct ls_checker *checker)
{
    const struct ls_model *model = checker->session.model;
    for (size_t i = 0; i < model->layers; i++) {
        const struct ls_layer *layer = model->layer[i];
        const char *name = find_flat(&layer->kind->kind, layer->options);
        if (name)
            ls_check_add(checker->check, LS_CHECK_WARNING, "model",
                         "the activation %s of layer '%s' has a gradient of zero: neither that "
                         "layer nor those before it train",
                         name, layer->path);
    }
}

/* -- sizes */

static void tell_model(struct ls_checker *checker)
{
    const struct ls_model *model = checker->session.model;
    char size[LS_BYTES_TEXT];
    int64_t parameters = 0, trainable = 0;
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        int64_t count = (int64_t)ls_variable_count(at.variable);
        parameters += count;
        trainable += at.trainable ? count : 0;
    }
    ls_check_add(checker->check, trainable ? LS_CHECK_OK : LS_CHECK_WARNING, "model",
                 "%zu layers, %lld parameters (%s), of which %lld train",
                 model->layers - model->hidden, (long long)parameters,
                 ls_bytes_format(size, (double)parameters * sizeof(float)), (long long)trainable);
    ls_check_figure(checker->check, "parameters", (double)parameters);
}

static void tell_data(struct ls_checker *checker)
{
    const struct ls_session *session = &checker->session;
    const struct ls_fit_options *fit = &session->config.fit;
    struct ls_data *validation = session->data.validation;
    const int64_t samples = ls_data_samples(session->data.train);
    const int64_t steps = ls_order_steps(samples, fit->batch_size);
    char more[64] = "";
    if (validation)
        snprintf(more, sizeof more, ", %lld for validation",
                 (long long)ls_data_samples(validation));
    ls_check_add(checker->check, LS_CHECK_OK, "data",
                 "%lld samples%s: %lld step%s an epoch, %lld epoch%s%s", (long long)samples, more,
                 (long long)steps, steps == 1 ? "" : "s", (long long)fit->epochs,
                 fit->epochs == 1 ? "" : "s",
                 ls_comm_size(checker->comm) > 1 ? "; all ranks read them" : "");
    ls_check_figure(checker->check, "samples", (double)samples);
    ls_check_figure(checker->check, "steps", (double)steps);
}

void ls_check_model(struct ls_checker *checker)
{
    const struct ls_session *session = &checker->session;
    const int size = ls_comm_size(checker->comm);
    ls_check_add(checker->check, LS_CHECK_OK, "run", "%s on %d host%s: %d rank%s x %d thread%s",
                 session->run_file, checker->nodes, checker->nodes == 1 ? "" : "s", size,
                 size == 1 ? "" : "s", ls_kernels_threads(), ls_kernels_threads() == 1 ? "" : "s");
    tell_model(checker);
    tell_flat(checker);
    tell_data(checker);
}
