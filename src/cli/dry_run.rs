//! `--dry-run`: what every selected step would send, for people and for programs; nothing is sent.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::args::{Format, RunArgs};
use super::other::json_escaped;
use super::preview::{Scene, invalid, preview, values};
use super::printer::Printer;
use crate::check::{CheckedPlan, CheckedStep, Late, Work};
use crate::event::Section;
use crate::outcome::{Content, Exchange};
use crate::report::{Style, terminal};
use crate::run::{PlanValues, Shown, Sight};
use crate::schedule::Job;
use crate::secret::{Gate, sanitise_line};
use crate::units::show_duration;

/// Shows every selected step's request.
pub(super) fn dry_run(scene: &Scene, args: &RunArgs, printer: &Printer) -> u8 {
    let gate = &scene.prepared.gate;
    let values = match values(scene, args, gate) {
        Ok(values) => values,
        Err(findings) => return invalid(&scene.prepared, &findings, printer),
    };
    let seed = args.seed.unwrap_or(0);
    let view = |job: &Job| Some(View::of(scene, job, values.get(job.position)?, seed));
    let views: Vec<View> = scene.jobs.iter().filter_map(view).collect();
    let text = match args.format {
        Format::Json => {
            let plans: Vec<Value> = views.iter().map(View::as_json).collect();
            json_escaped(&serde_json::to_string_pretty(&plans).unwrap_or_default())
        }
        Format::Human => {
            let mut text: String = views.iter().map(|view| view.as_text(&printer.style)).collect();
            text.push_str(&closing(&views));
            text
        }
    };
    match printer.out(&gate.redact(text)) {
        Ok(()) => u8::from(scene.jobs.is_empty()) * 4,
        Err(_) => 7,
    }
}

/// What one job would send; masked.
struct View {
    plan: String,
    path: String,
    case: Option<String>,
    steps: Vec<Line>,
}

/// A step, in one of its cases.
struct Line {
    section: Section,
    /// The lines that include its plan, the nearest first, each with its part of its own plan.
    from: Vec<(Section, String)>,
    depth: usize,
    id: Option<String>,
    name: String,
    place: String,
    case: Option<String>,
    /// What decides whether and how often it runs, in words of the plan.
    terms: Vec<(&'static str, String)>,
    does: Does,
}

/// What a step would do.
enum Does {
    Send(Box<Exchange>),
    /// A request that only a run can put together: as it is written, and why.
    Unknown {
        method: String,
        url: String,
        why: String,
    },
    /// `assert`, `sleep`, `parallel`, …
    Else(&'static str),
}

impl View {
    fn of(scene: &Scene, job: &Job, values: &PlanValues, seed: u64) -> Self {
        let gate = &scene.prepared.gate;
        let (plan, preview) = (&job.plan, preview(values, seed));
        let sights = preview.steps(plan, job.case);
        let mut steps = Vec::new();
        let selected = plan.steps().iter().zip(sights).zip(&job.selected);
        for ((step, sights), _) in selected.filter(|(_, selected)| **selected) {
            lines(scene, (plan, step, sights), &[], &mut steps);
        }
        Self {
            plan: plan.name().value.clone(),
            path: values.path.clone(),
            case: preview.case(plan, job.case).map(|case| gate.text(&case).into_owned()),
            steps,
        }
    }

    fn as_text(&self, style: &Style) -> String {
        let mut text = format!("{} · {}\n", titled(&self.plan, self.case.as_deref()), self.path);
        let mut section = Section::Steps;
        for line in &self.steps {
            let outer = line.from.last().map_or(line.section, |(section, _)| *section);
            if outer != section {
                section = outer;
                text.push_str(match section {
                    Section::Setup => "  setup\n",
                    Section::Steps => "  steps\n",
                    Section::Cleanup => "  cleanup\n",
                });
            }
            line.write(&mut text, style);
        }
        text.push('\n');
        text
    }

