// SPDX-License-Identifier: Apache-2.0
/* What pods require of each other, against kube-scheduler's rule as it is written down: pod by pod,
 * every pair looked at (pkg/scheduler/framework/plugins/interpodaffinity/filtering.go). Random
 * clusters, pods that stand, and a gang.
 *
 *   a plan          its members can be bound in some order, each let in by the rule
 *   no plan         no placement of all of them can be, tried one by one; unless the reason says
 *                   that the search might have missed it
 *
 * PHALANX_AFFINITY: how many instances (default 4000).
 */
#include "test/simulation/random.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define MODEL_NODES 5
#define STANDING    5
#define MEMBERS_MAX 4
#define TERMS_MAX   3
#define KEYS        4

static const char *const key_names[KEYS] = {"kubernetes.io/hostname", "topology.kubernetes.io/rack",
                                            "topology.kubernetes.io/zone",
                                            "example.org/power-feed"};
enum { HOSTNAME, RACK, ZONE, FEED };

static const char *const spaces[] = {"ns", "other"};

/* Labels of a pod: app and part, each one of these or absent. */
static const char *const apps[] = {"m", "db"};
static const char *const parts[] = {"a", "b"};

/* "app/part operator value" and in which namespaces. */
struct model_term {
    bool apart;
    int key;
    bool by_part;
    enum selector_operator relation;
    int value;
    int space; /* 2: all */
};

struct model_pod {
    int space;
    int app, part; /* -1: without */
    int node;
    struct model_term terms[TERMS_MAX];
    int term_count;
};

struct model {
    int node_count;
    int values[MODEL_NODES][KEYS]; /* -1: without the label */
    int slots[MODEL_NODES];
    struct model_pod standing[STANDING];
    int standing_count;
    struct model_pod members[MEMBERS_MAX];
    int member_count;
};

/* ---- the rule ---- */

static bool selects(const struct model_term *term, const struct model_pod *pod)
{
    int own = term->by_part ? pod->part : pod->app;
    bool here = term->space == 2 || term->space == pod->space;
    return here && (term->relation == SELECTOR_IN       ? own == term->value
                    : term->relation == SELECTOR_NOT_IN ? own != term->value
                    : term->relation == SELECTOR_EXISTS ? own >= 0
                                                        : own < 0);
}

static bool same_domain(const struct model *model, int key, int a, int b)
{
    return model->values[a][key] >= 0 && model->values[a][key] == model->values[b][key];
}

static bool keeps_away(const struct model *model, const struct model_pod *from,
                       const struct model_pod *pod, int from_node, int node)
{
    bool away = false;
    for (int t = 0; t < from->term_count; t++) {
        const struct model_term *term = &from->terms[t];
        away = away || (term->apart && selects(term, pod) &&
                        same_domain(model, term->key, from_node, node));
    }
    return away;
}

static bool all_select(const struct model_pod *from, const struct model_pod *pod)
{
    bool all = true;
    for (int t = 0; t < from->term_count; t++) {
        all = all && (from->terms[t].apart || selects(&from->terms[t], pod));
    }
    return all;
}

/* Whether the pod may go to the node beside pods that are where they are. */
static bool is_let_in(const struct model *model, const struct model_pod *pod, int node,
                      const struct model_pod *const *there, int count)
{
    bool met[TERMS_MAX] = {false}, anybody = false, all = true, labelled = true, asks = false;
    for (int i = 0; i < count; i++) {
        if (keeps_away(model, there[i], pod, there[i]->node, node) ||
            keeps_away(model, pod, there[i], node, there[i]->node)) {
            return false;
        }
        for (int t = 0; t < pod->term_count && all_select(pod, there[i]); t++) {
            int key = pod->terms[t].key;
            if (!pod->terms[t].apart) {
                anybody = anybody || model->values[there[i]->node][key] >= 0;
                met[t] = met[t] || same_domain(model, key, there[i]->node, node);
            }
        }
    }
    for (int t = 0; t < pod->term_count; t++) {
        if (!pod->terms[t].apart) {
            asks = true;
            labelled = labelled && model->values[node][pod->terms[t].key] >= 0;
            all = all && met[t];
        }
    }
    return !asks || (labelled && (all || (!anybody && all_select(pod, pod))));
}

/* Whether those that are left can be bound one by one, where `fixed` says or anywhere. */
static bool can_go_on(const struct model *model, struct model_pod *members, unsigned left,
                      const int *fixed, int *slots, const struct model_pod **there, int count)
{
    if (left == 0) {
        return true;
    }
    for (int m = 0; m < model->member_count; m++) {
        for (int node = 0; node < model->node_count && (left >> m & 1) != 0; node++) {
            if ((fixed != NULL && fixed[m] != node) || slots[node] == 0 ||
                !is_let_in(model, &members[m], node, there, count)) {
                continue;
            }
            members[m].node = node;
            there[count] = &members[m];
            slots[node]--;
            bool done =
                can_go_on(model, members, left & ~(1u << m), fixed, slots, there, count + 1);
            slots[node]++;
            if (done) {
                return true;
            }
        }
    }
    return false;
}

