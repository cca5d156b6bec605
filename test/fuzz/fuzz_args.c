// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/extender/args.h"
#include "api/extender/reply.h"
#include "topology/base/alloc.h"

/* Any body, for every verb: it is refused with a reason, or what was understood is what jansson
 * finds in it, and each of our answers is JSON of the right form that names only nodes of the body,
 * each once.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* *New* decoded text. */
static char *text_of(const struct json_slice *slice)
{
    char *text = alloc_zero(slice->length + 1, 1);
    size_t length = json_string_decode(slice, text);
    require(length <= slice->length && strlen(text) == length);
    return text;
}

static void require_same(const struct json_slice *slice, const json_t *string)
{
    char *text = text_of(slice);
    require(json_is_string(string) ? strcmp(text, json_string_value(string)) == 0
                                   : text[0] == '\0');
    free(text);
}

/* The member whose name is `name` but for its case. */
static json_t *member(json_t *object, const char *name)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (strcasecmp(key, name) == 0) {
            return value;
        }
    }
    return NULL;
}

static json_t *parse(char *text, size_t length, size_t flags)
{
    json_t *json = json_loadb(text, length, flags, NULL);
    require(text != NULL && strlen(text) == length && json != NULL);
    free(text);
    return json;
}

/* NULL: refused for a number only jansson minds. */
static json_t *reference(const char *body, size_t size)
{
    json_error_t error;
    json_t *json = json_loadb(body, size, 0, &error);
    require(json != NULL || json_error_code(&error) == json_error_numeric_overflow);
    return json;
}

static void check_pod(const struct extender_pod *pod, json_t *json)
{
    json_t *metadata = member(json, "metadata");
    require(json_is_object(json) && pod->text.text[0] == '{');
    require_same(&pod->uid, member(metadata, "uid"));
    require_same(&pod->name, member(metadata, "name"));
    require_same(&pod->name_space, member(metadata, "namespace"));
    require_same(&pod->nominated, member(member(json, "status"), "nominatedNodeName"));
}

static void check_nodes(const struct extender_args *args, json_t *body)
{
    json_t *names = member(body, "NodeNames");
    json_t *items = member(member(body, "Nodes"), "items");
    check_pod(&args->pod, member(body, "Pod"));
    if (args->form == EXTENDER_NODE_NAMES) {
        require(json_is_array(names) && args->items == NULL);
        require(json_array_size(names) == args->count);
    } else {
        require(names == NULL || json_is_null(names));
        require(json_array_size(items) == args->count);
        require(args->form == EXTENDER_NODES || args->count == 0);
    }
    for (size_t i = 0; i < args->count; i++) {
        json_t *node = json_array_get(items, i);
        require_same(&args->names[i], args->form == EXTENDER_NODE_NAMES
                                          ? json_array_get(names, i)
                                          : member(member(node, "metadata"), "name"));
    }
}

static bool names_node(const struct extender_args *args, const char *name)
{
    for (size_t i = 0; i < args->count; i++) {
        char *text = text_of(&args->names[i]);
        bool same = strcmp(text, name) == 0;
        free(text);
        if (same) {
            return true;
        }
    }
    return false;
}

/* Adds the nodes of a filter reply to `met`; none may be there yet. */
static void check_filter_reply(const struct extender_args *args, char *text, size_t length,
                               json_t *met)
{
    /* Node objects go out as they came in, with all that they repeat. */
    json_t *reply = parse(text, length, args->form == EXTENDER_NODES ? 0 : JSON_REJECT_DUPLICATES);
    json_t *passing = json_object_get(reply, "NodeNames");
    const char *key;
    json_t *value;
    size_t i;
    if (args->form == EXTENDER_NODES) {
        require(passing == NULL);
        passing = json_object_get(json_object_get(reply, "Nodes"), "items");
    }
    require(json_is_array(passing) && json_is_object(json_object_get(reply, "FailedNodes")));
    require(json_string_length(json_object_get(reply, "Error")) == 0);
    json_array_foreach(passing, i, value)
    {
        json_t *name =
            args->form == EXTENDER_NODES ? member(member(value, "metadata"), "name") : value;
        require(json_object_get(met, json_string_value(name)) == NULL);
        require(names_node(args, json_string_value(name)));
        json_object_set_new(met, json_string_value(name), json_true());
    }
    json_object_foreach(json_object_get(reply, "FailedAndUnresolvableNodes"), key, value)
    {
        require(json_object_get(met, key) == NULL && names_node(args, key));
        require(json_string_length(value) > 0);
        json_object_set_new(met, key, json_false());
    }
    json_decref(reply);
}

