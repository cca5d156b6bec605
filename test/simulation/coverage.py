#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the simulator alone reaches of scheduler/: coverage.py [--cc CC] [--seed N] [--seeds COUNT] [--steps M] [--jobs N] [--keep DIR] [--missing]

Builds the simulator with counters in scheduler/, runs the seeds, and prints lines and branches of every file, then of
all. With --missing also the lines that no seed reached, file by file: what is to be looked at when the model grows.
It tells and does not judge: what a line must do is the business of invariants and of seeded defects (mutants.py).
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import mutation  # noqa: E402
import mutants  # noqa: E402

PORTION = 25  # seeds of one process, so that several can run


def build(options, folder):
    """The simulator, with counters in what belongs to scheduler/ only."""
    plain = mutation.Objects(options.cc, mutants.FLAGS, folder, "jansson")
    counted = mutation.Objects(options.cc, [*mutants.FLAGS, "--coverage", "-fprofile-update=atomic"], folder, "jansson")
    sources = mutants.sources()
    scheduler = mutation.ROOT / "scheduler"
    counted.add([source for source in sources if scheduler in source.parents], options.jobs)
    plain.add([source for source in sources if scheduler not in source.parents], options.jobs)
    plain.made.update(counted.made)
    plain.libraries.append("--coverage")
    return plain.link("simulation")


def run(options, program):
    """Runs all seeds; the number of events."""

    def portion(first):
        count = min(PORTION, options.seed + options.seeds - first)
        done = mutation.run([program, "--seed", str(first), "--seeds", str(count), "--steps", str(options.steps)])
        words = done.strip().splitlines()[-1].split()
        return int(words[words.index("events,") - 1])

    firsts = range(options.seed, options.seed + options.seeds, PORTION)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        return sum(pool.map(portion, firsts))


def ranges(lines):
    """3, 4, 5, 9 as "3-5 9"."""
    parts = []
    for line in lines:
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in parts)


def share(covered, total):
    return f"{covered} of {total} ({100 * covered / total:.1f} %)" if total else "none"


def tell(options, folder):
    report = folder / "coverage.json"
    mutation.run(["gcovr", "--root", str(mutation.ROOT), str(folder), "--filter", "scheduler/", "--json", str(report)])
    sums = [0, 0, 0, 0]
    for file in sorted(json.loads(report.read_text(encoding="utf-8"))["files"], key=lambda file: file["file"]):
        lines = [line for line in file["lines"] if not line.get("gcovr/noncode")]
        branches = [branch["count"] for line in lines for branch in line["branches"]]
        counts = [sum(line["count"] > 0 for line in lines), len(lines), sum(count > 0 for count in branches), len(branches)]
        sums = [a + b for a, b in zip(sums, counts)]
        print(f"{file['file']}: lines {share(*counts[:2])}, branches {share(*counts[2:])}")
        missing = ranges([line["line_number"] for line in lines if line["count"] == 0])
        if options.missing and missing:
            print(f"    never reached: {missing}")
    print(f"scheduler/: lines {share(*sums[:2])}, branches {share(*sums[2:])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=int(mutants.STEPS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="build here and leave it")
    parser.add_argument("--missing", action="store_true", help="name the lines that were not reached")
    options = parser.parse_args()
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="phalanx-coverage-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        events = run(options, build(options, folder))
        tell(options, folder)
        print(f"by {options.seeds} seeds from {options.seed} on, {events:,} events")
        return 0
    except (mutation.Broken, subprocess.SubprocessError) as problem:
        print(f"coverage: {problem}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
