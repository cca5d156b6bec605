// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdbool.h>

#include "scheduler/journal/fields.h"
#include "topology/base/alloc.h"

/* The part of fields.h that a journal begins with: the engine's options, and its levels. */

static_assert(sizeof(void *) != 8 || sizeof(struct engine_options) == 72, "the header lacks one");

static void encode_levels(struct journal_coder *coder, const struct levels *levels)
{
    struct levels preset;
    if (levels == NULL) { /* what the engine takes then */
        levels_preset(&preset);
        levels = &preset;
    }
    uint32_t count = levels->count;
    journal_coder_u32(coder, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct level *level = &levels->items[i];
        const char *name = level->name;
        uint32_t keys = level->key_count;
        journal_coder_text(coder, &name);
        journal_coder_u32(coder, &keys);
        for (uint32_t k = 0; k < keys; k++) {
            const char *key = level->keys[k];
            journal_coder_text(coder, &key);
        }
    }
}

static void decode_levels(struct journal_coder *coder, struct levels *levels)
{
    uint32_t count = 0, keys = 0;
    const char *text = NULL;
    struct err err;
    int result = 0;
    levels_init(levels);
    journal_coder_u32(coder, &count);
    for (uint32_t i = 0; i < count && result == 0 && !coder->failed; i++) {
        journal_coder_name(coder, &text, "the name of a level");
        journal_coder_u32(coder, &keys);
        result = coder->failed ? 0 : levels_add(levels, text, &err);
        for (uint32_t k = 0; k < keys && result == 0 && !coder->failed; k++) {
            journal_coder_name(coder, &text, "the label key of a level");
            result = coder->failed ? 0 : levels_add_key(levels, text, &err);
        }
    }
    if (result < 0 || (!coder->failed && levels_finish(levels, &err) < 0)) {
        journal_coder_fail(coder, "%s", err.text);
    }
}

void journal_fields_header(struct journal_coder *coder, struct journal_header *header)
{
    struct engine_options *options = &header->options;
    journal_coder_text(coder, &header->program);
    journal_fields_time(coder, &header->started);
    journal_fields_time(coder, &header->started_wall);
    journal_fields_time(coder, &options->hold_timeout_ms);
    journal_fields_time(coder, &options->backoff_initial_ms);
    journal_fields_time(coder, &options->backoff_maximum_ms);
    journal_fields_time(coder, &options->repair_timeout_ms);
    unsigned incomplete = options->incomplete;
    journal_coder_choice(coder, &incomplete, ENGINE_INCOMPLETE_EVICT + 1, "repair policy");
    options->incomplete = (enum engine_incomplete)incomplete;
    journal_coder_u64(coder, &options->hash_seed);
    if (journal_coder_has(coder, 3)) {
        unsigned preference = options->preference;
        journal_coder_choice(coder, &preference, ENGINE_PREFER_PLACEMENT + 1, "preference");
        options->preference = (enum engine_preference)preference;
    }
    if (journal_coder_has(coder, 4)) {
        journal_coder_u32(coder, &options->waiting_most);
    }
    if (journal_coder_has(coder, 5)) {
        journal_coder_u64(coder, &header->segment);
        journal_coder_u64(coder, &header->steps);
        journal_coder_u32(coder, &header->state);
    }
    if (journal_coder_has(coder, 6)) {
        journal_coder_u32(coder, &options->tenant_gangs);
        journal_coder_u32(coder, &options->tenant_holds);
    }
    if (!coder->decoding) {
        encode_levels(coder, options->levels);
        return;
    }
    struct levels *levels = arena_alloc(coder->arena, 1, sizeof *levels);
    decode_levels(coder, levels);
    options->levels = levels;
}
