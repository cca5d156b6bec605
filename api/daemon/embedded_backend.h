// SPDX-License-Identifier: Apache-2.0
#ifndef API_DAEMON_EMBEDDED_BACKEND_H
#define API_DAEMON_EMBEDDED_BACKEND_H

#include "api/daemon/core.h"
#include "api/embedded/cluster.h"

/* The embedded cluster as a backend: writes are carried out at once on the cluster in memory, and
 * what follows comes back as events on the next turn of the loop, as it would from a watch.
 */

struct embedded_backend;

/* Loads the snapshot; its events are the first batch. */
int embedded_backend_create(const char *snapshot, struct embedded_backend **backend,
                            struct err *err);
void embedded_backend_destroy(struct embedded_backend *backend);

struct backend embedded_backend_backend(struct embedded_backend *backend);
struct cluster *embedded_backend_cluster(struct embedded_backend *backend);

/* Changes by people: as cluster_apply() and cluster_delete(), with the events queued. */
int embedded_backend_apply(struct embedded_backend *backend, json_t *object, struct err *err);
int embedded_backend_delete(struct embedded_backend *backend, const char *kind,
                            const char *name_space, const char *name, struct err *err);

#endif
