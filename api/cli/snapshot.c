// SPDX-License-Identifier: Apache-2.0
#include "api/cli/snapshot.h"

#include <stdio.h>

#include "api/cli/cli.h"
#include "api/import/import.h"

/* Which exit code: the configuration, and the topology it names, are part of what was asked; the
 * snapshot is data.
 */

static void warn(void *context, const char *what, const char *why)
{
    const struct snapshot *snapshot = context;
    fprintf(stderr, "phalanx %s: %s: %s\n", snapshot->command, what, why);
}

static int load(struct snapshot *snapshot, const char *path, const char *config, struct err *err)
{
    struct overlay *overlay = NULL;
    if (config != NULL && config_load(&snapshot->config, config, err) < 0) {
        return CLI_USAGE;
    }
    if (cluster_load(snapshot->cluster, path, snapshot->batch, err) < 0) {
        return CLI_RUNTIME;
    }
    if (import_configured(&snapshot->config, cluster_topologies(snapshot->cluster), &overlay, err) <
        0) {
        return snapshot->config.topology_import[0] != '\0' ? CLI_USAGE : CLI_RUNTIME;
    }
    config_schedulers(&snapshot->config, snapshot->schedulers);
    const struct intake_options options = {
        .schedulers = snapshot->schedulers,
        .scheduler_count = snapshot->config.scheduler_count,
        .overlay = overlay,
        .warn = warn,
        .context = snapshot,
    };
    snapshot->intake = intake_create(&options);
    return CLI_OK;
}

int snapshot_load(struct snapshot *snapshot, const char *command, const char *path,
                  const char *config)
{
    struct err err;
    *snapshot = (struct snapshot){
        .command = command,
        .cluster = cluster_create(),
        .batch = kube_batch_create(),
    };
    config_default(&snapshot->config);
    int result = load(snapshot, path, config, &err);
    if (result != CLI_OK) {
        fprintf(stderr, "phalanx %s: %s\n", command, err.text);
    }
    return result;
}

void snapshot_finish(struct snapshot *snapshot)
{
    intake_destroy(snapshot->intake);
    kube_batch_destroy(snapshot->batch);
    cluster_destroy(snapshot->cluster);
}
