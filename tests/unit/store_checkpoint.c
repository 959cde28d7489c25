/* Checkpoints: what is written comes back; what is damaged does not. */
#include "unit/store_test.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "store/digest.h"
#include "store/h5.h"

/* -- tables */

static void a_table_grows_by_rows_and_columns(void **state)
{
    (void)state;
    struct ls_table table = {0}, copy;
    assert_ok(ls_table_append(&table, (const char *[]){"epoch", "loss"}, (double[]){1, 0.5}, 2));
    assert_ok(ls_table_append(&table, (const char *[]){"loss", "val_loss", "epoch"},
                              (double[]){0.25, 0.75, 2}, 3));
    assert_int_equal(table.rows, 2);
    assert_int_equal(table.columns, 3);
    assert_string_equal(table.name[2], "val_loss");
    assert_true(table.value[0] == 1 && table.value[1] == 0.5 && isnan(table.value[2]));
    assert_true(table.value[3] == 2 && table.value[4] == 0.25 && table.value[5] == 0.75);
    assert_ok(ls_table_copy(&copy, &table));
    assert_int_equal(copy.rows, 2);
    assert_string_equal(copy.name[1], "loss");
    assert_memory_equal(copy.value, table.value, 6 * sizeof(double));
    ls_table_release(&table);
    assert_ok(ls_table_copy(&table, &(struct ls_table){0}));
    ls_table_release(&table);
    ls_table_release(&copy);
}

/* -- a checkpoint with everything */

static struct ls_checkpoint full(void)
{
    struct ls_checkpoint made = {.slots = 2, .partials = 3};
    made.model = make_model(SMALL_MODEL);
    assert_ok(ls_tree_copy(&made.compile, made.model->compile));
    made.state = json_tree("{\"step\": 12, \"name\": \"x\", \"loss\": 0.1, \"none\": null, "
                           "\"list\": [1, 2.5, true, \"true\"]}");
    for (size_t s = 0; s < 2; s++) {
        char *name = NULL;
        assert_ok(ls_duplicate(&name, s ? "velocity" : "momentum"));
        made.slot_name[s] = name;
        assert_ok(ls_allocate(&made.slot[s], made.model->trainable_floats, sizeof(float)));
        for (size_t i = 0; i < ls_model_variables(made.model); i++) {
            struct ls_variable_at at = ls_model_variable(made.model, i);
            for (size_t k = 0; at.trainable && k < ls_variable_count(at.variable); k++)
                made.slot[s][at.variable->offset + k] = (float)(s + 1) / (float)(k + 3);
        }
    }
    assert_ok(ls_allocate(&made.partial, 3, sizeof(double)));
    made.partial[0] = 1.0 / 3;
    made.partial[1] = -0.0;
    made.partial[2] = NAN;
    assert_ok(ls_table_append(&made.epochs, (const char *[]){"epoch", "loss"},
                              (double[]){1, 1.0 / 7}, 2));
    assert_ok(ls_table_append(&made.epochs, (const char *[]){"epoch", "val_loss"},
                              (double[]){2, 1e-300}, 2));
    return made;
}

static void assert_trees(const struct ls_tree *a, const struct ls_tree *b)
{
    struct ls_text left = {0}, right = {0};
    if (a)
        ls_tree_format_yaml(&left, a);
    if (b)
        ls_tree_format_yaml(&right, b);
    assert_string_equal(left.data ? left.data : "", right.data ? right.data : "");
    ls_text_release(&left);
    ls_text_release(&right);
}

