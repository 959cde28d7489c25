/* Sets of CPUs, as the kernel writes them. */
#ifndef CHECK_CPUS_H
#define CHECK_CPUS_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

/* "0-3,8": false, and an empty set, for what is none. CPUs from CPU_SETSIZE on are left out. */
bool ls_cpus_parse(cpu_set_t *cpus, const char *text);
/* The same the other way; "..." at the end of what has no room. Returns out. */
enum { LS_CPUS_TEXT = 48 };
const char *ls_cpus_format(char out[LS_CPUS_TEXT], const cpu_set_t *cpus);

/* cpu.max of a control group, "200000 100000": CPUs' worth of time; "max ...", or nothing: 0, no
 * limit. */
double ls_cpus_quota(const char *text);

#endif
