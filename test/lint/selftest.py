#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that every rule of check.py fails on a bad example, says why, and lets a good one pass."""

import pathlib
import re
import subprocess
import sys
import tempfile

import check

CHECK = pathlib.Path(__file__).resolve().parent / "check.py"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
NOTE = "TO" + "DO"  # the rule's own word must not stand here in one piece


def header(path, body=""):
    guard = path.replace("/", "_").replace(".", "_").upper()
    return f"{SPDX}#ifndef {guard}\n#define {guard}\n{body}\n#endif\n"


GOOD = {
    "topology/base/a.h": header("topology/base/a.h", "/* strcpy(), malloc() and printf() are only talked about. */"),
    "topology/base/a.c": SPDX + '#include "topology/base/a.h"\n\n#include <stdio.h>\n\n'
    'int a(char *out)\n{\n    return snprintf(out, 8, "fopen(%d) malloc(8)", 1);\n}\n',
    "topology/base/alloc.c": SPDX + "#include <stdlib.h>\nvoid *alloc(void)\n{\n    return malloc(8);\n}\n",
    "scheduler/state/b.c": SPDX + '#include "topology/base/a.h"\n',
    "topology/base/d.h": header("topology/base/d.h", '#include "topology/base/c.h"'),
    "scheduler/effects.h": header("scheduler/effects.h"),
    "scheduler/engine/effects.c": SPDX + '#include "scheduler/effects.h"\n\n#include <stdio.h>\n',
    "scheduler/policy/queue.h": header("scheduler/policy/queue.h", "struct queue {\n    bool kept;\n    uint64_t pass;\n};"),
    "scheduler/policy/queue.c": SPDX + '#include "scheduler/policy/queue.h"\n\n'
    "void queue_checkpoint(struct queue *queue,\n    struct checkpoint *checkpoint)\n{\n    code(checkpoint, queue->kept);\n}\n",
    "test/lint/checkpoint.txt": "queue.pass  begins anew\n",
    "test/unit/scheduler/world.h": header("test/unit/scheduler/world.h", '#include "scheduler/journal/writer.h"'),
    "test/unit/scheduler/engine/test_a.c": SPDX + '#include "test/unit/scheduler/world.h"\n',
    "test/unit/api/view/bed.h": header("test/unit/api/view/bed.h", '#include "api/embedded/cluster.h"'),
    "api/kube/objects/remarks.c": SPDX + '#define PREFIX "phalanx.dev/"\nconst char *const k[] = {PREFIX "rank"};\n',
    "api/kube/objects/k.c": SPDX + 'const char *const k = "phalanx.dev/rank";\n',
    "api/http/server.c": SPDX + '#include <microhttpd.h>\n#include <time.h>\n#include "scheduler/state/b.h"\n',
    "api/ops/metrics.c": SPDX + 'const char a[] = "phalanx_nodes{kind";\n',
    "docs/README.md": "`a` `alloc` `b` `effects` `queue` `shape`\n",
    "docs/operations.md": "# Operations\n\n## Where a gang *wants*, to be\n\n`phalanx_nodes`\n",
    "README.md": "`topology/base/a.c` `api/ops/` `a.c` `curl.h` `a()` `x_create()` `struct node_shape` `enum no` `NO_SHAPE`\n"
    "[there](docs/operations.md#where-a-gang-wants-to-be) [here](#it) [out](https://example.com/x.md)\n\n# It\n"
    "```\n`docs/example.md` of a file\n```\n",
    "scheduler/state/shape.c": SPDX + "struct node_shape {\n    enum no { NO_SHAPE } no;\n};\n",
    "test/unit/topology/base/test_a.c": SPDX + "#include <check.h>\n#include <stdlib.h>\nvoid *p(void);\n"
    "void *p(void)\n{\n    return malloc(1);\n}\n",
}

