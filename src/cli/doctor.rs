//! `planrun doctor`: whether the environment of plans is well, layer by layer, before they are run.

mod shown;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::args::{DoctorArgs, Format};
use super::fault::UsageFault;
use super::guard;
use super::means::{client, random, runtime};
use super::obtain::{self, Known};
use super::other::json_escaped;
use super::prepare::{Prepared, prepare};
use super::preview::invalid;
use super::printer::Printer;
use super::secrets::{Described, Secrets, describe};
use super::signals;
use super::world::{self, Start, World, plan_values, run_names};
use crate::check::{CheckedStep, Work};
use crate::diagnose;
use crate::event::{Event, Section};
use crate::finding::Finding;
use crate::outcome::{Response, StepResult, Verdict};
use crate::record::{PlanRecord, Record, gravest};
use crate::run::{self, Context, Endpoint, Layer, PlanValues, Preview, State, Stop};
use crate::schedule::{Job, Selection};
use crate::services::{Groups, Purpose};

use shown::{document, table};

/// How many events may wait to be gathered.
const WAITING: usize = 1024;

/// Everything that was looked at.
struct Examined {
    environment: Option<String>,
    secrets: Vec<SecretRow>,
    endpoints: Vec<(Endpoint, Vec<Layer>)>,
    keys: Vec<KeyRow>,
}

/// A secret, without its value.
struct SecretRow {
    name: String,
    state: State,
    said: Vec<String>,
    next: Option<String>,
}

/// What a server says of a key.
struct KeyRow {
    secrets: Vec<String>,
    /// Where it was shown.
    origin: String,
    state: State,
    said: Vec<String>,
    /// Whether the key is known, and only may not do what was asked.
    lacks_right: bool,
    /// How many other steps were answered the same.
    more: usize,
    next: Option<String>,
}

impl Examined {
    /// 0 all is well, 1 a key is refused, 3 a secret is missing or malformed, 5 a layer fails.
    fn exit_code(&self) -> u8 {
        let code = |bad: bool, code: u8| if bad { code } else { 0 };
        let is_bad = |layer: &Layer| layer.state == State::Bad;
        gravest([
            code(self.secrets.iter().any(|row| row.state == State::Bad), 3),
            code(self.endpoints.iter().any(|(_, layers)| layers.iter().any(is_bad)), 5),
            code(self.keys.iter().any(|row| row.state == State::Bad), 1),
        ])
    }
}

/// Examines what plans need; the exit code.
pub(super) fn doctor(args: &DoctorArgs, current: &Path) -> Result<u8, UsageFault> {
    let paths =
        if args.paths.is_empty() { vec![default_path(current)] } else { args.paths.clone() };
    let mut prepared = prepare(&paths, &args.values, current)?;
    let printer = Printer::new(&args.look, &prepared.process);
    if prepared.has_errors() {
        invalid(&prepared, &prepared.findings, &printer);
        return Ok(3);
    }
    let all = prepared.schedule(&Selection::default())?;
    if all.is_empty() {
        prepared.explain_selection(&Selection::default(), &all, &printer);
        return Ok(4);
    }
    let asking = if args.steps.is_empty() {
        asking_jobs(&all)
    } else {
        let selection = Selection { steps: args.steps.clone(), ..Selection::default() };
        prepared.schedule(&selection)?
    };
    if !args.allow_writes {
        let findings = guard::writes(&prepared, &asking);
        prepared.findings.extend(findings);
    }
    if !args.allow_exec {
        let findings = guard::services(&prepared, &all);
        prepared.findings.extend(findings);
    }
    let mut secrets = BTreeMap::new();
    for environment in environments(&prepared, &all) {
        // What is wrong with a secret is a row of the table.
        let (found, _) = prepared.secrets(environment, &all)?;
        secrets.insert(environment, found);
    }
    if args.allow_exec && !prepared.has_errors() {
        let entropy = || random();
        let run = run_names("doctor", now(), 0);
        let scene = obtain::Scene {
            prepared: &prepared,
            jobs: &all,
            printer: &printer,
            run,
            now: now(),
            entropy: &entropy,
        };
        match obtain::obtain(&scene, &mut secrets, true, &mut Known::default()) {
            Ok(findings) => prepared.findings.extend(findings),
            Err(_) => return Ok(signals::code(Stop::Interrupt)),
        }
    }
    if prepared.has_errors() {
        invalid(&prepared, &prepared.findings, &printer);
        return Ok(3);
    }
    let Ok(runtime) = runtime(2) else { return Ok(7) };
    let look = Look { args, prepared: &prepared, jobs: &all, asking, secrets: &secrets };
    let examined = runtime.block_on(look.examine());
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    let examined = match examined {
        Ok(examined) => examined,
        Err(Ended::Stopped(stop)) => return Ok(signals::code(stop)),
        Err(Ended::Problems(problems)) => {
            invalid(&prepared, &problems, &printer);
            return Ok(5);
        }
    };
    let text = match args.format {
        Format::Json => {
            let value = document(&examined, &prepared.suite.sources);
            json_escaped(&serde_json::to_string_pretty(&value).unwrap_or_default())
        }
        Format::Human => table(&examined, &prepared.suite.sources, &printer.style),
    };
    Ok(match printer.out(&prepared.gate.redact(text)) {
        Ok(()) => examined.exit_code(),
        Err(_) => 7,
    })
}

