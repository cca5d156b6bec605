# SPDX-License-Identifier: Apache-2.0
"""The situations of test_cases.py, and what is right in each.

A name is the number of the report it stands for, and a variant. Two situations of one number are of one kind.
"""

import dataclasses
import typing

from objects import (
    BLOCK, EXCLUSIVE, GPU, GROUP, INDEX, NODE_SELECTOR, OF_A_JOB, RACK, group, job, job_set, job_set_pod, metadata,
    nodes, others, owned, pod, pod_spec, racks, template,
)
from right import does_not_fit, fits, places_only, says, speaks_of, together, topology_never_says

ALL = []


@dataclasses.dataclass
class Late:
    """Why a situation is not answered right yet, and a pattern of the one wrong answer that is known and excused."""

    why: str
    answer: str


@dataclasses.dataclass
class Situation:
    name: str
    snapshot: list
    manifest: list
    right: tuple  # of functions of the answer
    late: typing.Optional[Late]
    daemon: str  # what it is shown: the pods of the manifest as "created", only what was "applied" before, or "nothing"


def situation(name, snapshot, manifest, *right, late=None, daemon="created"):
    ALL.append(Situation(name, snapshot, manifest, right, late, daemon))



# Members that exclude each other, or pods already there.

PORT = {"ports": [{"containerPort": 7777, "hostPort": 7777}]}
ONE_PER_NODE = [group("train", 4), job("train", 4, "train", pod_spec(gpus=4, container=PORT, hostNetwork=True))]
APART = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {GROUP: "train"}}, "topologyKey": "kubernetes.io/hostname"}
        ]
    }
}
SPREAD = [
    {
        "maxSkew": 1,
        "topologyKey": RACK,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {GROUP: "train"}},
    }
]

situation("01", racks(east="a b", west="c d"), ONE_PER_NODE, fits(4, hosts=4))
situation("01-infeasible", racks(east="a b"), ONE_PER_NODE, does_not_fit(waits=4, never=GPU))
situation(
    "01-antiaffinity", racks(east="a b", west="c d"),
    [group("train", 4), job("train", 4, "train", pod_spec(gpus=4, affinity=APART))],
    fits(4, hosts=4),
)


def two_in_each_rack(answer):
    found = [answer.labels[node][RACK] for node in answer.placed.values()]
    answer.expect(sorted(found.count(rack) for rack in set(found)) == [2, 2], f"not two in each rack: {answer.placed}")


situation(
    "01-spread", racks(east="a b", west="c d"),
    [group("train", 4), job("train", 4, "train", pod_spec(gpus=2, topologySpreadConstraints=SPREAD))],
    fits(4), two_in_each_rack,
)

# Constraints per role.

IN_A_RACK = {"kueue.x-k8s.io/podset-required-topology": RACK}
THREE_AND_THREE = racks(east="a b c d", west="e f g h") + others("a", "e")


def driver_and_workers(driver=None, workers=None, name="driver", cpus=None, **group_level):
    gpus = pod_spec({"cpu": cpus} if cpus else None, gpus=8)
    return [
        group("train", 5, **group_level),
        job_set("train", [
            (name, 1, 1, template("train", pod_spec({"cpu": 4}), driver)),
            ("workers", 1, 4, template("train", gpus, workers)),
        ]),
    ]


def pytorch_job(workers):
    def replicas(count, spec, annotations=None):
        return {"replicas": count, "template": template(None, spec, annotations)}

    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": metadata("pt", "default"),
        "spec": {
            "pytorchReplicaSpecs": {
                "Master": replicas(1, pod_spec({"cpu": 4})),
                "Worker": replicas(4, pod_spec(gpus=8), workers),
            }
        },
    }


SMALL = nodes(["g0", "g1", "g2", "g3"], rack="east", cpu="10") + nodes(["c0"], gpus=0, rack="west", cpu="64")

