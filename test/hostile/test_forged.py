# SPDX-License-Identifier: Apache-2.0
"""Callers who tell of pods that do not exist, and those who want to see everything at once."""

import json
import threading
import time
import unittest

from hostile import HEAD, MIB, gang, nodes, ordinary

from daemon import group
from test_callers import Attacked


class Forged(unittest.TestCase):
    """Pods in `filter` calls that the API server knows nothing of."""

    def test_a_forged_gang_has_nothing(self):
        with Attacked(nodes(8), config=HEAD + "gangs: {holdTimeout: 590s}\n") as running:
            names = [f"n{i}" for i in range(8)]
            forged = gang("forged", 8, minimum=8)
            for member in forged:
                status, answer = running.filter(member, names)
                self.assertEqual((status, answer["NodeNames"]), (200, []), answer)
            refusals = set(answer["FailedAndUnresolvableNodes"].values())
            self.assertEqual(len(refusals), 1)
            self.assertIn("the API server has not shown this pod", refusals.pop())
            self.assertIn("has not shown this pod", running.bind(forged[0], "n0")[1]["Error"])
            held = [line for line in running.get("/metrics")[1].decode().splitlines()
                    if line.startswith("phalanx_held_pods ")]
            running.say(f"8 forged members of a gang of 8: {held[0]}")
            self.assertEqual(held, ["phalanx_held_pods 0"])
            self.assertEqual(running.get_json("/api/v1/gangs")["items"], [])
            real = gang("real", 8, namespace="victim", minimum=8)
            self.serve(running, real, names)

    def test_a_forged_member_changes_no_gang(self):
        real = gang("real", 8, namespace="victim", minimum=8)
        with Attacked(nodes(8) + real, config=HEAD + "gangs: {holdTimeout: 590s}\n") as running:
            names = [f"n{i}" for i in range(8)]
            for number, about in enumerate(({"minimum": 1000}, {"on": "n0"}, {"priority": -1000},
                                            {"annotations": {"phalanx.dev/required-topology": "nowhere"}},
                                            {"annotations": {"phalanx.dev/exclusive-topology": "cluster"}})):
                forged = gang(f"forged{number}", 1, namespace="victim", **{"minimum": 8, **about})[0]
                forged["metadata"]["labels"].update(real[0]["metadata"]["labels"])
                forged["metadata"]["labels"]["pod-group.scheduling.sigs.k8s.io/min-available"] = str(about.get("minimum", 8))
                self.assertEqual(running.filter(forged, names)[1]["NodeNames"], [])
            self.serve(running, real, names)

    def test_a_forged_pod_that_runs_takes_nothing(self):
        with Attacked(nodes(1)) as running:
            for i in range(8):
                running.filter(ordinary(f"forged-{i}", on="n0", gpus=8), ["n0"])
            real = gang("real", 1, namespace="victim", minimum=1)
            self.serve(running, real, ["n0"])

    def serve(self, running, members, names):
        """The gang is placed."""
        for member in members:
            running.post(f"/api/v1/namespaces/{member['metadata']['namespace']}/pods", member)
        calls = []
        for member in members:
            found = []

            def passes(member=member, found=found):  # a call may be faster than the watch
                found[:] = running.filter(member, names)[1]["NodeNames"]
                return found

            running.wait(passes)
            self.assertEqual(len(found), 1, running.get_json("/api/v1/gangs"))
            calls.append(threading.Thread(target=running.bind, args=(member, found[0]), daemon=True))
            calls[-1].start()
        running.wait(lambda: len(running.bound()) == len(members))


class Many(unittest.TestCase):
    """50,000 groups, and somebody who wants to see them all, again and again."""

    def test_groups_come_in_pages(self):
        groups = [group(f"g{i:05}", 2, namespace="hostile") for i in range(50000)]
        with Attacked(nodes(8) + groups) as running:
            running.serves("50,000 groups")
            seen, after, largest, slowest = [], "", 0, 0
            while True:
                started = time.monotonic()
                status, body = running.get("/api/v1/gangs?continue=" + after)
                slowest = max(slowest, time.monotonic() - started)
                self.assertEqual(status, 200)
                largest = max(largest, len(body))
                page = json.loads(body)
                self.assertLessEqual(len(page["items"]), 100)
                seen += [item["gang"] for item in page["items"]]
                after = page["continue"]
                if not after:
                    break
            self.assertEqual(seen, [f"hostile/g{i:05}" for i in range(50000)])
            self.assertLess(largest, MIB)
            running.say(f"50,000 groups listed: pages of {largest / 1024:.0f} KiB at most, {1000 * slowest:.1f} ms at most")
            stop = threading.Event()

            def keep_asking():
                while not stop.is_set():
                    running.get("/api/v1/gangs")

            askers = [threading.Thread(target=keep_asking) for _ in range(4)]
            for asker in askers:
                asker.start()
            running.serves("four who ask for pages all the time")
            stop.set()
            for asker in askers:
                asker.join()
            self.assertEqual(running.get("/api/v1/gangs?continue=nonsense")[0], 400)
            self.assertEqual(len(running.get_json("/api/v1/gangs?limit=3")["items"]), 3)


if __name__ == "__main__":
    unittest.main()
