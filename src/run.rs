//! Carries jobs out and tells what happens as events; never prints, never looks at a reporter.

mod attempt;
mod body;
mod carry;
mod cases;
mod context;
mod contract;
mod dial;
mod environment;
mod examine;
mod execution;
mod expect_all;
mod facts;
mod files;
mod flow;
mod gathered;
mod generated;
mod group;
mod hints;
mod ids;
mod include;
mod job;
mod judge;
mod keep;
mod login;
mod many;
mod names;
mod pause;
mod preview;
mod render;
mod routes;
mod samples;
mod saving;
mod step;
mod taps;
mod url;
mod watch;
mod wire;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub use context::{Arriving, Context, EnvironmentValues, Keep, Origin, PlanValues, Stop};
pub use dial::tap_dial;
pub use environment::{Given, Known, early_words, evaluate as evaluate_environment, services};
pub use examine::{Endpoint, Layer, LayerName, State};
pub use login::Tokens;

pub use preview::{Preview, Shown, Sight};

use crate::schedule::Job;

/// Runs all jobs, at most `context.jobs` at once, and returns when the last one has ended.
///
/// `values` belong to the plans by [`Job::position`]. When the run is to end early, steps in flight
/// are cancelled and each job that began still cleans up. When enough steps have failed, no other
/// step and no other job begins; what is under way goes on to its own end.
pub async fn run(context: Arc<Context>, jobs: Vec<Job>, values: Vec<Arc<PlanValues>>) {
    let places = Arc::new(Semaphore::new(context.jobs.max(1)));
    let mut running = tokio::task::JoinSet::new();
    for job in jobs {
        let Some(values) = values.get(job.position).map(Arc::clone) else { continue };
        // Waiting here keeps the order in which jobs begin, and the number of tasks bounded.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        if context.enough_failures().is_some() {
            break;
        }
        let context = Arc::clone(&context);
        running.spawn(async move {
            job::run(&context, &job, &values).await;
            drop(place);
        });
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
}
