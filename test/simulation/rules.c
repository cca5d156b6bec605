// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/rules.h"

#include "test/simulation/objects.h"

/* Written from k8s.io/component-helpers' scheduling/corev1 (tolerations, node affinity) and
 * apimachinery's labels.Requirement: terms are ORed, the expressions of a term ANDed; Gt and Lt
 * compare integers, and what is none matches nothing; NotIn and DoesNotExist hold where the label
 * is missing; PreferNoSchedule keeps nobody off.
 */

#define UNSCHEDULABLE "node.kubernetes.io/unschedulable"

/* ---- what must be true ---- */

static bool tolerates_taint(const struct sim_rules *rules, enum sim_taint taint)
{
    bool free = taint == TAINTED_NOT || taint == TAINTED_SOFTLY;
    switch (rules->tolerates) {
    case TOLERATES_KEY:
    case TOLERATES_ALL:
        return true;
    case TOLERATES_VALUE: /* of one effect */
        return free || taint == TAINTED_NO_SCHEDULE;
    case TOLERATES_NOTHING:
    case TOLERATES_OTHER:
    case TOLERATES_CORDON:
        break;
    }
    return free;
}

static bool tolerates_cordon(const struct sim_rules *rules)
{
    return rules->tolerates == TOLERATES_ALL || rules->tolerates == TOLERATES_CORDON;
}

static bool wanted(const struct node_state *node, const struct sim_rules *rules)
{
    int generation = node->generation;
    bool number = generation > 0;
    switch (rules->affinity) {
    case AFFINITY_NONE:
        return true;
    case AFFINITY_IN:
        return node->pool == rules->value;
    case AFFINITY_NOT_IN:
        return node->pool != rules->value;
    case AFFINITY_RACK:
        return node->rack != SIM_NONE;
    case AFFINITY_NO_GENERATION:
        return generation == GENERATION_NONE;
    case AFFINITY_GREATER:
        return number && generation > rules->value;
    case AFFINITY_LESS:
        return number && generation < rules->value;
    case AFFINITY_BOTH:
        return node->pool == 0 && number && generation > rules->value;
    case AFFINITY_EITHER:
        return node->pool == 0 || (number && generation > rules->value);
    case AFFINITY_NODE:
        return node->number == rules->value;
    case AFFINITY_NOT_NODE:
        return node->number != rules->value;
    }
    return false;
}

bool rules_admits(const struct node_state *node, const struct sim_pod *pod)
{
    const struct sim_rules *rules = &pod->rules;
    return node->exists && (!node->cordoned || tolerates_cordon(rules)) &&
           tolerates_taint(rules, node->taint) &&
           (rules->pool == SIM_NONE || rules->pool == node->pool) && wanted(node, rules);
}

bool rules_alike(const struct sim_pod *a, const struct sim_pod *b)
{
    return a->rules.pool == b->rules.pool && a->rules.tolerates == b->rules.tolerates &&
           a->rules.affinity == b->rules.affinity && a->rules.value == b->rules.value;
}

bool rules_same(const struct sim_pod *a, const struct sim_pod *b)
{
    return a->shape == b->shape && a->state.grown == b->state.grown && rules_alike(a, b);
}

bool rules_may_stay(const struct node_state *node, const struct sim_pod *pod)
{
    return node->taint != TAINTED_NO_EXECUTE || tolerates_taint(&pod->rules, node->taint);
}

/* ---- chosen ---- */

void rules_draw(struct random *random, int thousandths, int node_count, struct sim_rules *rules)
{
    *rules = (struct sim_rules){.pool = SIM_NONE, .affinity = AFFINITY_NONE};
    if (random_chance(random, thousandths)) {
        rules->pool = random_chance(random, 400);
    }
    if (random_chance(random, thousandths)) {
        bool plain = random_chance(random, 600);
        rules->tolerates =
            plain ? TOLERATES_KEY : (enum sim_toleration)random_range(random, 1, TOLERATES_CORDON);
    }
    if (random_chance(random, thousandths * 2 / 3)) {
        rules->affinity = (enum sim_affinity)random_range(random, 1, AFFINITY_NOT_NODE);
        bool node = rules->affinity == AFFINITY_NODE || rules->affinity == AFFINITY_NOT_NODE;
        bool pool = rules->affinity == AFFINITY_IN || rules->affinity == AFFINITY_NOT_IN;
        rules->value = node   ? random_index(random, node_count)
                       : pool ? random_chance(random, 400)
                              : (int)random_range(random, 0, 3);
    }
}

