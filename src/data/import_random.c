/* Generated data into a data file. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/generate.h"
#include "data/input.h"
#include "data/output.h"
#include "data/shares.h"

enum { BLOCK_BYTES = 1024 * 1024, SAMPLES = 1000 };

/* "NAME=FORM", read. */
struct part {
    char *name;
    const char *form; /* in the import's own text */
    struct ls_shape shape;
    struct ls_generated_target target; /* of a target */
    struct ls_teacher *teacher;
    unsigned char *block;
    size_t row; /* bytes a sample */
};

struct importer {
    const struct ls_import *import;
    struct ls_output output;
    struct ls_shares shares;
    struct ls_output_split split[LS_SHARES_MAX];
    struct ls_random_key key;
    struct part part[LS_OUTPUT_COLUMNS_MAX]; /* inputs, then targets */
    size_t inputs, parts;
    size_t elements; /* of all inputs, a sample */
    float *x;        /* [elements]: those of one sample */
    int64_t samples;
};

/* -- options ---------------------------------------------------------------------------------- */

/* The number at *text, 1 or more and at most `most`, up to `end` or the text's own; *text is put
 * behind it. 0: there is none. */
static int64_t parse_count(const char **text, int64_t most, char end)
{
    int64_t value = 0;
    const char *at = *text;

    for (; *at >= '0' && *at <= '9' && value <= most; at++)
        value = 10 * value + (*at - '0');
    if (at == *text || value > most || (*at && *at != end))
        return 0;
    *text = at;
    return value;
}

/* "28x28x1" */
static bool parse_shape(struct ls_shape *shape, const char *text)
{
    *shape = (struct ls_shape){0};
    for (;; text++) {
        int64_t size = parse_count(&text, INT_MAX, 'x');

        if (size == 0 || shape->rank == LS_RANK_MAX)
            return false;
        shape->size[shape->rank++] = size;
        if (ls_shape_count(shape) > INT_MAX)
            return false;
        if (!*text)
            return true;
    }
}

static bool parse_target(struct part *part)
{
    static const char classes[] = "classes:", real[] = "real:";
    const char *form = part->form;
    struct ls_generated_target *target = &part->target;

    *target = (struct ls_generated_target){LS_TARGETS_REAL, 1};
    if (strcmp(form, "real") == 0)
        return true;
    if (strncmp(form, real, strlen(real)) == 0) {
        bool good = parse_shape(&part->shape, form + strlen(real));

        target->count = good ? (size_t)ls_shape_count(&part->shape) : 0;
        return good;
    }
    *target = (struct ls_generated_target){LS_TARGETS_BINARY, 2};
    if (strcmp(form, "binary") == 0)
        return true;
    if (strncmp(form, classes, strlen(classes)) != 0)
        return false;
    form += strlen(classes);
    target->form = LS_TARGETS_CLASSES;
    target->count = (size_t)parse_count(&form, LS_CLASSES_MAX, '\0');
    return target->count >= 2;
}

static ls_status parse_form(struct part *part, bool is_input)
{
    char form[LS_EXCERPT];

    ls_excerpt(form, part->form);
    if (is_input && !parse_shape(&part->shape, part->form))
        return ls_fail(LS_USAGE, "input '%s': '%s' is no shape, as 20 or 28x28x1", part->name,
                       form);
    if (!is_input && !parse_target(part))
        return ls_fail(LS_USAGE,
                       "target '%s': '%s' is none of classes:N (N from 2 to %d), binary, real, "
                       "real:SHAPE",
                       part->name, form, LS_CLASSES_MAX);
    return LS_OK;
}

static ls_status check_name(const struct importer *importer, const struct part *part)
{
    const char *name = part->name;

    if (!*name || strpbrk(name, "/:") || strcmp(name, ".") == 0 ||
        strcmp(name, "sample_weight") == 0 || ls_ends_with(name, "_sample_weight"))
        return ls_fail(LS_USAGE,
                       "'%s': not a name for an input or target (no '/', no ':', no sample_weight)",
                       name);
    for (const struct part *other = importer->part; other < part; other++)
        if (strcmp(other->name, name) == 0)
            return ls_fail(LS_USAGE, "'%s' names two inputs or targets", name);
    return LS_OK;
}

