/* The run file's `fit`, `checkpoint` and `data` options. */
#ifndef TRAIN_OPTIONS_H
#define TRAIN_OPTIONS_H

#include "base/kind.h"

/* What BatchNormalization's statistics span in training. */
enum ls_batchnorm { LS_BATCHNORM_GLOBAL, LS_BATCHNORM_REPLICA };

/* How gradients are summed: in the fixed tree, or as MPI likes. */
enum ls_combine_order { LS_COMBINE_EXACT, LS_COMBINE_FAST };

/* The learning rate of large batches: batch_size / base_batch_size times the optimizer's, reached
 * from that in equal steps over warmup_epochs (Goyal et al.: Accurate, Large Minibatch SGD,
 * arXiv:1706.02677). */
struct ls_rate_scaling {
    int64_t base_batch_size;
    double warmup_epochs;
};

struct ls_fit_options {
    int64_t batch_size; /* of all replicas together */
    int64_t epochs;
    int shuffle;    /* enum ls_shuffle */
    int64_t window; /* chunks a window, for shuffle: chunk */
    int64_t seed;
    int64_t threads;      /* of OpenBLAS and oneDNN, a rank */
    int64_t replicas;     /* LS_NULL_INT: the number of ranks */
    int batchnorm;        /* enum ls_batchnorm */
    int64_t verify;       /* weights are compared across ranks every so many steps; 0: never */
    int64_t bucket_size;  /* bytes of gradients that are summed between ranks together; LS_NULL_INT:
                             ls_buckets_bytes */
    int combine;          /* enum ls_combine_order */
    bool shard_optimizer; /* a node's ranks have weights and slots once, and update a part each */
    double watchdog;      /* seconds without progress until a hang is ended; 0: never */
    int wire;             /* enum ls_wire */
    struct ls_instances callbacks;      /* of ls_callbacks_known */
    const struct ls_tree *class_weight; /* train/class_weight.h; NULL: none */
    struct ls_instance
        scale_learning_rate; /* its options: struct ls_rate_scaling; kind NULL: off */
};
extern const struct ls_kind ls_fit_kind;

enum ls_every { LS_EVERY_STEPS, LS_EVERY_EPOCHS, LS_EVERY_SECONDS };
struct ls_checkpoint_options {
    char *every; /* "1 epoch", "500 steps", "10 minutes" */
    int64_t keep;
    enum ls_every unit; /* of `every`, set by ls_checkpoint_options_parse */
    double count;       /* of that unit */
};
extern const struct ls_kind ls_checkpoint_kind;

/* `map` may be NULL. The options own memory: ls_options_release with the kind. */
ls_status ls_checkpoint_options_parse(struct ls_checkpoint_options *options,
                                      const struct ls_tree *map);

#endif