static void answer_nodes(const struct extender_args *args)
{
    size_t length;
    json_t *all = json_object();
    json_t *some = json_object();
    bool *passes = alloc_zero(args->count, sizeof(bool));
    for (size_t i = 0; i < args->count; i++) {
        passes[i] = args->names[i].length % 2 == 0;
    }
    char *text = extender_filter_reply(args, NULL, NULL, &length);
    check_filter_reply(args, text, length, all);
    text = extender_filter_reply(args, passes, "\x01 \"why\" \xff", &length);
    check_filter_reply(args, text, length, some);
    require(json_object_size(some) == json_object_size(all) ||
            args->count > EXTENDER_EXPLAINED_MAX);
    json_decref(all);
    json_decref(some);
    free(passes);
    for (size_t i = 0; i < args->count && i < 3; i++) {
        json_t *one = json_object();
        text = extender_filter_reply_one(args, i, &length);
        check_filter_reply(args, text, length, one);
        require(json_object_size(one) == 1);
        json_decref(one);
        text = extender_prioritize_reply(args, i, &length);
        json_t *list = parse(text, length, JSON_REJECT_DUPLICATES);
        require_same(&args->names[i], json_object_get(json_array_get(list, 0), "Host"));
        json_decref(list);
    }
}

static void fuzz_nodes(const char *body, size_t size)
{
    struct extender_args args;
    struct err err = {.text = ""};
    if (extender_args_decode(body, size, &args, &err) < 0) {
        require(err.text[0] != '\0' && args.names == NULL && args.items == NULL);
        return;
    }
    json_t *json = reference(body, size);
    if (json != NULL && args.count < 100) {
        check_nodes(&args, json);
        answer_nodes(&args);
    }
    json_decref(json);
    extender_args_finish(&args);
}

static void fuzz_binding(const char *body, size_t size)
{
    struct extender_binding_args args;
    struct err err = {.text = ""};
    if (extender_binding_args_decode(body, size, &args, &err) < 0) {
        require(err.text[0] != '\0');
        return;
    }
    json_t *json = reference(body, size);
    if (json != NULL) {
        require_same(&args.pod_name, member(json, "PodName"));
        require_same(&args.pod_namespace, member(json, "PodNamespace"));
        require_same(&args.pod_uid, member(json, "PodUID"));
        require_same(&args.node, member(json, "Node"));
    }
    json_decref(json);
}

/* Every victim of the reply was one of the request, in its order. */
static void check_preemption(const struct extender_preemption_args *args, const json_t *reply)
{
    const json_t *map = json_object_get(reply, "NodeNameToMetaVictims");
    size_t candidates = 0;
    require(json_is_object(map));
    for (size_t i = 0; i < args->count; i++) {
        const struct extender_victim_node *node = &args->nodes[i];
        char *name = text_of(&node->node);
        const json_t *victims = json_object_get(map, name);
        const json_t *pods = json_object_get(victims, "Pods");
        free(name);
        require((victims != NULL) == (node->count > 0));
        require(json_array_size(pods) == node->count);
        candidates += victims != NULL;
        for (size_t j = 0; j < node->count; j++) {
            require_same(&node->uids[j], json_object_get(json_array_get(pods, j), "UID"));
        }
        require(victims == NULL || json_integer_value(json_object_get(
                                       victims, "NumPDBViolations")) == node->violations);
    }
    require(json_object_size(map) == candidates);
}

static void fuzz_preemption(const char *body, size_t size)
{
    struct extender_preemption_args args;
    struct err err = {.text = ""};
    if (extender_preemption_args_decode(body, size, &args, &err) < 0) {
        require(err.text[0] != '\0' && args.nodes == NULL && args.uid_store == NULL);
        return;
    }
    json_t *json = reference(body, size);
    if (json != NULL) {
        check_pod(&args.pod, member(json, "Pod"));
        size_t length;
        char *text = extender_preemption_reply(&args, NULL, &length);
        json_t *reply = parse(text, length, JSON_REJECT_DUPLICATES);
        check_preemption(&args, reply);
        json_decref(reply);
    }
    json_decref(json);
    extender_preemption_args_finish(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_nodes((const char *)data, size);
    fuzz_binding((const char *)data, size);
    fuzz_preemption((const char *)data, size);
    return 0;
}
