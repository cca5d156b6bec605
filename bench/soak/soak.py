#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many gangs through one daemon: does it end as it began?

    soak.py [--gangs 100000] [--warm 20000] [--seed 1]

Starts `phalanx serve` on an embedded cluster and plays kube-scheduler as fast as one process can: gangs of 1 to 4
pods are created, filtered, bound and deleted. On the way there is churn of every kind the daemon sees in its life:

    gangs given up before their quorum exists        members that kube-scheduler's own filters refuse (a veto)
    callers that hang up while at the barrier        a call repeated while the first one waits
    pods without a gang                              connections closed and made anew

Memory (RSS) and descriptors are read from /proc every thousandth part. After the warm-up nothing may grow: the
median of the last tenth is compared with the median of the tenth after the warm-up, in percent. Exit code 1 when
memory differs by more than 1 % or a descriptor is left. Names are reused as a cluster reuses them; uids are not.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time

NODES, RACK = 64, 8
NAMES = 200  # names in turn; few, so that all have come up when the warm-up is over
TIMEOUT = 60


def snapshot():
    items = []
    for i in range(NODES):
        capacity = {"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": "8", "pods": "110"}
        items.append({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": f"n{i:02d}", "labels": {
                "kubernetes.io/hostname": f"n{i:02d}",
                "topology.kubernetes.io/rack": f"r{i // RACK}"}},
            "status": {"capacity": capacity, "allocatable": capacity}})
    return {"apiVersion": "v1", "kind": "List", "items": items}


def pod(name, gang, minimum, gpus):
    labels = {} if gang is None else {
        "pod-group.scheduling.sigs.k8s.io/name": gang,
        "pod-group.scheduling.sigs.k8s.io/min-available": str(minimum)}
    resources = {"requests": {"cpu": "8"}, "limits": {"nvidia.com/gpu": str(gpus)}}
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "soak", "labels": labels},
            "spec": {"schedulerName": "phalanx",
                     "containers": [{"name": "main", "image": "x", "resources": resources}]}}


class Wire:
    """One connection that is kept, with as little between us and the socket as possible."""

    def __init__(self, port):
        self.port = port
        self.socket = None
        self.rest = b""

    def send(self, method, path, body=None):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.rest = b""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)

    def receive(self):
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        end = lower.find(b"\r\n", start)
        length = int(lower[start:end if end > 0 else None])
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(head.split(b" ", 2)[1]), body

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError("the daemon closed the connection")
        self.rest += data

    def call(self, method, path, body=None, want=(200, 201)):
        self.send(method, path, body)
        status, text = self.receive()
        if status not in want:
            raise RuntimeError(f"{method} {path}: {status} {text[:300]!r}")
        return text

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Soak:
    def __init__(self, port, seed):
        self.port = port
        self.random = random.Random(seed)
        self.wires = [Wire(port) for _ in range(8)]
        self.names = [f"n{i:02d}" for i in range(NODES)]
        self.alive = []  # gangs whose pods stand in the cluster
        self.number = 0
        self.counts = dict.fromkeys(("gangs", "pods", "bound", "vetoes", "given up", "hung up", "repeated",
                                     "reconnected", "ordinary"), 0)

    def create(self, name, gang, minimum, gpus):
        made = json.loads(self.wires[0].call("POST", "/api/v1/namespaces/soak/pods", pod(name, gang, minimum, gpus)))
        self.counts["pods"] += 1
        return made

    def delete(self, name):
        self.wires[0].call("DELETE", f"/api/v1/namespaces/soak/pods/{name}")

    def filter(self, made, nodes):
        result = json.loads(self.wires[0].call("POST", "/scheduler/filter",
                                               {"Pod": made, "Nodes": None, "NodeNames": nodes}))
        if result.get("Error"):
            raise RuntimeError(f"filter: {result['Error']}")
        return result.get("NodeNames") or []

    def bind_body(self, made, node):
        metadata = made["metadata"]
        return {"PodName": metadata["name"], "PodNamespace": "soak", "PodUID": metadata["uid"], "Node": node}

    def refuse_once(self, made, passed):
        """kube-scheduler tried the nominated node, and its own filters said no."""
        tried = dict(made, status={"nominatedNodeName": passed[0]})
        self.counts["vetoes"] += 1
        return self.filter(tried, [name for name in self.names if name != passed[0]])

    def bind_all(self, members):
        """All bind calls at once: each waits for the others. True when all are bound."""
        chance = self.random.random()
        for wire, (made, node) in zip(self.wires[1:], members):
            wire.send("POST", "/scheduler/bind", self.bind_body(made, node))
            if chance < 0.02 and len(members) > 1:  # the first caller hangs up while the others are still to come
                wire.close()
                self.counts["hung up"] += 1
                chance = 1
                wire.send("POST", "/scheduler/bind", self.bind_body(made, node))
            elif chance < 0.04 and len(members) > 1:  # asks again while the first call waits
                self.wires[7].send("POST", "/scheduler/bind", self.bind_body(made, node))
                self.counts["repeated"] += 1
                chance = 2
        bound = True
        for wire, _ in zip(self.wires[1:], members):
            status, text = wire.receive()
            error = json.loads(text).get("Error")
            if status != 200 or (error and chance != 2):
                bound = False
        if chance == 2:
            self.wires[7].receive()
        self.counts["bound"] += bound
        return bound

    def ordinary(self):
        name = f"plain-{self.number % NAMES}"
        made = self.create(name, None, 0, 1)
        passed = self.filter(made, self.names)
        if passed:
            self.wires[1].send("POST", "/scheduler/bind", self.bind_body(made, self.random.choice(passed)))
            self.wires[1].receive()
        self.delete(name)
        self.counts["ordinary"] += 1

    def gang(self):
        number = self.number
        self.number += 1
        self.counts["gangs"] += 1
        gang = f"g{number % NAMES}"
        count = self.random.choice((1, 2, 2, 3, 4))
        gpus = self.random.choice((1, 2, 4, 8))
        members = [self.create(f"{gang}-{i}", gang, count, gpus) for i in range(count)]
        names = [f"{gang}-{i}" for i in range(count)]
        if self.random.random() < 0.05:  # nobody waits for it any more
            self.counts["given up"] += 1
            for name in names:
                self.delete(name)
            return
        placed = []
        for i, made in enumerate(members):
            passed = self.filter(made, self.names)
            if passed and i == 0 and self.random.random() < 0.05:
                passed = self.refuse_once(made, passed)
            if passed:
                placed.append((made, passed[0]))
        if len(placed) == count:
            # A veto may have moved members that were asked before it.
            placed = [(made, (self.filter(made, self.names) or [node])[0]) for made, node in placed]
            self.bind_all(placed)
        self.alive.append(names)
        while len(self.alive) > 12:
            for name in self.alive.pop(self.random.randrange(len(self.alive))):
                self.delete(name)
        if self.random.random() < 0.1:
            self.ordinary()
        if self.random.random() < 0.02:
            self.wires[self.random.randrange(len(self.wires))].close()
            self.counts["reconnected"] += 1

    def finish(self):
        for names in self.alive:
            for name in names:
                self.delete(name)
        self.alive = []


