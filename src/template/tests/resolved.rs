//! Names, secrets and random values: what a template sees, and what it must not show.

use super::*;

#[test]
fn what_derives_from_a_secret_is_tainted_and_nothing_else() {
    let tainted = [
        "${{ secrets.api_key }}",
        "Bearer ${{ secrets.api_key }}",
        "${{ secrets.api_key[:7] }}",
        "${{ secrets.api_key | base64 }}",
        "${{ 'x' | hmac_sha256(secrets.api_key) }}",
        "${{ secrets.api_key ~ count }}",
        "${{ [1, secrets.api_key] }}",
        "${{ {'a': secrets.api_key}.a }}",
        "${{ flag or secrets.api_key }}",
        "${{ missing | default(secrets.api_key) }}",
        "${{ secrets.api_key | upper | lower }}",
        "${{ secrets | json }}",
        "${{ secrets.object.inner }}",
    ];
    for text in tainted {
        let taint = evaluate(text).unwrap().taint();
        assert!(taint.is_some(), "{text}");
    }
    let plain = [
        "${{ count }}",
        "${{ 'x' if secrets.api_key == 'y' else 'z' }}",
        "${{ secrets.api_key is startingwith 'hk_live' }}",
        "${{ count or secrets.api_key }}",
    ];
    for text in plain {
        assert_eq!(evaluate(text).unwrap().taint(), None, "{text}");
    }
}

#[test]
fn no_message_and_no_debug_output_holds_a_value() {
    let texts = [
        "${{ secrets.api_key.x }}",
        "${{ secrets.api_key | int }}",
        "${{ secrets.api_key + 1 }}",
        "${{ secrets.api_key | date('%Y') }}",
        "${{ secrets.api_key | regex('nope') }}",
        "${{ 'x' | regex(secrets.api_key ~ '(') }}",
        "${{ fake(secrets.api_key) }}",
        "${{ file(secrets.api_key) }}",
        "${{ user[secrets.api_key ~ ''] | length }}",
    ];
    for text in texts {
        let fault = evaluate(text).unwrap_err();
        let said = format!("{fault} {fault:?} {:?}", fault.help());
        assert!(!said.contains("0123"), "{text}: {said}");
    }
    let shown = format!("{:?} {:?}", names(), evaluate("${{ secrets.api_key }}"));
    assert!(!shown.contains("0123"), "{shown}");
}

#[test]
fn parts_come_one_by_one_for_urls() {
    let text = "${{ env.registry_url }}/models/${{ word }}?q=${{ 'a b' | raw }}";
    let template = Template::parse(text).unwrap();
    assert!(template.starts_with_expression());
    let parts =
        with_scope(&names(), Seed::default(), |scope| template.eval_parts(scope)).unwrap().unwrap();
    let shown: Vec<_> = parts
        .iter()
        .map(|part| match part {
            EvaluatedPart::Literal(text) => (*text).to_owned(),
            EvaluatedPart::Value { text, raw, name, range, .. } => {
                assert!(template.text()[range.clone()].starts_with("${{"));
                format!("{text}|{raw}|{}", name.as_deref().unwrap_or("-"))
            }
        })
        .collect();
    let expected = [
        "https://registry.example.com|false|env.registry_url",
        "/models/",
        "Ada Lovelace|false|word",
        "?q=",
        "a b|true|-",
    ];
    assert_eq!(shown, expected);
    let omitted = Template::parse("${{ omit }}").unwrap();
    let parts = with_scope(&names(), Seed::default(), |scope| omitted.eval_parts(scope));
    assert_eq!(parts, Ok(None));
}

#[test]
fn every_name_is_found_with_its_path_and_place() {
    let text = "é${{ steps.create.headers['X'].y[0].z ~ user.items[n.m].id ~ file('a.txt') }}${{ omit_it if a.b is defined and a.b.c else d | default(e) | f.g | upper }}";
    let text = text.replace(" | f.g", "");
    let template = Template::parse(&text).unwrap();
    let found: Vec<_> = template
        .names()
        .iter()
        .map(|name| {
            let segments: Vec<_> = name.segments.iter().map(|s| &text[s.clone()]).collect();
            let guarded = if name.guarded { "?" } else { "" };
            assert!(name.path.len() == segments.len());
            format!("{}{guarded} [{}]", segments.join(" "), &text[name.range.clone()])
        })
        .collect();
    let expected = [
        "steps create headers 'X' y [steps.create.headers['X'].y]",
        "user items [user.items]",
        "n m [n.m]",
        "a b? [a.b]",
        "a b c? [a.b.c]",
        "omit_it [omit_it]",
        "d? [d]",
        "e [e]",
    ];
    assert_eq!(found, expected);
    let files: Vec<_> = template.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["a.txt"]);
}

