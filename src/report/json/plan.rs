//! A plan with its steps, written straight as text: no value is built of what every step has.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::super::document::{Document, ids};
use super::super::list::Each;
use super::{Told, nanos};
use crate::diagnose::{self, Witness};
use crate::outcome::{
    Assertion, Attempt, CaptureResult, DocumentedPart, Exchange, SentPart, StepResult, UrlPart,
    Violation,
};
use crate::record::{PlanRecord, StepRecord};

/// A plan of the document.
pub(super) struct Plan<'a> {
    pub(super) told: Told<'a>,
    pub(super) plan: &'a PlanRecord,
}

impl Serialize for Plan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { told, plan } = self;
        let PlanRecord { started, steps, verdict, duration, breach, findings } = plan;
        let witnesses = Document::witnesses(plan);
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("job", &started.job)?;
        fields.put("name", &started.name)?;
        fields.put("case", &started.case)?;
        fields.put("at", &told.at(started.place))?;
        fields.put("tags", &started.tags)?;
        fields.put("covers", &started.covers)?;
        fields.put("verdict", verdict)?;
        fields.put("duration_ns", &nanos(*duration))?;
        fields.put("findings", &told.findings(findings))?;
        fields.put("breach", &breach.as_ref().map(|breach| told.breach(breach)))?;
        let step = |record| Step { told: *told, plan, record, witnesses: &witnesses };
        fields.put("steps", &Each(|| steps.iter().map(step)))?;
        fields.0.end()
    }
}

struct Step<'a> {
    told: Told<'a>,
    plan: &'a PlanRecord,
    record: &'a StepRecord,
    witnesses: &'a [Witness],
}

impl Serialize for Step<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { told, plan, record, witnesses } = self;
        let StepRecord { step, at: _, samples, result } = record;
        let result: Option<&StepResult> = result.as_deref();
        let causes = result.map(|result| diagnose::causes(step, result, witnesses));
        let causes = causes.unwrap_or_default();
        let exchange = result.and_then(|result| result.attempts.last()?.exchange.as_deref());
        let attempts = result.map_or(&[][..], |result| &result.attempts);
        let together = result.and_then(|result| result.samples.as_ref());
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("section", &step.section)?;
        fields.put("index", &step.index)?;
        fields.put("within", &step.within)?;
        fields.put("kind", &step.kind)?;
        fields.put("tentative", &step.tentative)?;
        fields.put("id", &step.id)?;
        fields.put("name", &step.name)?;
        fields.put("case", &step.case.as_ref().map(|case| &case.name))?;
        fields.put("at", &told.at(step.place))?;
        let includers = plan.includers(step);
        fields.put("included_from", &Each(|| includers.iter().map(|it| told.at(it.place))))?;
        fields.put("covers", &step.covers)?;
        fields.put("verdict", &result.map(|result| result.verdict))?;
        fields.put("reason", &result.and_then(|result| result.reason.as_ref()))?;
        fields.put("flaky", &result.is_some_and(|result| result.flaky))?;
        fields.put("tries", &result.map_or(0, |result| result.tries))?;
        fields.put("duration_ns", &result.map(|result| nanos(result.duration)))?;
        fields.put("code", &result.and_then(|result| result.code))?;
        fields.put("message", &result.and_then(|result| result.message.as_ref()))?;
        let ended = result.and_then(|result| result.ended_at);
        fields.put("ended_at", &ended.map(|place| told.at(place)))?;
        fields.put("causes", &Each(|| causes.iter().map(|cause| told.cause(cause))))?;
        fields.put("curl", &exchange.map(|exchange| told.ground.curl(exchange)))?;
        fields.put("samples", &together.map(|together| told.samples(together, samples)))?;
        fields.put("attempts", &told.each(attempts))?;
        fields.0.end()
    }
}

/// A part of a step, told with places that a person can find.
pub(super) struct With<'a, T> {
    told: Told<'a>,
    part: &'a T,
}

impl<'a> Told<'a> {
    fn with<T>(self, part: &'a T) -> With<'a, T> {
        With { told: self, part }
    }

    pub(super) fn each<T>(self, parts: &'a [T]) -> impl Serialize
    where
        With<'a, T>: Serialize,
    {
        Each(move || parts.iter().map(move |part| self.with(part)))
    }
}

impl Serialize for With<'_, Attempt> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let told = self.told;
        // Hints are among the causes of the step.
        let Attempt {
            number,
            sample,
            at,
            exchange,
            assertions,
            captures,
            limit,
            breaches,
            findings,
            outcome,
            contract,
            documented,
            routes,
            hints: _,
            tapped,
        } = self.part;
        let exchange = exchange.as_deref();
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("number", number)?;
        fields.put("sample", sample)?;
        fields.put("at_ns", &nanos(*at))?;
        fields.put("exchange", &exchange.map(|exchange| told.with(exchange)))?;
        fields.put("ids", &exchange.map(ids))?;
        fields.put("assertions", &told.each(assertions))?;
        fields.put("captures", &told.each(captures))?;
        fields.put("limit_ns", &limit.map(nanos))?;
        fields.put("breaches", &Each(|| breaches.iter().map(|breach| told.breach(breach))))?;
        fields.put("findings", &told.findings(findings))?;
        fields.put("outcome", outcome)?;
        fields.put("contract", &contract.as_deref().map(|used| told.contract(used)))?;
        fields.put("documented", &told.each(documented))?;
        fields.put("routes", &routes.as_deref().map(|compared| told.routes(compared)))?;
        fields.list("taps", tapped, &Each(|| tapped.iter().map(|tapped| told.tapped(tapped))))?;
        fields.0.end()
    }
}

