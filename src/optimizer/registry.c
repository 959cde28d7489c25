/* The kinds of optimizers: one row each. */
#include "optimizer/optimizer.h"

#define LS_OPTIMIZERS(X)                                                                           \
    X(ls_optimizer_sgd)                                                                            \
    X(ls_optimizer_adam)                                                                           \
    X(ls_optimizer_rmsprop)                                                                        \
    X(ls_optimizer_adamw)                                                                          \
    X(ls_optimizer_adamax)                                                                         \
    X(ls_optimizer_nadam)                                                                          \
    X(ls_optimizer_adagrad)                                                                        \
    X(ls_optimizer_adadelta)                                                                       \
    X(ls_optimizer_ftrl)                                                                           \
    X(ls_optimizer_lion)                                                                           \
    X(ls_optimizer_lamb)                                                                           \
    X(ls_optimizer_lars)                                                                           \
    X(ls_optimizer_muon)

#define X(kind) extern const struct ls_optimizer_kind kind;
LS_OPTIMIZERS(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_OPTIMIZERS(X)
#undef X
        NULL};

const struct ls_registry ls_optimizers = {.noun = "optimizer", .kinds = kinds};
