#include "train/profile.h"

#include <string.h>

#include "base/memory.h"

ls_status ls_profile_create(struct ls_profile **profile, const struct ls_plan *plan)
{
    struct ls_profile *made = NULL;
    *profile = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->plan.watch = made->combine.watch = &made->watch;
    made->calls = ls_plan_calls(plan);
    ls_status status = ls_allocate(&made->plan.call, made->calls, sizeof *made->plan.call);
    if (status == LS_OK)
        *profile = made;
    else
        ls_profile_free(made);
    return status;
}

void ls_profile_free(struct ls_profile *profile)
{
    if (!profile)
        return;
    ls_release(profile->plan.call);
    ls_release(profile);
}

void ls_profile_clear(struct ls_profile *profile)
{
    struct ls_plan_times *plan = &profile->plan;
    memset(plan->call, 0, profile->calls * sizeof *plan->call);
    plan->loss = 0;
    plan->rows = 0;
    memset(profile->combine.seconds, 0, sizeof profile->combine.seconds);
    profile->combine.hidden = 0;
    profile->optimizer = profile->data = profile->rest = profile->between = 0;
    profile->steps = 0;
}

void ls_profile_begin(struct ls_profile *profile, bool epoch_begins)
{
    double pause = 0;
    ls_lap(&profile->watch, &pause);
    if (profile->steps == 1 && !profile->warm) {
        ls_profile_clear(profile);
        profile->warm = true;
    } else if (!epoch_begins) {
        profile->between += pause;
    }
    profile->steps++;
}

/* -- the table */

/* Rows of the parts that are no layer. */
static void add_part(struct ls_run_profile *table, const char *name, double seconds)
{
    table->rows[table->count++] = (struct ls_run_profile_row){.name = name, .seconds = seconds};
}

static ls_status name_call(char **name, const struct ls_plan_work *work)
{
    if (work->of > 1)
        return ls_format(name, "%s#%zu", work->layer->path, work->number);
    return ls_duplicate(name, work->layer->path);
}

static ls_status add_call(struct ls_run_profile *table, const struct ls_profile *profile,
                          const struct ls_plan *plan, size_t call)
{
    struct ls_plan_work work;
    const struct ls_plan_call_time *time = &profile->plan.call[call];
    double rows = (double)profile->plan.rows;
    char *name = NULL;
    if (!ls_plan_work_of(plan, call, &work))
        return LS_OK;
    LS_TRY(name_call(&name, &work));
    table->rows[table->count++] =
        (struct ls_run_profile_row){.name = name,
                                    .kind = work.layer->kind->kind.name,
                                    .seconds = time->forward + time->backward,
                                    .forward_seconds = time->forward,
                                    .backward_seconds = time->backward,
                                    .forward_flops = rows * work.forward_flops,
                                    .backward_flops = rows * work.backward_flops};
    return LS_OK;
}

/* From sums over all steps to a step's. */
static void divide(struct ls_run_profile *table)
{
    double steps = (double)table->steps;
    for (size_t i = 0; i < table->count; i++) {
        struct ls_run_profile_row *row = &table->rows[i];
        row->seconds /= steps;
        row->forward_seconds /= steps;
        row->backward_seconds /= steps;
        row->forward_flops /= steps;
        row->backward_flops /= steps;
        table->step_seconds += row->seconds;
    }
    for (size_t i = 0; i < table->count; i++)
        table->rows[i].share = table->rows[i].seconds / table->step_seconds;
}

ls_status ls_profile_table(struct ls_run_profile *table, const struct ls_profile *profile,
                           const struct ls_plan *plan, double peak)
{
    static const char *const combine[] = {[LS_COMBINE_WAITING] = "combine: waiting",
                                          [LS_COMBINE_ADDING] = "combine: adding",
                                          [LS_COMBINE_EXCHANGING] = "combine: between nodes"};
    enum { OTHER_PARTS = 5 };
    ls_status status;
    *table = (struct ls_run_profile){.steps = profile->steps, .peak_gflops = peak};
    if (profile->steps == 0)
        return LS_OK;
    LS_TRY(ls_allocate(&table->rows, ls_plan_calls(plan) + LS_COMBINE_PARTS + OTHER_PARTS,
                       sizeof *table->rows));
    for (size_t c = 0; c < ls_plan_calls(plan); c++)
        LS_TRY_OUT(add_call(table, profile, plan, c));
    add_part(table, "loss", profile->plan.loss);
    for (size_t part = 0; part < LS_COMBINE_PARTS; part++)
        add_part(table, combine[part], profile->combine.seconds[part]);
    add_part(table, "optimizer", profile->optimizer);
    add_part(table, "data", profile->data);
    add_part(table, "rest of the step", profile->rest);
    add_part(table, "between steps", profile->between);
    table->hidden_seconds = profile->combine.hidden / (double)profile->steps;
    divide(table);
    return LS_OK;
out:
    ls_profile_table_release(table);
    return status;
}

void ls_profile_table_release(struct ls_run_profile *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].kind)
            ls_release((char *)table->rows[i].name);
    ls_release(table->rows);
    *table = (struct ls_run_profile){0};
}
