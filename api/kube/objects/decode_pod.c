// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/decode.h"

#include <string.h>

#include "api/json/fields.h"
#include "api/kube/objects/affinity.h"
#include "api/kube/objects/amounts.h"
#include "api/kube/objects/claims.h"
#include "api/kube/objects/dialect.h"
#include "api/kube/objects/labels.h"
#include "api/kube/objects/requests.h"

/* core/v1 Pod: who it is, where it is, what it asks of a node, and which gang it belongs to.
 *
 * What is not understood is read the way kube-scheduler acts on it: a toleration with an unknown
 * operator tolerates nothing, a node selector term with an unknown operator matches nothing.
 * Neither makes the pod unreadable, for kube-scheduler has the last word anyway.
 *
 * Lists are read up to one more than their limit in scheduler/objects.h. So the engine sees that
 * there are too many, says so and plans no such pod; and what it takes where it runs counts, as
 * that of every other pod.
 *
 * The parts are read one after the other, what takes room first. One that is not as the API server
 * lets it through makes none of the others unreadable.
 */

/* Of `count` things, as many as are read. */
static size_t up_to(size_t count, size_t limit)
{
    return count <= limit ? count : limit + 1;
}

static int read_values(const struct field *requirement, struct arena *arena,
                       struct expression_object *expression, struct err *err)
{
    struct field values;
    if (field_array(requirement, "values", &values, err) != 0) {
        return -1;
    }
    size_t count = up_to(field_count(&values), POD_VALUES_MAX);
    const char **kept = arena_alloc(arena, count, sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        const char *text = field_text(json_array_get(values.json, i));
        if (text == NULL) {
            return field_fail(&values, err, "value %zu is not a string", i);
        }
        kept[i] = arena_string(arena, text);
    }
    expression->values = kept;
    expression->value_count = count;
    return 0;
}

static bool read_operator(const char *text, enum selector_operator *relation)
{
    static const struct {
        const char *text;
        enum selector_operator relation;
    } OPERATORS[] = {
        {"In", SELECTOR_IN},         {"NotIn", SELECTOR_NOT_IN},
        {"Exists", SELECTOR_EXISTS}, {"DoesNotExist", SELECTOR_DOES_NOT_EXIST},
        {"Gt", SELECTOR_GREATER},    {"Lt", SELECTOR_LESS},
    };
    for (size_t i = 0; text != NULL && i < sizeof OPERATORS / sizeof OPERATORS[0]; i++) {
        if (strcmp(text, OPERATORS[i].text) == 0) {
            *relation = OPERATORS[i].relation;
            return true;
        }
    }
    return false;
}

/* Appends matchExpressions or matchFields to the term; *known is cleared when one cannot be
 * understood. */
static int read_requirements(const struct field *list, bool is_field, struct arena *arena,
                             struct expression_object *expressions, size_t *count, bool *known,
                             struct err *err)
{
    for (size_t i = 0; i < field_count(list) && *count <= POD_EXPRESSIONS_MAX; i++) {
        struct field requirement;
        const char *key = NULL;
        const char *relation = NULL;
        struct expression_object *expression = &expressions[*count];
        if (field_element(list, i, &requirement, err) != 0 ||
            field_name(&requirement, "key", &key, err) != 0 ||
            field_string(&requirement, "operator", &relation, err) != 0 ||
            read_values(&requirement, arena, expression, err) != 0) {
            return -1;
        }
        *known = *known && read_operator(relation, &expression->operator) &&
                 (!is_field || strcmp(key, "metadata.name") == 0);
        expression->key = arena_string(arena, key);
        expression->field = is_field;
        ++*count;
    }
    return 0;
}

static int read_term(const struct field *json, struct arena *arena, struct term_object *term,
                     struct err *err)
{
    struct field labels;
    struct field fields;
    if (field_array(json, "matchExpressions", &labels, err) != 0 ||
        field_array(json, "matchFields", &fields, err) != 0) {
        return -1;
    }
    size_t total = up_to(field_count(&labels) + field_count(&fields), POD_EXPRESSIONS_MAX);
    bool known = true;
    size_t count = 0;
    struct expression_object *expressions = arena_alloc(arena, total, sizeof *expressions);
    if (read_requirements(&labels, false, arena, expressions, &count, &known, err) != 0 ||
        read_requirements(&fields, true, arena, expressions, &count, &known, err) != 0) {
        return -1;
    }
    term->expressions = expressions;
    term->expression_count = known ? count : 0;
    return 0;
}

