/* run.h: what each command of the program does, for programs of one's own. */
#ifndef LOCKSTEP_RUN_H
#define LOCKSTEP_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lockstep/comm.h"
#include "lockstep/model.h"
#include "lockstep/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- what a run tells while it goes on. Called on rank 0 only, but for `hang` and `watched`.
 * --------------------------------------- */

struct ls_run_start {
    const char *directory; /* of the run, as it was given */
    int nodes, ranks, threads;
    int64_t replicas, batch_size;
    int64_t samples, validation_samples, steps; /* steps an epoch */
    int64_t epochs, epoch, step; /* of all; where this start begins: epoch from 0, step in it */
    const char *kernels;         /* kernel set */
    const char *resumed_from;    /* checkpoint, or NULL */
    double shared_bytes; /* of weights and optimizer that the ranks of rank 0's node have in common;
                            0: each has its own */
};

struct ls_run_progress {
    int64_t epoch, epochs; /* from 0 */
    int64_t step, steps;   /* steps done of this epoch */
    double seconds;        /* since the epoch began in this process */
    int64_t steps_here;    /* steps done in these seconds (fewer than step after a resume) */
    double samples_per_second;
    const char *const *names; /* loss and metrics so far; at the end val_ too */
    const double *values;
    size_t count;
    bool epoch_done;
    /* At the end of an epoch: a rank that took much longer than most to compute its part, while the
     * others waited for it; so many times as long as the median. straggler_host NULL: there is
     * none.
     */
    int straggler;
    const char *straggler_host;
    double straggler_factor;
};

/* Where the time of the steps went, on rank 0. One row a call of a layer that does something, in
 * the order in which they run, then one for each other part of a step, the time between steps of an
 * epoch among them. Numbers are means over `steps` steps of this start, but for the first, which
 * makes memory and warms up (where there are more); the rows' seconds add up to step_seconds. */
struct ls_run_profile_row {
    const char *name;      /* of the layer, "NAME#2" of its second call; "loss", "optimizer", ... */
    const char *kind;      /* of the layer: "Dense"; NULL: no layer */
    double seconds, share; /* of a step */
    double forward_seconds, backward_seconds; /* of a layer: they add up to its seconds */
    /* Operations a step of the products that the layer is made of (a multiplication and an addition
     * are two); 0: they are not counted. */
    double forward_flops, backward_flops;
};
struct ls_run_profile {
    int64_t steps;
    double step_seconds;
    double peak_gflops; /* what the rank's threads could do at most, measured after the training */
    double hidden_seconds; /* for which messages between nodes passed while the rank computed: in
                              none of the rows */
    struct ls_run_profile_row *rows;
    size_t count;
};

struct ls_run_observer {
    void (*start)(void *user, const struct ls_run_start *start);
    void (*progress)(void *user,
                     const struct ls_run_progress *progress);       /* after each step: be quick */
    void (*checkpoint)(void *user, const char *path, int64_t step); /* published */
    void *user;
    /* At the end, where it was asked for and a step was done. */
    void (*profile)(void *user, const struct ls_run_profile *profile);
    /* Some rank holds the others up for longer than fit.watchdog allows. Called on a thread of the
     * library, on one rank of any number, with one line that names rank, host, step and the remedy;
     * it is to print that and to end the process at once (_exit(1)), whereupon mpirun ends the
     * others, who cannot know. Without it, which is to be so on all ranks, nobody looks. */
    void (*hang)(void *user, const char *line);
    /* On every rank, with `hang` alone: from here on somebody looks, or it was not asked for. */
    void (*watched)(void *user);
};

/* -- train
 * -------------------------------------------------------------------------------------------- */

struct ls_run_train {
    const char *run; /* RUN.yaml, or a run directory */
    bool resume;
    bool profile;               /* measure where the time goes: for the observer, and /profile in
                                   history.h5; changes nothing else */
    const char *data;           /* --data: in place of data.train; NULL: as the run file says */
    const char *directory;      /* -o; NULL: the run file's name without .yaml */
    const char *const *set;     /* "a.b=c", in order; ends with NULL; or NULL */
    const char *const *plugins; /* --plugin: shared objects, beside the run file's (plugin.h); ends
                                   with NULL; or NULL */
    const char *const *accept;  /* keys whose change a resume accepts; ends with NULL; or NULL */
    int64_t replicas;           /* 0: as the run file or the checkpoint says, else the ranks */
    const volatile sig_atomic_t
        *stop; /* becomes non-zero when the process is asked to stop; or NULL */
    const struct ls_run_observer *observer; /* or NULL */
};

/* The final evaluation is in the last progress call. LS_INTERRUPTED: stopped and saved.
 * Collective. */
