# SPDX-License-Identifier: Apache-2.0
"""More situations of test_cases.py: what pods require of other pods, members of their gang or not.

They belong to reports 01 and 20. Nodes and racks are named so that a plan which knows nothing of the rules would break
them: the first nodes are the ones that must not be used.
"""

from objects import GPU, GROUP, RACK, group, job, job_set, nodes, pod, pod_spec, racks, template
from right import does_not_fit, fits, says
from situations import ALL, situation

__all__ = ["ALL"]  # those of situations.py, and these

HOSTNAME = "kubernetes.io/hostname"
ZONE = "example.org/power-feed"  # no level of any topology


def term(key, selector=None, **more):
    return {"topologyKey": key, **({} if selector is None else {"labelSelector": selector}), **more}


def apart(*terms):
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def near(*terms):
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def labels(**wanted):
    return {"matchLabels": {key.replace("__", "/"): value for key, value in wanted.items()}}


def expressions(*items):
    """("app", "In", "x", "y") and so on."""
    return {
        "matchExpressions": [
            {"key": key, "operator": operator, **({"values": list(values)} if values else {})}
            for key, operator, *values in items
        ]
    }


OURS = {"matchLabels": {GROUP: "train"}}
DB = labels(app="db")


def train(count, affinity, minimum=None, gpus=4):
    return [group("train", minimum or count), job("train", count, "train", pod_spec(gpus=gpus, affinity=affinity))]


def standing(name, node, app=None, affinity=None, namespace="default", **more):
    spec = pod_spec({"cpu": 1}, **({"affinity": affinity} if affinity else {}))
    return pod(name, node=node, labels={"app": app} if app else {}, namespace=namespace, spec=spec, **more)


def only_on(*names):
    def check(answer):
        wrong = {pod: node for pod, node in answer.placed.items() if node not in names}
        answer.expect(not wrong, f"not on {names}: {wrong}")

    return check


def one_in_each(label=RACK):
    def check(answer):
        found = [answer.labels[node].get(label) for node in answer.placed.values()]
        known = [value for value in found if value is not None]
        answer.expect(len(set(known)) == len(known), f"two in one {label}: {answer.placed}")

    return check


FOUR = racks(east="a b", west="c d")

# Members against each other.

situation("01-rack", racks(east="a b", west="c d", south="e"), train(3, apart(term(RACK, OURS))), fits(3), one_in_each())
situation(
    "01-rack-infeasible", FOUR, train(3, apart(term(RACK, OURS))),
    does_not_fit(waits=3, because="keep apart by rack", never=GPU),
)
situation("01-rack-elastic", FOUR, train(4, apart(term(RACK, OURS)), minimum=2), fits(2, waits=2), one_in_each())
situation("01-rack-unlabelled", FOUR + nodes("xy"), train(4, apart(term(RACK, OURS)), gpus=6), fits(4), one_in_each())
situation(
    "01-two-keys", racks(east="a b", west="c d"), train(2, apart(term(RACK, OURS), term(HOSTNAME, OURS))), fits(2),
    one_in_each(),
)
situation(
    "01-long-selector", FOUR,
    [group("train", 4), job("train", 4, "train", pod_spec(gpus=4, affinity=apart(term(HOSTNAME, {
        "matchLabels": {GROUP: "train"}, "matchExpressions": [
            {"key": f"k{i}", "operator": "NotIn", "values": [c * 63 for c in "abc"]} for i in range(6)]}))))],
    fits(4, hosts=4),
)
situation(
    "01-roles-apart", FOUR,
    [group("train", 4),
     job_set("train", [
         ("driver", 1, 1, template("train", pod_spec(gpus=2, affinity=apart(term(RACK, labels(
             **{"jobset.sigs.k8s.io__replicatedjob-name": "workers"})))))),
         ("workers", 1, 3, template("train", pod_spec(gpus=4)))])],
    fits(4),
    lambda answer: answer.expect(not answer.domains(pods="driver") & answer.domains(pods="workers"), "not apart"),
)
situation(
    "01-replicas-apart", racks(a="a1 a2", b="b1 b2", c="c1 c2"),
    [group("train", 6),
     job_set("train", [("workers", 3, 2, template("train", pod_spec(gpus=8, affinity={
         **near(term(RACK, labels(), matchLabelKeys=["jobset.sigs.k8s.io/job-index"])),
         **apart(term(RACK, expressions((GROUP, "Exists")), mismatchLabelKeys=["jobset.sigs.k8s.io/job-index"]))})))])],
    fits(6, domains=3),
)
situation(
    "01-no-level", nodes("ab", labels={ZONE: "p"}) + nodes("cd", labels={ZONE: "q"}), train(2, apart(term(ZONE, OURS))),
    fits(2), says("(?s)power-feed.*kube-scheduler"), daemon="nothing",
)

# Pods already there.

situation(
    "01-pod-there", nodes("a") + [standing("db", "a", "db")], train(1, apart(term(HOSTNAME, DB))),
    does_not_fit(waits=1, because="pod .anti-.affinity", never=GPU),
)
situation(
    "01-pod-there-elsewhere", nodes("ab") + [standing("db", "a", "db")], train(2, apart(term(HOSTNAME, DB))),
    fits(2, hosts=1), only_on("b"),
)
situation("01-rack-there", FOUR + [standing("db", "a", "db")], train(2, apart(term(RACK, DB))), fits(2), only_on("c", "d"))
situation(
    "01-zone-there", nodes("ab", labels={ZONE: "p"}) + nodes("cd", labels={ZONE: "q"}) + [standing("db", "a", "db")],
    train(2, apart(term(ZONE, DB))), fits(2), only_on("c", "d"),
)
situation("01-finished-there", nodes("a") + [standing("db", "a", "db", phase="Succeeded")],
          train(1, apart(term(HOSTNAME, DB))), fits(1))
