#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""journals_compare from outside: test_compare.py SIMULATION JOURNALS_COMPARE

Journals of the simulator compare as equal; one that was edited as if another version had decided, with the right
checksum, shows what kind of thing differs.
"""

import pathlib
import re
import struct
import subprocess
import sys
import tempfile

POLYNOMIAL = 0x82F63B78
HOLD = bytes([0xE0, 0xD4, 0x03])  # 30,000 ms, as a header has it
SHORTER = bytes([0x90, 0xCE, 0x00])  # 5,000 ms in as many bytes


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def edited(data, old, new):
    """The journal with the first record that has `old` changed. Nothing in it moves."""
    assert len(old) == len(new)
    at = data.index(b"\n") + 1
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        payload = data[at + 8 : at + 8 + length]
        if old in payload:
            payload = payload.replace(old, new, 1)
            frame = data[at : at + 4]
            return data[:at] + frame + struct.pack("<I", crc32c(frame + payload)) + payload + data[at + 8 + length :]
        at += 8 + length
    raise AssertionError(f"{old} is nowhere")


def expect(good, what):
    if not good:
        sys.exit(f"failed: {what}")


def compare(*paths):
    done = subprocess.run([sys.argv[2], *paths], capture_output=True, text=True, check=False, timeout=600)
    return done.returncode, done.stdout


def columns(out, kind):
    """recorded, now, steps and journals that differ."""
    return [int(number) for number in re.search(rf"^{kind} +([\d ]+)$", out, re.MULTILINE).group(1).split()]


def check(folder):
    subprocess.run([sys.argv[1], "--seed", "11", "--seeds", "6", "--steps", "700", "--journals", folder], check=True,
                   capture_output=True, timeout=600)
    journals = sorted(pathlib.Path(folder).iterdir())
    code, out = compare(*journals)
    expect(code == 0 and f"journals: {len(journals)} compared, " in out, f"equal journals: {code} {out}")
    expect(" 0 with another decision, 0 unreadable, 0 without an end" in out, f"none differs: {out}")
    recorded, now, steps, _ = columns(out, "nomination")
    expect(recorded == now > 0 and steps == 0, f"there are nominations: {out}")

    whole = max(journals, key=lambda path: path.stat().st_size)
    data = whole.read_bytes()
    other = pathlib.Path(folder) / "edited"
    other.write_bytes(edited(data, b"GangPlanned", b"GangPlonked"))
    code, out = compare(other)
    expect(code == 0 and columns(out, "Event")[3] == 1, f"words are told and counted, and change nothing: {code} {out}")
    expect(re.search(r"^    recorded: event on .*GangPlonked", out, re.MULTILINE), f"the recorded words: {out}")
    expect(re.search(r"^    now     : event on .*GangPlanned", out, re.MULTILINE), f"the words of today: {out}")

    shorter = []
    for path in journals:
        shorter.append(path.with_suffix(".shorter"))
        shorter[-1].write_bytes(edited(path.read_bytes(), HOLD, SHORTER))
    code, out = compare(*shorter)
    expect(code == 1 and columns(out, "when a tick is due")[2] > 0, f"holds that end earlier: {code} {out}")
    expect(re.search(r"^ +[1-9]\d*  after .*nomination", out, re.MULTILINE), f"decisions are counted by kind: {out}")

    other.write_bytes(data[: len(data) // 2])
    code, out = compare(other)
    expect(code == 0 and "0 unreadable, 1 without an end" in out, f"after a kill: {code} {out}")
    at = data.rindex(b"GangPlanned")
    other.write_bytes(data[:at] + b"?" + data[at + 1 :])
    code, out = compare(other, "/nowhere")
    expect(code == 1 and "2 compared" in out and "2 unreadable" in out, f"damaged, and not there: {code} {out}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="phalanx-journals-") as place:
        check(place)
    print("journals: 10 passed, 0 failed")
