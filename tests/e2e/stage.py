"""What every script of this stage has: its arguments, its checks one after the other, and tools that it brings along."""

import argparse
import hashlib
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Failed(Exception):
    """What was seen is not what is due."""


class Unavailable(Exception):
    """What the checks need could not be had: its reason is for a person."""


class Checks(list):
    """The checks of a script, in the order in which they are written."""

    def __call__(self, sentence):
        def mark(function):
            self.append((sentence, function))
            return function

        return mark


def main(document, checks, bed):
    """Carries the checks out: 0 when all passed, 1 when one failed, 2 when the bed could not be made.

    `bed(options)` is the context that all checks share. Its `place()` is the context of one check, which
    gets what that gives; its `logs()` is for a person who wants to know why a check failed.
    """
    options = arguments(document)
    chosen = [(sentence, run) for sentence, run in checks if options.only.lower() in sentence.lower()]
    if options.list:
        for sentence, _ in chosen:
            say(sentence)
        return 0
    if not chosen:
        say(f"no check is called `{options.only}`")
        return 2
    # SIGTERM ends what we started, like Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if not options.planrun.is_file():
            raise Unavailable(f"there is no planrun at {options.planrun}: build it with `cargo build`")
        with bed(options) as shared:
            failed = sum(not passes(sentence, run, shared) for sentence, run in chosen)
    except Unavailable as reason:
        say(f"the checks could not be made: {reason}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    say(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


def arguments(document):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    cache = os.environ.get("PLANRUN_E2E_CACHE", target / "e2e")
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("--planrun", default=target / "debug" / "planrun", help="the binary to judge")
    parser.add_argument("--cache", default=cache, help="where tools are installed")
    parser.add_argument("--only", default="", metavar="WORDS", help="only checks whose sentence contains these words")
    parser.add_argument("--list", action="store_true", help="say which checks there are")
    options = parser.parse_args()
    options.planrun = pathlib.Path(options.planrun).resolve()
    options.cache = pathlib.Path(options.cache).resolve()
    return options


def passes(sentence, run, bed):
    begin = time.monotonic()
    try:
        with bed.place() as at:
            run(at)
    except Failed as reason:
        say(f"FAIL {sentence} ({time.monotonic() - begin:.1f} s)\n{reason}\n{bed.logs()}".rstrip())
        return False
    except (Unavailable, OSError, ValueError, LookupError, SyntaxError, StopIteration) as reason:
        say(f"FAIL {sentence} ({time.monotonic() - begin:.1f} s)\n{type(reason).__name__}: {reason}")
        return False
    say(f"ok   {sentence} ({time.monotonic() - begin:.1f} s)")
    return True


def say(text):
    print(text, flush=True)


def clean_environment(home):
    """No key, no planrun setting and no proxy of the machine reaches what we start."""
    names = ("PATH", "LANG", "LC_ALL", "TMPDIR", "RUST_BACKTRACE")
    return {name: os.environ[name] for name in names if name in os.environ} | {"HOME": str(home)}


def node_package(cache, name, version):
    """The folder of a package of npm, which is installed once for each version."""
    there = cache / f"{name.replace('/', '-')}-{version}"
    done = there / "installed"
    if not done.exists():
        npm = tool("npm", package="npm")
        say(f"bed  installing {name} {version}")
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir(parents=True)
        (there / "package.json").write_text('{"private": true}\n')
        quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error"]
        quietly([npm, "install", *quiet, "--prefix", str(there), f"{name}@{version}"], cwd=there)
        done.touch()
    return there / "node_modules" / name


def python_packages(cache, name, wanted):
    """The Python of a virtual environment that is made once for each list of versions."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(wanted.read_bytes() + version.encode()).hexdigest()[:12]
    venv = cache / f"{name}-{digest}"
    python = venv / "bin" / "python"
    done = venv / "installed"
    if not done.exists():
        say(f"bed  installing {name}, as {wanted.name} lists it")
        shutil.rmtree(venv, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        if importlib.util.find_spec("ensurepip") is None and may_install():
            install("python3-venv")
        quietly([sys.executable, "-m", "venv", str(venv)])
        pip = [str(python), "-m", "pip"]
        quietly([*pip, "install", "--quiet", "--no-input", "--no-deps", "--requirement", str(wanted)])
        done.touch()
    return python


def tool(name, package):
    """A command: on the PATH, in Debian's places, or installed now where we may."""

    def there():
        return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    if there() is None and may_install():
        install(package)
    found = there()
    if found is None:
        raise Unavailable(f"`{name}` is missing and cannot be installed from here: `apt-get install {package}` as root")
    return found


def may_install():
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(package):
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quietly(["apt-get", "update"], env=environment)
    quietly(["apt-get", "install", "--yes", "--no-install-recommends", package], env=environment)


def quietly(command, **run):
    done = subprocess.run(command, **run, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
