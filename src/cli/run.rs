//! `planrun run`: from checked plans to an exit code.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::args::RunArgs;
use super::fault::UsageFault;
use super::guard;
use super::inputs::Process;
use super::kept::{Kept, Told};
use super::means::{client, random, runtime};
use super::notify::{News, Notify};
use super::obtain::{self, Interrupted, Known};
use super::outputs::{self, Report};
use super::prepare::{Prepared, prepare};
use super::preview::rendered;
use super::printer::Printer;
use super::reporters::{Heard, Held, Reporters};
use super::secrets::{self, Secrets};
use super::selection;
use super::signals;
use super::store::{RunFolder, log_file};
use super::world::{self, Start, World, common_sources, plan_values, run_names};
use crate::check::Late;
use crate::event::{Event, RunStarted, VERSION};
use crate::finding::{Code, Finding};
use crate::record::{Flaky, Record, gravest};
use crate::report::{self, Terminal};
use crate::run::{self, Context, Keep, Stop};
use crate::schedule::Job;
use crate::secret::{Gate, Redacted, Sealed};
use crate::services::{Groups, Purpose};
use crate::source::SourceText;

/// How many events may wait for the reporters.
const WAITING: usize = 1024;

/// Everything that is decided before the first request.
pub(super) struct Ready {
    prepared: Prepared,
    jobs: Vec<Job>,
    /// The secrets of each environment that is used; `None` is no environment.
    secrets: BTreeMap<Option<usize>, Secrets>,
    gate: Gate,
    reports: Vec<Report>,
    notify: Notify,
    started: Instant,
    started_at: Timestamp,
    run: String,
    seed: u64,
    entropy: u64,
    deadline: Option<Duration>,
    audience: Audience,
}

/// What ends a run early, what it has started, and where it keeps things.
struct Ends {
    stop: tokio::sync::watch::Receiver<Option<Stop>>,
    groups: Arc<Groups>,
    keep: Keep,
}

/// Runs plans; the exit code.
pub(super) fn run(args: &RunArgs, current: &Path) -> Result<u8, UsageFault> {
    match begin(args, current, Audience::Person, &mut Known::default())? {
        Begun::Ended(code) => Ok(code),
        Begun::Ready(ready) => {
            let printer = Printer::new(&args.look, &ready.prepared.process);
            Ok(ready.carry_out(args, &printer).code)
        }
    }
}

/// Who hears of a run while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Whoever sits at the terminal.
    Person,
    /// What compares it with another: it runs several times, and nobody else hears of it.
    Comparison,
}

/// A run before its first request.
pub(super) enum Begun {
    /// There is none: it is over with this code, and why was said.
    Ended(u8),
    /// All is decided.
    Ready(Box<Ready>),
}

/// What a run came to.
pub(super) struct Carried {
    pub(super) code: u8,
    /// All of it, where somebody wants it.
    pub(super) run: Option<Told>,
}

impl Carried {
    fn failed() -> Self {
        Self { code: 7, run: None }
    }
}

