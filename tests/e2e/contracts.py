#!/usr/bin/env python3
"""Holds plans and servers against real OpenAPI documents: what conforms is left alone, what does not is found.

    tests/e2e/contracts.py [--planrun PATH] [--cache FOLDER] [--only WORDS] [--list]

FastAPI generates one document; the pet stores and the registry's are written by hand. Prism serves each
truthfully. Both are installed once into the cache (`$PLANRUN_E2E_CACHE`, else `e2e` in cargo's target
folder), by pip and by npm. The last line is `N passed, N failed`.
"""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

# Nothing is written beside the sources, not even compiled Python.
sys.dont_write_bytecode = True

from stage import HERE, ROOT, Checks, Failed, Unavailable, clean_environment, main, node_package, python_packages, tool  # noqa: E402

PRISM = "@stoplight/prism-cli"
VERSION = "5.14.2"
DOCUMENTS = ROOT / "tests" / "data" / "contracts"
PATIENCE = 240
check = Checks()

# For each document: steps that a conforming server answers, which nothing may be said of.
CONFORMING = {
    "shop": """\
  - {GET: /items?limit=10&colour=red&tag=a&tag=b, expect: {contract: true}}
  - POST: /items
    auth: {bearer: "${{ secrets.api_key }}"}
    json: {name: Lamp, colour: null, price: {amount: 3.5}, tags: [a], attributes: {a: b}}
    expect: {status: 201, contract: true, $.id: {format: uuid}, $.price.currency: {in: [EUR, USD]}}
    capture: {id: $.id}
  - {GET: "/items/${{ id }}", expect: {contract: true, $.name: {present: true}}}
  - {GET: /items/latest, expect: {contract: true, $.parts: {type: array}}}
  - {DELETE: "/items/${{ id }}", headers: {X-Api-Key: "${{ secrets.api_key }}"}, expect: {status: 204, contract: true}}
  - POST: /orders?urgent=true
    json: {items: ["${{ id }}"], payment: {kind: card, number: "4711"}}
    expect: {status: 201, contract: true}
  - POST: /keys/validate
    json: {api_key: "${{ secrets.api_key }}"}
    expect: {contract: true, $.anything: {absent: true}}
  - PUT: /things/59/7
    json: {item: {name: Lamp, price: {amount: 1, currency: USD}}, size: 2.5}
    expect: {contract: true}
""",
    "petstore-3.0": """\
  - GET: /pets
    query: {limit: 10, status: sold, tags: [a, b]}
    headers: {X-Api-Key: "${{ secrets.api_key }}", X-Trace: abcd}
    expect: {contract: true}
  - POST: /pets
    headers: {X-Api-Key: "${{ secrets.api_key }}"}
    json: {name: Rex, secret: hush, owner: {email: ada@example.com}}
    expect: {status: 201, contract: true, $.id: {type: integer}, $.name: {type: string}}
  - {GET: /pets/7, headers: {X-Api-Key: "${{ secrets.api_key }}"}, expect: {contract: true}}
  - {DELETE: /pets/7, headers: {X-Api-Key: "${{ secrets.api_key }}"}, expect: {status: 204, contract: true}}
""",
    "petstore-2.0": """\
  - POST: /pet
    auth: {basic: {user: ada, password: "${{ secrets.api_key }}"}}
    json: {name: Rex, photoUrls: [], status: sold}
    expect: {status: 200, contract: true, $.name: {type: string}}
  - {GET: /pet/findByStatus?status=sold&limit=3, expect: {contract: true}}
  - {GET: /pet/7, auth: {api_key: {query: api_key, value: "${{ secrets.api_key }}"}}, expect: {contract: true}}
  - {POST: /pet/7, form: {name: Rex, age: 3}, expect: {status: 204, contract: true}}
""",
    "mlflow": """\
  - {GET: /health, expect: {contract: true}}
  - {GET: /api/2.0/mlflow/experiments/search?max_results=1, expect: {contract: true, '$.experiments[0].name': {type: string}}}
  - POST: /api/2.0/mlflow/experiments/create
    json: {name: a, tags: [{key: k, value: v}]}
    expect: {contract: true, $.experiment_id: {type: string}}
  - POST: /api/2.0/mlflow/registered-models/create
    json: {name: a}
    expect: {contract: true, $.registered_model.name: {type: string}}
  - {GET: "/api/2.0/mlflow/model-versions/get?name=a&version=1", expect: {contract: true, $.model_version.status: {type: string}}}
  - DELETE: /api/2.0/mlflow/registered-models/delete
    json: {name: a}
    expect: {contract: true}
""",
}

