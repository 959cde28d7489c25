/* What a run would take on more ranks: the model of train/cost.h, as a table. */
#include "check/check.h"
#include "comm/link.h"
#include "train/buckets.h"
#include "train/cost_measure.h"

static const char topic[] = "cost";
static const int64_t usual[] = {8, 64, 512, 4096};
enum { USUAL = sizeof usual / sizeof *usual };

/* Below this a warning is due: a third of the ranks would wait for the others. */
static const double EFFICIENCY_LEAST = 2.0 / 3;

static const double MILLI = 1e3, MICRO = 1e6, MEGA = 1e-6, GIGA = 1e-9, BITS = 8, PERCENT = 100;

struct costs {
    struct ls_checker *checker;
    struct ls_cost_net net;
    int ranks_per_node;
    struct ls_cost_trial trial;
};

/* -- what is given, and what is measured */

static ls_status find_net(struct costs *costs)
{
    struct ls_comm *comm = costs->checker->comm;
    const char *given = costs->checker->options->net;
    struct ls_link link;
    if (given)
        return ls_cost_net_parse(&costs->net, given);
    if (ls_comm_place(comm)->nodes == 1)
        return ls_fail(LS_USAGE, "--ranks: there is one node here, so say what the links between "
                                 "nodes are, as in --net 25Gbit,5us");
    LS_TRY(ls_link_measure(&link, comm));
    costs->net = (struct ls_cost_net){link.bytes_per_second, link.latency, link.overhead};
    return LS_OK;
}

static ls_status measure(struct costs *costs, int64_t rows)
{
    struct ls_session *session = &costs->checker->session;
    const struct ls_fit_job job = ls_session_job(session);
    struct ls_stepper_options options = ls_fit_stepper(&job);
    options.bucket_bytes = ls_buckets_bytes(1); /* the smallest: others are made of these */
    ls_cost_trial_release(&costs->trial);
    return ls_cost_measure(&costs->trial, &options, rows);
}

/* -- lines */

static void tell_net(const struct costs *costs)
{
    const struct ls_cost_net *net = &costs->net;
    ls_check_add(costs->checker->check, LS_CHECK_OK, topic,
                 "links %s: %.3g Gbit/s each way, latency %.3g us, %.3g us of a rank's time for a "
                 "message; %d rank%s a node",
                 costs->checker->options->net ? "as given" : "as measured here",
                 net->bytes_per_second * BITS * GIGA, net->latency * MICRO, net->overhead * MICRO,
                 costs->ranks_per_node, costs->ranks_per_node == 1 ? "" : "s");
}

static void tell_trial(const struct costs *costs)
{
    const struct ls_cost_step *step = &costs->trial.step;
    double bytes = 0;
    for (size_t i = 0; i < step->buckets; i++)
        bytes += step->bucket[i].bytes;
    ls_check_add(costs->checker->check, LS_CHECK_OK, topic,
                 "measured here, %lld samples a replica: forward and backward %.3f ms, the rest of "
                 "a step %.3f ms; gradients of %.3g MB, adding at %.3g GB/s",
                 (long long)step->rows, step->compute * MILLI, step->rest * MILLI, bytes * MEGA,
                 step->add_rate * GIGA);
}

static void tell_head(struct ls_check *check)
{
    ls_check_add(check, LS_CHECK_OK, topic, "%5s %5s %8s %9s %9s %10s %8s %10s %4s", "ranks",
                 "nodes", "batch", "step ms", "combine", "not hidden", "messages", "samples/s",
                 "eff.");
}

static int64_t bucket_bytes(const struct costs *costs, int64_t ranks)
{
    const int64_t given = costs->checker->session.config.fit.bucket_size;
    return given == LS_NULL_INT ? ls_buckets_bytes((int)ranks) : given;
}

static ls_status tell_cost(const struct costs *costs, int64_t ranks, int64_t replicas,
                           struct ls_cost *cost)
{
    const struct ls_cost_step *step = &costs->trial.step;
    LS_TRY(
        ls_cost_predict(cost, step, &costs->net,
                        &(struct ls_cost_job){.ranks = (int)ranks,
                                              .ranks_per_node = costs->ranks_per_node,
                                              .replicas = replicas,
                                              .bucket_bytes = (double)bucket_bytes(costs, ranks)}));
    ls_check_add(costs->checker->check, LS_CHECK_OK, topic,
                 "%5lld %5d %8lld %9.3f %9.3f %10.3f %8.0f %10.0f %3.0f%%", (long long)ranks,
                 cost->nodes, (long long)(replicas * step->rows), cost->step * MILLI,
                 cost->combine * MILLI, cost->exposed * MILLI, cost->messages,
                 cost->samples_per_second, cost->efficiency * PERCENT);
    return LS_OK;
}

