#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The simulator finds defects: mutants.py [--cc CC] [--only NAME] [--seeds COUNT] [--jobs N] [TABLE]

Builds the simulator around the engine as it is and requires that the seeds pass. Then, one after the other, builds
it with one seeded defect (a sed expression on one file, in a copy) and requires that a seed fails, and tells which
invariant was violated and after how many events of the engine, those of the seeds before included. A line of the
table (default: mutants.txt beside this file) is

    FILE ; NAME ; SED EXPRESSION

with FILE below the project's root and an extended regular expression for sed -E that changes exactly one line. Empty
lines and lines that begin with '#' are skipped. An expression that changes nothing, or does not compile, is an
error: the code has moved on, so must the table. Of the first defect the failing seed is shrunk, too, and what comes out
must fail alike.
"""

import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-DNDEBUG", "-O1", "-w"]  # no assertions: the invariants have to find it
STEPS = "3000"
SECONDS = 120
# Of api/ the simulator needs the codecs only.
API = ["extender/args", "extender/reply", "extender/slice_set", "json/out", "json/scan", "kube/amounts", "kube/counts",
       "kube/decode_group", "kube/decode_node", "kube/decode_pod", "kube/dialect", "kube/dialect_placement",
       "kube/fields", "kube/labels", "kube/query", "kube/requests", "kube/status", "kube/verdict", "kube/write"]


class Broken(Exception):
    """The table or the tools do not do what they should."""


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise Broken(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Build:
    """Objects of the unchanged tree, and simulators linked from them."""

    def __init__(self, cc, folder, jobs):
        self.cc = cc
        self.folder = folder
        self.libraries = run(["pkg-config", "--libs", "jansson"]).split()
        self.product = sorted(ROOT.glob("topology/*.c")) + sorted(ROOT.glob("scheduler/*.c"))
        sources = self.product + [ROOT / "api" / f"{name}.c" for name in API]
        sources += sorted((ROOT / "test" / "simulation").glob("*.c"))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            self.objects = dict(zip(sources, pool.map(self.compile, sources)))

    def compile(self, source, root=ROOT, name=None):
        made = self.folder / ((name or str(source.relative_to(ROOT)).replace("/", "-")) + ".o")
        run([*self.cc, *FLAGS, f"-I{root}", f"-I{ROOT}", "-c", source, "-o", made])
        return made

    def link(self, name, replaced=None):
        """`replaced`: (source, object) to take instead."""
        objects = dict(self.objects)
        if replaced:
            objects[replaced[0]] = replaced[1]
        program = self.folder / name
        run([*self.cc, "-o", program, *objects.values(), *self.libraries])
        return program


def simulate(program, seeds):
    """Whether all seeds pass, and the first violation."""
    command = [program, "--seed", "1", "--seeds", str(seeds), "--steps", STEPS, "--first", "--last", "0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, f"not done after {SECONDS} s"
    lines = done.stdout.strip().splitlines()
    events = re.search(r"(\d+) events", lines[-1]) if lines else None
    if done.returncode not in (0, 1) or not events:
        return False, f"it crashed with {done.returncode}"
    if done.returncode == 0:
        return True, f"{events.group(1)} events"
    seed, _, what = lines[0].partition(" ms: ")
    return False, f"after {int(events.group(1)):,} events, {' '.join(seed.split()[:2])}: {what[:70]}"


def shrink(program):
    """Shrinks the first failing seed and runs what came out: the same invariant, in fewer events."""
    base = [program, "--steps", STEPS, "--last", "0", "--first"]
    whole = subprocess.run([*base, "--seeds", "500", "--shrink"], capture_output=True, text=True, check=False,
                           timeout=SECONDS).stdout
    before = re.match(r"seed (\d+) step \d+ event (\d+) at \d+ ms: (\(\d+\))", whole)
    flags = re.search(r"^shrunk: (--seed .*)$", whole, re.MULTILINE)
    if not before or not flags:
        raise Broken(f"nothing was shrunk: {whole[:200]}")
    less = subprocess.run([program, *flags.group(1).split(), "--last", "0"], capture_output=True, text=True,
                          check=False, timeout=SECONDS).stdout
    after = re.match(r"seed (\d+) step \d+ event (\d+) at \d+ ms: (\(\d+\))", less)
    if not after or after.group(1, 3) != before.group(1, 3) or int(after.group(2)) > int(before.group(2)):
        raise Broken(f"the shrunk run does not fail alike: {flags.group(1)}: {less[:200]}")
    lines = whole.split("shrunk: ")[1].count("\n")
    return f"seed {before.group(1)} from {before.group(2)} events to {after.group(2)}, {lines} lines"


def mutate(build, folder, number, entry):
    """Builds the simulator of one line of the table."""
    file, _, expression = entry
    source = ROOT / file
    if source not in build.product:
        raise Broken(f"{file} is not a file of the engine")
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
    return build.link(f"simulation{number}", (source, made))


def read_table(path):
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split(";", 2)]
        if len(fields) != 3:
            raise Broken(f"{path.name}:{number}: not FILE ; NAME ; SED EXPRESSION")
        entries.append(fields)
    return entries


def judge(build, folder, number, entry, seeds):
    try:
        return simulate(mutate(build, folder, number, entry), seeds)
    except Broken as problem:
        return True, f"{problem}"


def hunt(options, folder):
    entries = [entry for entry in read_table(options.table) if options.only in (None, entry[1])]
    if not entries:
        raise Broken("no such line in the table")
    build = Build(options.cc.split(), folder, options.jobs)
    good, said = simulate(build.link("unchanged"), options.seeds)
    if not good:
        raise Broken(f"the engine as it is does not pass: {said}")
    print(f"unchanged: passes, {said}", flush=True)
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        verdicts = pool.map(lambda item: judge(build, folder, *item, options.seeds), enumerate(entries))
        for entry, (survived, said) in zip(entries, verdicts):
            wrong += survived
            print(f"{'NOT CAUGHT' if survived else 'caught'}: {entry[1]} ({said})", flush=True)
    if options.only is None:
        print(f"shrunk: {shrink(folder / 'simulation0')}")
    print(f"mutants: {len(entries)} seeded defects, {wrong} not caught")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1000, metavar="COUNT", help="at most so many for each")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
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
