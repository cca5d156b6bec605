#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo: `phalanx serve` on a cluster in memory, and three jobs.

    demo.py [--phalanx build/phalanx]

1. a PyTorch job of 16 nodes: bound all at once, in the one leaf that has room for it;
2. a job that cannot fit: waits, and says why;
3. a job that needs a whole NVL72 rack: waits for two notebooks, and is bound when they are gone.

Ends by itself. Exit code 0 when everything was as it must be, 1 with the reason otherwise.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from http.client import HTTPException

sys.dont_write_bytecode = True

import cluster  # noqa: E402
from scheduler import Client, Scheduler, key_of  # noqa: E402

SCHEDULER = "phalanx"
WAIT_SECONDS = 15.0
ROUND_PAUSE = 0.02
LEAF = "fabric.topograph.run/tier-0"
GROUPS = "/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{}/podgroups"


class Failed(Exception):
    pass


def check(holds, text):
    if not holds:
        raise Failed(text)


def say(text="", indent=3):
    """Prints a paragraph, wrapped."""
    if not text:
        print()
        return
    print(textwrap.fill(text, 80, initial_indent=" " * indent,
                        subsequent_indent=" " * indent, break_long_words=False,
                        break_on_hyphens=False))


def title(number, text):
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{number}  {text}{plain}")


def milliseconds(seconds, share):
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


