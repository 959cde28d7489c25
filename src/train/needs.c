#include "train/needs.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/size.h"
#include "train/evaluator.h"
#include "train/step_layout.h"

const char *const ls_needs_names[LS_NEEDS_COUNT] = {
#define PART(name, text) text,
    LS_NEEDS_PARTS(PART)
#undef PART
};

double ls_needs_sum(const struct ls_needs *needs)
{
    double sum = 0;
    for (int part = 0; part < LS_NEEDS_COUNT; part++)
        sum += needs->bytes[part];
    return sum;
}

/* -- of this rank */

static int64_t batch_rows(const struct ls_stepper_options *options)
{
    int64_t samples = ls_data_samples(options->data);
    return samples < options->batch_size ? samples : options->batch_size;
}

static struct ls_range local_replicas(const struct ls_stepper_options *options)
{
    const struct ls_place *place = ls_comm_place(options->comm);
    return ls_part(options->replicas, place->size, place->position);
}

/* The numbers of rows that its replicas' slices have, in a whole batch and in the last one. */
static size_t find_sizes(int64_t sizes[LS_PLAN_SIZES], const struct ls_stepper_options *options,
                         struct ls_range local)
{
    const int64_t batches[2] = {batch_rows(options),
                                ls_data_samples(options->data) % options->batch_size};
    size_t count = 0;
    for (int b = 0; b < 2; b++)
        for (int64_t r = local.begin; r < local.end && count < LS_PLAN_SIZES; r++) {
            struct ls_range slice = ls_part(batches[b], options->replicas, r);
            bool known = slice.begin == slice.end;
            for (size_t i = 0; i < count; i++)
                known |= sizes[i] == slice.end - slice.begin;
            if (!known)
                sizes[count++] = slice.end - slice.begin;
        }
    return count;
}

static ls_status count_kept(double *bytes, const struct ls_plan *plan,
                            const struct ls_stepper_options *options, struct ls_range local)
{
    int64_t sizes[LS_PLAN_SIZES];
    size_t count = find_sizes(sizes, options, local);
    for (size_t i = 0; i < count; i++) {
        size_t here;
        LS_TRY(ls_plan_prepared_bytes(plan, sizes[i], &here));
        *bytes += (double)here;
    }
    return LS_OK;
}

static ls_status count_step(struct ls_needs *needs, const struct ls_stepper_options *options,
                            const struct ls_step_layout *layout)
{
    struct ls_combine_options combine = ls_step_combine(options, layout);
    struct ls_range local = local_replicas(options);
    size_t gradients, all, update;
    LS_TRY(ls_combine_needs(options->comm, &combine, &all));
    combine.doubles = LS_SUM_OBJECTIVE;
    LS_TRY(ls_combine_needs(options->comm, &combine, &gradients));
    LS_TRY(ls_update_plan_bytes(&update, &needs->slots, options->model,
                                ls_tree_find(options->compile, "optimizer"), options->crew));
    const struct ls_loader_options loader = ls_step_loader(options, &layout->columns, local);
    needs->runs = ls_step_runs(layout->plan, local.end - local.begin);
    needs->bytes[LS_NEEDS_GRADIENTS] = (double)gradients;
    needs->bytes[LS_NEEDS_SUMS] = (double)(all - gradients);
    needs->bytes[LS_NEEDS_SLOTS] = (double)update;
    needs->bytes[LS_NEEDS_ACTIVATIONS] = (double)needs->runs * (double)ls_plan_bytes(layout->plan);
    needs->bytes[LS_NEEDS_LOSSES] =
        (double)ls_measure_room_bytes(layout->objective, ls_step_rows(options));
    needs->bytes[LS_NEEDS_BATCHES] = (double)ls_loader_bytes(&loader);
    return count_kept(&needs->bytes[LS_NEEDS_KEPT], layout->plan, options, local);
}

static double count_data(const struct ls_stepper_options *options, const struct ls_data *validation)
{
    struct ls_range local = local_replicas(options);
    int64_t batch = batch_rows(options);
    int64_t rows = ls_part(batch, options->replicas, local.end - 1).end -
                   ls_part(batch, options->replicas, local.begin).begin;
    double bytes = (double)ls_data_memory(options->data, rows);
    return validation ? bytes + (double)ls_data_memory(validation, LS_BLOCK_ROWS) : bytes;
}

/* A loss that counts has a point before it, and so activations for every replica. */
static void count_nothing(void *user, struct ls_plan_run *run)
{
    (void)user, (void)run;
}

ls_status ls_needs_find(struct ls_needs *needs, const struct ls_stepper_options *options,
                        struct ls_data *validation, bool checkpoints)
{
    const struct ls_model *model = options->model;
    const double weights = (double)model->floats * sizeof(float);
    const double crew = ls_crew_size(options->crew);
    struct ls_step_layout layout;
    size_t evaluation = 0;
    memset(needs, 0, sizeof *needs);
    LS_TRY(
        ls_step_layout_create(&layout, options, &(struct ls_step_calls){.count = count_nothing}));
    ls_status status = count_step(needs, options, &layout);
    ls_step_layout_release(&layout);
    LS_TRY(status);
    if (validation)
        LS_TRY(ls_evaluator_bytes(&evaluation, options->comm, options->model, options->compile,
                                  validation));
    if (!model->weights || crew > 1)
        needs->bytes[LS_NEEDS_WEIGHTS] = weights / crew;
    needs->bytes[LS_NEEDS_EVALUATION] = (double)evaluation;
    needs->bytes[LS_NEEDS_DATA] = count_data(options, validation);
    if (checkpoints && ls_comm_rank(options->comm) == 0)
        needs->bytes[LS_NEEDS_CHECKPOINT] = weights + (double)needs->slots;
    return LS_OK;
}