/// As in the stream, with the lines that its parts come from.
impl Serialize for With<'_, Exchange> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Exchange {
            request,
            hops,
            response,
            error,
            phases,
            reused,
            repeated,
            proxy,
            unverified,
            url_from,
            secrets_sent,
            plans_ids,
            secret_shapes,
            sent_from,
        } = self.part;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("request", request)?;
        fields.list("hops", hops, hops)?;
        fields.some("response", response.as_ref())?;
        fields.some("error", error.as_ref())?;
        fields.put("phases", phases)?;
        fields.put("reused", reused)?;
        fields.flag("repeated", *repeated)?;
        fields.some("proxy", proxy.as_ref())?;
        fields.flag("unverified", *unverified)?;
        fields.list("url_from", url_from, &self.told.each(url_from))?;
        fields.list("secrets_sent", secrets_sent, secrets_sent)?;
        fields.list("plans_ids", plans_ids, plans_ids)?;
        fields.list("secret_shapes", secret_shapes, secret_shapes)?;
        fields.list("sent_from", sent_from, &self.told.each(sent_from))?;
        fields.0.end()
    }
}

impl Serialize for With<'_, UrlPart> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let UrlPart { name, value, place, source } = self.part;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("name", name)?;
        fields.put("value", value)?;
        fields.put("source", source)?;
        fields.put("at", &place.map(|place| self.told.at(place)))?;
        fields.0.end()
    }
}

impl Serialize for With<'_, SentPart> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SentPart { at, place, given_by, set_at } = self.part;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("part", at)?;
        fields.put("at", &self.told.at(*place))?;
        fields.put("given_by", given_by)?;
        fields.put("set_at", &set_at.map(|place| self.told.at(place)))?;
        fields.0.end()
    }
}

impl Serialize for With<'_, Assertion> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Assertion {
            subject,
            place,
            severity,
            passed,
            expected,
            actual,
            pointer,
            outcome,
            note,
            violations,
            tap,
        } = self.part;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("subject", subject)?;
        fields.put("at", &self.told.at(*place))?;
        fields.put("severity", severity)?;
        fields.put("passed", passed)?;
        fields.put("expected", expected)?;
        fields.some("actual", actual.as_ref())?;
        fields.some("pointer", pointer.as_ref())?;
        fields.some("outcome", outcome.as_ref())?;
        fields.some("note", note.as_ref())?;
        fields.list("violations", violations, &self.told.each(violations))?;
        fields.some("tap", tap.as_ref())?;
        fields.0.end()
    }
}

impl Serialize for With<'_, Violation> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Violation { at, pointer, wanted, keyword, place } = self.part;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("at", at)?;
        fields.put("pointer", pointer)?;
        fields.put("wanted", wanted)?;
        fields.put("keyword", keyword)?;
        fields.put("schema", &place.map(|place| self.told.at(place)))?;
        fields.0.end()
    }
}

impl Serialize for With<'_, CaptureResult> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CaptureResult { name, place, value, missing } = self.part;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("name", name)?;
        fields.put("at", &self.told.at(*place))?;
        fields.some("value", value.as_ref())?;
        fields.some("missing", missing.as_ref())?;
        fields.0.end()
    }
}

impl Serialize for With<'_, DocumentedPart> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let DocumentedPart { at, contract, operation, pointer, place } = self.part;
        let mut fields = Fields(serializer.serialize_map(None)?);
        fields.put("part", at)?;
        fields.put("at", &self.told.at(*place))?;
        fields.put("contract", contract)?;
        fields.put("operation", operation)?;
        fields.put("pointer", pointer)?;
        fields.0.end()
    }
}

/// The fields of an object; those that the stream leaves out are left out here.
struct Fields<M>(M);

impl<M: SerializeMap> Fields<M> {
    fn put(&mut self, name: &'static str, value: &impl Serialize) -> Result<(), M::Error> {
        self.0.serialize_entry(name, value)
    }

    fn some(&mut self, name: &'static str, it: Option<&impl Serialize>) -> Result<(), M::Error> {
        it.map_or(Ok(()), |value| self.put(name, value))
    }

    fn flag(&mut self, name: &'static str, is_set: bool) -> Result<(), M::Error> {
        if is_set { self.put(name, &true) } else { Ok(()) }
    }

    fn list<T>(
        &mut self,
        name: &'static str,
        items: &[T],
        told: &impl Serialize,
    ) -> Result<(), M::Error> {
        if items.is_empty() { Ok(()) } else { self.put(name, told) }
    }
}
