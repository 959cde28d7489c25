/* TensorBoard's event files: records of tensorflow/core/lib/io/record_writer.h (length, its
 * checksum, data, its checksum), each an Event of tensorflow/core/util/event.proto, with summaries
 * as tf.summary writes them. On one rank. */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H

#include "model/graph.h"
#include "store/png.h"

struct ls_events;

/* One of the files that a run leaves in a directory, one a start. TensorBoard reads them in the
 * order of the time in their names, and what it has read of one it does not look at again: so each
 * start has a file of its own. */
struct ls_events_file {
    int64_t run;    /* tells its files from those of other runs */
    int64_t number; /* from 0; what the run wrote there after `kept` bytes of the file before it
                       goes. -1: nothing goes, it is behind those that there are */
    int64_t kept;
};
/* That of a run directory, or a new one (NULL); below 2^48. */
int64_t ls_events_run(const char *directory);

/* Makes the directory and the file. LS_CANNOT_WRITE names the file. */
ls_status ls_events_open(struct ls_events **events, const char *directory,
                         const struct ls_events_file *file);
/* Does not flush. NULL is allowed. */
void ls_events_close(struct ls_events *events);
int64_t ls_events_number(const struct ls_events *events);
bool ls_events_is_first(const struct ls_events *events); /* none of the run's is before it */

/* Writes what was added since. On failure (LS_CANNOT_WRITE names the file) the file ends with a
 * whole record, and what was added is gone. */
ls_status ls_events_flush(struct ls_events *events);
int64_t ls_events_bytes(const struct ls_events *events); /* that are written */

/* An Event of this step with a message, or bytes, in a field of it. A failure to get memory shows
 * at the flush, here and below. */
enum ls_event_field { LS_EVENT_VERSION = 3, LS_EVENT_GRAPH = 4, LS_EVENT_SUMMARY = 5 };
void ls_events_add(struct ls_events *events, int64_t step, enum ls_event_field field,
                   const struct ls_text *message);

/* -- events_summary.c: summaries, as tf.summary.scalar, .histogram and .image write them */

void ls_events_scalar(struct ls_events *events, const char *tag, int64_t step, double value);

/* Of 30 buckets of the same width from the smallest to the largest value; those that are not finite
 * are left out. */
void ls_events_histogram(struct ls_events *events, const char *tag, int64_t step,
                         const float *values, size_t count);

/* Pictures of one size; help: Markdown that TensorBoard shows beside them, or NULL. */
struct ls_event_pictures {
    const char *tag, *help;
    const struct ls_picture *picture;
    size_t count;
};
ls_status ls_events_pictures(struct ls_events *events, int64_t step,
                             const struct ls_event_pictures *pictures);

/* -- events_graph.c */

/* The model, which is built, for the Graphs tab: as its calls with their results' shapes
 * (GraphDef), and as Keras' config under Keras' tag, `keras`. */
ls_status ls_events_model(struct ls_events *events, const struct ls_model *model);

/* A value of a summary: its tensor (released), of the plugin of TensorBoard that shows it. */
struct ls_event_value {
    const char *tag, *plugin, *content, *help; /* content, help: or NULL */
    struct ls_text tensor;
};
void ls_events_value(struct ls_events *events, int64_t step, struct ls_event_value *value);

/* TensorProto's beginning, type and shape; texts go into its field LS_EVENT_TEXTS. */
enum ls_event_type { LS_EVENT_FLOAT = 1, LS_EVENT_DOUBLE = 2, LS_EVENT_STRING = 7 };
enum { LS_EVENT_TEXTS = 8 };
void ls_event_tensor(struct ls_text *tensor, enum ls_event_type type, const int64_t *size,
                     int rank);
/* TensorShapeProto. */
void ls_event_shape(struct ls_text *shape, const int64_t *size, int rank);

#endif
