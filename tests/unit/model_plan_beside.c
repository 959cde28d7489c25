/* Runs of one plan that share what their calls keep. */
#include "unit/store_test.h"

#include "model/plan.h"

enum { ROWS = 5, FLOATS = 6 * 6 * 2, OUT = 6 * 6 * 3 };

static void fill(float *values, size_t n, int which)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(i * 37 % 101) / 100 - (float)which;
}

struct runs {
    struct ls_model *model;
    struct ls_plan *plan;
    float *input[2];
    float memory[2][ROWS * FLOATS];
};

static void aim(struct runs *r, struct ls_plan_run *run, int which)
{
    r->input[which] = r->memory[which];
    run->weights = r->model->weights;
    run->input = &r->input[which];
}

static void run_rows(struct runs *r, struct ls_plan_run *run, int which, int64_t rows)
{
    fill(r->memory[which], ROWS * FLOATS, which);
    run->rows = run->global_rows = rows;
    assert_ok(ls_plan_prepare(run));
    ls_plan_execute(run, 0);
}

static void runs_stand_beside_each_other(void **state)
{
    (void)state;
    static struct runs r;
    struct ls_plan_run *alone, *first, *second;
    r.model = make_model("model:\n  input: {shape: [6, 6, 2]}\n"
                         "  layers: [Conv2D: {filters: 3, kernel_size: 3, padding: same}]\n");
    assert_ok(ls_plan_create(&r.plan, &(struct ls_plan_options){.model = r.model, .rows = ROWS}));
    assert_ok(ls_plan_run_create(&alone, r.plan));
    assert_ok(ls_plan_run_create(&first, r.plan));
    assert_ok(ls_plan_run_create_beside(&second, first));
    aim(&r, alone, 1);
    aim(&r, first, 0);
    run_rows(&r, alone, 1, 4);
    run_rows(&r, first, 0, 4);
    long blocks = ls_memory_blocks();
    aim(&r, second, 1);
    run_rows(&r, second, 1, 4);
    assert_int_equal(ls_memory_blocks(), blocks); /* it was all there */
    assert_floats(ls_plan_output(second, 0), ls_plan_output(alone, 0), 4 * OUT);
    /* In turns, with other numbers of rows: each finds its own. */
    for (int64_t rows = 1; rows <= ROWS; rows++) {
        first->rows = rows - 1;
        assert_ok(ls_plan_prepare(first));
        run_rows(&r, second, 1, rows);
        aim(&r, alone, 1);
        run_rows(&r, alone, 1, rows);
        assert_floats(ls_plan_output(second, 0), ls_plan_output(alone, 0), (size_t)rows * OUT);
        if (rows > 1)
            ls_plan_execute(first, 0);
    }
    ls_plan_run_free(second);
    ls_plan_run_free(first);
    ls_plan_run_free(alone);
    ls_plan_free(r.plan);
    ls_model_free(r.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_stand_beside_each_other, count_blocks, check_blocks),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
