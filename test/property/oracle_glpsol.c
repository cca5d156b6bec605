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

/* Integer programs for glpsol (Debian: glpk-utils), in CPLEX LP text; all but podsets.
 *
 *   x_r_p       pods of role r on position p         t_l_d  1 if domain d of level l is touched
 *   m_r_i_d     new slices of layer i in domain d    x_r_p <= room t_host_p;  t_child <= t_parent
 *   z_i_s_d     1 if side s of exclusion i may have pods in domain d;  z_i_0_d + z_i_1_d <= 1
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

/* What the roles request of a resource is free on the position. */
static void write_resources(const struct program *program, uint32_t p)
{
    const struct oracle_instance *instance = program->instance;
    const struct resources *free = &instance->free[p];
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        const struct resources *request = instance->roles[r].request;
        for (uint32_t i = 0; i < request->count; i++) {
            uint32_t name = request->items[i].name;
            for (uint32_t q = 0; q < instance->problem.role_count; q++) {
                fprintf(program->file, " + %" PRId64 " x_%" PRIu32 "_%" PRIu32 "\n",
                        resources_get(instance->roles[q].request, name), q, p);
            }
            fprintf(program->file, " <= %" PRId64 "\n", resources_get(free, name));
        }
    }
}

static void write_loads(const struct program *program)
{
    const struct oracle_instance *instance = program->instance;
    uint32_t host = instance->levels - 1;
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        for (uint32_t p = 0; p < instance->positions; p++) {
            fprintf(program->file, " + x_%" PRIu32 "_%" PRIu32 "\n", r, p);
        }
        fprintf(program->file, " = %" PRIu32 "\n", instance->roles[r].count);
        for (uint32_t p = 0; p < instance->positions; p++) {
            fprintf(program->file,
                    " x_%" PRIu32 "_%" PRIu32 " - %" PRIu32 " t_%" PRIu32 "_%" PRIu32 " <= 0\n", r,
                    p, oracle_allowed(instance, r, p), host, p);
        }
    }
    for (uint32_t p = 0; instance->free != NULL && p < instance->positions; p++) {
        write_resources(program, p);
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

/* The pods of the roles on the positions [first, end). */
static void write_pods(const struct program *program, uint32_t roles, uint32_t first, uint32_t end)
{
    for (uint32_t r = 0; r < program->instance->problem.role_count; r++) {
        for (uint32_t p = first; p < end && (roles >> r & 1) != 0; p++) {
            fprintf(program->file, " + x_%" PRIu32 "_%" PRIu32 "\n", r, p);
        }
    }
}

static void write_limits(const struct program *program)
{
    const struct oracle_instance *instance = program->instance;
    for (uint32_t i = 0; i < instance->problem.limit_count; i++) {
        const struct solver_limit *limit = &instance->limits[i];
        uint32_t end = 0;
        for (uint32_t p = 0; p < instance->positions; p = end) {
            uint32_t room = oracle_limit_room(instance, limit, instance->place[p][limit->level]);
            end = next_place(instance, limit->level, p);
            if (room != UINT32_MAX) {
                write_pods(program, limit->roles, p, end);
                fprintf(program->file, " <= %" PRIu32 "\n", room);
            }
        }
    }
}

/* One side of an exclusion in a known domain; none of it where the other stands already. */
static void write_side(const struct program *program, uint32_t i, uint32_t side, uint32_t first,
                       uint32_t end)
{
    const struct oracle_instance *instance = program->instance;
    const struct solver_apart *apart = &instance->aparts[i];
    uint32_t place = instance->place[first][apart->level];
    uint32_t pods = 0;
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        pods += (apart->roles[side] >> r & 1) != 0 ? instance->roles[r].count : 0;
    }
    if (apart->roles[side] == 0) {
        return;
    }
    write_pods(program, apart->roles[side], first, end);
    if (oracle_apart_taken(instance, apart, 1 - side, place)) {
        fprintf(program->file, " <= 0\n");
    } else {
        fprintf(program->file, " - %" PRIu32 " z_%" PRIu32 "_%" PRIu32 "_%" PRIu32 " <= 0\n", pods,
                i, side, place);
    }
}

static void write_aparts(const struct program *program, bool names_only)
{
    const struct oracle_instance *instance = program->instance;
    for (uint32_t i = 0; i < instance->problem.apart_count; i++) {
        uint32_t level = instance->aparts[i].level;
        uint32_t end = 0;
        for (uint32_t p = 0; p < instance->positions; p = end) {
            uint32_t place = instance->place[p][level];
            end = next_place(instance, level, p);
            if (names_only) {
                fprintf(program->file,
                        " z_%" PRIu32 "_0_%" PRIu32 "\n z_%" PRIu32 "_1_%" PRIu32 "\n", i, place, i,
                        place);
            } else if (oracle_known(instance, level, place)) {
                write_side(program, i, 0, p, end);
                write_side(program, i, 1, p, end);
                fprintf(program->file,
                        " z_%" PRIu32 "_0_%" PRIu32 " + z_%" PRIu32 "_1_%" PRIu32 " <= 1\n", i,
                        place, i, place);
            }
        }
    }
}

static void write_slices_of(const struct program *program, uint32_t r, bool names_only)
{
    const struct oracle_instance *instance = program->instance;
    const struct solver_role *role = &instance->roles[r];
    for (uint32_t i = 0; i < role->layer_count; i++) {
        uint32_t level = role->layers[i].level;
        uint32_t end = 0;
        for (uint32_t p = 0; p < instance->positions; p = end) {
            uint32_t place = instance->place[p][level];
            end = next_place(instance, level, p);
            if (names_only) {
                fprintf(program->file, " m_%" PRIu32 "_%" PRIu32 "_%" PRIu32 "\n", r, i, place);
                continue;
            }
            write_pods(program, UINT32_C(1) << r, p, end);
            fprintf(program->file,
                    " - %" PRIu32 " m_%" PRIu32 "_%" PRIu32 "_%" PRIu32 " = %" PRIu32 "\n",
                    role->layers[i].size, r, i, place, oracle_started(role, i, place));
            if (!oracle_known(instance, level, place)) {
                fprintf(program->file, " m_%" PRIu32 "_%" PRIu32 "_%" PRIu32 " = 0\n", r, i, place);
            }
        }
    }
}

static void write_slices(const struct program *program, bool names_only)
{
    for (uint32_t r = 0; r < program->instance->problem.role_count; r++) {
        write_slices_of(program, r, names_only);
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
    write_aparts(program, false);
    for (uint32_t l = 0; l < program->levels_fixed; l++) {
        write_sum(program, l);
        fprintf(program->file, " = %" PRIu32 "\n", program->fixed[l]);
    }
    fprintf(program->file, "Bounds\n");
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        for (uint32_t p = 0; p < instance->positions; p++) {
            fprintf(program->file, " 0 <= x_%" PRIu32 "_%" PRIu32 " <= %" PRIu32 "\n", r, p,
                    oracle_allowed(instance, r, p));
        }
    }
    fprintf(program->file, "General\n");
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        for (uint32_t p = 0; p < instance->positions; p++) {
            fprintf(program->file, " x_%" PRIu32 "_%" PRIu32 "\n", r, p);
        }
    }
    write_slices(program, true);
    fprintf(program->file, "Binary\n");
    for (uint32_t l = 0; l < instance->levels; l++) {
        for (uint32_t p = 0; p < instance->positions; p = next_place(instance, l, p)) {
            fprintf(program->file, " t_%" PRIu32 "_%" PRIu32 "\n", l, instance->place[p][l]);
        }
    }
    write_aparts(program, true);
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
