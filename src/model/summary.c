/* The table that Keras' summary() prints (Keras 3's layout), for ls_model_summary. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/graph.h"

enum { COLUMNS_MAX = 4, CELL_TEXT = 256, NUMBER_TEXT = 32, NUMBERS = 2 };

/* A table: with a last column of connections unless the model is a row of layers. */
struct table {
    struct ls_text *text;
    int columns;
    int width[COLUMNS_MAX];
};

static void append_repeated(const struct table *table, const char *what, int times)
{
    for (int i = 0; i < times; i++)
        ls_text_append(table->text, "%s", what);
}

/* A rule: `marks` are its left end, line, crossing and right end. */
static void append_rule(const struct table *table, const char *const marks[4])
{
    for (int column = 0; column < table->columns; column++) {
        ls_text_append(table->text, "%s", marks[column == 0 ? 0 : 2]);
        append_repeated(table, marks[1], table->width[column] + 2);
    }
    ls_text_append(table->text, "%s\n", marks[3]);
}

/* Bytes of the first `most` characters of a UTF-8 text, and how many characters those are; a space
 * ends them. */
static int take_characters(const char *text, int most, int *characters)
{
    int bytes = 0;
    for (*characters = 0; text[bytes] && text[bytes] != ' ' && *characters < most; ++*characters)
        for (bytes++; ((unsigned char)text[bytes] & 0xc0) == 0x80;)
            bytes++;
    return bytes;
}

/* The words that fit on a line of `width`, and a word that is too long with a mark where it is cut;
 * *text is moved behind them. Returns how many characters were appended. */
static int append_words(struct ls_text *line, const char **text, int width)
{
    int used = 0;
    while (**text) {
        int length, gap = used > 0, bytes = take_characters(*text, INT_MAX, &length);
        if (used > 0 && used + gap + length > width)
            break;
        const char *next = *text + bytes;
        bool cut = length > width;
        if (cut)
            bytes = take_characters(*text, width - 1, &length);
        ls_text_append(line, "%s%.*s%s", gap ? " " : "", bytes, *text, cut ? "…" : "");
        used += gap + length + cut;
        *text = *next ? next + 1 : next;
    }
    return used;
}

/* One line of a row: what is left of the cells; the numbers are set right. */
static void append_line(const struct table *table, const char *bar, const char **cells)
{
    for (int column = 0; column < table->columns; column++) {
        struct ls_text line = {0};
        int gap = table->width[column] - append_words(&line, &cells[column], table->width[column]);
        const char *words = line.data ? line.data : "";
        ls_text_append(table->text, "%s ", bar);
        append_repeated(table, " ", column == NUMBERS ? gap : 0);
        ls_text_append(table->text, "%s", words);
        append_repeated(table, " ", column == NUMBERS ? 1 : gap + 1);
        ls_text_release(&line);
    }
    ls_text_append(table->text, "%s\n", bar);
}