/* -- of a node */

struct rank_needs {
    struct ls_needs needs;
    int node;
};

/* Who needs it together: the ranks of a node, or one of them. */
struct together {
    struct ls_needs needs;
    const struct ls_stepper_options *options;
    int ranks;
};

static int largest_part(const struct ls_needs *needs)
{
    int largest = 0;
    for (int part = 1; part < LS_NEEDS_COUNT; part++)
        if (needs->bytes[part] > needs->bytes[largest])
            largest = part;
    return largest;
}

/* What the ranks of a node would have less if they had weights and optimizer once. */
static double sharding_saves(const struct together *t)
{
    const struct ls_crew *crew = t->options->crew;
    if (crew && (ls_crew_size(crew) > 1 || ls_crew_fallback(crew)))
        return 0; /* they have, or cannot */
    return (t->needs.bytes[LS_NEEDS_WEIGHTS] + t->needs.bytes[LS_NEEDS_SLOTS]) * (t->ranks - 1) /
           t->ranks;
}

/* What helps against the largest part, where so many bytes are missing. */
static const char *remedy(const struct together *t, double missing)
{
    switch ((enum ls_needs_part)largest_part(&t->needs)) {
    case LS_NEEDS_ACTIVATIONS:
    case LS_NEEDS_KEPT:
    case LS_NEEDS_LOSSES:
    case LS_NEEDS_BATCHES:
        return t->needs.runs > 1 ? "use a smaller fit.batch_size, or more nodes"
                                 : "use a smaller fit.batch_size";
    case LS_NEEDS_GRADIENTS:
        if (t->needs.runs > 1)
            return "use fewer replicas, or more nodes: layers that span the batch keep the gradients of "
                   "each replica";
        break;
    case LS_NEEDS_SUMS:
        return "use metrics of fewer numbers (AUC has twice num_thresholds of them)";
    case LS_NEEDS_EVALUATION:
        return "leave out data.validation, which is measured in blocks of 256 samples whatever "
               "fit.batch_size is";
    default:
        break;
    }
    if (sharding_saves(t) >= missing)
        return "use fit.shard_optimizer: true, which has weights and optimizer once a node, or "
               "fewer ranks a node";
    return t->ranks > 1 ? "use fewer ranks a node" : "it takes a smaller model or more memory";
}

/* "activations 30.1 GB, weights 2.0 GB": the largest three. */
static void append_parts(struct ls_text *text, struct ls_needs needs)
{
    enum { SHOWN = 3 };
    char size[LS_BYTES_TEXT];
    for (int i = 0; i < SHOWN; i++) {
        int part = largest_part(&needs);
        if (needs.bytes[part] > 0)
            ls_text_append(text, "%s%s %s", i ? ", " : "", ls_needs_names[part],
                           ls_bytes_format(size, needs.bytes[part]));
        needs.bytes[part] = 0;
    }
}

static ls_status check(const struct together *t, uint64_t free)
{
    static const double small = 1 << 26; /* bytes: not worth asking */
    const struct ls_comm *comm = t->options->comm;
    char size[LS_BYTES_TEXT], room[LS_BYTES_TEXT], who[64] = "";
    double sum = ls_needs_sum(&t->needs);
    struct ls_text parts = {0};
    if (sum < small || sum <= (double)free)
        return LS_OK;
    if (t->ranks > 1)
        snprintf(who, sizeof who, " for the %d ranks of a node", t->ranks);
    else if (ls_comm_size(comm) > 1)
        snprintf(who, sizeof who, " for rank %d", ls_comm_rank(comm));
    append_parts(&parts, t->needs);
    ls_status status = ls_text_status(&parts);
    if (status == LS_OK)
        status =
            ls_fail(LS_BAD_INPUT, "the training takes %s of memory%s, but %s are free (%s): %s",
                    ls_bytes_format(size, sum), who, ls_bytes_format(room, (double)free),
                    parts.data, remedy(t, sum - (double)free));
    ls_text_release(&parts);
    return status;
}

static void add_node(struct together *node, const struct rank_needs *all, int mine)
{
    const struct ls_comm *comm = node->options->comm;
    for (int rank = 0; rank < ls_comm_size(comm); rank++)
        for (int part = 0; all[rank].node == mine && part < LS_NEEDS_COUNT; part++)
            node->needs.bytes[part] += all[rank].needs.bytes[part];
}

static ls_status check_all(const struct ls_stepper_options *options, const struct ls_needs *needs,
                           struct rank_needs *all)
{
    struct ls_comm *comm = options->comm;
    const struct ls_place *place = ls_comm_place(comm);
    const struct rank_needs mine = {*needs, place->node};
    struct together rank = {*needs, options, 1};
    struct together node = {{.runs = needs->runs}, options, place->node_size};
    ls_comm_allgather(comm, all, &mine, sizeof mine);
    add_node(&node, all, place->node);
    ls_status status = check(&node, ls_memory_available_to_all());
    return status == LS_OK ? check(&rank, ls_memory_available()) : status;
}

ls_status ls_needs_check(const struct ls_stepper_options *options, struct ls_data *validation,
                         bool checkpoints)
{
    struct ls_comm *comm = options->comm;
    struct ls_needs needs;
    struct rank_needs *all = NULL;
    ls_status status = options->model->weights ? LS_OK : ls_size_check_weights(options->model);
    if (status == LS_OK)
        status = ls_needs_find(&needs, options, validation, checkpoints);
    if (status == LS_OK)
        status = ls_allocate(&all, (size_t)ls_comm_size(comm), sizeof *all);
    status = ls_comm_agree(comm, status);
    if (status == LS_OK)
        status = ls_comm_agree(comm, check_all(options, &needs, all));
    ls_release(all);
    return status;
}
