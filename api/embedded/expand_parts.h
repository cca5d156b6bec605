// SPDX-License-Identifier: Apache-2.0
#ifndef API_EMBEDDED_EXPAND_PARTS_H
#define API_EMBEDDED_EXPAND_PARTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "api/embedded/expand.h"

/* What the expand*.c files share; nobody else includes this.
 *
 *   expand.c      the table of kinds, lists, Pod, PodGroup, PyTorchJob
 *   expand_job.c  Job, JobSet
 */

#define NAME_MAX_BYTES 384 /* of what is put together from names */
#define PATH_MAX_BYTES 64

struct expansion {
    json_t *objects; /* as in struct expanded; so are the next */
    json_t *withheld;
    json_t *rules;
    json_t *unused;
    const char *name_space; /* default */
    size_t pods;
    size_t generated; /* names that were made */
    struct err *err;
};

/* The workload that is being expanded. */
struct owner {
    const json_t *object;
    const char *kind;
    const char *name_space;
    const char *name;
};

/* Plain access. text_of(): NULL when it is absent or no string; descend(): the member as an object,
 * made when it is not there. */
const char *expand_text_of(const json_t *object, const char *key);
json_t *expand_descend(json_t *object, const char *key);
void expand_set_text(json_t *object, const char *key, const char *text);

/* Fails with "kind namespace/name: what". */
int expand_fail(const struct expansion *expansion, const struct owner *owner, const char *what);

/* Reads a whole number from 0 to EXPAND_PODS_MAX; *count stays when it is absent. */
int expand_read_count(const struct expansion *expansion, const struct owner *owner,
                      const json_t *value, const char *path, int64_t *count);

/* spec.template, which must have a spec; *borrowed*, NULL on failure. */
const json_t *expand_find_template(const struct expansion *expansion, const struct owner *owner,
                                   const json_t *spec, const char *path);

/* Appends a pod made from the template; *borrowed*, for the caller to add labels. NULL above
 * EXPAND_PODS_MAX. */
json_t *expand_make_pod(struct expansion *expansion, const struct owner *owner,
                        const json_t *template, const char *name);
json_t *expand_labels_of(json_t *pod);
json_t *expand_annotations_of(json_t *pod);

/* A kind each: 0, or -1 with the expansion's err. */
int expand_job(struct expansion *expansion, const struct owner *owner);
int expand_job_set(struct expansion *expansion, const struct owner *owner);

#endif