situation("02", THREE_AND_THREE, driver_and_workers(workers=IN_A_RACK), does_not_fit(waits=5, because="rack"))
situation(
    "02-role-renamed", THREE_AND_THREE, driver_and_workers(workers=IN_A_RACK, name="zdriver"),
    does_not_fit(waits=5, because="rack"),
)
situation("02-pytorch", THREE_AND_THREE, [pytorch_job(IN_A_RACK)], does_not_fit(waits=5, because="rack"))
situation(
    "02-slices", THREE_AND_THREE, driver_and_workers(workers={"phalanx.dev/slices": "rack=4"}),
    does_not_fit(waits=5, because="rack"),
)
situation(
    "02-on-leader-only", THREE_AND_THREE,
    driver_and_workers(driver={"kueue.x-k8s.io/podset-required-topology": "kubernetes.io/hostname"}),
    fits(5),
)
situation(
    "02-on-group", SMALL, driver_and_workers(cpus=10, **{"phalanx.dev__required-topology": "rack"}),
    does_not_fit(waits=5, because="rack"),
)
situation(
    "02-driver-elsewhere", SMALL, driver_and_workers(workers=IN_A_RACK, cpus=10),
    fits(5), together("workers", "driver"),
)

# Ranks made of more than one index.



def sliced(name, pods, size):
    return group(name, pods, **{"phalanx.dev__slices": f"rack={size}"})


def job_set_of(replicas, pods, gpus):
    return job_set("train", [("workers", replicas, pods, template("train", pod_spec(gpus=gpus)))])


def leader_worker_pod(part, worker):
    labels = {
        "leaderworkerset.sigs.k8s.io/name": "serve",
        "leaderworkerset.sigs.k8s.io/group-index": str(part),
        "leaderworkerset.sigs.k8s.io/worker-index": str(worker),
    }
    name = f"serve-{part}-{worker}" if worker else f"serve-{part}"
    return pod(name, "serve", labels=labels, annotations={"leaderworkerset.sigs.k8s.io/size": "4"})


situation(
    "03", nodes(["a", "b"], gpus=12, rack="east") + nodes(["c", "d"], gpus=12, rack="west"),
    [sliced("train", 24, 12), job_set_of(2, 12, 2)],
    fits(24), together("train-workers-0-", "train-workers-1-"),
)
situation(
    "03-three-jobs", [node for name in "abc" for node in nodes([name], gpus=11, rack=f"rack-{name}")],
    [sliced("train", 33, 11), job_set_of(3, 11, 1)],
    fits(33), together("train-workers-0-", "train-workers-1-", "train-workers-2-"),
)
situation(
    "03-lws", racks(east="a b c d", west="e f g h"),
    [sliced("serve", 8, 4)] + [leader_worker_pod(part, worker) for part in range(2) for worker in range(4)],
    fits(8), together("serve-0", "serve-1"),
)
situation(
    "03-two-plain-jobs", racks(east="a b c d e f", west="g h i j k l"),
    [sliced("both", 12, 6), job("left", 6, "both"), job("right", 6, "both")],
    fits(12), together("left", "right"),
)

# Quorum by incarnation, joiners.


def run_of(number, phase=None, node=None, count=4, marks=None):
    made = []
    for i in range(count):
        labels = dict(marks) if marks else {GROUP: "nightly"}
        labels[INDEX] = str(i)
        made.append(pod(f"nightly-{number}-{i}", labels=labels, phase=phase, node="abcd"[i] if node else None))
    return made


LIGHT = {
    "pod-group.scheduling.sigs.k8s.io/name": "nightly",
    "pod-group.scheduling.sigs.k8s.io/min-available": "4",
}
CLUSTER = racks(east="a b", west="c d")
FOUR, THREE_FREE = CLUSTER + [group("nightly", 4)], CLUSTER + [group("nightly", 4)] + others("a")

