/* The avx2 set: compiled with the flags of kernel/instruction_sets.cmake. */
#include "kernel/loops/begin.inc"

#include "kernel/loops/avx2.inc"

#include "kernel/loops/set.inc"
