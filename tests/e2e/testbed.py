"""The real thing: MLflow behind nginx, whose keys `planrun demo` judges. All on loopback, all on free ports."""

import contextlib
import json
import os
import pathlib
import pwd
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from stage import HERE, Unavailable, clean_environment, python_packages, tool

class Service:
    """A process of ours, in a process group of its own, with its output in a file."""

    def __init__(self, name, command, log, **popen):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=popen.pop("stdout", output),
                stderr=output,
                start_new_session=True,
                **popen,
            )

    def ended(self):
        return self.process.poll() is not None

    def stop(self, number=signal.SIGTERM, patience=10):
        """Ends the process and its children, and returns its exit code."""
        if not self.ended():
            self.process.send_signal(number)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        # A child may outlive its parent; the group is ours alone.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait(patience)

    def tail(self, lines=20):
        text = pathlib.Path(self.log).read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


# How nginx asks the auth service: as its document says, and with the key in a header, where nobody looks.
# The second speaks HTTP/1.0, as nginx does unless it is told otherwise.
IN_THE_BODY = """proxy_set_body '{"api_key":"$bearer","service_id":"@service_id@"}';
            proxy_set_header Authorization "";"""
IN_A_HEADER = """proxy_set_body '{"service_id":"@service_id@"}';
            proxy_set_header Authorization "Bearer $bearer";
            proxy_http_version 1.0;"""


