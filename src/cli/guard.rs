//! What a run does only where the command line allows it: writing in a protected environment,
//! starting the commands that an environment names.

use super::prepare::Prepared;
use crate::check::{CheckedStep, Request, Work};
use crate::environment::ServiceWork;
use crate::finding::{Code, Finding};
use crate::schedule::Job;
use crate::source::Place;

/// The selected requests that may write in an environment that is protected, each once.
pub(super) fn writes(prepared: &Prepared, jobs: &[Job]) -> Vec<Finding> {
    each_write(prepared, jobs, |method, place, environment| {
        let (name, protected) = environment?;
        let words = format!("`{method}` may write, and the environment `{name}` is protected");
        Some(
            Finding::error(Code::ProtectedEnvironment, words)
                .at(place, "may write")
                .at(protected?, "protected here")
                .help("choose another environment with `-e`")
                .help("where writing is meant: `--allow-writes`"),
        )
    })
}

/// The selected requests that may write where environments are compared, each once: they are sent
/// several times. On a protected environment nothing allows that.
pub(super) fn compared(prepared: &Prepared, jobs: &[Job], allowed: bool) -> Vec<Finding> {
    each_write(prepared, jobs, |method, place, environment| {
        if let Some((name, Some(protected))) = environment {
            let words = format!(
                "`{method}` may write, and a comparison never writes on the protected environment \
                 `{name}`"
            );
            return Some(
                Finding::error(Code::ProtectedEnvironment, words)
                    .at(place, "may write")
                    .at(protected, "protected here")
                    .help("compare only steps that read: `-E`, `-t` and `--step` select"),
            );
        }
        let words = format!("`{method}` may write, and a comparison sends it three times");
        let finding = || {
            Finding::error(Code::ComparedWrite, words)
                .at(place, "may write")
                .help("compare only steps that read: `-E`, `-t` and `--step` select")
                .help("where writing is meant: `--allow-writes`")
        };
        (!allowed).then(finding)
    })
}

/// What is said of each selected request that may write, each once; it is given the environment's name
/// and where that is protected.
fn each_write(
    prepared: &Prepared,
    jobs: &[Job],
    say: impl Fn(&str, Place, Option<(&str, Option<Place>)>) -> Option<Finding>,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for job in jobs {
        let loaded = prepared.suite.environment_of(job.position);
        let environment =
            loaded.map(|loaded| (loaded.environment.name(), loaded.environment.protected()));
        let mut requests = Vec::new();
        for (step, _) in job.plan.steps().iter().zip(&job.selected).filter(|(_, it)| **it) {
            sent(step, &mut requests);
        }
        for request in requests {
            if matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
                continue;
            }
            let said = say(request.method.as_str(), request.method_place, environment);
            findings.extend(said.filter(|finding| !findings.contains(finding)));
        }
    }
    findings
}

/// The requests that a step may send, those of a plan that it includes too.
fn sent<'p>(step: &'p CheckedStep, requests: &mut Vec<&'p Request>) {
    match &step.work {
        _ if step.skip.is_some() => {}
        Work::Request(request) => requests.push(request),
        Work::Include(include) => {
            for step in include.plan.steps() {
                sent(step, requests);
            }
        }
        Work::Assert(_) | Work::Sleep(_) | Work::Group(_) => {}
    }
}

/// The commands that the environments of these jobs would start as services, each once.
pub(super) fn services(prepared: &Prepared, jobs: &[Job]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for job in jobs {
        let loaded = prepared.suite.environment_of(job.position);
        let Some(loaded) = loaded else { continue };
        for service in loaded.environment.services() {
            let ServiceWork::Command { place, .. } = &service.work else { continue };
            let finding = Finding::error(
                Code::ExecNotAllowed,
                format!("the service `{}` is a command, which was not allowed", service.name.value),
            )
            .at(*place, format!("needed by the environment `{}`", loaded.environment.name()))
            .help("if it is meant to run: `--allow-exec`");
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}
