/* Focal cross-entropies (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017): easy
 * samples count less. Formulas: Keras, losses/losses.py, with its clipping. */
#include "kernel/activation.h"
#include "layer/portable.h"
#include "loss/probability.h"
#include "loss/terms.h"

#define LS_GAMMA_OPTION(type_)                                                                     \
    {                                                                                              \
        .name = "gamma", .type = LS_OPTION_FLOAT, .offset = offsetof(type_, gamma),                \
        .initial = "2.0", .min = 0, .max = INFINITY, .open_max = true,                             \
        .help = "how much less easy samples count; 0: as in cross-entropy"                         \
    }

/* A probability from its logit, what is missing to 1, and the logarithms of both. */
struct sides {
    double yes, no, log_yes, log_no;
};

static struct sides of_logit(double z)
{
    static const double most = 700;
    double size = fabs(z) < most ? fabs(z) : most, small = ls_portable_exp(-size);
    double log_large = -ls_portable_log(1 + small), less = small / (1 + small);
    struct sides s = {1 / (1 + small), less, log_large, log_large - fabs(z)};
    return z < 0 ? (struct sides){s.no, s.yes, s.log_no, s.log_yes} : s;
}

/* x^gamma and its derivative. */
static void focus(double x, double gamma, double *power, double *slope)
{
    *power = ls_loss_power(x, gamma);
    *slope = gamma == 0  ? 0
             : gamma < 1 ? (x > 0 ? gamma * *power / x : INFINITY)
                         : gamma * ls_loss_power(x, gamma - 1);
}

/* -- BinaryFocalCrossentropy */

struct binary {
    struct ls_smoothed smoothed;
    bool apply_class_balancing;
    double alpha, gamma;
};

static const struct ls_option binary_options[] = {
    LS_LOSS_COMMON_OPTIONS,
    LS_FROM_LOGITS_OPTION(struct ls_smoothed, from_logits),
    LS_SMOOTHING_OPTION(struct ls_smoothed, label_smoothing),
    LS_LAST_AXIS_OPTION(struct ls_smoothed, axis, false),
    {.name = "apply_class_balancing",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct binary, apply_class_balancing),
     .initial = "false",
     .help = "class 1 counts alpha times, class 0 1 - alpha times"},
    {.name = "alpha",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct binary, alpha),
     .initial = "0.25",
     .min = 0,
     .max = 1,
     .help = "for apply_class_balancing"},
    LS_GAMMA_OPTION(struct binary),
    {.name = NULL},
};

/* The cross-entropy of a prediction, its slope, and how far the prediction is from the target: 1 -
 * p_t; `slope` is by that which the caller's slopes are by. */
static struct ls_term weigh(const struct binary *o, double y, double far, double far_slope,
                            struct ls_term entropy)
{
    double weight = o->apply_class_balancing ? y * o->alpha + (1 - y) * (1 - o->alpha) : 1;
    double power, slope;
    focus(far, o->gamma, &power, &slope);
    double rising = entropy.value == 0 || far_slope == 0 ? 0 : slope * far_slope * entropy.value;
    return (struct ls_term){weight * power * entropy.value,
                            weight * (rising + power * entropy.slope)};
}

static struct ls_term of_probability(double p, double y, const void *options)
{
    double q = ls_probability_clip((float)p);
    struct ls_term entropy = {-y * ls_loss_log(q) - (1 - y) * ls_loss_log(1 - q),
                              q == p ? (1 - y) / (1 - q) - y / q : 0};
    return weigh(options, y, y * (1 - p) + (1 - y) * p, 1 - 2 * y, entropy);
}

static struct ls_term of_logits(double z, double y, const void *options)
{
    struct sides s = of_logit(z);
    struct ls_term entropy = {-y * s.log_yes - (1 - y) * s.log_no, (1 - y) * s.yes - y * s.no};
    return weigh(options, y, y * s.no + (1 - y) * s.yes, (1 - 2 * y) * s.yes * s.no, entropy);
}

static void binary(const struct ls_loss_call *call)
{
    ls_loss_mean_terms(call, ls_smooth_targets(call, 0.5, call->work),
                       call->from_logits ? of_logits : of_probability);
}

static const char *const binary_examples[] = {
    "{}",
    "gamma: 0, label_smoothing: 0.1",
    "gamma: 1.5, apply_class_balancing: true, alpha: 0.3",
    "from_logits: true",
    "from_logits: true, gamma: 3, apply_class_balancing: true, axis: -1",
    NULL};

