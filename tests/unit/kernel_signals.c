/* Signals that arrive during a matrix product: handlers run, and neither the heap nor the product
 * is harmed. (oneDNN's code for them has its stack pointer in a buffer on the heap; see sets.h.) */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "kernel/gemm.h"
#include "kernel/kernels.h"

enum { M = 32, N = 128, K = 784, WANTED = 2000, BLOCKS = 64, BLOCK_BYTES = 5000 };

static volatile sig_atomic_t handled;

/* Uses its stack, as handlers do. */
static void handle(int number)
{
    volatile char room[2048];
    memset((void *)room, number, sizeof room);
    handled++;
}

static void fill(float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (float)(i % 17) / 8 - 1;
}

static void every(int microseconds)
{
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void test_signals_during_a_product(void **state)
{
    static float a[M * K], b[K * N], expected[M * N], c[M * N];
    struct ls_gemm gemm = {.m = M, .n = N, .k = K, .a = a, .b = b, .c = expected};
    (void)state;
    assert_int_equal(ls_kernels_init(NULL), LS_OK);
    fill(a, M * K);
    fill(b, K * N);
    ls_gemm(&gemm);
    gemm.c = c;
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = handle}, NULL);
    every(100);
    while (handled < WANTED) {
        char *block[BLOCKS]; /* neighbours of oneDNN's buffer on the heap */
        for (int i = 0; i < BLOCKS; i++)
            block[i] = malloc(BLOCK_BYTES);
        ls_gemm(&gemm);
        for (int i = 0; i < BLOCKS; i++)
            free(block[i]);
        assert_memory_equal(c, expected, sizeof c);
    }
    every(0);
}

/* A mask that the caller has stays as it was. */
static void test_the_mask_is_put_back(void **state)
{
    static float a[M * K], b[K * N], c[M * N];
    sigset_t mine, after;
    (void)state;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
    ls_gemm(&(struct ls_gemm){.m = M, .n = N, .k = K, .a = a, .b = b, .c = c});
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&after, number), number == SIGUSR2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_during_a_product),
        cmocka_unit_test(test_the_mask_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