/// Decides everything before the first request.
#[expect(clippy::disallowed_methods, reason = "the run begins here")]
pub(super) fn begin(
    args: &RunArgs,
    current: &Path,
    audience: Audience,
    known: &mut Known,
) -> Result<Begun, UsageFault> {
    let started = Instant::now();
    let started_at = Timestamp::now();
    let mut reports = outputs::reports(&args.reports, &Process::read())?;
    reports.extend(outputs::section(&args.section)?);
    let deadline = match &args.deadline {
        Some(text) => Some(crate::units::parse_duration(text).map_err(|fault| {
            UsageFault::new(format!("--deadline: {fault}; write it as `10m` or `90s`"))
        })?),
        None => None,
    };
    let selection = match selection::read(&args.selection, &args.look) {
        Ok(selection) => selection,
        Err(code) => return Ok(Begun::Ended(code)),
    };
    let mut prepared = prepare(&args.paths, &args.values, current)?;
    if let Some(times) = args.retries {
        prepared.retry(times);
    }
    let notify = Notify::read(&args.notify, &prepared.process)?;
    prepared.findings.extend(notify.learn(&prepared.gate));
    let printer = Printer::new(&args.look, &prepared.process);
    let entropy = random();
    let seed = args.seed.unwrap_or(random() >> 32);
    let run = format!("{}-{:04x}", started_at.strftime("%Y%m%d-%H%M%S"), entropy & 0xffff);
    let mut ready = Ready {
        gate: prepared.gate.clone(),
        prepared,
        jobs: Vec::new(),
        secrets: BTreeMap::new(),
        reports,
        notify,
        started,
        started_at,
        run,
        seed,
        entropy,
        deadline,
        audience,
    };
    if !ready.prepared.has_errors() {
        let selection = ready.prepared.look_back(&args.selection, selection)?;
        ready.jobs = ready.prepared.schedule(&selection)?;
        ready.prepared.explain_selection(&selection, &ready.jobs, &printer);
    }
    if args.dry_run && !ready.prepared.has_errors() {
        // Every secret is shown as its name: none needs to be there.
        return Ok(Begun::Ended(super::dry_run::dry_run(&ready.into(), args, &printer)));
    }
    if !ready.prepared.has_errors() {
        let written = match audience {
            Audience::Person if args.allow_writes => Vec::new(),
            Audience::Person => guard::writes(&ready.prepared, &ready.jobs),
            Audience::Comparison => {
                guard::compared(&ready.prepared, &ready.jobs, args.allow_writes)
            }
        };
        ready.prepared.findings.extend(written);
        ready.read_secrets(args, &printer)?;
        if !ready.prepared.has_errors() && ready.obtain_secrets(args, &printer, known).is_err() {
            return Ok(Begun::Ended(ready.interrupted(args, &printer)));
        }
        if ready.prepared.process.get("GITHUB_ACTIONS") == Some("true") {
            let known = ready.secrets.values().flat_map(|secrets| &secrets.found);
            outputs::add_masks(known.chain(&ready.notify.secrets()));
        }
    }
    if ready.prepared.has_errors() {
        return Ok(Begun::Ended(ready.refuse(args, &printer)));
    }
    Ok(Begun::Ready(Box::new(ready)))
}

impl From<Ready> for super::preview::Scene {
    fn from(ready: Ready) -> Self {
        Self { prepared: ready.prepared, jobs: ready.jobs }
    }
}

impl Ready {
    /// Reads the secrets of every environment that a job uses.
    fn read_secrets(&mut self, args: &RunArgs, printer: &Printer) -> Result<(), UsageFault> {
        let environment = |job: &Job| {
            self.prepared.suite.plans.get(job.position).and_then(|loaded| loaded.environment)
        };
        let mut used: Vec<Option<usize>> = self.jobs.iter().map(environment).collect();
        used.sort_unstable();
        used.dedup();
        for environment in used {
            let (secrets, findings) = self.prepared.secrets(environment, &self.jobs)?;
            let visible = secrets::visible(&args.values, &secrets.found);
            self.prepared.findings.extend(findings);
            self.prepared.findings.extend(visible);
            self.secrets.insert(environment, secrets);
        }
        if !args.allow_exec {
            let services = guard::services(&self.prepared, &self.jobs);
            self.prepared.findings.extend(services);
            let refused: Vec<Finding> = self.with_scene(printer, |scene| {
                let commands = self.secrets.iter();
                commands
                    .flat_map(|(at, secrets)| obtain::not_allowed(scene, *at, secrets))
                    .collect()
            });
            self.prepared.findings.extend(refused);
        }
        if args.values.strict {
            self.prepared.be_strict();
        }
        Ok(())
    }

    /// Gets the secrets that take a command or a person.
    fn obtain_secrets(
        &mut self,
        args: &RunArgs,
        printer: &Printer,
        known: &mut Known,
    ) -> Result<(), Interrupted> {
        let mut secrets = std::mem::take(&mut self.secrets);
        let obtained = self.with_scene(printer, |scene| {
            obtain::obtain(scene, &mut secrets, args.allow_exec, known)
        });
        self.secrets = secrets;
        self.prepared.findings.extend(obtained?);
        if args.values.strict {
            self.prepared.be_strict();
        }
        Ok(())
    }