# rule, file, its text, what the complaint must contain
BAD = [
    ("layers", "topology/base/x.c", '#include "scheduler/engine.h"\n', "topology/ may not include scheduler/"),
    ("layers", "topology/base/x.h", '#include "api/kube/io.h"\n', "topology/ may not include api/"),
    ("layers", "scheduler/state/x.c", '#  include  "api/ops/log.h"\n', "scheduler/ may not include api/"),
    ("layers", "scheduler/state/x.c", '#include "../api/ops/log.h"\n', "start at the project root"),
    ("layers", "api/ops/x.c", '#include "test/unit/check_main.h"\n', "api/ may not include test/"),
    ("layers", "test/unit/topology/base/test_x.c", '#include "scheduler/engine.h"\n', "may not include scheduler/"),
    ("layers", "topology/base/x.c", "#include <time.h>\n", "<time.h> in topology/"),
    ("layers", "scheduler/state/x.c", "#include <pthread.h>\n", "<pthread.h> in scheduler/"),
    ("layers", "scheduler/state/x.c", "#include <jansson.h>\n", "<jansson.h> in scheduler/"),
    ("layers", "scheduler/state/x.c", "#include <curl/curl.h>\n", "<curl/curl.h>"),
    ("layers", "api/kube/x.c", "#include <curl/curl.h>\n", "belongs to api/kube/client/"),
    ("layers", "scheduler/state/x.c", "#include <sys/socket.h>\n", "<sys/socket.h> in scheduler/"),
    ("layers", "topology/x.c", "int x;\n", "lies in no folder of topology/"),
    ("layers", "scheduler/x.h", "int x;\n", "lies in no folder of scheduler/"),
    ("layers", "scheduler/new/x.c", "int x;\n", "lies in no folder of scheduler/"),
    ("layers", "api/x.c", "int x;\n", "lies in no folder of api/"),
    ("layers", "api/kube/x.c", "int x;\n", "lies in no folder of api/kube/"),
    ("layers", "test/unit/api/new/test_x.c", "int x;\n", "lies in no folder of api/"),
    ("layers", "test/unit/scheduler/state/test_x.c", '#include "scheduler/policy/queue.h"\n', "may not include"),
    ("layers", "test/unit/scheduler/state/bed.h", '#include "test/unit/scheduler/engine/bed.h"\n', "may not include"),
    ("layers", "test/unit/scheduler/solver/test_x.c", '#include "scheduler/event.h"\n', "may not include"),
    ("layers", "test/unit/api/view/test_x.c", '#include "api/daemon/core.h"\n', "api/view/ may not include api/daemon/"),
    ("layers", "topology/base/c.h", '#include "topology/base/d.h"\n', "a circle: topology/base/c.h -> topology/base/d.h ->"),
    ("layers", "topology/base/e.h", '#include "topology/base/e.h"\n', "a circle: topology/base/e.h -> topology/base/e.h"),
    ("layers", "api/ops/x.c", "#include <microhttpd.h>\n", "belongs to api/http/"),
    ("layers", "topology/base/x.c", 'void f(void)\n{\n    printf("x");\n}\n', "x.c:4: printf() in topology/"),
    ("layers", "scheduler/state/x.c", "void f(void)\n{\n    fopen (p, m);\n}\n", "fopen() in scheduler/"),
    ("layers", "scheduler/state/x.c", "long f(void)\n{\n    return time(0);\n}\n", "time() in scheduler/"),
    ("keys", "api/ops/x.c", 'const char *const k = "phalanx.dev/color";\n', "phalanx.dev/color is missing in KEYS"),
    ("checkpoint", "scheduler/policy/queue.h", "struct queue {\n    bool kept;\n    int *(*lost)(int);\n};\n", "queue.lost is not"),
    ("checkpoint", "scheduler/policy/queue.h", "struct line {\n    bool kept;\n};\n", "struct queue is not there"),
    ("checkpoint", "test/lint/checkpoint.txt", "queue.gone  it went\n", "queue.gone is no member"),
    ("checkpoint", "test/lint/checkpoint.txt", "queue.pass\n", "queue.pass: the reason is missing"),
    ("banned", "api/ops/x.c", "void f(void)\n{\n    strcpy(a, b);\n}\n", "strcpy() is banned"),
    ("banned", "api/ops/x.c", "void f(void)\n{\n    snprintf(a, 8,\n             \"%.5s\", b);\n}\n", "may cut a character in two"),
    ("banned", "api/ops/x.c", "void f(void)\n{\n    vsnprintf(a, 8, b, c);\n}\n", "may cut a character in two"),
    ("banned", "scheduler/engine/x.c", "void f(void)\n{\n    snprintf(a, 8, \"%s\", b);\n}\n", "may cut a character in two"),
    ("banned", "api/ops/x.c", "void f(void)\n{\n    sprintf(a, b);\n}\n", "sprintf() is banned"),
    ("banned", "api/ops/x.c", "void f(void)\n{\n    x = atoi\n(b);\n}\n", "atoi() is banned"),
    ("banned", "test/unit/api/ops/test_x.c", "void f(void)\n{\n    usleep(9);\n}\n", "usleep() is banned"),
    ("banned", "api/ops/x.c", "void f(void)\n{\n    gmtime(&t); /* not gmtime_r */\n}\n", "gmtime() is banned"),
    ("banned", "scheduler/state/x.c", "void *f(void)\n{\n    return malloc(8);\n}\n", "malloc bypasses"),
    ("banned", "api/ops/x.c", "void *(*f)(unsigned long) = malloc;\n", "malloc bypasses"),
    ("banned", "api/ops/x.c", "char *f(void)\n{\n    return strdup(s);\n}\n", "strdup bypasses"),
    ("files", "api/ops/x.c", "int x;\n" * 700, "701 lines"),
    ("files", "api/ops/x.c", "/* " + "x" * 100 + " */\n", "106 columns"),
    ("files", "topology/base/x.h", "#pragma once\n", "header guard must be TOPOLOGY_BASE_X_H"),
    ("files", "topology/base/x.c", f"/* {NOTE}: later */\n", f"x.c:2: {NOTE}"),
    ("files", "docs/x.md", f"A {NOTE} in prose.\n", NOTE),
    ("docs", "docs/x.md", "See\n`api/ops/x.c`.\n", "docs/x.md:2: api/ops/x.c: there is no such file"),
    ("docs", "docs/x.md", "`api/x/`\n", "there is no such file"),
    ("docs", "docs/x.md", "`x.c`\n", "x.c: there is no such file"),
    ("docs", "docs/x.md", "`gone()`\n", "gone: the code has no such name"),
    ("docs", "docs/x.md", "`struct gone`\n", "gone: the code has no such name"),
    ("docs", "docs/x.md", "`enum gone`\n", "gone: the code has no such name"),
    ("docs", "docs/x.md", "`NO_B`\n", "NO_B: the code has no such name"),
    ("docs", "docs/x.md", "`phalanx_pods`\n", "phalanx_pods: there is no such metric"),
    ("docs", "docs/operations.md", "`phalanx_gangs`\n", "phalanx_nodes: is not described"),
    ("docs", "docs/README.md", "`a` `alloc` `b` `effects` `queue`\n", "`shape` is not named: scheduler/state/shape.c"),
    ("docs", "docs/x.md", "[it](operation.md)\n", "operation.md: there is no such file"),
    ("docs", "docs/x.md", "[it](operations.md#metrics)\n", "operations.md#metrics: there is no such heading"),
    ("files", "topology/base/a.c", '#include <stdio.h>\n#include "topology/base/a.h"\n', "must be included first"),
    ("files", "scheduler/engine/effects.c", '#include <stdio.h>\n#include "scheduler/effects.h"\n', "must be included first"),
]

