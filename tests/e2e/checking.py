"""What a check is, how planrun is called from one, and the two rules that hold for every call: no secret, no panic."""

import base64
import contextlib
import dataclasses
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

from stage import ROOT, Checks, Failed, clean_environment

# What a run of the plans reads, beside its environment.
INPUTS = ("plans", "planrun.yaml", "specs")
# A key as the registry writes them, unmasked: none may ever be seen, whoever made it.
KEY_SHAPE = re.compile(r"hk_(?:live|test)_[A-Za-z0-9]{16,}")
check = Checks()


@dataclasses.dataclass
class Seen:
    """How one call of planrun ended."""

    command: str
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def text(self):
        return self.stdout + self.stderr

    @property
    def flat(self):
        """The text with every run of white space as one blank, so that a folded line still matches."""
        return " ".join(self.text.split())


class Workplace:
    """A clean folder with a copy of the plans, from which planrun is called against the test bed."""

    def __init__(self, bed, planrun, say):
        self.bed = bed
        self.binary = planrun
        self.say = say
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="planrun-e2e-work-"))
        self.secrets = {"api_key": bed.api_key, "expired_key": bed.expired_key}
        for name in INPUTS:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self.folder / name)
            elif source.exists():
                shutil.copy(source, self.folder / name)
        self.inputs = {path for path in self.folder.rglob("*") if path.is_file()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def environment(self, **changes):
        values = clean_environment(self.folder) | {
            "PLANRUN_VAR_registry_url": self.bed.registry_url,
            "PLANRUN_VAR_auth_url": self.bed.auth_url,
            "PLANRUN_VAR_service_id": self.bed.service_id,
            "PLANRUN_API_KEY": self.bed.api_key,
            "PLANRUN_EXPIRED_KEY": self.bed.expired_key,
        }
        for name, value in changes.items():
            if name == "PLANRUN_API_KEY" and value is not None:
                self.secrets["other_key"] = value
            values[name] = value
        return {name: value for name, value in values.items() if value is not None}

    def planrun(self, *arguments, seconds=180, **changes):
        """Calls planrun with its output in pipes, as in CI."""
        with self.started(*arguments, **changes) as process:
            return self.finish(process, seconds)

    def on_demo(self, fault, *arguments, **changes):
        """Calls planrun against its own registry, with nothing said about another one."""
        unsaid = dict.fromkeys(name for name in self.environment() if name.startswith("PLANRUN_"))
        name = f"demo-{fault}" if fault else "demo"
        seen = self.planrun(*arguments, "-e", name, **(unsaid | changes))
        found = KEY_SHAPE.search(seen.text)
        due(not found or "plans" in arguments, f"it shows a key: {found and found.group()[:12]}…")
        return seen

    @contextlib.contextmanager
    def started(self, *arguments, **changes):
        """planrun as a running process; what is still running at the end is killed."""
        process = subprocess.Popen(
            [self.binary, *arguments],
            cwd=self.folder,
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        process.begin = time.monotonic()
        process.arguments = arguments
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
            process.stderr.close()

    def finish(self, process, seconds=60):
        arguments = process.arguments
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"`planrun {' '.join(arguments)}` was still running after {seconds} s") from late
        took = time.monotonic() - process.begin
        return self.judge(arguments, process.returncode, decoded(stdout), decoded(stderr), took)

    def shell(self, script, seconds=180, **changes):
        """Runs a line of bash in which `$PLANRUN` is the binary."""
        begin = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment(PLANRUN=str(self.binary), **changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        took = time.monotonic() - begin
        return self.judge((script,), done.returncode, decoded(done.stdout), decoded(done.stderr), took)

    def terminal(self, *arguments, columns=80, seconds=180, **changes):
        """Calls planrun on a terminal of the given width; what both streams wrote is `stdout`."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        begin = time.monotonic()
        process = subprocess.Popen(
            [self.binary, *arguments],
            cwd=self.folder,
            env=self.environment(TERM="xterm-256color", **changes),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        text = b""
        try:
            while part := read_within(master, begin + seconds):
                text += part
            code = process.wait(10)
        except (TimeoutError, subprocess.TimeoutExpired) as late:
            raise Failed(f"`planrun {' '.join(arguments)}` on a terminal was still running after {seconds} s") from late
        finally:
            os.close(master)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return self.judge(arguments, code, decoded(text), "", time.monotonic() - begin)

    def judge(self, arguments, code, stdout, stderr, seconds):
        seen = Seen(" ".join(map(str, arguments)), code, stdout, stderr, seconds)
        self.say(f"     planrun {seen.command}: {code} ({seconds:.1f} s)")
        if code == 101 or "panicked at" in seen.text:
            raise Failed(f"it panicked:\n{shortened(seen.text)}")
        self.no_secret_in(seen.text, f"the output of `planrun {seen.command}`")
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path not in self.inputs:
                self.no_secret_in(path.read_bytes().decode(errors="replace"), str(path.relative_to(self.folder)))
        return seen

    def no_secret_in(self, text, where):
        folded = text.lower()
        for name, value in self.secrets.items():
            for form, pattern in encodings(value):
                if pattern.lower() in folded:
                    raise Failed(f"{where} shows {name} ({form})")

    def no_key_at_all(self):
        """Not even a key that only the demo inside planrun ever knew: for plans that make up no keys themselves."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path not in self.inputs:
                found = KEY_SHAPE.search(path.read_bytes().decode(errors="replace"))
                due(not found, f"{path.relative_to(self.folder)} shows a key: {found and found.group()[:12]}…")

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        self.inputs.add(path)
        return name


def read_within(terminal, end):
    """What a terminal shows next; nothing once its last writer is gone."""
    if not select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
        raise TimeoutError
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO then.
        return b""


def encodings(value):
    """A secret in the forms in which it could slip through."""
    raw = value.encode()
    yield "as it is", value
    yield "hex", raw.hex()
    yield "percent-encoded", "".join(f"%{byte:02x}" for byte in raw)
    for shift in range(3):
        # The characters at the edges depend on their neighbours: the middle is what gives it away.
        middle = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")[4:-3]
        yield f"base64 at {shift}", middle


def shortened(text, limit=6000):
    return text if len(text) <= limit else text[: limit // 2] + "\n…\n" + text[-limit // 2 :]


def decoded(raw):
    return raw.decode(errors="replace")


def due(condition, what, seen=None):
    """Fails the check with what was due and what was seen."""
    if not condition:
        raise Failed(what if seen is None else f"{what}\n--- `planrun {seen.command}` ended {seen.code}\n{shortened(seen.text)}")


def ended(seen, code):
    due(seen.code == code, f"it should have ended {code}, not {seen.code}", seen)
    return seen


def says(seen, *words):
    for word in words:
        due(word in seen.flat, f"its output should contain {word!r}", seen)
    return seen


def never_says(seen, *words):
    for word in words:
        due(word not in seen.flat, f"its output should not contain {word!r}", seen)
    return seen


def signalled(at, process, number, sign, seconds=30):
    """Sends a signal once `sign` holds: what is under way is then known, without a guess about time."""
    end = time.monotonic() + seconds
    while not sign():
        if process.poll() is not None:
            due(False, "planrun ended before the signal was sent", at.finish(process))
        due(time.monotonic() < end, f"what the signal waits for did not happen within {seconds} s")
        time.sleep(0.05)
    process.send_signal(number)
    return time.monotonic()
