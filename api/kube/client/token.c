// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* The kubelet replaces the file of a projected token, by a rename, when four fifths of its life are
 * over; client-go looks once a minute, too.
 */

#define AGE_MAX_MS 60000
#define SAID_MS    600000

void token_release(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

void token_init(struct token *token, const char *path, const char *text, const struct kube_log *log)
{
    *token = (struct token){
        .path = alloc_string(path),
        .text = alloc_string(text),
        .read_at = -1,
        .said_at = -1,
        .log = *log,
    };
}

void token_finish(struct token *token)
{
    free(token->path);
    token_release(token->text);
}

/* *New* token out of the file, without the white space around it. */
static char *read_token(const char *path, struct err *err)
{
    char *token = NULL;
    char *text = alloc_zero(TOKEN_FILE_MAX + 1, 1);
    err_require(text != NULL); /* it is never NULL; UBSan's own check makes gcc doubt that */
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        err_set(err, "%s: %s", path, strerrordesc_np(errno));
        goto out;
    }
    size_t length = fread(text, 1, TOKEN_FILE_MAX + 1, file);
    bool broken = ferror(file) != 0 || length > TOKEN_FILE_MAX;
    (void)fclose(file);
    static const char SPACE[] = " \t\r\n";
    if (!broken) {
        size_t first = strspn(text, SPACE);
        size_t end = first + strcspn(text + first, SPACE);
        /* One word, which also keeps header lines out of it. */
        if (end > first && end + strspn(text + end, SPACE) == length) {
            token = alloc_string_n(text + first, end - first);
        }
    }
    if (token == NULL) {
        err_set(err, "%s: not a token", path);
    }
out:
    if (text != NULL) {
        explicit_bzero(text, TOKEN_FILE_MAX + 1);
    }
    free(text);
    return token;
}

int token_refresh(struct token *token, int64_t now, bool at_once, struct err *err)
{
    struct err why;
    bool old = token->read_at < 0 || now - token->read_at >= AGE_MAX_MS;
    if (token->path == NULL || (!at_once && !old)) {
        return 0;
    }
    token->read_at = now;
    char *text = read_token(token->path, &why);
    if (text == NULL) {
        utf8_print(token->trouble, sizeof token->trouble, "token: %s", why.text);
        if (token->said_at < 0 || now - token->said_at >= SAID_MS) {
            token->said_at = now;
            kube_log(&token->log, KUBE_LOG_WARNING, "%s", token->trouble);
        }
        return err_set(err, "%s", token->trouble);
    }
    token->trouble[0] = '\0';
    token->said_at = -1;
    token_release(token->text);
    token->text = text;
    return 0;
}
