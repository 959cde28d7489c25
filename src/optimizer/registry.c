/* The kinds of optimizers: one row each. */
#include "optimizer/optimizer.h"

#define LS_OPTIMIZERS(X)                                                                           \
    X(ls_optimizer_sgd)                                                                            \
    X(ls_optimizer_adam)                                                                           \
    X(ls_optimizer_rmsprop)

#define X(kind) extern const struct ls_optimizer_kind kind;
LS_OPTIMIZERS(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_OPTIMIZERS(X)
#undef X
        NULL};

const struct ls_registry ls_optimizers = {.noun = "optimizer", .kinds = kinds};
