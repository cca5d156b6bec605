// SPDX-License-Identifier: Apache-2.0
/* Reasons are true. Random gangs that do not fit, each explained by the engine, and every word of
 * it checked against a model of a few loops, which shares no code with the engine: the account adds
 * up and each kind is what the model counts, the resource named is short on a node of the rest, and
 * without the named blocker the gang fits, by trying every placement.
 *
 * PHALANX_REASONS: how many gangs that do not fit (default 2000).
 */
#include "test/property/reasons_model.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static const char *const resource_names[RESOURCES] = {"cpu", "pods", "nvidia.com/gpu",
                                                      "example.com/rare"};

static const char *const kind_names[KINDS] = {"noResource", "unknownTopology", "cordon",   "taint",
                                              "selector",   "exclusive",       "conflict", "veto"};

static const char *const pools[] = {"a", "b"};

static const char *const level_names[] = {NULL, "rack", "host"};

/* ---- telling the engine ---- */

static void tell_node(struct world *world, const struct model *model, int i)
{
    const struct model_node *node = &model->nodes[i];
    char name[32], rack[32];
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
    char uid[32], node[32], gang[32];
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
                                    .placed_here = pod->gang >= 0,
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
    char uid[48], role[32];
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
    snprintf(role, sizeof role, "role"); /* one: so all of them share the required level */
    event.pod = (struct pod_object){.name_space = "ns",
                                    .name = uid,
                                    .uid = uid,
                                    .role = role,
                                    .rank = 100 * s + i,
                                    .requests = amounts,
                                    .request_count = fill_amounts(shape->asks, amounts),
                                    .selector = &selector,
                                    .selector_count = shape->selector >= 0,
                                    .terms = &term,
                                    .term_count = shape->affinity >= 0,
                                    .tolerations = &toleration,
                                    .toleration_count = shape->tolerates,
                                    .gang = "asked",
                                    .gang_minimum = minimum};
    tell_claim(shape->slot, &claim, &event.pod);
    world_apply(world, &event);
}

/* What holds for all members is said by the group. */
static void tell_group(struct world *world, const struct model *model)
{
    struct event event = {.type = EVENT_GROUP, .more = true};
    event.group.name_space = "ns";
    event.group.name = "asked";
    event.group.uid = "asked";
    for (int s = 0; s < model->shape_count; s++) {
        event.group.minimum += model->shapes[s].count;
    }
    event.group.placement = (struct placement_object){
        .required_level = level_names[model->required],
        .exclusive_level = level_names[model->own],
    };
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
    tell_group(world, model);
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
    int s = model_number(model->shape_count);
    char uid[48], node[64];
    snprintf(uid, sizeof uid, "asked-%d-%d", s, model_number(model->shapes[s].count));
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
            left_out[model_kind(model, i, shape, WITHOUT_NOBODY)]++;
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
        int64_t left = model_free(model, node, r, WITHOUT_NOBODY);
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
    int slot = r < RESOURCES ? 0 : nodes->scarce[strlen("host port ")] - '0';
    int64_t asked = 0, left = 0, least = INT64_MAX;
    for (int s = 0; s < model->shape_count; s++) {
        asked += asks_of(&model->shapes[s], r, nodes->scarce) * model->shapes[s].count;
    }
    for (int i = 0; i < model->node_count; i++) {
        if (in_domain(model, i, nodes->domain)) {
            int64_t here = r < RESOURCES ? model_free(model, i, r, WITHOUT_NOBODY)
                                         : !model_slot_taken(model, i, slot, WITHOUT_NOBODY);
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
            model_kind(model, i, shape, WITHOUT_NOBODY) != KINDS) {
            continue;
        }
        int64_t copies = copies_on(model, i, shape);
        room += copies;
        lacks = lacks || (r == RESOURCES ? asks_of(shape, r, nodes->scarce) > 0 && copies == 1
                                         : model_free(model, i, r, WITHOUT_NOBODY) <
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
        ck_assert_msg(model_fits(model, WITHOUT_ORDINARY), "not in the way: %s", view->reason);
    }
    if (shortfall->blocker != NULL) {
        int gang = shortfall->blocker[strlen("ns/g")] - '0';
        ck_assert_msg(model_fits(model, gang), "not in the way: %s", view->reason);
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
    bool expected = model_fits(model, WITHOUT_NOBODY);
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
        struct model model;
        struct world world;
        model_draw(&model, seed);
        world_init(&world);
        tell(&world, &model);
        for (int i = model_chance(30) ? 1 + model_number(4) : 0; i > 0; i--) {
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
