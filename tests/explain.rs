//! What `planrun explain` says is true: each example, put into a plan, gives the code that it explains.

#![cfg(all(unix, feature = "demo"))]
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails; it writes plans and runs the command"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use planrun::finding::Code;
use planrun::plan::keys;

/// Codes whose cause is no text of a plan: bytes of a file, other files, the machine, the process,
/// the command line.
const NOT_OF_A_PLAN: &[Code] = &[
    Code::YamlLimit,
    Code::YamlEncoding,
    Code::OutsideRoot,
    Code::MissingFile,
    Code::BadCertificate,
    Code::BadSchema,
    Code::ProtectedEnvironment,
    Code::ComparedWrite,
    Code::ExecNotAllowed,
    Code::CommandFailed,
    Code::TapFailed,
    Code::SecretSource,
    Code::ShortSecret,
    Code::BadFilter,
    Code::UnknownRequirement,
    Code::UncoveredRequirement,
    Code::DuplicateRequirement,
    Code::EmptyChecklist,
    Code::ContractBadDocument,
];

/// Codes of a run that the built-in registry can be made to give.
const SHOWN_BY_A_RUN: [Code; 10] = [
    Code::RoutesDiffer,
    Code::TransportRefused,
    Code::AssertionFailed,
    Code::NonePassed,
    Code::CaptureFailed,
    Code::BudgetExceeded,
    Code::TemplateFailed,
    Code::DeadlineExceeded,
    Code::PollRanOut,
    Code::ExportMissing,
];

/// Codes of a run that need a server that misbehaves or a machine that fails: `tests/transport.rs`
/// and the rooms that give them hold those.
fn needs_a_bad_server(code: Code) -> bool {
    let of_a_run = code.as_str().starts_with("transport::")
        || code.as_str().starts_with("step::")
        || matches!(code, Code::ServiceFailed | Code::OutputFailed | Code::NotNotified);
    of_a_run && !SHOWN_BY_A_RUN.contains(&code)
}

/// The environment of the examples.
const HERE: &str = "environment: here
services: {registry: {builtin: demo}}
vars: {url: \"${{ services.registry.url }}\", registry_url: \"${{ services.registry.url }}\", direct_url: \"${{ services.registry.direct_url }}\"}
";

/// What the examples of contracts are compared with.
const SHOP: &str = "openapi: 3.1.0
info: {title: Shop, version: '1'}
paths:
  /items:
    get:
      parameters: [{name: limit, in: query, required: true, schema: {type: integer}}]
      responses:
        '200':
          description: all
          content:
            application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Item'}}}
    post:
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}
      responses: {'201': {description: made}}
  /keys/validate:
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [api_key], properties: {api_key: {type: string}}}
      responses: {'200': {description: valid}, '422': {description: not so}}
components:
  schemas:
    Item:
      type: object
      required: [name]
      properties: {name: {type: string}, price: {type: number}}
";

/// A plan that passes and captures nothing.
const GUEST: &str = "plan: Guest
steps:
  - GET: ${{ env.url }}/health
  - GET: ${{ env.url }}/version
    if: plan.name == 'Member'
    capture: {token: {text: true}}
";

