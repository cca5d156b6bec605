// SPDX-License-Identifier: Apache-2.0
#include "api/import/slurm_conf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/import/slurm_topology.h"
#include "topology/base/alloc.h"

/* Lines are put together first (comments off, continued lines joined), then split into KEY=VALUE
 * pairs, then told to the topology. The line that an error names is the first of a continued one.
 */

enum key { KEY_SWITCH, KEY_BLOCK, KEY_SIZES, KEY_RING, KEY_NODES, KEY_SWITCHES, KEY_SPEED, KEYS };

static const char *const key_names[KEYS] = {"SwitchName", "BlockName", "BlockSizes", "RingName",
                                            "Nodes",      "Switches",  "LinkSpeed"};

struct reader {
    const char *text; /* what is left */
    const char *end;
    size_t line;    /* number of the line that `text` begins */
    char *joined;   /* the line put together, with room for the whole text */
    size_t length;  /* of it */
    size_t started; /* number of its first line */
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\v' || byte == '\f';
}

static bool is_key_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

/* Copies one line of the file without its comment, and steps behind it. True when it goes on. */
static bool copy_line(struct reader *reader)
{
    const char *end = memchr(reader->text, '\n', (size_t)(reader->end - reader->text));
    const char *next = end == NULL ? reader->end : end + 1;
    end = end == NULL ? reader->end : end;
    for (const char *at = reader->text; at < end && *at != '#'; at++) {
        if (*at == '\\' && at + 1 < end && at[1] == '#') {
            at++;
        }
        reader->joined[reader->length++] = *at;
    }
    while (reader->length > 0 && is_space(reader->joined[reader->length - 1])) {
        reader->length--;
    }
    reader->text = next;
    reader->line++;
    if (reader->length > 0 && reader->joined[reader->length - 1] == '\\') {
        reader->length--;
        return true;
    }
    return false;
}

/* The next line, joined; false at the end. */
static bool next_line(struct reader *reader)
{
    if (reader->text == reader->end) {
        return false;
    }
    reader->length = 0;
    reader->started = reader->line;
    while (copy_line(reader) && reader->text < reader->end) {
    }
    return true;
}

/* Reads a value, in quotes or up to the next space. */
static int read_value(const char *line, size_t length, size_t *at, struct slurm_text *value,
                      struct err *err)
{
    bool quoted = *at < length && line[*at] == '"';
    *at += quoted;
    size_t start = *at;
    while (*at < length && (quoted ? line[*at] != '"' : !is_space(line[*at]))) {
        ++*at;
    }
    *value = (struct slurm_text){line + start, *at - start};
    if (quoted && *at == length) {
        return err_set(err, "a quote is not closed");
    }
    *at += quoted;
    return 0;
}

static int find_key(const char *name, size_t length)
{
    for (int key = 0; key < KEYS; key++) {
        if (strlen(key_names[key]) == length && strncasecmp(key_names[key], name, length) == 0) {
            return key;
        }
    }
    return -1;
}

static size_t skip_spaces(const char *line, size_t length, size_t at)
{
    while (at < length && is_space(line[at])) {
        at++;
    }
    return at;
}

/* One KEY=VALUE of a line. */
static int read_pair(const char *line, size_t length, size_t *at, struct slurm_text *values,
                     struct err *err)
{
    size_t start = *at;
    while (*at < length && is_key_byte(line[*at])) {
        ++*at;
    }
    size_t key_length = *at - start;
    int shown = (int)(key_length > 60 ? 60 : key_length);
    int key = find_key(line + start, key_length);
    *at = skip_spaces(line, length, *at);
    if (key_length == 0 || *at == length || line[*at] != '=') {
        return err_set(err, "\"%.*s\" must be KEY=VALUE", shown, line + start);
    }
    if (key < 0) {
        return err_set(err, "%.*s: unknown key", shown, line + start);
    }
    if (values[key].text != NULL) {
        return err_set(err, "%s is given twice", key_names[key]);
    }
    *at = skip_spaces(line, length, *at + 1);
    if (read_value(line, length, at, &values[key], err) < 0) {
        return err_prefix(err, "%s", key_names[key]);
    }
    if (values[key].length == 0) {
        return err_set(err, "%s has no value", key_names[key]);
    }
    return 0;
}

