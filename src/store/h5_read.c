/* Reading HDF5 files that somebody else may have made. */
#include <string.h>

#include "base/memory.h"
#include "store/h5_child.h"

enum { PARTS_MAX = 100000 };

static ls_status bad(const struct ls_h5 *h5, const char *object, const char *why)
{
    return ls_fail(LS_BAD_INPUT, "%s: %s: %s", h5->path, object, why);
}

void ls_texts_release(struct ls_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        ls_release(texts->text[i]);
    ls_release(texts->text);
    *texts = (struct ls_texts){0};
}

ls_status ls_texts_add(struct ls_texts *texts, const char *text)
{
    LS_TRY(ls_grow(&texts->text, texts->count, sizeof *texts->text));
    LS_TRY(ls_duplicate(&texts->text[texts->count], text));
    texts->count++;
    return LS_OK;
}

/* -- ways and objects */

/* One step of the way: *found and a hard link, or a failure. */
static ls_status check_link(const struct ls_h5 *h5, const char *way, bool *found)
{
    H5L_info_t info;
    *found = H5Lexists(h5->file, way, H5P_DEFAULT) > 0;
    if (!*found)
        return LS_OK;
    if (H5Lget_info(h5->file, way, &info, H5P_DEFAULT) < 0)
        return bad(h5, way, "damaged");
    if (info.type != H5L_TYPE_HARD)
        return bad(h5, way, "a soft or external link, which is not followed");
    return LS_OK;
}

static ls_status find_in_child(const struct ls_h5 *h5, const char *object, bool *found)
{
    const struct ls_h5_ask ask = {.question = LS_H5_FIND, .object = object};
    struct ls_h5_answer answer;
    ls_status status = ls_h5_child_ask(h5, &ask, &answer);
    ls_release(answer.bytes);
    *found = answer.found;
    return status;
}

ls_status ls_h5_find(const struct ls_h5 *h5, const char *object, bool *found)
{
    char *way = NULL;
    ls_status status = LS_OK;
    *found = true;
    if (h5->child.process)
        return find_in_child(h5, object, found);
    LS_TRY(ls_duplicate(&way, object));
    for (char *slash = strchr(way + 1, '/'); *found && status == LS_OK && slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (slash[-1] != '/' && slash[-1] != '\0')
            status = check_link(h5, way, found);
        *slash = '/';
    }
    if (*found && status == LS_OK && way[1] != '\0')
        status = check_link(h5, way, found);
    ls_release(way);
    return status;
}

static ls_status add_texts_of_child(const struct ls_h5 *h5, const struct ls_h5_ask *ask,
                                    struct ls_texts *texts, bool *found)
{
    struct ls_h5_answer answer;
    ls_status status = ls_h5_child_ask(h5, ask, &answer);
    const char *text = answer.bytes;
    for (size_t at = 0; status == LS_OK && at < answer.count; at += strlen(text + at) + 1)
        status = ls_texts_add(texts, text + at);
    *found = answer.found;
    ls_release(answer.bytes);
    return status;
}

struct listing {
    struct ls_texts *names;
    ls_status status;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *user)
{
    struct listing *listing = user;
    (void)group, (void)info;
    listing->status = ls_texts_add(listing->names, name);
    return listing->status == LS_OK ? 0 : -1;
}

ls_status ls_h5_list(const struct ls_h5 *h5, const char *group, struct ls_texts *names)
{
    struct listing listing = {names, LS_OK};
    bool found;
    *names = (struct ls_texts){0};
    if (h5->child.process)
        return add_texts_of_child(h5, &(struct ls_h5_ask){.question = LS_H5_LIST, .object = group},
                                  names, &found);
    hid_t open = H5Gopen2(h5->file, group, H5P_DEFAULT);
    if (open < 0)
        return bad(h5, group, "expected a group");
    herr_t walked = H5Literate(open, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_name, &listing);
    H5Gclose(open);
    if (walked < 0 && listing.status == LS_OK)
        listing.status = bad(h5, group, "damaged");
    if (listing.status != LS_OK)
        ls_texts_release(names);
    return listing.status;
}

/* -- attributes */

/* An open attribute of strings or numbers. */
struct attribute {
    hid_t id, type, space;
    size_t count; /* of values; 0 for a NULL dataspace */
};

static void attribute_close(struct attribute *attribute)
{
    if (attribute->space >= 0)
        H5Sclose(attribute->space);
    if (attribute->type >= 0)
        H5Tclose(attribute->type);
    if (attribute->id >= 0)
        H5Aclose(attribute->id);
}

static ls_status attribute_open(const struct ls_h5 *h5, const char *object, const char *name,
                                struct attribute *attribute, bool *found)
{
    *attribute = (struct attribute){-1, -1, -1, 0};
    htri_t exists = H5Aexists_by_name(h5->file, object, name, H5P_DEFAULT);
    *found = exists > 0;
    if (exists == 0)
        return LS_OK;
    if (exists < 0)
        return bad(h5, object, "damaged");
    attribute->id = H5Aopen_by_name(h5->file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute->id >= 0) {
        attribute->type = H5Aget_type(attribute->id);
        attribute->space = H5Aget_space(attribute->id);
    }
    hssize_t count = attribute->space >= 0 ? H5Sget_simple_extent_npoints(attribute->space) : -1;
    bool whole = attribute->type >= 0 && count >= 0;
    /* Every value has its bytes in the file, of strings of any length a reference to them. */
    if (!whole || (uint64_t)count > h5->bytes / H5Tget_size(attribute->type)) {
        attribute_close(attribute);
        return bad(h5, name, "damaged");
    }
    attribute->count = (size_t)count;
    return LS_OK;
}

