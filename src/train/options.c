#include "train/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/order.h"
#include "train/callback.h"

/* In the order of enum ls_shuffle. */
static const char *const shuffles[] = {"false", "true", "chunk", NULL};

/* In the order of enum ls_batchnorm. */
static const char *const batchnorms[] = {"global", "replica", NULL};

/* In the order of enum ls_combine_order. */
static const char *const combines[] = {"exact", "fast", NULL};

/* In the order of enum ls_wire. */
static const char *const wires[] = {"float32", "bf16", "fp16", NULL};

#define SCALING(field) offsetof(struct ls_rate_scaling, field)
static const struct ls_option scaling_options[] = {
    {.name = "base_batch_size",
     .type = LS_OPTION_INT,
     .offset = SCALING(base_batch_size),
     .initial = "256",
     .min = 1,
     .max = INT32_MAX,
     .unit = "samples",
     .help = "the batch that the optimizer's learning rate is for"},
    {.name = "warmup_epochs",
     .type = LS_OPTION_FLOAT,
     .offset = SCALING(warmup_epochs),
     .initial = "5.0",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "over which the rate goes from the optimizer's to the scaled one"},
    {0},
};
static const struct ls_kind scaling_kind = {.name = "scale_learning_rate",
                                            .options = scaling_options,
                                            .options_size = sizeof(struct ls_rate_scaling)};

#define FIT(field) offsetof(struct ls_fit_options, field)
static const struct ls_option fit_options[] = {
    {.name = "batch_size",
     .type = LS_OPTION_INT,
     .offset = FIT(batch_size),
     .initial = "32",
     .min = 1,
     .max = INT32_MAX,
     .unit = "samples",
     .help = "of all replicas together"},
    {.name = "epochs",
     .type = LS_OPTION_INT,
     .offset = FIT(epochs),
     .initial = "1",
     .min = 0,
     .max = INT32_MAX,
     .help = "in total, also when a run is resumed"},
    {.name = "shuffle",
     .type = LS_OPTION_CHOICE,
     .offset = FIT(shuffle),
     .initial = "true",
     .choices = shuffles,
     .help = "true: all samples; chunk: chunks, then samples inside a window of chunks"},
    {.name = "seed",
     .type = LS_OPTION_INT,
     .offset = FIT(seed),
     .initial = "0",
     .min = 0,
     .max = 9007199254740992.0,
     .help = "of initial weights, order of samples and dropout"},
    {.name = "threads",
     .type = LS_OPTION_INT,
     .offset = FIT(threads),
     .initial = "1",
     .min = 1,
     .max = 1024,
     .help = "of the matrix kernels, a rank"},
    {.name = "replicas",
     .type = LS_OPTION_INT,
     .offset = FIT(replicas),
     .initial = "null",
     .min = 1,
     .max = 1 << 20,
     .nullable = true,
     .help = "slices of a batch; null: as many as the ranks it is first started on"},
    {.name = "batchnorm",
     .type = LS_OPTION_CHOICE,
     .offset = FIT(batchnorm),
     .initial = "global",
     .choices = batchnorms,
     .help = "BatchNormalization's statistics in training are of the whole batch (global), or of "
             "each replica's slice (replica)"},
    {.name = "verify",
     .type = LS_OPTION_INT,
     .offset = FIT(verify),
     .initial = "100",
     .min = 0,
     .max = INT32_MAX,
     .unit = "steps",
     .help = "how often the weights of all ranks are compared; 0: never"},
    {.name = "bucket_size",
     .type = LS_OPTION_INT,
     .offset = FIT(bucket_size),
     .initial = "null",
     .min = 64,
     .max = 1 << 30,
     .unit = "bytes",
     .nullable = true,
     .help =
         "of gradients that are summed over the ranks together, while the backward pass goes on "
         "with others; null: 64 kB a rank, from 512 kB to 8 MB; the result does not depend on "
         "it"},
    {.name = "combine",
     .type = LS_OPTION_CHOICE,
     .offset = FIT(combine),
     .initial = "exact",
     .choices = combines,
     .help = "exact: gradients are summed in one order, whatever the number of ranks and nodes; "
             "fast: by MPI_Allreduce, for comparison: other ranks or nodes give other bits"},
    {.name = "shard_optimizer",
     .type = LS_OPTION_BOOL,
     .offset = FIT(shard_optimizer),
     .initial = "false",
     .help = "the ranks of a node have weights and optimizer once, in shared memory, and update a "
             "part each: less memory, the same bits"},
    {.name = "watchdog",
     .type = LS_OPTION_FLOAT,
     .offset = FIT(watchdog),
     .initial = "300.0",
     .min = 0,
     .max = 1e9,
     .unit = "seconds",
     .help =
         "a run is ended when a rank that the others wait for gets nothing done for so long; 0: "
         "never"},
    {.name = "wire",
     .type = LS_OPTION_CHOICE,
     .offset = FIT(wire),
     .initial = "float32",
     .choices = wires,
     .help =
         "gradients go from node to node so; in 16 bits (what rounding leaves is added the next "
         "time) another number of ranks or nodes, or a resume, gives other bits"},
    {.name = "callbacks",
     .type = LS_OPTION_KINDS,
     .offset = FIT(callbacks),
     .initial = "[]",
     .registry = &ls_callbacks_known,
     .help = "called while it trains"},
    {.name = "class_weight",
     .type = LS_OPTION_TREE,
     .offset = FIT(class_weight),
     .initial = "null",
     .help = "{CLASS: weight, ...} of the samples in training, 1 for other classes; balanced: each "
             "class counts the same"},
    {.name = "scale_learning_rate",
     .type = LS_OPTION_MAP,
     .offset = FIT(scale_learning_rate),
     .initial = "null",
     .map = &scaling_kind,
     .help =
         "{base_batch_size: 256, warmup_epochs: 5}: times batch_size / base_batch_size, after a "
         "warm-up"},
    {0},
};
const struct ls_kind ls_fit_kind = {.name = "fit",
                                    .summary = "how a model is trained",
                                    .options = fit_options,
                                    .options_size = sizeof(struct ls_fit_options)};

