// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_JOURNALS_H
#define TEST_SIMULATION_JOURNALS_H

#include "test/simulation/sim.h"

/* The journals of a run, in the format of the daemon's (scheduler/journal.h), for `phalanx replay`.
 * A journal begins where its engine began, so each life of the engine has its own:
 *
 *   DIRECTORY/seed-SEED-life-NUMBER.journal
 *
 * All do nothing while sim->journals.directory is NULL. A file that cannot be written fails the
 * run.
 */

/* An engine with these options was just made. */
void journals_begin(struct sim *sim, const struct engine_options *options);
/* It has applied `event`, and sim->host.effects is what followed. */
void journals_step(struct sim *sim, const struct event *event);
/* It is gone. Also without a journal. */
void journals_end(struct sim *sim, const char *why);

#endif
