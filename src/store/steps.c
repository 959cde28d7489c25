#include "store/steps.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define PREFIX "step-"
#define SUFFIX ".h5"

ls_status ls_step_path(char **path, const char *directory, int64_t step)
{
    return ls_format(path, "%s/checkpoints/" PREFIX "%08" PRId64 SUFFIX, directory, step);
}

/* -1: no checkpoint's name. */
static int64_t parse_name(const char *name)
{
    enum { DIGITS_MIN = 8, DIGITS_MAX = 18 };
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return -1;
    name += strlen(PREFIX);
    size_t digits = strspn(name, "0123456789");
    if (digits < DIGITS_MIN || digits > DIGITS_MAX || strcmp(name + digits, SUFFIX) != 0)
        return -1;
    return (int64_t)strtoll(name, NULL, 10);
}

static int compare_down(const void *a, const void *b)
{
    int64_t left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? 1 : left > right ? -1 : 0;
}

ls_status ls_steps_list(struct ls_steps *steps, const char *directory)
{
    char *path = NULL;
    *steps = (struct ls_steps){0};
    LS_TRY(ls_format(&path, "%s/checkpoints", directory));
    DIR *entries = opendir(path);
    ls_status status = LS_OK;
    if (!entries && errno != ENOENT && errno != ENOTDIR)
        status = ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
    for (struct dirent *entry; entries && status == LS_OK && (entry = readdir(entries)) != NULL;) {
        int64_t step = parse_name(entry->d_name);
        if (step < 0)
            continue;
        status = ls_reallocate(&steps->step, steps->count + 1, sizeof *steps->step);
        if (status == LS_OK)
            steps->step[steps->count++] = step;
    }
    if (entries)
        closedir(entries);
    ls_release(path);
    if (status != LS_OK)
        ls_steps_release(steps);
    else if (steps->count > 0)
        qsort(steps->step, steps->count, sizeof *steps->step, compare_down);
    return status;
}

void ls_steps_release(struct ls_steps *steps)
{
    ls_release(steps->step);
    *steps = (struct ls_steps){0};
}
