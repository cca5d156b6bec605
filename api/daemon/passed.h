// SPDX-License-Identifier: Apache-2.0
#ifndef API_DAEMON_PASSED_H
#define API_DAEMON_PASSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which nodes the last filter call let each pod onto, until it is bound: a bind call to any other
 * node does not come from a kube-scheduler that asked.
 *
 * The sets have PASSED_BYTES together. When these are used up the oldest ones go, and for a while
 * a pod without a set is not told from one that was never asked about: passed_check() says so.
 */

#define PASSED_BYTES   (16u << 20)
#define PASSED_LOST_MS 600000 /* volumes are bound by then (bindTimeoutSeconds), and the pod */

struct passed;

struct passed *passed_create(void);
void passed_destroy(struct passed *passed);

/* `now` is in milliseconds, and does not go back.
 *
 * A filter call's answer: `rows[i]` passes where `passes` is NULL or passes[i] true. Rows may be
 * NAMES_NONE. */
void passed_note(struct passed *passed, const char *uid, const uint32_t *rows, const bool *passes,
                 uint32_t count, int64_t now);
void passed_forget(struct passed *passed, const char *uid);

enum passed_verdict { PASSED_YES, PASSED_NO, PASSED_NEVER_ASKED, PASSED_UNKNOWN };
enum passed_verdict passed_check(const struct passed *passed, const char *uid, uint32_t row,
                                 int64_t now);

#endif
