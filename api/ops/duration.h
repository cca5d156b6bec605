// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_DURATION_H
#define API_OPS_DURATION_H

#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Durations as Go writes them (time.ParseDuration), which is how every Kubernetes component takes
 * them: "30s", "1m30s", "1.5h", "500ms", "0".
 *
 *   duration = sign? ( digits ('.' digits)? unit )+ | sign? "0"
 *   unit     = ns | us | µs | ms | s | m | h
 *
 * Phalanx counts in whole milliseconds; a duration that is finer is an error, not rounded. Nothing
 * is computed in floating point.
 */

#define DURATION_TEXT_MAX 64

/* Reads at most DURATION_TEXT_MAX characters into milliseconds. */
int duration_parse(const char *text, int64_t *milliseconds, struct err *err);

/* Writes milliseconds >= 0 in Go's form, whole units only ("1m30s", "1s500ms"); cut at `size`;
 * returns `text`. */
const char *duration_text(int64_t milliseconds, char *text, size_t size);

#endif
