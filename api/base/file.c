// SPDX-License-Identifier: Apache-2.0
#include "api/base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Sizes are not asked for in advance: a pipe has none, and a file may grow while it is read. */

#define PIECE 65536

char *file_read_rest(FILE *file, size_t most, size_t *length, struct err *err)
{
    char *text = NULL;
    size_t room = 0;
    size_t got = 0;
    *length = 0;
    do {
        text = alloc_grow(text, &room, *length + PIECE + 1, 1);
        got = fread(text + *length, 1, room - 1 - *length, file);
        *length += got;
    } while (got > 0 && *length <= most);
    if (ferror(file)) {
        err_set(err, "%s", strerrordesc_np(errno));
    } else if (*length > most) {
        err_set(err, "is larger than %zu bytes", most);
    } else {
        text[*length] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

char *file_read(const char *path, size_t most, size_t *length, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        err_set(err, "%s", strerrordesc_np(errno));
        return NULL;
    }
    char *text = file_read_rest(file, most, length, err);
    (void)fclose(file);
    return text;
}
