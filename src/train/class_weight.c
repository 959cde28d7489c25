#include "train/class_weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "data/loader.h"
#include "train/objective_inside.h"

static int64_t class_of(const float *target, int64_t numbers)
{
    int64_t largest = 0;
    if (numbers == 1)
        return (int64_t)rint((double)target[0]);
    for (int64_t i = 1; i < numbers; i++)
        if (target[i] > target[largest])
            largest = i;
    return largest;
}

float ls_class_weight(const struct ls_class_weights *weights, const float *target, int64_t numbers)
{
    int64_t class = class_of(target, numbers);
    size_t low = 0, high = weights->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (weights->class[middle] == class)
            return weights->weight[middle];
        if (weights->class[middle] < class)
            low = middle + 1;
        else
            high = middle;
    }
    return 1;
}

void ls_class_weights_release(struct ls_class_weights *weights)
{
    ls_release(weights->class);
    ls_release(weights->weight);
    *weights = (struct ls_class_weights){0};
}

static ls_status make_room(struct ls_class_weights *weights, size_t most)
{
    LS_TRY(ls_allocate(&weights->class, most + 1, sizeof *weights->class));
    return ls_allocate(&weights->weight, most + 1, sizeof *weights->weight);
}

static ls_status check_model(const struct ls_tree *option, const struct ls_objective *objective)
{
    const struct ls_objective_output *output = &objective->output[0];
    if (objective->model->outputs > 1)
        return ls_fail_at(option, LS_BAD_INPUT,
                          "class_weight is for models with one output, this one has %zu: data can "
                          "have an OUTPUT_sample_weight instead",
                          objective->model->outputs);
    if (output->inner > 1)
        return ls_fail_at(option, LS_BAD_INPUT,
                          "class_weight is for one target a sample, here are %lld: data can have a "
                          "sample_weight for each instead",
                          (long long)output->inner);
    return LS_OK;
}

/* -- given */

static ls_status read_class(int64_t *class, const struct ls_tree *entry,
                            const struct ls_objective_output *output)
{
    double number;
    bool whole = ls_number_form(entry->key) == LS_NUMBER_REAL &&
                 ls_double_parse(entry->key, &number) && number == rint(number) &&
                 fabs(number) <= LS_INTEGERS_MAX;
    if (!whole)
        return ls_fail_at_line(entry->parent, entry->line, LS_BAD_INPUT,
                               "expected a class, an integer, found '%.60s'", entry->key);
    if (output->columns > 1 && (number < 0 || number >= (double)output->columns))
        return ls_fail_at_line(entry->parent, entry->line, LS_BAD_INPUT,
                               "there is no class %.0f: the model's are 0 to %lld", number,
                               (long long)output->columns - 1);
    *class = (int64_t)number;
    return LS_OK;
}

/* In rising order; each once. */
static ls_status add(struct ls_class_weights *weights, int64_t class, double weight,
                     const struct ls_tree *entry)
{
    size_t at = weights->count++;
    for (; at > 0 && weights->class[at - 1] >= class; at--) {
        if (weights->class[at - 1] == class)
            return ls_fail_at(entry, LS_BAD_INPUT, "the class stands here twice");
        weights->class[at] = weights->class[at - 1];
        weights->weight[at] = weights->weight[at - 1];
    }
    weights->class[at] = class;
    weights->weight[at] = (float)weight;
    return LS_OK;
}

static ls_status read_given(struct ls_class_weights *weights, const struct ls_tree *option,
                            const struct ls_objective_output *output)
{
    LS_TRY(make_room(weights, option->count));
    for (const struct ls_tree *entry = option->child; entry; entry = entry->next) {
        int64_t class = 0;
        double weight;
        LS_TRY(read_class(&class, entry, output));
        LS_TRY(ls_tree_double(entry, &weight));
        if (!(weight >= 0 && isfinite(weight)))
            return ls_fail_at(entry, LS_BAD_INPUT, "must be at least 0, found %s", entry->text);
        LS_TRY(add(weights, class, weight, entry));
    }
    return LS_OK;
}

/* -- balanced */

struct count {
    const struct ls_objective_output *output;
    int64_t *samples; /* by class */
    int64_t classes;
};

static ls_status count_batch(struct count *count, const struct ls_batch *batch, int64_t numbers)
{
    for (int64_t row = 0; row < batch->rows; row++) {
        int64_t class = class_of(batch->column[0] + row * numbers, numbers);
        if (class == count->output->ignored) /* by the loss; LS_NULL_INT: none */
            continue;
        if (class < 0 || class >= count->classes)
            return ls_fail(LS_BAD_INPUT,
                           "class_weight: balanced is for classes from 0 to %lld, a target is %lld",
                           (long long)count->classes - 1, (long long)class);
        count->samples[class]++;
    }
    return LS_OK;
}

