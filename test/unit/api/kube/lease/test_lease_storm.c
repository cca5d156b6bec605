// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/lease.h"

#include "test/unit/api/kube/lease/bed.h"
#include "test/unit/check_main.h"

/* Three processes in a bad network: requests and answers get lost or arrive late, processes freeze,
 * die, come back, are called, write, and are taken for dead, rightly or not. Never may two write,
 * and unless one was taken for dead that lives, two do not lead either. When all is well again one
 * does. */

#define CREW 3

struct sailor {
    struct lease *lease;
    char name[32];
    struct lease_request request; /* under way */
    char *target;
    char *body;
    int64_t arrives; /* at the server; -1: done, or lost */
    int64_t returns; /* the answer, or the timeout */
    int status;
    char *answer;
    bool busy;
    int64_t frozen; /* until then */
    int64_t yields; /* when it will let go, -1 */
    bool gone;      /* it has: from then on it does nothing */
    int64_t winds_up;
    /* What a process sent before it died, and has not arrived. */
    struct lease_request orphan;
    char *orphan_target;
    char *orphan_body;
    int64_t orphan_arrives; /* -1: none */
};

static uint64_t dice;

static int64_t roll(int64_t sides)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((dice >> 33) % (uint64_t)sides);
}

static void drop_orphan(struct sailor *sailor)
{
    free(sailor->orphan_target);
    free(sailor->orphan_body);
    sailor->orphan_target = NULL;
    sailor->orphan_body = NULL;
    sailor->orphan_arrives = -1;
}

static void die(struct sailor *sailor)
{
    if (sailor->busy && sailor->arrives >= 0) {
        drop_orphan(sailor);
        sailor->orphan = sailor->request;
        sailor->orphan_target = sailor->target;
        sailor->orphan_body = sailor->body;
        sailor->orphan_arrives = sailor->arrives;
        sailor->target = NULL;
        sailor->body = NULL;
    }
    lease_destroy(sailor->lease);
    sailor->lease = NULL;
}

static void drop_request(struct sailor *sailor)
{
    free(sailor->target);
    free(sailor->body);
    free(sailor->answer);
    sailor->target = NULL;
    sailor->body = NULL;
    sailor->answer = NULL;
    sailor->busy = false;
}

static void sail(struct sailor *sailor, bool storm)
{
    if (sailor->orphan_arrives >= 0 && now >= sailor->orphan_arrives) {
        (void)serve(&sailor->orphan);
        drop_orphan(sailor);
    }
    if (sailor->busy && sailor->arrives >= 0 && now >= sailor->arrives) {
        sailor->arrives = -1; /* the server goes on while clients freeze or die */
        sailor->status = serve(&sailor->request);
        sailor->answer =
            sailor->status < 300 ? json_dumps(stored, 0) : alloc_string("{\"message\":\"no\"}");
    }
    if (now < sailor->frozen || sailor->lease == NULL) {
        return;
    }
    if (sailor->busy && now >= sailor->returns) {
        bool lost = sailor->answer == NULL || (storm && roll(10) == 0);
        lease_answer(sailor->lease, now, lost ? 0 : sailor->status, lost ? "" : sailor->answer,
                     lost ? 0 : strlen(sailor->answer));
        drop_request(sailor);
    }
    enum lease_role role = lease_role(sailor->lease, now);
    if (role == LEASE_YIELDING && sailor->yields < 0) {
        sailor->yields = now + roll(3000);
    } else if (role == LEASE_YIELDING && now >= sailor->yields) {
        lease_let_go(sailor->lease, now);
        sailor->gone = true;
    } else if (role == LEASE_STANDBY) {
        sailor->yields = -1;
        sailor->gone = false;
        if (sailor->winds_up < 0) {
            sailor->winds_up = now + roll(200);
        } else if (now >= sailor->winds_up) {
            lease_ready(sailor->lease, true);
        }
    } else {
        sailor->winds_up = -1;
    }
    const struct lease_request *request = lease_next(sailor->lease, now, WALL_US + now * 1000);
    if (request != NULL) {
        sailor->request = *request;
        sailor->target = alloc_string(request->target);
        sailor->body = alloc_string(request->body);
        sailor->request.target = sailor->target;
        sailor->request.body = sailor->body;
        sailor->busy = true;
        int64_t there = storm ? roll(roll(8) == 0 ? 9000 : 300) : 5;
        bool lost = storm && roll(8) == 0;
        sailor->arrives = lost ? -1 : now + there;
        sailor->returns = now + there + (storm ? roll(roll(8) == 0 ? 9000 : 300) : 5);
        if (lost || sailor->returns > now + request->timeout_ms) {
            sailor->returns = now + request->timeout_ms;
        }
    }
}

