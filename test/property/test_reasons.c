// SPDX-License-Identifier: Apache-2.0
/* Reasons are true. Random gangs that do not fit, each explained by the engine, and every word of it
 * checked against a model of a few loops, which shares no code with the engine: the account adds up
 * and each kind is what the model counts, the resource named is short on a node of the rest, and
 * without the named blocker the gang fits, by trying every placement.
 *
 * PHALANX_REASONS: how many gangs that do not fit (default 2000).
 */
#include <inttypes.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define MODEL_NODES   8
#define MODEL_RUNNING 10
#define GANGS         3 /* running ones */
#define MODEL_SHAPES  2
#define KINDS         8
#define RESOURCES     4 /* cpu, pods, GPUs, something that few nodes have */

static const char *const resource_names[RESOURCES] = {"cpu", "pods", "nvidia.com/gpu",
                                                      "example.com/rare"};
static const char *const kind_names[KINDS] = {"noResource", "unknownTopology", "cordon",   "taint",
                                              "selector",   "exclusive",       "conflict", "veto"};
static const char *const pools[] = {"a", "b"};

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
static const char *const level_names[] = {NULL, "rack", "host"};

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

static uint64_t state;

static int draw(int bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int)(state % (uint64_t)bound);
}

static bool chance(int percent)
{
    return draw(100) < percent;
}

/* ---- the model's answers ---- */

/* Whom the model leaves out when it is asked "and without …?". */
#define WITHOUT_NOBODY   (-2)
#define WITHOUT_ORDINARY (-1)

static int64_t free_on(const struct model *model, int node, int resource, int without)
{
    int64_t left = model->nodes[node].has[resource];
    for (int i = 0; i < model->running_count; i++) {
        if (model->running[i].node == node && model->running[i].gang != without) {
            left -= model->running[i].asks[resource];
        }
    }
    return left;
}

static bool slot_taken(const struct model *model, int node, int slot, int without)
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
static int kind_of(const struct model *model, int node, const struct model_shape *shape,
                   int without)
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
        slot_taken(model, node, shape->slot, without),
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

/* Whether the rest of the pods finds places: `placed` of the shape have them, on nodes up to `from`,
 * all in the domain of `first` (-1: none has one yet). */
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

static bool fits(const struct model *model, int without)
{
    struct trial trial = {.model = model, .without = without};
    for (int node = 0; node < model->node_count; node++) {
        for (int r = 0; r < RESOURCES; r++) {
            trial.left[node][r] = free_on(model, node, r, without);
        }
        for (int slot = 1; slot < 3; slot++) {
            trial.slots[node][slot] = slot_taken(model, node, slot, without);
        }
        for (int s = 0; s < model->shape_count; s++) {
            int kind = kind_of(model, node, &model->shapes[s], without);
            trial.usable[node][s] = kind == KINDS;
        }
    }
    return fill(&trial, 0, 0, 0, -1);
}

/* ---- drawing ---- */

static void draw_nodes(struct model *model)
{
    model->node_count = 2 + draw(MODEL_NODES - 1);
    int taints = draw(3) * 25, cordons = draw(3) * 20;
    for (int i = 0; i < model->node_count; i++) {
        struct model_node *node = &model->nodes[i];
        *node = (struct model_node){.rack = i == 0 || !chance(15) ? draw(3) : -1,
                                    .cordoned = chance(cordons),
                                    .tainted = chance(taints),
                                    .pool = draw(2),
                                    .has = {2000 + 1000 * draw(7), 3 + draw(5),
                                            chance(20) ? 0 : 2 * (1 + draw(4)),
                                            chance(85) ? 0 : 1 + draw(3)}};
    }
}

static void draw_running(struct model *model)
{
    int tries = draw(MODEL_RUNNING + 1);
    for (int g = 0; g < GANGS; g++) {
        model->exclusive[g] = chance(80) ? CLUSTER : chance(50) ? RACK : HOST;
    }
    for (int i = 0; i < tries; i++) {
        int node = draw(model->node_count);
        struct model_pod pod = {.node = node,
                                .gang = draw(GANGS + 1) - 1,
                                .asks = {500 * (1 + draw(4)), 1, draw(9), 0},
                                .slot = chance(20) ? 1 + draw(2) : 0};
        bool room = !slot_taken(model, node, pod.slot, WITHOUT_NOBODY);
        for (int r = 0; r < RESOURCES; r++) {
            room = room && free_on(model, node, r, WITHOUT_NOBODY) >= pod.asks[r];
        }
        if (room) {
            model->running[model->running_count++] = pod;
        }
    }
}

