/* lockstep predict. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "lockstep/run.h"
#include "store/file.h"
#include "store/numbers.h"
#include "train/learnt.h"
#include "train/open_model.h"
#include "train/out.h"
#include "train/result.h"
#include "train/scan.h"

struct prediction {
    struct ls_comm *comm;
    const struct ls_run_predict *options;
    struct ls_model *model;
    struct ls_tree *state; /* the model's, or NULL */
    struct ls_data *data;
    struct ls_edge edge[LS_TENSORS_MAX]; /* what is predicted */
    const char *name[LS_TENSORS_MAX];
    size_t outputs;
    int64_t samples, first; /* first row of this rank */
    float *mine[LS_TENSORS_MAX], *all[LS_TENSORS_MAX];
    struct ls_class_names names[LS_TENSORS_MAX]; /* by output, on the rank that writes them */
};

static const struct ls_shape *shape_of(const struct prediction *p, size_t o)
{
    return &p->model->call[p->edge[o].call].shapes.out[p->edge[o].output];
}

/* -- what is predicted
 * -------------------------------------------------------------------------------- */

static ls_status choose_outputs(struct prediction *p)
{
    if (p->options->layer) {
        p->name[0] = p->options->layer;
        p->outputs = 1;
        return ls_result_find(p->model, p->options->layer, &p->edge[0]);
    }
    for (p->outputs = 0; p->outputs < p->model->outputs; p->outputs++) {
        p->edge[p->outputs] = p->model->output[p->outputs];
        p->name[p->outputs] = p->model->output_name[p->outputs];
    }
    return LS_OK;
}

/* -- predicting
 * ---------------------------------------------------------------------------------------- */

static ls_status keep_block(void *user, const struct ls_plan_run *run, const struct ls_batch *batch,
                            int64_t block)
{
    struct prediction *p = user;
    size_t row = (size_t)(block * LS_BLOCK_ROWS - p->first);
    for (size_t o = 0; o < p->outputs; o++) {
        size_t floats = (size_t)ls_shape_count(shape_of(p, o));
        memcpy(p->mine[o] + row * floats, ls_plan_output(run, o),
               floats * (size_t)batch->rows * sizeof(float));
    }
    return LS_OK;
}

/* Rows of samples that a range of blocks covers. */
static int64_t rows_of(const struct prediction *p, struct ls_range blocks)
{
    int64_t begin = blocks.begin * LS_BLOCK_ROWS, end = blocks.end * LS_BLOCK_ROWS;
    begin = begin < p->samples ? begin : p->samples;
    end = end < p->samples ? end : p->samples;
    return end - begin;
}

static ls_status predict_mine(struct prediction *p, struct ls_scan *scan)
{
    struct ls_range mine = ls_scan_mine(scan);
    p->first = mine.begin * LS_BLOCK_ROWS;
    for (size_t o = 0; o < p->outputs; o++) {
        size_t floats = (size_t)ls_shape_count(shape_of(p, o));
        LS_TRY(ls_allocate(&p->mine[o], (size_t)rows_of(p, mine) * floats + 1, sizeof(float)));
        LS_TRY(ls_allocate(&p->all[o], (size_t)p->samples * floats + 1, sizeof(float)));
    }
    return ls_scan_run(scan, keep_block, p);
}

static ls_status gather(struct prediction *p, int64_t blocks)
{
    int size = ls_comm_size(p->comm);
    size_t *lengths = NULL;
    LS_TRY(ls_comm_agree(p->comm, ls_allocate(&lengths, (size_t)size, sizeof *lengths)));
    for (size_t o = 0; o < p->outputs; o++) {
        size_t bytes = (size_t)ls_shape_count(shape_of(p, o)) * sizeof(float);
        for (int r = 0; r < size; r++)
            lengths[r] = (size_t)rows_of(p, ls_part(blocks, size, r)) * bytes;
        ls_comm_allgather_pieces(p->comm, p->all[o], p->mine[o], lengths);
    }
    ls_release(lengths);
    return LS_OK;
}

