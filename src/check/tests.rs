//! One case for each mistake that the check phase finds: a plan in, findings out.

mod doubtful;

use super::{Surroundings, check as check_plan};
use crate::environment::EnvironmentShape;
use crate::source::{SourceSet, SourceText};
use crate::yaml::testing::render;

/// What is said of a plan with an environment that has the variable `registry_url`.
fn said(text: &str, environment: Option<&EnvironmentShape>) -> (bool, String) {
    said_with(text, environment, &[])
}

/// The same where these variables are given from outside.
fn said_with(text: &str, environment: Option<&EnvironmentShape>, given: &[&str]) -> (bool, String) {
    let given: Vec<String> = given.iter().map(|&name| name.to_owned()).collect();
    let mut sources = SourceSet::default();
    let id = sources.add("p.yaml", text.to_owned());
    let source: &SourceText = sources.get(id).unwrap();
    let (plan, parse_findings) = crate::plan::parse(source);
    assert!(parse_findings.is_empty(), "{}", render(source, &parse_findings));
    let around = Surroundings { environment, given: &given, ..Surroundings::of(&sources) };
    let (ready, findings) = check_plan(&plan.unwrap(), &around);
    (ready.is_some(), render(source, &findings))
}

/// A plan with errors does not come through; one with warnings does.
#[track_caller]
fn check(text: &str, expected: &str) {
    let staging = EnvironmentShape {
        taps: Vec::new(),
        name: "staging".into(),
        vars: vec!["registry_url".into()],
        secrets: Vec::new(),
    };
    let (ready, found) = said(text, Some(&staging));
    assert_eq!(found, expected, "{found}");
    let only_warnings =
        expected.lines().filter(|line| !line.starts_with("  ")).all(|it| it.contains(" warning "));
    assert_eq!(ready, only_warnings);
}

#[test]
fn a_plan_without_a_mistake_is_ready_and_nothing_is_said() {
    check("plan: P\nsteps:\n  - GET: ${{ env.registry_url }}/a\n", "");
}

#[test]
fn without_an_environment_nothing_is_known_of_its_variables() {
    assert_eq!(said("plan: P\nsteps:\n  - GET: ${{ env.any }}/a\n", None), (true, String::new()));
}

#[test]
fn without_a_chosen_environment_that_is_said() {
    let shape = EnvironmentShape::default();
    let (ready, found) = said("plan: P\nsteps:\n  - GET: ${{ env.any }}/a\n", Some(&shape));
    assert!(!ready && found.contains("no environment was chosen"), "{found}");
}

#[test]
fn undefined_name_suggests_the_nearest() {
    check(
        "plan: P
vars: {model: a}
steps:
  - GET: http://localhost/${{ modle }}/${{ model }}
",
        "4:31 [modle] plan::undefined-name undefined name `modle`
  = did you mean `model`?
",
    );
}

#[test]
fn a_capture_of_a_later_step_is_not_there_yet() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - GET: /${{ x }}
  - {GET: /b, capture: {x: $.id}}
",
        "4:15 [x] plan::undefined-name `x` is not defined yet: it is captured by a later step
  also 5:25 captured here
  = use it in a step after the one that captures it
",
    );
}

#[test]
fn a_step_sees_its_own_captures_in_values_alone() {
    check(
        r#"plan: P
defaults: {base_url: http://localhost}
steps:
  - GET: /a
    capture: {x: $.id}
    expect: {$.id: "${{ x }}", values: {x: 1}}
"#,
        "6:25 [x] plan::undefined-name `x` is captured by this step itself
  also 5:15 captured here
  = an assertion sees its step's own captures under `values:` alone
",
    );
}

#[test]
fn a_variable_cannot_wait_for_a_capture() {
    check(
        r#"plan: P
vars: {v: "${{ x }}"}
steps:
  - {GET: "http://localhost/${{ v }}", capture: {x: $.id}}
"#,
        "2:16 [x] plan::undefined-name `x` is a capture; variables are evaluated before the first step
  also 4:50 captured here
  = use it in a step after the one that captures it
",
    );
}

#[test]
fn unknown_step_suggests_the_nearest() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {id: create, GET: /a}
  - {GET: /b, needs: [craete], if: steps.creat.sent}
",
        "5:23 [craete] plan::unknown-step unknown step `craete`
  = did you mean `create`?
5:36 [steps.creat.sent] plan::unknown-step unknown step `creat`
  = did you mean `create`?
",
    );
}