static int read_sizes(struct slurm_topology *topology, struct slurm_text list, struct err *err)
{
    const char *end = list.text + list.length;
    for (const char *text = list.text;; text++) {
        int64_t size = 0;
        const char *start = text;
        while (text < end && *text >= '0' && *text <= '9' && size <= INT32_MAX) {
            size = size * 10 + (*text++ - '0');
        }
        if (text == start || (text < end && *text != ',')) {
            return err_set(err, "BlockSizes \"%.*s\" is not a list of numbers",
                           (int)(list.length > 80 ? 80 : list.length), list.text);
        }
        if (slurm_topology_block_size(topology, size, err) < 0) {
            return -1;
        }
        if (text == end) {
            return 0;
        }
    }
}

/* Which of the keys may stand together is what makes a line one of three. */
static int take_line(struct slurm_topology *topology, size_t line, const struct slurm_text *values,
                     bool *sized, struct err *err)
{
    bool is_switch = values[KEY_SWITCH].text != NULL;
    bool is_block = values[KEY_BLOCK].text != NULL;
    bool is_sizes = values[KEY_SIZES].text != NULL;
    if (values[KEY_RING].text != NULL) {
        return err_set(err, "line %zu: RingName: rings are not supported", line);
    }
    if (is_switch + is_block + is_sizes != 1) {
        return err_set(err, "line %zu: one of SwitchName, BlockName and BlockSizes is required",
                       line);
    }
    if ((!is_switch && (values[KEY_SWITCHES].text != NULL || values[KEY_SPEED].text != NULL)) ||
        (is_sizes && values[KEY_NODES].text != NULL)) {
        return err_set(err, "line %zu: keys that cannot be combined", line);
    }
    if (is_switch) {
        return slurm_topology_switch(topology, line, values[KEY_SWITCH], values[KEY_NODES],
                                     values[KEY_SWITCHES], err);
    }
    if (is_block) {
        return slurm_topology_block(topology, line, values[KEY_BLOCK], values[KEY_NODES], err);
    }
    if (*sized) {
        return err_set(err, "line %zu: BlockSizes is given twice", line);
    }
    *sized = true;
    return read_sizes(topology, values[KEY_SIZES], err) < 0 ? err_prefix(err, "line %zu", line) : 0;
}

static int read_lines(struct reader *reader, struct slurm_topology *topology, struct err *err)
{
    bool sized = false;
    while (next_line(reader)) {
        struct slurm_text values[KEYS] = {{NULL, 0}};
        size_t at = skip_spaces(reader->joined, reader->length, 0);
        if (at == reader->length) {
            continue;
        }
        while (at < reader->length) {
            if (read_pair(reader->joined, reader->length, &at, values, err) < 0) {
                return err_prefix(err, "line %zu", reader->started);
            }
            at = skip_spaces(reader->joined, reader->length, at);
        }
        if (take_line(topology, reader->started, values, &sized, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int slurm_conf_load(const char *text, size_t length, struct overlay **overlay, struct err *err)
{
    struct slurm_topology *topology = slurm_topology_create("line ", "");
    struct reader reader = {
        .text = text, .end = text + length, .line = 1, .joined = alloc_zero(length + 1, 1)};
    int result = read_lines(&reader, topology, err);
    if (result == 0) {
        result = slurm_topology_overlay(topology, overlay, err);
    }
    free(reader.joined);
    slurm_topology_destroy(topology);
    return result;
}

bool slurm_conf_is(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length && (is_space(text[at]) || text[at] == '\n' || text[at] == '#')) {
        const char *end = text[at] == '#' ? memchr(text + at, '\n', length - at) : text + at;
        at = end == NULL ? length : (size_t)(end - text) + 1;
    }
    size_t start = at;
    while (at < length && is_key_byte(text[at])) {
        at++;
    }
    size_t after = skip_spaces(text, length, at);
    return at > start && after < length && text[after] == '=';
}
