/* This file alone may fork: HDF5 cannot be kept from crashing by anything less. */
#include "data/child.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/hdf5.h"

/* A sanitizer that keeps the whole stack of each allocation makes HDF5 several times slower. */
#ifdef __SANITIZE_ADDRESS__
enum { SLOWNESS = 8 };
#else
enum { SLOWNESS = 1 };
#endif

enum {
    MICROSECONDS = 1000000,   /* in a second */
    PATIENCE = 500000,        /* microseconds of processor time for a file of any size */
    BYTES_A_MICROSECOND = 20, /* of a file of many small objects */
    MEMORY_BYTES = 256 << 20, /* for a file of any size */
    MEMORY_A_BYTE = 4,
};

/* -- in the child */

/* The parent's handlers (of MPI, of a sanitizer, of the program) are not for the child. What is
 * meant for the program (interrupt, save and stop) comes to the whole process group, and is the
 * parent's to answer. */
static void reset_signals(void)
{
    static const int passed_over[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++)
        signal(passed_over[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Bytes of address space that are in use: under a sanitizer, terabytes. 0: not known. */
static uint64_t address_space(void)
{
    char text[64] = "";
    unsigned long long pages = 0;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    if (read(file, text, sizeof text - 1) > 0 && sscanf(text, "%llu", &pages) != 1)
        pages = 0;
    close(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit_memory(uint64_t bytes)
{
    struct rlimit limit;
    uint64_t used = address_space();
    if (used == 0 || getrlimit(RLIMIT_AS, &limit) != 0)
        return;
    uint64_t most = used + MEMORY_BYTES + MEMORY_A_BYTE * bytes;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > most)
        limit.rlim_cur = most; /* the soft one, which ls_child_allow raises again */
    setrlimit(RLIMIT_AS, &limit);
}

/* The timer's signal is SIGPROF, which nobody handles here: the end of the child. */
static void limit_time(uint64_t microseconds)
{
    struct itimerval timer = {.it_value = {(time_t)(microseconds / MICROSECONDS),
                                           (suseconds_t)(microseconds % MICROSECONDS)}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

static void confine(uint64_t bytes)
{
    const struct rlimit none = {0, 0};
    int silence = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE,
          0); /* also where cores go to a program, which no limit keeps them from */
    setrlimit(RLIMIT_CORE, &none);
    reset_signals();
    for (int stream = 0; silence >= 0 && stream <= STDERR_FILENO; stream++)
        dup2(silence, stream);
    limit_memory(bytes);
    limit_time(SLOWNESS * (PATIENCE + bytes / BYTES_A_MICROSECOND));
}

void ls_child_allow(uint64_t bytes)
{
    struct rlimit limit;
    struct itimerval timer;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        bool room = limit.rlim_max == RLIM_INFINITY || bytes <= limit.rlim_max - limit.rlim_cur;
        limit.rlim_cur = room ? limit.rlim_cur + bytes : limit.rlim_max;
        setrlimit(RLIMIT_AS, &limit);
    }
    getitimer(ITIMER_PROF, &timer);
    limit_time((uint64_t)timer.it_value.tv_sec * MICROSECONDS + (uint64_t)timer.it_value.tv_usec +
               SLOWNESS * (bytes / BYTES_A_MICROSECOND));
}

void ls_child_seal(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_NOFILE, &none);
}

/* -- starting and ending */

struct start {
    pid_t process;
    int error;
};

/* Called by HDF5 with its lock held by this thread: no other is amidst HDF5, and the child, whose
 * thread holds the lock too, gives it back when it returns from here. */
static herr_t fork_inside_hdf5(hid_t list, const char *name, void *user)
{
    struct start *start = user;
    (void)list, (void)name;
    start->process = fork();
    start->error = errno;
    return 1; /* enough of the list */
}

/* Like fork; the signals wait until the child has let go of the parent's handlers. */
static pid_t split(void)
{
    struct start start = {-1, ENOSYS};
    sigset_t all, before;
    ls_hdf5_start();
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    H5Piterate(list, NULL, fork_inside_hdf5, &start);
    if (start.process != 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    H5Pclose(list);
    errno = start.error;
    return start.process;
}

ls_status ls_child_start(struct ls_child *child, const struct ls_child_work *work)
{
    int end[2];
    *child = (struct ls_child){.socket = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end) != 0)
        return ls_fail(LS_FAILED, "%s: no socket to read it through: %s", work->path,
                       strerror(errno));
    pid_t process = split();
    if (process == 0) {
        close(end[0]);
        confine(work->bytes);
        work->work(end[1], work->context);
        _exit(0);
    }
    int error = errno;
    close(end[1]);
    if (process > 0) {
        *child = (struct ls_child){process, end[0]};
        return LS_OK;
    }
    close(end[0]);
    return ls_fail(LS_FAILED, "%s: no process to read it in: %s", work->path, strerror(error));
}

void ls_child_stop(struct ls_child *child)
{
    if (child->process > 0) {
        /* Not by a signal: the program may have collected the child, and its number may be another
         * process's. Not by closing alone: another child may hold this end too. */
        shutdown(child->socket, SHUT_RDWR);
        close(child->socket);
        while (waitpid(child->process, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    *child = (struct ls_child){.socket = -1};
}

/* -- the socket */

bool ls_child_send(int socket, const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t done = send(socket, at, count, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        count -= (size_t)done;
    }
    return true;
}

bool ls_child_receive(int socket, void *bytes, size_t count)
{
    char *at = bytes;
    while (count > 0) {
        ssize_t done = recv(socket, at, count, 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        count -= (size_t)done;
    }
    return true;
}

/* -- trying */

ls_status ls_child_died(const char *path)
{
    return ls_fail(LS_BAD_INPUT, "%s: damaged: HDF5 cannot read it", path);
}

struct trial {
    void (*work)(void *context);
    void *context;
};

static void work_and_tell(int socket, void *context)
{
    const struct trial *trial = context;
    trial->work(trial->context);
    ls_child_send(socket, "", 1);
}

ls_status ls_child_try(const char *path, void (*work)(void *context), void *context)
{
    struct trial trial = {work, context};
    struct ls_child_work start = {.work = work_and_tell, .context = &trial, .path = path};
    struct ls_child child;
    struct stat info;
    char end;
    if (stat(path, &info) == 0)
        start.bytes = (uint64_t)info.st_size;
    LS_TRY(ls_child_start(&child, &start));
    bool whole = ls_child_receive(child.socket, &end, 1);
    ls_child_stop(&child);
    return whole ? LS_OK : ls_child_died(path);
}
