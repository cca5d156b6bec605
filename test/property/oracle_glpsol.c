// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/property/oracle.h"
#include "topology/base/err.h"

/* One role, as integer programs for glpsol (Debian: glpk-utils), in CPLEX LP text.
 *
 *   x_p       pods on position p, 0 … room        t_l_d  1 if domain d of level l is touched
 *   m_i_d     new slices of layer i in domain d   x_p <= room t_host_p;  t_child <= t_parent
 *
 * Lexicographic by one program a level, widest first: least sum of t at the level, with the sums of
 * the levels above fixed at what was found. No weights, so no rounding. */

struct program {
    const struct oracle_instance *instance;
    FILE *file;
    uint32_t levels_fixed;
    uint32_t fixed[ORACLE_TREE];
};

/* First position of the next domain of the level. */
static uint32_t next_place(const struct oracle_instance *instance, uint32_t level, uint32_t p)
{
    uint32_t place = instance->place[p][level];
    while (p < instance->positions && instance->place[p][level] == place) {
        p++;
    }
    return p;
}

static void write_sum(const struct program *program, uint32_t level)
{
    const struct oracle_instance *instance = program->instance;
    for (uint32_t p = 0; p < instance->positions; p = next_place(instance, level, p)) {
        fprintf(program->file, " + t_%" PRIu32 "_%" PRIu32 "\n", level, instance->place[p][level]);
    }
}

static void write_loads(const struct program *program)
{
    const struct oracle_instance *instance = program->instance;
    for (uint32_t p = 0; p < instance->positions; p++) {
        fprintf(program->file, " + x_%" PRIu32 "\n", p);
    }
    fprintf(program->file, " = %" PRIu32 "\n", instance->roles[0].count);
    uint32_t host = instance->levels - 1;
    for (uint32_t p = 0; p < instance->positions; p++) {
        fprintf(program->file, " x_%" PRIu32 " - %" PRIu32 " t_%" PRIu32 "_%" PRIu32 " <= 0\n", p,
                oracle_allowed(instance, 0, p), host, p);
    }
}

static void write_tree(const struct program *program)
{
    const struct oracle_instance *instance = program->instance;
    for (uint32_t l = 1; l < instance->levels; l++) {
        for (uint32_t p = 0; p < instance->positions; p = next_place(instance, l, p)) {
            fprintf(program->file, " t_%" PRIu32 "_%" PRIu32 " - t_%" PRIu32 "_%" PRIu32 " <= 0\n",
                    l, instance->place[p][l], l - 1, instance->place[p][l - 1]);
        }
    }
    for (uint32_t i = 0; i < instance->problem.pinned_count; i++) {
        fprintf(program->file, " t_%" PRIu32 "_%" PRIu32 " = 1\n", instance->levels - 1,
                instance->pinned[i]);
    }
    uint32_t required = instance->problem.required_level;
    if (required == SOLVER_LEVEL_NONE) {
        return;
    }
    write_sum(program, required);
    fprintf(program->file, " = 1\n");
    for (uint32_t p = 0; p < instance->positions; p = next_place(instance, required, p)) {
        if (!oracle_known(instance, required, instance->place[p][required])) {
            fprintf(program->file, " t_%" PRIu32 "_%" PRIu32 " = 0\n", required,
                    instance->place[p][required]);
        }
    }
}

/* No place takes more than limits let in. */
static void write_limits(const struct program *program)
{
    const struct oracle_instance *instance = program->instance;
    for (uint32_t l = 0; l < instance->levels; l++) {
        for (uint32_t p = 0; p < instance->positions;) {
            uint32_t end = next_place(instance, l, p);
            uint32_t most = oracle_most(instance, 0, l, instance->place[p][l]);
            if (most == UINT32_MAX) {
                p = end;
                continue;
            }
            for (; p < end; p++) {
                fprintf(program->file, " + x_%" PRIu32 "\n", p);
            }
            fprintf(program->file, " <= %" PRIu32 "\n", most);
        }
    }
}

static void write_slices(const struct program *program, bool names_only)
{
    const struct oracle_instance *instance = program->instance;
    const struct solver_role *role = &instance->roles[0];
    for (uint32_t i = 0; i < role->layer_count; i++) {
        uint32_t level = role->layers[i].level;
        for (uint32_t p = 0; p < instance->positions;) {
            uint32_t place = instance->place[p][level];
            uint32_t end = next_place(instance, level, p);
            if (names_only) {
                fprintf(program->file, " m_%" PRIu32 "_%" PRIu32 "\n", i, place);
                p = end;
                continue;
            }
            for (; p < end; p++) {
                fprintf(program->file, " + x_%" PRIu32 "\n", p);
            }
            fprintf(program->file, " - %" PRIu32 " m_%" PRIu32 "_%" PRIu32 " = %" PRIu32 "\n",
                    role->layers[i].size, i, place, oracle_started(role, i, place));
            if (!oracle_known(instance, level, place)) {
                fprintf(program->file, " m_%" PRIu32 "_%" PRIu32 " = 0\n", i, place);
            }
        }
    }
}

