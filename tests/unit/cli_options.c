/* Command lines: GNU's conventions, every refusal with its message, and the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli.h"

struct options {
    bool flag, other;
    const char *text;
    int64_t number;
    struct cli_list list;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option table[] = {
    {.name = "flag", .letter = 'f', .type = CLI_FLAG, .offset = AT(flag), .help = "sets it"},
    {.name = "other", .letter = 'x', .type = CLI_FLAG, .offset = AT(other), .help = "sets that"},
    {.name = "text",
     .letter = 't',
     .type = CLI_TEXT,
     .offset = AT(text),
     .argument = "FILE",
     .initial = "none",
     .help = "a file"},
    {.name = "number",
     .letter = 'n',
     .type = CLI_COUNT,
     .offset = AT(number),
     .argument = "N",
     .min = 1,
     .max = 100,
     .start = 7,
     .unit = "samples",
     .initial = "7",
     .help = "how many"},
    {.name = "set",
     .type = CLI_LIST,
     .offset = AT(list),
     .argument = "KEY=VALUE",
     .help = "a key of a name so long that it needs a line of its own"},
    {.name = "epochs",
     .type = CLI_KEY,
     .offset = AT(list),
     .argument = "N",
     .key = "fit.epochs",
     .min = 1,
     .max = INT64_MAX,
     .help = "epochs"},
    {.name = "once", .type = CLI_FLAG, .offset = AT(list), .key = "fit.once", .help = "once"},
    {.name = NULL},
};

static const struct cli_command command = {.name = "do",
                                           .operands = "A [B]",
                                           .summary = "does it",
                                           .options = table,
                                           .least = 1,
                                           .most = 2,
                                           .failed = "failed",
                                           .interrupted = "interrupted",
                                           .examples = "  lockstep do a\n"};

enum { MESSAGE_BYTES = 512, ARGUMENTS_MAX = 32 };

/* Parses the words of a line, parted by single blanks; they live until the next call. */
static ls_status parse(struct cli_call *call, const char *line, char *message)
{
    static char words[512];
    static char *arguments[ARGUMENTS_MAX];
    size_t count = 0;
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        arguments[count++] = word;
    arguments[count] = NULL;
    ls_status status = cli_call_parse(call, &command, "do", arguments);
    snprintf(message, MESSAGE_BYTES, "%s", call->message);
    return status;
}

static void test_all_spellings(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "a --flag --text t.h5 --number 12 --set k=v --epochs 3 b",
        "--flag --text=t.h5 --number=12 --set=k=v --epochs=3 a b",
        "-f -t t.h5 -n 12 --set k=v --epochs 3 -- a b",
        "-ft t.h5 a -n12 b --set k=v --epochs 3",
        "-fn12 -tt.h5 a b --set k=v --epochs 3",
        "--number 99 -n 12 -f --flag -t x --text t.h5 a --set k=v b --epochs 3",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct cli_call call;
        char message[MESSAGE_BYTES];
        if (parse(&call, lines[i], message) != LS_OK)
            fail_msg("%s: %s", lines[i], message);
        const struct options *options = call.options;
        assert_true(options->flag);
        assert_false(options->other);
        assert_string_equal(options->text, "t.h5");
        assert_int_equal(options->number, 12);
        assert_int_equal(options->list.count, 2);
        assert_string_equal(options->list.items[0], "k=v");
        assert_string_equal(options->list.items[1], "fit.epochs=3");
        assert_null(options->list.items[2]);
        assert_int_equal(call.operand_count, 2);
        assert_string_equal(call.operands[0], "a");
        assert_string_equal(call.operands[1], "b");
        assert_null(call.operands[2]);
        cli_call_release(&call);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct cli_call call;
    char message[MESSAGE_BYTES];
    assert_int_equal(parse(&call, "-", message), LS_OK); /* a lone dash is an operand */
    const struct options *options = call.options;
    assert_false(options->flag);
    assert_null(options->text);
    assert_int_equal(options->number, 7);
    assert_null(options->list.items);
    assert_string_equal(call.operands[0], "-");
    cli_call_release(&call);
}

/* The later of a key given twice comes later, whichever way it was given. */
static void test_order_of_keys(void **state)
{
    (void)state;
    struct cli_call call;
    char message[MESSAGE_BYTES];
    assert_int_equal(parse(&call, "a --epochs 4 --set fit.epochs=5 --epochs 6 --once", message),
                     LS_OK);
    const struct options *options = call.options;
    assert_int_equal(options->list.count, 4);
    assert_string_equal(options->list.items[0], "fit.epochs=4");
    assert_string_equal(options->list.items[1], "fit.epochs=5");
    assert_string_equal(options->list.items[2], "fit.epochs=6");
    assert_string_equal(options->list.items[3], "fit.once=true");
    cli_call_release(&call);
}

