"""The scenarios: what a user does against the real registry, and what planrun must say then."""

import json
import re
import secrets
import signal
import string
import time

from checking import check, due, ended, never_says, says, signalled
from testbed import IN_A_HEADER, call

API = "/api/2.0/mlflow"
REGISTRATION = "plans/registration.yaml"
WELL_FORMED = string.ascii_letters + string.digits
ESCAPE = "\x1b"

LONG_POLL = """\
plan: A version that never becomes ready
vars:
  model: planrun-e2e
secrets:
  api_key: {}
defaults:
  base_url: ${{ env.registry_url }}
  auth: {bearer: "${{ secrets.api_key }}"}
steps:
  - POST: /api/2.0/mlflow/registered-models/create
    id: create
    json: {name: "${{ model }}"}
  - name: Wait for a version that nobody makes
    GET: /api/2.0/mlflow/model-versions/get
    query: {name: "${{ model }}", version: "1"}
    poll: {every: 100ms, for: 2m}
    expect: {$.model_version.status: READY}
cleanup:
  - name: Delete the registered model
    if: steps.create.sent
    DELETE: /api/2.0/mlflow/registered-models/delete
    json: {name: "${{ model }}"}
    expect: {status: [200, 404]}
"""

# Only what reads: a comparison sends each request three times.
TWO_WAYS = """\
plan: A registry by two ways
secrets:
  api_key: {}
defaults:
  base_url: ${{ env.base }}
  auth: {bearer: "${{ secrets.api_key }}"}
steps:
  - name: Search
    GET: /api/2.0/mlflow/registered-models/search
    query: {max_results: 5}
  - name: A model that is not there
    GET: /api/2.0/mlflow/registered-models/get
    query: {name: planrun-e2e-nobody}
    expect: {status: 404, $.error_code: RESOURCE_DOES_NOT_EXIST}
"""

# The same in one plan: each request by both routes, one that writes too.
ROUTES = """\
plan: A registry by two routes
secrets:
  api_key: {}
defaults:
  auth: {bearer: "${{ secrets.api_key }}"}
steps:
  - name: Search
    routes: {direct: "${{ env.direct }}", proxied: "${{ env.proxied }}"}
    GET: /api/2.0/mlflow/registered-models/search
    query: {max_results: 5}
    expect: {routes: RULE}
    on_failure: continue
  - name: A model that is not there
    routes: {direct: "${{ env.direct }}", proxied: "${{ env.proxied }}"}
    GET: /api/2.0/mlflow/registered-models/get
    query: {name: planrun-e2e-nobody}
    expect: {status: 404, $.error_code: RESOURCE_DOES_NOT_EXIST, routes: RULE}
    on_failure: continue
  - name: A model for each route
    id: create
    routes: {direct: "${{ env.direct }}", proxied: "${{ env.proxied }}"}
    POST: /api/2.0/mlflow/registered-models/create
    json: {name: "planrun-${{ unique }}-${{ case.route }}"}
    expect:
      routes:
        equal: true
        ignore: [headers.server]
        within: {$.registered_model.creation_timestamp: 60000, $.registered_model.last_updated_timestamp: 60000}
    capture: {model: $.registered_model.name}
    on_failure: continue
cleanup:
  - if: steps.create.sent
    rows: ${{ model | default([]) }}
    DELETE: ${{ env.direct }}/api/2.0/mlflow/registered-models/delete
    json: {name: "${{ case }}"}
"""


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def unknown_key():
    return "hk_live_" + "".join(secrets.choice(WELL_FORMED) for _ in range(32))


@check("the proxy lets a live key through and answers every other with its reason")
def the_proxy_is_as_described(at):
    url = at.bed.registry_url + API + "/registered-models/"
    refused = {
        "API key required": [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}],
        "Invalid or expired API key": [
            bearer(unknown_key()),
            bearer(at.bed.expired_key),
            bearer('x","api_key":"' + at.bed.api_key),
            bearer(at.bed.api_key + '","service_id":"ml-platform'),
        ],
    }
    for detail, headers in refused.items():
        for header in headers:
            status, sent, body = call("GET", url + "search?max_results=1", headers=header)
            due(status == 401 and json.loads(body) == {"detail": detail}, f"{header} got {status} {body}")
            due(sent["Content-Type"] == "application/json", f"the 401 came as {sent['Content-Type']}")
    live = bearer(at.bed.api_key)
    name = {"name": "planrun-e2e-" + secrets.token_hex(4)}
    exchanges = [
        ("POST", "create", name, 200, name["name"]),
        ("POST", "create", name, 400, "RESOURCE_ALREADY_EXISTS"),
        ("POST", "create", {}, 400, "INVALID_PARAMETER_VALUE"),
        ("GET", "get?name=ghost-" + name["name"], None, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "create", None, 405, "<title>405 Method Not Allowed</title>"),
        ("DELETE", "delete", name, 200, "{}"),
        ("DELETE", "delete", name, 404, "RESOURCE_DOES_NOT_EXIST"),
    ]
    for method, path, body, status, part in exchanges:
        seen = call(method, url + path, body, live)
        due(seen[0] == status and part in seen[2], f"{method} {path} got {seen[0]} {seen[2]}")


