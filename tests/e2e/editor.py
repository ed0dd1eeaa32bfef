#!/usr/bin/env python3
"""Opens plans in the real YAML language server, and judges what a person would see in the editor.

    tests/e2e/editor.py [--planrun PATH] [--cache FOLDER] [--only WORDS] [--list]

Python's standard library and Node.js are enough. The language server is installed once by npm into
the cache (`$PLANRUN_E2E_CACHE`, else `e2e` in cargo's target folder). The last line is
`N passed, N failed`; the exit code is 0 when all passed, 1 when one failed, 2 when the language
server could not be had.
"""

import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading

# Nothing is written beside the sources, not even compiled Python.
sys.dont_write_bytecode = True

from stage import ROOT, Checks, Failed, Unavailable, clean_environment, main, node_package, tool  # noqa: E402

# The server of the extension "YAML" for VS Code, and of every other editor that knows LSP.
SERVER = "yaml-language-server"
VERSION = "1.25.0"
KINDS = ("plan", "environment", "project")
PATIENCE = 30
check = Checks()

SOUND = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
plan: Everything in its place
description: What the language has, as a person writes it.
tags: [smoke, "1.10"]
covers: [2a, 2e]
vars:
  model: planrun-${{ unique }}
  shared: &shared {Accept: application/json, X-List: [a, 3, true]}
  common: &common {timeout: 3s, connection: fresh}
  found: &found {status: 200, $.id: {present: true}}
secrets:
  api_key: {description: A key, matches: ^hk_, optional: true}
defaults:
  base_url: ${{ env.registry_url }}
  headers: {<<: *shared, X-One: 1}
  auth: {bearer: "${{ secrets.api_key }}"}
  timeout: ${{ env.timeout }}
  follow_redirects: 3
  retry: {times: "${{ env.times }}", delay: 500ms, when: [transport, 429, 5xx]}
budget: 30s
steps:
  - name: Create it
    id: create
    if: env.size > 1
    POST: /models
    json: {name: "${{ model }}", tags: [{key: owner, value: ada}]}
    matrix: {size: [1, 2], user: {ada: {id: 1}, bob: {id: 2}}}
    expect:
      status: [200, 2xx]
      headers: {Content-Type: {starts_with: application/json}, "Set-Cookie[*]": {length: 2}}
      redirects[-1]: {ends_with: /b}
      $.id: {type: integer, gt: 0}
      $.name: ${{ model }}
      $.tags[*].key: {each: {matches: '^[a-z]+$'}}
      $.deleted_at: {absent: true}
      $.ips: {apply: [{split: ", "}, first], equals: 192.168.2.1}
      size: {lt: 1MiB}
      values: {user_id: {close_to: {value: 7, within: 1}}}
      one_of:
        created: {status: 201}
        existed: {status: 400, $.code: EXISTS}
      outcome: created
    warn: {budget: 500ms, headers: {Deprecation: {absent: true}}}
    capture:
      user_id: $.user_id
      place: {header: Location, regex: '/users/(\\d+)', default: null}
    budget: {wait: 300ms, total: 500ms}
  - {<<: *common, GET: /models, expect: {<<: *found, $.name: ada}, headers: *shared}
  - {assert: [steps.create.passed, "steps.create.status == 200"]}
  - {sleep: 2s}
  - parallel:
      - GET: /a
        repeat: 20
        concurrency: 5
        start: together
        expect_all: {statuses: {200: 1, 4xx: rest}, distinct: {$.id: all}, passed: {gte: 99%}}
      - GET: /b
        poll: {every: 500ms, for: 10s, give_up: {$.status: FAILED}}
cleanup:
  - DELETE: /models/1
    expect: {status: {not: 5xx}}
"""

# Ten mistakes of key, operator and type, each on a line of its own that ends with `#!`.
MISTAKEN = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
plan: Ten mistakes
tagz: [smoke] #!
on_failure: proceed #!
defaults:
  timeout: 20 #!
steps:
  - name: Create it
    POST: /models
    josn: {name: a} #!
    follow_redirects: [1] #!
    expect:
      status: 2xy #!
      stauts: 200 #!
      $.id: {greater: 0} #!
      $.name: {length: many} #!
    budget: {ttfb: 300ms} #!
"""

