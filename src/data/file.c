/* A split of an HDF5 file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/child.h"
#include "data/file_column.h"

struct file_data {
    struct ls_data data;
    struct ls_file_column *column; /* as data.column */
    size_t open;                   /* columns that were set up */
    hid_t file;                    /* closed when no column needs HDF5 any more */
    int fd;
    int64_t file_bytes;
};

/* A dataset's place: what the column is called and its path below the group. */
struct place {
    char *name, *path;
};
struct places {
    struct place *place;
    size_t count;
};

static ls_status read_file(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                           int64_t count)
{
    struct file_data *file = (struct file_data *)data;
    ls_status status = ls_file_column_read(&file->column[column], bytes, index, count);

    if (status != LS_OK)
        return ls_fail_within(status, "%s: %s", data->name, data->column[column].name);
    return LS_OK;
}

static void close_hdf5(struct file_data *file)
{
    struct ls_hdf5_quiet quiet;

    ls_hdf5_quiet_begin(&quiet);
    for (size_t i = 0; i < file->open; i++)
        if (file->column[i].set.id >= 0)
            H5Dclose(file->column[i].set.id);
    if (file->file >= 0)
        H5Fclose(file->file);
    ls_hdf5_quiet_end(&quiet);
    for (size_t i = 0; i < file->open; i++)
        file->column[i].set.id = H5I_INVALID_HID;
    file->file = H5I_INVALID_HID;
}

static void release_file(struct ls_data *data)
{
    struct file_data *file = (struct file_data *)data;

    close_hdf5(file);
    for (size_t i = 0; i < file->open; i++)
        ls_file_column_release(&file->column[i]);
    ls_release(file->column);
    if (file->fd >= 0)
        close(file->fd);
}

static size_t file_memory(const struct ls_data *data, int64_t rows)
{
    const struct file_data *file = (const struct file_data *)data;
    size_t bytes = 0;

    (void)rows;
    for (size_t i = 0; i < data->columns; i++)
        bytes += ls_file_column_memory(&file->column[i]);
    return bytes;
}

static const struct ls_data_kind file_kind = {
    .read = read_file, .memory = file_memory, .release = release_file};

/* -- which datasets */

static void release_places(struct places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        ls_release(places->place[i].name);
        ls_release(places->place[i].path);
    }
    ls_release(places->place);
}

static ls_status add_place(struct places *places, const char *name, const char *path)
{
    struct place *place;

    LS_TRY(ls_reallocate(&places->place, places->count + 1, sizeof *places->place));
    place = &places->place[places->count++];
    *place = (struct place){0};
    LS_TRY(ls_duplicate(&place->name, name));
    return ls_duplicate(&place->path, path);
}

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

struct link_names {
    struct places places;
    ls_status status;
};

static herr_t add_link(hid_t group, const char *name, const H5L_info_t *info, void *user)
{
    struct link_names *names = user;

    (void)group, (void)info;
    names->status = add_place(&names->places, name, name);
    return names->status == LS_OK ? 0 : -1;
}

/* The names in a group, sorted. On failure *places is empty. */
static ls_status list_links(struct places *places, hid_t group)
{
    struct link_names names = {.status = LS_OK};
    herr_t result = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_link, &names);

    *places = (struct places){0};
    if (result < 0) {
        release_places(&names.places);
        return names.status != LS_OK ? names.status : ls_fail(LS_BAD_INPUT, "the group is damaged");
    }
    *places = names.places;
    if (places->count > 1)
        qsort(places->place, places->count, sizeof *places->place, compare_places);
    return LS_OK;
}

/* LS_BAD_INPUT: the split is not there; the message names those that are. */
static ls_status fail_without_split(hid_t file, const char *path, const char *split)
{
    struct ls_text names = {0};
    struct places places;
    ls_status status;

    status = list_links(&places, file);
    if (status != LS_OK)
        return ls_fail_within(status, "%s", path);
    for (size_t i = 0; i < places.count; i++) {
        hid_t group;

        if (ls_hdf5_open_object(&group, file, places.place[i].path, H5I_GROUP) != LS_OK ||
            group < 0)
            continue;
        H5Oclose(group);
        ls_text_append(&names, "%s%s", names.length > 0 ? ", " : "", places.place[i].name);
    }
    status = ls_text_status(&names);
    if (status == LS_OK && names.length == 0)
        status = ls_fail(LS_BAD_INPUT, "%s: no split '%s'; it has none", path, split);
    else if (status == LS_OK)
        status = ls_fail(LS_BAD_INPUT, "%s: no split '%s'; it has: %s", path, split, names.data);
    ls_text_release(&names);
    release_places(&places);
    return status;
}

