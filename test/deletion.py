#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nobody would miss: deletion.py [--count N] [--seed S] [--skip K] [--only TEXT] [--jobs N] [--keep DIR] BUILD

Takes randomly chosen statements out of scheduler/, one at a time, and runs the unit tests of scheduler/, the property
tests and the simulation against what is left. Prints the survivors: each is a statement that no test needs, because
nothing depends on it, because it only makes something faster or gives memory back early, or because a test is missing.
deletion.txt beside this file gives the reason of those that are known, one a line:

    FILE ; KIND ; REASON ; THE LINE BEFORE IT, STATEMENT        KIND: equivalent, speed or memory

A survivor without a reason there is one that a test has to be written for, or that has to go.

Nothing is compiled for a single deletion. Every statement becomes `if (deletion_keeps(N)) { ... }`, once and for all,
and the environment says which N is left out. The same guards note who gets there: one run of each test with everything
in its place tells which statements it executes and what it costs. So a deletion is judged only by the tests that
execute it, that of its module and then the quickest first, up to the first that fails; the simulation comes in portions of
more and more seeds, all in all two million events. What no test executes survives at once. A test that needs ten times the
processor time it needed before, or all memory, has failed; so has a unit test that leaks.

BUILD is a build directory of meson, of which only the list of tests is read.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile

import mutation

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-g0", "-w", "-fPIC", f"-I{mutation.ROOT}"]
LIBRARIES = "check jansson"
# Of api/ the simulator needs the codecs only.
API = ["base/clock", "extender/args", "extender/reply", "extender/slice_set", "json/fields", "json/out", "json/scan",
       "json/utf8", "kube/client/query", "kube/client/status", "kube/objects/*", "kube/write/verdict", "kube/write/write"]
PORTIONS = [(1, 25), (26, 75), (101, 200), (301, 400), (701, 600), (1301, 550)]  # first seed, seeds: of 1,080 events each
DEAR = {"property/solver_glpsol": 20}  # property tests that take so many times fewer instances
FORKS = re.compile("raise_signal|exit_test")
MEMORY = 4 << 30
TIMES, SECONDS = 10, 5  # more processor time than so many times the usual, and so much: it hangs
PATIENCE = 3600  # whatever sleeps

