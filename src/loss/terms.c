#include "loss/terms.h"

#include "layer/portable.h"

static void add_terms(const struct ls_loss_call *call, const float *target, ls_term_function *term,
                      double divisor)
{
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *wanted = target + p * call->columns;
        double sum = 0;
        for (int64_t c = 0; c < call->columns; c++) {
            struct ls_term t = term((double)row[c], (double)wanted[c], call->options);
            sum += t.value;
            if (call->grad)
                call->grad[p * call->columns + c] = (float)(t.slope / divisor);
        }
        call->value[p] = (float)(sum / divisor);
    }
}

void ls_loss_sum_terms(const struct ls_loss_call *call, ls_term_function *term)
{
    add_terms(call, call->target, term, 1);
}

void ls_loss_mean_terms(const struct ls_loss_call *call, const float *target,
                        ls_term_function *term)
{
    add_terms(call, target, term, (double)call->columns);
}

double ls_loss_log(double x)
{
    if (x > 0 && x < INFINITY)
        return ls_portable_log(x);
    return x == 0 ? -INFINITY : x > 0 ? x : NAN;
}

double ls_loss_power(double x, double exponent)
{
    static const double most = 64; /* beyond it, logarithms are as good as multiplications */
    if (exponent == floor(exponent) && exponent <= most)
        return ls_portable_power(x, (int64_t)exponent);
    if (!(x > 0))
        return x == 0 ? 0 : NAN;
    double power = exponent * ls_loss_log(x);
    return power < -700 ? 0 : power > 700 ? INFINITY : ls_portable_exp(power);
}
