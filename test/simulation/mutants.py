#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulator finds defects: mutants.py [--cc CC] [--only NAME] [--seeds COUNT] [--jobs N] [--keep DIR] [TABLE]

Builds the simulator around the engine as it is and requires that the seeds pass. Then builds it with one seeded defect
at a time and requires that a seed fails, and tells which invariant was violated and after how many events of the engine,
those of the seeds before included. A line of the table (default: mutants.txt beside this file; see ../mutation.py) is

    FILE ; NAME ; SED EXPRESSION

with FILE below the project's root. Of the first defect the failing seed is shrunk, too, and what comes out must fail
alike.
"""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import mutation  # noqa: E402

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-DNDEBUG", "-O1", "-w"]  # no assertions: the invariants have to find it
STEPS = "3000"
SECONDS = 1800  # for what hangs
# Of api/ the simulator needs the codecs only.
API = ["base/clock", "extender/args", "extender/reply", "extender/slice_set", "json/fields", "json/out", "json/scan",
       "json/selector", "kube/client/query", "kube/client/status", "kube/objects/*", "kube/write/verdict", "kube/write/write"]


def simulate(program, seeds):
    """Whether all seeds pass, and the first violation."""
    command = [program, "--seed", "1", "--seeds", str(seeds), "--steps", STEPS, "--first", "--last", "0"]
    return mutation.play(command, "events", SECONDS)


def shrink(program):
    """Shrinks the first failing seed and runs what came out: the same invariant, in fewer events."""
    base = [program, "--steps", STEPS, "--last", "0", "--first"]
    whole = subprocess.run([*base, "--seeds", "500", "--shrink"], capture_output=True, text=True, check=False,
                           timeout=SECONDS).stdout
    before = re.match(r"seed (\d+) step \d+ event (\d+) at \d+ ms: (\(\d+\))", whole)
    flags = re.search(r"^shrunk: (--seed .*)$", whole, re.MULTILINE)
    if not before or not flags:
        raise mutation.Broken(f"nothing was shrunk: {whole[:200]}")
    less = subprocess.run([program, *flags.group(1).split(), "--last", "0"], capture_output=True, text=True,
                          check=False, timeout=SECONDS).stdout
    after = re.match(r"seed (\d+) step \d+ event (\d+) at \d+ ms: (\(\d+\))", less)
    if not after or after.group(1, 3) != before.group(1, 3) or int(after.group(2)) > max(int(before.group(2)), 100):
        raise mutation.Broken(f"the shrunk run does not fail alike: {flags.group(1)}: {less[:200]}")
    lines = whole.split("shrunk: ")[1].count("\n")
    return f"seed {before.group(1)} from {before.group(2)} events to {after.group(2)}, {lines} lines"


def sources():
    """What the simulator is made of."""
    api = [path for name in API for path in sorted((mutation.ROOT / "api").glob(f"{name}.c"))]
    return [*mutation.PRODUCT, *api, *sorted((mutation.ROOT / "test" / "simulation").glob("*.c"))]


def hunt(options, entries, folder):
    objects = mutation.Objects(options.cc, FLAGS, folder, "jansson")
    objects.add(sources(), options.jobs)
    good, said = simulate(objects.link("unchanged"), options.seeds)
    if not good:
        raise mutation.Broken(f"the engine as it is does not pass: {said}")
    print(f"unchanged: passes, {said}", flush=True)

    def judge(number, entry):
        replaced = objects.mutate(number, entry["FILE"], entry["SED EXPRESSION"])
        return simulate(objects.link(f"simulation{number}", replaced=replaced), options.seeds)

    wrong = mutation.judge_all(entries, judge, options.jobs)
    if options.only is None:
        print(f"shrunk: {shrink(folder / 'simulation0')}")
    return wrong


if __name__ == "__main__":
    MOST = ("--seeds", 1500, "at most so many for each")
    sys.exit(mutation.main(__file__, __doc__, ("FILE", "NAME", "SED EXPRESSION"), hunt, [MOST]))
