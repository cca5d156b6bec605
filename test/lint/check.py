#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mechanical rules of this repository that no compiler checks: check.py [--root DIR] [RULE]...

  layers  topology <- scheduler <- api: no include goes upward, nor from folder to folder inside a layer but as
          FOLDERS says, nor in a circle; the two lower layers stay pure (no I/O, JSON, threads, clock); a
          third-party header is included only by the module that owns it
  banned  functions that cannot be used safely, and memory that bypasses topology/base/alloc.h
  files   SPDX line, header guard, own header first, at most LINES_MAX lines of COLUMNS_MAX columns, no notes to self
  keys    an annotation phalanx.dev/… of api/ stands in KEYS of KEYS_TABLE, so that nobody is told that it does not exist
  checkpoint
          every member of the structs that the engine's state consists of (CHECKPOINT) is named by what saves the state,
          or in CHECKPOINT_LEFT with the reason why it need not be saved
  docs    what the documents name is there: files, links and their headings, functions, types and constants of the code;
          every metric is described in METRICS_TEXT, and only those; every module of TOURED is named in TOUR

Without RULE all of them run. Prints "file:line: what" and exits 1 when something is wrong. Comments and string
literals are blanked before looking for code, so prose may name what code may not use. selftest.py proves that
every rule fails on a bad example.
"""

import argparse
import functools
import graphlib
import pathlib
import re
import sys

RULES = ["layers", "banned", "files", "keys", "docs", "checkpoint"]

LINES_MAX = 600
COLUMNS_MAX = 100  # of C; clang-format leaves comments alone, or it would break the drawings

# Lowest first: a layer may include itself and what stands before it.
LAYERS = ["topology", "scheduler", "api"]
PURE = ["topology", "scheduler"]

# Inside a layer: folder -> the folders it may include besides itself. "." are the files that lie in none; TOP lists
# them, without .c and .h. What is not here is refused, so a new folder has to say where it stands.
FOLDERS = {
    "topology": {
        "base": [],
        "devices": ["base"],
        "graph": ["base", "devices"],
    },
    "scheduler": {
        ".": [],  # the public headers: all of the layer may know them, but not the solver
        "solver": [],
        "state": [".", "solver"],
        "policy": [".", "solver", "state"],
        "engine": [".", "solver", "state", "policy"],
        "journal": [".", "solver", "state", "policy", "engine"],
    },
    "api": {
        "base": [],
        "json": ["base"],
        "yaml": ["base"],
        "http": ["base", "json"],
        "journal": ["base"],
        "extender": ["json"],
        "kube": ["base", "json", "yaml"],
        "ops": ["base", "json", "yaml", "kube", "journal"],
        "import": ["base", "json", "yaml", "ops"],
        "intake": ["kube", "import"],
        "view": ["base", "kube"],
        "embedded": ["yaml", "kube", "import"],
        "daemon": ["base", "json", "http", "extender", "kube", "journal", "ops", "import", "intake", "view", "embedded"],
        "cli": ["base", "yaml", "kube", "journal", "ops", "import", "intake", "view", "embedded", "daemon"],
    },
    "api/kube": {
        "client": [],
        "objects": ["client"],
        "devices": ["client", "objects"],
        "watch": ["client", "objects", "devices"],
        "write": ["client", "objects", "devices"],
        "lease": ["client", "objects", "devices"],
        ".": ["client", "objects", "devices", "watch", "write", "lease"],
    },
}
TOP = {
    "scheduler": {"effects", "engine", "event", "objects"},
    "api/kube": {"backend", "io", "io_backend", "mailbox"},
}
# Unit tests obey the rules of the module they test. What more they may include, and why.
TESTS_TOO = {
    ("api", "intake", "yaml"): "the objects of the tests are written in it",
    ("api", "view", "embedded"): "views are drawn of what an embedded cluster holds",
}
PURE_HEADERS = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "uthash.h", "utlist.h",
}
# Of <stdio.h> only formatting into memory; of <stdlib.h> nothing that depends on the world outside.
PURE_BANNED = {
    "printf", "fprintf", "vprintf", "vfprintf", "dprintf", "vdprintf", "puts", "fputs", "putchar", "putc", "fputc", "perror",
    "fopen", "fdopen", "fclose", "fread", "fwrite", "fgets", "fgetc", "getc", "getchar", "fscanf", "scanf", "fflush",
    "open", "close", "read", "write", "remove", "rename", "getenv", "secure_getenv", "setenv", "putenv", "random",
    "time", "clock", "clock_gettime", "gettimeofday", "nanosleep", "arc4random", "getrandom", "getpid", "exit", "_exit",
}

# Which part of api/ (or bench/, test/) may know a library; everybody else uses that part's header.
OWNERS = {
    "microhttpd.h": ["api/http/", "bench/", "test/"],
    "gnutls/gnutls.h": ["api/http/", "test/"],
    "gnutls/abstract.h": ["api/http/", "test/"],
    "gnutls/x509.h": ["api/http/", "test/"],
    "curl/curl.h": ["api/kube/client/", "bench/", "test/"],
    "yaml.h": ["api/yaml/", "test/"],
    "zstd.h": ["api/journal/", "test/"],
}

BANNED = {
    "strcpy": "snprintf or memcpy", "stpcpy": "snprintf or memcpy", "strcat": "snprintf", "strncat": "snprintf",
    "strncpy": "memcpy with a checked length", "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "fgets",
    "strtok": "strtok_r", "atoi": "strtol with checks", "atol": "strtol with checks", "atoll": "strtoll with checks",
    "atof": "strtod with checks", "gmtime": "gmtime_r", "localtime": "localtime_r", "ctime": "strftime",
    "asctime": "strftime", "alloca": "a bounded array or the heap", "rand": "a seeded generator of the caller",
    "srand": "a seeded generator of the caller", "drand48": "a seeded generator of the caller",
    "usleep": "a wait for the event itself", "system": "posix_spawn",
    "popen": "posix_spawn", "tmpnam": "mkstemp", "mktemp": "mkstemp", "tempnam": "mkstemp", "setjmp": "a return code",
    "longjmp": "a return code",
}
MEMORY = {"malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup", "asprintf", "vasprintf", "aligned_alloc"}
# Where raw memory is right, and why.
MEMORY_ALLOWED = {
    "topology/base/alloc.c": "it is the policy",
}

# Formatting that may end inside a character: with a precision, with somebody else's format, and where texts are all
# from outside.
FORMATTED = re.compile(r"\b(v?snprintf)\s*\(")
CUT = re.compile(r"%\.(?:[0-9]+|\*)s")
FORMATTED_WHOLE = "scheduler/engine/"
FORMATTED_ALLOWED = {
    "topology/base/utf8.c": "it is the way to do it",
    "topology/base/arena.c": "asks how long the text is",
    "api/base/clock.c": "digits",
    "api/ops/config.c": "a path of the file system",
}

CODE = {".c", ".h"}
SCRIPTS = {".py", ".go", ".sh"}
TEXT = CODE | SCRIPTS | {".md", ".yaml", ".yml", ".build", ".txt", ""}
SKIPPED_PARTS = {".git", "__pycache__", "corpus"}
SKIPPED_FILES = {"LICENSE", "go.sum", "go.mod"}
KEYS_TABLE = "api/kube/objects/remarks.c"
KEY = re.compile(r'"phalanx\.dev/([\w-]+)')
KEYS_OF_OTHERS = {"v1alpha1", "lease-wanted-by", "lease-address", "lease-flight"}  # no annotations of pods or groups
METRICS_CODE = "api/ops/metrics.c"
METRICS_TEXT = "docs/operations.md"
TOUR = "docs/README.md"
TOURED = ["topology", "scheduler"]
NOTES = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

# Of what the engine's state consists, and what saves it.
CHECKPOINT = {
    "scheduler/engine/audit.h": ["audit"],
    "scheduler/engine/state.h": ["engine", "engine_caller"],
    "scheduler/policy/queue.h": ["queue"],
    "scheduler/policy/waiting.c": ["need", "waiting"],
    "scheduler/policy/waiting.h": ["wait_need", "wait_role"],
    "scheduler/solver/solver.h": ["solver_shortfall"],
    "scheduler/state/accounts.c": ["accounts"],
    "scheduler/state/barrier.h": ["barrier", "barrier_waiter"],
    "scheduler/state/breakdown.h": ["breakdown"],
    "scheduler/state/gang.h": ["gang", "gang_unplaced", "gang_veto", "gangs"],
    "scheduler/state/gpus.h": ["gpus_allocation"],
    "scheduler/state/ledger.c": ["ledger"],
    "scheduler/state/peers.h": ["peer"],
    "scheduler/state/placement.h": ["placement", "placement_slice"],
    "scheduler/state/pod.h": ["nomination", "pod", "pod_replica"],
    "scheduler/state/pods_table.h": ["pods"],
    "scheduler/state/residents.h": ["residents"],
    "scheduler/state/rules.h": ["rule"],
    "scheduler/state/shape_table.h": ["shape", "shapes"],
    "scheduler/state/tenants.h": ["tenant", "tenants"],
    "scheduler/state/timers.h": ["timer", "timers"],
    "topology/base/names.c": ["names"],
    "topology/graph/nodes.c": ["nodes"],
    "topology/graph/nodes.h": ["label", "node", "taint"],
}
CHECKPOINT_LEFT = "test/lint/checkpoint.txt"
# What saves: the functions that are given a checkpoint.
SAVING = re.compile(r"^[\w *]+\([^;{}]*\bstruct checkpoint \*[^;{}]*\)\s*\{.*?^\}", re.MULTILINE | re.DOTALL)
MEMBER = re.compile(r"(?:\(\*(\w+)\)\([^;]*|(\w+)\s*(?:\[[^\]]*\])*)\s*[,;]")

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)[ \t\n]*\(")
TAKEN = re.compile(r"(?<![\w.><])(%s)\b" % "|".join(sorted(MEMORY)))

# What a document may name, between backticks but for links and metrics.
DOC_LINK = re.compile(r"\]\(([^)\s]+)\)")
DOC_PATH = re.compile(r"`((?:topology|scheduler|api|test|docs|manifests|bench|\.ci)/[\w./-]*\w/?)`")
DOC_FILE = re.compile(r"`(\w+\.(?:c|h|py|go))`")
DOC_NAME = re.compile(r"`(?:struct |enum )?((?!x_)[a-z]\w*(?=\(\)`)|(?<=struct )\w+(?=`)|(?<=enum )\w+(?=`)|[A-Z]+(?:_[A-Z0-9]+)+(?=`))")
DOC_METRIC = re.compile(r"\bphalanx_[a-z_]+[a-z]\b")
DOC_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
DOC_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def module_of(path):
    """The path, or for a file of test/unit the place in the tree that it mirrors."""
    return path.removeprefix("test/unit/")


def folder_of(path, within):
    """The folder directly below `within` that the path lies in, "." for none; None when it is not below at all."""
    if not path.startswith(within + "/"):
        return None
    parts = path[len(within) + 1 :].split("/")
    return parts[0] if len(parts) > 1 else "."


class Source:
    """One C file: its text, and the same with comments and literals blanked, line by line."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        includes = {match.start(): match.end() for match in INCLUDE.finditer(self.text)}

        def blank(match):
            if any(start <= match.start() < end for start, end in includes.items()):
                return match.group()
            return re.sub(r"[^\n]", " ", match.group())

        self.code = TOKEN.sub(blank, self.text)
        self.includes = [
            (self.line(match.start()), match.group(1), match.group(2)) for match in INCLUDE.finditer(self.code)
        ]

    def line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def layer(self):
        """The layer whose rules hold: its own, or for a unit test the one of the module under test."""
        first = module_of(self.path).split("/")[0]
        return first if first in LAYERS else None

    def is_test(self):
        return self.path.startswith(("test/", "bench/"))

    def calls(self):
        for match in CALL.finditer(self.code):
            yield self.line(match.start()), match.group(1)