#[test]
fn a_step_cannot_refer_to_a_later_one_or_to_itself() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {id: a, GET: /a, needs: [b], if: steps.a.sent}
  - {id: b, GET: /b}
",
        "4:30 [b] plan::later-step the step `b` runs later
  also 5:10 runs here
  = a step can only refer to steps that ran before it
4:38 [steps.a.sent] plan::later-step the step `a` refers to itself
  also 4:10 runs here
  = a step can only refer to steps that ran before it
",
    );
}

#[test]
fn unknown_field_of_a_step_suggests_the_nearest() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {id: a, GET: /a}
  - assert: [steps.a.satus == 200]
",
        "5:14 [steps.a.satus] plan::undefined-name undefined name `steps.a.satus`
  = did you mean `steps.a.status`?
",
    );
}

#[test]
fn variables_that_need_each_other_are_a_circle() {
    check(
        r#"plan: P
vars: {a: "${{ b }}", b: "${{ c }}", c: "${{ a }}"}
steps:
  - GET: http://localhost/${{ a }}
"#,
        "2:8 [a] plan::cycle the variables `a`, `b` and `c` need each other
  also 2:23 part of the circle
  also 2:38 part of the circle
  = give one of them a value of its own
",
    );
}

#[test]
fn two_steps_cannot_have_one_id() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {id: a, GET: /a}
  - {id: a, GET: /b}
",
        "5:10 [a] plan::duplicate-name two steps have the id `a`
  also 4:10 first here
  = give one of them another id
",
    );
}

#[test]
fn a_capture_cannot_take_a_variables_name() {
    check(
        r#"plan: P
vars: {x: 1}
steps:
  - {GET: "http://localhost/${{ x }}", capture: {x: $.id}}
"#,
        "4:50 [x] plan::duplicate-name the capture `x` would hide a variable
  also 2:8 the variable
  = give one of the two another name
",
    );
}

#[test]
fn an_input_is_no_variable_and_must_be_given() {
    check(
        "plan: P
inputs: [who, x]
vars: {x: 1}
steps:
  - GET: http://localhost/${{ who }}/${{ x }}
",
        "2:10 [who] plan::missing-key the input `who` is not given
  = give it: `--var who=…`
2:15 [x] plan::duplicate-name `x` is an input and a variable
  also 3:8 a variable may be given
  = keep one of the two
",
    );
}

#[test]
fn a_variable_of_the_environment_must_be_there() {
    check(
        "plan: P
steps:
  - GET: ${{ env.registry_ulr }}/a
",
        "3:14 [env.registry_ulr] environment::missing-variable the environment `staging` has no variable `registry_ulr`
  = did you mean `env.registry_url`?
",
    );
}

#[test]
fn an_undeclared_secret_suggests_the_nearest() {
    check(
        r#"plan: P
secrets: {api_key: {}}
steps:
  - {GET: http://localhost/, headers: {X: "${{ secrets.apikey }} ${{ secrets.api_key }}"}}
"#,
        "4:48 [secrets.apikey] plan::undefined-name the secret `apikey` is not declared in this plan
  = did you mean `secrets.api_key`?
",
    );
}

#[test]
fn unknown_functions_and_filters_suggest_the_nearest() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - GET: /${{ uuidd() }}/${{ 'a' | uper }}
",
        "4:15 [uuidd] plan::unknown-function unknown function `uuidd`
  = did you mean `uuid`?
4:36 [uper] plan::unknown-function unknown filter `uper`
  = did you mean `upper`?
",
    );
}

