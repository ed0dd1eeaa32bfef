//! How good the causes are: faults are planted between planrun and the built-in registry, or into the
//! environment, one at a time, and `plans/registration.yaml` is run as it is.
//!
//! Each fault states what names it rightly (`mutation/faults.rs`). What was said of each stands in
//! `docs/src/reference/diagnosis-check.md`, and this test holds that page: a change of diagnosis
//! changes it. `PLANRUN_BLESS=1 cargo test --test mutation` writes it anew.

#![cfg(all(unix, feature = "demo"))]
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    reason = "a test that cannot be set up fails; it reads the repository and runs the command; every \
              fault is planted by a function of one form"
)]

#[path = "mutation/faults.rs"]
mod faults;
#[path = "support/mutant.rs"]
mod mutant;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use faults::{Fault, World};
use mutant::Mutant;
use planrun::demo::Demo;
use serde_json::Value;

/// How many faults are tried at once: most of the time is waiting.
const AT_ONCE: usize = 4;

/// How often one is tried again alone where it is not as the page says: a machine under load is slow,
/// and some faults are about time.
const AGAIN: usize = 3;

/// Fewer than so many named rightly is a step back, as is any that is named wrongly.
const RIGHT: usize = 50;

/// How diagnosis did on one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    /// Every cause of the run names the fault, with its evidence.
    Right,
    /// There was no cause.
    Silent,
    /// A cause named something else.
    Wrong,
    /// The check told it before the first request.
    Before,
    /// The plan passed: it does not look at this.
    Unseen,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Right => "rightly",
            Self::Silent => "silent",
            Self::Wrong => "wrongly",
            Self::Before => "before the run",
            Self::Unseen => "not seen",
        }
    }
}

/// What a run with a fault said.
#[derive(Debug)]
struct Said {
    grade: Grade,
    /// The first step that did not pass.
    step: String,
    /// Its causes: rule and confidence.
    causes: Vec<String>,
    /// Everything, for who has to mend it.
    whole: String,
}

#[test]
fn what_diagnosis_says_of_each_planted_fault_is_as_the_page_says() {
    let faults = faults::all();
    assert!(faults.len() >= 30, "{} faults", faults.len());
    let path = root().join("docs/src/reference/diagnosis-check.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let mut said = tried(&faults);
    for (fault, said) in faults.iter().zip(&mut said) {
        for _ in 0..AGAIN {
            if said.grade != Grade::Wrong && written.contains(&row(fault, said)) {
                break;
            }
            *said = plant(fault);
        }
    }
    let page = page(&faults, &said);
    if std::env::var_os("PLANRUN_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let wrong: Vec<String> = faults
        .iter()
        .zip(&said)
        .filter(|(_, said)| said.grade == Grade::Wrong)
        .map(|(fault, said)| format!("{}\n{}", fault.planted, said.whole))
        .collect();
    assert!(wrong.is_empty(), "{} are named wrongly:\n{}", wrong.len(), wrong.join("\n"));
    let right = said.iter().filter(|said| said.grade == Grade::Right).count();
    assert!(right >= RIGHT, "only {right} are named rightly");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let written: BTreeSet<&str> = written.lines().collect();
    let new: Vec<&str> = page.lines().filter(|line| !written.contains(line)).collect();
    assert!(
        new.is_empty() && written.len() == page.lines().collect::<BTreeSet<_>>().len(),
        "the page does not say:\n{}\n\nPLANRUN_BLESS=1 cargo test --test mutation writes it anew",
        new.join("\n")
    );
}

#[test]
fn without_a_fault_nothing_is_said() {
    let said = tried(&[faults::healthy()]);
    assert_eq!(said.first().map(|said| said.grade), Some(Grade::Unseen), "{said:?}");
    assert!(said.iter().all(|said| said.whole.starts_with("exit 0")), "{said:?}");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What was said of each fault, in their order.
fn tried(faults: &[Fault]) -> Vec<Said> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(faults.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fault) = faults.get(number) else { return };
                    let said = plant(fault);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, said));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    assert_eq!(done.len(), faults.len());
    done.into_iter().map(|(_, said)| said).collect()
}

/// Runs the plan with one fault.
fn plant(fault: &Fault) -> Said {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let demo = runtime.block_on(Demo::start((fault.demo)())).expect("a demo");
    let mut world = World {
        registry_url: Mutant::before(demo.url(), fault.registry).url(),
        auth_url: Mutant::before(demo.auth_url(), fault.auth).url(),
        service_id: "platform".to_owned(),
        api_key: demo.api_key().to_owned(),
        expired_key: demo.expired_key().to_owned(),
        defaults: "{}",
    };
    (fault.world)(&mut world);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let World { registry_url, auth_url, service_id, defaults, .. } = &world;
    write(folder.path(), "planrun.yaml", "project: test\n");
    write(
        folder.path(),
        "environments/test.yaml",
        &format!(
            "environment: test\nvars:\n  registry_url: {registry_url}\n  auth_url: {auth_url}\n  \
             service_id: {service_id}\nsecrets:\n  api_key: {{env_var: API_KEY}}\ndefaults: \
             {defaults}\n"
        ),
    );
    let plan = std::fs::read_to_string(root().join("plans/registration.yaml"));
    write(folder.path(), "registration.yaml", &plan.expect("the plan"));
    let output = Command::new(env!("CARGO_BIN_EXE_planrun"))
        .args(["registration.yaml", "-e", "test", "--report", "json=report.json"])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("API_KEY", &world.api_key)
        .stdin(Stdio::null())
        .output()
        .expect("planrun starts");
    runtime.block_on(demo.stop());
    let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap_or_default();
    let report = serde_json::from_str(&report).unwrap_or(Value::Null);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let whole = format!(
        "exit {}\n{}{}",
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr)
    );
    judged(fault, &report, whole)
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

