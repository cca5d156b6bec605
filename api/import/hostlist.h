// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_HOSTLIST_H
#define API_IMPORT_HOSTLIST_H

#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Slurm's hostlist expressions (slurm src/common/hostlist.c, man scontrol "show hostnames"):
 *
 *   tux[0-3]            tux0 tux1 tux2 tux3
 *   node[001-003,7]     node001 node002 node003 node7      the width of the first number is kept
 *   r[1-2]n[1-2]-ib     r1n1-ib r1n2-ib r2n1-ib r2n2-ib    the last bracket runs fastest
 *   a[1-3,5],b7         a1 a2 a3 a5 b7
 *
 * Spaces around the commas between names are skipped. An error names what is wrong, and where: a
 * bracket that is not closed, not open, nested, empty or not numbers; a range that runs backwards;
 * an empty name; a character that is not printable ASCII.
 */

#define HOSTLIST_NAMES_MAX  (1u << 20) /* names of one expression */
#define HOSTLIST_NAME_MAX   253
#define HOSTLIST_GROUPS_MAX 8 /* brackets in one name */
#define HOSTLIST_DIGITS_MAX 18

/* Gets each name, NUL-terminated, *borrowed* for the call; non-zero stops, and is what
 * hostlist_expand() returns. */
typedef int hostlist_visit(void *context, const char *name, size_t length, struct err *err);

/* Calls `visit` for every name, in the order of the expression. The whole expression is checked,
 * and the names are counted, before the first call. */
int hostlist_expand(const char *text, size_t length, hostlist_visit *visit, void *context,
                    struct err *err);

/* The number of names, repeated ones counted again. */
int hostlist_count(const char *text, size_t length, uint32_t *count, struct err *err);

#endif
