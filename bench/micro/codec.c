// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/extender/args.h"
#include "api/extender/reply.h"
#include "api/json/scan.h"
#include "topology/base/alloc.h"

/* What reading and answering a filter call costs without the network: a Pod of 8.5 KB and N node
 * names of 19 bytes, the shape that kube-scheduler sends with nodeCacheCapable. jansson reads the
 * same body beside it, so that the figures mean something on another machine. Medians.
 */

#define POD_SIZE   8500
#define NAME_SIZE  19
#define ROUNDS_MIN 51
#define ROUNDS_MAX 2001

struct subject {
    char *body;
    size_t length;
    struct extender_args args;
    bool *none;
    size_t result; /* so that nothing is optimised away */
};

static void run_scan(struct subject *subject)
{
    struct json_scan scan;
    json_scan_init(&scan, subject->body, subject->length);
    subject->result += (size_t)json_scan_skip(&scan, NULL, NULL);
}

static void run_decode(struct subject *subject)
{
    struct extender_args args;
    extender_args_decode(subject->body, subject->length, &args, NULL);
    subject->result += args.count;
    extender_args_finish(&args);
}

static void run_all(struct subject *subject)
{
    size_t length;
    free(extender_filter_reply(&subject->args, NULL, NULL, &length));
    subject->result += length;
}

static void run_none(struct subject *subject)
{
    size_t length;
    free(extender_filter_reply(&subject->args, subject->none,
                               "gang default/train waits: 4 nodes short in every rack", &length));
    subject->result += length;
}

static void run_one(struct subject *subject)
{
    size_t length;
    free(extender_filter_reply_one(&subject->args, subject->args.count / 2, &length));
    subject->result += length;
}

static void run_jansson(struct subject *subject)
{
    json_t *json = json_loadb(subject->body, subject->length, 0, NULL);
    subject->result += json_object_size(json);
    json_decref(json);
}

static void subject_init(struct subject *subject, size_t names)
{
    size_t room = POD_SIZE + names * (NAME_SIZE + 3) + 1000;
    char *text = alloc_zero(room, 1);
    size_t at = (size_t)snprintf(
        text, room,
        "{\"Pod\":{\"metadata\":{\"name\":\"train-worker-3\",\"namespace\":\"ml\","
        "\"uid\":\"1b4e28ba-2fa1-11d2-883f-0016d3cca427\"},\"spec\":{\"containers\":[{\"env\":[");
    for (size_t i = 0; at < POD_SIZE; i++) {
        at += (size_t)snprintf(text + at, room - at,
                               "%s{\"name\":\"VARIABLE_%zu\",\"value\":\"a value of it\"}",
                               i == 0 ? "" : ",", i);
    }
    at += (size_t)snprintf(text + at, room - at,
                           "]}]},\"status\":{\"phase\":\"Pending\"}},\"Nodes\":null,"
                           "\"NodeNames\":[");
    for (size_t i = 0; i < names; i++) {
        at += (size_t)snprintf(text + at, room - at, "%s\"gpu-node-%010zu\"", i == 0 ? "" : ",",
                               i * 7919 % 1000003);
    }
    at += (size_t)snprintf(text + at, room - at, "]}\n");
    *subject = (struct subject){.body = text, .length = at};
    subject->none = alloc_zero(names, sizeof(bool));
    struct err err;
    if (extender_args_decode(text, at, &subject->args, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(EXIT_FAILURE);
    }
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median_us(void (*run)(struct subject *), struct subject *subject)
{
    static double samples[ROUNDS_MAX];
    double end = now_us() + 300e3;
    int rounds = 0;
    run(subject);
    while (rounds < ROUNDS_MAX && (rounds < ROUNDS_MIN || now_us() < end)) {
        double start = now_us();
        run(subject);
        samples[rounds++] = now_us() - start;
    }
    qsort(samples, (size_t)rounds, sizeof(samples[0]), compare_doubles);
    return samples[rounds / 2];
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(struct subject *);
    } steps[] = {
        {"json_scan_skip, whole body", run_scan},
        {"extender_args_decode", run_decode},
        {"filter reply: one node", run_one},
        {"filter reply: all nodes", run_all},
        {"filter reply: none, with the reason", run_none},
        {"for comparison: jansson reads the body", run_jansson},
    };
    static const size_t counts[] = {1, 100, 5000, 50000};
    printf("%-40s", "microseconds, median; node names:");
    struct subject subjects[4];
    for (size_t i = 0; i < 4; i++) {
        subject_init(&subjects[i], counts[i]);
        printf("%10zu", counts[i]);
    }
    for (size_t step = 0; step < sizeof(steps) / sizeof(steps[0]); step++) {
        printf("\n%-40s", steps[step].name);
        for (size_t i = 0; i < 4; i++) {
            printf("%10.1f", median_us(steps[step].run, &subjects[i]));
            fflush(stdout);
        }
    }
    printf("\n");
    for (size_t i = 0; i < 4; i++) {
        extender_args_finish(&subjects[i].args);
        free(subjects[i].body);
        free(subjects[i].none);
    }
    return 0;
}