situation(
    "05", THREE_FREE + run_of(1, "Succeeded", node=True), run_of(2), does_not_fit(waits=4, because="short by 1")
)
situation("05-first-run", THREE_FREE, run_of(2), does_not_fit(waits=4, because="short by 1"))
situation(
    "05-labels", CLUSTER + others("a") + run_of(1, "Succeeded", True, 1, LIGHT), run_of(2, marks=LIGHT),
    does_not_fit(waits=4, because="short by 1"),
)

ONE_FREE_IN_EACH = CLUSTER + others("a", "c") + [group("train", 3, **{"phalanx.dev__required-topology": "rack"})]
TWO_LOST = [pod("train-1-b2", "train", index=1), pod("train-2-c2", "train", index=2)]

situation(
    "07",
    CLUSTER + [group("train", 3), pod("train-0-a", "train", index=0, node="a", phase="Succeeded"),
               pod("train-1-b", "train", index=1, node="b")],
    [pod("train-2-c2", "train", index=2)], fits(2),
)
situation(
    "07-two-lost-required", ONE_FREE_IN_EACH + [pod("train-0-a", "train", index=0, node="a", phase="Succeeded")], TWO_LOST,
    does_not_fit(waits=2, because="rack"),
)
situation(
    "07-node-gone-required", ONE_FREE_IN_EACH + [pod("train-0-a", "train", index=0, node="lost")], TWO_LOST,
    does_not_fit(waits=2, placed=1, because="rack"),
)

# Asked again after `kubectl apply`.

ASKED = [group("train", 4), job("train", 4, "train")]


def made(running=False):
    pods = [pod(f"train-{i}-x{i}k2p", "train", index=i, node="abcd"[i] if running else None) for i in range(4)]
    return [group("train", 4)] + owned(pods, "Job", "train")


situation("09", CLUSTER + others("a") + made(), ASKED, speaks_of(4), does_not_fit(waits=4, because="short by 1 of 4"), daemon="applied")
situation("09-fits", CLUSTER + made(), ASKED, speaks_of(4), fits(4), places_only("k2p$"), daemon="applied")
situation("09-running", CLUSTER + made(running=True), ASKED, speaks_of(4), fits(4), places_only("k2p$"), daemon="applied")
situation(
    "09-jobset",
    CLUSTER + [group("train", 4)] + [job_set_pod(f"train-workers-0-{i}-q{i}zz", "train", "workers", 0, i) for i in range(4)],
    [group("train", 4), job_set_of(1, 4, 8)], speaks_of(4), fits(4), places_only("zz$"), daemon="applied",
)

# Names that the API server makes.

BLOCKS = nodes(["a", "b"], labels={BLOCK: "one"}) + nodes(["c", "d"], labels={BLOCK: "two"})
NEAR = {"kueue.x-k8s.io/podset-preferred-topology": BLOCK}
UNNAMED = pod("gone", "tas")
UNNAMED["metadata"] = {"namespace": "default", "generateName": "tas-", "labels": {GROUP: "tas"}}

situation(
    "10", BLOCKS, [group("tas", 2), job("sample-", 2, "tas", annotations=NEAR, generated=True, suspend=True)],
    fits(2, domains=1, label=BLOCK),
)
situation(
    "10-named", BLOCKS, [group("tas", 2), job("sample-a", 2, "tas", annotations=NEAR, suspend=True)],
    fits(2, domains=1, label=BLOCK),
)
situation("10-pod", BLOCKS, [group("tas", 1), UNNAMED], fits(1))
situation(
    "10-jobset", CLUSTER,
    [group("train", 2), job_set("train-", [("workers", 1, 2, template("train", pod_spec(gpus=8)))], generated=True)],
    fits(2),
)

# Reasons that are true.

TAINT = {"taints": [{"key": GPU, "value": "present", "effect": "NoSchedule"}]}
PINNED = pod_spec(gpus=8, nodeSelector={"pool": "H100"})

