#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`phalanx simulate` from outside: test_command.py PHALANX"""

import pathlib
import re
import subprocess
import sys
import tempfile


def simulate(*flags):
    done = subprocess.run([sys.argv[1], "simulate", *flags], capture_output=True, text=True, check=False, timeout=600)
    return done.returncode, done.stdout, done.stderr


def expect(good, what):
    if not good:
        sys.exit(f"failed: {what}")


def check_journals():
    """Every life of the engine leaves a journal, and each happens again as it was."""
    with tempfile.TemporaryDirectory(prefix="phalanx-journals-") as folder:
        code, out, _ = simulate("--seed", "6", "--seeds", "2", "--steps", "800", "--journals", folder)
        expect(code == 0, f"two seeds with journals: {code} {out}")
        journals = sorted(pathlib.Path(folder).iterdir())
        lives = 2 + int(re.search(r"(\d+) crashes", out).group(1))
        expect(lives > 2 and len(journals) == lives, f"{lives} lives have left {[path.name for path in journals]}")
        events = 0
        for path in journals:
            done = subprocess.run([sys.argv[1], "replay", path], capture_output=True, text=True, check=False, timeout=600)
            same = re.search(r"^Every decision is the same: (\d+) events", done.stdout, re.MULTILINE)
            expect(done.returncode == 0 and same and not done.stderr, f"{path.name}: {done.stdout}{done.stderr}")
            events += int(same.group(1))
        expect(f" {events} events" in out, f"the journals have all of the events: {events}, {out}")
    code, out, _ = simulate("--journals", "/nowhere", "--steps", "10", "--last", "0")
    expect(code == 1 and "no journal in /nowhere: No such file or directory" in out, f"no place: {code} {out}")


def main():
    code, out, _ = simulate("--seed", "5", "--seeds", "3", "--steps", "500")
    expect(code == 0 and "simulation: 3 passed, 0 failed (500 steps each" in out, f"three seeds: {code} {out}")
    expect(simulate("--seed", "5", "--seeds", "3", "--steps", "500")[1] == out, "the same seeds give the same")

    whole = simulate("--seed", "7", "--steps", "400", "--verbose")[1]
    expect(whole == simulate("--seed", "7", "--steps", "400", "--verbose")[1], "a trace is the same every time")
    less = simulate("--seed", "7", "--steps", "400", "--verbose", "--drop", "0,2,4-6,10-")[1]
    numbers = [line.split()[1] for line in less.splitlines() if line.startswith("fault ")]
    expect(numbers and not set(numbers) & {"2:", "4:", "5:", "6:", "10:", "11:"}, f"dropped faults are gone: {numbers}")
    first = [line for line in whole.splitlines() if line.startswith("fault 3:")]
    expect(first and first[0] in less.splitlines(), "and the others are what they were")

    check_journals()

    for flags in (["--drop", "3,x"], ["--seed", "-1"], ["--drop", "9-3"], ["--speed", "3"]):
        code, out, err = simulate(*flags)
        expect(code == 2 and not out and err.startswith("phalanx simulate:"), f"{flags}: {code} {out} {err}")
    expect("--seeds COUNT" in simulate("--help")[1], "it explains itself")
    print("simulate: 11 passed, 0 failed")


if __name__ == "__main__":
    main()
