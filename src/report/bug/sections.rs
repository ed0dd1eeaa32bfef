//! The parts of a bug report, in the order in which its receiver reads them.

use std::fmt::Write as _;

use super::super::document::{Document, Told, word};
use super::super::finding::count;
use super::super::markdown::{fenced, text};
use super::super::style::Style;
use super::super::{notices, overall, phrase, taps};
use super::scope::{origin, scope};
use super::{Case, chain, history};
use crate::diagnose::{self, Cause, header};
use crate::finding::Severity;
use crate::json;
use crate::outcome::{Body, Content, Exchange, Headers, Verdict};
use crate::secret::{sanitise, sanitise_line};
use crate::source::Place;
use crate::units::{show_duration, show_size};

pub(super) fn render(case: &Case<'_>) -> String {
    let witnesses = diagnose::witnesses(case.told.plan);
    let causes = Document::causes(&case.told, &witnesses);
    let mut out = String::new();
    head(case, &causes, &mut out);
    expected(case, &mut out);
    reproduce(case, &mut out);
    exchange(case, &mut out);
    since(case, &mut out);
    why(case, &causes, &mut out);
    next(case, &causes, &mut out);
    place(case, &mut out);
    out
}

impl Case<'_> {
    /// `plans/a.yaml:3`
    pub(super) fn at(&self, place: Place) -> String {
        let spot = self.document.spot(place);
        spot.map(|spot| format!("{}:{}", spot.path, spot.line)).unwrap_or_default()
    }
}

fn head(case: &Case<'_>, causes: &[Cause], out: &mut String) {
    let started = case.bug.record.started.as_ref();
    let environment =
        started.and_then(|run| run.environment.as_deref()).unwrap_or("no environment");
    let _ = writeln!(out, "# [{}] {}\n", text(environment), text(&title(case)));
    let scope = scope(case);
    let _ = writeln!(out, "**Severity** {}\n", text(&scope.severity));
    for line in &scope.lines {
        let _ = writeln!(out, "- {}", text(line));
    }
    if let Some(cause) = causes.first() {
        let sure = cause.confidence.as_str();
        let _ = writeln!(out, "- In short ({sure}): {}.", text(&cause.text));
    }
    if let Some(incomplete) = case.document.incomplete() {
        let _ = writeln!(out, "- {}", text(&incomplete));
    }
}

/// `POST /api/models: expected 2xx, got 401 Unauthorized`
fn title(case: &Case<'_>) -> String {
    let asked = match case.told.exchange() {
        Some(exchange) => {
            let url = url::Url::parse(&exchange.request.url).ok();
            let path =
                url.map_or_else(|| exchange.request.url.clone(), |url| url.path().to_owned());
            format!("{} {path}", exchange.request.method)
        }
        None => case.told.title(),
    };
    let title = format!("{asked}: {}", in_one_line(case));
    Style::default().cut(&sanitise_line(&title), 180)
}

fn in_one_line(case: &Case<'_>) -> String {
    let style = Style::default();
    let result = case.told.result();
    let attempt = result.and_then(|result| result.attempts.last());
    let exchange = case.told.exchange();
    if let Some(error) = exchange.and_then(|exchange| exchange.error.as_ref()) {
        return format!("expected an answer, got none: {}", error.message);
    }
    let of_samples = result.and_then(|result| result.samples.as_ref());
    let together = of_samples.into_iter().flat_map(|samples| &samples.assertions);
    let alone = attempt.into_iter().flat_map(|attempt| &attempt.assertions);
    let failed = together.chain(alone).find(|it| !it.passed && it.severity == Severity::Error);
    if let Some(failed) = failed {
        let wanted = phrase::expected(&failed.subject, &failed.expected, &style);
        let got = failed.actual.as_ref().map(|it| phrase::actual(&failed.subject, it, &style));
        let got = got.unwrap_or_default();
        if failed.subject == "status" {
            let status = exchange.and_then(|it| it.response.as_ref()).map(|it| it.status);
            let named = status.map(|status| format!("{status} {}", phrase::status(status)));
            return format!("expected {wanted}, got {}", named.unwrap_or(got).trim_end());
        }
        return format!("`{}` expected {wanted}, got {got}", failed.subject);
    }
    if let Some(breach) = attempt.and_then(|attempt| attempt.breaches.first()) {
        let (limit, actual) = (show_duration(breach.limit), show_duration(breach.actual));
        return format!("expected {} within {limit}, got {actual}", breach.phase);
    }
    let short = result.map(|result| case.document.short(result)).unwrap_or_default();
    short.into_iter().next().unwrap_or_else(|| word(case.told.verdict()).to_owned())
}