class Testbed:
    """What a scenario can rely on: addresses, keys, and services that it may stop and start again."""

    def __init__(self, planrun, cache, say):
        self.planrun = planrun
        self.cache = pathlib.Path(cache)
        self.say = say
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="planrun-e2e-"))
        # nginx runs as another user when we are root, and has to reach its own folder.
        self.folder.chmod(0o755)
        self.services = {}
        self.keys = {}

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def up(self):
        with self.timed("nginx is installed"):
            self.nginx = find_nginx()
        with self.timed("MLflow is installed"):
            python = python_packages(self.cache, "mlflow", HERE / "mlflow.txt")
            self.mlflow = str(python.with_name("mlflow"))
        with self.timed("the auth service answers"):
            self.start_auth()
        with self.timed("MLflow answers"):
            self.mlflow_port = free_port()
            self.start_mlflow()
        with self.timed("nginx answers"):
            self.nginx_port = free_port()
            self.start_nginx()

    def down(self):
        for name in ("nginx", "tapped", "mlflow", "auth"):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def registry_url(self):
        return f"http://127.0.0.1:{self.nginx_port}"

    def stop(self, name):
        service = self.services.pop(name, None)
        return service.stop() if service else None

    def start_auth(self):
        """`planrun demo` says on one line of JSON where it listens and which keys it knows."""
        log = self.folder / "auth.log"
        command = [self.planrun, "demo", "--port", "0", "--format", "json"]
        service = Service("auth", command, log, stdout=subprocess.PIPE, env=clean_environment(self.folder))
        self.services["auth"] = service
        line = first_line(service, seconds=30)
        try:
            self.keys = json.loads(line)
            self.auth_url = self.keys["auth_url"].rstrip("/")
            self.api_key = self.keys["api_key"]
            self.expired_key = self.keys["expired_key"]
            self.service_id = self.keys["service_id"]
        except (ValueError, KeyError, TypeError) as wrong:
            raise Unavailable(
                f"`planrun demo --format json` began with {line!r}, "
                f"not with a JSON object of url, auth_url, service_id, api_key, expired_key: {wrong!r}\n{service.tail()}"
            ) from wrong

    def start_mlflow(self):
        store = self.folder / "mlflow"
        store.mkdir(exist_ok=True)
        command = [
            self.mlflow, "server", "--host", "127.0.0.1", "--port", str(self.mlflow_port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{store}/mlflow.db",
            "--artifacts-destination", str(store / "artifacts"),
        ]  # fmt: skip
        environment = clean_environment(self.folder) | {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
        }
        service = Service("mlflow", command, self.folder / "mlflow.log", cwd=store, env=environment)
        self.services["mlflow"] = service
        until_it_answers(service, f"http://127.0.0.1:{self.mlflow_port}/health", 200, seconds=180)

    def start_nginx(self):
        self.start_proxy("nginx", self.nginx_port, self.auth_url)

    @contextlib.contextmanager
    def tapped(self, asks=IN_THE_BODY):
        """Another nginx, which asks under the address of a tap that a run has yet to bind: (its URL, that address)."""
        port, tap = free_port(), f"127.0.0.1:{free_port()}"
        self.start_proxy("tapped", port, f"http://{tap}", asks)
        try:
            yield f"http://127.0.0.1:{port}", tap
        finally:
            self.stop("tapped")

    def start_proxy(self, name, port, auth_url, asks=IN_THE_BODY):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        values = {
            "asks": asks,
            "folder": folder,
            "port": port,
            "mlflow_port": self.mlflow_port,
            "auth_url": auth_url,
            "service_id": self.service_id,
        }
        text = (HERE / "nginx.conf").read_text()
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        configuration = folder / "nginx.conf"
        configuration.write_text(text)
        user = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for path in (folder, *folder.rglob("*")):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        command = [self.nginx, "-c", str(configuration), "-p", str(folder), "-e", str(folder / "error.log")]
        service = Service(name, command, self.folder / f"{name}.log", cwd=folder, **user)
        self.services[name] = service
        until_it_answers(service, f"http://127.0.0.1:{port}/health", 200, seconds=20)

    def requests_seen(self):
        """What reached nginx, one line of its access log each."""
        return (self.folder / "nginx" / "access.log").read_text(errors="replace").splitlines()

    def logs(self):
        """The last lines of every log, for a person who wants to know why a check failed."""
        names = ("auth.log", "mlflow.log")
        names += tuple(f"{name}{log}" for name in ("nginx", "tapped") for log in (".log", "/error.log", "/access.log"))
        parts = []
        for name in names:
            path = self.folder / name
            if path.exists():
                tail = path.read_text(errors="replace").splitlines()[-15:]
                parts.append(f"--- {name}\n" + "\n".join(tail))
        return "\n".join(parts)

    @contextlib.contextmanager
    def timed(self, what):
        begin = time.monotonic()
        yield
        self.say(f"bed  {what} ({time.monotonic() - begin:.1f} s)")


def call(method, url, body=None, headers=None, timeout=30):
    """One request past planrun: (status, headers, text)."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=dict(headers or {}))
    if data is not None and not request.has_header("Content-type"):
        request.add_header("Content-Type", "application/json")
    # Loopback never goes through the proxy of the machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read().decode(errors="replace")


def until_it_answers(service, url, status, seconds):
    end = time.monotonic() + seconds
    seen = "nothing"
    while time.monotonic() < end:
        if service.ended():
            raise Unavailable(f"{service.name} ended with {service.process.returncode}:\n{service.tail()}")
        try:
            seen = call("GET", url, timeout=5)[0]
            if seen == status:
                return
        except OSError as error:
            seen = error
        time.sleep(0.1)
    raise Unavailable(f"{service.name} did not answer {url} with {status} within {seconds} s, but {seen}:\n{service.tail()}")


def first_line(service, seconds):
    """The first line that a process prints; it keeps running."""
    pipe = service.process.stdout
    os.set_blocking(pipe.fileno(), False)
    end = time.monotonic() + seconds
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while b"\n" not in text:
            if not selector.select(max(0.0, end - time.monotonic())):
                raise Unavailable(f"{service.name} printed no whole line within {seconds} s:\n{service.tail()}")
            part = pipe.read()
            if not part:
                raise Unavailable(f"{service.name} ended with {service.process.wait(10)} and no line:\n{service.tail()}")
            text += part
    return text.split(b"\n", 1)[0].decode(errors="replace")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_nginx():
    """nginx with `auth_request`."""
    nginx = tool("nginx", package="nginx")
    built = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=False).stderr
    if "--with-http_auth_request_module" not in built:
        raise Unavailable(f"{nginx} was built without auth_request: Debian's package `nginx` has it")
    return nginx
