# SPDX-License-Identifier: Apache-2.0
"""A real `phalanx serve --snapshot` for the tests of this folder, and kube-scheduler's side of the wire.

The binary under test is named by the environment variable PHALANX_BIN. Everything is on loopback, every
wait is bounded, and the daemon is ended by its own process id.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

WAIT_SECONDS = 240  # an upper bound for anything that happens; never a measure


def node(name, rack="r0", block="b0", gpus=8, **extra):
    labels = {
        "kubernetes.io/hostname": name,
        "topology.kubernetes.io/rack": rack,
        "network.topology.nvidia.com/block": block,
    }
    resources = {"cpu": "96", "memory": "1Ti", "pods": "110", "nvidia.com/gpu": str(gpus)}
    resources.update(extra)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": resources},
    }


def pod(name, gang=None, gpus=8, minimum=None, namespace="default", **metadata):
    labels = {}
    if gang is not None and minimum is None:
        labels["scheduling.x-k8s.io/pod-group"] = gang
    elif gang is not None:
        labels["pod-group.scheduling.sigs.k8s.io/name"] = gang
        labels["pod-group.scheduling.sigs.k8s.io/min-available"] = str(minimum)
    requests = {"cpu": "1"}
    if gpus > 0:
        requests["nvidia.com/gpu"] = str(gpus)
    described = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "labels": labels,
    }
    described.update(metadata)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": described,
        "spec": {"containers": [{"name": "main", "resources": {"requests": requests}}]},
        "status": {"phase": "Pending"},
    }


def group(name, minimum, namespace="default"):
    return {
        "apiVersion": "scheduling.x-k8s.io/v1alpha1",
        "kind": "PodGroup",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-group-{namespace}-{name}"},
        "spec": {"minMember": minimum},
    }


class Daemon:
    """`with Daemon(objects) as daemon:` runs one; leaving the block drains it and checks its end."""

    def __init__(self, objects, arguments=(), config=None):
        self.objects = objects
        self.arguments = list(arguments)
        self.config = config
        self.port = None
        self.process = None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="phalanx-test-")
        port_file = os.path.join(self.folder.name, "port")
        command = [os.environ["PHALANX_BIN"], "serve", *self.source()]
        command += ["--listen", "127.0.0.1:0", "--port-file", port_file, *self.arguments]
        if self.config is not None:
            path = os.path.join(self.folder.name, "config.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.config)
            command += ["--config", path]
        self.log_path = os.path.join(self.folder.name, "log")
        self.log_file = open(self.log_path, "wb")
        self.process = subprocess.Popen(command, stderr=self.log_file)
        deadline = time.monotonic() + WAIT_SECONDS
        while not os.path.exists(port_file):
            if self.process.poll() is not None or time.monotonic() > deadline:
                if self.process.poll() is None:
                    self.process.kill()
                self.process.wait()
                self.log_file.close()
                log = self.log()
                self.folder.cleanup()
                raise RuntimeError("the daemon did not start:\n" + log)
            time.sleep(0.01)
        with open(port_file, encoding="utf-8") as file:
            self.port = int(file.readline())
        self.wait(self.ready)
        return self

    def source(self):
        """Writes where the daemon has its objects from; returns the arguments that name it."""
        snapshot = os.path.join(self.folder.name, "snapshot.json")
        with open(snapshot, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "List", "items": self.objects}, file)
        return ["--snapshot", snapshot]

    def ready(self):
        return self.get("/readyz")[0] == 200

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "it had to be killed"
        self.log_file.close()
        log = self.log()
        self.folder.cleanup()
        if kind is None and code != 0:
            raise AssertionError(f"the daemon ended with {code}:\n{log}")
        if kind is not None:
            print(log)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()[-8000:]

    def wait(self, condition):
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("waited in vain:\n" + self.log())
            time.sleep(0.01)

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)

    def request(self, method, path, body=None, headers=None):
        connection = self.connection()
        try:
            try:
                connection.request(method, path, body, headers or {})
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all was sent: the answer is there all the same
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def get_json(self, path):
        status, body = self.get(path)
        assert status == 200, (status, body)
        return json.loads(body)

    def post(self, path, value):
        status, body = self.request(
            "POST", path, json.dumps(value), {"Content-Type": "application/json"}
        )
        return status, json.loads(body)

    def raw(self, data, leave=False):
        """Sends bytes as they are and returns all that comes back until the other side closes; with
        `leave` it goes away at once, as a client that died."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_SECONDS) as peer:
            try:
                peer.sendall(data)
            except OSError:
                pass  # refused early: what it said is still to be read
            if leave:
                return b""
            answer = b""
            try:
                while chunk := peer.recv(65536):
                    answer += chunk
            except OSError:
                pass
            return answer

    def filter(self, pod_object, names):
        args = {"Pod": pod_object, "Nodes": None, "NodeNames": names}
        return self.post("/scheduler/filter", args)

    def bind(self, pod_object, node_name):
        metadata = pod_object["metadata"]
        args = {
            "PodName": metadata["name"],
            "PodNamespace": metadata["namespace"],
            "PodUID": metadata["uid"],
            "Node": node_name,
        }
        return self.post("/scheduler/bind", args)

    def gang(self, name, namespace="default"):
        return self.get_json(f"/api/v1/gangs/{namespace}/{name}")

    def bound(self):
        """Pod name to node name of all bound pods, as the cluster has them."""
        pods = self.get_json("/api/v1/pods")["items"]
        return {
            item["metadata"]["name"]: item["spec"]["nodeName"]
            for item in pods
            if item["spec"].get("nodeName")
        }
