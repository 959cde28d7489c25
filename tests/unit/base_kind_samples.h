/* A small world of kinds, for the tests of kind.h: every type of option. */
#ifndef UNIT_BASE_KIND_SAMPLES_H
#define UNIT_BASE_KIND_SAMPLES_H

#include "base/kind.h"

struct constant {
    double value;
};
static const struct ls_option constant_options[] = {
    {.name = "value",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct constant, value),
     .initial = "0.05",
     .help = "of all elements"},
    {0},
};
static const char *const zeros_aliases[] = {"zero", NULL};
static const struct ls_kind zeros = {
    .name = "Zeros", .aliases = zeros_aliases, .summary = "all elements are 0"};
static const struct ls_kind constant = {.name = "Constant",
                                        .summary = "all elements are the same",
                                        .options = constant_options,
                                        .options_size = sizeof(struct constant)};
static const struct ls_kind *const filler_kinds[] = {&zeros, &constant, NULL};
static const struct ls_registry fillers = {.noun = "filler", .kinds = filler_kinds};
static const struct ls_registry far_fillers = {
    .noun = "filler", .module = "far.fillers", .kinds = filler_kinds};

struct sample {
    int64_t units, every;
    double rate, clip;
    bool use_bias;
    char *name;
    int mode;
    struct ls_ints axis;
    struct ls_floats mean;
    struct ls_option_texts skip;
    struct ls_instance filler, other;
    double slope;
    bool secret;
};
static const char *const modes[] = {"false", "true", "chunk", NULL};
#define SAMPLE(field) offsetof(struct sample, field)
static const struct ls_option sample_options[] = {
    {.name = "units",
     .type = LS_OPTION_INT,
     .offset = SAMPLE(units),
     .min = 1,
     .max = INFINITY,
     .help = "size of the output"},
    {.name = "every",
     .type = LS_OPTION_INT,
     .offset = SAMPLE(every),
     .initial = "null",
     .min = 1,
     .unit = "steps",
     .help = "how often"},
    {.name = "rate",
     .type = LS_OPTION_FLOAT,
     .offset = SAMPLE(rate),
     .initial = "0.5",
     .min = 0,
     .max = 1,
     .open_max = true,
     .help = "how many are dropped"},
    {.name = "clip",
     .type = LS_OPTION_FLOAT,
     .offset = SAMPLE(clip),
     .initial = "null",
     .open_min = true,
     .help = "largest norm"},
    {.name = "use_bias", .type = LS_OPTION_BOOL, .offset = SAMPLE(use_bias), .initial = "true"},
    {.name = "name", .type = LS_OPTION_TEXT, .offset = SAMPLE(name), .initial = "null"},
    {.name = "mode",
     .type = LS_OPTION_CHOICE,
     .offset = SAMPLE(mode),
     .initial = "true",
     .nullable = true,
     .choices = modes,
     .help = "of shuffling"},
    {.name = "axis",
     .type = LS_OPTION_INTS,
     .offset = SAMPLE(axis),
     .initial = "-1",
     .min = -1,
     .max = 7},
    {.name = "mean",
     .type = LS_OPTION_FLOATS,
     .offset = SAMPLE(mean),
     .initial = "null",
     .min = -1000,
     .max = 1000},
    {.name = "skip", .type = LS_OPTION_TEXTS, .offset = SAMPLE(skip), .initial = "[]"},
    {.name = "filler",
     .type = LS_OPTION_KIND,
     .offset = SAMPLE(filler),
     .initial = "zeros",
     .registry = &fillers,
     .help = "first values"},
    {.name = "other",
     .type = LS_OPTION_KIND,
     .offset = SAMPLE(other),
     .initial = "null",
     .registry = &fillers},
    {.name = "negative_slope",
     .type = LS_OPTION_FLOAT,
     .offset = SAMPLE(slope),
     .initial = "0.2",
     .alias = "alpha"},
    {.name = "secret",
     .type = LS_OPTION_BOOL,
     .offset = SAMPLE(secret),
     .initial = "false",
     .unwritten = true},
    {0},
};
/* Options that are one of several things. */
struct mixed {
    struct ls_float_or_kind level, second;
    struct ls_instance part;
    const struct ls_tree *any;
    double count;
    struct ls_floats bounds;
};
#define MIXED(field) offsetof(struct mixed, field)
static const struct ls_option mixed_options[] = {
    {.name = "level",
     .type = LS_OPTION_FLOAT_OR_KIND,
     .offset = MIXED(level),
     .initial = "0.5",
     .min = 0,
     .max = 1,
     .registry = &far_fillers},
    {.name = "second",
     .type = LS_OPTION_FLOAT_OR_KIND,
     .offset = MIXED(second),
     .initial = "0.25",
     .registry = &fillers},
    {.name = "part",
     .type = LS_OPTION_MAP,
     .offset = MIXED(part),
     .initial = "null",
     .map = &constant},
    {.name = "any", .type = LS_OPTION_TREE, .offset = MIXED(any), .initial = "null"},
    {.name = "count",
     .type = LS_OPTION_FLOAT,
     .offset = MIXED(count),
     .initial = "2",
     .whole = true},
    {.name = "bounds",
     .type = LS_OPTION_FLOATS,
     .offset = MIXED(bounds),
     .initial = "null",
     .whole = true},
    {0},
};
static const struct ls_kind mixed = {.name = "Mixed",
                                     .summary = "has options that are one of several things",
                                     .options = mixed_options,
                                     .options_size = sizeof(struct mixed)};

static const char *const sample_aliases[] = {"smp", "SampleLayer", NULL};
static const struct ls_kind sample = {.name = "LeakySample",
                                      .aliases = sample_aliases,
                                      .summary = "has every type of option",
                                      .options = sample_options,
                                      .options_size = sizeof(struct sample)};
static const struct ls_kind *const sample_kinds[] = {&sample, &zeros, NULL};
static const struct ls_registry samples = {.noun = "layer", .kinds = sample_kinds};

#endif
