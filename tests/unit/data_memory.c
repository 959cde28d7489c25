/* Every allocation made to fail in turn: an error that says so, nothing lost, nothing left behind.
 */
#include "base/memory.h"
#include "data_csv.h"
#include "data_numbers.h"

typedef ls_status work(void);

static ls_status open_files(void)
{
    struct ls_data *data, *slice = NULL;
    struct ls_digest digest;
    ls_status status = ls_data_open(&data, "m*.h5:train");

    if (status == LS_OK)
        status = ls_data_slice(&slice, data, 1, 7);
    if (status == LS_OK)
        status = ls_data_fingerprint(slice, &digest);
    ls_data_free(slice);
    ls_data_free(data);
    return status;
}

static ls_status open_tree(void)
{
    static const char yaml[] = "train: [{file: m1.h5, x: /train/x}, {file: m2.h5, x: /train/x}]";
    struct ls_tree *tree;
    struct ls_data *data = NULL;
    ls_status status = ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml");

    if (status == LS_OK)
        status = ls_data_from_tree(&data, ls_tree_find(tree, "train"), ".");
    ls_data_free(data);
    ls_tree_free(tree);
    return status;
}

static ls_status name_arrays(void)
{
    static const float values[4];
    struct ls_data *data;
    ls_status status = ls_data_from_columns(
        &data, 2, (const struct ls_data_array[]){{"a", values, 2}, {"b", values, 1}}, 2);

    ls_data_free(data);
    return status;
}

static ls_status load(void)
{
    struct ls_data *data = NULL;
    struct ls_loader *loader = NULL;
    const struct ls_batch *batch;
    struct ls_loader_options options;
    ls_status status = ls_data_from_reader(
        &data, &(struct ls_data_reader){.samples = 9, .x_size = 2, .y_size = 1, read_number, NULL});

    if (status == LS_OK) {
        options = options_for(data, 4, 2);
        status = ls_loader_create(&loader, &options);
    }
    if (status == LS_OK)
        status = ls_loader_start(loader, 0, 0);
    if (status == LS_OK)
        status = ls_loader_next(loader, &batch);
    ls_loader_free(loader);
    ls_data_free(data);
    return status;
}

static ls_status import_rows(void)
{
    return ls_import_csv(&(struct ls_import){.files = FILES("m.csv"),
                                             .out = "out.h5",
                                             .target = "kind",
                                             .split = "0.5,0.5",
                                             .text_columns = FILES("colour")});
}

static ls_status append_rows(void)
{
    unlink("more.h5");
    assert_int_equal(link("learnt.h5", "more.h5"), 0);
    return ls_import_csv(&(struct ls_import){
        .files = FILES("m.csv"), .out = "more.h5", .split = "more", .append = true});
}

static ls_status import_images(void)
{
    return ls_import_idx(&(struct ls_import){.files = FILES("images", "labels"), .out = "out.h5"});
}

static ls_status read_csv(void)
{
    static const char learnt[] =
        "{\"columns\": [{\"name\": \"size\"}, {\"name\": \"colour\", \"classes\": [\"blue\", "
        "\"green\", \"red\"]}], \"target\": {\"name\": \"kind\", \"classes\": [\"a\", \"b\", "
        "\"c\"]}}";
    struct ls_data *data;
    ls_status status = ls_data_from_csv(&data, "m.csv", learnt, true);

    ls_data_free(data);
    if (status == LS_OK)
        status = ls_data_from_csv(&data, "without.csv", learnt, true);
    ls_data_free(data);
    return status;
}

/* Moves the failure until the work gets through; a failure leaves no temporary. */
static void fail_everywhere(work *work)
{
    ls_status status = LS_FAILED;
    int before = -1;

    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = work();
        ls_memory_fail_at(0);
        if (status != LS_OK) {
            assert_int_equal(status, LS_FAILED);
            assert_non_null(strstr(ls_message(), "memory"));
            assert_true(before < 0 || count_files() == before);
            before = count_files();
        }
        assert_in_range(n, 1, 5000);
    }
}

static void test_opening(void **state)
{
    (void)state;
    fail_everywhere(open_files);
    fail_everywhere(open_tree);
    fail_everywhere(read_csv);
    fail_everywhere(name_arrays);
}

static void test_loading(void **state)
{
    (void)state;
    fail_everywhere(load);
}

static void test_importing(void **state)
{
    (void)state;
    fail_everywhere(import_rows);
    fail_everywhere(append_rows);
    fail_everywhere(import_images);
}

static int setup(void **state)
{
    if (start_kernels(state) != 0)
        return -1;
    make_digits("m1.h5", "train", 4, 3);
    make_digits("m2.h5", "train", 5, 3);
    write_text("m.csv", "size,colour,kind\n1,red,b\n2,blue,c\n3,green,a\n4,red,c\n");
    write_text("without.csv", "colour,size\nred,1\n");
    write_bytes("images", "\0\0\x08\2\0\0\0\2\0\0\0\3abcdef", 18);
    write_bytes("labels", "\0\0\x08\1\0\0\0\2\1\2", 10);
    return import_csv("learnt.h5", "m.csv", "kind") == LS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_loading),
        cmocka_unit_test(test_importing),
    };
    return cmocka_run_group_tests(tests, setup, remove_directory);
}
