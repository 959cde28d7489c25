#include "kernel/activation.h"

#include <math.h>

struct ls_activation ls_activation_default(enum ls_activation_id id)
{
    struct ls_activation f = {.id = id, .a = 0, .max = INFINITY, .threshold = 0};
    if (id == LS_ACTIVATION_LEAKY_RELU)
        f.a = 0.2f;
    if (id == LS_ACTIVATION_ELU)
        f.a = 1.0f;
    return f;
}

enum ls_activation_saves ls_activation_saves(const struct ls_activation *f)
{
    static const enum ls_activation_saves saves[] = {
#define X(name, id, saved, help) [LS_ACTIVATION_##id] = LS_SAVES_##saved,
        LS_ACTIVATIONS(X)
#undef X
    };
    switch (f->id) {
    case LS_ACTIVATION_RELU:
        return f->a == 0 && f->threshold == 0 ? LS_SAVES_OUTPUT : LS_SAVES_INPUT;
    case LS_ACTIVATION_LEAKY_RELU:
    case LS_ACTIVATION_ELU: /* with a negative a both sides of 0 have positive outputs */
        return f->a >= 0 ? LS_SAVES_OUTPUT : LS_SAVES_INPUT;
    default:
        return saves[f->id];
    }
}

bool ls_activation_by_row(const struct ls_activation *f)
{
    return f->id == LS_ACTIVATION_SOFTMAX || f->id == LS_ACTIVATION_LOG_SOFTMAX;
}
