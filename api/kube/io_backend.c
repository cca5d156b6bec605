// SPDX-License-Identifier: Apache-2.0
#include "api/kube/io.h"

/* The functions of io.h as the core knows them: without their types. */

static void backend_submit(void *context, const struct effect *effect)
{
    kube_io_submit(context, effect);
}

static void backend_flush(void *context)
{
    kube_io_flush(context);
}

static struct kube_batch *backend_take(void *context)
{
    return kube_io_take(context);
}

static void backend_called(void *context)
{
    kube_io_called(context);
}

static void backend_followed(void *context)
{
    kube_io_followed(context);
}

static bool backend_released(void *context)
{
    return kube_io_released(context);
}

struct backend kube_io_backend(struct kube_io *io)
{
    return (struct backend){
        .context = io,
        .fd = kube_io_fd(io),
        .submit = backend_submit,
        .flush = backend_flush,
        .take = backend_take,
        .called = backend_called,
        .followed = backend_followed,
        .released = backend_released,
    };
}