/// The plans that are looked at where none is named.
fn default_path(current: &Path) -> PathBuf {
    let plans = current.join("plans");
    if plans.is_dir() { PathBuf::from("plans") } else { PathBuf::from(".") }
}

fn environments(prepared: &Prepared, jobs: &[Job]) -> Vec<Option<usize>> {
    let of = |job: &Job| prepared.suite.plans.get(job.position).map(|loaded| loaded.environment);
    let mut used: Vec<Option<usize>> = jobs.iter().filter_map(of).collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// Of each plan the first step that shows a key and only reads: it alone is asked.
fn asking_jobs(all: &[Job]) -> Vec<Job> {
    let mut found: Vec<Job> = Vec::new();
    for job in all {
        if found.iter().any(|known| known.position == job.position) {
            continue;
        }
        let Some(first) = job.plan.steps().iter().position(only_asks) else { continue };
        let selected = (0..job.plan.steps().len()).map(|number| number == first).collect();
        found.push(Job { selected, ..job.clone() });
    }
    found
}

/// Whether a step only reads, shows a key, and needs nothing of another step.
fn only_asks(step: &CheckedStep) -> bool {
    let Work::Request(request) = &step.work else { return false };
    matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS")
        && request.body.is_none()
        && step.section == Section::Steps
        && !step.uses.secrets.is_empty()
        && step.uses.captures.is_empty()
        && step.uses.seen.is_empty()
        && step.parent.is_none()
        && step.skip.is_none()
        && step.condition.is_none()
        && step.cases.is_none()
        && step.samples.is_none()
}

#[expect(clippy::disallowed_methods, reason = "the clock that servers are compared with")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Why nothing could be examined.
enum Ended {
    Stopped(Stop),
    /// The environment could not be started or evaluated.
    Problems(Vec<Finding>),
}

/// What is looked at.
struct Look<'a> {
    args: &'a DoctorArgs,
    prepared: &'a Prepared,
    jobs: &'a [Job],
    asking: Vec<Job>,
    secrets: &'a BTreeMap<Option<usize>, Secrets>,
}

impl Look<'_> {
    async fn examine(self) -> Result<Examined, Ended> {
        let Self { args, prepared, jobs, asking, secrets } = self;
        let groups = Arc::new(Groups::default());
        let stop = signals::listen(None, None, Arc::clone(&groups));
        let (sender, receiver) = mpsc::channel(WAITING);
        let context = Arc::new(context(prepared, sender, stop));
        let gathered = tokio::spawn(gather(receiver));
        let how = Start { context: &context, purpose: Purpose::Run, groups: &groups };
        let World { values, running, taps, problems } =
            world::start(prepared, jobs, secrets, how).await;
        let mut examined = None;
        if problems.is_empty() && context.stopped().is_none() {
            let values = plan_values(prepared, &args.values, &values);
            let mut endpoints: Vec<(Endpoint, Vec<Layer>)> = Vec::new();
            for endpoint in endpoints_of(jobs, &values) {
                let layers = endpoint.examine(&context.client, &now).await;
                endpoints.push((endpoint, layers));
            }
            let secrets = secret_rows(prepared, jobs);
            let asking = with_their_secrets(asking, &secrets);
            run::run(Arc::clone(&context), asking, values).await;
            let environment = jobs
                .iter()
                .filter_map(|job| prepared.suite.plans.get(job.position)?.environment)
                .find_map(|index| prepared.environments.get(index))
                .map(|environment| environment.name.clone());
            examined = Some(Examined { environment, secrets, endpoints, keys: Vec::new() });
        }
        drop(taps);
        let mut problems = problems;
        for services in running.into_iter().rev() {
            problems.extend(services.stop().await);
        }
        let stopped = context.stopped();
        // The last sender: what was told is whole.
        drop(context);
        let record = Record::fold(gathered.await.unwrap_or_default());
        match (examined, stopped) {
            (_, Some(stop)) => Err(Ended::Stopped(stop)),
            (None, None) => Err(Ended::Problems(problems)),
            (Some(examined), None) => Ok(Examined { keys: keys(&record), ..examined }),
        }
    }
}