/// Each thing that did not hold, with its line.
fn expected(case: &Case<'_>, out: &mut String) {
    out.push_str("\n## Expected and actual\n\n");
    let step = &case.told.record.step;
    let at = text(&case.at(step.place));
    let plan = text(&case.told.plan.started.title());
    let _ = writeln!(out, "Step “{}” of the plan “{plan}” ({at}).\n", text(&case.told.title()));
    let includers = case.told.plan.includers(step);
    if !includers.is_empty() {
        let lines: Vec<String> = includers.iter().map(|it| text(&case.at(it.place))).collect();
        let _ = writeln!(out, "It is included by {}.\n", lines.join(", "));
    }
    let style = Style { width: 100, ..Style::default() };
    let Some(result) = case.told.result() else { return };
    let attempt = result.attempts.last();
    let together = result.samples.iter().flat_map(|samples| &samples.assertions);
    let alone = attempt.into_iter().flat_map(|attempt| &attempt.assertions);
    let mut rows = Vec::new();
    for failed in together.chain(alone).filter(|assertion| !assertion.passed) {
        let wanted = phrase::expected(&failed.subject, &failed.expected, &style);
        let got = failed.actual.as_ref().map(|it| phrase::actual(&failed.subject, it, &style));
        let weak = if failed.severity == Severity::Warning { " (only a warning)" } else { "" };
        let note = failed.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        rows.push([
            failed.subject.clone(),
            format!("{wanted}{weak}"),
            format!("{}{note}", got.unwrap_or_default()),
            case.at(failed.place),
        ]);
    }
    for breach in attempt.into_iter().flat_map(|attempt| &attempt.breaches) {
        rows.push([
            format!("time: {}", breach.phase),
            format!("at most {}", show_duration(breach.limit)),
            show_duration(breach.actual),
            case.at(breach.place),
        ]);
    }
    for capture in attempt.into_iter().flat_map(|attempt| &attempt.captures) {
        if let Some(missing) = &capture.missing {
            let got = phrase::actual(&capture.name, missing, &style);
            let name = format!("capture `{}`", capture.name);
            rows.push([name, "a value".to_owned(), got, case.at(capture.place)]);
        }
    }
    if !rows.is_empty() {
        out.push_str("| what | expected | actual | written at |\n|---|---|---|---|\n");
        for row in rows {
            let cells = row.map(|cell| text(&cell));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out.push('\n');
    }
    for line in result
        .message
        .iter()
        .chain(case.told.exchange().and_then(|it| Some(&it.error.as_ref()?.message)))
    {
        let _ = writeln!(out, "- {}", text(line));
    }
    let findings = attempt.into_iter().flat_map(|attempt| &attempt.findings);
    for finding in findings {
        let at = finding.place().map(|place| case.at(place)).unwrap_or_default();
        let _ = writeln!(out, "- `{}` {}: {}", finding.code, text(&at), text(&finding.message));
    }
    if let Some(said) = said(case) {
        let _ = writeln!(out, "The server says: “{}”.\n", text(&said));
    }
    lines_of_plan(case, out);
}

/// What the body of an error says is wrong.
fn said(case: &Case<'_>) -> Option<String> {
    let response = case.told.exchange()?.response.as_ref()?;
    let Content::Text(body) = &response.body.content else { return None };
    if response.status < 400 || response.body.cut {
        return None;
    }
    diagnose::reason(&json::parse(body.as_bytes()).ok()?).map(|(_, said)| said)
}

/// The step as it is written, as far as it concerns the failure.
fn lines_of_plan(case: &Case<'_>, out: &mut String) {
    const MOST: usize = 24;
    let place = case.told.record.step.place;
    let Some(source) = case.bug.record.sources.get(place.source) else { return };
    let first = source.line_column(place.span.start).line;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(start) = source.line(first) else { return };
    // The step's key stands behind its dash.
    let dash = indent(start);
    let mut shown = Vec::new();
    for number in first..first + MOST {
        let Some(line) = source.line(number) else { break };
        if number > first && !line.trim().is_empty() && indent(line) <= dash {
            break;
        }
        shown.push(format!("{number:>4} │ {}", sanitise_line(line)));
    }
    while shown.last().is_some_and(|line| line.trim_end().ends_with('│')) {
        shown.pop();
    }
    let _ = writeln!(out, "{}", fenced(&shown.join("\n")));
}

fn reproduce(case: &Case<'_>, out: &mut String) {
    out.push_str("\n## Steps to reproduce\n\n");
    let command = chain::planrun(case);
    let _ = writeln!(out, "With planrun, in the folder where it was run:\n");
    let _ = writeln!(out, "{}", shell(&command));
    let demo = case.bug.record.environments.iter().flat_map(|it| &it.services);
    let demo = demo.clone().find(|service| service.builtin);
    let Some(script) = chain::curl(case) else { return };
    let tools =
        if script.contains("| jq ") || script.contains("(jq ") { "curl and jq" } else { "curl" };
    let _ = writeln!(
        out,
        "\nWith {tools} alone, in bash; the last line shows the failure. Set what stands at the top, \
         secrets first: they are not part of this report.\n"
    );
    if let Some(demo) = demo {
        let fault =
            demo.fault.as_ref().map(|fault| format!(" --fault {fault}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "The environment starts the built-in registry, which ended with the run: \
             `planrun demo{fault}` starts it again and says its addresses and keys.\n"
        );
    }
    let _ = writeln!(out, "{}", shell(script.trim_end()));
    if let Some((secret, proof)) = chain::proof(case) {
        let _ = writeln!(
            out,
            "\nFor comparison, what the same run saw pass with the same `{secret}`:\n\n{}",
            shell(&proof)
        );
    }
}

/// A block for a shell, whose fence is longer than any in it.
fn shell(script: &str) -> String {
    fenced(script).replacen("text\n", "sh\n", 1)
}

fn exchange(case: &Case<'_>, out: &mut String) {
    let Some(exchange) = case.told.exchange() else { return };
    out.push_str("\n## Request and response\n\n");
    let request = &exchange.request;
    let mut sent = format!("{} {}\n{}", request.method, request.url, lines(&request.headers));
    sent.push_str(&body(&request.body, case.limit));
    let _ = writeln!(out, "{}\n", fenced(&sanitise(&sent)));
    for hop in &exchange.hops {
        let _ = writeln!(out, "- {} led to {}", hop.status, text(&hop.location));
    }
    if let Some(response) = &exchange.response {
        let status = phrase::status(response.status);
        let mut got = format!("HTTP/{} {} {status}\n", response.http, response.status);
        got.push_str(&lines(&response.headers));
        got.push_str(&body(&response.body, case.limit));
        let _ = writeln!(out, "{}\n", fenced(&sanitise(&got)));
    }
    let times = phrase::phases(&exchange.phases, exchange.reused);
    if !times.is_empty() {
        let before = history::before(case);
        let before = before.map(|before| format!("; before: {before}")).unwrap_or_default();
        let _ = writeln!(out, "- Times: {}{}", text(&times.join(" · ")), text(&before));
    }
    let remote = exchange.response.as_ref().and_then(|response| response.remote.as_ref());
    if let Some(remote) = remote {
        let _ = writeln!(out, "- Answered by: {}", text(remote));
    }
    if let Some(proxy) = &exchange.proxy {
        let _ = writeln!(out, "- Through the proxy: {}", text(proxy));
    }
    for (secret, place) in &exchange.secrets_sent {
        let _ = writeln!(out, "- The secret `{secret}` was sent in: {}", text(place));
    }
    let attempt = case.told.result().and_then(|result| result.attempts.last());
    for line in taps::lines(attempt.map_or(&[], |attempt| &attempt.tapped)) {
        let _ = writeln!(out, "- Seen by a tap: {}", text(&line));
    }
    contract(case, out);
    ids(exchange, out);
    attempts(case, out);
}

/// Which operation of which document was asked, and where the document has what the answer names.
fn contract(case: &Case<'_>, out: &mut String) {
    let Some(attempt) = case.told.result().and_then(|result| result.attempts.last()) else {
        return;
    };
    let at = |pointer: Option<&str>, place: Option<Place>| {
        let place = place.map(|place| case.at(place)).filter(|at| !at.is_empty());
        let parts = [place, pointer.map(|pointer| format!("#{pointer}"))];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!(": {}", text(&parts.join(", "))) }
    };
    if let Some(used) = attempt.contract.as_deref() {
        let (name, operation) = (text(&used.contract), text(&used.operation));
        let _ = if used.documented {
            let at = at(used.pointer.as_deref(), used.place);
            writeln!(out, "- Contract `{name}`, {operation}{at}")
        } else {
            let near = used.nearest.as_ref().map(|near| {
                format!("; nearest is {}{}", text(&near.operation), at(None, near.place))
            });
            writeln!(out, "- Contract `{name}` has no {operation}{}", near.unwrap_or_default())
        };
    }
    for part in &attempt.documented {
        let at = at(Some(&part.pointer), Some(part.place));
        let (name, operation) = (text(&part.contract), text(&part.operation));
        let _ = writeln!(out, "- `{}` in contract `{name}`, {operation}{at}", text(&part.at));
    }
    let violations = attempt.assertions.iter().flat_map(|one| &one.violations);
    for violation in violations.filter(|violation| violation.place.is_some()).take(20) {
        let at = at(None, violation.place);
        let _ = writeln!(out, "- Not as documented, `{}`{at}", text(&violation.at));
    }
}

/// Under which names the request is found in logs.
fn ids(exchange: &Exchange, out: &mut String) {
    let ids = exchange.ids();
    let mut known = Vec::new();
    known.extend(ids.trace.map(|id| format!("trace {id}")));
    known.extend(ids.request.map(|id| format!("X-Request-Id {id}")));
    known.extend(ids.servers.iter().map(|(name, id)| format!("the server's {name} {id}")));
    if known.is_empty() {
        out.push_str("- In logs: neither side gave the request an id\n");
    } else {
        let _ = writeln!(out, "- In logs: {}", text(&known.join(" · ")));
    }
}

fn attempts(case: &Case<'_>, out: &mut String) {
    let Some(result) = case.told.result() else { return };
    if let Some(samples) = &result.samples {
        let _ = writeln!(out, "- Samples: {}", text(&phrase::samples(samples).join(" · ")));
    } else if result.tries > 1 {
        let _ = writeln!(out, "- Attempts: {0} of {0} did not pass", result.tries);
    } else {
        out.push_str("- Attempts: 1 of 1 did not pass\n");
    }
    let at = result.attempts.last().and_then(|attempt| case.document.clock(attempt.at));
    if let Some(at) = at {
        let local = at.to_zoned(case.bug.zone.clone());
        let utc = at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string();
        let _ = writeln!(out, "- Sent at: {utc}, local time {}", local.strftime("%H:%M:%S %Z"));
    }
}

fn lines(headers: &Headers) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<Vec<_>>().concat()
}

