// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/likings.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/state/admission.h"
#include "topology/base/alloc.h"

/* A list of a few shapes, the one asked for last first. Any change of a node makes what is known of
 * a shape void as a whole: that happens seldom, and looking up is cheap.
 */

struct liking {
    uint32_t shape;
    uint32_t *items; /* by row */
    size_t room;
    uint64_t seen; /* change up to which it is current */
};

struct likings {
    const struct shapes *shapes;
    struct node_index *index;
    const struct recent *recent;
    struct liking kept[LIKINGS_KEPT_MAX];
    uint32_t count;
    uint64_t work;
};

struct likings *likings_create(const struct shapes *shapes, struct node_index *index,
                               const struct recent *recent)
{
    struct likings *likings = alloc_zero(1, sizeof *likings);
    likings->shapes = shapes;
    likings->index = index;
    likings->recent = recent;
    return likings;
}

void likings_destroy(struct likings *likings)
{
    for (uint32_t i = 0; likings != NULL && i < likings->count; i++) {
        free(likings->kept[i].items);
    }
    free(likings);
}

static uint32_t place_of(const struct likings *likings, uint32_t shape)
{
    uint32_t place = 0;
    while (place < likings->count && likings->kept[place].shape != shape) {
        place++;
    }
    return place;
}

void likings_shape_gone(struct likings *likings, uint32_t shape)
{
    uint32_t place = place_of(likings, shape);
    if (place == likings->count) {
        return;
    }
    free(likings->kept[place].items);
    likings->count--;
    memmove(&likings->kept[place], &likings->kept[place + 1],
            (likings->count - place) * sizeof likings->kept[0]);
}

/* That of the shape, which is the first one then. */
static struct liking *get_first(struct likings *likings, uint32_t shape)
{
    uint32_t place = place_of(likings, shape);
    struct liking liking = {.shape = shape, .seen = UINT64_MAX};
    if (place < likings->count) {
        liking = likings->kept[place];
    } else if (likings->count < LIKINGS_KEPT_MAX) {
        likings->count++;
    } else {
        free(likings->kept[--place].items);
    }
    memmove(&likings->kept[1], &likings->kept[0], place * sizeof likings->kept[0]);
    likings->kept[0] = liking;
    return &likings->kept[0];
}

static void look_up(struct likings *likings, struct liking *liking, const uint32_t *word)
{
    uint32_t rows = nodes_rows(shapes_nodes(likings->shapes));
    uint32_t terms = *word++;
    liking->items = alloc_grow(liking->items, &liking->room, (size_t)rows + 1, sizeof(uint32_t));
    memset(liking->items, 0, liking->room * sizeof(uint32_t));
    for (uint32_t t = 0; t < terms; t++) {
        uint32_t weight = *word++;
        const uint64_t *matched = node_index_term(likings->index, &word);
        for (uint32_t row = 0; row < rows; row++) {
            liking->items[row] += (matched[row / 64] >> row % 64 & 1) != 0 ? weight : 0;
        }
    }
    likings->work += (uint64_t)rows * terms / 8;
    liking->seen = likings->recent->changes;
}

const uint32_t *likings_get(struct likings *likings, uint32_t shape, size_t *rows)
{
    const uint32_t *words = shapes_likings(likings->shapes, shape);
    if (words == NULL) {
        return NULL;
    }
    struct liking *liking = get_first(likings, shape);
    if (liking->seen != likings->recent->changes) {
        look_up(likings, liking, words);
    }
    *rows = liking->room;
    return liking->items;
}

uint64_t likings_work(const struct likings *likings)
{
    return likings->work;
}
