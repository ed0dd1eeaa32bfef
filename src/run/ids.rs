//! The ids that a request bears, so that it is found again in the logs of those who answer it: a
//! trace for each job, a span and an id for each request.

use super::attempt::StepScene;
use super::context::Context;
use super::render::Rendered;
use crate::http;
use crate::outcome::{REQUEST_ID, TRACEPARENT};
use crate::units::{hex, uuid};

/// The trace of one job (W3C Trace Context §3.2.2.3): all requests of its plan bear it, those of the
/// plans that it includes too.
#[derive(Debug, Clone, Copy)]
pub(super) struct TraceId([u8; 16]);

impl Context {
    /// A trace that no other job has, of this run or of any other: like `unique`, ids never follow
    /// the seed, since a run that is repeated is another run.
    pub(super) fn trace(&self) -> TraceId {
        TraceId(first(&self.drawn("trace")))
    }

    /// Bytes that were never drawn before.
    fn drawn(&self, what: &str) -> [u8; 32] {
        let text = format!("{what} {} {}", self.run, self.entropy());
        first(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref())
    }
}

impl StepScene<'_> {
    /// Gives a request that is to be sent new ids, but for those that the plan decides itself.
    pub(super) fn name(&self, rendered: &mut Rendered) {
        name(self.context, self.trace, &mut rendered.request, &rendered.provenance.plans_ids);
    }

    /// Gives a request that no plan states new ids.
    pub(super) fn name_own(&self, request: &mut http::Request) {
        name(self.context, self.trace, request, &[]);
    }
}

fn name(context: &Context, TraceId(trace): TraceId, request: &mut http::Request, plans: &[String]) {
    let drawn = context.drawn("request");
    let span: [u8; 8] = first(drawn.get(16..).unwrap_or_default());
    let ids = [
        (TRACEPARENT, format!("00-{}-{}-01", hex(&trace), hex(&span))),
        (REQUEST_ID, uuid(u128::from_be_bytes(first(&drawn)))),
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
