# SPDX-License-Identifier: Apache-2.0
"""The journal of the real daemon, replayed by the real command: equal as it is, different once changed. And the
last decisions that the daemon tells itself."""

import json
import os
import re
import resource
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


def read(path):
    with open(path, "rb") as file:
        return file.read()


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
        late = pod("late", gang="nobody")
        with Daemon(NODES + GANG + [LONE, late]) as running:
            status, _ = running.filter(late, NAMES)
            self.assertEqual(status, 200)
            running.filter(late, NAMES)
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
        self.file = os.path.join(self.path, "0000000001.journal")

    def read(self):
        return read(self.file)

    def write(self, data):
        with open(self.file, "wb") as file:
            file.write(data)

    def config(self, **values):
        return "journal: " + json.dumps({"directory": self.path, "compression": "none", **values})

    def record_job(self):
        with Daemon(NODES + GANG + [LONE], config=self.config()) as running:
            run_job(running)
            _, metrics = running.get("/metrics")
            self.assertIn(b"\nphalanx_journal_recording 1\n", metrics)
            steps = int(re.search(rb"\nphalanx_journal_steps_total (\d+)\n", metrics).group(1))
            self.assertGreater(steps, 10)

    def test_every_decision_is_the_same(self):
        self.record_job()
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (0, ""), out)
        self.assertRegex(out, r"(?m)^Segment 1 ends with record \d+: the daemon stopped\.$")
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
        code, out, _ = replay(self.file, "--until", "2")
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
        self.assertRegex(out, r"^The decisions differ in record %d of segment 1 at byte %d, effect \d+:\n" % found)
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
        self.assertIn("Segment 1 ends at byte %d, in the middle of a record, as after a kill." % (middle + 12), out)
        self.assertIn("Every decision is the same: 4 events", out)
        for text, wanted in ((b"", "the journal ends in its header"), (b"kind: Configuration, quite other",
                                                                       "this is not a Phalanx journal")):
            self.write(text)
            code, _, err = replay(self.file)
            self.assertEqual(code, 1)
            self.assertIn(wanted, err)

    def test_usage(self):
        for arguments, wanted in (
            ([self.path, "--until", "x"], "--until x: must be a record such as 340, or a time"),
            ([self.path, "--untill", "1"], "did you mean --until?"),
        ):
            code, _, err = replay(*arguments)
            self.assertEqual(code, 2)
            self.assertIn(wanted, err)
        code, _, err = replay("--verbose")
        self.assertEqual(code, 2)
        self.assertIn("PATH is missing", err)
        code, _, err = replay(self.path)
        self.assertEqual(code, 1)
        self.assertIn("No such file or directory", err)

    def segments(self):
        return sorted(name for name in os.listdir(self.path) if ".journal" in name)

    def fill(self, running, segments):
        """Calls until there are so many segments."""
        for number in range(20000):
            running.filter(pod(f"other-{number % 100}", gpus=0), NAMES)
            names = self.segments() if number % 50 == 0 else []
            if names and names[-1].startswith(f"{segments:010}"):
                return
        self.fail("there were never so many segments")

    def test_segments(self):
        """Several segments in two lives, of which the first ends with a kill: each is replayed alone and all
        together, with the decisions that were recorded."""
        config = self.config(segmentSize="64Ki", keepSize="1Gi", compression="zstd")
        with self.assertRaisesRegex(AssertionError, "the daemon ended with -9"):
            with Daemon(NODES + GANG + [LONE], config=config) as running:
                run_job(running)
                self.fill(running, 4)
                _, metrics = running.get("/metrics")
                self.assertIn(b"\nphalanx_journal_checkpoints_total 3\n", metrics)
                self.assertIn(b"\nphalanx_journal_dropped_total 0\n", metrics)
                # Events of the fourth one are on the disk.
                running.wait(lambda: "Segment 4 ends at byte" in replay(self.path)[1])
                running.process.send_signal(signal.SIGKILL)
                running.process.wait(daemon.WAIT_SECONDS)
        self.assertEqual(self.segments(), [f"{n:010}.journal.zst" for n in (1, 2, 3)] + ["0000000004.journal.zst.open"])
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (0, ""), out)
        self.assertRegex(out, r"Segment 4 ends at byte \d+, .*, as after a kill\.\n")
        with Daemon(NODES, config=config) as running:
            with self.assertRaisesRegex(RuntimeError, "another process writes its journal there"):
                with Daemon(NODES, config=config):
                    pass
            self.fill(running, 6)
        self.assertEqual(self.segments(), [f"{n:010}.journal.zst" for n in range(1, 7)])
        sums = []
        for name in self.segments():
            code, out, err = replay(os.path.join(self.path, name))
            self.assertEqual((code, err), (0, ""), out)
            found = re.search(r"(?m)^Every decision is the same: (\d+) events and (\d+) decisions", out)
            self.assertGreater(int(found.group(1)), 2)
            sums.append((int(found.group(1)), int(found.group(2))))
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (0, ""), out)
        self.assertIn("Every decision is the same: %d events and %d decisions in 6 segments" % tuple(map(sum, zip(*sums))),
                      out)
        self.assertNotIn("were not recorded", out)

    def test_from(self):
        config = self.config(segmentSize="64Ki", keepSize="1Gi")
        with Daemon(NODES + GANG + [LONE], config=config) as running:
            run_job(running)
            self.fill(running, 4)
        _, everything, _ = replay(self.path, "-v")
        lines = [line for line in everything.splitlines() if re.match(r"\d+ \d{4}-", line)]
        heads = [number for number, line in enumerate(lines) if line.startswith("0 ")]
        self.assertEqual(len(heads), 4)
        for point, first in (("3", heads[2]), ("3:0", heads[2]), ("3:5", heads[2] + 4), ("1", 0)):
            code, out, err = replay(self.path, "-v", "--from", point)
            self.assertEqual((code, err), (0, ""), out)
            shown = [line for line in out.splitlines() if re.match(r"\d+ \d{4}-", line)]
            self.assertEqual(shown, lines[first:], point)
        middle = lines[(heads[2] + heads[3]) // 2].split()[1]
        code, out, err = replay(self.path, "-v", "--from", middle, "--until", middle)
        self.assertEqual((code, err), (0, ""), out)
        shown = [line for line in out.splitlines() if re.match(r"\d+ \d{4}-", line)]
        self.assertEqual(shown, [line for line in lines if line.split()[1] == middle])
        code, out, err = replay(self.path, "--from", "2", "--until", "3:9")
        self.assertEqual((code, err), (0, ""), out)
        self.assertRegex(out, r"\nEvery decision is the same: \d+ events and \d+ decisions in 2 segments of ")
        self.assertIn("--from: segment 9 is not there; there are 1 to 4", replay(self.path, "--from", "9")[2])
        for wrong in ("x", "3:", "3:x", "3 ", "2026-11-21", "2026-11-21T11:53", "2026-11-21T11:53:25"):
            code, _, err = replay(self.path, "--from", wrong)
            self.assertEqual(code, 2)
            self.assertIn(f"--from {wrong}: must be a segment such as 12, ", err)

    def test_another_state_is_found(self):
        """A segment whose state another one led to: it is replayed alone, and not after the one before it."""
        config = self.config(segmentSize="64Ki", keepSize="1Gi")
        with Daemon(NODES + GANG + [LONE], config=config) as running:
            self.fill(running, 3)
        path = os.path.join(self.path, "0000000002.journal")
        data = read(path)
        (_, _), (at, state) = list(records(data))[:2]
        changed = state.replace(b"other-1", b"other-X", 1)
        self.assertNotEqual(changed, state)
        frame = data[at : at + 4]
        sealed = frame + struct.pack("<I", crc32c(frame + changed)) + changed
        with open(path, "wb") as file:
            file.write(data[:at] + sealed + data[at + len(sealed) :])
        code, out, _ = replay(self.path)
        self.assertEqual(code, 1)
        self.assertRegex(out, r"The state that segment 2 begins with is not the one that the segment before led to: "
                              r"they differ at byte \d+ of \d+ and \d+\.\n")

    def test_so_much_is_kept(self):
        config = self.config(segmentSize="64Ki", keepSize="256Ki")
        with Daemon(NODES, config=config) as running:
            self.fill(running, 7)
        names = self.segments()
        self.assertLess("0000000002", names[0])
        self.assertLessEqual(sum(os.path.getsize(os.path.join(self.path, name)) for name in names), 256 << 10)
        code, out, err = replay(self.path)
        self.assertEqual((code, err), (0, ""), out)

    def test_a_full_disk(self):
        """The journal stops loudly and the daemon goes on; with room, it goes on in a new segment."""
        config = self.config()
        with Daemon(NODES + GANG + [LONE], config=config) as running:
            _, limit = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
            run_job(running)
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (60000, limit))  # of the log, too
            for number in range(5000):
                running.filter(pod(f"other-{number % 100}", gpus=0), NAMES)
                if number % 50 == 0 and b"\nphalanx_journal_recording 0\n" in running.get("/metrics")[1]:
                    break
            running.filter(pod("lost"), NAMES)
            running.wait(lambda: "the journal cannot be written" in running.log())
            log = running.log()
            self.assertIn("the journal cannot be written: events are not recorded", log)
            self.assertIn("File too large", log)
            dropped = re.search(rb"\nphalanx_journal_dropped_total (\d+)\n", running.get("/metrics")[1]).group(1)
            self.assertGreater(int(dropped), 0)
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
            running.wait(lambda: b"\nphalanx_journal_recording 1\n" in running.get("/metrics")[1])
            running.wait(lambda: "the journal goes on in a new segment" in running.log())
            running.filter(pod("after", gpus=0), NAMES)
        code, out, err = replay(self.path, "--verbose")
        self.assertEqual((code, err), (0, ""), out)
        self.assertNotIn("default/lost", out)
        self.assertIn("default/after", out)

    def test_killed(self):
        """What a kill leaves is read up to where it broke off, and the next process keeps it."""
        path = self.file + ".open"
        with self.assertRaisesRegex(AssertionError, "the daemon ended with -9"):
            with Daemon(NODES + GANG + [LONE], config=self.config()) as running:
                run_job(running)
                running.wait(lambda: b"GangPlaced" in read(path))
                running.process.send_signal(signal.SIGKILL)
                running.process.wait(daemon.WAIT_SECONDS)
        killed = read(path)
        code, out, err = replay(path)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("Every decision is the same", out)
        self.assertIn("as after a kill", out)
        with Daemon(NODES, config=self.config()):
            pass
        self.assertEqual(self.read(), killed)
        self.assertEqual(replay(self.path)[0], 0)

    def test_a_directory_that_cannot_be_made(self):
        with self.assertRaisesRegex(RuntimeError, "journal: /nowhere/journal: No such file or directory"):
            with Daemon(NODES, arguments=["--journal", "/nowhere/journal"]):
                pass


if __name__ == "__main__":
    unittest.main()