async fn gather(mut events: mpsc::Receiver<crate::secret::Sealed<Event>>) -> Vec<Event> {
    let mut all = Vec::new();
    while let Some(event) = events.recv().await {
        all.push(event.open().into_inner());
    }
    all
}

fn context(
    prepared: &Prepared,
    events: mpsc::Sender<crate::secret::Sealed<Event>>,
    stop: tokio::sync::watch::Receiver<Option<Stop>>,
) -> Context {
    Context {
        run: "doctor".to_owned(),
        seed: random() >> 32,
        entropy: AtomicU64::new(random()),
        ..Context::alone(client(&prepared.process), prepared.gate.clone(), events, stop)
    }
}

/// The places that the plans ask, each once.
fn endpoints_of(jobs: &[Job], values: &[Arc<PlanValues>]) -> Vec<Endpoint> {
    let mut found: Vec<Endpoint> = Vec::new();
    for job in jobs {
        let Some(values) = values.get(job.position) else { continue };
        let preview = Preview { values, seed: 0, now: now() };
        for endpoint in preview.endpoints(&job.plan) {
            let same = |known: &&mut Endpoint| known.url.origin() == endpoint.url.origin();
            match found.iter_mut().find(same) {
                Some(known) => known.join(&endpoint),
                None => found.push(endpoint),
            }
        }
    }
    found
}

/// Every secret that the plans declare, once.
fn secret_rows(prepared: &Prepared, jobs: &[Job]) -> Vec<SecretRow> {
    let mut rows: Vec<SecretRow> = Vec::new();
    for job in jobs {
        let environment = prepared.suite.environment_of(job.position);
        job.plan.each_plan(&mut |plan| {
            for secret in plan.secrets() {
                let name = &secret.name.value;
                if rows.iter().any(|row| row.name == *name) {
                    continue;
                }
                let shape = secret.matches.as_ref();
                let described = describe(name, shape, prepared.places(), environment);
                rows.push(secret_row(name, secret.optional, shape.is_some(), described));
            }
        });
    }
    rows
}

fn secret_row(name: &str, optional: bool, has_shape: bool, described: Described) -> SecretRow {
    let Described { state: word, place, at: _, repair } = described;
    let state = match word {
        "given" | "from-service" => State::Good,
        "from-command" | "from-prompt" => State::Skipped,
        "missing" if optional => State::Skipped,
        _ => State::Bad,
    };
    let mut said = vec![format!("{} ({place})", word.replace('-', " "))];
    if word == "given" && has_shape {
        said.push("as `matches` says".to_owned());
    }
    if word == "missing" && optional {
        said.push("optional".to_owned());
    }
    SecretRow { name: name.to_owned(), state, said, next: repair.filter(|_| state == State::Bad) }
}

/// Those jobs whose secrets are all there.
fn with_their_secrets(jobs: Vec<Job>, rows: &[SecretRow]) -> Vec<Job> {
    let lacks =
        |name: &String| rows.iter().any(|row| row.name == *name && row.state != State::Good);
    let steps = |job: &Job| {
        let selected = job.plan.steps().iter().zip(&job.selected).filter(|(_, it)| **it);
        selected.flat_map(|(step, _)| step.uses.secrets.iter().cloned()).collect::<Vec<_>>()
    };
    jobs.into_iter().filter(|job| !steps(job).iter().any(lacks)).collect()
}

/// What the servers said of the keys.
fn keys(record: &Record) -> Vec<KeyRow> {
    let mut rows: Vec<KeyRow> = Vec::new();
    for plan in &record.plans {
        let witnesses = diagnose::witnesses(plan);
        for step in &plan.steps {
            let Some(result) = &step.result else { continue };
            let row = key_row(plan, &step.step.title(), (step, result), &witnesses);
            let same = |known: &&mut KeyRow| {
                row.as_ref().is_some_and(|row| {
                    let told = |row: &KeyRow| (row.state, row.lacks_right);
                    (&known.secrets, &known.origin, told(known))
                        == (&row.secrets, &row.origin, told(row))
                })
            };
            match rows.iter_mut().find(same) {
                Some(known) => known.more += 1,
                None => rows.extend(row),
            }
        }
    }
    rows
}

