#include "layer/layer.h"

#include <stdarg.h>
#include <stdio.h>

ls_status ls_layer_fail(const struct ls_layer *layer, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (layer->place && layer->place->file)
        return ls_fail_at(layer->place, LS_BAD_INPUT, "%s", text);
    return ls_fail(LS_BAD_INPUT, "%s (%s): %s", layer->name, layer->kind->kind.name, text);
}
