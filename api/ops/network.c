// SPDX-License-Identifier: Apache-2.0
#include "api/ops/network.h"

#include <dirent.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pod's own network has a loopback and one end of a virtual pair, and neither has a device. A pod
 * that is given a real network card besides looks like a node here: it is asked for certificates
 * that it might do without, and says so.
 */

static bool has_device(const char *sys_class_net)
{
    DIR *folder = opendir(sys_class_net);
    bool found = false;
    const struct dirent *entry;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/%s/device", sys_class_net, entry->d_name);
        found = entry->d_name[0] != '.' && length < (int)sizeof path && access(path, F_OK) == 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

bool network_is_of_node(const char *sys_class_net)
{
    const char *pod = getenv(PHALANX_POD_IP), *node = getenv(PHALANX_HOST_IP);
    if (pod != NULL && node != NULL) {
        return strcmp(pod, node) == 0;
    }
    return getenv("KUBERNETES_SERVICE_HOST") != NULL && has_device(sys_class_net);
}
