//! What is well-formed and can hardly be meant: each with a near-by plan that is left alone.

use super::{said, said_with};

/// What is said of a step, in a plan with a secret and a variable that holds it.
fn of_steps(steps: &str) -> String {
    let (_, found) = said(&format!("plan: P\nsteps:\n{steps}"), None);
    found
}

/// The first line of what is said of one step with a request and these further lines.
fn of_step(lines: &str) -> String {
    let lines: String = lines.lines().fold(String::new(), |all, line| all + "    " + line + "\n");
    of_steps(&format!("  - GET: http://localhost/a\n{lines}"))
}

#[track_caller]
fn is_said(found: &str, words: &str) {
    is_said_in(found, words, " plan::");
}

/// Says this, and nothing else of its room.
#[track_caller]
fn is_said_in(found: &str, words: &str, room: &str) {
    assert!(found.contains(words), "`{words}` is not in:\n{found}");
    let findings = found.lines().filter(|line| line.contains(room)).count();
    assert_eq!(findings, 1, "{found}");
}

#[test]
fn one_thing_under_two_spellings_is_told() {
    is_said(
        &of_step("expect: {$.a: {gt: 0}, \"$['a']\": {lt: 9}}"),
        "4:28 [\"$['a']\"] warning plan::asserted-twice `$['a']` and `$.a` are the same",
    );
    is_said(&of_step("expect: {headers: {Via: a, via: {contains: a}}}"), "plan::asserted-twice");
    is_said(&of_step("warn: {$.a: 1, \"$['a']\": {lt: 9}}"), "plan::asserted-twice");
    // What never holds together is an error.
    is_said(
        &of_step("expect: {$.a: {gt: 5}, \"$['a']\": {lt: 3}}"),
        "plan::impossible-assertion `gt` and `lt` never hold together",
    );
    is_said(&of_step("expect: {$.a: 5, \"$['a']\": 6}"), "never hold together");
    for sound in [
        "expect: {$.a: 1, $.b: 1, '$.a[0]': 1}",
        "expect: {headers: {Via: a, 'Via[0]': a, 'Via[*]': {length: 1}}}",
        "expect: {cookies: {a: b, A: b}}",
        "expect: {$.a: {gt: 0}}\nwarn: {$.a: {gt: 5}}",
        "expect: {one_of: {a: {$.a: 1}, b: {$.a: 2}}}",
    ] {
        assert_eq!(of_step(sound), "", "{sound}");
    }
}

#[test]
fn an_outcome_that_an_earlier_one_takes_away_is_told() {
    for (outcomes, words) in [
        ("{a: {status: 2xx}, b: {status: 201}}", "`a` always holds where `b` does"),
        ("{a: {status: 200}, b: {status: 200}}", "`a` always holds where `b` does"),
        ("{a: {$.x: {present: true}}, b: {$.x: {present: true}, $.y: 1}}", "`a` always holds"),
        ("{a: {status: any}, b: {status: 404, $.code: X}}", "`a` always holds"),
        ("{a: {status: 409}, b: {status: 200}, c: {status: 200, $.x: 1}}", "`b` always holds"),
        ("{a: {status: 2xx, $.x: '${{ y }}'}, b: {\"$['x']\": '${{ y }}'}}", "`a` always holds"),
    ] {
        let (_, found) = said(
            &format!(
                "plan: P\nvars: {{y: 1}}\nsteps:\n  - GET: http://localhost/a\n    expect: {{one_of: {outcomes}}}\n  - GET: http://localhost/${{{{ y }}}}\n"
            ),
            None,
        );
        is_said(&found, words);
        assert!(found.contains("warning plan::unreachable-outcome"), "{found}");
    }
    for sound in [
        "{a: {status: 201}, b: {status: 2xx}}",
        "{a: {status: 200}, b: {status: 404}}",
        "{a: {$.x: 1}, b: {$.x: 2}}",
        "{a: {$.x: 1, $.y: 1}, b: {$.x: 1}}",
        "{a: {$.x: {gt: 0}}, b: {$.x: {gt: 1}}}",
        "{a: {text: '${{ unique }}'}, b: {text: '${{ unique }}'}}",
        "{a: {values: {'random_int(1, 2)': 1}}, b: {values: {'random_int(1, 2)': 1}}}",
        "{a: {status: {not: 5xx}}, b: {status: any}}",
    ] {
        assert_eq!(of_step(&format!("expect: {{one_of: {sound}}}")), "", "{sound}");
    }
}