# For each document: a mistake in the plan, each a step of its own, with the code that is due for it.
PLANTED = {
    "shop": [
        ("unknown-path", "{GET: /itms}"),
        ("unknown-method", "{PATCH: /orders}"),
        ("missing-param", "{GET: /items}"),
        ("bad-value", "{GET: /items?limit=0}"),
        ("bad-value", "{GET: /items?limit=5&colour=blue}"),
        ("bad-value", "{GET: /items/not-a-uuid}"),
        ("unknown-field", "{GET: /items?limit=5&color=red}"),
        ("missing-credential", "{POST: /items, json: {name: Lamp, price: {amount: 1}}}"),
        ("missing-field", "{POST: /orders, json: {items: [5f4a6f0e-7a51-4f1c-a7c1-2f8f3c8f8a11]}}"),
        ("bad-value", '{POST: /orders, json: {items: [], payment: {kind: card, number: "4711"}}}'),
        ("unknown-field", '{POST: /orders, json: {items: [5f4a6f0e-7a51-4f1c-a7c1-2f8f3c8f8a11], payment: {kind: card, number: "4711"}, nte: x}}'),
        ("missing-body", '{POST: /items, auth: {bearer: "${{ secrets.api_key }}"}}'),
        ("missing-credential", '{POST: /keys/validate, auth: {bearer: "${{ secrets.api_key }}"}, json: {service_id: a}}'),
        ("auth-mismatch", '{GET: /items/latest, auth: {bearer: "${{ secrets.api_key }}"}}'),
        ("undocumented-status", "{GET: /items/latest, expect: {status: 418, text: {contains: tea}}}"),
        ("no-such-field", "{GET: /items/latest, expect: {$.price.amont: 3}}"),
        ("impossible-assertion", "{GET: /items/latest, expect: {$.price.amount: cheap}}"),
        ("not-violating", "{GET: /items/latest, violates_contract: nothing}"),
        ("missing-field", "{PUT: /things/0/1, json: {item: {price: {amount: 1}}}}"),
    ],
    "petstore-3.0": [
        ("missing-credential", "{GET: /pets?limit=1}"),
        ("bad-value", '{GET: /pets?limit=0, headers: {X-Api-Key: "${{ secrets.api_key }}"}}'),
        ("missing-field", '{POST: /pets, headers: {X-Api-Key: "${{ secrets.api_key }}"}, json: {secret: x}}'),
    ],
    "petstore-2.0": [
        ("missing-param", "{GET: /pet/findByStatus}"),
        ("missing-field", "{POST: /pet/7, form: {age: 3}}"),
        ("missing-credential", "{GET: /pet/7}"),
    ],
    "mlflow": [
        ("missing-param", "{GET: /api/2.0/mlflow/experiments/search}"),
        ("bad-value", "{POST: /api/2.0/mlflow/experiments/create, json: {name: 42}}"),
        ("missing-field", "{POST: /api/2.0/mlflow/model-versions/create, json: {name: a}}"),
        ("unknown-path", "{GET: /api/2.0/mlflow/experiments/serch}"),
        ("no-such-field", '{GET: "/api/2.0/mlflow/registered-models/get?name=a", expect: {$.model.name: a}}'),
    ],
}

# For each document: an answer that it does not allow, as (method, path, status, type, body), and the
# pointer or the part that is due.
BROKEN = {
    "shop": [
        ("GET /items/latest", 200, {"id": "no", "made": "2026-01-01T00:00:00Z", "name": "a", "price": {"amount": 1}}, "/id"),
        ("GET /items/latest", 200, {"id": "5f4a6f0e-7a51-4f1c-a7c1-2f8f3c8f8a11", "name": "a", "price": {"amount": 1}}, "made"),
        ("GET /items/latest", 202, {}, "a status among"),
    ],
    "petstore-3.0": [
        ("GET /pets/mine", 500, {}, "a status among"),
    ],
    "petstore-2.0": [
        ("GET /pet/findByStatus?status=sold", 200, [{"name": 3, "photoUrls": []}], "/0/name"),
    ],
    "mlflow": [
        ("GET /api/2.0/mlflow/runs/get?run_id=a", 200, {"run": {"info": {"run_id": 7}}}, "/run/info"),
        ("GET /api/2.0/mlflow/registered-models/get?name=a", 404, {"detail": "no"}, "error_code"),
    ],
}


def scenario(name):
    @check(f"{name}: nothing is said of a plan that conforms, before the run and against a conforming server")
    def conforming(at):
        at.document(name)
        with at.prism(name) as url:
            at.plan(CONFORMING[name], url, name)
            code, said = at.planrun("check", "plan.yaml", "--strict")
            at.due(code == 0 and "contract::" not in said, said)
            code, said = at.planrun("plan.yaml", "--report", "json=report.json")
            at.due(code == 0, said)
            at.all_validated()

    @check(f"{name}: each planted mistake is found before anything is sent")
    def planted(at):
        at.document(name)
        wrong = []
        for due, step in PLANTED[name]:
            at.plan(f"  - {step}\n", "http://api.test", name)
            code, said = at.planrun("check", "plan.yaml")
            found = f"contract::{due}" in said
            if code != 0 or not found or said.count("[contract::") != 1:
                wrong.append(f"{due} of {step}: {code}\n{said}")
        at.due(not wrong, "\n".join(wrong))

    @check(f"{name}: each broken answer is found, with its place in the body and in the document")
    def broken(at):
        at.document(name)
        wrong = []
        for request, status, body, due in BROKEN[name]:
            method, path = request.split(" ")
            with at.answering(status, body) as url:
                step = f"  - {method}: {path}\n    headers: {{X-Api-Key: k}}\n    expect: {{status: any, contract: true}}\n"
                at.plan(step, url, name)
                code, said = at.planrun("plan.yaml")
                if code != 1 or due not in said or f"specs/{name}" not in said:
                    wrong.append(f"{request} {status} {due}: {code}\n{said}")
        at.due(not wrong, "\n".join(wrong))


