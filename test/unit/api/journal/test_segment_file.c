// SPDX-License-Identifier: Apache-2.0
/* Segments written, and read again, also by segment_source.h. */
#include "api/journal/segment_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "api/journal/segment_source.h"
#include "test/unit/api/journal/folder.h"
#include "topology/base/alloc.h"

#define SIZE (3u << 20)

static char path[64];
static int folder;
static uint8_t *bytes; /* SIZE of them, which can be packed */

static void setup(void)
{
    struct err err;
    snprintf(path, sizeof path, "/tmp/phalanx-segment-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_int_eq(segments_open(path, &folder, &err), 0);
    bytes = alloc_zero(SIZE, 1);
    for (uint32_t i = 0, state = 1; i < SIZE; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(i % 100 < 75 ? i % 251 : state >> 24);
    }
}

static void teardown(void)
{
    free(bytes);
    close(folder);
    folder_remove(path);
}

static FILE *open_file(const char *name)
{
    int fd = openat(folder, name, O_RDONLY);
    ck_assert_msg(fd >= 0, "%s", name);
    return fdopen(fd, "r");
}

/* How many bytes can be read, which have to be the first ones; -1 when it is damaged. */
static int64_t read_all(FILE *file, size_t piece)
{
    struct segment_source *source = segment_source_create(file);
    uint8_t *read = alloc_zero(piece, 1);
    int64_t sum = 0;
    struct err err;
    for (size_t count = 1; count > 0; sum += (int64_t)count) {
        if (segment_source_read(source, read, piece, &count, &err) < 0) {
            ck_assert_ptr_nonnull(strstr(err.text, "what is packed is damaged: "));
            sum = -1;
            break;
        }
        ck_assert_uint_le(count, SIZE - (size_t)sum);
        ck_assert(memcmp(read, bytes + sum, count) == 0);
    }
    free(read);
    segment_source_destroy(source);
    return sum;
}

static struct segment_file *create(uint32_t number, bool compress)
{
    struct segment_file *file;
    struct err err;
    ck_assert_msg(segment_file_create(folder, number, compress, &file, &err) == 0, "%s", err.text);
    return file;
}

START_TEST(written_and_read)
{
    bool compress = _i == 1;
    struct segment_file *file = create(7, compress);
    struct segment segment;
    struct err err;
    struct stat status;
    const char *open = compress ? "0000000007.journal.zst.open" : "0000000007.journal.open";
    const char *closed = compress ? "0000000007.journal.zst" : "0000000007.journal";
    ck_assert_int_eq(segment_file_write(file, bytes, 1000, &err), 0);
    ck_assert_int_eq(segment_file_flush(file, &err), 0);
    ck_assert_int_eq(read_all(open_file(open), 4096), 1000); /* while it is written */
    ck_assert_int_eq(segment_file_write(file, bytes + 1000, SIZE - 1000, &err), 0);
    ck_assert_int_eq(segment_file_close(file, true, &segment, &err), 0);
    ck_assert_int_ne(faccessat(folder, open, R_OK, 0), 0);
    ck_assert_int_eq(fstatat(folder, closed, &status, 0), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600); /* it tells a lot about a cluster */
    ck_assert_int_eq(segment.size, status.st_size);
    ck_assert_int_eq(segment.number, 7);
    if (compress) {
        ck_assert_int_lt(status.st_size, SIZE / 2);
    } else {
        ck_assert_int_eq(status.st_size, SIZE);
    }
    ck_assert_int_eq(read_all(open_file(closed), 4096), SIZE);
    ck_assert_int_eq(read_all(open_file(closed), 4095), SIZE);
}
END_TEST

/* Cut off at any place, as by a kill, it gives what was before. */
START_TEST(torn)
{
    struct segment_file *file = create(1, true);
    struct segment segment;
    struct err err;
    ck_assert_int_eq(segment_file_write(file, bytes, 20000, &err), 0);
    ck_assert_int_eq(segment_file_flush(file, &err), 0);
    int64_t flushed = segment_file_size(file);
    ck_assert_int_eq(segment_file_write(file, bytes + 20000, 20000, &err), 0);
    ck_assert_int_eq(segment_file_close(file, true, &segment, &err), 0);
    int64_t before = 0;
    char name[96];
    snprintf(name, sizeof name, "%s/0000000001.journal.zst", path);
    for (int64_t size = segment.size; size >= 4; size -= 1009) {
        ck_assert_int_eq(truncate(name, size), 0);
        int64_t read = read_all(open_file("0000000001.journal.zst"), 4096);
        ck_assert_int_ge(read, size >= flushed ? 20000 : 0);
        ck_assert(before == 0 || read <= before);
        before = read;
    }
}
END_TEST

START_TEST(damaged)
{
    struct segment_file *file = create(1, true);
    struct segment segment;
    struct err err;
    ck_assert_int_eq(segment_file_write(file, bytes, SIZE, &err), 0);
    ck_assert_int_eq(segment_file_close(file, true, &segment, &err), 0);
    int fd = openat(folder, "0000000001.journal.zst", O_RDWR);
    ck_assert_int_eq(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 4), 8);
    close(fd);
    ck_assert_int_eq(read_all(open_file("0000000001.journal.zst"), 4096), -1);
}
END_TEST

