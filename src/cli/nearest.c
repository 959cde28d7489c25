#include "cli.h"

#include <string.h>

enum { NAME_MAX_LENGTH = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to add, drop or replace, or neighbours to exchange, by three rows of the table. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NAME_MAX_LENGTH + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            row[j + 1] = least(above[j] + (a[i] != b[j]), least(above[j + 1], row[j]) + 1);
            if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
                row[j + 1] = least(row[j + 1], before[j - 1] + 1);
        }
    }
    return row[length];
}

const char *cli_nearest(const char *name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_LENGTH)
        return NULL;
    size_t limit = length > 6 ? (length - 1) / 3 : 1; /* export is not near import */
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
