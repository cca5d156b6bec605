// SPDX-License-Identifier: Apache-2.0
#include "api/http/hangups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/* An epoll of its own, because libmicrohttpd takes a suspended connection out of its one. Level
 * triggered and asked for one at a time: what is done about one hang-up may answer, and so forget,
 * any other one that has hung up as well, and no list of pointers must survive that.
 *
 * A descriptor is in here only while its connection is suspended, and a suspended connection is
 * never closed by libmicrohttpd. So no number can mean two connections.
 */

struct hangups {
    int epoll;
};

int hangups_create(struct hangups **hangups, struct err *err)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        return err_set(err, "epoll_create1: %s", strerror(errno));
    }
    *hangups = alloc_zero(1, sizeof(**hangups));
    (*hangups)->epoll = epoll;
    return 0;
}

void hangups_destroy(struct hangups *hangups)
{
    if (hangups != NULL) {
        close(hangups->epoll);
        free(hangups);
    }
}

int hangups_fd(const struct hangups *hangups)
{
    return hangups->epoll;
}

void hangups_watch(struct hangups *hangups, int socket, void *who)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = who};
    (void)epoll_ctl(hangups->epoll, EPOLL_CTL_ADD, socket, &event);
}

void hangups_forget(struct hangups *hangups, int socket)
{
    (void)epoll_ctl(hangups->epoll, EPOLL_CTL_DEL, socket, NULL);
}

void *hangups_next(struct hangups *hangups)
{
    struct epoll_event event;
    return epoll_wait(hangups->epoll, &event, 1, 0) == 1 ? event.data.ptr : NULL;
}
