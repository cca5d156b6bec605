#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the cluster of the demo as `kubectl get nodes,pods -A -o json` would.

    core-1 ─┬─ spine-1 ─┬─ leaf-01 … leaf-04    80 boxes with 8 GPUs, 8 to 32 to a leaf
            ├─ spine-2 ─┴─ leaf-05 … leaf-08    80 more
            └─ spine-3 ─── leaf-09 … leaf-16    8 NVL72 racks, 18 trays with 4 GPUs each

Labels are those that Topograph (fabric.topograph.run/tier-N, tier-0 closest to the node) and GPU
feature discovery (nvidia.com/gpu.clique) write. Names say nothing about places: boxes are numbered
as they were bought, so whoever picks nodes by name or by load alone scatters a job.

About two thirds of the GPUs are taken by pods of other teams, such that one leaf still has room for
a job of 16 whole boxes, and no rack is entirely free: in rack 5 two notebooks block it.

Deterministic: the same call prints the same bytes.
"""

import json
import random
import sys
import uuid

BOX = {"cpu": "192", "memory": "2Ti", "nvidia.com/gpu": "8", "pods": "110"}
TRAY = {"cpu": "144", "memory": "960Gi", "nvidia.com/gpu": "4", "pods": "110"}

# Boxes to a leaf, and how many of them are entirely free.
SPINES = {
    "spine-1": [("leaf-01", 32, 9), ("leaf-02", 16, 3), ("leaf-03", 24, 18), ("leaf-04", 8, 4)],
    "spine-2": [("leaf-05", 32, 11), ("leaf-06", 8, 1), ("leaf-07", 16, 6), ("leaf-08", 24, 7)],
}
RACKS = 8
TRAYS = 18
FREE_RACK = 5  # free but for two notebooks


def node(name, labels, capacity):
    labels = dict(labels)
    labels["kubernetes.io/hostname"] = name
    labels["fabric.topograph.run/tier-2"] = "core-1"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": dict(sorted(labels.items()))},
        "spec": {},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def pod(namespace, name, on, gpus, cpus):
    resources = {"requests": {"cpu": str(cpus), "memory": f"{8 * cpus}Gi"}}
    if gpus:
        resources["limits"] = {"nvidia.com/gpu": str(gpus)}
        resources["requests"]["nvidia.com/gpu"] = str(gpus)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name,
                     "uid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{namespace}/{name}"))},
        "spec": {
            "nodeName": on,
            "schedulerName": "default-scheduler",
            "containers": [{"name": "main", "image": "example.com/work", "resources": resources}],
        },
        "status": {"phase": "Running"},
    }


def boxes(random_numbers):
    """The 8-GPU boxes, and what runs on them."""
    numbers = list(range(1, sum(size for leaves in SPINES.values() for _, size, _ in leaves) + 1))
    random_numbers.shuffle(numbers)
    nodes, pods = [], []
    for spine, leaves in SPINES.items():
        for leaf, size, free in leaves:
            names = [f"h100-{numbers.pop():03d}" for _ in range(size)]
            labels = {
                "fabric.topograph.run/tier-0": leaf,
                "fabric.topograph.run/tier-1": spine,
                "node.kubernetes.io/instance-type": "hgx-h100",
                "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
                "nvidia.com/gpu.count": "8",
            }
            nodes += [node(name, labels, BOX) for name in names]
            for name in random_numbers.sample(names, size - free):
                # Half of the busy boxes are full, the rest hold crumbs of one to six GPUs.
                gpus = random_numbers.choice([8, 8, 8, 1, 2, 4, 6])
                team = random_numbers.choice(["speech", "vision", "search"])
                pods.append(pod(team, f"train-{name}", name, gpus, 12 * gpus))
    return nodes, pods


def racks(random_numbers):
    """The NVL72 racks. Every one has at least two trays in use."""
    nodes, pods = [], []
    for rack in range(1, RACKS + 1):
        clique = f"{uuid.uuid5(uuid.NAMESPACE_DNS, f'rack-{rack}')}.1"
        names = [f"gb200-{rack:02d}-{tray:02d}" for tray in range(1, TRAYS + 1)]
        labels = {
            "fabric.topograph.run/tier-0": f"leaf-{8 + rack:02d}",
            "fabric.topograph.run/tier-1": "spine-3",
            "node.kubernetes.io/instance-type": "gb200-nvl72",
            "nvidia.com/gpu.clique": clique,
            "nvidia.com/gpu.product": "NVIDIA-GB200",
            "nvidia.com/gpu.count": "4",
        }
        nodes += [node(name, labels, TRAY) for name in names]
        if rack == FREE_RACK:
            for number, name in enumerate(names[6:8], 1):
                pods.append(pod("lab", f"notebook-{number}", name, 1, 8))
            continue
        for name in random_numbers.sample(names, random_numbers.randint(9, 14)):
            pods.append(pod("research", f"infer-{name}", name, 4, 64))
    return nodes, pods


def cluster():
    random_numbers = random.Random(72)
    nodes, pods = boxes(random_numbers)
    rack_nodes, rack_pods = racks(random_numbers)
    nodes += rack_nodes
    pods += rack_pods
    nodes.sort(key=lambda item: item["metadata"]["name"])
    pods.sort(key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""},
            "items": nodes + pods}


if __name__ == "__main__":
    json.dump(cluster(), sys.stdout, indent=1)
    sys.stdout.write("\n")
