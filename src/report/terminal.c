#include "report/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80, STAT_BYTES = 1024, NAME_BYTES = 64, PATH_BYTES = 64 };

bool ls_terminal_parse_stat(const char *text, int *parent, char *name, size_t room)
{
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open || room == 0)
        return false;
    size_t length = (size_t)(close - open - 1);
    if (length > room - 1)
        length = room - 1;
    memcpy(name, open + 1, length);
    name[length] = '\0';
    char state;
    return sscanf(close + 1, " %c %d", &state, parent) == 2;
}

bool ls_terminal_is_launcher(const char *name)
{
    /* Beginnings, for Debian's mpirun.openmpi and the like. srun is not among them: its ranks have
     * a terminal only when srun --pty gave them its own. */
    static const char *const launchers[] = {"mpirun",  "mpiexec", "orterun", "orted",
                                            "prterun", "prted",   "hydra_",  NULL};
    for (size_t i = 0; launchers[i] != NULL; i++)
        if (strncmp(name, launchers[i], strlen(launchers[i])) == 0)
            return true;
    return false;
}

static bool read_stat(int pid, char *text, size_t room)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, room - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return true;
}

/* The nearest launcher among this process' ancestors, or 0. */
static int find_launcher(void)
{
    int pid = getppid();
    while (pid > 1) {
        char text[STAT_BYTES], name[NAME_BYTES];
        int parent;
        if (!read_stat(pid, text, sizeof(text)) ||
            !ls_terminal_parse_stat(text, &parent, name, sizeof(name)))
            return 0;
        if (ls_terminal_is_launcher(name))
            return pid;
        pid = parent;
    }
    return 0;
}

/* The terminal that is the standard output of process pid, open for questions about its size, or
 * -1. The link is looked at before it is opened, for opening a pipe or file could have effects. */
static int open_output_of(int pid)
{
    char link[PATH_BYTES], target[PATH_BYTES];
    snprintf(link, sizeof(link), "/proc/%d/fd/1", pid);
    ssize_t length = readlink(link, target, sizeof(target) - 1);
    if (length <= 0)
        return -1;
    target[length] = '\0';
    if (strncmp(target, "/dev/pts/", 9) != 0 && strncmp(target, "/dev/tty", 8) != 0 &&
        strcmp(target, "/dev/console") != 0)
        return -1;
    int fd = open(link, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && !isatty(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* mpirun --tag-output and its kin put something before each line, which redrawing would tear. */
static bool is_labelled(void)
{
    static const char *const variables[] = {"OMPI_MCA_orte_tag_output",
                                            "OMPI_MCA_orte_timestamp_output",
                                            "OMPI_MCA_orte_xml_output", NULL};
    for (size_t i = 0; variables[i] != NULL; i++) {
        const char *value = getenv(variables[i]);
        if (value != NULL && strcmp(value, "1") == 0)
            return true;
    }
    return false;
}

ls_status ls_terminal_find(struct ls_terminal *terminal, FILE *out)
{
    *terminal = (struct ls_terminal){.fd = -1};
    bool tty = isatty(fileno(out));
    if (tty)
        terminal->fd = fileno(out);
    int launcher = tty ? find_launcher() : 0;
    if (launcher > 0) {
        terminal->fd = open_output_of(launcher);
        terminal->fd_owned = terminal->fd >= 0;
    }
    const char *said = getenv("LOCKSTEP_OUTPUT");
    if (said != NULL && *said != '\0') {
        terminal->drawn = strcmp(said, "terminal") == 0;
        if (!terminal->drawn && strcmp(said, "plain") != 0) {
            ls_terminal_release(terminal);
            return ls_fail(LS_USAGE, "LOCKSTEP_OUTPUT: '%s' is neither 'terminal' nor 'plain'",
                           said);
        }
        return LS_OK;
    }
    const char *term = getenv("TERM");
    bool moves = term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
    terminal->drawn = terminal->fd >= 0 && moves && !(launcher > 0 && is_labelled());
    return LS_OK;
}

void ls_terminal_release(struct ls_terminal *terminal)
{
    if (terminal->fd_owned)
        close(terminal->fd);
    *terminal = (struct ls_terminal){.fd = -1};
}

int ls_terminal_columns(const struct ls_terminal *terminal)
{
    struct winsize size;
    if (terminal->fd >= 0 && ioctl(terminal->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return DEFAULT_COLUMNS;
}
