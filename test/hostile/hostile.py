# SPDX-License-Identifier: Apache-2.0
"""A hostile tenant, and everybody else meanwhile: what the tests of this folder share.

A test gives a daemon a cluster (the embedded one, over real HTTP) and lets the tenant of the namespace `hostile`
write whatever a user may write who has all rights on pods and groups of that namespace and none elsewhere. Then

    with Scene(nodes) as scene:
        scene.create(…)             the attack
        scene.everybody_is_served() another tenant's gang of 8 is bound, and an ordinary pod of high priority
        scene.all_as_before()       the tenant's objects are deleted: nothing is left of them

No verdict depends on time: holds last longer than the test waits (LONG_HOLD), so that what is kept off by one is
never served. Times, memory and what `filter` takes are printed, for the report.
"""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

from daemon import Daemon, node, pod  # noqa: E402

HOSTILE, VICTIM = "hostile", "victim"
SERVED = "phalanx"
HEAD = "apiVersion: phalanx.dev/v1alpha1\nkind: Configuration\n"
LONG_HOLD = HEAD + "gangs: {holdTimeout: 590s}\n"
SHORT_HOLD = HEAD + "gangs: {holdTimeout: 6s}\nkubernetes: {writePatience: 3s}\n"  # where holds have to end
FILTER_CALLS = 200
MIB = 1024 * 1024


def nodes(count, gpus=8):
    """Nodes n0, n1, …: two to a rack, eight to a block."""
    return [node(f"n{i}", rack=f"r{i // 2}", block=f"b{i // 8}", gpus=gpus) for i in range(count)]


def member(name, gang, minimum, namespace=HOSTILE, scheduler=SERVED, priority=0, gpus=8, on=None, **metadata):
    """A pod of a gang that its own labels describe."""
    made = pod(name, gang, gpus=gpus, minimum=minimum, namespace=namespace, **metadata)
    return _complete(made, scheduler, priority, on)


def ordinary(name, namespace=VICTIM, scheduler=SERVED, priority=0, gpus=1, on=None, **metadata):
    """A pod without a gang."""
    return _complete(pod(name, gpus=gpus, namespace=namespace, **metadata), scheduler, priority, on)


def gang(name, size, namespace=HOSTILE, minimum=None, **about):
    minimum = size if minimum is None else minimum
    return [member(f"{name}-{i}", name, minimum, namespace, **about) for i in range(size)]


def _complete(made, scheduler, priority, on):
    made["spec"]["schedulerName"] = scheduler
    made["spec"]["priority"] = priority
    if on is not None:
        made["spec"]["nodeName"] = on
        made["status"]["phase"] = "Running"
    return made


