// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/head.h"

#include <stdbool.h>
#include <string.h>

#include "api/json/outline.h"
#include "api/json/scan.h"

/* Members are read with the scanner, and values that nobody wants are stepped over by their outline
 * alone: it is nonsense in them that made the object unreadable.
 */

#define TEXT_MAX 512 /* bytes of a member; a name has at most 253, and a uid is shorter */

/* Steps over the value in front of the cursor; false when the text ends first. */
static bool step_over(struct json_scan *scan)
{
    struct json_outline outline = {.begun = false};
    (void)json_scan_peek(scan);
    return json_outline_end(&outline, scan->text, scan->length, &scan->at);
}

/* On to the next member that has one of the names; its number, or -1. */
static int next_of(struct json_scan *scan, bool *first, const char *const *names)
{
    struct json_slice key;
    while (json_scan_member(scan, first, &key, NULL) == 1) {
        for (int i = 0; names[i] != NULL; i++) {
            if (json_slice_is(&key, names[i])) {
                return i;
            }
        }
        if (!step_over(scan)) {
            return -1;
        }
    }
    return -1;
}

/* The string in front of the cursor, "" when it is none; false: look no further. */
static bool read_text(struct json_scan *scan, char *text, size_t size)
{
    struct json_slice slice;
    text[0] = '\0';
    if (json_scan_peek(scan) != JSON_TYPE_STRING) {
        return step_over(scan);
    }
    if (json_scan_string(scan, &slice, NULL) != 0) {
        return false;
    }
    if (slice.length < size) {
        text[json_string_decode(&slice, text)] = '\0';
    }
    return true;
}

static bool enter(struct json_scan *scan)
{
    return json_scan_peek(scan) == JSON_TYPE_OBJECT &&
           json_scan_enter(scan, JSON_TYPE_OBJECT, NULL) == 0;
}

static void read_metadata(struct json_scan *scan, json_t *metadata)
{
    static const char *const NAMES[] = {"name", "namespace", "uid", "resourceVersion", NULL};
    char text[TEXT_MAX];
    bool first = true;
    int found = -1;
    while ((found = next_of(scan, &first, NAMES)) >= 0 && read_text(scan, text, sizeof text)) {
        (void)json_object_set_new(metadata, NAMES[found], json_string(text));
    }
}

/* Of the object in front of the cursor. */
static json_t *read_object(struct json_scan *scan)
{
    static const char *const NAMES[] = {"metadata", NULL};
    json_t *head = json_object();
    json_t *metadata = json_object();
    bool first = true;
    if (enter(scan) && next_of(scan, &first, NAMES) == 0 && enter(scan)) {
        read_metadata(scan, metadata);
    }
    (void)json_object_set_new(head, "metadata", metadata);
    return head;
}

json_t *head_of_item(const char *text, size_t length)
{
    struct json_scan scan;
    json_scan_init(&scan, text, length);
    return read_object(&scan);
}

json_t *head_of_line(const char *text, size_t length, char type[static HEAD_TYPE_MAX])
{
    static const char *const NAMES[] = {"type", "object", NULL};
    struct json_scan scan;
    json_scan_init(&scan, text, length);
    bool first = true;
    type[0] = '\0';
    if (enter(&scan)) {
        int found = -1;
        while ((found = next_of(&scan, &first, NAMES)) == 0 &&
               read_text(&scan, type, HEAD_TYPE_MAX)) {
        }
        if (found == 1) {
            return read_object(&scan);
        }
    }
    return json_pack("{s:{}}", "metadata");
}
