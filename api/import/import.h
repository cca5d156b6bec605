// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_IMPORT_H
#define API_IMPORT_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/import/overlay.h"
#include "api/ops/config.h"
#include "topology/base/err.h"

/* Topologies that come from elsewhere, recognised by what they are:
 *
 *   SwitchName=… or BlockName=…    Slurm topology.conf    slurm_conf.h
 *   a list of "- topology: …"      Slurm topology.yaml    slurm_yaml.h
 *   kind: Topology                 Kueue                  kueue_topology.h
 *   kind: HyperNode                Volcano                hypernode.h
 *
 * The result is an overlay: levels, and labels for the nodes (overlay.h).
 */

#define IMPORT_FILE_MAX (64u << 20)

/* *New*, finished overlay of a file; errors begin with its path. */
int import_load(const char *path, struct overlay **overlay, struct err *err);

/* The same of a text. */
int import_parse(const char *text, size_t length, struct overlay **overlay, struct err *err);

/* Whether an object is of a kind that import_documents() reads. */
bool import_is_topology(const json_t *object);

/* *New*, finished overlay of the Topology and HyperNode objects among documents and their v1 Lists;
 * other kinds are skipped. *Overlay is NULL when there are none. Both kinds together are an error:
 * which one counts would be anybody's guess. */
int import_documents(const json_t *documents, struct overlay **overlay, struct err *err);

/* The one place that says which topology counts. In this order:
 *
 *   topology.import    the file: its levels replace config->levels, its labels are laid over nodes
 *   topology.levels    config->levels as they are; HyperNodes of the snapshot give labels only when
 *                      one of the levels asks for them (a key of OVERLAY_KEY_PREFIX)
 *   the snapshot       its Topology or HyperNode objects, as for a file; `objects` is NULL without
 *   the preset
 *
 * *Overlay is *new*, or NULL when nothing is to be laid over nodes. */
int import_configured(struct config *config, const json_t *objects, struct overlay **overlay,
                      struct err *err);

#endif
