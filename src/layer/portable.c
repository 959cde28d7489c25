#include "layer/portable.h"

#include <math.h>
#include <stddef.h>

/* log x = e log 2 + 2 atanh((m - 1) / (m + 1)) with m in [sqrt 1/2, sqrt 2): the series in the
 * argument's square, at most 0.0295, is cut where its terms fall below 1e-18. */
double ls_portable_log(double x)
{
    enum { TERMS = 12 };
    static const double log_2_high = 0x1.62e42fefap-1, log_2_low = 0x1.cf79abc9e3b3ap-40;
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = TERMS; k > 0; k--)
        sum = (sum + 1.0 / (2 * k + 1)) * square;
    return exponent * log_2_high + (exponent * log_2_low + 2 * s * sum + 2 * s);
}

/* e^x = 2^k e^r with |r| <= log(2) / 2: Taylor's series is cut where its terms fall below 1e-18. */
double ls_portable_exp(double x)
{
    enum { TERMS = 15 };
    static const double log_2_high = 0x1.62e42fefap-1, log_2_low = 0x1.cf79abc9e3b3ap-40;
    double k = floor(x / (log_2_high + log_2_low) + 0.5);
    double r = x - k * log_2_high - k * log_2_low, sum = 1;
    for (int n = TERMS; n > 0; n--)
        sum = 1 + sum * r / n;
    return ldexp(sum, (int)k);
}

double ls_portable_tanh(double x)
{
    static const double largest = 20; /* 1 is the nearest double from there on */
    double size = fabs(x) < largest ? fabs(x) : largest;
    double result = 1 - 2 / (ls_portable_exp(2 * size) + 1);
    return x < 0 ? -result : result;
}

/* What is left of whole quarters is at most an eighth of a turn, pi / 4: Taylor's series are cut
 * where their terms fall below 1e-18. */
void ls_portable_sine(double turns, double *sine, double *cosine)
{
    enum { TERMS = 9 };
    static const double pi = 3.14159265358979323846;
    double quarters = floor(4 * turns + 0.5), x = (turns - quarters / 4) * 2 * pi;
    double s = 1, c = 1;
    for (int n = TERMS; n > 0; n--) {
        s = 1 - s * x * x / (2 * n * (2 * n + 1));
        c = 1 - c * x * x / (2 * n * (2 * n - 1));
    }
    s *= x;
    int64_t turned = (int64_t)quarters & 3;
    *sine = turned == 0 ? s : turned == 1 ? c : turned == 2 ? -s : -c;
    *cosine = turned == 0 ? c : turned == 1 ? -s : turned == 2 ? -c : s;
}

double ls_portable_power(double x, int64_t n)
{
    double result = 1;
    for (; n > 0; n >>= 1, x *= x)
        if (n & 1)
            result *= x;
    return result;
}

enum { DEGREE = 8 };

static double ratio(const double above[DEGREE], const double below[DEGREE], double x)
{
    double a = 0, b = 0;
    for (size_t i = DEGREE; i-- > 0;) {
        a = a * x + above[i];
        b = b * x + below[i];
    }
    return a / b;
}

double ls_portable_normal(double p)
{
    static const double central_above[DEGREE] = {
        3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
        1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
        3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double central_below[DEGREE] = {1.0,
                                                 4.2313330701600911252e+1,
                                                 6.8718700749205790830e+2,
                                                 5.3941960214247511077e+3,
                                                 2.1213794301586595867e+4,
                                                 3.9307895800092710610e+4,
                                                 2.8729085735721942674e+4,
                                                 5.2264952788528545610e+3};
    static const double tail_above[DEGREE] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                              5.76949722146069140550e0,  3.64784832476320460504e0,
                                              1.27045825245236838258e0,  2.41780725177450611770e-1,
                                              2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double tail_below[DEGREE] = {1.0,
                                              2.05319162663775882187e0,
                                              1.67638483018380384940e0,
                                              6.89767334985100004550e-1,
                                              1.48103976427480074590e-1,
                                              1.51986665636164571966e-2,
                                              5.47593808499534494600e-4,
                                              1.05075007164441684324e-9};
    static const double far_above[DEGREE] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                             1.78482653991729133580e0,  2.96560571828504891230e-1,
                                             2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                             2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double far_below[DEGREE] = {1.0,
                                             5.99832206555887937690e-1,
                                             1.36929880922735805310e-1,
                                             1.48753612908506148525e-2,
                                             7.86869131145613259100e-4,
                                             1.84631831751005468180e-5,
                                             1.42151175831644588870e-7,
                                             2.04426310338993978564e-15};
    double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return q * ratio(central_above, central_below, 0.180625 - q * q);
    double r = sqrt(-ls_portable_log(q < 0 ? p : 1 - p));
    double x = r <= 5 ? ratio(tail_above, tail_below, r - 1.6) : ratio(far_above, far_below, r - 5);
    return q < 0 ? -x : x;
}
