// SPDX-License-Identifier: Apache-2.0
#ifndef API_BASE_FILE_H
#define API_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "topology/base/err.h"

/* *New* text of a whole file, with a NUL behind its last byte; NULL when it cannot be read or has
 * more than `most` bytes. The error says why and does not name the file. */
char *file_read(const char *path, size_t most, size_t *length, struct err *err);

/* The same of what is open, to its end. */
char *file_read_rest(FILE *file, size_t most, size_t *length, struct err *err);

#endif
