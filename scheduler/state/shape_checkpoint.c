// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "scheduler/state/gpus.h"
#include "scheduler/state/shape_table.h"
#include "topology/base/alloc.h"

/* Shapes in a checkpoint (shape.h): words and ids as they are, for order and ties go by both. The
 * words of a key that are read from a checkpoint are walked once (is_sound()), so that a list in it
 * cannot reach past its end.
 */

#define WORDS_MAX (1u << 22) /* of one key, which has many bounds of its own */

static bool walk_term(const uint32_t *words, uint32_t end, uint32_t *at)
{
    if (*at >= end || words[*at] > POD_EXPRESSIONS_MAX) {
        return false;
    }
    uint32_t expressions = words[(*at)++];
    for (uint32_t i = 0; i < expressions; i++) {
        if (end - *at < 3 || words[*at + 2] > end - *at - 3) {
            return false;
        }
        *at += 3 + words[*at + 2];
    }
    return true;
}

/* A list of things of one width. */
static bool walk_list(const uint32_t *words, uint32_t end, uint32_t *at, uint32_t width)
{
    if (*at >= end || words[*at] > (end - *at - 1) / width) {
        return false;
    }
    *at += 1 + width * words[*at];
    return true;
}

/* Terms, each behind `before` words. */
static bool walk_terms(const uint32_t *words, uint32_t end, uint32_t *at, uint32_t before)
{
    if (*at >= end) {
        return false;
    }
    uint32_t count = words[(*at)++];
    for (uint32_t i = 0; i < count; i++) {
        if (end - *at < before) {
            return false;
        }
        *at += before;
        if (!walk_term(words, end, at)) {
            return false;
        }
    }
    return true;
}

static bool is_sound(const struct shape *shape)
{
    const struct offsets *part = &shape->at;
    uint32_t at = 0, length = shape->length;
    if (part->likings >= length || part->selector >= length || part->terms >= length ||
        part->tolerations >= length || !walk_list(shape->key, length, &at, 3) ||
        at > part->selector) {
        return false;
    }
    at = part->likings;
    if (at > 0 && !(walk_terms(shape->key, part->selector, &at, 1) && at == part->selector)) {
        return false;
    }
    at = part->selector;
    return walk_list(shape->key, part->terms, &at, 2) && at == part->terms &&
           walk_terms(shape->key, part->tolerations, &at, 0) && at == part->tolerations &&
           walk_list(shape->key, length, &at, 3) && at == length;
}

/* The requests are the first list of the key. */
static void load_request(struct shapes *shapes, struct checkpoint *checkpoint, struct shape *shape)
{
    const struct names *names = nodes_words(shapes->nodes);
    (void)checkpoint_check(checkpoint, is_sound(shape), "a shape that cannot be");
    resources_init(&shape->request);
    for (uint32_t i = 0; !checkpoint->failed && i < shape->key[0]; i++) {
        const uint32_t *item = &shape->key[1 + 3 * i];
        int64_t amount = (int64_t)((uint64_t)item[1] << 32 | item[2]);
        if (checkpoint_check(checkpoint,
                             names_has(names, resource_word(item[0])) && amount > 0 &&
                                 amount <= RESOURCE_AMOUNT_MAX + 1,
                             "a request that cannot be")) {
            resources_set(&shape->request, item[0], amount);
        }
    }
    if (!checkpoint->failed) {
        shape->gpus = gpus_requested(&shape->request, names, &shape->gpu_resource);
    }
}

static void code_spread(struct shapes *shapes, struct checkpoint *checkpoint, struct shape *shape)
{
    const struct names *names = nodes_words(shapes->nodes);
    const char *key = shape->spread.key;
    uint32_t word = key == NULL ? CHECKPOINT_NONE : names_find(names, key, strlen(key));
    checkpoint_index(checkpoint, &word, (uint32_t)names_bound(names));
    checkpoint_i32(checkpoint, &shape->spread.max_skew);
    checkpoint_i32(checkpoint, &shape->spread.min_domains);
    if (checkpoint->loading &&
        checkpoint_check(checkpoint, word == CHECKPOINT_NONE || names_has(names, word),
                         "a word that is none")) {
        shape->spread.key = word == CHECKPOINT_NONE ? NULL : names_text(names, word);
    }
}

