// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/spaces.h"

#include <string.h>

/* A name of the second namespace is a number with its last bit turned over; that is its own
 * inverse, and within a namespace no two have the same.
 */

static int space_of_gang(const struct sim *sim, int gang)
{
    return sim->spaces > 1 ? gang & 1 : 0;
}

static int space_of_pod(const struct sim *sim, int pod)
{
    const struct sim_pod *it = &sim->pods[pod];
    if (it->gang != SIM_NONE) {
        return space_of_gang(sim, it->gang);
    }
    return sim->spaces > 1 ? it->name >> 1 & 1 : 0;
}

static const char *text_of(int space)
{
    return space == 0 ? "ns" : "ns2";
}

static int space_named(const char *name_space)
{
    return strcmp(name_space, text_of(1)) == 0;
}

const char *spaces_of_gang(const struct sim *sim, int gang)
{
    return text_of(space_of_gang(sim, gang));
}

const char *spaces_of_pod(const struct sim *sim, int pod)
{
    return text_of(space_of_pod(sim, pod));
}

const char *spaces_gang(const struct sim *sim, char buffer[16], int gang)
{
    return sim_name(buffer, 'g', gang ^ space_of_gang(sim, gang));
}

const char *spaces_pod(const struct sim *sim, char buffer[16], int pod)
{
    return sim_name(buffer, 'p', spaces_order(sim, pod));
}

int spaces_order(const struct sim *sim, int pod)
{
    return sim->pods[pod].name ^ space_of_pod(sim, pod);
}

int spaces_gang_of(const struct sim *sim, const char *name_space, const char *name)
{
    (void)sim;
    return sim_number(name) ^ space_named(name_space);
}

int spaces_gang_of_event(const struct sim *sim, const struct event_effect *event)
{
    int number = sim_number(event->name) ^ space_named(event->name_space);
    return event->group ? number : sim->pods[number].gang;
}

int spaces_member(const struct sim *sim, int gang, const char *name)
{
    return sim_number(name) ^ space_of_gang(sim, gang);
}

bool spaces_find(const struct sim *sim, int gang, struct arena *arena, struct gang_view *view)
{
    char name[16];
    return engine_gang_find(sim->host.engine, spaces_of_gang(sim, gang),
                            spaces_gang(sim, name, gang), arena, view);
}
