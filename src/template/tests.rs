//! What a template does, case by case; each kind of mistake has its own.

mod resolved;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::finding::{Code, Fault};

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What the expressions of these tests know.
pub(super) fn names() -> Names {
    let mut secrets = Names::default();
    secrets.bind("api_key", json!("hk_live_0123"), Some(Arc::from("api_key")));
    secrets.bind("object", json!({"inner": "deep"}), Some(Arc::from("object")));
    let mut env = Names::default();
    env.insert("registry_url", json!("https://registry.example.com"));
    let mut create = Names::default();
    create.insert("sent", json!(true));
    create.insert("json", json!({"id": 7, "error": null}));
    create.insert("headers", json!({"X-Trace": "abc"}));
    let mut steps = Names::default();
    steps.insert_group("create", create);
    let mut names = Names::default();
    names.insert_group("secrets", secrets);
    names.insert_group("env", env);
    names.insert_group("steps", steps);
    names.insert("count", json!(3));
    names.insert("big", read("18446744073709551616"));
    names.insert("fine", read("0.5000000000000000000001"));
    names.insert("price", read("1.10"));
    names.insert("flag", json!(false));
    names.insert("nothing", json!(null));
    names.insert("word", json!("Ada Lovelace"));
    names.insert("hostile", json!("${{ secrets.api_key }}"));
    names.insert("user", read(r#"{"name":"Ada","items":[{"id":1},{"id":2.50}],"a/b":{"c":1}}"#));
    names.insert("prices", read("[2.50, 1.10, 18446744073709551616]"));
    names.insert_omit("left_out");
    names
}

pub(super) fn with_scope<T>(
    names: &Names,
    seed: Seed<'_>,
    use_it: impl FnOnce(&Scope<'_>) -> T,
) -> T {
    let count = Cell::new(1_u64 << 40);
    let entropy = || {
        count.set(count.get() + 1);
        count.get()
    };
    let file = |path: &str| match path {
        "a.txt" => Ok(b"text".to_vec()),
        "a.bin" => Ok(vec![0xff, 0x00]),
        _ => Err(format!("there is no file `{path}`")),
    };
    let now = "2026-03-01T10:20:30.5Z".parse().unwrap();
    use_it(&Scope { names, seed, now, entropy: &entropy, file: &file })
}

fn evaluate(text: &str) -> Result<Evaluated, EvalFault> {
    let template = Template::parse(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    with_scope(&names(), Seed::default(), |scope| template.eval(scope))
}

fn value(text: &str) -> Value {
    evaluate(text).unwrap_or_else(|fault| panic!("{text}: {fault}")).value().unwrap()
}

/// What is said of an expression that cannot be evaluated, with the text that it points at.
fn failure(text: &str) -> String {
    let fault = match evaluate(text) {
        Err(fault) => fault,
        Ok(evaluated) => panic!("{text} gave {evaluated:?}"),
    };
    assert_eq!(fault.code() == Code::OmitInText, fault.kind == EvalFaultKind::OmitInText);
    let help = fault.help().map(|help| format!("; {help}")).unwrap_or_default();
    format!("[{}] {fault}{help}", &text[fault.range.clone()])
}

/// What is said of a text that is no template, with the text that it points at.
fn refusals(text: &str) -> Vec<String> {
    let faults = Template::parse(text).expect_err(text);
    faults.iter().map(|fault| format!("[{}] {fault}", &text[fault.range.clone()])).collect()
}

#[test]
fn a_whole_template_keeps_the_type_of_its_value() {
    let table = [
        ("${{ count }}", "3"),
        ("${{count}}", "3"),
        ("n-${{ count }}", r#""n-3""#),
        (" ${{ count }}", r#"" 3""#),
        ("${{ flag }}", "false"),
        ("is ${{ flag }}", r#""is false""#),
        ("${{ nothing }}", "null"),
        ("${{ nothing }}!", r#""null!""#),
        ("${{ user.items }}", r#"[{"id":1},{"id":2.50}]"#),
        ("items: ${{ user.items }}", r#""items: [{\"id\":1},{\"id\":2.50}]""#),
        ("${{ word }}", r#""Ada Lovelace""#),
        ("${{ count }}${{ count }}", r#""33""#),
        ("", r#""""#),
    ];
    for (text, expected) in table {
        assert_eq!(value(text).to_string(), expected, "{text}");
    }
}

#[test]
fn a_doubled_dollar_and_other_braces_are_text() {
    let table = [
        ("$${{ x }}", "${{ x }}"),
        ("$$${{ x }}", "$${{ x }}"),
        ("a $${{ ${{ count }} }}", "a ${{ 3 }}"),
        ("{% if x %} }} {{ 1 }} ${x} {{}}", "{% if x %} }} {{ 1 }} ${x} {{}}"),
        ("ä${{ '}}' }}", "ä}}"),
        ("x${{ {'a': {'b': 1}} }}", r#"x{"a":{"b":1}}"#),
        ("x${{ 'it\\'s' }}", "xit's"),
    ];
    for (text, expected) in table {
        assert_eq!(value(text), json!(expected), "{text}");
    }
    assert_eq!(Template::parse("$${{ x }}").unwrap().is_literal(), Some("${{ x }}"));
    assert_eq!(Template::parse("${{ x }}").unwrap().is_literal(), None);
}

#[test]
fn what_came_out_of_a_response_is_never_rendered_again() {
    assert_eq!(value("x ${{ hostile }}"), json!("x ${{ secrets.api_key }}"));
    assert_eq!(value("${{ hostile }}"), json!("${{ secrets.api_key }}"));
}

#[test]
fn numbers_keep_every_digit_until_arithmetic_touches_them() {
    let table = [
        ("${{ big }}", "18446744073709551616"),
        ("${{ fine }}", "0.5000000000000000000001"),
        ("${{ 0.5000000000000000000001 }}", "0.5000000000000000000001"),
        ("${{ -fine }}", "-0.5000000000000000000001"),
        ("${{ price }}", "1.10"),
        ("${{ price | default(0) }}", "1.10"),
        ("${{ prices | first }}", "2.50"),
        ("${{ prices | last }}", "18446744073709551616"),
        ("${{ prices | sort }}", "[1.10,2.50,18446744073709551616]"),
        ("${{ prices | max }}", "18446744073709551616"),
        ("${{ prices | reverse }}", "[18446744073709551616,1.10,2.50]"),
        ("${{ user.items | map(attribute='id') | list }}", "[1,2.50]"),
        ("${{ fine if count == 3 else 1 }}", "0.5000000000000000000001"),
        ("${{ [fine, {'x': price}] }}", r#"[0.5000000000000000000001,{"x":1.10}]"#),
        ("${{ fine > 0.5 }}", "true"),
        ("${{ big == 18446744073709551617 }}", "false"),
        ("${{ big is eq 18446744073709551616.0 }}", "true"),
        ("${{ fine | json }}", r#""0.5000000000000000000001""#),
        ("n ${{ price }}", r#""n 1.10""#),
        ("${{ big + 1 }}", "18446744073709551617"),
        ("${{ fine + 1 }}", "1.5"),
    ];
    for (text, expected) in table {
        assert_eq!(value(text).to_string(), expected, "{text}");
    }
}

#[test]
fn expressions_compute_as_jinja_does() {
    let table = [
        ("1 + 2 * 3", "7"),
        ("2 ** 10", "1024"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7 / 2", "3.5"),
        ("100 / 2", "50.0"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("'a' ~ 1 ~ true ~ none", r#""a1truenull""#),
        ("'a' + 'b'", r#""ab""#),
        ("[1] + [2]", "[1,2]"),
        ("'ab' * 2", r#""abab""#),
        ("[1, 2] * 2", "[1,2,1,2]"),
        ("1 < 2 < 3", "true"),
        ("1 < 3 < 2", "false"),
        ("'a' < 'b'", "true"),
        ("1 == 1.0", "true"),
        ("1 == '1'", "false"),
        ("'da' in word", "true"),
        ("2 not in [1]", "true"),
        ("'name' in user", "true"),
        ("not flag", "true"),
        ("flag or 'x'", r#""x""#),
        ("count and 'x'", r#""x""#),
        ("flag and 1 / 0", "false"),
        ("'a' if count > 2 else 'b'", r#""a""#),
        ("user['name']", r#""Ada""#),
        ("user['a/b'].c", "1"),
        ("user.items[0].id", "1"),
        ("user.items[-1]['id']", "2.50"),
        ("user.items.1.id", "2.50"),
        ("word[0]", r#""A""#),
        ("word[:3]", r#""Ada""#),
        ("word[::-1][:4]", r#""ecal""#),
        ("[1,2,3,4][1:3]", "[2,3]"),
        ("[1,2,3,4][::2]", "[1,3]"),
        ("{'a': count}.a", "3"),
        ("steps.create.headers['X-Trace']", r#""abc""#),
        ("steps.create.sent", "true"),
        ("env", r#"{"registry_url":"https://registry.example.com"}"#),
        ("range(3)", "[0,1,2]"),
        ("range(5, 0, -2)", "[5,3,1]"),
        ("dict(a=1)", r#"{"a":1}"#),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("count is odd", "true"),
        ("count is not even", "true"),
        ("count is number and word is string", "true"),
        ("count is integer and price is float", "true"),
        ("nothing is none", "true"),
        ("count is in [3]", "true"),
        ("word is startingwith 'Ada'", "true"),
    ];
    for (expression, expected) in table {
        assert_eq!(
            value(&format!("${{{{ {expression} }}}}")).to_string(),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn our_filters_give_what_their_names_say() {
    let table = [
        ("'a?>' | base64", r#""YT8+""#),
        ("'a?>' | base64url", r#""YT8-""#),
        ("'a' | base64url", r#""YQ""#),
        ("'aä' | hex", r#""61c3a4""#),
        ("'' | sha256", r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#),
        (
            "'what do ya want for nothing?' | hmac_sha256('Jefe')",
            r#""5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843""#,
        ),
        ("'a b/ä~' | urlencode", r#""a%20b%2F%C3%A4~""#),
        ("user.items | json", r#""[{\"id\":1},{\"id\":2.50}]""#),
        ("'<a>' | tojson", r#""\"<a>\"""#),
        ("word | raw", r#""Ada Lovelace""#),
        ("'v1.25' | regex('v(\\d+)')", r#""1""#),
        ("'v1.25' | regex('[.]\\d+')", r#""" .25""#),
        ("'2026-03-01T10:20:30Z' | date('%Y-%m-%d %H')", r#""2026-03-01 10""#),
        ("'2026-03-01T10:20:30+02:00' | date('%H:%M')", r#""10:20""#),
        ("'2026-03-01' | date('%d.%m.%Y')", r#""01.03.2026""#),
        ("1000 | date('%S')", r#""01""#),
        ("now() | add_days(1) | date('%Y-%m-%d')", r#""2026-03-02""#),
        ("now() | add_days(-1)", r#""2026-02-28T10:20:30.500Z""#),
        ("'2026-02-28' | add_days(1)", r#""2026-03-01""#),
        ("0 | add_days(1)", "86400000"),
        ("'ä' | length", "1"),
        ("user | length", "3"),
        ("count | string", r#""3""#),
        ("word | upper", r#""ADA LOVELACE""#),
        ("word | replace('Ada', 'A.') | lower", r#""a. lovelace""#),
        ("[1, 2] | join('-')", r#""1-2""#),
        ("'42' | int", "42"),
        ("word | split(' ') | last", r#""Lovelace""#),
        ("user.items | selectattr('id', 'eq', 1) | list | length", "1"),
        ("missing | default('x')", r#""x""#),
        ("user.missing.deeper | default('x')", r#""x""#),
        ("nothing.x | default('x')", r#""x""#),
        ("'' | default('x', true)", r#""x""#),
        ("'' | default('x')", r#""""#),
        ("missing is defined", "false"),
        ("user.name is defined", "true"),
        ("user.items[9] is undefined", "true"),
        ("user.nam if user.nam is defined else 'none'", r#""none""#),
    ];
    for (expression, expected) in table {
        let expected = expected.replace("\" .25", ".25");
        assert_eq!(
            value(&format!("${{{{ {expression} }}}}")).to_string(),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn a_filter_that_cannot_do_it_says_what_it_wants() {
    let table = [
        (
            "${{ count | length }}",
            "[count | length] the filter `length` wants a text, a list or an object and was given a number",
        ),
        (
            "${{ 'x' | regex('y') }}",
            "[regex('y')] the filter `regex` wants a text that the expression matches and was given a text",
        ),
        (
            "${{ 'x' | regex(word ~ '(') }}",
            "[word ~ '('] the filter `regex` wants a regular expression that parses and was given a text",
        ),
        (
            "${{ 'x' | date('%Y') }}",
            "[date('%Y')] the filter `date` wants a time: RFC 3339, a date, or milliseconds and was given a text",
        ),
        (
            "${{ '2026-01-01' | date('%H') }}",
            "['%H'] the filter `date` wants a format that strftime knows and the time can fill and was given a text",
        ),
        (
            "${{ '2026-01-01' | add_days('x') }}",
            "['x'] the filter `add_days` wants a whole number of days and was given a text",
        ),
        ("${{ 'x' | int }}", "[int] the filter `int` cannot take a text as it is here"),
        ("${{ range(0) | first }}", "[first] `the list` has only 0 items"),
        ("${{ 'a' is lower(1) }}", "[lower(1)] the test `lower` cannot take a text as it is here"),
        (
            "${{ random_int(2, 1) }}",
            "[random_int(2, 1)] the function `random_int` wants the smaller number first and was given them the other way round",
        ),
        (
            "${{ random_int('a', 1) }}",
            "['a'] the function `random_int` wants a whole number and was given a text",
        ),
        (
            "${{ random_string(-1) }}",
            "[random_string(-1)] the function `random_string` wants 0 to 100000 and was given another number",
        ),
        (
            "${{ fake(word) }}",
            "[word] the function `fake` wants 'email' or 'name' and was given another text",
        ),
        ("${{ file('none') }}", "['none'] the file cannot be read: there is no file `none`"),
        (
            "${{ file('a.bin') }}",
            "[file('a.bin')] the bytes are not UTF-8 text; encode it: `file('…') | base64`",
        ),
    ];
    for (text, expected) in table {
        let said = failure(text);
        let (place, words) = said.split_once("] ").unwrap();
        let (expected_place, expected_words) = expected.split_once("] ").unwrap();
        assert_eq!(words, expected_words, "{text}");
        assert!(place.ends_with(expected_place.trim_start_matches('[')), "{text}: {place}");
    }
}

#[test]
fn undefined_never_renders_and_says_what_is_there() {
    let table = [
        ("${{ coutn }}", "[coutn] nothing is named `coutn` here; did you mean `count`?"),
        (
            "x ${{ user.nmae }}",
            "[user.nmae] `user` has no field `nmae`; did you mean `name`? there are: `name`, `items`, `a/b`",
        ),
        ("${{ user.items[5].id }}", "[user.items[5]] `user.items` has only 2 items"),
        ("${{ user.name.first }}", "[user.name.first] `user.name` is a text and has no `first`"),
        ("${{ nothing[0] }}", "[nothing[0]] `nothing` is null and has no `[0]`"),
        (
            "${{ env.regstry_url | upper }}",
            "[env.regstry_url] `env` has no field `regstry_url`; did you mean `registry_url`? there are: `registry_url`",
        ),
        ("${{ secrets.object.x }}", "[secrets.object.x] `secrets.object` has no field `x`"),
        ("${{ missing or 1 }}", "[missing] nothing is named `missing` here"),
        ("${{ 1 if missing else 2 }}", "[missing] nothing is named `missing` here"),
        ("${{ missing == none }}", "[missing] nothing is named `missing` here"),
        (
            "${{ 'a' if flag }}",
            "['a' if flag] the condition does not hold and there is no `else`; write `a if c else b`; `else omit` leaves the value out",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(failure(text), expected, "{text}");
    }
}

#[test]
fn operands_that_do_not_go_together_are_refused() {
    let table = [
        (
            "${{ count + '1' }}",
            "[count + '1'] `+` cannot stand between a number and a text; to join texts, write `a ~ b`; to add, make both numbers: `a | int`",
        ),
        (
            "${{ '5' < 6 }}",
            "['5' < 6] `<` cannot stand between a text and a number; turn a text into a number with `| int` or `| float`",
        ),
        (
            "${{ -word }}",
            "[-word] `-` cannot stand before a text; turn a text into a number with `| int` or `| float`",
        ),
        (
            "${{ 1 in 2 }}",
            "[1 in 2] `in` cannot stand between a number and a number; turn a text into a number with `| int` or `| float`",
        ),
        ("${{ 1 / 0 }}", "[1 / 0] the result is not a number"),
        ("${{ 1 // 0 }}", "[1 // 0] the result is not a number"),
    ];
    for (text, expected) in table {
        assert_eq!(failure(text), expected, "{text}");
    }
}

#[test]
fn traps_of_other_languages_have_words_of_their_own() {
    let table: [(&str, &[&str]); 24] = [
        ("a {{ model }}", &["[{{ model }}] `{{ model }}` is no template: the `$` is missing"]),
        ("{{$guid}}", &["[{{$guid}}] `{{ $guid }}` is no template: the `$` is missing"]),
        ("${{ x", &["[${{ x] `${{` is not closed"]),
        ("${{ x } and ${{ y }}", &["[}] the template is closed by one `}` instead of two"]),
        ("${{ x ${{ y }}", &["[${{ x ] `${{` is not closed"]),
        ("${{ 'x }}", &["['x ] a quote inside the template is not closed"]),
        ("${{ }}", &["[ ] nothing stands between `${{` and `}}`"]),
        ("${{}}", &["[] nothing stands between `${{` and `}}`"]),
        ("${{ !x }}", &["[!] `!` is not known in expressions"]),
        (
            "${{ a && b || c }}",
            &["[&&] `&&` is not known in expressions", "[||] `||` is not known in expressions"],
        ),
        ("${{ a ? b : c }}", &["[?] `?` is not known in expressions"]),
        ("${{ x == null }}", &["[null] `null` is not known in expressions"]),
        ("${{ x === 1 }}", &["[===] `===` is not known in expressions"]),
        ("${{ x = 1 }}", &["[=] `=` is not known in expressions"]),
        ("${{ $.id }}", &["[$] `$` is not known in expressions"]),
        (
            "${{ “x” }}",
            &["[“] `“` is not known in expressions", "[”] `”` is not known in expressions"],
        ),
        ("${{ uper(x) }}", &["[uper] unknown function `uper`"]),
        (
            "${{ x | uper }} ${{ y | lowr }}",
            &["[uper] unknown filter `uper`", "[lowr] unknown filter `lowr`"],
        ),
        ("${{ x is strng }}", &["[strng] unknown test `strng`"]),
        ("${{ x.upper() }}", &["[upper] `.upper()` cannot be called: values have no methods"]),
        ("${{ uuid(1) }}", &["[uuid(1)] `uuid()` is given 1 argument"]),
        (
            "${{ 1 + }}",
            &["[+] the expression does not parse: unexpected end of input, expected expression"],
        ),
        ("${{ a b }}", &["[b] the expression does not parse: unexpected input after expression"]),
        (
            "${{ fake('phone') }}",
            &["['phone'] `fake('email' or 'name')`: there is no fake `phone`"],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(refusals(text), expected, "{text}");
    }
}

#[test]
fn help_says_what_to_type() {
    let help = |text: &str| {
        let faults = Template::parse(text).expect_err(text);
        faults.first().and_then(Fault::help).unwrap_or_default()
    };
    assert_eq!(help("${{ a && b }}"), "write `and`");
    assert_eq!(help("${{ a ? b : c }}"), "write `a if c else b`");
    assert_eq!(help("${{ x == null }}"), "write `none`");
    assert_eq!(help("${{ x | uper }}"), "did you mean `upper`?");
    assert_eq!(help("${{ upper(x) }}"), "`upper` is a filter: write `value | upper`");
    assert_eq!(help("${{ x | uuid }}"), "`uuid` is a function: write `uuid(…)`");
    assert_eq!(help("${{ x.upper() }}"), "write `value | upper`");
    assert_eq!(help("${{ random_int(1) }}"), "write it as `random_int(a, b)`");
    assert!(help("{{ x }}").starts_with("write `${{ x }}`"));
    // And the help for a literal `{{ x }}` is true.
    assert_eq!(value("${{ '{{ x }}' }}"), json!("{{ x }}"));
}

#[test]
fn a_regular_expression_is_refused_at_its_place() {
    assert_eq!(
        refusals("x ${{ word | regex('a(b') }}"),
        ["[(] the regular expression does not parse: unclosed group"]
    );
}

#[test]
fn omit_leaves_out_a_whole_and_nothing_else() {
    assert_eq!(evaluate("${{ omit }}"), Ok(Evaluated::Omit));
    assert_eq!(evaluate("${{ left_out }}"), Ok(Evaluated::Omit));
    assert_eq!(evaluate("${{ 'x' if flag else omit }}"), Ok(Evaluated::Omit));
    assert_eq!(evaluate("${{ missing | default(omit) }}"), Ok(Evaluated::Omit));
    assert_eq!(value("${{ 'x' if not flag else omit }}"), json!("x"));
    assert_eq!(refusals("n-${{ omit }}"), ["[omit] `omit` stands inside a text"]);
    let code = Template::parse("n-${{ omit }}").unwrap_err().first().map(Fault::code);
    assert_eq!(code, Some(Code::OmitInText));
    assert!(failure("n-${{ left_out }}").starts_with("[left_out] `omit` came out inside a text"));
    assert!(failure("${{ left_out ~ 'x' }}").starts_with("[left_out] `omit` came out"));
}
