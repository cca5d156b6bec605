// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_SPLITTER_H
#define API_KUBE_WATCH_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>

#include "topology/base/err.h"

/* Cuts what the API server streams into JSON texts of one object each, as the bytes come in.
 *
 *   SPLITTER_LIST
 * {"kind":"PodList","metadata":{"continue":"…","resourceVersion":"7"},"items":[{…},{…}]} └──┘  └──┘
 *   SPLITTER_LINES  {"type":"ADDED","object":{…}}⏎{"type":"BOOKMARK","object":{…}}⏎
 *                   └───────────────────────────┘  └──────────────────────────────┘
 *
 * A list of 100,000 pods is never in memory as a whole, nor is its tree. Bytes may arrive in any
 * portions; the pieces do not depend on how. Pieces are looked at no closer than needed to find
 * their end: quotes and brackets (api/json/outline.h). Whoever takes one parses it, and one that is
 * no JSON costs nobody else. What lies between the pieces of a list is fully checked, so that a
 * body is accepted exactly when it is a JSON object with at most one "items" (an array or null) and
 * one "metadata", and whoever takes the pieces takes them all.
 *
 * Of a piece that is too large the beginning alone is handed out, once; the rest is passed over
 * without being kept.
 */

/* Bytes of one piece. etcd refuses objects above 1.5 MiB, and a byte of them is written with up to
 * six: "\u003c". */
#define SPLITTER_PIECE_MAX (16u << 20)
#define SPLITTER_HEAD      (64u << 10) /* bytes of a piece that is larger */

enum splitter_mode { SPLITTER_LIST, SPLITTER_LINES };

struct splitter;

/* Takes one piece, *borrowed*, or the beginning of one that is too large (not `whole`). -1 (with
 * err filled) stops the splitting. */
typedef int splitter_take(void *context, const char *text, size_t length, bool whole,
                          struct err *err);

struct splitter *splitter_create(enum splitter_mode mode, splitter_take *take, void *context);
void splitter_destroy(struct splitter *splitter);

/* The next bytes. After a failure the splitter is of no further use. */
int splitter_feed(struct splitter *splitter, const char *bytes, size_t length, struct err *err);

/* No more bytes: fails when a list is not complete. An unfinished last line is dropped, as a broken
 * connection leaves one behind. */
int splitter_end(struct splitter *splitter, struct err *err);

/* metadata of the list, "" when absent; *borrowed*, complete after splitter_end(). */
const char *splitter_continue(const struct splitter *splitter);
const char *splitter_resource_version(const struct splitter *splitter);

#endif
