//! A whole run: failures that have one cause, what decides in a matrix, hosts that answer alike.
//!
//! Plans are pushed as they end. Of each fingerprint one failure is kept, so that memory does not
//! grow with the number of plans; at the end the rules look at it once more, with what all plans saw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::absorb::{self, Seen};
use super::cause::{Cause, Confidence};
use super::causes;
use super::matrix::{Flip, Matrices};
use super::response::reason;
use super::witness::{Witness, label, origin, witnesses};
use crate::event::{JobId, StepRef};
use crate::outcome::{Exchange, Reason, StepResult, Verdict};
use crate::record::{PlanRecord, Record, StepRecord};
use crate::source::Place;

/// What can be said of a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// How many steps failed or could not be carried out.
    pub failures: usize,
    /// How many did not run because another one did not pass: they have no cause of their own.
    pub blocked: usize,
    /// The failures by what they have in common, the largest group first.
    pub clusters: Vec<Cluster>,
    /// The one name of a matrix that decides, for each step where one does.
    pub flips: Vec<Flip>,
    /// Hosts that answer as one, where something failed on them.
    pub backends: Vec<SharedBackend>,
}

impl Diagnosis {
    /// The group that explains most, if it has a cause and more than one failure.
    #[must_use]
    pub fn leading(&self) -> Option<&Cluster> {
        self.clusters.first().filter(|cluster| cluster.size > 1 && cluster.cause.is_some())
    }

    /// The group of a fingerprint.
    #[must_use]
    pub fn cluster(&self, fingerprint: &str) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.fingerprints.iter().any(|f| f == fingerprint))
    }
}

/// Failures that have one cause, or look alike where none is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The fingerprints that its members have, each by itself.
    pub fingerprints: Vec<String>,
    /// How many failures.
    pub size: usize,
    /// In how many plans.
    pub plans: usize,
    /// How many steps did not run because of them.
    pub blocked: usize,
    /// The first of them.
    pub first: Member,
    /// What is said of it, in a line.
    pub said: String,
    /// Their cause, where one is certain, likely or possible. Nothing is a good answer.
    pub cause: Option<Cause>,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its job.
    pub job: JobId,
    /// The plan's name.
    pub plan: String,
    /// What a person calls the step.
    pub step: String,
    /// Where the step is written.
    pub place: Place,
}

/// Two origins that answer as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedBackend {
    /// The two.
    pub origins: [String; 2],
    /// What is the same, a line each.
    pub facts: Vec<String>,
}

/// The diagnosis of a record. Of a run that is too large for one, push its plans into [`Clusters`].
#[must_use]
pub fn whole_run(record: &Record) -> Diagnosis {
    let mut clusters = Clusters::default();
    for plan in &record.plans {
        clusters.push(plan);
    }
    clusters.finish()
}

/// What failures of one cause have in common: their rule and what it is about; without a cause the
/// class of what happened. Never a value.
#[must_use]
pub fn fingerprint(result: &StepResult, causes: &[Cause]) -> String {
    let sure = causes.iter().find(|cause| cause.confidence <= Confidence::Likely);
    if let Some(cause) = sure.or(causes.first()) {
        let seen = absorb::unjudged(Some(cause), result);
        let seen = seen.map(|seen| format!(", {seen}")).unwrap_or_default();
        return format!("{} {}{seen}", cause.rule, cause.about);
    }
    let exchange = result.attempts.last().and_then(|attempt| attempt.exchange.as_deref());
    let code = result.code.map(|code| code.to_string()).unwrap_or_default();
    let host = exchange.map(|exchange| origin(&exchange.request.url)).unwrap_or_default();
    let status = exchange.and_then(|it| it.response.as_ref()).map_or(0, |response| response.status);
    let failed: String = result
        .attempts
        .last()
        .and_then(|attempt| attempt.assertions.iter().find(|assertion| !assertion.passed))
        .filter(|_| (1..400).contains(&status))
        .map(|assertion| format!("{} {}", assertion.subject, assertion.expected.operator))
        .unwrap_or_default();
    format!("{code} {status} {host} {failed}").trim_end().to_owned()
}

/// So many fingerprints are told apart; what comes after them is counted together.
const FINGERPRINTS: usize = 200;
/// So many origins, reasons of one of them, and secrets are remembered.
const REMEMBERED: usize = 64;

