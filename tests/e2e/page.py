#!/usr/bin/env python3
"""Opens the HTML report in a real Chromium: rendered, clicked, typed into, printed, and offline.

    tests/e2e/page.py [--planrun PATH] [--cache FOLDER] [--only WORDS] [--list]

Python's standard library and Node.js are enough; Chromium comes from the system, playwright-core from
npm into the cache. The checks are in `page.mjs`; the pages that they open are made here: one of every
plan on a demo that is broken, and one against a server that would like to be in the page itself.
The last line is `N passed, N failed`; the exit code is 0 when all passed, 1 when one failed, 2 when
Chromium could not be had.
"""

import contextlib
import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

# Nothing is written beside the sources, not even compiled Python.
sys.dont_write_bytecode = True

from stage import HERE, ROOT, Unavailable, arguments, clean_environment, node_package, say, tool  # noqa: E402

PLAYWRIGHT = "1.65.1"
HOSTILE = "</pre></script><script>window.owned = 1</script><img src=http://127.0.0.1:9/x onerror='window.owned = 2'>"

# Everything that a page can hold, against a server that answers with HOSTILE.
EVERYTHING = """\
plan: "Everything <img src=x onerror='window.owned = 3'>"
defaults: {{base_url: "{url}", retry: {{times: 2, delay: 1ms, when: [5xx]}}}}
steps:
  - name: Passes at the second attempt
    GET: /flaky
    expect: {{$.ok: true}}
  - name: "A case <script>window.owned = 4</script>"
    GET: /cases/${{{{ case.size }}}}
    matrix: {{size: [small, large], user: [ada, bob]}}
    expect: {{$.ok: true}}
  - name: Many at once
    repeat: 30
    GET: /many
    budget: 1h
    expect: {{$.ok: true}}
  - {{name: Skipped, skip: "not <b>today</b>", GET: /skipped}}
  - name: Says something hostile
    id: hostile
    GET: /hostile
    expect: {{status: 200, $.said: nothing, $.name: "planrun-model-42"}}
  - {{name: Blocked, GET: /blocked}}
"""


class Hostile(http.server.BaseHTTPRequestHandler):
    """Answers every request; the first of `/flaky` with 503."""

    protocol_version = "HTTP/1.1"
    seen = set()

    def do_GET(self):  # noqa: N802  (the name is the library's)
        again = self.path in self.seen
        self.seen.add(self.path)
        status = 503 if self.path == "/flaky" and not again else 200
        value = {"said": HOSTILE, "name": "planrun-model-43"} if self.path == "/hostile" else {"ok": True}
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Hostile", HOSTILE)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def page(planrun, folder, name, *command):
    """The HTML report of one run that fails."""
    path = folder / f"{name}.html"
    run = [str(planrun), *command, "--report", f"html={path}"]
    done = subprocess.run(
        run, cwd=folder, env=clean_environment(folder), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 1 or not path.is_file():
        raise Unavailable(f"`{' '.join(run)}` ended {done.returncode}, not 1:\n{done.stdout}{done.stderr}")
    return path


def main():
    options = arguments(__doc__)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="planrun-e2e-page-"))
    try:
        node = tool("node", package="nodejs")
        chromium = tool("chromium", package="chromium")
        playwright = node_package(options.cache, "playwright-core", PLAYWRIGHT)
        shutil.copytree(ROOT / "plans", folder / "plans", ignore=shutil.ignore_patterns(".planrun"))
        broken = page(options.planrun, folder, "broken", "plans", "-e", "demo-broken-contract")
        with serving() as url:
            (folder / "everything.yaml").write_text(EVERYTHING.format(url=url))
            everything = page(options.planrun, folder, "everything", "everything.yaml")
        command = [node, str(HERE / "page.mjs"), "--only", options.only, *(["--list"] if options.list else [])]
        tools = ["--playwright", str(playwright), "--chromium", chromium]
        return subprocess.run([*command, *tools, str(broken), str(everything)], check=False).returncode
    except Unavailable as reason:
        say(f"the pages could not be opened: {reason}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
