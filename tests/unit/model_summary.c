/* The table of a model, line by line. */
#include "unit/store_test.h"

#include "lockstep/lockstep.h"

static void check_summary(const char *const *layers, const char *wanted)
{
    struct ls_model *model;
    char *text;
    assert_ok(ls_model_create(&model, NULL));
    for (size_t i = 0; layers[i]; i += 2)
        assert_ok(ls_layer_add(model, layers[i], layers[i + 1]));
    assert_ok(ls_model_summary(model, &text));
    assert_string_equal(text, wanted);
    ls_text_free(text);
    ls_model_free(model);
}

#define TOP                                                                                                                                                                                                                                  \
    "Model: \"sequential\"\n"                                                                                                                                                                                                                \
    "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓\n" \
    "┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃\n"                                                                                                                                                 \
    "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩\n"
#define RULE "├─────────────────────────────────┼────────────────────────┼───────────────┤\n"
#define END  "└─────────────────────────────────┴────────────────────────┴───────────────┘\n"

/* As Keras 3 prints it. */
static void test_mnist(void **state)
{
    (void)state;
    check_summary(
        (const char *const[]){"Input", "shape: [28, 28]", "Rescaling", "scale: 0.0039", "Flatten",
                              NULL, "Dense", "units: 128, activation: relu", "Dropout", "rate: 0.2",
                              "Dense", "units: 10", NULL},
        TOP "│ rescaling (Rescaling)           │ (None, 28, 28)         │             0 │\n" RULE
            "│ flatten (Flatten)               │ (None, 784)            │             0 │\n" RULE
            "│ dense (Dense)                   │ (None, 128)            │       100,480 │\n" RULE
            "│ dropout (Dropout)               │ (None, 128)            │             0 │\n" RULE
            "│ dense_1 (Dense)                 │ (None, 10)             │         1,290 │\n" END
            " Total params: 101,770 (397.54 KB)\n"
            " Trainable params: 101,770 (397.54 KB)\n"
            " Non-trainable params: 0 (0.00 B)\n");
}

static void test_long_cells(void **state)
{
    (void)state;
    ls_memory_pretend((uint64_t)1 << 50); /* shapes for a long cell */
    check_summary(
        (const char *const[]){"Input", "shape: [1000, 1000, 100, 1000]", "Flatten",
                              "name: as_long_as_the_cell_0", "ReLU",
                              "name: a_letter_too_long_for_it_", NULL},
        TOP "│ as_long_as_the_cell_0 (Flatten) │ (None, 100000000000)   │             0 │\n" RULE
            "│ a_letter_too_long_for_it_       │ (None, 100000000000)   │             0 │\n"
            "│ (ReLU)                          │                        │               │\n" END
            " Total params: 0 (0.00 B)\n"
            " Trainable params: 0 (0.00 B)\n"
            " Non-trainable params: 0 (0.00 B)\n");
    check_summary((const char *const[]){"Input", "shape: [1000, 1000, 1000, 1000]", NULL},
                  TOP END " Total params: 0 (0.00 B)\n"
                          " Trainable params: 0 (0.00 B)\n"
                          " Non-trainable params: 0 (0.00 B)\n");
    check_summary(
        (const char *const[]){"Input", "shape: [1000, 1000, 1000, 1000]", "ReLU", NULL, NULL},
        TOP "│ re_lu (ReLU)                    │ (None, 1000, 1000,     │             0 │\n"
            "│                                 │ 1000, 1000)            │               │\n" END
            " Total params: 0 (0.00 B)\n"
            " Trainable params: 0 (0.00 B)\n"
            " Non-trainable params: 0 (0.00 B)\n");
    ls_memory_pretend(0);
}

/* A cell is as wide as its characters, whatever bytes they take; a word that is too long is cut
 * between two. */
static void test_other_letters(void **state)
{
    (void)state;
    check_summary(
        (const char *const[]){"Input", "shape: 3", "ReLU", "name: größe", "ReLU",
                              "name: ключключключключключключключключ", NULL},
        TOP "│ größe (ReLU)                    │ (None, 3)              │             0 │\n" RULE
            "│ ключключключключключключключкл… │ (None, 3)              │             0 │\n"
            "│ (ReLU)                          │                        │               │\n" END
            " Total params: 0 (0.00 B)\n"
            " Trainable params: 0 (0.00 B)\n"
            " Non-trainable params: 0 (0.00 B)\n");
}

static void test_counts(void **state)
{
    (void)state;
    check_summary(
        (const char *const[]){"Input", "shape: 999", "Dense", "units: 1, use_bias: false", "Dense",
                              "units: 500, trainable: false", "Dense", "units: 2000", NULL},
        TOP "│ dense (Dense)                   │ (None, 1)              │           999 │\n" RULE
            "│ dense_1 (Dense)                 │ (None, 500)            │         1,000 │\n" RULE
            "│ dense_2 (Dense)                 │ (None, 2000)           │     1,002,000 │\n" END
            " Total params: 1,003,999 (3.83 MB)\n"
            " Trainable params: 1,002,999 (3.83 MB)\n"
            " Non-trainable params: 1,000 (3.91 KB)\n");
}

static void test_no_layers_but_input(void **state)
{
    (void)state;
    check_summary((const char *const[]){"Input", "shape: 3", NULL},
                  TOP END " Total params: 0 (0.00 B)\n"
                          " Trainable params: 0 (0.00 B)\n"
                          " Non-trainable params: 0 (0.00 B)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_mnist),
        leak_checked_test(test_long_cells),
        leak_checked_test(test_other_letters),
        leak_checked_test(test_counts),
        leak_checked_test(test_no_layers_but_input),
    };
    return cmocka_run_group_tests_name("summary", tests, start_kernels, NULL);
}
