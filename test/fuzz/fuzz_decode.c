// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/objects/decode.h"

/* Any JSON is a node, a pod and a group, or is refused with a reason; what came out keeps the
 * promises of scheduler/objects.h, and does not point into the JSON, which is gone by then.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_amounts(const struct amount_object *amounts, size_t count)
{
    require(count <= RESOURCES_MAX);
    for (size_t i = 0; i < count; i++) {
        require(amounts[i].amount > 0 && strlen(amounts[i].resource) < SIZE_MAX);
    }
}

static void check_labels(const struct label_object *labels, size_t count, size_t limit)
{
    require(count <= limit);
    for (size_t i = 0; i < count; i++) {
        require(labels[i].key != NULL && labels[i].value != NULL);
    }
}

static void check_node(const struct node_object *node)
{
    require(node->name != NULL && node->name[0] != '\0');
    check_labels(node->labels, node->label_count, NODE_LABELS_MAX);
    check_amounts(node->allocatable, node->allocatable_count);
    require(node->taint_count <= NODE_TAINTS_MAX);
    for (size_t i = 0; i < node->taint_count; i++) {
        require(node->taints[i].key[0] != '\0' && node->taints[i].value != NULL);
    }
}

static void check_terms(const struct pod_object *pod)
{
    require(pod->term_count <= POD_AFFINITY_TERMS_MAX);
    for (size_t i = 0; i < pod->term_count; i++) {
        require(pod->terms[i].expression_count <= POD_EXPRESSIONS_MAX);
        for (size_t j = 0; j < pod->terms[i].expression_count; j++) {
            const struct expression_object *expression = &pod->terms[i].expressions[j];
            require(expression->key[0] != '\0' && expression->value_count <= POD_VALUES_MAX);
            for (size_t k = 0; k < expression->value_count; k++) {
                require(expression->values[k] != NULL);
            }
        }
    }
}

/* Not empty, and not longer than may be. */
static void check_text(const char *text, size_t most)
{
    require(text == NULL || (text[0] != '\0' && strlen(text) <= most));
}

static void check_placement(const struct placement_object *placement)
{
    check_text(placement->required_level, PLACEMENT_TEXT_MAX);
    check_text(placement->preferred_level, PLACEMENT_TEXT_MAX);
    check_text(placement->exclusive_level, PLACEMENT_TEXT_MAX);
    check_text(placement->podset_group, PLACEMENT_TEXT_MAX);
    check_text(placement->device_topology, PLACEMENT_TEXT_MAX);
    require(placement->slice_count <= SLICE_LAYERS_MAX);
    for (size_t i = 0; i < placement->slice_count; i++) {
        require(strlen(placement->slices[i].level) <= PLACEMENT_TEXT_MAX);
    }
}

static void check_pod(const struct pod_object *pod)
{
    require(pod->name[0] != '\0' && pod->name_space[0] != '\0' && pod->uid[0] != '\0');
    require(pod->node == NULL || pod->node[0] != '\0');
    require(pod->nominated == NULL || pod->nominated[0] != '\0');
    require(pod->terminal || !pod->succeeded);
    require(pod->request_count > 0);
    check_amounts(pod->requests, pod->request_count);
    check_labels(pod->selector, pod->selector_count, POD_SELECTOR_MAX);
    check_terms(pod);
    require(pod->toleration_count <= POD_TOLERATIONS_MAX);
    for (size_t i = 0; i < pod->toleration_count; i++) {
        require(pod->tolerations[i].key == NULL || pod->tolerations[i].key[0] != '\0');
        require(pod->tolerations[i].value != NULL);
    }
    require(pod->gang == NULL ? pod->gang_minimum == 0 : pod->gang[0] != '\0');
    require(pod->gang_minimum >= -1 && pod->rank >= -1);
    check_text(pod->role, NAME_TEXT_MAX);
    check_text(pod->replica.owner, NAME_TEXT_MAX);
    check_text(pod->devices, DEVICES_TEXT_MAX);
    check_placement(&pod->placement);
}

static void check_group(const struct group_object *group)
{
    require(group->name[0] != '\0' && group->name_space[0] != '\0');
    require(group->hold_timeout_ms >= 0);
    check_placement(&group->placement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err[3] = {{.text = ""}};
    struct arena arena;
    struct node_object node;
    struct pod_object pod;
    struct group_object group;
    json_t *json = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    if (json == NULL) {
        return 0;
    }
    arena_init(&arena);
    const int results[] = {
        node_decode(json, &arena, &node, &err[0]),
        pod_decode(json, &arena, &pod, &err[1]),
        group_decode(json, &arena, &group, &err[2]),
    };
    json_decref(json);
    for (size_t i = 0; i < 3; i++) {
        require(results[i] == 0 || (results[i] == -1 && err[i].text[0] != '\0'));
    }
    if (results[0] == 0) {
        check_node(&node);
    }
    if (results[1] == 0) {
        check_pod(&pod);
    }
    if (results[2] == 0) {
        check_group(&group);
    }
    arena_finish(&arena);
    return 0;
}
