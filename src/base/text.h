/* A growing text, and what is done with names. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Starts as {0}; `data` is NULL or ends with NUL. A failed append is remembered, so that only the
 * end of a chain of appends needs a check: ls_text_status. */
struct ls_text {
    char *data;
    size_t length, room;
    bool failed;
};

void ls_text_append(struct ls_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ls_text_append_bytes(struct ls_text *text, const char *bytes, size_t length);
ls_status ls_text_status(const struct ls_text *text);
void ls_text_release(struct ls_text *text);

/* The beginning of a user's text for a message: all of it, or as much as fits and "...". */
enum { LS_EXCERPT = 64 };
void ls_excerpt(char out[LS_EXCERPT], const char *text);

/* The candidate nearest to name (edit distance at most a third of its length, at least 1), or NULL.
 * candidates ends with NULL. */
const char *ls_nearest(const char *name, const char *const *candidates);

/* What may have been meant by a name that is not among `names` (ends with NULL), for the end of a
 * message: " (did you mean 'loss'?)", or all of them: " (there are: loss, accuracy)". */
void ls_append_meant(struct ls_text *text, const char *name, const char *const *names);

/* Dense -> dense, LeakyReLU -> leaky_re_lu, ELU -> elu: Keras' to_snake_case. out has room for room
 * bytes. */
void ls_snake_case(char *out, size_t room, const char *name);

/* The whole of a file; 64 MiB at most for text (LS_BAD_INPUT). LS_NO_INPUT with the path in the
 * message. The text starts as nothing, and is nothing again on failure. */
ls_status ls_file_read_text(const char *path, struct ls_text *text);

/* path, or directory/path when path is relative; in new memory. */
ls_status ls_path_join(char **joined, const char *directory, const char *path);

/* An absolute path of path (which need not exist), in new memory. */
ls_status ls_path_absolute(char **absolute, const char *path);

/* Whether there is a directory of this name. */
bool ls_path_is_directory(const char *path);

bool ls_ends_with(const char *text, const char *end);

/* `${VAR}` replaced by the environment; an unset variable is LS_BAD_INPUT. In new memory. */
ls_status ls_expand_variables(char **expanded, const char *text);

#endif
