// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_PHALANX_H
#define TEST_WORLD_PHALANX_H

#include <stdbool.h>
#include <stdint.h>

#include "test/world/world.h"

/* One Phalanx: a process that can be killed, frozen, cut off, and told to stop. Its name in the
 * Lease is "p0" or "p1", whichever life it is.
 *
 *   phalanx_call()   a call over HTTP; the answer comes back by `answered`, with status 0 when
 *                    the connection broke
 *   phalanx_hang_up() the caller does not wait any more
 */

struct phalanx;
struct client;

struct phalanx *phalanx_create(struct world *world, int index);
void phalanx_destroy(struct phalanx *phalanx);

void phalanx_start(struct phalanx *phalanx);
void phalanx_kill(struct phalanx *phalanx);
/* SIGTERM: it drains, gives its lease back, ends. */
void phalanx_stop(struct phalanx *phalanx);
void phalanx_freeze(struct phalanx *phalanx, int64_t duration);
/* Its machine's time of day jumps. */
void phalanx_step_clock(struct phalanx *phalanx, int64_t by);

bool phalanx_alive(const struct phalanx *phalanx);
int64_t phalanx_frozen_until(const struct phalanx *phalanx);
uint64_t phalanx_life(const struct phalanx *phalanx); /* another number after each end */
int phalanx_index(const struct phalanx *phalanx);
struct network *phalanx_network(struct phalanx *phalanx); /* NULL while it is dead */

/* One call at a time of each `number`, which is never 0 and never used twice. */
void phalanx_call(struct phalanx *phalanx, uint64_t number, const char *path, const char *body,
                  void (*answered)(void *context, uint64_t number, int status, const char *body),
                  void *context);
void phalanx_hang_up(struct phalanx *phalanx, uint64_t number);

/* For the client that is made in its name (client.c). */
struct phalanx *phalanx_current(void);
void phalanx_attach(struct phalanx *phalanx, struct client *client);
struct thread *phalanx_thread(struct phalanx *phalanx);
struct world *phalanx_world(struct phalanx *phalanx);
/* The Kubernetes thread has its turn no later than that. */
void phalanx_turn_at(struct phalanx *phalanx, int64_t at);
/* Between these two the clocks are its own. */
void phalanx_enter(struct phalanx *phalanx);
void phalanx_leave(void);

#endif
