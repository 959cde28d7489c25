/* One option's value: the field of an option struct that a row of the table describes. For the
 * files of kind.h alone. */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include "base/kind.h"

/* Fields start as zero bytes; on failure they are to be released too. */
ls_status ls_option_parse(void *field, const struct ls_option *option, const struct ls_tree *value);
ls_status ls_option_parse_initial(void *field, const struct ls_option *option);
ls_status ls_option_copy(void *copy, const void *field, const struct ls_option *option);
void ls_option_release(void *field, const struct ls_option *option);
ls_status ls_option_write(const void *field, const struct ls_option *option, struct ls_tree *map);

bool ls_option_nullable(const struct ls_option *option);
/* "at least 0 and below 1"; nothing when there is no range. */
void ls_option_format_range(struct ls_text *text, const struct ls_option *option);

#endif
