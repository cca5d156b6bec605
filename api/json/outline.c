// SPDX-License-Identifier: Apache-2.0
#include "api/json/outline.h"

#include "api/json/scan.h"

/* A state machine over bytes: which bracket closes which is not looked at. Inside strings, where
 * most bytes are, it steps as the scanner does.
 */

/* Inside quotes: true at the closing one, *at behind it. */
static bool end_string(struct json_outline *outline, const char *text, size_t length, size_t *at)
{
    while (*at < length) {
        if (outline->escaped) {
            outline->escaped = false;
            ++*at;
            continue;
        }
        *at = json_plain_end(text, *at, length);
        if (*at == length) {
            break;
        }
        char byte = text[(*at)++];
        if (byte == '"') {
            outline->string = false;
            return true;
        }
        outline->escaped = byte == '\\';
    }
    return false;
}

static bool ends_scalar(char byte)
{
    return byte == ',' || byte == ']' || byte == '}' || byte == ' ' || byte == '\n' ||
           byte == '\t' || byte == '\r' || byte == ':' || byte == '"' || byte == '[' || byte == '{';
}

/* A byte outside quotes. */
static void take(struct json_outline *outline, char byte)
{
    bool closes = byte == '}' || byte == ']';
    outline->string = byte == '"';
    outline->depth += byte == '{' || byte == '[';
    outline->depth -= closes && outline->depth > 0;
    outline->scalar = !outline->begun && !outline->string && !closes && byte != '{' && byte != '[';
    outline->begun = true;
}

bool json_outline_end(struct json_outline *outline, const char *text, size_t length, size_t *at)
{
    while (*at < length) {
        if (outline->string) {
            if (!end_string(outline, text, length, at)) {
                return false;
            }
        } else if (outline->scalar && ends_scalar(text[*at])) {
            return true;
        } else if (outline->scalar) {
            ++*at;
            continue;
        } else {
            take(outline, text[(*at)++]);
            if (outline->scalar) {
                continue;
            }
        }
        if (outline->depth == 0 && !outline->string) {
            return true;
        }
    }
    return false;
}