fn key_row(
    plan: &PlanRecord,
    title: &str,
    (step, result): (&crate::record::StepRecord, &StepResult),
    witnesses: &[diagnose::Witness],
) -> Option<KeyRow> {
    let exchange = result.attempts.last()?.exchange.as_deref()?;
    let mut secrets: Vec<String> =
        exchange.secrets_sent.iter().map(|(name, _)| name.clone()).collect();
    secrets.dedup();
    if secrets.is_empty() {
        return None;
    }
    let request = &exchange.request;
    let url = request.url.split(['?', '#']).next().unwrap_or_default();
    let status = exchange.response.as_ref().map(|response| response.status);
    let asked = format!("{} {url}", request.method);
    let by = format!("step `{title}` of {}", plan.started.path);
    let origin = url::Url::parse(url).ok()?.origin().ascii_serialization();
    let causes = diagnose::causes(&step.step, result, witnesses);
    let is_caused_by = |rules: &[&str]| causes.iter().any(|cause| rules.contains(&cause.rule));
    let lacks_right =
        status == Some(403) && is_caused_by(&["permission/scope", "permission/not-allowed"]);
    let doubt = exchange.response.as_ref().and_then(|response| doubt(response, url));
    let has_passed = result.verdict == Verdict::Passed;
    let (state, word) = match status? {
        // A plan may expect a refusal: then nothing is said of the key.
        400.. if has_passed => return None,
        403 if is_caused_by(&["permission/firewall", "permission/host-header"]) => {
            (State::Doubtful, "not to be told: 403 from".to_owned())
        }
        403 if lacks_right => (State::Bad, "known, and may not do this: 403 by".to_owned()),
        status @ (401 | 403) => (State::Bad, format!("refused with {status} by")),
        200..=299 if doubt == Some(Doubt::SaysInvalid) => {
            let state = if has_passed { State::Doubtful } else { State::Bad };
            (state, "said not to be valid by".to_owned())
        }
        status @ 200..=299 if doubt == Some(Doubt::Page) => {
            (State::Doubtful, format!("not to be told: {status} with a page to sign in from"))
        }
        status @ 200..=299 if doubt == Some(Doubt::OpenToAll) => {
            (State::Doubtful, format!("not to be told: {status}, and it may be open to all, from"))
        }
        _ if has_passed => (State::Good, "accepted by".to_owned()),
        status @ 200..=299 => (
            State::Doubtful,
            format!("accepted with {status}, and the answer is not as expected, by"),
        ),
        status => (State::Doubtful, format!("not to be told: {status} from")),
    };
    let mut said = vec![format!("{word} {asked}"), by];
    let mut next = None;
    if let Some(cause) = causes.first().filter(|_| state != State::Good) {
        said.push(cause.text.clone());
        said.extend(cause.facts.iter().map(|fact| fact.text.clone()));
        next.clone_from(&cause.next);
    }
    Some(KeyRow { secrets, origin, state, said, lacks_right, more: 0, next })
}

/// Why an answer that is well is no word for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It says itself that a key is not valid.
    SaysInvalid,
    /// It is a web page that asks to sign in.
    Page,
    /// It is asked by who watches a service, mostly without a key.
    OpenToAll,
}

fn doubt(response: &Response, url: &str) -> Option<Doubt> {
    const WATCHED: [&str; 8] =
        ["health", "healthz", "healthcheck", "livez", "live", "readyz", "ready", "ping"];
    const TITLES: [&str; 4] = [" sign in ", " signin ", " log in ", " login "];
    let body = response.json();
    if body.is_some_and(|body| body.get("is_valid") == Some(&serde_json::Value::Bool(false))) {
        return Some(Doubt::SaysInvalid);
    }
    let text = response.body.text().filter(|_| diagnose::is_html(response)).unwrap_or_default();
    let title = diagnose::title(text).unwrap_or_default().to_lowercase();
    let words: Vec<&str> =
        title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let title = format!(" {} ", words.join(" "));
    let asks_for_a_password = text.to_ascii_lowercase().contains("type=\"password\"");
    if asks_for_a_password || TITLES.iter().any(|named| title.contains(named)) {
        return Some(Doubt::Page);
    }
    let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    WATCHED.contains(&last).then_some(Doubt::OpenToAll)
}
