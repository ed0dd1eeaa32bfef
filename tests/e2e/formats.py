#!/usr/bin/env python3
"""Reads every report of one run, and the findings for code scanning, with tools that are not of this project.

    tests/e2e/formats.py [--planrun PATH] [--cache FOLDER] [--only WORDS] [--list]

Python's standard library and npm are enough: the readers are installed once into the cache. The
checks are in `readers.py`. The last line is `N passed, N failed`; the exit code is 0 when all passed, 1
when one failed, 2 when a reader could not be had.
"""

import subprocess
import sys

# Nothing is written beside the sources, not even compiled Python.
sys.dont_write_bytecode = True

from stage import HERE, Unavailable, arguments, python_packages, say  # noqa: E402


def main():
    options = arguments(__doc__)
    try:
        python = python_packages(options.cache, "readers", HERE / "readers.txt")
    except Unavailable as reason:
        say(f"the readers could not be had: {reason}")
        return 2
    try:
        return subprocess.run([python, str(HERE / "readers.py"), *sys.argv[1:]], check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
