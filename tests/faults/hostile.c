/* Files that an enemy wrote: `fault-hostile FILE DATASET KIND` puts in the place of a dataset one
 * of the kinds below, of the same shape where it has one. `fault-hostile FILE` prints the path of
 * the first matrix in it. The other file that some name is "secret", in the current directory. */
#define XXH_INLINE_ALL
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { RANK_MAX = 8, UNKNOWN_FILTER = 511, HUGE_BITS = 44, DEPTH = 20000 };

struct place {
    hid_t file;
    const char *name;
    int rank;
    hsize_t size[RANK_MAX];
};

static hid_t space_of(const struct place *at)
{
    return H5Screate_simple(at->rank, at->size, NULL);
}

static hid_t make(const struct place *at, hid_t type, hid_t space, hid_t create)
{
    return H5Dcreate2(at->file, at->name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
}

/* The values lie in another file. */
static void external(const struct place *at)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(create, "secret", 0, H5F_UNLIMITED);
    make(at, H5T_IEEE_F32LE, space_of(at), create);
}

static void external_link(const struct place *at)
{
    H5Lcreate_external("secret", "/x", at->file, at->name, H5P_DEFAULT, H5P_DEFAULT);
}

static void virtual_dataset(const struct place *at)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), space = space_of(at);
    H5Pset_virtual(create, space, "secret", "/x", space);
    make(at, H5T_IEEE_F32LE, space, create);
}

static hid_t chunked(const struct place *at)
{
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk[RANK_MAX];
    for (int i = 0; i < at->rank; i++)
        chunk[i] = at->size[i] < 4 ? at->size[i] : 4;
    H5Pset_chunk(create, at->rank, chunk);
    return create;
}

/* One that HDF5 would look for among its plugins, and load. */
static void filter(const struct place *at)
{
    hid_t create = chunked(at);
    H5Pset_filter(create, UNKNOWN_FILTER, H5Z_FLAG_OPTIONAL, 0, NULL);
    hid_t made = make(at, H5T_IEEE_F32LE, space_of(at), create);
    float *values = calloc((size_t)H5Sget_simple_extent_npoints(space_of(at)), sizeof *values);
    H5Dwrite(made, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
}

/* Terabytes that no byte of the file is there for. */
static void huge(const struct place *at)
{
    struct place more = *at;
    hid_t create = chunked(at);
    more.size[0] = (hsize_t)1 << HUGE_BITS;
    make(&more, H5T_IEEE_F32LE, space_of(&more), create);
}

static void huge_late(const struct place *at)
{
    struct place more = *at;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    more.size[0] = (hsize_t)1 << HUGE_BITS;
    H5Pset_alloc_time(create, H5D_ALLOC_TIME_LATE);
    make(&more, H5T_IEEE_F32LE, space_of(&more), create);
}

static void of_any_length(const struct place *at)
{
    make(at, H5Tvlen_create(H5T_IEEE_F32LE), space_of(at), H5P_DEFAULT);
}

static void compound(const struct place *at)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(float));
    H5Tinsert(type, "a", 0, H5T_IEEE_F32LE);
    make(at, type, space_of(at), H5P_DEFAULT);
}

static void loop(const struct place *at)
{
    H5Lcreate_soft(at->name, at->file, at->name, H5P_DEFAULT, H5P_DEFAULT);
}

/* A group that is its own parent. */
static void cycle(const struct place *at)
{
    hid_t group = H5Gcreate2(at->file, at->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(at->file, "/", group, "again", H5P_DEFAULT, H5P_DEFAULT);
}

static void deep(const struct place *at)
{
    hid_t group = H5Gcreate2(at->file, at->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    for (int i = 0; i < DEPTH && group >= 0; i++) {
        hid_t next = H5Gcreate2(group, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Gclose(group);
        group = next;
    }
}

static const struct {
    const char *name;
    void (*put)(const struct place *at);
} kinds[] = {{"external", external},  {"link", external_link}, {"virtual", virtual_dataset},
             {"filter", filter},      {"huge", huge},          {"late", huge_late},
             {"vlen", of_any_length}, {"compound", compound},  {"loop", loop},
             {"cycle", cycle},        {"deep", deep}};

/* The digest of a checkpoint: of the whole file, with zeros for its digits. */
static int seal(const char *path)
{
    static const char mark[] = "lockstep-xxh3:";
    enum { DIGITS = 32 };
    char digits[DIGITS + 1];
    FILE *file = fopen(path, "r+b");
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    char *bytes = malloc(size);
    rewind(file);
    if (!bytes || fread(bytes, 1, size, file) != size)
        return 1;
    char *at = memmem(bytes, size, mark, strlen(mark));
    if (at) {
        at += strlen(mark);
        memset(at, '0', DIGITS);
        XXH128_hash_t hash = XXH3_128bits(bytes, size);
        snprintf(digits, sizeof digits, "%016llx%016llx", (unsigned long long)hash.high64,
                 (unsigned long long)hash.low64);
        fseek(file, at - bytes, SEEK_SET);
        fwrite(digits, 1, DIGITS, file);
    }
    free(bytes);
    return fclose(file);
}

int main(int count, char **arguments)
{
    struct place at = {.file = count == 4 ? H5Fopen(arguments[1], H5F_ACC_RDWR, H5P_DEFAULT) : -1};
    if (at.file < 0)
        return 1;
    at.name = arguments[2];
    hid_t dataset = H5Dopen2(at.file, at.name, H5P_DEFAULT), space = H5Dget_space(dataset);
    at.rank = H5Sget_simple_extent_dims(space, at.size, NULL);
    H5Dclose(dataset);
    if (at.rank < 1 || H5Ldelete(at.file, at.name, H5P_DEFAULT) < 0)
        return 1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, arguments[3]) == 0) {
            kinds[i].put(&at);
            H5Fflush(at.file, H5F_SCOPE_GLOBAL);
            H5close();
            return seal(arguments[1]);
        }
    return 1;
}