situation(
    "11",
    nodes(["a", "b"], rack="east", spec=TAINT) + nodes(["c", "d"], rack="west", spec=TAINT) + nodes(["m"], rack="far")
    + others("m", gpus=2),
    ASKED, does_not_fit(waits=4, because=r"4 nodes?\b.*taint|taint.*4 nodes?\b", never="blocked by"),
)
situation(
    "11-cordoned", nodes(["a", "b", "c", "d"], rack="east", spec={"unschedulable": True}), ASKED,
    does_not_fit(waits=4, because="cordon|unschedulable", never=GPU),
)
situation(
    "11-selector-typo", nodes(["a", "b", "c", "d"], rack="east", labels={"pool": "h100"}),
    [group("train", 4), job("train", 4, "train", PINNED)],
    does_not_fit(waits=4, because="selector|affinity", never=GPU),
)
situation(
    "11-no-such-resource", nodes(["a", "b", "c", "d"], gpus=None, rack="east"), ASKED,
    does_not_fit(waits=4, because=rf"(no|not|without|lack)\b.*{GPU}", never="fit, each needs"),
)

# What admission writes into a pod. A daemon sees pods that have been admitted.

KATA = {
    "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "kata"}, "handler": "kata",
    "overhead": {"podFixed": {"cpu": "1", "memory": "2Gi"}},
}
HIGH = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 100000}
LIMITS = {
    "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "some", "namespace": "default"},
    "spec": {"limits": [{"type": "Container", "default": {"cpu": "4"}, "defaultRequest": {"cpu": "4"}}]},
}

situation(
    "12", nodes(["a", "b", "c", "d"], gpus=None, rack="east", cpu="8") + [KATA],
    [group("train", 4), job("train", 4, "train", pod_spec({"cpu": 8}, runtimeClassName="kata"))],
    does_not_fit(waits=4, because="cpu"), daemon="nothing",
)
situation(
    "12-priorityclass",
    CLUSTER + [HIGH, group("old", 4)] + [pod(f"old-{i}", "old", index=i) for i in range(4)],
    [group("train", 4), job("train", 4, "train", pod_spec(gpus=8, priorityClassName="high"))],
    fits(4), daemon="nothing",
)
situation(
    "12-limitrange", nodes(["a"], gpus=None, rack="east", cpu="8") + [LIMITS],
    [group("train", 3), job("train", 3, "train", pod_spec())], does_not_fit(waits=3, because="cpu"), daemon="nothing",
)

# Devices that a DRA driver hands out for an extended resource.

DRA = Late(
    "extended resources that a DRA driver provides (DeviceClass.spec.extendedResourceName) are not read",
    rf"not feasible: .*no node has ({GPU}|deviceclass.resource.kubernetes.io/gpu.nvidia.com) at all",
)


def slice_of(node):
    return {
        "apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": f"slice-{node}"},
        "spec": {
            "driver": "gpu.nvidia.com", "nodeName": node, "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": f"gpu-{i}", "attributes": {"type": {"string": "gpu"}}} for i in range(8)],
        },
    }


DEVICES = nodes(["a", "b", "c", "d"], gpus=None, rack="east") + [slice_of(node) for node in "abcd"] + [
    {
        "apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu.nvidia.com"},
        "spec": {
            "selectors": [{"cel": {"expression": "device.driver == 'gpu.nvidia.com'"}}],
            "extendedResourceName": GPU,
        },
    }
]
IMPLICIT = {"deviceclass.resource.kubernetes.io/gpu.nvidia.com": 8}

situation("13", DEVICES, ASKED, fits(4), late=DRA)
situation("13-implicit", DEVICES, [group("train", 4), job("train", 4, "train", pod_spec(IMPLICIT))], fits(4), late=DRA)

# JobSet's exclusive placement: the leader of a Job is scheduled before its other pods are admitted.

ALONE = {EXCLUSIVE: RACK}


def contradicts_or_keeps_jobs_apart(answer):
    if answer.code == 0:
        together("train-workers-0-", "train-workers-1-")(answer)
    else:
        says(r"exclusive-topology")(answer)