/* ---- told ---- */

struct expression {
    const char *key, *operator;
    enum selector_operator neutral;
    bool field;
    const char *values[2];
    size_t count;
};

/* The terms of the affinity: one, or two with an expression each; `split` says where the second
 * begins. At most two expressions. */
static size_t expressions_of(struct sim *sim, const struct sim_rules *rules,
                             struct expression list[2], bool *split)
{
    const char *number = arena_printf(&sim->arena, "%d", rules->value);
    struct expression pool = {.key = "pool", .count = 1};
    struct expression generation = {.key = "generation", .values = {number}, .count = 1};
    struct expression field = {.key = "metadata.name", .field = true, .count = 1};
    pool.operator= "In", pool.neutral = SELECTOR_IN;
    generation.operator= "Gt", generation.neutral = SELECTOR_GREATER;
    field.operator= "In", field.neutral = SELECTOR_IN;
    *split = false;
    switch (rules->affinity) {
    case AFFINITY_NONE:
        return 0;
    case AFFINITY_NOT_IN:
        pool.operator= "NotIn", pool.neutral = SELECTOR_NOT_IN;
        /* fall through */
    case AFFINITY_IN:
        pool.values[0] = "elsewhere"; /* which no node is in */
        pool.values[1] = objects_name(sim, 'b', rules->value);
        pool.count = 2;
        list[0] = pool;
        return 1;
    case AFFINITY_RACK:
        list[0] = (struct expression){
            .key = "topology.kubernetes.io/rack", .operator= "Exists", .neutral = SELECTOR_EXISTS};
        return 1;
    case AFFINITY_NO_GENERATION:
        list[0] = (struct expression){
            .key = "generation", .operator= "DoesNotExist", .neutral = SELECTOR_DOES_NOT_EXIST};
        return 1;
    case AFFINITY_LESS:
        generation.operator= "Lt", generation.neutral = SELECTOR_LESS;
        /* fall through */
    case AFFINITY_GREATER:
        list[0] = generation;
        return 1;
    case AFFINITY_EITHER:
        *split = true;
        /* fall through */
    case AFFINITY_BOTH:
        pool.values[0] = objects_name(sim, 'b', 0);
        list[0] = pool;
        list[1] = generation;
        return 2;
    case AFFINITY_NOT_NODE:
        field.operator= "NotIn", field.neutral = SELECTOR_NOT_IN;
        /* fall through */
    case AFFINITY_NODE:
        field.values[0] = objects_name(sim, 'n', rules->value);
        list[0] = field;
        return 1;
    }
    return 0;
}

static void write_terms(struct sim *sim, const struct sim_rules *rules, struct pod_object *object)
{
    struct expression *list = arena_alloc(&sim->arena, 2, sizeof *list);
    struct expression_object *expressions = arena_alloc(&sim->arena, 2, sizeof *expressions);
    struct term_object *terms = arena_alloc(&sim->arena, 2, sizeof *terms);
    bool split;
    size_t count = expressions_of(sim, rules, list, &split);
    for (size_t i = 0; i < count; i++) {
        expressions[i] = (struct expression_object){.key = list[i].key,
                                                    .operator= list[i].neutral,
                                                    .field = list[i].field,
                                                    .values = list[i].values,
                                                    .value_count = list[i].count};
    }
    terms[0] = (struct term_object){expressions, split ? 1 : count};
    terms[1] = (struct term_object){&expressions[1], 1};
    object->terms = terms;
    object->term_count = count == 0 ? 0 : split ? 2 : 1;
}