GUARD = """
#include <stdbool.h>
extern unsigned char *deletion_reached;
extern unsigned deletion_left_out;
static inline bool deletion_keeps(unsigned number)
{
    deletion_reached[number] = 1;
    return number != deletion_left_out;
}
"""
GUARDS = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static unsigned char nowhere[COUNT];
unsigned char *deletion_reached = nowhere;
unsigned deletion_left_out = COUNT;
__attribute__((constructor)) static void begin(void)
{
    const char *number = getenv("DELETION"), *file = getenv("DELETION_REACHED");
    deletion_left_out = number == NULL ? COUNT : (unsigned)atoi(number);
    int fd = file == NULL ? -1 : open(file, O_RDWR | O_CREAT, 0600); /* shared with the forks of a test */
    if (fd >= 0 && ftruncate(fd, COUNT) == 0) {
        deletion_reached = mmap(NULL, COUNT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
}
"""

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
TYPE_OR_TABLE = re.compile(r"(?! ).*(=|(struct|enum|union) \w+) \{$")
STATEMENT = re.compile(r" +[A-Za-z_*(+-]")
NO_STATEMENT = re.compile(r" *(return\b.*[^\s;]|goto|case|default|else|if|for|while|do|typedef|static|const|alignas"
                          r"|err_require)\b")
DECLARATION = re.compile(r" *((struct|enum|union|unsigned|bool|char|size_t|u?int\d*_t|int|void|long|double)\b[^=(]*[;=\[]"
                         r"|[A-Za-z_]\w* \**\w+(\[.*\])?( =.*)?;)")

Statement = collections.namedtuple("Statement", "path first last text before")


def without_comments(path):
    return COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), path.read_text(encoding="utf-8"))


def statements(path):
    """Every statement that can be left out: calls, assignments, jumps; no declarations, and not err_require(), whose
    condition holds unless the program is wrong elsewhere."""
    lines = without_comments(path).splitlines()
    number, before = 0, ";"
    while number < len(lines):
        first, text = number, lines[number].rstrip()
        if TYPE_OR_TABLE.match(text):
            while not lines[number].startswith("}"):
                number += 1
        # To the end of a statement, or of a head like that of a loop.
        while (text.count("(") > text.count(")") or (STATEMENT.match(text) and not text.endswith((";", "{", "}", ":")))) \
                and number + 1 < len(lines):
            number += 1
            text += " " + lines[number].strip()
        number += 1
        if (STATEMENT.match(text) and before.endswith((";", "{", "}", ":")) and text.count(";") == 1 and text.endswith(";")
                and not re.search(r"[{}\\]", text) and not NO_STATEMENT.match(text) and not DECLARATION.match(text)):
            yield Statement(path, first, number - 1, text.strip(), before.strip())
        before = text or before


def guarded(path, numbered):
    """The text of a file with its statements guarded: each stays on its lines."""
    lines = without_comments(path).splitlines()
    for number, statement in numbered:
        lines[statement.first] = f"if (deletion_keeps({number})) {{ {lines[statement.first]}"
        lines[statement.last] += " }"
    return "\n".join(lines) + "\n"


UNKNOWN = {"KIND": "unexplained", "REASON": "a test is missing, or it can go"}
Test = collections.namedtuple("Test", "name command environment")


class Build:
    """The tests, linked to one shared library that can do without any of the statements."""

    def __init__(self, options, folder, found):
        self.options, self.folder = options, folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "deletion.h").write_text(GUARD, encoding="utf-8")
        (folder / "deletion.c").write_text(f"#define COUNT {len(found) + 1}\n{GUARDS}", encoding="utf-8")
        self.objects = mutation.Objects(options.cc, FLAGS, folder, LIBRARIES)
        api = [path for name in API for path in sorted((mutation.ROOT / "api").glob(f"{name}.c"))]
        self.objects.add([*mutation.PRODUCT, *api], options.jobs, self.compile(found))
        self.objects.made["guards"] = self.objects.compile(folder / "deletion.c", folder, "deletion")
        mutation.run([*self.objects.cc, "-shared", "-o", folder / "libproduct.so", *self.objects.made.values(),
                      *self.objects.libraries])
        self.tests = list(self.link(list(self.programs())))
        self.measure(len(found))

    def compile(self, found):
        """Compiles a file, guarded where it is of scheduler/."""
        numbered = collections.defaultdict(list)
        for number, statement in enumerate(found):
            numbered[statement.path].append((number, statement))

        def one(source):
            if source not in numbered:
                return self.objects.compile(source)
            copy = self.folder / "guarded" / source.relative_to(mutation.ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(f'#include "{self.folder}/deletion.h"\n#line 1\n{guarded(source, numbered[source])}', encoding="utf-8")
            return self.objects.compile(copy, self.folder / "guarded", str(source.relative_to(mutation.ROOT)).replace("/", "-"))

        return one

    def programs(self):
        """Name, sources, arguments and environment of every test."""
        targets = json.loads(mutation.run(["meson", "introspect", self.options.build, "--targets"]))
        sources = {t["filename"][0]: [pathlib.Path(s) for part in t["target_sources"] for s in part.get("sources", [])]
                   for t in targets if t["type"] == "executable"}
        listed = json.loads(mutation.run(["meson", "introspect", self.options.build, "--tests"]))
        for place in ["test/unit/scheduler", "test/property"]:
            helpers = sorted((mutation.ROOT / place).glob("oracle*.c"))  # a library of their own
            for test in listed:
                program = test["cmd"][0]
                if f"/{place}/" in program and program in sources and "phalanx:long" not in test["suite"]:
                    more = {}
                    if place == "test/property":
                        more["ORACLE_COUNT"] = str(self.options.instances // DEAR.get(test["name"], 1))
                    if not any(FORKS.search(source.read_text(encoding="utf-8")) for source in sources[program]):
                        more["CK_FORK"] = "no"  # a process for all is quicker than one for each
                    yield test["name"], sources[program] + helpers, test["cmd"][1:], {**test["env"], **more}
        for first, seeds in PORTIONS[:self.options.portions]:
            yield (f"simulation, seeds {first} to {first + seeds - 1}", sorted((mutation.ROOT / "test/simulation").glob("*.c")),
                   ["--seed", str(first), "--seeds", str(seeds), "--steps", "3000", "--first", "--last", "0"], {})

    def link(self, listed):
        self.objects.add(sorted({source for _, sources, _, _ in listed for source in sources}), self.options.jobs)
        made = {}
        for name, sources, arguments, environment in listed:
            program = self.folder / f"{sources[0].parent.name}-{sources[0].stem}.test"
            if program not in made:
                leaks = ["-fsanitize=leak"] if "test/unit" in str(sources[0]) else []
                made[program] = mutation.run([
                    *self.objects.cc, *leaks, "-o", program, *(self.objects.made[s] for s in sources), f"-L{self.folder}",
                    "-lproduct", f"-Wl,-rpath,{self.folder}", *self.objects.libraries])
            yield Test(name, [program, *arguments], environment)

    def run(self, test, seconds, **environment):
        """Whether it passes, and the seconds of processor time."""
        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        with subprocess.Popen(["timeout", str(PATIENCE), *test.command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env={**os.environ, **test.environment, **environment},
                              preexec_fn=limit) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode == 0, used.ru_utime + used.ru_stime

    def measure(self, count):
        """What each test costs and executes. One that fails with everything in its place (for want of data, say) is left out."""
        library = (self.folder / "libproduct.so").read_bytes()

        def one(test):
            key = hashlib.sha256(library + test.command[0].read_bytes() + str(test).encode()).hexdigest()[:16]
            file, said = self.folder / f"reached-{key}", self.folder / f"measured-{key}"
            if not said.exists():  # else it is known from an earlier run in the same folder
                said.write_text(json.dumps(self.run(test, PATIENCE, DELETION_REACHED=str(file))), encoding="utf-8")
            passed, seconds = json.loads(said.read_text(encoding="utf-8"))
            if not passed and test.environment.pop("CK_FORK", None):  # its tests do not like to share a process
                return one(test)
            return passed, seconds, file.read_bytes() if file.exists() else b""

        judges = []
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for test, (passed, seconds, reached) in zip(self.tests, pool.map(one, self.tests)):
                if not passed:
                    print(f"fails with everything in its place, left out: {test.name}", flush=True)
                elif reached:
                    judges.append((seconds, test, reached))
        self.judges = judges
        executed = sum(any(reached[number] for _, _, reached in self.judges) for number in range(count))
        print(f"{len(judges)} tests, {sum(j[0] for j in judges):.0f} s; they execute {executed} of {count} statements", flush=True)

    def judge(self, number, path):
        """The name of the test that fails without the statement; None: none does. Whether any executes it. The module's own
        test comes first, then the quickest."""
        module = str(path.relative_to(mutation.ROOT).with_suffix(""))
        executed = False
        for seconds, test, reached in sorted(self.judges, key=lambda judge: (judge[1].name != module, judge[0])):
            executed = executed or reached[number] != 0
            if reached[number] and (seconds <= self.options.dearest or test.name == module):
                if not self.run(test, int(TIMES * seconds) + SECONDS, DELETION=str(number))[0]:
                    return test.name, True
        return None, executed


def try_all(build, chosen, found):
    """The numbers of those that survive."""
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(build.options.jobs) as pool:
        judged = {pool.submit(build.judge, number, found[number].path): number for number in chosen}
        for done in concurrent.futures.as_completed(judged):
            number, (caught, executed) = judged[done], done.result()
            statement = found[number]
            where = f"{statement.path.relative_to(mutation.ROOT)}:{statement.first + 1}: {statement.text}"
            verdict = f"caught by {caught}" if caught else "SURVIVES" if executed else "SURVIVES, never executed"
            print(f"{verdict}: {where}", flush=True)
            if caught is None:
                survivors.append(number)
    return survivors


def report(chosen, survivors, found):
    """The reasons of the survivors; the number of those that have none."""
    known = {(entry["FILE"], entry["STATEMENT"]): entry
             for entry in mutation.read_table(pathlib.Path(__file__).with_suffix(".txt"), ("FILE", "KIND", "REASON", "STATEMENT"))}
    kinds = collections.Counter()
    print("\nSurvivors:")
    for number in sorted(survivors):
        statement = found[number]
        path = str(statement.path.relative_to(mutation.ROOT))
        entry = known.get((path, f"{statement.before} {statement.text}"), UNKNOWN)
        kinds[entry["KIND"]] += 1
        print(f"  {path}:{statement.first + 1}: {statement.text}\n      {entry['KIND']}: {entry['REASON']}")
    caught = len(chosen) - len(survivors)
    said = "".join(f", {count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"deletion: {len(chosen)} of {len(found)} statements, {caught} caught, {len(survivors)} survive{said}; caught of those "
          f"that change what is decided: {100 * caught / max(caught + kinds['unexplained'], 1):.1f} %")
    return kinds["unexplained"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip", type=int, default=0, help="the first so many of them: to go on with a run")
    parser.add_argument("--only", metavar="TEXT", action="append",
                        help="all those whose FILE:LINE: STATEMENT contains it, instead of a choice; may be repeated")
    parser.add_argument("--portions", type=int, default=len(PORTIONS), help="of the simulation: fewer for a quick look")
    parser.add_argument("--dearest", type=float, default=PATIENCE, metavar="SECONDS", help="no test that costs more")
    parser.add_argument("--instances", type=int, default=2000, help="of the property tests")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="build here and leave it")
    parser.add_argument("build", type=pathlib.Path)
    options = parser.parse_args()
    folder = (options.keep or pathlib.Path(tempfile.mkdtemp(prefix="phalanx-deletion-"))).resolve()
    found = [statement for path in sorted(mutation.ROOT.glob("scheduler/**/*.c")) for statement in statements(path)]
    chosen = random.Random(options.seed).sample(range(len(found)), min(options.count, len(found)))[options.skip:]
    if options.only:
        chosen = [number for number, s in enumerate(found)
                  if any(text in f"{s.path.relative_to(mutation.ROOT)}:{s.first + 1}: {s.text}" for text in options.only)]
    print(f"deletion: {len(chosen)} of {len(found)} statements", flush=True)
    try:
        survivors = try_all(Build(options, folder / "build", found), chosen, found)
        return 1 if report(chosen, survivors, found) else 0
    except mutation.Broken as problem:
        print(f"deletion: {problem}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
