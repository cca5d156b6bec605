#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Devices and GPU-NIC pairs of live ResourceSlices, without the program under test and without a YAML parser.

slice_pairs.py DIRECTORY TABLE: reads the lines of every .yaml in DIRECTORY and compares with TABLE (slice_pairs.txt).
A device is the text between two lines that start an item of `devices:`; an attribute is a line "NAME:" and the value on
the next. Exits 1 when they differ, 77 when the directory is not there.
"""

import pathlib
import re
import sys

TIERS = ["root", "numa"]


def devices(lines):
    """[{attribute: value, "name": …}] from the lines of one file."""
    found, item_indent, key = [], None, None
    inside = False
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        text = line.strip()
        if text == "devices:":
            inside, item_indent = True, None
            continue
        if not inside or not text or text.startswith("#"):
            continue
        if item_indent is None:
            item_indent = indent
        if indent < item_indent or (indent == item_indent and not text.startswith("- ")):
            inside = False
            continue
        if indent == item_indent:
            found.append({})
            text, indent = text[2:], indent + 2
        match = re.fullmatch(r"([^\s:]+):(?:\s+(.*))?", text)
        name, value = match.group(1), (match.group(2) or "").strip("'\"")
        if indent == item_indent + 2 and name == "name":
            found[-1]["name"] = value
        elif not value:
            key = name
        elif name in ("int", "bool", "string", "version", "value"):
            found[-1][key] = value
    return found


def numa(device):
    """As told, else from the domain of the address: on two-socket Grace trays domains 0x1_ are the second socket's."""
    if "dra.net/numaNode" in device:
        return device["dra.net/numaNode"]
    domain = device["resource.kubernetes.io/pciBusID"].split(":")[0]
    return domain[2] if device.get("addressingMode") == "ATS" else None


def pairs(all_devices):
    gpus = [d for d in all_devices if d.get("uuid", "").startswith("GPU-")]
    nics = [d for d in all_devices if d.get("dra.net/rdma") == "true"]
    for gpu in gpus:
        root = gpu["resource.kubernetes.io/pcieRoot"]
        near = {
            "root": [nic["name"] for nic in nics if nic.get("resource.kubernetes.io/pcieRoot") == root],
            "numa": [nic["name"] for nic in nics if numa(gpu) is not None and numa(nic) == numa(gpu)],
        }
        tier = next((tier for tier in TIERS if near[tier]), None)
        for nic in near.get(tier, []):
            yield gpu["name"], nic, tier


def main():
    directory, table = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if not directory.is_dir():
        print(f"{directory} is not there")
        return 77
    facts, nodes = [], {}
    for path in sorted(directory.glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found = devices(lines)
        facts.append(f"devices {path.name} {len(found)}")
        node = next(line.split()[-1] for line in lines if line.strip().startswith("nodeName:"))
        nodes.setdefault(node, []).extend(found)
    for node, found in nodes.items():
        facts += [f"pair {node} {gpu} {nic} {tier}" for gpu, nic, tier in pairs(found)]
    wanted = [line for line in table.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    difference = sorted(set(facts) ^ set(wanted))
    for line in difference:
        print(("only in the files: " if line in facts else "only in the table: ") + line)
    print(f"{len(facts)} facts in {directory}, {len(wanted)} in {table}")
    return 1 if difference or len(facts) != len(wanted) else 0


if __name__ == "__main__":
    sys.exit(main())
