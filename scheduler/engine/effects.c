// SPDX-License-Identifier: Apache-2.0
#include "scheduler/effects.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A growing array beside an arena. The array is kept between uses, the arena is reset, so that a
 * steady stream of events allocates nothing.
 */

void effects_init(struct effects *effects)
{
    memset(effects, 0, sizeof(*effects));
    arena_init(&effects->arena);
}

void effects_finish(struct effects *effects)
{
    free(effects->items);
    arena_finish(&effects->arena);
    memset(effects, 0, sizeof(*effects));
}

void effects_reset(struct effects *effects)
{
    effects->count = 0;
    arena_reset(&effects->arena);
}

struct effect *effects_append(struct effects *effects, enum effect_type type)
{
    effects->items =
        alloc_grow(effects->items, &effects->room, effects->count + 1, sizeof(*effects->items));
    struct effect *effect = &effects->items[effects->count++];
    memset(effect, 0, sizeof(*effect));
    effect->type = type;
    return effect;
}
