#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the libFuzzer targets in turns and counts what it cost: run.py [--seconds N] [--turn N] [--idle] [NAME]...

Every target gets turns of --turn seconds, one after the other, until they have used --seconds of processor time in all,
or --wall seconds have gone by: it always ends by itself. --idle runs them when nobody else wants the processor. A
finding (a crash, a leak, or more processor time than an input's size allows: oracle.c) is kept in BUILD/findings/, and
its target gets no more turns. The corpora grow in BUILD/corpus/, from test/fuzz/corpus/.

Counted into BUILD/hours.txt after each turn:

    target, processor seconds, executions, events (of the engine, where a target counts them), edges reached, inputs in the
    corpus, findings

run.py --collect adds that to test/fuzz/hours.txt, which is committed, and starts BUILD/hours.txt anew. run.py --total
prints what test/fuzz/hours.txt adds up to.
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "test/fuzz/corpus"
HOURS = ROOT / "test/fuzz/hours.txt"

COLUMNS = ["target", "seconds", "executions", "events", "edges", "inputs", "findings"]
ADDED = ["seconds", "executions", "events", "findings"]  # of the others, the last one counts
TITLE = """\
# What the fuzz targets have had, in all: seconds of processor time, executions, events of the engine, edges reached and
# inputs in the corpus when it was last run, findings. Written by test/fuzz/run.py --collect.
"""

# Milliseconds of an input, where another limit than oracle.c's is right, and why.
SLOWER = {"slurm": "5000"}  # a range of host names may name a million nodes

STATISTICS = {
    "executions": re.compile(r"^stat::number_of_executed_units: *(\d+)", re.MULTILINE),
    "events": re.compile(r"^events: *(\d+)", re.MULTILINE),
}
EDGES = re.compile(r"\bcov: (\d+)")


def read_hours(path):
    """Target -> column -> number."""
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        words = line.split()
        if words and words[0] != COLUMNS[0] and not line.startswith("#"):
            rows[words[0]] = dict(zip(COLUMNS[1:], map(int, words[1:]), strict=True))
    return rows


def write_hours(path, rows):
    table = [COLUMNS] + [[name] + [str(row[column]) for column in COLUMNS[1:]] for name, row in sorted(rows.items())]
    width = max(len(line[0]) for line in table)
    text = "".join(line[0].ljust(width) + "".join(cell.rjust(14) for cell in line[1:]) + "\n" for line in table)
    new = path.with_name(path.name + ".new")
    new.write_text(TITLE + text)
    new.replace(path)


def add(rows, name, turn):
    row = rows.setdefault(name, dict.fromkeys(COLUMNS[1:], 0))
    for column in COLUMNS[1:]:
        row[column] = row[column] + turn[column] if column in ADDED else turn[column]


def at_idle():
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.nice(19)


def run_turn(build, name, seconds, idle):
    """One turn of a target. What it counted, and its log when it found something."""
    corpus = build / "corpus" / name
    log = build / f"{name}.log"
    command = [build / "test/fuzz" / f"fuzz_{name}", f"-max_total_time={seconds}", "-timeout=1800", "-rss_limit_mb=1024",
               "-print_final_stats=1", f"-artifact_prefix={build}/findings/{name}-", corpus]
    environment = os.environ | {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    if name in SLOWER:
        environment["PHALANX_FUZZ_MS"] = SLOWER[name]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(log, "wb") as out:
        status = subprocess.run(command, stdout=out, stderr=out, check=False, preexec_fn=at_idle if idle else None,
                                env=environment).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = log.read_text(errors="replace")
    edges = EDGES.findall(text)
    turn = {column: int(match.group(1)) if (match := pattern.search(text)) else 0
            for column, pattern in STATISTICS.items()}
    turn["seconds"] = round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    turn["edges"] = int(edges[-1]) if edges else 0
    turn["inputs"] = sum(1 for _ in corpus.iterdir())
    turn["findings"] = int(status != 0)
    return turn, "" if status == 0 else text


def targets_of(build, wanted):
    names = sorted(path.name.removeprefix("fuzz_") for path in (build / "test/fuzz").glob("fuzz_*") if path.is_file())
    missing = set(wanted) - set(names)
    if missing or not names:
        sys.exit(f"run.py: no fuzz target {', '.join(sorted(missing))} in {build}/test/fuzz/: see .ci/fuzz")
    return wanted or names


def run(build, names, options):
    deadline = time.monotonic() + options.wall
    hours = build / "hours.txt"
    failed = []
    used = 0
    (build / "findings").mkdir(exist_ok=True)
    for name in names:
        (build / "corpus" / name).mkdir(parents=True, exist_ok=True)
        if (CORPUS / name).is_dir():
            shutil.copytree(CORPUS / name, build / "corpus" / name, dirs_exist_ok=True)
    while used < options.seconds and len(failed) < len(names):
        for name in names:
            left = deadline - time.monotonic()
            if name in failed or (used >= options.seconds and not options.once):
                continue
            if left < 1:
                return failed
            turn, log = run_turn(build, name, max(1, min(options.turn, int(left))), options.idle)
            used += max(1, turn["seconds"])  # so that it ends in any case
            rows = read_hours(hours)  # anew: --collect may have taken what was there
            add(rows, name, turn)
            write_hours(hours, rows)
            print(f"fuzz: {name}: {turn['seconds']} s, {turn['executions']} executions, {turn['edges']} edges", flush=True)
            if log:
                print("\n".join(log.splitlines()[-40:]), flush=True)
                failed.append(name)
        if options.once:
            break
    return failed


def collect(build):
    rows = read_hours(HOURS)
    for name, turn in read_hours(build / "hours.txt").items():
        add(rows, name, turn)
    write_hours(HOURS, rows)
    (build / "hours.txt").unlink(missing_ok=True)


def print_total():
    rows = read_hours(HOURS).values()
    seconds, executions, events, findings = (sum(row[column] for row in rows) for column in ADDED)
    print(f"{len(rows)} targets, {seconds / 3600:.1f} hours of processor time, {executions:,} executions, "
          f"{events:,} events of the engine, {findings} findings")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-fuzz", help="default: build-fuzz")
    parser.add_argument("--seconds", type=int, default=3600, help="of processor time, all targets together")
    parser.add_argument("--wall", type=int, default=4 * 3600, help="at most, by the clock")
    parser.add_argument("--turn", type=int, default=60, help="seconds of one turn, by the clock")
    parser.add_argument("--once", action="store_true", help="one turn of each target, whatever it used")
    parser.add_argument("--idle", action="store_true", help="only when nobody else wants the processor")
    parser.add_argument("--collect", action="store_true", help="add BUILD/hours.txt to test/fuzz/hours.txt")
    parser.add_argument("--total", action="store_true", help="print what test/fuzz/hours.txt adds up to")
    parser.add_argument("names", nargs="*", metavar="NAME", help="targets (default: all)")
    options = parser.parse_args()
    build = options.build.resolve()
    if options.collect or options.total:
        if options.collect:
            collect(build)
        print_total()
        return
    names = targets_of(build, options.names)
    failed = run(build, names, options)
    print(f"fuzz: {len(names)} targets, {len(failed)} with findings")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
