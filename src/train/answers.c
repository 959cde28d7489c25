/* Keeping the answers; answers_report.c makes the reports of them. */
#include "train/answers.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/activation.h"
#include "kernel/kernels.h"
#include "train/answers_inside.h"

/* What the output is asked: by its loss, else by its activation. */
static enum ls_answer_form form_of(const struct ls_objective *objective, size_t o)
{
    const struct ls_model *model = objective->model;
    const struct ls_objective_output *output = &objective->output[o];
    const struct ls_layer *layer = model->layer[model->call[model->output[o].call].layer];
    bool several = output->columns > 1;
    if (output->form == LS_TARGET_CLASS)
        return LS_ANSWER_CLASSES;
    if (ls_output_has_loss(output) && ls_loss_of(output)->answer != LS_ANSWER_NUMBERS)
        return !several && ls_loss_of(output)->answer == LS_ANSWER_CLASSES
                   ? LS_ANSWER_NUMBERS
                   : ls_loss_of(output)->answer;
    if (layer->has_activation && layer->activation.id == LS_ACTIVATION_SOFTMAX && several)
        return LS_ANSWER_CLASSES;
    if (layer->has_activation && layer->activation.id == LS_ACTIVATION_SIGMOID)
        return LS_ANSWER_LABELS;
    return LS_ANSWER_NUMBERS;
}

static ls_status make_answer(struct ls_answers *answers, size_t o)
{
    const struct ls_answers_options *options = &answers->options;
    const struct ls_objective_output *output = &options->objective->output[o];
    struct ls_answer *answer = &answers->answer[answers->count];
    int64_t blocks = options->mine.end - options->mine.begin;
    size_t most = (size_t)(blocks * LS_BLOCK_ROWS * output->inner) + 1;
    answers->count++;
    answer->output = o;
    answer->form = form_of(options->objective, o);
    answer->columns = (size_t)output->columns;
    answer->logits = output->from_logits && !options->objective->defer[o];
    answer->kept = answer->form == LS_ANSWER_CLASSES ? 1 : answer->columns;
    LS_TRY(ls_allocate(&answer->target, most * answer->kept, sizeof(float)));
    LS_TRY(ls_allocate(&answer->prediction, most * answer->kept, sizeof(float)));
    LS_TRY(ls_allocate(&answer->end, (size_t)blocks + 1, sizeof *answer->end));
    if (answer->form == LS_ANSWER_CLASSES && options->curves)
        LS_TRY(ls_allocate(&answer->score, most * answer->columns, sizeof(float)));
    LS_TRY(ls_allocate(&answer->counts, LS_BLOCK_ROWS * (size_t)output->inner, sizeof(bool)));
    return ls_allocate(&answer->row, LS_BLOCK_ROWS * (size_t)output->inner, sizeof(float));
}

static ls_status make(struct ls_answers *answers)
{
    const struct ls_objective *objective = answers->options.objective;
    size_t outputs = objective->model->outputs;
    LS_TRY(ls_allocate(&answers->answer, outputs, sizeof *answers->answer));
    for (size_t o = 0; o < outputs; o++)
        if (objective->output[o].has_target)
            LS_TRY(make_answer(answers, o));
    return LS_OK;
}

ls_status ls_answers_create(struct ls_answers **answers, const struct ls_answers_options *options)
{
    struct ls_answers *made = NULL;
    *answers = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->options = *options;
    ls_status status = make(made);
    if (status == LS_OK)
        *answers = made;
    else
        ls_answers_free(made);
    return status;
}

void ls_answers_free(struct ls_answers *answers)
{
    if (!answers)
        return;
    for (size_t a = 0; a < answers->count; a++) {
        ls_release(answers->answer[a].target);
        ls_release(answers->answer[a].prediction);
        ls_release(answers->answer[a].score);
        ls_release(answers->answer[a].end);
        ls_release(answers->answer[a].counts);
        ls_release(answers->answer[a].row);
    }
    ls_release(answers->answer);
    ls_release(answers);
}

/* -- one block */

static struct ls_answer *find(struct ls_answers *answers, size_t output)
{
    for (size_t a = 0; a < answers->count; a++)
        if (answers->answer[a].output == output)
            return &answers->answer[a];
    return NULL;
}

/* Marks the positions that count, and returns how many they are. */
static size_t find_counted(struct ls_answer *answer, const struct ls_objective_output *output,
                           const struct ls_metric_call *call)
{
    size_t count = 0;
    for (int64_t p = 0; p < call->positions; p++) {
        answer->counts[p] = ls_position_counts(output, call->target, call->weight, p);
        count += answer->counts[p];
    }
    return count;
}

/* Those positions, one after the other behind those that are there. */
static void append(const struct ls_answer *answer, float *to, const float *from, size_t columns,
                   const struct ls_metric_call *call)
{
    size_t at = answer->positions;
    for (size_t p = 0; p < (size_t)call->positions; p++)
        if (answer->counts[p])
            memcpy(to + at++ * columns, from + p * columns, columns * sizeof(float));
}

/* Which class each position is of: the largest of a row, or the number that stands for it. */
static void append_class(const struct ls_answer *answer, float *to, const float *rows, bool class,
                         const struct ls_metric_call *call)
{
    if (!class)
        ls_k->argmax_rows(answer->row, rows, (size_t)call->positions, answer->columns);
    append(answer, to, class ? rows : answer->row, 1, call);
}

/* As probabilities, which can be compared from sample to sample. */
static void append_scores(const struct ls_answer *answer, size_t count,
                          const struct ls_metric_call *call)
{
    float *begin = answer->score + answer->positions * answer->columns;
    struct ls_activation softmax = ls_activation_default(LS_ACTIVATION_SOFTMAX);
    append(answer, answer->score, call->prediction, answer->columns, call);
    if (answer->logits)
        ls_k->activate(begin, begin, &softmax, count * answer->columns, answer->columns);
}

void ls_answers_see(struct ls_answers *answers, const struct ls_seen *seen)
{
    struct ls_answer *answer = seen->metric ? NULL : find(answers, seen->output);
    const struct ls_objective_output *output = &answers->options.objective->output[seen->output];
    const struct ls_metric_call *call = seen->call;
    bool class = output->form == LS_TARGET_CLASS;
    if (!answer)
        return;
    size_t count = find_counted(answer, output, call);
    if (answer->form == LS_ANSWER_CLASSES) {
        append_class(answer, answer->target, call->target, class, call);
        append_class(answer, answer->prediction, call->prediction, false, call);
        if (answer->score)
            append_scores(answer, count, call);
    } else {
        append(answer, answer->target, call->target, answer->columns, call);
        append(answer, answer->prediction, call->prediction, answer->columns, call);
    }
    answer->positions += count;
}

void ls_answers_end_block(struct ls_answers *answers)
{
    for (size_t a = 0; a < answers->count; a++)
        answers->answer[a].end[answers->blocks] = answers->answer[a].positions;
    answers->blocks++;
}