/* One of `count` inputs or targets; `text` as it was given. */
static ls_status add_part(struct importer *importer, const char *text, size_t count, bool is_input)
{
    struct part *part = &importer->part[importer->parts];
    const char *equals = strchr(text, '='), *noun = is_input ? "input" : "target";

    if (importer->parts == LS_OUTPUT_COLUMNS_MAX)
        return ls_fail(LS_USAGE, "more than %d inputs and targets", LS_OUTPUT_COLUMNS_MAX);
    if (!equals && count > 1)
        return ls_fail(LS_USAGE, "%s '%s': of %zu each needs a name, as NAME=%s", noun, text, count,
                       text);
    importer->parts++;
    part->form = equals ? equals + 1 : text;
    if (equals)
        LS_TRY(ls_format(&part->name, "%.*s", (int)(equals - text), text));
    else
        LS_TRY(ls_duplicate(&part->name, is_input ? "x" : "y"));
    LS_TRY(check_name(importer, part));
    return parse_form(part, is_input);
}

static ls_status add_parts(struct importer *importer, const char *const *texts, const char *initial,
                           bool is_input)
{
    const char *const alone[] = {initial, NULL};
    size_t count = 0;

    if (!texts || !texts[0])
        texts = alone;
    while (texts[count])
        count++;
    for (size_t i = 0; i < count; i++)
        LS_TRY(add_part(importer, texts[i], count, is_input));
    return LS_OK;
}

static ls_status parse(struct importer *importer)
{
    const struct ls_import *import = importer->import;

    if (!(import->noise >= 0) || isinf(import->noise))
        return ls_fail(LS_USAGE, "noise: expected a number from 0");
    if (import->samples < 0)
        return ls_fail(LS_USAGE, "samples: expected a number from 1");
    importer->samples = import->samples ? import->samples : SAMPLES;
    importer->key = ls_random_key(import->seed, LS_PURPOSE_DATA);
    LS_TRY(add_parts(importer, import->inputs, "20", true));
    importer->inputs = importer->parts;
    LS_TRY(add_parts(importer, import->targets, "binary", false));
    LS_TRY(ls_shares_parse(&importer->shares, import->split));
    return ls_shares_divide(&importer->shares, importer->samples);
}

/* -- layout ----------------------------------------------------------------------------------- */

static enum ls_number_type type_of(const struct importer *importer, const struct part *part)
{
    bool is_input = part < importer->part + importer->inputs;

    return is_input || part->target.form == LS_TARGETS_REAL ? LS_NUMBER_FLOAT : LS_NUMBER_INT32;
}

/* Rows and the numbers of all inputs; more bytes than a file has are refused. */
static ls_status measure(struct importer *importer)
{
    int64_t all = 0;

    for (size_t i = 0; i < importer->parts; i++) {
        struct part *part = &importer->part[i];
        int64_t count = ls_shape_count(&part->shape);

        part->row = (size_t)count * ls_number_bytes(type_of(importer, part));
        all += (int64_t)part->row;
        if (i < importer->inputs)
            importer->elements += (size_t)count;
    }
    if (importer->samples > INT64_MAX / 2 / all)
        return ls_fail(LS_USAGE, "%lld samples: more than any file has",
                       (long long)importer->samples);
    return LS_OK;
}

static ls_status layout(struct importer *importer)
{
    for (size_t s = 0; s < importer->shares.count; s++) {
        struct ls_output_split *split = &importer->split[s];

        split->name = importer->shares.name[s];
        split->samples = importer->shares.samples[s];
        split->columns = importer->parts;
        for (size_t i = 0; i < importer->parts; i++)
            split->column[i] =
                (struct ls_output_column){.name = importer->part[i].name,
                                          .type = type_of(importer, &importer->part[i]),
                                          .shape = importer->part[i].shape};
    }
    return ls_output_layout(&importer->output, importer->split, importer->shares.count, NULL);
}

