// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_PLAN_MANIFEST_H
#define API_CLI_PLAN_MANIFEST_H

#include <jansson.h>
#include <stddef.h>

#include "api/cli/snapshot.h"
#include "topology/base/err.h"

/* The manifest of `phalanx plan`: what its controllers and admission make of it goes into the
 * snapshot's cluster, and what it asks about is noted.
 */

/* A gang that the manifest is about, and which of its pods. */
struct asked {
    char *name_space;
    char *name;
    json_t *pods; /* an object with a member for each; none: all of the gang's */
    /* Those that would not be created, or not yet: [{"pod", "role", "rank", "reason"}]. */
    json_t *withheld;
};

struct question {
    struct asked *asked; /* in the manifest's order */
    size_t count;
    size_t room;
    json_t *index; /* namespace: {name: its number among them} */
};

/* Applies the manifest as `kubectl apply`, the controllers and admission would (embedded/expand.h,
 * embedded/admission.h). A pod that is there stays as it is and is asked about, also when its
 * controller named it otherwise (embedded/existing.h). Warnings go to standard error. Returns an
 * exit code of cli.h; when it is not CLI_OK, `err` says why. */
int plan_manifest_apply(struct snapshot *snapshot, const char *path, const char *name_space,
                        struct question *question, struct err *err);

void question_finish(struct question *question);

#endif
