// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PHASE_H
#define SCHEDULER_STATE_PHASE_H

#include <stdbool.h>

/* The life of a pod, as far as its place is concerned.
 *
 *                plan            bind call          commit            API server         watch
 *  UNPLACED ────────────▶ HELD ────────────▶ VOTED ────────▶ POSTED ────────────▶ ASSUMED ──▶ BOUND
 *     ▲  ▲                 │ ▲                │ │             │  ▲ │                 │ ▲       │ │
 *     │  │                 │ └─ caller gone ──┘ │             │  │ │ no answer       │ └ lost ─┘ │
 *     │  │ abort, veto     │                    │             │  │ ▼                 │           │
 *     │  └─────────────────┴────────────────────┘             │ UNCONFIRMED ─────────┤           │
 *     │                                                       │    │ nobody saw it   │           │
 *     └──────────────── refused ──────────────────────────────┴────┴── done, gone ───┴───────────┘
 *
 * The watch may show any of them BOUND at any time: somebody bound it, or a binding happened whose
 * outcome is not known yet. Pods without a gang are not planned; their bind call goes from UNPLACED
 * to POSTED. pods.c is the only writer; docs/states.md tells what each step writes and answers.
 */

enum member_phase {
    MEMBER_UNPLACED,    /* has no place, or is done with it */
    MEMBER_HELD,        /* planned: its place is held */
    MEMBER_VOTED,       /* held, and its bind call stands in the barrier */
    MEMBER_POSTED,      /* its binding is on its way */
    MEMBER_UNCONFIRMED, /* its binding may or may not have happened (yet) */
    MEMBER_ASSUMED,     /* the API server has taken its binding, the watch has not shown it */
    MEMBER_BOUND,       /* the watch shows it bound */
};
#define MEMBER_PHASES (MEMBER_BOUND + 1)

/* "Unplaced", "Held" …: constant texts. */
const char *member_phase_name(enum member_phase phase);

/* Whether a pod may go from one phase to the other, in one step. None goes to the one it is in. */
bool member_phase_follows(enum member_phase from, enum member_phase to);

#endif
