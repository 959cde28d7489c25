/* lockstep diff: where two checkpoints, histories or run directories first differ. */
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "lockstep/run.h"
#include "store/history.h"
#include "train/directory.h"
#include "train/open_model.h"

struct diff {
    struct ls_text text;
    size_t lines, most;
    bool same;
};

/* One line, while there is room for it. */
#define TELL(d, ...)                                                                               \
    do {                                                                                           \
        (d)->same = false;                                                                         \
        if ((d)->lines++ < (d)->most) {                                                            \
            ls_text_append(&(d)->text, __VA_ARGS__);                                               \
            ls_text_append(&(d)->text, "\n");                                                      \
        }                                                                                          \
    } while (0)

/* -- arrays of weights */

/* The first number that differs in its bits, and how many do. */
static void compare_floats(struct diff *diff, const char *name, const float *a, const float *b,
                           size_t n)
{
    size_t count = 0, first = 0;
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof a[i]) == 0)
            continue;
        double gap = (double)a[i] - (double)b[i];
        gap = gap < 0 ? -gap : gap;
        largest = gap > largest ? gap : largest;
        first = count++ == 0 ? i : first;
    }
    if (count)
        TELL(diff, "%s: %zu of %zu numbers differ, first at %zu: %.9g, %.9g; by %.3g at most", name,
             count, n, first, (double)a[first], (double)b[first], largest);
}

static ls_status compare_arenas(struct diff *diff, const struct ls_model *model, const char *what,
                                const float *a, const float *b)
{
    size_t count = ls_model_variables(model);
    bool slots = strcmp(what, "weights") != 0;
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        char *name = NULL;
        if (slots && !at.trainable)
            break;
        LS_TRY(ls_format(&name, "%s %s/%s", what, at.layer->path, at.variable->name));
        compare_floats(diff, name, a + at.variable->offset, b + at.variable->offset,
                       ls_variable_count(at.variable));
        ls_release(name);
    }
    return LS_OK;
}

/* -- checkpoints */

/* Whether both models have the same variables; tells where they part. */
static bool same_variables(struct diff *diff, const struct ls_model *a, const struct ls_model *b)
{
    size_t count = ls_model_variables(a);
    if (count != ls_model_variables(b)) {
        TELL(diff, "model: %zu and %zu weights", count, ls_model_variables(b));
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at left = ls_model_variable(a, i), right = ls_model_variable(b, i);
        char ours[LS_SHAPE_TEXT], theirs[LS_SHAPE_TEXT];
        if (strcmp(left.variable->name, right.variable->name) == 0 &&
            ls_shape_equal(&left.variable->shape, &right.variable->shape))
            continue;
        ls_shape_format(ours, &left.variable->shape);
        ls_shape_format(theirs, &right.variable->shape);
        TELL(diff, "model: %s/%s %s, %s/%s %s", left.layer->path, left.variable->name, ours,
             right.layer->path, right.variable->name, theirs);
        return false;
    }
    return true;
}

/* Two trees: the first place where they differ in text. `key` is the way there. */
static ls_status compare_trees(struct diff *diff, const struct ls_tree *a, const struct ls_tree *b,
                               const char *key)
{
    struct ls_text left = {0}, right = {0};
    bool maps = a && b && a->type == LS_TREE_MAP && b->type == LS_TREE_MAP;
    if (!maps) {
        if (a)
            ls_tree_format_json(&left, a);
        if (b)
            ls_tree_format_json(&right, b);
        if (strcmp(left.data ? left.data : "", right.data ? right.data : "") != 0)
            TELL(diff, "%s: %.200s, %.200s", key, left.data ? left.data : "(nothing)",
                 right.data ? right.data : "(nothing)");
        ls_text_release(&left);
        ls_text_release(&right);
        return LS_OK;
    }
    for (const struct ls_tree *entry = a->child; entry; entry = entry->next) {
        char *path = NULL;
        LS_TRY(ls_format(&path, "%s%s%s", key, *key ? "." : "", entry->key));
        ls_status status = compare_trees(diff, entry, ls_tree_find(b, entry->key), path);
        ls_release(path);
        LS_TRY(status);
    }
    for (const struct ls_tree *entry = b->child; entry; entry = entry->next)
        if (!ls_tree_find(a, entry->key))
            TELL(diff, "%s%s%s: only in the second", key, *key ? "." : "", entry->key);
    return LS_OK;
}

static ls_status compare_slots(struct diff *diff, const struct ls_checkpoint *a,
                               const struct ls_checkpoint *b)
{
    for (size_t s = 0; s < a->slots; s++) {
        size_t other = 0;
        while (other < b->slots && strcmp(a->slot_name[s], b->slot_name[other]) != 0)
            other++;
        if (other == b->slots)
            TELL(diff, "slot %s: only in the first", a->slot_name[s]);
        else
            LS_TRY(compare_arenas(diff, a->model, a->slot_name[s], a->slot[s], b->slot[other]));
    }
    if (b->slots > a->slots)
        TELL(diff, "slots: %zu and %zu", a->slots, b->slots);
    return LS_OK;
}

static ls_status compare_checkpoints(struct diff *diff, const struct ls_checkpoint *a,
                                     const struct ls_checkpoint *b)
{
    const struct ls_tree *place_a = a->state ? ls_tree_find(a->state, "position") : NULL;
    const struct ls_tree *place_b = b->state ? ls_tree_find(b->state, "position") : NULL;
    LS_TRY(compare_trees(diff, place_a, place_b, "position"));
    if (!same_variables(diff, a->model, b->model))
        return LS_OK;
    LS_TRY(compare_arenas(diff, a->model, "weights", a->model->weights, b->model->weights));
    return compare_slots(diff, a, b);
}

