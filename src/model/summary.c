/* The table that Keras' summary() prints (Keras 3's layout), for ls_model_summary. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/graph.h"

enum { COLUMNS = 3, CELL_TEXT = 256, NUMBER_TEXT = 32 };

static const int widths[COLUMNS] = {31, 22, 13};

static void append_repeated(struct ls_text *text, const char *what, int times)
{
    for (int i = 0; i < times; i++)
        ls_text_append(text, "%s", what);
}

/* A rule: `marks` are its left end, line, crossing and right end. */
static void append_rule(struct ls_text *text, const char *const marks[4])
{
    for (int column = 0; column < COLUMNS; column++) {
        ls_text_append(text, "%s", marks[column == 0 ? 0 : 2]);
        append_repeated(text, marks[1], widths[column] + 2);
    }
    ls_text_append(text, "%s\n", marks[3]);
}

/* Bytes of the first `most` characters of a UTF-8 text, and how many characters those are. */
static int take_characters(const char *text, int most, int *characters)
{
    int bytes = 0;
    for (*characters = 0; text[bytes] && *characters < most; ++*characters)
        for (bytes++; ((unsigned char)text[bytes] & 0xc0) == 0x80;)
            bytes++;
    return bytes;
}

/* A row; the last column is set right. A cell that is too long ends with a mark. */
static void append_row(struct ls_text *text, const char *bar, const char *const cells[COLUMNS])
{
    for (int column = 0; column < COLUMNS; column++) {
        int length, width = widths[column], bytes = take_characters(cells[column], width, &length);
        bool cut = cells[column][bytes] != '\0';
        int gap = width - length;
        ls_text_append(text, "%s ", bar);
        append_repeated(text, " ", column == COLUMNS - 1 ? gap : 0);
        if (cut)
            bytes = take_characters(cells[column], width - 1, &length);
        ls_text_append(text, "%.*s%s", bytes, cells[column], cut ? "…" : "");
        append_repeated(text, " ", column == COLUMNS - 1 ? 1 : gap + 1);
    }
    ls_text_append(text, "%s\n", bar);
}

/* 101770 -> "101,770" */
static void format_count(char out[NUMBER_TEXT], size_t count)
{
    char digits[NUMBER_TEXT];
    int length = snprintf(digits, sizeof digits, "%zu", count), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

static void append_total(struct ls_text *text, const char *what, size_t count)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    char number[NUMBER_TEXT];
    double size = (double)(count * sizeof(float));
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        size /= 1024;
    format_count(number, count);
    ls_text_append(text, " %s: %s (%.2f %s)\n", what, number, size, units[unit]);
}

static size_t count_weights(const struct ls_layer *layer, bool trainable_only)
{
    size_t count = 0;
    for (size_t v = 0; v < layer->variables; v++)
        if (!trainable_only || (layer->trainable && layer->variable[v].trainable))
            count += ls_variable_count(&layer->variable[v]);
    return count;
}

static void append_layer(struct ls_text *text, const struct ls_model *model, size_t c)
{
    const struct ls_graph_call *call = &model->call[c];
    const struct ls_layer *layer = model->layer[call->layer];
    char name[CELL_TEXT], shape[LS_SHAPE_TEXT], count[NUMBER_TEXT];
    snprintf(name, sizeof name, "%s (%s)", layer->name, layer->kind->kind.name);
    ls_shape_format(shape, &call->shapes.out[0]);
    format_count(count, count_weights(layer, false));
    append_row(text, "│", (const char *const[]){name, shape, count});
}

ls_status ls_model_summary(struct ls_model *model, char **text)
{
    struct ls_text table = {0};
    size_t total = 0, trainable = 0;
    bool first = true;
    *text = NULL;
    LS_TRY(ls_model_build(model));
    ls_text_append(&table, "Model: \"%s\"\n", model->name);
    append_rule(&table, (const char *const[]){"┏", "━", "┳", "┓"});
    append_row(&table, "┃", (const char *const[]){"Layer (type)", "Output Shape", "Param #"});
    append_rule(&table, (const char *const[]){"┡", "━", "╇", "┩"});
    for (size_t c = 0; c < model->calls; c++) {
        if (model->layer[model->call[c].layer]->kind->flags & LS_LAYER_INPUT)
            continue; /* as Keras does for Sequential models */
        if (!first)
            append_rule(&table, (const char *const[]){"├", "─", "┼", "┤"});
        append_layer(&table, model, c);
        first = false;
    }
    append_rule(&table, (const char *const[]){"└", "─", "┴", "┘"});
    for (size_t i = 0; i < model->layers; i++) {
        total += count_weights(model->layer[i], false);
        trainable += count_weights(model->layer[i], true);
    }
    append_total(&table, "Total params", total);
    append_total(&table, "Trainable params", trainable);
    append_total(&table, "Non-trainable params", total - trainable);
    ls_status status = ls_text_status(&table);
    if (status == LS_OK)
        status = ls_duplicate(text, table.data);
    ls_text_release(&table);
    return status;
}

void ls_text_free(char *text)
{
    ls_release(text);
}
