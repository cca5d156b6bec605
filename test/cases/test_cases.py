#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `phalanx plan` answers in situations that people have reported of gang schedulers: test_cases.py PHALANX [NAME]…

situations.py and affinity.py have them: a cluster, a manifest, and what is right. Each is asked as JSON and as a tree. What a cluster
holds after `kubectl apply` is shown to the daemon as well, which has to answer the same. The reports
themselves are not part of the repository: where PHALANX_CASES names a folder of theirs (NN-*/snapshot[-variant].yaml
and manifest[-variant].yaml), the same is expected of those files, too, of plan and of the daemon.

A situation with `late` is one that is not answered as it should be yet. The mark says why and names the wrong answer,
and excuses that one only: the test fails for any other, and for the right one until the mark is gone.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import affinity
import objects

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import daemon  # noqa: E402

FEASIBLE, INFEASIBLE = 0, 3


class Wrong(Exception):
    """The answer is not what is right."""


class Answer:
    """What was answered, and the cluster it was asked of."""

    def __init__(self, phalanx, snapshot):
        _, self.topology, _ = run(phalanx, "topology", "--snapshot", snapshot)
        self.labels = {
            item["metadata"]["name"]: item["metadata"]["labels"] for item in read(snapshot) if item["kind"] == "Node"
        }

    def plan(self, phalanx, snapshot, manifest):
        self.code, out, self.warnings = run(phalanx, "plan", "-o", "json", "--snapshot", snapshot, "--manifest", manifest)
        if self.code not in (FEASIBLE, INFEASIBLE):
            raise Wrong(f"exit {self.code}: {self.warnings.strip()}")
        self.json = json.loads(out)
        if not isinstance(self.json, dict):
            raise Wrong(f"{len(self.json)} gangs, not one")
        code, self.tree, _ = run(phalanx, "plan", "--snapshot", snapshot, "--manifest", manifest)
        if code != self.code:
            raise Wrong(f"exit {self.code} as JSON, {code} as a tree")
        self.read()
        return self

    def serve(self, items, gang):
        with daemon.Daemon(items) as running:
            self.json = running.get_json(f"/api/v1/gangs/default/{gang}")
            self.tree = running.get(f"/api/v1/gangs/default/{gang}?output=tree")[1].decode()
        self.warnings = ""
        self.settle(self.json["state"] in ("Committing", "Placed"))
        return self

    def settle(self, ran):
        """A gang that ran before has its quorum: what was asked is whether all of it has a place."""
        waits = ran and self.json["unplaced"]
        self.json["feasible"] = self.json["feasible"] and not waits
        self.code = FEASIBLE if self.json["feasible"] else INFEASIBLE
        self.read()

    def read(self):
        self.placed = {item["pod"].split("/")[1]: item["node"] for item in self.json["assignments"]}
        self.roles = {item["pod"].split("/")[1]: item["role"] for item in self.json["assignments"]}
        self.unplaced = {item["pod"].split("/")[1]: item["reason"] for item in self.json.get("unplaced", [])}
        self.reason = self.json["reason"]

    def domains(self, label=objects.RACK, pods=""):
        """The values of a node label under the pods whose name, or role, holds the text."""
        return {
            self.labels.get(node, {}).get(label)
            for pod, node in self.placed.items()
            if pods in pod or pods == self.roles[pod]
        }

    def expect(self, good, what):
        if not good:
            raise Wrong(what)


def run(phalanx, *words):
    done = subprocess.run([phalanx, *words], capture_output=True, text=True, check=False, timeout=240)
    return done.returncode, done.stdout, done.stderr


def read(path):
    """The objects of a file: what we have written, or a file of the reports, which is YAML."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if text.startswith("{"):
        return json.loads(text)["items"]
    import yaml  # of the reports alone

    found = []
    for document in yaml.safe_load_all(text):
        found += document["items"] if document["kind"] == "List" else [document]
    return found


def write(folder, name, items):
    path = pathlib.Path(folder, name)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), encoding="utf-8")
    return path


def judge(situation, answer):
    """None when the answer is right, else what is wrong with it."""
    try:
        given = answer()
        for check in situation.right:
            check(given)
    except Wrong as wrong:
        return str(wrong)
    return None


def judge_daemon(phalanx, situation, snapshot, manifest):
    """The same of the daemon: the objects that a cluster holds once the manifest is applied."""
    items, wanted = read(snapshot), read(manifest)
    made = objects.created(wanted) if situation.daemon == "created" else []
    known = {identity(item) for item in made}
    kept = [item for item in items if identity(item) not in known]
    gang = next(label for item in made or wanted for label in names_of(item))
    return judge(situation, lambda: Answer(phalanx, snapshot).serve(kept + made, gang))


def identity(item):
    return item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]


def ask(phalanx, situation, folder):
    """Everybody's answer to a situation: who, and what is wrong with it or None."""
    files = {"": (write(folder, "snapshot.json", situation.snapshot), write(folder, "manifest.json", situation.manifest))}
    if originals(situation):
        files[" of the report"] = originals(situation)
    for whose, (snapshot, manifest) in files.items():
        yield f"plan{whose}", judge(situation, lambda: Answer(phalanx, snapshot).plan(phalanx, snapshot, manifest))
        if situation.daemon != "nothing":
            yield f"the daemon{whose}", judge_daemon(phalanx, situation, snapshot, manifest)


def names_of(item):
    """The gang of an object."""
    labels = item["metadata"].get("labels", {})
    keys = (objects.GROUP, "pod-group.scheduling.sigs.k8s.io/name")
    return [item["metadata"]["name"]] if item["kind"] == "PodGroup" else [labels[key] for key in keys if key in labels]


def originals(situation):
    """The files of the report, or None."""
    folder = os.environ.get("PHALANX_CASES")
    number, _, variant = situation.name.partition("-")
    for found in sorted(pathlib.Path(folder).glob(f"{number}-*/")) if folder else []:
        tail = f"-{variant}.yaml" if variant else ".yaml"
        if (found / f"snapshot{tail}").exists():
            return found / f"snapshot{tail}", found / f"manifest{tail}"
    return None


def main():
    phalanx, chosen = sys.argv[1], sys.argv[2:]
    os.environ["PHALANX_BIN"] = phalanx
    tally = {"passed": 0, "failed": 0, "late": 0, "asked": 0}
    with tempfile.TemporaryDirectory(prefix="phalanx-cases-") as folder:
        for situation in affinity.ALL:
            if chosen and not any(situation.name.startswith(name) for name in chosen):
                continue
            answers = dict(ask(phalanx, situation, folder))
            tally["asked"] += len(answers)
            wrong = [f"{who}: {what}" for who, what in answers.items() if what is not None]
            late = situation.late
            if late and len(wrong) == len(answers) and all(re.search(late.answer, text) for text in wrong):
                tally["late"] += 1
                print(f"late  {situation.name}: {late.why}: {wrong[0]}")
                continue
            if late and len(wrong) < len(answers):
                wrong.append(f"right by {', '.join(who for who in answers if answers[who] is None)}, remove {late}")
            tally["failed" if wrong else "passed"] += 1
            for text in wrong:
                print(f"WRONG {situation.name}: {text}")
    print(f"cases: {tally['passed']} passed, {tally['failed']} failed, {tally['late']} not answered right yet; "
          f"{tally['asked']} answers")
    sys.exit(1 if tally["failed"] else 0)


if __name__ == "__main__":
    main()