static void draw_asked(struct model *model)
{
    model->required = chance(50) ? CLUSTER : chance(70) ? RACK : HOST;
    model->own = chance(85) ? CLUSTER : chance(50) ? RACK : HOST;
    model->shape_count = chance(70) ? 1 : 2;
    for (int s = 0; s < model->shape_count; s++) {
        model->shapes[s] = (struct model_shape){
            .count = 1 + draw(4),
            .asks = {500 * (1 + draw(4)), 1, chance(80) ? 1 + draw(8) : 0, chance(7) ? 1 : 0},
            .tolerates = chance(40),
            .selector = chance(25) ? draw(2) : -1,
            .affinity = chance(15) ? draw(2) : -1,
            .slot = chance(15) ? 1 + draw(2) : 0};
    }
    if (model->shape_count == 2 &&
        memcmp(model->shapes[0].asks, model->shapes[1].asks, sizeof model->shapes[0].asks) == 0) {
        model->shapes[1].asks[0] += 100; /* two shapes they are */
    }
}

/* ---- telling the engine ---- */

static void tell_node(struct world *world, const struct model *model, int i)
{
    const struct model_node *node = &model->nodes[i];
    char name[8], rack[8];
    snprintf(name, sizeof name, "n%d", i);
    snprintf(rack, sizeof rack, "r%d", node->rack);
    struct label_object labels[] = {{"kubernetes.io/hostname", name},
                                    {"pool", pools[node->pool]},
                                    {"topology.kubernetes.io/rack", rack}};
    struct amount_object amounts[RESOURCES];
    struct taint_object taint = {"dedicated", "x", TAINT_NO_SCHEDULE};
    struct event event = {.type = EVENT_NODE};
    for (int r = 0; r < RESOURCES; r++) {
        if (node->has[r] > 0) {
            amounts[event.node.allocatable_count++] =
                (struct amount_object){resource_names[r], node->has[r]};
        }
    }
    event.node.name = name;
    event.node.labels = labels;
    event.node.label_count = node->rack < 0 ? 2 : 3;
    event.node.allocatable = amounts;
    event.node.taints = &taint;
    event.node.taint_count = node->tainted;
    event.node.unschedulable = node->cordoned;
    world_apply(world, &event);
}

static size_t fill_amounts(const int64_t asks[RESOURCES], struct amount_object amounts[RESOURCES])
{
    size_t count = 0;
    for (int r = 0; r < RESOURCES; r++) {
        if (asks[r] > 0) {
            amounts[count++] = (struct amount_object){resource_names[r], asks[r]};
        }
    }
    return count;
}

static void tell_claim(int slot, struct claim_object *claim, struct pod_object *pod)
{
    *claim = (struct claim_object){slot == 1 ? "host port 1/TCP" : "host port 2/TCP", true};
    pod->claims = claim;
    pod->claim_count = slot != 0;
}

static void tell_running(struct world *world, const struct model *model, int i)
{
    const struct model_pod *pod = &model->running[i];
    char uid[16], node[8], gang[8];
    struct amount_object amounts[RESOURCES];
    struct claim_object claim;
    struct event event = {.type = EVENT_POD};
    snprintf(uid, sizeof uid, "p%d", i);
    snprintf(node, sizeof node, "n%d", pod->node);
    snprintf(gang, sizeof gang, "g%d", pod->gang);
    event.pod = (struct pod_object){.name_space = "ns",
                                    .name = uid,
                                    .uid = uid,
                                    .node = node,
                                    .rank = -1,
                                    .requests = amounts,
                                    .request_count = fill_amounts(pod->asks, amounts),
                                    .gang = pod->gang < 0 ? NULL : gang,
                                    .gang_minimum = 1};
    if (pod->gang >= 0) {
        event.pod.placement.exclusive_level = level_names[model->exclusive[pod->gang]];
    }
    tell_claim(pod->slot, &claim, &event.pod);
    world_apply(world, &event);
}

