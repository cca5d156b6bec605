// SPDX-License-Identifier: Apache-2.0
#include "test/world/kube_scheduler.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/world/jobs.h"
#include "test/world/judge.h"
#include "test/world/phalanx.h"
#include "test/world/server.h"
#include "topology/base/alloc.h"

/* One scheduling cycle at a time (pkg/scheduler/schedule_one.go):
 *
 *   pop ─▶ own filters on the nominated node alone ─▶ filter ─▶ taken
 *           └ none left: own filters on all nodes  ─▶ filter ─▶ prioritize ─▶ taken
 *                                                       └ none left, or an error: back into the
 *                                                         queue, the nomination taken back
 *   taken: assumed in the cache; `bind` runs beside the next cycles, for 60 s at most
 */

#define PODS_MAX       256
#define FILTER_TIMEOUT (5 * SECOND)
#define BIND_TIMEOUT   (60 * SECOND)
#define FLUSH_EVERY    (60 * SECOND)

enum place {
    PLACE_ACTIVE,
    PLACE_BACKOFF,
    PLACE_UNSCHEDULABLE,
    PLACE_CYCLE,
    PLACE_BINDING,
    PLACE_BOUND
};

struct queued {
    char key[SERVER_KEY_MAX];
    json_t *pod; /* as the cache has it */
    enum place place;
    int64_t until; /* of its backoff */
    int attempts;
    uint64_t order;
    uint64_t refusal; /* the last one */
    char node[64];    /* assumed, "" none */
    uint64_t call;    /* its bind call, 0: none */
};

struct notice {
    uint64_t number;
    enum kind kind;
    bool gone;
    char key[SERVER_KEY_MAX];
    json_t *object;
};

struct kube_scheduler {
    struct world *world;
    int index;
    bool leads;
    uint64_t term;
    struct queued pods[PODS_MAX];
    size_t pod_count;
    struct notice *notices; /* on their way to the cache */
    size_t notice_count;
    size_t notice_room;
    int64_t last_notice;
    uint64_t next_number;

    int64_t cycle_at;           /* the next one begins then */
    char cycle[SERVER_KEY_MAX]; /* the pod of the cycle under way, "" none */
    bool nominated_only;
    uint64_t call;
    char candidates[NODES_MAX][64];
    int candidate_count;
};

static void arm_cycle(struct kube_scheduler *scheduler, int64_t delay);

static struct queued *find(struct kube_scheduler *scheduler, const char *key)
{
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        if (strcmp(scheduler->pods[i].key, key) == 0) {
            return &scheduler->pods[i];
        }
    }
    return NULL;
}

static void drop(struct kube_scheduler *scheduler, struct queued *queued)
{
    if (queued->call != 0) {
        judge_call_ends(scheduler->world->judge, queued->call);
        phalanx_hang_up(scheduler->world->phalanxes[scheduler->index], queued->call);
    }
    json_decref(queued->pod);
    *queued = scheduler->pods[--scheduler->pod_count];
}

static void activate(struct kube_scheduler *scheduler, struct queued *queued)
{
    queued->place = queued->until <= scheduler->world->now ? PLACE_ACTIVE : PLACE_BACKOFF;
    queued->order = ++scheduler->next_number;
    int64_t left = queued->until - scheduler->world->now;
    arm_cycle(scheduler, left > 0 ? left : world_between(scheduler->world, MS, 3 * MS));
}

static void wake_all(struct kube_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        if (scheduler->pods[i].place == PLACE_UNSCHEDULABLE) {
            activate(scheduler, &scheduler->pods[i]);
        }
    }
}

/* ---- the cache ---- */

static void show_pod(struct kube_scheduler *scheduler, const char *key, json_t *pod)
{
    struct queued *queued = find(scheduler, key);
    bool over = pod == NULL || jobs_is_over(pod);
    if (queued != NULL && (over || strcmp(object_uid(queued->pod), object_uid(pod)) != 0)) {
        bool was_bound = queued->place >= PLACE_BINDING;
        drop(scheduler, queued);
        queued = NULL;
        if (was_bound) {
            wake_all(scheduler);
        }
    }
    if (over) {
        return;
    }
    bool is_new = queued == NULL;
    if (is_new && scheduler->pod_count == PODS_MAX) {
        world_fail(scheduler->world, "(world) too many pods");
        return;
    }
    if (is_new) {
        queued = &scheduler->pods[scheduler->pod_count++];
        *queued = (struct queued){.place = PLACE_UNSCHEDULABLE};
        (void)snprintf(queued->key, sizeof(queued->key), "%s", key);
    }
    bool was_shown = object_text(queued->pod, "spec", "nodeName")[0] != '\0';
    json_decref(queued->pod);
    queued->pod = json_incref(pod);
    if (object_text(pod, "spec", "nodeName")[0] != '\0') {
        if (queued->place != PLACE_BINDING) {
            queued->place = PLACE_BOUND;
        }
    } else if (queued->place == PLACE_BOUND && was_shown) { /* set back in time */
        queued->place = PLACE_UNSCHEDULABLE;
        queued->node[0] = '\0';
        activate(scheduler, queued);
    } else if (queued->place == PLACE_UNSCHEDULABLE) {
        activate(scheduler, queued);
    }
}

