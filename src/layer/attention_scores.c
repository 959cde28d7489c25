#include "layer/attention_scores.h"

#include "kernel/gemm.h"
#include "kernel/kernels.h"

/* tanh(inside (q + k)) of one query and all keys. */
static void tanh_of(const struct ls_scores *s, const float *query)
{
    const struct ls_activation tanh = ls_activation_default(LS_ACTIVATION_TANH);
    for (size_t k = 0; k < s->keys; k++)
        for (size_t c = 0; c < s->width; c++)
            s->tanh[k * s->width + c] = s->inside * (query[c] + s->key[k * s->width + c]);
    ls_k->activate(s->tanh, s->tanh, &tanh, s->keys * s->width, s->width);
}

void ls_scores_raw(const struct ls_scores *s, float *scores)
{
    if (s->dot) {
        ls_gemm(&(struct ls_gemm){.transpose_b = true,
                                  .m = (int64_t)s->queries,
                                  .n = (int64_t)s->keys,
                                  .k = (int64_t)s->width,
                                  .a = s->query,
                                  .b = s->key,
                                  .c = scores});
        return;
    }
    for (size_t q = 0; q < s->queries; q++) {
        tanh_of(s, s->query + q * s->width);
        for (size_t k = 0; k < s->keys; k++) {
            const float *tanh = s->tanh + k * s->width;
            float sum = 0;
            for (size_t c = 0; c < s->width; c++)
                sum += s->feature ? s->feature[c] * tanh[c] : tanh[c];
            scores[q * s->keys + k] = sum;
        }
    }
}

static void backward_dot(const struct ls_scores *s, const float *grad,
                         const struct ls_scores_gradients *to)
{
    if (to->query)
        ls_gemm(&(struct ls_gemm){.m = (int64_t)s->queries,
                                  .n = (int64_t)s->width,
                                  .k = (int64_t)s->keys,
                                  .a = grad,
                                  .b = s->key,
                                  .c = to->query});
    if (to->key)
        ls_gemm(&(struct ls_gemm){.transpose_a = true,
                                  .m = (int64_t)s->keys,
                                  .n = (int64_t)s->width,
                                  .k = (int64_t)s->queries,
                                  .a = grad,
                                  .b = s->query,
                                  .c = to->key,
                                  .beta = to->add ? 1 : 0});
}

/* Of one query and one key: `tanh` becomes the gradient of what tanh was taken of; returns that of
 * `inside`. */
static double backward_tanh(const struct ls_scores *s, float *tanh, float grad, const float *query,
                            const float *key)
{
    double inside = 0;
    for (size_t c = 0; c < s->width; c++) {
        const float y = tanh[c], feature = s->feature ? s->feature[c] : 1;
        if (s->feature_grad)
            s->feature_grad[c] += grad * y;
        tanh[c] = grad * feature * (1 - y * y);
        inside += (double)tanh[c] * ((double)query[c] + (double)key[c]);
    }
    return inside;
}

double ls_scores_backward(const struct ls_scores *s, const float *grad,
                          const struct ls_scores_gradients *to)
{
    double inside = 0;
    if (s->dot) {
        backward_dot(s, grad, to);
        return 0;
    }
    if (to->query)
        ls_k->fill(to->query, 0, s->queries * s->width);
    if (to->key && !to->add)
        ls_k->fill(to->key, 0, s->keys * s->width);
    for (size_t q = 0; q < s->queries; q++) {
        const float *query = s->query + q * s->width;
        tanh_of(s, query);
        for (size_t k = 0; k < s->keys; k++) {
            float *tanh = s->tanh + k * s->width;
            inside += backward_tanh(s, tanh, grad[q * s->keys + k], query, s->key + k * s->width);
            if (to->query)
                ls_k->axpy(to->query + q * s->width, s->inside, tanh, s->width);
            if (to->key)
                ls_k->axpy(to->key + k * s->width, s->inside, tanh, s->width);
        }
    }
    return inside;
}