/* -- columns */

/* Opens and checks the dataset, class names included. */
static ls_status open_column(struct file_data *file, hid_t group, const struct place *place,
                             struct ls_column *column)
{
    struct ls_hdf5_dataset *set = &file->column[file->data.columns].set;
    hid_t id;
    ls_status status;

    LS_TRY(ls_hdf5_open_object(&id, group, place->path, H5I_DATASET));
    if (id < 0)
        return ls_fail(LS_BAD_INPUT, "there is no dataset %s", place->path);
    status = ls_hdf5_check(set, id, file->file_bytes);
    if (status == LS_OK)
        status = ls_hdf5_read_texts(&column->class_names, &column->classes, id, "class_names");
    if (status == LS_OK)
        status = ls_column_init(column, place->name, set->type);
    if (status == LS_OK) {
        column->shape = set->shape;
        return LS_OK;
    }
    ls_column_release(column);
    *column = (struct ls_column){0};
    H5Dclose(id);
    return status;
}

static ls_status pass_over(struct ls_data *data, const char *name)
{
    char *pair[2] = {NULL, NULL};

    LS_TRY(ls_format(&pair[1], "%s", ls_message()));
    if (ls_duplicate(&pair[0], name) != LS_OK ||
        ls_reallocate(&data->passed_over, 2 * data->passed_overs + 2, sizeof(char *)) != LS_OK) {
        ls_release(pair[0]);
        ls_release(pair[1]);
        return LS_FAILED;
    }
    memcpy(data->passed_over + 2 * data->passed_overs++, pair, sizeof pair);
    return LS_OK;
}

static ls_status add_column(struct file_data *file, hid_t group, const struct place *place,
                            bool named)
{
    static const char *const known[] = {"x", "y", "sample_weight"};
    struct ls_data *data = &file->data;
    struct ls_column *column = &data->column[data->columns];
    ls_status status = open_column(file, group, place, column);

    if (status == LS_OK) {
        file->open = ++data->columns;
        return LS_OK;
    }
    status = ls_fail_within(status, "%s: %s", data->name, place->name);
    if (status != LS_BAD_INPUT || named)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], place->name) == 0)
            return status;
    return pass_over(data, place->name);
}

/* All columns have the same number of samples; the smallest are the first to stay in memory. */
static ls_status finish_columns(struct file_data *file, size_t *resident)
{
    struct ls_data *data = &file->data;
    bool all_direct = true;
    uint64_t last = 0;

    if (data->columns == 0)
        return data->passed_overs > 0
                   ? ls_fail(LS_BAD_INPUT, "%s", data->passed_over[1])
                   : ls_fail(LS_BAD_INPUT, "%s: no datasets in the split", data->name);
    data->samples = file->column[0].set.samples;
    for (size_t i = 1; i < data->columns; i++)
        if (file->column[i].set.samples != data->samples)
            return ls_fail(LS_BAD_INPUT, "%s: %s has %lld samples, but %s has %lld", data->name,
                           data->column[i].name, (long long)file->column[i].set.samples,
                           data->column[0].name, (long long)data->samples);
    for (size_t done = 0; done < data->columns;) {
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < data->columns; i++) {
            struct ls_file_column *column = &file->column[i];
            uint64_t row = (uint64_t)ls_shape_count(&data->column[i].shape) *
                           ls_number_bytes(data->column[i].type);

            if (row == last) {
                struct ls_hdf5_dataset set = column->set;

                ls_file_column_init(column, &set, file->fd, resident);
                done++;
            } else if (row > last && row < next) {
                next = row;
            }
        }
        last = next;
    }
    for (size_t i = 0; i < data->columns; i++) {
        int64_t chunks = (int64_t)ls_file_column_chunks(&file->column[i]);
        data->column[i].in_memory = file->column[i].resident;
        /* Two windows are in use where one goes over into the next. */
        int64_t window = chunks > 1 ? chunks / 2 : 1;

        all_direct = all_direct && ls_file_column_direct(&file->column[i]);
        if (chunks == 0)
            continue;
        if (file->column[i].set.chunk > data->chunk)
            data->chunk = file->column[i].set.chunk;
        if (data->window == 0 || window < data->window)
            data->window = window;
    }
    if (all_direct)
        close_hdf5(file);
    return LS_OK;
}