#[test]
fn an_outcome_that_never_holds_with_what_stands_beside_it_is_told() {
    is_said(
        &of_step(
            "expect: {status: 4xx, $.code: {present: true}, one_of: {a: {$.a: 1}, b: {status: 404, $.a: 2}}}",
        ),
        "the outcome `a` never holds with what stands beside `one_of`",
    );
    is_said(
        &of_step("expect: {$.n: {lt: 3}, one_of: {a: {$.n: {gt: 5}}, b: {$.n: 1}}}"),
        "the outcome `a` never holds",
    );
    assert_eq!(of_step("expect: {status: 2xx, one_of: {a: {$.a: 1}, b: {status: 201}}}"), "");
}

#[test]
fn a_step_that_waits_for_what_is_skipped_never_runs() {
    let skipped =
        "  - id: one\n    skip: broken\n    GET: http://localhost/a\n    capture: {x: $.x}\n";
    is_said(
        &of_steps(&format!("{skipped}  - GET: http://localhost/${{{{ x }}}}\n")),
        "warning plan::never-runs this step never runs: it needs the capture `x` of a step that is",
    );
    let needs = "  - {GET: \"http://localhost/b\", needs: [one]}\n";
    let other = "  - GET: http://localhost/${{ x | default('none') }}\n";
    is_said(&of_steps(&format!("{skipped}{needs}{other}")), "it needs a pass of a step");
    // The whole chain.
    let chain = format!(
        "{skipped}{other}  - {{id: two, GET: \"http://localhost/b\", needs: [one]}}\n  - {{GET: \"http://localhost/c\", needs: [two]}}\n"
    );
    assert_eq!(of_steps(&chain).matches("plan::never-runs").count(), 2);
    let group = format!(
        "  - skip: broken\n    parallel:\n      - {{id: one, GET: \"http://localhost/a\"}}\n      - GET: http://localhost/a\n{needs}"
    );
    is_said(&of_steps(&group), "plan::never-runs");
    // Without the skip, in cleanup, and where the step can do without.
    assert_eq!(
        of_steps(&format!("{}{needs}{other}", skipped.replace("skip: broken\n    ", ""))),
        ""
    );
    assert_eq!(of_steps(&format!("{skipped}{other}")), "");
    assert_eq!(of_steps(&format!("{skipped}{other}cleanup:\n{needs}")), "");
    assert_eq!(
        of_steps(&format!("{skipped}{other}{}", needs.replace("needs", "skip: too, needs"))),
        ""
    );
}

#[test]
fn a_step_that_nothing_can_fail_is_told() {
    is_said(
        &of_step("expect: {status: any}"),
        "4:22 [any] warning plan::never-fails nothing that comes back can fail this step",
    );
    is_said(&of_step("expect: {status: {gte: 100}}"), "plan::never-fails");
    for sound in [
        "expect: {status: {not: 5xx}}",
        "expect: {status: any, $.a: 1}",
        "expect: {status: any}\nbudget: 1s",
        "expect: {status: any}\nid: probe",
        "expect: {status: any, one_of: {a: {status: 200}, b: {status: 404}}}",
        "expect: {headers: {Via: a}}",
    ] {
        assert_eq!(of_step(sound), "", "{sound}");
    }
    let elsewhere = "  - GET: http://localhost/a\nsetup:\n  - {GET: \"http://localhost/a\", expect: {status: any}}\n";
    assert_eq!(
        of_steps(&format!("{elsewhere}cleanup:\n{}", elsewhere.lines().last().unwrap())),
        ""
    );
}

