// SPDX-License-Identifier: Apache-2.0
/* `serve`, `plan` and `topology` are shown the same cluster, and have to understand the same of it:
 * the same plan for a gang, the same levels, the same warnings, the same refusals. */
#include <jansson.h>

#include "api/daemon/core.h"
#include "api/daemon/embedded_backend.h"
#include "api/embedded/expand.h"
#include "api/import/import.h"
#include "api/view/gang_view.h"
#include "api/view/topology_view.h"
#include "api/yaml/yaml.h"
#include "test/unit/api/cli/run_cli.h"
#include "topology/base/alloc.h"

#define HEAD "apiVersion: v1\nkind: List\nitems:\n"
#define LABELLED(name, labels)                             \
    "- kind: Node\n"                                       \
    "  metadata: {name: " name ", labels: {" labels "}}\n" \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
#define NODE(name, rack) LABELLED(name, "topology.kubernetes.io/rack: " rack)
#define DGX(name, gpus)                                                                     \
    "- kind: Node\n"                                                                        \
    "  metadata: {name: " name ", labels: {nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB, " \
    "nvidia.com/gpu.machine: DGXA100-920-1, nvidia.com/gpu.count: '8'}}\n"                  \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: " gpus "}}\n"
#define HYPERNODE(name, tier, members)                               \
    "- {apiVersion: topology.volcano.sh/v1alpha1, kind: HyperNode, " \
    "metadata: {name: " name "}, spec: {tier: " tier ", members: [" members "]}}\n"
#define EXACT(name)      "{type: Node, selector: {exactMatch: {name: " name "}}},"
#define PATTERN(pattern) "{type: Node, selector: {regexMatch: {pattern: '" pattern "'}}},"
#define KUEUE                                                 \
    "- {apiVersion: kueue.x-k8s.io/v1beta1, kind: Topology, " \
    "metadata: {name: t}, spec: {levels: [{nodeLabel: example.com/rack}]}}\n"

static const char manifest[] = "apiVersion: scheduling.x-k8s.io/v1alpha1\n"
                               "kind: PodGroup\n"
                               "metadata: {name: train}\n"
                               "spec: {minMember: 2}\n"
                               "---\n"
                               "apiVersion: batch/v1\n"
                               "kind: Job\n"
                               "metadata: {name: train}\n"
                               "spec:\n"
                               "  parallelism: 2\n"
                               "  completionMode: Indexed\n"
                               "  template:\n"
                               "    metadata: {labels: {scheduling.x-k8s.io/pod-group: train}}\n"
                               "    spec: {schedulerName: phalanx, "
                               "containers: [{resources: {limits: {nvidia.com/gpu: 4}}}]}\n";

#define MANY "\x01" /* stands for 510 labels */

static const struct {
    const char *snapshot;
    const char *warnings; /* a line each */
    const char *refused;  /* what the refusal says; NULL: it is none */
} cases[] = {
    {.snapshot = HEAD NODE("n1", "r1") NODE("n2", "r2") NODE("n3", "r2"), .warnings = ""},
    {.snapshot = HEAD DGX("n1", "8") DGX("n2", "7"), .warnings = ""},
    /* An imported topology. */
    {.snapshot =
         HEAD HYPERNODE("s0", "1", EXACT("n1") EXACT("n2")) NODE("n1", "r1") NODE("n2", "r2"),
     .warnings = ""},
    {.snapshot =
         HEAD HYPERNODE("s0", "1", EXACT("n1") EXACT("n9")) NODE("n1", "r1") NODE("n2", "r2"),
     .warnings = "the imported topology and the nodes differ: 1 node of the imported topology does "
                 "not exist (n9); 1 node has no place in the imported topology (n2)\n"},
    {.snapshot = HEAD HYPERNODE("s0", "1", PATTERN("^n")) HYPERNODE("s1", "1", PATTERN("1$"))
         NODE("n1", "r1") NODE("n2", "r2"),
     .warnings = "a node gets no imported labels: node n1 is in s0 and in s1, and neither lies in "
                 "the other\n"
                 "the imported topology and the nodes differ: 1 node has no place in the imported "
                 "topology (n1)\n"},
    /* More labels than a node may have, with the imported ones. */
    {.snapshot = HEAD HYPERNODE("s0", "2", EXACT("n1")) HYPERNODE("s1", "1", EXACT("n2"))
         NODE("n1", "r1") LABELLED("n2", MANY "a: b"),
     .warnings = "a node gets no imported labels: node n2: 511 labels and 2 imported ones are more "
                 "than 512\n"
                 "the imported topology and the nodes differ: 1 node has no place in the imported "
                 "topology (n2)\n"},
    /* ResourceSlices that cannot be read. */
    {.snapshot = HEAD "- {apiVersion: resource.k8s.io/v1, kind: ResourceSlice, "
                      "metadata: {name: slice}, spec: {driver: gpu.nvidia.com, nodeName: n1, "
                      "pool: {name: n1, generation: 1}}}\n" DGX("n1", "8") DGX("n2", "8"),
     .warnings = "a ResourceSlice is left out: resource slice slice: spec.pool.resourceSliceCount: "
                 "0 is less than 1\n"},
    /* What is refused as a whole. */
    {.snapshot = HEAD NODE("n1", "r1") "- kind: Node\n  metadata: {labels: {}}\n",
     .refused = "items[1]: Node: metadata.name is missing"},
    {.snapshot = HEAD NODE("n1", "r1") LABELLED("n2", MANY "a: b, c: d, e: f"),
     .refused = "items[1]: node n2: metadata.labels: 513 entries are more than the limit of 512"},
    {.snapshot = HEAD HYPERNODE("s0", "1", EXACT("n1")) KUEUE NODE("n1", "r1"),
     .refused = "there are both Topology and HyperNode objects"},
};

