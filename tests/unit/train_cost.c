/* The model of cost, with numbers that a person can add up: 1 MB/s, 10 ms, 1 MB buckets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lockstep/status.h"
#include "train/cost.h"

static const struct ls_cost_net net = {.bytes_per_second = 1e6, .latency = 0.01};

/* Adding is free where no test says otherwise. */
static struct ls_cost_step step_of(const struct ls_cost_bucket *bucket, size_t buckets)
{
    return (struct ls_cost_step){.compute = 1,
                                 .rest = 0.25,
                                 .bucket = bucket,
                                 .buckets = buckets,
                                 .add_rate = 1e30,
                                 .rows = 8};
}

static struct ls_cost predict(const struct ls_cost_step *step, const struct ls_cost_net *with,
                              struct ls_cost_job job)
{
    struct ls_cost cost;
    assert_int_equal(ls_cost_predict(&cost, step, with, &job), LS_OK);
    return cost;
}

static void near(double found, double expected)
{
    assert_float_equal(found, expected, 1e-9);
}

/* 0.5 s there, 10 ms, 0.5 s back, 10 ms. */
static void one_bucket_on_two_nodes(void **state)
{
    (void)state;
    struct ls_cost_bucket bucket = {1e6, 1};
    struct ls_cost_step step = step_of(&bucket, 1);
    struct ls_cost cost = predict(&step, &net, (struct ls_cost_job){2, 1, 2, 0});
    near(cost.exposed, 1.02);
    near(cost.step, 2.27);
    near(cost.compute, 1.25);
    near(cost.combine, 1.02);
    near(cost.bytes, 1e6);
    near(cost.messages, 2);
    near(cost.samples_per_second, 16 / 2.27);
    near(cost.efficiency, 1.25 / 2.27);
    step.add_rate = 3e6; /* two partial sums read, half an arena each, and the sum written: 0.5 s */
    near(predict(&step, &net, (struct ls_cost_job){2, 1, 2, 0}).exposed, 1.52);
}

/* The first bucket is through its first way at 0.51, when its sums go: the link is free of them at
 * 1.01; the second's partial sums wait for it to 1.51, are there at 1.52, and its sums at 2.03. */
static void a_bucket_goes_while_others_are_computed(void **state)
{
    (void)state;
    struct ls_cost_bucket bucket[] = {{1e6, 0}, {1e6, 1}};
    struct ls_cost_step step = step_of(bucket, 2);
    struct ls_cost cost = predict(&step, &net, (struct ls_cost_job){2, 1, 2, 0});
    near(cost.exposed, 1.03);
    near(cost.combine, 2.01); /* a full link, and the last latency */
    bucket[1].bytes = 0;
    cost = predict(&step, &net, (struct ls_cost_job){2, 1, 2, 0});
    near(cost.exposed, 0.03); /* 1.01, 10 ms; 10 ms */
    step.pause = 0.2;         /* the sums go at 0.71, the link is free at 1.21 */
    near(predict(&step, &net, (struct ls_cost_job){2, 1, 2, 0}).exposed, 0.23);
}

/* Both go when the second is final: as one of 2 MB. */
static void buckets_go_together(void **state)
{
    (void)state;
    struct ls_cost_bucket bucket[] = {{1e6, 0}, {1e6, 1}};
    struct ls_cost_step step = step_of(bucket, 2);
    struct ls_cost cost = predict(&step, &net, (struct ls_cost_job){2, 1, 2, 2e6});
    near(cost.exposed, 2.02);
    near(cost.messages, 2);
    near(predict(&step, &net, (struct ls_cost_job){2, 1, 2, 1.9e6}).messages, 4);
}

/* What a rank does for its messages it does in place of computing: 3 sent, 3 received, for partial
 * sums and for sums. */
static void messages_cost_the_ranks(void **state)
{
    (void)state;
    struct ls_cost_bucket bucket[] = {{0, 0}, {0, 1}};
    struct ls_cost_step step = step_of(bucket, 2);
    struct ls_cost_net with = {.bytes_per_second = 1e6, .latency = 0.01, .overhead = 0.001};
    struct ls_cost cost = predict(&step, &with, (struct ls_cost_job){4, 1, 4, 0});
    near(cost.messages, 12);
    near(cost.exposed, 4 * 0.006 + 2 * 0.01);
}

