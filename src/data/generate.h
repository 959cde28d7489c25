/* Generated data: inputs of standard normal numbers, and targets that hidden random networks make
 * of them. Every number is a function of (key, sample, column, element) alone, computed in double
 * in a fixed order by portable functions: the same bits on every machine. */
#ifndef DATA_GENERATE_H
#define DATA_GENERATE_H

#include "base/random.h"
#include "base/shape.h"
#include "base/status.h"

enum { LS_CLASSES_MAX = 1000 };

enum ls_target_form { LS_TARGETS_CLASSES, LS_TARGETS_BINARY, LS_TARGETS_REAL };

struct ls_generated_target {
    enum ls_target_form form;
    size_t count; /* classes; numbers a sample of LS_TARGETS_REAL */
};

/* A hidden network of one target. On failure *teacher is NULL. */
struct ls_teacher;
struct ls_teacher_options {
    struct ls_random_key key;
    uint32_t column; /* the target's number among the targets, which its weights depend on */
    size_t inputs;   /* elements a sample, of all inputs together */
    struct ls_generated_target target;
    double noise;
    bool unrelated; /* no network: random targets */
};
ls_status ls_teacher_create(struct ls_teacher **teacher, const struct ls_teacher_options *options);
void ls_teacher_free(struct ls_teacher *teacher);

/* `count` numbers of an input column for one sample. */
void ls_generate_input(float *out, size_t count, struct ls_random_key key, uint32_t column,
                       int64_t sample);

/* The sample's target: an int32 or, of LS_TARGETS_REAL, count floats. x: all inputs. Uses memory of
 * the teacher's. */
void ls_generate_target(void *out, struct ls_teacher *teacher, const float *x, int64_t sample);

#endif