static void tell_asked(struct world *world, const struct model *model, int s, int i)
{
    const struct model_shape *shape = &model->shapes[s];
    char uid[24], role[8];
    struct amount_object amounts[RESOURCES];
    struct claim_object claim;
    struct toleration_object toleration = {
        .key = "dedicated", .operator= TOLERATION_EXISTS, .any_effect = true};
    struct label_object selector = {"pool", pools[shape->selector < 0 ? 0 : shape->selector]};
    const char *values[] = {pools[shape->affinity < 0 ? 0 : shape->affinity]};
    struct expression_object expression = {
        .key = "pool", .operator= SELECTOR_IN, .values = values, .value_count = 1};
    struct term_object term = {.expressions = &expression, .expression_count = 1};
    int minimum = 0;
    for (int k = 0; k < model->shape_count; k++) {
        minimum += model->shapes[k].count;
    }
    struct event event = {.type = EVENT_POD, .more = true};
    snprintf(uid, sizeof uid, "asked-%d-%d", s, i);
    snprintf(role, sizeof role, "role%d", s);
    event.pod = (struct pod_object){.name_space = "ns",
                                    .name = uid,
                                    .uid = uid,
                                    .role = role,
                                    .rank = i,
                                    .requests = amounts,
                                    .request_count = fill_amounts(shape->asks, amounts),
                                    .selector = &selector,
                                    .selector_count = shape->selector >= 0,
                                    .terms = &term,
                                    .term_count = shape->affinity >= 0,
                                    .tolerations = &toleration,
                                    .toleration_count = shape->tolerates,
                                    .gang = "asked",
                                    .gang_minimum = minimum,
                                    .placement = {.required_level = level_names[model->required],
                                                  .exclusive_level = level_names[model->own]}};
    tell_claim(shape->slot, &claim, &event.pod);
    world_apply(world, &event);
}

static void tell(struct world *world, const struct model *model)
{
    for (int i = 0; i < model->node_count; i++) {
        tell_node(world, model, i);
    }
    for (int i = 0; i < model->running_count; i++) {
        tell_running(world, model, i);
    }
    for (int s = 0; s < model->shape_count; s++) {
        for (int i = 0; i < model->shapes[s].count; i++) {
            tell_asked(world, model, s, i);
        }
    }
    world_event(world, EVENT_SYNCED);
    world_wait(world, 100);
}

/* kube-scheduler refuses the node of some member that is held, if there is one. */
static void veto(struct world *world, struct model *model)
{
    int s = draw(model->shape_count);
    char uid[24], node[64];
    snprintf(uid, sizeof uid, "asked-%d-%d", s, draw(model->shapes[s].count));
    if (world_node_of(world, "asked", uid, node)[0] == '\0') {
        return;
    }
    static const char *const nowhere[] = {NULL};
    world_filter(world, uid, node, nowhere);
    model->shapes[s].vetoed[world_number(node)] = true;
    world_wait(world, 3000);
}

/* ---- checking ---- */

static bool in_domain(const struct model *model, int node, const char *domain)
{
    return strcmp(domain, "cluster") == 0 ||
           (model->nodes[node].rack >= 0 && model->nodes[node].rack == domain[1] - '0');
}

/* Whether the account is that of the shape. */
static bool account_is_of(const struct model *model, const struct model_shape *shape,
                          const struct gang_nodes_view *nodes)
{
    uint32_t left_out[KINDS + 1] = {0};
    for (int i = 0; i < model->node_count; i++) {
        if (in_domain(model, i, nodes->domain)) {
            left_out[kind_of(model, i, shape, WITHOUT_NOBODY)]++;
        }
    }
    bool same = left_out[KINDS] == nodes->rest;
    for (uint32_t k = 0; k < nodes->left_out_count; k++) {
        for (int kind = 0; kind < KINDS; kind++) {
            same = same && (strcmp(kind_names[kind], nodes->left_out[k].kind) != 0 ||
                            left_out[kind] == nodes->left_out[k].nodes);
        }
    }
    return same;
}

/* How many of the shape the node takes, alone. */
static int64_t copies_on(const struct model *model, int node, const struct model_shape *shape)
{
    int64_t copies = shape->slot != 0 ? 1 : INT64_MAX;
    for (int r = 0; r < RESOURCES; r++) {
        int64_t left = free_on(model, node, r, WITHOUT_NOBODY);
        if (shape->asks[r] > 0 && left / shape->asks[r] < copies) {
            copies = left / shape->asks[r];
        }
    }
    return copies;
}

