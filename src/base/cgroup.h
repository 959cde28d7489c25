/* Control groups: what a batch system or a container allows its processes. */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stddef.h>

/* Of the text of /proc/self/cgroup: the process's group of version 2, "/" and its name, "" for the
 * outermost (in a container, the container's); where there is none too. */
void ls_cgroup_parse(char *group, size_t room, const char *text);

/* Calls see() with the beginning of `file` ("memory.max") of this process's group and of each
 * around it, innermost first; empty where there is no such file. Takes no memory. */
void ls_cgroup_each(const char *file, void (*see)(void *user, const char *text), void *user);

/* The beginning of one of the kernel's files; empty when there is none. Takes no memory. */
void ls_kernel_file_read(char *text, size_t room, const char *path);

#endif
