#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The property tests can fail: mutants.py [--cc CC] [--only NAME] [--jobs N] [--keep DIR] [TABLE]

Builds the solver as it is and requires that the tests pass. Then builds it with one seeded defect at a time and requires
that the test named beside it fails. A line of the table (default: mutants.txt beside this file; see ../mutation.py) is

    TEST ; FILE ; NAME ; SED EXPRESSION

with TEST a program of test/property (test_solver_exact) and FILE below the project's root.
"""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import mutation  # noqa: E402

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-w"]
COUNT = "3000"  # instances of a run; a defect that needs more is too rare to be a good example
UNHURRIED = 3600  # for the program as it is, on the busiest machine
SECONDS = 240  # a defect may also make a search endless
HERE = mutation.ROOT / "test" / "property"
SHARED = ["oracle_assignments", "oracle_exhaustive", "oracle_glpsol", "oracle_instance", "oracle_limits", "oracle_print", "oracle_rules", "oracle_verdict"]


def passes(program, seconds=SECONDS):
    """Whether the test passes, and the last it said."""
    environment = dict(os.environ, ORACLE_COUNT=COUNT, CK_FORK="no")
    environment.pop("ORACLE_SEED", None)
    try:
        done = subprocess.run(
            [program], env=environment, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"not done after {seconds} s"
    lines = (done.stdout + done.stderr).strip().splitlines()
    said = lines[-1].split("/")[-1][:80] if lines else ""
    return done.returncode == 0, said or f"exit code {done.returncode}"


def hunt(options, entries, folder):
    objects = mutation.Objects(options.cc, FLAGS, folder, "check")
    objects.add([*mutation.PRODUCT, *(HERE / f"{name}.c" for name in SHARED)], options.jobs)
    tests = {}
    for test in sorted({entry["TEST"] for entry in entries}):
        tests[test] = objects.compile(HERE / f"{test}.c")
        good, said = passes(objects.link(f"unchanged-{test}", [tests[test]]), UNHURRIED)
        if not good:
            raise mutation.Broken(f"{test} fails on the solver as it is: {said}")
        print(f"unchanged: {test} passes", flush=True)

    def judge(number, entry):
        replaced = objects.mutate(number, entry["FILE"], entry["SED EXPRESSION"])
        return passes(objects.link(f"mutant{number}-{entry['TEST']}", [tests[entry["TEST"]]], replaced))

    return mutation.judge_all(entries, judge, 1)


if __name__ == "__main__":
    sys.exit(mutation.main(__file__, __doc__, ("TEST", "FILE", "NAME", "SED EXPRESSION"), hunt))
