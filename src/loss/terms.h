/* Losses that are a sum or a mean over columns of terms of a prediction and its target alone.
 * Private to the room. */
#ifndef LOSS_TERMS_H
#define LOSS_TERMS_H

#include "loss/loss.h"

/* What one number adds: a value, and its derivative by the prediction. */
struct ls_term {
    double value, slope;
};
typedef struct ls_term ls_term_function(double prediction, double target, const void *options);

void ls_loss_sum_terms(const struct ls_loss_call *call, ls_term_function *term);
/* target: the call's, or [positions][columns] in its place, which may be call->work. */
void ls_loss_mean_terms(const struct ls_loss_call *call, const float *target,
                        ls_term_function *term);

/* The logarithm of any number: -infinity of 0, NaN of what is below. */
double ls_loss_log(double x);
/* x^exponent, exponent >= 0: 1 for exponent 0, NaN of negative x unless the exponent is whole. */
double ls_loss_power(double x, double exponent);

#endif
