#include "data/generate.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "layer/portable.h"

enum { HIDDEN = 8 };

/* score[o] = sum over j of out[o][j] tanh(before[j] + sum over i of in[i][j] x[i]) + bias[o]. The
 * class is that of the largest score; 1 of a binary target has a positive one. */
struct ls_teacher {
    struct ls_teacher_options options;
    size_t outputs;
    double *in; /* [inputs][HIDDEN] */
    double before[HIDDEN];
    double *out;   /* [outputs][HIDDEN], scaled to a deviation of 1 */
    double *bias;  /* [outputs] */
    double *score; /* [outputs] of the sample at hand */
};

/* -- draws: what a number is for is the counter's last word, with the column ------------------- */

enum use { USE_INPUT = 1, USE_IN, USE_BEFORE, USE_OUT, USE_CALIBRATE, USE_NOISE, USE_UNRELATED };

struct draw {
    struct ls_random_key key;
    uint32_t stream;
    uint64_t sample;
    uint64_t block; /* that word holds */
    uint32_t word[4];
};

static struct draw draw_start(struct ls_random_key key, enum use use, uint32_t column,
                              int64_t sample)
{
    return (struct draw){.key = key,
                         .stream = (uint32_t)use << 16 | column,
                         .sample = (uint64_t)sample,
                         .block = UINT64_MAX};
}

/* In (0, 1). */
static double draw_uniform(struct draw *draw, size_t element)
{
    uint64_t block = element / 2;

    if (block != draw->block) {
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)draw->sample,
                               (uint32_t)(draw->sample >> 32), draw->stream};

        ls_philox(draw->word, counter, draw->key);
        draw->block = block;
    }
    const uint32_t *half = draw->word + element % 2 * 2;
    uint64_t bits = ((uint64_t)half[0] << 32 | half[1]) >> 12;

    return ((double)bits + 0.5) * 0x1p-52;
}

static double draw_normal(struct draw *draw, size_t element)
{
    return ls_portable_normal(draw_uniform(draw, element));
}

void ls_generate_input(float *out, size_t count, struct ls_random_key key, uint32_t column,
                       int64_t sample)
{
    struct draw draw = draw_start(key, USE_INPUT, column, sample);

    for (size_t i = 0; i < count; i++)
        out[i] = (float)draw_normal(&draw, i);
}

/* -- the network ------------------------------------------------------------------------------ */

static double dot(const double *a, const double *b, size_t n, size_t stride)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i * stride] * b[i * stride];
    return sum;
}

/* Columns by Gram and Schmidt's way; they are random, so far from dependent. */
static void orthonormalize(double *in, size_t rows)
{
    for (size_t j = 0; j < HIDDEN; j++) {
        for (size_t k = 0; k < j; k++) {
            double part = dot(in + j, in + k, rows, HIDDEN);

            for (size_t i = 0; i < rows; i++)
                in[i * HIDDEN + j] -= part * in[i * HIDDEN + k];
        }
        double length = sqrt(dot(in + j, in + j, rows, HIDDEN));

        for (size_t i = 0; i < rows; i++)
            in[i * HIDDEN + j] /= length;
    }
}

static void add_inputs(double sum[HIDDEN], const struct ls_teacher *teacher, const float *x)
{
    for (size_t i = 0; i < teacher->options.inputs; i++)
        for (size_t j = 0; j < HIDDEN; j++)
            sum[j] += teacher->in[i * HIDDEN + j] * x[i];
}

/* Of the sums of the inputs, which are spoilt; without the biases. */
static void find_scores(const struct ls_teacher *teacher, double *score, double sum[HIDDEN])
{
    for (size_t j = 0; j < HIDDEN; j++)
        sum[j] = ls_portable_tanh(teacher->before[j] + sum[j]);
    for (size_t o = 0; o < teacher->outputs; o++)
        score[o] = dot(teacher->out + o * HIDDEN, sum, HIDDEN, 1);
}

