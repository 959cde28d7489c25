/* A plugin's metric as a kind. */
#include "metric/metric.h"

struct custom {
    struct ls_metric_kind metric;
    const struct ls_custom_metric *custom;
};

static const struct ls_custom_metric *custom_of(const struct ls_kind *kind)
{
    return ((const struct custom *)kind)->custom;
}

static const double *numbers(const void *options)
{
    return ls_custom_numbers(options, sizeof(struct ls_metric_common));
}

static size_t state_doubles(const struct ls_instance *metric, int64_t columns)
{
    return custom_of(metric->kind)->state_doubles(numbers(metric->options), columns);
}

static void update(const struct ls_metric_call *call)
{
    custom_of(call->kind)
        ->update(&(struct ls_custom_metric_call){
            .option = numbers(call->options),
            .positions = call->positions,
            .columns = call->columns,
            .prediction = call->prediction,
            .target = call->target,
            .weight = call->weight,
            .state = call->state,
        });
}

static double result(const struct ls_instance *metric, const double *state, int64_t columns)
{
    return custom_of(metric->kind)->result(numbers(metric->options), state, columns);
}

ls_status ls_metric_custom(const struct ls_kind **kind, const struct ls_custom_metric *custom)
{
    static const struct ls_option common[] = {LS_METRIC_COMMON_OPTIONS, {.name = NULL}};
    struct custom *made = NULL;
    if (!custom->state_doubles || !custom->update || !custom->result)
        return ls_fail(LS_BAD_INPUT,
                       "a metric needs the functions state_doubles, update and result");
    LS_TRY(ls_custom_create(
        &made, &(struct ls_custom_source){.custom = &custom->kind,
                                          .kind_bytes = sizeof *made,
                                          .common = common,
                                          .common_bytes = sizeof(struct ls_metric_common)}));
    if (ls_metric_resolve(made->metric.kind.name, 1, LS_TARGET_SAME)) {
        ls_custom_free(&made->metric.kind);
        return ls_fail(LS_BAD_INPUT, "'%s' stands for one of several metrics: give it another name",
                       custom->kind.name);
    }
    made->custom = custom;
    made->metric.target = custom->classes ? LS_TARGET_CLASS : LS_TARGET_SAME;
    made->metric.state_doubles = state_doubles;
    made->metric.update = update;
    made->metric.result = result;
    made->metric.examples = ls_custom_examples(&custom->kind);
    *kind = &made->metric.kind;
    return LS_OK;
}
