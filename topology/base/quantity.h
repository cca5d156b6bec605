// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_QUANTITY_H
#define TOPOLOGY_BASE_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Kubernetes quantities, exactly (k8s.io/apimachinery pkg/api/resource/quantity.go).
 *
 *   quantity  = sign? digits? ('.' digits?)? suffix      with at least one digit
 *   suffix    = n u m "" k M G T P E | Ki Mi Gi Ti Pi Ei | [eE] sign? digits
 *
 * There is no floating point: the value is mantissa × 10^e or × 2^e and is scaled with integers. As
 * in Kubernetes, a result that is not whole is rounded up (away from zero). One outside int64 is
 * capped at the limit, where Value() of Kubernetes may overflow silently. Texts are bounded by
 * QUANTITY_TEXT_MAX; the API server stores canonical forms, which are much shorter. Surrounding
 * space is malformed. On failure *value is left alone and the error names the text.
 */

#define QUANTITY_TEXT_MAX 64

/* Resource.Value(): whole units, e.g. bytes or devices. */
int quantity_units(const char *text, size_t length, int64_t *value, struct err *err);

/* Resource.MilliValue(): thousandths, the unit in which CPU is counted. */
int quantity_milli(const char *text, size_t length, int64_t *value, struct err *err);

#endif