def check_folders(source, complain):
    test = source.is_test()
    here = module_of(source.path)
    for within, allowed in FOLDERS.items():
        folder = folder_of(here, within)
        if folder is None or (test and folder == "."):  # what several folders' tests share
            continue
        stem = here.rsplit("/", 1)[1].rsplit(".", 1)[0]
        if folder not in allowed or (folder == "." and stem not in TOP[within]):
            complain(1, f"{here} lies in no folder of {within}/ that is known here")
            continue
        for line, quote, name in source.includes:
            target = folder_of(module_of(name), within)
            if quote == "<" or target in (None, folder) or target in allowed[folder]:
                continue
            if test and (name.startswith("test/") and target == "." or (within, folder, target) in TESTS_TOO):
                continue
            place = f"{within}/{target}/" if target != "." else name
            complain(line, f"{within}/{folder}/ may not include {place}: see FOLDERS")


def check_circles(sources, complain):
    """No file includes itself by way of others."""
    includes = {
        source.path: [(line, name) for line, quote, name in source.includes if quote == '"' and name in sources]
        for source in sources.values()
    }
    done = set()
    for start in sorted(includes):
        trail, waiting = [], [(start, iter(includes[start]))]
        while waiting:
            path, rest = waiting[-1]
            if len(trail) < len(waiting):
                trail.append(path)
            line, name = next(rest, (None, None))
            if name is None:
                done.add(path)
                trail.pop()
                waiting.pop()
            elif name in trail:
                complain(path, line, f"a circle: {' -> '.join([*trail[trail.index(name):], name])}")
            elif name not in done:
                waiting.append((name, iter(includes[name])))


