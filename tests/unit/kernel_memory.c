/* Want of the memory that OpenBLAS and oneDNN take by themselves: an error, where OpenBLAS would
 * wait for ever and oneDNN crash or leave a result out. A limit of address space makes it; each
 * case has a process of its own, as that memory is taken once. */
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/kernel_sets.h"

#include "base/memory.h"
#include "kernel/convolution.h"
#include "kernel/gemm.h"

/* In a child no cmocka assertion works. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition,            \
                    ls_message());                                                                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_child(void (*body)(void))
{
#ifdef __SANITIZE_ADDRESS__
    (void)body;
    skip(); /* its own memory is beyond any limit */
#else
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20); /* of waiting for ever */
        body();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
#endif
}

/* From now on the process gets so many bytes more. */
static void leave(size_t bytes)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    rlim_t limit = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + bytes;
    CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){limit, RLIM_INFINITY}) == 0);
}

/* What the C library could still give from what it holds. */
static void use_up_heap(void)
{
    for (size_t bytes = 1 << 20; bytes >= 64; bytes /= 2)
        while (malloc(bytes)) {
        }
}

static void start(void)
{
    CHECK(ls_kernels_init(NULL) == LS_OK);
    CHECK(ls_kernels_fault() == LS_OK);
}

/* -- OpenBLAS */

static void init_without_memory(void)
{
    leave((size_t)120 << 20); /* enough to load it */
    CHECK(ls_kernels_init(NULL) == LS_FAILED);
    CHECK(strstr(ls_message(), "not enough memory for OpenBLAS: no room for 129 MB more"));
}

static void threads_without_memory(void)
{
    start();
    leave((size_t)200 << 20);
    CHECK(ls_kernels_init(&(struct ls_kernel_options){.threads = 2}) == LS_FAILED);
    CHECK(strstr(ls_message(), "not enough memory for OpenBLAS: no room for 257 MB more"));
    CHECK(ls_kernels_threads() == 1);
}

/* What it needs is there already. */
static void product_without_memory(void)
{
    enum { SIZE = 128 };
    static float a[SIZE * SIZE], c[SIZE * SIZE];
    start();
    leave(0);
    use_up_heap();
    a[0] = 2;
    ls_gemm(&(struct ls_gemm){.m = SIZE, .n = 9, .k = SIZE, .a = a, .b = a, .c = c});
    CHECK(c[0] == 4);
    CHECK(ls_kernels_fault() == LS_OK);
}

static void test_openblas(void **state)
{
    (void)state;
    in_child(init_without_memory);
    in_child(threads_without_memory);
    in_child(product_without_memory);
}

/* -- oneDNN */

enum { M = 256, N = 200, K = 1030 };
static float a[M * K], b[K * N], c[M * N];

static void multiply(bool transpose_b)
{
    a[0] = b[0] = 3;
    c[0] = 0;
    ls_gemm(&(struct ls_gemm){
        .m = M, .n = N, .k = K, .a = a, .b = b, .c = c, .transpose_b = transpose_b});
}

/* The code is there, memory is not: oneDNN finds some, or says so. */
static void onednn_product(void)
{
    start();
    for (int transpose_b = 0; transpose_b < 2; transpose_b++)
        multiply(transpose_b);
    CHECK(ls_kernels_fault() == LS_OK);
    leave(0);
    use_up_heap();
    for (int transpose_b = 0; transpose_b < 2; transpose_b++) {
        multiply(transpose_b);
        CHECK(ls_kernels_fault() == (c[0] == 9 ? LS_OK : LS_FAILED));
        CHECK(c[0] == 9 || strstr(ls_message(), "not enough memory for a matrix product: smaller"));
        CHECK(ls_kernels_fault() == LS_OK); /* it was said */
    }
}

static void first_onednn_product(void)
{
    start();
    leave((size_t)4 << 20);
    for (int transpose_b = 0; transpose_b < 2; transpose_b++) {
        multiply(transpose_b);
        CHECK(ls_kernels_fault() == LS_FAILED);
        CHECK(strstr(ls_message(), "not enough memory for a matrix product: smaller"));
    }
}

static void convolution(void)
{
    static const struct ls_convolution_shape shape = {1,      16,     32,     1,      {8, 8},
                                                      {4, 4}, {3, 3}, {2, 2}, {1, 1}, {0, 0}};
    struct ls_convolution *made;
    start();
    leave((size_t)4 << 20);
    CHECK(ls_convolution_create(&made, &shape, 1u << LS_CONVOLUTION_FORWARD, false) == LS_FAILED);
    CHECK(strstr(ls_message(), "not enough memory for the code that oneDNN makes: no room for 16"));
    CHECK(!made);
}

static void test_onednn(void **state)
{
    (void)state;
    in_child(first_onednn_product);
    in_child(onednn_product);
    in_child(convolution);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openblas),
        cmocka_unit_test(test_onednn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
