#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is shipped: test_release.py [--binary FILE [--other FILE]]

Builds the release twice, from two copies of the sources at other paths, with other locales, time zones, file modes and
numbers of processes, and wants the same bytes. Then looks at what is in them: hardening, as the linker and the compiler
leave it, and libraries. Installs into a bare tree and runs what is there. With --binary it looks at that file alone.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = ["--buildtype=release", "--prefix=/usr", "-Dtests=disabled"]
# What .ci/install and the README name for run time, by what the loader calls it, and what these bring along.
LIBRARIES = {"libmicrohttpd", "libgnutls", "libjansson", "libcurl-gnutls", "libcurl", "libyaml-0", "libseccomp", "libm",
             "libc", "libz", "libzstd"}
given = argparse.Namespace(binary=None)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ends with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def sources(to):
    """A copy of what is under version control, as it is now."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)


def build(folder, jobs, **environment):
    folder.mkdir(parents=True)
    sources(folder)
    everything = dict(os.environ, CCACHE_DISABLE="1", **environment)
    run("meson", "setup", "build", *OPTIONS, cwd=folder, env=everything)
    run("ninja", "-C", "build", "-j", str(jobs), "phalanx", cwd=folder, env=everything)
    return folder / "build" / "phalanx"


class Release(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="phalanx-release-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.binary = given.binary and pathlib.Path(given.binary)
        if cls.binary is None:
            cls.binary = build(cls.folder / "one", 2, TZ="UTC", LC_ALL="C.UTF-8")

    def elf(self, *arguments):
        return run("readelf", "--wide", *arguments, str(self.binary))

    def test_two_builds_are_the_same(self):
        if given.binary is not None:
            self.skipTest("looks at one binary")
        before = os.umask(0o077)
        other = build(self.folder / "a longer" / "way", 3, TZ="Asia/Kathmandu", LC_ALL="C", HOME=str(self.folder), USER="x")
        os.umask(before)
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (self.binary, other)]
        print(f"sha256 {digests[0]}, {self.binary.stat().st_size} bytes, twice")
        self.assertEqual(*digests)

    def test_position_independent_and_nothing_writable_is_executable(self):
        self.assertIn("DYN (Position-Independent Executable", self.elf("--file-header"))
        segments = re.findall(r"^\s+(LOAD|GNU_STACK)\s+(?:0x\w+\s+){5}([RWE ]{3})", self.elf("--program-headers"), re.M)
        self.assertGreaterEqual(len(segments), 4)
        self.assertEqual([segment for segment in segments if "W" in segment[1] and "E" in segment[1]], [])
        self.assertRegex(self.elf("--program-headers"), r"GNU_STACK.* RW ")

    def test_relocations_are_read_only(self):
        self.assertIn("GNU_RELRO", self.elf("--program-headers"))
        self.assertRegex(self.elf("--dynamic"), r"BIND_NOW|Flags: NOW")

    def test_fortified(self):
        """Level 3 also checks what is measured at run time; both have names of their own in libc."""
        symbols = self.elf("--dyn-syms")
        self.assertIn("__stack_chk_fail", symbols)
        checked = set(re.findall(r"(__\w+_chk)@", symbols)) - {"__stack_chk_fail"}
        self.assertGreaterEqual(len(checked), 5, checked)
        plain = run("gcc", "-dM", "-E", "-O2", *self.flags(), "-", input="")
        self.assertIn("#define _FORTIFY_SOURCE 3", plain)

    def flags(self):
        """How every file of the product was compiled."""
        if given.binary is not None:
            self.skipTest("needs a build")
        commands = json.loads((self.folder / "one" / "build" / "compile_commands.json").read_text(encoding="utf-8"))
        product = [c["command"] for c in commands if re.match(r"\.\./(api|scheduler|topology)/", c["file"])]
        self.assertGreater(len(product), 200)
        for flag in ("-D_FORTIFY_SOURCE=3", "-fstack-clash-protection", "-fstack-protector-strong", "-O3"):
            without = [command for command in product if flag not in command.split()]
            self.assertEqual(without, [], flag)
        return ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"]

    def test_stack_clash(self):
        """A frame of more than a page is probed page by page: `orq $0, (%rsp)`."""
        if os.uname().machine != "x86_64":
            self.skipTest("x86-64")
        code = run("objdump", "-d", "--no-show-raw-insn", str(self.binary))
        self.assertRegex(code, r"orq\s+\$0x0,\(%rsp\)")

    def test_branches_land_where_they_may(self):
        """CET: each function that can be called by address begins with endbr64."""
        if os.uname().machine != "x86_64":
            self.skipTest("x86-64")
        code = run("objdump", "-d", "--no-show-raw-insn", str(self.binary))
        self.assertGreater(code.count("endbr64"), 1000)

    def test_needs_what_is_declared(self):
        needed = re.findall(r"NEEDED.*\[(.+?)\.so", self.elf("--dynamic"))
        self.assertEqual({re.sub(r"-\d[\d.]*$", "", name) for name in needed} - LIBRARIES - {"libyaml"}, set())
        self.assertNotIn("RPATH", self.elf("--dynamic"))
        self.assertNotIn("RUNPATH", self.elf("--dynamic"))

    def test_says_nothing_of_where_it_was_built(self):
        self.assertNotIn(str(self.folder).encode(), self.binary.read_bytes())

    def test_bill_of_materials(self):
        text = run(str(ROOT / ".ci" / "sbom"), str(self.binary))
        self.assertEqual(text, run(str(ROOT / ".ci" / "sbom"), str(self.binary)))
        bill = json.loads(text)
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        named = {package["SPDXID"] for package in bill["packages"]}
        self.assertEqual(len(named), len(bill["packages"]))
        for relation in bill["relationships"]:
            self.assertIn(relation["relatedSpdxElement"], named)
        names = {package["name"] for package in bill["packages"]}
        self.assertLessEqual({"phalanx", "libc6", "libjansson4", "libseccomp2"}, names)
        self.assertTrue(all(package["versionInfo"] for package in bill["packages"]))

    def test_installs_into_a_bare_tree(self):
        if given.binary is not None:
            self.skipTest("needs a build")
        tree = self.folder / "tree"
        run("meson", "install", "-C", "build", "--no-rebuild", cwd=self.folder / "one", env=dict(os.environ, DESTDIR=str(tree)))
        files = [str(file.relative_to(tree)) for file in tree.rglob("*") if file.is_file()]
        self.assertEqual(files, ["usr/bin/phalanx"])
        self.assertIn("phalanx", run(str(tree / "usr/bin/phalanx"), "version", env={}, cwd="/"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary")
    given, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
