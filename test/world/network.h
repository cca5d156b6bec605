// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_NETWORK_H
#define TEST_WORLD_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

/* Between the clients of the Phalanxes (client.c stands in for api/kube/client/client.c) and the
 * API server. Every request has a fate: it and its answer arrive, or one of them does not, or is
 * late, or the server has trouble. */

struct client;
struct phalanx;

/* What of an answer has arrived, in order. */
enum arrival_type { ARRIVAL_STATUS, ARRIVAL_DATA, ARRIVAL_DONE };
struct arrival {
    uint64_t call;
    enum arrival_type type;
    int status;
    int64_t retry_after_ms;
    char *text; /* *owned*: data; or the error, NULL for none */
};

struct network;

/* `arrived` steals the arrival. */
struct network *network_create(struct phalanx *phalanx, struct client *client,
                               void (*arrived)(struct client *client, struct arrival *arrival));
/* The process has ended: what is on its way to the server still gets there. */
void network_close(struct network *network);
void network_destroy(struct network *network);

void network_send(struct network *network, uint64_t call, const char *method, const char *target,
                  const char *body, int64_t timeout_ms);
/* Nobody waits for the answer any more. */
void network_forget(struct network *network, uint64_t call);

/* Until then nothing gets through in either direction. What was on its way breaks at the end,
 * or is never heard of again. */
/* When an answer to a list or watch of nodes and one of pods last said something, the older of the
 * two; -1: not yet. */
int64_t network_heard(const struct network *network);

void network_part(struct network *network, int64_t until);
/* All its streams stay open and silent, until TCP notices. */
void network_silence(struct network *network);

/* Of a Phalanx, NULL while it is dead. */
struct network *client_network(struct client *client);
/* The next kube_io_destroy() belongs to a process that was killed. */
void client_kill(struct client *client);

#endif
