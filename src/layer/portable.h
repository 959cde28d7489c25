/* Functions of double numbers that give the same bits on every machine, as the C library's may not
 * (it chooses variants by CPU): only +, -, *, / and sqrt of IEEE 754, in a fixed order. For initial
 * weights, and for losses off the fast path. */
#ifndef LAYER_PORTABLE_H
#define LAYER_PORTABLE_H

#include <stdint.h>

/* Natural logarithm of a positive finite number, to about 1e-16 of max(1, |log x|). */
double ls_portable_log(double x);

/* e^x to about 1e-16 relative; |x| <= 700. */
double ls_portable_exp(double x);

/* The hyperbolic tangent of any finite number, to about 1e-16. */
double ls_portable_tanh(double x);

/* Sine and cosine of an angle in turns (1 is a full one), to about 1e-16; |turns| <= 2^40. */
void ls_portable_sine(double turns, double *sine, double *cosine);

/* x^n, n >= 0, by repeated squaring. */
double ls_portable_power(double x, int64_t n);

/* The quantile of the standard normal distribution, p in (0, 1), to about 1e-16 relative: Wichura,
 * Algorithm AS 241: The percentage points of the normal distribution, Applied Statistics 37 (1988),
 * PPND16. */
double ls_portable_normal(double p);

#endif
