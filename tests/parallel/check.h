/* Checks of the parallel tests. A failed check is printed and counted, and the
 * rank goes on: one that stopped would leave the others waiting. */
#ifndef TESTS_PARALLEL_CHECK_H
#define TESTS_PARALLEL_CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "comm/combine.h"
#include "comm/comm.h"

static int check_failures;
static struct ls_comm *check_world;

__attribute__((format(printf, 3, 4), unused)) static void check_failed(const char *file, int line,
                                                                       const char *format, ...)
{
    va_list arguments;
    char text[2048];

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (check_failures++ < 20)
        fprintf(stderr, "%s:%d: rank %d: %s\n", file, line,
                check_world ? ls_comm_rank(check_world) : -1, text);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_failed(__FILE__, __LINE__, "not so: %s", #condition);                            \
    } while (0)

/* With a message that prints both sides. */
#define CHECK_THAT(condition, ...)                                                                 \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_failed(__FILE__, __LINE__, __VA_ARGS__);                                         \
    } while (0)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long a_ = (long long)(actual), e_ = (long long)(expected);                            \
        if (a_ != e_)                                                                              \
            check_failed(__FILE__, __LINE__, "%s is %lld, expected %lld", #actual, a_, e_);        \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                               \
    do {                                                                                           \
        const char *a_ = (actual), *e_ = (expected);                                               \
        if (strcmp(a_, e_) != 0)                                                                   \
            check_failed(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #actual, a_, e_);    \
    } while (0)

#define CHECK_HAS(actual, part)                                                                    \
    do {                                                                                           \
        const char *a_ = (actual), *p_ = (part);                                                   \
        if (!a_ || !strstr(a_, p_))                                                                \
            check_failed(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\" in it", #actual,       \
                         a_ ? a_ : "NULL", p_);                                                    \
    } while (0)

#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        ls_status status_ = (call);                                                                \
        if (status_ != LS_OK)                                                                      \
            check_failed(__FILE__, __LINE__, "%s: status %d: %s", #call, status_, ls_message());   \
    } while (0)

/* A sub-communicator of the first `ranks`; NULL on the others. */
__attribute__((unused)) static struct ls_comm *check_part(int ranks,
                                                          const struct ls_comm_test *test)
{
    struct ls_comm *part = NULL;

    CHECK_OK(ls_comm_create_test(&part, check_world, ranks, test));
    CHECK((part != NULL) == (ls_comm_rank(check_world) < ranks));
    return part;
}

/* The exit status of all: whether any check failed on any rank. Frees the world. */
__attribute__((unused)) static int check_end(void)
{
    int64_t failures = ls_comm_sum(check_world, check_failures);

    if (failures > 0 && ls_comm_rank(check_world) == 0)
        fprintf(stderr, "%" PRId64 " checks failed\n", failures);
    ls_comm_free(check_world);
    check_world = NULL;
    return failures > 0;
}

#endif