@check("the plans are sound, offline")
def the_plans_check(at):
    ended(at.planrun("check", "plans"), 0)


@check("registration on real MLflow passes, twice in a row")
def registration_twice(at):
    for _ in range(2):
        ended(at.planrun(REGISTRATION, "-e", "mlflow"), 0)


# Twenty at once (edge-cases.yaml) can take all of MLflow's database connections for half a minute, and
# whatever asks then gets no answer: that plan has a check of its own below.
NAMES = ("access", "auth-service", "bearer-auth", "health", "registration", "root-cause")
ALL = (*(f"plans/{name}.yaml" for name in NAMES), "-e", "mlflow")


@check("the plans pass on real MLflow, twice in a row")
def every_plan_twice(at):
    for _ in range(2):
        ended(at.planrun(*ALL), 0)


@check("the plans pass on real MLflow, five at once")
def every_plan_at_once(at):
    ended(at.planrun(*ALL, "--jobs", "5"), 0)


@check("every plan passes on the built-in demo, twice in a row")
def every_plan_on_the_demo(at):
    for _ in range(2):
        ended(at.on_demo(None, "plans"), 0)


@check("of twenty registrations of one name at once MLflow makes one, and the spread is told")
def twenty_at_once(at):
    seen = ended(at.planrun("plans/edge-cases.yaml", "-e", "mlflow", "--report", "json=report.json"), 0)
    says(seen, "created: 1", "20 sent within")
    report = json.loads((at.folder / "report.json").read_text())
    steps = {step["id"]: step for step in report["plans"][0]["steps"] if step.get("id")}
    outcomes = steps["one_name"]["samples"]["outcomes"]
    due(outcomes["created"] == 1 and sum(outcomes.values()) == 20, f"they ended in {outcomes}", seen)
    at.say(f"     twenty of one name: {outcomes}; " + re.search("20 sent within [^·\n]*", seen.stdout)[0].strip())


@check("two runs at the same time do not disturb each other")
def two_runs_at_once(at):
    with at.started(*ALL) as one, at.started(*ALL) as other:
        for process in (one, other):
            ended(at.finish(process, 180), 0)
    stored = list(at.folder.rglob("events.jsonl"))
    due(len(stored) == 2, f"there should be two stored runs, not {stored}")
    for path in stored:
        for line in path.read_text().splitlines():
            json.loads(line)


@check("an unknown key of the right form ends 1 and shows the 401's body")
def an_unknown_key(at):
    seen = ended(at.planrun(REGISTRATION, "-e", "mlflow", PLANRUN_API_KEY=unknown_key()), 1)
    says(seen, "401", "Invalid or expired API key")


@check("a malformed key ends 3 before any request")
def a_malformed_key(at):
    before = len(at.bed.requests_seen())
    seen = ended(at.planrun(REGISTRATION, "-e", "mlflow", PLANRUN_API_KEY="not-a-key-at-all"), 3)
    says(seen, "api_key")
    due(len(at.bed.requests_seen()) == before, "a request was sent", seen)


@check("a missing key ends 3 before any request and names its variable")
def a_missing_key(at):
    before = len(at.bed.requests_seen())
    seen = ended(at.planrun(REGISTRATION, "-e", "mlflow", PLANRUN_API_KEY=None), 3)
    says(seen, "api_key", "PLANRUN_API_KEY")
    due(len(at.bed.requests_seen()) == before, "a request was sent", seen)


