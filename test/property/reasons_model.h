// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_PROPERTY_REASONS_MODEL_H
#define TEST_PROPERTY_REASONS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* A few nodes, what runs there, and a gang that is asked about, as plain loops see them: nothing of
 * the engine is in it. */

#define MODEL_NODES   8
#define MODEL_RUNNING 10
#define GANGS         3 /* running ones */
#define MODEL_SHAPES  2
#define KINDS         8
#define RESOURCES     4 /* cpu, pods, GPUs, something that few nodes have */

struct model_node {
    int rack; /* -1: unknown */
    bool cordoned, tainted;
    int pool;
    int64_t has[RESOURCES];
};

struct model_pod {
    int node;
    int gang; /* -1: none */
    int64_t asks[RESOURCES];
    int slot; /* host port, or 0 */
};

struct model_shape {
    int count;
    int64_t asks[RESOURCES];
    bool tolerates;
    int selector, affinity; /* pool, or -1 */
    int slot;
    bool vetoed[MODEL_NODES];
};

enum span { CLUSTER, RACK, HOST };

struct model {
    struct model_node nodes[MODEL_NODES];
    int node_count;
    struct model_pod running[MODEL_RUNNING];
    int running_count;
    enum span exclusive[GANGS]; /* CLUSTER: none */
    struct model_shape shapes[MODEL_SHAPES];
    int shape_count;
    enum span required;
    enum span own; /* exclusive; CLUSTER: none */
};

/* Whom the model leaves out when it is asked "and without …?". */
#define WITHOUT_NOBODY   (-2)
#define WITHOUT_ORDINARY (-1)

/* A random one; the same for the same seed. */
void model_draw(struct model *model, uint64_t seed);
/* Goes on with the random numbers of the last model: 0 … bound - 1, and a chance in percent. */
int model_number(int bound);
bool model_chance(int percent);

/* What is free on a node, and whether somebody has the slot there. */
int64_t model_free(const struct model *model, int node, int resource, int without);
bool model_slot_taken(const struct model *model, int node, int slot, int without);

/* What leaves the node out for the shape: the first kind that holds, or KINDS. */
int model_kind(const struct model *model, int node, const struct model_shape *shape, int without);

/* Whether the gang fits, by trying every placement. */
bool model_fits(const struct model *model, int without);

#endif