#[test]
fn an_expression_may_stand_bare_where_one_is_due() {
    let eval = |text: &str| {
        let template = Template::parse_expression(text).unwrap();
        with_scope(&names(), Seed::default(), |scope| template.eval(scope)).unwrap().value()
    };
    assert_eq!(eval("count > 2"), Some(json!(true)));
    assert_eq!(eval("${{ count > 2 }}"), Some(json!(true)));
    assert_eq!(eval("${{ count > 2 }}\n"), Some(json!(true)));
    let faults = Template::parse_expression("!flag").unwrap_err();
    assert_eq!(faults.first().and_then(Fault::help), Some("write `not`".into()));
    let faults = Template::parse_expression("${{ a }} and b").unwrap_err();
    assert_eq!(faults.first().map(|f| &f.kind), Some(&TemplateFaultKind::NotWhole));
    let faults = Template::parse_expression("{{ a }}").unwrap_err();
    assert_eq!(faults.first().map(Fault::code), Some(Code::YamlTrap));
    assert!(Template::parse_expression("").is_err());
}

#[test]
fn the_seed_repeats_every_random_value_and_the_place_tells_them_apart() {
    let template = Template::parse(
        "${{ uuid() }} ${{ uuid() }} ${{ random_int(1, 1000000) }} ${{ random_string(12) }} ${{ fake('email') }} ${{ fake('name') }}",
    )
    .unwrap();
    let at = |template: &Template, seed: Seed<'_>| {
        let evaluated = with_scope(&names(), seed, |scope| template.eval(scope)).unwrap();
        evaluated.value().unwrap().as_str().unwrap().to_owned()
    };
    let seed = Seed { seed: 1, plan: "p", case: "c", step: "s", iteration: 1, attempt: 1 };
    let first = at(&template, seed);
    assert_eq!(first, at(&template, seed));
    for other in [
        Seed { seed: 2, ..seed },
        Seed { plan: "q", ..seed },
        Seed { case: "d", ..seed },
        Seed { step: "t", ..seed },
        Seed { plan: "pc", case: "", ..seed },
        Seed { iteration: 2, ..seed },
        Seed { attempt: 2, ..seed },
    ] {
        assert_ne!(first, at(&template, other));
    }
    let place = Place { source: crate::source::SourceId(0), span: (9, 20).into() };
    assert_ne!(first, at(&template.clone().placed(place), seed));
    let words: Vec<_> = first.split(' ').collect();
    let (one, two) = (words[0], words[1]);
    assert_ne!(one, two);
    assert_eq!(one.len(), 36);
    assert_eq!(one.as_bytes().get(14), Some(&b'4'));
    assert!(words[2].parse::<u32>().is_ok_and(|n| (1..=1_000_000).contains(&n)));
    assert_eq!(words[3].len(), 12);
    assert!(words[4].ends_with("@example.com"));
    let one_of_one = Template::parse("${{ random_int(5, 5) }}").unwrap();
    assert_eq!(at(&Template::parse("a${{ random_int(5, 5) }}").unwrap(), seed), "a5");
    assert!(one_of_one.is_whole());
}

#[test]
fn unique_is_new_wherever_it_is_evaluated_and_now_is_fixed() {
    let words = value("${{ [unique, unique] }}");
    let words: Vec<_> = words.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_ne!(words[0], words[1]);
    assert!(words.iter().all(|word| {
        word.len() == 10
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    }));
    assert_eq!(value("${{ now() }}"), json!("2026-03-01T10:20:30.500Z"));
    assert_eq!(value("${{ timestamp_ms() }}"), json!(1_772_360_430_500_i64));
    assert_eq!(value("${{ file('a.txt') }}"), json!("text"));
    assert_eq!(value("${{ file('a.bin') | hex }}"), json!("ff00"));
}