#[test]
fn a_condition_that_is_never_true_is_warned_of() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {GET: /a, if: 1 > 2}
  - {GET: /b, if: 1 < 2}
",
        r#"4:19 [1 > 2] warning plan::never-runs this condition can never be true
  = correct it, or write `skip: "reason"`
"#,
    );
}

#[test]
fn only_an_error_and_nothing_more_is_warned_of() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {GET: /a, expect: {status: 404}}
  - {GET: /a, expect: {status: [4xx, 500]}}
  - {GET: /b, expect: {status: 404, $.x: 1}}
  - {GET: /c, expect: {status: [200, 404]}}
",
        "4:32 [404] warning plan::bare-negative any error with this status would pass
  = add what tells it apart: `$.error_code: …` or `$.detail: {contains: …}`
5:32 [[4xx, 500]] warning plan::bare-negative any error with this status would pass
  = add what tells it apart: `$.error_code: …` or `$.detail: {contains: …}`
",
    );
}

#[test]
fn what_nobody_uses_is_warned_of() {
    check(
        "plan: P
vars: {x: 1}
secrets: {key: {}}
steps:
  - GET: http://localhost/
",
        "2:8 [x] warning plan::unused the variable `x` is never used
  = use it as `${{ x }}`, or delete the line
3:11 [key] warning plan::unused the secret `key` is never used
  = delete it, so that nobody has to give it
",
    );
}

#[test]
fn a_path_alone_needs_a_base_url() {
    check(
        "plan: P
steps:
  - GET: /a
",
        "3:10 [/a] plan::no-base-url `/a` begins with `/`, and there is no `base_url`
  = add `defaults: {base_url: …}`, or write the whole URL
",
    );
}

#[test]
fn a_url_has_a_scheme_that_can_be_requested() {
    check(
        "plan: P
steps:
  - GET: htps://localhost/
  - GET: localhost/a
  - GET: http:///a
  - GET: http://ada@localhost/
",
        "3:10 [htps://localhost/] plan::bad-url `htps` is not a scheme that planrun can request
  = did you mean `https://`?
4:10 [localhost/a] plan::bad-url `localhost/a` is not a URL
  = a URL begins with `http://`, `https://`, or with `/` after `base_url`
5:10 [http:///a] plan::bad-url `http:///a` has no host
  = write the host after `//`
6:10 [http://ada@localhost/] plan::bad-url a user name in a URL ends up in every log
  = write `auth: {basic: {user: …, password: …}}`
",
    );
}

#[test]
fn a_segment_that_would_be_removed_is_found() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - GET: /a/../b
  - GET: /a/%2E%2e/b
  - GET: /a/..b/c?d=/../
",
        "4:13 [..] plan::bad-url the segment `..` would be removed before it is sent
  = to test a traversal, encode the slash: `..%2f`
5:13 [%2E%2e] plan::bad-url the segment `%2E%2e` would be removed before it is sent
  = to test a traversal, encode the slash: `..%2f`
",
    );
}

#[test]
fn an_outcome_is_one_of_those_that_are_named() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {GET: /a, expect: {outcome: made}}
  - {GET: /b, expect: {one_of: {made: {status: 201}, there: {status: 409}}, outcome: mad}}
",
        "4:33 [made] plan::conflict `outcome` without `one_of`
  = name the outcomes under `one_of:`
5:86 [mad] plan::bad-value no outcome is called `mad`
  = did you mean `made`?
",
    );
}

#[test]
fn outcomes_stand_under_expect_alone() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {GET: /a, warn: {one_of: {made: {status: 201}}}}
",
        "4:31 [made] plan::conflict `one_of` has no meaning under `warn`
  = name outcomes under `expect:`
",
    );
}

