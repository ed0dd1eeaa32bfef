//! The ids that a request bears, so that it is found again in the logs of those who answer it: a
//! trace for each job, or for each request where taps listen, a span and an id for each request.

use super::attempt::StepScene;
use super::context::Context;
use super::generated::word;
use super::render::Rendered;
use crate::http;
use crate::outcome::{REQUEST_ID, TRACEPARENT};
use crate::units::{hex, uuid};

/// The trace of one job (W3C Trace Context §3.2.2.3): all requests of its plan bear it, those of the
/// plans that it includes too. Where taps listen, the traces of its requests follow from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TraceId {
    id: [u8; 16],
    /// What the ids of its requests follow from, with a number that no other request has.
    seeds: [u64; 2],
}

impl Context {
    /// A trace that no other job has, of this run or of any other: like `unique`, ids never follow
    /// the seed, since a run that is repeated is another run.
    pub(super) fn trace(&self) -> TraceId {
        let text = format!("trace {} {}", self.run, self.entropy());
        let drawn = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let (id, rest) = drawn.as_ref().split_at(16);
        let seed = |from| u64::from_be_bytes(first(rest.get(from..).unwrap_or_default()));
        TraceId { id: first(id), seeds: [seed(0), seed(8)] }
    }
}

impl StepScene<'_> {
    /// Gives a request that is to be sent new ids, but for those that the plan decides itself.
    pub(super) fn name(&self, rendered: &mut Rendered) {
        let trace = self.trace_of_one();
        name(
            self.context,
            (self.trace, &trace),
            &mut rendered.request,
            &rendered.provenance.plans_ids,
        );
    }

    /// Gives a request that is sent once more new ids in the trace that it has.
    pub(super) fn name_again(&self, rendered: &mut Rendered) {
        let mut headers = rendered.request.headers.iter();
        let parent = headers.find(|(name, _)| name == TRACEPARENT);
        let own = parent.and_then(|(_, value)| value.split('-').nth(1)).map(str::to_owned);
        let trace = own.unwrap_or_else(|| self.trace_of_one());
        name(
            self.context,
            (self.trace, &trace),
            &mut rendered.request,
            &rendered.provenance.plans_ids,
        );
    }

    /// Gives a request that no plan states new ids.
    pub(super) fn name_own(&self, request: &mut http::Request) {
        name(self.context, (self.trace, &self.trace_of_one()), request, &[]);
    }

    /// The trace of a request: that of its job; where taps listen, one of its own, since whoever
    /// passes a trace on may change all else of it.
    fn trace_of_one(&self) -> String {
        let id = self.trace.id;
        if !self.context.hub.has_taps() {
            return hex(&id);
        }
        let number = self.context.entropy();
        let (high, low) = id.split_at(8);
        let own = [high, low].map(|half| word(u64::from_be_bytes(first(half)), number));
        own.map(|half| hex(&half.to_be_bytes())).concat()
    }
}

fn name(
    context: &Context,
    (job, trace): (TraceId, &str),
    request: &mut http::Request,
    plans: &[String],
) {
    let number = context.entropy();
    let [span, other] = job.seeds.map(|seed| word(seed, number));
    let ids = [
        (TRACEPARENT, format!("00-{trace}-{}-01", hex(&span.to_be_bytes()))),
        (REQUEST_ID, uuid(u128::from(span) << 64 | u128::from(other))),
    ];
    for (name, value) in ids {
        if plans.iter().all(|known| known != name) {
            request.headers.retain(|(known, _)| known != name);
            request.headers.push((name.to_owned(), value));
        }
    }
}

/// The first bytes of some that are enough.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}