#[test]
fn no_expression_takes_over_a_second() {
    let long = format!("${{{{ {}1 }}}}", "1 + ".repeat(3000));
    let longer = format!("${{{{ {}1 }}}}", "1 + ".repeat(30_000));
    let deep = format!("${{{{ {}1{} }}}}", "(".repeat(2000), ")".repeat(2000));
    let fields = format!("${{{{ x{} }}}}", ".a".repeat(3000));
    for text in [&long, &longer, &deep, &fields] {
        assert!(Template::parse(text).is_err());
    }
    let start = worked();
    let bombs = [
        "${{ range(10**9) | list }}",
        "${{ range(100000) | map('string') | join('-') | replace('-', 'xxxxxxxxxxxxxxxxxxxxxxxxxxx') | replace('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy') | length }}",
        "${{ 'a' * 10**9 }}",
        "${{ ('a' * 1000000) | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') }}",
        "${{ '%1000000000d' | format(1) }}",
        "${{ [[[[['a' * 1000000] * 100] * 100] * 100] * 100] }}",
    ];
    for text in bombs {
        let said = failure(text);
        assert!(said.contains("too long or too much") || said.contains("cannot take"), "{said}");
    }
    assert!(failure("${{ 10 ** 100000 }}").contains("not a number"));
    // Whatever else the machine does meanwhile is not counted.
    let took = worked().saturating_sub(start);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// How long this thread has worked: not how long it waited for its turn, where the system tells both.
#[expect(clippy::disallowed_methods, reason = "the system counts it in a file")]
fn worked() -> Duration {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = counted.and_then(|it| it.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(
        || jiff::Timestamp::now().as_duration().try_into().unwrap_or_default(),
        Duration::from_nanos,
    )
}

const WORDS: &str = r#"${{ }} $ { } {{ ' " \ x user .items [0] [-1] [:: ] ( ) | upper regex('(') date('%') default( omit unique is not defined and or if else in 1 1e999 1e400 0x 1_ 9999999999999999999999999999999999999999 + - * ** / // % ~ == < = , : ä € 😀 none true secrets steps.create && random_int( range( -9 add_days(999999999) {'a': word big fine %s"#;

#[test]
fn no_text_makes_it_panic() {
    let words: Vec<_> = WORDS.split(' ').chain([" ", "\n", "\0"]).collect();
    let mut state = 7_u64;
    let mut next = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let names = names();
    let mut evaluated = 0;
    with_scope(&names, Seed::default(), |scope| {
        for round in 0..30_000 {
            let inner: String = (0..=next(7)).map(|_| words[next(words.len())]).collect();
            let text = if round % 2 == 0 { format!("${{{{ {inner} }}}}") } else { inner };
            match Template::parse(&text) {
                Ok(template) => {
                    evaluated += 1;
                    if let Err(fault) = template.eval(scope) {
                        assert!(text.get(fault.range.clone()).is_some(), "{text}: {fault:?}");
                        let _ = (fault.to_string(), fault.help());
                    }
                }
                Err(faults) => {
                    assert!(!faults.is_empty());
                    for fault in faults {
                        assert!(text.get(fault.range.clone()).is_some(), "{text}: {fault:?}");
                        let _ = (fault.to_string(), fault.help());
                    }
                }
            }
            let _ = Template::parse_expression(&text);
        }
    });
    assert!(evaluated > 3000, "{evaluated}");
}

#[test]
fn names_and_functions_are_told_apart() {
    let help = |text: &str| {
        let faults = Template::parse(text).unwrap_err();
        faults.first().and_then(crate::finding::Fault::help).unwrap_or_default()
    };
    assert_eq!(
        help("${{ unique() }}"),
        "`unique` is a name: write `${{ unique }}`, without brackets"
    );
    assert!(Template::parse("${{ unique }}").is_ok());
    assert_eq!(call_of("now").as_deref(), Some("now()"));
    assert_eq!(call_of("uuid").as_deref(), Some("uuid()"));
    assert_eq!(call_of("model"), None);
}