static void append_row(const struct table *table, const char *bar, const char **cells)
{
    bool more;
    do {
        append_line(table, bar, cells);
        more = false;
        for (int column = 0; column < table->columns; column++)
            more |= *cells[column] != '\0';
    } while (more);
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

/* "dense[0][0], dense_1[0][0]": layer, its call, the result. */
static void append_connections(struct ls_text *text, const struct ls_model *model, size_t part)
{
    const char *comma = "";
    for (size_t u = 0; u < model->uses; u++)
        for (size_t i = 0; model->use[u].part == part && i < model->use[u].inputs; i++) {
            const struct ls_use *from = &model->use[model->use[u].in[i].call];
            ls_text_append(text, "%s%s[%zu][%zu]", comma, ls_part_name(&model->part[from->part]),
                           from->nth, model->use[u].in[i].output);
            comma = ", ";
        }
    if (!*comma)
        ls_text_append(text, "-");
}

/* "(None, 4)", or "[(None, 4), (None, 2)]" of several results. */
static void append_shapes(struct ls_text *text, const struct ls_use *use)
{
    char shape[LS_SHAPE_TEXT];
    for (size_t o = 0; o < use->outputs; o++) {
        ls_shape_format(shape, &use->out[o]);
        ls_text_append(text, "%s%s", use->outputs > 1 ? (o ? ", " : "[") : "", shape);
    }
    if (use->outputs > 1)
        ls_text_append(text, "]");
}

/* The last use of a part: what Keras shows the shape of. */
static const struct ls_use *last_use(const struct ls_model *model, size_t part)
{
    size_t u = model->uses;
    while (u > 0 && model->use[u - 1].part != part)
        u--;
    return &model->use[u - 1];
}

/* `layer`: the first of the part's layers. */
static ls_status append_part(const struct table *table, const struct ls_model *model, size_t part,
                             struct ls_layer *const *layer)
{
    char name[CELL_TEXT], count[NUMBER_TEXT];
    struct ls_text shape = {0}, connections = {0};
    size_t weights = 0;
    for (size_t l = 0; l < ls_part_layers(&model->part[part]); l++)
        weights += count_weights(layer[l], false);
    snprintf(name, sizeof name, "%s (%s)", ls_part_name(&model->part[part]),
             ls_part_class(&model->part[part]));
    append_shapes(&shape, last_use(model, part));
    append_connections(&connections, model, part);
    format_count(count, weights);
    ls_status status = ls_text_status(&shape);
    if (status == LS_OK)
        status = ls_text_status(&connections);
    if (status == LS_OK)
        append_row(table, "│", (const char *[]){name, shape.data, count, connections.data});
    ls_text_release(&shape);
    ls_text_release(&connections);
    return status;
}

/* Whether each part is used once, on the result of the one before it. */
static bool is_row(const struct ls_model *model)
{
    for (size_t u = 0; u < model->uses; u++)
        if (model->use[u].inputs > 1 || model->use[u].nth > 0 ||
            (model->use[u].inputs == 1 && model->use[u].in[0].call != u - 1))
            return false;
    return model->inputs == 1 && model->outputs == 1;
}

static ls_status append_parts(const struct table *table, const struct ls_model *model)
{
    bool first = true;
    size_t layer = 0;
    for (size_t p = 0; p < model->parts; p++) {
        const struct ls_part *part = &model->part[p];
        bool input = part->layer && part->layer->kind->flags & LS_LAYER_INPUT;
        if (!(input && model->sequential)) { /* as Keras does */
            if (!first)
                append_rule(table, (const char *const[]){"├", "─", "┼", "┤"});
            LS_TRY(append_part(table, model, p, model->layer + layer));
            first = false;
        }
        layer += ls_part_layers(part);
    }
    return LS_OK;
}

ls_status ls_model_summary(struct ls_model *model, char **text)
{
    struct ls_text all = {0};
    size_t total = 0, trainable = 0;
    *text = NULL;
    LS_TRY(ls_model_build(model));
    const struct table table = is_row(model) ? (struct table){&all, 3, {31, 22, 13}}
                                             : (struct table){&all, 4, {19, 17, 10, 17}};
    ls_text_append(&all, "Model: \"%s\"\n", model->name);
    append_rule(&table, (const char *const[]){"┏", "━", "┳", "┓"});
    append_row(&table, "┃",
               (const char *[]){"Layer (type)", "Output Shape", "Param #", "Connected to"});
    append_rule(&table, (const char *const[]){"┡", "━", "╇", "┩"});
    ls_status status = append_parts(&table, model);
    append_rule(&table, (const char *const[]){"└", "─", "┴", "┘"});
    for (size_t i = 0; i < model->layers; i++) {
        total += count_weights(model->layer[i], false);
        trainable += count_weights(model->layer[i], true);
    }
    append_total(&all, "Total params", total);
    append_total(&all, "Trainable params", trainable);
    append_total(&all, "Non-trainable params", total - trainable);
    if (status == LS_OK)
        status = ls_text_status(&all);
    if (status == LS_OK)
        status = ls_duplicate(text, all.data);
    ls_text_release(&all);
    return status;
}

void ls_text_free(char *text)
{
    ls_release(text);
}
