// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_API_SERVER_H
#define TEST_SIMULATION_API_SERVER_H

#include "test/simulation/sim.h"

/* The truth about the cluster, with watches and the writes that it takes. */

/* Tells every watcher of the object as it is now. */
void api_show(struct sim *sim, enum sim_kind kind, int index);
void api_deliver(struct sim *sim, enum sim_client client, enum sim_kind kind);
/* A fresh list in place of what is still on its way. */
void api_relist(struct sim *sim, enum sim_client client, enum sim_kind kind);
void api_close(struct sim *sim, enum sim_client client);

/* The new pod's number, or SIM_NONE when there are too many. */
int api_create_pod(struct sim *sim, const struct sim_pod *pod);
void api_delete_pod(struct sim *sim, int pod);
/* Somebody changed the state of the pod. */
void api_touch_pod(struct sim *sim, int pod);

/* What a write is answered, and what a careful writer makes of that without looking again. */
enum api_answer {
    API_DONE,
    API_NOT_FOUND,
    API_OTHER_UID,   /* its name is another pod's by now */
    API_DELETING,    /* 409 */
    API_BOUND_THERE, /* 409: to this very node, before */
    API_BOUND_ELSE,  /* 409: to another node */
    API_FORBIDDEN,   /* 403, an admission webhook */
};
enum write_outcome api_outcome(enum api_answer answer);

enum api_answer api_bind(struct sim *sim, int pod, int node, uint32_t devices, int committed,
                         bool here);
enum api_answer api_nominate(struct sim *sim, int pod, int node);
enum api_answer api_explain(struct sim *sim, int pod, uint64_t text);
/* PodScheduled=False; with `clear` whatever nomination stands is gone with it. */
void api_condition(struct sim *sim, int pod, int message, bool clear);

#endif
