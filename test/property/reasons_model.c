// SPDX-License-Identifier: Apache-2.0
#include "test/property/reasons_model.h"

#include <string.h>

static uint64_t state;

int model_number(int bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int)(state % (uint64_t)bound);
}

bool model_chance(int percent)
{
    return model_number(100) < percent;
}

/* ---- the model's answers ---- */

int64_t model_free(const struct model *model, int node, int resource, int without)
{
    int64_t left = model->nodes[node].has[resource];
    for (int i = 0; i < model->running_count; i++) {
        if (model->running[i].node == node && model->running[i].gang != without) {
            left -= model->running[i].asks[resource];
        }
    }
    return left;
}

bool model_slot_taken(const struct model *model, int node, int slot, int without)
{
    for (int i = 0; slot != 0 && i < model->running_count; i++) {
        const struct model_pod *pod = &model->running[i];
        if (pod->node == node && pod->slot == slot && pod->gang != without) {
            return true;
        }
    }
    return false;
}

static bool same_domain(const struct model *model, int a, int b, enum span level)
{
    if (level == RACK && model->nodes[a].rack >= 0) {
        return model->nodes[a].rack == model->nodes[b].rack;
    }
    return a == b;
}

static bool is_kept(const struct model *model, int node, int without)
{
    for (int i = 0; i < model->running_count; i++) {
        const struct model_pod *pod = &model->running[i];
        if (pod->gang < 0 || pod->gang == without) {
            continue;
        }
        enum span theirs = model->exclusive[pod->gang];
        if ((theirs != CLUSTER && same_domain(model, pod->node, node, theirs)) ||
            (model->own != CLUSTER && same_domain(model, pod->node, node, model->own))) {
            return true;
        }
    }
    return false;
}

static bool lacks_all(const struct model_node *node, const struct model_shape *shape)
{
    for (int r = 0; r < RESOURCES; r++) {
        if (shape->asks[r] > 0 && node->has[r] == 0) {
            return true;
        }
    }
    return false;
}

/* The first kind that holds, or KINDS. */
int model_kind(const struct model *model, int node, const struct model_shape *shape, int without)
{
    const struct model_node *at = &model->nodes[node];
    const bool holds[KINDS] = {
        lacks_all(at, shape),
        model->required == RACK && at->rack < 0,
        at->cordoned,
        at->tainted && !shape->tolerates,
        (shape->selector >= 0 && shape->selector != at->pool) ||
            (shape->affinity >= 0 && shape->affinity != at->pool),
        is_kept(model, node, without),
        model_slot_taken(model, node, shape->slot, without),
        shape->vetoed[node],
    };
    int kind = 0;
    while (kind < KINDS && !holds[kind]) {
        kind++;
    }
    return kind;
}

struct trial {
    const struct model *model;
    int without;
    int64_t left[MODEL_NODES][RESOURCES];
    bool slots[MODEL_NODES][3];
    bool usable[MODEL_NODES][MODEL_SHAPES];
};

static bool take(struct trial *trial, int node, const struct model_shape *shape)
{
    for (int r = 0; r < RESOURCES; r++) {
        if (shape->asks[r] > 0 && trial->left[node][r] < shape->asks[r]) {
            return false;
        }
    }
    if (shape->slot != 0 && trial->slots[node][shape->slot]) {
        return false;
    }
    for (int r = 0; r < RESOURCES; r++) {
        trial->left[node][r] -= shape->asks[r];
    }
    trial->slots[node][shape->slot] = shape->slot != 0;
    return true;
}

static void give(struct trial *trial, int node, const struct model_shape *shape)
{
    for (int r = 0; r < RESOURCES; r++) {
        trial->left[node][r] += shape->asks[r];
    }
    trial->slots[node][shape->slot] = false;
}

/* Whether the rest of the pods finds places: `placed` of the shape have them, on nodes up to
 * `from`, all in the domain of `first` (-1: none has one yet). */
