// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/runs.h"

#include "test/simulation/account.h"
#include "test/simulation/api_server.h"
#include "test/simulation/jobs.h"
#include "test/simulation/minimums.h"
#include "test/simulation/trace.h"

/* Which succeeded members are of the present run, written from the drawing in docs/states.md:
 *
 *   has an owner                     a live member has the same one
 *   has none, but the run it was     a live bound member was committed in the same run
 *     committed in
 *   nothing says                     it has a rank, its role has live members, and none of those
 *                                    who succeeded was made again: no live member has its rank
 *
 * Without any live member all of them count. Of several runs that left such members the one with
 * most of them is meant; which of two, is left open, as it is with live members of two runs.
 */

static const struct pod_state *state_of(const struct sim *sim, int pod, bool shown)
{
    char uid[16];
    const struct pod_state *state = shown ? &sim->host.seen[pod] : &sim->pods[pod].state;
    bool exists = state->exists && (!shown || sim->host.seen_ever[pod]);
    return exists && (!shown || engine_knows_pod(sim->host.engine, sim_name(uid, 'u', pod))) ? state
                                                                                             : NULL;
}

/* A member of the gang in one of three ways, with the state in *state. */
enum standing { STANDS_NOT, STANDS_LIVE, STANDS_DONE };

static enum standing standing(const struct sim *sim, int pod, bool shown,
                              const struct pod_state **state)
{
    *state = state_of(sim, pod, shown);
    if (*state == NULL) {
        return STANDS_NOT;
    }
    return (*state)->succeeded                          ? STANDS_DONE
           : !(*state)->terminal && !(*state)->deleting ? STANDS_LIVE
                                                        : STANDS_NOT;
}

/* The run that a live bound member was committed in; SIM_NONE: none says. */
static int committed_of(const struct sim *sim, int gang, bool shown, bool *sure)
{
    int run = SIM_NONE;
    const struct pod_state *state;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (standing(sim, i, shown, &state) != STANDS_LIVE) {
            continue;
        }
        int own = shown && state->node == SIM_NONE ? account_committed(sim, i)
                  : state->node == SIM_NONE        ? SIM_NONE
                                                   : state->committed;
        *sure = *sure && (run == SIM_NONE || own == SIM_NONE || run == own);
        run = own == SIM_NONE ? run : own;
    }
    return run;
}

static bool has_live(const struct sim *sim, int gang, bool shown, int owner)
{
    const struct pod_state *state;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (standing(sim, i, shown, &state) == STANDS_LIVE &&
            (owner == SIM_NONE || sim->pods[i].run == owner)) {
            return true;
        }
    }
    return false;
}

/* Live members of the role; in *same whether one of them has the rank. */
static int count_role(const struct sim *sim, int gang, bool shown, const struct sim_pod *like,
                      bool *same)
{
    int count = 0;
    const struct pod_state *state;
    *same = false;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct sim_pod *pod = &sim->pods[i];
        if (standing(sim, i, shown, &state) == STANDS_LIVE && pod->role == like->role) {
            *same |= pod->rank == like->rank;
            count++;
        }
    }
    return count;
}

static int count_committed(const struct sim *sim, int gang, bool shown, int run)
{
    int count = 0;
    const struct pod_state *state;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        count += standing(sim, i, shown, &state) == STANDS_DONE && sim->pods[i].rank >= 0 &&
                 state->committed == run;
    }
    return count;
}

/* The run that most of those with ranks were committed in; SIM_NONE: none says. */
static int most_common(const struct sim *sim, int gang, bool shown, bool *sure)
{
    int best = 0, run = SIM_NONE;
    const struct pod_state *state;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (standing(sim, i, shown, &state) != STANDS_DONE || sim->pods[i].rank < 0 ||
            state->committed == SIM_NONE || state->committed == run) {
            continue;
        }
        int count = count_committed(sim, gang, shown, state->committed);
        if (count >= best) {
            *sure = *sure && count > best;
            best = count;
            run = state->committed;
        }
    }
    return run;
}

/* Those of whom nothing says it, by their ranks. */
static int done_by_rank(const struct sim *sim, int gang, enum sim_role role, bool shown,
                        int committed, bool *sure)
{
    int count = 0;
    const struct pod_state *state;
    int common = committed == SIM_NONE ? most_common(sim, gang, shown, sure) : SIM_NONE;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        bool same;
        const struct sim_pod *pod = &sim->pods[i];
        if (standing(sim, i, shown, &state) != STANDS_DONE || pod->rank < 0 ||
            (state->committed != SIM_NONE && state->committed != common)) {
            continue;
        }
        int live = count_role(sim, gang, shown, pod, &same);
        if (same) {
            return 0;
        }
        count += live > 0 && pod->role == role;
    }
    return count;
}

