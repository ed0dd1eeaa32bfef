//! What a run does only where the command line allows it: writing in a protected environment.

use super::prepare::Prepared;
use crate::check::Work;
use crate::finding::{Code, Finding};
use crate::schedule::Job;

/// The selected requests that may write in an environment that is protected, each once.
pub(super) fn writes(prepared: &Prepared, jobs: &[Job]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for job in jobs {
        let loaded = prepared
            .suite
            .plans
            .get(job.position)
            .and_then(|plan| prepared.suite.environments.get(plan.environment?));
        let Some(loaded) = loaded else { continue };
        let Some(protected) = loaded.environment.protected() else { continue };
        for (step, selected) in job.plan.steps().iter().zip(&job.selected) {
            let Work::Request(request) = &step.work else { continue };
            let reads = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
            if reads || !selected || step.skip.is_some() {
                continue;
            }
            let finding = Finding::error(
                Code::ProtectedEnvironment,
                format!(
                    "`{}` may write, and the environment `{}` is protected",
                    request.method,
                    loaded.environment.name()
                ),
            )
            .at(request.method_place, "may write")
            .at(protected, "protected here")
            .help("choose another environment with `-e`")
            .help("where writing is meant: `--allow-writes`");
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}
