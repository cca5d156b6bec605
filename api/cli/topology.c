// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "api/embedded/cluster.h"
#include "api/import/import.h"
#include "api/kube/devices/node_devices.h"
#include "api/ops/config.h"
#include "api/view/topology_view.h"
#include "topology/base/alloc.h"
#include "topology/graph/report.h"

/* `phalanx topology`: how the labels of a cluster are understood.
 *
 *   snapshot ─▶ cluster in memory ─▶ events ─┬─▶ node table ─▶ tree ─▶ report ─▶ table, json, tree
 *                                            ├─▶ devices: allocatable - what bound pods ask for
 *                                            └─▶ device maps: ResourceSlices, machines by label
 *
 * The tree is the daemon's, from the same node table and levels. Of several events about one object
 * the last one counts.
 */

#define DEVICE_SUFFIX "/gpu" /* nvidia.com/gpu, amd.com/gpu, … */

enum output { OUTPUT_TABLE, OUTPUT_TREE, OUTPUT_JSON };
static const char *const outputs[] = {"table", "tree", "json", NULL};

struct topology_flags {
    const char *snapshot;
    const char *config;
    const char *resource;
    int output; /* enum output */
};

static const struct flag topology_flags[] = {
    {.name = "snapshot",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .required = true,
     .to = offsetof(struct topology_flags, snapshot),
     .help = "the cluster: what `kubectl get nodes,pods -A -o json` prints (or yaml); - is "
             "standard input"},
    {.name = "config",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .to = offsetof(struct topology_flags, config),
     .help = "configuration, for the levels of the topology"},
    {.name = "resource",
     .value = "NAME",
     .kind = FLAG_TEXT,
     .to = offsetof(struct topology_flags, resource),
     .help = "what is counted as a device (default: all that end in /gpu)"},
    {.name = "output",
     .letter = 'o',
     .value = "FORM",
     .kind = FLAG_CHOICE,
     .choices = outputs,
     .to = offsetof(struct topology_flags, output),
     .help = "table (default), tree or json"},
    {.name = NULL},
};

static const struct flags syntax = {
    .command = "topology",
    .about = "Says how the node labels of a cluster are understood: which levels there are, how "
             "many domains of which sizes, which nodes lack labels, and what looks odd.",
    .flags = topology_flags,
};

/* What is known of the cluster: rows of `nodes` index the two lists. */
struct inventory {
    struct nodes *nodes;
    const char *resource;
    int64_t *total;
    int64_t *free;
    struct node_devices_finding **findings; /* NULL for nodes without GPUs */
};

static bool is_device(const struct inventory *inventory, const char *resource)
{
    if (inventory->resource != NULL) {
        return strcmp(resource, inventory->resource) == 0;
    }
    size_t length = strlen(resource), suffix = strlen(DEVICE_SUFFIX);
    return length > suffix && strcmp(resource + length - suffix, DEVICE_SUFFIX) == 0;
}

static int64_t count_devices(const struct inventory *inventory, const struct amount_object *amounts,
                             size_t count)
{
    int64_t devices = 0;
    for (size_t i = 0; i < count; i++) {
        if (amounts[i].amount > 0 && is_device(inventory, amounts[i].resource) &&
            __builtin_add_overflow(devices, amounts[i].amount, &devices)) {
            devices = INT64_MAX;
        }
    }
    return devices < 1 << 30 ? devices : 1 << 30; /* sums over a million nodes stay whole */
}

/* Slices that cannot be read are named; what that means for a node, its finding says. */
static void read_slices(struct node_devices *devices, const struct kube_batch *batch)
{
    struct err err;
    for (size_t i = 0; i < batch->slice_count; i++) {
        if (node_devices_slice(devices, batch->slices[i].object, &err) < 0) {
            fprintf(stderr, "phalanx topology: left out: %s\n", err.text);
        }
    }
}

/* Replaces what was found of an earlier state of the node. */
static void find_devices(struct node_devices *devices, const struct node_object *object,
                         struct node_devices_finding **kept)
{
    struct node_object node = *object;
    struct node_devices_finding finding;
    node_devices_fill(devices, &node, &finding);
    free(*kept);
    *kept = NULL;
    if (finding.text[0] != '\0') {
        *kept = alloc_zero(1, sizeof **kept);
        **kept = finding;
    }
}

/* Nodes the table refuses are named on standard error, as the daemon's log would. */
static void read_nodes(struct inventory *inventory, const struct kube_batch *batch)
{
    inventory->total = alloc_zero(batch->count, sizeof *inventory->total);
    inventory->free = alloc_zero(batch->count, sizeof *inventory->free);
    inventory->findings = alloc_zero(batch->count, sizeof(struct node_devices_finding *));
    struct node_devices *devices = node_devices_create();
    read_slices(devices, batch);
    for (size_t i = 0; i < batch->count; i++) {
        const struct event *event = &batch->events[i];
        struct err err;
        uint32_t row;
        unsigned changes;
        if (event->type == EVENT_NODE_GONE) {
            nodes_remove(inventory->nodes, event->node_name);
        } else if (event->type == EVENT_NODE) {
            if (nodes_observe(inventory->nodes, &event->node, &row, &changes, &err) < 0) {
                fprintf(stderr, "phalanx topology: left out: %s\n", err.text);
                continue;
            }
            inventory->total[row] =
                count_devices(inventory, event->node.allocatable, event->node.allocatable_count);
            inventory->free[row] = inventory->total[row];
            find_devices(devices, &event->node, &inventory->findings[row]);
        }
    }
    node_devices_destroy(devices);
}