void rules_write(struct sim *sim, const struct sim_pod *pod, struct pod_object *object)
{
    static const struct toleration_object tolerations[] = {
        [TOLERATES_KEY] = {.key = "dedicated", .operator= TOLERATION_EXISTS, .any_effect = true},
        [TOLERATES_VALUE] = {.key = "dedicated",
                             .value = "gang",
                             .operator= TOLERATION_EQUAL,
                             .effect = TAINT_NO_SCHEDULE},
        [TOLERATES_OTHER] = {.key = "dedicated",
                             .value = "others",
                             .operator= TOLERATION_EQUAL,
                             .any_effect = true},
        [TOLERATES_ALL] = {.operator= TOLERATION_EXISTS, .any_effect = true},
        [TOLERATES_CORDON] = {.key = UNSCHEDULABLE,
                              .operator= TOLERATION_EXISTS,
                              .effect = TAINT_NO_SCHEDULE},
    };
    const struct sim_rules *rules = &pod->rules;
    if (rules->pool != SIM_NONE) {
        struct label_object *selector = arena_alloc(&sim->arena, 1, sizeof *selector);
        *selector = (struct label_object){"pool", objects_name(sim, 'b', rules->pool)};
        object->selector = selector;
        object->selector_count = 1;
    }
    if (rules->tolerates != TOLERATES_NOTHING) {
        object->tolerations = &tolerations[rules->tolerates];
        object->toleration_count = 1;
    }
    write_terms(sim, rules, object);
}

static const char *terms_text(struct sim *sim, const struct sim_rules *rules)
{
    struct expression list[2];
    bool split;
    size_t count = expressions_of(sim, rules, list, &split);
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
        const char *values = "";
        for (size_t v = 0; v < list[i].count; v++) {
            values = arena_printf(&sim->arena, "%s%s\"%s\"", values, v == 0 ? "" : ",",
                                  list[i].values[v]);
        }
        const char *expression = arena_printf(
            &sim->arena, "{\"key\":\"%s\",\"operator\":\"%s\"%s}", list[i].key, list[i].operator,
            list[i].count == 0 ? "" : arena_printf(&sim->arena, ",\"values\":[%s]", values));
        const char *between = i == 0 ? "" : split ? "]},{\"matchExpressions\":[" : ",";
        text = arena_printf(&sim->arena, "%s%s%s", text, between, expression);
    }
    return count == 0 ? ""
                      : arena_printf(&sim->arena,
                                     "\"nodeAffinity\":{"
                                     "\"requiredDuringSchedulingIgnoredDuringExecution\":"
                                     "{\"nodeSelectorTerms\":[{\"%s\":[%s]}]}}",
                                     list[0].field ? "matchFields" : "matchExpressions", text);
}

const char *rules_text(struct sim *sim, const struct sim_pod *pod, const char *company)
{
    static const char *const tolerations[] = {
        [TOLERATES_NOTHING] = "",
        [TOLERATES_KEY] = ",\"tolerations\":[{\"key\":\"dedicated\",\"operator\":\"Exists\"}]",
        [TOLERATES_VALUE] = ",\"tolerations\":[{\"key\":\"dedicated\",\"value\":\"gang\","
                            "\"effect\":\"NoSchedule\"}]",
        [TOLERATES_OTHER] = ",\"tolerations\":[{\"key\":\"dedicated\",\"operator\":\"Equal\","
                            "\"value\":\"others\"}]",
        [TOLERATES_ALL] = ",\"tolerations\":[{\"operator\":\"Exists\"}]",
        [TOLERATES_CORDON] = ",\"tolerations\":[{\"key\":\"" UNSCHEDULABLE
                             "\",\"operator\":\"Exists\",\"effect\":\"NoSchedule\"}]",
    };
    const struct sim_rules *rules = &pod->rules;
    const char *selector =
        rules->pool == SIM_NONE
            ? ""
            : arena_printf(&sim->arena, ",\"nodeSelector\":{\"pool\":\"b%d\"}", rules->pool);
    const char *terms = terms_text(sim, rules);
    const char *between = terms[0] != '\0' && company[0] != '\0' ? "," : "";
    const char *affinity =
        terms[0] == '\0' && company[0] == '\0'
            ? ""
            : arena_printf(&sim->arena, ",\"affinity\":{%s%s%s}", terms, between, company);
    return arena_printf(&sim->arena, "%s%s%s", selector, tolerations[rules->tolerates], affinity);
}

const char *rules_generation(const struct node_state *node)
{
    static const char *const generations[] = {"unknown", "1", "2", "3"};
    return node->generation == GENERATION_NONE ? NULL : generations[node->generation];
}