static bool is_possible(const struct model *model, const int *fixed)
{
    struct model_pod members[MEMBERS_MAX];
    const struct model_pod *there[STANDING + MEMBERS_MAX];
    int slots[MODEL_NODES];
    memcpy(members, model->members, sizeof members);
    memcpy(slots, model->slots, sizeof slots);
    for (int i = 0; i < model->standing_count; i++) {
        there[i] = &model->standing[i];
    }
    return can_go_on(model, members, (1u << model->member_count) - 1, fixed, slots, there,
                     model->standing_count);
}

/* ---- drawing ---- */

static void draw_term(struct random *random, bool member, struct model_term *term)
{
    static const enum selector_operator RELATIONS[] = {SELECTOR_IN,     SELECTOR_IN,
                                                       SELECTOR_IN,     SELECTOR_NOT_IN,
                                                       SELECTOR_EXISTS, SELECTOR_DOES_NOT_EXIST};
    *term = (struct model_term){
        .apart = random_chance(random, 650),
        .key = random_index(random, KEYS),
        .by_part = random_chance(random, 500),
        .relation = RELATIONS[random_index(random, 6)],
        .value = random_index(random, 2),
        .space = random_chance(random, 700) ? 0 : random_index(random, 3),
    };
    if (term->key == FEED && member) { /* among members that is left to kube-scheduler */
        term->by_part = false;
        term->relation = SELECTOR_IN;
        term->value = 1;
    }
}

static void draw_nodes(struct random *random, struct model *model)
{
    model->node_count = 2 + random_index(random, MODEL_NODES - 1);
    for (int n = 0; n < model->node_count; n++) {
        model->values[n][HOSTNAME] = n;
        for (int key = RACK; key < KEYS; key++) { /* of one name in two zones now and then */
            model->values[n][key] = random_chance(random, 120) ? -1 : random_index(random, 3);
        }
        model->slots[n] = 1 + random_index(random, 3);
    }
}

static void draw(struct random *random, struct model *model)
{
    memset(model, 0, sizeof *model);
    draw_nodes(random, model);
    model->standing_count = random_index(random, STANDING + 1);
    for (int i = 0; i < model->standing_count; i++) {
        struct model_pod *pod = &model->standing[i];
        *pod = (struct model_pod){
            .space = random_index(random, 2),
            .app = random_chance(random, 700) ? 1 : random_index(random, 3) - 1,
            .part = random_index(random, 3) - 1,
            .node = random_index(random, model->node_count),
            .term_count = random_chance(random, 300) ? 1 : 0,
        };
        draw_term(random, false, &pod->terms[0]);
    }
    struct model_pod roles[2] = {{.app = 0, .part = 0}, {.app = 0, .part = 1}};
    for (int r = 0; r < 2; r++) {
        roles[r].term_count = random_index(random, TERMS_MAX + 1);
        for (int t = 0; t < roles[r].term_count; t++) {
            draw_term(random, true, &roles[r].terms[t]);
        }
    }
    model->member_count = 1 + random_index(random, MEMBERS_MAX);
    for (int m = 0; m < model->member_count; m++) {
        model->members[m] = roles[random_chance(random, 650) ? 0 : 1];
    }
}

/* ---- telling the engine ---- */

static void tell_node(struct world *world, const struct model *model, int n)
{
    char texts[KEYS][16];
    struct label_object labels[KEYS];
    struct amount_object amounts[] = {{"cpu", model->slots[n]}, {"pods", 100}};
    struct event event = {.type = EVENT_NODE};
    for (int key = 0; key < KEYS; key++) {
        snprintf(texts[key], sizeof texts[key], "%c%d", "nrzf"[key], model -> values[n][key]);
        if (model->values[n][key] >= 0) {
            labels[event.node.label_count++] = (struct label_object){key_names[key], texts[key]};
        }
    }
    event.node.name = texts[HOSTNAME];
    event.node.labels = labels;
    event.node.allocatable = amounts;
    event.node.allocatable_count = 2;
    world_apply(world, &event);
}

static void tell_pod(struct world *world, const struct model_pod *pod, const char *uid, int minimum)
{
    struct label_object labels[2];
    struct amount_object amounts[] = {{"cpu", 1}, {"pods", 1}};
    struct affinity_object terms[TERMS_MAX];
    struct expression_object expressions[TERMS_MAX];
    char node[16];
    struct event event = {.type = EVENT_POD, .more = minimum > 0};
    snprintf(node, sizeof node, "n%d", pod->node);
    event.pod = (struct pod_object){
        .name_space = spaces[pod->space],
        .name = uid,
        .uid = uid,
        .rank = -1,
        .node = minimum > 0 ? NULL : node,
        .gang = minimum > 0 ? "gang" : NULL,
        .gang_minimum = minimum,
        .requests = minimum > 0 ? amounts : amounts + 1,
        .request_count = minimum > 0 ? 2 : 1,
        .labels = labels,
        .affinities = terms,
        .affinity_count = (size_t)pod->term_count,
    };
    if (pod->app >= 0) {
        labels[event.pod.label_count++] = (struct label_object){"app", apps[pod->app]};
    }
    if (pod->part >= 0) {
        labels[event.pod.label_count++] = (struct label_object){"part", parts[pod->part]};
    }
    for (int t = 0; t < pod->term_count; t++) {
        const struct model_term *term = &pod->terms[t];
        bool lists = term->relation < SELECTOR_EXISTS;
        expressions[t] = (struct expression_object){
            .key = term->by_part ? "part" : "app",
            .operator= term->relation,
            .values = term->by_part ? &parts[term->value] : &apps[term->value],
            .value_count = lists,
        };
        terms[t] = (struct affinity_object){
            .apart = term->apart,
            .key = key_names[term->key],
            .everywhere = term->space == 2,
            .name_spaces = &spaces[term->space % 2],
            .name_space_count = term->space < 2,
            .expressions = &expressions[t],
            .expression_count = 1,
        };
    }
    world_apply(world, &event);
}

