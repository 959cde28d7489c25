#include "kernel/convolution.h"

#include <oneapi/dnnl/dnnl.h>

#include "base/memory.h"
#include "kernel/memory.h"
#include "kernel/sets.h"

/* A tensor of a pass, in the layout that oneDNN wants: ours, then `memory` is the caller's; or
 * another, then it is `block`, and `reorder` brings what is read from ours to it, what is written
 * from it to ours. */
struct tensor {
    dnnl_memory_t memory, plain;
    dnnl_primitive_t reorder;
    float *block;
};
enum { IN, OUT, KERNEL, TENSORS };

/* One pass: oneDNN's primitive and its arguments. */
struct pass {
    dnnl_primitive_t primitive;
    struct tensor tensor[TENSORS];
    dnnl_memory_t bias, scratch;
    float *scratch_block;
    float *sum; /* kernel's pass: the gradient, where it is to be added */
};

struct ls_convolution {
    struct ls_convolution_shape shape;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct pass pass[LS_CONVOLUTION_PASSES];
};

/* What oneDNN calls the tensors of each pass, and which of them it writes. */
static const struct {
    int argument[TENSORS];
    dnnl_query_t layout[TENSORS];
    int written;
} words[] = {
    [LS_CONVOLUTION_FORWARD] = {{DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS},
                                {dnnl_query_src_md, dnnl_query_dst_md, dnnl_query_weights_md},
                                OUT},
    [LS_CONVOLUTION_DATA] = {{DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS},
                             {dnnl_query_diff_src_md, dnnl_query_diff_dst_md,
                              dnnl_query_weights_md},
                             IN},
    [LS_CONVOLUTION_KERNEL] = {{DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS},
                               {dnnl_query_src_md, dnnl_query_diff_dst_md,
                                dnnl_query_diff_weights_md},
                               KERNEL},
};

static ls_status check(dnnl_status_t status)
{
    if (status == dnnl_success)
        return LS_OK;
    if (status == dnnl_out_of_memory)
        return ls_fail(LS_FAILED, "out of memory for a convolution");
    return ls_fail(LS_FAILED, "oneDNN refuses a convolution (its status %d)", (int)status);
}

/* -- descriptions */

/* Ours, and oneDNN's choice. */
struct layouts {
    dnnl_memory_desc_t plain[TENSORS], any[TENSORS], bias;
};

static ls_status describe_tensor(struct layouts *l, int tensor, int axes, const dnnl_dims_t size,
                                 dnnl_format_tag_t tag)
{
    LS_TRY(check(dnnl_memory_desc_init_by_tag(&l->plain[tensor], axes, size, dnnl_f32, tag)));
    return check(
        dnnl_memory_desc_init_by_tag(&l->any[tensor], axes, size, dnnl_f32, dnnl_format_tag_any));
}

static ls_status describe_kernel(struct layouts *l, const struct ls_convolution_shape *s)
{
    const int64_t in = s->channels / s->groups, out = s->filters / s->groups;
    const int64_t height = s->kernel[0], width = s->kernel[1];
    const dnnl_dims_t one = {out, in, height, width}, several = {s->groups, out, in, height, width};
    return s->groups == 1 ? describe_tensor(l, KERNEL, 4, one, dnnl_hwio)
                          : describe_tensor(l, KERNEL, 5, several, dnnl_hwigo);
}

static ls_status describe(struct layouts *l, const struct ls_convolution_shape *s, bool bias)
{
    const dnnl_dims_t in = {s->rows, s->channels, s->in[0], s->in[1]};
    const dnnl_dims_t out = {s->rows, s->filters, s->out[0], s->out[1]};
    const dnnl_dims_t filters = {s->filters};
    *l = (struct layouts){0}; /* no bias is a description of zeros */
    if (bias)
        LS_TRY(check(dnnl_memory_desc_init_by_tag(&l->bias, 1, filters, dnnl_f32, dnnl_x)));
    LS_TRY(describe_tensor(l, IN, 4, in, dnnl_nhwc));
    LS_TRY(describe_tensor(l, OUT, 4, out, dnnl_nhwc));
    return describe_kernel(l, s);
}

struct steps {
    dnnl_dims_t stride, gap, before, after;
};