situation(
    "14", racks(east="a b c d", west="e f g h"),
    [group("train", 4),
     job_set("train", [("workers", 2, 2, template("train", pod_spec(gpus=8)))], annotations=ALONE)],
    contradicts_or_keeps_jobs_apart,
)
situation(
    "14-leaders-only",
    racks(east="a b c d", west="e f g h") + [group("train", 4)]
    + [job_set_pod(f"train-workers-{i}-0-a{i}", "train", "workers", i, 0, 2, ALONE) for i in range(2)],
    [group("train", 4)],
    does_not_fit(waits=2, because="2 of 4.*exclusive-topology|exclusive-topology.*2 of 4"),
)

situation(
    "14-first-pods", racks(east="a b c d", west="e f g h"),
    [group("train", 2),
     job_set("train", [("workers", 2, 2, template("train", pod_spec(gpus=8)))], annotations=ALONE)],
    fits(2, waits=2), together("train-workers-0-", "train-workers-1-"),
    daemon="nothing",  # which sees the followers once their leaders are bound: the end-to-end suite has JobSet itself
)
LABELLED = {**ALONE, NODE_SELECTOR: "true"}

situation(
    "14-node-selector",
    nodes("abcd", rack="east", labels={OF_A_JOB: "default_train-workers-0"})
    + nodes("efgh", rack="west", labels={OF_A_JOB: "default_train-workers-1"}),
    [group("train", 4),
     job_set("train", [("workers", 2, 2, template("train", pod_spec(gpus=8)))], annotations=LABELLED)],
    fits(4), together("train-workers-0-", "train-workers-1-"),
)

# Which members, when not all fit.

ELASTIC = [group("train", 3), job("train", 8, "train")]

situation(
    "15", racks(east="a b c", west="d e f g h i j"),
    [group("train", 3, **{"phalanx.dev__required-topology": "rack"}), job("train", 8, "train")],
    fits(7, domains=1, waits=1),
)
situation("15-one-rack", racks(east="a b c d e"), ELASTIC, fits(5, waits=3))

# More members, or a tighter place.

def prefers(preference):
    return [group("train", 3, **{"phalanx.dev__elastic-preference": preference}), job("train", 8, "train")]


TWO_RACKS = racks(east="a b c", west="d e f g h i j")
situation("15-no-level", TWO_RACKS, ELASTIC, fits(8, domains=2))
situation("15-members", TWO_RACKS, prefers("members"), fits(8, domains=2))
situation("15-placement", TWO_RACKS, prefers("placement"), fits(7, domains=1, waits=1))
situation(
    "15-no-such-preference", TWO_RACKS, prefers("more"),
    does_not_fit(waits=8, because='elastic preference "more" is neither members nor placement'),
)

RAY = [group("ray", 3), pod("ray-head", "ray", spec=pod_spec({"cpu": 2}), labels={"ray.io/node-type": "head"})] + [
    pod(f"ray-{kind}-{i}", "ray", gpus=gpus, labels={"ray.io/node-type": "worker", "ray.io/group": kind})
    for kind, gpus in (("w1", 1), ("w2", 99)) for i in range(3)
]

situation("16", racks(east="a b"), RAY, fits(4, waits=3), places_only("head|w1"))


def at_least(minimums, **spec):
    ray = group("ray", 3, **({"phalanx.dev__role-minimums": minimums} if minimums else {}))
    ray["spec"].update(spec)
    return [ray] + RAY[1:]