const struct ls_loss_kind ls_loss_binary_focal_crossentropy = {
    .kind = {.name = "BinaryFocalCrossentropy",
             .summary = "binary cross-entropy in which easy samples count less",
             .options = binary_options,
             .options_size = sizeof(struct binary)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_SIGMOID,
    .answer = LS_ANSWER_LABELS,
    .from_logits_offset = offsetof(struct ls_smoothed, from_logits),
    .takes_given = true,
    .compute = binary,
    .examples = binary_examples,
};

/* -- CategoricalFocalCrossentropy */

struct categorical {
    struct ls_smoothed smoothed;
    struct ls_floats alpha;
    double gamma;
};

static const struct ls_option categorical_options[] = {
    LS_LOSS_COMMON_OPTIONS,
    LS_FROM_LOGITS_OPTION(struct ls_smoothed, from_logits),
    LS_SMOOTHING_OPTION(struct ls_smoothed, label_smoothing),
    LS_LAST_AXIS_OPTION(struct ls_smoothed, axis, false),
    {.name = "alpha",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct categorical, alpha),
     .initial = "0.25",
     .help = "how often classes count: one number, or a list with one for each"},
    LS_GAMMA_OPTION(struct categorical),
    {.name = NULL},
};

static ls_status check_categorical(const void *options, int64_t columns)
{
    const struct ls_floats *alpha = &((const struct categorical *)options)->alpha;
    if (alpha->count == 1 || alpha->count == (size_t)columns)
        return LS_OK;
    return ls_fail(LS_BAD_INPUT, "alpha: has %zu numbers, but there are %lld classes", alpha->count,
                   (long long)columns);
}

/* Of clipped q: alpha (1 - q)^gamma (-y log q). */
static struct ls_term categorical_term(const struct categorical *o, int64_t c, float q, double y)
{
    double clipped = ls_probability_clip(q), log = ls_loss_log(clipped), power, slope;
    double alpha = y * o->alpha.value[o->alpha.count == 1 ? 0 : c];
    focus(1 - clipped, o->gamma, &power, &slope);
    return (struct ls_term){-alpha * power * log,
                            ls_probability_passes(q) ? alpha * (slope * log - power / clipped) : 0};
}

/* What turns predictions of a row into probabilities: q = exp(z - shift) / sum, or q = p / sum. */
struct share {
    bool from_logits;
    double shift, sum;
};

static double part(const struct share *s, float z)
{
    static const double least = -700;
    double x = z - s->shift;
    return s->from_logits ? ls_portable_exp(x > least ? x : least) : (double)z;
}

static struct share share_of(const struct ls_loss_call *call, const float *row)
{
    struct share s = {.from_logits = call->from_logits, .shift = (double)row[0]};
    for (int64_t c = 0; c < call->columns; c++)
        s.shift = row[c] > s.shift ? (double)row[c] : s.shift;
    for (int64_t c = 0; c < call->columns; c++)
        s.sum += isfinite(row[c]) ? part(&s, row[c]) : NAN;
    return s;
}

/* With h = d value / d q: d value / d p = (h - sum h q) / sum, d value / d z = q (h - sum h q). */
static void categorical_row(const struct ls_loss_call *call, const float *target, int64_t p)
{
    const float *row = call->prediction + p * call->columns, *y = target + p * call->columns;
    struct share s = share_of(call, row);
    double value = 0, inner = 0;
    for (int64_t c = 0; c < call->columns; c++) {
        float q = (float)(part(&s, row[c]) / s.sum);
        struct ls_term t = categorical_term(call->options, c, q, (double)y[c]);
        value += t.value;
        inner += t.slope * q;
    }
    call->value[p] = (float)value;
    for (int64_t c = 0; call->grad && c < call->columns; c++) {
        float q = (float)(part(&s, row[c]) / s.sum);
        double slope = categorical_term(call->options, c, q, (double)y[c]).slope - inner;
        call->grad[p * call->columns + c] = (float)(call->from_logits ? slope * q : slope / s.sum);
    }
}

static void categorical(const struct ls_loss_call *call)
{
    const float *target = ls_smooth_targets(call, 1 / (double)call->columns, call->work);
    for (int64_t p = 0; p < call->positions; p++)
        categorical_row(call, target, p);
}

static const char *const categorical_examples[] = {
    "{}", "gamma: 1.5, alpha: 0.5, label_smoothing: 0.1", "from_logits: true",
    "from_logits: true, gamma: 0, axis: -1", NULL};

const struct ls_loss_kind ls_loss_categorical_focal_crossentropy = {
    .kind = {.name = "CategoricalFocalCrossentropy",
             .summary = "categorical cross-entropy in which easy samples count less",
             .options = categorical_options,
             .options_size = sizeof(struct categorical)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .answer = LS_ANSWER_CLASSES,
    .from_logits_offset = offsetof(struct ls_smoothed, from_logits),
    .check = check_categorical,
    .compute = categorical,
    .examples = categorical_examples,
};
