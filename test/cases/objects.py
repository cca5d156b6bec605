# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects in few words, for the situations of situations.py.

Everything is written the way `kubectl get -o json` prints it, as far as Phalanx reads it.
"""

GPU = "nvidia.com/gpu"
RACK = "topology.kubernetes.io/rack"
INDEX = "batch.kubernetes.io/job-completion-index"
GROUP = "scheduling.x-k8s.io/pod-group"
EXCLUSIVE = "alpha.jobset.sigs.k8s.io/exclusive-topology"
NODE_SELECTOR = "alpha.jobset.sigs.k8s.io/node-selector"
OF_A_JOB = "alpha.jobset.sigs.k8s.io/namespaced-job"
BLOCK = "oci.oraclecloud.com/rdma.local_block_id"


def metadata(name, namespace=None, labels=None, annotations=None, **more):
    found = {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations, **more}
    return {key: value for key, value in found.items() if value is not None}


def nodes(names, gpus=8, labels=None, rack=None, spec=None, **amounts):
    """One node for each of the names, all alike."""
    allocatable = {"cpu": "96", "memory": "1000Gi", "pods": "110", **amounts}
    if gpus is not None:
        allocatable[GPU] = str(gpus)
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": metadata(
                name,
                labels={"kubernetes.io/hostname": name, **({RACK: rack} if rack else {}), **(labels or {})},
            ),
            "spec": spec or {},
            "status": {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": "True"}]},
        }
        for name in names
    ]


def racks(**named):
    """racks(east="a b", west="c d"): nodes of 8 GPUs."""
    return [node for rack, names in named.items() for node in nodes(names.split(), rack=rack)]


def pod_spec(requests=None, gpus=None, container=None, **more):
    amounts = {key: str(value) for key, value in (requests or {}).items()}
    limits = {}
    if gpus is not None:
        amounts[GPU] = limits[GPU] = str(gpus)
    resources = {"requests": amounts}
    if limits:
        resources["limits"] = limits
    return {
        "schedulerName": "phalanx",
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": "example.org/main", "resources": resources, **(container or {})}],
        **more,
    }


def pod(name, gang=None, gpus=8, node=None, phase=None, labels=None, namespace="default", index=None, spec=None, **more):
    """A pod; `index` is its completion index."""
    labels = dict(labels or {})
    if gang is not None:
        labels[GROUP] = gang
    if index is not None:
        labels[INDEX] = str(index)
    found = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(name, namespace, labels, uid=f"{namespace}-{name}", **more),
        "spec": dict(spec if spec is not None else pod_spec(gpus=gpus)),
        "status": {"phase": phase or ("Pending" if node is None else "Running")},
    }
    if node is not None:
        found["spec"]["nodeName"] = node
    return found


def others(*places, gpus=8):
    """Pods of somebody else, one on each of the nodes."""
    return [pod(f"busy-{i}", gpus=gpus, node=node, namespace="elsewhere") for i, node in enumerate(places)]


def group(name, minimum, **annotations):
    return {
        "apiVersion": "scheduling.x-k8s.io/v1alpha1",
        "kind": "PodGroup",
        "metadata": metadata(name, "default", annotations={key.replace("__", "/"): value for key, value in annotations.items()}),
        "spec": {"minMember": minimum},
    }


def template(gang, spec, annotations=None):
    labels = {} if gang is None else {GROUP: gang}
    return {"metadata": metadata(None, labels=labels, annotations=annotations), "spec": spec}


def job(name, pods, gang, spec=None, annotations=None, generated=False, **more):
    """An Indexed Job; `generated`: the name is what the API server makes one of."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"namespace": "default", "generateName" if generated else "name": name},
        "spec": {
            "completionMode": "Indexed",
            "completions": pods,
            "parallelism": pods,
            "template": template(gang, spec or pod_spec(gpus=8), annotations),
            **more,
        },
    }


def job_set(name, entries, annotations=None, generated=False):
    """entries: (name, replicas, pods of each Job, pod template)."""
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {
            "namespace": "default",
            "generateName" if generated else "name": name,
            "annotations": annotations or {},
        },
        "spec": {
            "replicatedJobs": [
                {
                    "name": entry,
                    "replicas": replicas,
                    "template": {"spec": {"completions": pods, "parallelism": pods, "template": made}},
                }
                for entry, replicas, pods, made in entries
            ]
        },
    }


