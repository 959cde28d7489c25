/* Where callbacks write: files of the user's own name in the run directory, or elsewhere. */
#ifndef TRAIN_CALLBACK_FILE_H
#define TRAIN_CALLBACK_FILE_H

#include "train/callback.h"

/* The path that is meant by an option's, in which ${VAR} is expanded: relative to the run directory
 * (where there is none, to the current one); in new memory. */
ls_status ls_callback_path(char **path, const struct ls_callback_call *call, const char *given);

/* For `check`: whether that may be a callback's: LS_BAD_INPUT at the option for the names of a
 * run's own files. */
ls_status ls_callback_path_check(const struct ls_callback_call *call, const char *option,
                                 const char *given);

/* The directories on the way to a file are made, and one can be written there. LS_CANNOT_WRITE. On
 * one rank. */
ls_status ls_callback_path_open(const char *path);

#endif
