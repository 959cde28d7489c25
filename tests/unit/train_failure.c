/* Memory that runs out in a run: each allocation of the whole of it fails in turn. The run ends
 * with the bits that it has with memory, or says that there was none, leaves no block behind, and
 * goes on to those bits from what is there. A sample of the allocations, or all with the argument
 * --all. */
#include <ftw.h>

#include "unit/train_run_test.h"

#define RUN_OF_ALL                                                                                 \
    HEAD "data: {train: data.h5:train, validation: data.h5:test}\n"                                \
         "fit: {batch_size: 5, epochs: 3, seed: 7, callbacks: [CSVLogger: {filename: log.csv},\n"  \
         "  TensorBoard: {histogram_freq: 1}, EarlyStopping: {patience: 5},\n"                     \
         "  ModelCheckpoint: {filepath: best.keras, save_best_only: true},\n"                      \
         "  ReduceLROnPlateau: {patience: 1}]}\n"                                                  \
         "checkpoint: {every: 4 steps, keep: 2}\n"

static bool all;

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *way)
{
    (void)about, (void)type, (void)way;
    return remove(path);
}

static void remove_run(void)
{
    enum { DESCRIPTORS = 8 };
    nftw("run", remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

static char warning[1024];
static void keep_warning(void *user, enum ls_log_level level, const char *line)
{
    (void)user, (void)level;
    snprintf(warning, sizeof warning, "%s", line);
}

/* Returns whether there were so many. */
static bool fail_at(long n, uint64_t expected)
{
    warning[0] = '\0';
    long before = ls_memory_blocks();
    ls_fail(LS_FAILED, "no message of its own");
    ls_memory_fail_at(n);
    ls_status status = train_in("run", true, NULL);
    bool reached = ls_memory_fails_in() == 0;
    ls_memory_fail_at(0);
    if (ls_memory_blocks() != before)
        fail_msg("%ld blocks were left when allocation %ld failed", ls_memory_blocks() - before, n);
    if (status != LS_OK && !strstr(ls_message(), "memory"))
        fail_msg("allocation %ld failed: status %d, '%s'", n, (int)status, ls_message());
    if (status == LS_OK && hash_of("run") != expected)
        fail_msg("allocation %ld failed: other bits (%s)", n, warning);
    if (status != LS_OK && (status = train_in("run", true, NULL)) != LS_OK)
        fail_msg("allocation %ld failed, and then: status %d, '%s'", n, (int)status, ls_message());
    if (hash_of("run") != expected)
        fail_msg("allocation %ld failed: other bits when it went on", n);
    remove_run();
    return reached;
}

static void test_every_allocation(void **state)
{
    (void)state;
    enum { SAMPLE_STEP = 199 };
    long n = 1;
    write_text("run.yaml", RUN_OF_ALL);
    ls_log_set(keep_warning, NULL);
    assert_ok(train_in("run", true, NULL));
    uint64_t expected = hash_of("run");
    remove_run();
    while (fail_at(n, expected))
        n += all ? 1 : SAMPLE_STEP;
    ls_log_set(NULL, NULL);
    print_message("%ld allocations\n", n);
    assert_true(n > 1000);
}

int main(int count, char **arguments)
{
    all = count > 1 && strcmp(arguments[1], "--all") == 0;
    static const struct CMUnitTest tests[] = {trained_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
