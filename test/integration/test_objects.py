# SPDX-License-Identifier: Apache-2.0
"""Objects that cannot be read, and watches that do not work: what it costs, and what operators see."""

import json
import unittest

from api_server import ApiServer
from daemon import node, pod

NODES = [node(f"n{i}") for i in range(4)]


def running(name, on, gpus=8, version="1", **spec):
    """The JSON of a pod that runs on a node."""
    it = pod(name, gpus=gpus, resourceVersion=version)
    it["spec"].update(nodeName=on, **spec)
    it["status"] = {"phase": "Running"}
    return json.dumps(it)


class Objects(unittest.TestCase):
    def setUp(self):
        self.server = ApiServer().__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        for i, item in enumerate(NODES):
            item["metadata"]["resourceVersion"] = str(i + 1)
        self.server.lists["nodes"] = [json.dumps(item) for item in NODES]

    def reason(self, daemon):
        """Why the gang of four whole nodes waits."""
        _, body = daemon.get("/api/v1/gangs/default/probe")
        return json.loads(body)["reason"]

    def test_bad_objects_cost_themselves(self):
        nul = running("nul", "n0").replace('"phase": "Running"', '"phase": "Running", "message": "\\u0000"')
        part = running("part", "n1", tolerations=7)
        lost = '{"metadata": {"name": "lost", "namespace": "default", "uid": "u", "resourceVersion": "5"}, oh}'
        self.server.lists["pods"] = [nul, lost, part]
        members = [json.dumps(pod(f"probe-{i}", gang="probe", minimum=4, resourceVersion="1")) for i in range(4)]
        self.server.lists["pods"] += members
        with self.server.daemon() as daemon:
            status, checks = daemon.checks()
            self.assertEqual(status, 200)
            self.assertIn("2 objects are not read: default/lost, default/part", checks["watch-pods"])
            self.assertEqual(daemon.metric('phalanx_objects_unread{kind="pods"}'), 2)
            self.assertEqual(daemon.metric('phalanx_objects_skipped_total{kind="pods"}'), 2)
            # What two of the three take counts: two nodes are left for the gang of four.
            self.assertIn("short by 2", self.reason(daemon))
            self.server.say("pods", '{"type":"DELETED","object":' + nul + "}")
            daemon.wait(lambda: "short by 1" in self.reason(daemon))
            self.server.say("pods", '{"type":"DELETED","object":' + lost + "}")
            daemon.wait(lambda: "1 object is not read: default/part" in daemon.checks()[1]["watch-pods"])
            self.server.say("pods", '{"type":"DELETED","object":' + part + "}")
            daemon.wait(lambda: json.loads(daemon.get("/api/v1/gangs/default/probe")[1])["state"] == "Held")
            self.assertNotIn("not read", daemon.checks()[1]["watch-pods"])

    def test_a_watch_that_keeps_failing_is_seen(self):
        with self.server.daemon("kubernetes: {watchPatience: 1s}\n") as daemon:
            self.assertEqual(daemon.checks()[0], 200)
            # Every watch of pods is accepted, and breaks at its first line.
            self.server.answers["pods"] = lambda query: (200, "<html>\n") if "watch=true" in query else None
            self.server.end("pods")
            daemon.wait(lambda: "malformed watch event" in daemon.get("/readyz")[1].decode())
            self.assertEqual(daemon.get("/readyz")[0], 503)
            checks = daemon.checks()[1]
            self.assertTrue(checks["watch-pods"].startswith("[-]watch-pods failed: silent for "), checks)
            self.assertIn("pods: watch failed: malformed watch event", checks["watch-pods"])
            self.assertTrue(checks["watch-nodes"].startswith("[+]"), checks)
            self.assertGreaterEqual(daemon.metric('phalanx_watch_failing_seconds{kind="pods"}'), 1)
            self.assertGreaterEqual(daemon.metric('phalanx_watch_failures_total{kind="pods"}'), 1)
            self.assertEqual(daemon.metric('phalanx_watch_failing_seconds{kind="nodes"}'), 0)
            self.assertEqual(daemon.get("/livez")[0], 200)
            self.server.answers.clear()
            daemon.wait(lambda: daemon.get("/readyz")[0] == 200)

    def test_slices_are_not_needed(self):
        self.server.answers["resourceslices"] = lambda query: (500, "") if "watch=true" in query else None
        with self.server.daemon("kubernetes: {watchPatience: 1s}\n") as daemon:
            daemon.wait(lambda: "[-]watch-resourceslices" in daemon.get("/readyz?verbose")[1].decode())
            self.assertEqual(daemon.get("/readyz")[0], 200)


if __name__ == "__main__":
    unittest.main()
