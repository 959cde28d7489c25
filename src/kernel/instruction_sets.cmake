# kernel/loops.c is compiled once per instruction set.
set(flags_baseline -msse2)
set(flags_avx2 -mavx2 -mfma)
set(flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma)
