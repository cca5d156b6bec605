// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/import/node_match.h"

/* Any text is a pattern or is refused with a reason, in bounded time and memory; what a pattern
 * says of a name it says again.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char pattern[NODE_MATCH_PATTERN_MAX + 8];
    struct err err = {.text = ""};
    struct node_match *match;
    const struct node_object node = {.name = "rack-07-node-112"};
    if (size >= sizeof pattern) {
        return 0;
    }
    memcpy(pattern, data, size);
    pattern[size] = '\0';
    if (node_match_pattern(pattern, &match, &err) < 0) {
        if (err.text[0] == '\0') {
            abort(); /* refused without a reason */
        }
        return 0;
    }
    if (node_match_test(match, &node) != node_match_test(match, &node)) {
        abort();
    }
    node_match_destroy(match);
    return 0;
}
