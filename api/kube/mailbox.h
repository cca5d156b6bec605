// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_MAILBOX_H
#define API_KUBE_MAILBOX_H

#include <stddef.h>

#include "api/kube/objects/batch.h"
#include "topology/base/err.h"

/* Batches on their way from one thread to another, first in, first out.
 *
 *   mailbox_put() ─▶ [batch] ▶ [batch] ▶ [batch] ─▶ mailbox_take()
 *                    mailbox_fd() is readable while there is one
 *
 * Any thread may call any function. It has no limit of its own; mailbox_events() tells the sender
 * when to hold back.
 */

struct mailbox;

int mailbox_create(struct mailbox **mailbox, struct err *err);
/* Destroys what is left in it, too. */
void mailbox_destroy(struct mailbox *mailbox);

int mailbox_fd(const struct mailbox *mailbox);
/* *Steals* the batch. */
void mailbox_put(struct mailbox *mailbox, struct kube_batch *batch);
/* The oldest (*new*), or NULL. */
struct kube_batch *mailbox_take(struct mailbox *mailbox);
size_t mailbox_events(struct mailbox *mailbox); /* waiting, of all batches */

#endif