static ls_status predict(struct prediction *p)
{
    struct ls_scan *scan = NULL;
    ls_status status = choose_outputs(p);
    p->samples = ls_data_samples(p->data);
    if (status == LS_OK)
        status = ls_scan_create(&scan, &(struct ls_scan_options){.comm = p->comm,
                                                                 .model = p->model,
                                                                 .data = p->data,
                                                                 .outputs = p->edge,
                                                                 .output_count = p->outputs});
    if (status == LS_OK)
        status = predict_mine(p, scan);
    status = ls_comm_agree(p->comm, status);
    if (status == LS_OK)
        status = gather(p, ls_scan_blocks(scan));
    ls_scan_free(scan);
    return status;
}

/* -- what is no number
 * --------------------------------------------------------------------------------- */

/* A warning for an output that holds NaN or infinities, which a class would hide. */
static void warn_of_nonfinite(const struct prediction *p, size_t o)
{
    const size_t each = (size_t)ls_shape_count(shape_of(p, o)), n = (size_t)p->samples * each;
    size_t count = 0, first = n;
    for (size_t i = ls_k->find_nonfinite(p->all[o], n); i < n;
         i += 1 + ls_k->find_nonfinite(p->all[o] + i + 1, n - i - 1)) {
        first = first < n ? first : i;
        count++;
    }
    if (count > 0)
        ls_warn("'%s': %zu of %zu predicted numbers %s NaN or infinite%s, first of sample %zu "
                "(counted from 0): look at the data there, or at the model's weights",
                p->name[o], count, n, count == 1 ? "is" : "are",
                p->options->classes ? ", and their classes mean nothing" : "", first / each);
}

/* -- classes
 * ------------------------------------------------------------------------------------------- */

static int64_t columns_of(const struct ls_shape *shape)
{
    return shape->rank ? shape->size[shape->rank - 1] : 1;
}

/* In place: the class of each position in place of its numbers. One number is class 1 above one
 * half. */
static void take_classes(struct prediction *p, size_t o)
{
    int64_t columns = columns_of(shape_of(p, o));
    int64_t positions = p->samples * ls_shape_count(shape_of(p, o)) / columns;
    float *values = p->all[o];
    if (columns > 1)
        ls_k->argmax_rows(values, values, (size_t)positions, (size_t)columns);
    for (int64_t i = 0; columns == 1 && i < positions; i++)
        values[i] = values[i] > 0.5F;
}

/* Of outputs that have a target: not of a layer in the model's midst. */
static ls_status find_class_names(struct prediction *p, size_t o)
{
    const struct ls_model *model = p->model;
    for (size_t i = 0; i < model->outputs; i++)
        if (model->output[i].call == p->edge[o].call &&
            model->output[i].output == p->edge[o].output)
            return ls_class_names_find(
                &p->names[o], model->outputs == 1 ? "y" : model->output_name[i], p->data, p->state);
    return LS_OK;
}

static struct ls_shape written_shape(const struct prediction *p, size_t o)
{
    struct ls_shape shape = {.rank = 1, .size = {p->samples}};
    const struct ls_shape *made = shape_of(p, o);
    int rank = p->options->classes && made->rank ? made->rank - 1 : made->rank;
    for (int i = 0; i < rank; i++)
        shape.size[shape.rank++] = made->size[i];
    return shape;
}

/* -- files
 * --------------------------------------------------------------------------------------------- */

static ls_status write_h5(const struct prediction *p)
{
    struct ls_numbers numbers[LS_TENSORS_MAX];
    char *name[LS_TENSORS_MAX] = {0};
    ls_status status = LS_OK;
    for (size_t o = 0; o < p->outputs && status == LS_OK; o++) {
        status = ls_format(&name[o], "/predictions/%s", p->name[o]);
        numbers[o] =
            (struct ls_numbers){.name = name[o], .floats = p->all[o], .shape = written_shape(p, o)};
    }
    if (status == LS_OK)
        status = ls_numbers_write(p->options->out, numbers, p->outputs);
    for (size_t o = 0; o < p->outputs; o++)
        ls_release(name[o]);
    return status;
}

static int64_t written_numbers(const struct prediction *p, size_t o)
{
    struct ls_shape shape = written_shape(p, o);
    int64_t count = 1;
    for (int i = 1; i < shape.rank; i++)
        count *= shape.size[i];
    return count;
}

