// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_TOKEN_H
#define API_KUBE_CLIENT_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "api/kube/client/kube_log.h"
#include "topology/base/err.h"

/* A bearer token, as it stands in a file that somebody else writes anew from time to time.
 *
 * Where the file cannot be read, or holds no token, the last good one stays in use: that is logged
 * when it begins and every ten minutes.
 */

#define TOKEN_FILE_MAX 65536 /* bytes */

struct token {
    char *path;                 /* NULL: there is no file */
    char *text;                 /* NULL: none */
    int64_t read_at;            /* -1: never */
    int64_t said_at;            /* when it was last logged that it cannot be read; -1: it can */
    char trouble[ERR_TEXT_MAX]; /* "" when it can */
    struct kube_log log;
};

/* `path` or the token itself, both copied, or NULL. The file is not read yet. */
void token_init(struct token *token, const char *path, const char *text,
                const struct kube_log *log);
void token_finish(struct token *token);

/* Reads the file when it was last read more than a minute ago, or `at_once`. -1: it holds none. */
int token_refresh(struct token *token, int64_t now, bool at_once, struct err *err);

/* Overwrites a secret before its memory goes back; takes NULL. */
void token_release(char *secret);

#endif