/* This rank's part of the data's targets. */
static ls_status count_part(struct count *count, const struct ls_comm *comm, struct ls_data *data)
{
    const struct ls_objective_output *output = count->output;
    const bool given = output->form == LS_TARGET_CLASS;
    struct ls_column_use use = {.column = output->target,
                                .finite = true,
                                .classes = given ? output->columns : 0,
                                .ignored = output->ignored != LS_NULL_INT ? output->ignored : 0,
                                .what = output->what};
    struct ls_loader *loader;
    struct ls_loader_options options = {
        .data = data,
        .order = {.samples = ls_data_samples(data), .shuffle = LS_SHUFFLE_NONE},
        .batch_size = LS_BLOCK_ROWS,
        .replicas = 1,
        .local = {0, 1},
        .use = &use,
        .uses = 1,
    };
    struct ls_range mine = ls_part(ls_order_steps(options.order.samples, LS_BLOCK_ROWS),
                                   ls_comm_size(comm), ls_comm_rank(comm));
    LS_TRY(ls_loader_create(&loader, &options));
    ls_status status = mine.begin < mine.end ? ls_loader_start(loader, 0, mine.begin) : LS_OK;
    for (int64_t block = mine.begin; block < mine.end && status == LS_OK; block++) {
        const struct ls_batch *batch;
        status = ls_loader_next(loader, &batch);
        if (status == LS_OK)
            status = count_batch(count, batch, given ? 1 : output->columns);
    }
    ls_loader_free(loader);
    return status;
}

static ls_status balance(struct ls_class_weights *weights, const struct count *count,
                         const int64_t *all, int ranks)
{
    int64_t samples = 0, present = 0;
    LS_TRY(make_room(weights, (size_t)count->classes));
    memset(count->samples, 0, (size_t)count->classes * sizeof *count->samples);
    for (int64_t c = 0; c < count->classes; c++) {
        for (int r = 0; r < ranks; r++)
            count->samples[c] += all[r * count->classes + c];
        samples += count->samples[c];
        present += count->samples[c] > 0;
    }
    for (int64_t c = 0; c < count->classes; c++)
        if (count->samples[c] > 0)
            LS_TRY(add(weights, c, (double)samples / ((double)present * (double)count->samples[c]),
                       NULL));
    return LS_OK;
}

static ls_status read_balanced(struct ls_class_weights *weights, struct ls_comm *comm,
                               const struct ls_objective_output *output, struct ls_data *data)
{
    struct count count = {.output = output, .classes = output->columns > 1 ? output->columns : 2};
    const size_t classes = (size_t)count.classes, ranks = (size_t)ls_comm_size(comm);
    int64_t *all = NULL;
    ls_status status = ls_allocate(&count.samples, classes, sizeof *count.samples);
    if (status == LS_OK)
        status = ls_allocate(&all, ranks * classes, sizeof *all);
    if (status == LS_OK)
        status = count_part(&count, comm, data);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    ls_comm_allgather(comm, all, count.samples, classes * sizeof *all);
    status = balance(weights, &count, all, (int)ranks);
out:
    ls_release(count.samples);
    ls_release(all);
    return status;
}

static bool is_balanced(const struct ls_tree *option)
{
    return option->type == LS_TREE_SCALAR && strcmp(option->text, "balanced") == 0;
}

static ls_status read_map(struct ls_class_weights *weights, const struct ls_tree *option,
                          const struct ls_objective *objective)
{
    LS_TRY(check_model(option, objective));
    if (is_balanced(option))
        return LS_OK;
    if (option->type != LS_TREE_MAP || option->count == 0)
        return ls_fail_expected(option, "{CLASS: weight, ...}, or balanced");
    return read_given(weights, option, &objective->output[0]);
}

ls_status ls_class_weights_create(struct ls_class_weights *weights, struct ls_comm *comm,
                                  const struct ls_tree *option,
                                  const struct ls_objective *objective, struct ls_data *data)
{
    *weights = (struct ls_class_weights){0};
    ls_status status = ls_comm_agree(comm, read_map(weights, option, objective));
    if (status == LS_OK && is_balanced(option))
        status = ls_comm_agree(comm, read_balanced(weights, comm, &objective->output[0], data));
    return status;
}