/* -- histories */

/* Columns that tell how long it took differ between equal runs. */
static bool is_time(const char *column)
{
    return strcmp(column, "seconds") == 0 || strcmp(column, "samples_per_second") == 0;
}

static size_t find_column(const struct ls_table *table, const char *name)
{
    size_t column = 0;
    while (column < table->columns && strcmp(table->name[column], name) != 0)
        column++;
    return column;
}

static void compare_column(struct diff *diff, const char *what, const struct ls_table *a,
                           const struct ls_table *b, size_t column)
{
    size_t other = find_column(b, a->name[column]);
    size_t rows = a->rows < b->rows ? a->rows : b->rows;
    if (other == b->columns) {
        TELL(diff, "%s %s: only in the first", what, a->name[column]);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        double left = a->value[r * a->columns + column], right = b->value[r * b->columns + other];
        if (memcmp(&left, &right, sizeof left) == 0)
            continue;
        TELL(diff, "%s %zu: %s %.17g, %.17g", what, r + 1, a->name[column], left, right);
        return;
    }
}

static void compare_tables(struct diff *diff, const char *what, const struct ls_table *a,
                           const struct ls_table *b)
{
    if (a->rows != b->rows)
        TELL(diff, "%s: %zu and %zu rows", what, a->rows, b->rows);
    for (size_t c = 0; c < a->columns; c++)
        if (!is_time(a->name[c]))
            compare_column(diff, what, a, b, c);
    for (size_t c = 0; c < b->columns; c++)
        if (find_column(a, b->name[c]) == a->columns)
            TELL(diff, "%s %s: only in the second", what, b->name[c]);
}

struct histories {
    struct ls_table epochs[2], steps[2];
};

static void compare_histories(struct diff *diff, const struct histories *h)
{
    compare_tables(diff, "epoch", &h->epochs[0], &h->epochs[1]);
    compare_tables(diff, "step", &h->steps[0], &h->steps[1]);
}

/* Both are histories, neither is, or LS_USAGE. */
static ls_status read_histories(struct histories *h, const char *const path[2], bool *are)
{
    bool is[2] = {false, false};
    LS_TRY(ls_history_read(path[0], &h->epochs[0], &h->steps[0], &is[0]));
    LS_TRY(ls_history_read(path[1], &h->epochs[1], &h->steps[1], &is[1]));
    *are = is[0] && is[1];
    if (is[0] != is[1])
        return ls_fail(LS_USAGE, "%s is a history and %s is a model", path[is[0] ? 0 : 1],
                       path[is[0] ? 1 : 0]);
    return LS_OK;
}

static void release_histories(struct histories *h)
{
    for (int i = 0; i < 2; i++) {
        ls_table_release(&h->epochs[i]);
        ls_table_release(&h->steps[i]);
    }
}

/* -- the command */

static ls_status diff_models(struct diff *diff, const char *a, const char *b)
{
    struct ls_checkpoint left = {0}, right = {0};
    ls_status status = ls_model_open(&left, a);
    if (status == LS_OK)
        status = ls_model_open(&right, b);
    if (status == LS_OK)
        status = compare_checkpoints(diff, &left, &right);
    ls_checkpoint_release(&left);
    ls_checkpoint_release(&right);
    return status;
}

static ls_status diff_files(struct diff *diff, const char *a, const char *b)
{
    struct histories histories = {0};
    const char *const path[2] = {a, b};
    bool are = false;
    ls_status status = read_histories(&histories, path, &are);
    if (status == LS_OK && are)
        compare_histories(diff, &histories);
    release_histories(&histories);
    return status == LS_OK && !are ? diff_models(diff, a, b) : status;
}

/* Run directories: the newest checkpoints, then the histories. */
static ls_status diff_directories(struct diff *diff, const char *a, const char *b)
{
    char *left = NULL, *right = NULL;
    ls_status status;
    LS_TRY(diff_models(diff, a, b));
    LS_TRY(ls_directory_file(&left, a, "history.h5"));
    LS_TRY_OUT(ls_directory_file(&right, b, "history.h5"));
    if (access(left, F_OK) == 0 && access(right, F_OK) == 0)
        status = diff_files(diff, left, right);
out:
    ls_release(left);
    ls_release(right);
    return status;
}

ls_status ls_run_diff(const char *a, const char *b, size_t lines, bool *same, char **text)
{
    struct diff diff = {.most = lines, .same = true};
    ls_status status;
    *text = NULL;
    if (ls_path_is_directory(a) && ls_path_is_directory(b))
        status = diff_directories(&diff, a, b);
    else if (ls_path_is_directory(a) || ls_path_is_directory(b))
        status = diff_models(&diff, a, b);
    else
        status = diff_files(&diff, a, b);
    if (diff.lines > diff.most)
        ls_text_append(&diff.text, "and %zu more\n", diff.lines - diff.most);
    if (status == LS_OK)
        status = ls_text_status(&diff.text);
    if (status == LS_OK)
        status = ls_duplicate(text, diff.text.data ? diff.text.data : "");
    *same = status == LS_OK && diff.same;
    ls_text_release(&diff.text);
    return status;
}
