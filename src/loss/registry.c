/* The kinds of losses: one row each. */
#include <strings.h>

#include "loss/loss.h"

#define LS_LOSSES(X)                                                                               \
    X(ls_loss_sparse_categorical_crossentropy)                                                     \
    X(ls_loss_categorical_crossentropy)                                                            \
    X(ls_loss_binary_crossentropy)                                                                 \
    X(ls_loss_mean_squared_error)                                                                  \
    X(ls_loss_mean_absolute_error)                                                                 \
    X(ls_loss_huber)                                                                               \
    X(ls_loss_log_cosh)                                                                            \
    X(ls_loss_mean_absolute_percentage_error)                                                      \
    X(ls_loss_mean_squared_logarithmic_error)                                                      \
    X(ls_loss_cosine_similarity)                                                                   \
    X(ls_loss_poisson)                                                                             \
    X(ls_loss_kl_divergence)                                                                       \
    X(ls_loss_hinge)                                                                               \
    X(ls_loss_squared_hinge)                                                                       \
    X(ls_loss_categorical_hinge)                                                                   \
    X(ls_loss_binary_focal_crossentropy)                                                           \
    X(ls_loss_categorical_focal_crossentropy)                                                      \
    X(ls_loss_categorical_generalized_cross_entropy)

#define X(kind) extern const struct ls_loss_kind kind;
LS_LOSSES(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_LOSSES(X)
#undef X
        NULL};

const struct ls_registry ls_losses = {.noun = "loss", .kinds = kinds, .open = true};

const struct ls_loss_kind *ls_loss_resolve(const char *name, int64_t columns,
                                           enum ls_target_form target)
{
    if (strcasecmp(name, "crossentropy") != 0 && strcasecmp(name, "ce") != 0)
        return NULL;
    if (columns == 1)
        return &ls_loss_binary_crossentropy;
    return target == LS_TARGET_CLASS ? &ls_loss_sparse_categorical_crossentropy
                                     : &ls_loss_categorical_crossentropy;
}

const char *const ls_reduction_names[] = {[LS_REDUCTION_MEAN] = "sum_over_batch_size",
                                          [LS_REDUCTION_SUM] = "sum",
                                          [LS_REDUCTION_ALSO_MEAN] = "mean",
                                          [LS_REDUCTION_WEIGHTED_MEAN] = "mean_with_sample_weight",
                                          [LS_REDUCTION_WEIGHTED_MEAN + 1] = NULL};

const char *const ls_loss_dtypes[] = {"float32", NULL};