STEPS = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
plan: Completion
steps:
  - GET: /health
    
"""

OPERATORS = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
plan: Completion
steps:
  - GET: /health
    expect:
      $.id:
        
"""

PHASES = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
plan: Completion
steps:
  - GET: /health
    budget:
      
"""


def due(condition, what):
    if not condition:
        raise Failed(what)


class Editor:
    """A client of the language server: opens texts, and asks what a person asks by pointing and typing."""

    def __init__(self, command, folder, project=None, schemas=None):
        self.command = command
        self.folder = folder
        self.schemas = schemas or {}
        self.log = open(folder / "server.log", "wb")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            start_new_session=True,
        )
        self.messages = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.number = 0
        self.marks = {}
        project = (project or folder).as_uri()
        self.ask(
            "initialize",
            processId=os.getpid(),
            rootUri=project,
            workspaceFolders=[{"uri": project, "name": "project"}],
            capabilities={
                "workspace": {"configuration": True},
                "textDocument": {
                    "publishDiagnostics": {"versionSupport": True},
                    "hover": {"contentFormat": ["markdown"]},
                    "completion": {"completionItem": {"snippetSupport": True}},
                },
            },
        )
        self.tell("initialized")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def read(self):
        """Messages as they come, until the server ends."""
        stream = self.process.stdout
        while True:
            length = 0
            while (line := stream.readline()).strip():
                name, _, value = line.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            if not line:
                self.messages.put(None)
                return
            self.messages.put(json.loads(stream.read(length)))

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method, **params):
        self.send(method=method, params=params)

    def ask(self, method, **params):
        self.number += 1
        number = self.number
        self.send(id=number, method=method, params=params)
        while True:
            message = self.next(method)
            if message.get("id") == number and "method" not in message:
                due("error" not in message, f"{method}: {message.get('error')}")
                return message["result"]

    def next(self, what):
        """The next message; what the server asks of us is answered on the way."""
        try:
            message = self.messages.get(timeout=PATIENCE)
        except queue.Empty:
            raise Failed(f"the language server did not answer `{what}` within {PATIENCE} s") from None
        due(message is not None, f"the language server ended: {(self.folder / 'server.log').read_text()[-2000:]}")
        method = message.get("method")
        if method == "workspace/configuration":
            # No schema of the internet stands beside ours.
            yaml = {"validate": True, "hover": True, "completion": True, "schemas": self.schemas}
            yaml["schemaStore"] = {"enable": False, "url": ""}
            answers = [yaml if item.get("section") == "yaml" else {} for item in message["params"]["items"]]
            self.send(id=message["id"], result=answers)
        elif method and "id" in message:
            self.send(id=message["id"], result=None)
        elif method == "textDocument/publishDiagnostics":
            self.marks.setdefault(message["params"]["uri"], []).append(message["params"]["diagnostics"])
        return message

    def open(self, path, text=None):
        """Opens a file, or a text as if it stood there; returns its address and what is marked in it."""
        uri = path.as_uri()
        text = path.read_text() if text is None else text
        self.marks.pop(uri, None)
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        while uri not in self.marks:
            self.next(f"what is wrong with {path.name}")
        return uri, self.marks[uri][-1]

    def change(self, path, text):
        """Types another text into an open file; returns what is marked in it then."""
        uri = path.as_uri()
        self.marks.pop(uri, None)
        document = {"uri": uri, "version": 2}
        self.tell("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])
        while uri not in self.marks:
            self.next(f"what is wrong with {path.name} now")
        return self.marks[uri][-1]

    def completions(self, path, text):
        """What is offered at the end of the last line that holds nothing but spaces."""
        uri, _ = self.open(path, text)
        lines = text.splitlines()
        line = max(number for number, content in enumerate(lines) if not content.strip())
        position = {"line": line, "character": len(lines[line])}
        result = self.ask("textDocument/completion", textDocument={"uri": uri}, position=position)
        return {item["label"]: item for item in (result["items"] if isinstance(result, dict) else result)}

    def hover(self, uri, text, word):
        """What is shown where a word first stands as a key."""
        lines = text.splitlines()
        line = next(number for number, content in enumerate(lines) if f"{word}:" in content)
        position = {"line": line, "character": lines[line].index(f"{word}:") + 1}
        result = self.ask("textDocument/hover", textDocument={"uri": uri}, position=position)
        contents = (result or {}).get("contents", "")
        return contents["value"] if isinstance(contents, dict) else contents


def shown(marks):
    return "\n".join(f"  line {mark['range']['start']['line'] + 1}: {mark['message']}" for mark in marks)


@check("no plan, environment or project file of the repository is marked anywhere")
def the_files_of_the_repository(at):
    files = [path for folder in ("plans", "examples") for path in sorted((ROOT / folder).rglob("*.yaml"))]
    files += sorted((ROOT / "tests" / "data" / "findings").rglob("*.twin.yaml"))
    seen = 0
    for path in files:
        text = path.read_text()
        kind = next((kind for kind in KINDS if any(line.startswith(f"{kind}:") for line in text.splitlines())), None)
        if kind is None or "/.planrun/" in str(path):
            continue
        if "yaml-language-server" not in text or "tests" in path.parts:
            # Where a file has no modeline, a person has said in the settings which schema it has.
            text = text.replace("# yaml-language-server", "#")
            text = f"# yaml-language-server: $schema={(ROOT / 'schemas' / f'{kind}.schema.json').as_uri()}\n{text}"
        _, marks = at.open(path, text)
        due(not marks, f"{path.relative_to(ROOT)} is marked:\n{shown(marks)}")
        seen += 1
    due(seen >= 50, f"only {seen} files were opened")


@check("a plan of the repository is marked where it is spoiled")
def a_spoiled_plan_of_the_repository(at):
    path = ROOT / "plans" / "health.yaml"
    text = path.read_text().replace("expect:", "expcet:", 1)
    line = next(number for number, content in enumerate(text.splitlines(), 1) if "expcet:" in content)
    _, marks = at.open(path, text)
    due([mark["range"]["start"]["line"] + 1 for mark in marks] == [line], f"due is line {line}:\n{shown(marks)}")


@check("the settings that the README shows give each file of the repository its schema")
def settings_of_the_readme(at):
    readme = (ROOT / "README.md").read_text()
    block = next(block for block in re.findall(r"^```json\n(.*?)^```$", readme, re.M | re.S) if "yaml.schemas" in block)
    schemas = json.loads(block)["yaml.schemas"]
    with Editor(at.command, at.folder, ROOT, schemas) as editor:
        for name in (
            "plans/health.yaml",
            "plans/planrun.yaml",
            "plans/environments/demo.yaml",
            "examples/10-operators.yaml",
            "examples/planrun.yaml",
            "examples/environments/demo.yaml",
        ):
            path = ROOT / name
            text = "".join(line for line in path.read_text().splitlines(True) if "yaml-language-server" not in line)
            _, marks = editor.open(path, text)
            due(not marks, f"{name} is marked:\n{shown(marks)}")
            marks = editor.change(path, text + "no_such_key: 1\n")
            due(len(marks) == 1, f"a key that there is not in {name} is marked so:\n{shown(marks)}")


@check("a sound plan with the whole language in it is marked nowhere")
def a_sound_plan(at):
    _, marks = at.open(at.folder / "plans" / "sound.yaml", SOUND)
    due(not marks, f"it is marked:\n{shown(marks)}")


@check("ten mistakes of key, operator and type are marked on their ten lines, and nothing else is")
def ten_mistakes(at):
    _, marks = at.open(at.folder / "plans" / "mistaken.yaml", MISTAKEN)
    wanted = {number for number, line in enumerate(MISTAKEN.splitlines(), 1) if line.endswith("#!")}
    found = {mark["range"]["start"]["line"] + 1 for mark in marks}
    due(len(wanted) == 10 and found == wanted, f"marked are {sorted(found)}, due {sorted(wanted)}:\n{shown(marks)}")


@check("the same plan without its ten mistakes is marked nowhere")
def no_mistake(at):
    text = "\n".join(line for line in MISTAKEN.splitlines() if not line.endswith("#!")).replace("defaults:\n", "")
    _, marks = at.open(at.folder / "plans" / "repaired.yaml", text.replace("    expect:", "    expect: {status: 200}"))
    due(not marks, f"it is marked:\n{shown(marks)}")


@check("mistakes in an environment and in a project file are marked")
def other_kinds(at):
    texts = {
        "environment": "environment: a\nvars: {url: x}\nsecrets: {api_key: {env: A}}\n",
        "project": "project: a\ndefault_enviroment: b\n",
    }
    for kind, text in texts.items():
        text = f"# yaml-language-server: $schema=../schemas/{kind}.schema.json\n{text}"
        _, marks = at.open(at.folder / "plans" / f"{kind}.yaml", text)
        lines = {mark["range"]["start"]["line"] + 1 for mark in marks}
        due(lines == {len(text.splitlines())}, f"{kind}:\n{shown(marks)}")


@check("the keys of a step are offered, each with what it means")
def completes_steps(at):
    offered = at.completions(at.folder / "plans" / "steps.yaml", STEPS)
    for key in ("name", "expect", "capture", "budget", "json", "poll", "retry", "needs", "repeat", "include"):
        due(key in offered, f"`{key}` is not offered, but {sorted(offered)}")
        due(described(offered[key]), f"`{key}` is not explained: {offered[key]}")
    due("GET" not in offered, "a key that is there is offered again")


@check("operators are offered behind a path, each with what it means")
def completes_operators(at):
    offered = at.completions(at.folder / "plans" / "operators.yaml", OPERATORS)
    for word in ("equals", "gt", "contains", "matches", "type", "absent", "each", "all_of", "apply"):
        due(word in offered, f"`{word}` is not offered, but {sorted(offered)}")
        due(described(offered[word]), f"`{word}` is not explained: {offered[word]}")
    due("GET" not in offered and "status" not in offered, f"what is no operator is offered: {sorted(offered)}")


@check("the phases of a budget are offered, each with what it means")
def completes_phases(at):
    offered = at.completions(at.folder / "plans" / "phases.yaml", PHASES)
    for word in ("dns", "connect", "tls", "send", "wait", "receive", "total", "p95"):
        due(word in offered, f"`{word}` is not offered, but {sorted(offered)}")
        due(described(offered[word]), f"`{word}` is not explained: {offered[word]}")
    due("GET" not in offered, f"what is no phase is offered: {sorted(offered)}")


@check("pointing at a key, an operator or a phase shows what it means")
def explains(at):
    uri, _ = at.open(at.folder / "plans" / "hover.yaml", SOUND)
    schema = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())
    step = schema["definitions"]["step"]["properties"]
    operators = schema["definitions"]["predicate"]["properties"]
    for word, place in {
        "covers": schema["properties"]["covers"],
        "parallel": step["parallel"],
        "poll": step["poll"],
        "expect": step["expect"],
        "starts_with": operators["starts_with"],
        "split": schema["definitions"]["filters"]["items"]["anyOf"][1]["properties"]["split"],
        "wait": schema["definitions"]["budget"]["properties"]["wait"],
    }.items():
        text = flat(at.hover(uri, SOUND, word))
        due(flat(place["description"]) in text, f"`{word}` shows {text!r}, not {place['description']!r}")


def described(item):
    documentation = item.get("documentation") or ""
    return bool(documentation["value"] if isinstance(documentation, dict) else documentation)


def flat(text):
    """Without what Markdown puts before characters, and without where lines break."""
    return " ".join(text.replace("\\", "").replace("&nbsp;", " ").split())


class Bed:
    """A project as a person has one, and the language server; every check opens it anew."""

    def __init__(self, options):
        node = tool("node", package="nodejs")
        server = node_package(options.cache, SERVER, VERSION) / "bin" / SERVER
        self.command = [node, str(server), "--stdio"]
        self.planrun = options.planrun

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="planrun-e2e-editor-"))
        prepare(self.folder, self.planrun)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def place(self):
        return Editor(self.command, self.folder)

    def logs(self):
        return ""


def prepare(folder, planrun):
    """A project as a person has one: plans, and beside them the schemas that the binary prints."""
    (folder / "plans").mkdir()
    (folder / "schemas").mkdir()
    for kind in KINDS:
        printed = subprocess.run([planrun, "schema", kind], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if printed.returncode != 0:
            raise Unavailable(f"`{planrun} schema {kind}` ended {printed.returncode}: {printed.stderr.decode()}")
        (folder / "schemas" / f"{kind}.schema.json").write_bytes(printed.stdout)


if __name__ == "__main__":
    sys.exit(main(__doc__, check, Bed))