static struct steps steps_of(const struct ls_convolution_shape *s)
{
    struct steps steps = {0};
    for (int a = 0; a < 2; a++) {
        const int64_t span = (s->kernel[a] - 1) * s->dilation[a] + 1;
        const int64_t after = (s->out[a] - 1) * s->stride[a] + span - s->in[a] - s->before[a];
        steps.stride[a] = s->stride[a];
        steps.gap[a] = s->dilation[a] - 1;
        steps.before[a] = s->before[a];
        steps.after[a] = after > 0 ? after : 0;
    }
    return steps;
}

/* How a pass is to be computed. */
struct way {
    dnnl_alg_kind_t algorithm;
    const dnnl_memory_desc_t *in, *out, *kernel;
};

static dnnl_status_t describe_pass(dnnl_convolution_desc_t *d, enum ls_convolution_pass pass,
                                   const struct ls_convolution_shape *shape, const struct way *way,
                                   const dnnl_memory_desc_t *bias)
{
    const struct steps s = steps_of(shape);
    switch (pass) {
    case LS_CONVOLUTION_DATA:
        return dnnl_dilated_convolution_backward_data_desc_init(
            d, way->algorithm, way->in, way->kernel, way->out, s.stride, s.gap, s.before, s.after);
    case LS_CONVOLUTION_KERNEL:
        return dnnl_dilated_convolution_backward_weights_desc_init(
            d, way->algorithm, way->in, way->kernel, NULL, way->out, s.stride, s.gap, s.before,
            s.after);
    default:
        return dnnl_dilated_convolution_forward_desc_init(d, dnnl_forward_training, way->algorithm,
                                                          way->in, way->kernel, bias, way->out,
                                                          s.stride, s.gap, s.before, s.after);
    }
}

/* -- the end */

static void free_tensor(struct tensor *t)
{
    if (t->memory)
        dnnl_memory_destroy(t->memory);
    if (t->plain)
        dnnl_memory_destroy(t->plain);
    if (t->reorder)
        dnnl_primitive_destroy(t->reorder);
    ls_release(t->block);
}

static void free_pass(struct pass *p)
{
    for (int t = 0; t < TENSORS; t++)
        free_tensor(&p->tensor[t]);
    if (p->bias)
        dnnl_memory_destroy(p->bias);
    if (p->scratch)
        dnnl_memory_destroy(p->scratch);
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    ls_release(p->scratch_block);
    ls_release(p->sum);
}

static void release(struct ls_convolution *c)
{
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
        free_pass(&c->pass[pass]);
    if (c->stream)
        dnnl_stream_destroy(c->stream);
    if (c->engine)
        dnnl_engine_destroy(c->engine);
}

void ls_convolution_free(struct ls_convolution *c)
{
    sigset_t before;
    if (!c)
        return;
    ls_kernels_enter(&before);
    release(c);
    ls_kernels_leave(&before);
    ls_release(c);
}

/* -- making */

/* With the kernel as Keras stores it oneDNN unfolds images for a matrix product; in the layout that
 * it likes best it has code of its own, which is worth the reordering (some microseconds) nearly
 * always. Measured on one core of an AMD EPYC (Zen 4), oneDNN 2.6.3, 64 rows, GFLOPS: as stored /
 * reordered, with AVX-512, and with AVX2 in brackets:
 *
 *                                   forward           data              kernel
 *     28x28x1 -> 32   3x3         43 / 61 [47/88]   14 /  6 [14/10]   41 / 109 [43/59]
 *     26x26x32 -> 64  3x3         54 / 105 [49/76]  80 / 97 [47/60]   50 / 93 [57/82]
 *     32x32x16 -> 16  3x3 same    33 / 114 [36/88]  53 / 121 [53/108] 27 / 119 [29/104]
 *     8x8x64 -> 64    3x3 same    65 / 137 [60/94]  97 / 139 [79/113] 77 / 131 [77/90]
 *     32x32x16 -> 32  stride 2    32 / 113 [32/103] 67 / 116 [69/100] 27 / 105 [31/97]
 *     16x16x32 -> 64  1x1         96 / 111 [107/110] 101/111 [104/109] 103/117 [105/103]
 *     16x16x32 -> 32  depthwise    3 / 53 [3/69]     1 / 48 [1/43]     1 / 82 [1/74]
 *
 * The exception is the gradient of one channel, from so many filters that unfolding them is cheap
 * (with 6 filters it is 5 to 8). With SSE4.1 all of them are unfolded whatever the layout.
 *
 * oneDNN's gradient of the bias and its ReLU are not used: the one takes longer than a pass of ours
 * over the result (2 ms to 0.1 ms in the second line), the other turns NaN into 0. */