/* A frame that asks for more memory than any that is written here. */
START_TEST(a_large_window)
{
    ZSTD_CCtx *packer = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(SIZE);
    uint8_t *packed = alloc_zero(room, 1);
    ck_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(packer, ZSTD_c_windowLog, 27)));
    ck_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(packer, ZSTD_c_contentSizeFlag, 0)));
    ZSTD_inBuffer in = {bytes, SIZE, 0};
    ZSTD_outBuffer out = {packed, room, 0};
    ck_assert(!ZSTD_isError(ZSTD_compressStream2(packer, &out, &in, ZSTD_e_flush)));
    ck_assert_int_eq(read_all(fmemopen(packed, out.pos, "r"), 4096), -1);
    ZSTD_freeCCtx(packer);
    free(packed);
}
END_TEST

/* Two frames, one after the other, as `cat` makes them. */
START_TEST(several_frames)
{
    size_t room = ZSTD_compressBound(SIZE);
    uint8_t *packed = alloc_zero(2 * room, 1);
    size_t first = ZSTD_compress(packed, room, bytes, 5000, 1);
    size_t second = ZSTD_compress(packed + first, room, bytes + 5000, SIZE - 5000, 19);
    ck_assert(!ZSTD_isError(first) && !ZSTD_isError(second));
    ck_assert_int_eq(read_all(fmemopen(packed, first + second, "r"), 4096), SIZE);
    free(packed);
}
END_TEST

START_TEST(a_full_disk)
{
    struct segment_file *file = create(1, _i == 1);
    struct segment segment;
    struct err err;
    struct rlimit limit, small;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){.rlim_cur = 100000, .rlim_max = limit.rlim_max};
    (void)setrlimit(RLIMIT_FSIZE, &small); /* under it Check itself cannot write */
    int result = segment_file_write(file, bytes, SIZE, &err);
    (void)setrlimit(RLIMIT_FSIZE, &limit);
    ck_assert_int_eq(result, -1);
    ck_assert_str_eq(err.text, "File too large");
    ck_assert_int_eq(segment_file_close(file, false, &segment, &err), 0);
    ck_assert_int_eq(segment.size, 100000);
    const char *name = _i == 1 ? "0000000001.journal.zst" : "0000000001.journal";
    ck_assert_int_ge(read_all(open_file(name), 4096), 100000);
}
END_TEST

START_TEST(never_over_another)
{
    struct segment_file *file, *other;
    struct segment segment;
    struct err err;
    file = create(1, false);
    ck_assert_int_eq(segment_file_create(folder, 1, false, &other, &err), -1);
    ck_assert_str_eq(err.text, "0000000001.journal.open: File exists");
    ck_assert_int_eq(unlinkat(folder, "0000000001.journal.open", 0), 0);
    ck_assert_int_eq(segment_file_close(file, true, &segment, &err), -1);
    ck_assert_str_eq(err.text, "No such file or directory");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/journal/segment_file");
    TCase *tcase = tcase_create("segment_file");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, written_and_read, 0, 2);
    tcase_add_test(tcase, torn);
    tcase_add_test(tcase, damaged);
    tcase_add_test(tcase, a_large_window);
    tcase_add_test(tcase, several_frames);
    tcase_add_loop_test(tcase, a_full_disk, 0, 2);
    tcase_add_test(tcase, never_over_another);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
