"""One run of every plan with a planted failure, in all formats at once, as other people's tools read it; `formats.py`
calls this with the Python that has them."""

import contextlib
import copy
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

# Nothing is written beside the sources, not even compiled Python.
sys.dont_write_bytecode = True

import haralyzer  # noqa: E402
import jsonschema  # noqa: E402
import junitparser  # noqa: E402
import markdown_it  # noqa: E402
import referencing  # noqa: E402
import referencing.jsonschema  # noqa: E402

from stage import ROOT, Checks, Failed, Unavailable, clean_environment, main, node_package  # noqa: E402

FORMATS = {"junit": "xml", "ctrf": "json", "har": "har", "html": "html", "markdown": "md", "json": "json", "github": "txt"}
# GitHub shows so many annotations of a kind for each step of a job.
ANNOTATIONS = 10
# A key as the registry writes them, unmasked.
KEY_SHAPE = re.compile(r"hk_(?:live|test)_[A-Za-z0-9]{16,}")

PLANTED = """\
plan: A planted failure
secrets: {api_key: {}}
defaults: {base_url: "${{ env.registry_url }}", auth: {bearer: "${{ secrets.api_key }}"}}
steps:
  - {GET: /version, expect: {status: 200}}
  - name: "Planted: <b> & ]]> | `tick`"
    GET: /api/2.0/mlflow/experiments/search
    query: {max_results: 1}
    expect: {$.experiments: {type: string}, headers: {Content-Type: text/plain}}
  - {name: Behind it, GET: /health, expect: {status: 200}}
"""

MISTAKEN = """\
plan: Mistakes for code scanning
stesp: []
steps:
  - GET: /health
    expect: {stauts: 200}
"""

check = Checks()


def due(condition, what):
    if not condition:
        raise Failed(what)


def refused(read, damaged, *kinds):
    """The twin: the same reading of a damaged file ends in one of these errors."""
    try:
        read(damaged)
    except kinds:
        return
    raise Failed(f"`{read.__name__}` takes a damaged file for a good one")


