/* The avx512 set: compiled with the flags of kernel/instruction_sets.cmake. */
#include "kernel/loops/begin.inc"

#include "kernel/loops/avx512.inc"

#include "kernel/loops/set.inc"