/* Of scores without the biases. */
static size_t find_class(const struct ls_teacher *teacher, const double *score)
{
    const double *bias = teacher->bias;
    size_t best = 0;

    if (teacher->options.target.form == LS_TARGETS_BINARY)
        return score[0] + bias[0] > 0;
    for (size_t o = 1; o < teacher->outputs; o++)
        if (score[o] + bias[o] > score[best] + bias[best])
            best = o;
    return best;
}

/* -- calibration: what scores come out, so that targets have the distribution that they should --
 */

/* The scores of `samples` samples of the network's own, [samples][outputs]. As many sums as there
 * are hidden units have the distribution of as many inputs, so they are drawn in place of these. */
static void draw_scores(const struct ls_teacher *teacher, double *score, size_t samples)
{
    size_t inputs = teacher->options.inputs;

    for (size_t s = 0; s < samples; s++) {
        struct draw draw =
            draw_start(teacher->options.key, USE_CALIBRATE, teacher->options.column, (int64_t)s);
        double sum[HIDDEN] = {0};
        float x[HIDDEN];

        for (size_t j = 0; inputs >= HIDDEN && j < HIDDEN; j++)
            sum[j] = draw_normal(&draw, j);
        for (size_t i = 0; inputs < HIDDEN && i < inputs; i++)
            x[i] = (float)draw_normal(&draw, i);
        if (inputs < HIDDEN)
            add_inputs(sum, teacher, x);
        find_scores(teacher, score + s * teacher->outputs, sum);
    }
}

/* To a mean of 0 and a deviation of 1. */
static void scale(struct ls_teacher *teacher, double *score, size_t samples)
{
    size_t outputs = teacher->outputs;

    for (size_t o = 0; o < outputs; o++) {
        double mean = 0, variance = 0;

        for (size_t s = 0; s < samples; s++)
            mean += score[s * outputs + o] / (double)samples;
        for (size_t s = 0; s < samples; s++) {
            double off = score[s * outputs + o] - mean;

            variance += off * off / (double)samples;
        }
        for (size_t j = 0; j < HIDDEN; j++)
            teacher->out[o * HIDDEN + j] /= sqrt(variance);
        for (size_t s = 0; s < samples; s++)
            score[s * outputs + o] /= sqrt(variance);
        teacher->bias[o] = -mean / sqrt(variance);
    }
}

/* Biases with which all classes are about equally frequent: what is too rare is raised, what is too
 * frequent lowered, in ever smaller steps. */
static ls_status balance(struct ls_teacher *teacher, const double *score, size_t samples)
{
    enum { ROUNDS = 100 };
    size_t outputs = teacher->outputs, classes = teacher->options.target.count;
    size_t first = classes - outputs; /* a binary target's score is for its second class */
    double share = (double)samples / (double)classes;
    size_t *count = NULL;

    LS_TRY(ls_allocate(&count, classes, sizeof *count));
    for (int round = 0; round < ROUNDS; round++) {
        memset(count, 0, classes * sizeof *count);
        for (size_t s = 0; s < samples; s++)
            count[find_class(teacher, score + s * outputs)]++;
        for (size_t o = 0; o < outputs; o++) {
            double excess = (double)count[first + o] / share - 1;

            teacher->bias[o] -= (excess < 1 ? excess : 1) / (2 + 0.5 * round);
        }
    }
    ls_release(count);
    return LS_OK;
}

static ls_status calibrate(struct ls_teacher *teacher)
{
    enum { SAMPLES = 4096, SAMPLES_A_CLASS = 8 };
    size_t samples = SAMPLES + SAMPLES_A_CLASS * teacher->outputs;
    double *score = NULL;
    ls_status status = LS_OK;

    LS_TRY(ls_allocate(&score, samples * teacher->outputs, sizeof *score));
    draw_scores(teacher, score, samples);
    scale(teacher, score, samples);
    if (teacher->options.target.form != LS_TARGETS_REAL)
        status = balance(teacher, score, samples);
    ls_release(score);
    return status;
}

static void fill_normal(double *values, size_t count, const struct ls_teacher *teacher,
                        enum use use)
{
    struct draw draw = draw_start(teacher->options.key, use, teacher->options.column, 0);

