# SPDX-License-Identifier: Apache-2.0
"""kube-scheduler's part, played over real HTTP in its own wire format.

What it does as kube-scheduler v1.36 does (pkg/scheduler/schedule_one.go, extender.go):

- one scheduling cycle at a time: its own filters first (here: resources), then the extender's filter with
  {"Pod": …, "Nodes": null, "NodeNames": […]};
- a nominated node is tried first, alone; only when that fails comes the long list, of which no more
  nodes are sampled than kube-scheduler samples, from where the last cycle stopped;
- binding happens beside it, one call per pod, and may stay open for as long as the extender likes;
- a pod that was refused sleeps until something about itself changes or pods leave the cluster, and
  backs off.

What stands in for the watch is a look at GET /api/v1/pods before each round.
"""

import http.client
import json
import queue
import threading
import time

SUFFIXES = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}
RESOURCES = ("cpu", "memory", "nvidia.com/gpu")
FILTER_TIMEOUT = 5.0
BIND_TIMEOUT = 40.0
BACKOFF = 1.0


def quantity(text):
    for suffix, factor in SUFFIXES.items():
        if text.endswith(suffix):
            return int(text[: -len(suffix)]) * factor
    return int(text)


def key_of(pod):
    return f'{pod["metadata"]["namespace"]}/{pod["metadata"]["name"]}'


def requests_of(pod):
    total = dict.fromkeys(RESOURCES, 0)
    for container in pod["spec"]["containers"]:
        for name, amount in container["resources"]["requests"].items():
            total[name] += quantity(amount)
    return total


class Client:
    """One connection, kept open as Go keeps it."""

    def __init__(self, port, timeout):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def call(self, method, path, body=None, want=200):
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status != want:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.strip()}")
        if answer.getheader("Content-Type", "").startswith("application/json"):
            return json.loads(text)
        return text

    def close(self):
        self.connection.close()


class Scheduler:
    def __init__(self, port, scheduler_name):
        self.port = port
        self.name = scheduler_name
        self.api = Client(port, FILTER_TIMEOUT)
        self.extender = Client(port, FILTER_TIMEOUT)
        self.nodes = {item["metadata"]["name"]: item
                      for item in self.api.call("GET", "/api/v1/nodes")["items"]}
        self.node_names = sorted(self.nodes)
        self.pods = {}
        self.free = {}
        self.start = 0       # where the next cycle begins to look
        self.assumed = {}    # key -> node, while its bind call is open
        self.asleep = {}     # key -> (the pod as it was refused, when to wake at the latest)
        self.refusals = {}   # key -> what the extender said last
        self.filter_seconds = {"one": [], "list": []}
        self.bind_seconds = []
        self.bind_errors = []
        self.votes = set()   # keys whose bind call was sent
        self.answers = queue.Queue()
        self.threads = []

    # --- what the cluster looks like -------------------------------------------------------------

    def refresh(self):
        before = set(self.pods)
        self.pods = {key_of(item): item for item in self.api.call("GET", "/api/v1/pods")["items"]}
        if before - set(self.pods):
            self.asleep.clear()  # pods left: everybody may try again
        self.free = {}
        for name, node in self.nodes.items():
            allocatable = node["status"]["allocatable"]
            self.free[name] = {resource: quantity(allocatable[resource]) for resource in RESOURCES}
        for key, pod in self.pods.items():
            node = pod["spec"].get("nodeName") or self.assumed.get(key)
            if node:
                self.take(node, pod)

    def take(self, node, pod):
        for resource, amount in requests_of(pod).items():
            self.free[node][resource] -= amount

    def fits(self, node, need):
        return all(self.free[node][resource] >= amount for resource, amount in need.items())

    def sample_size(self):
        """numFeasibleNodesToFind with percentageOfNodesToScore 0."""
        count = len(self.node_names)
        if count < 100:
            return count
        return max(100, count * max(5, 50 - count // 125) // 100)

    def sample(self, need):
        names, count = [], len(self.node_names)
        for step in range(count):
            name = self.node_names[(self.start + step) % count]
            if self.fits(name, need):
                names.append(name)
                if len(names) == self.sample_size():
                    break
        self.start = (self.start + step + 1) % count
        return names

    # --- a scheduling cycle ----------------------------------------------------------------------

    def filter(self, pod, names):
        started = time.perf_counter()
        result = self.extender.call("POST", "/scheduler/filter",
                                    {"Pod": pod, "Nodes": None, "NodeNames": names})
        kind = "one" if len(names) == 1 else "list"
        self.filter_seconds[kind].append(time.perf_counter() - started)
        if result.get("Error"):
            raise RuntimeError(f'filter {key_of(pod)}: {result["Error"]}')
        passed = result.get("NodeNames") or []
        if not set(passed) <= set(names):
            raise RuntimeError(f"filter {key_of(pod)}: nodes that were not asked about: {passed}")
        failed = {**(result.get("FailedNodes") or {}),
                  **(result.get("FailedAndUnresolvableNodes") or {})}
        for reason in failed.values():
            self.refusals[key_of(pod)] = reason
        return passed

    def find_node(self, pod):
        need = requests_of(pod)
        nominated = pod.get("status", {}).get("nominatedNodeName")
        if nominated and self.fits(nominated, need) and self.filter(pod, [nominated]):
            return nominated
        names = self.sample(need)
        passed = self.filter(pod, names) if names else []
        return passed[0] if passed else None

    def cycle(self, key, pod):
        node = self.find_node(pod)
        if node is None:
            self.asleep[key] = (pod, time.monotonic() + BACKOFF)
            return
        self.asleep.pop(key, None)
        self.refusals.pop(key, None)
        self.assumed[key] = node
        self.take(node, pod)
        self.votes.add(key)
        thread = threading.Thread(target=self.bind, args=(key, pod, node), daemon=True)
        self.threads.append(thread)
        thread.start()

    def bind(self, key, pod, node):
        """Runs beside the cycles and may take long: the barrier."""
        client = Client(self.port, BIND_TIMEOUT)
        started = time.perf_counter()
        try:
            result = client.call("POST", "/scheduler/bind", {
                "PodName": pod["metadata"]["name"],
                "PodNamespace": pod["metadata"]["namespace"],
                "PodUID": pod["metadata"]["uid"],
                "Node": node,
            })
            error = result.get("Error", "")
        except (OSError, RuntimeError, http.client.HTTPException) as failure:
            error = str(failure)
        client.close()
        self.answers.put((key, error, time.perf_counter() - started))

    def collect(self):
        """Takes in what the bind calls answered."""
        while not self.answers.empty():
            key, error, seconds = self.answers.get()
            self.assumed.pop(key, None)
            self.bind_seconds.append(seconds)
            if error:
                self.bind_errors.append((key, error))
                self.votes.discard(key)

    def wakes(self, key, pod):
        if key not in self.asleep:
            return True
        refused, until = self.asleep[key]
        return refused != pod or time.monotonic() >= until

    def round(self):
        """Looks at the cluster and gives every pod that is up one cycle."""
        self.collect()
        self.refresh()
        for key, pod in sorted(self.pods.items()):
            mine = pod["spec"].get("schedulerName") == self.name
            if mine and not pod["spec"].get("nodeName") and key not in self.assumed:
                if self.wakes(key, pod):
                    self.cycle(key, pod)

    def finish(self):
        for thread in self.threads:
            thread.join(1.0)
        self.collect()
        self.api.close()
        self.extender.close()
