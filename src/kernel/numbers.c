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