situation(
    "01-theirs", nodes("a") + [standing("db", "a", "db", affinity=apart(term(HOSTNAME, OURS)))], train(1, None),
    does_not_fit(waits=1, because="pod .anti-.affinity", never=GPU),
)
situation(
    "01-theirs-rack", FOUR + [standing("db", "a", "db", affinity=apart(term(RACK, OURS)))], train(2, None), fits(2),
    only_on("c", "d"),
)
situation(
    "01-theirs-namespace", nodes("a")
    + [standing("db", "a", affinity=apart(term(HOSTNAME, {})), namespace="other")], train(1, None), fits(1),
)
situation(
    "01-theirs-namespaces", nodes("a")
    + [standing("db", "a", affinity=apart(term(HOSTNAME, {}, namespaces=["default"])), namespace="other")],
    train(1, None), does_not_fit(waits=1, because="pod .anti-.affinity"),
)
situation(
    "01-theirs-everywhere", nodes("a")
    + [standing("db", "a", affinity=apart(term(HOSTNAME, {}, namespaceSelector={})), namespace="other")],
    train(1, None), does_not_fit(waits=1, because="pod .anti-.affinity"),
)
situation(
    "01-theirs-by-name", nodes("a") + [standing(
        "db", "a", namespace="other", affinity=apart(term(HOSTNAME, {}, namespaceSelector=labels(
            **{"kubernetes.io__metadata.name": "default"}))))],
    train(1, None), does_not_fit(waits=1, because="pod .anti-.affinity"),
)
situation(
    "01-unknown-namespaces", nodes("a") + [standing("db", "a", "db", namespace="other")],
    train(1, apart(term(HOSTNAME, DB, namespaceSelector=labels(team="x")))), fits(1), says("namespaces by labels"),
    daemon="nothing",
)
situation("01-expressions", FOUR + [standing("x", "a", "x"), standing("y", "c", "y")],
          train(1, apart(term(RACK, expressions(("app", "Exists"), ("app", "NotIn", "y"))))), fits(1), only_on("c", "d"))
situation("01-absent-label", nodes("ab") + [standing("x", "a")],
          train(1, apart(term(HOSTNAME, expressions(("app", "DoesNotExist"), (GROUP, "DoesNotExist"))))), fits(1), only_on("b"))
situation("01-no-selector", nodes("a") + [standing("db", "a", "db")], train(1, apart(term(HOSTNAME))), fits(1))

# Affinity.

situation("20-self", racks(east="a", west="b c d"), train(3, near(term(RACK, OURS)), gpus=8), fits(3, domains=1))
situation(
    "20-self-infeasible", FOUR, train(3, near(term(RACK, OURS)), gpus=8),
    does_not_fit(waits=3, because="rack is short"),
)
situation("20-self-host", nodes("ab"), train(2, near(term(HOSTNAME, OURS))), fits(2, hosts=1))
situation("20-there", FOUR + [standing("db", "c", "db")], train(2, near(term(RACK, DB))), fits(2), only_on("c", "d"))
situation(
    "20-nowhere", FOUR, train(2, near(term(RACK, DB))), does_not_fit(waits=2, because="pod .anti-.affinity"),
)
situation(
    "20-unlabelled", nodes("ab"), train(2, near(term(RACK, OURS))), does_not_fit(waits=2, because="pod .anti-.affinity"),
)
situation(
    "20-leader", racks(east="a", west="b c d"),
    [group("train", 4),
     job_set("train", [
         ("driver", 1, 1, template("train", pod_spec(gpus=1))),
         ("workers", 1, 3, template("train", pod_spec(gpus=6, affinity=near(term(RACK, labels(
             **{"jobset.sigs.k8s.io__replicatedjob-name": "driver"}))))))])],
    fits(4, domains=1),
)
situation(
    "20-leaders", racks(east="a", west="b"),
    [group("train", 4),
     job_set("train", [
         ("driver", 2, 1, template("train", pod_spec(gpus=4, affinity=apart(term(RACK, labels(
             **{"jobset.sigs.k8s.io__replicatedjob-name": "driver"})))))),
         ("workers", 1, 2, template("train", pod_spec(gpus=4, affinity={
             **near(term(RACK, labels(**{"jobset.sigs.k8s.io__replicatedjob-name": "driver"})))})))])],
    fits(4, domains=2),
)

# Preferred node affinity: the last thing that counts, but it does.

LIKED = {
    "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 10, "preference": expressions(("disk", "In", "fast"))},
            {"weight": 1, "preference": expressions(("disk", "Exists"))},
        ]
    }
}
situation(
    "02-liked", nodes("a") + nodes("b", labels={"disk": "slow"}) + nodes("c", labels={"disk": "fast"}) + nodes("d"),
    train(2, LIKED), fits(2, hosts=1), only_on("c"),
)
situation(
    "02-liked-less-than-near", racks(east="a b") + nodes("c", rack="west", labels={"disk": "fast"}), train(2, LIKED, gpus=8),
    fits(2, domains=1), only_on("a", "b"),
)
