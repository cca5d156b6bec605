// SPDX-License-Identifier: Apache-2.0
#include "api/journal/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/* Everything is done relative to the open directory: it may be renamed meanwhile. Only names that
 * this module makes are ever renamed or deleted, and only regular files.
 */

#define LOCK_NAME  "lock"
#define NAME_STEM  ".journal"
#define NAME_ZSTD  ".zst"
#define NAME_OPEN  ".open"
#define DIGITS     10
#define NUMBER_MAX UINT64_C(4294967295)

int segments_open(const char *path, int *folder, struct err *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return err_set(err, "%s: %s", path, strerrordesc_np(errno));
    }
    *folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *folder >= 0 ? 0 : err_set(err, "%s: %s", path, strerrordesc_np(errno));
}

int segments_lock(int folder, int *lock, struct err *err)
{
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = openat(folder, LOCK_NAME, flags, 0600);
    if (fd < 0) {
        return err_set(err, LOCK_NAME ": %s", strerrordesc_np(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;
        close(fd);
        return error == EWOULDBLOCK ? err_set(err, "another process writes its journal there")
                                    : err_set(err, LOCK_NAME ": %s", strerrordesc_np(error));
    }
    *lock = fd;
    return 0;
}

void segments_name(const struct segment *segment, char name[SEGMENTS_NAME_MAX])
{
    (void)snprintf(name, SEGMENTS_NAME_MAX, "%0*" PRIu32 NAME_STEM "%s%s", DIGITS, segment->number,
                   segment->compressed ? NAME_ZSTD : "", segment->open ? NAME_OPEN : "");
}

static bool skip(const char **text, const char *what)
{
    size_t length = strlen(what);
    bool there = strncmp(*text, what, length) == 0;
    *text += there ? length : 0;
    return there;
}

bool segments_parse(const char *name, struct segment *segment)
{
    uint64_t number = 0;
    memset(segment, 0, sizeof *segment);
    if (strspn(name, "0123456789") != DIGITS) {
        return false;
    }
    for (int i = 0; i < DIGITS; i++) {
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    const char *rest = name + DIGITS;
    segment->number = (uint32_t)number;
    if (number > NUMBER_MAX || !skip(&rest, NAME_STEM)) {
        return false;
    }
    segment->compressed = skip(&rest, NAME_ZSTD);
    segment->open = skip(&rest, NAME_OPEN);
    return *rest == '\0';
}

void segments_append(struct segments *list, const struct segment *segment)
{
    list->items = alloc_grow(list->items, &list->room, list->count + 1, sizeof *list->items);
    list->items[list->count++] = *segment;
    list->size += segment->size;
}

void segments_finish(struct segments *list)
{
    free(list->items);
    memset(list, 0, sizeof *list);
}

static int by_number(const void *left, const void *right)
{
    const struct segment *one = left, *other = right;
    if (one->number != other->number) {
        return one->number < other->number ? -1 : 1;
    }
    return (int)one->open - (int)other->open;
}

static void add_entry(int folder, const char *name, struct segments *list)
{
    struct segment segment;
    struct stat status;
    if (segments_parse(name, &segment) &&
        fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
        list->count < SEGMENTS_MAX) {
        segment.size = status.st_size;
        segment.changed_ms =
            (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
        segments_append(list, &segment);
    }
}

int segments_list(int folder, struct segments *list, struct err *err)
{
    memset(list, 0, sizeof *list);
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = again < 0 ? NULL : fdopendir(again);
    if (entries == NULL) {
        int error = errno;
        if (again >= 0) {
            close(again);
        }
        return err_set(err, "%s", strerrordesc_np(error));
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        add_entry(folder, entry->d_name, list);
    }
    closedir(entries);
    if (list->count > 0) {
        qsort(list->items, list->count, sizeof *list->items, by_number);
    }
    return 0;
}

int segments_adopt(int folder, struct segments *list, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        struct segment *segment = &list->items[i];
        char from[SEGMENTS_NAME_MAX], to[SEGMENTS_NAME_MAX];
        if (!segment->open) {
            continue;
        }
        segments_name(segment, from);
        segment->open = false;
        segments_name(segment, to);
        if (renameat(folder, from, folder, to) < 0) {
            return err_set(err, "%s: %s", from, strerrordesc_np(errno));
        }
    }
    return 0;
}

size_t segments_prune(int folder, struct segments *list, int64_t more, int64_t size_most,
                      int64_t since_ms)
{
    size_t count = 0;
    for (; count < list->count; count++) {
        const struct segment *oldest = &list->items[count];
        char name[SEGMENTS_NAME_MAX];
        if (list->size <= size_most - more && oldest->changed_ms >= since_ms) {
            break;
        }
        segments_name(oldest, name);
        (void)unlinkat(folder, name, 0);
        list->size -= oldest->size;
    }
    if (count > 0) {
        memmove(list->items, list->items + count, (list->count - count) * sizeof *list->items);
        list->count -= count;
    }
    return count;
}
