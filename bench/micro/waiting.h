// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_MICRO_WAITING_H
#define BENCH_MICRO_WAITING_H

#include <stdint.h>

/* Scenarios of bench/micro/engine: what one event costs while many gangs wait, or in a large
 * cluster. Each prints a table, and measures new rounds until `seconds` of CPU time are spent. */

void waiting_crowd(double seconds);   /* 1,000 gangs of 16 on 5,000 nodes */
void waiting_shapes(double seconds);  /* 200 gangs of 100 shapes on 100,000 nodes */
void waiting_members(double seconds); /* 8,000 bound members are seen again */
void waiting_roles(double seconds);   /* 30 gangs of three roles that nearly fit */

#endif