/* -- the file */

static ls_status open_file(struct file_data *file, const char *path)
{
    struct stat about;
    int *handle;

    LS_TRY(ls_hdf5_open(&file->file, path));
    /* HDF5's own descriptor, so that both look at the same file whatever is renamed meanwhile. */
    if (H5Fget_vfd_handle(file->file, H5P_DEFAULT, (void **)&handle) < 0)
        return ls_fail(LS_FAILED, "%s: no descriptor of the file", path);
    file->fd = fcntl(*handle, F_DUPFD_CLOEXEC, 0);
    if (file->fd < 0 || fstat(file->fd, &about) != 0)
        return ls_fail(LS_FAILED, "%s: %s", path, strerror(errno));
    file->file_bytes = about.st_size;
    return LS_OK;
}

/* The group that the columns are in, and their places. */
static ls_status find_places(struct places *places, hid_t *group, struct file_data *file,
                             const struct ls_file_place *place)
{
    ls_status status;

    *places = (struct places){0};
    *group = H5I_INVALID_HID;
    if (place->columns) {
        status = ls_hdf5_open_object(group, file->file, "/", H5I_GROUP);
        for (size_t i = 0; status == LS_OK && place->columns[i]; i += 2)
            status = add_place(places, place->columns[i], place->columns[i + 1]);
    } else {
        status = ls_hdf5_open_object(group, file->file, place->split, H5I_GROUP);
        if (status == LS_OK && *group < 0)
            return fail_without_split(file->file, place->file, place->split);
        if (status == LS_OK)
            status = list_links(places, *group);
    }
    return status == LS_OK ? LS_OK : ls_fail_within(status, "%s", place->file);
}

static ls_status fill_file(struct file_data *file, const struct ls_file_place *place,
                           size_t *resident)
{
    struct places places;
    hid_t group;
    ls_status status;

    LS_TRY(open_file(file, place->file));
    LS_TRY_OUT(find_places(&places, &group, file, place));
    ls_release(file->data.column);
    file->data.column = NULL;
    LS_TRY_OUT(ls_allocate(&file->data.column, places.count, sizeof *file->data.column));
    LS_TRY_OUT(ls_allocate(&file->column, places.count, sizeof *file->column));
    for (size_t i = 0; i < places.count; i++)
        LS_TRY_OUT(add_column(file, group, &places.place[i], place->columns != NULL));
    status = ls_hdf5_read_text(&file->data.learnt, file->file, LS_LEARNT);
    if (status != LS_OK)
        status = ls_fail_within(status, "%s", place->file);
    else
        status = finish_columns(file, resident);
out:
    release_places(&places);
    if (group >= 0)
        H5Oclose(group);
    return status;
}

static ls_status open_split(struct ls_data **data, const struct ls_file_place *place,
                            size_t *resident)
{
    struct ls_hdf5_quiet quiet;
    struct file_data *file = NULL;
    char *name = NULL;
    ls_status status;

    *data = NULL;
    LS_TRY_OUT(place->columns ? ls_duplicate(&name, place->file)
                              : ls_format(&name, "%s:%s", place->file, place->split));
    LS_TRY_OUT(ls_data_create(&file, sizeof *file, &file_kind, name, 0));
    file->file = H5I_INVALID_HID;
    file->fd = -1;
    ls_hdf5_quiet_begin(&quiet);
    status = fill_file(file, place, resident);
    ls_hdf5_quiet_end(&quiet);
    if (status == LS_OK)
        *data = &file->data;
    else
        ls_data_free(&file->data);
out:
    ls_release(name);
    return status;
}

struct opening {
    const struct ls_file_place *place;
    size_t resident;
};

static void try_to_open(void *context)
{
    struct opening *opening = context;
    struct ls_data *data = NULL;

    if (open_split(&data, opening->place, &opening->resident) == LS_OK)
        ls_data_free(data);
}

/* All that HDF5 looks at before samples are read, first in a child, which dies of it if anyone
 * must. */
ls_status ls_data_from_file(struct ls_data **data, const struct ls_file_place *place,
                            size_t *resident)
{
    struct opening opening = {place, *resident};

    *data = NULL;
    LS_TRY(ls_child_try(place->file, try_to_open, &opening));
    return open_split(data, place, resident);
}
