/* Instances of kinds from text, and tensors, for tests that run over registries. */
#ifndef TESTS_KIND_HARNESS_H
#define TESTS_KIND_HARNESS_H

#include <math.h>

#include "base/kind.h"
#include "base/random.h"
#include "kernel/kernels.h"
#include "lockstep/plugin.h"

#define NEED(call)                                                                                 \
    do {                                                                                           \
        if ((call) != LS_OK)                                                                       \
            fail_msg("%s", ls_message());                                                          \
    } while (0)

/* Those of the example plugin too. */
#define FOR_EACH_KIND(kind, registry)                                                              \
    for (size_t at_ = 0; at_ != SIZE_MAX; at_ = SIZE_MAX)                                          \
        for (const struct ls_kind *kind; (kind = ls_registry_kind(&(registry), at_)) != NULL; at_++)

static inline struct ls_tree *parse_text(const char *text)
{
    struct ls_tree *tree;
    char braced[4096];
    snprintf(braced, sizeof braced, *text == '{' || *text == '[' ? "%s" : "{%s}", text);
    NEED(ls_tree_parse_yaml(&tree, braced, strlen(braced), NULL));
    return tree;
}

/* Numbers in [-1, 1) of a fixed sequence. */
static inline float test_random(uint32_t stream, size_t index)
{
    uint32_t out[4], counter[4] = {(uint32_t)index, 0, 0, stream};
    ls_philox(out, counter, ls_random_key(1, LS_PURPOSE_TEST));
    return 2 * ls_uniform_float(out[0]) - 1;
}

/* n floats that are NaN, in a block of that length. */
static inline float *harness_floats(size_t n)
{
    float *made = malloc(n * sizeof(float) + (n == 0));
    assert_non_null(made);
    for (size_t i = 0; i < n; i++)
        made[i] = NAN;
    return made;
}

static inline struct ls_instance make_instance(const struct ls_registry *registry,
                                               const char *kind_name, const char *options)
{
    struct ls_tree *tree = parse_text(options);
    struct ls_instance instance;
    const struct ls_kind *kind;
    NEED(ls_kind_require(registry, NULL, kind_name, &kind));
    NEED(ls_instance_create(&instance, kind, tree, NULL));
    ls_tree_free(tree);
    return instance;
}

static inline void refuse_instance(const struct ls_registry *registry, const char *kind_name,
                                   const char *options, const char *wanted)
{
    struct ls_tree *tree = parse_text(options);
    struct ls_instance instance;
    const struct ls_kind *kind;
    NEED(ls_kind_require(registry, NULL, kind_name, &kind));
    ls_status status = ls_instance_create(&instance, kind, tree, NULL);
    if (status != LS_BAD_INPUT)
        fail_msg("%s {%s}: status %d, expected: %s", kind_name, options, status, wanted);
    assert_string_equal(ls_message(), wanted);
    ls_tree_free(tree);
}

/* Options written as a Keras config and read again are the same. */
static inline void check_round_trip(const struct ls_registry *registry, const char *kind_name,
                                    const char *options)
{
    struct ls_instance first = make_instance(registry, kind_name, options), second;
    struct ls_text texts[2] = {{0}, {0}};
    for (int pass = 0; pass < 2; pass++) {
        struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
        if (pass == 1)
            second = make_instance(registry, kind_name, texts[0].data);
        NEED(ls_instance_write(pass == 0 ? &first : &second, config));
        ls_tree_format_json(&texts[pass], config);
        ls_tree_free(config);
    }
    assert_string_equal(texts[0].data, texts[1].data);
    ls_text_release(&texts[0]);
    ls_text_release(&texts[1]);
    ls_instance_release(&first);
    ls_instance_release(&second);
}

static inline int test_kernels(void **state)
{
    (void)state;
    if (ls_kernels_init(NULL) == LS_OK && ls_plugin_register(&lockstep_plugin) == LS_OK)
        return 0;
    fprintf(stderr, "%s\n", ls_message());
    return 1;
}

#endif