def check_layers(source, complain):
    layer = source.layer()
    pure = layer in PURE and not source.is_test()
    for line, quote, name in source.includes:
        if ".." in name.split("/"):
            complain(line, f'"{name}": include paths start at the project root')
        target = name.split("/")[0]
        if layer and target in LAYERS and LAYERS.index(target) > LAYERS.index(layer):
            complain(line, f"{layer}/ may not include {target}/: layers point downward")
        if target in ("test", "bench") and not source.is_test():
            complain(line, f"{source.path.split('/')[0]}/ may not include {target}/")
        if pure and quote == "<" and name not in PURE_HEADERS:
            complain(line, f"<{name}> in {layer}/: this layer has no I/O, JSON, threads or clock")
        if name in OWNERS and not source.path.startswith(tuple(OWNERS[name])):
            complain(line, f"<{name}> belongs to {OWNERS[name][0]}: use its header")
    if not pure:
        return
    for line, name in source.calls():
        if name in PURE_BANNED:
            complain(line, f"{name}() in {layer}/: this layer has no I/O, clock or chance")


def check_cuts(source, complain):
    """No text from outside ends inside a character: JSON would not take it."""
    for match in FORMATTED.finditer(source.code):
        call = source.text[match.start() : source.code.find(";", match.start())]
        foreign = match.group(1) == "vsnprintf" or source.path.startswith(FORMATTED_WHOLE)
        if source.path not in FORMATTED_ALLOWED and (foreign or ("utf8_cut(" not in call and CUT.search(call))):
            complain(source.line(match.start()), f"{match.group(1)}() may cut a character in two: utf8_print()")


