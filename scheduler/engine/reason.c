// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/reason.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "topology/base/natural.h"
#include "topology/base/plural.h"
#include "topology/base/utf8.h"

/* Texts end up in a pod's PodScheduled condition behind a number ("60 gang a/b waits: …"), in
 * Events (1,024 bytes) and in our own API, so they are one sentence that starts with the gang.
 */

#define ROLE_QUOTE_MAX 100 /* bytes of a role quoted in a reason */

const char reason_unsynced[] = "Unsynced";
const char reason_no_group[] = "NoGroup";
const char reason_invalid[] = "Invalid";
const char reason_gathering[] = "Gathering";
const char reason_short[] = "Short";
const char reason_backoff[] = "Backoff";
const char reason_planned[] = "Planned";
const char reason_draining[] = "Draining";
const char reason_following[] = "Following";
const char reason_refused[] = "Refused";
const char reason_turn[] = "Turn";
const char reason_none[] = "";

const char reason_held_capacity[] = "capacity is held for a gang that is starting";
const char reason_not_ready[] = "Phalanx is still reading the cluster";
const char reason_stopping[] = "Phalanx is stopping";
const char reason_standby[] = "this Phalanx is on standby, another one leads";
const char reason_elsewhere[] = "another Phalanx leads and decides about the gang";
const char reason_not_planned[] = "the pod's gang is not planned yet";

/* Appends; text that does not fit is cut. */
__attribute__((format(printf, 4, 5))) static void append(char *text, size_t size, size_t *length,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *length += utf8_vprint(text + *length, size - *length, format, arguments);
    va_end(arguments);
}

#define LEADERS_LOOKED_AT 16u /* members of a gang that gathers; every event looks */

/* Whether the members that are missing are created only once others are scheduled. */
static bool has_leader(const struct gang *gang)
{
    for (uint32_t i = 0; i < gang->member_count && i < LEADERS_LOOKED_AT; i++) {
        const struct pod *pod = gang->members[i];
        if (pod->leader && !pod->terminal && pod->node == NAMES_NONE) {
            return true;
        }
    }
    return false;
}

/* How many there are, and why there are no more, where that is known. */
static void append_gathered(const struct gang *gang, char *text, size_t size)
{
    size_t length = strlen(text);
    append(text, size, &length, "; %" PRIu32 " of %" PRId32 " exist", gang_tally(gang).live,
           gang_minimum(gang));
    if (has_leader(gang)) {
        append(text, size, &length,
               ": JobSet creates the others of a Job once its first pod is scheduled "
               "(alpha.jobset.sigs.k8s.io/exclusive-topology), and no gang of all can start so");
    }
}

#define ROLES_SHOWN_MAX     3
#define ROLES_LOOKED_AT_MAX 64u

/* The roles that there are, the first few by name. */
static void append_roles(const struct gang *gang, char *text, size_t size, size_t *length)
{
    const struct totals *totals = &gang->totals;
    const char *before = "";
    bool more = true;
    for (int shown = 0; more && shown < ROLES_SHOWN_MAX; shown++) {
        const char *next = NULL;
        for (uint32_t i = 0; i < totals->role_count && i < ROLES_LOOKED_AT_MAX; i++) {
            const struct names *words = pods_words(gang->members[0]->table);
            const char *role = names_text(words, totals->roles[i].role);
            if (natural_compare(role, before) > 0 &&
                (next == NULL || natural_compare(role, next) < 0)) {
                next = role;
            }
        }
        more = next != NULL;
        if (more) {
            append(text, size, length, "%s\"%.*s\"", shown == 0 ? "; its pods are of role " : ", ",
                   ROLE_QUOTE_MAX, next);
            before = next;
        }
    }
    if (totals->role_count > ROLES_SHOWN_MAX) {
        append(text, size, length, ", …");
    }
}

static bool roles_lack(const struct gang *gang)
{
    bool lack = false;
    for (uint32_t i = 0; i < gang->minimums->count && !lack; i++) {
        lack = gang_role_lacking(gang, i, COUNT_PENDING) > 0;
    }
    return lack;
}

/* "gang a/b waits until 2 more pods of role "worker" exist (1 of 3)". */
static void gather_roles(const struct gang *gang, char *text, size_t size)
{
    size_t length = 0;
    bool first = true, nobody = false;
    text[0] = '\0';
    append(text, size, &length, "gang %s/%s waits until ", gang->name_space, gang->name);
    for (uint32_t i = 0; i < gang->minimums->count; i++) {
        const struct minimum *minimum = &gang->minimums->items[i];
        uint32_t lacking = gang_role_lacking(gang, i, COUNT_PENDING);
        if (lacking == 0) {
            continue;
        }
        append(text, size, &length,
               first ? "%" PRIu32 " more pod%s of role \"%s\" exist%s (%" PRIu32 " of %" PRId32 ")"
                     : ", %" PRIu32 " more pod%s of role \"%s\" exist%s (%" PRIu32 " of %" PRId32
                       ")",
               lacking, plural(lacking), minimum->role, lacking == 1 ? "s" : "",
               (uint32_t)minimum->least - lacking, minimum->least);
        first = false;
        nobody = nobody || lacking == (uint32_t)minimum->least;
    }
    if (nobody && gang->member_count > 0) {
        append_roles(gang, text, size, &length);
    }
}