/* Whether a term is as long as may be: a preference that is longer keeps no pod from being planned,
 * but is not looked at. */
static bool within_limits(const struct term_object *term)
{
    bool within = term->expression_count <= POD_EXPRESSIONS_MAX;
    for (size_t i = 0; i < term->expression_count && within; i++) {
        within = term->expressions[i].value_count <= POD_VALUES_MAX;
    }
    return within;
}

/* Weights are 1 … 100; without a requirement a preference says nothing. */
static int read_preferences(const struct field *node_affinity, struct arena *arena,
                            struct pod_object *object, struct err *err)
{
    struct field list;
    if (field_array(node_affinity, "preferredDuringSchedulingIgnoredDuringExecution", &list, err) !=
        0) {
        return -1;
    }
    size_t count = field_count(&list);
    count = count < POD_PREFERENCES_MAX ? count : POD_PREFERENCES_MAX;
    struct preference_object *kept = arena_alloc(arena, count, sizeof *kept);
    object->preferences = kept;
    for (size_t i = 0; i < count; i++) {
        struct field item;
        struct field preference;
        struct term_object term = {.expression_count = 0};
        int64_t weight = 0;
        if (field_element(&list, i, &item, err) != 0 ||
            field_integer(&item, "weight", 0, 100, &weight, err) != 0 ||
            field_object(&item, "preference", &preference, err) != 0 ||
            read_term(&preference, arena, &term, err) != 0) {
            return -1;
        }
        if (weight > 0 && term.expression_count > 0 && within_limits(&term)) {
            kept[object->preference_count++] = (struct preference_object){term, (int32_t)weight};
        }
    }
    return 0;
}

static int read_affinity(const struct field *spec, struct arena *arena, struct pod_object *object,
                         struct err *err)
{
    struct field affinity;
    struct field node_affinity;
    struct field required;
    struct field terms;
    if (field_object(spec, "affinity", &affinity, err) != 0 ||
        field_object(&affinity, "nodeAffinity", &node_affinity, err) != 0 ||
        read_preferences(&node_affinity, arena, object, err) != 0 ||
        field_object(&node_affinity, "requiredDuringSchedulingIgnoredDuringExecution", &required,
                     err) != 0 ||
        field_array(&required, "nodeSelectorTerms", &terms, err) != 0) {
        return -1;
    }
    if (required.json == NULL) {
        return 0;
    }
    size_t count = up_to(field_count(&terms), POD_AFFINITY_TERMS_MAX);
    /* A selector without terms matches no node, and so does one term without expressions. */
    size_t kept = count == 0 ? 1 : count;
    struct term_object *list = arena_alloc(arena, kept, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        struct field term;
        if (field_element(&terms, i, &term, err) != 0 ||
            read_term(&term, arena, &list[i], err) != 0) {
            return -1;
        }
    }
    object->terms = list;
    object->term_count = kept;
    return 0;
}

static bool read_toleration_operator(const char *text, enum toleration_operator *relation)
{
    bool equal = text == NULL || text[0] == '\0' || strcmp(text, "Equal") == 0;
    *relation = equal ? TOLERATION_EQUAL : TOLERATION_EXISTS;
    return equal || strcmp(text, "Exists") == 0;
}

static bool read_toleration_effect(const char *text, struct toleration_object *toleration)
{
    static const struct {
        const char *text;
        enum taint_effect effect;
    } EFFECTS[] = {
        {"NoSchedule", TAINT_NO_SCHEDULE},
        {"PreferNoSchedule", TAINT_PREFER_NO_SCHEDULE},
        {"NoExecute", TAINT_NO_EXECUTE},
    };
    toleration->any_effect = text == NULL || text[0] == '\0';
    for (size_t i = 0; !toleration->any_effect && i < sizeof EFFECTS / sizeof EFFECTS[0]; i++) {
        if (strcmp(text, EFFECTS[i].text) == 0) {
            toleration->effect = EFFECTS[i].effect;
            return true;
        }
    }
    return toleration->any_effect;
}

