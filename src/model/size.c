#include "model/size.h"

#include "base/memory.h"

/* Below this the question is not worth asking. */
enum { SMALL_FLOATS = 1 << 24 };

static double bytes_of(const struct ls_shape *shape)
{
    double bytes = sizeof(float);
    for (int i = 0; i < shape->rank; i++)
        bytes *= (double)shape->size[i];
    return bytes;
}

/* Doubles are exact enough: what fits in memory is far from where they are not. */
static bool too_large(double bytes)
{
    return bytes > (double)SMALL_FLOATS * sizeof(float) && bytes > (double)ls_memory_available();
}

ls_status ls_size_check_call(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    for (size_t i = 0; i < shapes->outputs; i++) {
        double bytes = bytes_of(&shapes->out[i]);
        char text[LS_SHAPE_TEXT], size[LS_BYTES_TEXT], room[LS_BYTES_TEXT];
        if (!too_large(bytes))
            continue;
        ls_shape_format(text, &shapes->out[i]);
        return ls_layer_fail(layer, "its output %s takes %s a sample, but %s of memory are free",
                             text, ls_bytes_format(size, bytes),
                             ls_bytes_format(room, (double)ls_memory_available()));
    }
    return LS_OK;
}

struct weights {
    double bytes, most;             /* of all layers, of the largest one */
    const struct ls_layer *largest; /* NULL: there are none */
};

static struct weights weights_of(const struct ls_model *model)
{
    struct weights all = {0};
    for (size_t i = 0; i < model->layers; i++) {
        const struct ls_layer *layer = model->layer[i];
        double here = 0;
        for (size_t v = 0; v < layer->variables; v++)
            here += bytes_of(&layer->variable[v].shape);
        all.bytes += here;
        if (here > all.most) {
            all.most = here;
            all.largest = layer;
        }
    }
    return all;
}

ls_status ls_size_count_weights(const struct ls_model *model)
{
    char most[LS_BYTES_TEXT], size[LS_BYTES_TEXT];
    struct weights weights = weights_of(model);
    if (weights.bytes < (double)(SIZE_MAX / 16))
        return LS_OK;
    return ls_layer_fail(weights.largest,
                         "the model's weights take %s (%s in this layer): no memory holds that",
                         ls_bytes_format(size, weights.bytes), ls_bytes_format(most, weights.most));
}

ls_status ls_size_check_weights(const struct ls_model *model)
{
    char most[LS_BYTES_TEXT], size[LS_BYTES_TEXT], room[LS_BYTES_TEXT];
    struct weights weights = weights_of(model);
    if (!too_large(weights.bytes))
        return LS_OK;
    return ls_layer_fail(
        weights.largest,
        "the model's weights take %s (%s in this layer), but %s of memory are free",
        ls_bytes_format(size, weights.bytes), ls_bytes_format(most, weights.most),
        ls_bytes_format(room, (double)ls_memory_available()));
}

ls_status ls_size_check_rows(const struct ls_model *model, int64_t rows)
{
    char size[LS_BYTES_TEXT];
    double bytes = 0, most = (double)(SIZE_MAX / 16);
    for (size_t c = 0; c < model->calls; c++) {
        const struct ls_graph_call *call = &model->call[c];
        const struct ls_call_needs *needs = &call->needs;
        for (size_t o = 0; o < call->shapes.outputs; o++)
            bytes += bytes_of(&call->shapes.out[o]);
        bytes += sizeof(float) *
                 ((double)needs->saved_floats_per_row + (double)needs->work_floats_per_row);
    }
    if (bytes * (double)rows < most)
        return LS_OK;
    return ls_fail(LS_BAD_INPUT,
                   "%lld samples of this model take %s of memory: use a smaller batch",
                   (long long)rows, ls_bytes_format(size, bytes * (double)rows));
}