int runs_done(const struct sim *sim, int gang, enum sim_role role, bool shown, bool *sure)
{
    int count = 0;
    const struct pod_state *state;
    bool alive = has_live(sim, gang, shown, SIM_NONE), owned = sim->gangs[gang].owned;
    *sure = true;
    int committed = owned ? SIM_NONE : committed_of(sim, gang, shown, sure);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (standing(sim, i, shown, &state) == STANDS_DONE && sim->pods[i].role == role) {
            count += !alive || (owned ? has_live(sim, gang, shown, sim->pods[i].run)
                                      : committed != SIM_NONE && state->committed == committed);
        }
    }
    return count + (owned || !alive ? 0 : done_by_rank(sim, gang, role, shown, committed, sure));
}

/* Whether all members that are there stand where they were shown, and are as many as it takes. */
static bool is_whole(const struct sim *sim, int gang)
{
    bool sure;
    struct members members = minimums_done(sim, gang, false, &sure);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *is = &sim->pods[i].state, *seen = &sim->host.seen[i];
        bool lives = is->exists && !is->terminal;
        bool sent = sim->host.posted[i] == POST_SENT || sim->host.posted[i] == POST_UNCONFIRMED;
        if (!lives && !(sim->host.seen_ever[i] && seen->exists && !seen->terminal)) {
            continue;
        }
        if (!lives || is->deleting || sent || is->node == SIM_NONE || !sim->host.seen_ever[i] ||
            seen->node != is->node || !sim->nodes[is->node].state.exists) {
            return false;
        }
        members_add(&members, sim->pods[i].role, 1);
    }
    return sure && minimums_met(sim, gang, false, &members);
}

void runs_settle(struct sim *sim)
{
    for (int gang = 0; gang < sim->gang_count && sim->host.engine != NULL; gang++) {
        sim->gangs[gang].torn = sim->gangs[gang].torn && !is_whole(sim, gang);
    }
}

/* ---- faults ---- */

/* One of the last gangs that have members. */
static int pick_gang(const struct sim *sim, struct random *random)
{
    int oldest = sim->gang_count > 8 ? sim->gang_count - 8 : 0;
    if (sim->gang_count == 0) {
        return SIM_NONE;
    }
    int gang = (int)random_range(random, oldest, sim->gang_count - 1);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (sim->pods[i].state.exists) {
            return gang;
        }
    }
    return SIM_NONE;
}

void runs_again(struct sim *sim, struct random *random)
{
    int gang = pick_gang(sim, random);
    int64_t stays = random_chance(random, 500) ? 600000 : random_range(random, 3000, 60000);
    int succeed = random_index(random, 3) * 500; /* thousandths */
    bool missed = false;
    if (gang == SIM_NONE) {
        return;
    }
    trace_note(sim, "g%d ends, and is run again", gang);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        struct pod_state *state = &sim->pods[i].state;
        bool succeeds = random_chance(random, succeed);
        if (!state->exists || state->terminal || state->deleting) {
            continue;
        }
        if (state->node == SIM_NONE) {
            api_delete_pod(sim, i);
            missed = true; /* it may have a place by now */
            continue;
        }
        state->terminal = true;
        state->succeeded = succeeds;
        api_touch_pod(sim, i);
        sim_later(sim, stays, ACTION_DELETE, i, 0, 0);
    }
    sim->gangs[gang].run++;
    sim->gangs[gang].torn = false;
    sim->gangs[gang].marred = missed;
    jobs_make_pods(sim, random, gang);
}

void runs_lose(struct sim *sim, struct random *random)
{
    int gang = pick_gang(sim, random), lost = 0;
    int most = random_chance(random, 300) ? SIM_PODS_MAX : (int)random_range(random, 2, 4);
    bool fail = random_chance(random, 500);
    for (int i = sim_first(sim, gang); i != SIM_NONE && lost < most;
         i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        if (state->exists && !state->terminal && !state->deleting && state->node != SIM_NONE) {
            jobs_lose(sim, random, i, fail);
            lost++;
        }
    }
}

/* How far the gang is, for somebody who looks for the worst moment. */
enum moment { MOMENT_BEFORE, MOMENT_VOTING, MOMENT_AFTER };

static enum moment moment_of(const struct sim *sim, int gang)
{
    enum moment moment = MOMENT_BEFORE;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const char *told = sim->host.told[i];
        if (sim->pods[i].state.exists && sim->pods[i].state.node != SIM_NONE) {
            return MOMENT_AFTER;
        }
        if (told != NULL && told[0] == 'V') {
            moment = MOMENT_VOTING;
        }
    }
    return moment;
}

void runs_bind(struct sim *sim, struct random *random)
{
    enum moment wanted = (enum moment)random_index(random, 3);
    int count = (int)random_range(random, 1, 2), gang = SIM_NONE;
    for (int tries = 0; tries < 8 && gang == SIM_NONE; tries++) {
        int picked = pick_gang(sim, random);
        gang = picked != SIM_NONE && moment_of(sim, picked) == wanted ? picked : SIM_NONE;
    }
    for (int i = sim_first(sim, gang); i != SIM_NONE && count > 0; i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        int node = random_index(random, sim->node_count);
        if (state->exists && !state->terminal && !state->deleting && state->node == SIM_NONE &&
            !state->gated && sim->nodes[node].state.exists) {
            jobs_bind_outside(sim, i, node);
            count--;
        }
    }
}
