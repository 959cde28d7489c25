/* What the fuzzing targets share: files in the current directory (tests/fuzz/run makes one in
 * memory), and what is done with a model that was read. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "kernel/kernels.h"
#include "model/graph.h"
#include "model/plan.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);

/* Larger models are refused, so that an input takes little time. */
enum { FUZZ_MEMORY = 64 << 20 };

static inline void fuzz_start(void)
{
    const struct ls_kernel_options options = {.threads = 1};
    if (ls_kernels_init(&options) != LS_OK)
        abort();
    ls_memory_pretend(FUZZ_MEMORY);
}

/* HDF5 reads in a child, of which the fuzzer would see nothing: the counters of what was run are
 * put into memory that is shared with it (counters.c). */
void fuzz_share_counters(void);

/* Every failure is one of bad input, in one line. */
static inline void fuzz_expect(ls_status status)
{
    if (status == LS_OK)
        return;
    if ((status == LS_BAD_INPUT || status == LS_NO_INPUT) && ls_message()[0])
        return;
    fprintf(stderr, "status %d: %s\n", status, ls_message());
    abort();
}

static inline void fuzz_write(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
        abort();
}

/* Completes the model, writes it for Keras and reads that back; compiles a plan for a step. */
static inline void fuzz_model(struct ls_model *model)
{
    struct ls_tree *config = NULL;
    struct ls_model *back = NULL;
    struct ls_plan *plan = NULL;
    ls_status status = ls_model_build(model);
    fuzz_expect(status);
    if (status != LS_OK)
        return;
    if (ls_plan_create(
            &plan, &(struct ls_plan_options){.model = model, .rows = 3, .training = true}) == LS_OK)
        ls_plan_free(plan);
    status = ls_model_to_keras(model, &config);
    if (status == LS_OK) {
        status = ls_model_from_keras(&back, config);
        if (status == LS_OK)
            status = ls_model_build(back);
        if (status != LS_OK || back->floats != model->floats || back->layers != model->layers) {
            struct ls_text text = {0};
            ls_tree_format_json(&text, config);
            fprintf(stderr, "what was written is not read: %s\n%s\n", ls_message(), text.data);
            abort();
        }
    }
    ls_tree_free(config);
    ls_model_free(back);
}

#endif
