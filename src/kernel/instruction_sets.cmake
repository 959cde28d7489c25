# The loops of our own are compiled once per instruction set: kernel/loops/SET.c includes the loops
# as one source, with the flags of the set. They are part of the kernel room's objects.
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    message(FATAL_ERROR "Lockstep's kernels are written for x86-64, not ${CMAKE_SYSTEM_PROCESSOR}")
endif()
set(flags_baseline -msse2)
set(flags_avx2 -mavx2 -mfma)
set(flags_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
foreach(set baseline avx2 avx512)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/kernel/loops/${set}.c)
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${flags_${set}}")
    target_sources(kernel PRIVATE ${source})
endforeach()
