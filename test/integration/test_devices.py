# SPDX-License-Identifier: Apache-2.0
"""The real daemon where something is known of the GPUs: from the plan to the annotation, and back after a restart."""

import unittest

from daemon import Daemon, group, node, pod

DEVICES = "phalanx.dev/devices"


def dgx1v(name):
    item = node(name)
    item["metadata"]["labels"].update(
        {
            "nvidia.com/gpu.product": "Tesla-V100-SXM2-32GB",
            "nvidia.com/gpu.machine": "NVIDIA-DGX-1",
            "nvidia.com/gpu.count": "8",
        }
    )
    return item


def resource_slice(node_name, devices):
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node_name}-gpu"},
        "spec": {
            "driver": "gpu.nvidia.com",
            "nodeName": node_name,
            "pool": {"name": node_name, "generation": 1, "resourceSliceCount": 1},
            "devices": devices,
        },
    }


def gpu(name):
    return {"name": name, "attributes": {"type": {"string": "gpu"}, "uuid": {"string": "GPU-" + name}}}


def bound(running, name):
    """The pod once it is bound."""
    found = []

    def is_bound():
        items = running.get_json("/api/v1/pods")["items"]
        found[:] = [item for item in items if item["metadata"]["name"] == name and item["spec"].get("nodeName")]
        return found

    running.wait(is_bound)
    return found[0]


def place(running, item, names):
    """One pod of a gang of one, by the calls kube-scheduler makes; the pod as it is then."""
    status, answer = running.filter(item, names)
    assert status == 200 and len(answer["NodeNames"] or []) == 1, answer
    status, answer = running.bind(item, answer["NodeNames"][0])
    assert status == 200 and not answer.get("Error"), answer
    return bound(running, item["metadata"]["name"])


def quads(*items):
    return sorted(item["metadata"]["annotations"][DEVICES] for item in items)


class Devices(unittest.TestCase):
    def test_two_gangs_get_disjoint_quads_and_a_restart_remembers(self):
        first, second = pod("a-0", gang="a", gpus=4), pod("b-0", gang="b", gpus=4)
        objects = [dgx1v("n1"), group("a", 1), group("b", 1)]
        with Daemon(objects + [first]) as running:
            placed = place(running, first, ["n1"])
            self.assertEqual(placed["metadata"]["annotations"][DEVICES], "gpu-0,gpu-1,gpu-2,gpu-3")
            self.assertEqual(placed["metadata"]["annotations"]["phalanx.dev/gang"], "a")
        # Another process, that finds the first pod bound.
        with Daemon(objects + [placed, second]) as running:
            gang = running.get_json("/api/v1/gangs/default/a")
            self.assertEqual(gang["assignments"][0]["devices"], ["gpu-0", "gpu-1", "gpu-2", "gpu-3"])
            other = place(running, second, ["n1"])
            self.assertEqual(quads(placed, other), ["gpu-0,gpu-1,gpu-2,gpu-3", "gpu-4,gpu-5,gpu-6,gpu-7"])

    def test_slices_name_the_gpus(self):
        item = pod("a-0", gang="a", gpus=1)
        objects = [node("n1", gpus=2), resource_slice("n1", [gpu("gpu-west"), gpu("gpu-east")])]
        with Daemon(objects + [group("a", 1), item]) as running:
            self.assertEqual(place(running, item, ["n1"])["metadata"]["annotations"][DEVICES], "gpu-east")

    def test_slices_that_make_no_sense(self):
        item = pod("a-0", gang="a", gpus=4)
        objects = [dgx1v("n1"), resource_slice("n1", [{"name": "gpu-0", "attributes": 7}])]
        with Daemon(objects + [group("a", 1), item]) as running:
            self.assertNotIn(DEVICES, place(running, item, ["n1"])["metadata"]["annotations"])
            self.assertIn("a ResourceSlice is left out", running.log())


if __name__ == "__main__":
    unittest.main()
