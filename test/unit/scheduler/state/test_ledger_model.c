// SPDX-License-Identifier: Apache-2.0
/* The ledger against a model that remembers every charge and adds them all up anew: several holds
 * on one node, guards, three resources, nodes that are cordoned, relabelled, shrunk, removed and
 * come back, charges on nodes not seen yet, and more shapes than there are views. */
#include "scheduler/state/ledger.h"

#include "scheduler/state/tree.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "test/unit/topology/random.h"

#define ROWS        14 /* the last two are reserved names, seen late or never */
#define SHAPES      (VIEWS_LEAST + 16)
#define CHARGES_MAX 64
#define RESOURCES   3

static const char *const resources[RESOURCES] = {"cpu", "nvidia.com/gpu", "pods"};

struct charge {
    uint32_t row;
    uint32_t shape;
    enum ledger_account account;
    bool guarded;
};

struct model_node {
    bool present;
    bool cordoned;
    bool special; /* label kind=special */
    int64_t allocatable[RESOURCES];
};

struct model {
    struct books books;
    struct random random;
    struct model_node nodes[ROWS];
    uint32_t shapes[SHAPES];
    int64_t request[SHAPES][RESOURCES];
    bool wants_special[SHAPES];
    bool tolerates[SHAPES];
    struct charge charges[CHARGES_MAX];
    uint32_t charge_count;
    bool asked[SHAPES];          /* since the tree was built */
    uint32_t seen[SHAPES][ROWS]; /* copies when it was last asked about, in the tree */
    bool rose[SHAPES];           /* … and whether they did since ledger_raised() was last asked */
    uint64_t raised[SHAPES];
    bool viewed[SHAPES]; /* has a view of this tree */
    bool exact[SHAPES];  /* … and had it when ledger_raised() was last asked */
    struct tree tree;
    bool moves[ROWS]; /* marked in the tree */
    uint32_t moved;   /* times the tree followed without being built */
};

static void observe(struct model *model, uint32_t row)
{
    struct model_node *node = &model->nodes[row];
    char name[16], rack[16];
    snprintf(name, sizeof(name), "n%02u", row);
    snprintf(rack, sizeof(rack), "r%u", row % 3);
    struct label_object labels[] = {{"topology.kubernetes.io/rack", rack}, {"kind", "special"}};
    struct amount_object amounts[RESOURCES];
    for (int i = 0; i < RESOURCES; i++) {
        amounts[i] = (struct amount_object){resources[i], node->allocatable[i]};
    }
    struct node_object object = {.name = name,
                                 .labels = labels,
                                 .label_count = node->special ? 2 : 1,
                                 .allocatable = amounts,
                                 .allocatable_count = RESOURCES,
                                 .unschedulable = node->cordoned};
    if (!node->present) {
        tree_mark(&model->tree, row);
        model->moves[row] = true;
    }
    node->present = true;
    ck_assert_uint_eq(books_observe(&model->books, &object), row);
}

static void add_shape(struct model *model, uint32_t index)
{
    struct amount_object amounts[RESOURCES];
    struct label_object selector = {"kind", "special"};
    struct toleration_object anything = {NULL, NULL, TOLERATION_EXISTS, true, TAINT_NO_SCHEDULE};
    int64_t *request = model->request[index];
    request[0] = (int64_t)(index + 1) * 100;
    request[1] = index % 4;
    request[2] = 1;
    for (int i = 0; i < RESOURCES; i++) {
        amounts[i] = (struct amount_object){resources[i], request[i]};
    }
    model->wants_special[index] = index % 5 == 0;
    model->tolerates[index] = index % 3 == 0;
    struct pod_object pod = {.requests = amounts,
                             .request_count = RESOURCES,
                             .selector = &selector,
                             .selector_count = model->wants_special[index],
                             .tolerations = &anything,
                             .toleration_count = model->tolerates[index]};
    model->shapes[index] = shapes_acquire(model->books.shapes, &pod, NULL);
    ck_assert_uint_ne(model->shapes[index], SHAPE_NONE);
}

