/* The config tree as text: JSON as Python writes it, YAML as people do. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/tree_internal.h"

enum { YAML_WIDTH = 88, FLOW_DEPTH = 2, INDENT = 2 };
enum { CODE_REPLACEMENT = 0xfffd, CODE_PLANES = 0x10000 };

/* -- characters */

/* The code point at *text, which moves behind it; U+FFFD for a byte that is no UTF-8. */
static unsigned long next_code(const char **text)
{
    static const unsigned long least[] = {0, 0, 0x80, 0x800, CODE_PLANES};
    const unsigned char *c = (const unsigned char *)*text;
    size_t length = c[0] < 0x80             ? 1
                    : (c[0] & 0xe0) == 0xc0 ? 2
                    : (c[0] & 0xf0) == 0xe0 ? 3
                    : (c[0] & 0xf8) == 0xf0 ? 4
                                            : 0;
    unsigned long code = length < 2 ? c[0] : c[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) { /* a NUL is no continuation: the text's end stops it */
        if ((c[i] & 0xc0) != 0x80) {
            length = 0;
            break;
        }
        code = code << 6 | (c[i] & 0x3f);
    }
    *text += length > 0 ? length : 1;
    if (length == 0 || code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return CODE_REPLACEMENT;
    return code;
}

static bool append_short_escape(struct ls_text *text, unsigned long code)
{
    static const char codes[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    const char *found = code > 0 && code < 0x80 ? strchr(codes, (int)code) : NULL;
    if (found)
        ls_text_append(text, "\\%c", letters[found - codes]);
    return found != NULL;
}

static void append_json_string(struct ls_text *text, const char *string)
{
    ls_text_append(text, "\"");
    while (*string) {
        unsigned long code = next_code(&string);
        if (append_short_escape(text, code))
            continue;
        if (code >= ' ' && code < 0x7f)
            ls_text_append(text, "%c", (char)code);
        else if (code < CODE_PLANES)
            ls_text_append(text, "\\u%04lx", code);
        else
            ls_text_append(text, "\\u%04lx\\u%04lx", 0xd800 + ((code - CODE_PLANES) >> 10),
                           0xdc00 + ((code - CODE_PLANES) & 0x3ff));
    }
    ls_text_append(text, "\"");
}

static void append_yaml_string(struct ls_text *text, const char *string)
{
    ls_text_append(text, "\"");
    while (*string) {
        const char *start = string;
        unsigned long code = next_code(&string);
        if (append_short_escape(text, code))
            continue;
        /* Not printable for YAML, or a line break to it. */
        bool escaped = code < ' ' || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
                       code == 0x2029 || code == 0xfeff || code == 0xfffe || code == 0xffff;
        if (escaped || code == CODE_REPLACEMENT)
            ls_text_append(text, "\\u%04lx", code);
        else
            ls_text_append_bytes(text, start, (size_t)(string - start));
    }
    ls_text_append(text, "\"");
}

/* -- JSON */

static bool is_json_number(const char *text)
{
    const char *c = text + (*text == '-');
    size_t whole = strspn(c, "0123456789");
    if (whole == 0 || (whole > 1 && *c == '0'))
        return false;
    c += whole;
    if (*c == '.' && strspn(c + 1, "0123456789") == 0)
        return false;
    return ls_number_form(text) == LS_NUMBER_REAL;
}

/* What was not quoted is a word of JSON, a number, or a text all the same (activation: relu). */
static void append_json_plain(struct ls_text *text, const struct ls_tree *tree)
{
    const char *plain = tree->text;
    enum ls_number_form form = ls_number_form(plain);
    double number;
    if (ls_tree_is_null(tree)) {
        ls_text_append(text, "null");
    } else if (strcmp(plain, "true") == 0 || strcmp(plain, "True") == 0) {
        ls_text_append(text, "true");
    } else if (strcmp(plain, "false") == 0 || strcmp(plain, "False") == 0) {
        ls_text_append(text, "false");
    } else if (is_json_number(plain)) {
        ls_text_append(text, "%s", plain);
    } else if (form != LS_NUMBER_NONE && ls_double_parse(plain, &number)) {
        char digits[LS_DOUBLE_TEXT];
        ls_double_format(digits, number);
        if (!strpbrk(plain, ".eEnN")) /* +5 */
            ls_text_append(text, "%s", plain + (*plain == '+'));
        else
            ls_text_append(text, "%s", digits);
    } else {
        append_json_string(text, plain);
    }
}

void ls_tree_format_json(struct ls_text *text, const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_NULL) {
        ls_text_append(text, "null");
        return;
    }
    if (tree->type == LS_TREE_SCALAR) {
        if (tree->quoted)
            append_json_string(text, tree->text);
        else
            append_json_plain(text, tree);
        return;
    }
    ls_text_append(text, tree->type == LS_TREE_MAP ? "{" : "[");
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        if (tree->type == LS_TREE_MAP) {
            append_json_string(text, entry->key);
            ls_text_append(text, ": ");
        }
        ls_tree_format_json(text, entry);
        if (entry->next)
            ls_text_append(text, ", ");
    }
    ls_text_append(text, tree->type == LS_TREE_MAP ? "}" : "]");
}

