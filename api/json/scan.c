// SPDX-License-Identifier: Apache-2.0
#include "api/json/scan.h"

#include <string.h>

#include "topology/base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A cursor over a text. Nothing is allocated and nothing recurses: a value that is skipped needs
 * one bit per open level, object or array, and a step is from token to token.
 *
 *   value ──> scalar ──────────────┐
 *     │                            v
 *     └─────> '{' or '[' ──> next member or element? ──yes──> value
 *                                  │no (closed)
 *                                  v
 *                            one level up; at the level it began with: done
 *
 * Invariants: at <= length; bytes before `at` are validated; depth <= JSON_DEPTH_MAX. After an
 * error the cursor stands somewhere inside the bad value and the scan is of no more use.
 *
 * Most bytes stand inside strings, so skip_plain() is the hot spot: sixteen bytes a step where
 * there is SSE2. Bytes with the top bit are negative as signed numbers, so that one comparison with
 * 0x20 finds both control characters and multi-byte characters.
 */

#define TOKEN_CUT 12 /* bytes that tell what a token is: the longest escape is \ud83d\ude00 */

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Index of the next byte, from `at`, that a string cannot simply contain; `length` when there is
 * none. */
static size_t skip_plain(const char *text, size_t at, size_t length)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);
    while (length - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + at));
        __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
            _mm_cmplt_epi8(bytes, space));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0) {
            return at + (size_t)__builtin_ctz(mask);
        }
        at += 16;
    }
#endif
    while (at < length && is_plain((unsigned char)text[at])) {
        at++;
    }
    return at;
}

size_t json_plain_end(const char *text, size_t at, size_t length)
{
    return skip_plain(text, at, length);
}

static int fail(const struct json_scan *scan, struct err *err, const char *what)
{
    return err_set(err, "malformed JSON at byte %zu: %s", scan->before + scan->at, what);
}

static void skip_white(struct json_scan *scan)
{
    while (scan->at < scan->length) {
        char byte = scan->text[scan->at];
        if (byte != ' ' && byte != '\n' && byte != '\t' && byte != '\r') {
            return;
        }
        scan->at++;
    }
}

/* The next byte after white space, NUL at the end (a NUL in the text is nowhere allowed either). */
static char next_byte(struct json_scan *scan)
{
    skip_white(scan);
    return scan->at < scan->length ? scan->text[scan->at] : '\0';
}

void json_scan_init(struct json_scan *scan, const char *text, size_t length)
{
    *scan = (struct json_scan){.text = text, .length = length};
}

enum json_type json_scan_peek(struct json_scan *scan)
{
    char byte = next_byte(scan);
    switch (byte) {
    case '{':
        return JSON_TYPE_OBJECT;
    case '[':
        return JSON_TYPE_ARRAY;
    case '"':
        return JSON_TYPE_STRING;
    case 't':
        return JSON_TYPE_TRUE;
    case 'f':
        return JSON_TYPE_FALSE;
    case 'n':
        return JSON_TYPE_NULL;
    default:
        break;
    }
    if (byte == '-' || (byte >= '0' && byte <= '9')) {
        return JSON_TYPE_NUMBER;
    }
    return scan->at == scan->length ? JSON_TYPE_END : JSON_TYPE_BAD;
}

int json_scan_enter(struct json_scan *scan, enum json_type type, struct err *err)
{
    err_require(type == JSON_TYPE_OBJECT || type == JSON_TYPE_ARRAY);
    if (next_byte(scan) != (type == JSON_TYPE_OBJECT ? '{' : '[')) {
        return fail(scan, err, type == JSON_TYPE_OBJECT ? "expected '{'" : "expected '['");
    }
    if (scan->depth == JSON_DEPTH_MAX) {
        return fail(scan, err, "nested too deeply");
    }
    scan->depth++;
    scan->at++;
    return 0;
}

/* Steps over the comma in front of anything but the first, or over `bracket`: 1, 0 or -1 as
 * below. */