/// Holds what a report says against what is true.
fn judged(fault: &Fault, report: &Value, whole: String) -> Said {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is = |step: &Value, verdict: &str| step["verdict"] == verdict;
    let failing: Vec<Value> = list(&report["plans"])
        .iter()
        .flat_map(|plan| list(&plan["steps"]))
        .filter(|step| is(step, "failed") || is(step, "errored"))
        .collect();
    let of = |cause: &Value, name: &str| cause[name].as_str().unwrap_or_default().to_owned();
    // What the end of the run says counts too, and so does every step that failed in consequence.
    let mut rules: BTreeSet<String> = failing
        .iter()
        .flat_map(|step| list(&step["causes"]))
        .map(|cause| of(&cause, "rule"))
        .collect();
    let clusters = list(&report["diagnosis"]["clusters"]);
    rules.extend(clusters.iter().map(|it| of(&it["cause"], "rule")).filter(|it| !it.is_empty()));
    let first = failing.first().cloned().unwrap_or_default();
    let causes = list(&first["causes"]);
    let may = |rule: &String| {
        fault.named.contains(&rule.as_str()) || fault.after.contains(&rule.as_str())
    };
    let is_right = |cause: &Value| fault.named.contains(&of(cause, "rule").as_str());
    let grade = if whole.starts_with("exit 3") {
        Grade::Before
    } else if failing.is_empty() {
        Grade::Unseen
    } else if rules.is_empty() {
        Grade::Silent
    } else if rules.iter().all(may)
        && causes.iter().all(is_right)
        && shown(&causes).contains(fault.evidence)
        && !causes.is_empty()
    {
        Grade::Right
    } else {
        Grade::Wrong
    };
    let told = |cause: &Value| format!("`{}`, {}", of(cause, "rule"), of(cause, "confidence"));
    let mut causes: Vec<String> = causes.iter().map(told).collect();
    // A cause that only another step or the whole run has.
    causes.extend(
        rules
            .iter()
            .filter(|rule| !causes.iter().any(|told| told.starts_with(&format!("`{rule}`"))))
            .map(|rule| format!("`{rule}`, elsewhere"))
            .collect::<Vec<_>>(),
    );
    Said { grade, step: of(&first, "name"), causes, whole }
}

/// The text and the facts of causes.
fn shown(causes: &[Value]) -> String {
    let told: Vec<String> =
        causes.iter().map(|cause| format!("{}\n{}", cause["text"], cause["facts"])).collect();
    told.join("\n")
}

/// The page that states the figures.
fn page(faults: &[Fault], said: &[Said]) -> String {
    let count = |grade: Grade| said.iter().filter(|said| said.grade == grade).count();
    let mut page = format!(
        "# How good the causes are\n\nFaults are planted one at a time: into the environment, \
         between planrun and the built-in registry, or into\nthe registry itself. Then \
         `plans/registration.yaml` is run as it is. What names each fault rightly, with\nwhich \
         evidence, was written down from the fault alone. A test holds this page against what is \
         said today.\n\nOf {} faults, **{} are named rightly, {} wrongly, and {} not at all**. Of the other {}, {} are \
         told by the check\nbefore anything is sent, and {} are not seen by this plan.\n\n- \
         *rightly*: every cause that the run shows names the fault, and a fact of the run that \
         tells it stands with it\n- *wrongly*: a cause names something else, or the evidence is not \
         there; one that misleads beside a right one\n  is enough\n- *silent*: no cause; the failure \
         itself is told all the same: what was expected, what was there, where\n\n| planted | first \
         step that fails | what is said | |\n|---|---|---|---|\n",
        faults.len(),
        count(Grade::Right),
        count(Grade::Wrong),
        count(Grade::Silent),
        count(Grade::Before) + count(Grade::Unseen),
        count(Grade::Before),
        count(Grade::Unseen),
    );
    for (fault, said) in faults.iter().zip(said) {
        page.push_str(&row(fault, said));
    }
    page
}

/// A fault's row of the page.
fn row(fault: &Fault, said: &Said) -> String {
    let Said { grade, step, causes, whole: _ } = said;
    let told = if causes.is_empty() { "—".to_owned() } else { causes.join("; ") };
    format!("| {} | {step} | {told} | {} |\n", fault.planted, grade.word())
}