def check_banned(source, complain):
    for line, name in source.calls():
        if name in BANNED:
            complain(line, f"{name}() is banned: {BANNED[name]}")
    if source.is_test():
        return
    check_cuts(source, complain)
    if source.path in MEMORY_ALLOWED:
        return
    for match in TAKEN.finditer(source.code):
        complain(source.line(match.start()), f"{match.group()} bypasses topology/base/alloc.h")


def check_source_form(source, root, complain):
    if not source.text.startswith("// SPDX-License-Identifier: Apache-2.0\n"):
        complain(1, "the first line must be the SPDX line")
    for number, line in enumerate(source.text.split("\n"), 1):
        if len(line) > COLUMNS_MAX:
            complain(number, f"{len(line)} columns; at most {COLUMNS_MAX}")
    if source.path.endswith(".h"):
        guard = re.sub(r"[^A-Za-z0-9]", "_", source.path).upper()
        if not re.search(rf"^#ifndef {guard}\n#define {guard}\n", source.text, re.MULTILINE):
            complain(2, f"the header guard must be {guard}")
        return
    own = source.path[:-2] + ".h"
    if not (root / own).exists():  # or it is one of its layer's public headers
        own = f"{source.path.split('/')[0]}/{own.rsplit('/', 1)[1]}"
    if (root / own).exists() and (not source.includes or source.includes[0][2] != own):
        complain(source.includes[0][0] if source.includes else 1, f'"{own}" must be included first')


