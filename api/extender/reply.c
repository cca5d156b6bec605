// SPDX-License-Identifier: Apache-2.0
#include "api/extender/reply.h"

#include <string.h>

#include "api/extender/slice_set.h"
#include "api/json/out.h"
#include "topology/base/err.h"

/* Replies written straight from the slices of the request: a name goes out as it came in, escapes
 * and all, so nothing is decoded and nothing needs escaping.
 *
 * What is a struct in Go gets all the members that struct marshals and that say anything; maps and
 * lists are {} and [] where they are empty, never null. `Error` is always there.
 *
 * A writer has a maximum, but here it is only the sum of what goes in: a reply repeats parts of a
 * body, and that had its limit.
 */

#define REASON_MAX     4096u      /* bytes of a reason or error that are told */
#define REPLY_BASE_MAX (1u << 16) /* brackets, member names, one error */
#define PER_NODE_MAX   64u        /* around a name: quotes, comma, member names, a score */
#define ESCAPE_MAX     6u         /* bytes that one byte of a text may take in JSON */

static size_t reason_length(const char *text)
{
    return text == NULL ? 0 : strnlen(text, REASON_MAX);
}

/* Bytes that names, items and explanations of `args` take at most. */
static size_t maximum_of(const struct extender_args *args, const char *reason)
{
    size_t maximum = REPLY_BASE_MAX + EXTENDER_EXPLAINED_MAX * ESCAPE_MAX * reason_length(reason);
    for (size_t i = 0; i < args->count; i++) {
        maximum += PER_NODE_MAX + args->names[i].length;
        maximum += args->items == NULL ? 0 : args->items[i].length;
    }
    return maximum;
}

static char *take(struct json_out *out, size_t *length)
{
    char *text = json_out_take(out, length);
    err_require(text != NULL);
    return text;
}

static void write_key(struct json_out *out, const struct json_slice *key)
{
    json_out_raw_key(out, key->text, key->length);
}

static void write_error(struct json_out *out, const char *error)
{
    json_out_key(out, "Error");
    json_out_string_n(out, error == NULL ? "" : error, reason_length(error));
}

/* Opens the list of the request's form; write_node() fills it. */
static void begin_nodes(struct json_out *out, const struct extender_args *args)
{
    json_out_object(out);
    if (args->form == EXTENDER_NODES) {
        json_out_key(out, "Nodes");
        json_out_object(out);
        json_out_key(out, "items");
    } else {
        json_out_key(out, "NodeNames");
    }
    json_out_array(out);
}

static void write_node(struct json_out *out, const struct extender_args *args, size_t index)
{
    if (args->form == EXTENDER_NODES) {
        json_out_raw_value(out, args->items[index].text, args->items[index].length);
    } else {
        json_out_raw_string(out, args->names[index].text, args->names[index].length);
    }
}

static void end_nodes(struct json_out *out, const struct extender_args *args)
{
    json_out_array_end(out);
    if (args->form == EXTENDER_NODES) {
        json_out_object_end(out);
    }
}

static void write_failed(struct json_out *out, const struct extender_args *args, const bool *passes,
                         const char *reason, struct slice_set *met)
{
    size_t explained = 0;
    json_out_key(out, "FailedNodes");
    json_out_object(out);
    json_out_object_end(out);
    json_out_key(out, "FailedAndUnresolvableNodes");
    json_out_object(out);
    if (passes != NULL && reason != NULL) {
        for (size_t i = 0; i < args->count && explained < EXTENDER_EXPLAINED_MAX; i++) {
            if (!passes[i] && slice_set_add(met, i)) {
                write_key(out, &args->names[i]);
                json_out_string_n(out, reason, reason_length(reason));
                explained++;
            }
        }
    }
    json_out_object_end(out);
}

/* How many names the set of met ones has to take. */
static size_t names_written(const struct extender_args *args, const bool *passes)
{
    if (passes == NULL) {
        return args->count;
    }
    size_t passing = 0;
    for (size_t i = 0; i < args->count; i++) {
        passing += passes[i];
    }
    size_t failing = args->count - passing;
    return passing + (failing < EXTENDER_EXPLAINED_MAX ? failing : EXTENDER_EXPLAINED_MAX);
}

