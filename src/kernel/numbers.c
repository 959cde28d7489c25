#include "kernel/kernels.h"

size_t ls_number_bytes(enum ls_number_type type)
{
    switch (type) {
    case LS_NUMBER_UINT8:
    case LS_NUMBER_INT8:
        return 1;
    case LS_NUMBER_UINT16:
    case LS_NUMBER_INT16:
        return 2;
    case LS_NUMBER_INT32:
    case LS_NUMBER_FLOAT:
        return 4;
    case LS_NUMBER_INT64:
    case LS_NUMBER_DOUBLE:
        return 8;
    }
    return 0;
}

size_t ls_find_no_index(const float *a, size_t n, int64_t count)
{
    size_t i = 0;
    while (i < n && a[i] >= 0 && a[i] < (float)count && a[i] == (float)(int64_t)a[i])
        i++;
    return i;
}
