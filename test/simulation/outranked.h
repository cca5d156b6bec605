// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_OUTRANKED_H
#define TEST_SIMULATION_OUTRANKED_H

#include "test/simulation/sim.h"

/* Whose place counts for what, as docs/states.md says it. */

/* Whether somebody else gave the member its node: by the truth, or as the engine was shown. */
bool outranked_stranger(const struct sim *sim, int pod);

/* Of what is held on the node for gangs of lower priority than the ordinary pod's: `sure` is what
 * certainly has to be given up, `most` what may be, for of some gangs it is not judged whether they
 * began here. Both are added to what is there. False: something else is kept there, too. */
bool outranked_room(const struct sim *sim, int pod, int node, struct sim_amounts *sure,
                    struct sim_amounts *most);

/* Whether the pod has room there if it takes what must, or may, be given up for it. */
bool outranked_fits(const struct sim *sim, int pod, int node, const struct sim_amounts *free,
                    bool sure);

/* Who is kept off everywhere takes what gangs of lower priority hold. */
void outranked_check(struct sim *sim, const struct record *record, const struct filter_reply *reply,
                     const struct sim_amounts *free);

#endif
