// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "api/cli/snapshot.h"
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
    .about = "Shows how the node labels of a cluster are understood: which levels there are, how "
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

/* Replaces what was found of an earlier state of the node. */
static void keep_finding(const struct node_devices_finding *finding,
                         struct node_devices_finding **kept)
{
    free(*kept);
    *kept = NULL;
    if (finding->text[0] != '\0') {
        *kept = alloc_zero(1, sizeof **kept);
        **kept = *finding;
    }
}

/* A node that the table refuses is named on standard error: there are more than it takes. */
static void read_node(struct inventory *inventory, const struct node_object *object,
                      const struct node_devices_finding *finding)
{
    struct err err;
    uint32_t row;
    unsigned changes;
    if (nodes_observe(inventory->nodes, object, &row, &changes, &err) < 0) {
        fprintf(stderr, "phalanx topology: a node is left out: %s\n", err.text);
        return;
    }
    inventory->total[row] =
        count_devices(inventory, object->allocatable, object->allocatable_count);
    inventory->free[row] = inventory->total[row];
    keep_finding(finding, &inventory->findings[row]);
}

static void read_nodes(struct inventory *inventory, const struct snapshot *snapshot)
{
    struct kube_batch *batch = snapshot->batch;
    inventory->total = alloc_zero(batch->count, sizeof *inventory->total);
    inventory->free = alloc_zero(batch->count, sizeof *inventory->free);
    inventory->findings = alloc_zero(batch->count, sizeof(struct node_devices_finding *));
    intake_slices(snapshot->intake, batch);
    for (size_t i = 0; i < batch->count; i++) {
        struct event *event = &batch->events[i];
        struct node_devices_finding finding;
        intake_event(snapshot->intake, event, &finding);
        if (event->type == EVENT_NODE) {
            read_node(inventory, &event->node, &finding);
        } else if (event->type == EVENT_NODE_GONE) {
            nodes_remove(inventory->nodes, event->node_name);
        }
    }
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

static void describe(const struct topology_flags *flags, const struct snapshot *snapshot)
{
    const struct config *config = &snapshot->config;
    struct inventory inventory = {.nodes = nodes_create(0), .resource = flags->resource};
    struct domains *domains = domains_create(&config->levels);
    struct report *report = alloc_zero(1, sizeof *report);
    struct hardware_view *hardware = hardware_view_create();
    read_nodes(&inventory, snapshot);
    read_pods(&inventory, snapshot->batch);
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

int cli_topology(int argc, char **argv)
{
    struct topology_flags flags = {.output = OUTPUT_TABLE};
    struct snapshot snapshot;
    int result = flags_parse(&syntax, argc, argv, &flags);
    if (result != FLAGS_GO) {
        return result;
    }
    result = snapshot_load(&snapshot, "topology", flags.snapshot, flags.config);
    if (result == CLI_OK) {
        describe(&flags, &snapshot);
    }
    snapshot_finish(&snapshot);
    return result;
}