/* Bytes of the list of nodes when no name repeats: nearly all of a reply that lets all pass. */
static size_t expected_length(const struct extender_args *args, const bool *passes)
{
    const struct json_slice *texts = args->form == EXTENDER_NODES ? args->items : args->names;
    size_t length = 256;
    for (size_t i = 0; i < args->count; i++) {
        length += passes == NULL || passes[i] ? texts[i].length + 3 : 0;
    }
    return length;
}

char *extender_filter_reply(const struct extender_args *args, const bool *passes,
                            const char *reason, size_t *length)
{
    struct json_out out;
    struct slice_set met;
    json_out_init(&out, maximum_of(args, reason));
    json_out_reserve(&out, expected_length(args, passes));
    slice_set_init(&met, args->names, names_written(args, passes));
    begin_nodes(&out, args);
    for (size_t i = 0; i < args->count; i++) {
        if ((passes == NULL || passes[i]) && slice_set_add(&met, i)) {
            write_node(&out, args, i);
        }
    }
    end_nodes(&out, args);
    write_failed(&out, args, passes, reason, &met);
    write_error(&out, NULL);
    json_out_object_end(&out);
    slice_set_finish(&met);
    return take(&out, length);
}

char *extender_filter_reply_one(const struct extender_args *args, size_t index, size_t *length)
{
    struct json_out out;
    err_require(index < args->count);
    json_out_init(&out, maximum_of(args, NULL));
    begin_nodes(&out, args);
    write_node(&out, args, index);
    end_nodes(&out, args);
    write_failed(&out, args, NULL, NULL, NULL);
    write_error(&out, NULL);
    json_out_object_end(&out);
    return take(&out, length);
}

/* Only an Error, for a filter or a bind. */
static char *error_reply(const char *error, size_t *length)
{
    struct json_out out;
    json_out_init(&out, REPLY_BASE_MAX);
    json_out_object(&out);
    write_error(&out, error);
    json_out_object_end(&out);
    return take(&out, length);
}

char *extender_filter_reply_error(const char *error, size_t *length)
{
    return error_reply(error, length);
}

char *extender_prioritize_reply(const struct extender_args *args, size_t index, size_t *length)
{
    struct json_out out;
    json_out_init(&out, REPLY_BASE_MAX);
    json_out_array(&out);
    if (index != SIZE_MAX) {
        err_require(index < args->count);
        json_out_object(&out);
        json_out_key(&out, "Host");
        json_out_raw_string(&out, args->names[index].text, args->names[index].length);
        json_out_member_integer(&out, "Score", 10);
        json_out_object_end(&out);
    }
    json_out_array_end(&out);
    return take(&out, length);
}

char *extender_bind_reply(const char *error, size_t *length)
{
    return error_reply(error, length);
}

static void write_victims(struct json_out *out, const struct extender_victim_node *node)
{
    write_key(out, &node->node);
    json_out_object(out);
    json_out_key(out, "Pods");
    json_out_array(out);
    for (size_t i = 0; i < node->count; i++) {
        json_out_object(out);
        json_out_key(out, "UID");
        json_out_raw_string(out, node->uids[i].text, node->uids[i].length);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_member_integer(out, "NumPDBViolations", node->violations);
    json_out_object_end(out);
}

char *extender_preemption_reply(const struct extender_preemption_args *args, const bool *keeps,
                                size_t *length)
{
    struct json_out out;
    size_t maximum = REPLY_BASE_MAX;
    for (size_t i = 0; i < args->count; i++) {
        const struct extender_victim_node *node = &args->nodes[i];
        maximum += 2 * PER_NODE_MAX + node->node.length;
        for (size_t j = 0; j < node->count; j++) {
            maximum += PER_NODE_MAX + node->uids[j].length;
        }
    }
    json_out_init(&out, maximum);
    json_out_object(&out);
    json_out_key(&out, "NodeNameToMetaVictims");
    json_out_object(&out);
    for (size_t i = 0; i < args->count; i++) {
        if ((keeps == NULL || keeps[i]) && args->nodes[i].count > 0) {
            write_victims(&out, &args->nodes[i]);
        }
    }
    json_out_object_end(&out);
    json_out_object_end(&out);
    return take(&out, length);
}
