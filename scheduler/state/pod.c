// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/pod.h"

#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/natural.h"

/* Records and their comparison with what is said anew. Texts are owned, and replaced only when they
 * differ: pods are observed far more often than they change.
 */

struct pod *pod_create(const struct pod_object *object)
{
    struct pod *pod = alloc_zero(1, sizeof(*pod));
    pod->uid = alloc_string(object->uid);
    pod->name_space = alloc_string(object->name_space);
    pod->name = alloc_string(object->name);
    pod->node = NAMES_NONE;
    pod->nominated = NAMES_NONE;
    pod->missed = NAMES_NONE;
    pod->owner = NAMES_NONE;
    pod->role_word = NAMES_NONE;
    pod->minimums = NAMES_NONE;
    pod->preference = NAMES_NONE;
    pod->allocation_row = NAMES_NONE;
    return pod;
}

void pod_destroy(struct pod *pod)
{
    if (pod == NULL) {
        return;
    }
    free(pod->uid);
    free(pod->name_space);
    free(pod->name);
    free(pod->gang_name);
    free(pod->role);
    free(pod->replica.owner);
    free(pod->devices);
    free(pod->nominated_name);
    free(pod->run);
    free(pod->gpus.names);
    free(pod->peer.labels);
    free(pod->peer.rules);
    placement_finish(&pod->placement);
    free(pod);
}

unsigned pod_update_number(uint32_t *to, uint32_t number, unsigned bit)
{
    bool same = *to == number;
    *to = number;
    return same ? POD_UNCHANGED : bit;
}

unsigned pod_update_text(char **to, const char *text, unsigned bit)
{
    if (text == *to || (text != NULL && *to != NULL && strcmp(*to, text) == 0)) {
        return POD_UNCHANGED;
    }
    free(*to);
    *to = alloc_string(text);
    return bit;
}

/* What is too long is cut. */
static unsigned update_word(struct names *words, uint32_t *to, const char *text, unsigned bit)
{
    uint32_t before = *to;
    size_t length = text == NULL ? 0 : strnlen(text, NAMES_LENGTH_MAX);
    if (before != NAMES_NONE && length > 0 && length == names_length(words, before) &&
        memcmp(names_text(words, before), text, length) == 0) {
        return POD_UNCHANGED;
    }
    *to = length == 0 ? NAMES_NONE : names_intern(words, text, length);
    if (before != NAMES_NONE) {
        names_release(words, before);
    }
    return before == *to ? POD_UNCHANGED : bit;
}

static unsigned update_life(struct pod *pod, const struct pod_object *object)
{
    if (pod->terminal == object->terminal && pod->succeeded == object->succeeded &&
        pod->deleting == object->deleting && pod->gated == object->gated) {
        return POD_UNCHANGED;
    }
    pod->terminal = object->terminal;
    pod->succeeded = object->succeeded;
    pod->deleting = object->deleting;
    pod->gated = object->gated;
    return POD_LIFE;
}

static unsigned update_replica(struct pod_replica *replica, const struct replica_object *object)
{
    struct pod_replica before = *replica;
    unsigned changes = pod_update_text(&replica->owner, object->owner, POD_ORDER);
    replica->index_count = object->index_count;
    replica->attempt = object->attempt;
    for (uint32_t i = 0; i < REPLICA_INDICES_MAX; i++) {
        replica->indices[i] = i < object->index_count ? object->indices[i] : 0;
    }
    bool same = before.index_count == replica->index_count && before.attempt == replica->attempt &&
                memcmp(before.indices, replica->indices, sizeof before.indices) == 0;
    return changes | (same ? POD_UNCHANGED : POD_ORDER);
}

