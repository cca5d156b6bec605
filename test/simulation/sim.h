// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_SIM_H
#define TEST_SIMULATION_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/engine.h"
#include "test/simulation/random.h"

/* A cluster in virtual time around the real engine.
 *
 *    faults.c ──creates, deletes, breaks──▶ api_server.c ◀──watch, bind── kube_scheduler.c
 *                                             │     ▲                          │
 *                                           watch  writes             filter, bind, …
 *                                             ▼     │                          │
 *                                           host.c: the engine ◀───────────────┘
 *                                             │
 *                                       invariants.c looks at every apply
 *
 * Everything happens in actions, which are run in order of (time, number). A step is one action.
 * Objects have small numbers: node 3 is "n3", pod 17 is "p17" with uid "u17", gang 2 is "g2".
 */

#define SIM_NODES_MAX 16
#define SIM_PODS_MAX  4000
#define SIM_GANGS_MAX 400
#define SIM_SHAPES    5
#define SIM_NONE      (-1)

#define SIM_HOLD_MS         30000 /* engine_options.hold_timeout_ms */
#define SIM_BIND_TIMEOUT_MS 60000 /* httpTimeout of the bind extender */
#define SIM_PATIENCE_MS     10000 /* after that a write is WRITE_UNKNOWN */

struct node_state {
    bool exists;
    int gpus;
};

struct pod_state {
    bool exists;
    int node;
    int nominated;
    bool terminal;
    bool succeeded;
    bool deleting;
    uint64_t version;
};

struct group_state {
    bool exists;
    int32_t minimum;
    int64_t timeout_ms;
};

enum sim_kind { KIND_NODE, KIND_POD, KIND_GROUP, KINDS };

/* What a watch shows of one object at one moment. */
struct change {
    enum sim_kind kind;
    int index;
    union {
        struct node_state node;
        struct pod_state pod;
        struct group_state group;
    };
};

struct sim_node {
    struct node_state state;
    int64_t disturbed_until; /* others than the engine changed what fits there */
};

struct sim_pod {
    struct pod_state state;
    int gang; /* or SIM_NONE */
    int shape;
    int32_t priority;
    int32_t minimum; /* lightweight gang: on the pod itself */
    int rank;
    int message;      /* of the condition PodScheduled */
    uint64_t waiting; /* digest of the annotation */
    uint32_t writes;  /* nominations and explanations since the last reset */
};

struct sim_gang {
    struct group_state state; /* exists false: lightweight, or its object is missing */
    bool object;              /* has, had or will have a group object */
    bool rack;                /* all in one rack is required */
    bool excused;             /* others tore it apart: members deleted, nodes lost, quorum edited */
    int32_t minimum;          /* lightweight: written on its pods */
};

/* One watcher: engine or kube-scheduler. A stream keeps its order, whatever its delay. */
enum sim_client { CLIENT_ENGINE, CLIENT_SCHEDULER, CLIENTS };

struct stream {
    struct change *items; /* ring would do; this one is compacted */
    size_t first, count, room;
    int64_t blocked_until;
    bool open;
    bool armed; /* an action to deliver is on its way */
};

struct client {
    struct stream streams[KINDS];
    bool known[KINDS][SIM_PODS_MAX]; /* shown and not yet shown as gone */
};

enum action_type {
    ACTION_DELIVER,
    ACTION_CYCLE,
    ACTION_BIND_CALL,
    ACTION_BIND_TIMEOUT,
    ACTION_BIND_ANSWER,
    ACTION_PATCH,
    ACTION_WRITE,
    ACTION_OUTCOME,
    ACTION_TICK,
    ACTION_START,
    ACTION_STOP,
    ACTION_FAULT,
    ACTION_DELETE,
    ACTION_CREATE,
    ACTION_GROUP,
};

struct action {
    int64_t at;
    uint64_t number;
    enum action_type type;
    int index;     /* pod, write, client … */
    int other;     /* node, kind … */
    uint64_t mark; /* ticket, epoch … */
};

