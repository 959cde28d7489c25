/* Keras' files, damaged: each is refused in one line, or read; nothing crashes, hangs, or is left.
 */
#include "unit/store_test.h"

#include <signal.h>
#include <sys/wait.h>

#include "damage.h"
#include "data/dataset.h"
#include "store/h5.h"

#define REFERENCE TEST_DIRECTORY "/reference/"
#define KERAS     REFERENCE "perceptron_xor.h5"

struct outcomes {
    int read, refused;
};

static void try_to_read(struct outcomes *outcomes, const char *bytes, size_t length)
{
    struct ls_checkpoint checkpoint;
    write_bytes("bad.h5", bytes, length);
    ls_status status = ls_checkpoint_read(&checkpoint, "bad.h5");
    if (status == LS_OK) {
        outcomes->read++;
        ls_checkpoint_release(&checkpoint);
        return;
    }
    if (status != LS_BAD_INPUT || strncmp(ls_message(), "bad.h5", 6) != 0)
        fail_msg("status %d: %s", status, ls_message());
    outcomes->refused++;
}

static void a_file_cut_anywhere(void **state)
{
    (void)state;
    enum { STEP = 512 };
    struct outcomes outcomes = {0};
    char *bytes;
    size_t length = read_bytes(KERAS, &bytes);
    for (size_t cut = 0; cut < length; cut += STEP)
        try_to_read(&outcomes, bytes, cut);
    try_to_read(&outcomes, bytes, length - 1);
    assert_int_equal(outcomes.read, 0);
    assert_int_equal(outcomes.refused, (length + STEP - 1) / STEP + 1);
    free(bytes);
}

static void bytes_changed_anywhere(void **state)
{
    (void)state;
    enum { DAMAGES = 300 };
    struct outcomes outcomes = {0};
    char *bytes;
    size_t length = read_bytes(KERAS, &bytes);
    char *bad = malloc(length);
    for (uint64_t i = 0; i < DAMAGES; i++) {
        memcpy(bad, bytes, length);
        try_to_read(&outcomes, bad, damage((unsigned char *)bad, length, i));
    }
    /* Weights and unused space are most of the file; the rest of it is looked at. */
    assert_true(outcomes.read > 20);
    assert_true(outcomes.refused > 20);
    assert_int_equal(outcomes.read + outcomes.refused, DAMAGES);
    assert_int_equal(waitpid(-1, NULL, 0), -1); /* no child is left */
    free(bad);
    free(bytes);
}

/* The samples of a data file may be anything; what tells where they are may not. */
static void data_files_too(void **state)
{
    (void)state;
    enum { DAMAGES = 100 };
    int opened = 0, refused = 0;
    char *bytes;
    size_t length = read_bytes(REFERENCE "perceptron_xor_ref.h5", &bytes);
    char *bad = malloc(length);
    for (uint64_t i = 0; i < DAMAGES; i++) {
        struct ls_data *data;
        memcpy(bad, bytes, length);
        write_bytes("bad.h5", bad, damage((unsigned char *)bad, length, i));
        ls_status status = ls_data_open(&data, "bad.h5:x");
        if (status == LS_OK)
            ls_data_free(data);
        else if (status != LS_BAD_INPUT)
            fail_msg("%d: status %d: %s", (int)i, status, ls_message());
        opened += status == LS_OK;
        refused += status != LS_OK;
    }
    assert_true(opened > 10);
    assert_true(refused > 10);
    free(bad);
    free(bytes);
}

/* After a child's death all that is asked of it says the same. */
static void a_dead_child_gives_no_answers(void **state)
{
    (void)state;
    struct ls_h5 h5;
    struct ls_texts texts;
    char *text;
    double *values;
    float floats[2];
    const struct ls_shape shape = {1, {2}};
    size_t count;
    int64_t value;
    bool found;
    static const char died[] = KERAS ": damaged: HDF5 cannot read it";
    assert_ok(ls_h5_open(&h5, KERAS));
    assert_ok(ls_h5_find(&h5, "/model_weights", &found));
    assert_true(found);
    kill(h5.child.process, SIGKILL);
    assert_fails(ls_h5_find(&h5, "/model_weights", &found), LS_BAD_INPUT, died);
    assert_fails(ls_h5_read_text(&h5, "/", "keras_version", &text), LS_BAD_INPUT, died);
    assert_fails(ls_h5_read_texts(&h5, "/", "layer_names", &texts), LS_BAD_INPUT, died);
    assert_fails(ls_h5_read_int(&h5, "/", "n", &value, &found), LS_BAD_INPUT, died);
    assert_fails(ls_h5_read_floats(&h5, "/d", floats, &shape), LS_BAD_INPUT, died);
    assert_fails(ls_h5_read_doubles(&h5, "/d", &values, &count), LS_BAD_INPUT, died);
    ls_h5_close(&h5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_file_cut_anywhere),
        scratch_test(bytes_changed_anywhere),
        scratch_test(data_files_too),
        scratch_test(a_dead_child_gives_no_answers),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