static struct way direct_way(enum ls_convolution_pass pass, const struct ls_convolution_shape *s,
                             const struct layouts *l)
{
    enum { FILTERS_LEAST = 16 };
    const bool one = s->channels == 1 && s->filters >= FILTERS_LEAST;
    return (struct way){dnnl_convolution_direct, &l->plain[IN], &l->plain[OUT],
                        pass == LS_CONVOLUTION_DATA && one ? &l->plain[KERNEL] : &l->any[KERNEL]};
}

/* Winograd's algorithm (Lavin, Gray: Fast algorithms for convolutional neural networks, CVPR 2016),
 * by oneDNN in tiles of 4 x 4: a quarter of the multiplications, on images in blocks of 16
 * channels, which ours are brought to and from. The same machine, with that, ms directly / so:
 *
 *                                   forward        data           kernel
 *     26x26x32 -> 64  3x3         12.3 / 7.4     13.2 / 11.3    14.2 / 9.5
 *     13x13x32 -> 64  3x3         2.58 / 1.96    2.65 / 3.17    2.62 / 1.69
 *     16x16x32 -> 32  3x3 same    2.52 / 1.64    2.51 / 1.70    2.66 / 1.71
 *     8x8x64 -> 64    3x3 same    2.22 / 1.13    2.19 / 1.20    2.37 / 1.30
 *     32x32x16 -> 16  3x3 same    2.89 / 3.54    2.71 / 3.64    2.64 / 2.84
 *
 * So it is for 32 channels and more, and where the tiles do not reach far over the edge. */
static bool suits_winograd(enum ls_convolution_pass pass, const struct ls_convolution_shape *s)
{
    enum { BLOCK = 16, LEAST = 32, TILE = 4 };
    static const double most_over = 1.3;
    double over = 1;
    bool suits = ls_k == &ls_kernels_avx512 && s->groups == 1 && s->channels % BLOCK == 0 &&
                 s->filters % BLOCK == 0 && s->channels >= LEAST && s->filters >= LEAST;
    for (int a = 0; a < 2; a++) {
        int64_t size = pass == LS_CONVOLUTION_DATA ? s->in[a] : s->out[a];
        over *= (double)((size + TILE - 1) / TILE * TILE) / (double)size;
        suits &= s->kernel[a] == 3 && s->stride[a] == 1 && s->dilation[a] == 1;
    }
    return suits && over <= most_over;
}

struct maker {
    struct ls_convolution *convolution;
    enum ls_convolution_pass pass;
    const struct layouts *layouts;
    dnnl_primitive_attr_t attributes; /* the scratch memory is ours */
    bool fast;
    size_t bytes; /* counted */
};

static ls_status make_reorder(const struct maker *m, int which, const dnnl_memory_desc_t *wanted)
{
    struct tensor *t = &m->convolution->pass[m->pass].tensor[which];
    const dnnl_memory_desc_t *plain = &m->layouts->plain[which];
    const bool back = which == words[m->pass].written;
    dnnl_engine_t engine = m->convolution->engine;
    dnnl_primitive_desc_t description = NULL;
    LS_TRY(ls_allocate(&t->block, dnnl_memory_desc_get_size(wanted), 1));
    LS_TRY(check(dnnl_memory_set_data_handle(t->memory, t->block)));
    LS_TRY(check(dnnl_memory_create(&t->plain, plain, engine, DNNL_MEMORY_NONE)));
    LS_TRY(check(dnnl_reorder_primitive_desc_create(&description, back ? wanted : plain, engine,
                                                    back ? plain : wanted, engine, NULL)));
    dnnl_status_t status = dnnl_primitive_create(&t->reorder, description);
    dnnl_primitive_desc_destroy(description);
    return check(status);
}

static ls_status make_memories(const struct maker *m, dnnl_primitive_desc_t description)
{
    struct pass *p = &m->convolution->pass[m->pass];
    const struct layouts *l = m->layouts;
    dnnl_engine_t engine = m->convolution->engine;
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    LS_TRY(ls_allocate(&p->scratch_block, dnnl_memory_desc_get_size(scratch) + 1, 1));
    LS_TRY(check(dnnl_memory_create(&p->scratch, scratch, engine, p->scratch_block)));
    for (int t = 0; t < TENSORS; t++) {
        const dnnl_memory_desc_t *wanted =
            dnnl_primitive_desc_query_md(description, words[m->pass].layout[t], 0);
        LS_TRY(check(dnnl_memory_create(&p->tensor[t].memory, wanted, engine, DNNL_MEMORY_NONE)));
        if (!dnnl_memory_desc_equal(wanted, &l->plain[t]))
            LS_TRY(make_reorder(m, t, wanted));
    }
    if (m->pass == LS_CONVOLUTION_FORWARD && l->bias.ndims)
        LS_TRY(check(dnnl_memory_create(&p->bias, &l->bias, engine, DNNL_MEMORY_NONE)));
    return m->pass == LS_CONVOLUTION_KERNEL
               ? ls_allocate(&p->sum, dnnl_memory_desc_get_size(&l->plain[KERNEL]), 1)
               : LS_OK;
}

