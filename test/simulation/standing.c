// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/standing.h"

#include <string.h>

#include "test/simulation/account.h"

/* Certain is
 *
 *   that a hold failed   when its time was over and none of the gang was bound
 *   that one was kept    when it ended with a binding, and began with none of the gang bound
 *
 * and of every other end nothing: whose fault it was does not show.
 */

/* The longest backoff of kube-scheduler is 10 s, and it does not end when a pod is nominated. */
#define LEAST_MS 12000

static int space_of(const struct sim *sim, int gang)
{
    return sim->spaces == 2 ? gang % 2 : 0;
}

void standing_model_reset(struct sim *sim)
{
    memset(&sim->host.standing, 0, sizeof sim->host.standing);
}

/* Other gangs of the namespace that hold something, those aside that have begun. */
static int held_beside(const struct sim *sim, int gang)
{
    int count = 0;
    for (int other = 0; other < sim->gang_count; other++) {
        count += other != gang && space_of(sim, other) == space_of(sim, gang) &&
                 !sim->host.standing.joins[other] && account_holds(sim, other) > 0;
    }
    return count;
}

void standing_model_begins(struct sim *sim, int gang, bool begun, bool again)
{
    struct sim_standing *standing = &sim->host.standing;
    int space = space_of(sim, gang);
    standing->voted[gang] = standing->expired[gang] = false;
    standing->joins[gang] = begun;
    int others = begun || again ? 0 : held_beside(sim, gang);
    if (standing->limited[space] && others > 0) {
        sim_fail(sim,
                 "(24) g%d is planned beside %d of its namespace that are held, and none there was "
                 "bound since a hold ran out",
                 gang, others);
    }
    if (sim->holds_most > 0 && others >= sim->holds_most) {
        sim_fail(sim, "(24) g%d is planned beside %d of its namespace that are held", gang, others);
    }
}

void standing_model_voted(struct sim *sim, int gang)
{
    sim->host.standing.voted[gang] = true;
}

void standing_model_expired(struct sim *sim, int gang)
{
    sim->host.standing.expired[gang] = true;
}

/* At most one more of the gang and of the namespace; at least so if `failed`. */
static void count(struct sim_standing *standing, int gang, int space, bool failed)
{
    standing->gang_most[gang]++;
    standing->space_most[space]++;
    standing->gang_least[gang] += failed;
    standing->space_least[space] += failed;
}

void standing_model_ended(struct sim *sim, int gang, bool begun, bool posted)
{
    struct sim_standing *standing = &sim->host.standing;
    int space = space_of(sim, gang);
    bool failed = standing->expired[gang] && !begun && !standing->joins[gang];
    if (posted || standing->voted[gang]) {
        standing->gang_least[gang] = 0;
        standing->space_least[space] = 0;
    }
    if ((posted && !standing->joins[gang]) || (failed && standing->voted[gang])) {
        standing->gang_most[gang] = 0;
        standing->space_most[space] = 0;
    }
    if (!posted && !standing->voted[gang]) {
        count(standing, gang, space, failed);
    }
    if (posted) {
        standing->limited[space] = false;
        standing->doubted[space] = standing->doubted[space] && standing->joins[gang];
    } else {
        standing->limited[space] = standing->limited[space] || failed;
        standing->doubted[space] = true;
        sim->host.ready_last[gang] = sim->applies + 1;
        sim->host.ready[gang] = failed ? sim->applies + 1 : sim->host.ready[gang];
    }
}

static int64_t halved(int64_t timeout, uint32_t times)
{
    for (; times > 0 && timeout > LEAST_MS; times--) {
        timeout /= 2;
        timeout = timeout > LEAST_MS ? timeout : LEAST_MS;
    }
    return timeout;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

int64_t standing_model_least(const struct sim *sim, int gang, int64_t timeout)
{
    const struct sim_standing *standing = &sim->host.standing;
    return halved(timeout,
                  greater(standing->gang_most[gang], standing->space_most[space_of(sim, gang)]));
}

int64_t standing_model_most(const struct sim *sim, int gang, int64_t timeout)
{
    const struct sim_standing *standing = &sim->host.standing;
    return halved(timeout,
                  greater(standing->gang_least[gang], standing->space_least[space_of(sim, gang)]));
}

bool standing_model_waits(const struct sim *sim, int gang)
{
    int others = 0;
    for (int other = 0; other < sim->gang_count; other++) {
        others += other != gang && space_of(sim, other) == space_of(sim, gang) &&
                  account_holds(sim, other) > 0;
    }
    return (sim->host.standing.doubted[space_of(sim, gang)] && others > 0) ||
           (sim->holds_most > 0 && others >= sim->holds_most);
}
