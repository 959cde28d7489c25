/* A Keras .h5 to a model with weights and compile state, or to the weights of one that is there. */
#include "fuzz.h"

#include "store/checkpoint.h"

static struct ls_model *model; /* for weights alone */

static void make_model(void)
{
    static const char yaml[] = "[Input: {shape: [2]}, Dense: {units: 2, name: dense},"
                               " Dense: {units: 1, name: dense_1}]";
    struct ls_tree *tree;
    if (ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL) != LS_OK ||
        ls_model_from_tree(&model, tree) != LS_OK || ls_model_build(model) != LS_OK)
        abort();
    model->source = tree;
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count, (void)arguments;
    fuzz_share_counters();
    fuzz_start();
    make_model();
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct ls_checkpoint checkpoint;
    long blocks = ls_memory_blocks();
    fuzz_write("model.h5", bytes, length);
    ls_status status = ls_checkpoint_read(&checkpoint, "model.h5");
    fuzz_expect(status);
    if (status == LS_OK) {
        fuzz_model(checkpoint.model);
        ls_checkpoint_release(&checkpoint);
    }
    fuzz_expect(ls_weights_read(model, "model.h5"));
    if (ls_memory_blocks() != blocks)
        abort();
    return 0;
}
