#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The world finds defects: mutants.py [--cc CC] [--only NAME] [--seeds COUNT] [--jobs N] [--keep DIR] [TABLE]

Builds the world around the product as it is and requires that the seeds pass. Then builds it with one seeded defect at a
time and requires that a seed fails, and tells what was violated and after how many steps of the world. A line of the table
(default: mutants.txt beside this file; see ../mutation.py) is

    FILE ; NAME ; SED EXPRESSION

with FILE below the project's root.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import mutation  # noqa: E402

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-DNDEBUG", "-O1", "-w"]  # no assertions: the judge has to find it
WRAPPED = ["-Wl,--wrap=pthread_create", "-Wl,--wrap=clock_gettime", "-lm"]
SECONDS = 180  # for what hangs
# What the world stands in for, and what it does without.
REPLACED = ["base/sandbox", "cli/*", "daemon/daemon", "daemon/embedded_backend", "daemon/loop", "daemon/routes",
            "embedded/*", "http/*", "kube/client/client"]


def observe(program, seeds):
    """Whether all seeds pass, and the first violation."""
    command = [program, "--seed", "1", "--seeds", str(seeds), "--first", "--last", "0"]
    return mutation.play(command, "steps", SECONDS)


def sources():
    """What the world is made of."""
    api = mutation.ROOT / "api"
    replaced = {path for name in REPLACED for path in api.glob(f"{name}.c")}
    return [*mutation.PRODUCT, *(path for path in sorted(api.glob("**/*.c")) if path not in replaced),
            *sorted((mutation.ROOT / "test" / "world").glob("*.c"))]


def hunt(options, entries, folder):
    (folder / "version.h").write_text('#define PHALANX_VERSION "0.0.0"\n', encoding="utf-8")
    objects = mutation.Objects(options.cc, [*FLAGS, f"-I{folder}"], folder, "jansson yaml-0.1 libzstd")
    objects.libraries += WRAPPED
    objects.add(sources(), options.jobs)
    good, said = observe(objects.link("unchanged"), options.seeds)
    if not good:
        raise mutation.Broken(f"the product as it is does not pass: {said}")
    print(f"unchanged: passes, {said}", flush=True)

    def judge(number, entry):
        replaced = objects.mutate(number, entry["FILE"], entry["SED EXPRESSION"])
        return observe(objects.link(f"world{number}", replaced=replaced), options.seeds)

    return mutation.judge_all(entries, judge, options.jobs)


if __name__ == "__main__":
    MOST = ("--seeds", 300, "at most so many for each")
    sys.exit(mutation.main(__file__, __doc__, ("FILE", "NAME", "SED EXPRESSION"), hunt, [MOST]))