static bool fill(struct trial *trial, int s, int placed, int from, int first)
{
    const struct model *model = trial->model;
    if (s == model->shape_count) {
        return true;
    }
    const struct model_shape *shape = &model->shapes[s];
    if (placed == shape->count) {
        return fill(trial, s + 1, 0, 0, first);
    }
    for (int node = from; node < model->node_count; node++) {
        bool together = model->required == CLUSTER || first < 0 ||
                        same_domain(model, first, node, model->required);
        if (!trial->usable[node][s] || !together || !take(trial, node, shape)) {
            continue;
        }
        bool found = fill(trial, s, placed + 1, node, first < 0 ? node : first);
        give(trial, node, shape);
        if (found) {
            return true;
        }
    }
    return false;
}

bool model_fits(const struct model *model, int without)
{
    struct trial trial = {.model = model, .without = without};
    for (int node = 0; node < model->node_count; node++) {
        for (int r = 0; r < RESOURCES; r++) {
            trial.left[node][r] = model_free(model, node, r, without);
        }
        for (int slot = 1; slot < 3; slot++) {
            trial.slots[node][slot] = model_slot_taken(model, node, slot, without);
        }
        for (int s = 0; s < model->shape_count; s++) {
            int kind = model_kind(model, node, &model->shapes[s], without);
            trial.usable[node][s] = kind == KINDS;
        }
    }
    return fill(&trial, 0, 0, 0, -1);
}

/* ---- drawing ---- */

static void draw_nodes(struct model *model)
{
    model->node_count = 2 + model_number(MODEL_NODES - 1);
    int taints = model_number(3) * 25, cordons = model_number(3) * 20;
    for (int i = 0; i < model->node_count; i++) {
        struct model_node *node = &model->nodes[i];
        *node = (struct model_node){.rack = i == 0 || !model_chance(15) ? model_number(3) : -1,
                                    .cordoned = model_chance(cordons),
                                    .tainted = model_chance(taints),
                                    .pool = model_number(2),
                                    .has = {2000 + 1000 * model_number(7), 3 + model_number(5),
                                            model_chance(20) ? 0 : 2 * (1 + model_number(4)),
                                            model_chance(85) ? 0 : 1 + model_number(3)}};
    }
}

static void draw_running(struct model *model)
{
    int tries = model_number(MODEL_RUNNING + 1);
    for (int g = 0; g < GANGS; g++) {
        model->exclusive[g] = model_chance(80) ? CLUSTER : model_chance(50) ? RACK : HOST;
    }
    for (int i = 0; i < tries; i++) {
        int node = model_number(model->node_count);
        struct model_pod pod = {.node = node,
                                .gang = model_number(GANGS + 1) - 1,
                                .asks = {500 * (1 + model_number(4)), 1, model_number(9), 0},
                                .slot = model_chance(20) ? 1 + model_number(2) : 0};
        bool room = !model_slot_taken(model, node, pod.slot, WITHOUT_NOBODY);
        for (int r = 0; r < RESOURCES; r++) {
            room = room && model_free(model, node, r, WITHOUT_NOBODY) >= pod.asks[r];
        }
        if (room) {
            model->running[model->running_count++] = pod;
        }
    }
}

static void draw_asked(struct model *model)
{
    model->required = model_chance(50) ? CLUSTER : model_chance(70) ? RACK : HOST;
    model->own = model_chance(85) ? CLUSTER : model_chance(50) ? RACK : HOST;
    model->shape_count = model_chance(70) ? 1 : 2;
    for (int s = 0; s < model->shape_count; s++) {
        model->shapes[s] = (struct model_shape){.count = 1 + model_number(4),
                                                .asks = {500 * (1 + model_number(4)), 1,
                                                         model_chance(80) ? 1 + model_number(8) : 0,
                                                         model_chance(7) ? 1 : 0},
                                                .tolerates = model_chance(40),
                                                .selector = model_chance(25) ? model_number(2) : -1,
                                                .affinity = model_chance(15) ? model_number(2) : -1,
                                                .slot = model_chance(15) ? 1 + model_number(2) : 0};
    }
    if (model->shape_count == 2 &&
        memcmp(model->shapes[0].asks, model->shapes[1].asks, sizeof model->shapes[0].asks) == 0) {
        model->shapes[1].asks[0] += 100; /* two shapes they are */
    }
}

void model_draw(struct model *model, uint64_t seed)
{
    *model = (struct model){.node_count = 0};
    state = seed * UINT64_C(0x9e3779b97f4a7c15);
    draw_nodes(model);
    draw_running(model);
    draw_asked(model);
}