static void model_init(struct model *model, uint64_t seed)
{
    memset(model, 0, sizeof(*model));
    model->random.state = seed;
    books_init(&model->books);
    tree_init(&model->tree, model->books.nodes, model->books.domains, model->books.ledger);
    for (uint32_t row = 0; row < ROWS; row++) {
        for (int i = 0; i < RESOURCES; i++) {
            model->nodes[row].allocatable[i] = i == 0 ? 16000 : 8;
        }
        if (row < ROWS - 2) {
            observe(model, row);
        } else {
            char name[16];
            snprintf(name, sizeof(name), "n%02u", row);
            ck_assert_uint_eq(nodes_reserve(model->books.nodes, name), row);
        }
    }
    for (uint32_t i = 0; i < SHAPES; i++) {
        add_shape(model, i);
    }
    books_build(&model->books);
}

static int64_t free_of(const struct model *model, uint32_t row, int resource)
{
    const struct model_node *node = &model->nodes[row];
    int64_t left = node->present ? node->allocatable[resource] : 0;
    for (uint32_t i = 0; i < model->charge_count; i++) {
        if (model->charges[i].row == row) {
            left -= model->request[model->charges[i].shape][resource];
        }
    }
    return left;
}

static uint32_t copies_of(const struct model *model, uint32_t row, uint32_t shape)
{
    const struct model_node *node = &model->nodes[row];
    if (!node->present || (node->cordoned && !model->tolerates[shape]) ||
        (model->wants_special[shape] && !node->special)) {
        return 0;
    }
    int64_t copies = INT64_MAX;
    for (int i = 0; i < RESOURCES; i++) {
        int64_t need = model->request[shape][i], left = free_of(model, row, i);
        if (need > 0 && (left < 0 ? 0 : left / need) < copies) {
            copies = left < 0 ? 0 : left / need;
        }
    }
    return (uint32_t)copies;
}

static void check_rows(const struct model *model)
{
    const struct ledger *ledger = model->books.ledger;
    uint32_t rows_held = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        bool overbooked = false;
        for (int i = 0; i < RESOURCES; i++) {
            int64_t left = free_of(model, row, i);
            ck_assert_int_eq(books_free(&model->books, row, resources[i]), left);
            overbooked = overbooked || left < 0;
        }
        bool held = false;
        for (uint32_t i = 0; i < model->charge_count; i++) {
            const struct charge *charge = &model->charges[i];
            held =
                held || (charge->row == row && (charge->account == LEDGER_HELD || charge->guarded));
        }
        ck_assert_int_eq(ledger_overbooked(ledger, row), overbooked);
        ck_assert_int_eq(ledger_has_hold(ledger, row), held);
        rows_held += held;
    }
    ck_assert_uint_eq(ledger_holds(ledger), rows_held);
    ck_assert(!ledger_has_hold(ledger, ROWS + 100));
}

/* Columns say what the vectors say, of nodes that are there. */
static void check_columns(const struct model *model)
{
    const struct ledger *ledger = model->books.ledger;
    for (int i = 0; i < RESOURCES; i++) {
        uint32_t name = books_word(&model->books, resources[i]);
        struct accounts_column column;
        ck_assert(ledger_column(ledger, name, &column));
        ck_assert(!ledger_nobody_has(ledger, name));
        for (uint32_t row = 0; row < ROWS; row++) {
            const struct model_node *node = &model->nodes[row];
            if (node->present) {
                ck_assert_int_eq(column.free[row], free_of(model, row, i));
                ck_assert_int_eq((column.has[row] >> column.bit & 1) != 0,
                                 node->allocatable[i] > 0);
            }
        }
    }
}

/* Whoever asks about the shape makes its view current. */
static void note_asked(struct model *model, uint32_t shape)
{
    const struct domains *domains = model->books.domains;
    model->rose[shape] = model->rose[shape] || !model->asked[shape];
    for (uint32_t row = 0; row < ROWS; row++) {
        bool placed = domains_position(domains, row) != DOMAINS_NONE;
        uint32_t now = placed ? copies_of(model, row, shape) : 0;
        model->rose[shape] = model->rose[shape] || now > model->seen[shape][row];
        model->seen[shape][row] = now;
    }
    model->asked[shape] = true;
}

/* Without a view it is not known what rose: it may have. */
static void check_raised(struct model *model, uint32_t shape, bool exact)
{
    uint64_t before = model->raised[shape];
    uint64_t now = ledger_raised(model->books.ledger, model->shapes[shape]);
    ck_assert_uint_eq(ledger_raised(model->books.ledger, model->shapes[shape]), now);
    note_asked(model, shape);
    if (model->rose[shape]) {
        ck_assert_uint_ne(now, before);
    } else if (exact && model->exact[shape]) {
        ck_assert_uint_eq(now, before);
    }
    model->exact[shape] = model->viewed[shape];
    model->raised[shape] = now;
    model->rose[shape] = false;
}

