#include "cli.h"

#include <stdlib.h>
#include <string.h>

struct options {
    const char *out, *split, *target, *classes, *noise;
    int64_t seed, samples;
    struct cli_list text_columns, inputs, targets;
    bool append, no_header, unrelated, quiet;
};

#define AT(field) offsetof(struct options, field)

#define OUT_OPTION                                                                                 \
    {                                                                                              \
        .name = "out", .letter = 'o', .type = CLI_TEXT, .offset = AT(out), .argument = "F.h5",     \
        .required = true, .help = "the data file to write"                                         \
    }
#define APPEND_OPTION                                                                              \
    {                                                                                              \
        .name = "append", .type = CLI_FLAG, .offset = AT(append),                                  \
        .help = "add the splits to a file that is there"                                           \
    }
#define QUIET_OPTION                                                                               \
    {                                                                                              \
        .name = "quiet", .letter = 'q', .type = CLI_FLAG, .offset = AT(quiet),                     \
        .help = "print nothing but errors"                                                         \
    }

static const struct cli_option idx_options[] = {
    OUT_OPTION,
    {.name = "split",
     .type = CLI_TEXT,
     .offset = AT(split),
     .argument = "NAME",
     .initial = "train; of four files train and test",
     .help = "the name of the split"},
    {.name = "classes",
     .type = CLI_TEXT,
     .offset = AT(classes),
     .argument = "NAME,NAME...",
     .help = "names of the labels 0, 1, ..."},
    APPEND_OPTION,
    QUIET_OPTION,
    {.name = NULL},
};

static const struct cli_option csv_options[] = {
    OUT_OPTION,
    {.name = "target",
     .type = CLI_TEXT,
     .offset = AT(target),
     .argument = "COLUMN",
     .initial = "none",
     .help = "the column to learn, by its name in the header"},
    {.name = "split",
     .type = CLI_TEXT,
     .offset = AT(split),
     .argument = "NAME|SHARES",
     .initial = "train",
     .help = "the name of the split, or shares as 0.8,0.2 (train, test)"},
    {.name = "seed",
     .type = CLI_COUNT,
     .offset = AT(seed),
     .argument = "N",
     .min = 0,
     .max = INT64_MAX,
     .initial = "0",
     .help = "which rows go to which part"},
    {.name = "text",
     .type = CLI_LIST,
     .offset = AT(text_columns),
     .argument = "COLUMN",
     .help = "a column of classes, though it looks like numbers"},
    {.name = "no-header",
     .type = CLI_FLAG,
     .offset = AT(no_header),
     .help = "the first line is data; columns are c1, c2, ..."},
    APPEND_OPTION,
    QUIET_OPTION,
    {.name = NULL},
};

static const struct cli_option random_options[] = {
    OUT_OPTION,
    {.name = "samples",
     .type = CLI_COUNT,
     .offset = AT(samples),
     .argument = "N",
     .min = 1,
     .max = INT64_MAX,
     .start = 1000,
     .initial = "1000",
     .help = "how many, in all splits together"},
    {.name = "input",
     .type = CLI_LIST,
     .offset = AT(inputs),
     .argument = "[NAME=]SHAPE",
     .initial = "x=20",
     .help = "an input, as 20 or image=28x28x1; again for another one"},
    {.name = "target",
     .type = CLI_LIST,
     .offset = AT(targets),
     .argument = "[NAME=]SPEC",
     .initial = "y=binary",
     .help = "a target: classes:N, binary, real or real:SHAPE; again for another one"},
    {.name = "noise",
     .type = CLI_TEXT,
     .offset = AT(noise),
     .argument = "F",
     .initial = "0.1",
     .help = "how far targets are off what the inputs say, which has a deviation of 1"},
    {.name = "unrelated",
     .type = CLI_FLAG,
     .offset = AT(unrelated),
     .help = "targets that do not depend on the inputs"},
    {.name = "split",
     .type = CLI_TEXT,
     .offset = AT(split),
     .argument = "NAME|SHARES",
     .initial = "train",
     .help = "the name of the split, or shares as 0.8,0.2 (train, test)"},
    {.name = "seed",
     .type = CLI_COUNT,
     .offset = AT(seed),
     .argument = "N",
     .min = 0,
     .max = INT64_MAX,
     .initial = "0",
     .help = "of all random numbers"},
    QUIET_OPTION,
    {.name = NULL},
};

/* The names of "a,b,c" in *names, ending with NULL; they point into *text, and both are freed by
 * the caller. */
