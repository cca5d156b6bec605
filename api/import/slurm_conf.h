// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_SLURM_CONF_H
#define API_IMPORT_SLURM_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "api/import/overlay.h"
#include "topology/base/err.h"

/* Slurm's topology.conf (man topology.conf):
 *
 *   # comment
 *   SwitchName=s0 Nodes=tux[0-3] LinkSpeed=100        # LinkSpeed is ignored, as in Slurm
 *   SwitchName=s4 Switches=s[0-3]
 *
 *   BlockName=b1 Nodes=node[1-32]
 *   BlockSizes=30,120
 *
 * Keys are case-insensitive, values may be quoted, a backslash at the end of a line joins it with
 * the next, "\#" is no comment. An unknown or repeated key is an error with its line, and so are
 * RingName (not supported) and Include. What it all means: slurm_topology.h.
 */

/* Whether a text looks like topology.conf rather than YAML: its first word is followed by "=". */
bool slurm_conf_is(const char *text, size_t length);

/* *New*, finished overlay. */
int slurm_conf_load(const char *text, size_t length, struct overlay **overlay, struct err *err);

#endif