class Scene(Daemon):
    """A daemon, what the hostile tenant has created, and kube-scheduler as far as it is needed."""

    def __init__(self, cluster, config=LONG_HOLD, name="attack"):
        super().__init__(cluster, config=config)
        self.names = [item["metadata"]["name"] for item in cluster]
        self.gpus = int(cluster[0]["status"]["allocatable"]["nvidia.com/gpu"])
        self.name = name
        self.created = []
        self.calls = []  # threads of bind calls that wait
        self.served = 0

    def __enter__(self):
        super().__enter__()
        self.before = self.get_json("/api/v1/gangs")
        return self

    # ---- what a tenant may do ----

    def create(self, *objects):
        """Creates or replaces; what the cluster refuses is an error of the test."""
        for item in objects:
            namespace = item["metadata"]["namespace"]
            status, answer = self.post(f"/api/v1/namespaces/{namespace}/pods", item)
            assert status == 201, (status, answer)
            self.created.append((namespace, item["metadata"]["name"]))

    def delete(self, namespace=None):
        """Deletes what was created, in one namespace or in all."""
        for where, name in dict.fromkeys(self.created):
            if namespace is None or where == namespace:
                self.request("DELETE", f"/api/v1/namespaces/{where}/pods/{name}")
        self.created = [item for item in self.created if namespace is not None and item[0] != namespace]

    def state(self, name, namespace, wanted, patience=30):
        """Waits until the gang is in the state; a plan may take several turns."""
        started = time.monotonic()
        while True:
            found = self.gang(name, namespace)["state"]
            if found == wanted:
                return
            if time.monotonic() - started > patience:
                raise AssertionError(f"{namespace}/{name} is {found} and not {wanted}\n" + self.log())
            time.sleep(0.01)

    # ---- kube-scheduler ----

    def try_to_place(self, item):
        """One cycle of kube-scheduler for a pod: the node it is given, or None and why in `refusal`. The bind
        call of a gang's member is answered once all have voted: it waits in a thread of its own."""
        status, answer = self.filter(item, self.names)
        assert status == 200, answer
        found = answer["NodeNames"] or []
        self.refusal = answer["Error"] or "; ".join(sorted(set((answer["FailedNodes"] or {}).values())))
        if not found:
            return None
        call = threading.Thread(target=self.bind, args=(item, found[0]), daemon=True)
        call.start()
        self.calls.append(call)
        return found[0]

    def on(self, items):
        """Node names of those of the pods that are bound."""
        bound = {
            (item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"]["nodeName"]
            for item in self.get_json("/api/v1/pods")["items"] if item["spec"].get("nodeName")
        }
        keys = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]
        return [bound[key] for key in keys if key in bound]

    def place(self, items, patience=30):
        """Cycles until all of the pods are bound: how long that took, in seconds. Fails when they are not."""
        started, voted = time.monotonic(), set()
        while len(self.on(items)) < len(items):
            if time.monotonic() - started > patience:
                raise AssertionError(f"{len(self.on(items))} of {len(items)} pods are bound, the last refusal says: "
                                     f"{self.refusal}\n" + self.log())
            for item in items:
                name = item["metadata"]["name"]
                if name not in voted and self.try_to_place(item) is not None:
                    voted.add(name)
            time.sleep(0.01)
        return time.monotonic() - started

    # ---- everybody else ----

    def everybody_is_served(self, patience=30):
        """An ordinary pod of high priority and another tenant's gang of 8 are bound: prints what that took."""
        self.served += 1
        high = ordinary(f"high-{self.served}", priority=1000, gpus=1)
        self.create(high)
        pod_seconds = self.place([high], patience)
        print(f"\n{self.name}: an ordinary pod of high priority is bound after {pod_seconds:.3f} s", file=sys.stderr)
        eight = gang(f"gang-{self.served}", 8, VICTIM, gpus=4)
        self.create(*eight)
        gang_seconds = self.place(eight, patience)
        print(f"{self.name}: another tenant's gang of 8 is bound after {gang_seconds:.3f} s", file=sys.stderr)
        self.figures("meanwhile")

    def filter_p99(self):
        """Milliseconds that 99 of 100 calls took at most, of an ordinary pod that wants next to nothing."""
        asked, taken = ordinary("asked", gpus=0), []
        for _ in range(FILTER_CALLS):
            started = time.monotonic()
            status, answer = self.filter(asked, self.names)
            taken.append(1000 * (time.monotonic() - started))
            assert status == 200, answer
        return sorted(taken)[FILTER_CALLS * 99 // 100 - 1]

    def memory(self):
        """Resident bytes of the daemon."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            line = next(line for line in file if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def metric(self, name):
        """Sum of a metric over all its labels; None when there is none."""
        _, body = self.get("/metrics")
        values = [line.split()[-1] for line in body.decode().splitlines()
                  if line.split("{")[0].split(" ")[0] == name]
        return sum(map(float, values)) if values else None

    def figures(self, when):
        print(f"{self.name}: {when} resident {self.memory() / MIB:.0f} MiB, filter p99 {self.filter_p99():.1f} ms",
              file=sys.stderr)

    # ---- afterwards ----

    def all_as_before(self):
        """The tenants delete all they made: nobody knows of their gangs, nothing is held, and one gang can have
        all of the cluster."""
        self.delete()
        for call in self.calls:
            call.join(30)
        self.wait(lambda: self.get_json("/api/v1/gangs") == self.before)
        everything = gang("everything", len(self.names), VICTIM, gpus=self.gpus)
        self.create(*everything)
        self.place(everything)
        self.delete()
        self.wait(lambda: self.get_json("/api/v1/gangs") == self.before)
        self.figures("afterwards")