@check("the JSON report of a pass tells every step and parses")
def report_of_a_pass(at):
    ended(at.planrun(REGISTRATION, "-e", "mlflow", "--report", "json=report.json"), 0)
    report = json.loads((at.folder / "report.json").read_text())
    due(report["verdict"] == "passed" and report["exit_code"] == 0, f"it says {report['verdict']}")
    due(report["run"]["complete"] is True, "it says that it is incomplete")
    due(report["run"]["environment"] == "mlflow", f"its environment is {report['run']['environment']}")
    names = [step["name"] for plan in report["plans"] for step in plan["steps"]]
    due("Create the registered model" in names and "Delete the registered model" in names, f"its steps are {names}")


@check("the JSON report of a failure shows the 401's body and no key")
def report_of_a_failure(at):
    key = unknown_key()
    seen = at.planrun(REGISTRATION, "-e", "mlflow", "-v", "--report", "json=report.json", PLANRUN_API_KEY=key)
    ended(seen, 1)
    text = (at.folder / "report.json").read_text()
    due(json.loads(text)["verdict"] == "failed", "it does not say that the run failed")
    due("Invalid or expired API key" in text, "it does not show the 401's body")


@check("the curl line of a step runs as it is, with the key in a variable")
def curl(at):
    seen = ended(at.planrun("curl", REGISTRATION, "-e", "mlflow", "--step", "authenticate"), 0)
    done = at.shell(seen.stdout, API_KEY=at.bed.api_key)
    due(done.code == 0 and '"is_valid":true' in done.stdout.replace(" ", ""), "it got another answer", done)


@check("a key stays masked in verbose output, in the log and under RUST_LOG=trace")
def verbose_output(at):
    seen = ended(at.planrun(REGISTRATION, "-e", "mlflow", "-v", "--log-file", "run.log", RUST_LOG="trace"), 0)
    says(seen, "«secret:api_key»")
    due("Create the registered model" in (at.folder / "run.log").read_text(), "the log does not tell the steps", seen)


@check("Ctrl-C during a long poll runs the cleanup and ends 130")
def interrupted(at):
    ends_by_signal(at, signal.SIGINT, 130)


@check("SIGTERM during a long poll runs the cleanup and ends 143")
def terminated(at):
    ends_by_signal(at, signal.SIGTERM, 143)


def ends_by_signal(at, number, code):
    model = "planrun-e2e-" + secrets.token_hex(4)
    plan = at.write("plans/long-poll.yaml", LONG_POLL)
    arguments = (plan, "-e", "mlflow", "--var", f"model={model}", "--report", "json=report.json")
    polls = f"GET {API}/model-versions/get?name={model}"
    with at.started(*arguments) as process:
        sent = signalled(at, process, number, lambda: sum(polls in line for line in at.bed.requests_seen()) >= 2)
        seen = at.finish(process)
    took = time.monotonic() - sent
    ended(seen, code)
    due(took < 10, f"it took {took:.1f} s to end", seen)
    url = f"{at.bed.registry_url}{API}/registered-models/get?name={model}"
    status, _, body = call("GET", url, headers=bearer(at.bed.api_key))
    due(status == 404, f"the model is still there: {status} {body}", seen)
    report = json.loads((at.folder / "report.json").read_text())
    due(report["run"]["complete"] is False, "the report does not say that it is incomplete", seen)
    due(report["exit_code"] == code, f"the report says {report['exit_code']}", seen)


@check("`| head` is quiet")
def head(at):
    seen = at.shell('"$PLANRUN" plans -e mlflow | head -n 1; exit "${PIPESTATUS[0]}"')
    due(len(seen.stdout.splitlines()) == 1, "head should have got one line", seen)
    due("roken pipe" not in seen.stderr and "os error" not in seen.stderr, "it complained about the pipe", seen)
    due(seen.code in (0, 128 + signal.SIGPIPE), "the pipe changed the verdict", seen)


@check("what goes into a pipe or a file holds no escape code")
def plain_output(at):
    for arguments in ((REGISTRATION, "-e", "mlflow"), ("check", "plans"), ("-h",)):
        due(ESCAPE not in at.planrun(*arguments).text, f"`{' '.join(arguments)}` wrote an escape code into a pipe")
    failed = at.planrun(REGISTRATION, "-e", "mlflow", PLANRUN_API_KEY=unknown_key())
    due(ESCAPE not in failed.text, "a failure wrote an escape code into a pipe", failed)


