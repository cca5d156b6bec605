// SPDX-License-Identifier: Apache-2.0
/* Random traffic, twice: the same events give the same effects to the last byte, whatever the hash
 * seed, and so does a journal of the first run when another engine lives through it. On the way
 * every call has its answer, no gang is begun without its quorum and no tick falls due that was not
 * announced. */
#include "scheduler/journal/reader.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "test/unit/topology/random.h"

#define NODES       12
#define SLOTS       40
#define GANGS       4
#define POSTS_MAX   256
#define TICKETS_MAX 8192

static const char *const node_names[NODES + 1] = {"n0", "n1", "n2", "n3",  "n4",  "n5", "n6",
                                                  "n7", "n8", "n9", "n10", "n11", NULL};
static const char *const gang_names[GANGS] = {"alpha", "beta", "gamma", "delta"};
static const int32_t gang_minimum_of[GANGS] = {3, 5, 7, 2}; /* in order of gang_names */

/* What an API server would know of a pod. */
struct slot {
    bool exists;
    char uid[24];
    int gang; /* -1: ordinary */
    int64_t gpus;
    int node;      /* bound, or -1 */
    int nominated; /* or -1 */
    bool terminal;
    bool unconfirmed; /* a binding was posted and nobody said what became of it */
};

struct post {
    int slot;
    char uid[24];
    int node;
};

struct run {
    struct world world;
    struct random random;
    struct slot slots[SLOTS];
    int generation;
    struct post posts[POSTS_MAX]; /* bindings without an outcome yet */
    int post_count;
    bool waiting[TICKETS_MAX]; /* bind tickets without a reply */
    FILE *log;
    char *text;
    size_t size;
};

static uint32_t below(struct run *run, uint32_t bound)
{
    return random_below(&run->random, bound);
}

static const char *or_dash(const char *text)
{
    return text == NULL ? "-" : text;
}

/* Everything an effect says, in words. */
static void print_effect(FILE *log, const struct effect *effect, uint32_t rows)
{
    fprintf(log, "  %d ", effect->type);
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        fprintf(log, "%lu %d %u %s ", (unsigned long)effect->filter.ticket, effect->filter.verdict,
                effect->filter.index, or_dash(effect->filter.reason));
        for (uint32_t i = 0; effect->filter.passes != NULL && i < rows; i++) {
            fputc(effect->filter.passes[i] ? '1' : '0', log);
        }
        break;
    case EFFECT_PRIORITIZE_REPLY:
        fprintf(log, "%lu %u", (unsigned long)effect->prioritize.ticket, effect->prioritize.index);
        break;
    case EFFECT_PREEMPT_REPLY:
        for (uint32_t i = 0; effect->preempt.keeps != NULL && i < rows; i++) {
            fputc(effect->preempt.keeps[i] ? '1' : '0', log);
        }
        break;
    case EFFECT_BIND_REPLY:
        fprintf(log, "%lu %s", (unsigned long)effect->bind.ticket, or_dash(effect->bind.error));
        break;
    case EFFECT_POST_BINDING:
    case EFFECT_NOMINATE:
    case EFFECT_EXPLAIN:
    case EFFECT_EVICT:
        fprintf(log, "%s/%s %s %s %s %d %s", effect->write.name_space, effect->write.name,
                effect->write.uid, or_dash(effect->write.node), or_dash(effect->write.gang),
                effect->write.rank, or_dash(effect->write.text));
        break;
    case EFFECT_EVENT:
        fprintf(log, "%d %d %s/%s %s %s: %s", effect->event.group, effect->event.warning,
                effect->event.name_space, effect->event.name, or_dash(effect->event.uid),
                effect->event.reason, effect->event.message);
        break;
    case EFFECT_TRANSITION:
        fprintf(log, "%s/%s %s>%s %s %ld", effect->transition.name_space, effect->transition.gang,
                effect->transition.from, effect->transition.to, or_dash(effect->transition.message),
                (long)effect->transition.waited_ms);
        break;
    case EFFECT_SKIPPED:
        fprintf(log, "%d %s/%s %s", effect->skipped.kind, effect->skipped.name_space,
                effect->skipped.name, effect->skipped.message);
        break;
    case EFFECT_PHASE:
        fprintf(log, "%s from %s to %s", effect->phase.uid, effect->phase.from, effect->phase.to);
        break;
    }
    fputc('\n', log);
}

