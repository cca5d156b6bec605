// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_SIM_H
#define TEST_SIMULATION_SIM_H

#include <stdio.h>

#include "scheduler/engine.h"
#include "test/simulation/model.h"
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
 *
 * Whatever is done to the cluster from outside is a fault with a number, jobs that come and go
 * included. A fault draws its kind, its time and its parameters from its seed and number alone, so
 * leaving one out leaves the others what they are. Number 0 is the network's jitter.
 */

#define SIM_FAULTS_MAX 8192

#define SIM_GPUS_MAX 8

#define SIM_HOLD_MS         30000 /* engine_options.hold_timeout_ms */
#define SIM_BIND_TIMEOUT_MS 60000 /* httpTimeout of the bind extender */
#define SIM_PATIENCE_MS     10000 /* after that a write is WRITE_UNKNOWN */

/* One watcher: engine, kube-scheduler, the other replica. A stream keeps its order, whatever its
 * delay. */
enum sim_client { CLIENT_ENGINE, CLIENT_SCHEDULER, CLIENT_PEER, CLIENTS };

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
    ACTION_ASK,
    ACTION_REFUSED,
    ACTION_BIND_CALL,
    ACTION_BIND_TIMEOUT,
    ACTION_BIND_ANSWER,
    ACTION_GIVE_UP,
    ACTION_PATCH,
    ACTION_WRITE,
    ACTION_LAND,
    ACTION_OUTCOME,
    ACTION_TICK,
    ACTION_START,
    ACTION_STOP,
    ACTION_FAULT,
    ACTION_DELETE,
    ACTION_CREATE,
    ACTION_GROUP,
    ACTION_UNGATE,
    ACTION_LEAD,
    ACTION_EVICT,
    ACTION_PEER,
    ACTION_PEER_TICK,
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
    bool more;       /* another one follows at once */
    uint64_t digest; /* of the effects */
};

/* A write that the engine asked for. */
struct sim_write {
    enum effect_type type;
    int pod;
    int node;
    uint32_t devices;
    int committed; /* the run in which it is bound: a pod's number, or SIM_NONE */
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
    bool shown; /* the engine knows that it was given up */
};

struct filter_answer {
    bool answered;
    enum filter_verdict verdict;
    uint32_t index;
    bool passes[SIM_NODES_MAX];
    uint64_t reason;
};

/* What the invariants remember of a pod between two applies. */
enum post_state { POST_NONE, POST_SENT, POST_BOUND, POST_UNCONFIRMED };

/* What kind of reason a member was given last (reasons.c). */
enum told_kind { TOLD_NOTHING, TOLD_GATHERS, TOLD_SHORT, TOLD_PLANNED };

/* Holds that came to nothing (standing.h): in a row without a vote, by gang and by namespace. */
struct sim_standing {
    bool voted[SIM_GANGS_MAX], expired[SIM_GANGS_MAX], joins[SIM_GANGS_MAX]; /* the running hold */
    uint32_t gang_least[SIM_GANGS_MAX], gang_most[SIM_GANGS_MAX];
    uint32_t space_least[2], space_most[2];
    bool limited[2]; /* one at a time for certain; … */
    bool doubted[2]; /* … maybe */
};

struct host {
    struct engine *engine; /* NULL: down */
    struct effects effects;
    uint64_t epoch;
    bool draining;
    bool codecs;  /* objects, calls and answers go through JSON */
    bool standby; /* another one leads */
    bool more;    /* what is shown now is followed by more of the same batch */
    int64_t committing_since[SIM_GANGS_MAX]; /* as told; INT64_MAX: it is not */
    bool renamed; /* objects have other names, in the same order: of a second engine */
    int64_t skew_ms;
    int64_t frozen_until;
    int64_t tick_at;
    struct record *records; /* of this epoch */
    size_t record_count, record_room;
    struct pod_state seen[SIM_PODS_MAX]; /* what the engine was shown last */
    bool seen_ever[SIM_PODS_MAX];
    struct group_state groups[SIM_GANGS_MAX]; /* as the engine was shown */
    struct node_state nodes[SIM_NODES_MAX];
    enum post_state posted[SIM_PODS_MAX];
    int posted_to[SIM_PODS_MAX];
    bool nominated[SIM_PODS_MAX];          /* asked for, and not taken back */
    int asked_for[SIM_PODS_MAX];           /* node of that */
    int shown[SIM_PODS_MAX];               /* node that the watch showed last */
    int taken_back[SIM_PODS_MAX];          /* how often by kube-scheduler since it was asked for */
    int64_t troubled_until[SIM_GANGS_MAX]; /* backed off or vetoed: it need not be first */
    struct sim_standing standing;
    /* Number of the apply that made it ready, or since when it is behind others: not before, and
     * not after. 0: it is not. */
    uint64_t ready[SIM_GANGS_MAX], ready_last[SIM_GANGS_MAX];
    const char *phase[SIM_PODS_MAX]; /* of members, as shown last; NULL: not yet */
    /* The account (account.c): phases as told, where members have room, nominations as carried,
     * tickets of votes, bounds of the holds' deadlines. */
    const char *told[SIM_PODS_MAX];
    int place[SIM_PODS_MAX];
    int carries[SIM_PODS_MAX];
    int committed[SIM_PODS_MAX]; /* run of its last binding */
    uint32_t sent[SIM_PODS_MAX]; /* GPUs of its last binding */
    bool planned[SIM_PODS_MAX];  /* in the running apply */
    uint64_t vote[SIM_PODS_MAX];
    int64_t hold_least[SIM_GANGS_MAX], hold_most[SIM_GANGS_MAX];
    int64_t hold_before[SIM_GANGS_MAX]; /* hold_least before the apply */
    bool joins[SIM_GANGS_MAX];          /* it was planned beside members that had places */
    /* The running filter call's member was planned where its nomination says, one of so many of its
     * gang there; 0: it was not. */
    uint32_t carried;
    enum told_kind reason[SIM_PODS_MAX];
    struct filter_answer answer;
    uint32_t prioritized;
    int stage;          /* of starting: lists shown so far */
    int crash_applies;  /* applies until the process dies in the middle of one; 0: not planned */
    bool crash_posting; /* only those that post a gang's bindings count */
    uint64_t crash_at;  /* which effect is the last one, modulo their number */
};