#[test]
fn a_budget_that_something_ends_before_is_told() {
    is_said(
        &of_step("budget: 1m"),
        "4:13 [1m] warning plan::never-fails this budget is never exceeded: `timeout` ends it after 30s",
    );
    is_said(&of_step("timeout: 2s\nbudget: {wait: 2s, total: 1s}"), "the budget of `wait`");
    is_said(&of_step("deadline: 2s\nbudget: 3s"), "`deadline` ends it");
    is_said(&of_step("warn: {budget: 40s}"), "plan::never-fails");
    let (_, plan) =
        said("plan: P\nbudget: 2m\ndeadline: 1m\nsteps:\n  - GET: http://localhost/a\n", None);
    is_said(&plan, "2:9 [2m] warning plan::never-fails");
    for sound in [
        "budget: 29s",
        "timeout: 2m\nbudget: 1m",
        "timeout: 2s\nbudget: {wait: 1s}",
        "deadline: 4s\nbudget: 3s",
    ] {
        assert_eq!(of_step(sound), "", "{sound}");
    }
    // The wall clock of a group is not that of one exchange.
    let group = "  - budget: 1m\n    parallel:\n      - GET: http://localhost/a\n      - GET: http://localhost/a\n";
    assert_eq!(of_steps(group), "");
}

#[test]
fn a_secret_in_a_url_is_told() {
    let of = |step: &str| {
        let (_, found) = said(
            &format!(
                "plan: P\nsecrets: {{key: {{}}}}\nvars: {{pair: \"k=${{{{ secrets.key }}}}\"}}\nsteps:\n  - {{GET: \"http://localhost/${{{{ 1 + 1 }}}}\", text: \"${{{{ secrets.key }}}} ${{{{ pair }}}}\"}}\n{step}"
            ),
            None,
        );
        found
    };
    is_said(
        &of("  - GET: http://localhost/a?k=${{ secrets.key }}\n"),
        "6:35 [secrets.key] warning plan::secret-in-url the secret `key` goes into the URL",
    );
    is_said(&of("  - GET: http://localhost/a?${{ pair }}\n"), "plan::secret-in-url");
    is_said(
        &of("  - GET: http://localhost/a\n    query: {k: [a, \"${{ secrets.key }}\"]}\n"),
        "7:25 [secrets.key] warning plan::secret-in-url",
    );
    for sound in [
        "  - GET: http://localhost/a\n    auth: {api_key: {query: k, value: \"${{ secrets.key }}\"}}\n",
        "  - GET: http://localhost/a\n    headers: {X-Key: \"${{ secrets.key }}\"}\n",
        "  - GET: http://localhost/a\n    query: {sig: \"${{ 'a' | hmac_sha256(secrets.key) }}\"}\n",
    ] {
        assert_eq!(of(sound), "", "{sound}");
    }
}

#[test]
fn captures_and_inputs_that_nobody_uses_are_told() {
    is_said(
        &of_step("capture: {a: $.a}"),
        "4:15 [a] warning plan::unused the capture `a` is never used",
    );
    let (_, input) = said_with(
        "plan: P\ninputs: [a, b]\nsteps:\n  - GET: http://localhost/${{ a }}\n",
        None,
        &["a", "b"],
    );
    is_said(&input, "2:13 [b] warning plan::unused the input `b` is never used");
    for sound in [
        "capture: {a: $.a}\nexpect: {values: {a: 1}}",
        "capture: {a: $.a}\nexpect: {values: {'a > 1': true}}",
    ] {
        assert_eq!(of_step(sound), "", "{sound}");
    }
    let later = "  - {GET: \"http://localhost/a\", capture: {a: $.a}}\n  - assert: [a == 1]\n";
    assert_eq!(of_steps(later), "");
}

#[test]
fn a_variable_whose_value_is_known_is_judged_where_it_is_used() {
    let of = |vars: &str, step: &str| {
        let text = format!(
            "plan: P\nvars: {{{vars}}}\nsteps:\n  - GET: http://localhost/${{{{ t }}}}\n    {step}\n"
        );
        said(&text, None).1
    };
    is_said(
        &of("t: 30", "timeout: ${{ t }}"),
        "5:14 [${{ t }}] plan::bad-duration `t` does not fit here: `30` is not a duration\n  also 2:11 its value",
    );
    is_said(&of("t: many", "repeat: ${{ t }}"), "plan::wrong-type `t` does not fit here");
    for (vars, step) in [
        ("t: 30s", "timeout: ${{ t }}"),
        ("t: '${{ 1 + 1 }}s'", "timeout: ${{ t }}"),
        ("t: 30", "timeout: ${{ t }}s"),
        ("t: true", "follow_redirects: ${{ t }}"),
        ("t: 3", "follow_redirects: ${{ t }}"),
    ] {
        assert_eq!(of(vars, step), "", "{vars} {step}");
    }
}

