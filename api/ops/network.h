// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_NETWORK_H
#define API_OPS_NETWORK_H

#include <stdbool.h>

/* Variables of the environment: status.podIP and status.hostIP. */
#define PHALANX_POD_IP  "PHALANX_POD_IP"
#define PHALANX_HOST_IP "PHALANX_HOST_IP"

/* Whether a pod shares the network of its node (hostNetwork: true): then its loopback is that of
 * every other such pod and of everything that runs on the node.
 *
 * Kubernetes does not tell a container. So, where both are given, PHALANX_POD_IP is compared with
 * PHALANX_HOST_IP (downward API). Where they are not, but
 * KUBERNETES_SERVICE_HOST is, as in every pod, a network interface with a device behind it gives
 * the node away: `sys_class_net` is /sys/class/net. Outside of a pod the answer is no: whoever
 * starts a process on a machine knows where.
 */
bool network_is_of_node(const char *sys_class_net);

#endif