/* The other replica (peer.h). */
struct peer {
    struct engine *engine; /* NULL: it does not lead */
    struct effects effects;
    uint64_t epoch, lives;
    int64_t tick_at;
    bool acting;              /* what is written and answered just now is its doing */
    bool bound[SIM_PODS_MAX]; /* by it */
};

enum queue_place {
    PLACE_NONE,
    PLACE_ACTIVE,
    PLACE_BACKOFF,
    PLACE_UNSCHEDULABLE,
    PLACE_CYCLE, /* popped: what happens to it now is seen when the cycle is over */
    PLACE_BINDING,
};

struct kube_pod {
    struct pod_state view;
    struct pod_state popped; /* the view its cycle works with */
    bool known;
    enum queue_place place;
    bool error;    /* the cycle ended with an error; in the error backoff queue */
    int64_t until; /* end of the backoff */
    int attempts;
    unsigned plugins; /* who rejected it */
    unsigned events;  /* whose refusals something may have changed since it was popped */
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
    uint64_t cycle; /* order of the pod that is in the cycle; 0: none is */
    int next_start;
    uint64_t next_order;
    int twice;     /* filter and bind calls to send twice */
    int deaf;      /* filter answers that do not arrive */
    int deaf_bind; /* bind answers that do not arrive */
};

/* How writes fare for a while. */
struct losses {
    int64_t until;
    int chance; /* thousandths */
};

/* Where the journals of the run go (journals.h). */
struct journals {
    const char *directory; /* *borrowed*; NULL: there are none */
    const char *program;   /* *borrowed* */
    struct journal *journal;
    FILE *file;
};

/* How often something was looked at, and how often judged. */
struct checks {
    uint64_t nodes, nodes_judged;   /* with held or posted room on it, after an apply */
    uint64_t places, places_judged; /* of members, when bindings are posted and at the end */
    uint64_t partial, partial_judged;
    uint64_t plans; /* compared with all others */
};

struct sim {
    struct random random; /* of the network; faults have their own */
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

    struct sim_write *writes;
    size_t write_count, write_room;
    struct bind_call *calls; /* by ticket */
    size_t call_count, call_room;

    struct host host;
    struct peer peer;
    struct kube kube;

    uint64_t engine_writes; /* to pods, since the last reset */
    uint64_t engine_events; /* Events, since then */
    char last_write[128];   /* in words */
    uint64_t commits, crashes, applies;
    struct checks checks;

    /* what the seed chose */
    int weights[32];         /* of kinds of faults */
    int64_t rush_ms;         /* faults are at most that far apart */
    int holds_most;          /* engine_options.tenant_holds */
    bool evicts;             /* gangs that are not repaired in time */
    int64_t repair_ms;       /* engine_options.repair_timeout_ms */
    bool stubborn;           /* hidden refusals stay to the end */
    int spaces;              /* namespaces: 1 or 2 */
    bool batches;            /* the watch hands over what it has read as one batch */
    int constrained_percent; /* gangs with constraints */
    int company;             /* thousandths of gangs that want something of the pods around them */
    int ruled;               /* thousandths of pods with a selector, a toleration, a gate */
    struct losses losses;
    int forgetful;       /* thousandths of nominations that get lost, always */
    int64_t aborts_from; /* no hold may run out from then on */

    uint32_t fault_count;   /* numbers given so far; 0 is the jitter */
    const uint8_t *dropped; /* by number: left out; or NULL. *Borrowed*. */
    uint32_t dropped_from;  /* this one and all later ones are left out */
    FILE *trace;            /* or NULL */
    struct journals journals;
    struct device_map *maps[SIM_GPUS_MAX + 1]; /* by number of GPUs */
    struct arena arena;                        /* of what is being said to or by the engine */

    bool failed;
    char failure[1024];
};

struct sim *sim_create(uint64_t seed);
void sim_destroy(struct sim *sim);
void sim_later(struct sim *sim, int64_t delay, enum action_type type, int index, int other,
               uint64_t mark);
/* Runs the next action unless it is later than `until`; false when there was none. */
bool sim_step(struct sim *sim, int64_t until);
/* Notes the first violation; the run ends. */
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Mostly low … high, now and then up to `slow`; the same every time without jitter. */
int64_t sim_delay(struct sim *sim, int64_t low, int64_t high, int slow_thousandths, int64_t slow);
bool sim_drops(const struct sim *sim, uint32_t fault);
/* What living pods bound to the node leave of it, in the API server's truth. */
struct sim_amounts sim_left(const struct sim *sim, int node);
/* Members, newest first: for (int i = sim_first(…); i != SIM_NONE; i = sim->pods[i].next_of_gang)
 */
int sim_first(const struct sim *sim, int gang);
uint64_t sim_digest(uint64_t digest, const void *bytes, size_t count);
uint64_t sim_digest_text(uint64_t digest, const char *text);

/* "p17" for ('p', 17), and back; SIM_NONE for NULL. */
const char *sim_name(char buffer[16], char prefix, int number);
int sim_number(const char *name);

#endif