/// A body as far as it is shown.
fn body(body: &Body, limit: usize) -> String {
    let size = show_size(body.size);
    match &body.content {
        Content::Empty => String::new(),
        Content::Text(text) => {
            let value = if body.cut { None } else { json::parse(text.as_bytes()).ok() };
            let mut shown = value.map_or_else(|| text.clone(), |value| json::pretty(&value).text);
            let cut = body.cut || shown.len() > limit;
            if shown.len() > limit {
                let end = (0..=limit).rev().find(|end| shown.is_char_boundary(*end));
                shown.truncate(end.unwrap_or_default());
            }
            let more = if cut { format!("\n… only the head of {size}") } else { String::new() };
            format!("\n{shown}{more}\n")
        }
        Content::Hex(hex) => format!("\n{size} that are no text, beginning with {hex}\n"),
        Content::File(path) => format!("\n{size} out of the file {path}\n"),
        Content::Generated(seed) => format!("\n{size} generated from the seed {seed}\n"),
        Content::Parts(parts) => {
            let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            format!("\nmultipart/form-data of {size}: {}\n", names.join(", "))
        }
    }
}

fn since(case: &Case<'_>, out: &mut String) {
    out.push_str("\n## Since when\n\n");
    for line in history::history(case) {
        let _ = writeln!(out, "- {}", text(&line));
    }
}

