#!/usr/bin/env python3
"""Runs the plans against MLflow behind nginx, and judges what planrun says about it.

    tests/e2e/run.py [--planrun PATH] [--cache FOLDER] [--only WORDS] [--list]

Python's standard library is enough. MLflow is installed once into the cache (`$PLANRUN_E2E_CACHE`,
else `e2e` in cargo's target folder); nginx comes from the system. The last line is `N passed, N failed`; the exit code
is 0 when all passed, 1 when one failed, 2 when the test bed could not be brought up.
"""

import sys

# Nothing is written beside the sources, not even compiled Python.
sys.dont_write_bytecode = True

import checks  # noqa: E402, F401  (it fills the list of checks)
from checking import Workplace, check  # noqa: E402
from stage import main, say  # noqa: E402
from testbed import Testbed  # noqa: E402


class Bed(Testbed):
    """The test bed, at which every check has a clean workplace."""

    def __init__(self, options):
        super().__init__(str(options.planrun), options.cache, say)

    def place(self):
        return Workplace(self, self.planrun, self.say)


if __name__ == "__main__":
    sys.exit(main(__doc__, check, Bed))