/* -- YAML */

static bool is_leaf(const struct ls_tree *tree)
{
    return tree->type == LS_TREE_NULL || tree->type == LS_TREE_SCALAR || tree->count == 0;
}

/* True when tree takes at most *width columns in flow style and is nested at most `depth` deep;
 * *width becomes what is left. It stops early, so that a large tree costs little. */
static bool fits_flow(const struct ls_tree *tree, size_t *width, int depth)
{
    size_t own =
        (tree->key ? strlen(tree->key) + 2 : 0) + 2 + (tree->text ? strlen(tree->text) : 4);
    if (own > *width || (!is_leaf(tree) && depth == 0))
        return false;
    *width -= own;
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
        if (!fits_flow(entry, width, depth - 1))
            return false;
    return true;
}

static void append_key(struct ls_text *text, const char *key)
{
    /* A key is always text: what a bare number or word would mean as a value is no matter. */
    if (ls_yaml_needs_quotes(key, false))
        append_yaml_string(text, key);
    else
        ls_text_append(text, "%s", key);
}

static void append_flow(struct ls_text *text, const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_NULL) {
        ls_text_append(text, "null");
        return;
    }
    if (tree->type == LS_TREE_SCALAR) {
        if (ls_yaml_needs_quotes(tree->text, tree->quoted))
            append_yaml_string(text, tree->text);
        else
            ls_text_append(text, "%s", tree->text);
        return;
    }
    ls_text_append(text, tree->type == LS_TREE_MAP ? "{" : "[");
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        if (tree->type == LS_TREE_MAP) {
            append_key(text, entry->key);
            ls_text_append(text, ": ");
        }
        append_flow(text, entry);
        if (entry->next)
            ls_text_append(text, ", ");
    }
    ls_text_append(text, tree->type == LS_TREE_MAP ? "}" : "]");
}

static void append_block(struct ls_text *text, const struct ls_tree *tree, size_t indent);

/* An entry's value behind its key or dash, with the end of its line. */
static void append_value(struct ls_text *text, const struct ls_tree *entry, size_t indent)
{
    size_t width = indent < YAML_WIDTH ? YAML_WIDTH - indent : 0;
    bool in_list = entry->parent && entry->parent->type == LS_TREE_LIST;
    bool options = in_list && entry->type == LS_TREE_MAP; /* "- Dense: {...}" */
    if (is_leaf(entry) || (!options && fits_flow(entry, &width, FLOW_DEPTH))) {
        ls_text_append(text, " ");
        append_flow(text, entry);
        ls_text_append(text, "\n");
    } else if (options) {
        ls_text_append(text, " ");
        append_block(text, entry, indent + INDENT);
    } else {
        ls_text_append(text, "\n%*s", (int)(indent + INDENT), "");
        append_block(text, entry, indent + INDENT);
    }
}

/* The entries of a list or map, the cursor being at its column already. */
static void append_block(struct ls_text *text, const struct ls_tree *tree, size_t indent)
{
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        if (entry != tree->child)
            ls_text_append(text, "%*s", (int)indent, "");
        if (tree->type == LS_TREE_LIST) {
            ls_text_append(text, "-");
        } else {
            append_key(text, entry->key);
            ls_text_append(text, ":");
        }
        append_value(text, entry, indent);
    }
}

void ls_tree_format_yaml(struct ls_text *text, const struct ls_tree *tree)
{
    if (!is_leaf(tree)) {
        append_block(text, tree, 0);
        return;
    }
    append_flow(text, tree);
    ls_text_append(text, "\n");
}
