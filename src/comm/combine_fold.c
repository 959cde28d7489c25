/* Folding a rank's replicas: which additions there are is found once, then they are done as the
 * replicas are pushed, or bucket by bucket. */
#include "comm/combine_private.h"
#include "kernel/kernels.h"

struct stack {
    size_t *slot, depth;
};

/* The two topmost of the stack become one, in the place of the left one. */
static void add_topmost(struct ls_combine *combine, struct stack *stack, size_t *count)
{
    const size_t *top = stack->slot + stack->depth - 2;

    combine->fold[(*count)++] = (struct ls_fold){top[0], top[1]};
    stack->depth--;
}

/* A power of two of leaves is whole when its last bit turns over; what is left at the end of a
 * partial sum is added from the right, as the tree has it. MPI adds one sum a rank: of floats, last
 * of all, the partial sums too. */
static void find_folds(struct ls_combine *combine, struct stack *stack)
{
    struct ls_range mine = combine->replicas;
    const struct ls_range *part =
        combine->leaves.range + combine->leaves.first[combine->comm->place.position];
    size_t parts = 0, count = 0;

    for (int64_t replica = mine.begin; replica < mine.end; replica++) {
        size_t i = (size_t)(replica - mine.begin), least = stack->depth + 1;
        combine->slot[i] = combine->options.resident ? i : stack->depth;
        stack->slot[stack->depth++] = combine->slot[i];
        if (replica + 1 < part->end) {
            least -= (size_t)__builtin_ctzll((uint64_t)(replica + 1 - part->begin));
        } else {
            least = ++parts;
            part++;
        }
        while (stack->depth > least)
            add_topmost(combine, stack, &count);
        combine->folds[i + 1] = count;
    }
    combine->exact_folds = count;
    while (combine->options.fast && stack->depth > 1)
        add_topmost(combine, stack, &count);
    combine->folds[mine.end - mine.begin] = count;
}

ls_status ls_combine_make_folds(struct ls_combine *combine)
{
    size_t replicas = (size_t)(combine->replicas.end - combine->replicas.begin);
    struct stack stack = {0};
    ls_status status;

    LS_TRY_OUT(ls_allocate(&combine->fold, replicas, sizeof *combine->fold));
    LS_TRY_OUT(ls_allocate(&combine->folds, replicas + 1, sizeof *combine->folds));
    LS_TRY_OUT(ls_allocate(&combine->slot, replicas, sizeof *combine->slot));
    LS_TRY_OUT(ls_allocate(&stack.slot, replicas, sizeof *stack.slot));
    find_folds(combine, &stack);
out:
    ls_release(stack.slot);
    return status;
}

static size_t slot_arena(const struct ls_combine *combine, size_t slot)
{
    return combine->layout.first_slot[combine->team.rank] + slot;
}

struct ls_slot ls_combine_slot(struct ls_combine *combine, int64_t replica)
{
    size_t slot = combine->slot[replica - combine->replicas.begin];
    size_t arena = slot_arena(combine, slot);

    return (struct ls_slot){ls_combine_arena(combine, arena), ls_combine_doubles(combine, arena)};
}

/* What the pushes from `first` to before `end` add, of a range of the elements. */
static void fold_floats(struct ls_combine *combine, size_t first, size_t end,
                        struct ls_range elements)
{
    for (size_t i = combine->folds[first]; i < combine->folds[end]; i++) {
        float *left = ls_combine_arena(combine, slot_arena(combine, combine->fold[i].left));
        float *right = ls_combine_arena(combine, slot_arena(combine, combine->fold[i].right));
        ls_k->add(left + elements.begin, left + elements.begin, right + elements.begin,
                  (size_t)(elements.end - elements.begin));
    }
}

static void fold_doubles(struct ls_combine *combine, size_t push)
{
    size_t end = combine->folds[push + 1];

    end = end < combine->exact_folds ? end : combine->exact_folds;
    for (size_t i = combine->folds[push]; i < end; i++) {
        double *left = ls_combine_doubles(combine, slot_arena(combine, combine->fold[i].left));
        double *right = ls_combine_doubles(combine, slot_arena(combine, combine->fold[i].right));
        for (size_t k = 0; k < combine->options.doubles; k++)
            left[k] += right[k];
    }
}

void ls_combine_push(struct ls_combine *combine, int64_t replica)
{
    size_t push = (size_t)(replica - combine->replicas.begin), written = combine->written;

    if (written == 0)
        fold_floats(combine, push, push + 1,
                    (struct ls_range){0, (int64_t)combine->options.floats});
    for (size_t b = written; written > 0 && b < combine->buckets; b++)
        fold_floats(combine, push, push + 1, combine->bucket[b].elements);
    fold_doubles(combine, push);
    combine->pushed = push + 1;
    ls_combine_lap(combine, LS_COMBINE_ADDING);
}

void ls_combine_write(struct ls_combine *combine)
{
    size_t replicas = (size_t)(combine->replicas.end - combine->replicas.begin);

    fold_floats(combine, combine->pushed, replicas, combine->bucket[combine->written].elements);
    ls_combine_publish(combine, combine->written + 1);
    ls_combine_lap(combine, LS_COMBINE_ADDING);
}
