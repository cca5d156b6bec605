// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/status.h"

#include <jansson.h>
#include <stdlib.h>

#include "topology/base/alloc.h"

/* A body that is no Status is shown as it is as far as it is printable ASCII: it comes from
 * something that is not an API server, and may be anything.
 */

static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = ' ';
        }
    }
}

char *status_message(const char *body, size_t length)
{
    json_t *json = json_loadb(body, length, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    char *text = NULL;
    if (message != NULL) {
        text = alloc_string(message);
    } else {
        text = alloc_string_n(body, length);
        make_printable(text);
    }
    json_decref(json);
    return text;
}

void status_describe(int status, const char *body, size_t length, struct err *err)
{
    char *message = status_message(body, length);
    err_set(err, "%d: %s", status, message[0] == '\0' ? "no explanation" : message);
    free(message);
}
