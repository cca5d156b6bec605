// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_VETOES_H
#define SCHEDULER_ENGINE_VETOES_H

#include "scheduler/engine/state.h"
#include "topology/base/bitset.h"
#include "topology/graph/capacity.h"

/* What kube-scheduler's refusals say of the nodes, for the solver.
 *
 *   refused on n1, nobody of the shape there              none on n1
 *   refused on n1, where two have voted, one is nominated  three on n1, and likely on every node
 *   refused on n1, where three are nominated               three on n1, but likely one, everywhere
 *
 * What is *likely* is tried first: refusals that depend on who is there already mostly come from a
 * rule that holds on every node, and finding that out node by node would take as many rounds.
 */

/* Notes that kube-scheduler refused the member its planned node. `silent`: it did not even ask, so
 * that those who have not voted say nothing either. */
void vetoes_note(struct engine *engine, struct pod *pod, bool silent, int64_t until);

/* Adds the nodes that take none of the shape to the set, which is made when it is needed. */
void vetoes_exclude(const struct engine *engine, const struct gang *gang, uint32_t shape,
                    struct bitset **excluded);

/* Whether any veto of the gang says more than "none", so that there is something likely. */
bool vetoes_limit(const struct gang *gang);

/* The capacity less what vetoes say: a copy (*new*), or NULL when nothing changes. Members of the
 * shape that are placed count, those that have voted only unless `afresh`. */
struct capacity *vetoes_limited(const struct engine *engine, const struct gang *gang,
                                uint32_t shape, bool likely, bool afresh,
                                const struct capacity *capacity);

#endif
