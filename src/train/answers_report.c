/* Reports of the answers that all ranks have kept. */
#include <string.h>

#include "base/memory.h"
#include "comm/combine.h"
#include "metric/classification.h"
#include "metric/residuals.h"
#include "train/answers_inside.h"
#include "train/pieces.h"

struct report {
    struct ls_comm *comm;
    const struct ls_answers *answers;
    const struct ls_answer *answer;
    struct ls_output_report *made;
};

/* -- curves */

/* One class's curve, on rank 0. */
static ls_status make_curve(const struct report *r, struct ls_score *mine, struct ls_curve *curve)
{
    struct ls_pieces pieces;
    ls_status status = ls_pieces_gather_scores(&pieces, r->comm, mine, r->answer->positions);
    if (status == LS_OK && ls_comm_rank(r->comm) == 0)
        status = ls_curve_create(curve, pieces.all, pieces.total / sizeof *mine);
    ls_pieces_release(&pieces);
    return ls_comm_agree(r->comm, status);
}

/* How strongly each position is taken for one of the class, and whether it is. */
static void score_class(const struct ls_answer *answer, size_t class, struct ls_score *score)
{
    const float *from = answer->score ? answer->score : answer->prediction;
    for (size_t p = 0; p < answer->positions; p++) {
        float target = answer->score ? answer->target[p] == (float)class
                                     : answer->target[p * answer->columns + class];
        score[p] = (struct ls_score){
            .value = from[p * answer->columns + class], .weight = 1, .positive = target > 0};
    }
}

static ls_status make_curves(const struct report *r, struct ls_classification *made)
{
    struct ls_score *score = NULL;
    size_t curves = r->answer->columns;
    ls_status status = ls_allocate(&score, r->answer->positions + 1, sizeof *score);
    if (status == LS_OK)
        status = ls_allocate(&made->curve, curves, sizeof *made->curve);
    status = ls_comm_agree(r->comm, status);
    for (size_t class = 0; class < curves && status == LS_OK; class ++) {
        score_class(r->answer, class, score);
        status = make_curve(r, score, &made->curve[class]);
        made->curves++;
    }
    ls_release(score);
    return status;
}

/* -- classes and labels */

static bool says_yes(const struct ls_answer *answer, float prediction)
{
    return prediction > (answer->form == LS_ANSWER_SIGNS || answer->logits ? 0.0F : 0.5F);
}

static void count_classes(const struct report *r, struct ls_classification *made)
{
    const struct ls_answer *answer = r->answer;
    bool yes_or_no = answer->form != LS_ANSWER_CLASSES;
    for (size_t p = 0; p < answer->positions; p++) {
        size_t target = yes_or_no ? answer->target[p] > 0 : (size_t)answer->target[p];
        size_t prediction =
            yes_or_no ? says_yes(answer, answer->prediction[p]) : (size_t)answer->prediction[p];
        made->confusion[target * made->classes + prediction]++;
    }
}

/* By block, so that the sums have the same bits on any number of ranks. */
static void count_labels(const struct report *r, struct ls_classification *made,
                         struct ls_label_sums *block, bool *label)
{
    const struct ls_answer *answer = r->answer;
    size_t p = 0, columns = answer->columns;
    for (size_t b = 0; b < r->answers->blocks; b++)
        for (; p < answer->end[b]; p++) {
            for (size_t c = 0; c < columns; c++) {
                label[c] = answer->target[p * columns + c] > 0;
                label[columns + c] = says_yes(answer, answer->prediction[p * columns + c]);
            }
            ls_classification_add_labels(made, label, label + columns, &block[b]);
        }
}

static ls_status sum_labels(const struct report *r, struct ls_classification *made,
                            struct ls_label_sums *sums)
{
    struct ls_label_sums *block = NULL;
    bool *label = NULL;
    ls_status status = ls_allocate(&block, r->answers->blocks + 1, sizeof *block);
    if (status == LS_OK)
        status = ls_allocate(&label, 2 * r->answer->columns, sizeof *label);
    status = ls_comm_agree(r->comm, status);
    if (status == LS_OK) {
        count_labels(r, made, block, label);
        status = ls_comm_sum_blocks(r->comm, (double *)sums, (const double *)block,
                                    r->answers->options.blocks, sizeof *sums / sizeof(double));
    }
    ls_release(block);
    ls_release(label);
    return status;
}