static void weather(struct sailor *sailor, const char *name)
{
    if (sailor->lease == NULL) {
        if (roll(100) == 0) {
            sailor->lease = make(name, (uint64_t)roll(1 << 30));
            (void)snprintf(sailor->name, sizeof sailor->name, "%s", name);
            sailor->gone = false;
            sailor->yields = -1;
            sailor->winds_up = now + roll(2000);
        }
    } else if (roll(1500) == 0) {
        die(sailor);
        drop_request(sailor);
    } else if (roll(1000) == 0) {
        sailor->frozen = now + roll(40000);
    } else if (now >= sailor->frozen && roll(40) == 0) {
        lease_called(sailor->lease, now);
    }
}

/* Those who are connected to the holder see it go, and may see what is not so. */
static void look_out(struct sailor *crew, bool mistakes)
{
    for (int i = 0; i < CREW; i++) {
        struct sailor *sailor = &crew[i];
        if (sailor->lease == NULL || now < sailor->frozen || roll(10) != 0) {
            continue;
        }
        const char *holder = lease_holder(sailor->lease);
        bool lives = false;
        for (int j = 0; j < CREW; j++) {
            lives = lives || (crew[j].lease != NULL && strcmp(crew[j].name, holder) == 0);
        }
        if (!lives || (mistakes && roll(100) == 0)) {
            lease_holder_ended(sailor->lease, holder, now);
        } else {
            lease_holder_lives(sailor->lease);
        }
        if (roll(10) == 0) {
            lease_look(sailor->lease, now);
        }
    }
}

/* A process that is frozen counts, too: it may be between its look at the clock and its write. */
static void count_writers(struct sailor *crew, int seed)
{
    int writer = -1;
    for (int i = 0; i < CREW; i++) {
        if (crew[i].lease == NULL) {
            continue;
        }
        bool may = lease_fence(crew[i].lease, now) > now;
        ck_assert_msg(!may || writer < 0, "seed %d: %d and %d may write", seed, writer, i);
        writer = may ? i : writer;
        if (now >= crew[i].frozen && roll(3) == 0) {
            lease_write_soon(crew[i].lease, now);
        }
    }
}

START_TEST(at_most_one_leads_in_any_weather)
{
    struct sailor crew[CREW];
    memset(crew, 0, sizeof crew);
    for (int i = 0; i < CREW; i++) {
        crew[i].orphan_arrives = -1;
    }
    unsigned terms = 0;
    int last = -1;
    bool mistakes = _i % 2 == 1;
    unsigned writers = 0;
    dice = (uint64_t)_i * 2654435761u + 17;
    for (int64_t end = now + 1800000; now < end; now += 20) {
        int leader = -1;
        bool storm = end - now > 120000;
        for (int i = 0; i < CREW; i++) {
            char name[32];
            /* A process that comes back has the identity of the one before, or a new one. */
            (void)snprintf(name, sizeof name, "s%d-%d", i, (int)(now / 1000 % 2));
            if (storm) {
                weather(&crew[i], name);
            } else if (crew[i].lease == NULL) {
                crew[i].lease = make(name, 5);
                (void)snprintf(crew[i].name, sizeof crew[i].name, "%s", name);
            }
            sail(&crew[i], storm);
            /* A frozen one does nothing, whatever it thinks: it looks at the clock first. */
            if (crew[i].lease != NULL) {
                enum lease_role role = lease_role(crew[i].lease, now);
                if (role == LEASE_LEADER || (role == LEASE_YIELDING && !crew[i].gone)) {
                    ck_assert_msg(leader < 0 || mistakes, "seed %d: %d and %d lead", _i, leader, i);
                    leader = i;
                    writers += lease_fence(crew[i].lease, now) > now;
                }
            }
        }
        look_out(crew, mistakes && storm);
        count_writers(crew, _i);
        terms += leader >= 0 && leader != last;
        last = leader >= 0 ? leader : last;
        if (end - now <= 20) {
            ck_assert_msg(leader >= 0, "seed %d: nobody leads in good weather", _i);
        }
    }
    ck_assert_uint_gt(terms, 3);
    ck_assert_uint_gt(writers, 1800000 / 20 / 20); /* the fence is open one turn in 20 at least */
    for (int i = 0; i < CREW; i++) {
        drop_request(&crew[i]);
        drop_orphan(&crew[i]);
        lease_destroy(crew[i].lease);
    }
}
END_TEST

static void calm(void)
{
    now = START_MS;
    version = 100;
}

static void clear(void)
{
    json_decref(stored);
    stored = NULL;
}

int main(void)
{
    Suite *suite = suite_create("api/kube/lease/lease in a storm");
    TCase *tcase = tcase_create("storm");
    tcase_add_checked_fixture(tcase, calm, clear);
    tcase_add_loop_test(tcase, at_most_one_leads_in_any_weather, 0, 20);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