/// What speaks for each cause, and what the rest of the run rules out.
fn why(case: &Case<'_>, causes: &[Cause], out: &mut String) {
    out.push_str("\n## Why\n\n");
    if causes.is_empty() {
        out.push_str(
            "No cause is known for certain; the run holds no fact that points to one.\n\n",
        );
    }
    for cause in causes {
        let place = cause.hint.map(|place| format!(", {}", case.at(place))).unwrap_or_default();
        let sure = cause.confidence.as_str();
        let _ = writeln!(out, "- **{}** ({sure}{})", text(&cause.text), text(&place));
        for fact in &cause.facts {
            let _ = writeln!(out, "  - {}", text(&case.document.fact(fact)));
        }
        for fact in &cause.against {
            let _ = writeln!(out, "  - against it: {}", text(&case.document.fact(fact)));
        }
    }
    let diagnosis = diagnose::whole_run(case.bug.record);
    for line in diagnosis.flips.iter().map(overall::flip) {
        let _ = writeln!(out, "- {}", text(&line));
    }
    for line in diagnosis.backends.iter().map(overall::backend) {
        let _ = writeln!(out, "- {}", text(&line));
    }
    let ruled_out = ruled_out(case, causes);
    if !ruled_out.is_empty() {
        out.push_str("\nWhat the same run rules out:\n\n");
        for line in ruled_out {
            let _ = writeln!(out, "- {}", text(&line));
        }
    }
}