#[test]
fn a_budget_that_cannot_be_judged_is_found() {
    check(
        "plan: P
defaults: {base_url: http://localhost}
steps:
  - {GET: /a, budget: {ttfb: 1s}}
  - {GET: /b, budget: {connect: 1s}}
  - {GET: /c, budget: {p95: 1s}}
  - {GET: /d, budget: {connect: 1s}, connection: fresh}
",
        "4:24 [ttfb] plan::ttfb `ttfb` is called `wait` here
  = write `wait`: from the request sent to the first byte
5:24 [connect] plan::budget-needs-fresh a connection that is reused has no phase `connect`
  = add `connection: fresh` to the step
6:24 [p95] plan::budget-needs-samples `p95` needs many samples, and there is one
  = write `budget: 300ms`, or repeat the step
",
    );
}

#[test]
fn a_mistake_in_defaults_is_said_once() {
    check(
        r#"plan: P
defaults: {base_url: http://localhost, headers: {X-A: "${{ nope }} ${{ nada }}"}}
steps:
  - GET: /a
  - GET: /b
"#,
        "2:60 [nope] plan::undefined-name undefined name `nope`
  = define it under `vars:`, or capture it: `capture: {nope: $.…}`
2:72 [nada] plan::undefined-name undefined name `nada`
  = define it under `vars:`, or capture it: `capture: {nada: $.…}`
",
    );
}

#[test]
fn defaults_that_go_nowhere_are_warned_of() {
    check(
        "plan: P
defaults: {auth: {bearer: abc}, headers: {X-A: b}, cookies: {c: d}}
steps:
  - GET: http://localhost/a
  - GET: http://localhost/b
",
        "2:18 [{bearer: abc}] warning plan::no-base-url `auth` of `defaults` goes to the origin of `base_url`, and there is none
  = add `base_url` to `defaults`, or move this to the steps
2:43 [X-A] warning plan::no-base-url `headers` of `defaults` goes to the origin of `base_url`, and there is none
  = add `base_url` to `defaults`, or move this to the steps
2:62 [c] warning plan::no-base-url `cookies` of `defaults` goes to the origin of `base_url`, and there is none
  = add `base_url` to `defaults`, or move this to the steps
",
    );
}

#[test]
fn a_pattern_of_a_secret_is_a_regular_expression() {
    check(
        r#"plan: P
secrets: {key: {matches: '^[a'}}
steps:
  - {GET: http://localhost/, auth: {bearer: "${{ secrets.key }}"}}
"#,
        r"2:28 [[] plan::bad-regex the regular expression does not parse: unclosed character class
  = close it, or write `\` before it where the character itself is meant
",
    );
}

#[test]
fn paths_and_operators_are_read_before_anything_is_sent() {
    check(
        r#"plan: P
defaults: {base_url: http://localhost}
steps:
  - {GET: /a, expect: {"$.a[": 1, $.b: {gtt: 1}, "$.c[*]": 1}}
"#,
        "4:28 [[] plan::bad-jsonpath `[` is not closed
  = add `]`
4:41 [gtt] plan::unknown-operator unknown operator `gtt`
  = did you mean `gt`?
  = a mapping is always operators; to compare with an object write `{equals: {…}}` or `{partial: {…}}`
4:60 [1] plan::not-singular a path that can yield many is compared with a number
  = use each, some, contains, or name an index
",
    );
}

#[test]
fn words_of_the_language_stand_where_they_mean_something() {
    check(
        r#"plan: P
defaults: {base_url: http://localhost}
steps:
  - {GET: "/${{ case.x }}/${{ services.a.url }}/${{ run.sed }}"}
"#,
        "4:17 [case.x] plan::undefined-name undefined name `case`
  = `case` exists where `matrix` or `rows` give cases
4:31 [services.a.url] plan::undefined-name undefined name `services.…`
  = services are known in environment files alone: give their values to the plan as `env.…`
4:53 [run.sed] plan::undefined-name undefined name `run.sed`
  = did you mean `run.seed`?
",
    );
}
