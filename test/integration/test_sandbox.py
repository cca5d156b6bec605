# SPDX-License-Identifier: Apache-2.0
"""The real daemon has given up what it does not need, in all of its threads, and still does its work."""

import pathlib
import re
import unittest

from daemon import Daemon, node, pod


class Sandbox(unittest.TestCase):
    def test_every_thread_is_confined(self):
        with Daemon([node("n0")]) as daemon:
            chosen = daemon.filter(pod("p"), ["n0"])
            self.assertIn("n0", str(chosen))
            threads = list(pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir())
            self.assertGreaterEqual(len(threads), 1)
            for thread in threads:
                status = (thread / "status").read_text(encoding="utf-8")
                self.assertEqual(re.search(r"^NoNewPrivs:\s+(\d)", status, re.M).group(1), "1")
                self.assertEqual(re.search(r"^Seccomp:\s+(\d)", status, re.M).group(1), "2")


if __name__ == "__main__":
    unittest.main()
