#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that every rule of check.py fails on a bad example, says why, and lets a good one pass."""

import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parent / "check.py"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
NOTE = "TO" + "DO"  # the rule's own word must not stand here in one piece


def header(path, body=""):
    guard = path.replace("/", "_").replace(".", "_").upper()
    return f"{SPDX}#ifndef {guard}\n#define {guard}\n{body}\n#endif\n"


GOOD = {
    "topology/a.h": header("topology/a.h", "/* strcpy(), malloc() and printf() are only talked about. */"),
    "topology/a.c": SPDX + '#include "topology/a.h"\n\n#include <stdio.h>\n\n'
    'int a(char *out)\n{\n    return snprintf(out, 8, "fopen(%d) malloc(8)", 1);\n}\n',
    "topology/base/alloc.c": SPDX + "#include <stdlib.h>\nvoid *alloc(void)\n{\n    return malloc(8);\n}\n",
    "scheduler/b.c": SPDX + '#include "topology/a.h"\n',
    "api/http/server.c": SPDX + '#include <microhttpd.h>\n#include <time.h>\n#include "scheduler/b.h"\n',
    "test/unit/topology/test_a.c": SPDX + "#include <check.h>\n#include <stdlib.h>\nvoid *p(void);\n"
    "void *p(void)\n{\n    return malloc(1);\n}\n",
}

# rule, file, its text, what the complaint must contain
BAD = [
    ("layers", "topology/x.c", '#include "scheduler/engine.h"\n', "topology/ may not include scheduler/"),
    ("layers", "topology/x.h", '#include "api/kube/io.h"\n', "topology/ may not include api/"),
    ("layers", "scheduler/x.c", '#  include  "api/ops/log.h"\n', "scheduler/ may not include api/"),
    ("layers", "scheduler/x.c", '#include "../api/ops/log.h"\n', "start at the project root"),
    ("layers", "api/x.c", '#include "test/unit/check_main.h"\n', "api/ may not include test/"),
    ("layers", "test/unit/topology/test_x.c", '#include "scheduler/engine.h"\n', "may not include scheduler/"),
    ("layers", "topology/x.c", "#include <time.h>\n", "<time.h> in topology/"),
    ("layers", "scheduler/x.c", "#include <pthread.h>\n", "<pthread.h> in scheduler/"),
    ("layers", "scheduler/x.c", "#include <jansson.h>\n", "<jansson.h> in scheduler/"),
    ("layers", "scheduler/x.c", "#include <curl/curl.h>\n", "<curl/curl.h>"),
    ("layers", "api/kube/x.c", "#include <curl/curl.h>\n", "belongs to api/kube/client/"),
    ("layers", "scheduler/x.c", "#include <sys/socket.h>\n", "<sys/socket.h> in scheduler/"),
    ("layers", "api/ops/x.c", "#include <microhttpd.h>\n", "belongs to api/http/"),
    ("layers", "topology/x.c", 'void f(void)\n{\n    printf("x");\n}\n', "x.c:4: printf() in topology/"),
    ("layers", "scheduler/x.c", "void f(void)\n{\n    fopen (p, m);\n}\n", "fopen() in scheduler/"),
    ("layers", "scheduler/x.c", "long f(void)\n{\n    return time(0);\n}\n", "time() in scheduler/"),
    ("banned", "api/x.c", "void f(void)\n{\n    strcpy(a, b);\n}\n", "strcpy() is banned"),
    ("banned", "api/x.c", "void f(void)\n{\n    sprintf(a, b);\n}\n", "sprintf() is banned"),
    ("banned", "api/x.c", "void f(void)\n{\n    x = atoi\n(b);\n}\n", "atoi() is banned"),
    ("banned", "test/unit/api/test_x.c", "void f(void)\n{\n    usleep(9);\n}\n", "usleep() is banned"),
    ("banned", "api/x.c", "void f(void)\n{\n    gmtime(&t); /* not gmtime_r */\n}\n", "gmtime() is banned"),
    ("banned", "scheduler/x.c", "void *f(void)\n{\n    return malloc(8);\n}\n", "malloc bypasses"),
    ("banned", "api/x.c", "void *(*f)(unsigned long) = malloc;\n", "malloc bypasses"),
    ("banned", "api/x.c", "char *f(void)\n{\n    return strdup(s);\n}\n", "strdup bypasses"),
    ("files", "api/x.c", "int x;\n" * 700, "701 lines"),
    ("files", "api/x.c", "/* " + "x" * 100 + " */\n", "106 columns"),
    ("files", "topology/x.h", "#pragma once\n", "header guard must be TOPOLOGY_X_H"),
    ("files", "topology/x.c", f"/* {NOTE}: later */\n", f"x.c:2: {NOTE}"),
    ("files", "docs/x.md", f"A {NOTE} in prose.\n", NOTE),
    ("files", "topology/a.c", '#include <stdio.h>\n#include "topology/a.h"\n', "must be included first"),
]

# The same, but without the SPDX line that the list above gets.
BARE = [
    ("files", "api/x.c", "int x;\n", "first line must be the SPDX line"),
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
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return result.returncode, result.stdout + result.stderr


def main():
    failures = []
    for rule in ("layers", "banned", "files"):
        code, output = run(GOOD, rule)
        if code != 0:
            failures.append(f"{rule}: a good tree is refused:\n{output}")
    cases = [(rule, name, (SPDX if name.endswith((".c", ".h")) else "") + text, want) for rule, name, text, want in BAD]
    for rule, name, text, want in cases + BARE:
        code, output = run(GOOD | {name: text}, rule)
        if code != 1 or want not in output:
            failures.append(f"{rule}: {name}: wanted exit 1 and {want!r}, got exit {code}:\n{output}")
    for failure in failures:
        print(failure)
    print(f"selftest: {len(BAD) + len(BARE) + 3} examples, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