/* Three halves of the bytes: two arenas read, one written, half of each by either rank. */
static void one_node_sends_nothing(void **state)
{
    (void)state;
    struct ls_cost_bucket bucket = {1e6, 1};
    struct ls_cost_step step = step_of(&bucket, 1);
    step.add_rate = 1e7;
    struct ls_cost cost = predict(&step, &net, (struct ls_cost_job){2, 2, 2, 0});
    assert_int_equal(cost.nodes, 1);
    near(cost.exposed, 0.15);
    near(cost.bytes, 0);
    cost = predict(&step, &net, (struct ls_cost_job){1, 2, 1, 0});
    near(cost.exposed, 0);
    near(cost.efficiency, 1);
}

/* Of 5 replicas on 2 ranks one rank computes 3, which are two subtrees. On 3 nodes they are 0-1,
 * 2-3 and 4, whole subtrees of the tree; 8 on 3 are 0-2, 3-5 and 6-7, of which two are two subtrees
 * each. */
static void replicas_are_dealt(void **state)
{
    (void)state;
    struct ls_cost_bucket bucket = {1e6, 1};
    struct ls_cost_step step = step_of(&bucket, 1);
    struct ls_cost cost = predict(&step, &net, (struct ls_cost_job){2, 1, 5, 0});
    near(cost.compute, 3.25);
    near(cost.efficiency, 2.75 / 4.77);
    assert_int_equal(predict(&step, &net, (struct ls_cost_job){3, 1, 5, 0}).partials, 1);
    cost = predict(&step, &net, (struct ls_cost_job){3, 1, 8, 0});
    assert_int_equal(cost.partials, 2);
    near(cost.exposed, 4 / 3. + 2 / 3. + 0.02);
    near(cost.bytes, 2e6);
    assert_int_equal(predict(&step, &net, (struct ls_cost_job){4, 2, 8, 0}).partials, 1);
}

/* 4 ranks of 1 MB each: two rounds of 10 ms, 3 MB of the others to every rank. */
static void what_all_ranks_gather(void **state)
{
    (void)state;
    struct ls_cost_step step = step_of(NULL, 0);
    step.points = 1;
    step.point_bytes = 1e6;
    near(predict(&step, &net, (struct ls_cost_job){4, 1, 4, 0}).exposed, 3.02);
    step.points = 10;
    near(predict(&step, &net, (struct ls_cost_job){4, 1, 4, 0}).exposed, 3.2);
    step.points = step.point_bytes = 0;
    step.doubles = 1e6;
    near(predict(&step, &net, (struct ls_cost_job){4, 2, 4, 0}).exposed, 4.02);
}

static void no_job(void **state)
{
    (void)state;
    struct ls_cost_step step = step_of(NULL, 0);
    struct ls_cost cost;
    assert_int_equal(ls_cost_predict(&cost, &step, &net, &(struct ls_cost_job){4, 1, 3, 0}),
                     LS_USAGE);
    assert_string_equal(ls_message(), "no step of 3 replicas on 4 ranks, 1 a node");
    assert_int_equal(ls_cost_predict(&cost, &step, &net, &(struct ls_cost_job){0, 1, 3, 0}),
                     LS_USAGE);
}

static void networks(void **state)
{
    (void)state;
    struct ls_cost_net found;
    assert_int_equal(ls_cost_net_parse(&found, "25Gbit,5us"), LS_OK);
    near(found.bytes_per_second, 3.125e9);
    near(found.latency, 5e-6);
    near(found.overhead, 1e-6);
    assert_int_equal(ls_cost_net_parse(&found, "0.8Mbit,1.5ms,200ns"), LS_OK);
    near(found.bytes_per_second, 1e5);
    near(found.latency, 1.5e-3);
    near(found.overhead, 2e-7);
    static const char *const wrong[] = {"",
                                        "25Gbit",
                                        "25Gbit,",
                                        "25Gbit,5",
                                        "25,5us",
                                        "25Gbyte,5us",
                                        "25Gbit,5us,",
                                        "0Gbit,5us",
                                        "5us,25Gbit",
                                        "-1Gbit,5us",
                                        "25Gbit,5us,x",
                                        "1.2.3Gbit,5us",
                                        "25Gbit,5us,1us,1us",
                                        NULL};
    for (const char *const *text = wrong; *text; text++) {
        assert_int_equal(ls_cost_net_parse(&found, *text), LS_USAGE);
        assert_non_null(strstr(ls_message(), "as in 25Gbit,5us"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bucket_on_two_nodes),
        cmocka_unit_test(a_bucket_goes_while_others_are_computed),
        cmocka_unit_test(buckets_go_together),
        cmocka_unit_test(messages_cost_the_ranks),
        cmocka_unit_test(one_node_sends_nothing),
        cmocka_unit_test(replicas_are_dealt),
        cmocka_unit_test(what_all_ranks_gather),
        cmocka_unit_test(no_job),
        cmocka_unit_test(networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
