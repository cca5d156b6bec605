// SPDX-License-Identifier: Apache-2.0
#include "api/journal/segment_source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "topology/base/alloc.h"

/* Which of the two it is, its first four bytes tell. A frame may ask for a window of at most
 * 2^WINDOW_LOG bytes, which is more than the one that is written has.
 */

#define MAGIC_SIZE 4
#define WINDOW_LOG 23

struct segment_source {
    FILE *file;
    ZSTD_DCtx *unpacker; /* NULL: as it is */
    uint8_t *packed;
    size_t room;
    ZSTD_inBuffer in; /* of `packed`, not yet unpacked */
};

static bool is_packed(const uint8_t *bytes, size_t count)
{
    static const uint8_t magic[MAGIC_SIZE] = {0x28, 0xB5, 0x2F, 0xFD};
    return count >= MAGIC_SIZE && memcmp(bytes, magic, MAGIC_SIZE) == 0;
}

struct segment_source *segment_source_create(FILE *file)
{
    struct segment_source *source = alloc_zero(1, sizeof *source);
    source->file = file;
    source->room = ZSTD_DStreamInSize();
    source->packed = alloc_zero(source->room, 1);
    source->in = (ZSTD_inBuffer){source->packed, fread(source->packed, 1, source->room, file), 0};
    if (is_packed(source->packed, source->in.size)) {
        source->unpacker = ZSTD_createDCtx();
        err_require(source->unpacker != NULL);
        (void)ZSTD_DCtx_setParameter(source->unpacker, ZSTD_d_windowLogMax, WINDOW_LOG);
    }
    return source;
}

void segment_source_destroy(struct segment_source *source)
{
    if (source == NULL) {
        return;
    }
    ZSTD_freeDCtx(source->unpacker);
    free(source->packed);
    fclose(source->file);
    free(source);
}

/* More to unpack; false when there is none. */
static bool refill(struct segment_source *source)
{
    if (source->in.pos == source->in.size) {
        source->in.size = fread(source->packed, 1, source->room, source->file);
        source->in.pos = 0;
    }
    return source->in.size > 0;
}

static int read_plain(struct segment_source *source, uint8_t *to, size_t room, size_t *count)
{
    if (refill(source)) {
        size_t left = source->in.size - source->in.pos;
        *count = left < room ? left : room;
        memcpy(to, source->packed + source->in.pos, *count);
        source->in.pos += *count;
    }
    return 0;
}

/* The unpacker may hold bytes that did not fit the last time, so it is asked before the file. */
static int unpack(struct segment_source *source, uint8_t *to, size_t room, size_t *count,
                  struct err *err)
{
    ZSTD_outBuffer out = {to, room, 0};
    for (bool more = true; out.pos == 0 && more;) {
        more = refill(source);
        size_t result = ZSTD_decompressStream(source->unpacker, &out, &source->in);
        if (ZSTD_isError(result)) {
            return err_set(err, "what is packed is damaged: %s", ZSTD_getErrorName(result));
        }
    }
    *count = out.pos;
    return 0;
}

int segment_source_read(struct segment_source *source, uint8_t *to, size_t room, size_t *count,
                        struct err *err)
{
    *count = 0;
    int result = source->unpacker == NULL ? read_plain(source, to, room, count)
                                          : unpack(source, to, room, count, err);
    return ferror(source->file) ? err_set(err, "%s", strerrordesc_np(errno)) : result;
}
