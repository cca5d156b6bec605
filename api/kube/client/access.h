// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_ACCESS_H
#define API_KUBE_CLIENT_ACCESS_H

#include "topology/base/err.h"

/* Where the API server is and how to prove who we are: a kubeconfig's current context, or the
 * ServiceAccount that every pod has.
 *
 * Supported in a kubeconfig: server, certificate-authority(-data), tls-server-name,
 * insecure-skip-tls-verify, client-certificate(-data), client-key(-data), token, tokenFile.
 * exec and auth-provider plugins are refused by name. Relative paths are relative to the
 * kubeconfig. Inline data stays in memory.
 */

struct kube_access {
    char *server; /* "https://host:port", no slash at the end */
    char *ca_file;
    char *ca_data; /* PEM, NUL-terminated */
    char *certificate_file;
    char *certificate_data;
    char *key_file;
    char *key_data;
    char *token;
    char *token_file; /* re-read by whoever uses it */
    char *tls_server_name;
    int insecure;
};

/* `path` NULL or "": $KUBECONFIG (one file), else in-cluster. Fills `access` (release with
 * _finish); on failure there is nothing to release. */
int kube_access_load(struct kube_access *access, const char *path, struct err *err);

/* The ServiceAccount whose files are in `directory` (in a pod KUBE_ACCESS_SERVICE_ACCOUNT) and the
 * API server of $KUBERNETES_SERVICE_HOST and _PORT. */
#define KUBE_ACCESS_SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
int kube_access_in_cluster(struct kube_access *access, const char *directory, struct err *err);

void kube_access_copy(struct kube_access *to, const struct kube_access *from);
void kube_access_finish(struct kube_access *access);

#endif