/* The description of a pass; that of the forward pass is a hint for those of the others. */
static dnnl_status_t find_code(const struct maker *m, const struct way *way,
                               dnnl_primitive_desc_t *description)
{
    const struct ls_convolution_shape *shape = &m->convolution->shape;
    const enum ls_convolution_pass passes[] = {LS_CONVOLUTION_FORWARD, m->pass};
    dnnl_primitive_desc_t found[2] = {NULL, NULL};
    dnnl_status_t status = dnnl_success;
    const int count = m->pass == LS_CONVOLUTION_FORWARD ? 1 : 2;
    for (int i = 0; i < count && status == dnnl_success; i++) {
        dnnl_convolution_desc_t operation;
        status = describe_pass(&operation, passes[i], shape, way, &m->layouts->bias);
        if (status == dnnl_success)
            status = dnnl_primitive_desc_create(&found[i], &operation, m->attributes,
                                                m->convolution->engine, found[0]);
    }
    if (count == 2 && found[0])
        dnnl_primitive_desc_destroy(found[0]);
    *description = found[count - 1];
    return status;
}

static ls_status describe_best(struct maker *m, enum ls_convolution_pass pass,
                               dnnl_primitive_desc_t *description)
{
    const struct ls_convolution_shape *shape = &m->convolution->shape;
    const struct layouts *l = m->layouts;
    const struct way direct = direct_way(pass, shape, l);
    const struct way winograd = {dnnl_convolution_winograd, &l->any[IN], &l->any[OUT],
                                 &l->any[KERNEL]};
    dnnl_status_t found = dnnl_unimplemented;
    m->pass = pass;
    LS_TRY(ls_kernels_code_room(&(uint64_t){0}, 0));
    if (m->fast && suits_winograd(pass, shape)) /* as far as we see; oneDNN knows more */
        found = find_code(m, &winograd, description);
    if (found == dnnl_unimplemented)
        found = find_code(m, &direct, description);
    return check(found);
}

static ls_status make_pass(struct maker *m, enum ls_convolution_pass pass)
{
    dnnl_primitive_desc_t description = NULL;
    LS_TRY(describe_best(m, pass, &description));
    ls_status status =
        check(dnnl_primitive_create(&m->convolution->pass[pass].primitive, description));
    if (status == LS_OK)
        status = make_memories(m, description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

/* What make_memories takes. */
static ls_status count_pass(struct maker *m, enum ls_convolution_pass pass)
{
    dnnl_primitive_desc_t description = NULL;
    const dnnl_memory_desc_t *plain = m->layouts->plain;
    LS_TRY(describe_best(m, pass, &description));
    m->bytes += dnnl_memory_desc_get_size(
        dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0));
    for (int t = 0; t < TENSORS; t++) {
        const dnnl_memory_desc_t *wanted =
            dnnl_primitive_desc_query_md(description, words[pass].layout[t], 0);
        if (!dnnl_memory_desc_equal(wanted, &plain[t]))
            m->bytes += dnnl_memory_desc_get_size(wanted);
    }
    if (pass == LS_CONVOLUTION_KERNEL)
        m->bytes += dnnl_memory_desc_get_size(&plain[KERNEL]);
    dnnl_primitive_desc_destroy(description);
    return LS_OK;
}

/* Makes the passes, or counts their bytes where somebody wants these. */
static ls_status go_over_passes(struct ls_convolution *c, unsigned passes, bool bias, size_t *bytes)
{
    struct layouts layouts;
    struct maker m = {.convolution = c, .layouts = &layouts, .fast = passes & LS_CONVOLUTION_FAST};
    ls_status status = LS_OK;
    LS_TRY_OUT(check(dnnl_engine_create(&c->engine, dnnl_cpu, 0)));
    LS_TRY_OUT(check(dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags)));
    LS_TRY_OUT(describe(&layouts, &c->shape, bias));
    LS_TRY_OUT(check(dnnl_primitive_attr_create(&m.attributes)));
    LS_TRY_OUT(
        check(dnnl_primitive_attr_set_scratchpad_mode(m.attributes, dnnl_scratchpad_mode_user)));
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
        if (passes & 1u << pass)
            LS_TRY_OUT(bytes ? count_pass(&m, (enum ls_convolution_pass)pass)
                             : make_pass(&m, (enum ls_convolution_pass)pass));
    if (bytes)
        *bytes = m.bytes;
out:
    if (m.attributes)
        dnnl_primitive_attr_destroy(m.attributes);
    return status;
}

