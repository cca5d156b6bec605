# SPDX-License-Identifier: Apache-2.0
"""Seeded defects, for the tests of tests: mutants.py in unit/api, property, simulation and world.

A table has one defect per line, its columns separated by ';', the last one an extended regular expression for
sed -E that changes exactly one line of one file of the program under test. Empty lines and lines that begin with '#'
are skipped. An expression that changes nothing, or does not compile, is an error: the code has moved on, so must the
table. A defect is put into a copy of its file; the tree is never touched.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PRODUCT = sorted(ROOT.glob("topology/**/*.c")) + sorted(ROOT.glob("scheduler/**/*.c"))


class Broken(Exception):
    """The table or the tools do not do what they should."""


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise Broken(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


class Objects:
    """Objects of the unchanged tree, and programs linked from them, with one replaced or not."""

    def __init__(self, cc, flags, folder, libraries):
        self.cc = cc.split()
        self.flags = flags
        self.folder = folder
        self.libraries = run(["pkg-config", "--libs", *libraries.split()]).split()
        self.made = {}

    def compile(self, source, root=ROOT, name=None):
        made = self.folder / ((name or str(source.relative_to(ROOT)).replace("/", "-")) + ".o")
        run([*self.cc, *self.flags, f"-I{root}", f"-I{ROOT}", "-c", source, "-o", made])
        return made

    def add(self, sources, jobs, compile_one=None):
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            self.made.update(zip(sources, pool.map(compile_one or self.compile, sources)))

    def link(self, name, more=(), replaced=None):
        """`more`: further objects. `replaced`: (source, object) to take instead."""
        objects = dict(self.made)
        if replaced:
            objects[replaced[0]] = replaced[1]
        program = self.folder / name
        run([*self.cc, "-o", program, *more, *objects.values(), *self.libraries])
        return program

    def mutate(self, number, file, expression):
        """(source, object) of defect `number`: what link() takes as replaced."""
        source = ROOT / file
        if source not in self.made:
            raise Broken(f"{file} is not part of the program")
        before = source.read_text(encoding="utf-8")
        after = run(["sed", "-E", expression, str(source)])
        old, new = before.splitlines(), after.splitlines()
        changed = sum(a != b for a, b in zip(old, new)) + abs(len(old) - len(new))
        if changed != 1:
            raise Broken(f"changes {changed} lines of {file}, not one: {expression}")
        root = self.folder / f"mutant{number}"
        copy = root / file
        copy.parent.mkdir(parents=True)
        copy.write_text(after, encoding="utf-8")
        return source, self.compile(copy, root, f"mutant{number}")


def play(command, unit, seconds):
    """Plays the seeds of a simulator: whether all pass, and the first violation with how many units it took."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False, f"not done after {seconds} s"
    lines = done.stdout.strip().splitlines()
    count = re.search(rf"(\d+) {unit}", lines[-1]) if lines else None
    if done.returncode not in (0, 1) or not count:
        return False, f"it crashed with {done.returncode}"
    if done.returncode == 0:
        return True, f"{count.group(1)} {unit}"
    seed, _, what = lines[0].partition(" ms: ")
    return False, f"after {int(count.group(1)):,} {unit}, {' '.join(seed.split()[:2])}: {what[:70]}"


def read_table(path, columns):
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split(";", len(columns) - 1)]
        if len(fields) != len(columns):
            raise Broken(f"{path.name}:{number}: not {' ; '.join(columns)}")
        entries.append(dict(zip(columns, fields)))
    return entries


def judge_all(entries, judge, jobs):
    """judge(number, entry) gives (survived, what was said) or raises Broken, which counts as survived. The names of the
    defects that were not caught."""

    def verdict(item):
        try:
            return judge(*item)
        except Broken as problem:
            return True, f"{problem}"

    wrong = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for entry, (survived, said) in zip(entries, pool.map(verdict, enumerate(entries))):
            wrong += [f"{entry['NAME']} ({said})"] if survived else []
            print(f"{'NOT CAUGHT' if survived else 'caught'}: {entry['NAME']} ({said})", flush=True)
    return wrong


def main(script, about, columns, hunt, arguments=()):
    """hunt(options, entries, folder) gives the names of the defects not caught. `arguments`: (flag, default, help) of
    further numbers."""
    parser = argparse.ArgumentParser(description=about.split("\n", maxsplit=1)[0])
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="build here and leave it")
    parser.add_argument("table", nargs="?", type=pathlib.Path, default=pathlib.Path(script).with_suffix(".txt"))
    for flag, default, explanation in arguments:
        parser.add_argument(flag, type=int, default=default, metavar="COUNT", help=explanation)
    options = parser.parse_args()
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="phalanx-mutants-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entries = [entry for entry in read_table(options.table, columns) if options.only in (None, entry["NAME"])]
        if not entries:
            raise Broken("no such line in the table")
        wrong = hunt(options, entries, folder)
        print("".join(f"not caught: {name}\n" for name in wrong), end="")
        print(f"mutants: {len(entries)} seeded defects, {len(wrong)} not caught")
        return 1 if wrong else 0
    except Broken as problem:
        print(f"mutants: {problem}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder)
