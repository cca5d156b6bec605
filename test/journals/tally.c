// SPDX-License-Identifier: Apache-2.0
#include "test/journals/tally.h"

#include <inttypes.h>
#include <stdlib.h>

#include "topology/base/alloc.h"

/* Sums, and nothing that depends on the order of the journals but which examples are told. */

void tally_journal(struct tally *tally)
{
    tally->journals++;
    tally->seen = 0;
    tally->deadline_seen = false;
}

static void count_effects(struct tally *tally, const struct side *side, bool recorded)
{
    for (size_t i = 0; i < side->effects->count; i++) {
        enum difference kind = side->kinds[i];
        if (kind != DIFFERENCES) {
            uint64_t *sum = recorded ? &tally->sums[kind].recorded : &tally->sums[kind].now;
            ++*sum;
        }
    }
}

void tally_step(struct tally *tally, const struct side *recorded, const struct side *now,
                unsigned kinds, bool deadline)
{
    tally->events++;
    count_effects(tally, recorded, true);
    count_effects(tally, now, false);
    for (int kind = 0; kind < DIFFERENCES; kind++) {
        if ((kinds & 1u << kind) != 0) {
            tally->sums[kind].steps++;
            tally->sums[kind].journals += (tally->seen & 1u << kind) == 0;
        }
    }
    tally->seen |= kinds;
    tally->deadlines.steps += deadline;
    tally->deadlines.journals += deadline && !tally->deadline_seen;
    tally->deadline_seen |= deadline;
}

void tally_paid(struct tally *tally, int64_t milliseconds)
{
    tally->shifted += milliseconds >= 0;
    tally->shifted_most = milliseconds > tally->shifted_most ? milliseconds : tally->shifted_most;
}

bool tally_divergence(struct tally *tally, enum event_type event, unsigned kinds)
{
    size_t place = 0;
    tally->diverged++;
    while (place < tally->group_count &&
           (tally->groups[place].event != event || tally->groups[place].kinds != kinds)) {
        place++;
    }
    if (place == tally->group_count) {
        tally->groups =
            alloc_grow(tally->groups, &tally->group_room, place + 1, sizeof *tally->groups);
        tally->groups[tally->group_count++] = (struct tally_group){.event = event, .kinds = kinds};
    }
    tally->group = place;
    tally->short_of = false;
    return tally->groups[place].journals++ < tally->examples;
}

void tally_late(struct tally *tally, bool all_came)
{
    struct tally_group *group = &tally->groups[tally->group];
    group->short_of += !tally->short_of;
    group->late += all_came;
    tally->short_of = true;
}

static const char *event_name(enum event_type event)
{
    static const char *const names[] = {
        [EVENT_NODE] = "node",
        [EVENT_NODE_GONE] = "node gone",
        [EVENT_DEVICES] = "devices",
        [EVENT_POD] = "pod",
        [EVENT_POD_GONE] = "pod gone",
        [EVENT_GROUP] = "group",
        [EVENT_GROUP_GONE] = "group gone",
        [EVENT_SYNCED] = "synced",
        [EVENT_FILTER] = "filter",
        [EVENT_PRIORITIZE] = "prioritize",
        [EVENT_PREEMPT] = "preempt",
        [EVENT_BIND] = "bind",
        [EVENT_BIND_GIVE_UP] = "bind given up",
        [EVENT_BINDING_DONE] = "binding done",
        [EVENT_NOMINATION_DONE] = "nomination done",
        [EVENT_TICK] = "tick",
        [EVENT_DRAIN] = "drain",
        [EVENT_FOLLOW] = "follow",
        [EVENT_LEAD] = "lead",
        [EVENT_ASK] = "ask",
        [EVENT_CHECKPOINT] = "checkpoint",
    };
    return (size_t)event < sizeof names / sizeof names[0] ? names[event] : "?";
}

static int more_journals(const void *left, const void *right)
{
    const struct tally_group *one = left, *other = right;
    if (one->journals != other->journals) {
        return one->journals < other->journals ? 1 : -1;
    }
    return one->event != other->event ? (int)one->event - (int)other->event
                                      : (int)one->kinds - (int)other->kinds;
}

static void print_groups(struct tally *tally)
{
    if (tally->group_count > 1) {
        qsort(tally->groups, tally->group_count, sizeof *tally->groups, more_journals);
    }
    for (size_t i = 0; i < tally->group_count; i++) {
        const struct tally_group *group = &tally->groups[i];
        const char *before = "";
        fprintf(tally->out, "  %8" PRIu64 "  after %s: ", group->journals,
                event_name(group->event));
        for (int kind = 0; kind < DIFFERENCE_ORDER; kind++) {
            if ((group->kinds & 1u << kind) != 0) {
                fprintf(tally->out, "%s%s", before, difference_names[kind]);
                before = ", ";
            }
        }
        if (group->short_of > 0) {
            fprintf(tally->out, "; writes missing in %" PRIu64 ", come later in %" PRIu64,
                    group->short_of, group->late);
        }
        fputc('\n', tally->out);
    }
}

void tally_print(struct tally *tally)
{
    fprintf(tally->out, "%-24s %12s %12s %12s %12s\n", "", "recorded", "now", "steps differ",
            "in journals");
    for (int kind = 0; kind < DIFFERENCES; kind++) {
        const struct tally_sum *sum = &tally->sums[kind];
        fprintf(tally->out, "%-24s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
                difference_names[kind], sum->recorded, sum->now, sum->steps, sum->journals);
    }
    fprintf(tally->out, "%-24s %12s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n",
            "when a tick is due", "", tally->ticks, tally->deadlines.steps,
            tally->deadlines.journals);
    fprintf(tally->out, "writes earlier or later by up to %" PRId64 " ms: in %" PRIu64 " steps\n",
            tally->shifted_most, tally->shifted);
    print_groups(tally);
    fprintf(tally->out,
            "journals: %" PRIu64 " compared, %" PRIu64 " events, %" PRIu64
            " with another decision, %" PRIu64 " unreadable, %" PRIu64 " without an end\n",
            tally->journals, tally->events, tally->diverged, tally->unreadable, tally->truncated);
}

void tally_finish(struct tally *tally)
{
    free(tally->groups);
}