def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Rss:"):
                return int(line.split()[1])
    raise RuntimeError("no Rss")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait_ready(port, process):
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError("the daemon ended")
        try:
            wire = Wire(port)
            wire.call("GET", "/readyz")
            wire.close()
            return
        except (OSError, RuntimeError):
            time.sleep(0.05)
    raise RuntimeError("the daemon is not ready")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(options, process, port):
    soak = Soak(port, options.seed)
    samples = []
    every = max(1, options.gangs // 1000)
    started = time.monotonic()
    for i in range(options.gangs):
        soak.gang()
        if i >= options.warm and i % every == 0:
            samples.append((memory(process.pid), descriptors(process.pid)))
        if (i + 1) % (options.gangs // 10) == 0:
            print(f"{i + 1:>8} gangs  {time.monotonic() - started:6.0f} s  {memory(process.pid)} KiB  "
                  f"{descriptors(process.pid)} descriptors", flush=True)
    soak.finish()
    print(", ".join(f"{value} {name}" for name, value in soak.counts.items()))
    if soak.counts["bound"] < options.gangs // 2:
        raise RuntimeError("hardly any gang was bound: this soak proves nothing")
    tenth = max(1, len(samples) // 10)
    first = statistics.median(rss for rss, _ in samples[:tenth])
    last = statistics.median(rss for rss, _ in samples[-tenth:])
    fds = [statistics.median(count for _, count in part) for part in (samples[:tenth], samples[-tenth:])]
    change = 100 * (last - first) / first
    print(f"memory after warm-up {first:.0f} KiB, at the end {last:.0f} KiB: {change:+.2f} %")
    for wire in soak.wires:
        wire.close()
    time.sleep(0.5)
    left = descriptors(process.pid)
    print(f"descriptors after warm-up {fds[0]:.0f}, at the end {fds[1]:.0f}, with all callers gone {left}")
    return abs(change) <= 1 and fds[1] <= fds[0] + len(soak.wires) and left <= options.idle


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--gangs", type=int, default=100000)
    parser.add_argument("--warm", type=int, default=20000, help="gangs before memory is looked at")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    binary = os.environ.get("PHALANX_BIN", "build/phalanx")
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "cluster.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(snapshot(), file)
        with open(os.path.join(directory, "log"), "w+", encoding="utf-8") as log:
            process = subprocess.Popen([binary, "serve", "--snapshot", path, "--listen", f"127.0.0.1:{port}"],
                                       stderr=log)
            try:
                wait_ready(port, process)
                time.sleep(0.5)
                options.idle = descriptors(process.pid)
                good = run(options, process, port)
            finally:
                process.terminate()
                code = process.wait(30)
            if code != 0:
                print(f"the daemon ended with {code}")
                good = False
    print("steady" if good else "NOT STEADY")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
