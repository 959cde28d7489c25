#include "base/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GROUP_BYTES = 2048 };

/* By read, since this is asked in the middle of an allocation. */
void ls_kernel_file_read(char *text, size_t room, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, text, room - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    if (file >= 0)
        close(file);
}

void ls_cgroup_parse(char *group, size_t room, const char *text)
{
    static const char version_2[] = "0::/";
    const char *at = text;
    while (at && strncmp(at, version_2, strlen(version_2)) != 0) {
        at = strchr(at, '\n');
        at += at != NULL;
    }
    at = at ? at + strlen(version_2) - 1 : "";
    snprintf(group, room, "%.*s", (int)strcspn(at, "\n"), at);
    if (strcmp(group, "/") == 0)
        group[0] = '\0';
}

void ls_cgroup_each(const char *file, void (*see)(void *user, const char *text), void *user)
{
    char text[2 * GROUP_BYTES], group[GROUP_BYTES], path[GROUP_BYTES + 64];
    ls_kernel_file_read(text, sizeof text, "/proc/self/cgroup");
    ls_cgroup_parse(group, sizeof group, text);
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/%.32s", group, file);
        ls_kernel_file_read(text, sizeof text, path);
        see(user, text);
        char *slash = strrchr(group, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
}