#[test]
fn every_example_gives_the_code_that_it_explains() {
    let mut wrong = String::new();
    let mut seen = 0;
    for code in Code::ALL.iter().copied().filter(|code| !needs_a_bad_server(*code)) {
        let examples = examples(code.explanation());
        if NOT_OF_A_PLAN.contains(&code) {
            assert!(examples.is_empty(), "{code} has an example: take it from the list");
            continue;
        }
        if examples.is_empty() {
            let _ = writeln!(wrong, "{code} has no example");
        }
        for example in examples {
            let said = said_of(&example, code);
            if !said.contains(&format!("[{code}]")) {
                let _ = writeln!(wrong, "---- {code}\n{example}gives:\n{said}");
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(seen > 40, "only {seen} examples");
}

#[test]
fn every_explanation_says_what_to_do() {
    for code in Code::ALL {
        let text = code.explanation();
        assert!(text.contains("Repair:"), "{code} does not say what to do");
        assert!(text.ends_with(['.', '?']), "{code} does not end with a sentence");
        let longest = text.lines().filter(|line| line.starts_with("    ")).map(str::len).max();
        assert!(longest.unwrap_or(0) <= 76, "an example of {code} is too wide");
    }
}

#[test]
fn an_example_without_a_mistake_gives_nothing() {
    let example = "- GET: /health\n  expect: {status: 200}\n";
    let said = said_of(example, Code::UnknownKey);
    assert!(!said.contains("::"), "{said}");
}

/// The indented parts of an explanation.
fn examples(explanation: &str) -> Vec<String> {
    explanation
        .split("\n\n")
        .filter(|part| part.starts_with("    "))
        .map(|part| {
            part.lines().fold(String::new(), |mut text, line| {
                text.push_str(line.strip_prefix("    ").unwrap_or(line));
                text.push('\n');
                text
            })
        })
        .collect()
}

/// Puts a file around an example, and gives what planrun says of it.
fn said_of(example: &str, code: Code) -> String {
    let project = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = project.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("planrun.yaml", "project: Examples\n");
    write("environments/here.yaml", HERE);
    write("users.csv", "email,age\na@example.com,36\nb@example.com,unknown\n");
    write(
        "login.yaml",
        "plan: Log in\ninputs: [user]\nsteps: [{GET: \"${{ env.url }}/${{ user }}\"}]\n",
    );
    write("guest.yaml", GUEST);
    write("shop.openapi.yaml", SHOP);
    let mut environment = "here";
    if example.starts_with("environment:") {
        write("environments/staging.yaml", example);
        write("plan.yaml", "plan: Any\nsteps:\n  - GET: http://127.0.0.1:1/\n");
        environment = "staging";
    } else {
        write("plan.yaml", &around(example, code));
    }
    // A secret is asked for where there is a run; it ends before anything is sent.
    let runs = code.as_str().starts_with("secret::") || SHOWN_BY_A_RUN.contains(&code);
    run(project.path(), &[if runs { "run" } else { "check" }, "plan.yaml", "-e", environment])
}

fn run(project: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_planrun"))
        .args(arguments)
        .current_dir(project)
        .env_clear()
        .env("API_KEY", "not-a-key")
        .stdin(Stdio::null())
        .output()
        .expect("the command runs");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}

/// A plan with the example in the place where it belongs.
fn around(example: &str, code: Code) -> String {
    let knows = |tables: &[&[keys::KeyDoc]], word: &str| {
        tables.iter().copied().flatten().any(|key| key.name == word)
    };
    let first = example.split([':', ' ']).next().unwrap_or_default();
    let step = [keys::METHODS, keys::REQUEST, keys::OPTIONS, keys::STEP];
    let indented = |by: &str| {
        example.lines().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{by}{line}");
            text
        })
    };
    let mut base = "plan: Example\ndefaults: {base_url: \"${{ env.url }}\"}\n".to_owned();
    if code.as_str().starts_with("contract::") {
        base.push_str("contracts: {shop: {spec: shop.openapi.yaml, base: \"${{ env.url }}\"}}\n");
    }
    if first == "plan" || code == Code::NotAPlan {
        example.to_owned()
    } else if example.starts_with("- ") {
        format!("{base}steps:\n{}", indented("  "))
    } else if first.starts_with('$') {
        format!("{base}steps:\n  - GET: /\n    expect:\n{}", indented("      "))
    } else if knows(&step, first) && !knows(&[keys::PLAN], first) || first == "budget" {
        let asks = keys::METHODS.iter().any(|key| example.contains(&format!("{}: ", key.name)));
        let ask = if asks { "  - name: Example\n" } else { "  - GET: /\n" };
        format!("{base}steps:\n{ask}{}", indented("    "))
    } else if example.contains("steps:") {
        format!("plan: Example\n{example}")
    } else {
        format!("{base}{example}steps:\n  - GET: /\n")
    }
}