# By the thread: not without any worker of the second group; and the reason says of which.
situation("16-minimums", racks(east="a b"), at_least("w1=1,w2=1"), does_not_fit(waits=7, because='of role "w2"'))
situation("16-minimums-fit", racks(east="a b"), at_least("w1=2"), fits(4, waits=3), places_only("head|w1"), says("at least 2 of role"))
situation("16-tasks", racks(east="a b"), at_least(None, minTaskMember={"w1": 1, "w2": 1}), does_not_fit(waits=7, because='of role "w2"'))
situation(
    "16-subgroups", racks(east="a b"), at_least(None, subGroups=[{"name": "w2", "minMember": 2}]),
    does_not_fit(waits=7, because='of role "w2"'),
)
situation(
    "16-more-than-there-are", racks(east="a b"), at_least("w1=4"),
    does_not_fit(waits=7, because=r'1 more pod of role "w1" exists \(3 of 4\)'),
)
situation(
    "16-nobody-has-the-role", racks(east="a b"), at_least("w3=1"),
    does_not_fit(waits=7, because=r'role "w3" exists \(0 of 1\); its pods are of role "w1", "w2"'),
)
situation(
    "16-no-number", racks(east="a b"), at_least("w1=1,w2=some"),
    does_not_fit(waits=7, because='role minimums: role "w2" is "some", must be a whole number, 1 or more'),
)
situation(
    "16-first-do-not-fit", racks(east="a b"),
    [group("el", 4)] + [pod(f"a-big-{i}", "el", gpus=9) for i in range(2)]
    + [pod(f"b-small-{i}", "el", gpus=2) for i in range(4)],
    fits(4, waits=2), places_only("small"),
)

# A level that is named by its key.

OLD = {"network.topology.nvidia.com/leaf": "leaf-1", "network.topology.nvidia.com/spine": "spine-1"}
NEW = {"fabric.topograph.run/tier-0": "leaf-1", "fabric.topograph.run/tier-1": "spine-1"}


def leaf_of(level):
    return [group("train", 6, **{"phalanx.dev__required-topology": level}), job("train", 6, "train")]


situation(
    "17", nodes("aceg", labels={**OLD, **NEW}) + nodes("bdfh", labels=OLD), leaf_of("network.topology.nvidia.com/leaf"),
    fits(6),
)
situation(
    "17-new-key", nodes("aceg", labels={**OLD, **NEW}) + nodes("bdfh", labels=OLD), leaf_of("fabric.topograph.run/tier-0"),
    does_not_fit(waits=6, because="leaf"),
)
situation(
    "17-by-name", nodes("aceg", labels={**OLD, **NEW}) + nodes("bdfh", labels=OLD), leaf_of("leaf"), fits(6),
)
situation(
    "17-old-removed", nodes("aceg", labels=NEW) + nodes("bdfh", labels=OLD), leaf_of("leaf"),
    does_not_fit(waits=6, because="leaf"),
)

# A node with the name of a domain.

ZONE = {"topology.kubernetes.io/zone": "z"}

situation(
    "18", nodes(["r0", "b"], rack="r0", labels=ZONE) + nodes(["z", "d"], rack="r1", labels=ZONE),
    [group("train", 2, **{"phalanx.dev__required-topology": "rack"}), job("train", 2, "train")],
    fits(2, domains=1), topology_never_says("says nothing"),
)
situation(
    "18-racks", nodes(["r0", "b"], rack="r0") + nodes(["r1", "d"], rack="r1"), ASKED,
    fits(4), topology_never_says("says nothing"),
)

# What was right from the start.

CROWDED = nodes(["a", "b"], rack="east", pods="2") + [
    pod(f"agent-{i}", spec=pod_spec({"cpu": 1}), node=node, namespace="kube-system") for i, node in enumerate("ab")
]
TWO_ROLES = [group("train", 3), job_set_pod("lead", "train", "lead", 0, 0, spec=pod_spec({"cpu": 1}))] + [
    job_set_pod(f"w-{i}", "train", "w", 0, i, gpus=4) for i in range(2)
]

situation("19", CROWDED, TWO_ROLES, does_not_fit(waits=3, because="pods 1"))
situation("19-third-node", CROWDED + nodes(["c"], gpus=0, rack="west", pods="2"), TWO_ROLES, fits(3))

POOLS = (
    nodes(["c"], gpus=0, rack="east", labels={"pool": "cpu"}) + nodes(["e", "f"], rack="east", labels={"pool": "gpu"})
    + nodes(["g", "h"], rack="west", labels={"pool": "gpu"})
)


