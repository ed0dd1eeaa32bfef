//! The schemas for editors say what `check` says: what it accepts is valid, what it refuses by key,
//! operator or type is refused at the same place; and the files are what the binary prints.
//!
//! `PLANRUN_BLESS=1 cargo test --test schemas drift` writes the files anew.

#![cfg(all(unix, feature = "demo"))]
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails; it reads the repository and runs the command"
)]

#[path = "support/pages.rs"]
mod pages;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use planrun::plan::{FileKind, kind, kind_by_look};
use planrun::schema::{SchemaKind, text};
use planrun::source::{SourceSet, SourceText};
use planrun::yaml;
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use pages::{around, blocks, names, pages_in, planrun, root, text as said};

#[test]
fn drift() {
    for kind in SchemaKind::ALL {
        let name = kind.as_str();
        let path = root().join("schemas").join(format!("{name}.schema.json"));
        let output = planrun(&root(), &["schema", name]);
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(printed, text(kind), "the command prints another schema than the library has");
        if fs::read_to_string(&path).is_ok_and(|there| there == printed) {
            continue;
        }
        assert!(
            std::env::var_os("PLANRUN_BLESS").is_some(),
            "schemas/{name}.schema.json is not what `planrun schema {name}` prints now; this \
             command writes it anew:\n\n    PLANRUN_BLESS=1 cargo test --test schemas drift\n"
        );
        fs::create_dir_all(root().join("schemas")).expect("a folder");
        fs::write(&path, printed).expect("the schema can be written");
    }
}

