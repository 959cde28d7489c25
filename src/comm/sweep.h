/* What Open MPI leaves behind of a job that was killed: a segment of shared memory a rank, some 4
 * MB each, which fill /dev/shm in the end, and mpirun's session directory. */
#ifndef COMM_SWEEP_H
#define COMM_SWEEP_H

/* Removes, of this user's, the segments in `memory` ("/dev/shm") that no process has open or
 * mapped, and the directories pid.N of `sessions` whose mpirun is dead and whose files nobody uses;
 * NULL: there are none. The kernel tells who uses a file, in whatever container; where it cannot,
 * the file stays. Nothing that goes wrong matters. Not collective. */
void ls_sweep(const char *memory, const char *sessions);

#endif