class Server:
    """`phalanx serve` as a child process."""

    def __init__(self, phalanx, directory):
        snapshot = os.path.join(directory, "cluster.json")
        self.port_file = os.path.join(directory, "port")
        self.log_path = os.path.join(directory, "phalanx.log")
        with open(snapshot, "w", encoding="utf-8") as file:
            cluster.json.dump(cluster.cluster(), file)
        self.log = open(self.log_path, "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [phalanx, "serve", "--snapshot", snapshot, "--listen", "127.0.0.1:0",
             "--port-file", self.port_file], stderr=self.log)
        self.port = 0

    def wait_ready(self):
        deadline = time.monotonic() + WAIT_SECONDS
        while not os.path.exists(self.port_file):
            check(self.process.poll() is None, "phalanx serve ended at once")
            check(time.monotonic() < deadline, "phalanx serve does not listen")
            time.sleep(0.005)
        with open(self.port_file, encoding="utf-8") as file:
            self.port = int(file.read())
        client = Client(self.port, WAIT_SECONDS)
        while True:
            try:
                client.call("GET", "/readyz")
                break
            except RuntimeError:
                check(time.monotonic() < deadline, "phalanx serve does not get ready")
                time.sleep(0.005)
        client.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.log.close()

    def log_tail(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()[-4000:]


class Gang:
    """A job: its group and its pods, as their controllers would create them."""

    def __init__(self, namespace, name, size, gpus, cpus, required=None, pytorch=False):
        self.namespace, self.name, self.size = namespace, name, size
        self.gpus, self.cpus = gpus, cpus
        self.required, self.pytorch = required, pytorch
        self.keys = [key_of(self.pod(index)) for index in range(size)]

    def group(self):
        metadata = {"namespace": self.namespace, "name": self.name}
        if self.required:
            metadata["annotations"] = {"phalanx.dev/required-topology": self.required}
        return {"apiVersion": "scheduling.x-k8s.io/v1alpha1", "kind": "PodGroup",
                "metadata": metadata, "spec": {"minMember": self.size}}

    def pod(self, index):
        labels = {"scheduling.x-k8s.io/pod-group": self.name}
        if self.pytorch:
            role, number = ("master", 0) if index == 0 else ("worker", index - 1)
            name = f"{self.name}-{role}-{number}"
            labels["training.kubeflow.org/job-name"] = self.name
            labels["training.kubeflow.org/replica-type"] = role
            labels["training.kubeflow.org/replica-index"] = str(number)
        else:
            name = f"{self.name}-{index}"
            labels["batch.kubernetes.io/job-completion-index"] = str(index)
        requests = {"cpu": str(self.cpus), "memory": "256Gi", "nvidia.com/gpu": str(self.gpus)}
        return {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": self.namespace, "name": name, "labels": labels},
            "spec": {"schedulerName": SCHEDULER,
                     "containers": [{"name": "pytorch", "image": "example.com/train",
                                     "resources": {"requests": requests,
                                                   "limits": {"nvidia.com/gpu": str(self.gpus)}}}]},
        }

    def path(self):
        return f"/api/v1/gangs/{self.namespace}/{self.name}"


class Demo:
    def __init__(self, server):
        self.server = server
        self.scheduler = Scheduler(server.port, SCHEDULER)
        self.api = self.scheduler.api
        self.gangs = []

    def submit_group(self, gang):
        self.gangs.append(gang)
        self.api.call("POST", GROUPS.format(gang.namespace), gang.group(), want=201)

    def submit_pods(self, gang, first, end):
        for index in range(first, end):
            self.api.call("POST", f"/api/v1/namespaces/{gang.namespace}/pods", gang.pod(index),
                          want=201)

    def bound(self, gang):
        return [key for key in gang.keys
                if self.scheduler.pods.get(key, {}).get("spec", {}).get("nodeName")]

    def look(self):
        """One round of kube-scheduler, and the promise that must hold after each of them."""
        self.scheduler.round()
        for gang in self.gangs:
            votes = sum(key in self.scheduler.votes for key in gang.keys)
            check(not self.bound(gang) or votes == gang.size,
                  f"{gang.name}: {len(self.bound(gang))} pods bound with {votes} of "
                  f"{gang.size} votes")

    def run_until(self, holds, what):
        started = time.monotonic()
        while True:
            self.look()
            if holds():
                return time.monotonic() - started
            check(time.monotonic() - started < WAIT_SECONDS, f"waited in vain: {what}")
            time.sleep(ROUND_PAUSE)

    def run_for(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()
            time.sleep(ROUND_PAUSE)

    def run_until_bound(self, gang):
        """All pods bound, and all bind calls answered."""
        return self.run_until(
            lambda: len(self.bound(gang)) == gang.size and not self.scheduler.assumed,
            f"{gang.name} is bound")

    def view(self, gang):
        return self.api.call("GET", gang.path())

    def show_tree(self, gang):
        for line in self.api.call("GET", gang.path() + "?output=tree").rstrip().split("\n"):
            print("   " + line)

    def places(self, gang, label):
        nodes = [self.scheduler.pods[key]["spec"]["nodeName"] for key in gang.keys]
        return {self.scheduler.nodes[node]["metadata"]["labels"].get(label) for node in nodes}

    # --- the story --------------------------------------------------------------------------------

    def show_cluster(self, seconds):
        self.scheduler.refresh()
        nodes = self.scheduler.nodes.values()
        gpus = sum(int(node["status"]["allocatable"]["nvidia.com/gpu"]) for node in nodes)
        free = sum(free["nvidia.com/gpu"] for free in self.scheduler.free.values())
        print(f"Phalanx on {len(nodes)} nodes with {gpus} GPUs, {gpus - free} of them in use "
              f"by {len(self.scheduler.pods)} pods")
        say("160 boxes with 8 GPUs in 8 leaves, and 8 NVL72 racks of 18 trays with 4. The cluster "
            "is in memory; kube-scheduler is played by this script, in its wire format, at "
            f"http://127.0.0.1:{self.server.port} (ready after {seconds:.2f} s).")

    def free_boxes(self):
        """Entirely free 8-GPU boxes by leaf."""
        leaves = {}
        for name, node in self.scheduler.nodes.items():
            leaf = node["metadata"]["labels"][LEAF]
            if node["status"]["allocatable"]["nvidia.com/gpu"] == "8":
                leaves.setdefault(leaf, [])
                if self.scheduler.free[name]["nvidia.com/gpu"] == 8:
                    leaves[leaf].append(name)
        return leaves

    def pytorch_job(self):
        gang = Gang("research", "llama", 16, 8, 96, pytorch=True)
        title(1, "A PyTorch job: 16 pods with 8 GPUs each, all or none")
        leaves = self.free_boxes()
        free = sorted(name for names in leaves.values() for name in names)
        naive = {leaf for leaf, names in leaves.items() if set(names) & set(free[:gang.size])}
        say(f"{len(free)} boxes are entirely free: " +
            ", ".join(f"{len(names)}\u00a0in\u00a0{leaf}" for leaf, names in sorted(leaves.items())) +
            f". One by one any of them would do; the first {gang.size} by name lie in "
            f"{len(naive)} leaves.")
        self.submit_group(gang)
        self.submit_pods(gang, 0, gang.size - 1)
        self.run_for(0.2)
        check(not self.bound(gang), "a pod was bound before the last one existed")
        say(f"15 pods are there, none is bound: {self.scheduler.refusals[gang.keys[0]]}.")
        started = time.monotonic()
        self.submit_pods(gang, gang.size - 1, gang.size)
        self.run_until_bound(gang)
        say(f"The last pod comes: 16 of 16 bound {time.monotonic() - started:.2f} s later.")
        say()
        self.show_tree(gang)
        view = self.view(gang)
        check(view["boundPods"] == gang.size and view["state"] == "Placed", "llama is not placed")
        check(self.places(gang, LEAF) == {"leaf-03"}, f"llama lies in {self.places(gang, LEAF)}")

    def job_that_cannot_fit(self):
        gang = Gang("vision", "diffusion", 24, 8, 96, required="leaf")
        title(2, "A job that cannot fit: 24 boxes, required in one leaf")
        self.submit_group(gang)
        self.submit_pods(gang, 0, gang.size)
        self.run_until(lambda: self.view(gang)["state"] == "Waiting" and
                       all(key in self.scheduler.refusals for key in gang.keys),
                       "diffusion waits")
        view = self.view(gang)
        check(not view["feasible"] and view["reason"], "diffusion has no reason to wait")
        told = {self.scheduler.refusals[key] for key in gang.keys}
        check(told == {view["reason"]}, f"diffusion's pods were told {told}")
        say(view["reason"] + ".")
        say(f"None of its {gang.size} pods is bound, nothing is held for it, and kube-scheduler is "
            "told the same words for each of them.")
        return gang

    def job_after_a_release(self):
        gang = Gang("research", "moe", 18, 4, 64, required="nvlink")
        title(3, "A job that fits after a release: 18 trays of one NVL72 rack, 72 GPUs")
        self.submit_group(gang)
        self.submit_pods(gang, 0, gang.size)
        self.run_until(lambda: self.view(gang)["state"] == "Waiting", "moe waits")
        self.run_for(0.2)
        check(not self.bound(gang), "a pod of moe was bound beside the notebooks")
        say(self.view(gang)["reason"] + ".")
        blockers = sorted(key for key in self.scheduler.pods if key.startswith("lab/notebook-"))
        check(len(blockers) == 2, "where are the notebooks?")
        say(f"Deleting {' and '.join(blockers)}, touching nothing else.")
        started = time.monotonic()
        for key in blockers:
            namespace, name = key.split("/")
            self.api.call("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}")
        self.run_until_bound(gang)
        say(f"18 of 18 bound {time.monotonic() - started:.2f} s later.")
        say()
        self.show_tree(gang)
        cliques = self.places(gang, "nvidia.com/gpu.clique")
        check(len(cliques) == 1 and None not in cliques, f"moe lies in {cliques}")

    def summary(self, waiting, started):
        scheduler = self.scheduler
        self.look()
        check(not self.bound(waiting), "a pod of the waiting job was bound")
        check(self.view(waiting)["state"] == "Waiting", "the waiting job does not wait any more")
        check(not scheduler.bind_errors, f"bind calls failed: {scheduler.bind_errors[:3]}")
        for node, free in scheduler.free.items():
            check(min(free.values()) >= 0, f"{node} is overbooked")
        title("\u2713", "What it took")
        for kind, text in (("one", "filter, nominated node alone"), ("list", "filter, sampled list")):
            seconds = scheduler.filter_seconds[kind]
            if seconds:
                say(f"{text:30}{len(seconds):5} calls   p50 {milliseconds(seconds, 0.5):6.2f} ms"
                    f"   p99 {milliseconds(seconds, 0.99):6.2f} ms")
        seconds = scheduler.bind_seconds
        say(f"{'bind, waiting for the gang':30}{len(seconds):5} calls   "
            f"p50 {milliseconds(seconds, 0.5):6.2f} ms   p99 {milliseconds(seconds, 0.99):6.2f} ms")
        bound = sum(len(self.bound(gang)) for gang in self.gangs)
        say(f"{bound} pods of 2 jobs bound, 0 of {waiting.size} of the waiting one; no job was "
            f"ever bound in part, no node overbooked. {time.monotonic() - started:.1f} s in all.")


def tell(server):
    started = time.monotonic()
    server.wait_ready()
    demo = Demo(server)
    demo.show_cluster(time.monotonic() - started)
    demo.pytorch_job()
    waiting = demo.job_that_cannot_fit()
    demo.job_after_a_release()
    demo.summary(waiting, started)
    demo.scheduler.finish()
    code = server.stop()
    check(code == 0, f"phalanx serve ended with {code}")


def play(phalanx, directory):
    try:
        server = Server(phalanx, directory)
    except OSError as failure:
        print(f"The demo cannot start {phalanx}: {failure}", file=sys.stderr)
        return 1
    try:
        tell(server)
        return 0
    except (Failed, RuntimeError, OSError, HTTPException) as failure:
        server.stop()
        sys.stdout.flush()
        print(f"\nThe demo failed: {failure}\n\nThe daemon's last words:\n{server.log_tail()}",
              file=sys.stderr)
        return 1
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--phalanx", default=os.environ.get("PHALANX_BIN", "build/phalanx"),
                        help="the program to run (default: $PHALANX_BIN, else build/phalanx)")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    with tempfile.TemporaryDirectory(prefix="phalanx-demo-") as directory:
        return play(arguments.phalanx, directory)


if __name__ == "__main__":
    sys.exit(main())
