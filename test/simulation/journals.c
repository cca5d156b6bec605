// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/journals.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "scheduler/journal/writer.h"

/* What the daemon does with a thread of its own, without one: virtual time does not wait for disks.
 *
 * sim->journals.journal is the journal of the engine that lives, NULL between two lives and after a
 * write that failed.
 */

static void stop(struct sim *sim)
{
    struct journals *journals = &sim->journals;
    journal_destroy(journals->journal);
    journals->journal = NULL;
    if (journals->file != NULL && fclose(journals->file) != 0) {
        sim_fail(sim, "the journal cannot be written: %s", strerror(errno));
    }
    journals->file = NULL;
}

/* Hands on what the journal has to tell. */
static void pass_on(struct sim *sim)
{
    size_t size;
    const uint8_t *bytes = journal_bytes(sim->journals.journal, &size);
    bool whole = fwrite(bytes, 1, size, sim->journals.file) == size;
    int problem = errno;
    journal_clear(sim->journals.journal);
    if (!whole) {
        stop(sim);
        sim_fail(sim, "the journal cannot be written: %s", strerror(problem));
    }
}

void journals_begin(struct sim *sim, const struct engine_options *options)
{
    struct journals *journals = &sim->journals;
    char path[4096];
    if (journals->directory == NULL) {
        return;
    }
    int length = snprintf(path, sizeof(path), "%s/seed-%" PRIu64 "-life-%" PRIu64 ".journal",
                          journals->directory, sim->seed, sim->host.epoch);
    errno = ENAMETOOLONG;
    journals->file = length < (int)sizeof(path) ? fopen(path, "we") : NULL;
    if (journals->file == NULL) {
        sim_fail(sim, "no journal in %s: %s", journals->directory, strerror(errno));
        return;
    }
    struct journal_header header = {
        .options = *options, .started = sim->now + sim->host.skew_ms, .program = journals->program};
    journals->journal = journal_create(options->hash_seed);
    journal_begin(journals->journal, &header);
    pass_on(sim);
}

void journals_step(struct sim *sim, const struct event *event)
{
    struct host *host = &sim->host;
    struct err err;
    if (sim->journals.journal == NULL) {
        return;
    }
    if (journal_step(sim->journals.journal, host->engine, event, &host->effects, &err) != 0) {
        stop(sim);
        sim_fail(sim, "the journal cannot go on: %s", err.text);
        return;
    }
    pass_on(sim);
}

void journals_end(struct sim *sim, const char *why)
{
    if (sim->journals.journal != NULL) {
        journal_end(sim->journals.journal, why);
        pass_on(sim);
        stop(sim);
    }
}