static int next_item(struct json_scan *scan, bool *first, char bracket, struct err *err)
{
    char byte = next_byte(scan);
    if (byte == bracket) {
        scan->at++;
        scan->depth--;
        return 0;
    }
    if (!*first) {
        if (byte != ',') {
            return fail(scan, err, bracket == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        scan->at++;
    }
    *first = false;
    return 1;
}

int json_scan_member(struct json_scan *scan, bool *first, struct json_slice *key, struct err *err)
{
    int more = next_item(scan, first, '}', err);
    if (more <= 0) {
        return more;
    }
    if (json_scan_string(scan, key, err) < 0) {
        return -1;
    }
    if (next_byte(scan) != ':') {
        return fail(scan, err, "expected ':'");
    }
    scan->at++;
    return 1;
}

int json_scan_element(struct json_scan *scan, bool *first, struct err *err)
{
    return next_item(scan, first, ']', err);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static int digit_value(char byte)
{
    char lower = (char)(byte | 0x20);
    return is_digit(byte) ? byte - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits of a \u escape; -1 when they are not. */
static int32_t hexadecimal(const char *text, size_t length)
{
    int32_t value = 0;
    if (length < 4) {
        return -1;
    }
    for (size_t i = 0; i < 4; i++) {
        int digit = digit_value(text[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The character of the \u escape, or the pair of them, that `text` begins with; *length goes from
 * what there is to what was taken. -1: malformed, or half of a surrogate pair. */
static int32_t unicode_escape(const char *text, size_t *length)
{
    size_t rest = *length;
    int32_t high = rest < 6 ? -1 : hexadecimal(text + 2, rest - 2);
    if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF)) {
        return -1;
    }
    *length = 6;
    if (high < 0xD800 || high > 0xDBFF) {
        return high;
    }
    if (rest < 12 || text[6] != '\\' || text[7] != 'u') {
        return -1;
    }
    int32_t low = hexadecimal(text + 8, rest - 8);
    if (low < 0xDC00 || low > 0xDFFF) {
        return -1;
    }
    *length = 12;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static const char escape_letters[] = "\"\\/bfnrt";
static const char escape_bytes[] = "\"\\/\b\f\n\r\t";

/* Length of the escape that `text` begins with; 0 when it is malformed. */
static size_t escape_length(const char *text, size_t length, bool nul)
{
    if (length < 2) {
        return 0;
    }
    if (text[1] == 'u') {
        return unicode_escape(text, &length) < (nul ? 0 : 1) ? 0 : length;
    }
    return memchr(escape_letters, text[1], sizeof(escape_letters) - 1) == NULL ? 0 : 2;
}

int json_scan_string(struct json_scan *scan, struct json_slice *slice, struct err *err)
{
    if (next_byte(scan) != '"') {
        return fail(scan, err, "expected a string");
    }
    size_t start = ++scan->at;
    bool escaped = false;
    for (;;) {
        scan->at = skip_plain(scan->text, scan->at, scan->length);
        size_t rest = scan->length - scan->at;
        const char *text = scan->text + scan->at;
        if (rest == 0) {
            return fail(scan, err, "an unterminated string");
        }
        if (*text == '"') {
            break;
        }
        bool escape = *text == '\\';
        if (!escape && (unsigned char)*text < 0x20) {
            return fail(scan, err, "a control character in a string");
        }
        size_t step =
            escape ? escape_length(text, rest, scan->takes_nul) : utf8_character(text, rest);
        if (step == 0) {
            return fail(scan, err, escape ? "an invalid escape" : "not UTF-8");
        }
        escaped = escaped || escape;
        scan->at += step;
    }
    if (slice != NULL) {
        *slice = (struct json_slice){scan->text + start, scan->at - start, escaped};
    }
    scan->at++;
    return 0;
}

/* Steps over digits; false when there are none. */
static bool skip_digits(struct json_scan *scan)
{
    size_t start = scan->at;
    while (scan->at < scan->length && is_digit(scan->text[scan->at])) {
        scan->at++;
    }
    return scan->at > start;
}

static bool skip_byte(struct json_scan *scan, char byte)
{
    bool there = scan->at < scan->length && scan->text[scan->at] == byte;
    scan->at += there;
    return there;
}

static int skip_number(struct json_scan *scan, struct err *err)
{
    skip_byte(scan, '-');
    if (!skip_byte(scan, '0') && !skip_digits(scan)) {
        return fail(scan, err, "expected a digit");
    }
    if (skip_byte(scan, '.') && !skip_digits(scan)) {
        return fail(scan, err, "expected a digit");
    }
    if (skip_byte(scan, 'e') || skip_byte(scan, 'E')) {
        if (!skip_byte(scan, '+')) {
            skip_byte(scan, '-');
        }
        if (!skip_digits(scan)) {
            return fail(scan, err, "expected a digit");
        }
    }
    return 0;
}

static int skip_word(struct json_scan *scan, const char *word, struct err *err)
{
    size_t length = strlen(word);
    if (scan->length - scan->at < length || memcmp(scan->text + scan->at, word, length) != 0) {
        return fail(scan, err, "expected a value");
    }
    scan->at += length;
    return 0;
}

static int skip_scalar(struct json_scan *scan, enum json_type type, struct err *err)
{
    switch (type) {
    case JSON_TYPE_STRING:
        return json_scan_string(scan, NULL, err);
    case JSON_TYPE_NUMBER:
        return skip_number(scan, err);
    case JSON_TYPE_TRUE:
        return skip_word(scan, "true", err);
    case JSON_TYPE_FALSE:
        return skip_word(scan, "false", err);
    case JSON_TYPE_NULL:
        return skip_word(scan, "null", err);
    case JSON_TYPE_OBJECT:
    case JSON_TYPE_ARRAY:
    case JSON_TYPE_END:
    case JSON_TYPE_BAD:
        break;
    }
    return fail(scan, err,
                type == JSON_TYPE_END ? "unexpected end of the text" : "expected a value");
}

static void remember(struct json_skip *skip, unsigned depth, bool object)
{
    uint64_t bit = UINT64_C(1) << (depth % 64);
    uint64_t *word = &skip->objects[depth / 64];
    *word = object ? *word | bit : *word & ~bit;
}

static bool is_object(const struct json_skip *skip, unsigned depth)
{
    return (skip->objects[depth / 64] >> (depth % 64) & 1) != 0;
}

/* A scalar, or the opening bracket of a container. */
static inline int skip_begin(struct json_scan *scan, struct json_skip *skip, struct err *err)
{
    enum json_type type = json_scan_peek(scan);
    if (type != JSON_TYPE_OBJECT && type != JSON_TYPE_ARRAY) {
        skip->inside = true;
        skip->first = false;
        return skip_scalar(scan, type, err);
    }
    skip->inside = true;
    skip->first = true;
    if (json_scan_enter(scan, type, err) < 0) {
        return -1;
    }
    remember(skip, scan->depth, type == JSON_TYPE_OBJECT);
    return 0;
}

/* The comma and name in front of the next value, or the closing bracket. */
static inline int skip_next(struct json_scan *scan, struct json_skip *skip, struct err *err)
{
    int more = is_object(skip, scan->depth) ? json_scan_member(scan, &skip->first, NULL, err)
                                            : json_scan_element(scan, &skip->first, err);
    skip->inside = more != 1;
    skip->first = false;
    return more < 0 ? -1 : 0;
}

static inline int skip_step(struct json_scan *scan, struct json_skip *skip, struct err *err)
{
    return skip->inside ? skip_next(scan, skip, err) : skip_begin(scan, skip, err);
}

int json_scan_skip(struct json_scan *scan, struct json_slice *slice, struct err *err)
{
    struct json_skip skip = {.base = scan->depth};
    skip_white(scan);
    size_t start = scan->at;
    do {
        if (skip_step(scan, &skip, err) < 0) {
            return -1;
        }
    } while (!skip.inside || scan->depth > skip.base);
    if (slice != NULL) {
        *slice = (struct json_slice){.text = scan->text + start, .length = scan->at - start};
    }
    return 0;
}

bool json_scan_is_short(const struct json_scan *scan)
{
    return scan->length - scan->at < TOKEN_CUT;
}

int json_scan_skip_more(struct json_scan *scan, struct json_skip *skip, struct err *err)
{
    if (!skip->begun) {
        *skip = (struct json_skip){.base = scan->depth, .begun = true};
    }
    while (!skip->inside || scan->depth > skip->base) {
        bool inside = skip->inside, first = skip->first;
        skip_white(scan);
        size_t at = scan->at;
        unsigned depth = scan->depth; /* bits above it mean nothing: they need no keeping */
        int result = skip_step(scan, skip, err);
        if (result < 0 && !json_scan_is_short(scan)) {
            return -1;
        }
        if (result < 0 || scan->at == scan->length) { /* a number may go on */
            scan->at = at;
            scan->depth = depth;
            skip->inside = inside;
            skip->first = first;
            return 1;
        }
    }
    return 0;
}

int json_scan_finish(struct json_scan *scan, struct err *err)
{
    skip_white(scan);
    return scan->at == scan->length ? 0 : fail(scan, err, "unexpected data after the value");
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

bool json_slice_is(const struct json_slice *slice, const char *name)
{
    char decoded[6 * JSON_NAME_MAX];
    const char *text = slice->text;
    size_t length = slice->length;
    if (slice->escaped) {
        if (length > sizeof(decoded)) {
            return false; /* an escape of six bytes gives at least one */
        }
        length = json_string_decode(slice, decoded);
        text = decoded;
    }
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '\0' || lower(text[i]) != lower(name[i])) {
            return false;
        }
    }
    return name[length] == '\0';
}

static size_t utf8_encode(int32_t character, char *out)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    out[0] = (char)((0xF00 >> size & 0xFF) | character);
    return size;
}

size_t json_string_decode(const struct json_slice *slice, char *out)
{
    size_t to = 0;
    size_t at = 0;
    while (at < slice->length) {
        if (slice->text[at] != '\\') {
            out[to++] = slice->text[at++];
            continue;
        }
        size_t length = slice->length - at;
        err_require(length >= 2);
        char letter = slice->text[at + 1];
        if (letter == 'u') {
            int32_t character = unicode_escape(slice->text + at, &length);
            err_require(character >= 0);
            to += utf8_encode(character == 0 ? 0xFFFD : character, out + to);
            at += length;
        } else {
            const char *found = memchr(escape_letters, letter, sizeof(escape_letters) - 1);
            err_require(found != NULL);
            out[to++] = escape_bytes[found - escape_letters];
            at += 2;
        }
    }
    return to;
}