static void assert_checkpoints(const struct ls_checkpoint *a, const struct ls_checkpoint *b)
{
    assert_int_equal(a->model->floats, b->model->floats);
    assert_int_equal(a->model->trainable_floats, b->model->trainable_floats);
    assert_floats(a->model->weights, b->model->weights, a->model->floats);
    assert_trees(a->compile, b->compile);
    assert_trees(a->state, b->state);
    assert_int_equal(a->slots, b->slots);
    for (size_t i = 0; i < a->slots; i++) {
        assert_string_equal(a->slot_name[i], b->slot_name[i]);
        assert_floats(a->slot[i], b->slot[i], a->model->trainable_floats);
    }
    assert_int_equal(a->partials, b->partials);
    assert_memory_equal(a->partial, b->partial, a->partials * sizeof(double));
    assert_int_equal(a->epochs.rows, b->epochs.rows);
    assert_int_equal(a->epochs.columns, b->epochs.columns);
    for (size_t i = 0; i < a->epochs.columns; i++)
        assert_string_equal(a->epochs.name[i], b->epochs.name[i]);
    assert_memory_equal(a->epochs.value, b->epochs.value,
                        a->epochs.rows * a->epochs.columns * sizeof(double));
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct ls_checkpoint made = full(), back;
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    assert_ok(ls_checkpoint_read(&back, "a.h5"));
    assert_checkpoints(&made, &back);
    assert_true(back.model->initialized);
    assert_string_equal(back.model->name, "small");
    assert_false(back.model->layer[4]->trainable);
    assert_trees(back.model->compile, made.compile);
    /* and the same state is the same file */
    char *one, *two;
    assert_ok(ls_checkpoint_save(&back, "b.h5"));
    size_t size = read_bytes("a.h5", &one);
    assert_int_equal(read_bytes("b.h5", &two), size);
    assert_memory_equal(one, two, size);
    free(one);
    free(two);
    ls_checkpoint_release(&made);
    ls_checkpoint_release(&back);
}

static void a_model_alone_comes_back(void **state)
{
    (void)state;
    struct ls_checkpoint back, made = {.model = make_model("model: {layers: [Input: {shape: []}, "
                                                           "Activation: {activation: step}]}")};
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    assert_ok(ls_checkpoint_read(&back, "a.h5"));
    assert_null(back.state);
    assert_null(back.compile);
    assert_int_equal(back.slots, 0);
    assert_int_equal(back.partials, 0);
    assert_int_equal(back.epochs.columns, 0);
    ls_checkpoint_release(&back);
    ls_model_free(made.model);
}

/* -- damage */

static void a_torn_file_is_refused_at_every_length(void **state)
{
    (void)state;
    struct ls_checkpoint made = full(), back;
    char *bytes;
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    ls_checkpoint_release(&made);
    size_t size = read_bytes("a.h5", &bytes);
    for (size_t length = 0; length < size; length += 4096) {
        write_bytes("torn.h5", bytes, length);
        if (ls_checkpoint_read(&back, "torn.h5") != LS_BAD_INPUT)
            fail_msg("%zu of %zu bytes were read as a whole", length, size);
    }
    write_bytes("torn.h5", bytes, size - 1);
    assert_fails(ls_checkpoint_read(&back, "torn.h5"), LS_BAD_INPUT,
                 "torn.h5: damaged: its bytes are not those of its digest (it was cut short or "
                 "changed)");
    write_bytes("torn.h5", "", 0);
    assert_fails(ls_checkpoint_read(&back, "torn.h5"), LS_BAD_INPUT,
                 "torn.h5: not a whole HDF5 file");
    free(bytes);
}

static void a_flipped_bit_is_refused_wherever_it_is(void **state)
{
    (void)state;
    enum { STRIDE = 67 }; /* odd: all bits of a byte come by */
    struct ls_checkpoint made = full(), back;
    char *bytes;
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    ls_checkpoint_release(&made);
    size_t size = read_bytes("a.h5", &bytes);
    int file = open("a.h5", O_RDWR);
    const char *mark = memmem(bytes, size, LS_DIGEST_MARK, strlen(LS_DIGEST_MARK));
    assert_non_null(mark);
    for (size_t at = 0; at < size; at += labs(bytes + at - mark) < 64 ? 1 : STRIDE) {
        char changed = (char)(bytes[at] ^ (1 << at % 8));
        assert_int_equal(pwrite(file, &changed, 1, (off_t)at), 1);
        if (ls_checkpoint_read(&back, "a.h5") != LS_BAD_INPUT)
            fail_msg("a bit flipped in byte %zu was not seen", at);
        assert_int_equal(pwrite(file, bytes + at, 1, (off_t)at), 1);
    }
    assert_ok(ls_checkpoint_read(&back, "a.h5"));
    ls_checkpoint_release(&back);
    close(file);
    free(bytes);
}