static char snapshot_path[64];
static char manifest_path[64];

/* What one of the three made of the case. */
struct understood {
    bool refused;
    char text[4096]; /* warnings, or the refusal */
    json_t *answer;  /* the gang, or the levels */
};

static char *write_snapshot(const char *text)
{
    char *whole = NULL;
    size_t length;
    FILE *out = open_memstream(&whole, &length);
    for (; *text != '\0'; text++) {
        if (*text != MANY[0]) {
            fputc(*text, out);
        }
        for (int i = 0; i < 510 && *text == MANY[0]; i++) {
            fprintf(out, "l%d: v, ", i);
        }
    }
    fclose(out);
    return whole;
}

static void setup(void)
{
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    snprintf(manifest_path, sizeof manifest_path, "/tmp/phalanx-test-manifest-XXXXXX");
    write_file(manifest_path, manifest);
}

static void teardown(void)
{
    unlink(snapshot_path);
    unlink(manifest_path);
}

/* ---- serve ---- */

/* The warnings of a log in JSON, "msg: error" each. */
static void read_warnings(int fd, char *text, size_t size)
{
    static char log[CLI_OUTPUT_MAX];
    ssize_t length = pread(fd, log, sizeof log - 1, 0);
    size_t used = 0;
    ck_assert_int_ge(length, 0);
    log[length] = '\0';
    for (const char *line = log; *line != '\0'; line += strcspn(line, "\n") + 1) {
        json_t *json = json_loadb(line, strcspn(line, "\n"), 0, NULL);
        ck_assert_ptr_nonnull(json);
        if (strcmp(json_string_value(json_object_get(json, "level")), "warning") == 0) {
            const char *error = json_string_value(json_object_get(json, "error"));
            used += (size_t)snprintf(text + used, size - used, "%s%s%s\n",
                                     json_string_value(json_object_get(json, "msg")),
                                     error == NULL ? "" : ": ", error == NULL ? "" : error);
        }
        json_decref(json);
    }
}

/* As the daemon does. */
static void warn(void *context, const char *what, const char *why)
{
    log_text(context, LOG_WARNING, what, "error", why, NULL);
}

static void ignore_bind(void *context, uint64_t ticket, const char *error)
{
}

static void apply_manifest(struct embedded_backend *backend)
{
    struct err err;
    json_t *documents = yaml_load_file(manifest_path, &err);
    struct expanded expanded;
    size_t i;
    json_t *object;
    ck_assert_int_eq(expand_manifest(documents, "default", &expanded, &err), 0);
    json_array_foreach(expanded.objects, i, object)
    {
        ck_assert_int_eq(embedded_backend_apply(backend, object, &err), 0);
    }
    expanded_finish(&expanded);
    json_decref(documents);
}

/* The levels as `topology` prints them, of the engine's own tree. */
static json_t *levels_of(const struct engine *engine, const struct config *config)
{
    struct report *report = alloc_zero(1, sizeof *report);
    int64_t *none = alloc_zero(nodes_rows(engine_nodes(engine)), sizeof *none);
    report_fill(report, &config->levels, engine_domains(engine), engine_nodes(engine));
    json_t *json = topology_view_json(&(struct topology_view){.report = report,
                                                              .domains = engine_domains(engine),
                                                              .nodes = engine_nodes(engine),
                                                              .devices = {"GPUs", none, none}});
    json_t *levels = json_incref(json_object_get(json, "levels"));
    json_decref(json);
    free(none);
    free(report);
    return levels;
}