/* One string of fixed length, without its padding. */
static ls_status add_fixed(struct ls_texts *texts, const char *bytes, size_t width, H5T_str_t pad)
{
    char *text = NULL;
    size_t length = strnlen(bytes, width);
    while (pad == H5T_STR_SPACEPAD && length > 0 && bytes[length - 1] == ' ')
        length--;
    LS_TRY(ls_format(&text, "%.*s", (int)length, bytes));
    ls_status status = ls_texts_add(texts, text);
    ls_release(text);
    return status;
}

static ls_status add_strings(const struct ls_h5 *h5, const struct attribute *attribute,
                             const char *name, struct ls_texts *texts)
{
    bool variable = H5Tis_variable_str(attribute->type) > 0;
    size_t width = variable ? sizeof(char *) : H5Tget_size(attribute->type);
    char *values = NULL;
    ls_status status = LS_OK;
    LS_TRY(ls_allocate(&values, attribute->count, width));
    if (H5Aread(attribute->id, attribute->type, values) < 0) {
        ls_release(values);
        return bad(h5, name, "damaged");
    }
    for (size_t i = 0; i < attribute->count && status == LS_OK; i++) {
        const char *text = values + i * width;
        if (variable) {
            memcpy(&text, values + i * width, sizeof text);
            status = ls_texts_add(texts, text ? text : "");
        } else {
            status = add_fixed(texts, text, width, H5Tget_strpad(attribute->type));
        }
    }
    if (variable)
        H5Dvlen_reclaim(attribute->type, attribute->space, H5P_DEFAULT, values);
    ls_release(values);
    return status;
}

/* An empty list may be of any type. */
ls_status ls_h5_add_texts(const struct ls_h5 *h5, const char *object, const char *name,
                          struct ls_texts *texts, bool *found)
{
    struct attribute attribute;
    const struct ls_h5_ask ask = {LS_H5_TEXTS, object, name, NULL, NULL};
    if (h5->child.process)
        return add_texts_of_child(h5, &ask, texts, found);
    LS_TRY(attribute_open(h5, object, name, &attribute, found));
    if (!*found)
        return LS_OK;
    ls_status status = LS_OK;
    if (attribute.count > 0 && H5Tget_class(attribute.type) != H5T_STRING)
        status = bad(h5, name, "expected text");
    else if (attribute.count > 0)
        status = add_strings(h5, &attribute, name, texts);
    attribute_close(&attribute);
    return status;
}

ls_status ls_h5_read_text(const struct ls_h5 *h5, const char *object, const char *attribute,
                          char **text)
{
    struct ls_texts texts = {0};
    bool found = false;
    *text = NULL;
    ls_status status = ls_h5_add_texts(h5, object, attribute, &texts, &found);
    if (status == LS_OK && found && texts.count != 1)
        status = bad(h5, attribute, "expected one text");
    if (status == LS_OK && found) {
        *text = texts.text[0];
        texts.text[0] = NULL;
    }
    ls_texts_release(&texts);
    return status;
}

ls_status ls_h5_read_texts(const struct ls_h5 *h5, const char *object, const char *attribute,
                           struct ls_texts *texts)
{
    bool found = false;
    *texts = (struct ls_texts){0};
    ls_status status = ls_h5_add_texts(h5, object, attribute, texts, &found);
    bool more = status == LS_OK && !found;
    for (int part = 0; more && part < PARTS_MAX; part++) {
        char *name = NULL;
        LS_TRY_OUT(ls_format(&name, "%s%d", attribute, part));
        status = ls_h5_add_texts(h5, object, name, texts, &found);
        ls_release(name);
        more = status == LS_OK && found;
    }
out:
    if (status != LS_OK)
        ls_texts_release(texts);
    return status;
}

static ls_status read_int_of_child(const struct ls_h5 *h5, const struct ls_h5_ask *ask,
                                   int64_t *value, bool *found)
{
    struct ls_h5_answer answer;
    ls_status status = ls_h5_child_ask(h5, ask, &answer);
    *found = answer.found;
    if (status == LS_OK && answer.found)
        *value = answer.value;
    ls_release(answer.bytes);
    return status;
}

ls_status ls_h5_read_int(const struct ls_h5 *h5, const char *object, const char *attribute,
                         int64_t *value, bool *found)
{
    struct attribute open;
    if (h5->child.process)
        return read_int_of_child(h5, &(struct ls_h5_ask){LS_H5_INT, object, attribute, NULL, NULL},
                                 value, found);
    LS_TRY(attribute_open(h5, object, attribute, &open, found));
    if (!*found)
        return LS_OK;
    bool read = open.count == 1 && H5Tget_class(open.type) == H5T_INTEGER &&
                H5Aread(open.id, H5T_NATIVE_INT64, value) >= 0;
    attribute_close(&open);
    return read ? LS_OK : bad(h5, attribute, "expected an integer");
}
