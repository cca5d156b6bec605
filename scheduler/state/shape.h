// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_SHAPE_H
#define SCHEDULER_STATE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/objects.h"
#include "scheduler/state/admission.h"
#include "topology/graph/nodes.h"
#include "topology/graph/resources.h"

/* Pod shapes: what a pod asks of a node, without who it is.
 *
 * All workers of a job have one shape, so "how many of these fit where" is worked out once per
 * shape and not once per pod. A shape is the effective requests, the claims, the node selector, the
 * required and preferred node affinity and the tolerations. A claim is a request for a slot
 * (resources.h). Equal shapes share an id; ids are counted by reference and reused.
 */

#define SHAPES_MAX      (1u << 20)
#define SHAPE_WORDS_MAX 8192        /* in the rules of one: keys, values, tolerations … */
#define SHAPES_TEXT_MAX (64u << 20) /* bytes of the rules of all, see wording.h */
#define SHAPE_NONE      UINT32_MAX

struct shapes;

/* *New* table; a shape keeps its words in the vocabulary of `nodes` (*borrowed* for its life). */
struct shapes *shapes_create(struct nodes *nodes);
void shapes_destroy(struct shapes *shapes);

/* The id of the pod's shape with one reference more, or SHAPE_NONE when a limit is passed: then
 * *refusal (NULL: not asked for) says which, in words that never change and begin like this. */
#define SHAPE_REFUSED "Phalanx cannot place the pod: "
uint32_t shapes_acquire(struct shapes *shapes, const struct pod_object *pod, const char **refusal);
/* The same of what can be known of a pod beyond a limit: its requests, SHAPE_CHARGED_MAX of them,
 * as far as they have room. It is no shape to plan with. Never SHAPE_NONE. */
#define SHAPE_CHARGED_MAX 256
uint32_t shapes_acquire_known(struct shapes *shapes, const struct pod_object *pod);
/* One reference more to a shape that is in use. */
void shapes_retain(struct shapes *shapes, uint32_t shape);
/* One reference less; true when that was the last one and the id is void. */
bool shapes_release(struct shapes *shapes, uint32_t shape);

const struct resources *shapes_request(const struct shapes *shapes,
                                       uint32_t shape); /* *borrowed* */

/* How many whole GPUs a pod of the shape asks for: the first resource, by name, that ends in "/gpu"
 * (nvidia.com/gpu, amd.com/gpu). 0: none, *resource is then NAMES_NONE. */
uint32_t shapes_gpus(const struct shapes *shapes, uint32_t shape, uint32_t *resource);

/* How pods of the shape have to be spread; no key: they need not be. *Borrowed*, as the shape. */
struct spread_object shapes_spread(const struct shapes *shapes, uint32_t shape);

/* Which nodes pods of the shape like more than others: words for admission_liking(), or NULL when
 * they like all alike. *Borrowed*, as the shape. */
const uint32_t *shapes_likings(const struct shapes *shapes, uint32_t shape);

/* Whether the rules of the shape name the one node it may run on: by a selector on the hostname, or
 * in every term of its node affinity the same one. */
bool shapes_names_node(const struct shapes *shapes, uint32_t shape);
/* The row of that node, if there is one of that name and the rules let pods in; NAMES_NONE. */
uint32_t shapes_pinned(const struct shapes *shapes, uint32_t shape);

/* Whether pods of the shape may run on the node at all, free capacity aside. */
bool shapes_admits(const struct shapes *shapes, uint32_t shape, uint32_t row);
/* The rules that decide that: many shapes have the same ones. *Borrowed*; the words mean something
 * as long as a shape has them, in whoever's copy. */
struct admission shapes_admission(const struct shapes *shapes, uint32_t shape);
bool shapes_rules_admit(const struct shapes *shapes, const struct admission *admission,
                        uint32_t row);
/* The same with the reason, of a node that is present (admission.h). */
enum admission_refusal shapes_rules_refusal(const struct shapes *shapes,
                                            const struct admission *admission, uint32_t row,
                                            uint32_t *key);

/* Saves the table, or loads it into an empty one; the words of `nodes` are loaded already. Shapes
 * keep their ids, and have one reference each until shapes_loaded(), when whoever has one has been
 * loaded. */
void shapes_checkpoint(struct shapes *shapes, struct checkpoint *checkpoint);
void shapes_loaded(struct shapes *shapes);
/* Whether the id is that of a shape. */
bool shapes_has(const struct shapes *shapes, uint32_t shape);

/* Other bounds than SHAPES_MAX and SHAPES_TEXT_MAX. For tests. */
void shapes_limit(struct shapes *shapes, uint32_t most, size_t text);
/* How many there are, and how much the rules of all are. */
uint32_t shapes_count(const struct shapes *shapes);
size_t shapes_text(const struct shapes *shapes);

/* The table given to shapes_create(). */
const struct nodes *shapes_nodes(const struct shapes *shapes);

#endif
