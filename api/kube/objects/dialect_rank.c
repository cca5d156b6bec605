// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "api/json/fields.h"
#include "api/kube/objects/dialect.h"
#include "topology/base/utf8.h"

/* A pod's place in its gang: its role, the replica that its rank counts in, and the rank.
 *
 *   JobSet      train ─┬─ job-index 0 ─┬─ job-completion-index 0, 1, 2 …
 *                      └─ job-index 1 ─┴─ job-completion-index 0, 1, 2 …
 *               owner      replica         rank
 *
 * One row per controller, in a fixed order; the first one whose rank can be read counts, else the
 * first one that tells a replica. An index that cannot be read is absent. All keys are read from
 * labels, then from annotations: the Job controller and JobSet write both, Koordinator the latter.
 *
 * A JobSet's replicated job may consist of several Jobs, each of which counts its pods from 0. A
 * rank of which nothing tells the Job would be that of several pods, so it is left out, and the
 * pods go by their names.
 */

#define INDEX_MAX 999999999

#define JOBSET_REPLICAS "jobset.sigs.k8s.io/replicatedjob-replicas"
#define RANK_OFFSET     "kueue.x-k8s.io/pod-index-offset"

static const char *const ROLE_LABELS[] = {
    "jobset.sigs.k8s.io/replicatedjob-name",
    "training.kubeflow.org/replica-type",
    "training.kubeflow.org/job-role",
    "volcano.sh/task-spec",
    "ray.io/group",
    NULL,
};
#define SUBGROUP "kai.scheduler/subgroup-name"

#define GROVE_SET           "app.kubernetes.io/part-of"
#define GROVE_SET_INDEX     "grove.io/podcliqueset-replica-index"
#define GROVE_SCALING       "grove.io/podcliquescalinggroup"
#define GROVE_SCALING_INDEX "grove.io/podcliquescalinggroup-replica-index"
#define GROVE_CLIQUE        "grove.io/podclique"

struct counting {
    const char *rank;
    const char *owner;
    const char *indices[REPLICA_INDICES_MAX];
    const char *attempt;
    bool apart;  /* only with an index, or where it names none with the owner */
    bool single; /* not where a replicated job has several Jobs */
};

#define COMPLETION_INDEX "batch.kubernetes.io/job-completion-index"
#define STATEFUL_POD     "statefulset.kubernetes.io/pod-name"

static const struct counting COUNTINGS[] = {
    {.rank = "training.kubeflow.org/replica-index", .owner = "training.kubeflow.org/job-name"},
    {.rank = COMPLETION_INDEX,
     .owner = "jobset.sigs.k8s.io/jobset-name",
     .indices = {"jobset.sigs.k8s.io/job-index"},
     .attempt = "jobset.sigs.k8s.io/restart-attempt",
     .apart = true},
    {.rank = COMPLETION_INDEX,
     .owner = "jobset.sigs.k8s.io/jobset-name",
     .indices = {"jobset.sigs.k8s.io/job-global-index"},
     .attempt = "jobset.sigs.k8s.io/restart-attempt",
     .apart = true},
    {.rank = COMPLETION_INDEX, .owner = "batch.kubernetes.io/job-name", .apart = true},
    {.rank = COMPLETION_INDEX, .owner = "job-name", .apart = true},
    {.rank = COMPLETION_INDEX, .single = true},
    {.rank = "leaderworkerset.sigs.k8s.io/worker-index",
     .owner = "leaderworkerset.sigs.k8s.io/name",
     .indices = {"leaderworkerset.sigs.k8s.io/group-index"}},
    {.rank = "grove.io/podclique-pod-index",
     .owner = GROVE_SET,
     .indices = {GROVE_SET_INDEX, GROVE_SCALING_INDEX}},
    {.rank = "ray.io/replica-host-index",
     .owner = "ray.io/cluster",
     .indices = {"ray.io/worker-group-replica-index"}},
    {.rank = "volcano.sh/task-index", .owner = "volcano.sh/job-name"},
    {.rank = "apps.kubernetes.io/pod-index", .owner = STATEFUL_POD},
    {.rank = "kueue.x-k8s.io/pod-group-pod-index"},
    {.rank = "gang.scheduling.koordinator.sh/network-topology-index"},
};

struct marks {
    const json_t *labels;
    const json_t *annotations;
};

/* The value, or NULL when it is absent, empty or no string. */
static const char *value_of(const struct marks *marks, const char *key)
{
    const json_t *const maps[] = {marks->labels, marks->annotations};
    for (size_t i = 0; key != NULL && i < 2; i++) {
        const char *text = maps[i] == NULL ? NULL : field_text(json_object_get(maps[i], key));
        if (text != NULL && text[0] != '\0') {
            return text;
        }
    }
    return NULL;
}

