/* Attributes that hold texts. */
#include <string.h>

#include "base/memory.h"
#include "data/hdf5.h"

enum { TEXTS_BYTES_MAX = 16 * 1024 * 1024 };

/* Texts of one length, in a block, or each by a pointer; copied into new memory. */
static ls_status copy_texts(char **texts, const char *block, size_t count, size_t fixed)
{
    for (size_t i = 0; i < count; i++) {
        if (fixed > 0) {
            LS_TRY(ls_allocate(&texts[i], fixed + 1, 1));
            memcpy(texts[i], block + i * fixed, fixed);
        } else {
            const char *text;

            memcpy(&text, block + i * sizeof text, sizeof text);
            LS_TRY(ls_duplicate(&texts[i], text ? text : ""));
        }
    }
    return LS_OK;
}

/* The attribute's values, already known to be `count` texts. */
static ls_status read_attribute(char ***texts, size_t count, hid_t attribute, hid_t type)
{
    size_t fixed = H5Tis_variable_str(type) > 0 ? 0 : H5Tget_size(type);
    size_t item = fixed > 0 ? fixed : sizeof(char *);
    hid_t memory = H5Tcopy(H5T_C_S1), space = H5Aget_space(attribute);
    char *block = NULL;
    bool filled = false;
    ls_status status;

    H5Tset_size(memory, fixed > 0 ? fixed : H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    H5Tset_strpad(memory, H5Tget_strpad(type));
    LS_TRY_OUT(ls_allocate(&block, count, item));
    LS_TRY_OUT(ls_allocate(texts, count, sizeof **texts));
    filled = H5Aread(attribute, memory, block) >= 0;
    status = filled ? copy_texts(*texts, block, count, fixed)
                    : ls_fail(LS_BAD_INPUT, "the attribute is damaged");
    if (status != LS_OK) {
        ls_strings_free(*texts, count);
        *texts = NULL;
    }
    if (filled && fixed == 0)
        H5Dvlen_reclaim(memory, space, H5P_DEFAULT, block);
out:
    ls_release(block);
    H5Sclose(space);
    H5Tclose(memory);
    return status;
}

/* How many texts, with the space's and type's checks. */
static ls_status check_attribute(size_t *count, hid_t attribute, hid_t type)
{
    hid_t space = H5Aget_space(attribute);
    hssize_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    size_t item = type < 0 ? 0 : H5Tget_size(type);

    if (space >= 0)
        H5Sclose(space);
    if (type < 0 || H5Tget_class(type) != H5T_STRING)
        return ls_fail(LS_BAD_INPUT, "expected a list of texts");
    if (rank < 0 || rank > 1 || points < 1 || item < 1 || (uint64_t)points > TEXTS_BYTES_MAX / item)
        return ls_fail(LS_BAD_INPUT, "expected a list of texts, of one axis and at most %d MiB",
                       TEXTS_BYTES_MAX >> 20);
    *count = (size_t)points;
    return LS_OK;
}

ls_status ls_hdf5_read_texts(char ***texts, size_t *count, hid_t object, const char *name)
{
    hid_t attribute, type;
    size_t found = 0;
    ls_status status;

    *texts = NULL;
    *count = 0;
    if (H5Aexists(object, name) <= 0)
        return LS_OK;
    attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0)
        return ls_fail(LS_BAD_INPUT, "%s: the attribute is damaged", name);
    type = H5Aget_type(attribute);
    status = check_attribute(&found, attribute, type);
    if (status == LS_OK)
        status = read_attribute(texts, found, attribute, type);
    if (status == LS_OK)
        *count = found;
    else
        status = ls_fail_within(status, "%s", name);
    if (type >= 0)
        H5Tclose(type);
    H5Aclose(attribute);
    return status;
}

ls_status ls_hdf5_read_text(char **text, hid_t object, const char *name)
{
    char **texts;
    size_t count;

    *text = NULL;
    LS_TRY(ls_hdf5_read_texts(&texts, &count, object, name));
    if (count > 0) {
        *text = texts[0];
        texts[0] = NULL;
    }
    ls_strings_free(texts, count);
    return LS_OK;
}

static ls_status write_attribute(hid_t object, const char *name, hid_t space,
                                 const char *const *texts)
{
    hid_t type = H5Tcopy(H5T_C_S1), attribute;
    herr_t result = -1;

    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute >= 0) {
        result = H5Awrite(attribute, type, texts);
        if (H5Aclose(attribute) < 0)
            result = -1;
    }
    H5Tclose(type);
    H5Sclose(space);
    return result < 0 ? ls_fail(LS_CANNOT_WRITE, "the attribute %s cannot be written", name)
                      : LS_OK;
}

ls_status ls_hdf5_write_texts(hid_t object, const char *name, const char *const *texts,
                              size_t count)
{
    hsize_t size = count;

    return write_attribute(object, name, H5Screate_simple(1, &size, NULL), texts);
}

ls_status ls_hdf5_write_text(hid_t object, const char *name, const char *text)
{
    return write_attribute(object, name, H5Screate(H5S_SCALAR), &text);
}
