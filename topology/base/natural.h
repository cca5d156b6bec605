// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_NATURAL_H
#define TOPOLOGY_BASE_NATURAL_H

/* Natural order of names: runs of digits count as numbers, everything else byte by byte.
 *
 *   w-2 < w-10    w-10-1 < w-10-2    w < w-0    w-9 < x-1    w-7 < w-07 < w-007
 *
 * A total order of all texts: 0 only for equal ones. Numbers are of any length. < 0, 0, > 0. */
int natural_compare(const char *a, const char *b);

#endif
