// SPDX-License-Identifier: Apache-2.0
#include "api/import/node_match.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/fields.h"
#include "api/json/selector.h"
#include "topology/base/alloc.h"
#include "topology/base/arena.h"

/* A match is either a compiled expression or a label selector; `is_pattern` says which.
 *
 * Patterns come from objects that others write, and glibc's regcomp() would take patterns that need
 * gigabytes ("((a{999}){999}){999}", "a++++++++++++++++++++++") or for ever (back references).
 * Translating them to POSIX is therefore also where they are bounded: glibc writes a repetition out
 * as copies, so the translation counts what it will come to. What is not understood is refused by
 * name, so that no pattern silently means something else than it does to Volcano.
 *
 * A cluster may have a thousand patterns and a hundred thousand nodes, and nearly every pair of
 * them differs in the first bytes ("^rack-07-"): the plain beginning of an anchored pattern is
 * compared before the expression is asked.
 */

#define TRANSLATED_MAX (NODE_MATCH_PATTERN_MAX * 16)
#define GROUPS_MAX     32 /* inside each other */

struct node_match {
    bool is_pattern;
    regex_t regex;
    char prefix[NODE_MATCH_PATTERN_MAX + 1]; /* every name that matches begins with it */
    size_t prefix_length;
    struct arena arena; /* of the selector */
    struct selector selector;
};

/* The state of a translation. */
struct translation {
    const char *pattern;
    size_t at; /* in `pattern` */
    char *out;
    size_t length;
    /* Sizes when written out: of the last atom (0: there is none to repeat), and of all so far in
     * each open group. */
    uint64_t last;
    uint64_t sizes[GROUPS_MAX + 1];
    unsigned depth;
    bool repeated; /* the last atom has its repetition */
};

static void put(struct translation *to, const char *text)
{
    size_t length = strlen(text);
    err_require(to->length + length < TRANSLATED_MAX);
    memcpy(to->out + to->length, text, length + 1);
    to->length += length;
}

static void put_byte(struct translation *to, char byte)
{
    const char text[2] = {byte, '\0'};
    put(to, text);
}

static int refuse(const struct translation *from, const char *what, struct err *err)
{
    return err_set(err, "pattern \"%s\": %s at byte %zu", from->pattern, what, from->at + 1);
}

static bool is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

static int translate_escape(struct translation *to, struct err *err)
{
    static const struct {
        char letter;
        const char *meaning;
    } classes[] = {{'d', "[0-9]"}, {'D', "[^0-9]"}, {'w', "[0-9A-Za-z_]"}, {'W', "[^0-9A-Za-z_]"}};
    char byte = to->pattern[to->at + 1];
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (classes[i].letter == byte) {
            put(to, classes[i].meaning);
            to->at += 2;
            return 0;
        }
    }
    /* glibc gives \<, \>, \` and \' meanings of their own. */
    if (byte == '\0' || is_alphanumeric(byte) || strchr("<>`'", byte) != NULL) {
        return refuse(to, "an escape that is not supported", err);
    }
    put_byte(to, '\\');
    put_byte(to, byte);
    to->at += 2;
    return 0;
}

/* A bracket expression. In POSIX a backslash in it is a byte like others. */
static int translate_brackets(struct translation *to, struct err *err)
{
    const char *pattern = to->pattern;
    put_byte(to, pattern[to->at++]);
    if (pattern[to->at] == '^') {
        put_byte(to, pattern[to->at++]);
    }
    for (bool first = true; pattern[to->at] != ']' || first; first = false) {
        if (pattern[to->at] == '\0') {
            return refuse(to, "a bracket that is not closed", err);
        }
        if (pattern[to->at] == '[' && strchr(":.=", pattern[to->at + 1]) != NULL) {
            const char *close = strstr(pattern + to->at, ":]");
            if (pattern[to->at + 1] != ':' || close == NULL) {
                return refuse(to, "a class that is not supported", err);
            }
            while (pattern + to->at < close + 1) {
                put_byte(to, pattern[to->at++]);
            }
        } else if (pattern[to->at] == '\\') {
            bool dot = pattern[to->at + 1] == '.';
            bool dash = pattern[to->at + 1] == '-' && pattern[to->at + 2] == ']';
            if (!dot && !dash) {
                return refuse(to, "an escape within brackets", err);
            }
            to->at++;
        }
        put_byte(to, pattern[to->at++]);
    }
    put_byte(to, pattern[to->at++]);
    return 0;
}

static void take_atom(struct translation *to, uint64_t size)
{
    to->last = size;
    to->sizes[to->depth] += size;
    to->repeated = false;
}

/* The last atom is repeated, which glibc writes out as so many copies. */
static int repeat_last(struct translation *to, uint64_t copies, struct err *err)
{
    if (to->last == 0) {
        return refuse(to, "a repetition of nothing", err);
    }
    if (to->repeated) {
        return refuse(to, "a repetition of a repetition", err);
    }
    to->sizes[to->depth] += to->last * (copies - 1);
    to->last *= copies;
    to->repeated = true;
    return to->sizes[to->depth] > NODE_MATCH_SIZE_MAX
               ? refuse(to, "a repetition that is too large", err)
               : 0;
}

/* Reads "{n}", "{n,}" or "{n,m}" at `text`; its length, or 0 when it is something else. */
static size_t read_braces(const char *text, unsigned *least, unsigned *most)
{
    size_t length = 1;
    size_t digits = strspn(text + length, "0123456789");
    *least = (unsigned)strtoul(text + length, NULL, 10);
    *most = *least;
    length += digits;
    if (digits == 0 || digits > 4) {
        return 0;
    }
    if (text[length] == ',') {
        length++;
        digits = strspn(text + length, "0123456789");
        if (digits > 4) {
            return 0;
        }
        *most = digits == 0 ? *least + 1 : (unsigned)strtoul(text + length, NULL, 10);
        length += digits;
    }
    return text[length] == '}' ? length + 1 : 0;
}

