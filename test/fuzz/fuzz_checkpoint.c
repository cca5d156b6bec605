// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>

#include "scheduler/engine.h"
#include "topology/base/checkpoint.h"

/* Any bytes are a checkpoint, or are refused with a reason. An engine that was loaded saves what it
 * was loaded from once more, or another state that loads again and is then the same.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct engine *load(const uint8_t *data, size_t size)
{
    struct engine_options options;
    struct err err = {.text = ""};
    engine_options_default(&options);
    struct engine *engine = engine_create(&options);
    if (engine_load(engine, data, size, &err) < 0) {
        require(err.text[0] != '\0');
        engine_destroy(engine);
        return NULL;
    }
    return engine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint saved;
    struct engine *engine = load(data, size);
    if (engine == NULL) {
        return 0;
    }
    engine_save(engine, &saved);
    struct engine *again = load(saved.bytes, saved.count);
    require(again != NULL);
    engine_destroy(again);
    engine_destroy(engine);
    checkpoint_finish(&saved);
    return 0;
}
