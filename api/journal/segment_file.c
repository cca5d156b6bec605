// SPDX-License-Identifier: Apache-2.0
#include "api/journal/segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* Zstandard in one frame, flushed whenever the writer is: then all bytes so far can be unpacked,
 * and a kill loses what came after. A record's own checksum is over what was packed, so what a
 * replay reads does not depend on how it was packed, or by which version of the library.
 */

#define LEVEL       3
#define WRITE_PIECE (1u << 20)

struct segment_file {
    int folder; /* *borrowed* */
    int fd;
    struct segment segment;
    ZSTD_CCtx *packer; /* NULL: as it is */
    uint8_t *packed;
    size_t room;
};

int segment_file_create(int folder, uint32_t number, bool compress, struct segment_file **file,
                        struct err *err)
{
    struct segment segment = {.number = number, .compressed = compress, .open = true};
    char name[SEGMENTS_NAME_MAX];
    segments_name(&segment, name);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(folder, name, flags, 0600);
    if (fd < 0) {
        return err_set(err, "%s: %s", name, strerrordesc_np(errno));
    }
    struct segment_file *made = alloc_zero(1, sizeof *made);
    made->folder = folder;
    made->fd = fd;
    made->segment = segment;
    if (compress) {
        made->packer = ZSTD_createCCtx();
        err_require(made->packer != NULL);
        (void)ZSTD_CCtx_setParameter(made->packer, ZSTD_c_compressionLevel, LEVEL);
        made->room = ZSTD_CStreamOutSize();
        made->packed = alloc_zero(made->room, 1);
    }
    *file = made;
    return 0;
}

static int put(struct segment_file *file, const uint8_t *bytes, size_t count, struct err *err)
{
    while (count > 0) {
        ssize_t done = write(file->fd, bytes, count < WRITE_PIECE ? count : WRITE_PIECE);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return err_set(err, "%s", strerrordesc_np(done < 0 ? errno : ENOSPC));
        }
        bytes += done;
        count -= (size_t)done;
        file->segment.size += done;
    }
    return 0;
}

/* Packs `count` bytes; with ZSTD_e_continue some may stay in the packer. */
static int pack(struct segment_file *file, const uint8_t *bytes, size_t count,
                ZSTD_EndDirective how, struct err *err)
{
    ZSTD_inBuffer in = {bytes, count, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {file->packed, file->room, 0};
        left = ZSTD_compressStream2(file->packer, &out, &in, how);
        err_require(!ZSTD_isError(left)); /* it has no way to fail on any bytes */
        if (put(file, file->packed, out.pos, err) < 0) {
            return -1;
        }
    } while (how == ZSTD_e_continue ? in.pos < in.size : left > 0);
    return 0;
}

int segment_file_write(struct segment_file *file, const uint8_t *bytes, size_t count,
                       struct err *err)
{
    return file->packer == NULL ? put(file, bytes, count, err)
                                : pack(file, bytes, count, ZSTD_e_continue, err);
}

int segment_file_flush(struct segment_file *file, struct err *err)
{
    return file->packer == NULL ? 0 : pack(file, NULL, 0, ZSTD_e_flush, err);
}

int64_t segment_file_size(const struct segment_file *file)
{
    return file->segment.size;
}

static int finish(struct segment_file *file, struct err *err)
{
    if (file->packer != NULL && pack(file, NULL, 0, ZSTD_e_end, err) < 0) {
        return -1;
    }
    return fsync(file->fd) == 0 ? 0 : err_set(err, "%s", strerrordesc_np(errno));
}

/* The name says that it is no longer written; what is on the disk is what could be written. */
static int give_name(struct segment_file *file, struct err *err)
{
    char from[SEGMENTS_NAME_MAX], to[SEGMENTS_NAME_MAX];
    segments_name(&file->segment, from);
    file->segment.open = false;
    segments_name(&file->segment, to);
    if (renameat(file->folder, from, file->folder, to) < 0 || fsync(file->folder) < 0) {
        return err_set(err, "%s", strerrordesc_np(errno));
    }
    return 0;
}

int segment_file_close(struct segment_file *file, bool whole, struct segment *segment,
                       struct err *err)
{
    int result = whole ? finish(file, err) : 0;
    result = give_name(file, result == 0 ? err : NULL) == 0 ? result : -1;
    file->segment.changed_ms = clock_wall_ms();
    *segment = file->segment;
    close(file->fd);
    ZSTD_freeCCtx(file->packer);
    free(file->packed);
    free(file);
    return result;
}
