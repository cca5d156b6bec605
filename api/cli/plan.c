// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "api/cli/plan_manifest.h"
#include "api/cli/snapshot.h"
#include "api/view/gang_view.h"
#include "scheduler/engine.h"
#include "topology/base/arena.h"

/* `phalanx plan`: the what-if, without a daemon.
 *
 *   snapshot ─┐
 *             ├─▶ cluster in memory ─▶ events ─▶ engine ─▶ view of each gang ─▶ json, table, tree
 *   manifest ─┘                                    └─▶ effects: dropped
 *
 * The engine is the daemon's, told the same events in the same order as a daemon that starts and
 * finds the manifest applied: nodes, pods and groups of the snapshot, those of the manifest, then
 * "synced". Gangs that already wait in the snapshot are therefore served first. What the engine
 * wants written is not, so every plan stops at its hold, which is all the answer needs; time stands
 * still.
 */

#define TICKS_MAX 1000 /* due at once; more would be an engine that never comes to rest */

enum output { OUTPUT_TREE, OUTPUT_TABLE, OUTPUT_JSON };
static const char *const outputs[] = {"tree", "table", "json", NULL};

struct plan_flags {
    const char *snapshot;
    const char *manifest;
    const char *config;
    const char *name_space;
    int output; /* enum output */
};

static const struct flag plan_flags[] = {
    {.name = "snapshot",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .required = true,
     .to = offsetof(struct plan_flags, snapshot),
     .help = "the cluster: what `kubectl get nodes,pods,podgroups -A -o json` prints (or yaml); "
             "with jobs,limitranges,priorityclasses,runtimeclasses it also knows what admission "
             "does; - is standard input"},
    {.name = "manifest",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .required = true,
     .to = offsetof(struct plan_flags, manifest),
     .help = "the job, as for `kubectl apply`: Pods and PodGroups, a Job, JobSet or "
             "PyTorchJob; - is standard input"},
    {.name = "config",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .to = offsetof(struct plan_flags, config),
     .help = "configuration, for the levels of the topology and the names of the schedulers"},
    {.name = "namespace",
     .letter = 'n',
     .value = "NAME",
     .kind = FLAG_TEXT,
     .to = offsetof(struct plan_flags, name_space),
     .help = "for objects of the manifest without one (default: default)"},
    {.name = "output",
     .letter = 'o',
     .value = "FORM",
     .kind = FLAG_CHOICE,
     .choices = outputs,
     .to = offsetof(struct plan_flags, output),
     .help = "tree (default), table or json"},
    {.name = NULL},
};

static const struct flags syntax = {
    .command = "plan",
    .about = "Shows where the gangs of a manifest would be placed on a cluster as it is now, who "
             "has no place, and which level is short by how many. A job that has been applied is "
             "its pods that exist. Nothing is written anywhere.",
    .flags = plan_flags,
    .exit_codes =
        "Exit code 3 when the quorum of a new gang does not fit, or a pod of the manifest "
        "beside its gang that runs.",
};

struct what_if {
    struct snapshot snapshot; /* with the manifest's objects */
    struct engine *engine;
    struct effects effects;
    struct question question;
};

static void apply(struct what_if *what_if, const struct event *event)
{
    effects_reset(&what_if->effects);
    engine_apply(what_if->engine, event, &what_if->effects);
}

/* Shows the engine everything, and lets it come to rest. */
static void run(struct what_if *what_if)
{
    struct intake *intake = what_if->snapshot.intake;
    struct kube_batch *batch = what_if->snapshot.batch;
    struct event synced = {.type = EVENT_SYNCED};
    struct event tick = {.type = EVENT_TICK};
    intake_slices(intake, batch);
    for (size_t i = 0; i < batch->count; i++) {
        intake_event(intake, &batch->events[i], NULL);
        if (batch->events[i].type != EVENT_SYNCED) {
            apply(what_if, &batch->events[i]);
        }
    }
    apply(what_if, &synced);
    for (int i = 0; i < TICKS_MAX && engine_deadline(what_if->engine) <= 0; i++) {
        apply(what_if, &tick);
    }
}

/* Somebody asks about the gangs: reasons are put into words for who asks. */
static void ask(struct what_if *what_if)
{
    for (size_t i = 0; i < what_if->question.count; i++) {
        struct event event = {.type = EVENT_ASK};
        event.asked.name_space = what_if->question.asked[i].name_space;
        event.asked.name = what_if->question.asked[i].name;
        apply(what_if, &event);
    }
}

static void print_json(json_t *gangs)
{
    const json_t *all = json_array_size(gangs) == 1 ? json_array_get(gangs, 0) : gangs;
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
}

/* Whether what was asked has its place: the quorum of a gang that is to start, every pod of the
 * manifest when its gang runs already. */
static bool is_feasible(const struct asked *asked, const struct gang_view *view)
{
    bool runs = view->state == GANG_PLACED || view->state == GANG_COMMITTING;
    bool whole = json_object_size(asked->pods) == 0;
    for (uint32_t i = 0; runs && i < view->member_count; i++) {
        const struct gang_member_view *member = &view->members[i];
        if (member->node == NULL && (whole || json_object_get(asked->pods, member->pod) != NULL)) {
            return false;
        }
    }
    return gang_view_feasible(view);
}

