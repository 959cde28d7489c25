#include "kernel/convolution.h"

#include <oneapi/dnnl/dnnl.h>

#include "base/memory.h"
#include "kernel/sets.h"

/* One pass: oneDNN's primitive, its arguments, and the kernel in the layout that it wants. */
struct pass {
    dnnl_primitive_t primitive;
    dnnl_memory_t in, out, kernel, bias, scratch;
    /* Where that layout is another than ours; else NULL, and `kernel` is the caller's. */
    dnnl_primitive_t reorder; /* ours to `kernel`, or in the kernel's pass `kernel` to ours */
    dnnl_memory_t plain;
    float *packed, *scratch_block;
    float *sum; /* kernel's pass: the gradient, where it is to be added */
};

struct ls_convolution {
    struct ls_convolution_shape shape;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct pass pass[LS_CONVOLUTION_PASSES];
};

/* How oneDNN calls the tensors of each pass. */
static const struct {
    int in, out, kernel;
    dnnl_query_t kernel_layout;
} words[] = {
    [LS_CONVOLUTION_FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS,
                                dnnl_query_weights_md},
    [LS_CONVOLUTION_DATA] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS,
                             dnnl_query_weights_md},
    [LS_CONVOLUTION_KERNEL] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS,
                               dnnl_query_diff_weights_md},
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

struct layouts {
    dnnl_memory_desc_t in, out, kernel, any_kernel, bias;
};

static ls_status describe_kernel(struct layouts *l, const struct ls_convolution_shape *s)
{
    const int64_t in = s->channels / s->groups, out = s->filters / s->groups;
    const int64_t height = s->kernel[0], width = s->kernel[1];
    const dnnl_dims_t one = {out, in, height, width}, several = {s->groups, out, in, height, width};
    if (s->groups == 1) {
        LS_TRY(check(dnnl_memory_desc_init_by_tag(&l->kernel, 4, one, dnnl_f32, dnnl_hwio)));
        return check(
            dnnl_memory_desc_init_by_tag(&l->any_kernel, 4, one, dnnl_f32, dnnl_format_tag_any));
    }
    LS_TRY(check(dnnl_memory_desc_init_by_tag(&l->kernel, 5, several, dnnl_f32, dnnl_hwigo)));
    return check(
        dnnl_memory_desc_init_by_tag(&l->any_kernel, 5, several, dnnl_f32, dnnl_format_tag_any));
}

