# SPDX-License-Identifier: Apache-2.0
"""The journal of the real daemon, replayed by the real command: equal as it is, different once changed. And the
last decisions that the daemon tells itself."""

import os
import re
import signal
import struct
import subprocess
import tempfile
import threading
import unittest

import daemon
from daemon import Daemon, group, node, pod

NODES = [node(f"n{i}", rack=f"r{i // 2}") for i in range(4)]
NAMES = [item["metadata"]["name"] for item in NODES]
GANG = [group("train", 3)] + [pod(f"w-{i}", gang="train") for i in range(3)]
LONE = pod("lone", gpus=2)
POLYNOMIAL = 0x82F63B78


def crc32c(data):
    """Bit by bit, as a check of ours."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def records(data):
    """Offset and payload of every record."""
    at = data.index(b"\n") + 1
    while at < len(data):
        length, checksum = struct.unpack_from("<II", data, at)
        payload = data[at + 8 : at + 8 + length]
        assert crc32c(data[at : at + 4] + payload) == checksum, at
        yield at, payload
        at += 8 + length


def replay(path, *arguments):
    command = [os.environ["PHALANX_BIN"], "replay", path, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=daemon.WAIT_SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def run_job(running):
    """A gang of three through filter, prioritize and bind, and a pod of its own."""
    places = {}
    for item in GANG[1:]:
        status, answer = running.filter(item, NAMES)
        assert status == 200, answer
        (places[item["metadata"]["name"]],) = answer["NodeNames"]
    status, answer = running.filter(LONE, NAMES)
    assert status == 200, answer
    running.post("/scheduler/prioritize", {"Pod": LONE, "Nodes": None, "NodeNames": NAMES})
    calls = [
        threading.Thread(target=running.bind, args=(item, places[item["metadata"]["name"]])) for item in GANG[1:]
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join(daemon.WAIT_SECONDS)
    free = next(name for name in NAMES if name not in places.values())
    running.bind(LONE, free)
    running.wait(lambda: len(running.bound()) == 4)


class Decisions(unittest.TestCase):
    def test_the_last_ones(self):
        with Daemon(NODES + GANG + [LONE]) as running:
            status, _ = running.filter(pod("late", gang="nobody"), NAMES)
            self.assertEqual(status, 200)
            running.filter(pod("late", gang="nobody"), NAMES)
            run_job(running)
            found = running.get_json("/api/v1/decisions")
            steps = [(item["from"], item["to"]) for item in found if item.get("gang") == "default/train"]
            self.assertEqual(
                steps[::-1],
                [("Gathering", "Waiting"), ("Waiting", "Held"), ("Held", "Committing"), ("Committing", "Placed")],
            )
            self.assertIn("GangPlanned", [item.get("event") for item in found])
            refusals = [item for item in found if item["type"] == "refusal"]
            self.assertEqual([(item["call"], item["count"]) for item in refusals], [("filter", 2)])
            self.assertIn("default/nobody", refusals[0]["reason"])
            self.assertEqual(len(running.get_json("/api/v1/decisions?limit=2")), 2)
            self.assertEqual(running.get("/api/v1/decisions?limit=x")[0], 400)
            self.assertEqual(running.request("POST", "/api/v1/decisions")[0], 405)
            self.assertEqual(running.get("/api/v1/decisions/1")[0], 404)


class Replay(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="phalanx-test-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "journal")

    def read(self):
        with open(self.path, "rb") as file:
            return file.read()

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def record_job(self):
        with Daemon(NODES + GANG + [LONE], arguments=["--journal", self.path]) as running:
            run_job(running)
            _, metrics = running.get("/metrics")
            self.assertIn(b"\nphalanx_journal_recording 1\n", metrics)
            steps = int(re.search(rb"\nphalanx_journal_steps_total (\d+)\n", metrics).group(1))
            self.assertGreater(steps, 10)

    def test_every_decision_is_the_same(self):
        self.record_job()
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (0, ""), out)
        self.assertRegex(out, r"(?m)^The journal ends with record \d+: the daemon stopped\.$")
        events, decisions = re.search(r"(?m)^Every decision is the same: (\d+) events and (\d+) decisions", out).groups()
        self.assertEqual(int(events), len(list(records(self.read()))) - 2)
        self.assertGreater(int(decisions), 10)

    def test_events_in_words(self):
        self.record_job()
        code, out, _ = replay(self.path, "--verbose")
        self.assertEqual(code, 0)
        for wanted in (
            r"^0 .* hold timeout 30000 ms, backoff 1000 to 60000 ms, levels region .* host$",
            r"^\d+ \d{4}-\d\d-\d\dT.*Z \(\+\d+\.\d{3} s\) node n0, has .*nvidia.com/gpu=8.*, labels kubernetes.io/hostname=n0",
            r"^\d+ .* group default/train uid uid-group-default-train, minimum 3( \(more follow\))?$",
            r"^\d+ .* synced: everything has been listed$",
            r"^    gang default/train from Waiting to Held after \d+ ms: ",
            r"^    nominates pod default/w-0 uid uid-default-w-0 to n\d$",
            r"^\d+ .* filter 0 for pod default/w-1, .*4 nodes: n0 n1 n2 n3$",
            r"^    answers 0: only n\d$",
            r"^    binds pod default/w-2 uid uid-default-w-2 to n\d, gang train, run uid-default-w-\d$",
            r"^    answers bind \d+: bound$",
            r"^\d+ .* drain: the daemon stops$",
        ):
            self.assertRegex(out, re.compile(wanted, re.MULTILINE))
        code, out, _ = replay(self.path, "--until", "2")
        self.assertEqual(code, 0)
        self.assertIn("Every decision is the same: 2 events", out)

    def test_a_changed_decision_is_found(self):
        """One effect is edited as if another program had decided, with the right checksum."""
        self.record_job()
        data = self.read()
        found = None
        for number, (at, payload) in enumerate(records(data)):
            if b"GangPlanned" in payload:
                changed = payload.replace(b"GangPlanned", b"GangPlonked")
                frame = data[at : at + 4]
                sealed = frame + struct.pack("<I", crc32c(frame + changed)) + changed
                data = data[:at] + sealed + data[at + len(sealed) :]
                found = number, at
                break
        self.write(data)
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (1, ""))
        self.assertRegex(out, r"^The decisions differ in record %d at byte %d, effect \d+:\n" % found)
        self.assertRegex(out, r"(?m)^    recorded: event on group default/train uid \S+, GangPlonked: ")
        self.assertRegex(out, r"(?m)^    now:      event on group default/train uid \S+, GangPlanned: ")
        self.assertNotIn("Every decision is the same", out)

    def test_a_damaged_journal(self):
        self.record_job()
        data = self.read()
        middle = list(records(data))[5][0]
        self.write(data[: middle + 12] + bytes([data[middle + 12] ^ 1]) + data[middle + 13 :])
        code, _, err = replay(self.path)
        self.assertEqual(code, 1)
        self.assertRegex(err, r"^phalanx replay: .*: record 5 at byte %d: its checksum is " % middle)
        self.write(data[: middle + 12])
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("The journal ends at byte %d, in the middle of a record, as after a kill." % (middle + 12), out)
        self.assertIn("Every decision is the same: 4 events", out)
        for text, wanted in ((b"", "the journal ends in its header"), (b"kind: Configuration, quite other",
                                                                       "this is not a Phalanx journal")):
            self.write(text)
            code, _, err = replay(self.path)
            self.assertEqual(code, 1)
            self.assertIn(wanted, err)

    def test_usage(self):
        for arguments, wanted in (
            ([self.path, "--until", "x"], "--until x: must be a whole number"),
            ([self.path, "--untill", "1"], "did you mean --until?"),
        ):
            code, _, err = replay(*arguments)
            self.assertEqual(code, 2)
            self.assertIn(wanted, err)
        code, _, err = replay("--verbose")
        self.assertEqual(code, 2)
        self.assertIn("FILE is missing", err)
        code, _, err = replay(self.path)
        self.assertEqual(code, 1)
        self.assertIn("No such file or directory", err)

    def test_the_bound(self):
        config = "journal: {file: %s, maxSize: 64Ki}" % self.path
        with Daemon(NODES + GANG + [LONE], config=config) as running:
            run_job(running)
            for number in range(3000):  # far beyond 64 KiB
                item = pod(f"other-{number}", gpus=0)
                running.filter(item, NAMES)
                if b"\nphalanx_journal_recording 0\n" in running.get("/metrics")[1]:
                    break
            else:
                self.fail("the journal never ended")
            self.assertIn("its limit of 65536 bytes is reached", running.log())
            status, _ = running.filter(pod("after", gpus=0), NAMES)
            self.assertEqual(status, 200)
        size = os.path.getsize(self.path)
        self.assertLessEqual(size, 65536)
        self.assertGreater(size, 60000)
        code, out, _ = replay(self.path)
        self.assertEqual(code, 0)
        self.assertIn("its limit of 65536 bytes is reached.", out)

    def test_a_full_disk(self):
        with Daemon(NODES + GANG + [LONE], arguments=["--journal", "/dev/full"]) as running:
            running.wait(lambda: b"\nphalanx_journal_recording 0\n" in running.get("/metrics")[1])
            run_job(running)
            self.assertIn("the journal cannot be written and ends", running.log())
            self.assertIn("No space left on device", running.log())

    def test_killed(self):
        """What a kill leaves is read up to where it broke off, and the next process keeps it."""
        with self.assertRaisesRegex(AssertionError, "the daemon ended with -9"):
            with Daemon(NODES + GANG + [LONE], arguments=["--journal", self.path]) as running:
                run_job(running)
                running.wait(lambda: b"GangPlaced" in self.read())
                running.process.send_signal(signal.SIGKILL)
                running.process.wait(daemon.WAIT_SECONDS)
        killed = self.read()
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("Every decision is the same", out)
        self.assertIn("as after a kill", out)
        with Daemon(NODES, arguments=["--journal", self.path]):
            pass
        with open(self.path + ".1", "rb") as file:
            self.assertEqual(file.read(), killed)
        self.assertEqual(replay(self.path)[0], 0)

    def test_a_file_that_cannot_be_made(self):
        with self.assertRaisesRegex(RuntimeError, "journal: /nowhere/journal: No such file or directory"):
            with Daemon(NODES, arguments=["--journal", "/nowhere/journal"]):
                pass


if __name__ == "__main__":
    unittest.main()
