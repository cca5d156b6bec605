# SPDX-License-Identifier: Apache-2.0
"""The real daemon with a topology that its nodes do not carry as labels."""

import os
import subprocess
import tempfile
import unittest

from daemon import Daemon, group, node, pod


def bare(name):
    """A node without any topology label."""
    item = node(name)
    item["metadata"]["labels"] = {"kubernetes.io/hostname": name}
    return item


def hypernode(name, pattern):
    return {
        "apiVersion": "topology.volcano.sh/v1alpha1",
        "kind": "HyperNode",
        "metadata": {"name": name},
        "spec": {"tier": 1, "members": [{"type": "Node", "selector": {"regexMatch": {"pattern": pattern}}}]},
    }


NODES = [bare(name) for name in ("a", "b", "c", "d")]
NAMES = [item["metadata"]["name"] for item in NODES]
GANG = [group("train", 2), pod("w-0", gang="train"), pod("w-1", gang="train")]


def places(running):
    """Where kube-scheduler is sent with the members of the gang."""
    found = []
    for item in GANG[1:]:
        status, answer = running.filter(item, NAMES)
        if status != 200:
            raise AssertionError(answer)
        found += answer["NodeNames"]
    return sorted(found)


class Imports(unittest.TestCase):
    def test_without_a_topology_names_decide(self):
        with Daemon(NODES + GANG) as running:
            self.assertEqual(places(running), ["a", "b"])

    def test_slurm_file_of_the_configuration(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("SwitchName=s0 Nodes=a,x\nSwitchName=s1 Nodes=b,d\nSwitchName=s2 Switches=s[0-1]\n")
            file.flush()
            with Daemon(NODES + GANG, config="topology: {import: %s}" % file.name) as running:
                self.assertEqual(places(running), ["b", "d"])
                self.assertIn("1 node of the imported topology does not exist (x)", running.log())
                self.assertIn("1 node has no place in the imported topology (c)", running.log())

    def test_hypernodes_of_the_snapshot(self):
        objects = [hypernode("h1", "^[bc]$"), hypernode("h2", "^[d]$"), hypernode("h3", "^[a]$")]
        with Daemon(NODES + GANG + objects) as running:
            self.assertEqual(places(running), ["b", "c"])

    def test_a_node_in_two_hypernodes_has_no_place(self):
        objects = [hypernode("h1", "^[ab]$"), hypernode("h2", "^[bcd]$")]
        with Daemon(NODES + GANG + objects) as running:
            self.assertEqual(places(running), ["c", "d"])
            self.assertIn("node b is in h1 and in h2", running.log())

    def test_a_file_that_is_wrong(self):
        with tempfile.TemporaryDirectory(prefix="phalanx-test-") as folder:
            config = os.path.join(folder, "config.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write("topology: {import: topology.conf}")
            with open(os.path.join(folder, "topology.conf"), "w", encoding="utf-8") as file:
                file.write("SwitchName=s0 Switches=s1\nSwitchName=s1 Switches=s0\n")
            snapshot = os.path.join(folder, "snapshot.yaml")
            with open(snapshot, "w", encoding="utf-8") as file:
                file.write("{kind: List, items: []}")
            binary = os.environ["PHALANX_BIN"]
            for command in (["serve", "--config", config, "--snapshot", snapshot, "--listen", "127.0.0.1:0"],
                            ["check-config", config]):
                done = subprocess.run([binary, *command], capture_output=True, text=True, timeout=600, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("topology.conf: switch s0 in s1 in s0: a cycle", done.stderr)


if __name__ == "__main__":
    unittest.main()
