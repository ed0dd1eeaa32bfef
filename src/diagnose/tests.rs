//! Each rule where its fact is there, and where it is missing.

mod answer;
mod between;
mod key;
mod path;
mod request;
mod run;
mod scene;
mod sober;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::event::{CaseRef, JobId, PlanStarted, Section};
use crate::finding::Code;
use crate::outcome::{
    Actual, Assertion, Attempt, Body, BudgetBreach, Content, ContractUse, DocumentedPart, Exchange,
    Expected, Hop, Nearest, Phase, Phases, Reason, Request, Response, RouteDifference, RouteTaken,
    RoutesCompared, SecretShape, SentPart, TapBreach, TapContract, Tapped, Tie, Transport,
    TransportClass, UrlPart,
};
use crate::record::{PlanRecord, StepRecord};
use crate::source::{Place, SourceId, Span};

use scene::{Row, Scene, answered, failed, place, same_host, says, status_is, step, twin};

/// Each rule with a scene in which it speaks, and one that lacks the fact.
fn table() -> Vec<Row> {
    let families =
        [transport::rows, key::rows, between::rows, path::rows, request::rows, answer::rows];
    families.into_iter().flat_map(|rows| rows()).collect()
}

#[test]
fn each_rule_speaks_where_its_fact_is_there_and_is_silent_where_it_is_not() {
    for (rule, _, _, there, missing) in table() {
        let found = there.rules();
        assert!(found.contains(&rule), "{rule} is silent: {found:?}");
        let found = missing.rules();
        assert!(!found.contains(&rule), "{rule} speaks without its fact: {found:?}");
    }
}

#[test]
fn the_line_of_the_document_stands_beside_the_field_that_a_quoted_answer_names() {
    let quoted = json!({"detail": "no", "upstream": {"status": 422, "body": {"detail": [
        {"loc": ["body", "api_key"], "msg": "Field required"},
    ]}}});
    let places = |scene: Scene| -> Vec<Option<Place>> {
        let causes = scene.causes();
        let cause = causes.iter().find(|cause| cause.rule == "key/upstream-disagrees");
        let facts = &cause.expect("a cause").facts;
        let of_document = facts.iter().filter(|fact| fact.text.contains("of `auth`"));
        of_document.map(|fact| fact.place).collect()
    };
    assert_eq!(places(answered(401, &quoted).documented()), [Some(place(70))]);
    assert_eq!(places(answered(401, &quoted)), []);
}

#[test]
fn every_rule_is_in_the_table_and_has_a_name_and_a_sentence() {
    let tested: Vec<&str> = table().into_iter().map(|(rule, ..)| rule).collect();
    let known: Vec<&str> = rules().map(|rule| rule.name).collect();
    for rule in rules() {
        assert!(tested.contains(&rule.name), "{} has no test", rule.name);
        assert!(rule.name.contains('/') && rule.says.len() > 20, "{rule:?}");
        assert_eq!(known.iter().filter(|name| **name == rule.name).count(), 1, "{}", rule.name);
    }
    assert_eq!(tested.len(), known.len());
}

/// The book's page, which lists the two cases of every rule in words.
const PAGE: &str = include_str!("../../docs/src/reference/causes.md");

#[test]
fn the_book_tells_of_every_rule_a_case_in_which_it_speaks_and_one_in_which_it_is_silent() {
    let shown = PAGE.split_once("## Each rule's test").map_or("", |(_, section)| section);
    let shown: Vec<&str> = shown.lines().filter(|line| line.starts_with("| `")).collect();
    let tested: Vec<Row> = table();
    let mut rows: Vec<String> = Vec::new();
    for rule in rules() {
        let row = tested.iter().find(|(name, ..)| *name == rule.name);
        let (_, speaks, silent, ..) = row.expect("every rule is in the table");
        rows.push(format!("| `{}` | {speaks} | {silent} |", rule.name));
    }
    assert_eq!(shown, rows, "docs/src/reference/causes.md should say:\n{}", rows.join("\n"));
}

#[test]
fn no_cause_is_without_a_fact_and_without_a_next_step() {
    for (rule, _, _, there, _) in table() {
        for cause in there.causes() {
            assert!(!cause.facts.is_empty() && cause.next.is_some(), "{rule}: {cause:?}");
            assert!(!cause.about.is_empty(), "{rule}: {cause:?}");
        }
    }
}

#[test]
fn a_status_that_was_asked_for_is_no_cause() {
    let scene = says(401, "Invalid key");
    let result = scene.result(vec![status_is(401, true)]);
    assert_eq!(causes(&step(0), &result, &[]), []);
}

#[test]
fn a_passed_or_blocked_step_has_no_cause() {
    for verdict in [Verdict::Passed, Verdict::Skipped, Verdict::Blocked] {
        let scene = says(401, "Invalid key");
        let result = StepResult { verdict, ..scene.result(Vec::new()) };
        assert_eq!(causes(&step(0), &result, &[]), [], "{verdict:?}");
    }
}