/* Gives a file that was changed the digest of its bytes. */
static void seal_again(const char *path)
{
    char *bytes;
    size_t size = read_bytes(path, &bytes);
    char *mark = memmem(bytes, size, LS_DIGEST_MARK, strlen(LS_DIGEST_MARK));
    assert_non_null(mark);
    memcpy(mark, LS_DIGEST_EMPTY, strlen(LS_DIGEST_EMPTY));
    struct ls_h5_buffer buffer = {.bytes = bytes, .length = size, .room = size};
    assert_ok(ls_digest_seal(&buffer, path));
    write_bytes(path, bytes, size);
    free(bytes);
}

static void set_format(const char *path, int64_t format)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t group = H5Gopen2(file, "/lockstep", H5P_DEFAULT);
    hid_t attribute = H5Aopen(group, "format", H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_INT64, &format) >= 0);
    H5Aclose(attribute);
    H5Gclose(group);
    H5Fclose(file);
    seal_again(path);
}

static void a_newer_format_is_refused(void **state)
{
    (void)state;
    struct ls_checkpoint made = full(), back;
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    set_format("a.h5", 2);
    assert_fails(ls_checkpoint_read(&back, "a.h5"), LS_BAD_INPUT,
                 "a.h5: of format 2, but this program (0.1.0) knows formats up to 1: use "
                 "a newer one");
    set_format("a.h5", 0);
    assert_fails(ls_checkpoint_read(&back, "a.h5"), LS_BAD_INPUT, "a.h5: /lockstep: no format");
    ls_checkpoint_release(&made);
}

static void a_file_that_lost_its_digest_is_refused(void **state)
{
    (void)state;
    struct ls_checkpoint made = full(), back;
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    hid_t file = H5Fopen("a.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Adelete_by_name(file, "/lockstep", "digest", H5P_DEFAULT) >= 0);
    H5Fclose(file);
    /* HDF5 leaves the bytes of what was deleted. */
    char *bytes;
    size_t size = read_bytes("a.h5", &bytes);
    char *mark = memmem(bytes, size, LS_DIGEST_MARK, strlen(LS_DIGEST_MARK));
    if (mark)
        memset(mark, 0, strlen(LS_DIGEST_MARK));
    write_bytes("a.h5", bytes, size);
    free(bytes);
    assert_fails(ls_checkpoint_read(&back, "a.h5"), LS_BAD_INPUT,
                 "a.h5: damaged: its digest is lost");
    ls_checkpoint_release(&made);
}

static void what_is_no_file_is_named(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    assert_fails(ls_checkpoint_read(&back, "none.h5"), LS_NO_INPUT,
                 "cannot read 'none.h5': No such file or directory");
    assert_fails(ls_checkpoint_read(&back, "."), LS_NO_INPUT, "cannot read '.': it is no file");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_fails(ls_checkpoint_read(&back, "pipe"), LS_NO_INPUT,
                 "cannot read 'pipe': it is no file");
    write_bytes("text", "hello", 5);
    assert_fails(ls_checkpoint_read(&back, "text"), LS_BAD_INPUT, "text: not a whole HDF5 file");
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    (void)state;
    struct ls_checkpoint made = full(), back;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK; n += 1 + n / 16) {
        ls_memory_fail_at(n);
        status = ls_checkpoint_save(&made, "a.h5");
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED || status == LS_CANNOT_WRITE);
        assert_int_equal(exists("a.h5"), status == LS_OK);
    }
    status = LS_FAILED;
    for (long n = 1; status != LS_OK; n += 1 + n / 16) {
        ls_memory_fail_at(n);
        status = ls_checkpoint_read(&back, "a.h5");
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED);
    }
    assert_checkpoints(&made, &back);
    ls_checkpoint_release(&back);
    ls_checkpoint_release(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(a_table_grows_by_rows_and_columns),
        scratch_test(everything_comes_back),
        scratch_test(a_model_alone_comes_back),
        scratch_test(a_torn_file_is_refused_at_every_length),
        scratch_test(a_flipped_bit_is_refused_wherever_it_is),
        scratch_test(a_newer_format_is_refused),
        scratch_test(a_file_that_lost_its_digest_is_refused),
        scratch_test(what_is_no_file_is_named),
        scratch_test(memory_that_runs_out_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