/// What other steps of the run saw that makes a cause unlikely.
fn ruled_out(case: &Case<'_>, causes: &[Cause]) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(exchange) = case.told.exchange() else { return lines };
    let own = origin(exchange);
    let passed = || {
        case.all.iter().filter(|told| told.verdict() == Some(Verdict::Passed)).filter_map(|told| {
            let exchange = told.exchange()?;
            let status = exchange.response.as_ref()?.status;
            Some((told, exchange, status))
        })
    };
    let seen = |told: &Told<'_>, exchange: &Exchange, status: u16| {
        let url = exchange.request.url.split(['?', '#']).next().unwrap_or_default();
        let at = case.at(told.record.step.place);
        format!("{} {url} answered {status} (“{}”, {at})", exchange.request.method, told.title())
    };
    for (name, _) in &exchange.secrets_sent {
        let good = |(_, other, status): &(&Told<'_>, &Exchange, u16)| {
            (200..300).contains(status) && other.secrets_sent.iter().any(|(known, _)| known == name)
        };
        match passed().find(good) {
            Some((told, other, status)) => {
                lines.push(format!("A wrong or expired `{name}`: {}", seen(told, other, status)));
            }
            None => lines.push(of_key(name, causes)),
        }
    }
    let same = |(_, other, status): &(&Told<'_>, &Exchange, u16)| {
        origin(other) == own && (200..300).contains(status)
    };
    match passed().find(same) {
        Some((told, other, status)) => {
            let what = "The network, DNS, TLS, and a service that is down";
            lines.push(format!("{what}: {}", seen(told, other, status)));
        }
        None if exchange.response.is_some() => lines.push(format!(
            "The network: {own} answers, if only with an error; no request to it passed in this run."
        )),
        None => {}
    }
    lines
}

/// Whether a key that no request passed with may be bad, as far as the causes tell.
fn of_key(name: &str, causes: &[Cause]) -> String {
    match causes.first().map(|cause| cause.rule) {
        Some("key/other-service") => format!(
            "A wrong or expired `{name}`: the service knows it, and names the one that it is for."
        ),
        Some("key/not-checked") => {
            format!("Not ruled out: that `{name}` itself is bad; nobody looked at it in this run.")
        }
        Some("key/misrouted") => format!(
            "Not ruled out: that `{name}` itself is bad; the service that knows keys did not see it \
             in this run. Mend the way first."
        ),
        Some(_) | None => format!(
            "Not ruled out: that `{name}` itself is bad; no request with it passed in this run."
        ),
    }
}

