#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`phalanx simulate` from outside: test_command.py PHALANX"""

import subprocess
import sys


def simulate(*flags):
    done = subprocess.run([sys.argv[1], "simulate", *flags], capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stdout, done.stderr


def expect(good, what):
    if not good:
        sys.exit(f"failed: {what}")


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

    for flags in (["--drop", "3,x"], ["--seed", "-1"], ["--drop", "9-3"], ["--speed", "3"]):
        code, out, err = simulate(*flags)
        expect(code == 2 and not out and err.startswith("phalanx simulate:"), f"{flags}: {code} {out} {err}")
    expect("--seeds COUNT" in simulate("--help")[1], "it explains itself")
    print("simulate: 7 passed, 0 failed")


if __name__ == "__main__":
    main()