/* A call or a watch event as it was given to the engine: enough to give it again to another one. */
struct record {
    enum event_type type;
    int64_t now;
    struct change change;
    int pod; /* of a call or an outcome */
    int node;
    bool with_object; /* the call carried the pod; `change.pod` is its state */
    int nominated;
    uint64_t ticket;
    uint8_t nodes[SIM_NODES_MAX];
    uint32_t node_count;
    enum write_outcome outcome;
    uint64_t digest; /* of the effects */
};

struct write {
    enum effect_type type;
    int pod;
    int node;
    uint64_t text;
    uint64_t epoch; /* of the engine that asked for it */
    bool landed;
    enum write_outcome outcome;
};

enum bind_call_state { CALL_OPEN, CALL_ANSWERED, CALL_GIVEN_UP, CALL_BROKEN };

struct bind_call {
    int pod;
    int node;
    int64_t at;
    uint64_t epoch;
    enum bind_call_state state;
};

struct filter_answer {
    bool answered;
    enum filter_verdict verdict;
    uint32_t index;
    bool passes[SIM_NODES_MAX];
    uint64_t reason;
};

/* What the invariants remember of a pod between two applies. */
enum post_state { POST_NONE, POST_SENT, POST_BOUND, POST_UNSURE };

struct host {
    struct engine *engine; /* NULL: down */
    struct effects effects;
    uint64_t epoch;
    bool draining;
    int64_t tick_at;
    struct record *records; /* of this epoch */
    size_t record_count, record_room;
    struct pod_state seen[SIM_PODS_MAX]; /* what the engine was told last */
    bool seen_ever[SIM_PODS_MAX];
    enum post_state posted[SIM_PODS_MAX];
    int posted_to[SIM_PODS_MAX];
    struct filter_answer answer;
    uint32_t prioritized;
    int stage; /* of starting: lists shown so far */
};

enum queue_place { PLACE_NONE, PLACE_ACTIVE, PLACE_BACKOFF, PLACE_UNSCHEDULABLE, PLACE_BINDING };

struct kube_pod {
    struct pod_state view;
    bool known;
    enum queue_place place;
    bool error;    /* in the error backoff queue */
    int64_t until; /* end of the backoff */
    int attempts;
    unsigned plugins; /* who rejected it */
    bool assumed;
    int assumed_node;
    uint64_t ticket;
    uint64_t order;
};

struct kube {
    struct kube_pod pods[SIM_PODS_MAX];
    struct node_state nodes[SIM_NODES_MAX];
    int sample;      /* feasible nodes to find, 0 = all */
    bool pops_early; /* SchedulerPopFromBackoffQ */
    bool cycle_armed;
    int64_t cycle_at;
    int next_start;
    uint64_t next_order;
};

struct sim {
    struct random random;
    uint64_t seed;
    int64_t now;
    uint64_t step;
    bool calm; /* the faults are over */

    struct action *heap;
    size_t heap_count, heap_room;
    uint64_t next_number;

    struct sim_node nodes[SIM_NODES_MAX];
    int node_count;
    struct sim_pod pods[SIM_PODS_MAX];
    int pod_count;
    struct sim_gang gangs[SIM_GANGS_MAX];
    int gang_count;
    uint64_t version;
    struct client clients[CLIENTS];

    bool hidden[SIM_SHAPES][SIM_NODES_MAX]; /* kube-scheduler refuses for reasons of its own */

    struct write *writes;
    size_t write_count, write_room;
    struct bind_call *calls; /* by ticket */
    size_t call_count, call_room;

    struct host host;
    struct kube kube;

    uint64_t engine_writes; /* to pods, since the last reset */
    uint64_t engine_events; /* Events, since then */
    char last_write[128];   /* in words */
    uint64_t commits, crashes, applies;
    int chance_crash, chance_lost; /* thousandths, of an apply and of a write */
    bool stubborn;                 /* hidden refusals stay to the end */
    int64_t aborts_from;           /* no hold may run out from then on */
    int64_t rush_ms;               /* faults are at most that far apart */

    bool failed;
    char failure[1024];
};