static void check_best(struct model *model, uint32_t shape)
{
    const struct domains *domains = model->books.domains;
    uint32_t levels = domains_levels(domains);
    uint32_t level = random_below(&model->random, levels);
    uint64_t most = 0;
    for (uint32_t p = 0; level + 1 == levels && p < domains_positions(domains); p++) {
        uint32_t copies = copies_of(model, domains_row(domains, p), shape);
        most = copies > most ? copies : most;
    }
    for (uint32_t d = 0; d < domains_count(domains); d++) {
        const struct domain *domain = domains_get(domains, d);
        uint64_t sum = 0;
        for (uint32_t p = domain->first; p < domain->end; p++) {
            sum += copies_of(model, domains_row(domains, p), shape);
        }
        most = domain->level == level && domain->known && sum > most ? sum : most;
    }
    ck_assert_uint_eq(ledger_best(model->books.ledger, model->shapes[shape], level), most);
    model->viewed[shape] = true;
    note_asked(model, shape);
}

static void check_shape(struct model *model, uint32_t shape)
{
    const struct domains *domains = model->books.domains;
    const struct capacity *capacity = ledger_capacity(model->books.ledger, model->shapes[shape]);
    model->viewed[shape] = true;
    note_asked(model, shape);
    for (uint32_t p = 0; p < domains_positions(domains); p++) {
        uint32_t row = domains_row(domains, p);
        ck_assert_uint_eq(capacity_node(capacity, p), copies_of(model, row, shape));
    }
    for (uint32_t d = 0; d < domains_count(domains); d++) {
        const struct domain *domain = domains_get(domains, d);
        uint64_t sum = 0;
        for (uint32_t p = domain->first; p < domain->end; p++) {
            sum += copies_of(model, domains_row(domains, p), shape);
        }
        ck_assert_uint_eq(capacity_domain(capacity, d), sum);
    }
}

/* One more charge, or an end to one: refunded, committed, guarded or released. */
static void step_charge(struct model *model)
{
    struct ledger *ledger = model->books.ledger;
    uint32_t pick = random_below(&model->random, CHARGES_MAX);
    if (pick >= model->charge_count) {
        struct charge *charge = &model->charges[model->charge_count++];
        charge->row = random_below(&model->random, ROWS);
        charge->shape = random_below(&model->random, SHAPES);
        charge->account = random_below(&model->random, 2) ? LEDGER_HELD : LEDGER_BOUND;
        charge->guarded = false;
        ledger_charge(ledger, charge->account, charge->row,
                      shapes_request(model->books.shapes, model->shapes[charge->shape]));
        return;
    }
    struct charge *charge = &model->charges[pick];
    const struct resources *request =
        shapes_request(model->books.shapes, model->shapes[charge->shape]);
    uint64_t before = ledger_releases(ledger);
    if (charge->guarded) {
        ledger_unguard(ledger, charge->row);
        charge->guarded = false;
    } else if (charge->account == LEDGER_HELD && random_below(&model->random, 2) == 0) {
        ledger_commit(ledger, charge->row);
        charge->account = LEDGER_BOUND;
    } else if (charge->account == LEDGER_BOUND && random_below(&model->random, 3) == 0) {
        ledger_guard(ledger, charge->row);
        charge->guarded = true;
    } else {
        ledger_refund(ledger, charge->account, charge->row, request);
        *charge = model->charges[--model->charge_count];
        before++;
    }
    ck_assert_uint_eq(ledger_releases(ledger), before); /* only a refund makes room */
}

static void step_node(struct model *model)
{
    uint32_t row = random_below(&model->random, ROWS - 1); /* the last one is never seen */
    struct model_node *node = &model->nodes[row];
    char name[16];
    switch (random_below(&model->random, 4)) {
    case 0:
        snprintf(name, sizeof(name), "n%02u", row);
        if (nodes_remove(model->books.nodes, name) != NAMES_NONE) {
            ledger_node_changed(model->books.ledger, row);
            tree_mark(&model->tree, row);
            model->moves[row] = true;
        }
        node->present = false;
        return;
    case 1:
        node->cordoned = !node->cordoned;
        break;
    case 2:
        node->special = !node->special;
        break;
    default:
        node->allocatable[1] = random_below(&model->random, 17);
        node->allocatable[0] = random_below(&model->random, 40) * 1000;
        break;
    }
    observe(model, row);
}