@check("a terminal with NO_COLOR gets no colour, and help fits its 80 columns")
def no_color(at):
    colour = re.compile(ESCAPE + r"\[[0-9;]*m")
    seen = at.terminal(REGISTRATION, "-e", "mlflow", NO_COLOR="1", PLANRUN_API_KEY=unknown_key())
    ended(seen, 1)
    due(not colour.search(seen.text), "it wrote a colour", seen)
    seen = ended(at.terminal("-h", NO_COLOR="1"), 0)
    due(not colour.search(seen.text), "its help wrote a colour", seen)
    wide = [line for line in seen.text.splitlines() if len(line) > 80]
    due(not wide, f"its help is wider than 80 columns: {wide}", seen)


@check("a broken contract between proxy and auth service is told from the other two")
def broken_contract(at):
    seen = ended(at.on_demo("broken-contract", REGISTRATION), 1)
    at.no_key_at_all()
    says(seen, "Invalid or expired API key", "same key was accepted", "/api/v1/keys/validate")
    never_says(seen, "registered for service", "API key required")


@check("a key of another service is told from the other two")
def wrong_service(at):
    seen = ended(at.on_demo("wrong-service", REGISTRATION), 1)
    at.no_key_at_all()
    says(seen, "registered for service 'platform'")
    never_says(seen, "API key required", "same key was accepted")


@check("an auth host that the registry answers for is told from the other two")
def misrouted(at):
    seen = ended(at.on_demo("misrouted", REGISTRATION), 1)
    at.no_key_at_all()
    says(seen, "API key required", "`api_key` was sent")
    never_says(seen, "registered for service", "same key was accepted")


@check("MLflow itself and the way through nginx answer alike, but for who serves")
def two_ways(at):
    (at.folder / "two-ways.yaml").write_text(TWO_WAYS)
    (at.folder / "environments").mkdir()
    ways = {"direct": f"http://127.0.0.1:{at.bed.mlflow_port}", "proxied": at.bed.registry_url}
    for name, base in ways.items():
        secret = "secrets: {api_key: {env_var: PLANRUN_API_KEY}}"
        (at.folder / "environments" / f"{name}.yaml").write_text(f"environment: {name}\nvars: {{base: {base}}}\n{secret}\n")
    compare = ("compare", "two-ways.yaml", "-e", "direct", "-e", "proxied")
    says(ended(at.planrun(*compare), 1), "headers.server", "nginx")
    seen = ended(at.planrun(*compare, "--ignore", "headers.Server"), 0)
    says(seen, "alike: 2 steps")
    # A key that only the proxy asks for: the way through it is told from the other by what each answers.
    seen = ended(at.planrun(*compare, "--ignore", "headers.Server", PLANRUN_API_KEY=unknown_key()), 1)
    says(seen, "Only on direct as expected", "200", "401", "Invalid or expired API key")


@check("one plan sends each request to MLflow itself and through nginx, and the answers are equal but for who serves")
def two_routes(at):
    (at.folder / "environments").mkdir()
    ways = f"direct: 'http://127.0.0.1:{at.bed.mlflow_port}', proxied: '{at.bed.registry_url}'"
    secret = "secrets: {api_key: {env_var: PLANRUN_API_KEY}}"
    (at.folder / "environments" / "both.yaml").write_text(f"environment: both\nvars: {{{ways}}}\n{secret}\n")
    (at.folder / "plain.yaml").write_text(ROUTES.replace("RULE", "equal"))
    (at.folder / "ruled.yaml").write_text(ROUTES.replace("RULE", "{equal: true, ignore: [headers.server]}"))
    seen = ended(at.planrun("plain.yaml", "-e", "both"), 1)
    says(seen, "step::routes-differ", "headers.server", "nginx", "uvicorn")
    seen = ended(at.planrun("ruled.yaml", "-e", "both"), 0)
    says(seen, "[direct]", "[proxied]", "A model for each route")
    # A key that only the proxy asks for: the hop between is named.
    seen = ended(at.planrun("ruled.yaml", "-e", "both", PLANRUN_API_KEY=unknown_key()), 1)
    says(seen, "differs in", "status", "200", "401", "`route` decides: direct passes; proxied fails")
    says(seen, "what `proxied` passes through, and `direct` does not, is at fault")


def tapped(at, tap, mode="observe"):
    """The environment `mlflow` with a tap before its auth service."""
    to = 'forward: "${{ env.auth_url }}", contract: auth'
    text = f"environment: tapped\nextends: mlflow\ntaps:\n  auth: {{listen: '{tap}', {to}, mode: {mode}}}\n"
    at.write("plans/environments/tapped.yaml", text)


