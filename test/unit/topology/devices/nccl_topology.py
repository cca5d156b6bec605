#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The machine table against NCCL's topology files of the same machines: nccl_topology.py PRINT_MACHINE DIRECTORY

Both are brought to one form: for every GPU and NIC in the order of PCI addresses its NUMA node, and the number of
its PCIe switch in the order in which switches are met. The files say nothing of NVLinks between GPUs (ncv4-topo.xml
gives each GPU a link to itself), so links are compared where there are any. Exits 77 when the files are not there.
"""

import pathlib
import subprocess
import sys
import xml.etree.ElementTree

FILES = {"ndv2-topo.xml": "ndv2", "ndv4-topo.xml": "ndv4", "ndv5-topo.xml": "ndv5", "ncv4-topo.xml": "ncv4"}
BRIDGE, KINDS = "0x0604", {"0x0302": "gpu", "0x0207": "nic", "0x0200": "nic"}


def address(bus_id):
    """0001:00:00.0 as a number that orders like the bus."""
    domain, bus, rest = bus_id.split(":")
    device, function = rest.split(".")
    return int(domain, 16) << 16 | int(bus, 16) << 8 | int(device, 16) << 3 | int(function)


def walk(element, numa, switch, found, links):
    for child in element:
        bus_id, kind = child.get("busid"), child.get("class", "")[:6]
        if child.tag != "pci":
            continue
        if kind == BRIDGE:
            walk(child, numa, bus_id, found, links)
            continue
        found.append((KINDS[kind], address(bus_id), switch, numa))
        for link in child.iter("nvlink"):
            if link.get("target") != bus_id:
                links.append((address(bus_id), address(link.get("target")), int(link.get("count"))))


def read_file(path):
    found, links = [], []
    for cpu in xml.etree.ElementTree.parse(path).getroot().iter("cpu"):
        walk(cpu, int(cpu.get("numaid")), None, found, links)
    devices = [row for kind in ("gpu", "nic") for row in sorted(r for r in found if r[0] == kind)]
    number = {row[1]: i for i, row in enumerate(r for r in devices if r[0] == "gpu")}
    links = sorted({(*sorted((number[a], number[b])), count) for a, b, count in links})
    return [(kind, switch, numa) for kind, _, switch, numa in devices], links


def read_table(program, machine):
    devices, links = [], []
    for line in subprocess.run([program, machine], check=True, capture_output=True, text=True).stdout.splitlines():
        words = line.split()
        if words[0] == "link":
            links.append(tuple(int(word) for word in words[1:]))
        else:
            devices.append((words[0], None if words[2] == "-" else words[2], int(words[3])))
    return devices, links


def numbered(devices):
    """Names of switches differ; which devices share one must not."""
    numbers = {}
    return [(kind, None if switch is None else numbers.setdefault(switch, len(numbers)), numa)
            for kind, switch, numa in devices]


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    if not directory.is_dir():
        print(f"skipped: no {directory}")
        return 77
    wrong = 0
    for name, machine in sorted(FILES.items()):
        file_devices, file_links = read_file(directory / name)
        table_devices, table_links = read_table(program, machine)
        gpus = sum(kind == "gpu" for kind, _, _ in file_devices)
        same = gpus > 0 and numbered(file_devices) == numbered(table_devices)
        same = same and (not file_links or file_links == table_links)
        print(f"{name}: {gpus} GPUs, {len(file_devices) - gpus} NICs: {'as in' if same else 'DIFFERS FROM'} {machine}")
        if not same:
            wrong += 1
            print(f"  file:  {numbered(file_devices)}\n  table: {numbered(table_devices)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
