// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/embedded_backend.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/* One batch collects events until the loop takes it. The eventfd is readable while it is not empty,
 * so that the loop waits for it as it waits for the Kubernetes thread.
 */

struct embedded_backend {
    struct cluster *cluster;
    struct kube_batch *batch; /* never NULL */
    int fd;
};

int embedded_backend_create(const char *snapshot, struct embedded_backend **backend,
                            struct err *err)
{
    struct embedded_backend *created = alloc_zero(1, sizeof(*created));
    created->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    created->cluster = cluster_create();
    created->batch = kube_batch_create();
    if (created->fd < 0) {
        err_set(err, "eventfd: %s", strerror(errno));
        goto error;
    }
    if (cluster_load(created->cluster, snapshot, created->batch, err) < 0) {
        goto error;
    }
    *backend = created;
    return 0;
error:
    embedded_backend_destroy(created);
    return -1;
}

void embedded_backend_destroy(struct embedded_backend *backend)
{
    if (backend == NULL) {
        return;
    }
    if (backend->fd >= 0) {
        close(backend->fd);
    }
    cluster_destroy(backend->cluster);
    kube_batch_destroy(backend->batch);
    free(backend);
}

static void submit(void *context, const struct effect *effect)
{
    struct embedded_backend *backend = context;
    cluster_submit(backend->cluster, effect, backend->batch);
}

static void flush(void *context)
{
    struct embedded_backend *backend = context;
    if (backend->batch->count > 0) {
        eventfd_write(backend->fd, 1);
    }
}

static struct kube_batch *take(void *context)
{
    struct embedded_backend *backend = context;
    eventfd_t ignored;
    eventfd_read(backend->fd, &ignored);
    if (backend->batch->count == 0) {
        return NULL;
    }
    struct kube_batch *batch = backend->batch;
    backend->batch = kube_batch_create();
    return batch;
}

struct backend embedded_backend_backend(struct embedded_backend *backend)
{
    return (struct backend){
        .context = backend,
        .fd = backend->fd,
        .submit = submit,
        .flush = flush,
        .take = take,
    };
}

struct cluster *embedded_backend_cluster(struct embedded_backend *backend)
{
    return backend->cluster;
}

int embedded_backend_apply(struct embedded_backend *backend, json_t *object, struct err *err)
{
    int result = cluster_apply(backend->cluster, object, backend->batch, NULL, err);
    flush(backend);
    return result;
}

int embedded_backend_delete(struct embedded_backend *backend, const char *kind,
                            const char *name_space, const char *name, struct err *err)
{
    int result = cluster_delete(backend->cluster, kind, name_space, name, backend->batch, err);
    flush(backend);
    return result;
}
