#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Same input, same plan, through the command line: shuffle_plan.py PHALANX [SHUFFLES]

Writes a snapshot and a manifest, shuffles the objects of both, and requires that `phalanx plan -o json` prints
the same bytes every time, for a gang that fits and for one that does not.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

SEED = 20260101
NODES = 60
BUSY = 30


def pod(name, gpus, node=None, group=None, index=None):
    limits = {"nvidia.com/gpu": gpus, "cpu": "2"}
    labels = {}
    if group:
        labels["scheduling.x-k8s.io/pod-group"] = group
    if index is not None:
        labels["batch.kubernetes.io/job-completion-index"] = str(index)
    spec = {"containers": [{"name": "c", "resources": {"limits": limits, "requests": limits}}]}
    if node:
        spec["nodeName"] = node
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": labels},
        "spec": spec,
    }


def snapshot(chance):
    items = []
    for i in range(NODES):
        labels = {"fabric.topograph.run/tier-1": f"s{chance.randrange(3)}"}
        if chance.randrange(10):
            labels["topology.kubernetes.io/rack"] = f"r{chance.randrange(5)}"
        status = {"allocatable": {"pods": "110", "cpu": "64", "nvidia.com/gpu": "8"}}
        items.append(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{i:02}", "labels": labels}, "status": status}
        )
    for i in range(BUSY):
        items.append(pod(f"busy{i:02}", chance.randrange(1, 9), node=f"n{i:02}"))
    return items


def manifest(members):
    group = {
        "apiVersion": "scheduling.x-k8s.io/v1alpha1",
        "kind": "PodGroup",
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {"minMember": members},
    }
    return [group] + [pod(f"train-{i:02}", 3, group="train", index=i) for i in range(members)]


def write(path, items):
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), encoding="utf-8")


def main():
    phalanx = sys.argv[1]
    shuffles = int(sys.argv[2]) if len(sys.argv) > 2 else 25
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="phalanx-shuffle-") as folder:
        nodes, job = pathlib.Path(folder, "snapshot.json"), pathlib.Path(folder, "manifest.json")
        for members, expected in ((40, 0), (300, 3)):
            cluster, gang = snapshot(random.Random(SEED)), manifest(members)
            first = None
            for i in range(shuffles):
                write(nodes, cluster)
                write(job, gang)
                command = [phalanx, "plan", "--snapshot", str(nodes), "--manifest", str(job), "-o", "json"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
                if done.returncode != expected:
                    sys.exit(f"exit code {done.returncode}, not {expected}: {done.stdout}{done.stderr}")
                first = first if first is not None else done.stdout
                if done.stdout != first:
                    sys.exit(f"shuffle {i} of seed {SEED} gives another plan:\n{first}\n{done.stdout}")
                chance.shuffle(cluster)
                chance.shuffle(gang)
            print(f"{members} pods: {shuffles} orders, one answer of {len(first)} bytes")


if __name__ == "__main__":
    main()