/// Gathers plans as they end.
#[derive(Debug, Default)]
pub struct Clusters {
    failures: usize,
    blocked: usize,
    /// In how many plans something failed.
    failed_plans: usize,
    groups: Vec<Group>,
    by_fingerprint: BTreeMap<String, usize>,
    matrices: Matrices,
    voices: BTreeMap<String, Voice>,
    /// What other plans saw of each secret: accepted, refused with a reason.
    seen: BTreeMap<(String, Sight), Witness>,
}

/// Failures with one fingerprint, of which the first is kept.
#[derive(Debug)]
struct Group {
    fingerprint: String,
    size: usize,
    plans: usize,
    last_job: Option<JobId>,
    blocked: usize,
    first: Member,
    step: StepRef,
    result: Arc<StepResult>,
    cause: Option<Cause>,
}

/// What is remembered of one use of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// A service says that it is valid.
    Valid,
    /// A request with it passed.
    Accepted,
    /// It was refused, with a reason.
    Refused,
}

/// How an origin answers.
#[derive(Debug, Default)]
struct Voice {
    servers: BTreeSet<String>,
    shapes: BTreeSet<String>,
    challenges: BTreeSet<String>,
    reasons: BTreeSet<String>,
    refuses: bool,
}

impl Clusters {
    /// Takes a plan that ended.
    pub fn push(&mut self, plan: &PlanRecord) {
        let witnesses: Vec<Witness> = if plan.steps.iter().any(is_bad) {
            witnesses(plan)
        } else {
            // Of a plan that is well little is new: what is known already is not gathered again.
            let tells = plan.steps.iter().filter(|record| self.may_learn_from(record));
            tells.filter_map(|it| Witness::of(&it.step, it.result.as_ref()?)).collect()
        };
        for witness in &witnesses {
            self.remember(witness);
        }
        let mut blame: BTreeMap<String, usize> = BTreeMap::new();
        let before = self.failures;
        for record in &plan.steps {
            let (step, Some(result)) = (&record.step, &record.result) else { continue };
            let own = step.is_counted() || (result.has_own_fault() && !step.tentative);
            if !own || plan.is_overruled(step) {
                continue;
            }
            self.matrices.push(plan, step, result);
            match result.verdict {
                Verdict::Failed | Verdict::Errored => {
                    self.failures += 1;
                    let found = causes(step, result, &witnesses);
                    let index = self.failed(plan, step, result, &found);
                    blame.insert(step.id.clone().unwrap_or_else(|| step.name.clone()), index);
                }
                Verdict::Blocked => {
                    self.blocked += 1;
                    if let Some(Reason::BlockedBy(by)) = &result.reason
                        && let Some(group) = blame.get(by).and_then(|at| self.groups.get_mut(*at))
                    {
                        group.blocked += 1;
                    }
                }
                Verdict::Passed | Verdict::Skipped | Verdict::Cancelled => {}
            }
        }
        self.failed_plans += usize::from(self.failures > before);
    }

    /// Counts a failure; the position of its group.
    fn failed(
        &mut self,
        plan: &PlanRecord,
        step: &StepRef,
        result: &Arc<StepResult>,
        found: &[Cause],
    ) -> usize {
        let mut mark = fingerprint(result, found);
        if self.groups.len() >= FINGERPRINTS && !self.by_fingerprint.contains_key(&mark) {
            "others".clone_into(&mut mark);
        }
        let index = *self.by_fingerprint.entry(mark.clone()).or_insert_with(|| {
            self.groups.push(Group {
                fingerprint: mark,
                size: 0,
                plans: 0,
                last_job: None,
                blocked: 0,
                first: member(plan, step),
                step: step.clone(),
                result: Arc::clone(result),
                cause: best(found),
            });
            self.groups.len() - 1
        });
        if let Some(group) = self.groups.get_mut(index) {
            // The one that is kept is of the first job, whichever ended first.
            if plan.started.job < group.first.job {
                group.first = member(plan, step);
                group.step = step.clone();
                group.result = Arc::clone(result);
                group.cause = best(found);
            }
            group.size += 1;
            group.plans += usize::from(group.last_job != Some(plan.started.job));
            group.last_job = Some(plan.started.job);
        }
        index
    }