static void test_after_double_dash(void **state)
{
    (void)state;
    struct cli_call call;
    char message[MESSAGE_BYTES];
    assert_int_equal(parse(&call, "-- --flag -t", message), LS_OK);
    assert_false(((const struct options *)call.options)->flag);
    assert_string_equal(call.operands[0], "--flag");
    assert_string_equal(call.operands[1], "-t");
    cli_call_release(&call);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"a --flags", "do: unknown option '--flags' (did you mean '--flag'?)"},
        {"a --epoch=3", "do: unknown option '--epoch' (did you mean '--epochs'?)"},
        {"a --wildly-wrong", "do: unknown option '--wildly-wrong' (try 'lockstep do --help')"},
        {"a --numb 3", "do: unknown option '--numb' (try 'lockstep do --help')"},
        {"a -fz", "do: unknown option '-z' (try 'lockstep do --help')"},
        {"a --flag=1", "do: option '--flag' takes no value"},
        {"a --text", "do: option '--text' needs a value (FILE)"},
        {"a --text=", "do: option '--text' needs a value (FILE)"},
        {"a -ft", "do: option '-t' needs a value (FILE)"},
        {"a --set", "do: option '--set' needs a value (KEY=VALUE)"},
        {"a --number 1e3", "do: option '--number': '1e3' is not a whole number"},
        {"a --number=", "do: option '--number': '' is not a whole number"},
        {"a --number 0x10", "do: option '--number': '0x10' is not a whole number"},
        {"a -n 2.0", "do: option '--number': '2.0' is not a whole number"},
        {"a -n 0", "do: option '--number': 0 is out of range (1 to 100 samples)"},
        {"a -n -3", "do: option '--number': -3 is out of range (1 to 100 samples)"},
        {"a -n 101", "do: option '--number': 101 is out of range (1 to 100 samples)"},
        {"a --epochs 99999999999999999999",
         "do: option '--epochs': 99999999999999999999 is out of range (from 1)"},
        {"a --epochs x", "do: option '--epochs': 'x' is not a whole number"},
        {"", "do: missing operand (usage: lockstep do A [B]; try --help)"},
        {"--flag", "do: missing operand (usage: lockstep do A [B]; try --help)"},
        {"a b c", "do: extra operand 'c'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct cli_call call;
        char message[MESSAGE_BYTES];
        assert_int_equal(parse(&call, cases[i].line, message), LS_USAGE);
        assert_string_equal(message, cases[i].message);
        cli_call_release(&call);
    }
}

/* --help wins over what follows and over missing operands. */
static void test_help_asked(void **state)
{
    (void)state;
    static const char *const lines[] = {"--help", "-h", "-fh", "--help --nonsense", "a b --help"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct cli_call call;
        char message[MESSAGE_BYTES];
        assert_int_equal(parse(&call, lines[i], message), LS_OK);
        assert_true(call.help);
        cli_call_release(&call);
    }
}

static void test_help_text(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    cli_help_print(out, &command, "do");
    fclose(out);
    assert_string_equal(
        text, "Usage: lockstep do [OPTION...] A [B]\n\nDoes it.\n\nOptions:\n"
              "  -f, --flag              sets it\n"
              "                          [flag]\n"
              "  -x, --other             sets that\n"
              "                          [flag]\n"
              "  -t, --text FILE         a file\n"
              "                          [text; default: none]\n"
              "  -n, --number N          how many\n"
              "                          [whole number, samples, 1 to 100; default: 7]\n"
              "      --set KEY=VALUE     a key of a name so long that it needs a line of its own\n"
              "                          [text, repeatable]\n"
              "      --epochs N          epochs\n"
              "                          [whole number, from 1]\n"
              "      --once              once\n"
              "                          [flag]\n"
              "  -h, --help              this text\n"
              "      --                  all that follows are operands\n"
              "\nExit status:\n"
              "  0   done\n"
              "  1   failed\n"
              "  64  wrong use of the command line\n"
              "  65  the input (run file, model, data) is wrong; the message names the place\n"
              "  66  no such input, or it cannot be read\n"
              "  73  an output cannot be written, or is in use\n"
              "  75  interrupted\n"
              "\nExamples:\n"
              "  lockstep do a\n");
    free(text);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"train", "evaluate", "list", "diff"};
    assert_string_equal(cli_nearest("trian", names, 4), "train"); /* two letters changed places */
    assert_string_equal(cli_nearest("trai", names, 4), "train");
    assert_string_equal(cli_nearest("evalute", names, 4), "evaluate");
    assert_string_equal(cli_nearest("evaluation", names, 4), "evaluate");
    assert_null(cli_nearest("evolution", names, 4));
    assert_string_equal(cli_nearest("lsit", names, 4), "list");
    assert_string_equal(cli_nearest("lis", names, 4), "list");
    assert_null(cli_nearest("export", names, 4));
    assert_null(cli_nearest("", names, 4));
    assert_null(cli_nearest("x", names, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_spellings), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_order_of_keys), cmocka_unit_test(test_after_double_dash),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_help_asked),
        cmocka_unit_test(test_help_text),     cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