LS_API ls_status ls_run_train(struct ls_comm *comm, const struct ls_run_train *train);

/* -- check
 * -------------------------------------------------------------------------------------------- */

/* What `train` with the same options would find here and now, told before it is in the queue or as
 * the first line of a job: lines for people, and numbers for programs. */
struct ls_run_check {
    const char *run, *data, *directory; /* as struct ls_run_train has them */
    const char *const *set, *const *plugins;
    int64_t replicas;
    /* What the run would take on more ranks, by a model of cost fed with a trial of some seconds,
     * where `ranks` or `net` is given. */
    const char *net; /* "25Gbit,5us": links between nodes; NULL: those of these ranks' nodes */
    int64_t ranks;   /* 0: 8, 64, 512 and 4096 alone */
    int64_t ranks_per_node; /* 0: as here */
};

enum ls_check_level {
    LS_CHECK_OK,
    LS_CHECK_WARNING, /* it would run, but not well */
    LS_CHECK_ERROR    /* it would not run */
};
struct ls_check_line {
    enum ls_check_level level;
    const char *topic; /* "memory"; lines of one topic follow each other */
    char *text;        /* one line of any length */
};
struct ls_check_figure {
    const char *name; /* "step_seconds": with its unit */
    double value;     /* NaN: not known */
};
struct ls_check {
    struct ls_check_line *line; /* on rank 0; none elsewhere */
    size_t lines;
    struct ls_check_figure *figure;
    size_t figures;
    bool incomplete; /* there was no memory for all of it: what ls_run_check returned says so */
};

/* Looks at the run file, the data, the run directory, and the hosts of the ranks; tries the combine
 * and some steps. Nothing in the run directory changes: what is written to try it is removed again,
 * and so is nothing kept of the training. LS_OK with or without warnings; where a line is an error,
 * the status and the message of the first of them, as train would end, on all ranks. A run file
 * that cannot be read has no lines. Lines are there, and to be released, after a failure too.
 * Collective. */
LS_API ls_status ls_run_check(struct ls_comm *comm, const struct ls_run_check *options,
                              struct ls_check *check);
LS_API void ls_check_release(struct ls_check *check);

/* -- evaluate, predict
 * ---------------------------------------------------------------------------------- */

struct ls_run_evaluate {
    const char *model; /* a checkpoint, a Keras .h5 or .keras, a run directory; a run file that sets
                          all weights, by hand or by `weights` */
    const char *data;  /* FILE:SPLIT or F.csv; NULL: the run's validation data */
    const char *out;   /* F.h5: loss and metrics as datasets; or NULL */
    int threads;
};
/* Collective; the result is the same on all ranks, the caller's to release (model.h). A result that
 * is NaN or infinite is one, with a warning. */
LS_API ls_status ls_run_evaluate(struct ls_comm *comm, const struct ls_run_evaluate *options,
                                 struct ls_evaluation *evaluation);

struct ls_run_predict {
    const char *model;
    const char *data;  /* FILE:SPLIT; or F.csv, its columns as those that import csv read from the
                          model's training data, found by name */
    const char *out;   /* F.h5 or F.csv */
    bool classes;      /* the class in place of the numbers (its name, where known, in a CSV) */
    const char *layer; /* the output of this layer in place of the model's, of one that is called
                          several times "NAME#2" for its second call; or a name that the run file
                          gave to a result (`as`); "NAME:1" for a second result; or NULL */
    int threads;
};
/* Collective. Predictions that are NaN or infinite are written, with a warning an output. */
LS_API ls_status ls_run_predict(struct ls_comm *comm, const struct ls_run_predict *options,
                                int64_t *samples);

/* -- export
 * --------------------------------------------------------------------------------------------- */

struct ls_run_export {
    const char *model;      /* as for evaluate; a run file too: its weights, or those of its seed */
    const char *out;        /* m.keras, with the optimizer's state; m.h5; m.json, without weights */
    bool optimizer_weights; /* .h5: the optimizer's state too, under Keras' names */
};
/* A file for Keras: whole or not there. LS_USAGE for an ending of another kind. Not collective. */
LS_API ls_status ls_run_export(const struct ls_run_export *options);

/* -- summary, list, version
 * ----------------------------------------------------------------------------- */

/* Text in new memory, freed with ls_text_free (model.h). */
LS_API ls_status ls_run_summary(const char *model, char **text);
/* noun: "layers", "losses", "callbacks", ...; name NULL: one line a kind, else the help of that
 * kind. */
LS_API ls_status ls_run_list(const char *noun, const char *name, char **text);
LS_API ls_status ls_run_version(char **text);

/* -- status, stop, diff
 * ----------------------------------------------------------------------------------- */

