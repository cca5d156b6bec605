// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_COUNTS_H
#define API_KUBE_OBJECTS_COUNTS_H

#include <stdint.h>

#include "api/json/fields.h"
#include "topology/base/err.h"

/* One Kubernetes quantity that must make sense as an amount of hardware: never negative, within
 * int64, and where devices are counted also whole. Quantities are strings or, as Go takes them too,
 * numbers. */

enum count_unit {
    COUNT_WHOLE,      /* devices: "2500m" or 0.5 is an error, not rounded */
    COUNT_ROUNDED_UP, /* bytes and the like, as Quantity.Value() rounds them */
    COUNT_THOUSANDTHS /* CPU */
};

/* An absent field is 0. COUNT_WHOLE refuses a decimal point, the suffixes n, u and m and negative
 * exponents: the canonical form, in which the API server stores whole numbers, has none. */
int count_read(const struct field *field, enum count_unit unit, int64_t *count, struct err *err);

#endif
