//! `curl`: a request as it would be sent, and nothing is sent; what `--dry-run` shares with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::args::{CurlArgs, RunArgs};
use super::fault::UsageFault;
use super::means::runtime;
use super::prepare::{Prepared, prepare};
use super::printer::Printer;
use super::world::{self, Start, plan_values};
use crate::check::{CheckedStep, Work};
use crate::event::Section;
use crate::finding::Finding;
use crate::http::Client;
use crate::json;
use crate::outcome::{Content, Exchange, PartContent, Request};
use crate::report;
use crate::run::{Context, PlanValues, Preview, Shown, Sight};
use crate::schedule::{Job, Selection};
use crate::secret::{Gate, Redacted};
use crate::services::Purpose;
use crate::source::{SourceSet, SourceText};

/// A suite whose requests are to be shown.
pub(super) struct Scene {
    pub(super) prepared: Prepared,
    pub(super) jobs: Vec<Job>,
}

/// Prints one step's request as one curl line.
pub(super) fn curl(args: &CurlArgs, current: &Path) -> Result<u8, UsageFault> {
    let prepared = prepare(std::slice::from_ref(&args.path), &args.values, current)?;
    let printer = Printer::new(&args.look, &prepared.process);
    if prepared.has_errors() {
        return Ok(invalid(&prepared, &prepared.findings, &printer));
    }
    let selection = Selection { steps: vec![args.step.clone()], ..Selection::default() };
    let jobs = prepared.schedule(&selection)?;
    let scene = Scene { prepared, jobs };
    let run = RunArgs { values: args.values.clone(), ..RunArgs::default() };
    let gate = scene.prepared.gate.clone();
    let values = match values(&scene, &run, &gate) {
        Ok(values) => values,
        Err(findings) => return Ok(invalid(&scene.prepared, &findings, &printer)),
    };
    for job in &scene.jobs {
        let Some(values) = values.get(job.position) else { continue };
        let shown = preview(values, 0).steps(&job.plan, job.case);
        let wanted = job
            .plan
            .steps()
            .iter()
            .zip(shown)
            .find(|(step, _)| step.id.as_deref() == Some(args.step.as_str()));
        let Some((step, sights)) = wanted else { continue };
        let variables = scene.prepared.variables([job.position].into_iter());
        let mut found = Requests::default();
        found.take(step, sights);
        if let Some(finding) = found.unknown {
            return Ok(invalid(&scene.prepared, &[*finding], &printer));
        }
        if found.known.is_empty() {
            return Err(UsageFault::new(format!("the step `{}` sends nothing", args.step)));
        }
        let lines = found.known.into_iter().map(|one| curl_line(one, &gate, &variables));
        let line = lines.collect::<Vec<_>>().join("\n");
        return Ok(if printer.out(&gate.redact(line)).is_ok() { 0 } else { 7 });
    }
    Err(UsageFault::new(format!("no plan has a step `{}`", args.step)))
}

/// The requests of a step: its own, or all of the plan that it includes.
#[derive(Default)]
struct Requests {
    known: Vec<Exchange>,
    unknown: Option<Box<Finding>>,
}

impl Requests {
    fn take(&mut self, step: &CheckedStep, sights: Vec<Sight>) {
        // Of several cases the first is as good as any.
        match sights.into_iter().next().map(|sight| sight.shown) {
            Some(Shown::Request(exchange)) => self.known.push(*exchange),
            Some(Shown::Unknown(finding)) if self.unknown.is_none() => {
                self.unknown = Some(finding);
            }
            Some(Shown::Included(steps)) => {
                let Work::Include(include) = &step.work else { return };
                // Its cleanup comes much later.
                let inner = include.plan.steps().iter().zip(steps);
                for (step, sights) in inner.filter(|(step, _)| step.section != Section::Cleanup) {
                    self.take(step, sights);
                }
            }
            Some(Shown::Nothing | Shown::Unknown(_)) | None => {}
        }
    }
}

pub(super) fn preview(values: &PlanValues, seed: u64) -> Preview<'_> {
    Preview { values, seed, now: now() }
}

#[expect(clippy::disallowed_methods, reason = "a preview shows the time at which it is made")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// The values of all environments; no service is started, what it would give is a placeholder.
pub(super) fn values(
    scene: &Scene,
    args: &RunArgs,
    gate: &Gate,
) -> Result<Vec<Arc<PlanValues>>, Vec<Finding>> {
    let broken = |error: std::io::Error| {
        vec![Finding::error(crate::finding::Code::ServiceFailed, format!("the runtime: {error}"))]
    };
    let runtime = runtime(1).map_err(broken)?;
    let (events, _) = tokio::sync::mpsc::channel(1);
    let (_, stop) = tokio::sync::watch::channel(None);
    let client = Client::new(&crate::http::Options::default());
    let context = Context {
        run: "preview".into(),
        seed: args.seed.unwrap_or(0),
        ..Context::alone(client, gate.clone(), events, stop)
    };
    runtime.block_on(async {
        let how = Start { context: &context, purpose: Purpose::Look, groups: &Arc::default() };
        let world = world::start(&scene.prepared, &scene.jobs, &BTreeMap::new(), how).await;
        drop(world.taps);
        for services in world.running {
            let _ = services.stop().await;
        }
        if world.problems.is_empty() {
            Ok(plan_values(&scene.prepared, &args.values, &world.values))
        } else {
            Err(world.problems)
        }
    })
}