def hop(at):
    """The step of root-cause.yaml that looks at the hop, and what the tap saw of it."""
    report = json.loads((at.folder / "report.json").read_text())
    step = next(step for step in report["plans"][0]["steps"] if step.get("id") == "hop")
    return step, step["attempts"][0]["taps"] if step.get("attempts") else []


ROOT_CAUSE = ("plans/root-cause.yaml", "--report", "json=report.json")


@check("a tap between nginx and the auth service sees that what nginx asks is as its document says")
def a_healthy_hop(at):
    with at.bed.tapped() as (url, tap):
        for mode in ("enforce", "observe"):
            tapped(at, tap, mode)
            ended(at.planrun(*ROOT_CAUSE, "-e", "tapped", PLANRUN_VAR_registry_url=url), 0)
            step, seen = hop(at)
            due(step["verdict"] == "passed" and len(seen) == 1, f"it saw {seen}")
            due(seen[0]["tie"] == "trace", f"nginx passes the trace on, and it is tied by {seen[0]['tie']}")
            due(seen[0]["exchange"]["response"]["status"] == 200, f"the auth service answered {seen}")
            due(not seen[0]["contract"].get("breaches"), f"it breaks {seen[0]['contract']}")
        # The whole registration goes through it, an upload too.
        ended(at.planrun(REGISTRATION, "-e", "tapped", PLANRUN_VAR_registry_url=url), 0)
    # Without a tap the same plan passes without that step.
    seen = ended(at.planrun(*ROOT_CAUSE, "-e", "mlflow"), 0)
    says(seen, "the environment has no tap `auth`")
    due(hop(at)[0]["verdict"] == "skipped", "the step is not skipped")


@check("a tap between nginx and the auth service sees the line of the document that nginx does not keep to")
def a_broken_hop(at):
    with at.bed.tapped(IN_A_HEADER) as (url, tap):
        for mode, came in (("observe", "which was answered with 422"), ("enforce", "and refused it: 502")):
            tapped(at, tap, mode)
            seen = ended(at.planrun(*ROOT_CAUSE, "-e", "tapped", PLANRUN_VAR_registry_url=url), 1)
            says(seen, "this service does not ask its own dependency as the contract `auth` says", came)
            says(seen, "wants a credential in the body field `api_key`", "specs/auth.openapi.yaml:34:18")
            says(seen, "one cause explains all 3 failures", "Authentication service error")
            step, taps = hop(at)
            cause = step["causes"][0]
            due((cause["rule"], cause["confidence"]) == ("hop/broken-contract", "certain"), f"the cause is {cause}")
            due(taps[0]["tie"] == "trace", f"it is tied by {taps[0]['tie']}")


@check("with nginx stopped it ends 5 and names the address and the variable that set it")
def nginx_is_down(at):
    at.bed.stop("nginx")
    try:
        seen = ended(at.planrun(REGISTRATION, "-e", "mlflow"), 5)
        says(seen, f"127.0.0.1:{at.bed.nginx_port}", "refused", "registry_url")
    finally:
        at.bed.start_nginx()


@check("with only MLflow stopped it ends 1 and shows the title of the 502's page")
def mlflow_is_down(at):
    at.bed.stop("mlflow")
    try:
        seen = ended(at.planrun(REGISTRATION, "-e", "mlflow"), 1)
        says(seen, "502 Bad Gateway")
    finally:
        at.bed.start_mlflow()


@check("after all that, registration passes again")
def registration_again(at):
    ended(at.planrun(REGISTRATION, "-e", "mlflow"), 0)


@check("the demo says where it listens, answers, and ends on SIGTERM")
def the_demo_answers(at):
    body = {"api_key": at.bed.api_key, "service_id": at.bed.service_id}
    status, _, text = call("POST", at.bed.auth_url + "/api/v1/keys/validate", body)
    due(status == 200 and json.loads(text)["is_valid"] is True, f"the live key got {status} {text}")
    status, _, text = call("POST", at.bed.auth_url + "/api/v1/keys/validate", body | {"api_key": at.bed.expired_key})
    due(status == 401, f"the expired key got {status} {text}")
    url = at.bed.keys["url"] + API + "/registered-models/search?max_results=1"
    status, _, text = call("GET", url, headers=bearer(at.bed.api_key))
    due(status == 200, f"the demo registry answered {status} {text}")
    code = at.bed.stop("auth")
    due(code in (0, 143, -signal.SIGTERM), f"it ended {code} on SIGTERM")