static void take_notice(struct world *world, void *context, uint64_t number)
{
    struct kube_scheduler *scheduler = context;
    for (size_t i = 0; i < scheduler->notice_count; i++) {
        struct notice notice = scheduler->notices[i];
        if (notice.number == number) {
            memmove(&scheduler->notices[i], &scheduler->notices[i + 1],
                    (--scheduler->notice_count - i) * sizeof(notice));
            if (scheduler->leads && notice.kind == KIND_POD) {
                show_pod(scheduler, notice.key, notice.gone ? NULL : notice.object);
            } else if (scheduler->leads) {
                wake_all(scheduler);
            }
            json_decref(notice.object);
            return;
        }
    }
}

/* Everything there is, at once. */
static void relist(struct kube_scheduler *scheduler)
{
    const struct server *server = scheduler->world->server;
    for (size_t i = scheduler->pod_count; i-- > 0;) {
        if (server_get(server, KIND_POD, scheduler->pods[i].key) == NULL) {
            drop(scheduler, &scheduler->pods[i]);
        }
    }
    for (size_t i = 0; i < server_count(server, KIND_POD); i++) {
        char key[SERVER_KEY_MAX];
        json_t *pod = server_at(server, KIND_POD, i);
        object_key(pod, key);
        show_pod(scheduler, key, pod);
    }
}

static void changed(void *context, const struct change *change)
{
    struct kube_scheduler *scheduler = context;
    struct world *world = scheduler->world;
    if (change == NULL) {
        for (size_t i = 0; i < scheduler->notice_count; i++) {
            json_decref(scheduler->notices[i].object);
        }
        scheduler->notice_count = 0;
        if (scheduler->leads) {
            relist(scheduler);
        }
        return;
    }
    if ((change->kind != KIND_POD && change->kind != KIND_NODE) || !scheduler->leads) {
        return;
    }
    scheduler->notices = alloc_grow(scheduler->notices, &scheduler->notice_room,
                                    scheduler->notice_count + 1, sizeof(*scheduler->notices));
    struct notice *notice = &scheduler->notices[scheduler->notice_count++];
    *notice = (struct notice){.number = ++scheduler->next_number,
                              .kind = change->kind,
                              .gone = change->gone,
                              .object = json_incref(change->object)};
    memcpy(notice->key, change->key, sizeof(notice->key));
    int64_t at = world->now + world_between(world, MS, world_chance(world, 20) ? SECOND : 10 * MS);
    scheduler->last_notice = at > scheduler->last_notice ? at : scheduler->last_notice;
    world_after(world, scheduler->last_notice - world->now, take_notice, scheduler, notice->number);
}

/* ---- cycles ---- */

static int free_on(struct kube_scheduler *scheduler, const json_t *node, const struct queued *but)
{
    int free = jobs_node_gpus(node);
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        const struct queued *other = &scheduler->pods[i];
        const char *on = object_text(other->pod, "spec", "nodeName");
        on = on[0] != '\0' ? on : other->node;
        on = on[0] != '\0' ? on : object_text(other->pod, "status", "nominatedNodeName");
        if (other != but && strcmp(on, object_name(node)) == 0) {
            free -= jobs_pod_gpus(other->pod);
        }
    }
    return free;
}

