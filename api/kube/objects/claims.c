// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/selector.h"
#include "api/kube/objects/affinity.h"
#include "topology/base/utf8.h"

/* Words are what claims are compared by, and what people read in a reason: "each needs host port
 * 80/TCP", "each needs a node without pods of namespace default with app=web".
 */

#define PROTOCOL_MAX 20 /* bytes that are told apart, whole characters; … */
#define ADDRESS_MAX  100

struct claims {
    struct arena *arena;
    struct claim_object *items; /* POD_CLAIMS_MAX of them */
    size_t count;
};

static void add(struct claims *claims, const char *what, bool whole)
{
    if (claims->count == POD_CLAIMS_MAX) {
        return;
    }
    if (claims->items == NULL) {
        claims->items = arena_alloc(claims->arena, POD_CLAIMS_MAX, sizeof *claims->items);
    }
    claims->items[claims->count++] =
        (struct claim_object){.what = arena_string(claims->arena, what), .whole = whole};
}

/* ---- host ports ---- */

static int read_port(const struct field *port, bool host_network, struct claims *claims,
                     struct err *err)
{
    int64_t number = 0;
    const char *protocol = NULL;
    const char *address = NULL;
    char what[256];
    if (host_network && field_integer(port, "containerPort", 0, 65535, &number, err) != 0) {
        return -1;
    }
    if (field_integer(port, "hostPort", 0, 65535, &number, err) != 0 ||
        field_string(port, "protocol", &protocol, err) != 0 ||
        field_string(port, "hostIP", &address, err) != 0) {
        return -1;
    }
    if (number == 0) {
        return 0;
    }
    protocol = protocol == NULL || protocol[0] == '\0' ? "TCP" : protocol;
    bool any = address == NULL || address[0] == '\0' || strcmp(address, "0.0.0.0") == 0;
    int length = snprintf(what, sizeof what, "host port %" PRId64 "/%.*s", number,
                          (int)utf8_cut(protocol, PROTOCOL_MAX), protocol);
    add(claims, what, any);
    if (!any) {
        snprintf(what + length, sizeof what - (size_t)length, " of %.*s",
                 (int)utf8_cut(address, ADDRESS_MAX), address);
        add(claims, what, true);
    }
    return 0;
}

static int read_container(const struct field *container, bool host_network, struct claims *claims,
                          struct err *err)
{
    struct field ports;
    if (field_array(container, "ports", &ports, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&ports) && claims->count < POD_CLAIMS_MAX; i++) {
        struct field port;
        if (field_element(&ports, i, &port, err) != 0 ||
            read_port(&port, host_network, claims, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_ports(const struct field *spec, const char *list, bool sidecars,
                      struct claims *claims, struct err *err)
{
    struct field containers;
    bool host_network = false;
    if (field_bool(spec, "hostNetwork", &host_network, err) != 0 ||
        field_array(spec, list, &containers, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&containers); i++) {
        struct field container;
        const char *restart = NULL;
        if (field_element(&containers, i, &container, err) != 0 ||
            field_string(&container, "restartPolicy", &restart, err) != 0) {
            return -1;
        }
        bool counts = !sidecars || (restart != NULL && strcmp(restart, "Always") == 0);
        if (counts && read_container(&container, host_network, claims, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- anti-affinity ---- */

static int read_terms(const struct field *metadata, const struct pod_object *object,
                      struct claims *claims, struct err *err)
{
    const char *name_space = NULL;
    char what[AFFINITY_CLAIM_MAX];
    if (field_name(metadata, "namespace", &name_space, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < object->affinity_count; i++) {
        if (object->affinities[i].claimed &&
            affinity_claim(object, name_space, &object->affinities[i], what, sizeof what)) {
            add(claims, what, true);
        }
    }
    return 0;
}

/* ---- spread ---- */

/* Whether the constraint selects the pod itself, and can be understood. */
static bool selects(const struct field *constraint, const json_t *labels, struct arena *arena)
{
    struct field json;
    struct selector selector;
    struct err err;
    bool all = field_object(constraint, "labelSelector", &json, &err) == 0 && json.json != NULL &&
               selector_decode(&json, arena, &selector, &err) == 0;
    for (size_t i = 0; all && i < selector.count; i++) {
        const struct expression_object *item = &selector.items[i];
        all = selector_holds(item, field_text(json_object_get(labels, item->key)));
    }
    return all; /* matchLabelKeys are the pod's own values */
}

static int read_spread(const struct field *metadata, const struct field *spec, struct arena *arena,
                       struct spread_object *spread, struct err *err)
{
    struct field constraints;
    struct field labels;
    if (field_array(spec, "topologySpreadConstraints", &constraints, err) != 0 ||
        field_object(metadata, "labels", &labels, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&constraints) && spread->key == NULL; i++) {
        struct field constraint;
        const char *key = NULL;
        const char *otherwise = NULL;
        int64_t skew = 0;
        int64_t least = 0;
        if (field_element(&constraints, i, &constraint, err) != 0 ||
            field_string(&constraint, "topologyKey", &key, err) != 0 ||
            field_string(&constraint, "whenUnsatisfiable", &otherwise, err) != 0 ||
            field_integer(&constraint, "maxSkew", 0, INT32_MAX, &skew, err) != 0 ||
            field_integer(&constraint, "minDomains", 0, INT32_MAX, &least, err) != 0) {
            return -1;
        }
        if (key != NULL && strcmp(key, "kubernetes.io/hostname") != 0 && skew >= 1 &&
            otherwise != NULL && strcmp(otherwise, "DoNotSchedule") == 0 &&
            selects(&constraint, labels.json, arena)) {
            *spread =
                (struct spread_object){arena_string(arena, key), (int32_t)skew, (int32_t)least};
        }
    }
    return 0;
}

int claims_read(const struct field *metadata, const struct field *spec, struct arena *arena,
                struct pod_object *object, struct err *err)
{
    struct claims claims = {.arena = arena};
    if (read_terms(metadata, object, &claims, err) != 0 ||
        read_ports(spec, "containers", false, &claims, err) != 0 ||
        read_ports(spec, "initContainers", true, &claims, err) != 0 ||
        read_spread(metadata, spec, arena, &object->spread, err) != 0) {
        return -1;
    }
    object->claims = claims.items;
    object->claim_count = claims.count;
    return 0;
}
