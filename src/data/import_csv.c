/* CSV into a data file, in two passes, so that the file need not fit in memory: the first learns
 * what the columns are, the second writes. */
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "data/csv_table.h"
#include "data/output.h"
#include "data/shares.h"

enum { BLOCK_BYTES = 1024 * 1024 };
enum { X, Y }; /* columns of a split */

/* Rows of one split on their way to the file. */
struct block {
    unsigned char *x, *y;
    int64_t rows, room;
    int64_t written, end; /* rows, of the split */
};

struct importer {
    const struct ls_import *import;
    struct ls_watch watch;
    struct ls_output output;
    struct ls_csv_table table;
    struct ls_shares shares;
    struct ls_output_split split[LS_SHARES_MAX];
    struct block block[LS_SHARES_MAX];
    struct ls_random_key key;
    int64_t row; /* of the second pass */
};

/* -- splits ----------------------------------------------------------------------------------- */

static ls_status divide(struct importer *importer)
{
    ls_status status = ls_shares_divide(&importer->shares, importer->table.rows);

    return status == LS_OK ? LS_OK : ls_fail_within(LS_BAD_INPUT, "%s", importer->import->files[0]);
}

/* The split of a row: the rows are permuted and cut; within a split they stay in their order. */
static size_t split_of(const struct importer *importer, int64_t row)
{
    const struct ls_shares *shares = &importer->shares;
    int64_t end = shares->samples[0];
    size_t split = 0;

    if (shares->count > 1)
        row = (int64_t)ls_permute((uint64_t)row, (uint64_t)importer->table.rows, importer->key, 0);
    while (split + 1 < shares->count && row >= end)
        end += shares->samples[++split];
    return split;
}

/* -- rows ------------------------------------------------------------------------------------- */

static ls_status flush(struct importer *importer, size_t index)
{
    struct block *block = &importer->block[index];
    const struct ls_output_split *split = &importer->split[index];

    LS_TRY(
        ls_output_write(&importer->output, block->x, (size_t)block->rows * split->column[X].row,
                        split->column[X].offset + block->written * (int64_t)split->column[X].row));
    if (split->columns > Y)
        LS_TRY(ls_output_write(
            &importer->output, block->y, (size_t)block->rows * split->column[Y].row,
            split->column[Y].offset + block->written * (int64_t)split->column[Y].row));
    block->written += block->rows;
    block->rows = 0;
    return LS_OK;
}

static ls_status fail_changed(const struct importer *importer)
{
    return ls_fail(LS_BAD_INPUT, "%s: changed while it was read", importer->import->files[0]);
}

static ls_status write_row(void *user, const struct ls_csv *csv)
{
    struct importer *importer = user;
    size_t index;
    struct block *block;
    const struct ls_output_split *split;

    if (importer->row == importer->table.rows)
        return fail_changed(importer);
    index = split_of(importer, importer->row++);
    block = &importer->block[index];
    split = &importer->split[index];
    if (block->rows == block->room)
        LS_TRY(flush(importer, index));
    LS_TRY(ls_csv_table_convert(
        &importer->table, csv,
        (float *)(void *)(block->x + (size_t)block->rows * split->column[X].row),
        split->columns > Y ? block->y + (size_t)block->rows * split->column[Y].row : NULL));
    block->rows++;
    return LS_OK;
}

static ls_status learn_row(void *user, const struct ls_csv *csv)
{
    struct importer *importer = user;

    return ls_csv_table_learn(&importer->table, csv);
}

static ls_status read_files(struct importer *importer, ls_csv_take *take_row)
{
    bool has_target = false;

    for (const char *const *file = importer->import->files; *file; file++) {
        LS_TRY(ls_csv_table_read(&importer->table, &importer->watch, *file, take_row, importer));
        if (file != importer->import->files && importer->table.has_target != has_target)
            return ls_fail(LS_BAD_INPUT, "%s and %s: one has the target, the other does not",
                           importer->import->files[0], *file);
        has_target = importer->table.has_target;
    }
    return LS_OK;
}