static int resource_of(const char *name)
{
    int r = 0;
    while (r < RESOURCES && strcmp(resource_names[r], name) != 0) {
        r++;
    }
    return r;
}

/* What the shape asks of a resource, or (RESOURCES) of the slot that has that name. */
static int64_t asks_of(const struct model_shape *shape, int resource, const char *name)
{
    if (resource < RESOURCES) {
        return shape->asks[resource];
    }
    return shape->slot != 0 && name[strlen("host port ")] == '0' + shape->slot;
}

/* Whether all pods together ask for more of it than is free in the domain; where all are to be on
 * one node, on some node of it. */
static bool is_short_together(const struct model *model, const struct gang_nodes_view *nodes)
{
    int r = resource_of(nodes->scarce);
    int64_t asked = 0, left = 0, least = INT64_MAX;
    for (int s = 0; s < model->shape_count; s++) {
        asked += asks_of(&model->shapes[s], r, nodes->scarce) * model->shapes[s].count;
    }
    for (int i = 0; i < model->node_count; i++) {
        if (in_domain(model, i, nodes->domain)) {
            int slot = nodes->scarce[strlen("host port ")] - '0';
            int64_t here = r < RESOURCES ? free_on(model, i, r, WITHOUT_NOBODY)
                                         : !slot_taken(model, i, slot, WITHOUT_NOBODY);
            left += here;
            least = here < least ? here : least;
        }
    }
    return asked > (model->required == HOST ? least : left);
}

/* Whether a node of the rest lacks the resource for one more of the shape than it takes. Where the
 * shape alone has room enough in the domain that is not enough: all together must ask for more than
 * there is. (Of a single node the account does not say which one it is.) */
static bool is_short(const struct model *model, const struct model_shape *shape,
                     const struct gang_nodes_view *nodes)
{
    int r = resource_of(nodes->scarce);
    int64_t room = 0;
    bool lacks = false;
    for (int i = 0; i < model->node_count; i++) {
        if (!in_domain(model, i, nodes->domain) ||
            kind_of(model, i, shape, WITHOUT_NOBODY) != KINDS) {
            continue;
        }
        int64_t copies = copies_on(model, i, shape);
        room += copies;
        lacks = lacks || (r == RESOURCES ? asks_of(shape, r, nodes->scarce) > 0 && copies == 1
                                         : free_on(model, i, r, WITHOUT_NOBODY) <
                                               (copies + 1) * shape->asks[r]);
    }
    if (model->shape_count == 1 || (room < shape->count && lacks)) {
        return lacks;
    }
    return (model->required == HOST && lacks) || is_short_together(model, nodes);
}

static bool nobody_has(const struct model *model, const char *name)
{
    int r = resource_of(name);
    for (int i = 0; i < model->node_count; i++) {
        if (model->nodes[i].has[r] > 0) {
            return false;
        }
    }
    return true;
}

struct seen {
    int infeasible, named, blockers, ordinary, nowhere;
    int kinds[KINDS];
};

static void check_nodes(const struct model *model, const struct gang_view *view, struct seen *seen)
{
    const struct gang_nodes_view *nodes = &view->shortfall.nodes;
    uint32_t sum = nodes->rest, total = 0;
    bool matched = false, scarce = nodes->scarce == NULL;
    ck_assert_msg(view->shortfall.has_nodes, "%s", view->reason);
    for (int i = 0; i < model->node_count; i++) {
        total += in_domain(model, i, nodes->domain);
    }
    ck_assert_msg(nodes->nodes == total, "%u of %u: %s", nodes->nodes, total, view->reason);
    for (uint32_t k = 0; k < nodes->left_out_count; k++) {
        sum += nodes->left_out[k].nodes;
        for (int kind = 0; kind < KINDS; kind++) {
            seen->kinds[kind] += nodes->left_out[k].nodes > 0 &&
                                 strcmp(kind_names[kind], nodes->left_out[k].kind) == 0;
        }
    }
    ck_assert_msg(sum == total, "does not add up: %s", view->reason);
    for (int s = 0; s < model->shape_count; s++) {
        if (account_is_of(model, &model->shapes[s], nodes)) {
            matched = true;
            scarce = scarce || is_short(model, &model->shapes[s], nodes);
        }
    }
    ck_assert_msg(matched, "another account: %s", view->reason);
    ck_assert_msg(scarce, "%s is not short: %s", nodes->scarce, view->reason);
    if (model->shape_count == 1) {
        ck_assert_msg((nodes->scarce != NULL) == (nodes->rest > 0), "nothing is short: %s",
                      view->reason);
    }
    if (nodes->nowhere) {
        ck_assert_msg(nobody_has(model, nodes->missing), "%s", view->reason);
    }
    seen->named += nodes->scarce != NULL;
    seen->nowhere += nodes->nowhere;
}

