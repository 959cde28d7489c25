/* Memory that OpenBLAS and oneDNN take by themselves: for want of it OpenBLAS waits for ever, and
 * oneDNN may crash where it makes code. The kernel room's own. */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* LS_FAILED, saying for what, where the process cannot map so many bytes more (ulimit -v, or a
 * system that gives no more than it has). Nothing is kept. */
ls_status ls_kernels_room(size_t bytes, const char *what);

/* The same before oneDNN makes code, which it does once and keeps: asked once for each of 64 kinds,
 * whose bits *asked holds, as asking takes a microsecond. `kind` counts modulo 64. */
ls_status ls_kernels_code_room(uint64_t *asked, uint64_t kind);

/* `what` (a string that stays) was not computed on this thread: ls_kernels_fault will say so. */
void ls_kernels_note(const char *what);

#endif