/// Shows findings that keep anything from being shown.
pub(super) fn invalid(prepared: &Prepared, findings: &[Finding], printer: &Printer) -> u8 {
    printer.error(&rendered(prepared, findings, printer));
    3
}

/// A request as one curl line. Its secrets are masks with their names already, so that user and
/// password of Basic can be told apart, which a gate would mask together.
fn curl_line(exchange: Exchange, gate: &Gate, variables: &BTreeMap<String, String>) -> String {
    let basic = |(name, value): &(String, String)| {
        let is_digest = value.starts_with("Digest ") && value.contains(":«secret:");
        if is_digest && name.eq_ignore_ascii_case("authorization") {
            return Some(gate.text(value).into_owned());
        }
        let encoded =
            value.strip_prefix("Basic ").filter(|_| name.eq_ignore_ascii_case("authorization"))?;
        let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (_, password) = pair.split_once(':')?;
        password.starts_with("«secret:").then(|| format!("Basic {}", gate.text(&pair)))
    };
    let pairs: Vec<Option<String>> = exchange.request.headers.iter().map(basic).collect();
    let before = exchange.request.clone();
    let mut exchange = gate.redact(exchange).into_inner();
    name_again(&before, &mut exchange.request, gate);
    for ((_, value), pair) in exchange.request.headers.iter_mut().zip(pairs) {
        if let Some(pair) = pair {
            *value = pair;
        }
    }
    report::curl_line(&exchange, &report::variables_of(Some(variables)))
}

/// A field that is named like a secret is masked whole; where it is made of a secret, that one's name
/// says more, and the line runs.
fn name_again(before: &Request, after: &mut Request, gate: &Gate) {
    for ((_, before), (_, after)) in before.headers.iter().zip(&mut after.headers) {
        name_in(before, after, gate);
    }
    if let (Some((_, before)), Some((path, query))) =
        (before.url.split_once('?'), after.url.split_once('?'))
    {
        after.url = format!("{path}?{}", name_pairs(before, query, gate));
    }
    match (&before.body.content, &mut after.body.content) {
        (Content::Text(before), Content::Text(text)) => {
            let parsed = |text: &str| json::parse(text.as_bytes()).ok();
            match (parsed(before), parsed(text)) {
                (Some(before), Some(mut value)) => {
                    if name_leaves(&before, &mut value, gate) {
                        *text = value.to_string();
                    }
                }
                (_, _) => *text = name_pairs(before, text, gate),
            }
        }
        (Content::Parts(before), Content::Parts(after)) => {
            for (before, after) in before.iter().zip(after) {
                if let (PartContent::Text(before), PartContent::Text(after)) =
                    (&before.content, &mut after.content)
                {
                    name_in(before, after, gate);
                }
            }
        }
        (_, _) => {}
    }
}

/// The pairs of a query or a form, each named by itself. In them `&` is only between two.
fn name_pairs(before: &str, after: &str, gate: &Gate) -> String {
    let mut pairs: Vec<String> = after.split('&').map(str::to_owned).collect();
    if before.split('&').count() == pairs.len() {
        for (before, after) in before.split('&').zip(&mut pairs) {
            name_in(before, after, gate);
        }
    }
    pairs.join("&")
}

/// Whether a text was masked whole that was made of a secret: now it is that one's mask.
fn name_in(before: &str, after: &mut String, gate: &Gate) -> bool {
    let is_lost = before.contains("«secret:") && after.contains("«secret»");
    if is_lost {
        *after = gate.text(before).into_owned();
    }
    is_lost
}

fn name_leaves(before: &Value, after: &mut Value, gate: &Gate) -> bool {
    match (before, after) {
        (Value::String(before), Value::String(after)) => name_in(before, after, gate),
        (Value::Array(before), Value::Array(after)) => {
            let pairs = before.iter().zip(after);
            pairs.fold(false, |any, (before, after)| name_leaves(before, after, gate) || any)
        }
        (Value::Object(before), Value::Object(after)) => {
            after.iter_mut().fold(false, |any, (name, after)| {
                before.get(name).is_some_and(|before| name_leaves(before, after, gate)) || any
            })
        }
        (_, _) => false,
    }
}

/// Findings with their frames, as they may be shown.
pub(super) fn rendered(
    prepared: &Prepared,
    findings: &[Finding],
    printer: &Printer,
) -> Redacted<String> {
    let gate = &prepared.gate;
    let findings: Vec<Finding> =
        findings.iter().map(|finding| gate.redact(finding.clone()).into_inner()).collect();
    let mut sources = SourceSet::default();
    for source in prepared.suite.sources.iter() {
        // The same width keeps every mark in its place.
        let text = gate.same_width(&source.text).into_owned();
        sources.insert(SourceText::new(source.id, source.path.clone(), text.into()));
    }
    gate.redact(report::finding::render(&findings, &sources, &printer.error_style))
}
