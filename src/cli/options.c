#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static ls_status refuse(struct cli_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static ls_status refuse(struct cli_call *call, const char *format, ...)
{
    size_t room = sizeof(call->message);
    int written = snprintf(call->message, room, "%s: ", call->name);
    va_list arguments;
    va_start(arguments, format);
    if (written >= 0 && (size_t)written < room)
        vsnprintf(call->message + written, room - (size_t)written, format, arguments);
    va_end(arguments);
    return LS_USAGE;
}

static ls_status add(struct cli_call *call, struct cli_list *list, const char *item)
{
    const char **items = realloc(list->items, (list->count + 2) * sizeof(*items));
    if (items == NULL) {
        refuse(call, "out of memory");
        return LS_FAILED;
    }
    items[list->count++] = item;
    items[list->count] = NULL;
    list->items = items;
    return LS_OK;
}

static const struct cli_option *rows(const struct cli_command *command)
{
    static const struct cli_option none[] = {{.name = NULL}};
    return command->options != NULL ? command->options : none;
}

static void *field(struct cli_call *call, const struct cli_option *option)
{
    return call->storage.bytes + option->offset;
}

static ls_status read_number(struct cli_call *call, const struct cli_option *option,
                             const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool blank = *text == '\0' || strchr(" \t\n\v\f\r", *text) != NULL;
    if (blank || *end != '\0')
        return refuse(call, "option '--%s': '%s' is not a whole number", option->name, text);
    if (errno == ERANGE || value < option->min || value > option->max) {
        char range[64];
        if (option->max == INT64_MAX)
            snprintf(range, sizeof(range), "from %" PRId64, option->min);
        else
            snprintf(range, sizeof(range), "%" PRId64 " to %" PRId64, option->min, option->max);
        return refuse(call, "option '--%s': %s is out of range (%s%s%s)", option->name, text, range,
                      option->unit ? " " : "", option->unit ? option->unit : "");
    }
    *number = value;
    return LS_OK;
}

static ls_status add_setting(struct cli_call *call, const struct cli_option *option,
                             const char *value)
{
    char *setting;
    if (asprintf(&setting, "%s=%s", option->key, value) < 0) {
        refuse(call, "out of memory");
        return LS_FAILED;
    }
    ls_status status = add(call, field(call, option), setting);
    if (status != LS_OK)
        free(setting);
    return status;
}

static ls_status add_key(struct cli_call *call, const struct cli_option *option, const char *text)
{
    char value[32];
    int64_t number;
    ls_status status = read_number(call, option, text, &number);
    if (status != LS_OK)
        return status;
    snprintf(value, sizeof(value), "%" PRId64, number);
    return add_setting(call, option, value);
}

static ls_status add_word(struct cli_call *call, const struct cli_option *option, const char *text)
{
    const char *word = option->argument;
    size_t length = strlen(text);
    while (*word != '\0' && (strcspn(word, "|") != length || strncmp(word, text, length) != 0)) {
        word += strcspn(word, "|");
        word += *word == '|';
    }
    if (*word == '\0')
        return refuse(call, "option '--%s': '%s' is none of %s", option->name, text,
                      option->argument);
    return add_setting(call, option, text);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), part = strlen(end);
    return length > part && strcmp(text + length - part, end) == 0;
}

static bool names_data(const char *text)
{
    const char *colon = strrchr(text, ':');
    bool split = colon != NULL && colon != text && colon[1] != '\0';
    return split || ends_with(text, ".csv") || ends_with(text, ".csv.gz");
}

static ls_status take(struct cli_call *call, const struct cli_option *option, const char *value)
{
    switch (option->type) {
    case CLI_FLAG:
        if (option->key != NULL)
            return add_setting(call, option, "true");
        *(bool *)field(call, option) = true;
        return LS_OK;
    case CLI_DATA:
        if (*value != '\0' && !names_data(value))
            return refuse(call,
                          "option '--%s': '%s' is neither FILE:SPLIT, as mnist.h5:test, nor F.csv",
                          option->name, value);
        /* fall through */
    case CLI_TEXT:
        if (*value == '\0')
            return refuse(call, "option '--%s' needs a value (%s)", option->name, option->argument);
        *(const char **)field(call, option) = value;
        return LS_OK;
    case CLI_COUNT:
        return read_number(call, option, value, field(call, option));
    case CLI_KEY:
        return add_key(call, option, value);
    case CLI_WORD:
        return add_word(call, option, value);
    case CLI_LIST: {
        /* A copy, so that all items of a list, those of keys too, are freed alike. */
        char *copy = strdup(value);
        ls_status status = LS_FAILED;
        if (copy == NULL)
            refuse(call, "out of memory");
        else if ((status = add(call, field(call, option), copy)) != LS_OK)
            free(copy);
        return status;
    }
    }
    return LS_FAILED;
}

