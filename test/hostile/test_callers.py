# SPDX-License-Identifier: Apache-2.0
"""Hostile callers: whoever reaches a port of the daemon, reads its log, or writes what it prints.

Each test is an attack; what it cost is printed. No verdict depends on time but that an answer comes at all.
"""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from hostile import HEAD, MIB, gang, nodes, ordinary

from api_server import ApiServer, WatchingDaemon
from daemon import WAIT_SECONDS, Daemon, pod

BINARY = os.environ["PHALANX_BIN"]
# A sanitizer keeps what is freed for a while, and puts room around everything.
with open(BINARY, "rb") as program:
    MEMORY = 4 if re.search(rb"__[at]san_init", program.read()) else 1
CERTIFICATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../manifests/options/kubeadm/certificates")
PATIENCE = 60  # an answer that has not come by then never will


class Attacked(Daemon):
    """A daemon, and what it takes to answer meanwhile."""

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(next(line for line in file if line.startswith("VmRSS:")).split()[1]) * 1024

    def processor(self):
        """Seconds of processor time."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, path="/livez", port=None):
        """Seconds an answer took."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=PATIENCE)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        assert status == 200, status
        return time.monotonic() - started

    def say(self, text):
        print(f"\n{text}", file=sys.stderr)

    def serves(self, what):
        """Health and filter answer, and how fast is printed."""
        names = [item["metadata"]["name"] for item in self.objects if item["kind"] == "Node"]
        livez = max(self.ask() for _ in range(20))
        taken = []
        for _ in range(200):
            started = time.monotonic()
            status, _ = self.filter(ordinary("asked", gpus=0), names)
            assert status == 200
            taken.append(time.monotonic() - started)
        self.say(f"{what}: /livez at most {1000 * livez:.1f} ms, filter p99 {1000 * sorted(taken)[197]:.1f} ms, "
                 f"resident {self.memory() / MIB:.0f} MiB")

    def open(self, data):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        peer.sendall(data)
        return peer


def post(path, length, body=b"", more=""):
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode() + body


class Log(unittest.TestCase):
    """The daemon's standard error, and whoever reads it."""

    def flood(self, stderr):
        with tempfile.TemporaryDirectory() as folder:
            snapshot, port = os.path.join(folder, "snapshot"), os.path.join(folder, "port")
            with open(snapshot, "w", encoding="utf-8") as file:
                json.dump({"apiVersion": "v1", "kind": "List", "items": nodes(2)}, file)
            process = subprocess.Popen([BINARY, "serve", "--snapshot", snapshot, "--listen", "127.0.0.1:0",
                                        "--port-file", port], stderr=stderr)
            try:
                while not os.path.exists(port):
                    self.assertIsNone(process.poll())
                    time.sleep(0.01)
                with open(port, encoding="utf-8") as file:
                    number = int(file.read())
                longest = 0
                for _ in range(1500):  # each is a line of some 200 bytes
                    started = time.monotonic()
                    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=PATIENCE)
                    connection.request("POST", "/scheduler/filter", "{}" + " " * 100)
                    self.assertEqual(connection.getresponse().status, 400)
                    connection.close()
                    longest = max(longest, time.monotonic() - started)
                return longest
            finally:
                process.terminate()
                self.assertEqual(process.wait(WAIT_SECONDS), 0)

    def test_nobody_reads_it(self):
        reader, writer = os.pipe()
        longest = self.flood(writer)
        print(f"\na log reader that stands still: the slowest of 1,500 calls took {1000 * longest:.1f} ms", file=sys.stderr)
        os.close(reader)
        os.close(writer)

    def test_its_reader_has_gone(self):
        reader, writer = os.pipe()
        os.close(reader)
        self.flood(writer)
        os.close(writer)

    def test_its_disk_is_full(self):
        with open("/dev/full", "wb") as full:
            self.flood(full)


