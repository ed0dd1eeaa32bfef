//! What filters are true of, and each mistake with its place.

use std::fmt::Write as _;

use super::{Candidate, Filter};
use crate::check::{CheckedPlan, Surroundings, check};
use crate::finding::Fault as _;
use crate::source::SourceSet;

const MODELS: &str = "plan: Register a model
tags: [smoke, registration]
covers: [2a]
setup:
  - {id: login, GET: http://h/login}
steps:
  - {id: create, name: Create the model, POST: http://h/models, covers: [1a]}
  - {name: 'Upload a file (large)', PUT: http://h/upload}
  - id: both
    parallel:
      - {id: left, GET: http://h/left}
      - {id: right, GET: http://h/right}
cleanup:
  - {id: delete, DELETE: http://h/models}
";

fn plan() -> CheckedPlan {
    let mut sources = SourceSet::default();
    let id = sources.add("plans/api/models.yaml", MODELS);
    let (plan, findings) = crate::plan::parse(sources.get(id).unwrap());
    assert!(findings.is_empty(), "{findings:?}");
    let around = Surroundings::of(&sources);
    check(&plan.unwrap(), &around).0.unwrap()
}

/// The steps of which an expression is true, by id or name.
#[track_caller]
fn selects(expression: &str, expected: &[&str]) {
    let filter = Filter::parse(expression).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
    let plan = plan();
    let selected: Vec<String> = Candidate::all(&plan, "plans/api/models.yaml")
        .filter(|candidate| filter.selects(candidate))
        .map(|candidate| candidate.step.label())
        .collect();
    assert_eq!(selected, expected, "{expression}");
}

const ALL: [&str; 4] = ["create", "Upload a file (large)", "left", "right"];
const NOTHING: [&str; 0] = [];

#[test]
fn each_predicate_has_the_matcher_that_is_typed_most() {
    selects("all()", &ALL);
    selects("none()", &NOTHING);
    // Names by a part, words as a whole.
    selects("plan(model)", &ALL);
    selects("plan(Model)", &NOTHING);
    selects("step(Create)", &["create"]);
    selects("step(creat)", &NOTHING);
    selects("tag(smoke)", &ALL);
    selects("tag(smok)", &NOTHING);
    selects("id(create)", &["create"]);
    selects("id(creat)", &NOTHING);
    selects("covers(2a)", &ALL);
    selects("covers(1a)", &["create"]);
    selects("covers(1)", &NOTHING);
    selects("path(plans/api/models.yaml)", &ALL);
    selects("path(models.yaml)", &NOTHING);
}

#[test]
fn a_matcher_can_be_chosen() {
    selects("step(=Create)", &NOTHING);
    selects("step(=Create the model)", &["create"]);
    selects("step(#Create*)", &["create"]);
    selects("step(/^U.*e/)", &["Upload a file (large)"]);
    selects("tag(~mok)", &ALL);
    selects("tag(=smoke)", &ALL);
    selects("tag(sm*)", &ALL);
    selects("tag(/^smo?k/)", &ALL);
    selects("id(#{create,left})", &["create", "left"]);
    selects("id(?eft)", &["left"]);
    selects("covers([12]a)", &ALL);
}

#[test]
fn a_star_of_a_path_stays_in_its_folder() {
    selects("path(plans/*)", &NOTHING);
    selects("path(plans/**)", &ALL);
    selects("path(plans/*/*.yaml)", &ALL);
    selects("path(~api)", &ALL);
    selects(r"path(/\/api\//)", &ALL);
}

#[test]
fn operators_bind_as_in_nextest_and_have_signs_too() {
    selects("id(create) or id(left)", &["create", "left"]);
    selects("id(create)|id(left)", &["create", "left"]);
    selects("id(create) + id(left)", &["create", "left"]);
    selects("tag(smoke) and not step(/Upload/)", &["create", "left", "right"]);
    selects("tag(smoke)&!step(/Upload/)", &["create", "left", "right"]);
    selects("tag(smoke) - step(Upload) - id(left)", &["create", "right"]);
    // `not` before `and`, `and` before `or`.
    selects("not id(create) and not id(left)", &["Upload a file (large)", "right"]);
    selects("id(create) or id(left) and id(right)", &["create"]);
    selects("(id(create) or id(left)) and not id(left)", &["create"]);
    selects("not (id(create) or id(left))", &["Upload a file (large)", "right"]);
    selects("not not id(create)", &["create"]);
    selects("  id( create )\n or\tid(left) ", &["create", "left"]);
}

#[test]
fn brackets_and_slashes_of_a_name_are_escaped() {
    selects(r"step(\(large\))", &["Upload a file (large)"]);
    selects(r"step(/\(large\)$/)", &["Upload a file (large)"]);
    selects(r"step(=GET http:\/\/h/left)", &["left"]);
    selects(r"step(\/left)", &["left"]);
    selects("step(~/left)", &["left"]);
}

#[test]
fn what_holds_a_step_speaks_for_it_too() {
    selects("id(both)", &["left", "right"]);
    selects("not id(both)", &["create", "Upload a file (large)"]);
}

#[test]
fn setup_and_cleanup_are_not_judged() {
    selects("id(login) or id(delete)", &NOTHING);
}

#[test]
fn a_predicate_that_is_true_of_nothing_is_named_with_the_nearest_word() {
    let filter = Filter::parse("tag(smok) or not id(zebra) or step(/q/) or tag(smoke)").unwrap();
    let plan = plan();
    let all: Vec<_> = Candidate::all(&plan, "plans/api/models.yaml").collect();
    let idle: Vec<_> =
        filter.idle(&all).into_iter().map(|idle| (idle.written, idle.nearest)).collect();
    let expected = [("tag(smok)", Some("smoke")), ("id(zebra)", None), ("step(/q/)", None)];
    assert_eq!(idle, expected.map(|(written, near)| (written.to_owned(), near)));
}

/// Each mistake on its line, with what is said of it.
#[test]
fn each_mistake_is_marked_at_its_place() {
    let wrong = [
        "",
        "  ",
        "smoke",
        "smoke and tag(a)",
        "tga(smoke)",
        "tag",
        "tag smoke",
        "all",
        "all(x)",
        "tag()",
        "tag(=)",
        "tag(smoke",
        "(tag(a) or tag(b)",
        "tag(a))",
        "tag(a) tag(b)",
        "(tag(a) tag(b))",
        "tag(a) and",
        "tag(a) and or tag(b)",
        "and tag(a)",
        "tag(a) && tag(b)",
        "tag(a) || tag(b)",
        "tag(a), tag(b)",
        "tag(a) AND tag(b)",
        "NOT tag(a)",
        "not",
        "!",
        "step(/a)",
        "step(/api/models)",
        "step(//)",
        "step(/[a/)",
        "step(/a(?=b)/)",
        "step(/a/ b)",
        "step(/a/",
        "id(#[a)",
        r"step(a\d)",
        "tag(ä) tag(ö)",
        "§",
    ];
    let mut said = String::new();
    for text in wrong {
        let fault = Filter::parse(text).expect_err(text);
        let before = text.get(..fault.range.start).expect("a range of the text").chars().count();
        let marked = text.get(fault.range.clone()).expect("a range of the text").chars().count();
        let (label, help) = (fault.label(), fault.help().unwrap_or_default());
        let mark = format!("{}{}", " ".repeat(before), "^".repeat(marked.max(1)));
        let _ = writeln!(said, "{text}\n{mark} {label}\n    {fault}\n    {help}\n");
    }
    insta::assert_snapshot!(said);
}

#[test]
fn brackets_may_not_be_nested_without_end() {
    for open in ["(", "not ", "!"] {
        let deep = format!("{}tag(a)", open.repeat(100_000));
        let fault = Filter::parse(&deep).unwrap_err();
        assert!(fault.to_string().contains("too many brackets"), "{fault}");
    }
    let fine = format!("{}all(){}", "(".repeat(50), ")".repeat(50));
    selects(&fine, &ALL);
}