static int translate_repeat(struct translation *to, struct err *err)
{
    const char *text = to->pattern + to->at;
    size_t length = 1;
    unsigned least = text[0] == '+';
    unsigned most = text[0] == '+' ? 2 : 1; /* a+ is aa* */
    if (text[0] == '{') {
        length = read_braces(text, &least, &most);
        if (length == 0) {
            return refuse(to, "a brace that begins no repetition", err);
        }
    }
    if (most < least || repeat_last(to, most > 1 ? most : 1, err) < 0) {
        return most < least ? refuse(to, "a repetition that runs backwards", err) : -1;
    }
    for (size_t i = 0; i < length; i++) {
        put_byte(to, text[i]);
    }
    /* As few as possible, to RE2; whether a name matches is the same. To POSIX it would be a
     * repetition of the repetition. */
    to->at += length + (text[length] == '?');
    return 0;
}

static int translate_group(struct translation *to, struct err *err)
{
    char byte = to->pattern[to->at];
    if (byte == ')') {
        if (to->depth == 0) {
            return refuse(to, "a group that was not opened", err);
        }
        to->depth--;
        take_atom(to, to->sizes[to->depth + 1] + 1);
    } else {
        bool plain = strncmp(to->pattern + to->at, "(?:", 3) == 0;
        if (to->depth == GROUPS_MAX || (to->pattern[to->at + 1] == '?' && !plain)) {
            return refuse(to, "a group that is not supported", err);
        }
        to->at += plain ? 2 : 0;
        to->sizes[++to->depth] = 0;
        to->last = 0;
    }
    put_byte(to, byte);
    to->at++;
    return 0;
}

static int translate_one(struct translation *to, struct err *err)
{
    char byte = to->pattern[to->at];
    switch (byte) {
    case '\\':
        take_atom(to, 1);
        return translate_escape(to, err);
    case '[':
        take_atom(to, 1);
        return translate_brackets(to, err);
    case '*':
    case '+':
    case '?':
    case '{':
        return translate_repeat(to, err);
    case '(':
    case ')':
        return translate_group(to, err);
    default:
        take_atom(to, 1);
        if (byte == '^' || byte == '|') {
            to->last = 0;
        }
        put_byte(to, byte);
        to->at++;
        return 0;
    }
}

/* The plain bytes behind "^", as far as they go. A byte that a repetition follows may be absent,
 * and with alternatives there may be another beginning. */
static void find_prefix(struct node_match *match, const char *pattern)
{
    if (pattern[0] != '^' || strchr(pattern, '|') != NULL) {
        return;
    }
    for (pattern++; is_alphanumeric(*pattern) || *pattern == '-'; pattern++) {
        if (strchr("*+?{", pattern[1]) != NULL && pattern[1] != '\0') {
            return;
        }
        match->prefix[match->prefix_length++] = *pattern;
    }
}

int node_match_pattern(const char *pattern, struct node_match **match, struct err *err)
{
    char translated[TRANSLATED_MAX] = "";
    char problem[128];
    struct translation to = {.pattern = pattern, .out = translated};
    size_t length = strlen(pattern);
    if (length == 0 || length > NODE_MATCH_PATTERN_MAX) {
        return err_set(err, "pattern \"%.80s\": must have 1 to %d bytes", pattern,
                       NODE_MATCH_PATTERN_MAX);
    }
    while (pattern[to.at] != '\0') {
        if (translate_one(&to, err) < 0) {
            return -1;
        }
    }
    struct node_match *created = alloc_zero(1, sizeof *created);
    int code = regcomp(&created->regex, translated, REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        regerror(code, &created->regex, problem, sizeof problem);
        free(created);
        return err_set(err, "pattern \"%s\": %s", pattern, problem);
    }
    created->is_pattern = true;
    find_prefix(created, pattern);
    arena_init(&created->arena);
    *match = created;
    return 0;
}

int node_match_selector(const json_t *selector, struct node_match **match, struct err *err)
{
    struct field root;
    struct node_match *created = alloc_zero(1, sizeof *created);
    arena_init(&created->arena);
    if (field_root(selector, &root, err) != 0 ||
        selector_decode(&root, &created->arena, &created->selector, err) != 0) {
        node_match_destroy(created);
        return err_prefix(err, "labelMatch");
    }
    *match = created;
    return 0;
}

void node_match_destroy(struct node_match *match)
{
    if (match == NULL) {
        return;
    }
    if (match->is_pattern) {
        regfree(&match->regex);
    }
    arena_finish(&match->arena);
    free(match);
}

bool node_match_by_name(const struct node_match *match)
{
    return match->is_pattern;
}

/* The last value of a label counts, as in the node table. */
static const char *label_value(const struct node_object *node, const char *key)
{
    for (size_t i = node->label_count; i-- > 0;) {
        if (strcmp(node->labels[i].key, key) == 0) {
            return node->labels[i].value;
        }
    }
    return NULL;
}

bool node_match_test(const struct node_match *match, const struct node_object *node)
{
    if (match->is_pattern) {
        return strncmp(node->name, match->prefix, match->prefix_length) == 0 &&
               regexec(&match->regex, node->name, 0, NULL, 0) == 0;
    }
    for (size_t i = 0; i < match->selector.count; i++) {
        const struct expression_object *item = &match->selector.items[i];
        if (!selector_holds(item, label_value(node, item->key))) {
            return false;
        }
    }
    return match->selector.count > 0;
}