class Reports:
    """The reports of one run, and the schemas that others have published for them."""

    def __init__(self, options):
        self.planrun = options.planrun
        self.cache = options.cache

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="planrun-e2e-formats-"))
        ctrf = node_package(self.cache, "ctrf", "0.3.0") / "dist" / "ctrf-schema-0.0.json"
        self.ctrf_schema = json.loads(ctrf.read_text())
        har = node_package(self.cache, "har-schema", "2.0.0") / "lib"
        self.har_schemas = {path.name: json.loads(path.read_text()) for path in har.glob("*.json")}
        # The matchers of Microsoft carry the official schema.
        sarif = node_package(self.cache, "@microsoft/jest-sarif", "1.0.0-beta.0") / "lib" / "schemas"
        self.sarif_schema = json.loads((sarif / "sarif-2.1.0-rtm.5.json").read_text())
        shutil.copytree(ROOT / "plans", self.folder / "plans", ignore=shutil.ignore_patterns(".planrun"))
        (self.folder / "plans" / "planted.yaml").write_text(PLANTED)
        wanted = [word for name, end in FORMATS.items() for word in ("--report", f"{name}=run-{name}.{end}")]
        self.run(1, "plans", "-e", "demo", *wanted)
        self.texts = {name: (self.folder / f"run-{name}.{end}").read_text() for name, end in FORMATS.items()}
        self.report = json.loads(self.texts["json"])
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def place(self):
        yield self

    def logs(self):
        return ""

    def run(self, code, *command):
        done = subprocess.run(
            [self.planrun, *command],
            cwd=self.folder,
            env=clean_environment(self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != code:
            raise Unavailable(f"`planrun {' '.join(command)}` ended {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def counted(self):
        """What the run's own record says: verdicts of its steps."""
        return self.report["counts"]["steps"]


@check("JUnit: ElementTree and junitparser read every step, with the planted failure at its line")
def junit(at):
    text = at.texts["junit"]
    counted = at.counted()
    root = xml.etree.ElementTree.fromstring(text)
    cases = root.findall("./testsuite/testcase")
    failed = [case for case in cases if case.find("failure") is not None]
    due(len(cases) == sum(counted.values()), f"{len(cases)} cases, {counted}")
    due(len(failed) == counted["failed"] == 1, f"{len(failed)} failures, {counted}")
    due(failed[0].get("name") == "Planted: <b> & ]]> | `tick`", failed[0].get("name"))
    line = int(failed[0].get("line"))
    due("Planted" in (at.folder / failed[0].get("file")).read_text().splitlines()[line - 1], f"line {line} is another")

    parsed = junitparser.JUnitXml.fromstring(text)
    due(parsed.tests == len(cases) and parsed.failures == 1 and not parsed.errors, f"{parsed.tests} {parsed.failures}")
    skipped = sum(suite.skipped for suite in parsed)
    due(skipped == counted["skipped"] + counted["blocked"], f"{skipped} skipped, {counted}")
    due({"environment", "run"} <= {one.name for suite in parsed for one in suite.properties()}, "no properties")
    names = {name for suite in parsed for one in suite if one.result for name in [type(one.result[0]).__name__]}
    due({"Failure", "Skipped"} <= names, f"results are {names}")

    cut = text[: len(text) // 2]
    refused(xml.etree.ElementTree.fromstring, cut, xml.etree.ElementTree.ParseError)
    refused(junitparser.JUnitXml.fromstring, cut, xml.etree.ElementTree.ParseError)
    refused(junitparser.JUnitXml.fromstring, text.replace("testsuites", "results"), junitparser.JUnitXmlError)


@check("CTRF: the schema that the format's authors publish accepts it, and its numbers are the run's")
def ctrf(at):
    def read(value):
        jsonschema.Draft7Validator(at.ctrf_schema, format_checker=jsonschema.FormatChecker()).validate(value)
        return value["results"]

    value = json.loads(at.texts["ctrf"])
    results = read(value)
    counted = at.counted()
    summary = results["summary"]
    due(summary["tests"] == len(results["tests"]) == sum(counted.values()), f"{summary}, {counted}")
    due((summary["failed"], summary["passed"]) == (1, counted["passed"]), f"{summary}, {counted}")
    for damage in (
        lambda it: it["results"]["tests"][0].update(status="broken"),
        lambda it: it["results"].pop("summary"),
        lambda it: it.update(reportFormat="JUnit"),
        lambda it: it.update(timestamp="yesterday"),
    ):
        damaged = copy.deepcopy(value)
        damage(damaged)
        refused(read, damaged, jsonschema.ValidationError)


@check("HAR: the schema of HAR 1.2 accepts it, and haralyzer finds the requests, their statuses and phases")
def har(at):
    def resources(uri):
        contents = at.har_schemas[uri]
        return referencing.Resource.from_contents(contents, default_specification=referencing.jsonschema.DRAFT6)

    registry = referencing.Registry(retrieve=resources)
    schema = at.har_schemas["har.json"]
    validator = jsonschema.Draft6Validator(schema, registry=registry, format_checker=jsonschema.FormatChecker())

    def read(value):
        validator.validate(value)
        return haralyzer.HarParser(value).har_data["entries"]

    value = json.loads(at.texts["har"])
    entries = [haralyzer.HarEntry(entry) for entry in read(value)]
    due(len(entries) > 90, f"only {len(entries)} entries")
    planted = [entry for entry in entries if entry.raw_entry["_planrun"]["step"].startswith("Planted")]
    due(len(planted) == 1, f"{len(planted)} entries of the planted step")
    due(planted[0].response.status == 200 and planted[0].request.method == "GET", f"{planted[0]}")
    due(planted[0].request.queryString == [{"name": "max_results", "value": "1"}], planted[0].request.queryString)
    timings = planted[0].timings
    phases = sum(timings[name] for name in ("dns", "connect", "send", "wait", "receive") if timings[name] > 0)
    due(0 < phases <= planted[0].time + 0.001, f"phases of {phases} ms in {planted[0].time} ms")
    for damage in (
        lambda it: it["log"]["entries"][0].pop("request"),
        lambda it: it["log"]["entries"][0].update(startedDateTime="now"),
        lambda it: it["log"]["entries"][0]["timings"].update(wait="long"),
        lambda it: it.pop("log"),
    ):
        damaged = copy.deepcopy(value)
        damage(damaged)
        refused(read, damaged, jsonschema.ValidationError)


@check("Markdown: a CommonMark parser finds its headings, its table of plans and whole blocks, and no element of ours missing")
def markdown(at):
    def read(text):
        tokens = markdown_it.MarkdownIt("commonmark").enable("table").parse(text)
        headings = [after.content for token, after in zip(tokens, tokens[1:]) if token.type == "heading_open"]
        rows = sum(token.type == "tr_open" for token in tokens)
        tags = {tag for token in tokens if token.type == "html_block" for tag in re.findall(r"<[a-z/]+", token.content)}
        inline = [child for token in tokens for child in token.children or [] if child.type == "html_inline"]
        if not {"Plans", "What failed", "Times"} <= set(headings):
            raise ValueError(f"headings are {headings}")
        return headings, rows, tags | {child.content for child in inline}

    headings, rows, tags = read(at.texts["markdown"])
    due(headings[0].startswith("✗ failed on demo"), headings[0])
    due(any("Planted" in heading for heading in headings), f"{headings}")
    due(rows >= len(at.report["plans"]) + 1, f"{rows} rows for {len(at.report['plans'])} plans")
    due(tags <= {"<details", "<summary", "</summary", "</details"}, f"elements are {tags}")
    refused(read, at.texts["markdown"].replace("## Plans", "```\n## Plans", 1), ValueError)


@check("GitHub: every line is a command that its runner takes, on a line of a plan, and no kind has more than ten")
def github(at):
    def read(text):
        kinds = {}
        for line in text.splitlines():
            found = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.+)", line)
            if found is None:
                raise ValueError(f"no command: {line}")
            pairs = dict(pair.split("=", 1) for pair in found[2].split(","))
            kinds.setdefault(found[1], []).append(pairs)
        if any(len(all_of_it) > ANNOTATIONS for all_of_it in kinds.values()):
            raise ValueError("GitHub would not show them all")
        return kinds

    text = at.texts["github"]
    errors = read(text)["error"]
    due(len(errors) == 1, f"{errors}")
    lines = (at.folder / errors[0]["file"]).read_text().splitlines()
    line, column = int(errors[0]["line"]), int(errors[0]["col"])
    due(lines[line - 1][column - 1 :].startswith(("string", "{type")), f"{line}:{column} is {lines[line - 1]!r}")
    refused(read, text + "status is 401\n", ValueError)
    refused(read, text * 11, ValueError)


@check("JSON and HTML: they hold the same run, and no report shows a key")
def the_others(at):
    counted = at.counted()
    due(at.report["verdict"] == "failed" and counted["failed"] == 1, f"{counted}")
    due(at.texts["html"].count('<details class="step') == sum(counted.values()), "the page lacks steps")
    for name, text in at.texts.items():
        found = KEY_SHAPE.search(text)
        # A plan that makes up keys of its own shows them; a key of the registry it never does.
        due(not found or found.group() in plans(at), f"{name} shows a key: {found and found.group()[:12]}…")
    refused(json.loads, at.texts["json"][:-3], json.JSONDecodeError)


def plans(at):
    return "".join(path.read_text() for path in (at.folder / "plans").rglob("*.yaml"))


@check("SARIF: the official schema of 2.1.0 accepts what `planrun check` finds")
def sarif(at):
    def read(value):
        jsonschema.Draft4Validator(at.sarif_schema, format_checker=jsonschema.FormatChecker()).validate(value)
        return value["runs"][0]

    (at.folder / "plans" / "mistaken.yaml").write_text(MISTAKEN)
    value = json.loads(at.run(3, "check", "plans/mistaken.yaml", "--format", "sarif"))
    run = read(value)
    due(len(run["results"]) >= 2, f"only {len(run['results'])} results")
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    for result in run["results"]:
        region = result["locations"][0]["physicalLocation"]["region"]
        due(result["ruleId"] in rules and region["startLine"] in (2, 4, 5), f"{result}")
    for damage in (
        lambda it: it["runs"][0]["results"][0].pop("message"),
        lambda it: it.update(version="2.0.0"),
        lambda it: it["runs"][0]["results"][0].update(level="fatal"),
    ):
        damaged = copy.deepcopy(value)
        damage(damaged)
        refused(read, damaged, jsonschema.ValidationError)


if __name__ == "__main__":
    sys.exit(main(__doc__, check, Reports))
