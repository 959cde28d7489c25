/* damage COUNT FILE...: COUNT damages of each file, which is then opened as a model and, where it
 * has such groups, as data; a line a file, and one for each that takes more than a second of
 * processor time: then the status is 1. A crash leaves the damaged file behind. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "damage.h"
#include "data/dataset.h"
#include "kernel/kernels.h"
#include "store/checkpoint.h"

static const char place[] = "damaged.h5"; /* in the current directory */

/* Processor time of this process and its children: other work on the machine does not count. */
static double now(void)
{
    double seconds = 0;
    for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
        struct rusage use;
        getrusage(who, &use);
        seconds += (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                   1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    }
    return seconds;
}

static unsigned char *read_whole(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    *length = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*length + 1);
    if (fread(bytes, 1, *length, file) != *length)
        return NULL;
    fclose(file);
    return bytes;
}

static void write_whole(const unsigned char *bytes, size_t length)
{
    FILE *file = fopen(place, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
        exit(2);
}

struct counts {
    long models, splits, refused, died, slow;
    double longest;
};

static ls_status open_split(const char *group)
{
    struct ls_data *data;
    char source[256];
    snprintf(source, sizeof source, "%s:%s", place, group);
    ls_status status = ls_data_open(&data, source);
    if (status != LS_OK)
        return status;
    int64_t first = 0;
    for (size_t c = 0; c < ls_data_columns(data); c++) {
        const struct ls_column *column = ls_data_column(data, c);
        void *bytes = calloc((size_t)ls_shape_count(&column->shape), 8);
        if (bytes)
            ls_data_read(data, c, bytes, &first, 1);
        free(bytes);
    }
    ls_data_free(data);
    return LS_OK;
}

static void note(struct counts *counts, ls_status status, long *good)
{
    if (status == LS_OK)
        ++*good;
    else if (status != LS_BAD_INPUT)
        printf("%s: status %d: %s\n", place, status, ls_message());
    else
        counts->refused++;
    if (status != LS_OK && strstr(ls_message(), "HDF5 cannot read it"))
        counts->died++;
}

static void try_one(struct counts *counts, long number)
{
    struct ls_checkpoint checkpoint;
    double start = now();
    ls_status status = ls_checkpoint_read(&checkpoint, place);
    note(counts, status, &counts->models);
    if (status == LS_OK)
        ls_checkpoint_release(&checkpoint);
    double middle = now();
    note(counts, open_split("x"), &counts->splits);
    double end = now(), took = middle - start > end - middle ? middle - start : end - middle;
    counts->longest = took > counts->longest ? took : counts->longest;
    counts->slow += took > 1;
    if (took > 1)
        printf("damage %ld took %.2f s: %s\n", number, took, ls_message());
}

int main(int count, char **argument)
{
    const struct ls_kernel_options options = {.threads = 1};
    long damages = count > 1 ? strtol(argument[1], NULL, 10) : 0, slow = 0;
    if (ls_kernels_init(&options) != LS_OK)
        return 2;
    for (int f = 2; f < count; f++) {
        struct counts counts = {0};
        size_t length;
        unsigned char *whole = read_whole(argument[f], &length);
        if (!whole) {
            printf("%s: cannot be read\n", argument[f]);
            return 2;
        }
        unsigned char *bytes = malloc(length + 1);
        for (long i = 0; i < damages; i++) {
            memcpy(bytes, whole, length);
            write_whole(bytes, damage(bytes, length, (uint64_t)i));
            try_one(&counts, i);
        }
        printf("%s: %ld damages: %ld models, %ld splits, %ld refusals, of them %ld by the child's "
               "death; longest %.2f s\n",
               argument[f], damages, counts.models, counts.splits, counts.refused, counts.died,
               counts.longest);
        fflush(stdout);
        slow += counts.slow;
        free(bytes);
        free(whole);
    }
    unlink(place);
    return slow > 0;
}
