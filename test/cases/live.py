#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Situations for a real control plane: the end-to-end suite makes them so, and has what came of them judged here.

    live.py show [NAME]…   JSON: of each situation its name, its gang and the objects, in the order of their creation
    live.py judge NAME     reads {"gang": …, "tree": "…", "bound": {pod: node}} and says what is wrong; exit code 1

They are those in which something has to happen, or must not, as time goes by. Where the reports are present
(PHALANX_CASES), their own files are taken instead of ours. Jobs, generated names and what admission writes are left
to the control plane.
"""

import json
import sys

import situations
import test_cases

# Not 12-priorityclass: a gang that waits although there is room for it, which a cluster that lives does not keep.
LIVE = """
    01 01-infeasible 01-antiaffinity 01-spread 01-rack 01-rack-infeasible 01-rack-there 01-theirs-rack
    05 05-first-run 05-labels 07 07-two-lost-required 07-node-gone-required
    10 10-named 10-pod 12 12-limitrange 15 15-one-rack 16 16-first-do-not-fit
    21-finished 22-sidecar-89 22-sidecar-90 23 25
""".split()
# The quorum of an elastic gang exists before the Job controller has made the rest of it, and the first pods are placed at
# once, where they fit best. So that all are there when the gang is planned, its group comes last.
GROUP_LAST = ("15",)
KINDS = ("Namespace", "Node", "PriorityClass", "RuntimeClass", "LimitRange", "PodGroup", "Pod", "Job")


def chosen(names):
    for situation in situations.ALL:
        if situation.name in (names or LIVE):
            yield situation


def items_of(situation):
    """Snapshot and manifest."""
    files = test_cases.originals(situation)
    return [test_cases.read(file) for file in files] if files else [situation.snapshot, situation.manifest]


def show(situation):
    snapshot, manifest = items_of(situation)
    known = {test_cases.identity(item) for item in manifest if "name" in item["metadata"]}
    items = [item for item in snapshot if test_cases.identity(item) not in known]
    gang = next(name for item in manifest for name in test_cases.names_of(item))
    items.sort(key=lambda item: KINDS.index(item["kind"]))
    return {"name": situation.name, "gang": gang, "objects": items, "applied": manifest,
            "groupLast": situation.name in GROUP_LAST}


class Seen(test_cases.Answer):
    """What the daemon said of a gang, and where its pods really were."""

    def __init__(self, situation, seen):
        self.labels = {
            item["metadata"]["name"]: item["metadata"]["labels"]
            for item in items_of(situation)[0] if item["kind"] == "Node"
        }
        self.json, self.tree, self.warnings, self.topology = seen["gang"], seen["tree"], "", ""
        self.settle(any(ran(item, self.json["gang"]) for item in items_of(situation)[0]))
        self.expect(
            self.placed == seen["bound"], f"the gang is said to be on {self.placed}, its pods are on {seen['bound']}"
        )


def ran(item, gang):
    """Whether it is a member of the gang that ran before anything was applied."""
    on_a_node = item["kind"] == "Pod" and item["spec"].get("nodeName") and item["status"].get("phase") == "Running"
    return on_a_node and f"{item['metadata']['namespace']}/{(test_cases.names_of(item) or [''])[0]}" == gang


def main():
    if sys.argv[1] == "show":
        print(json.dumps([show(situation) for situation in chosen(tuple(sys.argv[2:]))]))
        return 0
    situation = next(one for one in situations.ALL if one.name == sys.argv[2])
    seen = json.load(sys.stdin)
    wrong = test_cases.judge(situation, lambda: Seen(situation, seen))
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