static void build_tree(struct model *model)
{
    books_build(&model->books);
    model->tree.count = 0;
    memset(model->moves, 0, sizeof(model->moves));
    memset(model->asked, 0, sizeof(model->asked));
    memset(model->viewed, 0, sizeof(model->viewed));
    memset(model->exact, 0, sizeof(model->exact));
}

/* The same by moving rows, after which they count nothing before they are counted again. */
static void update_tree(struct model *model)
{
    uint64_t before = domains_generation(model->books.domains);
    tree_update(&model->tree);
    if (domains_generation(model->books.domains) != before) {
        build_tree(model);
        return;
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t shape = 0; model->moves[row] && shape < SHAPES; shape++) {
            model->seen[shape][row] = 0;
        }
        model->moved += model->moves[row];
        model->moves[row] = false;
    }
}

/* Once with as many views as there are shapes, and once with as few as may be: then a view that had
 * to go is made anew, and what is told of rises may err on the side of caution. */
START_TEST(test_against_recomputation)
{
    static struct model model;
    bool few = _i % 2 == 1;
    model_init(&model, (uint64_t)_i + 17);
    if (few) {
        views_limit(ledger_views(model.books.ledger), 0);
    }
    for (int step = 0; step < 1500; step++) {
        if (random_below(&model.random, 5) == 0) {
            step_node(&model);
        } else {
            step_charge(&model);
        }
        if (random_below(&model.random, 20) == 0) { /* the tree may be behind for a while */
            update_tree(&model);
        } else if (random_below(&model.random, 60) == 0) {
            build_tree(&model);
        }
        check_rows(&model);
        check_columns(&model);
        for (int i = 0; i < 2; i++) {
            check_shape(&model, random_below(&model.random, SHAPES));
            check_raised(&model, random_below(&model.random, SHAPES), !few);
            check_best(&model, random_below(&model.random, SHAPES));
        }
        ck_assert_uint_le(views_count(ledger_views(model.books.ledger)),
                          few ? VIEWS_LEAST : SHAPES);
    }
    for (uint32_t i = 0; i < SHAPES; i++) {
        check_shape(&model, i);
    }
    ck_assert_uint_eq(views_count(ledger_views(model.books.ledger)), few ? VIEWS_LEAST : SHAPES);
    ck_assert_uint_gt(model.moved, 20);
    books_finish(&model.books);
}
END_TEST

/* A view is kept as long as it is asked for; the one not asked for the longest goes first. */
START_TEST(test_views_in_use_stay)
{
    static struct model model;
    model_init(&model, 1);
    struct ledger *ledger = model.books.ledger;
    const struct capacity *first = ledger_capacity(ledger, model.shapes[0]);
    for (uint32_t i = 1; i < SHAPES; i++) {
        ck_assert_ptr_nonnull(ledger_capacity(ledger, model.shapes[i]));
        ck_assert_ptr_eq(ledger_capacity(ledger, model.shapes[0]), first);
    }
    books_finish(&model.books);
}
END_TEST

/* What fits is asked of free capacity, also where the node was never seen. */
START_TEST(test_fits)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 4000, 4);
    uint32_t ghost = nodes_reserve(books.nodes, "ghost");
    struct pod *small = books_pod(&books, "small", 1000, 1);
    const struct resources *request = shapes_request(books.shapes, small->shape);
    for (int i = 0; i < 4; i++) {
        ck_assert(ledger_fits(books.ledger, n1, request));
        ledger_charge(books.ledger, LEDGER_BOUND, n1, request);
        ck_assert(!ledger_overbooked(books.ledger, n1));
    }
    ck_assert(!ledger_fits(books.ledger, n1, request));
    ledger_charge(books.ledger, LEDGER_BOUND, n1, request);
    ck_assert(ledger_overbooked(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "cpu"), -1000);
    ck_assert(!ledger_fits(books.ledger, ghost, request));
    ck_assert(!ledger_overbooked(books.ledger, ghost));
    ck_assert(!ledger_fits(books.ledger, 12345, request));
    books_finish(&books);
}
END_TEST

int main(void)
{
    ledger_destroy(NULL);
    Suite *suite = suite_create("scheduler/state/ledger model");
    TCase *tcase = tcase_create("model");
    tcase_add_loop_test(tcase, test_against_recomputation, 0, 4);
    tcase_add_test(tcase, test_views_in_use_stay);
    tcase_add_test(tcase, test_fits);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
