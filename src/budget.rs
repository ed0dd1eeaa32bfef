//! Is it in time: limits on the phases of an exchange, and the phase that ate the time.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use crate::finding::{Code, Finding, Severity, nearest};
use crate::outcome::{BudgetBreach, Phase, Phases};
use crate::source::Place;
use crate::template::{is_omit, nothing_to_remove};
use crate::units;
use crate::yaml::{Entry, Kind, Node};

/// What a budget is written on, as far as that decides what it may limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A step that sends one request at a time.
    Step {
        /// How its connection is made.
        connection: Connection,
        /// How often it is sent.
        samples: Samples,
    },
    /// A plan: its wall clock alone.
    Plan,
    /// A plan that is carried out many times: the wall clock of each.
    Repeated,
}

/// Whether a connection may be one that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// `connection: fresh`: each request has all phases.
    Fresh,
    /// A kept connection has no `dns`, `connect` and `tls`.
    Reused,
}

/// How many samples a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// One.
    One,
    /// `repeat` or `load`.
    Many,
}

/// Limits in time.
#[derive(Debug, Clone)]
pub struct Budget {
    /// In the order written.
    pub limits: Vec<Limit>,
    templated: Option<Box<Templated>>,
}

/// The limit of one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub phase: Phase,
    /// The longest that it may take.
    pub limit: Duration,
    /// Where the limit is written.
    pub place: Place,
}

#[derive(Debug, Clone)]
struct Templated {
    node: Node,
    scope: Scope,
    scalars: Vec<Node>,
}

/// Statistics of many samples, which one request does not have.
const STATISTICS: [&str; 5] = ["p50", "p95", "p99", "max", "mean"];

impl Budget {
    /// Reads a budget: a duration limits the total, a mapping its phases.
    ///
    /// # Errors
    /// Every finding about it, in the order of the text.
    pub fn parse(node: &Node, scope: Scope) -> Result<Self, Vec<Finding>> {
        let reader = Reader::read(node, scope, None);
        if !reader.findings.is_empty() {
            return Err(reader.findings);
        }
        let templated = (!reader.scalars.is_empty())
            .then(|| Box::new(Templated { node: node.clone(), scope, scalars: reader.scalars }));
        Ok(Self { limits: reader.limits, templated })
    }

    /// The scalars that hold templates, in the order in which [`Budget::resolve`] wants their
    /// values.
    #[must_use]
    pub fn templates(&self) -> &[Node] {
        self.templated.as_ref().map_or(&[], |templated| &templated.scalars)
    }

    /// The budget with its templates evaluated; nothing stands for `omit`, which no limit may be.
    ///
    /// # Errors
    /// What a literal of that value would have got in the check phase.
    pub fn resolve(&self, values: &[Option<Value>]) -> Result<Cow<'_, [Limit]>, Vec<Finding>> {
        let Some(templated) = &self.templated else { return Ok(Cow::Borrowed(&self.limits)) };
        let reader = Reader::read(&templated.node, templated.scope, Some(values));
        if reader.findings.is_empty() {
            Ok(Cow::Owned(reader.limits))
        } else {
            Err(reader.findings)
        }
    }
}

/// What took longer than its limit. A phase that did not happen took no time; `elapsed` stands for
/// the total where no exchange has one (a plan, a step that sends nothing).
#[must_use]
pub fn judge(
    limits: &[Limit],
    phases: &Phases,
    elapsed: Duration,
    severity: Severity,
) -> Vec<BudgetBreach> {
    limits
        .iter()
        .filter_map(|limit| {
            let actual = match (limit.phase, phases.get(limit.phase)) {
                (_, Some(actual)) => actual,
                (Phase::Total, None) => elapsed,
                _ => return None,
            };
            // Only the total has another phase that ate its time.
            let longest = phases.longest().filter(|_| limit.phase == Phase::Total);
            (actual > limit.limit).then_some(BudgetBreach {
                phase: limit.phase,
                place: limit.place,
                limit: limit.limit,
                actual,
                longest,
                severity,
            })
        })
        .collect()
}

/// The tightest limit of the total, if there is one.
#[must_use]
pub fn tightest(limits: &[Limit]) -> Option<Duration> {
    let total = limits.iter().filter(|limit| limit.phase == Phase::Total);
    total.map(|limit| limit.limit).min()
}