static char *pod_and_nodes(struct kube_scheduler *scheduler, const struct queued *queued)
{
    const struct server *server = scheduler->world->server;
    json_t *body = json_pack("{s:O}", "Pod", queued->pod);
    json_t *names = json_array();
    bool whole = scheduler->world->seed % 2 == 1; /* nodeCacheCapable: false */
    for (int i = 0; i < scheduler->candidate_count; i++) {
        json_t *node = server_get(server, KIND_NODE, scheduler->candidates[i]);
        json_array_append_new(names, whole ? (node == NULL ? json_null() : json_incref(node))
                                           : json_string(scheduler->candidates[i]));
    }
    if (whole) {
        json_object_set_new(body, "Nodes", json_pack("{s:o}", "items", names));
        json_object_set_new(body, "NodeNames", json_null());
    } else {
        json_object_set_new(body, "NodeNames", names);
        json_object_set_new(body, "Nodes", json_null());
    }
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

static void end_cycle(struct kube_scheduler *scheduler)
{
    scheduler->cycle[0] = '\0';
    scheduler->call = 0;
    arm_cycle(scheduler, world_between(scheduler->world, MS, 4 * MS));
}

/* The failure handler's write: the condition, and the nomination taken back. */
static void take_back(struct world *world, void *context, uint64_t number)
{
    struct kube_scheduler *scheduler = context;
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        struct queued *queued = &scheduler->pods[i];
        json_t *pod = server_get(world->server, KIND_POD, queued->key);
        if (queued->refusal == number && pod != NULL &&
            strcmp(object_uid(pod), object_uid(queued->pod)) == 0 &&
            object_text(queued->pod, "status", "nominatedNodeName")[0] != '\0' &&
            object_text(pod, "spec", "nodeName")[0] == '\0') {
            json_t *changed_pod = json_deep_copy(pod);
            json_object_del(json_object_get(changed_pod, "status"), "nominatedNodeName");
            server_put(world->server, KIND_POD, changed_pod);
            return;
        }
    }
}

static void put_back(struct kube_scheduler *scheduler, struct queued *queued, bool error)
{
    struct world *world = scheduler->world;
    int64_t backoff = SECOND << (queued->attempts < 4 ? queued->attempts : 4);
    queued->attempts++;
    queued->node[0] = '\0';
    queued->until = world->now + (backoff < 10 * SECOND ? backoff : 10 * SECOND);
    queued->refusal = ++scheduler->next_number;
    if (error) {
        queued->place = PLACE_BACKOFF;
        arm_cycle(scheduler, queued->until - world->now);
    } else {
        queued->place = PLACE_UNSCHEDULABLE;
    }
    world_after(world, world_between(world, MS, 10 * MS), take_back, scheduler, queued->refusal);
}

static void bind_answered(void *context, uint64_t number, int status, const char *body)
{
    struct kube_scheduler *scheduler = context;
    judge_call_ends(scheduler->world->judge, number);
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        struct queued *queued = &scheduler->pods[i];
        if (queued->call != number) {
            continue;
        }
        json_t *answer = json_loads(body, 0, NULL);
        const char *error = json_string_value(json_object_get(answer, "Error"));
        queued->call = 0;
        bool bound = status == 200 && (error == NULL || error[0] == '\0');
        if (status == 200) {
            judge_answer(scheduler->world->judge, scheduler->index, queued->pod, queued->node,
                         bound ? NULL : error);
        }
        world_trace(scheduler->world, "k%d: bind %s: %d %s", scheduler->index, queued->key, status,
                    error == NULL ? "" : error);
        if (bound || object_text(queued->pod, "spec", "nodeName")[0] != '\0') {
            queued->place = PLACE_BOUND; /* if only assumed: the watch will show it */
        } else {
            put_back(scheduler, queued, true);
        }
        json_decref(answer);
        return;
    }
}

static void bind_timed_out(struct world *world, void *context, uint64_t number)
{
    struct kube_scheduler *scheduler = context;
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        if (scheduler->pods[i].call == number) {
            judge_call_waited(world->judge, number);
            phalanx_hang_up(world->phalanxes[scheduler->index], number);
            bind_answered(scheduler, number, 0, "");
            return;
        }
    }
}

static void bind(struct kube_scheduler *scheduler, struct queued *queued)
{
    struct world *world = scheduler->world;
    json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "PodName", object_name(queued->pod),
                             "PodNamespace", object_text(queued->pod, "metadata", "namespace"),
                             "PodUID", object_uid(queued->pod), "Node", queued->node);
    char *text = json_dumps(body, JSON_COMPACT);
    queued->place = PLACE_BINDING;
    queued->call = (++scheduler->next_number << 1) | (uint64_t)scheduler->index;
    judge_call_begins(world->judge, scheduler->index, queued->call, object_uid(queued->pod));
    world_trace(world, "k%d: bind %s to %s", scheduler->index, queued->key, queued->node);
    world_after(world, BIND_TIMEOUT, bind_timed_out, scheduler, queued->call);
    phalanx_call(world->phalanxes[scheduler->index], queued->call, "bind", text, bind_answered,
                 scheduler);
    free(text);
    json_decref(body);
}