static void tell(struct world *world, const struct model *model)
{
    char uid[16];
    for (int n = 0; n < model->node_count; n++) {
        tell_node(world, model, n);
    }
    for (int i = 0; i < model->standing_count; i++) {
        snprintf(uid, sizeof uid, "s%d", i);
        tell_pod(world, &model->standing[i], uid, 0);
    }
    for (int m = 0; m < model->member_count; m++) {
        snprintf(uid, sizeof uid, "m%d", m);
        tell_pod(world, &model->members[m], uid, model->member_count);
    }
    world_event(world, EVENT_SYNCED);
    world_wait(world, 100);
}

/* ---- judging ---- */

static void print(const struct model *model, const char *what, const struct gang_view *view)
{
    printf("%s: %s\n", what, view->reason);
    for (int n = 0; n < model->node_count; n++) {
        printf("  n%d rack %d zone %d feed %d slots %d\n", n, model->values[n][RACK],
               model->values[n][ZONE], model->values[n][FEED], model->slots[n]);
    }
    for (int i = 0; i < model->standing_count + model->member_count; i++) {
        const struct model_pod *pod = i < model->standing_count
                                          ? &model->standing[i]
                                          : &model->members[i - model->standing_count];
        printf("  %s %d: namespace %d app %d part %d node %d\n",
               i < model->standing_count ? "standing" : "member", i, pod->space, pod->app,
               pod->part, pod->node);
        for (int t = 0; t < pod->term_count; t++) {
            const struct model_term *term = &pod->terms[t];
            printf("    %s %s: %s %d %d in %d\n", term->apart ? "apart" : "together",
                   key_names[term->key], term->by_part ? "part" : "app", term->relation,
                   term->value, term->space);
        }
    }
    for (uint32_t i = 0; i < view->member_count; i++) {
        printf("  %s on %s\n", view->members[i].pod,
               view->members[i].node == NULL ? "-" : view->members[i].node);
    }
    (void)fflush(stdout); /* before the failure ends the process */
}

struct seen {
    int plans, none, missed;
};

static void judge(const struct model *model, const struct gang_view *view, struct seen *seen)
{
    int fixed[MEMBERS_MAX];
    int placed = 0;
    for (uint32_t i = 0; i < view->member_count; i++) {
        int m = world_number(view->members[i].pod);
        fixed[m] = view->members[i].node == NULL ? -1 : world_number(view->members[i].node);
        placed += fixed[m] >= 0;
    }
    if (placed > 0) {
        bool right = placed == model->member_count && is_possible(model, fixed);
        if (!right) {
            print(model, "a plan that kube-scheduler cannot follow", view);
        }
        ck_assert(right);
        seen->plans++;
        return;
    }
    seen->none++;
    if (is_possible(model, NULL)) {
        bool doubts = strstr(view->reason, "as far as the search went") != NULL;
        if (!doubts) {
            print(model, "no plan where there is one", view);
        }
        ck_assert(doubts);
        seen->missed++;
    }
}

START_TEST(as_the_rule_says)
{
    const char *text = getenv("PHALANX_AFFINITY");
    int most = text == NULL ? 4000 : (int)strtol(text, NULL, 10);
    struct random random = {.state = 1};
    struct seen seen = {0};
    for (int i = 0; i < most; i++) {
        struct world world;
        struct model model;
        struct arena arena;
        struct gang_view view;
        draw(&random, &model);
        world_init(&world);
        tell(&world, &model);
        arena_init(&arena);
        ck_assert(engine_gang_find(world.engine, "ns", "gang", &arena, &view));
        judge(&model, &view, &seen);
        arena_finish(&arena);
        world_finish(&world);
    }
    printf("%d plans that kube-scheduler can follow, %d gangs without one, %d of which might have "
           "had one\n",
           seen.plans, seen.none, seen.missed);
    ck_assert(most < 1000 || (seen.plans > most / 5 && seen.none > most / 10));
    ck_assert_int_le(seen.missed, most / 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("affinity");
    TCase *tcase = tcase_create("affinity");
    tcase_add_test(tcase, as_the_rule_says);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
