# SPDX-License-Identifier: Apache-2.0
"""Intentions are not capacity: what a tenant writes about its own pods keeps nobody else from the cluster."""

import unittest

from hostile import Scene, gang, nodes


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


if __name__ == "__main__":
    unittest.main()