    fn with_scene<R>(&self, printer: &Printer, f: impl FnOnce(&obtain::Scene<'_>) -> R) -> R {
        f(&obtain::Scene {
            prepared: &self.prepared,
            jobs: &self.jobs,
            printer,
            run: run_names(&self.run, self.started_at, self.seed),
            now: self.started_at,
            entropy: &|| random(),
        })
    }

    /// How long the cleanup of any plan may take; the watchdog waits for it.
    fn longest_cleanup(&self) -> Duration {
        let known = self.jobs.iter().map(|job| match job.plan.cleanup_timeout() {
            Some(Late::Known(timeout)) => *timeout,
            Some(Late::Template(..)) => Duration::from_secs(600),
            None => Duration::from_secs(60),
        });
        known.max().unwrap_or_default()
    }

    fn header(&self, args: &RunArgs) -> RunStarted {
        let environment = self
            .jobs
            .iter()
            .filter_map(|job| self.prepared.suite.plans.get(job.position)?.environment)
            .find_map(|index| self.prepared.environments.get(index))
            .map(|environment| environment.name.clone());
        let steps = self.jobs.iter().fold(0, |sum: u32, job| sum.saturating_add(job.steps()));
        RunStarted {
            version: VERSION,
            planrun: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.run.clone(),
            started_at: self.started_at.to_string(),
            environment,
            seed: self.seed,
            jobs: u32::try_from(self.jobs.len()).unwrap_or(u32::MAX),
            steps,
            command: outputs::command(args),
            variables: self.prepared.variables(self.jobs.iter().map(|job| job.position)),
            commit: super::commit::commit(&self.prepared.suite.root),
        }
    }

    /// Invalid plans: nothing is sent, and every report says why.
    fn refuse(&self, args: &RunArgs, printer: &Printer) -> u8 {
        let mut events = vec![Event::RunStarted(self.header(args))];
        events.extend(self.prepared.suite.sources.iter().map(Event::source));
        let findings = &self.prepared.findings;
        events.extend(findings.iter().map(|f| Event::Finding { finding: f.clone() }));
        events.push(Event::RunFinished { duration: Duration::ZERO, interrupted: None });
        let events: Vec<Event> =
            events.into_iter().map(|event| self.gate.redact(event).into_inner()).collect();
        let record = Record::fold(events);
        printer.error(&rendered(&self.prepared, findings, printer));
        let told = Told::from(record);
        let failures = outputs::write(&self.reports, &told);
        outputs::complain(&failures, &self.gate, printer);
        let code = gravest([3, if failures.is_empty() { 0 } else { 7 }]);
        self.tell(&told.record, code, printer);
        code
    }

    /// Ctrl-C before the first request: every report says so.
    fn interrupted(&self, args: &RunArgs, printer: &Printer) -> u8 {
        let events = [
            Event::RunStarted(self.header(args)),
            Event::RunFinished {
                duration: elapsed(self.started),
                interrupted: Some(Stop::Interrupt.as_str().to_owned()),
            },
        ];
        let record = Record::fold(events.map(|event| self.gate.redact(event).into_inner()));
        printer.error(&Redacted::literal("interrupted: no request was sent"));
        let failures = outputs::write(&self.reports, &record.into());
        outputs::complain(&failures, &self.gate, printer);
        signals::code(Stop::Interrupt)
    }

    /// An output that cannot be written, seen before the first request: nothing is sent, and the
    /// reports that can be written say why.
    fn give_up(&self, args: &RunArgs, mut failures: Vec<String>, printer: &Printer) -> u8 {
        let finding = Finding::error(
            Code::OutputFailed,
            format!("could not write {}: no request was sent", failures.join(", ")),
        );
        let events = [
            Event::RunStarted(self.header(args)),
            Event::Finding { finding },
            Event::RunFinished { duration: elapsed(self.started), interrupted: None },
        ];
        let record = Record::fold(events.map(|event| self.gate.redact(event).into_inner()));
        let told = Told::from(record);
        failures.extend(outputs::write(&self.reports, &told));
        outputs::complain(&failures, &self.gate, printer);
        printer.error(&Redacted::literal("no request was sent"));
        self.tell(&told.record, 7, printer);
        7
    }

    /// Tells whoever wants to know how a run ended that sent nothing.
    fn tell(&self, record: &Record, code: u8, printer: &Printer) {
        let news = News {
            record,
            code,
            root: &self.prepared.suite.root,
            gate: &self.gate,
            client: client(&self.prepared.process),
            stop: None,
        };
        self.notify.tell(&news, printer);
    }

    /// The same, as if it began now: what is decided may wait.
    #[expect(clippy::disallowed_methods, reason = "the run begins here")]
    pub(super) fn begin_now(&mut self) {
        self.started = Instant::now();
        self.started_at = Timestamp::now();
    }

    /// What takes the plans that end, where somebody wants to know of them.
    fn kept(&self) -> Option<Kept> {
        if self.audience == Audience::Comparison {
            return Some(Kept::whole());
        }
        let is_told = !self.reports.is_empty() || self.notify.is_wanted();
        is_told.then(|| Kept::told(self.reports.iter().map(Report::goes)))
    }

    pub(super) fn carry_out(mut self, args: &RunArgs, printer: &Printer) -> Carried {
        let misplaced = outputs::misplaced(&mut self.reports);
        if !misplaced.is_empty() {
            return Carried { code: self.give_up(args, misplaced, printer), run: None };
        }
        let folder = match RunFolder::create(
            &self.prepared.suite.root,
            args.out.as_deref().map(|out| self.prepared.current.join(out)).as_deref(),
            &self.run,
        ) {
            Ok(folder) => folder,
            Err(error) => {
                let failure = format!("the run's folder: {error}; `--out DIR` names another");
                return Carried { code: self.give_up(args, vec![failure], printer), run: None };
            }
        };
        let opened = folder.events();
        let log = args.log_file.as_ref().map(|path| log_file(&self.prepared.current.join(path)));
        let mut failed = Vec::new();
        let events = opened.map_err(|e| failed.push(format!("the stored run: {e}"))).ok();
        let log =
            log.and_then(|log| log.map_err(|e| failed.push(format!("the log file: {e}"))).ok());
        if !failed.is_empty() {
            return Carried { code: self.give_up(args, failed, printer), run: None };
        }
        let flaky = if args.fail_on_flaky { Flaky::Fails } else { Flaky::Passes };
        let mut terminal = Terminal::new(
            printer.style,
            report::Options {
                quiet: args.quiet,
                verbose: args.verbose,
                is_terminal: printer.is_terminal,
                lines: !args.quiet,
                flaky,
            },
        );
        terminal.stored_at(outputs::shown(folder.path(), &self.prepared.current));
        let kept = self.kept();
        let reporters = Reporters {
            terminal: (self.audience == Audience::Person).then_some(terminal),
            held: Held::new(printer.is_terminal),
            events,
            log: log.map(|file| {
                let style = report::Style { width: 100, color: false, unicode: true };
                let options =
                    report::Options { verbose: true, flaky, ..report::Options::default() };
                (Terminal::new(style, options), file)
            }),
            kept,
            line: Vec::new(),
        };
        let (sender, receiver) = mpsc::channel(WAITING);
        let groups = Arc::new(Groups::default());
        let stop =
            signals::listen(self.deadline, Some(self.longest_cleanup()), Arc::clone(&groups));
        let listener = std::thread::spawn(move || reporters.listen(receiver));
        let threads = self.jobs.len().min(usize::from(args.jobs));
        let header = self.header(args);
        let gate = self.gate.clone();
        let reports = std::mem::take(&mut self.reports);
        let notify = std::mem::take(&mut self.notify);
        let told = notify.is_wanted().then(|| {
            (self.prepared.suite.root.clone(), client(&self.prepared.process), stop.clone())
        });
        let saving = folder.keep();
        let outcome = runtime(threads).map(|runtime| {
            let ends = Ends { stop, groups, keep: saving };
            let ended = runtime.block_on(self.run_all(args, header, sender, ends));
            listener.thread().unpark();
            // What still hangs in a blocking call does not hold up the end.
            runtime.shutdown_timeout(Duration::from_millis(100));
            ended
        });
        let stopped = match outcome {
            Ok(stopped) => stopped,
            Err(error) => {
                let failures = [format!("the runtime: {error}")];
                outputs::complain(&failures, &gate, printer);
                return Carried::failed();
            }
        };
        let Ok(heard) = listener.join() else {
            outputs::complain(&["the reporters failed".to_owned()], &gate, printer);
            return Carried::failed();
        };
        drop(folder);
        let Heard { fold, kept, mut failures } = heard;
        let own = [fold.exit_code(flaky), stopped.map_or(0, signals::code)];
        let run = kept.map(|kept| kept.end(fold));
        failures.extend(run.iter().flat_map(|run| outputs::write(&reports, run)));
        outputs::complain(&failures, &gate, printer);
        let code = gravest(own.into_iter().chain([if failures.is_empty() { 0 } else { 7 }]));
        // Whoever ended the run knows that it did.
        let ended = matches!(stopped, Some(Stop::Interrupt | Stop::Terminate));
        if let (Some(run), Some((root, client, stop))) = (&run, told.filter(|_| !ended)) {
            let (record, stop) = (&run.record, Some(stop));
            let news = News { record, code, root: &root, gate: &gate, client, stop };
            notify.tell(&news, printer);
        }
        Carried { code, run }
    }

    async fn run_all(
        self,
        args: &RunArgs,
        header: RunStarted,
        events: mpsc::Sender<Sealed<Event>>,
        Ends { stop, groups, keep }: Ends,
    ) -> Option<Stop> {
        let Self {
            mut prepared, jobs, secrets, gate, started, started_at, run, seed, entropy, ..
        } = self;
        let emit = |event: Event| {
            let events = events.clone();
            let event = gate.seal(event);
            async move {
                let _ = events.send(event).await;
            }
        };
        let context = Arc::new(Context {
            started,
            started_at,
            run,
            seed,
            entropy: AtomicU64::new(entropy),
            keep: Some(keep),
            jobs: usize::from(args.jobs),
            max_failures: if args.fail_fast { Some(1) } else { args.max_fail },
            ..Context::alone(client(&prepared.process), gate.clone(), events.clone(), stop)
        });
        emit(Event::RunStarted(header)).await;
        let common: Vec<&SourceText> = common_sources(&prepared);
        for source in common {
            emit(Event::source(source)).await;
        }
        for listed in world::contracts(&prepared, &jobs) {
            emit(Event::Contract(listed)).await;
        }
        told(&prepared, prepared.findings.iter(), &emit).await;
        let how = Start { context: &context, purpose: Purpose::Run, groups: &groups };
        let World { values, running, taps, mut problems } =
            world::start(&prepared, &jobs, &secrets, how).await;
        for (environment, values) in &values {
            if let Some(told) = world::told(&prepared, *environment, values) {
                emit(Event::Environment(told)).await;
            }
        }
        if problems.is_empty() && context.stopped().is_none() {
            let values = plan_values(&prepared, &args.values, &values);
            // The jobs hold what they need; what was checked goes with the last job of its plan.
            (prepared.plans, prepared.suite.plans) = (Vec::new(), Vec::new());
            run::run(Arc::clone(&context), jobs, values).await;
        }
        for tap in taps {
            tap.stop().await;
        }
        context.tell_strays(true).await;
        for services in running.into_iter().rev() {
            problems.extend(services.stop().await);
        }
        told(&prepared, problems.iter(), &emit).await;
        let stopped = context.stopped();
        let interrupted = stopped.map(|stop| stop.as_str().to_owned());
        emit(Event::RunFinished { duration: elapsed(started), interrupted }).await;
        // The process ends soon: giving each small piece back first would only take time.
        std::mem::forget(prepared);
        stopped
    }
}

/// Tells findings, each after the texts that it points into.
async fn told<F: Future<Output = ()>>(
    prepared: &Prepared,
    findings: impl Iterator<Item = &Finding>,
    emit: &impl Fn(Event) -> F,
) {
    for finding in findings {
        for label in &finding.labels {
            if let Some(source) = prepared.suite.sources.get(label.place.source) {
                emit(Event::source(source)).await;
            }
        }
        emit(Event::Finding { finding: finding.clone() }).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the run ends here")]
fn elapsed(started: Instant) -> Duration {
    Instant::now().saturating_duration_since(started)
}
