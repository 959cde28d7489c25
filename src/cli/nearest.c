#include "cli.h"

#include <string.h>

enum { NAME_MAX_LENGTH = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, by one row of the table. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LENGTH + 1];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t above = row[j + 1];
            size_t replaced = diagonal + (a[i] != b[j]);
            row[j + 1] = least(replaced, least(above, row[j]) + 1);
            diagonal = above;
        }
    }
    return row[length];
}

const char *cli_nearest(const char *name, const char *const *names, size_t count)
{
    size_t limit = strlen(name) / 3;
    if (limit < 1)
        limit = 1;
    const char *nearest = NULL;
    if (strlen(name) > NAME_MAX_LENGTH)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NAME_MAX_LENGTH)
            continue;
        size_t steps = distance(name, names[i]);
        if (steps <= limit && steps < strlen(names[i])) {
            limit = steps > 0 ? steps - 1 : 0;
            nearest = names[i];
            if (steps == 0)
                break;
        }
    }
    return nearest;
}
