#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The property tests can fail: mutants.py [--cc CC] [--only NAME] [--keep DIR] [TABLE]

Builds the solver as it is and requires that the tests pass. Then, one after the other, builds it with one seeded
defect (a sed expression on one file, in a copy) and requires that the test named beside it fails. A line of the
table (default: mutants.txt beside this file) is

    TEST ; FILE ; NAME ; SED EXPRESSION

with TEST a program of test/property (test_solver_exact), FILE below the project's root, and an extended regular
expression for sed -E that changes exactly one line. Empty lines and lines that begin with '#' are skipped. An
expression that changes nothing, or does not compile, is an error: the code has moved on, so must the table.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-w"]
COUNT = "3000"  # instances of a run; a defect that needs more is too rare to be a good example
SECONDS = 60  # a defect may also make a search endless
SHARED = ["oracle_assignments", "oracle_exhaustive", "oracle_glpsol", "oracle_instance", "oracle_print", "oracle_verdict"]


class Broken(Exception):
    """The table or the tools do not do what they should."""


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise Broken(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Build:
    """Objects of the unchanged tree, and programs linked from them."""

    def __init__(self, cc, folder):
        self.cc = cc
        self.folder = folder
        self.libraries = run(["pkg-config", "--libs", "check"]).split()
        self.product = sorted(ROOT.glob("topology/*.c")) + sorted(ROOT.glob("scheduler/*.c"))
        shared = [ROOT / "test" / "property" / f"{name}.c" for name in SHARED]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            self.objects = dict(zip(self.product, pool.map(self.compile, self.product)))
            self.shared = list(pool.map(self.compile, shared))
        self.tests = {}

    def compile(self, source, root=ROOT, name=None):
        made = self.folder / ((name or str(source.relative_to(ROOT)).replace("/", "-")) + ".o")
        run([*self.cc, *FLAGS, f"-I{root}", f"-I{ROOT}", "-c", source, "-o", made])
        return made

    def link(self, test, name, replaced=None):
        """`replaced`: (source, object) to take instead."""
        if test not in self.tests:
            self.tests[test] = self.compile(ROOT / "test" / "property" / f"{test}.c")
        objects = dict(self.objects)
        if replaced:
            objects[replaced[0]] = replaced[1]
        program = self.folder / name
        run([*self.cc, "-o", program, self.tests[test], *self.shared, *objects.values(), *self.libraries])
        return program


def passes(program):
    """Whether the test passes, and the last it said."""
    environment = dict(os.environ, ORACLE_COUNT=COUNT, CK_FORK="no")
    environment.pop("ORACLE_SEED", None)
    try:
        done = subprocess.run(
            [program], env=environment, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"not done after {SECONDS} s"
    lines = (done.stdout + done.stderr).strip().splitlines()
    said = lines[-1].split("/")[-1][:80] if lines else ""
    return done.returncode == 0, said or f"exit code {done.returncode}"


def mutate(build, folder, number, entry):
    """Builds the program of one line of the table."""
    test, file, _, expression = entry
    source = ROOT / file
    if source not in build.objects:
        raise Broken(f"{file} is not a file of the product")
    before = source.read_text(encoding="utf-8")
    after = run(["sed", "-E", expression, str(source)])
    old, new = before.splitlines(), after.splitlines()
    changed = sum(a != b for a, b in zip(old, new)) + abs(len(old) - len(new))
    if changed != 1:
        raise Broken(f"changes {changed} lines of {file}, not one: {expression}")
    copy = folder / f"mutant{number}" / file
    copy.parent.mkdir(parents=True)
    copy.write_text(after, encoding="utf-8")
    made = build.compile(copy, copy.parents[1], f"mutant{number}")
    return build.link(test, f"mutant{number}-{test}", (source, made))


def read_table(path):
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split(";", 3)]
        if len(fields) != 4:
            raise Broken(f"{path.name}:{number}: not TEST ; FILE ; NAME ; SED EXPRESSION")
        entries.append(fields)
    return entries


def hunt(options, folder):
    entries = [entry for entry in read_table(options.table) if options.only in (None, entry[2])]
    if not entries:
        raise Broken("no such line in the table")
    build = Build(options.cc.split(), folder)
    for test in sorted({entry[0] for entry in entries}):
        good, said = passes(build.link(test, f"unchanged-{test}"))
        if not good:
            raise Broken(f"{test} fails on the solver as it is: {said}")
        print(f"unchanged: {test} passes", flush=True)
    wrong = 0
    for number, entry in enumerate(entries):
        try:
            survived, said = passes(mutate(build, folder, number, entry))
        except Broken as problem:
            survived, said = True, f"{problem}"
        wrong += survived
        print(f"{'NOT CAUGHT' if survived else 'caught'}: {entry[2]} ({entry[0]}: {said})", flush=True)
    print(f"mutants: {len(entries)} seeded defects, {wrong} not caught")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="build here and leave it")
    parser.add_argument("table", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).with_suffix(".txt"))
    options = parser.parse_args()
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="phalanx-mutants-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return hunt(options, folder)
    except Broken as problem:
        print(f"mutants: {problem}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