    /// Whether a step tells something new of a secret or of how a host refuses.
    fn may_learn_from(&self, record: &StepRecord) -> bool {
        let attempt = record.result.as_deref().and_then(|result| result.attempts.last());
        let Some(exchange) = attempt.and_then(|attempt| attempt.exchange.as_deref()) else {
            return false;
        };
        let refused = exchange.response.as_ref().is_some_and(|response| response.status >= 400);
        let room = self.voices.len() < REMEMBERED;
        let unknown = |(secret, _): &(String, String)| {
            self.seen.len() < REMEMBERED && !self.seen.contains_key(&(secret.clone(), Sight::Valid))
        };
        (refused && room) || exchange.secrets_sent.iter().any(unknown)
    }

    fn remember(&mut self, witness: &Witness) {
        let known = self.voices.contains_key(&witness.origin);
        if known || self.voices.len() < REMEMBERED {
            self.voices.entry(witness.origin.clone()).or_default().add(witness);
        }
        let sight = if witness.says_valid && witness.passed {
            Sight::Valid
        } else if witness.passed && witness.status < 300 {
            Sight::Accepted
        } else if matches!(witness.status, 401 | 403) && !witness.passed {
            Sight::Refused
        } else {
            return;
        };
        for (secret, _) in &witness.secrets {
            let key = (secret.clone(), sight);
            if self.seen.len() < REMEMBERED && !self.seen.contains_key(&key) {
                self.seen.insert(key, witness.clone());
            }
        }
    }

    /// How many failures are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.groups.len()
    }

    /// What can be said of all plans that were pushed.
    #[must_use]
    pub fn finish(self) -> Diagnosis {
        let Self {
            failures,
            blocked,
            failed_plans,
            groups,
            by_fingerprint: _,
            matrices,
            voices,
            seen,
        } = self;
        // Another plan may have seen what this one could not.
        let elsewhere: Vec<Witness> = seen.into_values().collect();
        let judged = groups.into_iter().map(|group| {
            let found = causes(&group.step, &group.result, &elsewhere);
            let wider = best(&found).filter(|wider| is_surer(wider, group.cause.as_ref()));
            let cause = wider.or_else(|| group.cause.clone());
            let mark = match &cause {
                Some(cause) => format!("{} {}", cause.rule, cause.about),
                None => group.fingerprint.clone(),
            };
            (mark, cause, group)
        });
        let judged: Vec<(String, Option<Cause>, Group)> = judged.collect();
        let seen: Vec<Seen> = judged
            .iter()
            .filter_map(|(mark, cause, group)| Seen::of(mark, cause.as_ref(), &group.result))
            .collect();
        // What a tap is certain of comes first: it explains some of the others.
        let (first, others): (Vec<_>, Vec<_>) =
            judged.into_iter().partition(|(mark, ..)| seen.iter().any(|seen| seen.mark == *mark));
        let mut clusters: Vec<(String, Cluster, usize)> = Vec::new();
        for (mark, cause, group) in first.into_iter().chain(others) {
            let by = seen.iter().find(|seen| seen.explains(cause.as_ref(), &group.result));
            let more = if by.is_some() { group.size } else { 0 };
            let mark = by.map_or(mark, |seen| seen.mark.clone());
            if let Some((_, cluster, absorbed)) = clusters.iter_mut().find(|it| it.0 == mark) {
                cluster.take(group, failed_plans);
                *absorbed += more;
            } else {
                clusters.push((mark, group.into_cluster(cause), 0));
            }
        }
        let clusters = clusters.into_iter().map(|(_, mut cluster, absorbed)| {
            if let Some(cause) = cluster.cause.as_mut().filter(|_| absorbed > 0) {
                cause.facts.push(absorb::more(absorbed));
            }
            cluster
        });
        let mut clusters: Vec<Cluster> = clusters.collect();
        // Whichever plan ended first changes nothing.
        clusters.sort_by_key(|cluster| {
            (std::cmp::Reverse(cluster.size), cluster.first.job, cluster.first.place.span.start)
        });
        let backends = if failures > 0 { alike(&voices) } else { Vec::new() };
        Diagnosis { failures, blocked, clusters, flips: matrices.flips(), backends }
    }
}

impl Cluster {
    /// Takes in failures of the same cause. `failed` is in how many plans something failed.
    fn take(&mut self, group: Group, failed: usize) {
        self.fingerprints.push(group.fingerprint);
        self.size += group.size;
        self.plans = (self.plans + group.plans).min(failed);
        self.blocked += group.blocked;
        let at = |member: &Member| (member.job, member.place.span.start);
        if at(&group.first) < at(&self.first) {
            self.first = group.first;
        }
    }
}

