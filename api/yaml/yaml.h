// SPDX-License-Identifier: Apache-2.0
#ifndef API_YAML_YAML_H
#define API_YAML_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "topology/base/err.h"

/* YAML to jansson's tree, with Kubernetes' view of YAML (sigs.k8s.io/yaml on go-yaml v2): it is
 * JSON in other clothes. Scalars are what scalar.h says; anchors, aliases, merge keys and the tags
 * of the core schema mean what they mean there. test/yaml-go compares the two.
 *
 * Refused although Kubernetes reads it, because it is a mistake or a number that changes silently:
 *
 *   repeated keys, also those equal only as JSON (1 and "1"), and two merge keys in one mapping
 *   integers beyond int64, and keys that are numbers with a fraction
 *   !!binary and !!timestamp
 *   aliases that copy more than YAML_COPIES_MAX values, more than YAML_ANCHORS_MAX anchors
 *
 * Text that is JSON is read as JSON.
 */

#define YAML_SIZE_MAX      (256u << 20)
#define YAML_DEPTH_MAX     256
#define YAML_DOCUMENTS_MAX 1000000u
#define YAML_ANCHORS_MAX   10000u  /* of one document */
#define YAML_COPIES_MAX    200000u /* values made by aliases, of one text */

/* *New* array of all documents of the text, empty ones left out. The error names line and
 * column. */
json_t *yaml_load(const char *text, size_t length, struct err *err);

/* *New* array of all documents of a file ("-" = standard input). */
json_t *yaml_load_file(const char *path, struct err *err);

#endif
