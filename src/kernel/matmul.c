/* Everything is made anew for each product: 4 us, since oneDNN keeps the code that it has generated
 * for a shape, and nothing is left to be shared between threads. */
#include "kernel/matmul.h"

#include <oneapi/dnnl/dnnl.h>

#include "base/hash.h"
#include "base/memory.h"
#include "kernel/memory.h"
#include "kernel/sets.h"

enum { SPARE_BYTES = 1 << 16 }; /* more than making a product takes in small pieces */
enum { SOURCE, WEIGHTS, RESULT, MATRICES };

struct product {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t layout[MATRICES];
    dnnl_memory_t memory[MATRICES];
};

static dnnl_status_t describe(dnnl_memory_desc_t *layout, const dnnl_dims_t size, int64_t stride,
                              bool transpose)
{
    const dnnl_dims_t strides = {transpose ? 1 : stride, transpose ? stride : 1};
    return dnnl_memory_desc_init_by_strides(layout, 2, size, dnnl_f32, strides);
}

static dnnl_status_t describe_all(dnnl_memory_desc_t layout[MATRICES], const struct ls_gemm *g)
{
    const dnnl_dims_t a = {g->m, g->k}, b = {g->k, g->n}, c = {g->m, g->n};
    dnnl_status_t status = describe(&layout[SOURCE], a, g->lda, g->transpose_a);
    if (status == dnnl_success)
        status = describe(&layout[WEIGHTS], b, g->ldb, g->transpose_b);
    if (status == dnnl_success)
        status = describe(&layout[RESULT], c, g->ldc, false);
    return status;
}

/* What adds the product to what C holds already; none: C is only written. */
static dnnl_status_t make_attributes(dnnl_primitive_attr_t *attributes, float beta)
{
    dnnl_post_ops_t sum = NULL;
    dnnl_status_t status = beta == 0 ? dnnl_success : dnnl_primitive_attr_create(attributes);
    if (beta == 0 || status != dnnl_success)
        return status;
    status = dnnl_post_ops_create(&sum);
    if (status == dnnl_success)
        status = dnnl_post_ops_append_sum(sum, beta);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*attributes, sum);
    dnnl_post_ops_destroy(sum);
    return status;
}

static dnnl_status_t make_primitive(struct product *p, const struct ls_gemm *g)
{
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = describe_all(p->layout, g);
    if (status == dnnl_success)
        status = make_attributes(&p->attributes, g->beta);
    if (status == dnnl_success)
        status = dnnl_matmul_desc_init(&operation, &p->layout[SOURCE], &p->layout[WEIGHTS], NULL,
                                       &p->layout[RESULT]);
    if (status == dnnl_success)
        status =
            dnnl_primitive_desc_create(&p->description, &operation, p->attributes, p->engine, NULL);
    return status == dnnl_success ? dnnl_primitive_create(&p->primitive, p->description) : status;
}

static dnnl_status_t compute(struct product *p, const struct ls_gemm *g)
{
    void *const matrix[MATRICES] = {(void *)g->a, (void *)g->b, g->c};
    static const int argument[MATRICES] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    dnnl_exec_arg_t arguments[MATRICES];
    dnnl_status_t status = make_primitive(p, g);
    for (int i = 0; i < MATRICES && status == dnnl_success; i++) {
        status = dnnl_memory_create(&p->memory[i], &p->layout[i], p->engine, matrix[i]);
        arguments[i] = (dnnl_exec_arg_t){argument[i], p->memory[i]};
    }
    if (status == dnnl_success)
        status = dnnl_primitive_execute(p->primitive, p->stream, MATRICES, arguments);
    return status == dnnl_success ? dnnl_stream_wait(p->stream) : status;
}

static void release(struct product *p)
{
    for (int i = 0; i < MATRICES; i++)
        dnnl_memory_destroy(p->memory[i]);
    dnnl_primitive_destroy(p->primitive);
    dnnl_primitive_desc_destroy(p->description);
    dnnl_primitive_attr_destroy(p->attributes);
    dnnl_stream_destroy(p->stream);
    dnnl_engine_destroy(p->engine);
}

/* oneDNN makes code for each shape. */
static ls_status make_room(const struct ls_gemm *g)
{
    static _Thread_local uint64_t asked;
    const int64_t shape[] = {g->m, g->n, g->k, g->beta != 0};
    return ls_kernels_code_room(&asked, ls_hash64(shape, sizeof shape, 0));
}

ls_status ls_matmul(const struct ls_gemm *gemm)
{
    struct product product = {0};
    sigset_t before;
    LS_TRY(make_room(gemm));
    if (!ls_memory_spare(SPARE_BYTES))
        return ls_fail(LS_FAILED, "oneDNN has no memory for a matrix product");
    ls_kernels_enter(&before);
    dnnl_status_t status = compute(&product, gemm);
    release(&product);
    ls_kernels_leave(&before);
    if (status == dnnl_success)
        return LS_OK;
    return ls_fail(LS_FAILED, "oneDNN computes no matrix product (its status %d)", (int)status);
}
