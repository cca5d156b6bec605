# SPDX-License-Identifier: Apache-2.0
"""What may be right of an answer: functions that raise its Wrong when it is not."""

import re

from objects import RACK


def fits(count, hosts=None, domains=None, label=RACK, waits=0):
    """What was asked has its places: so many pods are placed, on so many nodes, in so many domains."""

    def check(answer):
        answer.expect(answer.code == 0 and answer.json["feasible"], f"not feasible: {answer.reason}")
        answer.expect(len(answer.placed) == count, f"{len(answer.placed)} pods are placed, not {count}: {answer.placed}")
        used = set(answer.placed.values())
        answer.expect(hosts in (None, len(used)), f"on {len(used)} nodes, not {hosts}")
        found = answer.domains(label)
        answer.expect(domains is None or None not in found, f"on nodes without {label}: {answer.placed}")
        answer.expect(domains in (None, len(found)), f"in {sorted(map(str, found))}, not in {domains} of {label}")
        leaves_out(answer, waits)

    return check


def does_not_fit(waits, placed=0, because=None, never=None):
    """Nobody gets a place who has none, and each of them is told why; `because` and `never` are patterns of the reason."""

    def check(answer):
        answer.expect(answer.code == 3 and not answer.json["feasible"], f"feasible, exit {answer.code}: {answer.placed}")
        answer.expect(len(answer.placed) == placed, f"{len(answer.placed)} pods are placed, not {placed}: {answer.placed}")
        answer.expect(answer.reason, "no reason")
        answer.expect(because is None or re.search(because, answer.reason), f"not because of {because}: {answer.reason}")
        answer.expect(never is None or not re.search(never, answer.reason), f"{never} is no reason: {answer.reason}")
        leaves_out(answer, waits)

    return check


def leaves_out(answer, count):
    found = answer.unplaced
    answer.expect(len(found) == count, f"{len(found)} pods are said to have no place, not {count}: {found}")
    answer.expect(all(found.values()), f"without a reason: {found}")
    answer.expect(all(name in answer.tree for name in found), f"pods without a place are missing in: {answer.tree}")


def together(*pods, label=RACK):
    """The pods whose name, or role, holds one of the texts: one domain for each of the texts, and each another."""

    def check(answer):
        found = [answer.domains(label, text) for text in pods]
        answer.expect(all(len(domains) == 1 for domains in found), f"not together: {dict(zip(pods, found))}")
        answer.expect(len(set.union(*found)) == len(pods), f"not apart: {dict(zip(pods, found))}")

    return check


def places_only(pods):
    def check(answer):
        wrong = [name for name in answer.placed if not re.search(pods, name)]
        answer.expect(not wrong, f"{wrong} should have no place")

    return check


def says(pattern):
    """Somewhere: in the reason, in the tree or in a warning."""

    def check(answer):
        text = "\n".join([answer.reason, answer.tree, answer.warnings])
        answer.expect(re.search(pattern, text), f"nothing says {pattern}: {text}")

    return check


def topology_never_says(pattern):
    def check(answer):
        answer.expect(not re.search(pattern, answer.topology), f"`phalanx topology` says {pattern}: {answer.topology}")

    return check


def speaks_of(count):
    def check(answer):
        answer.expect(answer.json["pods"] == count, f"it speaks of {answer.json['pods']} pods, not {count}")

    return check