#[test]
fn every_plan_environment_and_project_file_is_valid() {
    let schemas = Schemas::new();
    let mut wrong = String::new();
    let mut seen = BTreeMap::new();
    for path in yaml_files() {
        let text = fs::read_to_string(root().join(&path)).expect("a file of the repository");
        let Some(kind) = kind_of(&text) else { continue };
        let offenders = schemas.offenders(kind, &text);
        if !offenders.is_empty() {
            let _ = writeln!(wrong, "{}: {offenders:#?}", path.display());
        }
        *seen.entry(kind.as_str()).or_insert(0) += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(seen["plan"] >= 50 && seen["environment"] >= 10 && seen["project"] >= 3, "{seen:?}");
}

#[test]
fn every_plan_on_a_page_that_check_accepts_is_valid() {
    let schemas = Schemas::new();
    let mut wrong = String::new();
    let (mut seen, mut accepted) = (0, 0);
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).expect("a page of the repository");
        for block in blocks(&text) {
            let (language, place) = block.language.split_once(',').unwrap_or((&block.language, ""));
            if language != "yaml" {
                continue;
            }
            let place = Some(place).filter(|place| !place.is_empty());
            let whole = match kind_of(&block.text) {
                Some(_) => block.text.clone(),
                None => around(&block.text, place),
            };
            seen += 1;
            let kind = kind_of(&whole).expect("a plan was put around it");
            if kind == SchemaKind::Plan && !accepts(&whole) {
                continue;
            }
            accepted += 1;
            let offenders = schemas.offenders(kind, &whole);
            if !offenders.is_empty() {
                let _ = writeln!(wrong, "{page}:{}: {offenders:#?}\n{whole}", block.line);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(accepted >= 50 && accepted * 10 >= seen * 7, "{accepted} of {seen} blocks");
}

#[test]
fn every_mistake_is_refused_at_its_place_by_the_schema_and_by_check() {
    let schemas = Schemas::new();
    let mut wrong = String::new();
    for (kind, text, pointer) in mistakes() {
        let offenders = schemas.offenders(kind, &text);
        if offenders != [pointer.as_str()] {
            let _ =
                writeln!(wrong, "{text}\nis due to be refused at {pointer}, not {offenders:?}\n");
        }
        let output = check(kind, &text);
        let place = place_of(&text, &pointer);
        if output.status.code() != Some(3) || !lines(&output).contains(&place) {
            let _ = writeln!(
                wrong,
                "{text}\nis due to be refused by `check` in line {place}:\n{}",
                said(&output)
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_the_mistakes_stand_in_is_valid() {
    let schemas = Schemas::new();
    for place in [Place::Plan, Place::Step, Place::Defaults, Place::Expect, Place::Capture] {
        let (text, _) = place.around("", "");
        assert_eq!(schemas.offenders(SchemaKind::Plan, &text), [""; 0], "{text}");
        let output = check(SchemaKind::Plan, &text);
        assert_eq!(output.status.code(), Some(0), "{text}\n{}", said(&output));
    }
}

#[test]
fn what_the_language_allows_in_an_unusual_way_is_valid() {
    let schemas = Schemas::new();
    for part in UNUSUAL {
        let (text, _) = Place::Step.around(part, "");
        assert_eq!(schemas.offenders(SchemaKind::Plan, &text), [""; 0], "{text}");
        let output = check(SchemaKind::Plan, &text);
        assert_eq!(output.status.code(), Some(0), "{text}\n{}", said(&output));
    }
}

#[test]
fn the_first_line_of_a_plan_leads_an_editor_to_its_schema() {
    let modeline = Regex::new(r"(?m)^# yaml-language-server: \$schema=(\S+)$").expect("a regex");
    let mut seen = 0;
    for path in yaml_files() {
        let text = fs::read_to_string(root().join(&path)).expect("a file of the repository");
        let found = modeline.captures(&text).map(|found| found[1].to_owned());
        if path.starts_with("tests") {
            continue;
        }
        // An OpenAPI document is no file of the language.
        let has_to = path.starts_with("plans") && !path.starts_with("plans/specs");
        assert!(!has_to || found.is_some(), "{} has no modeline", path.display());
        let (Some(kind), Some(found)) = (kind_of(&text), found) else { continue };
        assert!(text.starts_with("# yaml-language-server"), "{}: line 1", path.display());
        let folder = root().join(&path).parent().expect("a folder").to_owned();
        let schema = folder.join(&found).canonicalize();
        let due = root().join("schemas").join(format!("{}.schema.json", kind.as_str()));
        assert_eq!(schema.ok(), due.canonicalize().ok(), "{}: {found}", path.display());
        seen += 1;
    }
    assert!(seen >= 12, "{seen} files");
}

#[test]
fn the_settings_that_the_readme_shows_lead_to_schemas_and_files() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let settings = blocks(&readme)
        .into_iter()
        .find(|block| block.text.contains("yaml.schemas"))
        .expect("the README shows settings");
    let settings: Value = serde_json::from_str(&settings.text).expect("they are JSON");
    let schemas = settings["yaml.schemas"].as_object().expect("a mapping");
    assert_eq!(schemas.len(), SchemaKind::ALL.len());
    for (schema, globs) in schemas {
        assert!(root().join(schema).is_file(), "{schema}");
        let kind = schema.trim_start_matches("schemas/").split('.').next();
        let one = std::slice::from_ref(globs);
        let globs: Vec<&str> =
            globs.as_array().map_or(one, Vec::as_slice).iter().filter_map(Value::as_str).collect();
        let fits = |glob: &str, file: &Path| {
            let glob = globset::GlobBuilder::new(glob).literal_separator(true).build();
            glob.expect("a glob").compile_matcher().is_match(file)
        };
        let (not, all): (Vec<&str>, _) = globs.into_iter().partition(|glob| glob.starts_with('!'));
        for glob in all {
            let files: Vec<_> = yaml_files()
                .into_iter()
                .filter(|it| fits(glob, it) && !not.iter().any(|not| fits(&not[1..], it)))
                .collect();
            assert!(!files.is_empty(), "{glob} fits no file");
            for file in files {
                let text = fs::read_to_string(root().join(&file)).expect("a file");
                let is = kind_of(&text).map(SchemaKind::as_str);
                assert_eq!(is, kind, "{}", file.display());
            }
        }
    }
}

/// What stands under a step and is not what a first guess of its type would be.
const UNUSUAL: [&str; 18] = [
    "http: 2",
    "http: ${{ '1.1' }}",
    "timeout: ${{ '3s' }}",
    "follow_redirects: ${{ 3 }}",
    "retry: {times: \"${{ 3 }}\", delay: \"${{ '1s' }}\"}",
    "expect: {status: \"${{ 200 }}\"}",
    "expect: {$.id: null}",
    "expect: {$.ids: [1, two, null]}",
    "expect: {$.id: {any_of: [{type: \"null\"}, {gt: 0}, 7]}}",
    "expect: {$.id: {type: [integer, string]}}",
    "expect: {$.id: {length: {gt: 1, not: 7}}}",
    "expect: {status: {not: 5xx}}",
    "expect: {status: {in: [2xx, 404]}}",
    "expect: {size: 1MiB}",
    "budget: 1m 30s",
    "name: 7",
    "headers: {X-A: 1, X-B: [true, \"\"]}",
    "repeat: 3\n    expect_all: {passed: 3, distinct: {$.id: all}, statuses: {2xx: rest}}",
];

/// Keys that mean something beside another one alone.
const TOGETHER: [(&str, &str); 6] = [
    ("key", "cert"),
    ("concurrency", "repeat"),
    ("warmup", "repeat"),
    ("with", "include"),
    ("export", "include"),
    ("outcome", "one_of"),
];

/// Where a mistake stands.
#[derive(Clone, Copy)]
enum Place {
    Plan,
    Step,
    Defaults,
    Expect,
    Capture,
}

impl Place {
    /// A plan with a part in it, and the pointer to a place in that part.
    fn around(self, part: &str, pointer: &str) -> (String, String) {
        let (before, after, at) = match self {
            Self::Plan => ("plan: P\n", "steps:\n  - GET: http://127.0.0.1:1/\n", ""),
            Self::Step => ("plan: P\nsteps:\n  - GET: http://127.0.0.1:1/\n    ", "", "/steps/0"),
            Self::Defaults => (
                "plan: P\ndefaults:\n  base_url: http://127.0.0.1:1\n  ",
                "steps:\n  - GET: /\n",
                "/defaults",
            ),
            Self::Expect => (
                "plan: P\nsteps:\n  - GET: http://127.0.0.1:1/\n    expect:\n      url: {present: true}\n      ",
                "",
                "/steps/0/expect",
            ),
            Self::Capture => (
                "plan: P\nsteps:\n  - GET: http://127.0.0.1:1/\n    capture:\n      ok: $.ok\n      ",
                "",
                "/steps/0/capture",
            ),
        };
        (format!("{before}{part}\n{after}"), format!("{at}{pointer}"))
    }
}

/// Files with one mistake each, and the JSON pointer to what is wrong.
fn mistakes() -> Vec<(SchemaKind, String, String)> {
    let in_plans = IN_PLANS.iter().map(|(place, part, pointer)| {
        let (text, pointer) = place.around(part, pointer);
        (SchemaKind::Plan, text, pointer)
    });
    let in_others = IN_OTHERS.iter().map(|(kind, part, pointer)| {
        let text = format!("{}: x\n{part}\n", kind.as_str());
        (*kind, text, (*pointer).to_owned())
    });
    in_plans.chain(in_others).collect()
}

const IN_PLANS: &[(Place, &str, &str)] = &[
    // Unknown keys, at every level.
    (Place::Plan, "stepz: []", "/stepz"),
    (Place::Plan, "tag: [smoke]", "/tag"),
    (Place::Plan, "secrets: {api_key: {match: ^a}}", "/secrets/api_key/match"),
    (Place::Plan, "hints: [{when: {status: 401}, cause: a, nxt: b}]", "/hints/0/nxt"),
    (Place::Plan, "rows: {file: a.csv, type: {a: integer}}", "/rows/type"),
    (Place::Step, "josn: {a: 1}", "/josn"),
    (Place::Step, "expcet: {status: 200}", "/expcet"),
    (Place::Step, "body: text", "/body"),
    (Place::Step, "auth: {baerer: x}", "/auth/baerer"),
    (
        Place::Step,
        "auth: {basic: {user: a, password: \"${{ unique }}\", realm: b}}",
        "/auth/basic/realm",
    ),
    (Place::Step, "tls: {insecur: true}", "/tls/insecur"),
    (Place::Step, "retry: {times: 3, wait: 1s}", "/retry/wait"),
    (Place::Step, "poll: {every: 1s, for: 9s, until: x}", "/poll/until"),
    (Place::Step, "poll: {every: 1s, for: 9s, give_up: {stat: 200}}", "/poll/give_up/stat"),
    (Place::Step, "warn: {heders: {A: b}}", "/warn/heders"),
    (Place::Step, "repeat: 3\n    expect_all: {pass: 3}", "/expect_all/pass"),
    (Place::Defaults, "json: {a: 1}", "/json"),
    (Place::Defaults, "proxy: http://proxy:3128", "/proxy"),
    (Place::Expect, "stauts: 200", "/stauts"),
    (Place::Expect, "body: {contains: a}", "/body"),
    (Place::Expect, "id: 7", "/id"),
    (Place::Expect, "one_of: {a: {statuz: 200}}", "/one_of/a/statuz"),
    (Place::Capture, "user: {jsn: $.id}", "/user/jsn"),
    (Place::Step, "multipart: {photo: {fil: a.png, file: b.png}}", "/multipart/photo/fil"),
    (Place::Step, "generate: {size: 1MiB, sed: 7}", "/generate/sed"),
    (Place::Step, "graphql: {query: a, vars: {b: 1}}", "/graphql/vars"),
    // Operators and phases that there are not.
    (Place::Expect, "$.id: {greater_than: 0}", "/$.id/greater_than"),
    (Place::Expect, "$.id: {name: Ada}", "/$.id/name"),
    (Place::Expect, "$.a: {each: {mathces: b}}", "/$.a/each/mathces"),
    (Place::Expect, "$.a: {all_of: [{gt: 0}, {les: 1}]}", "/$.a/all_of/1/les"),
    (Place::Expect, "$.a: {not: {eq: 1}}", "/$.a/not/eq"),
    (Place::Expect, "$.a: {each: {apply: trim, equals: a}}", "/$.a/each/apply"),
    (Place::Expect, "headers: {A: {begins_with: b}}", "/headers/A/begins_with"),
    (Place::Expect, "status: {nto: 200}", "/status/nto"),
    (Place::Expect, "$.a: {close_to: {value: 1, delta: 2, within: 3}}", "/$.a/close_to/delta"),
    (Place::Step, "budget: {ttfb: 1s}", "/budget/ttfb"),
    (Place::Step, "budget: {wait: {slow: 1s}}", "/budget/wait/slow"),
    (Place::Plan, "budget: {wait: 1s}", "/budget/wait"),
    // Values of the wrong type.
    (Place::Plan, "tags: smoke", "/tags"),
    (Place::Plan, "vars: [a]", "/vars"),
    (Place::Plan, "inputs: {a: 1}", "/inputs"),
    (Place::Plan, "include_only: 1", "/include_only"),
    (Place::Plan, "deadline: 30", "/deadline"),
    (Place::Plan, "budget: 30", "/budget"),
    (Place::Plan, "cleanup: {GET: /}", "/cleanup"),
    (Place::Plan, "secrets: [api_key]", "/secrets"),
    (Place::Plan, "matrix: {a: 1}", "/matrix/a"),
    (Place::Plan, "matrix: []", "/matrix"),
    (Place::Plan, "rows: 7", "/rows"),
    (Place::Step, "timeout: 20", "/timeout"),
    (Place::Step, "timeout: 20 parsecs", "/timeout"),
    (Place::Step, "headers: [a]", "/headers"),
    (Place::Step, "headers: {A: {b: c}}", "/headers/A"),
    (Place::Step, "query: page=2", "/query"),
    (Place::Step, "follow_redirects: -1", "/follow_redirects"),
    (Place::Step, "max_body: 16", "/max_body"),
    (Place::Step, "max_body: 16 mb", "/max_body"),
    (Place::Step, "retry: 3", "/retry"),
    (Place::Step, "retry: {times: many}", "/retry/times"),
    (Place::Step, "retry: {times: 1, when: [sometimes]}", "/retry/when/0"),
    (Place::Step, "retry: {times: 1, when: transport}", "/retry/when"),
    (Place::Step, "needs: create", "/needs"),
    (Place::Step, "skip: true", "/skip"),
    (Place::Step, "if: 7", "/if"),
    (Place::Step, "repeat: 0", "/repeat"),
    (Place::Step, "repeat: many", "/repeat"),
    (Place::Step, "auth: {}", "/auth"),
    (Place::Step, "auth: [a]", "/auth"),
    (Place::Step, "expect: 200", "/expect"),
    (Place::Step, "capture: [$.id]", "/capture"),
    (Place::Step, "budget: 800", "/budget"),
    (Place::Step, "budget: {wait: fast}", "/budget/wait"),
    (
        Place::Step,
        "repeat: 2\n    expect_all: {distinct: {$.id: yes}}",
        "/expect_all/distinct/$.id",
    ),
    (Place::Expect, "headers: application/json", "/headers"),
    (Place::Expect, "$.a: {in: 7}", "/$.a/in"),
    (Place::Expect, "$.a: {in: []}", "/$.a/in"),
    (Place::Expect, "$.a: {gt: true}", "/$.a/gt"),
    (Place::Expect, "$.a: {gt: tall}", "/$.a/gt"),
    (Place::Expect, "$.a: {matches: 7}", "/$.a/matches"),
    (Place::Expect, "$.a: {present: 1}", "/$.a/present"),
    (Place::Expect, "$.a: {any_of: {gt: 0}}", "/$.a/any_of"),
    (Place::Expect, "$.a: {starts_with: \"\"}", "/$.a/starts_with"),
    (Place::Expect, "$.a: {length: long}", "/$.a/length"),
    (Place::Expect, "$.a: {partial: 7}", "/$.a/partial"),
    (Place::Expect, "$.a: {close_to: 7}", "/$.a/close_to"),
    (Place::Expect, "$.a: {apply: [{nth: two}], equals: a}", "/$.a/apply/0"),
    (Place::Expect, "$.a: {}", "/$.a"),
    (Place::Capture, "user: 7", "/user"),
    (Place::Capture, "user: id", "/user"),
    (Place::Capture, "user: {json: id}", "/user/json"),
    (Place::Capture, "user: {text: false}", "/user/text"),
    (Place::Step, "multipart: [a.png]", "/multipart"),
    (Place::Step, "generate: 1MiB", "/generate"),
    (Place::Step, "generate: {size: 16}", "/generate/size"),
    (Place::Step, "generate: {size: 1MiB, seed: many}", "/generate/seed"),
    (Place::Step, "graphql: a", "/graphql"),
    (Place::Step, "graphql: {query: a, variables: [b]}", "/graphql/variables"),
    // Words that are none of the few that there are.
    (Place::Plan, "on_failure: proceed", "/on_failure"),
    (Place::Step, "connection: new", "/connection"),
    (Place::Step, "retry: {times: 1, backoff: linear}", "/retry/backoff"),
    (Place::Step, "repeat: 2\n    start: now", "/start"),
    (Place::Step, "cookies: all", "/cookies"),
    (Place::Step, "auth: nobody", "/auth"),
    (Place::Expect, "status: 2xy", "/status"),
    (Place::Expect, "status: 99", "/status"),
    (Place::Expect, "status: [200, ok]", "/status/1"),
    (Place::Expect, "$.a: {type: text}", "/$.a/type"),
    (Place::Expect, "$.a: {format: guid}", "/$.a/format"),
    (Place::Expect, "$.a: {apply: [backwards], equals: a}", "/$.a/apply/0"),
    (Place::Plan, "rows: {file: a.csv, types: {a: date}}", "/rows/types/a"),
    (Place::Step, "http: \"3\"", "/http"),
    // Names.
    (Place::Plan, "vars: {User-Id: 1}", "/vars/User-Id"),
    (Place::Plan, "vars: {env: 1}", "/vars/env"),
    (Place::Plan, "inputs: [steps]", "/inputs/0"),
    (Place::Step, "id: Create It", "/id"),
    (Place::Capture, "userId: $.id", "/userId"),
    (Place::Capture, "unique: $.id", "/unique"),
    (Place::Step, "headers: {X Y: 1}", "/headers/X Y"),
    // What is missing.
    (Place::Step, "tls: {key: client.key}", "/tls/key"),
    (Place::Step, "multipart: {photo: {filename: a.png}}", "/multipart/photo"),
    (Place::Step, "generate: {seed: 7}", "/generate"),
    (Place::Step, "graphql: {variables: {a: 1}}", "/graphql"),
    (Place::Step, "concurrency: 3", "/concurrency"),
    (Place::Step, "warmup: 3", "/warmup"),
    (Place::Step, "with: {user: ada}", "/with"),
    (Place::Step, "export: [token]", "/export"),
    (Place::Expect, "outcome: created", "/outcome"),
    (Place::Plan, "rows: {types: {a: integer}}", "/rows"),
    (Place::Step, "poll: {every: 1s}", "/poll"),
    (Place::Step, "retry: {delay: 1s}", "/retry"),
    (Place::Step, "auth: {basic: {user: a}}", "/auth/basic"),
    (Place::Plan, "hints: [{when: {status: 401}}]", "/hints/0"),
    (Place::Expect, "$.a: {close_to: {value: 1}}", "/$.a/close_to"),
];

const IN_OTHERS: &[(SchemaKind, &str, &str)] = &[
    (SchemaKind::Environment, "var: {a: b}", "/var"),
    (SchemaKind::Environment, "vars: [a]", "/vars"),
    (SchemaKind::Environment, "vars: {A-b: c}", "/vars/A-b"),
    (SchemaKind::Environment, "secrets: {api_key: {env: A}}", "/secrets/api_key/env"),
    (SchemaKind::Environment, "secrets: {api_key: {env_var: A, file: b}}", "/secrets/api_key"),
    (SchemaKind::Environment, "secrets: {api_key: {}}", "/secrets/api_key"),
    (SchemaKind::Environment, "secrets: {api_key: {prompt: false}}", "/secrets/api_key/prompt"),
    (SchemaKind::Environment, "secrets: {api_key: {command: op read}}", "/secrets/api_key/command"),
    (SchemaKind::Environment, "services: {a: {builtin: mlflow}}", "/services/a/builtin"),
    (SchemaKind::Environment, "services: {a: {builtin: demo, fault: slow}}", "/services/a/fault"),
    (SchemaKind::Environment, "services: {a: {buildin: demo}}", "/services/a/buildin"),
    (SchemaKind::Environment, "allow_origins: https://a.example.com", "/allow_origins"),
    (SchemaKind::Environment, "protected: 1", "/protected"),
    (SchemaKind::Environment, "defaults: {timout: 1s}", "/defaults/timout"),
    (SchemaKind::Environment, "defaults: {timeout: 1}", "/defaults/timeout"),
    (SchemaKind::Environment, "defaults: {proxy: [a]}", "/defaults/proxy"),
    (SchemaKind::Environment, "defaults: {resolve: example.com}", "/defaults/resolve"),
    (
        SchemaKind::Environment,
        "defaults: {resolve: {example.com: [a]}}",
        "/defaults/resolve/example.com",
    ),
    (SchemaKind::Project, "default_enviroment: a", "/default_enviroment"),
    (SchemaKind::Project, "defaults: {headers: a}", "/defaults/headers"),
    (SchemaKind::Project, "hints: [{when: {statuz: 1}, cause: a}]", "/hints/0/when/statuz"),
];

/// The schemas as an editor reads them: from their files.
struct Schemas(Vec<(SchemaKind, Validator)>);

impl Schemas {
    fn new() -> Self {
        let of = |kind: SchemaKind| {
            let path = root().join("schemas").join(format!("{}.schema.json", kind.as_str()));
            let text = fs::read_to_string(path).expect("a schema");
            let read: Value = serde_json::from_str(&text).expect("a schema is JSON");
            (kind, jsonschema::draft7::new(&read).expect("a schema"))
        };
        Self(SchemaKind::ALL.map(of).into())
    }

    /// The JSON pointers to all that is wrong with a text.
    fn offenders(&self, kind: SchemaKind, text: &str) -> Vec<String> {
        let (root, findings) = yaml::read(&source(text));
        let root = root.unwrap_or_else(|| panic!("{findings:?}\n{text}"));
        let (_, validator) = self.0.iter().find(|(it, _)| *it == kind).expect("all kinds");
        let mut offenders = Vec::new();
        for error in validator.iter_errors(&root.to_json()) {
            let at = error.instance_path().to_string();
            match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    offenders.extend(unexpected.iter().map(|key| format!("{at}/{key}")));
                }
                ValidationErrorKind::PropertyNames { error } => {
                    let name = error.instance().as_str().unwrap_or_default().to_owned();
                    offenders.push(format!("{at}/{name}"));
                }
                // What needs another key is the offender, not the object that lacks that one.
                ValidationErrorKind::Required { property }
                    if error.schema_path().to_string().ends_with("/dependencies") =>
                {
                    let there = |key: &&str| error.instance().get(*key).is_some();
                    let key = TOGETHER
                        .iter()
                        .filter(|(_, needs)| property == needs)
                        .map(|(key, _)| *key)
                        .find(there);
                    offenders.push(key.map_or(at.clone(), |key| format!("{at}/{key}")));
                }
                _ => offenders.push(at),
            }
        }
        offenders.dedup();
        offenders
    }
}

/// The kind of a file that has a schema.
fn kind_of(text: &str) -> Option<SchemaKind> {
    let (root, _) = yaml::read(&source(text));
    match root.map_or_else(|| kind_by_look(text), |root| kind(&root)) {
        FileKind::Plan => Some(SchemaKind::Plan),
        FileKind::Environment => Some(SchemaKind::Environment),
        FileKind::Project => Some(SchemaKind::Project),
        FileKind::StepsWithoutPlan | FileKind::Other => None,
    }
}

/// The line in which stands what a JSON pointer leads to: its key, or the item.
fn place_of(text: &str, pointer: &str) -> usize {
    let source = source(text);
    let mut node = yaml::read(&source).0.expect("it can be read");
    let mut place = node.place;
    for part in pointer.split('/').skip(1) {
        let item = part.parse::<usize>().ok().and_then(|index| node.items().get(index).cloned());
        let entry = node.entries().iter().find(|entry| entry.key.value == part).cloned();
        (place, node) = match (item, entry) {
            (Some(item), _) => (item.place, item),
            (None, Some(entry)) => (entry.key.place, entry.value),
            (None, None) => panic!("{pointer} leads nowhere in\n{text}"),
        };
    }
    source.text.get(..place.span.range().start).expect("a place in the text").matches('\n').count()
        + 1
}

fn source(text: &str) -> SourceText {
    let mut sources = SourceSet::default();
    let id = sources.add("page.yaml", text.to_owned());
    sources.get(id).expect("it was added").clone()
}

/// Every YAML file of the repository that may be one of ours: none with a mistake made on purpose.
fn yaml_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ["plans", "examples", "tests/data"].map(PathBuf::from).into();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries {
            let path = folder.join(entry.expect("an entry").file_name());
            let name = path.to_string_lossy().into_owned();
            let is_mistaken = name.contains("/findings/") && !name.ends_with(".twin.yaml")
                || name.ends_with("fifteen.yaml");
            if root().join(&path).is_dir() {
                if !name.ends_with(".planrun") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|it| it == "yaml") && !is_mistaken {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The pages for people.
fn pages() -> Vec<String> {
    let own = ["CONTRIBUTING.md", "README.md"].map(str::to_owned);
    own.into_iter().chain(pages_in("docs")).collect()
}

/// Whether `check` accepts a plan, on an environment that has the variables that it uses.
fn accepts(plan: &str) -> bool {
    let project: TempDir = tempfile::tempdir().expect("a temporary folder");
    let mut environment = String::from("environment: x\nvars:\n  x: x\n");
    for name in names(r"env\.([a-z_][a-z0-9_]*)", plan) {
        let _ = writeln!(environment, "  {name}: http://127.0.0.1:1");
    }
    fs::create_dir(project.path().join("environments")).expect("a folder");
    fs::write(project.path().join("environments/x.yaml"), environment).expect("a file");
    fs::write(project.path().join("p.yaml"), plan).expect("a file");
    planrun(project.path(), &["check", "p.yaml", "-e", "x"]).status.code() == Some(0)
}

/// Lets `check` look at a text as a file of its kind.
fn check(kind: SchemaKind, text: &str) -> Output {
    let project: TempDir = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = project.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("p.yaml", "plan: P\nsteps:\n  - GET: http://127.0.0.1:1/\n");
    write("planrun.yaml", "project: P\n");
    match kind {
        SchemaKind::Plan => {
            write("p.yaml", text);
            planrun(project.path(), &["check", "p.yaml"])
        }
        SchemaKind::Environment => {
            write("environments/x.yaml", text);
            planrun(project.path(), &["check", "p.yaml", "-e", "x"])
        }
        SchemaKind::Project => {
            write("planrun.yaml", text);
            planrun(project.path(), &["check", "p.yaml"])
        }
    }
}

/// The lines that findings are at.
fn lines(output: &Output) -> Vec<usize> {
    let place = Regex::new(r"\.yaml:(\d+):\d+").expect("a regular expression");
    let text = said(output);
    place.captures_iter(&text).filter_map(|found| found[1].parse().ok()).collect()
}