static ls_status refuse_unknown(struct cli_call *call, const char *name, size_t length)
{
    const struct cli_option *options = rows(call->command);
    const char *names[64] = {"help"};
    size_t count = 1;
    for (const struct cli_option *row = options; row->name != NULL && count < 64; row++)
        names[count++] = row->name;
    char wrong[64];
    snprintf(wrong, sizeof(wrong), "%.*s", (int)length, name);
    const char *near = cli_nearest(wrong, names, count);
    if (near != NULL)
        return refuse(call, "unknown option '--%s' (did you mean '--%s'?)", wrong, near);
    return refuse(call, "unknown option '--%s' (try 'lockstep %s --help')", wrong, call->name);
}

/* "--name", "--name=value" or "--name" "value"; *next is the argument after this one. */
static ls_status take_long(struct cli_call *call, const char *text, char *const **next)
{
    size_t length = strcspn(text, "=");
    const char *value = text[length] == '=' ? text + length + 1 : NULL;
    if (length == 4 && strncmp(text, "help", 4) == 0 && value == NULL) {
        call->help = true;
        return LS_OK;
    }
    for (const struct cli_option *row = rows(call->command); row->name != NULL; row++) {
        if (strlen(row->name) != length || strncmp(row->name, text, length) != 0)
            continue;
        if (row->type == CLI_FLAG && value != NULL)
            return refuse(call, "option '--%s' takes no value", row->name);
        if (row->type != CLI_FLAG && value == NULL) {
            if (**next == NULL)
                return refuse(call, "option '--%s' needs a value (%s)", row->name, row->argument);
            value = *(*next)++;
        }
        return take(call, row, value);
    }
    return refuse_unknown(call, text, length);
}

/* "-q", "-o" "DIR", "-oDIR", "-qo" "DIR". */
static ls_status take_letters(struct cli_call *call, const char *letters, char *const **next)
{
    for (; *letters != '\0'; letters++) {
        if (*letters == 'h') {
            call->help = true;
            return LS_OK;
        }
        const struct cli_option *row = rows(call->command);
        while (row->name != NULL && row->letter != *letters)
            row++;
        if (row->name == NULL)
            return refuse(call, "unknown option '-%c' (try 'lockstep %s --help')", *letters,
                          call->name);
        if (row->type == CLI_FLAG) {
            ls_status status = take(call, row, NULL);
            if (status != LS_OK)
                return status;
            continue;
        }
        if (letters[1] != '\0')
            return take(call, row, letters + 1);
        if (**next == NULL)
            return refuse(call, "option '-%c' needs a value (%s)", *letters, row->argument);
        return take(call, row, *(*next)++);
    }
    return LS_OK;
}

static ls_status check_required(struct cli_call *call)
{
    for (const struct cli_option *row = rows(call->command); row->name != NULL; row++)
        if (row->required && *(const char **)field(call, row) == NULL)
            return refuse(call, "missing option '--%s' (%s)", row->name, row->argument);
    return LS_OK;
}

static ls_status check_operands(struct cli_call *call)
{
    const struct cli_command *command = call->command;
    if (call->operand_count < command->least)
        return refuse(call, "missing operand (usage: lockstep %s %s; try --help)", call->name,
                      command->operands);
    if (call->operand_count > command->most)
        return refuse(call, "extra operand '%s'", call->operands[command->most]);
    return LS_OK;
}

ls_status cli_call_parse(struct cli_call *call, const struct cli_command *command, const char *name,
                         char *const *arguments)
{
    *call = (struct cli_call){.command = command, .arguments = arguments};
    snprintf(call->name, sizeof(call->name), "%s", name);
    call->options = call->storage.bytes;
    for (const struct cli_option *row = rows(command); row->name != NULL; row++)
        if (row->type == CLI_COUNT)
            *(int64_t *)field(call, row) = row->start;

    ls_status status = LS_OK;
    bool options_over = false;
    while (*arguments != NULL && status == LS_OK && !call->help) {
        const char *argument = *arguments++;
        if (options_over || argument[0] != '-' || argument[1] == '\0')
            status = add(call, &call->operand_list, argument);
        else if (strcmp(argument, "--") == 0)
            options_over = true;
        else if (argument[1] == '-')
            status = take_long(call, argument + 2, &arguments);
        else
            status = take_letters(call, argument + 1, &arguments);
    }
    call->operands = call->operand_list.items;
    call->operand_count = call->operand_list.count;
    if (status == LS_OK && !call->help)
        status = check_operands(call);
    if (status == LS_OK && !call->help)
        status = check_required(call);
    return status;
}

void cli_call_release(struct cli_call *call)
{
    for (const struct cli_option *row = rows(call->command); row->name != NULL; row++) {
        if (row->type != CLI_LIST && row->key == NULL)
            continue;
        struct cli_list *list = field(call, row); /* several rows may share one */
        for (size_t i = 0; i < list->count; i++)
            free((char *)(uintptr_t)list->items[i]);
        free(list->items);
        *list = (struct cli_list){0};
    }
    free(call->operand_list.items);
    call->operand_list = (struct cli_list){0};
}
