// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_WORLD_H
#define TEST_WORLD_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "test/simulation/random.h"

/* A world in virtual time: an agenda of steps, chance, a trace, and the first thing that went
 * wrong. The others are its inhabitants:
 *
 *   kube-scheduler 0 ─calls─▶ Phalanx 0 ─┐
 *                                        ├─ network (with faults) ─▶ API server ◀─ jobs, kubelets
 *   kube-scheduler 1 ─calls─▶ Phalanx 1 ─┘                               │
 *                                                     history ─▶ judge ◀─┘
 *
 * Each Phalanx is the product's own code from the HTTP request of kube-scheduler to the HTTP
 * request for the API server: api/daemon/calls and core, api/intake, the engine, api/kube/io with
 * its thread, election, reflectors and writer. What is replaced when the program is linked: the
 * client that speaks HTTP (client.c), the server that does (requests.c), the clocks and the start
 * of threads (threads.c). Only one thread runs at a time, and who that is follows from the seed.
 */

#define MS              1000LL /* of world time, which is in microseconds */
#define SECOND          (1000 * MS)
#define WORLD_PHALANXES 2
#define WORLD_TEXT_MAX  512

struct phalanx;
struct server;
struct jobs;
struct kube_scheduler;
struct judge;

struct faults {
    int refused; /* thousandths of requests that end in an error of the connection */
    int silent;  /* … that get no answer; every other one is carried out */
    int late;    /* … that are carried out late, when nobody waits for them any more */
    int status;  /* … answered 429 or 5xx, the latter carried out or not */
    int slow;    /* … whose answer takes longer */
};

struct world {
    struct random random;
    int64_t now;
    struct agenda *agenda;
    FILE *trace; /* NULL: none */
    uint64_t seed;
    uint64_t steps;
    bool failed;
    char failure[WORLD_TEXT_MAX];

    bool quiet;  /* no fault any more */
    bool betray; /* the next leader that renews, or is about to write, stops right then */
    struct faults faults;
    struct server *server;
    struct phalanx *phalanxes[WORLD_PHALANXES];
    struct kube_scheduler *schedulers[WORLD_PHALANXES];
    struct jobs *jobs;
    struct judge *judge;
};

typedef void world_step(struct world *world, void *context, uint64_t number);

struct world_options {
    uint64_t seed;
    int64_t chaos_us; /* so long there are faults */
    FILE *trace;
};

struct world *world_create(const struct world_options *options);
void world_destroy(struct world *world);

/* `context` must outlive the step; `number` is for it alone. Steps of one moment keep their order.
 */
void world_after(struct world *world, int64_t delay, world_step *step, void *context,
                 uint64_t number);
/* Takes the next step; false when there is none or something is wrong. */
bool world_next(struct world *world);

/* Something is wrong; the first time counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool world_chance(struct world *world, int thousandths);
int64_t world_between(struct world *world, int64_t low, int64_t high);

#endif