    fn as_json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Line::as_json).collect();
        json!({"plan": self.plan, "path": self.path, "case": self.case, "steps": steps})
    }
}

/// A step in all its cases, each with the steps of the plan that it includes.
fn lines(
    scene: &Scene,
    (plan, step, sights): (&CheckedPlan, &CheckedStep, Vec<Sight>),
    from: &[(Section, String)],
    all: &mut Vec<Line>,
) {
    let gate = &scene.prepared.gate;
    for Sight { case, name, shown } in sights {
        let (shown, inner) = match (shown, &step.work) {
            (Shown::Included(inner), Work::Include(include)) if step.skip.is_none() => {
                (Shown::Nothing, Some((include, inner)))
            }
            (shown, _) => (shown, None),
        };
        let first = all.len();
        all.push(Line {
            section: step.section,
            from: from.to_vec(),
            depth: super::list::depth(plan, step),
            id: step.id.clone(),
            name: gate.text(&name).into_owned(),
            place: scene.prepared.suite.sources.locate(step.place),
            case: case.map(|case| gate.text(&case).into_owned()),
            terms: terms(plan, step),
            does: does(step, shown, gate),
        });
        let Some((include, sights)) = inner else { continue };
        let here = (step.section, scene.prepared.suite.sources.locate(step.place));
        let from: Vec<_> = std::iter::once(here).chain(from.iter().cloned()).collect();
        for (step, sights) in include.plan.steps().iter().zip(sights) {
            lines(scene, (&include.plan, step, sights), &from, all);
        }
        let own = all.get(first).map_or(0, |line| line.depth);
        for line in all.iter_mut().skip(first + 1) {
            line.depth += own + 1;
        }
    }
}

impl Line {
    fn write(&self, text: &mut String, style: &Style) {
        let indent = "  ".repeat(self.depth + 1);
        let name = titled(&self.name, self.case.as_deref());
        let part = match line_part(self) {
            Section::Setup => "setup: ",
            Section::Steps => "",
            Section::Cleanup => "cleanup: ",
        };
        let _ = writeln!(text, "{indent}{part}{name}");
        for (word, term) in &self.terms {
            let _ = writeln!(text, "      {word} {}", sanitise_line(term));
        }
        match &self.does {
            Does::Send(exchange) => text.push_str(&terminal::request(exchange, style)),
            Does::Unknown { method, url, why } => {
                let _ = writeln!(text, "      > {method} {}", sanitise_line(url));
                let _ = writeln!(text, "      known only in a run: {}", sanitise_line(why));
            }
            Does::Else("assert" | "sleep") => text.push_str("      sends nothing\n"),
            Does::Else(_) => {}
        }
    }

    fn as_json(&self) -> Value {
        let terms: serde_json::Map<String, Value> =
            self.terms.iter().map(|(word, term)| ((*word).to_owned(), json!(term))).collect();
        let (kind, request, unknown) = match &self.does {
            Does::Send(exchange) => ("request", request_as_json(exchange), None),
            Does::Unknown { method, url, why } => {
                ("request", json!({"method": method, "url": url}), Some(why))
            }
            Does::Else(what) => (*what, Value::Null, None),
        };
        json!({
            "section": self.section,
            "id": self.id,
            "name": self.name,
            "case": self.case,
            "depth": self.depth,
            "place": self.place,
            "included_from": self.from.iter().map(|(_, at)| at).collect::<Vec<_>>(),
            "terms": terms,
            "kind": kind,
            "request": request,
            "unknown": unknown,
        })
    }
}

/// The part of an included plan that a step stands in; those of the plan itself have a heading.
fn line_part(line: &Line) -> Section {
    if line.from.is_empty() { Section::Steps } else { line.section }
}