def leader_and_workers(workers, leader, worker, **more):
    return [
        group("t", workers + 1, **{"phalanx.dev__required-topology": "rack"}),
        job_set_pod("lead", "t", "leader", 0, 0, spec=leader),
    ] + [job_set_pod(f"w-{i}", "t", "worker", 0, i, spec=worker) for i in range(workers)]


situation(
    "20", POOLS,
    leader_and_workers(
        2, pod_spec({"cpu": 4}, nodeSelector={"pool": "cpu"}), pod_spec(gpus=8, nodeSelector={"pool": "gpu"})
    ),
    fits(3, domains=1),
)
situation(
    "20-7446",
    nodes(["a", "b"], rack="east", cpu="8") + nodes(["c"], rack="west", cpu="12") + nodes(["d"], 4, rack="west", cpu="8"),
    leader_and_workers(3, pod_spec({"cpu": 4}), pod_spec({"cpu": 4}, gpus=4)),
    fits(4, domains=1),
)

ENDING = [group("old", 2)] + [
    pod(f"old-{i}", "old", index=i, node=node, deletionTimestamp="2026-01-01T00:00:00Z") for i, node in enumerate("ab")
]
FINISHED = [
    pod(f"done-{i}", node=node, phase=phase, namespace="elsewhere")
    for i, (node, phase) in enumerate((("a", "Succeeded"), ("b", "Succeeded"), ("c", "Failed")))
]

situation("21", CLUSTER + ENDING, ASKED, does_not_fit(waits=4, because="short by 2 of 4.*default/old"))
situation("21-finished", CLUSTER + FINISHED, ASKED, fits(4))


def init(name, cpus, **more):
    return {"name": name, "image": "example.org/main", "resources": {"requests": {"cpu": cpus}}, **more}


SIDECARS = [init("log", "10", restartPolicy="Always"), init("stage", "20"), init("proxy", "5", restartPolicy="Always")]
STEPS = [group("t", 3), job("t", 3, "t", pod_spec({"cpu": 12}, initContainers=SIDECARS))]
WHOLE = {"requests": {"cpu": "16"}, "limits": {"cpu": "32", "memory": "64Gi"}}
POD_LEVEL = [group("t", 3), job("t", 3, "t", pod_spec({"cpu": 2}, gpus=1, resources=WHOLE))]
SHRINKING = pod("run", spec=pod_spec({"cpu": 20}), node="a", namespace="elsewhere")
SHRINKING["status"]["containerStatuses"] = [
    {"name": "main", "allocatedResources": {"cpu": "60"}, "resources": {"requests": {"cpu": "60"}}}
]

situation("22-sidecar-89", nodes(["a"], cpu="89"), STEPS, does_not_fit(waits=3, because="cpu"))
situation("22-sidecar-90", nodes(["a"], cpu="90"), STEPS, fits(3))
situation(
    "22-podlevel-191", nodes(["a"], cpu="48", memory="191Gi"), POD_LEVEL, does_not_fit(waits=3, because="memory"),

)
situation("22-podlevel-192", nodes(["a"], cpu="48", memory="192Gi"), POD_LEVEL, fits(3))
situation(
    "22-resize", nodes(["a"]) + [SHRINKING], [group("t", 1), job("t", 1, "t", pod_spec({"cpu": 40}))],
    does_not_fit(waits=1, because="cpu"),
)

situation(
    "23",
    racks(east="a b") + [group("train", 2), pod("train-0", "train", index=0, node="a")] + others("b")
    + [pod("next", namespace="elsewhere")],
    [pod("train-1-b", "train", index=1)], does_not_fit(waits=1, placed=1),
)

# More members with places of their own than the solver tells apart.

situation(
    "25", [node for i in range(18) for node in nodes([f"n{i:02}"], rack=f"rack-{i // 6}")],
    [group("train", 17)] + [
        pod(f"train-{i}", "train", index=i, spec=pod_spec(gpus=8, nodeSelector={"kubernetes.io/hostname": f"n{i:02}"}))
        for i in range(17)
    ],
    fits(17, hosts=17),
)
