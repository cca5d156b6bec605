// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/extender/args.h"
#include "api/extender/reply.h"
#include "api/json/out.h"
#include "topology/base/alloc.h"

/* extender_tool ANSWER [ARGUMENT] < request > reply
 *
 * Decodes a request as the daemon does and gives the wanted answer to it, for a test whose other
 * end is kube-scheduler's own Go types. Exit code 1 and a line on stderr when the request is
 * refused.
 */

#define BODY_MAX (64u << 20)

static char *read_body(size_t *length)
{
    char *body = alloc_resize(NULL, BODY_MAX, 1);
    *length = fread(body, 1, BODY_MAX, stdin);
    return body;
}

static void write_slice(struct json_out *out, const char *key, const struct json_slice *slice)
{
    json_out_key(out, key);
    json_out_raw_string(out, slice->text, slice->length);
}

/* What was understood of the pod and of the nodes, as JSON. */
static char *describe(const struct extender_args *args, size_t *length)
{
    struct json_out out;
    json_out_init(&out, BODY_MAX);
    json_out_object(&out);
    write_slice(&out, "UID", &args->pod.uid);
    write_slice(&out, "Name", &args->pod.name);
    write_slice(&out, "Namespace", &args->pod.name_space);
    write_slice(&out, "Nominated", &args->pod.nominated);
    json_out_key(&out, "Pod");
    json_out_raw_value(&out, args->pod.text.text, args->pod.text.length);
    json_out_key(&out, "Nodes");
    json_out_array(&out);
    for (size_t i = 0; i < args->count; i++) {
        json_out_raw_string(&out, args->names[i].text, args->names[i].length);
    }
    json_out_array_end(&out);
    json_out_object_end(&out);
    return json_out_take(&out, length);
}

static char *answer_nodes(const char *answer, const char *argument, const char *body, size_t size,
                          size_t *length, struct err *err)
{
    struct extender_args args;
    char *reply = NULL;
    if (extender_args_decode(body, size, &args, err) < 0) {
        return NULL;
    }
    bool *passes = alloc_zero(args.count, sizeof(bool));
    for (size_t i = 0; i < args.count; i++) {
        passes[i] = strcmp(answer, "filter-odd") == 0 && i % 2 == 1;
    }
    size_t index = argument == NULL ? SIZE_MAX : strtoul(argument, NULL, 10);
    if (strcmp(answer, "describe") == 0) {
        reply = describe(&args, length);
    } else if (strcmp(answer, "filter-all") == 0) {
        reply = extender_filter_reply(&args, NULL, NULL, length);
    } else if (strcmp(answer, "filter-odd") == 0 || strcmp(answer, "filter-none") == 0) {
        reply = extender_filter_reply(&args, passes, argument, length);
    } else if (strcmp(answer, "filter-one") == 0) {
        reply = extender_filter_reply_one(&args, index, length);
    } else if (strcmp(answer, "prioritize") == 0) {
        reply = extender_prioritize_reply(&args, index, length);
    } else {
        err_set(err, "%s: unknown answer", answer);
    }
    free(passes);
    extender_args_finish(&args);
    return reply;
}

static char *answer_bind(const char *argument, const char *body, size_t size, size_t *length,
                         struct err *err)
{
    struct extender_binding_args args;
    char said[EXTENDER_STRING_MAX * 4 + 4];
    if (extender_binding_args_decode(body, size, &args, err) < 0) {
        return NULL;
    }
    if (argument == NULL) {
        return extender_bind_reply(NULL, length);
    }
    snprintf(said, sizeof(said), "%s: %.*s/%.*s %.*s %.*s", argument,
             (int)args.pod_namespace.length, args.pod_namespace.text, (int)args.pod_name.length,
             args.pod_name.text, (int)args.pod_uid.length, args.pod_uid.text, (int)args.node.length,
             args.node.text);
    return extender_bind_reply(said, length);
}

static char *answer_preemption(const char *body, size_t size, size_t *length, struct err *err)
{
    struct extender_preemption_args args;
    if (extender_preemption_args_decode(body, size, &args, err) < 0) {
        return NULL;
    }
    char *reply = extender_preemption_reply(&args, NULL, length);
    extender_preemption_args_finish(&args);
    return reply;
}

int main(int argc, char **argv)
{
    struct err err = {.text = ""};
    size_t size;
    size_t length = 0;
    char *reply;
    if (argc < 2) {
        fprintf(stderr, "usage: extender_tool ANSWER [ARGUMENT] < request > reply\n");
        return 2;
    }
    const char *argument = argc > 2 ? argv[2] : NULL;
    char *body = read_body(&size);
    if (strcmp(argv[1], "bind") == 0) {
        reply = answer_bind(argument, body, size, &length, &err);
    } else if (strcmp(argv[1], "preempt") == 0) {
        reply = answer_preemption(body, size, &length, &err);
    } else if (strcmp(argv[1], "filter-error") == 0) {
        reply = extender_filter_reply_error(argument, &length);
    } else {
        reply = answer_nodes(argv[1], argument, body, size, &length, &err);
    }
    free(body);
    if (reply == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    bool written = fwrite(reply, 1, length, stdout) == length && fflush(stdout) == 0;
    free(reply);
    return written ? 0 : 1;
}