#[test]
fn a_status_that_no_response_has_is_told() {
    is_said(
        &of_step("expect: {status: {gt: 599}}"),
        "plan::impossible-assertion no status is like",
    );
    is_said(&of_step("warn: {status: {not: any}}"), "no status is like");
    is_said(&of_step("expect: {one_of: {a: {status: {lt: 100}}, b: {status: 2xx}}}"), "no status");
    assert_eq!(of_step("expect: {status: {gt: 598}, $.a: 1}"), "");
}

#[test]
fn braces_without_their_dollar_are_told_wherever_an_operand_stands() {
    for (expect, at) in [
        ("{$.a: '{{ y }}'}", "4:20 [{{ y }}]"),
        ("{$.a: {equals: ['{{ y }}']}}", "4:30 [{{ y }}]"),
        ("{$.a: {partial: {b: '{{ y }}'}}}", "4:34 [{{ y }}]"),
        ("{status: '{{ y }}'}", "4:23 [{{ y }}]"),
        ("{values: {'1': '{{ y }}'}}", "4:29 [{{ y }}]"),
    ] {
        is_said_in(&of_step(&format!("expect: {expect}")), &format!("{at} yaml::trap"), " yaml::");
    }
    assert_eq!(of_step("expect: {$.a: {matches: '\\{\\{ x \\}\\}'}}"), "");
}

#[test]
fn what_cannot_be_read_is_no_reason_for_other_complaints() {
    let found = of_step("expect: {status: 404, $.code: {equls: X}}");
    is_said(&found, "plan::unknown-operator");
}

#[test]
fn what_a_plan_for_including_captures_and_defines_is_there_to_be_taken() {
    let plan = |line: &str| {
        let text = format!(
            "plan: P\n{line}vars: {{role: reader}}\nsteps:\n  - GET: http://localhost/a\n    capture: {{token: $.t}}\n"
        );
        said(&text, None).1
    };
    assert_eq!(plan("include_only: true\n"), "");
    let alone = plan("");
    assert!(alone.contains("the variable `role` is never used"), "{alone}");
    assert!(alone.contains("the capture `token` is never used"), "{alone}");
}

#[test]
fn a_number_of_requests_a_path_or_a_digest_that_there_never_is_is_told() {
    let digest = "0123456789abcdef".repeat(4);
    let half = "0123456789abcdef".repeat(2);
    for (lines, words) in [
        ("hops: {auth: {count: -1}}", "there are never -1 requests"),
        ("hops: {auth: {count: 1.5}}", "there are never 1.5 requests"),
        ("hops: {auth: {path: '/keys?q=a'}}", "no path is like this"),
        ("hops: {auth: {path: keys}}", "no path is like this"),
        ("sha256: abc", "no digest is like this"),
        (&format!("sha256: {half}"), "no digest is like this"),
        ("md5: zz", "no digest is like this"),
    ] {
        let found = of_step(&format!("expect: {{{lines}}}"));
        is_said_in(&found, &format!("plan::impossible-assertion {words}"), " plan::");
    }
    for sound in [
        "hops: {auth: {count: 0}}",
        "hops: {auth: {count: 2}}",
        "hops: {auth: {count: {lt: 1.5}}}",
        "hops: {auth: {path: /keys}}",
        "hops: {auth: {path: {contains: keys}}}",
        "hops: {auth: {path: '${{ unique }}'}}",
        &format!("sha256: {digest}"),
        &format!("md5: '{half}'"),
        "sha256: {matches: abc}",
        "sha256: '${{ unique }}'",
    ] {
        let found = of_step(&format!("expect: {{{sound}}}"));
        assert!(!found.contains("impossible-assertion"), "{sound}: {found}");
    }
}

#[test]
fn a_sleep_that_its_deadline_ends_is_told() {
    is_said(
        &of_steps("  - sleep: 10s\n    deadline: 5s\n"),
        "plan::conflict this step always fails",
    );
    for sound in ["sleep: 5s\n    deadline: 5s", "sleep: 5s\n    deadline: 10s", "sleep: 10s"] {
        let found = of_steps(&format!("  - {sound}\n"));
        assert!(!found.contains("always fails"), "{sound}: {found}");
    }
}