class Memory(unittest.TestCase):
    def test_unfinished_bodies(self):
        with Attacked(nodes(8)) as running:
            idle = running.memory()
            piece = b" " * (MIB // 4)
            peers = []
            for _ in range(40):
                try:
                    peer = running.open(post("/scheduler/filter", 31 * MIB))
                    peers.append(peer)
                    for _ in range(4 * 30):
                        peer.sendall(piece)
                except OSError:
                    pass  # it was refused, or made way
            most = running.memory()
            running.say(f"40 unfinished bodies of 30 MiB: {idle / MIB:.0f} MiB at rest, {most / MIB:.0f} MiB now")
            running.serves("meanwhile")
            for peer in peers:
                peer.close()
            self.assertLess(most, MEMORY * (2 * idle + 160 * MIB), "server.maxMemory, and what the allocator keeps")

    def test_a_body_that_becomes_a_tree(self):
        with Attacked(nodes(8)) as running:
            idle = running.memory()
            values = ",".join(["{}"] * (10 * MIB))
            body = '{"Pod":{"metadata":{"name":"p","namespace":"d","uid":"u"},"spec":[%s]},"NodeNames":["n0"]}' % values
            status, answer = running.request("POST", "/scheduler/filter", body)
            most = running.memory()
            running.say(f"a Pod of 30 MiB of {{}}: {idle / MIB:.0f} MiB at rest, {most / MIB:.0f} MiB afterwards")
            self.assertEqual(status, 400, answer)
            self.assertIn(b"Pod: ", answer)
            few = ",".join(["{}"] * (MIB // 2))
            status, answer = running.request("POST", "/scheduler/filter", body.replace(values, few))
            self.assertEqual(status, 400, answer)
            self.assertIn(b"values", answer)
            self.assertLess(running.memory(), MEMORY * (2 * idle + 128 * MIB))

    def test_answers_that_nobody_reads(self):
        with Attacked(nodes(2000), config=HEAD + "server: {maxBodySize: 1Mi, maxMemory: 8Mi}\n") as running:
            idle = running.memory()
            peers = [running.open(b"GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(30)]
            running.serves("30 lists of 2,000 nodes that nobody reads")
            most = running.memory()
            self.assertLess(most, MEMORY * (2 * idle + 40 * MIB))
            for peer in peers:
                peer.close()


class Slow(unittest.TestCase):
    def test_the_line_of_a_chunk(self):
        with Attacked(nodes(8)) as running:
            before, started = running.processor(), time.monotonic()
            peer = running.open(b"POST /scheduler/filter HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                peer.sendall(b"5;" + b"x" * 40000)
            except OSError:
                pass
            peer.settimeout(20)
            try:
                while peer.recv(4096):
                    pass
            except ConnectionError:
                pass  # it is closed, if rudely; one that stays open is a timeout, and no ConnectionError
            peer.close()
            running.say(f"a chunk line of 40 KB: {running.processor() - before:.2f} s of processor time in "
                        f"{time.monotonic() - started:.2f} s")
            running.serves("afterwards")

    def test_bytes_that_trickle(self):
        config = HEAD + "server: {timeouts: {header: 1s, body: 1s, idle: 100s}}\n"
        with Attacked(nodes(8), config=config) as running:
            peers = [running.open(b"POST /scheduler/filter HTTP/1.1\r\nX: ") for _ in range(100)]
            peers += [running.open(post("/scheduler/filter", 1000)) for _ in range(100)]
            deadline = time.monotonic() + PATIENCE
            running.serves("200 clients that trickle")
            while peers:
                self.assertLess(time.monotonic(), deadline, f"{len(peers)} may trickle for ever")
                for peer in list(peers):
                    try:
                        peer.send(b"x")
                    except OSError:
                        peer.close()
                        peers.remove(peer)
                time.sleep(0.2)


class Waiting(unittest.TestCase):
    """Fewer connections than members."""

    CONFIG = HEAD + "server: {maxConnections: 64}\ngangs: {holdTimeout: 590s}\n"

    def test_more_members_than_may_wait(self):
        with Attacked(nodes(100) + gang("large", 80), config=self.CONFIG) as running:
            reason = running.gang("large", "hostile")["reason"]
            self.assertEqual(reason, "gang hostile/large waits: 80 of its pods have to start together, and no more than 54 "
                                     "bind calls may wait at once (server.maxConnections)")
            running.serves("a gang of 80 with 64 connections")

    def test_gangs_that_wait_together(self):
        cluster = nodes(100)
        members = [item for name in ("a", "b", "c") for item in gang(name, 30)]
        with Attacked(cluster + members, config=self.CONFIG) as running:
            calls, answers = [], []
            for name in ("a", "b", "c"):
                placed = {item["pod"].split("/")[-1]: item["node"] for item in running.gang(name, "hostile")["assignments"]}
                for member in gang(name, 30)[:29]:  # the last one never comes
                    where = placed[member["metadata"]["name"]]
                    call = threading.Thread(target=lambda m=member, w=where: answers.append(running.bind(m, w)), daemon=True)
                    call.start()
                    calls.append(call)
            running.wait(lambda: len(answers) >= 3 * 29 - 54)
            running.serves("87 members that wait, with 64 connections")
            self.assertEqual(len(answers), 3 * 29 - 54)
            for status, answer in answers:
                self.assertEqual(status, 200)
                self.assertIn("server.maxConnections", answer["Error"])

    def test_no_descriptors(self):
        with Attacked(nodes(8)) as running:
            limit = len(os.listdir(f"/proc/{running.process.pid}/fd")) + 5
            subprocess.run(["prlimit", f"--pid={running.process.pid}", f"--nofile={limit}:{limit}"], check=True)
            peers = [running.open(b"") for _ in range(30)]
            time.sleep(0.5)
            before, started = running.processor(), time.monotonic()
            time.sleep(1)
            busy = (running.processor() - before) / (time.monotonic() - started)
            running.say(f"no descriptors left: {100 * busy:.0f} % of a processor")
            for peer in peers:
                peer.close()
            running.serves("afterwards")


class Bind(unittest.TestCase):
    """A call that no kube-scheduler makes."""

    def test_who_is_bound_where(self):
        cluster = nodes(4) + [ordinary("mine"), ordinary("other", scheduler="default-scheduler")]
        with Attacked(cluster) as running:
            mine, other = ordinary("mine"), ordinary("other", scheduler="default-scheduler")
            error = lambda item, node: running.bind(item, node)[1]["Error"]  # noqa: E731
            self.assertIn("no filter call has asked", error(mine, "n0"))
            status, answer = running.filter(mine, ["n1", "n2"])
            self.assertEqual((status, answer["NodeNames"]), (200, ["n1", "n2"]))
            self.assertIn("has not passed the last filter call", error(mine, "n0"))
            self.assertIn("has not passed", error(mine, "nowhere"))
            running.filter(other, ["n1"])
            self.assertIn("schedulerName is not served", error(other, "n1"))
            renamed = json.loads(json.dumps(mine))
            renamed["metadata"]["name"] = "other"
            self.assertIn("has another name", error(renamed, "n1"))
            self.assertIn("is not known", error(ordinary("forged"), "n1"))
            self.assertEqual(running.bound(), {})
            self.assertEqual(error(mine, "n1"), "")
            self.assertEqual(running.bound(), {"mine": "n1"})

    def test_names_that_are_paths(self):
        with Attacked(nodes(2)) as running:
            good = {"PodName": "p", "PodNamespace": "d", "PodUID": "u", "Node": "n0"}
            for member, value in (("PodNamespace", ".."), ("PodName", "../../secrets"), ("PodName", "a/binding"),
                                  ("Node", "n0?dryRun=All"), ("PodNamespace", "%2e%2e"), ("PodUID", "u\u001b[2J"),
                                  ("PodName", "x" * 300), ("PodName", "A")):
                status, answer = running.post("/scheduler/bind", {**good, member: value})
                self.assertEqual(status, 400, (member, value))
                self.assertIn(f"{member}: ", answer["error"])
            for name in ("..", "a/b", "a\u001bb", ""):
                forged = ordinary("x", namespace="d")
                forged["metadata"]["name"] = name
                status, answer = running.filter(forged, ["n0"])
                self.assertEqual(status, 400, name)


class Access(unittest.TestCase):
    """Who may call, and what the daemon does not start with."""

    def refused(self, config, says, environment=None, arguments=("--listen", "127.0.0.1:0")):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("config", HEAD + config), ("snapshot", '{"apiVersion":"v1","kind":"List","items":[]}')):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            run = subprocess.run(
                [BINARY, "serve", "--snapshot", folder + "/snapshot", "--config", folder + "/config", *arguments],
                capture_output=True, text=True, timeout=PATIENCE, check=False, env={**os.environ, **(environment or {})})
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn(says, run.stderr)

    def test_what_it_does_not_start_with(self):
        self.refused("server: {listen: '0.0.0.0:0'}", "server.listen: 0.0.0.0 can be reached from elsewhere", arguments=())
        self.refused("", "server.listen: 0.0.0.0 can be reached", arguments=("--listen", "0.0.0.0:0"))
        node = {"PHALANX_POD_IP": "10.1.1.1", "PHALANX_HOST_IP": "10.1.1.1"}
        self.refused("", "this pod shares the network of its node", node)
        self.refused("server: {tls: {certificateFile: a}}", "server.tls.keyFile: is missing")
        with Attacked(nodes(1), config=HEAD + "server: {allowUnauthenticated: true}\n") as running:
            running.ask()

    def test_mutual_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            make = lambda where: subprocess.run([CERTIFICATES, where], check=True)  # noqa: E731
            make(folder)
            make(folder + "/foreign")
            config = (HEAD + f"server: {{tls: {{certificateFile: {folder}/server.crt, keyFile: {folder}/server.key, "
                      f"clientCAFile: {folder}/ca.crt, clientNames: ['system:kube-scheduler']}}}}\n")
            with Secure(nodes(4), folder, config=config, arguments=["--operations", "127.0.0.1:0"]) as running:
                self.assertEqual(running.call("client").status, 200)
                for name in (None, "foreign/client", "server"):
                    with self.assertRaises((ssl.SSLError, ConnectionError, http.client.HTTPException), msg=name):
                        running.call(name)
                with self.assertRaises((ConnectionError, http.client.HTTPException)):
                    running.plain()
                failed, stop, calls = [], threading.Event(), [0]

                def keep_calling():
                    connection = running.connection("client")
                    while not stop.is_set():
                        try:
                            if running.call("client", connection).status != 200:
                                failed.append("status")
                        except Exception as error:  # noqa: BLE001
                            failed.append(error)
                            connection = running.connection("client")
                        calls[0] += 1

                callers = [threading.Thread(target=keep_calling) for _ in range(4)]
                for caller in callers:
                    caller.start()
                for _ in range(4):
                    make(folder)  # new certificates of the same CA
                    time.sleep(1.5)
                stop.set()
                for caller in callers:
                    caller.join()
                running.say(f"mutual TLS: {calls[0]} calls while the certificates were renewed 4 times, {len(failed)} failed")
                self.assertEqual(failed, [])

    def test_operations_apart(self):
        config = HEAD + "server: {operations: {listen: '0.0.0.0:0'}}\n"
        with Attacked(nodes(1)) as running:
            for path in ("/livez", "/metrics", "/api/v1/gangs"):
                self.assertEqual(running.get(path)[0], 200)
        with Apart(nodes(1), config=config) as running:
            self.assertEqual(running.get("/livez")[0], 404)
            self.assertEqual(running.get("/api/v1/gangs")[0], 404)
            self.assertEqual(running.operations("/livez"), 200)
            self.assertEqual(running.operations("/metrics"), 200)
            self.assertEqual(running.operations("/api/v1/gangs"), 401)
            self.assertEqual(running.operations("/scheduler/filter"), 401)


class Crowded(unittest.TestCase):
    """More connections than there may be, whose owners say nothing; probes must get through."""

    def probe(self, running, port, crowd):
        """The slowest of 20 probes, while the crowd connects anew whenever it is cut off."""
        peers, slowest = [], 0
        try:
            for _ in range(20):
                for peer in peers:
                    peer.close()
                peers = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(crowd)]
                slowest = max(slowest, running.ask("/livez", port))
        finally:
            for peer in peers:
                peer.close()
        return slowest

    def test_silent_clients_of_operations(self):
        with Apart(nodes(1), arguments=["--operations", "127.0.0.1:0"]) as running:
            slowest = self.probe(running, running.operations_port(), 600)
            running.say(f"600 silent clients of operations, 256 places: /livez after {1000 * slowest:.0f} ms at most")

    def test_bodies_that_never_come(self):
        with Apart(nodes(1), arguments=["--operations", "127.0.0.1:0"]) as running:
            peers = [socket.create_connection(("127.0.0.1", running.operations_port())) for _ in range(300)]
            for peer in peers:
                peer.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
            taken = running.ask("/livez", running.operations_port())
            running.say(f"300 bodies that never come: /livez after {1000 * taken:.0f} ms")
            for peer in peers:
                peer.close()

    def test_silent_clients_of_a_full_port(self):
        config = HEAD + "server: {maxConnections: 64}\n"
        with Attacked(nodes(1), config=config) as running:
            slowest = self.probe(running, running.port, 300)
            running.say(f"300 silent clients, 64 places: /livez after {1000 * slowest:.0f} ms at most")

    def test_silent_strangers_beside_a_certificate(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([CERTIFICATES, folder], check=True)
            config = (HEAD + f"server: {{maxConnections: 64, tls: {{certificateFile: {folder}/server.crt, "
                      f"keyFile: {folder}/server.key, clientCAFile: {folder}/ca.crt}}}}\n")
            with Secure(nodes(4), folder, config=config, arguments=["--operations", "127.0.0.1:0"]) as running:
                known = running.connection("client")  # it has been verified, and idles
                self.assertEqual(running.call("client", known).status, 200)
                socket_before = known.sock
                strangers = [socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE) for _ in range(300)]
                started = time.monotonic()
                self.assertEqual(running.call("client").status, 200)
                taken = time.monotonic() - started
                self.assertEqual(running.call("client", known).status, 200)
                self.assertIs(known.sock, socket_before, "strangers go first")
                running.say(f"300 silent strangers, 64 places: a call with a certificate after {1000 * taken:.0f} ms")
                for stranger in strangers:
                    stranger.close()


class Apart(Attacked):
    """Operations have their own listener; readiness is asked there."""

    def operations_port(self):
        with open(os.path.join(self.folder.name, "port"), encoding="utf-8") as file:
            return int(file.read().split()[1])

    def operations(self, path):
        port = self.operations_port()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", path)
        return connection.getresponse().status

    def ready(self):
        return self.operations("/readyz") == 200


class Secure(Apart):
    def __init__(self, objects, certificates, **more):
        super().__init__(objects, **more)
        self.certificates = certificates

    def connection(self, name=None):
        context = ssl.create_default_context(cafile=self.certificates + "/ca.crt")
        if name is not None:
            path = os.path.join(self.certificates, name)
            context.load_cert_chain(path + ".crt", path + ".key")
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=context)

    def call(self, name, connection=None):
        connection = connection or self.connection(name)
        args = {"Pod": ordinary("asked", gpus=0), "Nodes": None, "NodeNames": ["n0"]}
        connection.request("POST", "/scheduler/filter", json.dumps(args))
        response = connection.getresponse()
        response.read()
        return response

    def plain(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", "/scheduler/filter", "{}")
        return connection.getresponse()


class Strangers(unittest.TestCase):
    """Operations of a daemon with an API server, asked by everybody."""

    def setUp(self):
        self.server = ApiServer().__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.server.lists["nodes"] = [json.dumps(item) for item in nodes(2)]
        secret = pod("secret-name", resourceVersion="1")
        secret["spec"]["tolerations"] = 7
        self.server.lists["pods"] = [json.dumps(secret)]

    def asked(self, listen, path, body=None):
        with ApartWatching(self.server, f"server: {{operations: {{listen: '{listen}'}}}}\n") as running:
            return running.operations(path, body)

    def test_names_are_for_those_who_may_know_them(self):
        status, answer = self.asked("127.0.0.1:0", "/readyz?verbose")
        self.assertEqual(status, 200)
        self.assertIn("1 object is not read: default/secret-name", answer)
        status, answer = self.asked("0.0.0.0:0", "/readyz?verbose")
        self.assertEqual(status, 200)
        self.assertIn("; 1 object is not read\n", answer)
        self.assertNotIn("secret", answer)

    def test_operations_take_no_large_bodies(self):
        self.assertEqual(self.asked("127.0.0.1:0", "/livez", b"x" * MIB)[0], 413)


class ApartWatching(WatchingDaemon):
    def operations(self, path, body=None):
        with open(os.path.join(self.folder.name, "port"), encoding="utf-8") as file:
            port = int(file.read().split()[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            try:
                connection.request("GET" if body is None else "POST", path, body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all was sent: the answer is there all the same
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def ready(self):
        return self.operations("/readyz")[0] == 200


class Terminal(unittest.TestCase):
    def test_names_that_are_orders_to_a_terminal(self):
        evil = nodes(1)[0]
        evil["metadata"]["name"] = "n\u001b]0;title\u0007\u009b2J\u007f"
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/snapshot", "w", encoding="utf-8") as file:
                json.dump({"apiVersion": "v1", "kind": "List", "items": [evil]}, file)
            for arguments in (["topology", "--snapshot", folder + "/snapshot", "-o", "tree"],
                              ["check-config", "no\u001b[31m"], ["\u001b[31m"]):
                run = subprocess.run([BINARY, *arguments], capture_output=True, timeout=PATIENCE, check=False)
                text = (run.stdout + run.stderr).decode()
                self.assertEqual([c for c in text if ord(c) < 32 and c not in "\n\t" or 127 <= ord(c) < 160], [], text)
                self.assertIn("\\u001b", text)


if __name__ == "__main__":
    unittest.main()
