// SPDX-License-Identifier: Apache-2.0
/* yaml_tool: prints the documents on standard input as a JSON array; 1 and the error when there is
 * one. */
#include <jansson.h>
#include <stdio.h>

#include "api/yaml/yaml.h"

int main(void)
{
    struct err err = {.text = ""};
    json_t *documents = yaml_load_file("-", &err);
    if (documents == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    json_dumpf(documents, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    json_decref(documents);
    return 0;
}