/* Priority, and what the pod says of its gang. */
static unsigned update_gang(struct pod *pod, const struct pod_object *object)
{
    int32_t rank = pod->rank, priority = pod->priority, quorum = pod->gang_minimum;
    pod->rank = object->rank;
    pod->priority = object->priority;
    pod->gang_minimum = object->gang_minimum < 0 ? -1 : object->gang_minimum;
    pod->leader = object->leader;
    unsigned changes = rank == pod->rank ? POD_UNCHANGED : POD_ORDER;
    changes |= priority == pod->priority ? POD_UNCHANGED : POD_PRIORITY;
    changes |= quorum == pod->gang_minimum ? POD_UNCHANGED : POD_QUORUM;
    changes |= pod_update_text(&pod->gang_name, object->gang, POD_GANG);
    changes |= pod_update_text(&pod->role, object->role == NULL ? "" : object->role, POD_ORDER);
    changes |= update_replica(&pod->replica, &object->replica);
    pod->role_rank = (changes & POD_ORDER) != 0 ? pod->rank : pod->role_rank;
    if (object->run != NULL || object->node != NULL) { /* else a binding that says so may come */
        changes |= pod_update_text(&pod->run, object->run, POD_RUN);
        pod->placed_here = object->placed_here;
    }
    if (!placement_equal(&pod->placement, &object->placement)) {
        placement_set(&pod->placement, &object->placement);
        changes |= POD_PLACEMENT;
    }
    return changes;
}

unsigned pod_update(struct pod *pod, const struct pod_object *object)
{
    return update_life(pod, object) | update_gang(pod, object);
}

unsigned pod_update_words(struct pod *pod, struct names *words, const struct pod_object *object)
{
    return update_word(words, &pod->owner, object->owner, POD_RUN) |
           update_word(words, &pod->role_word, object->role, POD_ORDER) |
           update_word(words, &pod->minimums, object->elastic.minimums, POD_QUORUM) |
           update_word(words, &pod->preference, object->elastic.preference, POD_QUORUM);
}

uint32_t pod_nominated(struct pod *pod, const struct nodes *nodes)
{
    const char *name = pod->nominated_name;
    uint32_t row = name == NULL ? NAMES_NONE : nodes_find(nodes, name, strlen(name));
    if (row != NAMES_NONE) { /* it has been shown since */
        pod->nominated = row;
        (void)pod_update_text(&pod->nominated_name, NULL, 0);
    }
    return pod->nominated;
}

unsigned pod_update_nominated(struct pod *pod, struct nodes *nodes, const char *name)
{
    bool absurd = name != NULL && strlen(name) > NAMES_LENGTH_MAX; /* as good as none */
    uint32_t row = nodes_row(nodes, absurd ? NULL : name);
    bool elsewhere = nodes_is_elsewhere(nodes, row);
    (void)pod_nominated(pod, nodes);
    return pod_update_text(&pod->nominated_name, elsewhere ? name : NULL, POD_NOMINATED) |
           pod_update_number(&pod->nominated, row, POD_NOMINATED);
}

int pod_compare_replicas(const struct pod_replica *a, const struct pod_replica *b)
{
    int order = natural_compare(a->owner == NULL ? "" : a->owner, b->owner == NULL ? "" : b->owner);
    for (uint32_t i = 0; i < REPLICA_INDICES_MAX && order == 0; i++) {
        uint32_t index_a = i < a->index_count ? (uint32_t)a->indices[i] : UINT32_MAX;
        uint32_t index_b = i < b->index_count ? (uint32_t)b->indices[i] : UINT32_MAX;
        order = (index_a > index_b) - (index_a < index_b);
    }
    return order != 0 ? order : (a->attempt < b->attempt) - (a->attempt > b->attempt);
}

const char pod_foreign[] = "its schedulerName is not served here (kubernetes.schedulerNames)";
const char pod_unseen[] = "the API server has not shown this pod to Phalanx yet";

unsigned pod_update_refusal(struct pod *pod, const char *refused)
{
    bool same = pod->refused == refused ||
                (pod->refused != NULL && refused != NULL && strcmp(pod->refused, refused) == 0);
    pod->refused = refused;
    return same ? POD_UNCHANGED : POD_REFUSED;
}

struct resources pod_charge(const struct pod *pod, const struct resources *request)
{
    switch (pod->charged) {
    case POD_CHARGED_ALL:
        break;
    case POD_CHARGED_AMOUNTS:
        return resources_without_slots(request);
    case POD_CHARGED_NOTHING:
        return (struct resources){.items = NULL};
    }
    return *request;
}

bool pod_has_to_be_guarded(const struct pod *pod)
{
    return pod->phase == MEMBER_UNCONFIRMED || (pod->phase == MEMBER_POSTED && pod->totals != NULL);
}
