// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PIN_H
#define SCHEDULER_STATE_PIN_H

#include "scheduler/objects.h"

/* The name of the one node that the pod's rules let it run on: by a selector on the hostname, or by
 * its node affinity; NULL when they name none. *Borrowed* from the object. */
const char *pin_find(const struct pod_object *pod);

#endif
