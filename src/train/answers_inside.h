/* The inside of the answers, shared by what keeps them and what reports of them. */
#ifndef TRAIN_ANSWERS_INSIDE_H
#define TRAIN_ANSWERS_INSIDE_H

#include "train/answers.h"
#include "train/objective_inside.h"

/* The answers of one output to this rank's samples, without those that a mask leaves out, or
 * that are of a class that the loss ignores. */
struct ls_answer {
    size_t output;
    enum ls_answer_form form;
    bool logits;    /* predictions are logits, not probabilities */
    size_t columns; /* of the output */
    size_t kept;    /* numbers a position of target and prediction: `columns`, or 1, a class */
    size_t positions;
    float *target, *prediction; /* [positions][kept] */
    float *score;               /* [positions][columns]: probabilities of classes, for curves */
    size_t *end;                /* by block of this rank: positions up to there */
    bool *counts;               /* scratch: [positions of a block] that are kept */
    float *row;                 /* scratch: [positions of a block] */
};

struct ls_answers {
    struct ls_answers_options options;
    struct ls_answer *answer;
    size_t count, blocks; /* blocks that were seen */
};

#endif
