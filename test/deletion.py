#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nobody would miss: deletion.py [--count N] [--seed S] [--skip K] [--jobs N] BUILD

Takes randomly chosen statements out of scheduler/, one at a time, and runs the tests of scheduler/, the property tests
and the simulation against what is left. Prints the survivors: each is a statement that no test needs, because nothing
depends on it, because it only makes something faster, or because a test is missing.

BUILD is a build directory of meson, of which only the list of tests is read. topology/, scheduler/ and api/ become one
shared library, so that a deletion costs one compilation and one link. Not part of any suite: it takes about a minute
for each statement.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

import mutation

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g0", "-w", "-fPIC", f"-I{mutation.ROOT}"]
LIBRARIES = ["check", "jansson", "libcurl", "libmicrohttpd", "yaml-0.1"]
SECONDS = 600  # for what hangs
SIMULATION = ["--seed", "1", "--seeds", "600", "--steps", "3000", "--first", "--last", "0"]
NO_STATEMENT = re.compile(r"(return\b.*\S|goto\b|case\b|default\b|else\b|if\b|for\b|while\b|do\b|typedef\b|static\b|const\b|#)")
DECLARATION = re.compile(r"(struct|enum|union|unsigned|bool|char|size_t|u?int\d*_t|int|void|long)\b[^=(]*[;=\[]")


def statements(path):
    """(first line, last line) of every statement that can be left out: calls, assignments, jumps; no declarations."""
    lines = path.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        text = lines[number]
        stripped = text.strip()
        last = number
        starts = number > 0 and lines[number - 1].rstrip().endswith((";", "{", "}", "*/", ":", ""))
        if not text.startswith("    ") or not re.match(r"[A-Za-z_*(+-]", stripped) or NO_STATEMENT.match(
                stripped.rstrip(";").strip() if stripped.startswith("return") else stripped) or DECLARATION.match(stripped):
            number += 1
            continue
        whole = stripped
        while not re.search(r";\s*(/\*.*)?$", whole) and last + 1 < len(lines) and last < number + 12 and "{" not in whole:
            last += 1
            whole += " " + lines[last].strip()
        if starts and "{" not in whole and whole.count("(") == whole.count(")") and whole.count(";") == 1:
            yield number, last
            number = last
        number += 1


class Build:
    """A shared library of the product, and the test programs that are linked to it."""

    def __init__(self, options, folder):
        self.folder = folder
        self.cc = options.cc.split()
        self.libraries = mutation.run(["pkg-config", "--libs", *LIBRARIES]).split()
        self.product = [*mutation.PRODUCT, *sorted(p for p in mutation.ROOT.glob("api/**/*.c") if p.name not in ("main.c", "simulate.c"))]
        self.objects = mutation.Objects(options.cc, [*FLAGS, f"-I{options.build.resolve()}"], folder, "jansson")
        self.objects.add(self.product, options.jobs)
        self.link(None)
        self.tests = list(self.programs(options))

    def link(self, replaced):
        made = {source: self.objects.made[source] for source in self.product}
        if replaced:
            made[replaced[0]] = replaced[1]
        library = self.folder / "libproduct.so.new"
        mutation.run([*self.cc, "-shared", "-o", library, *made.values(), *self.libraries])
        library.rename(self.folder / "libproduct.so")

    def programs(self, options):
        """(name, command, environment) of each test, the quick ones first."""
        made = {}
        targets = json.loads(mutation.run(["meson", "introspect", options.build, "--targets"]))
        sources = {t["filename"][0]: [pathlib.Path(s) for part in t["target_sources"] for s in part.get("sources", [])]
                   for t in targets if t["type"] == "executable"}
        tests = json.loads(mutation.run(["meson", "introspect", options.build, "--tests"]))
        order = ["test/unit/scheduler", "test/property"]
        for place in order:
            helpers = sorted((mutation.ROOT / place).glob("oracle*.c"))  # a library of their own
            for test in tests:
                program = test["cmd"][0]
                if f"/{place}/" not in program or program not in sources or "phalanx:long" in test["suite"]:
                    continue
                if program not in made:
                    made[program] = self.link_test(sources[program] + helpers)
                yield test["name"], [made[program], *test["cmd"][1:]], test["env"]
        simulation = self.link_test(sorted((mutation.ROOT / "test" / "simulation").glob("*.c")))
        yield "simulation", [simulation, *SIMULATION], {}

    def link_test(self, sources):
        self.objects.add([s for s in sources if s not in self.objects.made], os.cpu_count())
        program = self.folder / f"test-{len(self.objects.made)}-{sources[0].parent.name}-{sources[0].stem}"
        mutation.run([*self.cc, "-o", program, *(self.objects.made[s] for s in sources), f"-L{self.folder}", "-lproduct",
                      f"-Wl,-rpath,{self.folder}", *self.libraries])
        return program

    def drop_failing(self):
        """A test that fails with everything in its place (for want of data, say) tells nothing."""
        for test in list(self.tests):
            if self.first_failure([test]):
                print(f"fails with everything in its place, left out: {test[0]}", flush=True)
                self.tests.remove(test)

    def first_failure(self, tests=None):
        for name, command, environment in tests or self.tests:
            try:
                done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS,
                                      env={**os.environ, **environment})
            except subprocess.TimeoutExpired:
                return f"{name}, which hangs"
            if done.returncode:
                return name
        return None


def delete(build, path, first, last, number):
    """The name of the test that fails without the lines; None: none does. Broken when it cannot be compiled."""
    root = build.folder / f"deletion{number}"
    copy = root / path.relative_to(mutation.ROOT)
    copy.parent.mkdir(parents=True)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[first:last + 1] = [re.match(r"\s*", lines[first])[0] + ";"]
    copy.write_text("\n".join(lines) + "\n", encoding="utf-8")
    build.link((path, build.objects.compile(copy, root, f"deletion{number}")))
    return build.first_failure()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip", type=int, default=0, help="the first so many of them: to go on with a run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("build", type=pathlib.Path)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="phalanx-deletion-"))
    found = [(p, *lines) for p in sorted(mutation.ROOT.glob("scheduler/**/*.c")) for lines in statements(p)]
    chosen = random.Random(options.seed).sample(found, min(options.count, len(found)))[options.skip:]
    print(f"deletion: {len(chosen)} of {len(found)} statements", flush=True)
    survivors = broken = 0
    try:
        build = Build(options, folder)
        build.drop_failing()
        for number, (path, first, last) in enumerate(chosen):
            text = " ".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines()[first:last + 1])
            where = f"{path.relative_to(mutation.ROOT)}:{first + 1}: {text}"
            try:
                caught = delete(build, path, first, last, number)
            except mutation.Broken:
                broken += 1
                print(f"does not compile: {where}", flush=True)
                continue
            survivors += caught is None
            print(f"{'SURVIVES' if caught is None else 'caught by ' + caught}: {where}", flush=True)
    finally:
        shutil.rmtree(folder)
    print(f"deletion: {len(chosen) - broken} statements, {survivors} survive")
    return 0


if __name__ == "__main__":
    sys.exit(main())
