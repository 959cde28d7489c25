/* Choosing kernels: the set, OpenBLAS' core and oneDNN's instruction set that go with it, the
 * environment, and what is refused. OpenBLAS is loaded once a process, so each case has its own. */
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/kernel_sets.h"

#include "base/memory.h"
#include "kernel/blas.h"
#include "kernel/gemm.h"

/* In a child no cmocka assertion works: a failed check says so and ends it. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition);                \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_child(void (*body)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        unsetenv("LOCKSTEP_KERNELS");
        unsetenv("OPENBLAS_CORETYPE");
        unsetenv("OPENBLAS_NUM_THREADS");
        body();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void check_environment(const char *name, const char *want)
{
    const char *got = getenv(name);
    CHECK(want ? got && strcmp(got, want) == 0 : !got, "%s is %s, not %s", name,
          got ? got : "not set", want ? want : "unset");
}

static void check_init(ls_status want, const char *message_part)
{
    ls_status got = ls_kernels_init(NULL);
    CHECK(got == want, "%d (%s)", (int)got, ls_message());
    if (message_part)
        CHECK(strstr(ls_message(), message_part), "%s", ls_message());
}

/* -- the environment */

static void unset_stays_unset(void)
{
    check_init(LS_OK, NULL);
    check_environment("OPENBLAS_CORETYPE", NULL);
    check_environment("OPENBLAS_NUM_THREADS", NULL);
}

static void set_stays_set(void)
{
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    setenv("OPENBLAS_NUM_THREADS", "7", 1);
    check_init(LS_OK, NULL);
    check_environment("OPENBLAS_CORETYPE", "Prescott");
    check_environment("OPENBLAS_NUM_THREADS", "7");
    CHECK(strcmp(ls_blas.corename(), "Prescott") == 0, "%s", ls_blas.corename());
}

static void the_users_core_wins(void)
{
    setenv("OPENBLAS_CORETYPE", "Nehalem", 1);
    setenv("LOCKSTEP_KERNELS", "baseline", 1);
    check_init(LS_OK, NULL);
    CHECK(strcmp(ls_blas.corename(), "Nehalem") == 0, "%s", ls_blas.corename());
}

static void no_memory(void)
{
    setenv("OPENBLAS_NUM_THREADS", "7", 1);
    ls_memory_fail_at(1);
    check_init(LS_FAILED, "memory");
    ls_memory_fail_at(0);
    check_environment("OPENBLAS_CORETYPE", NULL);
    check_environment("OPENBLAS_NUM_THREADS", "7");
    check_init(LS_OK, NULL); /* and can be tried again */
}

static void test_environment(void **state)
{
    (void)state;
    in_child(unset_stays_unset);
    in_child(set_stays_set);
    in_child(the_users_core_wins);
    in_child(no_memory);
}

/* -- threads */

static int count_threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks, "no /proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static void large_gemm(bool transpose_b)
{
    enum { M = 32, N = 100, K = 700 };
    static float a[M * K], b[N * K], c[M * N];
    /* as is: oneDNN; with B transposed: OpenBLAS */
    ls_gemm(&(struct ls_gemm){
        .transpose_b = transpose_b, .m = M, .n = N, .k = K, .a = a, .b = b, .c = c});
}

static void *gemm_in_thread(void *unused)
{
    large_gemm(false);
    CHECK(count_threads() == 2, "%d threads", count_threads());
    return unused;
}

static void one_thread(void)
{
    setenv("OPENBLAS_NUM_THREADS", "4", 1);
    setenv("OMP_NUM_THREADS", "4", 1);
    const int before = count_threads();
    check_init(LS_OK, NULL);
    large_gemm(false);
    large_gemm(true);
    pthread_t thread; /* OpenMP's number of threads is a thread's own */
    CHECK(pthread_create(&thread, NULL, gemm_in_thread, NULL) == 0, "no thread");
    pthread_join(thread, NULL);
    CHECK(count_threads() == before, "%d threads, before %d", count_threads(), before);
    CHECK(ls_kernels_threads() == 1, "%d", ls_kernels_threads());
    CHECK(ls_kernels_init(&(struct ls_kernel_options){.threads = 2}) == LS_OK, "%s", ls_message());
    check_init(LS_OK, NULL); /* as a prediction does it in the middle of a training */
    CHECK(ls_kernels_threads() == 2, "%d", ls_kernels_threads());
}

static void test_threads(void **state)
{
    (void)state;
    in_child(one_thread);
}

/* -- sets */

static size_t asked_set;

static void set_by_hand(void)
{
    static const char *const cores[] = {
#define X(set, needs, core, isa) core,
        LS_KERNEL_SETS(X)
#undef X
    };
    static const char *const isas[] = {
#define X(set, needs, core, isa) #isa,
        LS_KERNEL_SETS(X)
#undef X
    };
    struct ls_kernel_identity identity;
    setenv("LOCKSTEP_KERNELS", set_names[asked_set], 1);
    check_init(LS_OK, NULL);
    CHECK(strcmp(ls_k->name, set_names[asked_set]) == 0, "%s", ls_k->name);
    CHECK(ls_kernels_identity(&identity) == LS_OK, "%s", ls_message());
    CHECK(strcmp(identity.set, set_names[asked_set]) == 0, "%s", identity.set);
    CHECK(strcmp(identity.blas_core, cores[asked_set]) == 0, "%s", identity.blas_core);
    CHECK(strcmp(identity.onednn_isa, isas[asked_set]) == 0, "%s", identity.onednn_isa);
}