for document in CONFORMING:
    scenario(document)


class Place:
    """A project of its own for one check."""

    def __init__(self, bed):
        self.bed = bed

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="planrun-e2e-contracts-"))
        (self.folder / "specs").mkdir()
        (self.folder / "planrun.yaml").write_text("project: Contracts\n")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def due(self, holds, said):
        if not holds:
            raise Failed(said)

    def document(self, name):
        """The document, as JSON where it is generated."""
        path = self.folder / "specs" / f"{name}.yaml"
        if name == "shop":
            path.write_text(self.bed.shop)
        else:
            source = DOCUMENTS / (name + (".json" if name == "petstore-2.0" else ".yaml"))
            shutil.copy(source, path)

    def plan(self, steps, url, name):
        text = f"plan: P\ncontracts: {{api: {{spec: specs/{name}.yaml, base: \"{url}\"}}}}\n"
        if "secrets.api_key" in steps:
            text += "secrets: {api_key: {}}\n"
        text += f"defaults: {{base_url: \"{url}\"}}\non_failure: continue\nsteps:\n{steps}"
        (self.folder / "plan.yaml").write_text(text)

    def planrun(self, *arguments):
        environment = clean_environment(self.folder) | {"API_KEY": "hk_live_0123456789abcdef"}
        done = subprocess.run(
            [self.bed.planrun, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=PATIENCE,
        )
        said = (done.stdout + done.stderr).decode()
        self.due(done.returncode in (0, 1, 3) and "panicked" not in said, said)
        return done.returncode, said

    def all_validated(self):
        """Every step was held against its operation, and nothing was even warned of."""
        report = json.loads((self.folder / "report.json").read_text())
        for plan in report["plans"]:
            for step in plan["steps"]:
                attempt = step["attempts"][-1]
                used = attempt["contract"]
                failed = [one for one in attempt["assertions"] if not one["passed"]]
                self.due(used and used["validated"] and not failed, json.dumps([step["name"], used, failed], indent=1))

    @contextlib.contextmanager
    def prism(self, name):
        port = free_port()
        command = [*self.bed.prism, "mock", "--port", str(port), str(self.folder / "specs" / f"{name}.yaml")]
        with open(self.folder / "prism.log", "wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)
        try:
            url = f"http://127.0.0.1:{port}"
            until = time.monotonic() + PATIENCE
            # Whoever else answers there is not Prism.
            while "Prism is listening" not in (self.folder / "prism.log").read_text():
                if server.poll() is not None or time.monotonic() > until:
                    raise Unavailable((self.folder / "prism.log").read_text())
                time.sleep(0.1)
            yield url
        finally:
            server.terminate()
            server.wait()

    @contextlib.contextmanager
    def answering(self, status, body):
        """A server that gives one answer to everything."""
        answer = json.dumps(body)
        code = (
            "import http.server, sys\n"
            "class One(http.server.BaseHTTPRequestHandler):\n"
            "    def do_GET(self):\n"
            f"        body = {answer!r}.encode()\n"
            f"        self.send_response({status})\n"
            "        self.send_header('Content-Type', 'application/json')\n"
            "        self.send_header('Content-Length', str(len(body)))\n"
            "        self.end_headers()\n"
            "        self.wfile.write(body)\n"
            "    def log_message(self, *_): pass\n"
            "server = http.server.HTTPServer(('127.0.0.1', 0), One)\n"
            "print(server.server_port, flush=True)\n"
            "server.serve_forever()\n"
        )
        server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()
            server.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Bed:
    """Prism, and the document that FastAPI generates."""

    def __init__(self, options):
        node = tool("node", package="nodejs")
        package = node_package(options.cache, PRISM, VERSION)
        self.prism = [node, str(package / json.loads((package / "package.json").read_text())["bin"]["prism"])]
        python = python_packages(options.cache, "fastapi", HERE / "fastapi.txt")
        made = subprocess.run([python, str(HERE / "shop.py")], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if made.returncode != 0:
            raise Unavailable(made.stderr.decode())
        self.shop = made.stdout.decode()
        self.planrun = options.planrun

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def place(self):
        return Place(self)

    def logs(self):
        return ""


if __name__ == "__main__":
    sys.exit(main(__doc__, check, Bed))