def check_file(path, name, complain):
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    code = path.suffix in CODE | SCRIPTS or text.startswith("#!")
    if code and lines > LINES_MAX:
        complain(lines, f"{lines} lines; at most {LINES_MAX}")
    if (code or path.name in ("meson.build", "Makefile")) and "SPDX-License-Identifier" not in "\n".join(
        text.split("\n")[:3]
    ):
        complain(1, "no SPDX line at the top")
    if not name.startswith("test/lint/"):
        for match in NOTES.finditer(text):
            complain(text.count("\n", 0, match.start()) + 1, f"{match.group()}: file an issue instead")


def anchors_of(text):
    """What the headings of a document are called in links, as GitHub does it."""
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in DOC_HEADING.findall(text)}


def check_links(text, path, name, complain):
    for match in DOC_LINK.finditer(text):
        target, _, anchor = match.group(1).partition("#")
        if "://" in target:
            continue
        line = text.count("\n", 0, match.start()) + 1
        place = path if target == "" else path.parent / target
        if not place.exists():
            complain(name, line, f"{target}: there is no such file")
        elif anchor and anchor not in anchors_of(DOC_BLOCK.sub("", place.read_text(encoding="utf-8"))):
            complain(name, line, f"{match.group(1)}: there is no such heading")


def check_keys(source, root, complain):
    table = root / KEYS_TABLE
    if source.is_test() or not source.path.startswith("api/") or not table.is_file():
        return
    known = set(re.findall(r'PREFIX "([\w-]+)"', table.read_text(encoding="utf-8"))) | KEYS_OF_OTHERS
    for match in KEY.finditer(source.text):
        if match.group(1) not in known:
            complain(source.line(match.start()), f"phalanx.dev/{match.group(1)} is missing in KEYS of {KEYS_TABLE}")


def check_docs(root, documents, names, words, complain):
    """`documents`: path by name; `names`: of all files; `words`: of all code."""
    bases = {name.rsplit("/", 1)[-1] for name in names} | {name.rsplit("/", 1)[-1] for name in OWNERS}
    folders = {name[:at] for name in names for at in range(len(name)) if name[at] == "/"}
    made = set()
    if METRICS_CODE in names:
        made = set(DOC_METRIC.findall((root / METRICS_CODE).read_text(encoding="utf-8")))
    for name, path in documents.items():
        whole = path.read_text(encoding="utf-8")
        check_links(whole, path, name, complain)
        text = DOC_BLOCK.sub(lambda match: "\n" * match.group().count("\n"), whole)
        for pattern, known, what in (
            (DOC_PATH, names | folders, "there is no such file"),
            (DOC_FILE, bases, "there is no such file"),
            (DOC_NAME, words, "the code has no such name"),
            (DOC_METRIC, made, "there is no such metric"),
        ):
            for match in pattern.finditer(text):
                found = match.group(match.lastindex or 0)
                if found.rstrip("/") not in known:
                    complain(name, text.count("\n", 0, match.start()) + 1, f"{found}: {what}")
    if TOUR in documents:
        named = set(re.findall(r"`([^`]+)`", DOC_BLOCK.sub("", documents[TOUR].read_text(encoding="utf-8"))))
        for name in sorted(names):
            module = name.rsplit("/", 1)[-1].removesuffix(".c")
            if name.endswith(".c") and name.split("/")[0] in TOURED and module not in named:
                complain(TOUR, 1, f"`{module}` is not named: {name}")
    if METRICS_TEXT in documents:
        for metric in sorted(made - set(DOC_METRIC.findall(documents[METRICS_TEXT].read_text(encoding="utf-8")))):
            complain(METRICS_TEXT, 1, f"{metric}: is not described")