static int32_t index_of(const struct marks *marks, const char *key)
{
    const json_t *const maps[] = {marks->labels, marks->annotations};
    int32_t index = -1;
    for (size_t i = 0; key != NULL && i < 2 && index < 0; i++) {
        const char *text = maps[i] == NULL ? NULL : field_text(json_object_get(maps[i], key));
        index = dialect_count(text, INDEX_MAX);
    }
    return index;
}

/* A copy of a name, which as an annotation may be of any length, cut between characters. */
static const char *keep_name(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_string_n(arena, text, utf8_cut(text, NAME_TEXT_MAX));
}

/* A StatefulSet's own name is only in those of its pods: "name-ordinal". */
static const char *read_owner(const struct marks *marks, const struct counting *counting,
                              struct arena *arena)
{
    const char *text = value_of(marks, counting->owner);
    if (text == NULL || strcmp(counting->owner, STATEFUL_POD) != 0) {
        return keep_name(arena, text);
    }
    const char *dash = strrchr(text, '-');
    return dash == NULL ? NULL
                        : keep_name(arena, arena_string_n(arena, text, (size_t)(dash - text)));
}

static void read_replica(const struct marks *marks, const struct counting *counting,
                         struct arena *arena, struct replica_object *replica)
{
    int32_t attempt = index_of(marks, counting->attempt);
    *replica = (struct replica_object){.owner = read_owner(marks, counting, arena),
                                       .attempt = attempt < 0 ? 0 : attempt};
    for (size_t i = 0; i < REPLICA_INDICES_MAX; i++) {
        int32_t index = index_of(marks, counting->indices[i]);
        if (index >= 0) {
            replica->indices[replica->index_count++] = index;
        }
    }
}

static void read_place(const struct marks *marks, struct arena *arena, struct dialect_mark *mark)
{
    const char *jobs = value_of(marks, JOBSET_REPLICAS);
    bool several = jobs != NULL && dialect_count(jobs, INT32_MAX) != 1;
    bool told = false;
    mark->rank = -1;
    for (size_t i = 0; mark->rank < 0 && i < sizeof COUNTINGS / sizeof COUNTINGS[0]; i++) {
        const struct counting *counting = &COUNTINGS[i];
        struct replica_object replica;
        int32_t rank = index_of(marks, counting->rank);
        read_replica(marks, counting, arena, &replica);
        bool apart = replica.index_count > 0 ||
                     (counting->apart && counting->indices[0] == NULL && replica.owner != NULL);
        if ((counting->apart && !apart) || (counting->single && several)) {
            continue;
        }
        if (rank >= 0 || (apart && !told)) {
            told = true;
            mark->rank = rank;
            mark->replica = replica;
        }
    }
    int32_t offset = index_of(marks, RANK_OFFSET);
    mark->rank -= offset > 0 && offset <= mark->rank ? offset : 0;
}

/* The name of a PodClique without those of what it is part of, which hold their indices:
 * "set-0-clique", or "set-0-scaling-1-clique". */
static const char *read_clique(const struct marks *marks, struct arena *arena)
{
    const char *clique = value_of(marks, GROVE_CLIQUE);
    const char *scaling = value_of(marks, GROVE_SCALING);
    const char *owner = scaling != NULL ? scaling : value_of(marks, GROVE_SET);
    const char *index = value_of(marks, scaling != NULL ? GROVE_SCALING_INDEX : GROVE_SET_INDEX);
    if (clique == NULL || owner == NULL || index == NULL) {
        return clique;
    }
    const char *prefix = arena_printf(arena, "%s-%s-", owner, index);
    size_t length = strlen(prefix);
    bool begins = strncmp(clique, prefix, length) == 0 && clique[length] != '\0';
    return begins ? clique + length : clique;
}

static const char *read_role(const struct marks *marks, struct arena *arena)
{
    const char *role = NULL;
    for (size_t i = 0; role == NULL && ROLE_LABELS[i] != NULL; i++) {
        role = value_of(&(struct marks){.labels = marks->labels}, ROLE_LABELS[i]);
    }
    role = role != NULL ? role : read_clique(marks, arena);
    return keep_name(arena, role != NULL ? role : value_of(marks, SUBGROUP));
}

void dialect_rank(const json_t *labels, const json_t *annotations, struct arena *arena,
                  struct dialect_mark *mark)
{
    const struct marks marks = {.labels = labels, .annotations = annotations};
    mark->replica = (struct replica_object){.owner = NULL};
    read_place(&marks, arena, mark);
    mark->role = read_role(&marks, arena);
}