static void write_program(const struct program *program)
{
    const struct oracle_instance *instance = program->instance;
    fprintf(program->file, "Minimize\n touched:");
    write_sum(program, program->levels_fixed);
    fprintf(program->file, "Subject To\n");
    write_loads(program);
    write_tree(program);
    write_slices(program, false);
    write_limits(program);
    for (uint32_t l = 0; l < program->levels_fixed; l++) {
        write_sum(program, l);
        fprintf(program->file, " = %" PRIu32 "\n", program->fixed[l]);
    }
    fprintf(program->file, "Bounds\n");
    for (uint32_t p = 0; p < instance->positions; p++) {
        fprintf(program->file, " 0 <= x_%" PRIu32 " <= %" PRIu32 "\n", p,
                oracle_allowed(instance, 0, p));
    }
    fprintf(program->file, "General\n");
    for (uint32_t p = 0; p < instance->positions; p++) {
        fprintf(program->file, " x_%" PRIu32 "\n", p);
    }
    write_slices(program, true);
    fprintf(program->file, "Binary\n");
    for (uint32_t l = 0; l < instance->levels; l++) {
        for (uint32_t p = 0; p < instance->positions; p = next_place(instance, l, p)) {
            fprintf(program->file, " t_%" PRIu32 "_%" PRIu32 "\n", l, instance->place[p][l]);
        }
    }
    fprintf(program->file, "End\n");
}

static int spawn_glpsol(char *const *arguments)
{
    posix_spawn_file_actions_t actions;
    pid_t child = 0;
    int status = -1;
    err_require(posix_spawn_file_actions_init(&actions) == 0);
    err_require(
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0);
    int failed = posix_spawnp(&child, "glpsol", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return -1;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool oracle_has_glpsol(void)
{
    char name[] = "glpsol", version[] = "--version";
    char *const arguments[] = {name, version, NULL};
    return spawn_glpsol(arguments) == 0;
}

/* "s mip ROWS COLUMNS STATUS OBJECTIVE": o optimal, n infeasible, else not decided. */
static char read_result(const char *path, uint32_t *objective)
{
    FILE *file = fopen(path, "r");
    char line[256];
    char status = '?';
    double value = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "s mip %*s %*s %c %lf", &status, &value) == 2) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    *objective = (uint32_t)(value + 0.5);
    return status;
}

static char solve_program(struct program *program, const char *folder, uint32_t seconds,
                          uint32_t *objective)
{
    char text[64], result[64], limit[16];
    snprintf(text, sizeof text, "%s/program.lp", folder);
    snprintf(result, sizeof result, "%s/result", folder);
    snprintf(limit, sizeof limit, "%" PRIu32, seconds);
    program->file = fopen(text, "w");
    err_require(program->file != NULL);
    write_program(program);
    fclose(program->file);
    char name[] = "glpsol", lp[] = "--lp", time[] = "--tmlim", cuts[] = "--cuts", write[] = "-w";
    char *const arguments[] = {name, lp, text, time, limit, cuts, write, result, NULL};
    char status = spawn_glpsol(arguments) == 0 ? read_result(result, objective) : '?';
    unlink(text);
    unlink(result);
    return status;
}

void oracle_glpsol(const struct oracle_instance *instance, uint32_t seconds,
                   struct oracle_answer *answer)
{
    char folder[] = "/tmp/phalanx-oracle-XXXXXX";
    err_require(mkdtemp(folder) != NULL);
    struct program program = {.instance = instance};
    *answer = (struct oracle_answer){.proven = true, .feasible = true};
    for (uint32_t l = 0; l < instance->levels && answer->proven && answer->feasible; l++) {
        char status = solve_program(&program, folder, seconds, &program.fixed[l]);
        /* Infeasible once the first program was solved would be glpsol's own fault. */
        answer->proven = status == 'o' || (status == 'n' && l == 0);
        answer->feasible = status == 'o';
        program.levels_fixed = l + 1;
    }
    memcpy(answer->used, program.fixed, sizeof answer->used);
    rmdir(folder);
}
