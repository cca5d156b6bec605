# SPDX-License-Identifier: Apache-2.0
"""Bad input to the real daemon: a clear refusal, nothing lost, and it goes on serving."""

import json
import os
import subprocess
import tempfile
import unittest

from daemon import Daemon, group, node, pod

NODES = [node(f"n{i}", rack=f"r{i // 2}") for i in range(4)]
NAMES = [item["metadata"]["name"] for item in NODES]


def head(path, length, extra=""):
    return (
        f"POST {path} HTTP/1.1\r\nHost: phalanx\r\nConnection: close\r\n"
        f"Content-Length: {length}\r\n{extra}\r\n"
    ).encode()


class BadBodies(unittest.TestCase):
    """One daemon for all; after every case it must still answer an ordinary call rightly."""

    @classmethod
    def setUpClass(cls):
        cls.running = Daemon(NODES, config="\n".join([
            "apiVersion: phalanx.dev/v1alpha1",
            "kind: Configuration",
            "server: {maxBodySize: 1Mi}",
        ]))
        cls.running.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.running.__exit__(None, None, None)

    def tearDown(self):
        status, answer = self.running.filter(pod("ordinary", gpus=1), NAMES)
        self.assertEqual((status, answer["NodeNames"]), (200, NAMES))

    def refused(self, path, body, expected=400, mentions=None):
        status, answer = self.running.request("POST", path, body)
        self.assertEqual(status, expected, answer)
        error = json.loads(answer)["error"]
        self.assertTrue(error)
        if mentions is not None:
            self.assertIn(mentions, error)

    def test_truncated_json(self):
        whole = json.dumps({"Pod": pod("p"), "Nodes": None, "NodeNames": NAMES})
        for verb in ("filter", "prioritize", "preempt", "bind"):
            for cut in (0, 1, 7, len(whole) // 2, len(whole) - 1):
                self.refused(f"/scheduler/{verb}", whole[:cut])

    def test_nested_bomb(self):
        for bomb in ("[" * 100000, '{"Pod":' * 50000, '{"Pod":' + "[" * 5000 + "]" * 5000 + "}"):
            self.refused("/scheduler/filter", bomb)

    def test_wrong_types(self):
        for body in (
            "[]", "1", '"x"', "null", "{}",
            '{"Pod":1}', '{"Pod":[]}', '{"Pod":"x"}',
            '{"Pod":{"metadata":{"uid":1}},"NodeNames":["n0"]}',
            '{"Pod":{"metadata":{"uid":"u"}},"NodeNames":{}}',
            '{"Pod":{"metadata":{"uid":"u"}},"NodeNames":[1]}',
            '{"Pod":{"metadata":{"uid":"u"}},"NodeNames":"n0"}',
        ):
            with self.subTest(body=body):
                self.refused("/scheduler/filter", body)
        for body in ('{"PodName":1}', "{}", '{"PodName":"p","PodNamespace":"d","PodUID":"u"}'):
            with self.subTest(body=body):
                self.refused("/scheduler/bind", body)

    def test_null_everywhere(self):
        for body in (
            '{"Pod":null,"Nodes":null,"NodeNames":null}',
            '{"Pod":{"metadata":null,"spec":null,"status":null},"Nodes":null,"NodeNames":null}',
            '{"PodName":null,"PodNamespace":null,"PodUID":null,"Node":null}',
            '{"Pod":null,"NodeNameToVictims":null,"NodeNameToMetaVictims":null}',
        ):
            for verb in ("filter", "prioritize", "preempt", "bind"):
                with self.subTest(body=body, verb=verb):
                    self.refused(f"/scheduler/{verb}", body)
        known = pod("p")
        known["status"] = None
        known["spec"]["nodeSelector"] = None
        known["spec"]["containers"][0]["resources"]["limits"] = None
        known["metadata"]["labels"] = None
        status, answer = self.running.post(
            "/scheduler/filter", {"Pod": known, "Nodes": None, "NodeNames": None})
        self.assertEqual((status, answer["Error"]), (200, ""))
        status, answer = self.running.post(
            "/scheduler/preempt",
            {"Pod": known, "NodeNameToVictims": None,
             "NodeNameToMetaVictims": {"n0": None, "n1": {"Pods": None},
                                       "n2": {"Pods": [{"UID": "x"}], "NumPDBViolations": 0}}})
        self.assertEqual(status, 200)
        self.assertEqual(list(answer["NodeNameToMetaVictims"]), ["n2"])

    def test_body_over_the_limit(self):
        self.refused("/scheduler/filter", "x" * (1024 * 1024 + 1), expected=413)
        answer = self.running.raw(head("/scheduler/filter", 1 << 40))
        self.assertIn(b" 413 ", answer.split(b"\r\n")[0])

    def test_chunked(self):
        body = json.dumps({"Pod": pod("p", gpus=1), "Nodes": None, "NodeNames": NAMES}).encode()
        start = (b"POST /scheduler/filter HTTP/1.1\r\nHost: phalanx\r\nConnection: close\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n")
        chunks = b"".join(
            b"%x\r\n%s\r\n" % (len(body[i:i + 100]), body[i:i + 100])
            for i in range(0, len(body), 100))
        for rest in (chunks + b"0\r\n\r\n", b"zz\r\nxx\r\n"):
            answer = self.running.raw(start + rest)
            self.assertIn(b" 411 ", answer.split(b"\r\n")[0])

    def test_lying_content_length(self):
        body = json.dumps({"Pod": pod("p"), "NodeNames": NAMES}).encode()
        answer = self.running.raw(head("/scheduler/filter", len(body) - 5) + body)
        self.assertIn(b" 400 ", answer.split(b"\r\n")[0], "too short: the JSON is cut")
        self.running.raw(head("/scheduler/filter", len(body) + 5) + body, leave=True)
        for value in ("-1", "abc", "1e3", "99999999999999999999999"):
            answer = self.running.raw(head("/scheduler/filter", value) + body)
            self.assertIn(answer.split(b"\r\n")[0].split(b" ")[1:2], ([b"400"], [b"413"]), value)
        answer = self.running.raw(head("/scheduler/filter", len(body),
                                       "Transfer-Encoding: chunked\r\n") + body)
        self.assertIn(b" 400 ", answer.split(b"\r\n")[0])
        answer = self.running.raw(head("/scheduler/filter", len(body),
                                       f"Content-Length: {len(body) - 1}\r\n") + body)
        self.assertIn(b" 400 ", answer.split(b"\r\n")[0])

    def test_unknown_verbs_and_paths(self):
        for method, path, expected in (
            ("POST", "/scheduler/Filter", 404), ("POST", "/scheduler/", 404),
            ("POST", "/scheduler/filter/more", 404), ("GET", "/scheduler/filter", 405),
            ("GET", "/", 404), ("GET", "/api/v1/gangs/default", 404),
            ("GET", "/api/v1/gangs/default/none", 404), ("DELETE", "/api/v1/gangs", 405),
            ("GET", "/" + "a/" * 50, 404), ("GET", "/%2e%2e/etc/passwd", 404),
            ("POST", "/metrics", 405), ("PUT", "/livez", 405),
            ("GET", "/api/v1/gangs/default/none?output=tree", 404),
        ):
            with self.subTest(method=method, path=path):
                status, answer = self.running.request(method, path)
                self.assertEqual(status, expected)
                self.assertTrue(json.loads(answer)["error"])

    def test_unknown_and_repeated_node_names(self):
        names = ["n0", "ghost", "n1", "n0", "n0", "", "n\u00e9"]
        status, answer = self.running.filter(pod("p", gpus=1), names)
        self.assertEqual(status, 200)
        self.assertEqual(answer["NodeNames"], ["n0", "ghost", "n1", "", "n\u00e9"])

    def test_empty_node_list(self):
        for verb in ("filter", "prioritize"):
            status, answer = self.running.post(
                f"/scheduler/{verb}", {"Pod": pod("p"), "Nodes": None, "NodeNames": []})
            self.assertEqual(status, 200)
            self.assertFalse(answer["NodeNames"] if verb == "filter" else answer)

    def test_pod_without_uid(self):
        for uid in (None, ""):
            self.refused("/scheduler/filter",
                         json.dumps({"Pod": pod("p", uid=uid), "NodeNames": NAMES}),
                         mentions="uid")

    def test_undecodable_pod(self):
        broken = pod("p")
        broken["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "a lot"
        status, answer = self.running.filter(broken, NAMES)
        self.assertEqual((status, answer["NodeNames"]), (200, NAMES), "an ordinary pod passes")
        broken = pod("member", gang="g", minimum=2)
        broken["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "a lot"
        self.refused("/scheduler/filter", json.dumps({"Pod": broken, "NodeNames": NAMES}),
                     mentions="a lot")


class BadGangs(unittest.TestCase):
    def waits(self, objects, member, mentions):
        """No node for the member, with the same reason each time, and an ordinary pod passes."""
        with Daemon(NODES + objects) as running:
            reasons = set()
            for _ in range(5):
                status, answer = running.filter(member, NAMES)
                self.assertEqual((status, answer["Error"]), (200, ""))
                self.assertFalse(answer["NodeNames"])
                reasons.update(answer["FailedAndUnresolvableNodes"].values())
            self.assertEqual(len(reasons), 1, reasons)
            self.assertIn(mentions, reasons.pop())
            status, answer = running.filter(pod("ordinary", gpus=1), NAMES)
            self.assertEqual(answer["NodeNames"], NAMES)

    def test_min_member_zero_and_negative(self):
        for minimum in (0, -3, 99999999999):
            member = pod("p", gang="g")
            self.waits([group("g", minimum), member], member, "minMember")
        for minimum in ("0", "-1", "many", ""):
            member = pod("p", gang="g", minimum=minimum)
            self.waits([member], member, "min-available")

    def test_min_member_above_the_pods(self):
        members = [pod(f"p{i}", gang="g") for i in range(3)]
        self.waits([group("g", 4)] + members, members[0], "until 4 of its pods exist")

    def test_group_missing(self):
        member = pod("p", gang="g")
        self.waits([member], member, "PodGroup default/g not found")

    def test_absurd_quantities(self):
        absurd = (("eight", "eight"), ("1" * 100, "quantity"))
        with Daemon(NODES) as running:
            for value, mentions in absurd:
                status, answer = running.post(
                    "/api/v1/namespaces/default/pods", pod("p", gpus=0, gang="g", minimum=1) | {
                        "spec": {"containers": [{"resources": {"requests": {"cpu": value}}}]}})
                self.assertEqual(status, 422, answer)
                self.assertIn(mentions, answer["error"])
            self.assertEqual(running.get_json("/api/v1/gangs")["items"], [])
            status, answer = running.filter(pod("ordinary", gpus=1), NAMES)
            self.assertEqual(answer["NodeNames"], NAMES)
        for value, mentions in absurd:
            with self.assertRaises(RuntimeError) as caught:
                Daemon([node("n4", gpus=value)]).__enter__()
            self.assertIn("n4", str(caught.exception))
            self.assertIn(mentions, str(caught.exception))


    def test_boundless_quantities(self):
        """Kubernetes caps them, and no node has so much."""
        for amount in ("99999999999999999999999", "1e400"):
            member = pod("p", gpus=0, gang="g", minimum=1)
            member["spec"]["containers"][0]["resources"]["requests"]["cpu"] = amount
            self.waits([member], member, "short by 1")
        with Daemon([node("n4", gpus="99999999999999999999999")]) as running:
            status, _ = running.filter(pod("ordinary", gpus=1), ["n4"])
            self.assertEqual(status, 200)


class BadCommandLines(unittest.TestCase):
    def run_phalanx(self, *arguments):
        return subprocess.run([os.environ["PHALANX_BIN"], *arguments], capture_output=True,
                              text=True, timeout=600, check=False)

    def test_unknown_configuration_keys(self):
        for text, mentions in (
            ("apiVersion: phalanx.dev/v1alpha1\nkind: Configuration\ngangs: {holdTimout: 1s}\n",
             "gangs.holdTimout"),
            ("apiVersion: phalanx.dev/v1\nkind: Configuration\n", "apiVersion"),
            ("kind: [\n", "line"),
            ("apiVersion: phalanx.dev/v1alpha1\nkind: Configuration\nlog: {level: loud}\n",
             "log.level"),
        ):
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(text)
                file.flush()
                for command in (["check-config", file.name], ["serve", "--config", file.name]):
                    done = self.run_phalanx(*command)
                    self.assertEqual(done.returncode, 2, done)
                    self.assertIn(mentions, done.stderr)

    def test_unknown_commands_and_flags(self):
        for arguments in ([], ["dance"], ["serve", "--dance"], ["serve", "--listen", "nowhere"],
                          ["serve", "--snapshot", "a", "--kubeconfig", "b"], ["plan"]):
            done = self.run_phalanx(*arguments)
            self.assertEqual(done.returncode, 2, done)
            self.assertTrue(done.stderr)

    def test_missing_files(self):
        done = self.run_phalanx("serve", "--snapshot", "/nowhere/at/all")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("/nowhere/at/all", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