static ls_status split_names(const char *list, char **text, const char ***names)
{
    size_t count = 1;
    for (const char *c = list; *c != '\0'; c++)
        count += *c == ',';
    *text = strdup(list);
    *names = calloc(count + 1, sizeof(**names));
    if (*text == NULL || *names == NULL)
        return cli_fail(LS_FAILED, "out of memory");
    char *rest = *text;
    for (size_t i = 0; i < count; i++) {
        (*names)[i] = strsep(&rest, ",");
        if (*(*names)[i] == '\0')
            return cli_fail(LS_USAGE, "import idx: option '--classes': '%s' has an empty name",
                            list);
    }
    return LS_OK;
}

static ls_status import_with(const struct cli_call *call, struct ls_import *import,
                             ls_status (*run)(const struct ls_import *import))
{
    const struct options *given = call->options;
    struct ls_progress *progress = NULL;
    ls_status status = ls_progress_create(&progress, stdout, NULL);
    if (status != LS_OK)
        return cli_fail_library(status);
    cli_catch_signals();
    cli_listen(given->quiet);
    cli_speak_around(progress);
    import->progress = given->quiet ? NULL : ls_progress_import;
    import->user = progress;
    import->stop = cli_stop();
    status = run(import);
    if (status != LS_OK)
        cli_fail_library(status);
    cli_speak_around(NULL);
    ls_progress_free(progress);
    if (status == LS_OK && !given->quiet) {
        printf("%s: written\n", given->out);
        status = cli_finish_output();
    }
    return status;
}

static ls_status import_files(const struct cli_call *call,
                              ls_status (*run)(const struct ls_import *import))
{
    const struct options *given = call->options;
    struct ls_import import = {
        .files = call->operands,
        .out = given->out,
        .split = given->split,
        .target = given->target,
        .seed = (uint64_t)given->seed,
        .append = given->append,
        .text_columns = given->text_columns.items,
        .no_header = given->no_header,
    };
    char *text = NULL;
    const char **names = NULL;
    ls_status status = LS_OK;
    if (given->classes != NULL)
        status = split_names(given->classes, &text, &names);
    import.class_names = names;
    if (status == LS_OK)
        status = import_with(call, &import, run);
    free(names);
    free(text);
    return status;
}

static ls_status run_idx(const struct cli_call *call)
{
    return import_files(call, ls_import_idx);
}

static ls_status run_csv(const struct cli_call *call)
{
    return import_files(call, ls_import_csv);
}

static ls_status run_random(const struct cli_call *call)
{
    const struct options *given = call->options;
    struct ls_import import = {
        .out = given->out,
        .split = given->split,
        .seed = (uint64_t)given->seed,
        .samples = given->samples,
        .inputs = given->inputs.items,
        .targets = given->targets.items,
        .noise = 0.1,
        .unrelated = given->unrelated,
    };
    if (given->noise != NULL) {
        char *end;
        import.noise = strtod(given->noise, &end);
        if (*end != '\0' || end == given->noise || !(import.noise >= 0))
            return cli_fail(LS_USAGE, "import random: option '--noise': '%s' is no number from 0",
                            given->noise);
    }
    return import_with(call, &import, ls_import_random);
}

static const char interrupted[] = "interrupted: nothing was written";

static const struct cli_command idx = {
    .name = "idx",
    .operands = "IMAGES [LABELS [TEST-IMAGES TEST-LABELS]]",
    .summary = "makes a data file of IDX files (MNIST and its kin), plain or .gz",
    .options = idx_options,
    .least = 1,
    .most = 4,
    .failed = "the import failed",
    .interrupted = interrupted,
    .examples = "  lockstep import idx train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz \\\n"
                "      t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz -o mnist.h5\n"
                "  lockstep import idx images labels -o digits.h5 --split validation --append\n",
    .run = run_idx,
};

static const struct cli_command csv = {
    .name = "csv",
    .operands = "FILE...",
    .summary = "makes a data file of CSV files with a header; words become classes",
    .options = csv_options,
    .least = 1,
    .most = CLI_MANY,
    .failed = "the import failed",
    .interrupted = interrupted,
    .examples = "  lockstep import csv iris.csv --target species --split 0.8,0.2 -o iris.h5\n"
                "  lockstep import csv new.csv -o new.h5 --split test\n",
    .run = run_csv,
};

static const struct cli_command random_data = {
    .name = "random",
    .summary = "makes a data file of random numbers that a network can learn",
    .options = random_options,
    .failed = "the import failed",
    .interrupted = interrupted,
    .examples = "  lockstep import random --samples 1000 --input 20 --split 0.8,0.2 -o random.h5\n"
                "  lockstep import random --input left=100 --input right=100 \\\n"
                "      --target same=binary --target kind=classes:4 -o pairs.h5\n",
    .run = run_random,
};

static const struct cli_command *const members[] = {&idx, &csv, &random_data, NULL};

const struct cli_command cli_import = {
    .name = "import",
    .summary = "makes data files of other formats",
    .members = members,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
