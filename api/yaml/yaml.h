// SPDX-License-Identifier: Apache-2.0
#ifndef API_YAML_YAML_H
#define API_YAML_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "topology/base/err.h"

/* YAML to jansson's tree, with Kubernetes' view of YAML (sigs.k8s.io/yaml): it is JSON in other
 * clothes. Scalars resolve by YAML 1.1's core types null, bool (true/false only), integer and
 * float when plain, and are strings when quoted. Anchors, aliases, tags and merge keys are
 * refused by name (a billion laughs needs them), as are repeated keys and keys that are not
 * scalars. Text that is JSON is read as JSON.
 */

#define YAML_SIZE_MAX      (256u << 20)
#define YAML_DEPTH_MAX     256
#define YAML_DOCUMENTS_MAX 1000000u

/* *New* array of all documents of the text, empty ones left out. The error names line and
 * column. */
json_t *yaml_load(const char *text, size_t length, struct err *err);

/* *New* array of all documents of a file ("-" = standard input). */
json_t *yaml_load_file(const char *path, struct err *err);

#endif
