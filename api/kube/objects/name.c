// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/name.h"

#include <stddef.h>
#include <string.h>

/* k8s.io/apimachinery/pkg/util/validation, IsDNS1123Subdomain. No part is empty, so there is no
 * "." and no ".." among them, whatever somebody makes a path of.
 */

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool name_is_valid(const char *name)
{
    size_t length = strnlen(name, NAME_MAX_LENGTH + 1);
    char before = '.';
    for (size_t i = 0; i < length; i++) {
        bool inside = name[i] == '-' || name[i] == '.';
        if (!is_alphanumeric(name[i]) && !inside) {
            return false;
        }
        if ((before == '.' && inside) || (before == '-' && name[i] == '.')) {
            return false;
        }
        before = name[i];
    }
    return length > 0 && length <= NAME_MAX_LENGTH && is_alphanumeric(before);
}

bool name_is_uid(const char *uid)
{
    size_t length = strnlen(uid, UID_MAX_LENGTH + 1);
    for (size_t i = 0; i < length; i++) {
        if (uid[i] <= ' ' || uid[i] > '~' || strchr("\"\\", uid[i]) != NULL) {
            return false;
        }
    }
    return length > 0 && length <= UID_MAX_LENGTH;
}
