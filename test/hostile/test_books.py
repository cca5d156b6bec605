# SPDX-License-Identifier: Apache-2.0
"""Arithmetic that can be undone, and memory that tenants cannot keep: numbers and texts as large as the API server
takes them, in pods that come and go."""

import random
import re
import sys
import unittest

from hostile import MIB, Scene, gang, nodes, ordinary

LARGEST = 2 ** 63 - 2
WORDS = 7000  # of 63 bytes, in the affinity of one pod: half a megabyte
PAGES = 135
NAMELESS = 1500


def text_bytes(scene, table):
    """What /metrics says of a table of texts."""
    _, body = scene.get("/metrics")
    return int(re.search(r'^phalanx_text_bytes\{table="%s"\} (\d+)' % table, body.decode(), re.M).group(1))


def free_everywhere(scene):
    """"64/64": GPUs that are free, and all, as the tree of a gang shows them."""
    one = gang("witness", 1, "victim", gpus=1)
    scene.create(*one)
    scene.place(one)
    _, body = scene.get("/api/v1/gangs/victim/witness?output=tree")
    scene.delete("victim")
    scene.wait(lambda: not scene.on(one))
    return re.search(r"^cluster\s+(\S+) nvidia.com/gpu free", body.decode(), re.M).group(1)


def affinity(number):
    """Required terms about nodes that nobody has the labels of."""
    words = [f"{number:05d}-{i:05d}-".ljust(63, "x") for i in range(WORDS)]
    expressions = [{"key": f"key-{number}-{i}", "operator": "NotIn", "values": words[i:i + 500]}
                   for i in range(0, WORDS, 500)]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": expressions}]}}}


class Arithmetic(unittest.TestCase):
    def check(self, name, pods):
        """Pods that say they run on n0 are created and deleted in another order: n0 has what it had."""
        with Scene(nodes(8), name=name) as scene:
            before = free_everywhere(scene)
            scene.create(*pods)
            scene.everybody_is_served()
            scene.delete("victim")
            order = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in pods]
            random.Random(7).shuffle(order)
            for namespace, pod_name in order:
                scene.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{pod_name}")
            scene.created = []
            self.assertEqual(free_everywhere(scene), before)
            twice = gang("twice", 1, "victim", gpus=16)
            scene.create(*twice)
            self.assertIsNone(scene.try_to_place(twice[0]), "a node has twice what it has")
            self.assertEqual(scene.metric("phalanx_selfcheck_differences_total"), 0)
            scene.all_as_before()

    def test_two_pods_with_all_there_is(self):
        self.check("two pods with 2^63-2 GPUs", [ordinary(f"p{i}", "hostile", gpus=LARGEST, on="n0") for i in range(2)])

    def test_more_than_64_bits_add_up_to(self):
        self.check("2,200 pods with 2^63-2 GPUs",
                   [ordinary(f"p{i}", "hostile", gpus=LARGEST, on="n0") for i in range(2200)])


class Memory(unittest.TestCase):
    def check(self, name, pods, tables):
        """Pods come, others are served meanwhile, and what the pods said goes with them."""
        with Scene(nodes(8), name=name) as scene:
            kept = {table: text_bytes(scene, table) for table in tables}
            idle = scene.memory()
            for item in pods:
                scene.create(item)
            print(f"\n{name}: texts " + ", ".join(f"{table} {text_bytes(scene, table) / MIB:.1f} MiB"
                                                  for table in tables), file=sys.stderr)
            scene.everybody_is_served()
            meanwhile = scene.memory()
            scene.all_as_before()
            for table in tables:
                self.assertLessEqual(text_bytes(scene, table), kept[table] + 4096, table)
            again = scene.memory()
            for item in pods:
                scene.create(item)
            scene.all_as_before()
            print(f"{name}: resident {idle / MIB:.0f} MiB idle, {meanwhile / MIB:.0f} with them, {again / MIB:.0f} "
                  f"without, {scene.memory() / MIB:.0f} after a second time", file=sys.stderr)

    def test_affinity_and_labels(self):
        pods = []
        for i in range(PAGES):
            item = ordinary(f"p{i}", "hostile", gpus=0)
            item["spec"]["affinity"] = affinity(i)
            item["metadata"]["labels"] = {f"label-{i}-{k}".ljust(63, "x"): f"{i}-{k}-".ljust(63, "x")
                                          for k in range(200)}
            pods.append(item)
        self.check("135 pods of affinity and labels", pods, ["vocabulary", "shapes", "labels"])

    def test_nodes_that_nobody_has(self):
        pods = [ordinary(f"p{i}", "hostile", on=f"nobody-has-{i}".ljust(200, "x")) for i in range(NAMELESS)]
        with Scene(nodes(8), name="1,500 pods on nodes nobody has") as scene:
            before = text_bytes(scene, "nodes")
            scene.create(*pods)
            scene.everybody_is_served()
            self.assertLessEqual(text_bytes(scene, "nodes"), before + 256)
            scene.all_as_before()
            self.assertEqual(text_bytes(scene, "missing_nodes"), 0)

    def test_annotations_of_a_quarter_of_a_megabyte(self):
        text = "x" * (250 * 1024)
        pods = []
        for i in range(40):
            pods += gang(f"g{i}", 2, annotations={"phalanx.dev/required-topology": text})
        with Scene(nodes(8), name="40 gangs with annotations of 250 KiB") as scene:
            idle = scene.memory()
            scene.create(*pods)
            scene.everybody_is_served()
            answer = scene.gang("g0", "hostile")
            self.assertIn("is not a configured level", answer["reason"])
            self.assertLess(len(answer["reason"]), 1024)
            print(f"{scene.name}: resident {idle / MIB:.0f} MiB idle, {scene.memory() / MIB:.0f} with them",
                  file=sys.stderr)
            scene.all_as_before()


if __name__ == "__main__":
    unittest.main()
