#include <hdf5.h>
#include <stdio.h>
#include <zip.h>

#include "data/hdf5.h"
#include "store/checkpoint.h"

const char *ls_checkpoint_library(void)
{
    static _Thread_local char text[48];
    unsigned major = 0, minor = 0, release = 0;
    ls_hdf5_start();
    H5get_libversion(&major, &minor, &release);
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
    return text;
}

const char *ls_archive_library(void)
{
    return zip_libzip_version();
}