ls_status ls_convolution_create(struct ls_convolution **convolution,
                                const struct ls_convolution_shape *shape, unsigned passes,
                                bool bias)
{
    struct ls_convolution *made;
    sigset_t before;
    *convolution = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->shape = *shape;
    ls_kernels_enter(&before);
    ls_status status = go_over_passes(made, passes, bias, NULL);
    ls_kernels_leave(&before);
    if (status == LS_OK)
        *convolution = made;
    else
        ls_convolution_free(made);
    return status;
}

ls_status ls_convolution_bytes(size_t *bytes, const struct ls_convolution_shape *shape,
                               unsigned passes, bool bias)
{
    struct ls_convolution counted = {.shape = *shape};
    sigset_t before;
    *bytes = 0;
    ls_kernels_enter(&before);
    ls_status status = go_over_passes(&counted, passes, bias, bytes);
    release(&counted);
    ls_kernels_leave(&before);
    return status;
}

/* -- running */

static void execute(const struct ls_convolution *c, dnnl_primitive_t primitive, int count,
                    const dnnl_exec_arg_t *arguments)
{
    if (dnnl_primitive_execute(primitive, c->stream, count, arguments) != dnnl_success)
        ls_kernels_note("a convolution");
}

static void reorder(const struct ls_convolution *c, const struct tensor *t, bool back)
{
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, back ? t->memory : t->plain},
                                         {DNNL_ARG_TO, back ? t->plain : t->memory}};
    if (t->reorder)
        execute(c, t->reorder, 2, arguments);
}

/* The caller's tensors, whichever of them the pass writes. */
struct tensors {
    const float *in, *out, *kernel, *bias;
};

static void run(const struct ls_convolution *c, enum ls_convolution_pass pass, struct tensors given)
{
    const struct pass *p = &c->pass[pass];
    const float *const pointer[TENSORS] = {given.in, given.out, given.kernel};
    const int written = words[pass].written;
    dnnl_exec_arg_t arguments[TENSORS + 2] = {{DNNL_ARG_SCRATCHPAD, p->scratch}};
    sigset_t before;
    ls_kernels_enter(&before);
    for (int i = 0; i < TENSORS; i++) {
        const struct tensor *t = &p->tensor[i];
        dnnl_memory_set_data_handle(t->plain ? t->plain : t->memory, (void *)pointer[i]);
        if (i != written)
            reorder(c, t, false);
        arguments[1 + i] = (dnnl_exec_arg_t){words[pass].argument[i], t->memory};
    }
    if (p->bias) {
        dnnl_memory_set_data_handle(p->bias, (void *)given.bias);
        arguments[1 + TENSORS] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, p->bias};
    }
    execute(c, p->primitive, p->bias ? TENSORS + 2 : TENSORS + 1, arguments);
    reorder(c, &p->tensor[written], true);
    ls_kernels_leave(&before);
}

void ls_convolution_forward(struct ls_convolution *c, float *out, const float *in,
                            const float *kernel, const float *bias)
{
    run(c, LS_CONVOLUTION_FORWARD, (struct tensors){in, out, kernel, bias});
}

void ls_convolution_data(struct ls_convolution *c, float *in, const float *out, const float *kernel)
{
    run(c, LS_CONVOLUTION_DATA, (struct tensors){in, out, kernel, NULL});
}

void ls_convolution_kernel(struct ls_convolution *c, float *kernel, const float *in,
                           const float *out, bool accumulate)
{
    const struct ls_convolution_shape *s = &c->shape;
    float *result = accumulate ? c->pass[LS_CONVOLUTION_KERNEL].sum : kernel;
    run(c, LS_CONVOLUTION_KERNEL, (struct tensors){in, out, result, NULL});
    if (accumulate)
        ls_k->add(kernel, kernel, result,
                  (size_t)(s->kernel[0] * s->kernel[1] * s->channels / s->groups * s->filters));
}
