// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* replay FOLDER: a fuzz target without its fuzzer. Gives it every file of a corpus, and every
 * beginning of it, so that the corpus is an ordinary test for any compiler. What a target finds
 * ends the program.
 */

#define INPUT_MAX    (1u << 20)
#define PREFIXES_MAX 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As long as the input and no longer, for the address sanitizer. */
static void feed(const char *input, size_t length)
{
    uint8_t *copy = alloc_resize(NULL, length == 0 ? 1 : length, 1);
    if (length > 0) {
        memcpy(copy, input, length);
    }
    LLVMFuzzerTestOneInput(copy, length);
    free(copy);
}

static int replay(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    char *input = alloc_resize(NULL, INPUT_MAX, 1);
    size_t length = fread(input, 1, INPUT_MAX, file);
    fclose(file);
    printf("%s: %zu bytes\n", path, length);
    fflush(stdout); /* the last line names the culprit */
    feed(input, length);
    for (size_t prefix = 0; prefix < length && prefix < PREFIXES_MAX; prefix++) {
        feed(input, prefix);
    }
    free(input);
    return 0;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int failed = 0;
    int inputs = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    int count = scandir(argv[1], &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            inputs++;
            failed += replay(argv[1], entries[i]->d_name) < 0;
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    if (inputs == 0) {
        fprintf(stderr, "%s: no inputs\n", argv[1]);
    }
    return inputs > 0 && failed == 0 ? 0 : 1;
}
