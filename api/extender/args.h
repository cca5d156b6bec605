// SPDX-License-Identifier: Apache-2.0
#ifndef API_EXTENDER_ARGS_H
#define API_EXTENDER_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "api/json/scan.h"
#include "topology/base/err.h"

/* The bodies that kube-scheduler sends (k8s.io/kube-scheduler/extender/v1 types.go), picked apart
 * in place: nothing is copied, names stay slices of the body.
 *
 * Members have no json tags upstream, so they arrive as Go names ("NodeNames"); matching ignores
 * case, as encoding/json does. `null` stands for every absent pointer, map and slice. Of repeated
 * members the call is refused: which one would count is anybody's guess. Unknown members are
 * skipped.
 */

/* A request above these is refused with a clear error. */
#define EXTENDER_NODES_MAX   (1u << 20)
#define EXTENDER_VICTIMS_MAX (1u << 20) /* of all candidates together */
#define EXTENDER_STRING_MAX  1024       /* uid, names: bytes as they stand in the body */

/* What identifies the pod of a call; `text` is the whole Pod object for those who must decode
 * it. */
struct extender_pod {
    struct json_slice text;
    struct json_slice uid; /* metadata.uid; length 0 when absent or null */
    struct json_slice name;
    struct json_slice name_space;
    struct json_slice nominated; /* status.nominatedNodeName */
};

enum extender_form {
    EXTENDER_NODE_NAMES, /* nodeCacheCapable: true */
    EXTENDER_NODES,      /* full Node objects in Nodes.items */
    EXTENDER_NEITHER,    /* both null: an empty list */
};

struct extender_args {
    struct extender_pod pod;
    enum extender_form form;
    struct json_slice *names; /* *owned*: name of every node, in order, repeated ones too */
    struct json_slice *items; /* *owned*: EXTENDER_NODES only: text of every Node object */
    size_t count;
};

struct extender_binding_args {
    struct json_slice pod_name, pod_namespace, pod_uid, node;
};

struct extender_victim_node {
    struct json_slice node;
    struct json_slice *uids; /* *owned* by the args: victims' UIDs, in the caller's order */
    size_t count;
    long long violations; /* NumPDBViolations */
};

struct extender_preemption_args {
    struct extender_pod pod;
    struct extender_victim_node
        *nodes; /* *owned*; from NodeNameToMetaVictims or NodeNameToVictims */
    size_t count;
    struct json_slice *uid_store; /* *owned* */
};

/* Each decodes a whole body; on failure nothing is owned. Errors name the member. */
int extender_args_decode(const char *body, size_t length, struct extender_args *args,
                         struct err *err);
void extender_args_finish(struct extender_args *args);

int extender_binding_args_decode(const char *body, size_t length,
                                 struct extender_binding_args *args, struct err *err);

int extender_preemption_args_decode(const char *body, size_t length,
                                    struct extender_preemption_args *args, struct err *err);
void extender_preemption_args_finish(struct extender_preemption_args *args);

#endif