struct Reader<'a> {
    scope: Scope,
    values: Option<&'a [Option<Value>]>,
    next: usize,
    scalars: Vec<Node>,
    limits: Vec<Limit>,
    findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn read(node: &Node, scope: Scope, values: Option<&'a [Option<Value>]>) -> Self {
        let mut reader = Self {
            scope,
            values,
            next: 0,
            scalars: Vec::new(),
            limits: Vec::new(),
            findings: Vec::new(),
        };
        match &node.kind {
            Kind::Map(entries) if entries.is_empty() => reader.say(
                Finding::error(Code::MissingKey, "a budget without a limit").at(node.place, ""),
                "write `budget: 800ms`, or `{wait: 300ms, total: 500ms}`",
            ),
            Kind::Map(entries) => {
                for entry in entries {
                    reader.entry(entry);
                }
            }
            Kind::Empty
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number { .. }
            | Kind::String(_)
            | Kind::List(_) => reader.limit(Phase::Total, node),
        }
        reader
    }

    fn entry(&mut self, entry: &Entry) {
        let (name, place) = (entry.key.value.as_str(), entry.key.place);
        if statistic(name) {
            return self.statistic(name, place);
        }
        if let Some(help) = alias(name) {
            let code = if name == "ttfb" { Code::Ttfb } else { Code::UnknownKey };
            let message = if name == "ttfb" {
                "`ttfb` is called `wait` here".to_owned()
            } else {
                format!("unknown phase `{name}`")
            };
            return self.say(Finding::error(code, message).at(place, ""), help);
        }
        let Some(phase) = Phase::ALL.into_iter().find(|phase| phase.as_str() == name) else {
            let words = Phase::ALL.map(Phase::as_str);
            let help = match nearest(name, words) {
                Some(similar) => format!("did you mean `{similar}`?"),
                None => format!("the phases are {}", words.join(", ")),
            };
            let finding = Finding::error(Code::UnknownKey, format!("unknown phase `{name}`"));
            return self.say(finding.at(place, ""), &help);
        };
        match self.scope {
            Scope::Plan | Scope::Repeated if phase != Phase::Total => {
                let message = format!("a plan has no phase `{name}`");
                return self.say(
                    Finding::error(Code::BadValue, message).at(place, ""),
                    "a plan's budget is its wall clock: `budget: 30s`",
                );
            }
            Scope::Step { connection: Connection::Reused, .. }
                if matches!(phase, Phase::Dns | Phase::Connect | Phase::Tls) =>
            {
                let message = format!("a connection that is reused has no phase `{name}`");
                return self.say(
                    Finding::error(Code::BudgetNeedsFresh, message).at(place, ""),
                    "add `connection: fresh` to the step",
                );
            }
            Scope::Plan | Scope::Repeated | Scope::Step { .. } => {}
        }
        match &entry.value.kind {
            Kind::Map(inner) => {
                for Entry { key, .. } in inner {
                    if statistic(&key.value) {
                        self.statistic(&key.value, key.place);
                    } else {
                        let message = format!("unknown statistic `{}`", key.value);
                        self.say(
                            Finding::error(Code::UnknownKey, message).at(key.place, ""),
                            &format!("the statistics are {}", STATISTICS.join(", ")),
                        );
                    }
                }
                if inner.is_empty() {
                    let finding = Finding::error(Code::MissingKey, "a phase without a limit");
                    self.say(
                        finding.at(entry.value.place, ""),
                        "write for example `{wait: 300ms}`",
                    );
                }
            }
            Kind::Empty
            | Kind::Null
            | Kind::Bool(_)
            | Kind::Number { .. }
            | Kind::String(_)
            | Kind::List(_) => self.limit(phase, &entry.value),
        }
    }

    fn statistic(&mut self, name: &str, place: Place) {
        let many =
            matches!(self.scope, Scope::Repeated | Scope::Step { samples: Samples::Many, .. });
        if many {
            let message = format!("`{name}` is not run by this version yet");
            self.say(
                Finding::error(Code::NotYet, message).at(place, ""),
                "a phase with a duration limits every sample: `budget: 300ms`",
            );
        } else {
            let message = format!("`{name}` needs many samples, and there is one");
            self.say(
                Finding::error(Code::BudgetNeedsSamples, message).at(place, ""),
                "write `budget: 300ms`, or repeat the step",
            );
        }
    }

    fn limit(&mut self, phase: Phase, node: &Node) {
        let help = "write a number with a unit: `800ms`, `2s`, `1m30s`";
        let bad = |message: String| Finding::error(Code::BadDuration, message).at(node.place, "");
        let written = match &node.kind {
            Kind::Empty => {
                let finding = Finding::error(Code::EmptyValue, "nothing says how long");
                return self.say(finding.at(node.place, ""), help);
            }
            Kind::String(text) if is_omit(text) => {
                return self.findings.push(nothing_to_remove(Code::OmitInText, node.place));
            }
            Kind::String(text) if text.contains("${{") => match self.slot(node) {
                Slot::Pending => return,
                Slot::Omitted => {
                    return self.findings.push(nothing_to_remove(Code::TemplateFailed, node.place));
                }
                Slot::Known(Value::String(text)) => text,
                Slot::Known(other) => {
                    let shown = crate::json::kind(&other);
                    return self.say(bad(format!("not a duration: it is of type {shown}")), help);
                }
            },
            Kind::String(text) => text.clone(),
            Kind::Number { written, .. } => written.clone(),
            Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => {
                return self
                    .say(bad(format!("not a duration: this is {}", node.kind_name())), help);
            }
        };
        match units::parse_duration(&written) {
            Ok(Duration::ZERO) => {
                let message = "nothing is done in no time";
                let finding = Finding::error(Code::ImpossibleAssertion, message);
                self.say(finding.at(node.place, ""), help);
            }
            Ok(limit) => self.limits.push(Limit { phase, limit, place: node.place }),
            Err(fault) => {
                let message = format!("not a duration: {fault}");
                let help = match fault {
                    units::UnitFault::MissingUnit { number } => {
                        format!("write `{number}ms` or `{number}s`")
                    }
                    units::UnitFault::Empty
                    | units::UnitFault::UnknownUnit { .. }
                    | units::UnitFault::NotANumber { .. }
                    | units::UnitFault::TooLarge => help.to_owned(),
                };
                self.say(bad(message), &help);
            }
        }
    }

    fn slot(&mut self, node: &Node) -> Slot {
        let Some(values) = self.values else {
            self.scalars.push(node.clone());
            return Slot::Pending;
        };
        let value = values.get(self.next).cloned().flatten();
        self.next += 1;
        value.map_or(Slot::Omitted, Slot::Known)
    }

    fn say(&mut self, finding: Finding, help: &str) {
        self.findings.push(finding.help(help.to_owned()));
    }
}

