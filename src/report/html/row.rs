//! A plan in the list of all, each of its steps a line with what is behind it.

use super::super::document::{Ground, word};
use super::super::phrase;
use super::page::{listed, plan_id};
use super::text::Html;
use super::{Listed, exchange, lists};
use crate::event::RunStarted;
use crate::outcome::{StepResult, Verdict};
use crate::record::PlanRecord;
use crate::units::show_duration;

/// A plan with its steps.
pub(in crate::report) fn piece(ground: &Ground<'_>, plan: &PlanRecord) -> Vec<u8> {
    let mut html = Html::default();
    let (id, verdict) = (plan_id(plan), word(plan.verdict));
    html.raw("<section class=\"plan\" id=\"").plain(&id).raw("\"><h3><span class=\"tag ");
    html.raw(verdict).raw("\">").raw(verdict).raw("</span> ").text(&plan.started.title());
    html.raw(" <a class=\"anchor\" href=\"#").plain(&id);
    html.raw("\" aria-label=\"Link to this plan\">#</a></h3>\n<p class=\"quiet\"><code>");
    html.text(&ground.at(plan.started.place)).raw("</code> · ").plain(show_duration(plan.duration));
    if !plan.started.tags.is_empty() {
        html.raw(" · ").words(&plan.started.tags);
    }
    covers(&mut html, &plan.started.covers);
    html.raw("</p>\n");
    if let Some(breach) = &plan.breach {
        html.raw("<p class=\"bad\">over budget: ");
        html.text(&phrase::breach(breach).replace('\n', ": ")).raw("</p>\n");
    }
    // A large run shows requests and responses of those steps alone that did not simply pass.
    let everything = !ground.started.is_some_and(RunStarted::is_large);
    for listed in listed(plan) {
        row(&mut html, ground, &listed, everything);
    }
    html.raw("</section>\n");
    html.into_text().into_bytes()
}

fn covers(html: &mut Html, covers: &[String]) {
    if !covers.is_empty() {
        html.raw(" · covers ").words(covers);
    }
}

/// A line of the list of all steps, and what is behind it.
fn row(html: &mut Html, ground: &Ground<'_>, listed: &Listed<'_>, everything: bool) {
    let Listed { told, id, .. } = listed;
    let (result, step, verdict) = (told.result(), &told.record.step, word(told.verdict()));
    let plainly_passed = told.verdict() == Some(Verdict::Passed);
    let exchange = told.exchange();
    let shown = exchange.filter(|_| everything || !plainly_passed);
    let flaky = result.is_some_and(|result| result.flaky);
    html.raw("<details class=\"step");
    html.raw(if told.is_bad() { " bad-step" } else { "" });
    html.raw(if lists::is_idle(told) { " idle-step" } else { "" });
    html.raw(if flaky { " flaky-step\"" } else { "\"" });
    if !told.is_bad() {
        html.raw(" id=\"").plain(id).raw("\"");
    }
    html.raw("><summary><span class=\"tag ").raw(verdict).raw("\">").raw(verdict);
    html.raw("</span><span class=\"name\">").text(&told.title()).raw("</span>");
    html.raw(if flaky { "<span class=\"tag flaky\">flaky</span>" } else { "" });
    html.raw("<span class=\"n\">");
    if let Some(response) = exchange.and_then(|it| it.response.as_ref()) {
        html.plain(response.status);
    }
    html.raw("</span><span class=\"n\">");
    if let Some(result) = result {
        html.plain(show_duration(result.duration));
    }
    html.raw("</span></summary>\n<div class=\"inside\">\n<p class=\"quiet\"><code>");
    html.text(&ground.at(step.place)).raw("</code>");
    covers(html, &step.covers);
    if let Some(many) = result.and_then(how_many) {
        html.raw(" · ").text(&many);
    }
    html.raw(" · <a href=\"#").plain(id);
    html.raw(if told.is_bad() { "\">the failure in full" } else { "\">link to this step" });
    html.raw("</a></p>\n");
    for line in result.map(|result| said(ground, result)).unwrap_or_default() {
        html.raw("<p>").ticked(&line).raw("</p>\n");
    }
    if let Some(shown) = shown {
        exchange::write(html, shown);
    } else if let Some(exchange) = exchange {
        let request = &exchange.request;
        html.raw("<p class=\"mono\">").text(&request.method).raw(" ").text(&request.url);
        html.raw("</p>\n");
    }
    if let Some(exchange) = exchange {
        exchange::write_phases(html, &exchange.phases);
    }
    if let Some(shown) = shown {
        html.raw("<pre class=\"command\" tabindex=\"0\">").text(&ground.curl(shown));
        html.raw("</pre>\n");
    }
    html.raw("</div></details>\n");
}

/// Why it ended so, in a line or two.
fn said(ground: &Ground<'_>, result: &StepResult) -> Vec<String> {
    match result.verdict {
        Verdict::Skipped | Verdict::Blocked | Verdict::Cancelled => {
            result.reason.as_ref().map(phrase::reason).into_iter().collect()
        }
        Verdict::Passed | Verdict::Failed | Verdict::Errored => ground.short(result),
    }
}

fn how_many(result: &StepResult) -> Option<String> {
    if let Some(samples) = &result.samples {
        return Some(phrase::samples(samples).join(" · "));
    }
    (result.tries > 1).then(|| format!("{} attempts", result.tries))
}