static ls_status describe(struct layouts *l, const struct ls_convolution_shape *s, bool bias)
{
    const dnnl_dims_t in = {s->rows, s->channels, s->in[0], s->in[1]};
    const dnnl_dims_t out = {s->rows, s->filters, s->out[0], s->out[1]};
    const dnnl_dims_t filters = {s->filters};
    *l = (struct layouts){0}; /* no bias is a description of zeros */
    if (bias)
        LS_TRY(check(dnnl_memory_desc_init_by_tag(&l->bias, 1, filters, dnnl_f32, dnnl_x)));
    LS_TRY(check(dnnl_memory_desc_init_by_tag(&l->in, 4, in, dnnl_f32, dnnl_nhwc)));
    LS_TRY(check(dnnl_memory_desc_init_by_tag(&l->out, 4, out, dnnl_f32, dnnl_nhwc)));
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

static dnnl_status_t describe_pass(dnnl_convolution_desc_t *d, enum ls_convolution_pass pass,
                                   const struct ls_convolution_shape *shape,
                                   const struct layouts *l, const dnnl_memory_desc_t *kernel)
{
    const struct steps s = steps_of(shape);
    switch (pass) {
    case LS_CONVOLUTION_DATA:
        return dnnl_dilated_convolution_backward_data_desc_init(d, dnnl_convolution_direct, &l->in,
                                                                kernel, &l->out, s.stride, s.gap,
                                                                s.before, s.after);
    case LS_CONVOLUTION_KERNEL:
        return dnnl_dilated_convolution_backward_weights_desc_init(
            d, dnnl_convolution_direct, &l->in, kernel, NULL, &l->out, s.stride, s.gap, s.before,
            s.after);
    default:
        return dnnl_dilated_convolution_forward_desc_init(
            d, dnnl_forward_training, dnnl_convolution_direct, &l->in, kernel, &l->bias, &l->out,
            s.stride, s.gap, s.before, s.after);
    }
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
static const dnnl_memory_desc_t *kernel_layout(enum ls_convolution_pass pass,
                                               const struct ls_convolution_shape *s,
                                               const struct layouts *l)
{
    enum { FILTERS_LEAST = 16 };
    const bool one = s->channels == 1 && s->filters >= FILTERS_LEAST;
    return pass == LS_CONVOLUTION_DATA && one ? &l->kernel : &l->any_kernel;
}

struct maker {
    struct ls_convolution *convolution;
    enum ls_convolution_pass pass;
    const struct layouts *layouts;
    dnnl_primitive_attr_t attributes; /* the scratch memory is ours */
    dnnl_primitive_desc_t forward;    /* which the others take for a hint */
};

static ls_status make_reorder(const struct maker *m, const dnnl_memory_desc_t *wanted)
{
    struct pass *p = &m->convolution->pass[m->pass];
    const dnnl_memory_desc_t *plain = &m->layouts->kernel;
    const bool back = m->pass == LS_CONVOLUTION_KERNEL;
    dnnl_engine_t engine = m->convolution->engine;
    dnnl_primitive_desc_t description = NULL;
    if (dnnl_memory_desc_equal(wanted, plain))
        return LS_OK;
    LS_TRY(ls_allocate(&p->packed, dnnl_memory_desc_get_size(wanted), 1));
    LS_TRY(check(dnnl_memory_set_data_handle(p->kernel, p->packed)));
    LS_TRY(check(dnnl_memory_create(&p->plain, plain, engine, DNNL_MEMORY_NONE)));
    LS_TRY(check(dnnl_reorder_primitive_desc_create(&description, back ? wanted : plain, engine,
                                                    back ? plain : wanted, engine, NULL)));
    dnnl_status_t status = dnnl_primitive_create(&p->reorder, description);
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
    const dnnl_memory_desc_t *kernel =
        dnnl_primitive_desc_query_md(description, words[m->pass].kernel_layout, 0);
    LS_TRY(ls_allocate(&p->scratch_block, dnnl_memory_desc_get_size(scratch) + 1, 1));
    LS_TRY(check(dnnl_memory_create(&p->scratch, scratch, engine, p->scratch_block)));
    LS_TRY(check(dnnl_memory_create(&p->in, &l->in, engine, DNNL_MEMORY_NONE)));
    LS_TRY(check(dnnl_memory_create(&p->out, &l->out, engine, DNNL_MEMORY_NONE)));
    LS_TRY(check(dnnl_memory_create(&p->kernel, kernel, engine, DNNL_MEMORY_NONE)));
    if (m->pass == LS_CONVOLUTION_FORWARD && l->bias.ndims)
        LS_TRY(check(dnnl_memory_create(&p->bias, &l->bias, engine, DNNL_MEMORY_NONE)));
    if (m->pass == LS_CONVOLUTION_KERNEL)
        LS_TRY(ls_allocate(&p->sum, dnnl_memory_desc_get_size(&l->kernel), 1));
    return make_reorder(m, kernel);
}

static ls_status make_pass(struct maker *m, enum ls_convolution_pass pass)
{
    const struct ls_convolution_shape *shape = &m->convolution->shape;
    dnnl_convolution_desc_t operation;
    dnnl_primitive_desc_t description = NULL;
    m->pass = pass;
    LS_TRY(check(describe_pass(&operation, pass, shape, m->layouts,
                               kernel_layout(pass, shape, m->layouts))));
    LS_TRY(check(dnnl_primitive_desc_create(&description, &operation, m->attributes,
                                            m->convolution->engine, m->forward)));
    ls_status status =
        check(dnnl_primitive_create(&m->convolution->pass[pass].primitive, description));
    if (status == LS_OK)
        status = make_memories(m, description);
    if (pass == LS_CONVOLUTION_FORWARD)
        m->forward = description;
    else
        dnnl_primitive_desc_destroy(description);
    return status;
}

static ls_status make_hint(struct maker *m)
{
    dnnl_convolution_desc_t operation;
    LS_TRY(check(describe_pass(&operation, LS_CONVOLUTION_FORWARD, &m->convolution->shape,
                               m->layouts, &m->layouts->any_kernel)));
    return check(dnnl_primitive_desc_create(&m->forward, &operation, m->attributes,
                                            m->convolution->engine, NULL));
}

static ls_status make_passes(struct ls_convolution *c, unsigned passes, bool bias)
{
    struct layouts layouts;
    struct maker m = {.convolution = c, .layouts = &layouts};
    ls_status status = LS_OK;
    LS_TRY_OUT(check(dnnl_engine_create(&c->engine, dnnl_cpu, 0)));
    LS_TRY_OUT(check(dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags)));
    LS_TRY_OUT(describe(&layouts, &c->shape, bias));
    LS_TRY_OUT(check(dnnl_primitive_attr_create(&m.attributes)));
    LS_TRY_OUT(
        check(dnnl_primitive_attr_set_scratchpad_mode(m.attributes, dnnl_scratchpad_mode_user)));
    if (!(passes & 1u << LS_CONVOLUTION_FORWARD))
        LS_TRY_OUT(make_hint(&m));
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
        if (passes & 1u << pass)
            LS_TRY_OUT(make_pass(&m, (enum ls_convolution_pass)pass));
out:
    if (m.forward)
        dnnl_primitive_desc_destroy(m.forward);
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
    ls_status status = make_passes(made, passes, bias);
    ls_kernels_leave(&before);
    if (status == LS_OK)
        *convolution = made;
    else
        ls_convolution_free(made);
    return status;
}

static void free_pass(struct pass *p)
{
    const dnnl_memory_t memories[] = {p->in, p->out, p->kernel, p->bias, p->scratch, p->plain};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    if (p->reorder)
        dnnl_primitive_destroy(p->reorder);
    ls_release(p->packed);
    ls_release(p->scratch_block);
    ls_release(p->sum);
}

void ls_convolution_free(struct ls_convolution *c)
{
    sigset_t before;
    if (!c)
        return;
    ls_kernels_enter(&before);
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
        free_pass(&c->pass[pass]);
    if (c->stream)
        dnnl_stream_destroy(c->stream);
    if (c->engine)
        dnnl_engine_destroy(c->engine);
    ls_kernels_leave(&before);
    ls_release(c);
}

/* -- running: with memory that is there, of primitives that were made, nothing fails */

static void reorder(const struct ls_convolution *c, const struct pass *p, dnnl_memory_t from,
                    dnnl_memory_t to)
{
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_execute(p->reorder, c->stream, 2, arguments);
}

/* Our kernel where the primitive finds it, in its layout. */
static void take_kernel(const struct ls_convolution *c, const struct pass *p, const float *kernel)
{
    dnnl_memory_set_data_handle(p->reorder ? p->plain : p->kernel, (void *)kernel);
    if (p->reorder)
        reorder(c, p, p->plain, p->kernel);
}

static void run(const struct ls_convolution *c, enum ls_convolution_pass pass, const float *in,
                const float *out)
{
    const struct pass *p = &c->pass[pass];
    const dnnl_exec_arg_t arguments[] = {{words[pass].in, p->in},
                                         {words[pass].out, p->out},
                                         {words[pass].kernel, p->kernel},
                                         {DNNL_ARG_SCRATCHPAD, p->scratch},
                                         {DNNL_ARG_BIAS, p->bias}};
    dnnl_memory_set_data_handle(p->in, (void *)in);
    dnnl_memory_set_data_handle(p->out, (void *)out);
    dnnl_primitive_execute(p->primitive, c->stream, p->bias ? 5 : 4, arguments);
}

void ls_convolution_forward(struct ls_convolution *c, float *out, const float *in,
                            const float *kernel, const float *bias)
{
    const struct pass *p = &c->pass[LS_CONVOLUTION_FORWARD];
    sigset_t before;
    ls_kernels_enter(&before);
    take_kernel(c, p, kernel);
    if (p->bias)
        dnnl_memory_set_data_handle(p->bias, (void *)bias);
    run(c, LS_CONVOLUTION_FORWARD, in, out);
    ls_kernels_leave(&before);
}

void ls_convolution_data(struct ls_convolution *c, float *in, const float *out, const float *kernel)
{
    sigset_t before;
    ls_kernels_enter(&before);
    take_kernel(c, &c->pass[LS_CONVOLUTION_DATA], kernel);
    run(c, LS_CONVOLUTION_DATA, in, out);
    ls_kernels_leave(&before);
}

void ls_convolution_kernel(struct ls_convolution *c, float *kernel, const float *in,
                           const float *out, bool accumulate)
{
    const struct ls_convolution_shape *s = &c->shape;
    const struct pass *p = &c->pass[LS_CONVOLUTION_KERNEL];
    float *result = accumulate ? p->sum : kernel;
    sigset_t before;
    ls_kernels_enter(&before);
    dnnl_memory_set_data_handle(p->reorder ? p->plain : p->kernel, result);
    run(c, LS_CONVOLUTION_KERNEL, in, out);
    if (p->reorder)
        reorder(c, p, p->kernel, p->plain);
    ls_kernels_leave(&before);
    if (accumulate)
        ls_k->add(kernel, kernel, result,
                  (size_t)(s->kernel[0] * s->kernel[1] * s->channels / s->groups * s->filters));
}