    for (size_t i = 0; i < count; i++)
        values[i] = draw_normal(&draw, i);
}

/* Hidden units see sums of a deviation of 1. Few inputs are all that they have to differ by: there
 * the sums are of several sizes, and larger, so that more than a straight line comes out. */
static void draw_weights(struct ls_teacher *teacher)
{
    size_t inputs = teacher->options.inputs;

    fill_normal(teacher->in, inputs * HIDDEN, teacher, USE_IN);
    fill_normal(teacher->before, HIDDEN, teacher, USE_BEFORE);
    fill_normal(teacher->out, teacher->outputs * HIDDEN, teacher, USE_OUT);
    if (inputs >= HIDDEN)
        orthonormalize(teacher->in, inputs);
    for (size_t i = 0; inputs < HIDDEN && i < inputs * HIDDEN; i++)
        teacher->in[i] *= 2 / sqrt((double)inputs);
    for (size_t j = 0; j < HIDDEN; j++)
        teacher->before[j] /= 2;
}

ls_status ls_teacher_create(struct ls_teacher **teacher, const struct ls_teacher_options *options)
{
    struct ls_teacher *made;
    ls_status status = LS_OK;

    *teacher = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->options = *options;
    made->outputs = options->target.form == LS_TARGETS_BINARY ? 1 : options->target.count;
    if (options->unrelated)
        goto out;
    LS_TRY_OUT(ls_allocate(&made->in, options->inputs * HIDDEN, sizeof(double)));
    LS_TRY_OUT(ls_allocate(&made->out, made->outputs * HIDDEN, sizeof(double)));
    LS_TRY_OUT(ls_allocate(&made->bias, made->outputs, sizeof(double)));
    LS_TRY_OUT(ls_allocate(&made->score, made->outputs, sizeof(double)));
    draw_weights(made);
    LS_TRY_OUT(calibrate(made));
out:
    if (status == LS_OK)
        *teacher = made;
    else
        ls_teacher_free(made);
    return status;
}

void ls_teacher_free(struct ls_teacher *teacher)
{
    if (!teacher)
        return;
    ls_release(teacher->in);
    ls_release(teacher->out);
    ls_release(teacher->bias);
    ls_release(teacher->score);
    ls_release(teacher);
}

/* -- targets ---------------------------------------------------------------------------------- */

static void put_whole(void *out, size_t value)
{
    int32_t number = (int32_t)value;

    memcpy(out, &number, sizeof number);
}

static void draw_unrelated(void *out, const struct ls_teacher *teacher, int64_t sample)
{
    const struct ls_generated_target *target = &teacher->options.target;
    struct draw draw =
        draw_start(teacher->options.key, USE_UNRELATED, teacher->options.column, sample);
    float *real = out;

    if (target->form != LS_TARGETS_REAL)
        put_whole(out, (size_t)(draw_uniform(&draw, 0) * (double)target->count));
    for (size_t i = 0; target->form == LS_TARGETS_REAL && i < target->count; i++)
        real[i] = (float)draw_normal(&draw, i);
}

void ls_generate_target(void *out, struct ls_teacher *teacher, const float *x, int64_t sample)
{
    const struct ls_teacher_options *o = &teacher->options;
    struct draw draw = draw_start(o->key, USE_NOISE, o->column, sample);
    double sum[HIDDEN] = {0};
    float *real = out;

    if (o->unrelated) {
        draw_unrelated(out, teacher, sample);
        return;
    }
    add_inputs(sum, teacher, x);
    find_scores(teacher, teacher->score, sum);
    for (size_t i = 0; o->noise > 0 && i < teacher->outputs; i++)
        teacher->score[i] += o->noise * draw_normal(&draw, i);
    if (o->target.form != LS_TARGETS_REAL)
        put_whole(out, find_class(teacher, teacher->score));
    for (size_t i = 0; o->target.form == LS_TARGETS_REAL && i < teacher->outputs; i++)
        real[i] = (float)(teacher->score[i] + teacher->bias[i]);
}