static int read_tolerations(const struct field *spec, struct arena *arena,
                            struct pod_object *object, struct err *err)
{
    struct field tolerations;
    if (field_array(spec, "tolerations", &tolerations, err) != 0) {
        return -1;
    }
    size_t count = field_count(&tolerations);
    struct toleration_object *kept =
        arena_alloc(arena, up_to(count, POD_TOLERATIONS_MAX), sizeof *kept);
    object->tolerations = kept;
    for (size_t i = 0; i < count && object->toleration_count <= POD_TOLERATIONS_MAX; i++) {
        struct field toleration;
        const char *key = NULL;
        const char *value = NULL;
        const char *relation = NULL;
        const char *effect = NULL;
        if (field_element(&tolerations, i, &toleration, err) != 0 ||
            field_string(&toleration, "key", &key, err) != 0 ||
            field_string(&toleration, "value", &value, err) != 0 ||
            field_string(&toleration, "operator", &relation, err) != 0 ||
            field_string(&toleration, "effect", &effect, err) != 0) {
            return -1;
        }
        if (read_toleration_operator(relation, &kept->operator) &&
            read_toleration_effect(effect, kept)) {
            kept->key = key == NULL || key[0] == '\0' ? NULL : arena_string(arena, key);
            kept->value = arena_string(arena, value == NULL ? "" : value);
            kept++;
            object->toleration_count++;
        }
    }
    return 0;
}

static int read_requests(const struct field *spec, const struct field *status, struct arena *arena,
                         struct pod_object *object, struct err *err)
{
    struct amounts total;
    if (requests_effective(spec, status, &total, err) != 0) {
        return -1;
    }
    object->requests = amounts_keep(&total, arena, &object->request_count);
    return 0;
}

/* An empty string is as good as none. */
static const char *keep(struct arena *arena, const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : arena_string(arena, text);
}

static int read_state(const struct field *metadata, const struct field *spec,
                      const struct field *status, struct arena *arena, struct pod_object *object,
                      struct err *err)
{
    const char *nominated = NULL;
    const char *phase = NULL;
    const char *deletion = NULL;
    const char *scheduler = NULL;
    struct field gates;
    int64_t priority = 0;
    if (field_string(status, "phase", &phase, err) != 0 ||
        field_string(metadata, "deletionTimestamp", &deletion, err) != 0) {
        return -1;
    }
    object->succeeded = phase != NULL && strcmp(phase, "Succeeded") == 0;
    object->terminal = object->succeeded || (phase != NULL && strcmp(phase, "Failed") == 0);
    object->deleting = deletion != NULL;
    if (field_string(spec, "schedulerName", &scheduler, err) != 0 ||
        field_string(status, "nominatedNodeName", &nominated, err) != 0 ||
        field_array(spec, "schedulingGates", &gates, err) != 0 ||
        field_integer(spec, "priority", INT32_MIN, INT32_MAX, &priority, err) != 0) {
        return -1;
    }
    object->nominated = keep(arena, nominated);
    object->scheduler = keep(arena, scheduler);
    object->gated = field_count(&gates) > 0;
    object->priority = (int32_t)priority;
    return 0;
}

/* The uid of the controller, as metav1.GetControllerOf() finds it. */
static const char *owner_of(const struct field *metadata, struct arena *arena)
{
    const json_t *owners = json_object_get(metadata->json, "ownerReferences");
    for (size_t i = 0; i < json_array_size(owners); i++) {
        const json_t *owner = json_array_get(owners, i);
        if (json_is_true(json_object_get(owner, "controller"))) {
            return keep(arena, field_text(json_object_get(owner, "uid")));
        }
    }
    return NULL;
}