/* The batch grows with the ranks. */
static ls_status tell_usual(const struct costs *costs)
{
    struct ls_cost cost;
    ls_check_add(costs->checker->check, LS_CHECK_OK, topic,
                 "if the batch grew with the ranks, a replica each:");
    tell_head(costs->checker->check);
    for (size_t i = 0; i < USUAL; i++)
        LS_TRY(tell_cost(costs, usual[i], usual[i], &cost));
    return LS_OK;
}

static ls_status tell_asked(const struct costs *costs, int64_t ranks, int64_t replicas)
{
    struct ls_check *check = costs->checker->check;
    struct ls_cost cost;
    ls_check_add(check, LS_CHECK_OK, topic,
                 "the run as it is, with %lld replicas:", (long long)replicas);
    tell_head(check);
    LS_TRY(tell_cost(costs, ranks, replicas, &cost));
    if (cost.efficiency < EFFICIENCY_LEAST)
        ls_check_add(check, LS_CHECK_WARNING, topic,
                     "of a step on %lld ranks %.0f%% would be waiting for the combine or for ranks "
                     "with more replicas: a larger batch, or fewer ranks, would use them better",
                     (long long)ranks, PERCENT * (1 - cost.efficiency));
    ls_check_figure(check, "predicted_step_seconds", cost.step);
    ls_check_figure(check, "predicted_combine_seconds", cost.combine);
    ls_check_figure(check, "predicted_exposed_seconds", cost.exposed);
    ls_check_figure(check, "predicted_samples_per_second", cost.samples_per_second);
    ls_check_figure(check, "predicted_efficiency", cost.efficiency);
    return LS_OK;
}

/* -- all of it */

/* The run's replicas are its own, or as many as it is started on. */
static bool replicas_are_fixed(const struct ls_checker *checker)
{
    const struct ls_session *session = &checker->session;
    return checker->train.replicas > 0 || session->config.fit.replicas != LS_NULL_INT ||
           session->state;
}

/* Of the run on the ranks that were asked for. */
static int64_t asked_replicas(const struct ls_checker *checker)
{
    return replicas_are_fixed(checker) ? checker->session.identity.replicas
                                       : checker->options->ranks;
}

static ls_status check_ranks(const struct ls_checker *checker)
{
    const int64_t ranks = checker->options->ranks, replicas = asked_replicas(checker);
    if (ranks <= replicas)
        return LS_OK;
    return ls_fail(LS_USAGE,
                   "--ranks %lld: the run has %lld replicas, and no more ranks can train it; "
                   "choose their number with --replicas",
                   (long long)ranks, (long long)replicas);
}

static ls_status check_asked(struct costs *costs, int64_t rows)
{
    struct ls_checker *checker = costs->checker;
    const int64_t batch_size = checker->session.config.fit.batch_size;
    const int64_t replicas = asked_replicas(checker);
    const int64_t slice = ls_part(batch_size, replicas, 0).end;
    if (batch_size < replicas && ls_checker_writes(checker))
        ls_check_add(checker->check, LS_CHECK_WARNING, topic,
                     "a batch of %lld is less than a sample for each of %lld replicas",
                     (long long)batch_size, (long long)replicas);
    if (slice != rows) {
        LS_TRY(measure(costs, slice));
        if (ls_checker_writes(checker))
            tell_trial(costs);
    }
    return ls_checker_writes(checker) ? tell_asked(costs, checker->options->ranks, replicas)
                                      : LS_OK;
}

static ls_status check(struct costs *costs)
{
    struct ls_checker *checker = costs->checker;
    const struct ls_session *session = &checker->session;
    int64_t rows = ls_part(session->config.fit.batch_size, session->identity.replicas, 0).end;
    LS_TRY(ls_comm_agree(checker->comm, check_ranks(checker)));
    LS_TRY(ls_comm_agree(checker->comm, find_net(costs)));
    LS_TRY(measure(costs, rows));
    if (ls_checker_writes(checker)) {
        tell_net(costs);
        tell_trial(costs);
    }
    LS_TRY(ls_comm_agree(checker->comm, ls_checker_writes(checker) ? tell_usual(costs) : LS_OK));
    return checker->options->ranks ? ls_comm_agree(checker->comm, check_asked(costs, rows)) : LS_OK;
}

void ls_check_costs(struct ls_checker *checker)
{
    const struct ls_run_check *options = checker->options;
    struct costs costs = {.checker = checker,
                          .ranks_per_node = options->ranks_per_node
                                                ? (int)options->ranks_per_node
                                                : ls_comm_place(checker->comm)->node_size};
    if (options->net || options->ranks)
        ls_checker_fails(checker, topic, check(&costs));
    ls_cost_trial_release(&costs.trial);
}