/* -- values ----------------------------------------------------------------------------------- */

static int64_t block_rows(const struct importer *importer)
{
    size_t largest = 1;

    for (size_t i = 0; i < importer->parts; i++)
        if (importer->part[i].row > largest)
            largest = importer->part[i].row;
    return largest < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / largest) : 1;
}

static ls_status make_teachers(struct importer *importer)
{
    const struct ls_import *import = importer->import;

    for (size_t i = importer->inputs; i < importer->parts; i++) {
        struct part *part = &importer->part[i];
        struct ls_teacher_options options = {.key = importer->key,
                                             .column = (uint32_t)(i - importer->inputs),
                                             .inputs = importer->elements,
                                             .target = part->target,
                                             .noise = import->noise,
                                             .unrelated = import->unrelated};

        LS_TRY(ls_teacher_create(&part->teacher, &options));
        LS_TRY(ls_import_check_stop(import));
    }
    return LS_OK;
}

/* The sample's row of each block. */
static void make_row(struct importer *importer, size_t row, int64_t sample)
{
    float *x = importer->x;

    for (size_t i = 0; i < importer->inputs; i++) {
        struct part *part = &importer->part[i];
        size_t count = part->row / sizeof(float);

        ls_generate_input(x, count, importer->key, (uint32_t)i, sample);
        memcpy(part->block + row * part->row, x, part->row);
        x += count;
    }
    for (size_t i = importer->inputs; i < importer->parts; i++) {
        struct part *part = &importer->part[i];

        ls_generate_target(part->block + row * part->row, part->teacher, importer->x, sample);
    }
}

/* Samples first.. of the whole, which are rows begin.. of the split. */
static ls_status write_rows(struct importer *importer, const struct ls_output_split *split,
                            int64_t begin, int64_t rows)
{
    for (size_t i = 0; i < importer->parts; i++) {
        const struct part *part = &importer->part[i];

        LS_TRY(ls_output_write(&importer->output, part->block, (size_t)rows * part->row,
                               split->column[i].offset + begin * (int64_t)part->row));
    }
    return LS_OK;
}

static ls_status write_splits(struct importer *importer)
{
    const struct ls_import *import = importer->import;
    int64_t room = block_rows(importer), done = 0;

    for (size_t s = 0; s < importer->shares.count; s++) {
        const struct ls_output_split *split = &importer->split[s];

        for (int64_t begin = 0; begin < split->samples; begin += room) {
            int64_t left = split->samples - begin, rows = left < room ? left : room;

            for (int64_t row = 0; row < rows; row++) {
                LS_TRY(ls_import_check_stop(import));
                make_row(importer, (size_t)row, done++);
            }
            LS_TRY(write_rows(importer, split, begin, rows));
            if (import->progress)
                import->progress(import->user, done, importer->samples);
        }
    }
    return ls_output_publish(&importer->output, importer->split, importer->shares.count);
}

static ls_status run(struct importer *importer)
{
    LS_TRY(parse(importer));
    LS_TRY(measure(importer));
    LS_TRY(ls_output_create(&importer->output, importer->import));
    LS_TRY(layout(importer));
    LS_TRY(ls_allocate(&importer->x, importer->elements, sizeof *importer->x));
    for (size_t i = 0; i < importer->parts; i++)
        LS_TRY(ls_allocate(&importer->part[i].block, (size_t)block_rows(importer),
                           importer->part[i].row));
    LS_TRY(make_teachers(importer));
    return write_splits(importer);
}

ls_status ls_import_random(const struct ls_import *import)
{
    struct importer *importer;
    ls_status status;

    LS_TRY(ls_allocate(&importer, 1, sizeof *importer));
    importer->import = import;
    importer->output.fd = -1;
    status = run(importer);
    for (size_t i = 0; i < importer->parts; i++) {
        ls_release(importer->part[i].name);
        ls_release(importer->part[i].block);
        ls_teacher_free(importer->part[i].teacher);
    }
    ls_release(importer->x);
    ls_output_release(&importer->output);
    ls_release(importer);
    return status;
}
