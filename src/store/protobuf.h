/* Messages of Protocol Buffers (protobuf.dev, "Encoding"): fields one after the other in a growing
 * text, which may hold any bytes. Few and flat as TensorBoard's are, they need no generated code. A
 * number that is 0 and an empty text are a field's default, which is not written. */
#ifndef STORE_PROTOBUF_H
#define STORE_PROTOBUF_H

#include <stdint.h>

#include "base/text.h"

void ls_proto_int(struct ls_text *message, unsigned field, int64_t value);
void ls_proto_double(struct ls_text *message, unsigned field, double value);
void ls_proto_bytes(struct ls_text *message, unsigned field, const void *bytes, size_t length);
void ls_proto_text(struct ls_text *message, unsigned field, const char *text);
/* A message in a field, an empty one too; `inner` is released. */
void ls_proto_message(struct ls_text *message, unsigned field, struct ls_text *inner);

#endif