/* sim.c */
struct sim *sim_create(uint64_t seed);
void sim_destroy(struct sim *sim);
void sim_later(struct sim *sim, int64_t delay, enum action_type type, int index, int other,
               uint64_t mark);
/* Runs the next action unless it is later than `until`; false when there was none. */
bool sim_step(struct sim *sim, int64_t until);
/* Notes the first violation; the run ends. */
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
int sim_gpus(int shape);
int sim_rack(int node);
/* Requests of living pods bound to the node, in the API server's truth. */
int sim_used(const struct sim *sim, int node);
uint64_t sim_digest(uint64_t digest, const void *bytes, size_t count);
uint64_t sim_digest_text(uint64_t digest, const char *text);

/* "p17" for ('p', 17) */
const char *sim_name(char buffer[16], char prefix, int number);

/* record.c */
/* Makes the event of the record and applies it. */
void record_apply(const struct sim *sim, struct engine *engine, struct effects *effects,
                  const struct record *record);
uint64_t record_digest(const struct effects *effects, const struct record *record);

/* api_server.c */
void api_show(struct sim *sim, enum sim_kind kind, int index);
void api_deliver(struct sim *sim, enum sim_client client, enum sim_kind kind);
/* A fresh list in place of what is still on its way. */
void api_relist(struct sim *sim, enum sim_client client, enum sim_kind kind);
void api_close(struct sim *sim, enum sim_client client);
int api_create_pod(struct sim *sim, const struct sim_pod *pod);
void api_delete_pod(struct sim *sim, int pod);
enum write_outcome api_bind(struct sim *sim, int pod, int node);
enum write_outcome api_nominate(struct sim *sim, int pod, int node);
enum write_outcome api_explain(struct sim *sim, int pod, uint64_t text);
void api_condition(struct sim *sim, int pod, int message); /* clears the nomination */

/* host.c */
void host_start(struct sim *sim);
void host_crash(struct sim *sim);
void host_drain(struct sim *sim);
void host_show(struct sim *sim, const struct change *change);
bool host_filter(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count, int nominated);
bool host_prioritize(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
bool host_preempt(struct sim *sim, int pod, const uint8_t *nodes, uint32_t count);
/* False: connection refused. */
bool host_bind(struct sim *sim, int pod, int node, uint64_t ticket);
void host_give_up(struct sim *sim, uint64_t ticket);
void host_tick(struct sim *sim, uint64_t epoch);
void host_write(struct sim *sim, int index); /* of sim->writes */
void host_outcome(struct sim *sim, int index);
/* Gives the epoch's events to a second engine and compares the effects. */
void host_replay(struct sim *sim);
void host_print(const struct sim *sim, size_t last);

/* kube_scheduler.c */
void kube_show(struct sim *sim, const struct change *change);
void kube_cycle(struct sim *sim);
void kube_bind_call(struct sim *sim, int index, uint64_t order); /* of kube.pods */
void kube_bind_timeout(struct sim *sim, uint64_t ticket);
void kube_bind_answer(struct sim *sim, uint64_t ticket, bool bound);
/* Something in the cluster changed that every filter cares for. */
void kube_wake_all(struct sim *sim);
/* What kube-scheduler does with pods that were unschedulable for five minutes; ordinary pods only.
 * */
void kube_flush(struct sim *sim);
/* Its process dies and comes back: connections close, caches and queues are built anew. */
void kube_restart(struct sim *sim);

/* faults.c */
void faults_start(struct sim *sim);
void faults_next(struct sim *sim);
void faults_create(struct sim *sim, int gang, int shape);
void faults_group(struct sim *sim, int gang);
void faults_stop(struct sim *sim);
/* Jobs end, with no other fault: those that wait must go on. */
void faults_finish(struct sim *sim);

/* invariants.c */
/* Before and after every engine_apply(). */
void invariants_before(struct sim *sim, const struct record *record);
void invariants_after(struct sim *sim, const struct record *record);
/* When the faults are over and everything had time to settle. */
void invariants_settled(struct sim *sim);

#endif
