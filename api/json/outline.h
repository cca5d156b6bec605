// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_OUTLINE_H
#define API_JSON_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a JSON value ends, by its quotes and brackets alone.
 *
 *   {"a":["}",{"b":"\"]"}],"c":\u0000nonsense} , …
 *   └──────────────────────────────────────────┘
 *
 * Of a value that is JSON it finds the end that the scanner finds (scan.h), however deep and
 * whatever is in it. Of one that is not it finds some end, as long as brackets and quotes come in
 * pairs: so one bad object in a list costs that object, and those behind it are found.
 */

struct json_outline {
    uint64_t depth; /* brackets that are open */
    bool begun;
    bool string;  /* inside quotes */
    bool escaped; /* the next byte belongs to a backslash */
    bool scalar;  /* a word or a number: ends in front of what cannot be part of it */
};

/* Goes on from *at, zeroed before the first byte, over text that may come in any portions: true
 * when the value ends, *at behind it; false, and *at at the end, when it goes on. White space in
 * front of the value is not part of it: the caller steps over it. */
bool json_outline_end(struct json_outline *outline, const char *text, size_t length, size_t *at);

#endif
