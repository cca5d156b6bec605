// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_JOURNAL_FOLDER_H
#define TEST_UNIT_API_JOURNAL_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "test/unit/check_main.h"

static inline int folder_remove_one(const char *path, const struct stat *status, int type,
                                    struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* Deletes a folder of the test, with what is in it. */
static inline void folder_remove(const char *path)
{
    ck_assert_int_eq(nftw(path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