static void take_devices(struct inventory *inventory, const struct pod_object *pod)
{
    if (pod->node == NULL || pod->terminal) {
        return;
    }
    uint32_t row = nodes_find(inventory->nodes, pod->node, strlen(pod->node));
    if (row != NAMES_NONE) {
        int64_t left =
            inventory->free[row] - count_devices(inventory, pod->requests, pod->request_count);
        inventory->free[row] = left > 0 ? left : 0;
    }
}

/* From the last event to the first, for the last one about a pod is the one that holds. */
static void read_pods(struct inventory *inventory, const struct kube_batch *batch)
{
    struct names *seen = names_create(CLUSTER_OBJECTS_MAX, 0);
    for (size_t i = batch->count; i > 0; i--) {
        const struct event *event = &batch->events[i - 1];
        if (event->type != EVENT_POD && event->type != EVENT_POD_GONE) {
            continue;
        }
        const char *uid = event->type == EVENT_POD ? event->pod.uid : event->pod_uid;
        size_t length = strlen(uid);
        if (names_find(seen, uid, length) == NAMES_NONE) {
            (void)names_intern(seen, uid, length);
            if (event->type == EVENT_POD) {
                take_devices(inventory, &event->pod);
            }
        }
    }
    names_destroy(seen);
}

static void answer(const struct topology_view *view, int output)
{
    if (output == OUTPUT_TABLE) {
        topology_view_table(view, stdout);
    } else if (output == OUTPUT_TREE) {
        topology_view_tree(view, stdout);
    } else {
        json_t *json = topology_view_json(view);
        json_dumpf(json, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(json);
    }
}

static void describe(const struct topology_flags *flags, const struct config *config,
                     const struct kube_batch *batch)
{
    struct inventory inventory = {.nodes = nodes_create(0), .resource = flags->resource};
    struct domains *domains = domains_create(&config->levels);
    struct report *report = alloc_zero(1, sizeof *report);
    struct hardware_view *hardware = hardware_view_create();
    read_nodes(&inventory, batch);
    read_pods(&inventory, batch);
    domains_build(domains, inventory.nodes);
    report_fill(report, &config->levels, domains, inventory.nodes);
    for (uint32_t row = 0; row < nodes_rows(inventory.nodes); row++) {
        const struct node_devices_finding *finding = inventory.findings[row];
        if (finding != NULL && nodes_get(inventory.nodes, row)->present) {
            hardware_view_add(hardware, nodes_name(inventory.nodes, row), finding);
        }
        free(inventory.findings[row]);
    }
    answer(&(struct topology_view){.preset = config->preset,
                                   .report = report,
                                   .domains = domains,
                                   .nodes = inventory.nodes,
                                   .hardware = hardware,
                                   .devices = {flags->resource == NULL ? "GPUs" : flags->resource,
                                               inventory.total, inventory.free}},
           flags->output);
    hardware_view_destroy(hardware);
    free(report);
    domains_destroy(domains);
    nodes_destroy(inventory.nodes);
    free(inventory.total);
    free(inventory.free);
    free(inventory.findings);
}

/* Lays an imported topology over the nodes. A node that it contradicts itself about keeps only the
 * labels of its own, as in the daemon. */
static void import_labels(struct overlay *overlay, struct kube_batch *batch)
{
    char text[ERR_TEXT_MAX];
    for (size_t i = 0; i < batch->count; i++) {
        struct event *event = &batch->events[i];
        struct err err;
        if (event->type == EVENT_NODE &&
            overlay_apply(overlay, &batch->arena, &event->node, &err) < 0) {
            fprintf(stderr, "phalanx topology: %s\n", err.text);
        }
    }
    if (overlay_report(overlay, text, sizeof text)[0] != '\0') {
        fprintf(stderr, "phalanx topology: %s\n", text);
    }
}

/* The snapshot, understood as the daemon would. */
static int load_and_describe(const struct topology_flags *flags, struct config *config,
                             struct cluster *cluster, struct kube_batch *batch, struct err *err)
{
    struct overlay *overlay = NULL;
    if (cluster_load(cluster, flags->snapshot, batch, err) < 0) {
        return CLI_RUNTIME;
    }
    if (import_configured(config, cluster_topologies(cluster), &overlay, err) < 0) {
        return config->topology_import[0] != '\0' ? CLI_USAGE : CLI_RUNTIME;
    }
    if (overlay != NULL) {
        import_labels(overlay, batch);
    }
    describe(flags, config, batch);
    overlay_destroy(overlay);
    return CLI_OK;
}

int cli_topology(int argc, char **argv)
{
    struct topology_flags flags = {.output = OUTPUT_TABLE};
    struct config config;
    struct err err;
    int usage = flags_parse(&syntax, argc, argv, &flags);
    if (usage != FLAGS_GO) {
        return usage;
    }
    config_default(&config);
    if (flags.config != NULL && config_load(&config, flags.config, &err) < 0) {
        fprintf(stderr, "phalanx topology: %s\n", err.text);
        return CLI_USAGE;
    }
    struct cluster *cluster = cluster_create();
    struct kube_batch *batch = kube_batch_create();
    int result = load_and_describe(&flags, &config, cluster, batch, &err);
    if (result != CLI_OK) {
        fprintf(stderr, "phalanx topology: %s\n", err.text);
    }
    kube_batch_destroy(batch);
    cluster_destroy(cluster);
    return result;
}
