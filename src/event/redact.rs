//! What of an event goes through the gate. The source keeps its width, so that places stay valid.

use std::sync::Arc;

use super::{CaseRef, Event, PlanStarted, RunStarted, StepRef};
use crate::contract::{Listed, ListedOperation};
use crate::secret::{Gate, Redact, names_secret};

impl Redact for Event {
    fn redact(&mut self, gate: &Gate) {
        match self {
            Self::RunStarted(started) => started.redact(gate),
            Self::Source { id: _, path, sha256, text } => {
                path.redact(gate);
                sha256.redact(gate);
                if let std::borrow::Cow::Owned(masked) = gate.same_width(text) {
                    *text = masked.into();
                }
            }
            Self::Contract(listed) => listed.redact(gate),
            Self::Finding { finding } => finding.redact(gate),
            Self::Environment(environment) => environment.redact(gate),
            Self::PlanStarted(started) => started.redact(gate),
            Self::StepStarted { job: _, step, at: _ } => step.redact(gate),
            Self::StepRetried { job: _, step, attempt: _, why } => {
                step.redact(gate);
                why.redact(gate);
            }
            Self::Moving { job: _, step, transfer: _ } => step.redact(gate),
            Self::Samples { job: _, step, of: _, columns } => {
                step.redact(gate);
                columns.redact(gate);
            }
            Self::Tapped(tapped) => tapped.redact(gate),
            Self::StepFinished { job: _, step, result } => {
                step.redact(gate);
                // Nobody shares it yet: the gate comes before every listener.
                Arc::make_mut(result).redact(gate);
            }
            Self::PlanFinished { job: _, verdict: _, duration: _, findings, breach } => {
                findings.redact(gate);
                breach.redact(gate);
            }
            Self::RunFinished { duration: _, interrupted } => interrupted.redact(gate),
        }
    }
}

impl Redact for Listed {
    fn redact(&mut self, gate: &Gate) {
        let Self { contract, document, operations } = self;
        contract.redact(gate);
        document.redact(gate);
        operations.redact(gate);
    }
}

impl Redact for ListedOperation {
    fn redact(&mut self, gate: &Gate) {
        let Self { operation, statuses, parameters, media, security } = self;
        operation.redact(gate);
        statuses.redact(gate);
        parameters.redact(gate);
        media.redact(gate);
        security.redact(gate);
    }
}

impl Redact for RunStarted {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            version: _,
            planrun,
            run,
            started_at,
            environment,
            seed: _,
            jobs: _,
            steps: _,
            command,
            variables,
            commit,
        } = self;
        commit.redact(gate);
        planrun.redact(gate);
        run.redact(gate);
        started_at.redact(gate);
        environment.redact(gate);
        for argument in command {
            redact_argument(argument, gate);
        }
        let masked = |text: &String| gate.text(text).into_owned();
        *variables = variables.iter().map(|(name, word)| (masked(name), masked(word))).collect();
    }
}

/// `--var NAME=value` with a name that says that it is secret; `NAME=@file` and `NAME=env:VAR` only
/// name a source.
fn redact_argument(argument: &mut String, gate: &Gate) {
    let assignment = match argument.split_once('=') {
        Some((flag, rest)) if flag.starts_with("--") && rest.contains('=') => rest,
        Some(_) | None => argument.as_str(),
    };
    if let Some((name, value)) = assignment.split_once('=')
        && names_secret(name)
        && !value.starts_with('@')
        && !value.starts_with("env:")
    {
        let mut masked = value.to_owned();
        gate.whole(&mut masked);
        argument.truncate(argument.len() - value.len());
        argument.push_str(&masked);
    }
    argument.redact(gate);
}

impl Redact for PlanStarted {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            job: _,
            name,
            path,
            case,
            case_of,
            place: _,
            tags,
            covers,
            steps: _,
            left_out: _,
            at: _,
        } = self;
        case.redact(gate);
        redact_pairs(case_of, gate);
        name.redact(gate);
        path.redact(gate);
        tags.redact(gate);
        covers.redact(gate);
    }
}

impl Redact for StepRef {
    fn redact(&mut self, gate: &Gate) {
        let Self {
            section: _,
            index: _,
            within: _,
            case,
            depth: _,
            kind: _,
            tentative: _,
            id,
            name,
            place: _,
            covers,
        } = self;
        case.redact(gate);
        id.redact(gate);
        name.redact(gate);
        covers.redact(gate);
    }
}

impl Redact for CaseRef {
    fn redact(&mut self, gate: &Gate) {
        let Self { number: _, name, of } = self;
        name.redact(gate);
        redact_pairs(of, gate);
    }
}

fn redact_pairs(pairs: &mut [(String, String)], gate: &Gate) {
    for (name, value) in pairs {
        gate.header(name, value);
        name.redact(gate);
    }
}
