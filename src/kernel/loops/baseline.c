/* The baseline set: compiled with the flags of kernel/instruction_sets.cmake. */
#include "kernel/loops/begin.inc"

#include "kernel/loops/sse2.inc"

#include "kernel/loops/set.inc"
