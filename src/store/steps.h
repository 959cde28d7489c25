/* The checkpoints of a run directory by their names. */
#ifndef STORE_STEPS_H
#define STORE_STEPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct ls_steps {
    int64_t *step; /* the newest first */
    size_t count;
};

/* The steps in RUNDIR/checkpoints; none when there is no such directory. LS_NO_INPUT when it cannot
 * be read. */
ls_status ls_steps_list(struct ls_steps *steps, const char *directory);
void ls_steps_release(struct ls_steps *steps);

/* RUNDIR/checkpoints/step-00001200.h5, in new memory. */
ls_status ls_step_path(char **path, const char *directory, int64_t step);

#endif