fn next(case: &Case<'_>, causes: &[Cause], out: &mut String) {
    out.push_str("\n## Next step\n\n");
    let error = case.told.exchange().and_then(|exchange| exchange.error.as_ref());
    let steps = causes.iter().filter_map(|cause| cause.next.clone());
    let steps = steps.chain(error.map(|error| diagnose::next_step(error.class).to_owned()));
    let mut steps: Vec<String> = steps.collect();
    steps.dedup();
    if steps.is_empty() {
        steps.push(
            "run the commands above, and look for the request's ids in the service's log".into(),
        );
    }
    for step in steps {
        let _ = writeln!(out, "- {}", text(&step));
    }
    let named = causes.iter().find_map(|cause| cause.owner.clone());
    let _ = writeln!(out, "- Likely owner: {}", text(&named.unwrap_or_else(|| owner(case))));
    if let Some(here) = here(case) {
        let _ = writeln!(out, "- Here is {}", text(&here));
    }
}

/// What was asked, by its address, the variable that names it, and how it calls itself.
fn here(case: &Case<'_>) -> Option<String> {
    let exchange = case.told.exchange()?;
    let own = origin(exchange);
    let variable = case.variable_of(&own);
    let set_at = variable.as_deref().and_then(|name| {
        let environments = case.bug.record.environments.iter();
        let mut all = environments.flat_map(|environment| &environment.variables);
        all.find(|it| name.strip_prefix("env.") == Some(&it.name))?.place.map(|it| case.at(it))
    });
    let set_at = set_at.map(|at| format!(", set at {at}")).unwrap_or_default();
    let name = variable.map(|name| format!(" (`{name}`{set_at})")).unwrap_or_default();
    let server = exchange.response.as_ref().and_then(|response| header(response, "server"));
    let server = server.map(|it| format!(", which calls itself `{it}`")).unwrap_or_default();
    Some(format!("{own}{name}{server}"))
}

/// Who can mend it where no cause says so, as far as the run tells.
fn owner(case: &Case<'_>) -> String {
    let Some(exchange) = case.told.exchange() else {
        return "whoever writes the plan: nothing was sent".to_owned();
    };
    let own = origin(exchange);
    let Some(response) = &exchange.response else {
        return format!("whoever runs {own}: it gave no whole answer");
    };
    match response.status {
        401 | 403 if exchange.secrets_sent.is_empty() => {
            format!("whoever writes the plan, then whoever runs {own}: no secret was sent")
        }
        401 | 403 => format!(
            "whoever runs {own}: it refuses the key and does not say why; whoever gave out the key \
             can tell whether it is good"
        ),
        502..=504 => format!("whoever runs what stands behind {own}"),
        _ => format!("whoever runs {own}"),
    }
}

/// On what it ran.
fn place(case: &Case<'_>, out: &mut String) {
    out.push_str("\n## Environment\n\n");
    let document = case.document;
    if let Some(run) = &case.bug.record.started {
        let environment = run.environment.as_deref().unwrap_or("none");
        let _ = writeln!(out, "- Environment: {}", text(environment));
        let begun = document.clock(std::time::Duration::ZERO).map(|at| {
            let local = at.to_zoned(case.bug.zone.clone());
            format!(" ({} local time)", local.strftime("%Y-%m-%d %H:%M:%S %Z"))
        });
        let begun = begun.unwrap_or_default();
        let (id, at) = (text(&run.run), text(&run.started_at));
        let _ = writeln!(out, "- Run: {id}, begun {at}{}", text(&begun));
        let commit = notices::commit(document);
        let commit = commit.unwrap_or_else(|| "not in a git repository".to_owned());
        let _ = writeln!(out, "- planrun {} · plans at commit {}", run.planrun, text(&commit));
        let command = text(&run.command.join(" "));
        let _ = writeln!(out, "- Command: {command} (seed {})", run.seed);
    }
    for line in notices::beside(document) {
        let _ = writeln!(out, "- {}", text(&line));
    }
    let variables = notices::variables(document, case.all);
    if !variables.is_empty() {
        out.push_str("\n| variable | value | from |\n|---|---|---|\n");
        for it in variables {
            let (name, value, source) = (text(&it.name), text(&it.value), text(&it.source));
            let _ = writeln!(out, "| {name} | {value} | {source} |");
        }
    }
    let steps = count(case.all.len(), "step", "steps");
    let _ = writeln!(out, "\nThe whole run ({steps}): `planrun report {}`", run_of(case));
}

fn run_of(case: &Case<'_>) -> String {
    case.bug.record.started.as_ref().map(|run| run.run.clone()).unwrap_or_default()
}