static void append_quoted(struct ls_text *text, const char *value)
{
    bool plain = strpbrk(value, ",\"\r\n") == NULL;
    ls_text_append(text, plain ? "%s" : "\"", value);
    for (const char *c = value; !plain && *c; c++)
        ls_text_append(text, *c == '"' ? "\"\"" : "%c", *c);
    if (!plain)
        ls_text_append(text, "\"");
}

static void append_header(struct ls_text *text, const struct prediction *p)
{
    const char *comma = "";
    for (size_t o = 0; o < p->outputs; o++)
        for (int64_t i = 0, n = written_numbers(p, o); i < n; i++, comma = ",")
            if (n == 1)
                ls_text_append(text, "%s%s", comma, p->name[o]);
            else
                ls_text_append(text, "%s%s_%lld", comma, p->name[o], (long long)i);
    ls_text_append(text, "\n");
}

static void append_row(struct ls_text *text, const struct prediction *p, int64_t row)
{
    const char *comma = "";
    for (size_t o = 0; o < p->outputs; o++)
        for (int64_t i = 0, n = written_numbers(p, o); i < n; i++, comma = ",") {
            float value = p->all[o][row * n + i];
            ls_text_append(text, "%s", comma);
            if (p->options->classes && (size_t)value < p->names[o].count)
                append_quoted(text, p->names[o].name[(size_t)value]);
            else
                ls_text_append(text, "%.9g", (double)value);
        }
    ls_text_append(text, "\n");
}

enum { CSV_PIECE = 1 << 20 };

static ls_status write_csv(struct prediction *p)
{
    struct ls_draft draft;
    struct ls_text text = {0};
    ls_status status = ls_draft_open(&draft, p->options->out);
    for (size_t o = 0; o < p->outputs && p->options->classes && status == LS_OK; o++)
        status = find_class_names(p, o);
    append_header(&text, p);
    for (int64_t row = 0; row < p->samples && status == LS_OK; row++) {
        append_row(&text, p, row);
        if (text.length < CSV_PIECE && row + 1 < p->samples)
            continue;
        status = ls_text_status(&text);
        if (status == LS_OK)
            status = ls_draft_write(&draft, text.data, text.length);
        text.length = 0;
    }
    if (status == LS_OK)
        status = ls_draft_publish(&draft);
    ls_draft_close(&draft);
    ls_text_release(&text);
    return status;
}

static ls_status check_out(const struct ls_run_predict *options)
{
    if (!options->out || !(ls_ends_with(options->out, ".h5") || ls_ends_with(options->out, ".csv")))
        return ls_fail(LS_USAGE, "-o names the file to write: F.h5 or F.csv");
    return LS_OK;
}

ls_status ls_run_predict(struct ls_comm *comm, const struct ls_run_predict *options,
                         int64_t *samples)
{
    struct prediction p = {.comm = comm, .options = options};
    struct ls_checkpoint opened;
    ls_status status;
    *samples = 0;
    LS_TRY(check_out(options));
    LS_TRY(ls_comm_agree(
        comm, ls_kernels_init(&(struct ls_kernel_options){.threads = options->threads})));
    LS_TRY(ls_model_open_all(&opened, comm, options->model, LS_OPEN_TO_USE));
    p.model = opened.model;
    p.state = opened.state;
    LS_TRY_OUT(ls_comm_agree(
        comm, ls_learnt_open(&p.data, &(struct ls_learnt_source){.data = options->data,
                                                                 .model = options->model,
                                                                 .state = p.state})));
    LS_TRY_OUT(ls_out_check(comm, options->out, options->model, p.data));
    LS_TRY_OUT(predict(&p));
    for (size_t o = 0; o < p.outputs && ls_comm_rank(comm) == 0; o++)
        warn_of_nonfinite(&p, o);
    for (size_t o = 0; o < p.outputs && options->classes; o++)
        take_classes(&p, o);
    status = LS_OK;
    if (ls_comm_rank(comm) == 0)
        status = ls_ends_with(options->out, ".csv") ? write_csv(&p) : write_h5(&p);
    status = ls_comm_agree(comm, status);
    *samples = p.samples;
out:
    for (size_t o = 0; o < p.outputs; o++) {
        ls_release(p.mine[o]);
        ls_release(p.all[o]);
        ls_release(p.names[o].name);
    }
    ls_data_free(p.data);
    ls_checkpoint_release(&opened);
    return status;
}