static void check_blocker(const struct model *model, const struct gang_view *view,
                          struct seen *seen)
{
    const struct gang_shortfall_view *shortfall = &view->shortfall;
    bool said = strstr(view->reason, "blocked by") != NULL;
    ck_assert_msg(said == (shortfall->blocker != NULL || shortfall->ordinary), "%s", view->reason);
    if (shortfall->ordinary) {
        ck_assert_msg(fits(model, WITHOUT_ORDINARY), "not in the way: %s", view->reason);
    }
    if (shortfall->blocker != NULL) {
        int gang = shortfall->blocker[strlen("ns/g")] - '0';
        ck_assert_msg(fits(model, gang), "not in the way: %s", view->reason);
    }
    seen->blockers += shortfall->blocker != NULL;
    seen->ordinary += shortfall->ordinary;
}

/* The words say what the numbers say, and the same when asked again. */
static void check_words(struct world *world, const struct gang_view *view)
{
    char first[600];
    const struct gang_nodes_view *nodes = &view->shortfall.nodes;
    snprintf(first, sizeof first, "%s", view->reason);
    ck_assert_msg((strstr(first, "each needs") != NULL) == (nodes->scarce != NULL), "%s", first);
    ck_assert_msg(nodes->scarce == NULL || strstr(first, nodes->scarce) != NULL, "%s", first);
    ck_assert_str_eq(world_reason(world, "asked"), first);
}

static void check(struct world *world, const struct model *model, struct seen *seen)
{
    struct arena arena;
    (void)world_reason(world, "asked");
    arena_init(&arena);
    struct gang_view view = world_view(world, "asked", &arena);
    bool expected = fits(model, WITHOUT_NOBODY);
    if (view.state == GANG_WAITING && !expected) {
        seen->infeasible++;
        check_nodes(model, &view, seen);
        check_blocker(model, &view, seen);
        check_words(world, &view);
    } else {
        ck_assert_msg((view.state == GANG_HELD) == expected, "%s: %s", gang_state_name(view.state),
                      view.reason);
    }
    arena_finish(&arena);
}

static int wanted(void)
{
    const char *text = getenv("PHALANX_REASONS");
    return text == NULL ? 2000 : (int)strtol(text, NULL, 10);
}

START_TEST(reasons_are_true)
{
    struct seen seen = {0};
    int most = wanted();
    for (uint64_t seed = 1; seen.infeasible < most; seed++) {
        struct model model = {.node_count = 0};
        struct world world;
        state = seed * UINT64_C(0x9e3779b97f4a7c15);
        draw_nodes(&model);
        draw_running(&model);
        draw_asked(&model);
        world_init(&world);
        tell(&world, &model);
        for (int i = chance(30) ? 1 + draw(4) : 0; i > 0; i--) {
            veto(&world, &model);
        }
        check(&world, &model, &seen);
        world_finish(&world);
    }
    printf("%d gangs that do not fit: %d name a resource, %d a gang in the way, %d other pods, %d "
           "what nobody has; nodes left out:",
           seen.infeasible, seen.named, seen.blockers, seen.ordinary, seen.nowhere);
    for (int kind = 0; kind < KINDS; kind++) {
        printf(" %s %d", kind_names[kind], seen.kinds[kind]);
        ck_assert_msg(most < 2000 || seen.kinds[kind] > 0, "never %s", kind_names[kind]);
    }
    printf("\n");
    ck_assert(most < 2000 || (seen.named > 0 && seen.blockers > 0 && seen.ordinary > 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reasons");
    TCase *tcase = tcase_create("reasons");
    tcase_add_test(tcase, reasons_are_true);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
