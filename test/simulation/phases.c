// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/phases.h"

#include <string.h>

/* Written from the drawing in docs/states.md, not from the engine's table: the steps, and what has
 * to have happened in the same event for each of them. The first step of a pod that is shown is
 * believed as to where it came from, for what happened before the first complete list is not shown.
 */

enum cause {
    CAUSE_ANY,     /* planning may come of any event */
    CAUSE_BIND,    /* the pod's own bind call */
    CAUSE_GIVE_UP, /* a caller that hung up */
    CAUSE_POST,    /* its binding goes out in the same breath */
    CAUSE_DONE,    /* the API server has taken its binding */
    CAUSE_UNKNOWN, /* its binding has no answer */
    CAUSE_SHOWN,   /* the watch has shown the pod: what a call says of it is its caller's word */
    CAUSE_SEEN,    /* the watch shows it on a node */
    CAUSE_UNSEEN,  /* the watch shows it on none */
};

static const struct step {
    const char *from, *to;
    enum cause cause;
} steps[] = {
    {"Unplaced", "Held", CAUSE_SHOWN},      {"Unplaced", "Posted", CAUSE_POST},
    {"Unplaced", "Bound", CAUSE_SEEN},      {"Held", "Unplaced", CAUSE_ANY},
    {"Held", "Voted", CAUSE_BIND},          {"Voted", "Unplaced", CAUSE_ANY},
    {"Voted", "Held", CAUSE_GIVE_UP},       {"Voted", "Posted", CAUSE_POST},
    {"Posted", "Unplaced", CAUSE_ANY},      {"Posted", "Unconfirmed", CAUSE_UNKNOWN},
    {"Posted", "Assumed", CAUSE_DONE},      {"Posted", "Bound", CAUSE_SEEN},
    {"Unconfirmed", "Unplaced", CAUSE_ANY}, {"Unconfirmed", "Posted", CAUSE_POST},
    {"Unconfirmed", "Assumed", CAUSE_DONE}, {"Unconfirmed", "Bound", CAUSE_SEEN},
    {"Assumed", "Unplaced", CAUSE_ANY},     {"Assumed", "Bound", CAUSE_SEEN},
    {"Bound", "Unplaced", CAUSE_ANY},       {"Bound", "Assumed", CAUSE_UNSEEN},
};

static bool is_posted(const struct sim *sim, const char *uid)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count; i++) {
        if (effects->items[i].type == EFFECT_POST_BINDING &&
            strcmp(effects->items[i].write.uid, uid) == 0) {
            return true;
        }
    }
    return false;
}

/* The event shows the pod; on a node or on none. */
static bool shows(const struct record *record, int pod, bool bound)
{
    return record->type == EVENT_POD && record->change.index == pod &&
           (record->change.pod.node != SIM_NONE) == bound;
}

static bool has_cause(const struct sim *sim, const struct record *record, const char *uid,
                      enum cause cause)
{
    int pod = sim_number(uid);
    bool done = record->type == EVENT_BINDING_DONE && record->pod == pod;
    switch (cause) {
    case CAUSE_ANY:
        return true;
    case CAUSE_BIND:
        return record->type == EVENT_BIND && record->pod == pod;
    case CAUSE_GIVE_UP:
        return record->type == EVENT_BIND_GIVE_UP;
    case CAUSE_POST:
        return is_posted(sim, uid);
    case CAUSE_DONE:
        return done && record->outcome == WRITE_DONE;
    case CAUSE_UNKNOWN:
        return done && record->outcome == WRITE_UNKNOWN;
    case CAUSE_SHOWN:
        return sim->host.seen_ever[pod] && sim->host.seen[pod].exists;
    case CAUSE_SEEN:
        return shows(record, pod, true);
    case CAUSE_UNSEEN:
        return shows(record, pod, false);
    }
    return false;
}

static void check_step(struct sim *sim, const struct record *record,
                       const struct phase_effect *phase)
{
    const char **last = &sim->host.phase[sim_number(phase->uid)];
    if (*last != NULL && strcmp(*last, phase->from) != 0) {
        sim_fail(sim, "(13) %s goes from %s to %s, and was %s", phase->uid, phase->from, phase->to,
                 *last);
    }
    *last = phase->to;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(steps[i].from, phase->from) == 0 && strcmp(steps[i].to, phase->to) == 0) {
            if (!has_cause(sim, record, phase->uid, steps[i].cause)) {
                sim_fail(sim, "(13) %s goes from %s to %s without a cause", phase->uid, phase->from,
                         phase->to);
            }
            return;
        }
    }
    sim_fail(sim, "(13) %s goes from %s to %s: there is no such step", phase->uid, phase->from,
             phase->to);
}

void phases_check(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    for (size_t i = 0; i < host->effects.count && !sim->failed; i++) {
        if (host->effects.items[i].type == EFFECT_PHASE) {
            check_step(sim, record, &host->effects.items[i].phase);
        }
    }
    char uid[16];
    for (int i = 0; i < sim->pod_count; i++) { /* who comes again is a new one */
        if (host->phase[i] != NULL && !engine_knows_pod(host->engine, sim_name(uid, 'u', i))) {
            host->phase[i] = NULL;
        }
    }
}