static ls_status name_classes(struct ls_classification *made, const struct report *r,
                              const struct ls_answers_names *names)
{
    struct ls_class_names found;
    const char *output = r->made->output;
    const char *column = r->answers->options.objective->model->outputs == 1 ? "y" : output;
    LS_TRY(ls_class_names_find(&found, column, names->data, names->state));
    ls_status status = LS_OK;
    for (size_t i = 0; found.count == made->classes && i < found.count && status == LS_OK; i++) {
        ls_release(made->name[i]);
        status = ls_duplicate(&made->name[i], found.name[i]);
    }
    ls_release(found.name);
    return status;
}

static ls_status classify(struct report *r, const struct ls_answers_names *names)
{
    const struct ls_answer *answer = r->answer;
    struct ls_classification *made;
    struct ls_label_sums sums = {0};
    bool binary = answer->form != LS_ANSWER_CLASSES && answer->columns == 1;
    bool multi_label = answer->form != LS_ANSWER_CLASSES && !binary;
    ls_status status = ls_classification_create(&made, binary ? 2 : answer->columns, multi_label);
    r->made->classification = made;
    if (status == LS_OK)
        status = name_classes(made, r, names);
    LS_TRY(ls_comm_agree(r->comm, status));
    if (multi_label)
        LS_TRY(sum_labels(r, made, &sums));
    else
        count_classes(r, made);
    ls_comm_sum_counts(r->comm, made->confusion, ls_classification_counts(made));
    ls_classification_finish(made, ls_comm_sum(r->comm, (int64_t)answer->positions), &sums);
    return r->answers->options.curves ? make_curves(r, made) : LS_OK;
}

/* -- numbers */

static ls_status find_on_first(struct report *r, const struct ls_pieces *target,
                               const struct ls_pieces *prediction)
{
    size_t columns = r->answer->kept;
    LS_TRY(ls_allocate(&r->made->residuals, 1, sizeof *r->made->residuals));
    return ls_residuals_find(r->made->residuals, target->all, prediction->all,
                             target->total / sizeof(float) / columns, columns);
}

static ls_status find_residuals(struct report *r)
{
    const struct ls_answer *answer = r->answer;
    size_t mine = answer->positions * answer->kept * sizeof(float);
    struct ls_pieces target, prediction = {0};
    ls_status status;
    LS_TRY_OUT(ls_pieces_gather(&target, r->comm, answer->target, mine));
    LS_TRY_OUT(ls_pieces_gather(&prediction, r->comm, answer->prediction, mine));
    if (ls_comm_rank(r->comm) == 0)
        status = find_on_first(r, &target, &prediction);
    status = ls_comm_agree(r->comm, status);
out:
    ls_pieces_release(&target);
    ls_pieces_release(&prediction);
    return status;
}

/* -- the whole */

/* Labels are 0 and 1 (signs -1 and 1, as well): other targets are numbers, whatever the output's
 * activation is. */
static bool are_labels(const struct report *r)
{
    const struct ls_answer *answer = r->answer;
    int64_t others = 0;
    for (size_t i = 0; i < answer->positions * answer->kept; i++) {
        float target = answer->target[i];
        bool sign = answer->form == LS_ANSWER_SIGNS && target == -1;
        others += target != 0 && target != 1 && !sign;
    }
    return ls_comm_sum(r->comm, others) == 0;
}

static ls_status name_report(struct report *r)
{
    const struct ls_objective *objective = r->answers->options.objective;
    const char *output = objective->output[r->answer->output].name;
    LS_TRY(ls_duplicate(&r->made->output, output));
    return objective->model->outputs == 1 ? ls_duplicate(&r->made->prefix, "")
                                          : ls_format(&r->made->prefix, "%s_", output);
}

static ls_status report(struct report *r, const struct ls_answers_names *names)
{
    enum ls_answer_form form = r->answer->form;
    LS_TRY(ls_comm_agree(r->comm, name_report(r)));
    if (form == LS_ANSWER_CLASSES || (form != LS_ANSWER_NUMBERS && are_labels(r)))
        return classify(r, names);
    return find_residuals(r);
}

ls_status ls_answers_report(struct ls_answers *answers, const struct ls_answers_names *names,
                            struct ls_evaluation *evaluation)
{
    struct ls_comm *comm = answers->options.comm;
    LS_TRY(ls_comm_agree(
        comm, ls_allocate(&evaluation->report, answers->count + 1, sizeof *evaluation->report)));
    for (size_t a = 0; a < answers->count; a++) {
        struct report r = {comm, answers, &answers->answer[a], &evaluation->report[a]};
        evaluation->reports++;
        LS_TRY(report(&r, names));
    }
    return LS_OK;
}
