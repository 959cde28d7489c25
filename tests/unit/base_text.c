#include "base_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/shape.h"
#include "base/text.h"

static void test_append(void **state)
{
    (void)state;
    struct ls_text text = {0};
    char expected[4016] = "";
    for (int i = 0; i < 1000; i++) {
        ls_text_append(&text, "%04d", i);
        snprintf(expected + 4 * i, sizeof expected - 4 * (size_t)i, "%04d", i);
    }
    assert_ok(ls_text_status(&text));
    assert_string_equal(text.data, expected);
    assert_int_equal(text.length, 4000);
    ls_text_append_bytes(&text, "a\0b", 3);
    assert_int_equal(text.length, 4003);
    assert_memory_equal(text.data + 4000, "a\0b", 4);
    ls_text_release(&text);
    assert_null(text.data);
}

static void test_failed_append_is_remembered(void **state)
{
    (void)state;
    struct ls_text text = {0};
    ls_text_append(&text, "abc");
    ls_memory_fail_at(1);
    ls_text_append(&text, "%0200d", 1);
    ls_text_append(&text, "d");
    assert_fails(ls_text_status(&text), LS_FAILED, "out of memory for a text of 3 bytes");
    assert_string_equal(text.data, "abc");
    ls_text_release(&text);
    assert_ok(ls_text_status(&text));
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"units", "use_bias", "activation", "kernel_initializer",
                                        "ELU",   "ReLU",     NULL};
    static const struct {
        const char *name, *nearest;
    } cases[] = {
        {"unit", "units"},
        {"unist", "units"},
        {"Units", "units"},
        {"untis", "units"},
        {"bias", NULL},
        {"usebias", "use_bias"},
        {"activ", NULL},
        {"activations", "activation"},
        {"kernel_init", NULL},
        {"kernel_initialiser", "kernel_initializer"},
        {"relu", "ReLU"},
        {"x", NULL},
        {"", NULL},
        {"rellu", "ReLU"},
        {"unitsunits", NULL},
        {"actvaton", "activation"},
        {"elu", "ELU"},
        {"un", NULL},
        {"kern", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *nearest = ls_nearest(cases[i].name, names);
        if (!nearest || !cases[i].nearest ? nearest != cases[i].nearest
                                          : strcmp(nearest, cases[i].nearest) != 0)
            fail_msg("'%s': nearest is '%s', not '%s'", cases[i].name, nearest ? nearest : "none",
                     cases[i].nearest ? cases[i].nearest : "none");
    }
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(ls_nearest(longest, names));
    const char *const many[] = {longest, "ab", NULL};
    assert_string_equal(ls_nearest("abc", many), "ab");
    assert_null(ls_nearest("abc", many + 2));
}

/* Pairs from Keras' to_snake_case. */
static void test_snake_case(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"Dense", "dense"},
        {"LeakyReLU", "leaky_re_lu"},
        {"ELU", "elu"},
        {"Conv2D", "conv2d"},
        {"LSTM", "lstm"},
        {"PReLU", "p_re_lu"},
        {"MultiHeadAttention", "multi_head_attention"},
        {"BatchNormalization", "batch_normalization"},
        {"RMSprop", "rm_sprop"},
        {"AdamW", "adam_w"},
        {"InputLayer", "input_layer"},
        {"Conv2DTranspose", "conv2d_transpose"},
        {"GlobalAveragePooling2D", "global_average_pooling2d"},
        {"ReLU", "re_lu"},
        {"GELU", "gelu"},
        {"UpSampling2D", "up_sampling2d"},
        {"GRUCell", "gru_cell"},
        {"L1L2", "l1l2"},
        {"OrthogonalRegularizer", "orthogonal_regularizer"},
        {"KLDivergence", "kl_divergence"},
        {"F1Score", "f1_score"},
        {"AUC", "auc"},
        {"My-Layer 2b", "my_layer2b"},
        {"already_snake", "already_snake"},
        {"A", "a"},
        {"AB", "ab"},
        {"aB", "a_b"},
        {"ABc", "a_bc"},
        {"X_Yz", "x__yz"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char out[64];
        ls_snake_case(out, sizeof out, pairs[i][0]);
        assert_string_equal(out, pairs[i][1]);
    }
    char small[6];
    ls_snake_case(small, sizeof small, "LeakyReLU");
    assert_string_equal(small, "leaky");
    small[0] = 'x';
    ls_snake_case(small, 0, "LeakyReLU");
    assert_int_equal(small[0], 'x');
}

