// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_NODE_MATCH_H
#define API_IMPORT_NODE_MATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "topology/base/err.h"
#include "topology/graph/nodes.h"

/* Which nodes a selector means: a regular expression on the name, or a label selector.
 *
 * Volcano compiles patterns with Go's regexp (RE2) and searches the name for them, so "^" and "$"
 * must be written where they are meant. Here they are POSIX extended expressions, and what the two
 * take differently is rewritten or refused by name:
 *
 * - \d, \D, \w, \W and (?: are rewritten. Any other escape of a letter or digit is refused (\b, \A,
 *   \p, \Q, back references), and so are other groups with "(?", flags included.
 * - A backslash within brackets is refused, but for "\." and "\-" at the end of the brackets.
 * - "{" must begin a repetition {n}, {n,} or {n,m}. A pattern has at most NODE_MATCH_PATTERN_MAX
 *   bytes, and NODE_MATCH_SIZE_MAX bytes and classes when its repetitions are written out (RE2 has
 *   a limit of 1000 for nested repetitions).
 * - A repetition of nothing ("*node") or of a repetition ("a**") is refused, as in Go. The "?" of
 *   "a+?" is left out: greedy or not makes no difference to whether a name matches.
 */

#define NODE_MATCH_PATTERN_MAX 256
#define NODE_MATCH_SIZE_MAX    2000

struct node_match;

int node_match_pattern(const char *pattern, struct node_match **match, struct err *err);

/* metav1.LabelSelector {matchLabels, matchExpressions: [{key, operator, values}]}, all of which
 * must hold; copied. An empty one matches no node, as in Volcano. */
int node_match_selector(const json_t *selector, struct node_match **match, struct err *err);

void node_match_destroy(struct node_match *match);

/* Whether the name alone decides. */
bool node_match_by_name(const struct node_match *match);

bool node_match_test(const struct node_match *match, const struct node_object *node);

#endif
