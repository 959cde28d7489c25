/* What a training takes of memory, known before it is taken: it is refused where there is less, as
 * Linux gives more than there is and kills who uses it. Bytes that are there already (weights of a
 * file that was read, data that was looked at) are not counted. Nor is what does not grow with the
 * run: libraries, their code, MPI's own memory. */
#ifndef TRAIN_NEEDS_H
#define TRAIN_NEEDS_H

#include "train/step.h"

/* The parts, and what they are called. */
#define LS_NEEDS_PARTS(PART)                                                                       \
    PART(WEIGHTS, "weights")                                                                       \
    PART(GRADIENTS, "gradients")  /* slots of local replicas, the sum, and from other nodes */     \
    PART(SUMS, "sums of metrics") /* beside the gradients, as many */                              \
    PART(SLOTS, "optimizer")                                                                       \
    PART(ACTIVATIONS, "activations")  /* of one run, or one a local replica */                     \
    PART(KEPT, "kernels' own memory") /* what layers prepare */                                    \
    PART(LOSSES, "losses")                                                                         \
    PART(BATCHES, "batches read ahead")                                                            \
    PART(DATA, "data kept in memory")                                                              \
    PART(EVALUATION, "validation")                                                                 \
    PART(CHECKPOINT, "checkpoint") /* its snapshot, on rank 0 */

enum ls_needs_part {
#define PART(name, text) LS_NEEDS_##name,
    LS_NEEDS_PARTS(PART)
#undef PART
        LS_NEEDS_COUNT
};

struct ls_needs {
    double bytes[LS_NEEDS_COUNT];
    size_t runs;  /* whose activations, and as many gradients, are there at once */
    size_t slots; /* bytes of the optimizer's, of which `bytes` has this rank's part */
};
extern const char *const ls_needs_names[LS_NEEDS_COUNT];
double ls_needs_sum(const struct ls_needs *needs);

/* Of this rank; of what a crew has in common, its part. `validation`: or NULL; `checkpoints`:
 * whether some will be written. What a stepper and an evaluator would refuse is refused here. The
 * model is built. Not collective. */
ls_status ls_needs_find(struct ls_needs *needs, const struct ls_stepper_options *options,
                        struct ls_data *validation, bool checkpoints);

/* LS_BAD_INPUT with the sum, what is free, the largest parts and a remedy where the ranks of a node
 * need more together than it has, or a rank more than it may have. Collective. */
ls_status ls_needs_check(const struct ls_stepper_options *options, struct ls_data *validation,
                         bool checkpoints);

#endif
