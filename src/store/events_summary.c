/* Summaries: tensors under tags. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "store/events.h"
#include "store/protobuf.h"

/* Fields of Summary, its Value, SummaryMetadata, its PluginData. */
enum { SUMMARY_VALUE = 1 };
enum { VALUE_TAG = 1, VALUE_TENSOR = 8, VALUE_METADATA = 9 };
enum { METADATA_PLUGIN = 1, METADATA_HELP = 3 };
enum { PLUGIN_NAME = 1, PLUGIN_CONTENT = 2 };
/* Of TensorProto, TensorShapeProto, its Dim. */
enum { TENSOR_TYPE = 1, TENSOR_SHAPE = 2, TENSOR_CONTENT = 4 };
enum { SHAPE_DIM = 2, DIM_SIZE = 1 };

enum { BUCKETS = 30, BUCKET_NUMBERS = 3 };

void ls_event_shape(struct ls_text *shape, const int64_t *size, int rank)
{
    for (int d = 0; d < rank; d++) {
        struct ls_text dim = {0};
        ls_proto_int(&dim, DIM_SIZE, size[d]);
        ls_proto_message(shape, SHAPE_DIM, &dim);
    }
}

void ls_event_tensor(struct ls_text *tensor, enum ls_event_type type, const int64_t *size, int rank)
{
    struct ls_text shape = {0};
    ls_event_shape(&shape, size, rank);
    ls_proto_int(tensor, TENSOR_TYPE, type);
    ls_proto_message(tensor, TENSOR_SHAPE, &shape);
}

void ls_events_value(struct ls_events *events, int64_t step, struct ls_event_value *value)
{
    struct ls_text plugin = {0}, metadata = {0}, made = {0}, summary = {0};
    ls_proto_text(&plugin, PLUGIN_NAME, value->plugin);
    ls_proto_text(&plugin, PLUGIN_CONTENT, value->content ? value->content : "");
    ls_proto_message(&metadata, METADATA_PLUGIN, &plugin);
    ls_proto_text(&metadata, METADATA_HELP, value->help ? value->help : "");
    ls_proto_text(&made, VALUE_TAG, value->tag);
    ls_proto_message(&made, VALUE_TENSOR, &value->tensor);
    ls_proto_message(&made, VALUE_METADATA, &metadata);
    ls_proto_message(&summary, SUMMARY_VALUE, &made);
    ls_events_add(events, step, LS_EVENT_SUMMARY, &summary);
    ls_text_release(&summary);
}

void ls_events_scalar(struct ls_events *events, const char *tag, int64_t step, double value)
{
    struct ls_event_value made = {.tag = tag, .plugin = "scalars"};
    float content = (float)value; /* in the machine's order: little endian */
    ls_event_tensor(&made.tensor, LS_EVENT_FLOAT, NULL, 0);
    ls_proto_bytes(&made.tensor, TENSOR_CONTENT, &content, sizeof content);
    ls_events_value(events, step, &made);
}

/* -- histograms: tensorboard/plugins/histogram/summary_v2.py */

/* Left edge, right edge, count. */
typedef double buckets[BUCKETS][BUCKET_NUMBERS];

static void count_values(buckets bucket, const float *values, size_t count)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            least = values[i] < least ? values[i] : least;
            most = values[i] > most ? values[i] : most;
        }
    if (least > most) /* there is none: zeros */
        return;
    const double width = (most - least) / BUCKETS;
    for (int b = 0; b < BUCKETS; b++) {
        bucket[b][0] = least + b * width;
        bucket[b][1] = b + 1 < BUCKETS ? least + (b + 1) * width : most;
    }
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            double at = width > 0 ? floor((values[i] - least) / width) : BUCKETS;
            bucket[at < BUCKETS ? (int)at : BUCKETS - 1][2]++;
        }
}

void ls_events_histogram(struct ls_events *events, const char *tag, int64_t step,
                         const float *values, size_t count)
{
    static const int64_t size[] = {BUCKETS, BUCKET_NUMBERS};
    struct ls_event_value made = {.tag = tag, .plugin = "histograms"};
    buckets bucket = {{0}};
    count_values(bucket, values, count);
    ls_event_tensor(&made.tensor, LS_EVENT_DOUBLE, size, 2);
    ls_proto_bytes(&made.tensor, TENSOR_CONTENT, bucket, sizeof bucket);
    ls_events_value(events, step, &made);
}

/* -- pictures: width, height and a PNG of each, as texts */

static ls_status append_pictures(struct ls_text *tensor, const struct ls_event_pictures *pictures)
{
    const size_t sides[] = {pictures->picture->width, pictures->picture->height};
    const int64_t strings = 2 + (int64_t)pictures->count;
    ls_event_tensor(tensor, LS_EVENT_STRING, &strings, 1);
    for (int i = 0; i < 2; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", sides[i]);
        ls_proto_text(tensor, LS_EVENT_TEXTS, number);
    }
    for (size_t i = 0; i < pictures->count; i++) {
        struct ls_text png = {0};
        ls_status status = ls_png_write(&png, &pictures->picture[i]);
        ls_proto_bytes(tensor, LS_EVENT_TEXTS, png.data, png.length);
        ls_text_release(&png);
        LS_TRY(status);
    }
    return LS_OK;
}

ls_status ls_events_pictures(struct ls_events *events, int64_t step,
                             const struct ls_event_pictures *pictures)
{
    struct ls_event_value made = {.tag = pictures->tag, .plugin = "images", .help = pictures->help};
    ls_status status = append_pictures(&made.tensor, pictures);
    if (status == LS_OK)
        ls_events_value(events, step, &made);
    else
        ls_text_release(&made.tensor);
    return status;
}