static void test_excerpt(void **state)
{
    (void)state;
    char out[LS_EXCERPT], text[200];
    ls_excerpt(out, "short");
    assert_string_equal(out, "short");
    memset(text, 'x', sizeof text);
    text[63] = '\0';
    ls_excerpt(out, text);
    assert_string_equal(out, text);
    memset(text, 'x', 64);
    text[64] = '\0';
    ls_excerpt(out, text);
    assert_int_equal(strlen(out), 63);
    assert_string_equal(out + 59, "x...");
    memcpy(text + 59, "\xc3\xb6", 2); /* would be cut in two */
    ls_excerpt(out, text);
    assert_string_equal(out + 57, "xx...");
}

/* -- files and paths */

static char directory[] = "base_text.XXXXXX";

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static void write_file(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void test_read_file(void **state)
{
    (void)state;
    char path[64], message[256];
    struct ls_text text;
    snprintf(path, sizeof path, "%s/a", directory);
    write_file(path, "a\0\nb", 4);
    assert_ok(ls_file_read_text(path, &text));
    assert_int_equal(text.length, 4);
    assert_memory_equal(text.data, "a\0\nb", 5);
    ls_text_release(&text);
    write_file(path, "", 0);
    assert_ok(ls_file_read_text(path, &text));
    assert_string_equal(text.data, "");
    ls_text_release(&text);

    assert_int_equal(truncate(path, ((off_t)64 << 20) + 1), 0);
    snprintf(message, sizeof message, "'%s' is no text file: it has more than 64 MiB", path);
    assert_fails(ls_file_read_text(path, &text), LS_BAD_INPUT, message);
    assert_null(text.data);
    unlink(path);
    snprintf(message, sizeof message, "cannot read '%s': No such file or directory", path);
    assert_fails(ls_file_read_text(path, &text), LS_NO_INPUT, message);
    snprintf(message, sizeof message, "cannot read '%s': Is a directory", directory);
    assert_fails(ls_file_read_text(directory, &text), LS_NO_INPUT, message);
}

static void assert_join(const char *left, const char *right, const char *expected)
{
    char *joined;
    assert_ok(ls_path_join(&joined, left, right));
    assert_string_equal(joined, expected);
    ls_release(joined);
}

static void test_join(void **state)
{
    (void)state;
    assert_join("a/b", "c.h5", "a/b/c.h5");
    assert_join("a/", "c", "a/c");
    assert_join("/", "c", "/c");
    assert_join("", "c", "c");
    assert_join("a", "/c", "/c");
    assert_join("a", "../c", "a/../c");
}

static void assert_absolute(const char *path, const char *expected)
{
    char *absolute;
    assert_ok(ls_path_absolute(&absolute, path));
    assert_string_equal(absolute, expected);
    ls_release(absolute);
}

static void test_absolute(void **state)
{
    (void)state;
    char here[4096], expected[5000];
    assert_non_null(getcwd(here, sizeof here));
    assert_absolute("/a/b", "/a/b");
    assert_absolute("/a//./b/", "/a/b");
    assert_absolute("/a/../b/.c/..d", "/a/../b/.c/..d");
    assert_absolute("/", "/");
    assert_absolute("/./", "/");
    snprintf(expected, sizeof expected, "%s/nothing/here.h5", here);
    assert_absolute("./nothing/here.h5", expected);
    assert_absolute(".", here);
}

static void test_ends_and_directories(void **state)
{
    (void)state;
    assert_true(ls_ends_with("net.h5", ".h5"));
    assert_true(ls_ends_with("net.h5", ""));
    assert_false(ls_ends_with("net.h5", ".csv"));
    assert_false(ls_ends_with("h5", ".h5"));
    assert_true(ls_path_is_directory(directory));
    assert_false(ls_path_is_directory("/dev/null"));
    assert_false(ls_path_is_directory("/dev/null/nowhere"));
}

static void test_expand(void **state)
{
    (void)state;
    char *out;
    assert_int_equal(setenv("LOCKSTEP_TEST_A", "value", 1), 0);
    assert_int_equal(setenv("LOCKSTEP_TEST_EMPTY", "", 1), 0);
    unsetenv("LOCKSTEP_TEST_UNSET");
    assert_ok(ls_expand_variables(&out, "x/${LOCKSTEP_TEST_A}/$y{z}${LOCKSTEP_TEST_EMPTY}"));
    assert_string_equal(out, "x/value/$y{z}");
    ls_release(out);
    assert_ok(ls_expand_variables(&out, ""));
    assert_string_equal(out, "");
    ls_release(out);
    assert_fails(ls_expand_variables(&out, "a${LOCKSTEP_TEST_A}${LOCKSTEP_TEST_UNSET}"),
                 LS_BAD_INPUT, "the environment variable LOCKSTEP_TEST_UNSET is not set");
    assert_null(out);
    assert_fails(ls_expand_variables(&out, "a${b"), LS_BAD_INPUT,
                 "'a${b': '${' needs a name and a '}'");
    assert_fails(ls_expand_variables(&out, "${}"), LS_BAD_INPUT,
                 "'${}': '${' needs a name and a '}'");
}

/* -- shapes and hashes */

static void test_shapes(void **state)
{
    (void)state;
    struct ls_shape scalar = {0}, image = {2, {28, 28}}, other = {2, {28, 27}},
                    deep = {3, {28, 28, 1}};
    char out[LS_SHAPE_TEXT];
    assert_int_equal(ls_shape_count(&scalar), 1);
    assert_int_equal(ls_shape_count(&image), 784);
    assert_true(ls_shape_equal(&image, &image));
    assert_false(ls_shape_equal(&image, &other));
    assert_false(ls_shape_equal(&image, &deep));
    ls_shape_format(out, &scalar);
    assert_string_equal(out, "(None,)");
    ls_shape_format(out, &image);
    assert_string_equal(out, "(None, 28, 28)");
    struct ls_shape largest = {LS_RANK_MAX, {0}};
    for (int i = 0; i < LS_RANK_MAX; i++)
        largest.size[i] = INT64_MAX;
    ls_shape_format(out, &largest);
    assert_int_equal(strlen(out), 5 + 8 * 21 + 1);
    assert_true(ls_shape_count(&largest) == INT64_MAX);
}

/* XXH3's published answers for nothing; and pieces give what the whole gives. */
static void test_hashes(void **state)
{
    (void)state;
    char digits[33], whole[33];
    unsigned char bytes[10000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * i);
    assert_true(ls_hash64("", 0, 0) == 0x2d06800538d394c2u);
    assert_true(ls_hash64(bytes, 100, 0) != ls_hash64(bytes, 100, 1));
    assert_true(ls_hash64(bytes, 100, 0) != ls_hash64(bytes, 99, 0));

    struct ls_hasher *hasher = ls_hasher_create();
    assert_non_null(hasher);
    ls_digest_format(digits, ls_hasher_digest(hasher));
    assert_string_equal(digits, "99aa06d3014798d86001c324468d497f");
    ls_hasher_add(hasher, bytes, sizeof bytes);
    ls_digest_format(whole, ls_hasher_digest(hasher));
    ls_hasher_free(hasher);

    hasher = ls_hasher_create();
    for (size_t i = 0; i < sizeof bytes; i += 100)
        ls_hasher_add(hasher, bytes + i, 100);
    ls_digest_format(digits, ls_hasher_digest(hasher));
    assert_string_equal(digits, whole);
    ls_hasher_free(hasher);

    ls_memory_fail_at(1);
    assert_null(ls_hasher_create());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_append),
        leak_checked_test(test_failed_append_is_remembered),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_snake_case),
        cmocka_unit_test(test_excerpt),
        leak_checked_test(test_read_file),
        leak_checked_test(test_join),
        leak_checked_test(test_absolute),
        cmocka_unit_test(test_ends_and_directories),
        leak_checked_test(test_expand),
        cmocka_unit_test(test_shapes),
        leak_checked_test(test_hashes),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