#[test]
fn a_field_leads_to_the_line_that_sent_it_and_to_the_variable_that_gave_it() {
    let body = json!({"detail": [
        {"loc": ["body", "service"], "msg": "unknown"},
        {"loc": ["query", "limit"], "msg": "not a number"},
        {"loc": ["body", "colour"], "msg": "Field required"},
    ]});
    let causes = answered(422, &body).causes();
    let facts: Vec<_> =
        causes.iter().flat_map(|c| &c.facts).map(|f| (f.text.as_str(), f.place)).collect();
    assert_eq!(
        facts,
        [
            ("`body.service`: unknown (given by `env.service`)", Some(place(20))),
            ("`query.limit`: not a number", Some(place(30))),
            ("`body.colour`: Field required (it was not sent)", None),
        ]
    );
}

#[test]
fn a_value_that_the_server_quotes_leads_to_where_it_was_set() {
    let scene = says(401, "no access to 'shop'. This key is registered for service 'platform'");
    let causes = scene.causes();
    let quoted = causes.iter().flat_map(|c| &c.facts).find(|f| f.text.contains("`shop`"));
    let quoted = quoted.expect("the quoted value");
    assert_eq!(quoted.text, "`service` of the body is `shop`, given by `env.service`");
    assert_eq!(quoted.place, Some(place(99)));
}

#[test]
fn an_unknown_host_names_the_variable_and_its_line() {
    let causes = failed(TransportClass::Dns).causes();
    let named = causes.iter().flat_map(|c| &c.facts).find(|f| f.text.contains("env.api"));
    assert_eq!(named.and_then(|fact| fact.place), Some(place(7)));
}

#[test]
fn what_speaks_against_a_cause_is_kept_beside_it() {
    let causes = says(502, "no").seen(same_host()).causes();
    let against: Vec<_> = causes.iter().flat_map(|cause| &cause.against).collect();
    assert!(against.iter().any(|fact| fact.text.contains("the same host answered")), "{causes:?}");
    assert!(says(502, "no").causes().iter().all(|cause| cause.against.is_empty()));
}

#[test]
fn the_same_words_on_two_hosts_make_a_wrong_route_certain() {
    let sure = |words: &str| {
        let scene = says(401, "API key required").header("server", "registry").seen(twin(words));
        scene.causes().first().map(|cause| (cause.rule, cause.confidence))
    };
    assert_eq!(sure("API key required"), Some(("key/misrouted", Confidence::Certain)));
    assert_eq!(sure("Invalid key"), Some(("key/misrouted", Confidence::Likely)));
}

#[test]
fn a_host_that_asks_for_a_key_that_was_sent_is_misrouted_in_its_other_refusals_too() {
    let blind = Witness {
        reason: Some("API key required".into()),
        passed: false,
        status: 401,
        ..same_host()
    };
    let scene = |twin: Witness| {
        let scene = says(401, "Invalid key").header("server", "registry");
        scene.seen(blind.clone()).seen(twin).causes().into_iter().next()
    };
    let cause = scene(twin("Invalid key")).expect("a cause");
    assert_eq!((cause.rule, cause.about.as_str()), ("key/misrouted", "http://api.test"));
    assert_eq!(cause.owner.as_deref(), Some("whoever runs the routing of this host"));
    // Another voice elsewhere says nothing of this host.
    let other = Witness { server: Some("auth".into()), ..twin("Invalid key") };
    assert_eq!(scene(other).map(|cause| cause.rule), Some("key/refused"));
}

#[test]
fn a_key_of_another_service_is_mended_where_the_service_is_named() {
    let said = "no access to 'shop'. This key is registered for service 'platform'";
    let causes = says(401, said).causes();
    let cause = causes.first().expect("a cause");
    let next = cause.next.as_deref().unwrap_or_default();
    assert!(
        next.contains("set `env.service` to the service that the key is for (`platform`)"),
        "{next}"
    );
    assert!(cause.owner.as_deref().is_some_and(|it| it.starts_with("whoever keeps `env.service`")));
    // The twin: what the plan did not send is named by whoever asks about the key.
    let causes = says(401, "This key is registered for service 'platform'").causes();
    let cause = causes.first().expect("a cause");
    assert!(cause.owner.as_deref().is_some_and(|it| it.contains("what asks about the key here")));
}

#[test]
fn a_refused_key_is_never_left_without_an_owner() {
    for (rule, _, _, speaks, _) in table() {
        let causes = speaks.causes();
        let own = causes.iter().filter(|cause| cause.rule == rule && rule.starts_with("key/"));
        for cause in own {
            assert!(cause.owner.is_some(), "{rule} names nobody");
        }
    }
}
