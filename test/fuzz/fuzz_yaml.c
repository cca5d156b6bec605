// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/yaml/yaml.h"

/* Any text is read or refused; what was read is JSON that is read back as the same; what is JSON
 * for jansson (in the limits of yaml.h) is read as the same JSON.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_read_back(const json_t *documents)
{
    for (size_t i = 0; i < json_array_size(documents); i++) {
        const json_t *document = json_array_get(documents, i);
        if (!json_is_object(document) && !json_is_array(document)) {
            continue;
        }
        char *text = json_dumps(document, JSON_COMPACT);
        json_t *again = yaml_load(text, strlen(text), NULL);
        if (json_array_size(again) != 1 || !json_equal(json_array_get(again, 0), document)) {
            abort();
        }
        json_decref(again);
        free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {.text = ""};
    json_t *documents = yaml_load((const char *)data, size, &err);
    if (documents == NULL) {
        if (err.text[0] == '\0') {
            abort(); /* refused without a reason */
        }
        return 0;
    }
    check_read_back(documents);
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json != NULL && !json_equal(json_array_get(documents, 0), json)) {
        abort();
    }
    json_decref(json);
    json_decref(documents);
    return 0;
}