static void ask(struct kube_scheduler *scheduler, const char *only);

static void take(struct kube_scheduler *scheduler, const char *node)
{
    struct queued *queued = find(scheduler, scheduler->cycle);
    (void)snprintf(queued->node, sizeof(queued->node), "%s", node);
    bind(scheduler, queued);
    end_cycle(scheduler);
}

static void take_filter_answer(struct kube_scheduler *scheduler, struct queued *queued,
                               const json_t *answer)
{
    const char *error = json_string_value(json_object_get(answer, "Error"));
    json_t *names = json_object_get(answer, "NodeNames");
    json_t *items = json_object_get(json_object_get(answer, "Nodes"), "items");
    size_t count = json_array_size(names) + json_array_size(items);
    if (error != NULL && error[0] != '\0') {
        put_back(scheduler, queued, true);
        end_cycle(scheduler);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_array_size(names) > 0 ? json_string_value(json_array_get(names, i))
                                                      : object_name(json_array_get(items, i));
        bool asked = false;
        for (int j = 0; j < scheduler->candidate_count; j++) {
            asked = asked || (name != NULL && strcmp(name, scheduler->candidates[j]) == 0);
        }
        if (!asked) {
            world_fail(scheduler->world, "(answers) filter names node %s, which was not asked for",
                       name == NULL ? "null" : name);
            return;
        }
        (void)snprintf(scheduler->candidates[NODES_MAX - 1 - i], 64, "%s", name);
    }
    if (count == 0 && scheduler->nominated_only) {
        scheduler->nominated_only = false;
        ask(scheduler, NULL);
    } else if (count == 0) {
        put_back(scheduler, queued, false);
        end_cycle(scheduler);
    } else {
        take(scheduler,
             scheduler->candidates[NODES_MAX - 1 -
                                   world_between(scheduler->world, 0, (int64_t)count - 1)]);
    }
}

static void filter_answered(void *context, uint64_t number, int status, const char *body)
{
    struct kube_scheduler *scheduler = context;
    struct queued *queued = find(scheduler, scheduler->cycle);
    if (scheduler->call != number) {
        return;
    }
    if (queued == NULL || queued->place != PLACE_CYCLE) { /* gone, another, or bound */
        end_cycle(scheduler);
        return;
    }
    json_t *answer = status == 200 ? json_loads(body, 0, NULL) : NULL;
    world_trace(scheduler->world, "k%d: filter %s on %d nodes: %d %.400s", scheduler->index,
                queued->key, scheduler->candidate_count, status, body);
    if (status == 200 && answer == NULL) {
        world_fail(scheduler->world, "(answers) filter answers no JSON: %.200s", body);
    } else if (answer == NULL) {
        put_back(scheduler, queued, true);
        end_cycle(scheduler);
    } else {
        take_filter_answer(scheduler, queued, answer);
    }
    json_decref(answer);
}

static void filter_timed_out(struct world *world, void *context, uint64_t number)
{
    struct kube_scheduler *scheduler = context;
    if (scheduler->call == number) {
        phalanx_hang_up(world->phalanxes[scheduler->index], number);
        filter_answered(scheduler, number, 0, "");
    }
}

/* Own filters: cordons, refusals that nobody can foresee, and room. In some seeds it does not look
 * at the room for members of gangs: Phalanx alone has to. Its watches do not fall silent then. */
static bool passes(struct kube_scheduler *scheduler, const json_t *node,
                   const struct queued *queued)
{
    bool blind = scheduler->world->seed % 3 == 0 && jobs_gang(queued->pod)[0] != '\0';
    return !json_is_true(json_object_get(json_object_get(node, "spec"), "unschedulable")) &&
           !jobs_is_hidden(scheduler->world->jobs, node, queued->pod) &&
           (blind || free_on(scheduler, node, queued) >= jobs_pod_gpus(queued->pod));
}

