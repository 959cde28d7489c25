#include "data/generate.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "layer/portable.h"

enum { HIDDEN_MAX = 8 };

/* score[o] = scale[o] sum over j of out[o][j] tanh(sum over i of in[i][j] x[i]) + bias[o]. The rows
 * of `in` are orthonormal over i, so that the sums are independent standard normal numbers as the
 * inputs are; there are fewer than HIDDEN_MAX where there are fewer inputs. */
struct ls_teacher {
    struct ls_teacher_options options;
    size_t hidden, outputs;
    double *in;    /* [inputs][hidden] */
    double *out;   /* [outputs][hidden], scaled to a deviation of 1 */
    double *bias;  /* [outputs] */
    double *score; /* [outputs] of the sample at hand */
};

/* -- draws: what a number is for is the counter's last word, with the column ------------------- */

enum use { USE_INPUT = 1, USE_IN, USE_OUT, USE_CALIBRATE, USE_NOISE, USE_UNRELATED };

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

/* Gram and Schmidt's way, of columns that are random, so far from dependent. */
static void orthonormalize(double *in, size_t rows, size_t columns)
{
    for (size_t j = 0; j < columns; j++) {
        for (size_t k = 0; k < j; k++) {
            double part = dot(in + j, in + k, rows, columns);

            for (size_t i = 0; i < rows; i++)
                in[i * columns + j] -= part * in[i * columns + k];
        }
        double length = sqrt(dot(in + j, in + j, rows, columns));

        for (size_t i = 0; i < rows; i++)
            in[i * columns + j] /= length;
    }
}

static void add_scores(const struct ls_teacher *teacher, double *score, const double *activation)
{
    for (size_t o = 0; o < teacher->outputs; o++)
        score[o] = teacher->bias[o] +
                   dot(teacher->out + o * teacher->hidden, activation, teacher->hidden, 1);
}

static size_t largest(const double *score, size_t count)
{
    size_t best = 0;

    for (size_t o = 1; o < count; o++)
        if (score[o] > score[best])
            best = o;
    return best;
}

/* The scores of `samples` samples of the network's own, [samples][outputs]: the sums are drawn in
 * place of the inputs, whose distribution they share. */
static void draw_scores(const struct ls_teacher *teacher, double *score, size_t samples)
{
    for (size_t s = 0; s < samples; s++) {
        struct draw draw =
            draw_start(teacher->options.key, USE_CALIBRATE, teacher->options.column, (int64_t)s);
        double activation[HIDDEN_MAX];

        for (size_t j = 0; j < teacher->hidden; j++)
            activation[j] = ls_portable_tanh(draw_normal(&draw, j));
        add_scores(teacher, score + s * teacher->outputs, activation);
    }
}

/* To a deviation of 1; the mean is 0 as tanh is odd. */
static void scale(struct ls_teacher *teacher, double *score, size_t samples)
{
    size_t outputs = teacher->outputs, hidden = teacher->hidden;

    for (size_t o = 0; o < outputs; o++) {
        double deviation = sqrt(dot(score + o, score + o, samples, outputs) / (double)samples);

        for (size_t j = 0; j < hidden; j++)
            teacher->out[o * hidden + j] /= deviation;
        for (size_t s = 0; s < samples; s++)
            score[s * outputs + o] /= deviation;
    }
}

/* Biases with which each class has the largest score about equally often: what is too rare is
 * raised, what is too frequent lowered, in ever smaller steps. */
static ls_status balance(struct ls_teacher *teacher, double *score, size_t samples)
{
    enum { ROUNDS = 60 };
    size_t outputs = teacher->outputs;
    double share = (double)samples / (double)outputs;
    size_t *count = NULL;

    LS_TRY(ls_allocate(&count, outputs, sizeof *count));
    for (int round = 0; round < ROUNDS; round++) {
        memset(count, 0, outputs * sizeof *count);
        for (size_t s = 0; s < samples; s++)
            count[largest(score + s * outputs, outputs)]++;
        for (size_t o = 0; o < outputs; o++) {
            double excess = (double)count[o] / share - 1;
            double step = (excess < 1 ? excess : 1) / (2 + 0.2 * round);

            teacher->bias[o] -= step;
            for (size_t s = 0; s < samples; s++)
                score[s * outputs + o] -= step;
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
    if (teacher->options.target.form == LS_TARGETS_CLASSES)
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

ls_status ls_teacher_create(struct ls_teacher **teacher, const struct ls_teacher_options *options)
{
    struct ls_teacher *made;
    ls_status status = LS_OK;

    *teacher = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->options = *options;
    made->outputs = options->target.form == LS_TARGETS_BINARY ? 1 : options->target.count;
    made->hidden = options->inputs < HIDDEN_MAX ? options->inputs : HIDDEN_MAX;
    if (options->unrelated)
        goto out;
    LS_TRY_OUT(ls_allocate(&made->in, options->inputs * made->hidden, sizeof(double)));
    LS_TRY_OUT(ls_allocate(&made->out, made->outputs * made->hidden, sizeof(double)));
    LS_TRY_OUT(ls_allocate(&made->bias, made->outputs, sizeof(double)));
    LS_TRY_OUT(ls_allocate(&made->score, made->outputs, sizeof(double)));
    fill_normal(made->in, options->inputs * made->hidden, made, USE_IN);
    orthonormalize(made->in, options->inputs, made->hidden);
    fill_normal(made->out, made->outputs * made->hidden, made, USE_OUT);
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

static void find_scores(struct ls_teacher *teacher, const float *x)
{
    double sum[HIDDEN_MAX] = {0};
    size_t hidden = teacher->hidden;

    for (size_t i = 0; i < teacher->options.inputs; i++)
        for (size_t j = 0; j < hidden; j++)
            sum[j] += teacher->in[i * hidden + j] * x[i];
    for (size_t j = 0; j < hidden; j++)
        sum[j] = ls_portable_tanh(sum[j]);
    add_scores(teacher, teacher->score, sum);
}

void ls_generate_target(void *out, struct ls_teacher *teacher, const float *x, int64_t sample)
{
    const struct ls_teacher_options *o = &teacher->options;
    struct draw draw = draw_start(o->key, USE_NOISE, o->column, sample);
    float *real = out;

    if (o->unrelated) {
        draw_unrelated(out, teacher, sample);
        return;
    }
    find_scores(teacher, x);
    for (size_t i = 0; o->noise > 0 && i < teacher->outputs; i++)
        teacher->score[i] += o->noise * draw_normal(&draw, i);
    if (o->target.form == LS_TARGETS_CLASSES)
        put_whole(out, largest(teacher->score, teacher->outputs));
    else if (o->target.form == LS_TARGETS_BINARY)
        put_whole(out, teacher->score[0] > 0);
    for (size_t i = 0; o->target.form == LS_TARGETS_REAL && i < teacher->outputs; i++)
        real[i] = (float)teacher->score[i];
}