impl Group {
    fn into_cluster(self, cause: Option<Cause>) -> Cluster {
        let said = said(&self.result);
        let Self { fingerprint, size, plans, blocked, first, .. } = self;
        Cluster { fingerprints: vec![fingerprint], size, plans, blocked, first, said, cause }
    }
}

fn is_bad(record: &StepRecord) -> bool {
    matches!(record.verdict(), Some(Verdict::Failed | Verdict::Errored))
}

fn member(plan: &PlanRecord, step: &StepRef) -> Member {
    Member {
        job: plan.started.job,
        plan: plan.started.title().into_owned(),
        step: label(step),
        place: step.place,
    }
}

/// The cause that speaks for a failure: the surest of planrun's own, else a hint.
fn best(causes: &[Cause]) -> Option<Cause> {
    causes.iter().min_by_key(|cause| cause.confidence).cloned()
}

/// Whether what all plans saw says more than what one plan did.
fn is_surer(wider: &Cause, own: Option<&Cause>) -> bool {
    let Some(own) = own else { return true };
    if wider.rule == own.rule {
        return false;
    }
    // What is said of the key alone is the weakest that can be said of a refusal.
    let weak = ["key/refused", "key/not-seen", "permission/not-allowed"];
    weak.contains(&own.rule) && !weak.contains(&wider.rule) || wider.confidence < own.confidence
}

/// A failure in a line.
fn said(result: &StepResult) -> String {
    if let Some(message) = &result.message {
        return message.clone();
    }
    let attempt = result.attempts.last();
    let exchange: Option<&Exchange> = attempt.and_then(|attempt| attempt.exchange.as_deref());
    if let Some(error) = exchange.and_then(|exchange| exchange.error.as_ref()) {
        return error.message.clone();
    }
    let response = exchange.and_then(|exchange| exchange.response.as_ref());
    if let Some(response) = response.filter(|response| response.status >= 400) {
        let why = response.json().as_ref().and_then(reason);
        let why = why.map(|(_, text)| format!(": {text}")).unwrap_or_default();
        return format!("{}{why}", response.status);
    }
    let failed = attempt.and_then(|attempt| attempt.assertions.iter().find(|one| !one.passed));
    match (failed, attempt.and_then(|attempt| attempt.findings.first())) {
        (Some(assertion), _) => format!("{} is not as expected", assertion.subject),
        (None, Some(finding)) => finding.message.clone(),
        (None, None) => result.code.map(|code| code.to_string()).unwrap_or_default(),
    }
}

impl Voice {
    fn add(&mut self, witness: &Witness) {
        let add = |set: &mut BTreeSet<String>, text: &Option<String>| {
            if let Some(text) = text
                && set.len() < REMEMBERED
            {
                set.insert(text.clone());
            }
        };
        add(&mut self.servers, &witness.server);
        if witness.status >= 400 {
            add(&mut self.shapes, &witness.shape);
            add(&mut self.challenges, &witness.challenge);
            add(&mut self.reasons, &witness.reason);
            self.refuses |= !witness.passed && matches!(witness.status, 401 | 403 | 404 | 405);
        }
    }
}

/// Pairs of origins that answer with one `Server`, one form of errors and the same words.
fn alike(voices: &BTreeMap<String, Voice>) -> Vec<SharedBackend> {
    let mut found = Vec::new();
    for (n, (one, own)) in voices.iter().enumerate() {
        for (other, theirs) in voices.iter().skip(n + 1) {
            let common =
                |a: &BTreeSet<String>, b: &BTreeSet<String>| a.intersection(b).next().cloned();
            let server = common(&own.servers, &theirs.servers);
            let same_servers = own.servers == theirs.servers;
            let shape = common(&own.shapes, &theirs.shapes);
            let words = common(&own.reasons, &theirs.reasons);
            let challenge = common(&own.challenges, &theirs.challenges);
            let (Some(server), Some(shape)) = (server, shape) else { continue };
            // A host of which one part alone leads elsewhere is known by its words.
            let speaks_alike = words.is_some() || (challenge.is_some() && same_servers);
            if !speaks_alike || !(own.refuses || theirs.refuses) {
                continue;
            }
            let mut facts =
                vec![format!("`Server: {server}`"), format!("fields of an error: `{shape}`")];
            facts.extend(challenge.map(|challenge| format!("WWW-Authenticate: `{challenge}`")));
            facts.extend(words.map(|words| format!("the same words: {words}")));
            found.push(SharedBackend { origins: [one.clone(), other.clone()], facts });
        }
    }
    found
}
