#!/usr/bin/env python3
"""Runs the plans against MLflow behind nginx, and judges what planrun says about it.

    tests/e2e/run.py [--planrun PATH] [--cache FOLDER] [--only WORDS] [--list]

Python's standard library is enough. MLflow is installed once into the cache (`$PLANRUN_E2E_CACHE`,
else `e2e` in cargo's target folder); nginx comes from the system. The last line is `N passed, N failed`; the exit code
is 0 when all passed, 1 when one failed, 2 when the test bed could not be brought up.
"""

import argparse
import os
import pathlib
import signal
import sys
import time

# Nothing is written beside the sources, not even compiled Python.
sys.dont_write_bytecode = True

import checks  # noqa: E402, F401  (it fills CHECKS)
from checking import CHECKS, Failed, Workplace  # noqa: E402
from testbed import ROOT, Testbed, Unavailable  # noqa: E402


def main():
    options = parse()
    chosen = [(sentence, run) for sentence, run in CHECKS if options.only.lower() in sentence.lower()]
    if options.list:
        for sentence, _ in chosen:
            say(sentence)
        return 0
    if not chosen:
        say(f"no check is called `{options.only}`")
        return 2
    binary = pathlib.Path(options.planrun).resolve()
    if not binary.is_file():
        say(f"there is no planrun at {options.planrun}: build it with `cargo build`")
        return 2
    # SIGTERM ends what we started, like Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed = 0
    try:
        with Testbed(str(binary), options.cache, say) as bed:
            for sentence, run in chosen:
                failed += not passes(sentence, run, bed, str(binary))
    except Unavailable as reason:
        say(f"the test bed could not be brought up: {reason}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    say(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


def parse():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    cache = os.environ.get("PLANRUN_E2E_CACHE", target / "e2e")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--planrun", default=target / "debug" / "planrun", help="the binary to judge")
    parser.add_argument("--cache", default=cache, help="where MLflow is installed")
    parser.add_argument("--only", default="", metavar="WORDS", help="only checks whose sentence contains these words")
    parser.add_argument("--list", action="store_true", help="say which checks there are")
    return parser.parse_args()


def passes(sentence, run, bed, binary):
    begin = time.monotonic()
    try:
        with Workplace(bed, binary, say) as at:
            run(at)
    except Failed as reason:
        say(f"FAIL {sentence} ({time.monotonic() - begin:.1f} s)\n{reason}")
        say(bed.logs())
        return False
    except (Unavailable, OSError, ValueError, KeyError, SyntaxError) as reason:
        say(f"FAIL {sentence} ({time.monotonic() - begin:.1f} s)\n{type(reason).__name__}: {reason}")
        return False
    say(f"ok   {sentence} ({time.monotonic() - begin:.1f} s)")
    return True


def say(text):
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