const char *reason_gather(const struct gang *gang, char *text, size_t size)
{
    int32_t minimum = gang_minimum(gang);
    if (!gang->has_object && minimum == 0) {
        utf8_print(text, size, "gang %s/%s waits: PodGroup %s/%s not found", gang->name_space,
                   gang->name, gang->name_space, gang->name);
        return reason_no_group;
    }
    if (minimum <= 0) {
        if (gang->minimums != NULL && gang->minimums->fault[0] != '\0') {
            utf8_print(text, size, "gang %s/%s waits: role minimums: %s", gang->name_space,
                       gang->name, gang->minimums->fault);
        } else if (gang->has_object) {
            utf8_print(text, size,
                       "gang %s/%s waits: PodGroup spec.minMember is %" PRId32
                       ", must be 1 or more",
                       gang->name_space, gang->name, minimum);
        } else {
            utf8_print(
                text, size,
                "gang %s/%s waits: label pod-group.scheduling.sigs.k8s.io/min-available must "
                "be a whole number, 1 or more",
                gang->name_space, gang->name);
        }
        return reason_invalid;
    }
    if (gang->minimums != NULL && roles_lack(gang)) {
        gather_roles(gang, text, size);
        return reason_gathering;
    }
    uint32_t missing = gang_missing(gang);
    bool beside = missing < (uint32_t)minimum;
    utf8_print(text, size, "gang %s/%s waits until %" PRIu32 " of its pods exist%s%s%s",
               gang->name_space, gang->name, missing, missing == 1 ? "s" : "",
               beside ? " beside those that are bound or done" : "",
               gang_tally(gang).refused > 0
                   ? " that Phalanx can place; some are refused, each with its reason"
                   : "");
    append_gathered(gang, text, size);
    return reason_gathering;
}

static void append_request(const struct reason_shortage *shortage, char *text, size_t size,
                           size_t *length)
{
    const char *resource = shortage->breakdown->scarce;
    if (resource == NULL) {
        return;
    }
    int64_t amount = shortage->breakdown->each;
    if (resource_is_slot(shortage->breakdown->scarce_name)) {
        append(text, size, length, ", each needs %s", resource);
        return;
    }
    const char *unit = strcmp(resource, "cpu") == 0 ? "m" : "";
    append(text, size, length, ", each needs %s %" PRId64 "%s", resource, amount, unit);
}

/* Where most of them would fit: a node's name at the host level, else a domain's path. */
static void append_place(const struct reason_shortage *shortage, char *text, size_t size,
                         size_t *length)
{
    const struct solver_shortfall *shortfall = &shortage->plan->shortfall;
    if (shortfall->level == 0) {
        return;
    }
    if (shortfall->node != DOMAINS_NONE) {
        uint32_t row = domains_row(shortage->domains, shortfall->node);
        append(text, size, length, " on the best one, %s", nodes_name(shortage->nodes, row));
    } else if (shortfall->domain != DOMAINS_NONE) {
        char path[256];
        append(text, size, length, " in the best one, %s",
               domains_path(shortage->domains, shortfall->domain, path, sizeof(path)));
    }
}

/* The slices it asks for: "in slices of 8 per block, 4 per rack". */
static void append_slices(const struct reason_shortage *shortage, char *text, size_t size,
                          size_t *length)
{
    const struct solver_role *role = shortage->role;
    for (uint32_t i = 0; i < role->layer_count; i++) {
        append(text, size, length, "%s%" PRIu32 " per %s", i == 0 ? " in slices of " : ", ",
               role->layers[i].size, domains_level_name(shortage->domains, role->layers[i].level));
    }
}

/* What leaves out nodes of the kind, behind their number. */
static const char *kind_text(const struct reason_shortage *shortage, enum breakdown_kind kind,
                             bool one)
{
    switch (kind) {
    case BREAKDOWN_NO_RESOURCE:
        return one ? "has no " : "have no ";
    case BREAKDOWN_NO_DOMAIN:
        return one ? "is in no known " : "are in no known ";
    case BREAKDOWN_CORDONED:
        return one ? "is cordoned" : "are cordoned";
    case BREAKDOWN_TAINTED:
        return one ? "has an untolerated taint" : "have an untolerated taint";
    case BREAKDOWN_UNWANTED:
        return one ? "does not match the node selector or affinity"
                   : "do not match the node selector or affinity";
    case BREAKDOWN_KEPT:
        if (shortage->exclusive) {
            return one ? "is not free of other gangs" : "are not free of other gangs";
        }
        return one ? "is kept by an exclusive gang" : "are kept by an exclusive gang";
    case BREAKDOWN_TAKEN:
        return one ? "has a conflicting pod" : "have a conflicting pod";
    case BREAKDOWN_APART:
        return one ? "is ruled out by pod (anti-)affinity" : "are ruled out by pod (anti-)affinity";
    case BREAKDOWN_REFUSED:
        return one ? "was refused by kube-scheduler" : "were refused by kube-scheduler";
    case BREAKDOWN_KINDS:
        break;
    }
    return "";
}

