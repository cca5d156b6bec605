// SPDX-License-Identifier: Apache-2.0
#include "api/kube/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/* A list under a lock, and an eventfd whose counter is 1 exactly while the list is not empty.
 * Both change under the lock, so that a reader that saw the descriptor readable finds something,
 * and one that emptied the list leaves it unreadable.
 */

struct mailbox {
    pthread_mutex_t lock;
    int fd;
    struct kube_batch *first;
    struct kube_batch *last;
    size_t events;
};

int mailbox_create(struct mailbox **mailbox, struct err *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return err_set(err, "eventfd: %s", strerrordesc_np(errno));
    }
    *mailbox = alloc_zero(1, sizeof **mailbox);
    (*mailbox)->fd = fd;
    err_require(pthread_mutex_init(&(*mailbox)->lock, NULL) == 0);
    return 0;
}

void mailbox_destroy(struct mailbox *mailbox)
{
    if (mailbox == NULL) {
        return;
    }
    struct kube_batch *batch = NULL;
    while ((batch = mailbox_take(mailbox)) != NULL) {
        kube_batch_destroy(batch);
    }
    (void)pthread_mutex_destroy(&mailbox->lock);
    (void)close(mailbox->fd);
    free(mailbox);
}

int mailbox_fd(const struct mailbox *mailbox)
{
    return mailbox->fd;
}

void mailbox_put(struct mailbox *mailbox, struct kube_batch *batch)
{
    batch->next = NULL;
    (void)pthread_mutex_lock(&mailbox->lock);
    if (mailbox->last == NULL) {
        uint64_t one = 1;
        mailbox->first = batch;
        err_require(write(mailbox->fd, &one, sizeof one) == (ssize_t)sizeof one);
    } else {
        mailbox->last->next = batch;
    }
    mailbox->last = batch;
    mailbox->events += batch->count;
    (void)pthread_mutex_unlock(&mailbox->lock);
}

struct kube_batch *mailbox_take(struct mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    struct kube_batch *batch = mailbox->first;
    if (batch != NULL) {
        mailbox->first = batch->next;
        mailbox->events -= batch->count;
        batch->next = NULL;
    }
    if (batch != NULL && mailbox->first == NULL) {
        uint64_t counter = 0;
        mailbox->last = NULL;
        err_require(read(mailbox->fd, &counter, sizeof counter) == (ssize_t)sizeof counter);
    }
    (void)pthread_mutex_unlock(&mailbox->lock);
    return batch;
}

size_t mailbox_events(struct mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    size_t events = mailbox->events;
    (void)pthread_mutex_unlock(&mailbox->lock);
    return events;
}