/* Adds the pods of the manifest that would not be created to those that have no place. */
static void add_withheld(const struct asked *asked, struct arena *arena, struct gang_view *view)
{
    size_t count = json_array_size(asked->withheld), i;
    struct gang_member_view *members =
        arena_alloc(arena, view->member_count + count, sizeof *members);
    json_t *pod;
    if (view->member_count > 0) {
        memcpy(members, view->members, view->member_count * sizeof *members);
    }
    json_array_foreach(asked->withheld, i, pod)
    {
        members[view->member_count++] = (struct gang_member_view){
            .pod = json_string_value(json_object_get(pod, "pod")),
            .role = json_string_value(json_object_get(pod, "role")),
            .rank = (int32_t)json_integer_value(json_object_get(pod, "rank")),
            .reason = json_string_value(json_object_get(pod, "reason")),
        };
    }
    view->members = members;
}

/* The gang as it would be shown; false when there is none, because its only pods are terminal. */
static bool find_gang(const struct what_if *what_if, const struct asked *asked, struct arena *arena,
                      struct gang_view *view)
{
    bool found = engine_gang_find(what_if->engine, asked->name_space, asked->name, arena, view);
    if (!found && json_array_size(asked->withheld) > 0) {
        *view = (struct gang_view){.name_space = asked->name_space,
                                   .name = asked->name,
                                   .state = GANG_GATHERING,
                                   .reason = "none of its pods would be created"};
        found = true;
    }
    if (json_array_size(asked->withheld) > 0) {
        add_withheld(asked, arena, view);
    }
    return found;
}

/* Prints every gang that was asked for; CLI_INFEASIBLE when one does not fit. */
static int answer(const struct what_if *what_if, int output)
{
    int result = CLI_OK;
    json_t *gangs = json_array();
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < what_if->question.count; i++) {
        const struct asked *asked = &what_if->question.asked[i];
        struct gang_view view;
        if (!find_gang(what_if, asked, &arena, &view)) {
            continue;
        }
        bool feasible = is_feasible(asked, &view);
        if (!feasible) {
            result = CLI_INFEASIBLE;
        }
        if (output == OUTPUT_JSON) {
            json_t *json = gang_view_json(&view);
            json_object_set_new(json, "feasible", json_boolean(feasible));
            json_array_append_new(gangs, json);
            continue;
        }
        if (i > 0) {
            putchar('\n');
        }
        if (output == OUTPUT_TABLE) {
            gang_view_table(&view, stdout);
        } else {
            gang_view_tree(&view, what_if->engine, stdout);
        }
    }
    if (output == OUTPUT_JSON) {
        print_json(gangs);
    }
    json_decref(gangs);
    arena_finish(&arena);
    return result;
}

static void what_if_finish(struct what_if *what_if)
{
    question_finish(&what_if->question);
    effects_finish(&what_if->effects);
    engine_destroy(what_if->engine);
    snapshot_finish(&what_if->snapshot);
}

/* Terms about other pods that kube-scheduler alone knows, each kind of them once. */
static void warn_of_left(const struct snapshot *snapshot)
{
    json_t *told = json_object();
    for (size_t i = 0; i < snapshot->batch->count; i++) {
        const struct event *event = &snapshot->batch->events[i];
        const char *left = event->type == EVENT_POD ? event->pod.affinity_left : NULL;
        if (left != NULL && !event->pod.terminal && json_object_get(told, left) == NULL) {
            json_object_set_new(told, left, json_true());
            fprintf(stderr,
                    "phalanx plan: Pod %.63s/%.253s: %s; it is left to kube-scheduler, which may "
                    "refuse what is planned\n",
                    event->pod.name_space, event->pod.name, left);
        }
    }
    json_decref(told);
}

/* A cluster without nodes is nobody's: the file is another one, or was cut off. */
static int check_nodes(const struct snapshot *snapshot, const char *path, struct err *err)
{
    for (size_t i = 0; i < snapshot->batch->count; i++) {
        if (snapshot->batch->events[i].type == EVENT_NODE) {
            return CLI_OK;
        }
    }
    err_set(err, "%s: there is no node in it", path);
    return CLI_RUNTIME;
}

static int plan(const struct plan_flags *flags)
{
    struct what_if what_if = {.engine = NULL};
    struct engine_options options;
    struct err err;
    effects_init(&what_if.effects);
    int result = snapshot_load(&what_if.snapshot, "plan", flags->snapshot, flags->config);
    if (result == CLI_OK) {
        result = check_nodes(&what_if.snapshot, flags->snapshot, &err);
        if (result == CLI_OK) {
            result = plan_manifest_apply(&what_if.snapshot, flags->manifest, flags->name_space,
                                         &what_if.question, &err);
        }
        if (result != CLI_OK) {
            fprintf(stderr, "phalanx plan: %s\n", err.text);
        }
    }
    if (result == CLI_OK) {
        config_engine(&what_if.snapshot.config, &options);
        what_if.engine = engine_create(&options);
        warn_of_left(&what_if.snapshot);
        run(&what_if);
        ask(&what_if);
        result = answer(&what_if, flags->output);
    }
    what_if_finish(&what_if);
    return result;
}

int cli_plan(int argc, char **argv)
{
    struct plan_flags flags = {.name_space = "default", .output = OUTPUT_TREE};
    int result = flags_parse(&syntax, argc, argv, &flags);
    if (result != FLAGS_GO) {
        return result;
    }
    if (strcmp(flags.snapshot, "-") == 0 && strcmp(flags.manifest, "-") == 0) {
        return cli_usage_error("plan",
                               "only one of --snapshot and --manifest can be standard input");
    }
    return plan(&flags);
}