static void code_names(struct shapes *shapes, struct checkpoint *checkpoint, struct shape *shape)
{
    struct names *names = nodes_vocabulary(shapes->nodes);
    uint32_t count = shape->name_count;
    checkpoint_count(checkpoint, &count, WORDS_MAX);
    if (checkpoint->loading) {
        shape->names = alloc_zero(count, sizeof(uint32_t));
        shape->name_count = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        checkpoint_place(checkpoint, &shape->names[i], (uint32_t)names_bound(names));
        if (checkpoint->loading &&
            checkpoint_check(checkpoint, !checkpoint->failed && names_has(names, shape->names[i]),
                             "a word that is none")) {
            names_retain(names, shape->names[i]);
            shape->name_count++;
        }
    }
}

static void code_shape(struct shapes *shapes, struct checkpoint *checkpoint, struct shape *shape)
{
    err_require(shape != NULL);
    uint32_t length = shape->length;
    checkpoint_count(checkpoint, &length, WORDS_MAX);
    checkpoint_u32(checkpoint, &shape->at.likings);
    checkpoint_u32(checkpoint, &shape->at.selector);
    checkpoint_u32(checkpoint, &shape->at.terms);
    checkpoint_u32(checkpoint, &shape->at.tolerations);
    if (checkpoint->loading) {
        shape->length = length;
        shape->key = alloc_zero(length, sizeof(uint32_t));
    }
    checkpoint_words(checkpoint, shape->key, length);
    code_names(shapes, checkpoint, shape);
    code_spread(shapes, checkpoint, shape);
    uint64_t text = shape->text;
    checkpoint_u64(checkpoint, &text);
    shape->text = (size_t)text;
    shapes->text += checkpoint->loading ? shape->text : 0;
    checkpoint_index(checkpoint, &shape->pin, (uint32_t)names_bound(nodes_words(shapes->nodes)));
    if (checkpoint->loading) {
        (void)checkpoint_check(checkpoint,
                               checkpoint->failed || shape->pin == CHECKPOINT_NONE ||
                                   names_has(nodes_words(shapes->nodes), shape->pin),
                               "a word that is none");
        load_request(shapes, checkpoint, shape);
    }
}

static void load_shape(struct shapes *shapes, struct checkpoint *checkpoint, uint32_t id)
{
    struct shape *shape = alloc_zero(1, sizeof *shape);
    struct shape *other = NULL;
    shape->id = id;
    shape->references = 1; /* until shapes_loaded() */
    shapes->by_id[id] = shape;
    code_shape(shapes, checkpoint, shape);
    if (checkpoint->failed) {
        return;
    }
    HASH_FIND(hh, shapes->table, shape->key, shape->length * sizeof(uint32_t), other);
    if (checkpoint_check(checkpoint, other == NULL, "a shape that is there already")) {
        HASH_ADD_KEYPTR(hh, shapes->table, shape->key, shape->length * sizeof(uint32_t), shape);
    }
}

static void code_free_ids(struct shapes *shapes, struct checkpoint *checkpoint)
{
    uint32_t count = (uint32_t)shapes->free_count;
    checkpoint_count(checkpoint, &count, SHAPES_MAX);
    if (checkpoint->loading) {
        shapes->free_ids =
            alloc_grow(shapes->free_ids, &shapes->free_room, count + 1, sizeof(uint32_t));
        shapes->free_count = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        checkpoint_place(checkpoint, &shapes->free_ids[i], shapes->count);
        (void)checkpoint_check(checkpoint,
                               checkpoint->failed || shapes->by_id[shapes->free_ids[i]] == NULL,
                               "an id that is not free");
    }
}

void shapes_checkpoint(struct shapes *shapes, struct checkpoint *checkpoint)
{
    uint32_t count = shapes->count;
    checkpoint_section(checkpoint, "shapes");
    checkpoint_count(checkpoint, &count, SHAPES_MAX + 1);
    if (checkpoint->loading) {
        shapes->by_id =
            alloc_grow(shapes->by_id, &shapes->room, (size_t)count + 1, sizeof(struct shape *));
        shapes->count = count;
    }
    for (uint32_t id = 0; id < count && !checkpoint->failed; id++) {
        bool there = shapes->by_id[id] != NULL;
        checkpoint_bool(checkpoint, &there);
        if (there && checkpoint->loading && !checkpoint->failed) {
            load_shape(shapes, checkpoint, id);
        } else if (there && !checkpoint->failed) {
            code_shape(shapes, checkpoint, shapes->by_id[id]);
        }
    }
    code_free_ids(shapes, checkpoint);
}

void shapes_loaded(struct shapes *shapes)
{
    for (uint32_t id = 0; id < shapes->count; id++) {
        if (shapes->by_id[id] != NULL) {
            (void)shapes_release(shapes, id);
        }
    }
}

bool shapes_has(const struct shapes *shapes, uint32_t shape)
{
    return shape < shapes->count && shapes->by_id[shape] != NULL;
}