/* Own filters, then the extender. */
static void ask(struct kube_scheduler *scheduler, const char *only)
{
    struct world *world = scheduler->world;
    struct queued *queued = find(scheduler, scheduler->cycle);
    scheduler->candidate_count = 0;
    for (size_t i = 0; i < server_count(world->server, KIND_NODE); i++) {
        const json_t *node = server_at(world->server, KIND_NODE, i);
        const char *name = object_name(node);
        if ((only == NULL || strcmp(only, name) == 0) && passes(scheduler, node, queued)) {
            (void)snprintf(scheduler->candidates[scheduler->candidate_count++], 64, "%s", name);
        }
    }
    if (scheduler->candidate_count == 0 && only != NULL) {
        scheduler->nominated_only = false;
        ask(scheduler, NULL);
        return;
    }
    if (scheduler->candidate_count == 0) {
        put_back(scheduler, queued, false);
        end_cycle(scheduler);
        return;
    }
    char *body = pod_and_nodes(scheduler, queued);
    scheduler->call = (++scheduler->next_number << 1) | (uint64_t)scheduler->index;
    world_after(world, FILTER_TIMEOUT, filter_timed_out, scheduler, scheduler->call);
    phalanx_call(world->phalanxes[scheduler->index], scheduler->call, "filter", body,
                 filter_answered, scheduler);
    free(body);
}

static void cycle(struct world *world, void *context, uint64_t number)
{
    struct kube_scheduler *scheduler = context;
    (void)number;
    if (!scheduler->leads || scheduler->cycle[0] != '\0' || scheduler->cycle_at != world->now) {
        return;
    }
    scheduler->cycle_at = 0;
    struct queued *next = NULL;
    int64_t soonest = INT64_MAX;
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        struct queued *queued = &scheduler->pods[i];
        if (queued->place == PLACE_BACKOFF && queued->until <= world->now) {
            queued->place = PLACE_ACTIVE;
        }
        if (queued->place == PLACE_BACKOFF && queued->until < soonest) {
            soonest = queued->until;
        }
        if (queued->place == PLACE_ACTIVE && (next == NULL || queued->order < next->order)) {
            next = queued;
        }
    }
    if (next == NULL) {
        if (soonest != INT64_MAX) {
            arm_cycle(scheduler, soonest - world->now);
        }
        return;
    }
    memcpy(scheduler->cycle, next->key, sizeof(scheduler->cycle));
    next->place = PLACE_CYCLE;
    const char *nominated = object_text(next->pod, "status", "nominatedNodeName");
    scheduler->nominated_only = nominated[0] != '\0';
    char only[64];
    (void)snprintf(only, sizeof(only), "%s", nominated);
    ask(scheduler, only[0] == '\0' ? NULL : only);
}

static void arm_cycle(struct kube_scheduler *scheduler, int64_t delay)
{
    int64_t now = scheduler->world->now;
    if (scheduler->cycle_at <= now || now + delay < scheduler->cycle_at) {
        scheduler->cycle_at = now + delay;
        world_after(scheduler->world, delay, cycle, scheduler, 0);
    }
}

static void flush(struct world *world, void *context, uint64_t number)
{
    struct kube_scheduler *scheduler = context;
    if (number == scheduler->term && scheduler->leads) {
        wake_all(scheduler);
        arm_cycle(scheduler, 0);
        world_after(world, FLUSH_EVERY, flush, scheduler, number);
    }
}

void kube_scheduler_lead(struct kube_scheduler *scheduler, bool leads)
{
    if (scheduler->leads == leads) {
        return;
    }
    world_trace(scheduler->world, "k%d %s", scheduler->index, leads ? "leads" : "stops");
    scheduler->leads = leads;
    scheduler->term++;
    while (scheduler->pod_count > 0) {
        drop(scheduler, &scheduler->pods[0]);
    }
    if (scheduler->call != 0) {
        phalanx_hang_up(scheduler->world->phalanxes[scheduler->index], scheduler->call);
    }
    scheduler->cycle[0] = '\0';
    scheduler->call = 0;
    scheduler->cycle_at = 0;
    if (leads) {
        relist(scheduler);
        arm_cycle(scheduler, MS);
        world_after(scheduler->world, FLUSH_EVERY, flush, scheduler, scheduler->term);
    }
}

bool kube_scheduler_leads(const struct kube_scheduler *scheduler)
{
    return scheduler->leads;
}

struct kube_scheduler *kube_scheduler_create(struct world *world, int index)
{
    struct kube_scheduler *scheduler = alloc_zero(1, sizeof(*scheduler));
    scheduler->world = world;
    scheduler->index = index;
    server_subscribe(world->server, changed, scheduler);
    return scheduler;
}

void kube_scheduler_destroy(struct kube_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->pod_count; i++) {
        json_decref(scheduler->pods[i].pod);
    }
    for (size_t i = 0; i < scheduler->notice_count; i++) {
        json_decref(scheduler->notices[i].object);
    }
    free(scheduler->notices);
    free(scheduler);
}