def job_set_pod(name, gang, role, job_index, index, replicas=1, annotations=None, **more):
    labels = {
        "jobset.sigs.k8s.io/replicatedjob-name": role,
        "jobset.sigs.k8s.io/replicatedjob-replicas": str(replicas),
        "jobset.sigs.k8s.io/job-index": str(job_index),
    }
    return pod(name, gang, labels=labels, index=index, annotations=annotations, **more)


def owned(pods, kind, name):
    """The pods with the controller's reference and labels of batch/v1 Job."""
    for item in pods:
        item["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name
        item["metadata"]["ownerReferences"] = [
            {"apiVersion": "batch/v1", "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}
        ]
    return pods


def job_pods(item, marks=None):
    """What the Job controller makes of an Indexed Job, as kube-apiserver would show it."""
    name, spec = item["metadata"]["name"], item["spec"]
    made = spec["template"]
    for index in range(min(spec["parallelism"], spec["completions"])):
        labels = {**made["metadata"].get("labels", {}), **(marks or {})}
        found = pod(f"{name}-{index}", labels=labels, index=index, spec=made["spec"])
        found["metadata"]["annotations"] = made["metadata"].get("annotations", {})
        yield from owned([found], "Job", name)


def job_set_pods(item):
    """Where topology is exclusive, JobSet admits the followers of a Job once its leader is on a node."""
    name, annotations = item["metadata"]["name"], item["metadata"].get("annotations", {})
    exclusive, selected = EXCLUSIVE in annotations, NODE_SELECTOR in annotations
    for entry in item["spec"]["replicatedJobs"]:
        for index in range(entry["replicas"]):
            job_name = f"{name}-{entry['name']}-{index}"
            marks = {
                "jobset.sigs.k8s.io/jobset-name": name,
                "jobset.sigs.k8s.io/replicatedjob-name": entry["name"],
                "jobset.sigs.k8s.io/replicatedjob-replicas": str(entry["replicas"]),
                "jobset.sigs.k8s.io/job-index": str(index),
                "jobset.sigs.k8s.io/job-key": f"key-of-{job_name}",
            }
            for found in job_pods({"metadata": {"name": job_name}, "spec": entry["template"]["spec"]}, marks):
                found["metadata"]["annotations"] = {**found["metadata"]["annotations"], **annotations}
                if exclusive and selected:
                    found["spec"]["nodeSelector"] = {OF_A_JOB: f"default_{job_name}"}
                elif exclusive:
                    found["spec"]["affinity"] = alone_in(annotations[EXCLUSIVE], marks["jobset.sigs.k8s.io/job-key"])
                if not exclusive or selected or found["metadata"]["labels"][INDEX] == "0":
                    yield found


def alone_in(key, job_key):
    """What JobSet's webhook writes into leaders: together with their own Job, apart from every other."""

    def terms(*expressions):
        term = {"labelSelector": {"matchExpressions": expressions}, "topologyKey": key, "namespaceSelector": {}}
        return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}

    label = "jobset.sigs.k8s.io/job-key"
    own, other = ({"key": label, "operator": operator, "values": [job_key]} for operator in ("In", "NotIn"))
    return {"podAffinity": terms(own), "podAntiAffinity": terms({"key": label, "operator": "Exists"}, other)}


def pytorch_pods(item):
    """And the PodGroup that the training operator makes."""
    name, replicas = item["metadata"]["name"], item["spec"]["pytorchReplicaSpecs"]
    yield group(name, sum(entry["replicas"] for entry in replicas.values()))
    for kind, entry in replicas.items():
        for index in range(entry["replicas"]):
            labels = {
                "training.kubeflow.org/job-name": name,
                "training.kubeflow.org/replica-type": kind.lower(),
                "training.kubeflow.org/replica-index": str(index),
            }
            found = pod(f"{name}-{kind.lower()}-{index}", name, labels=labels, spec=entry["template"]["spec"])
            found["metadata"]["annotations"] = entry["template"].get("metadata", {}).get("annotations", {})
            yield from owned([found], "PyTorchJob", name)


MADE_BY = {"Job": job_pods, "JobSet": job_set_pods, "PyTorchJob": pytorch_pods}


def created(manifest):
    """The objects that a cluster has once the manifest is applied and its controllers are done."""
    found = []
    for item in manifest:
        if "name" not in item["metadata"]:
            name = item["metadata"]["generateName"] + "x7k2p"
            item = {**item, "metadata": {**item["metadata"], "name": name, "uid": name}}
        found += MADE_BY[item["kind"]](item) if item["kind"] in MADE_BY else [item]
    return found