/// What a template stands for, as far as it is known.
enum Slot {
    Known(Value),
    Pending,
    Omitted,
}

fn statistic(name: &str) -> bool {
    let percentile = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    STATISTICS.contains(&name)
        || name.strip_prefix('p').is_some_and(percentile)
        || name.strip_prefix("observed_p").is_some_and(percentile)
}

/// What other tools call a phase.
fn alias(name: &str) -> Option<&'static str> {
    match name {
        "ttfb" => Some("write `wait`: from the request sent to the first byte"),
        "first_byte" | "server" | "processing" => {
            Some("did you mean `wait`? it is from the request sent to the first byte")
        }
        "download" | "body" | "read" => Some("did you mean `receive`?"),
        "upload" | "write" => Some("did you mean `send`?"),
        "tcp" => Some("did you mean `connect`?"),
        "ssl" | "handshake" => Some("did you mean `tls`?"),
        "all" | "time" | "duration" => Some("did you mean `total`?"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::read;
    use crate::yaml::testing::{render, source};

    const ONE: Scope = Scope::Step { connection: Connection::Reused, samples: Samples::One };

    fn parse(text: &str, scope: Scope) -> Result<Budget, String> {
        let source = source(text);
        let node = read(&source).0.unwrap();
        Budget::parse(node.get("budget").unwrap(), scope)
            .map_err(|findings| render(&source, &findings))
    }

    fn limits(text: &str, scope: Scope) -> Vec<(Phase, u64)> {
        let budget = parse(text, scope).unwrap();
        let ms = |limit: &Limit| u64::try_from(limit.limit.as_millis()).unwrap();
        budget.limits.iter().map(|limit| (limit.phase, ms(limit))).collect()
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_duration_limits_the_total_and_a_mapping_its_phases() {
        assert_eq!(limits("budget: 800ms\n", ONE), [(Phase::Total, 800)]);
        assert_eq!(
            limits("budget: {wait: 300ms, total: 1s}\n", ONE),
            [(Phase::Wait, 300), (Phase::Total, 1000)]
        );
        let fresh = Scope::Step { connection: Connection::Fresh, samples: Samples::One };
        assert_eq!(limits("budget: {connect: 50ms}\n", fresh), [(Phase::Connect, 50)]);
        assert_eq!(limits("budget: 30s\n", Scope::Plan), [(Phase::Total, 30_000)]);
    }

    #[test]
    fn what_is_no_budget_says_what_to_type() {
        let many = Scope::Step { connection: Connection::Reused, samples: Samples::Many };
        let table = [
            ("budget: {ttfb: 1s}", ONE, "plan::ttfb `ttfb` is called `wait`", "write `wait`"),
            ("budget: {wiat: 1s}", ONE, "plan::unknown-key unknown phase", "did you mean `wait`?"),
            ("budget: {download: 1s}", ONE, "plan::unknown-key", "did you mean `receive`?"),
            ("budget: {p95: 1s}", ONE, "plan::budget-needs-samples", "repeat the step"),
            ("budget: {wait: {p99: 1s}}", ONE, "plan::budget-needs-samples", "budget: 300ms"),
            ("budget: {observed_p95: 1s}", many, "plan::not-yet", "budget: 300ms"),
            ("budget: {max: 1s}", many, "plan::not-yet", "budget: 300ms"),
            ("budget: {wait: {slow: 1s}}", many, "plan::unknown-key", "p50, p95"),
            ("budget: {dns: 1s}", ONE, "plan::budget-needs-fresh", "connection: fresh"),
            ("budget: 800", ONE, "plan::bad-duration", "write `800ms` or `800s`"),
            ("budget: fast", ONE, "plan::bad-duration", "a number with a unit"),
            ("budget: [1s]", ONE, "plan::bad-duration", "a number with a unit"),
            ("budget: 0ms", ONE, "plan::impossible-assertion", "a number with a unit"),
            ("budget:", ONE, "plan::empty-value", "a number with a unit"),
            ("budget: {}", ONE, "plan::missing-key", "total: 500ms"),
            ("budget: {p95: 1s}", Scope::Plan, "plan::budget-needs-samples", "repeat the step"),
            ("budget: {p95: 1s}", Scope::Repeated, "plan::not-yet", "budget: 300ms"),
            ("budget: {wait: 1s}", Scope::Repeated, "plan::bad-value", "wall clock"),
            ("budget: {wait: 1s}", Scope::Plan, "plan::bad-value", "wall clock"),
        ];
        for (text, scope, message, help) in table {
            let said = parse(text, scope).unwrap_err();
            assert!(said.contains(message) && said.contains(help), "{text}: {said}");
        }
    }

    #[test]
    fn a_breach_names_the_phase_that_ate_the_time() {
        let budget = parse("budget: {wait: 300ms, receive: 1s, total: 500ms}", ONE).unwrap();
        let phases = Phases {
            send: Some(ms(1)),
            wait: Some(ms(590)),
            receive: Some(ms(9)),
            total: Some(ms(600)),
            ..Phases::default()
        };
        let breaches = judge(&budget.limits, &phases, ms(0), Severity::Error);
        let [wait, total] = breaches.as_slice() else { panic!("{breaches:?}") };
        assert_eq!((wait.phase, wait.limit, wait.actual), (Phase::Wait, ms(300), ms(590)));
        assert_eq!(wait.longest, None);
        assert_eq!(total.longest, Some((Phase::Wait, ms(590))));
        assert_eq!(judge(&budget.limits, &Phases::default(), ms(499), Severity::Error), []);
        assert_eq!(judge(&budget.limits, &Phases::default(), ms(501), Severity::Error).len(), 1);
    }

    #[test]
    fn every_phase_can_be_in_time_and_too_long() {
        for name in ["dns", "connect", "tls", "send", "wait", "receive", "total"] {
            let fresh = Scope::Step { connection: Connection::Fresh, samples: Samples::One };
            let budget = parse(&format!("budget: {{{name}: 1s}}"), fresh).unwrap();
            let breached = |took: u64| {
                let took = Some(ms(took));
                let phases = Phases {
                    dns: took,
                    connect: took,
                    tls: took,
                    send: took,
                    wait: took,
                    receive: took,
                    total: took,
                };
                judge(&budget.limits, &phases, ms(0), Severity::Error).len()
            };
            assert_eq!((breached(1000), breached(1001)), (0, 1), "{name}");
        }
    }

    #[test]
    fn exactly_the_limit_is_in_time() {
        let budget = parse("budget: 500ms", ONE).unwrap();
        let phases = Phases { total: Some(ms(500)), ..Phases::default() };
        assert_eq!(judge(&budget.limits, &phases, ms(0), Severity::Warning), []);
    }

    #[test]
    fn a_template_is_judged_like_a_literal_once_it_is_known() {
        let budget = parse("budget: {wait: '${{ env.limit }}', total: 1s}", ONE).unwrap();
        assert_eq!(budget.templates().len(), 1);
        let resolved = budget.resolve(&[Some(Value::from("2s"))]).unwrap();
        assert_eq!(resolved.len(), 2);
        assert_eq!(resolved.first().map(|limit| limit.limit), Some(ms(2000)));
        let refused = budget.resolve(&[Some(Value::from(30))]).unwrap_err();
        assert_eq!(refused.first().map(|f| f.code), Some(Code::BadDuration));
        let omitted = budget.resolve(&[None]).unwrap_err();
        assert_eq!(omitted.first().map(|f| f.code), Some(Code::TemplateFailed));
        let said = parse("budget: {wait: '${{ omit }}', total: 1s}", ONE).unwrap_err();
        assert!(said.contains("plan::omit-in-text `omit` has nothing to remove here"), "{said}");
    }
}
