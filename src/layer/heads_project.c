/* The projections of MultiHeadAttention: of all rows at once, forward and backward. */
#include "kernel/gemm.h"
#include "kernel/kernels.h"
#include "layer/heads.h"

size_t ls_heads_kernel(const struct ls_layer *layer, size_t projection)
{
    const struct ls_heads_options *o = layer->options;
    const size_t before = projection - (projection > LS_HEADS_TO_GATE && !o->use_gate ? 1 : 0);
    return o->use_bias ? 2 * before : before;
}

void ls_heads_project(const struct ls_call *call, size_t p, const float *in, float *out)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    const struct ls_activation f =
        ls_activation_default(p == LS_HEADS_TO_GATE ? LS_ACTIVATION_SIGMOID : LS_ACTIVATION_LINEAR);
    const size_t kernel = ls_heads_kernel(call->layer, p);
    const size_t rows = (size_t)call->rows * s.places[p];
    ls_gemm(&(struct ls_gemm){.m = (int64_t)rows,
                              .n = (int64_t)s.columns[p],
                              .k = (int64_t)s.width[p],
                              .a = in,
                              .b = call->weight[kernel],
                              .c = out});
    if (o->use_bias || p == LS_HEADS_TO_GATE)
        ls_k->bias_activate(out, NULL, o->use_bias ? call->weight[kernel + 1] : NULL, &f, rows,
                            s.columns[p]);
}

void ls_heads_unproject(const struct ls_call *call, size_t p, const struct ls_unprojection *u)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    const size_t kernel = ls_heads_kernel(call->layer, p);
    const int64_t rows = call->rows * (int64_t)s.places[p], columns = (int64_t)s.columns[p];
    const int64_t width = (int64_t)s.width[p];
    float *bias_grad = o->use_bias ? call->weight_grad[kernel + 1] : NULL;
    if (call->weight_grad[kernel])
        ls_gemm(&(struct ls_gemm){.transpose_a = true,
                                  .m = width,
                                  .n = columns,
                                  .k = rows,
                                  .a = u->in,
                                  .b = u->grad,
                                  .c = call->weight_grad[kernel],
                                  .beta = call->accumulate ? 1 : 0});
    if (bias_grad)
        ls_k->column_sums(bias_grad, u->grad, (size_t)rows, (size_t)columns, call->accumulate);
    if (u->in_grad && rows > 0)
        ls_gemm(&(struct ls_gemm){.transpose_b = true,
                                  .m = rows,
                                  .n = width,
                                  .k = columns,
                                  .a = u->grad,
                                  .b = call->weight[kernel],
                                  .c = u->in_grad,
                                  .beta = u->beta});
}