static void identity_of_this_machine(void)
{
    struct ls_kernel_identity first, second;
    check_init(LS_OK, NULL);
    CHECK(ls_kernels_identity(&first) == LS_OK, "%s", ls_message());
    CHECK(ls_kernels_identity(&second) == LS_OK, "%s", ls_message());
    CHECK(first.blas_version[0] == '0' && strchr(first.blas_version, '.'), "%s",
          first.blas_version);
    CHECK(strchr(first.onednn_version, '.'), "%s", first.onednn_version);
    CHECK(strchr(first.sleef_version, '.'), "%s", first.sleef_version);
    CHECK(first.cpu[0] && first.cpu[0] != ' ', "'%s'", first.cpu);
    CHECK(first.probe != 0 && first.probe == second.probe, "%llx %llx",
          (unsigned long long)first.probe, (unsigned long long)second.probe);
}

/* The slow core is for CPUs that have nothing better. */
static void best_by_itself(void)
{
    check_init(LS_OK, NULL);
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++)
        if (set_runs(set))
            asked_set = set;
    CHECK(strcmp(ls_k->name, set_names[asked_set]) == 0, "%s", ls_k->name);
    if (asked_set > 0)
        CHECK(strcmp(ls_blas.corename(), "Prescott") != 0, "%s", ls_blas.corename());
}

static void test_sets(void **state)
{
    (void)state;
    for (asked_set = 0; asked_set < LS_KERNEL_SET_COUNT; asked_set++)
        if (set_runs(asked_set))
            in_child(set_by_hand);
    in_child(identity_of_this_machine);
    in_child(best_by_itself);
}

/* -- refusals */

static void unknown_set(void)
{
    setenv("LOCKSTEP_KERNELS", "sse9", 1);
    check_init(LS_USAGE, "LOCKSTEP_KERNELS=sse9: no such kernel set (this CPU runs: baseline");
    unsetenv("LOCKSTEP_KERNELS");
    check_init(LS_OK, NULL);
}

static void core_loaded_before(void)
{
    setenv("OPENBLAS_CORETYPE", "Nehalem", 1);
    CHECK(dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL), "%s", dlerror());
    unsetenv("OPENBLAS_CORETYPE");
    setenv("LOCKSTEP_KERNELS", "baseline", 1);
    check_init(LS_FAILED, "LOCKSTEP_KERNELS=baseline needs OpenBLAS' core Prescott, but it runs "
                          "Nehalem: it was loaded before");
}

static void onednn_used_before(void)
{
    static float x[1], y[1];
    int (*sgemm)(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t,
                 const float *, int64_t, float, float *, int64_t);
    void *symbol = dlsym(RTLD_DEFAULT, "dnnl_sgemm");
    CHECK(symbol, "no dnnl_sgemm");
    memcpy(&sgemm, &symbol, sizeof symbol);
    CHECK(sgemm('N', 'N', 1, 1, 1, 1, x, 1, x, 1, 0, y, 1) == 0, "dnnl_sgemm");
    setenv("LOCKSTEP_KERNELS", "baseline", 1);
    check_init(LS_FAILED, "LOCKSTEP_KERNELS=baseline: oneDNN has chosen its instruction set");
}

static void test_refusals(void **state)
{
    (void)state;
    enum ls_kernel_set set;
    in_child(unknown_set);
    in_child(core_loaded_before);
    in_child(onednn_used_before);
    assert_int_equal(ls_kernels_find(&set, "avx512", 3), LS_USAGE);
    assert_string_equal(ls_message(), "LOCKSTEP_KERNELS=avx512: this CPU lacks AVX-512 F, BW, DQ "
                                      "and VL (it runs: baseline, avx2)");
    assert_int_equal(ls_kernels_find(&set, "avx2", 1), LS_USAGE);
    assert_string_equal(ls_message(),
                        "LOCKSTEP_KERNELS=avx2: this CPU lacks AVX2 and FMA (it runs: baseline)");
    assert_int_equal(ls_kernels_find(&set, "AVX2", 7), LS_USAGE);
    assert_string_equal(ls_message(), "LOCKSTEP_KERNELS=AVX2: no such kernel set (this CPU runs: "
                                      "baseline, avx2, avx512)");
    assert_int_equal(ls_kernels_find(&set, "", 3), LS_OK);
    assert_int_equal(set, LS_KERNEL_SET_avx2);
    ls_memory_fail_at(1);
    assert_int_equal(ls_kernels_find(&set, "AVX2", 7), LS_FAILED);
    ls_memory_fail_at(0);
}

/* -- OpenBLAS is not there: the loader's path leads to something else ---------------------------
 * It reads LD_LIBRARY_PATH when a program starts, so this program is started again. */

static char directory[] = "/tmp/lockstep-kernel-init-XXXXXX";
static const char *wanted_message;

static void start_again(void)
{
    setenv("LD_LIBRARY_PATH", directory, 1);
    execl("/proc/self/exe", "kernel_init", wanted_message, (char *)NULL);
    CHECK(false, "cannot start again");
}

static void test_no_openblas(void **state)
{
    (void)state;
    char path[sizeof directory + 32];
    Dl_info info;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/libopenblas.so.0", directory);

    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 100; i++)
        fputs("this is no shared library\n", file);
    fclose(file);
    wanted_message = "cannot load OpenBLAS: ";
    in_child(start_again);
    unlink(path);

    assert_true(dladdr(dlsym(RTLD_DEFAULT, "dnnl_version"), &info) != 0);
    assert_int_equal(symlink(info.dli_fname, path), 0);
    wanted_message = "libopenblas.so.0 has no cblas_sgemm: it is not an OpenBLAS with CBLAS";
    in_child(start_again);
    unlink(path);
    rmdir(directory);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        check_init(LS_FAILED, argv[1]);
        check_environment("OPENBLAS_CORETYPE", NULL);
        check_environment("OPENBLAS_NUM_THREADS", NULL);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_sets),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_openblas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
