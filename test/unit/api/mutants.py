#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The unit tests of api/ can fail: mutants.py [--cc CC] [--only NAME] [--jobs N] [--keep DIR] [TABLE]

Builds the program as it is and requires that the tests pass. Then builds it with one seeded defect at a time and requires
that the test named beside it fails. A line of the table (default: mutants.txt beside this file; see ../../mutation.py) is

    TEST ; FILE ; NAME ; SED EXPRESSION

with TEST a program of test/unit/api (extender/test_reply) and FILE below the project's root.
"""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import mutation  # noqa: E402

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O0", "-w"]
LIBRARIES = "check libmicrohttpd gnutls jansson libcurl yaml-0.1 libseccomp libzstd"
UNHURRIED = 3600  # for the program as it is, on the busiest machine
SECONDS = 120  # a defect may also make a test wait for ever
TRIES = 3  # on a busy machine a defect of order or time may slip through once
HERE = mutation.ROOT / "test" / "unit" / "api"
# What several test programs are linked with.
SHARED = ["kube/fake_api", "kube/fake_api_answers", "kube/client/fake_server", "kube/write/writer_fixture"]
# main() is the tests' own.
API = [source for source in sorted((mutation.ROOT / "api").glob("**/*.c")) if source.name not in ("main.c", "simulate.c")]


def passes(program, seconds=SECONDS):
    """Whether the test passes, and the last it said."""
    environment = dict(os.environ, CK_DEFAULT_TIMEOUT=str(seconds // 2), CK_VERBOSITY="normal")
    try:
        done = subprocess.run(
            [program], env=environment, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"not done after {seconds} s"
    lines = (done.stdout + done.stderr).strip().splitlines()
    failures = [line.split("/")[-1] for line in lines if ":F:" in line or ":E:" in line]
    said = failures[0] if failures else lines[-1] if lines else ""
    return done.returncode == 0, said[:100] or f"exit code {done.returncode}"


def hunt(options, entries, folder):
    (folder / "version.h").write_text('#define PHALANX_VERSION "0.0.0"\n', encoding="utf-8")
    objects = mutation.Objects(options.cc, [*FLAGS, f"-I{folder}"], folder, LIBRARIES)
    objects.add([*mutation.PRODUCT, *API, *(HERE / f"{name}.c" for name in SHARED)], options.jobs)
    names = sorted({entry["TEST"] for entry in entries})
    tests = dict(zip(names, (objects.compile(HERE / f"{name}.c") for name in names)))
    for name, program in tests.items():
        good, said = passes(objects.link(f"unchanged-{name.replace('/', '-')}", [program]), UNHURRIED)
        if not good:
            raise mutation.Broken(f"{name} fails on the program as it is: {said}")
    print(f"unchanged: {len(tests)} tests pass", flush=True)

    def judge(number, entry):
        replaced = objects.mutate(number, entry["FILE"], entry["SED EXPRESSION"])
        program = objects.link(f"mutant{number}.test", [tests[entry["TEST"]]], replaced)
        for _ in range(TRIES):
            survived, said = passes(program)
            if not survived:
                break
        return survived, said

    return mutation.judge_all(entries, judge, options.jobs)


if __name__ == "__main__":
    sys.exit(mutation.main(__file__, __doc__, ("TEST", "FILE", "NAME", "SED EXPRESSION"), hunt))