static void serve(struct understood *understood, json_t **levels)
{
    struct err err;
    struct config config;
    struct embedded_backend *backend = NULL;
    struct overlay *overlay = NULL;
    *levels = NULL;
    *understood = (struct understood){.refused = true};
    config_default(&config);
    if (embedded_backend_create(snapshot_path, &backend, &err) < 0 ||
        import_configured(&config, cluster_topologies(embedded_backend_cluster(backend)), &overlay,
                          &err) < 0) {
        snprintf(understood->text, sizeof understood->text, "%s\n", err.text);
        embedded_backend_destroy(backend);
        return;
    }
    char path[] = "/tmp/phalanx-test-log-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    struct engine_options engine;
    config_engine(&config, &engine);
    struct log *log = log_create(fd, LOG_WARNING, LOG_JSON);
    const struct intake_options intake = {.overlay = overlay, .warn = warn, .context = log};
    struct core_options options = {
        .engine = &engine,
        .log = log,
        .metrics = metrics_create(),
        .backend = embedded_backend_backend(backend),
        .intake = intake_create(&intake),
        .bind_reply = ignore_bind,
    };
    struct core *core = core_create(&options);
    while (core_pump(core)) {
    }
    apply_manifest(backend);
    while (core_pump(core)) {
    }
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    ck_assert(engine_gang_find(core_engine(core), "default", "train", &arena, &view));
    understood->answer = gang_view_json(&view);
    *levels = levels_of(core_engine(core), &config);
    arena_finish(&arena);
    understood->refused = false;
    read_warnings(fd, understood->text, sizeof understood->text);
    core_destroy(core);
    intake_destroy(options.intake);
    metrics_destroy(options.metrics);
    log_destroy(log);
    embedded_backend_destroy(backend);
    close(fd);
}

/* ---- plan and topology ---- */

/* The lines of standard error without what they begin with. */
static void read_errors(const char *command, char *text, size_t size)
{
    char begin[64];
    size_t used = 0;
    snprintf(begin, sizeof begin, "phalanx %s: ", command);
    for (const char *line = cli_err; *line != '\0'; line += strcspn(line, "\n") + 1) {
        ck_assert_msg(strncmp(line, begin, strlen(begin)) == 0, "%s", line);
        used += (size_t)snprintf(text + used, size - used, "%.*s\n",
                                 (int)(strcspn(line, "\n") - strlen(begin)), line + strlen(begin));
    }
}

static void run(const char *command, struct understood *understood, const char *member)
{
    int code = strcmp(command, "plan") == 0
                   ? run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path, "-o",
                             "json", NULL)
                   : run_cli("topology", "--snapshot", snapshot_path, "-o", "json", NULL);
    *understood = (struct understood){.refused = code != CLI_OK && code != CLI_INFEASIBLE};
    read_errors(command, understood->text, sizeof understood->text);
    if (understood->refused) {
        ck_assert_int_eq(code, CLI_RUNTIME);
        return;
    }
    json_t *json = json_loads(cli_out, 0, NULL);
    ck_assert_ptr_nonnull(json);
    understood->answer = json_incref(member == NULL ? json : json_object_get(json, member));
    json_decref(json);
}

static void expect_equal(const char *who, const json_t *json, const json_t *expected)
{
    char *text = json_dumps(json, JSON_SORT_KEYS);
    char *wanted = json_dumps(expected, JSON_SORT_KEYS);
    ck_assert_msg(strcmp(text, wanted) == 0, "%s: %s\nserve: %s", who, text, wanted);
    free(text);
    free(wanted);
}

START_TEST(all_three_understand_the_same)
{
    struct understood daemon, plan, topology;
    json_t *levels;
    char *snapshot = write_snapshot(cases[_i].snapshot);
    write_file(snapshot_path, snapshot);
    free(snapshot);
    serve(&daemon, &levels);
    run("plan", &plan, NULL);
    run("topology", &topology, "levels");
    if (cases[_i].refused != NULL) {
        ck_assert(daemon.refused && plan.refused && topology.refused);
        expect_in(daemon.text, cases[_i].refused);
        ck_assert_str_eq(plan.text, daemon.text);
        ck_assert_str_eq(topology.text, daemon.text);
        return;
    }
    ck_assert_msg(!daemon.refused, "serve: %s", daemon.text);
    ck_assert_msg(!plan.refused, "plan: %s", plan.text);
    ck_assert_msg(!topology.refused, "topology: %s", topology.text);
    expect_equal("plan", plan.answer, daemon.answer);
    expect_equal("topology", topology.answer, levels);
    ck_assert_str_eq(daemon.text, cases[_i].warnings);
    ck_assert_str_eq(plan.text, cases[_i].warnings);
    ck_assert_str_eq(topology.text, cases[_i].warnings);
    json_decref(daemon.answer);
    json_decref(plan.answer);
    json_decref(topology.answer);
    json_decref(levels);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("three_users");
    TCase *tests = tcase_create("three_users");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, all_three_understand_the_same, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
