// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_SPACES_H
#define TEST_SIMULATION_SPACES_H

#include "test/simulation/sim.h"

/* Numbers to the names that objects have in Kubernetes, and back.
 *
 * In a seed with two namespaces gangs with an odd number live in the second one, and whatever lives
 * there has the name that its neighbour by number has, or would have, in the first:
 *
 *   gang 6 "ns/g6"    gang 7 "ns2/g6"    pod 12 of gang 6 "ns/p12"    pod 13 of gang 7 "ns2/p12"
 *
 * so that nothing but the namespace tells them apart. Uids are as ever.
 */

const char *spaces_of_gang(const struct sim *sim, int gang);
const char *spaces_of_pod(const struct sim *sim, int pod);
/* "g6" for gang 7 of the second namespace. */
const char *spaces_gang(const struct sim *sim, char buffer[16], int gang);
const char *spaces_pod(const struct sim *sim, char buffer[16], int pod);
/* The number in the pod's name: what names are ordered by. */
int spaces_order(const struct sim *sim, int pod);

/* The gang of that name. */
int spaces_gang_of(const struct sim *sim, const char *name_space, const char *name);
/* The gang that an Event speaks of: on its object, or on one of its pods. */
int spaces_gang_of_event(const struct sim *sim, const struct event_effect *event);
/* sim_pod.name of the members of the gang that are called so. */
int spaces_member(const struct sim *sim, int gang, const char *name);
/* engine_gang_find() of the living engine. */
bool spaces_find(const struct sim *sim, int gang, struct arena *arena, struct gang_view *view);

#endif