static int read_marks(const struct field *metadata, struct arena *arena, struct pod_object *object,
                      struct err *err)
{
    struct field labels;
    struct field annotations;
    if (field_object(metadata, "labels", &labels, err) != 0 ||
        field_object(metadata, "annotations", &annotations, err) != 0) {
        return -1;
    }
    struct dialect_mark mark;
    const char *steered = json_string_value(json_object_get(annotations.json, POD_STEERED_TO));
    if (object->nominated == NULL) {
        object->nominated = keep(arena, steered);
    }
    dialect_read(labels.json, annotations.json, arena, &mark);
    object->gang = mark.gang;
    object->gang_minimum = mark.gang_minimum;
    object->elastic = mark.elastic;
    object->leader = mark.leader;
    object->role = mark.role;
    object->rank = mark.rank;
    object->replica = mark.replica;
    object->placement = mark.placement;
    object->devices = mark.devices;
    if (object->gang != NULL) {
        object->owner = mark.attempt != NULL ? mark.attempt : owner_of(metadata, arena);
        object->run = mark.run;
        object->placed_here = mark.placed_here;
    }
    return 0;
}

/* Where it may run, beside whom, and what it claims there. */
static int read_rules(const struct field *metadata, const struct field *spec, struct arena *arena,
                      struct pod_object *object, struct err *err)
{
    return labels_decode(spec, "nodeSelector", POD_SELECTOR_MAX + 1, true, arena, &object->selector,
                         &object->selector_count, err) != 0 ||
                   read_affinity(spec, arena, object, err) != 0 ||
                   read_tolerations(spec, arena, object, err) != 0 ||
                   affinity_read(metadata, spec, arena, object, err) != 0 ||
                   claims_read(metadata, spec, arena, object, err) != 0
               ? -1
               : 0;
}

/* A pod that is only read in part: no node lets it in, and it is one of "pods" at least. */
static void let_in_nowhere(struct arena *arena, struct pod_object *object)
{
    static const struct amount_object itself = {.resource = "pods", .amount = 1};
    if (object->request_count == 0) {
        object->requests = &itself;
        object->request_count = 1;
    }
    object->terms = arena_alloc(arena, 1, sizeof *object->terms);
    object->term_count = 1;
}

/* All but who and where: 0, or 1 and the first of what is wrong. */
static int read_rest(const struct field *root, const struct field *metadata, struct arena *arena,
                     struct pod_object *object, struct err *err)
{
    struct field spec;
    struct field status;
    struct err why[4];
    bool bad[4];
    if (field_object(root, "spec", &spec, &why[0]) != 0 ||
        field_object(root, "status", &status, &why[0]) != 0) {
        let_in_nowhere(arena, object);
        err_set(err, "%s", why[0].text);
        return 1;
    }
    bad[0] = read_requests(&spec, &status, arena, object, &why[0]) != 0;
    bad[1] = read_state(metadata, &spec, &status, arena, object, &why[1]) != 0;
    bad[2] = read_rules(metadata, &spec, arena, object, &why[2]) != 0;
    bad[3] = read_marks(metadata, arena, object, &why[3]) != 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (bad[i]) {
            let_in_nowhere(arena, object);
            err_set(err, "%s", why[i].text);
            return 1;
        }
    }
    return 0;
}

static int read_names(const struct field *root, const struct field *metadata, struct arena *arena,
                      struct pod_object *object, struct err *err)
{
    struct field spec;
    const char *uid = NULL;
    const char *node = NULL;
    if (field_name(metadata, "uid", &uid, err) != 0) {
        return -1;
    }
    if (field_object(root, "spec", &spec, NULL) == 0 &&
        field_string(&spec, "nodeName", &node, err) != 0) {
        return -1;
    }
    object->uid = arena_string(arena, uid);
    object->node = keep(arena, node);
    object->rank = -1;
    return 0;
}

int pod_decode(const json_t *json, struct arena *arena, struct pod_object *object, struct err *err)
{
    struct field root;
    struct field metadata;
    const char *name = NULL;
    const char *name_space = NULL;
    *object = (struct pod_object){.name = NULL};
    if (field_root(json, &root, err) != 0 || field_object(&root, "metadata", &metadata, err) != 0 ||
        field_name(&metadata, "name", &name, err) != 0 ||
        field_name(&metadata, "namespace", &name_space, err) != 0) {
        return err_prefix(err, "pod");
    }
    object->name = arena_string(arena, name);
    object->name_space = arena_string(arena, name_space);
    int result = read_names(&root, &metadata, arena, object, err);
    if (result == 0) {
        result = read_rest(&root, &metadata, arena, object, err);
    }
    if (result != 0) {
        (void)err_prefix(err, "pod %s/%s", name_space, name);
    }
    return result;
}
