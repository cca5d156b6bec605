# SPDX-License-Identifier: Apache-2.0
"""Intentions are not capacity: what a tenant writes about its own pods keeps nobody else from the cluster."""

import sys
import unittest

from hostile import SHORT_HOLD, VICTIM, Scene, gang, member, nodes, ordinary


class SchedulersNobodyServes(unittest.TestCase):
    def test_three_gangs_as_large_as_the_cluster(self):
        """No kube-scheduler that is served here would ever vote for them: they are not planned at all."""
        with Scene(nodes(8), name="gangs of a scheduler nobody serves") as scene:
            for i in range(3):
                scene.create(*gang(f"big-{i}", 8, scheduler="nobody"))
            scene.everybody_is_served()
            answer = scene.gang("big-0", "hostile")
            self.assertEqual(answer["state"], "Gathering", answer)
            self.assertIn("schedulerName is not served", str(answer))
            scene.all_as_before()


class Holds(unittest.TestCase):
    def test_pods_nobody_votes_for(self):
        """They are of a scheduler that is served, which does not want them: a hold of the whole cluster. An ordinary
        pod of higher priority is bound all the same."""
        with Scene(nodes(8), name="a hold of the whole cluster") as scene:
            scene.create(*gang("big", 8))
            scene.state("big", "hostile", "Held")
            equal, high = ordinary("equal"), ordinary("high", priority=1)
            scene.create(equal, high)
            self.assertIsNone(scene.try_to_place(equal), "what is held is kept from pods of the same priority")
            print(f"\n{scene.name}: bound after {scene.place([high]):.3f} s", file=sys.stderr)
            scene.all_as_before()


class Rotation(unittest.TestCase):
    """A tenant with more gangs as large as the cluster than their backoff takes out of the way, and nobody votes for
    their pods: they are of a served scheduler, which cannot place them (a volume that is not there, say)."""

    def victim(self, scene):
        """Another tenant's gang of 8 is bound before all of the attacker's have had their turn."""
        eight = gang("eight", 8, VICTIM, gpus=4)
        scene.create(*eight)
        print(f"\n{scene.name}: another tenant's gang of 8 is bound after {scene.place(eight, 40):.3f} s", file=sys.stderr)
        scene.everybody_is_served()
        scene.all_as_before()

    def test_gangs_nobody_votes_for(self):
        with Scene(nodes(8), config=SHORT_HOLD, name="twelve gangs nobody votes for") as scene:
            for i in range(12):
                scene.create(*gang(f"big-{i}", 8))
            scene.state("big-0", "hostile", "Held")
            self.victim(scene)

    def test_gangs_that_are_made_again(self):
        """… under other names, once some were held."""
        with Scene(nodes(8), config=SHORT_HOLD, name="gangs under ever new names") as scene:
            for i in range(3):
                scene.create(*gang(f"old-{i}", 8))
            scene.state("old-0", "hostile", "Held")
            scene.delete("hostile")
            for i in range(12):
                scene.create(*gang(f"new-{i}", 8))
            self.victim(scene)


class Ranks(unittest.TestCase):
    """There is room for one gang, and that of the victim was first."""

    def race(self, name, *attackers):
        with Scene(nodes(8), name=name) as scene:
            fillers = [ordinary(f"filler-{i}", gpus=8, on=f"n{i}") for i in range(8)]
            scene.create(*fillers)
            first = gang("first", 4, VICTIM)
            scene.create(*first)
            scene.create(*attackers)
            for i in range(4):
                scene.request("DELETE", f"/api/v1/namespaces/{VICTIM}/pods/filler-{i}")
            print(f"\n{name}: the gang that was first is bound after {scene.place(first):.3f} s", file=sys.stderr)
            scene.all_as_before()

    def test_one_pod_of_high_priority(self):
        boast = gang("boast", 4)
        boast[0]["spec"]["priority"] = 1000000
        self.race("the priority of one pod", *boast)

    def test_a_member_that_is_created_on_a_node(self):
        forged = gang("forged", 5)
        forged[0]["spec"]["nodeName"] = "n7"
        forged[0]["metadata"]["annotations"] = {"phalanx.dev/gang": "forged"}
        self.race("a member with spec.nodeName", *forged)


class Exclusive(unittest.TestCase):
    def test_a_pod_on_each_node(self):
        """Created with spec.nodeName: each says that its gang wants its whole rack for itself."""
        with Scene(nodes(8), name="exclusive pods with spec.nodeName") as scene:
            alone = {"phalanx.dev/exclusive-topology": "rack"}
            for i in range(8):
                scene.create(member(f"alone-{i}", "alone", 1, gpus=0, on=f"n{i}", annotations=alone))
            scene.everybody_is_served()
            scene.all_as_before()


if __name__ == "__main__":
    unittest.main()
