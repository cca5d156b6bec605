// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_JOBS_H
#define TEST_SIMULATION_JOBS_H

#include "test/simulation/sim.h"

/* What users and controllers do: jobs come and go, members are deleted and made again, groups are
 * edited. Chance comes from the fault's own `random`. */

void jobs_start_gang(struct sim *sim, struct random *random);
void jobs_start_ordinary(struct sim *sim, struct random *random);
/* A bound pod ends, mostly with its whole gang; now and then its controller makes a new one. */
void jobs_finish(struct sim *sim, struct random *random);
void jobs_delete(struct sim *sim, struct random *random);
/* A member is deleted and comes again under its name, with another uid. */
void jobs_recreate(struct sim *sim, struct random *random);
void jobs_edit_group(struct sim *sim, struct random *random);

/* Follow-ups: the pod or group object is made. */
void jobs_create(struct sim *sim, int gang, uint64_t what);
void jobs_show_group(struct sim *sim, int gang);

/* The gates of the gang's members, or of the ordinary pod, are taken away. */
void jobs_ungate(struct sim *sim, int gang, int pod);
/* A pod asks for more or fewer CPUs in place; which one it was, or SIM_NONE. */
int jobs_resize(struct sim *sim, struct random *random);

/* The pods of one run of the gang, one after the other. */
void jobs_make_pods(struct sim *sim, struct random *random, int gang);
/* A bound member fails or is deleted; mostly its controller makes another one. */
void jobs_lose(struct sim *sim, struct random *random, int pod, bool fails);
/* Another scheduler binds the pod. */
void jobs_bind_outside(struct sim *sim, int pod, int node);

/* Its controller makes a new pod in its place, under another name. */
void jobs_replace(struct sim *sim, int pod);

/* A living pod, bound or not, or SIM_NONE. */
int jobs_pick(const struct sim *sim, struct random *random, bool bound);
/* Once a gang has begun, who takes something from it can leave it partial. */
void jobs_tear(struct sim *sim, int gang);

#endif
