# SPDX-License-Identifier: Apache-2.0
"""The bind barrier of the real daemon: many members at once, none before the quorum, all after it."""

import selectors
import socket
import struct
import unittest

import daemon
from daemon import Daemon, node, pod

MEMBERS = 1000


def bind_request(member, node_name):
    body = (
        '{"PodName":"%s","PodNamespace":"default","PodUID":"%s","Node":"%s"}'
        % (member["metadata"]["name"], member["metadata"]["uid"], node_name)
    ).encode()
    head = (
        "POST /scheduler/bind HTTP/1.1\r\nHost: phalanx\r\nContent-Type: application/json\r\n"
        "Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    return head.encode() + body


class Waiters:
    """Bind calls, one connection each, all open at once; answers are gathered as they come."""

    def __init__(self, port):
        self.port = port
        self.selector = selectors.DefaultSelector()
        self.answers = {}

    def call(self, name, request):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=daemon.WAIT_SECONDS)
        peer.sendall(request)
        self.answers[name] = b""
        self.selector.register(peer, selectors.EVENT_READ, name)

    def hang_up(self, name, reset=False):
        """Closes the connection of a call that is still open."""
        key = next(key for key in self.selector.get_map().values() if key.data == name)
        self.selector.unregister(key.fileobj)
        if reset:
            key.fileobj.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        key.fileobj.close()

    def pump(self, seconds):
        """Reads what is there; True while something still comes."""
        ready = self.selector.select(seconds)
        for key, _ in ready:
            data = key.fileobj.recv(65536)
            if data:
                self.answers[key.data] += data
            else:
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
        return bool(ready)

    def finish(self):
        while self.selector.get_map():
            if not self.pump(daemon.WAIT_SECONDS):
                raise AssertionError("%d calls were never answered" % len(self.selector.get_map()))


class Barrier(unittest.TestCase):
    def test_a_thousand_members_at_once(self):
        nodes = [node(f"n{i}", rack=f"r{i // 16}", block=f"b{i // 64}") for i in range(MEMBERS)]
        members = [pod(f"p{i}", gang="train", minimum=MEMBERS) for i in range(MEMBERS)]
        with Daemon(nodes + members) as running:
            plan = {
                item["pod"].split("/")[-1]: item["node"]
                for item in running.gang("train")["assignments"]
            }
            self.assertEqual(len(set(plan.values())), MEMBERS, "one node each")
            waiters = Waiters(running.port)
            for member in members[:-1]:
                name = member["metadata"]["name"]
                waiters.call(name, bind_request(member, plan[name]))
            running.wait(lambda: running.gang("train")["voted"] == MEMBERS - 1)
            while waiters.pump(0):
                pass
            self.assertEqual(
                [name for name, answer in waiters.answers.items() if answer], [],
                "nobody is answered before the quorum has voted")
            self.assertEqual(running.bound(), {})

            last = members[-1]["metadata"]["name"]
            waiters.call(last, bind_request(members[-1], plan[last]))
            waiters.finish()
            refused = {
                name: answer
                for name, answer in waiters.answers.items()
                if not answer.startswith(b"HTTP/1.1 200") or b'"Error":""' not in answer
            }
            self.assertEqual(refused, {})
            self.assertEqual(running.bound(), plan)
            self.assertEqual(running.gang("train")["state"], "Placed")

    def test_deadline_answers_everybody(self):
        members = [pod(f"p{i}", gang="train", minimum=3) for i in range(3)]
        config = "\n".join([
            "apiVersion: phalanx.dev/v1alpha1",
            "kind: Configuration",
            "gangs: {holdTimeout: 1s, backoff: {initial: 1s, maximum: 2s}}",
            "kubernetes: {writePatience: 500ms}",
        ])
        with Daemon([node(f"n{i}") for i in range(3)] + members, config=config) as running:
            plan = {
                item["pod"].split("/")[-1]: item["node"]
                for item in running.gang("train")["assignments"]
            }
            waiters = Waiters(running.port)
            for member in members[:2]:
                name = member["metadata"]["name"]
                waiters.call(name, bind_request(member, plan[name]))
            waiters.finish()  # the third never comes
            for answer in waiters.answers.values():
                self.assertIn(b"HTTP/1.1 200", answer)
                self.assertIn(b"hold expired", answer)
            self.assertEqual(running.bound(), {})

    def test_a_vote_goes_when_its_caller_hangs_up(self):
        members = [pod(f"p{i}", gang="train", minimum=3) for i in range(3)]
        with Daemon([node(f"n{i}") for i in range(3)] + members) as running:
            plan = {
                item["pod"].split("/")[-1]: item["node"]
                for item in running.gang("train")["assignments"]
            }
            waiters = Waiters(running.port)
            requests = {
                member["metadata"]["name"]: bind_request(member, plan[member["metadata"]["name"]])
                for member in members
            }
            for reset in (False, True):
                for name in ("p0", "p1"):
                    waiters.call(name, requests[name])
                running.wait(lambda: running.gang("train")["voted"] == 2)
                for name in ("p0", "p1"):
                    waiters.hang_up(name, reset)
                running.wait(lambda: running.gang("train")["voted"] == 0)
            self.assertEqual(running.gang("train")["state"], "Held", "the plan stands")
            waiters.call("p2", requests["p2"])
            running.wait(lambda: running.gang("train")["voted"] == 1)
            self.assertEqual(running.bound(), {}, "the votes of callers that are gone do not count")
            for name in ("p0", "p1"):
                waiters.call(name, requests[name])
            waiters.finish()
            for answer in waiters.answers.values():
                self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
            self.assertEqual(running.bound(), plan)
            self.assertIn('phalanx_extender_requests_total{verb="bind",code="499"} 4',
                          running.get("/metrics")[1].decode())

    def test_sigterm_answers_everybody(self):
        members = [pod(f"p{i}", gang="train", minimum=3) for i in range(3)]
        with Daemon([node(f"n{i}") for i in range(3)] + members) as running:
            plan = {
                item["pod"].split("/")[-1]: item["node"]
                for item in running.gang("train")["assignments"]
            }
            waiters = Waiters(running.port)
            for member in members[:2]:
                name = member["metadata"]["name"]
                waiters.call(name, bind_request(member, plan[name]))
            running.wait(lambda: running.gang("train")["voted"] == 2)
            running.process.terminate()
            waiters.finish()
            for answer in waiters.answers.values():
                self.assertIn(b"stopping", answer)
            self.assertEqual(running.process.wait(daemon.WAIT_SECONDS), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
