/* The check on several hosts (pretended ones), at several numbers of ranks: what is the same on all
 * is told once, what differs is named; the run directory and the clocks are seen from all of them.
 */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "lockstep/lockstep.h"

enum { TEXT = 256 };
static char run_file[TEXT], data_file[TEXT], directory[TEXT];

static const char description[] = "model:\n"
                                  "  input: {shape: [20]}\n"
                                  "  layers:\n"
                                  "    - Dense: {units: 8, activation: relu}\n"
                                  "    - BatchNormalization\n"
                                  "    - Dense: {units: 1, activation: sigmoid}\n"
                                  "compile: {optimizer: sgd, loss: binary_crossentropy}\n"
                                  "data: {train: \"%s:train\", validation: \"%s:test\"}\n"
                                  "fit:\n"
                                  "  batch_size: 32\n"
                                  "  callbacks:\n"
                                  "    - CSVLogger: {filename: log.csv}\n"
                                  "    - TensorBoard\n"
                                  "    - ModelCheckpoint: {filepath: best.h5}\n";

static void write_files(void)
{
    CHECK_OK(ls_import_random(&(struct ls_import){.out = data_file, .split = "0.8,0.2"}));
    FILE *file = fopen(run_file, "w");
    CHECK(file);
    if (!file)
        return;
    fprintf(file, description, data_file, data_file);
    CHECK_INT(fclose(file), 0);
}

/* The text of the nth line of a topic, from 0; "" where there is none. */
static const char *line_of(const struct ls_check *check, const char *topic, int nth)
{
    for (size_t i = 0; i < check->lines; i++)
        if (strcmp(check->line[i].topic, topic) == 0 && nth-- == 0)
            return check->line[i].text;
    return "";
}

static double figure_of(const struct ls_check *check, const char *name)
{
    for (size_t i = 0; i < check->figures; i++)
        if (strcmp(check->figure[i].name, name) == 0)
            return check->figure[i].value;
    return -1;
}

static void look(const struct ls_check *check, int ranks, int hosts)
{
    char expected[TEXT];
    snprintf(expected, sizeof expected, "on %d host%s: %d rank%s x 1 thread", hosts,
             hosts == 1 ? "" : "s", ranks, ranks == 1 ? "" : "s");
    CHECK_HAS(line_of(check, "run", 0), expected);
    snprintf(expected, sizeof expected, "each of %d hosts: 1 rank x 1 thread on ", hosts);
    if (hosts > 1 && ranks == hosts)
        CHECK_HAS(line_of(check, "cores", 0), expected);
    if (ranks == 3 && hosts == 2) { /* the first of them has the checkpoint too */
        CHECK_HAS(line_of(check, "cores", 0), ": 2 ranks x 1 thread on ");
        CHECK_HAS(line_of(check, "cores", 1), ": 1 rank x 1 thread on ");
        CHECK_HAS(line_of(check, "memory", 1), ": 2 ranks take ");
        CHECK_HAS(line_of(check, "memory", 2), ": 1 rank takes ");
    }
    CHECK_HAS(line_of(check, "directory", 0), "can be written, locked, synced; holds no run");
    CHECK_HAS(line_of(check, "directory", 1), "3 checkpoints and the next one take ");
    if (ranks > 1)
        CHECK_HAS(line_of(check, "combine", 0), hosts > 1 ? " ms between hosts" : " ms a step");
    if (hosts > 1) {
        CHECK_HAS(line_of(check, "clocks", 0), "a message takes up to ");
        CHECK(figure_of(check, "clock_difference_seconds") < 1);
        CHECK(figure_of(check, "latency_seconds") > 0);
    } else {
        CHECK_TEXT(line_of(check, "clocks", 0), "");
        CHECK_TEXT(line_of(check, "network", 0), "");
    }
    CHECK_HAS(line_of(check, "steps", 0), "/step, ");
    CHECK_HAS(line_of(check, "steps", 1), "25 steps: about ");
    CHECK(figure_of(check, "step_seconds") > 0);
}

static void test_hosts(int ranks, int per_host)
{
    struct ls_comm *comm = check_part(ranks, &(struct ls_comm_test){.ranks_per_node = per_host});
    struct ls_check check;
    if (!comm)
        return;
    CHECK_OK(ls_run_check(
        comm, &(struct ls_run_check){.run = run_file, .directory = directory, .replicas = 4},
        &check));
    if (ls_comm_rank(comm) == 0)
        look(&check, ranks, (ranks + per_host - 1) / per_host);
    else
        CHECK_INT(check.lines, 0);
    ls_check_release(&check);
    ls_comm_free(comm);
}

/* The same status and message on all ranks, though rank 0 alone found it. */
static void test_failure(void)
{
    struct ls_check check;
    CHECK_INT(ls_run_check(check_world,
                           &(struct ls_run_check){.run = run_file, .directory = data_file}, &check),
              LS_CANNOT_WRITE);
    CHECK_HAS(ls_message(), ": Not a directory");
    ls_check_release(&check);
}

int main(void)
{
    char scratch[32] = "/tmp/lockstep-check-XXXXXX", command[TEXT];
    CHECK_OK(ls_comm_create(&check_world));
    if (ls_comm_rank(check_world) == 0)
        CHECK(mkdtemp(scratch));
    ls_comm_broadcast(check_world, scratch, sizeof scratch, 0);
    snprintf(run_file, sizeof run_file, "%s/run.yaml", scratch);
    snprintf(data_file, sizeof data_file, "%s/data.h5", scratch);
    snprintf(directory, sizeof directory, "%s/run", scratch);
    if (ls_comm_rank(check_world) == 0)
        write_files();
    ls_comm_barrier(check_world);
    test_hosts(2, 4);
    test_hosts(3, 2);
    test_hosts(4, 1);
    test_failure();
    if (ls_comm_rank(check_world) == 0) {
        snprintf(command, sizeof command, "[ \"$(ls -A %s | xargs)\" = 'data.h5 run.yaml' ]",
                 scratch);
        CHECK_INT(system(command), 0); /* nothing is left of the checks */
        snprintf(command, sizeof command, "rm -r %s", scratch);
        CHECK_INT(system(command), 0);
    }
    return check_end();
}