static void append_kind(const struct reason_shortage *shortage, enum breakdown_kind kind,
                        char *text, size_t size, size_t *length)
{
    const struct breakdown *breakdown = shortage->breakdown;
    append(text, size, length, "%s", kind_text(shortage, kind, breakdown->left_out[kind] == 1));
    if (kind == BREAKDOWN_NO_RESOURCE) {
        append(text, size, length, "%s%s", breakdown->missing,
               breakdown->missing_others ? " or another resource" : "");
    } else if (kind == BREAKDOWN_TAINTED && breakdown->taint != NULL) {
        append(text, size, length, " (%s)", breakdown->taint);
    } else if (kind == BREAKDOWN_TAKEN) {
        append(text, size, length, " (%s)", breakdown->taken);
    } else if (kind == BREAKDOWN_NO_DOMAIN) {
        append(text, size, length, "%s",
               domains_level_name(shortage->domains, shortage->plan->shortfall.level));
    }
}

/* "; of its 5 nodes, 4 nodes have an untolerated taint (a), 1 node is cordoned". */
static void append_left_out(const struct reason_shortage *shortage, char *text, size_t size,
                            size_t *length)
{
    const struct breakdown *breakdown = shortage->breakdown;
    const char *whose = shortage->widened ? "of the cluster's" : "of its";
    bool first = true;
    for (int k = 0; k < BREAKDOWN_KINDS; k++) {
        enum breakdown_kind kind = (enum breakdown_kind)k;
        uint32_t count = breakdown->left_out[kind];
        if (count == 0) {
            continue;
        }
        if (first) {
            append(text, size, length, "; %s %" PRIu32 " node%s, ", whose, breakdown->nodes,
                   plural(breakdown->nodes));
        }
        append(text, size, length, "%s%" PRIu32 " node%s ", first ? "" : ", ", count,
               plural(count));
        append_kind(shortage, kind, text, size, length);
        first = false;
    }
}

static void append_nodes(const struct reason_shortage *shortage, char *text, size_t size,
                         size_t *length)
{
    const struct breakdown *breakdown = shortage->breakdown;
    if (breakdown->nowhere) {
        append(text, size, length, "; no node has %s at all", breakdown->missing);
        return;
    }
    append_left_out(shortage, text, size, length);
    if (breakdown->strays > 0) {
        append(text, size, length, "; %" PRIu32 " more with room %s in no known %s",
               breakdown->strays, breakdown->strays == 1 ? "is" : "are",
               domains_level_name(shortage->domains, shortage->plan->shortfall.level));
    }
}

static void append_way_out(const struct reason_shortage *shortage, char *text, size_t size,
                           size_t *length)
{
    uint32_t alternative = shortage->plan->shortfall.alternative;
    if (alternative != SOLVER_LEVEL_NONE) {
        append(text, size, length, "; all would fit in one %s",
               domains_level_name(shortage->domains, alternative));
    }
    if (shortage->ordinary) {
        append(text, size, length, "; blocked by non-gang pods");
    } else if (shortage->blocker != NULL) {
        append(text, size, length, "; blocked by gang %s/%s", shortage->blocker->name_space,
               shortage->blocker->name);
    }
}

void reason_shortfall(const struct reason_shortage *shortage, char *text, size_t size)
{
    const struct solver_shortfall *shortfall = &shortage->plan->shortfall;
    const char *level = domains_level_name(shortage->domains, shortfall->level);
    size_t length = 0;
    text[0] = '\0';
    append(text, size, &length, "%sgang %s/%s waits: ", shortage->rest ? "the rest of " : "",
           shortage->gang->name_space, shortage->gang->name);
    if (shortfall->slice_started) {
        append(text, size, &length, "a slice that was started in its %s is", level);
    } else {
        append(text, size, &length, "%s is", level);
    }
    append(text, size, &length, " short by %" PRIu32 " of %" PRIu32 " pod%s", shortfall->missing,
           shortfall->wanted, plural(shortfall->wanted));
    if (shortage->name != NULL && shortage->name[0] != '\0') {
        append(text, size, &length, " of role \"%.*s\"", ROLE_QUOTE_MAX, shortage->name);
    }
    append_slices(shortage, text, size, &length);
    append(text, size, &length, " (%" PRIu64 " fit%s", shortfall->fits,
           shortfall->fits == 1 ? "s" : "");
    append_place(shortage, text, size, &length);
    if (shortage->apart != NULL) {
        append(text, size, &length, ", and its pods keep apart by %s", shortage->apart);
    } else {
        append_request(shortage, text, size, &length);
    }
    if (shortage->good_gpus) {
        append(text, size, &length, ", and only GPUs that are known to be free and well joined");
    }
    append(text, size, &length, ")");
    if (shortfall->pinned_apart) {
        append(text, size, &length, "; its bound pods are not all in one %s", level);
    } else if (!shortfall->proven) {
        append(text, size, &length, ", as far as the search went");
    }
    append_nodes(shortage, text, size, &length);
    append_way_out(shortage, text, size, &length);
}