/* -- the import ------------------------------------------------------------------------------- */

static ls_status layout(struct importer *importer)
{
    const struct ls_csv_table *table = &importer->table;
    const struct ls_csv_column *target = &table->column[table->features];
    char *learnt = NULL;
    ls_status status;

    for (size_t i = 0; i < importer->shares.count; i++) {
        struct ls_output_split *split = &importer->split[i];

        split->name = importer->shares.name[i];
        split->samples = importer->shares.samples[i];
        split->columns = table->has_target ? 2 : 1;
        split->column[X] =
            (struct ls_output_column){.name = "x",
                                      .type = LS_NUMBER_FLOAT,
                                      .shape = {.rank = 1, .size = {(int64_t)table->features}}};
        if (!table->has_target)
            continue;
        split->column[Y] =
            (struct ls_output_column){.name = "y", .type = ls_csv_table_target_type(table)};
        if (target->is_text) {
            split->column[Y].class_names = (const char *const *)target->classes;
            split->column[Y].classes = target->count;
        }
    }
    LS_TRY(ls_csv_table_format(table, &learnt));
    status = ls_output_layout(&importer->output, importer->split, importer->shares.count, learnt);
    ls_release(learnt);
    return status;
}

static ls_status make_blocks(struct importer *importer)
{
    for (size_t i = 0; i < importer->shares.count; i++) {
        const struct ls_output_split *split = &importer->split[i];
        struct block *block = &importer->block[i];

        block->room =
            split->column[X].row < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / split->column[X].row) : 1;
        LS_TRY(ls_allocate(&block->x, (size_t)block->room, split->column[X].row));
        if (split->columns > Y)
            LS_TRY(ls_allocate(&block->y, (size_t)block->room, split->column[Y].row));
    }
    return LS_OK;
}

static ls_status write_splits(struct importer *importer)
{
    LS_TRY(make_blocks(importer));
    LS_TRY(read_files(importer, write_row));
    if (importer->row != importer->table.rows)
        return fail_changed(importer);
    for (size_t i = 0; i < importer->shares.count; i++)
        LS_TRY(flush(importer, i));
    return ls_output_publish(&importer->output, importer->split, importer->shares.count);
}

static ls_status run(struct importer *importer)
{
    const struct ls_import *import = importer->import;
    char *learnt = NULL;

    LS_TRY(ls_shares_parse(&importer->shares, import->split));
    LS_TRY(ls_watch_init(&importer->watch, import, 2));
    LS_TRY(ls_output_create(&importer->output, import));
    LS_TRY(ls_output_check_inputs(&importer->output, import->files));
    LS_TRY(ls_output_learnt(&importer->output, &learnt));
    if (learnt) {
        ls_status status = ls_csv_table_parse(&importer->table, learnt);

        ls_release(learnt);
        if (status != LS_OK)
            return ls_fail_within(status, "%s", import->out);
    }
    LS_TRY(read_files(importer, learn_row));
    LS_TRY(ls_csv_table_finish(&importer->table, import));
    LS_TRY(divide(importer));
    LS_TRY(ls_import_check_stop(import));
    LS_TRY(layout(importer));
    LS_TRY(ls_import_check_stop(import));
    return write_splits(importer);
}

ls_status ls_import_csv(const struct ls_import *import)
{
    struct importer *importer;
    ls_status status;

    if (!import->files || !import->files[0])
        return ls_fail(LS_USAGE, "no CSV file is named");
    LS_TRY(ls_allocate(&importer, 1, sizeof *importer));
    importer->import = import;
    importer->output.fd = -1;
    importer->key = ls_random_key(import->seed, LS_PURPOSE_SPLIT);
    status = run(importer);
    for (size_t i = 0; i < LS_SHARES_MAX; i++) {
        ls_release(importer->block[i].x);
        ls_release(importer->block[i].y);
    }
    ls_csv_table_release(&importer->table);
    ls_output_release(&importer->output);
    ls_release(importer);
    return status;
}
