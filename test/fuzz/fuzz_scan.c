// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>

#include "test/fuzz/json_reference.h"

/* Any text: the scanner and jansson accept and refuse the same, and read the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_reference_compare((const char *)data, size);
    return 0;
}