static int slot_of(const struct run *run, const char *uid)
{
    for (int i = 0; i < SLOTS; i++) {
        if (run->slots[i].exists && strcmp(run->slots[i].uid, uid) == 0) {
            return i;
        }
    }
    return -1;
}

static int index_of_node(const char *name)
{
    for (int i = 0; name != NULL && i < NODES; i++) {
        if (strcmp(node_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Live members that count as bound, for the API server or for the bindings on their way. */
static int begun_members(const struct run *run, int gang)
{
    int count = 0;
    for (int i = 0; i < SLOTS; i++) {
        const struct slot *slot = &run->slots[i];
        if (!slot->exists || slot->gang != gang) {
            continue;
        }
        bool posted = false;
        for (int p = 0; p < run->post_count; p++) {
            posted = posted || strcmp(run->posts[p].uid, slot->uid) == 0;
        }
        count += posted || slot->node >= 0 || slot->unconfirmed;
    }
    return count;
}

static void note_post(struct run *run, const struct effect *effect)
{
    int slot = slot_of(run, effect->write.uid);
    ck_assert_int_ge(slot, 0);
    ck_assert_int_lt(run->post_count, POSTS_MAX);
    struct post *post = &run->posts[run->post_count++];
    post->slot = slot;
    post->node = index_of_node(effect->write.node);
    snprintf(post->uid, sizeof(post->uid), "%s", effect->write.uid);
}

/* Prints the effects of the last event and does what they ask for. */
static void take(struct run *run, const char *what, uint32_t rows)
{
    const struct effects *effects = &run->world.effects;
    int begun[GANGS];
    for (int g = 0; g < GANGS; g++) {
        begun[g] = begun_members(run, g);
    }
    fprintf(run->log, "%ld %s %ld\n", (long)run->world.now, what,
            (long)engine_deadline(run->world.engine));
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        print_effect(run->log, effect, rows);
        if (effect->type == EFFECT_POST_BINDING) {
            note_post(run, effect);
        } else if (effect->type == EFFECT_NOMINATE && below(run, 4) != 0) {
            run->slots[slot_of(run, effect->write.uid)].nominated =
                index_of_node(effect->write.node);
        } else if (effect->type == EFFECT_BIND_REPLY) {
            ck_assert(run->waiting[effect->bind.ticket]); /* asked, and not answered before */
            run->waiting[effect->bind.ticket] = false;
        }
    }
    for (int g = 0; g < GANGS; g++) { /* from none to some: only with the quorum */
        int now = begun_members(run, g);
        ck_assert_msg(begun[g] > 0 || now == 0 || now >= gang_minimum_of[g], "%s: %d begun",
                      gang_names[g], now);
    }
}

static void show(struct run *run, struct slot *slot)
{
    struct world_pod pod = {
        .uid = slot->uid,
        .gang = slot->gang < 0 ? NULL : gang_names[slot->gang],
        .minimum = slot->gang < 0 ? 0 : gang_minimum_of[slot->gang],
        .gpus = slot->gpus,
        .node = slot->node < 0 ? NULL : node_names[slot->node],
        .nominated = slot->node >= 0 || slot->nominated < 0 ? NULL : node_names[slot->nominated],
        .rank = -1,
        .failed = slot->terminal};
    world_pod(&run->world, &pod);
    take(run, "pod", 0);
}

static void create(struct run *run, struct slot *slot)
{
    memset(slot, 0, sizeof(*slot));
    slot->exists = true;
    slot->gang = (int)below(run, GANGS + 1) - 1;
    slot->gpus = slot->gang < 0 ? 1 + below(run, 4) : 8;
    slot->node = slot->nominated = -1;
    snprintf(slot->uid, sizeof(slot->uid), "pod-%d", run->generation++);
    show(run, slot);
}

static void filter(struct run *run, const struct slot *slot)
{
    const char *list[NODES + 2];
    uint32_t count = 0;
    for (int i = 0; i < NODES; i++) {
        if (below(run, 8) != 0) {
            list[count++] = node_names[i];
        }
    }
    if (below(run, 10) == 0) {
        list[count++] = "ghost";
    }
    list[count] = NULL;
    const char *nominated = slot->nominated < 0 ? NULL : node_names[slot->nominated];
    const struct filter_reply *reply = world_filter(&run->world, slot->uid, nominated, list);
    ck_assert_uint_eq(world_count(&run->world, EFFECT_FILTER_REPLY), 1);
    if (reply->verdict == FILTER_ONE) {
        ck_assert_uint_lt(reply->index, count);
    }
    if (reply->verdict == FILTER_NONE) {
        ck_assert_str_ne(reply->reason, "");
    }
    take(run, "filter", count);
}

static void bind(struct run *run, const struct slot *slot)
{
    const char *node = node_names[below(run, NODES)];
    char planned[64];
    if (slot->gang >= 0 && below(run, 8) != 0) {
        world_node_of(&run->world, gang_names[slot->gang], slot->uid, planned);
        node = planned[0] == '\0' ? node : planned;
    }
    ck_assert_uint_lt(run->world.ticket + 1, TICKETS_MAX);
    run->waiting[run->world.ticket + 1] = true;
    world_bind(&run->world, slot->uid, node);
    take(run, "bind", 0);
}

/* An outcome of one posted binding; a binding that happened shows in the pod, sooner or later. */
static void outcome(struct run *run)
{
    if (run->post_count == 0) {
        return;
    }
    int picked = (int)below(run, (uint32_t)run->post_count);
    struct post post = run->posts[picked];
    run->posts[picked] = run->posts[--run->post_count];
    struct slot *slot = &run->slots[post.slot];
    bool same = slot->exists && strcmp(slot->uid, post.uid) == 0;
    enum write_outcome result = same ? WRITE_DONE : WRITE_GONE;
    if (same && below(run, 6) == 0) {
        result = below(run, 2) == 0 ? WRITE_REFUSED : WRITE_UNKNOWN;
    }
    if (same) {
        slot->unconfirmed = result == WRITE_UNKNOWN;
    }
    bool happened = same && (result == WRITE_DONE || (result == WRITE_UNKNOWN && below(run, 2)));
    if (happened) {
        slot->node = post.node;
    }
    world_bound(&run->world, post.uid, node_names[post.node], result);
    take(run, "outcome", 0);
    if (happened) {
        show(run, slot);
    }
}

static void change_node(struct run *run)
{
    uint32_t n = below(run, NODES);
    char block[8], rack[8];
    snprintf(block, sizeof(block), "b%u", n / 6 % 10);
    snprintf(rack, sizeof(rack), "r%u", n / 3 % 10);
    if (below(run, 4) == 0) {
        world_node_gone(&run->world, node_names[n]);
    } else {
        world_node(&run->world, node_names[n], block, rack, below(run, 6) == 0 ? 4 : 8);
    }
    take(run, "node", 0);
}

static void advance(struct run *run)
{
    int64_t due = engine_deadline(run->world.engine);
    int64_t step = 1 + below(run, 4000);
    if (due < run->world.now + step) {
        step = due > run->world.now ? due - run->world.now : 0;
    }
    world_tick(&run->world, step);
    take(run, "tick", 0);
    ck_assert_int_gt(engine_deadline(run->world.engine), run->world.now);
}

static void step(struct run *run)
{
    struct slot *slot = &run->slots[below(run, SLOTS)];
    uint32_t what = below(run, 100);
    if (what < 15) {
        advance(run);
    } else if (what < 30) {
        outcome(run);
    } else if (what < 32) {
        change_node(run);
    } else if (!slot->exists) {
        create(run, slot);
    } else if (what < 36) {
        slot->exists = false;
        world_pod_gone(&run->world, slot->uid);
        take(run, "gone", 0);
    } else if (what < 38) {
        slot->terminal = slot->node >= 0;
        show(run, slot);
    } else if (what < 50) {
        show(run, slot);
    } else if (slot->node < 0 && what < 75) {
        filter(run, slot);
    } else if (slot->node < 0) {
        bind(run, slot);
    }
}

static void play(struct run *run, uint64_t seed, uint64_t hash_seed, int steps)
{
    struct engine_options options;
    memset(run, 0, sizeof(*run));
    engine_options_default(&options);
    options.hash_seed = hash_seed;
    run->world.engine = engine_create(&options);
    effects_init(&run->world.effects);
    run->random.state = seed;
    run->world.journal = journal_create(hash_seed);
    journal_begin(run->world.journal, &(struct journal_header){.options = options});
    run->log = open_memstream(&run->text, &run->size);
    world_racks(&run->world, 4, 3);
    world_event(&run->world, EVENT_SYNCED);
    for (int i = 0; i < steps; i++) {
        step(run);
    }
    world_event(&run->world, EVENT_DRAIN);
    take(run, "drain", 0);
    while (run->post_count > 0) {
        outcome(run);
    }
    ck_assert_uint_eq(world_figures(&run->world).holds, 0);
    for (uint64_t ticket = 0; ticket <= run->world.ticket; ticket++) {
        ck_assert_msg(!run->waiting[ticket], "ticket %lu has no answer", (unsigned long)ticket);
    }
    fclose(run->log);
}

/* Another engine lives through the journal of a run; returns how many steps were the same. */
static size_t replay(const struct journal *journal)
{
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct engine *engine = NULL;
    struct effects effects;
    struct event event;
    size_t size, used, first, steps = 0;
    const uint8_t *bytes = journal_bytes(journal, &size);
    effects_init(&effects);
    for (; size > 0; bytes += used, size -= used) {
        struct err err;
        ck_assert_msg(journal_read(reader, bytes, size, &record, &used, &err) == JOURNAL_READ, "%s",
                      err.text);
        if (record.kind == JOURNAL_HEADER) {
            struct engine_options options = record.header->options;
            options.hash_seed = ~options.hash_seed; /* no result depends on it */
            engine = engine_create(&options);
            continue;
        }
        journal_translate(reader, engine, &record.event, &event);
        effects_reset(&effects);
        engine_apply(engine, &event, &effects);
        ck_assert_msg(journal_compare(reader, &event, record.effects, &effects, &first),
                      "record %lu, effect %zu", (unsigned long)record.number, first);
        ck_assert_int_eq(engine_deadline(engine), record.deadline);
        steps++;
    }
    effects_finish(&effects);
    engine_destroy(engine);
    journal_reader_destroy(reader);
    return steps;
}

START_TEST(test_two_runs_are_equal)
{
    static struct run first, second;
    play(&first, (uint64_t)_i + 1, 1, 4000);
    play(&second, (uint64_t)_i + 1, UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(_i + 2), 4000);
    ck_assert_uint_gt(first.size, 100000);
    ck_assert_ptr_nonnull(strstr(first.text, "GangPlaced")); /* it did get somewhere */
    ck_assert_uint_eq(first.size, second.size);
    ck_assert_str_eq(first.text, second.text);
    ck_assert_uint_gt(replay(first.world.journal), 2500);
    journal_destroy(first.world.journal);
    journal_destroy(second.world.journal);
    free(first.text);
    free(second.text);
    world_finish(&first.world);
    world_finish(&second.world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine replay");
    TCase *tcase = tcase_create("replay");
    tcase_add_loop_test(tcase, test_two_runs_are_equal, 0, 6);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