enum ls_run_state {
    LS_RUN_NONE,
    LS_RUN_RUNNING,
    LS_RUN_FINISHED,
    LS_RUN_STOPPED,
    LS_RUN_FAILED,
    LS_RUN_DEAD /* says that it runs, but its processes are gone or silent */
};
struct ls_run_status {
    enum ls_run_state state;
    char host[256]; /* of rank 0 */
    int ranks, nodes;
    int64_t pid;
    int64_t epoch, epochs, step, steps; /* step of steps, over the whole run */
    char checkpoint[512];               /* the newest whole one; empty: none */
    double checkpoint_age_seconds;
    char best_name[64]; /* val_loss, or loss */
    double best_value;
    int64_t best_epoch;  /* from 1 */
    char message[512];   /* why it failed */
    char straggler[160]; /* of the last epoch: "rank 3 (host b) 1.8x"; empty: none */
};
LS_API ls_status ls_run_status(const char *directory, struct ls_run_status *status);
LS_API const char *ls_run_state_name(enum ls_run_state state);

/* Asks the job that runs in the directory, from any host that sees it, to save and end. */
LS_API ls_status ls_run_stop(const char *directory);

/* Where two checkpoints, histories or run directories first differ. *same, and in *text
 * (ls_text_free) what differs, a line each; at most `lines`. */
LS_API ls_status ls_run_diff(const char *a, const char *b, size_t lines, bool *same, char **text);

/* -- import
 * ------------------------------------------------------------------------------------------------
 */

typedef void ls_import_progress(void *user, int64_t done, int64_t total); /* bytes or rows */

struct ls_import {
    const char *const *files; /* ends with NULL; random: not read */
    const char *out;          /* F.h5 */
    const char *split;  /* idx: the split's name ("train"); csv, random: "0.8,0.2" or a name */
    const char *target; /* csv: the target column's name; NULL: none */
    uint64_t seed;      /* of the csv's split; of all of random's numbers */
    bool append;        /* add splits to a file that is there */
    const char *const *class_names;  /* idx: of the labels 0, 1, ...; ends with NULL; or NULL */
    const char *const *text_columns; /* csv: read as classes even where they look like numbers */
    bool no_header;                  /* csv: columns are c1, c2, ... */
    int64_t samples;                 /* random: of all splits together; 0: 1000 */
    const char *const *inputs;       /* random: "SHAPE" or "NAME=SHAPE"; ends with NULL; NULL: 20 */
    const char *const *targets; /* random: "SPEC" or "NAME=SPEC"; ends with NULL; NULL: binary */
    double noise;               /* random: on the targets, whose own deviation is 1 */
    bool unrelated;             /* random: the targets do not depend on the inputs */
    ls_import_progress *progress;
    void *user;
    const volatile sig_atomic_t *stop;
};
/* Written to a temporary and renamed: whole or not there; LS_CANNOT_WRITE before anything is read.
 * With `append` the splits are added to a copy of the file, which is then renamed. LS_BAD_INPUT
 * names file, line and column, or byte. LS_INTERRUPTED when *stop becomes non-zero. Files may be
 * gzip. Not collective: one process.
 *
 * idx: files are pairs of images and labels (of the same count): with two files one split (named by
 * `split`), with four train and test (told by their names, else by their order); one alone has no
 * labels. Values stay as they are.
 *
 * csv (RFC 4180, UTF-8): columns of numbers and of texts become x, float32, in the file's order;
 * texts are numbered, by class, in sorted order. The target becomes y: texts as classes with the
 * attribute class_names, whole numbers as integers, others as float32. What was learnt is kept in
 * the file's attribute lockstep_csv, as JSON, and serves again with `append`. Missing values, and
 * numbers mixed with texts, are errors. `split`: a name (default train), or shares: "0.8,0.2" is
 * train,test and three are train,validation,test; who goes where is drawn with `seed`. Several
 * files with the same header follow each other. */
LS_API ls_status ls_import_idx(const struct ls_import *import);
LS_API ls_status ls_import_csv(const struct ls_import *import);

/* Generated data, for trying models out: inputs of standard normal numbers, float32, and targets
 * that a small random network of tanh makes of all of them, plus noise, so that a model can learn
 * them. A function of the options and the seed alone: the same bits on every machine. Written as
 * above; no files are read.
 *
 * SHAPE: "20", "28x28x1". SPEC: "classes:3", integers from 0, about as many of each; "binary", 0 or
 * 1; "real" or "real:SHAPE", float32. One input alone needs no name and is x, one target alone y;
 * several are named as the model's inputs and outputs. `split`: as for csv; the first samples go
 * to the first. */
LS_API ls_status ls_import_random(const struct ls_import *import);

#ifdef __cplusplus
}
#endif
#endif