# Inside a layer, lowest first: no folder may include one that stands behind it. Stated here once more, so that a wrong
# table in check.py is found too. "." are the files that lie in no folder of the layer.
ORDERS = [
    ("topology", "base devices graph"),
    ("scheduler", "solver state policy engine journal"),
    ("scheduler", "solver ."),
    ("scheduler", ". state policy engine journal"),
    ("api", "base json yaml http extender kube journal ops import intake view embedded daemon cli"),
    ("api/kube", "client objects devices watch write lease ."),
    ("api/kube", "lease write watch"),
]
# A file that may lie in a layer without a folder.
TOP = {"scheduler": "scheduler/objects.h", "api/kube": "api/kube/io.h"}

# The same, but without the SPDX line that the list above gets.
BARE = [
    ("files", "api/ops/x.c", "int x;\n", "first line must be the SPDX line"),
    ("files", "api/meson.build", "x = 1\n", "no SPDX line"),
    ("files", "bench/run", "#!/bin/sh\ntrue\n", "no SPDX line"),
]


def run(files, rule):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        command = [sys.executable, str(CHECK), "--root", root, rule]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return result.returncode, result.stdout + result.stderr


def place(within, folder):
    return TOP[within] if folder == "." else f"{within}/{folder}/x.h"


def directions():
    """An example for every pair of folders of a layer; gives how many were tried, and what went wrong."""
    failures, tried = [], 0
    for within, allowed in check.FOLDERS.items():
        files, bad = {}, set()
        for folder in allowed:
            others = [other for other in allowed if other != folder]
            lines = [f'#include "{place(within, other)}"' for other in others]
            name = place(within, folder)
            files[name] = header(name, "\n".join(lines))
            bad |= {(folder, other) for other in others if other not in allowed[folder]}
        tried += len(allowed) * (len(allowed) - 1)
        output = run(files, "layers")[1]
        said = set()
        for folder in allowed:
            for other in allowed:
                target = place(within, other) if other == "." else f"{within}/{other}/"
                complaint = re.escape(f"{within}/{folder}/ may not include {target}: see FOLDERS")
                if re.search(rf"^{re.escape(place(within, folder))}:\d+: {complaint}$", output, re.MULTILINE):
                    said.add((folder, other))
        if said != bad:
            failures.append(f"{within}/: only by table or only refused: {sorted(said ^ bad)}\n{output}")
        for layer, order in ORDERS:
            names = order.split()
            for i, low in enumerate(names):
                for high in names[i + 1 :]:
                    if layer == within and (low, high) not in said:
                        failures.append(f"{within}/{low}/ may include {within}/{high}/")
        stated = {tuple(sorted((a, b))) for layer, order in ORDERS if layer == within
                  for a in order.split() for b in order.split() if a != b}
        for pair in {tuple(sorted(pair)) for pair in bad} - stated:
            failures.append(f"{within}/: ORDERS says nothing about {pair}")
    return tried, failures


def main():
    failures = []
    for rule in check.RULES:
        code, output = run(GOOD, rule)
        if code != 0:
            failures.append(f"{rule}: a good tree is refused:\n{output}")
    cases = [(rule, name, (SPDX if name.endswith((".c", ".h")) else "") + text, want) for rule, name, text, want in BAD]
    for rule, name, text, want in cases + BARE:
        code, output = run(GOOD | {name: text}, rule)
        if code != 1 or want not in output:
            failures.append(f"{rule}: {name}: wanted exit 1 and {want!r}, got exit {code}:\n{output}")
    tried, wrong = directions()
    failures += wrong
    for failure in failures:
        print(failure)
    print(f"selftest: {len(BAD) + len(BARE) + len(check.RULES) + tried} examples, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
