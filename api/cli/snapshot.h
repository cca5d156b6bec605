// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_SNAPSHOT_H
#define API_CLI_SNAPSHOT_H

#include "api/embedded/cluster.h"
#include "api/intake/intake.h"
#include "api/ops/config.h"

/* A cluster from a file, understood as the daemon would: what `plan` and `topology` look at. */
struct snapshot {
    const char *command; /* warnings begin with it */
    struct config config;
    const char *schedulers[CONFIG_SCHEDULERS_MAX]; /* texts of the configuration */
    struct cluster *cluster;
    struct kube_batch *batch; /* the events of the file, EVENT_SYNCED last; not taken in yet */
    struct intake *intake;
};

/* Reads the configuration (NULL: the defaults) and the snapshot. CLI_OK, or the exit code after the
 * error was reported. snapshot_finish() follows in any case. */
int snapshot_load(struct snapshot *snapshot, const char *command, const char *path,
                  const char *config);
void snapshot_finish(struct snapshot *snapshot);

#endif
