//! What of a response body has to stay in memory: what nothing reads is only measured as it streams.

use super::attempt::StepScene;
use crate::check::{Assertion, Expect};
use crate::http::{Body, Keep};
use crate::query::SubjectKind;

/// So many bytes of a streamed body are always digested on their way out.
const DIGESTED: u64 = 16 * 1024 * 1024;

impl StepScene<'_> {
    /// What is kept of the body, and whether its MD5 is wanted.
    pub(super) fn kept(&self) -> (Keep, bool) {
        let reads = self.assertions().any(|assertion| assertion.subject.reads_body())
            || self.captures_from_the_body()
            || self.counts_values_of_the_body()
            || self.body_is_read_later
            || self.step.equal_routes.is_some()
            || self.asks_for_contract();
        let is_md5 = |assertion: &Assertion| matches!(assertion.subject.kind, SubjectKind::Md5);
        // A hint judges the beginning of a body that nothing else reads, but a digest is of the whole.
        let hinted = self.plan.hints().iter().flat_map(|hint| &hint.when);
        let md5 = self.assertions().chain(hinted).any(is_md5);
        (if reads { Keep::Whole } else { Keep::Head }, md5)
    }

    /// Whether the digest of what is sent is wanted: something reads it, or it costs next to nothing.
    /// For a gigabyte it would take longer than the sending itself.
    pub(super) fn wants_digest(&self, body: &Body) -> bool {
        let is_large = matches!(body, Body::Stream { size: Some(size), .. } if *size > DIGESTED);
        !is_large || self.digest_is_read_later
    }

    fn assertions(&self) -> impl Iterator<Item = &Assertion> {
        let given_up = self.step.poll.iter().flat_map(|poll| &poll.give_up);
        stated(&self.step.expect).chain(stated(&self.step.warn)).chain(given_up)
    }

    fn captures_from_the_body(&self) -> bool {
        self.step.captures.iter().any(|capture| capture.query.source.reads_body())
    }

    fn counts_values_of_the_body(&self) -> bool {
        let samples = self.step.samples.as_ref();
        let together = samples.and_then(|samples| samples.expect_all.as_ref());
        together.is_some_and(|together| !together.distinct.is_empty())
    }
}

/// The assertions of an expectation and of its outcomes.
fn stated(expect: &Expect) -> impl Iterator<Item = &Assertion> {
    let outcomes = expect.one_of.iter().flat_map(|outcome| &outcome.assertions);
    expect.assertions.iter().chain(outcomes)
}