def read_left(root, complain):
    """Members that need not be saved: "struct.member  reason" each."""
    left = {}
    path = root / CHECKPOINT_LEFT
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else [], 1):
        member, _, reason = line.partition(" ")
        if member and not member.startswith("#"):
            left[member] = number
            if not reason.strip():
                complain(CHECKPOINT_LEFT, number, f"{member}: the reason is missing")
    return left


def members_of(code, struct):
    """Name and position of the members of a struct; None: it is not there."""
    begin = re.search(rf"^struct {struct} \{{[ ]*$", code, re.MULTILINE)
    if begin is None:
        return None
    end = code.index("\n}", begin.end())
    return [match.group(1) or match.group(2) for match in MEMBER.finditer(code[begin.end():end])]


def check_checkpoint(sources, root, complain):
    saving = ""
    for name, source in sources.items():
        if name.startswith(("topology/", "scheduler/")) and name.endswith(".c"):
            saving += "\n".join(SAVING.findall(source.code))
    saved = set(re.findall(r"(?:->|\.)(\w+)", saving))
    left = read_left(root, complain)
    used = set()
    for name, structs in CHECKPOINT.items():
        if name not in sources:
            continue
        for struct in structs:
            members = members_of(sources[name].code, struct)
            if members is None:
                complain(name, 1, f"struct {struct} is not there, which test/lint/check.py names in CHECKPOINT")
            for member in members or []:
                if member == "hh" or member.endswith("room"):
                    continue  # a table's, an array's
                if f"{struct}.{member}" in left:
                    used.add(f"{struct}.{member}")
                elif member not in saved:
                    complain(name, 1, f"{struct}.{member} is not saved in a checkpoint: name it where the others are, or in "
                                      f"{CHECKPOINT_LEFT} with the reason why it need not be")
    for member in sorted(set(left) - used):
        if sources:
            complain(CHECKPOINT_LEFT, left[member], f"{member} is no member")


def files_of(root):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if SKIPPED_PARTS & set(parts) or parts[0] == "build" or parts[0].startswith("build-"):
            continue
        if path.is_file() and not path.is_symlink() and path.name not in SKIPPED_FILES and path.suffix in TEXT:
            yield path, "/".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("rules", nargs="*", metavar="RULE")
    options = parser.parse_args()
    root = options.root.resolve()
    rules = options.rules or RULES
    if set(rules) - set(RULES):
        parser.error(f"the rules are: {' '.join(RULES)}")

    for within, folders in FOLDERS.items():
        try:
            graphlib.TopologicalSorter(folders).prepare()
        except graphlib.CycleError as error:
            parser.error(f"FOLDERS of {within}/ go in a circle: {error.args[1]}")

    found = 0
    looked = 0
    sources, code, documents, names, words = {}, {}, {}, set(), set()

    def complain_of(name, line, what):
        nonlocal found
        found += 1
        print(f"{name}:{line}: {what}")

    for path, name in files_of(root):
        complain = functools.partial(complain_of, name)
        looked += 1
        names.add(name)
        if path.suffix == ".md":
            documents[name] = path
        try:
            if "files" in rules:
                check_file(path, name, complain)
            if path.suffix in SCRIPTS and "docs" in rules:
                words.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
            if path.suffix not in CODE or name.startswith("test/e2e/"):
                continue
            source = Source(root, path)
        except UnicodeDecodeError as error:
            if path.suffix in CODE | SCRIPTS:
                complain(1, f"not UTF-8: {error.reason}")
            continue
        code[name] = source
        if "docs" in rules:
            words.update(re.findall(r"\w+", source.code))
        if "layers" in rules:
            check_layers(source, complain)
            check_folders(source, complain)
            sources[name] = source
        if "banned" in rules:
            check_banned(source, complain)
        if "files" in rules:
            check_source_form(source, root, complain)
        if "keys" in rules:
            check_keys(source, root, complain)
    if "layers" in rules:
        check_circles(sources, complain_of)
    if "checkpoint" in rules:
        check_checkpoint(code, root, complain_of)
    if "docs" in rules:
        check_docs(root, documents, names, words, complain_of)
    print(f"check: {' '.join(rules)}: {looked} files, {found} findings")
    return 1 if found or not looked else 0


if __name__ == "__main__":
    sys.exit(main())