#define CHECKPOINT(field) offsetof(struct ls_checkpoint_options, field)
static const struct ls_option checkpoint_options[] = {
    {.name = "every",
     .type = LS_OPTION_TEXT,
     .offset = CHECKPOINT(every),
     .initial = "1 epoch",
     .help = "N steps, epochs, seconds, minutes or hours"},
    {.name = "keep",
     .type = LS_OPTION_INT,
     .offset = CHECKPOINT(keep),
     .initial = "3",
     .min = 1,
     .max = INT32_MAX,
     .unit = "checkpoints",
     .help = "how many of the newest stay"},
    {0},
};
const struct ls_kind ls_checkpoint_kind = {.name = "checkpoint",
                                           .summary = "when checkpoints are written",
                                           .options = checkpoint_options,
                                           .options_size = sizeof(struct ls_checkpoint_options)};

static ls_status parse_every(struct ls_checkpoint_options *options, const struct ls_tree *map)
{
    static const struct {
        const char *name;
        enum ls_every every;
        double count;
    } units[] = {{"step", LS_EVERY_STEPS, 1},
                 {"epoch", LS_EVERY_EPOCHS, 1},
                 {"second", LS_EVERY_SECONDS, 1},
                 {"minute", LS_EVERY_SECONDS, 60},
                 {"hour", LS_EVERY_SECONDS, 3600}};
    const struct ls_tree *place = map ? ls_tree_find(map, "every") : NULL;
    char *end = options->every;
    options->count = strtod(options->every, &end);
    while (*end == ' ')
        end++;
    bool whole = options->count == floor(options->count);
    bool decimal = strpbrk(options->every, "xX") == NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i].name);
        if (strncmp(end, units[i].name, length) != 0)
            continue;
        if ((end[length] == '\0' || strcmp(end + length, "s") == 0) && options->count > 0 &&
            options->count < 1e9 && decimal && (whole || units[i].every == LS_EVERY_SECONDS)) {
            options->unit = units[i].every;
            options->count *= units[i].count;
            return LS_OK;
        }
    }
    return ls_fail_at(place, LS_BAD_INPUT,
                      "expected N steps, epochs, seconds, minutes or hours, found '%s'",
                      options->every);
}

ls_status ls_checkpoint_options_parse(struct ls_checkpoint_options *options,
                                      const struct ls_tree *map)
{
    LS_TRY(ls_options_parse(options, &ls_checkpoint_kind, map, NULL));
    ls_status status = parse_every(options, map);
    if (status != LS_OK)
        ls_options_release(options, &ls_checkpoint_kind);
    return status;
}
