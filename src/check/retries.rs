//! Retries that the command line asks for, over those of the plans.

use std::time::Duration;

use super::types::{CheckedPlan, CheckedStep, Late, Retry, Work};
use crate::plan::{Backoff, RetryWhen};

/// The pause before another attempt, where nobody says.
pub(super) const DELAY: Duration = Duration::from_secs(1);
/// The longest pause, where nobody says.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(30);

impl CheckedPlan {
    /// Sets how often requests are tried again. A step's own `retry` keeps everything but its
    /// number; the others get one as if it stood in `defaults`: what may have taken effect is not
    /// repeated, and of many samples none is taken twice. `0` takes all retries away.
    pub fn retry(&mut self, times: u32) {
        for step in &mut self.steps {
            step.retry(times);
        }
    }
}

impl CheckedStep {
    fn retry(&mut self, times: u32) {
        if let Work::Include(include) = &mut self.work {
            include.plan.retry(times);
            return;
        }
        if times == 0 {
            self.retry = None;
            return;
        }
        match (&mut self.retry, &self.work) {
            (Some(retry), _) => retry.times = Late::Known(times),
            (None, Work::Request(request))
                if self.poll.is_none()
                    && self.samples.is_none()
                    && request.method.is_idempotent() =>
            {
                self.retry = Some(Retry {
                    times: Late::Known(times),
                    delay: Late::Known(DELAY),
                    backoff: Late::Known(Backoff::Fixed),
                    max_delay: Late::Known(MAX_DELAY),
                    jitter: Late::Known(false),
                    when: vec![RetryWhen::Transport, RetryWhen::Status(429), RetryWhen::Class(5)],
                });
            }
            (
                None,
                Work::Request(_)
                | Work::Assert(_)
                | Work::Sleep(_)
                | Work::Group(_)
                | Work::Include(_),
            ) => {}
        }
    }
}
