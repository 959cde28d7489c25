/* Keras' JSON (to_json, model_config) to a model. */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count, (void)arguments;
    fuzz_start();
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct ls_tree *tree = NULL;
    struct ls_model *model = NULL;
    long blocks = ls_memory_blocks();
    char *text = malloc(length + 1); /* so that reading beyond its end is seen */
    memcpy(text, bytes, length);
    ls_status status = ls_tree_parse_json(&tree, text, length, "net.json");
    fuzz_expect(status);
    free(text);
    if (status == LS_OK) {
        status = ls_model_from_keras(&model, tree);
        fuzz_expect(status);
    }
    ls_tree_free(tree);
    if (status == LS_OK)
        fuzz_model(model);
    ls_model_free(model);
    if (ls_memory_blocks() != blocks)
        abort();
    return 0;
}
