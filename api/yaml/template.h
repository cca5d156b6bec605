// SPDX-License-Identifier: Apache-2.0
#ifndef API_YAML_TEMPLATE_H
#define API_YAML_TEMPLATE_H

#include <jansson.h>

/* Texts of a Helm chart or a Jinja template that nobody has rendered: "{{ .Values.x }}". Unquoted
 * they are no YAML, and yaml_load() says what they are; quoted they are text like any other.
 *
 * Returns the first one (*borrowed*) among the names, labels and the spec of a Kubernetes object,
 * or NULL. Commands, arguments, environment, annotations and data are left alone: programs have
 * templates of their own, which are none of ours. */
const char *template_find(const json_t *object);

#endif