fn request_as_json(exchange: &Exchange) -> Value {
    let request = &exchange.request;
    let body = match &request.body.content {
        Content::Empty => Value::Null,
        Content::Text(text) => json!({"text": text, "size": request.body.size}),
        Content::Hex(hex) => json!({"hex": hex, "size": request.body.size}),
        Content::File(path) => json!({"file": path, "size": request.body.size}),
        Content::Generated(seed) => json!({"seed": seed, "size": request.body.size}),
        Content::Parts(parts) => json!({"parts": parts, "size": request.body.size}),
    };
    json!({
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body": body,
    })
}

fn does(step: &CheckedStep, shown: Shown, gate: &Gate) -> Does {
    if step.skip.is_some() {
        return Does::Else(super::list::kind(&step.work));
    }
    match (shown, &step.work) {
        (Shown::Request(exchange), _) => Does::Send(Box::new(gate.redact(*exchange).into_inner())),
        (Shown::Unknown(finding), Work::Request(request)) => Does::Unknown {
            method: request.method.as_str().to_owned(),
            url: request.url.text().to_owned(),
            why: match used(step).as_str() {
                "" => gate.text(&finding.message).into_owned(),
                names => format!("it computes with {names}"),
            },
        },
        (Shown::Nothing | Shown::Unknown(_) | Shown::Included(_), work) => {
            Does::Else(super::list::kind(work))
        }
    }
}

/// What of earlier responses a step uses: captures, and what it looks at.
fn used(step: &CheckedStep) -> String {
    let captures = step.uses.captures.iter().map(|(name, ..)| format!("`{name}`"));
    let mut names: Vec<String> = captures.collect();
    if !step.uses.seen.is_empty() {
        names.push("the response of an earlier step".to_owned());
    }
    names.dedup();
    names.join(", ")
}

/// What decides whether a step runs and how often, as far as the plan says.
fn terms(plan: &CheckedPlan, step: &CheckedStep) -> Vec<(&'static str, String)> {
    let mut terms = Vec::new();
    if let Work::Include(include) = &step.work
        && !step.name.text().contains(&include.path.value)
    {
        terms.push(("include", include.path.value.clone()));
    }
    terms.extend(step.skip.as_ref().map(|reason| ("skip", reason.clone())));
    let needs: Vec<String> = super::list::needs(plan, step);
    if !needs.is_empty() {
        terms.push(("needs", needs.join(", ")));
    }
    terms.extend(step.condition.as_ref().map(|condition| ("if", condition.text.clone())));
    terms.extend(step.samples.as_ref().map(|samples| ("repeat", late(&samples.repeat))));
    let retries = step.retry.as_ref();
    terms.extend(retries.map(|retry| ("retry", format!("up to {} more", late(&retry.times)))));
    terms.extend(step.poll.as_ref().map(|poll| match &poll.within {
        Late::Known(time) => ("poll", format!("for {}", show_duration(*time))),
        Late::Template(template, _) => ("poll", format!("for {}", template.text())),
    }));
    terms
}

/// A number as it is known, else as it is written.
fn late(number: &Late<u32>) -> String {
    match number {
        Late::Known(number) => number.to_string(),
        Late::Template(template, _) => template.text().to_owned(),
    }
}

fn titled(name: &str, case: Option<&str>) -> String {
    match case {
        Some(case) if !name.contains(case) => {
            sanitise_line(&format!("{name} [{case}]")).into_owned()
        }
        Some(_) | None => sanitise_line(name).into_owned(),
    }
}

/// `dry run: 4 requests of 2 plans; nothing was sent`
fn closing(views: &[View]) -> String {
    let lines = || views.iter().flat_map(|view| &view.steps);
    let requests = lines().filter(|line| !matches!(line.does, Does::Else(_))).count();
    let unknown = lines().filter(|line| matches!(line.does, Does::Unknown { .. })).count();
    let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let unknown = match unknown {
        0 => String::new(),
        n => format!(", {n} of them known only in a run"),
    };
    format!(
        "dry run: {} of {}{unknown}; nothing was sent\n",
        count(requests, "request"),
        count(views.len(), "plan")
    )
}
