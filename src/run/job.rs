//! One job: a plan in one case, from its variables to its cleanup.

use super::context::{Context, PlanValues};
use super::execution::Execution;
use crate::event::{Event, PlanStarted};
use crate::http::Jar;
use crate::schedule::Job;

/// Runs one job and tells what happens; the job's own end is the last event.
pub(super) async fn run(context: &Context, job: &Job, values: &PlanValues) {
    let plan = &job.plan;
    let jar = Jar::new();
    let mut execution = Execution::new(context, job, values, &jar);
    let begun = execution.begin();
    let started = context.elapsed();
    if let Some(source) = &values.source {
        context.emit(Event::source(source)).await;
    }
    context
        .emit(Event::PlanStarted(PlanStarted {
            job: job.id,
            name: plan.name().value.clone(),
            path: values.path.clone(),
            place: plan.name().place,
            case: execution.case.as_ref().map(|case| case.name.clone()),
            case_of: execution.case.as_ref().map(|case| case.of.clone()).unwrap_or_default(),
            tags: plan.tags().to_vec(),
            covers: plan.covers().to_vec(),
            steps: job.steps(),
            left_out: job.left_out(),
            at: started,
        }))
        .await;
    match begun.and_then(|()| execution.variables()) {
        Ok(()) => execution.all_sections(started).await,
        Err(finding) => execution.findings.push(*finding),
    }
    let ended = execution.steps_ended.unwrap_or_else(|| context.elapsed());
    context
        .emit(Event::PlanFinished {
            job: job.id,
            verdict: execution.verdict(),
            duration: ended.saturating_sub(started),
            findings: std::mem::take(&mut execution.findings),
            breach: execution.breach.take(),
        })
        .await;
}
