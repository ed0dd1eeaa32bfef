//! `--notify webhook=URL`: a chat is told how a run ended. The URL is a secret, and whether the chat
//! takes the news decides nothing.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use url::Url;

use super::args::{NotifyArgs, NotifyOn};
use super::fault::UsageFault;
use super::inputs::Process;
use super::means::runtime;
use super::printer::Printer;
use super::stored;
use crate::compare::{ChangeKind, Comparison};
use crate::finding::{Code, Finding};
use crate::http::{Client, Connection, Request};
use crate::record::Record;
use crate::report::{notification, verdict_of};
use crate::run::Stop;
use crate::secret::{Gate, Redacted, Secret};

/// How long a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a webhook says back is not read beyond this.
const ANSWER: u64 = 64 * 1024;

/// Who is told, and when.
#[derive(Default)]
pub(super) struct Notify {
    hooks: Vec<Hook>,
    on: NotifyOn,
}

struct Hook {
    url: Url,
    /// Whether the URL stood on the command line itself.
    visible: bool,
}

impl Notify {
    /// Reads `--notify` and `--notify-on`.
    pub(super) fn read(args: &NotifyArgs, process: &Process) -> Result<Self, UsageFault> {
        let hooks = args.notify.iter().map(|argument| Hook::read(argument, process));
        let on = args.notify_on.unwrap_or_default();
        Ok(Self { hooks: hooks.collect::<Result<_, _>>()?, on })
    }

    /// Whether anybody is told at all.
    pub(super) fn is_wanted(&self) -> bool {
        !self.hooks.is_empty()
    }

    /// Teaches the gate the URLs; what anybody could have seen of them is said.
    pub(super) fn learn(&self, gate: &Gate) -> Vec<Finding> {
        for hook in &self.hooks {
            let _ = gate.register("webhook", hook.url.as_str());
            let path = &hook.url[url::Position::BeforePath..];
            // What makes the URL secret is behind its host.
            if path.len() >= 8 {
                let _ = gate.register("webhook", path);
            }
        }
        let visible = self.hooks.iter().any(|hook| hook.visible);
        let warning = || {
            Finding::warning(Code::SecretSource, "`--notify webhook=…` holds the webhook's URL")
                .help("every user of the machine can see arguments")
                .help("give it by a variable: `--notify webhook=env:WEBHOOK`")
        };
        visible.then(warning).into_iter().collect()
    }

    /// The URLs, for the masks of a CI log.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.hooks.iter().map(|hook| Secret::new("webhook", hook.url.to_string())).collect()
    }

    /// Tells of a run that has ended. What goes wrong is a warning each.
    pub(super) fn tell(&self, news: &News<'_>, printer: &Printer) {
        let before = match self.reason(news) {
            Reason::Nothing => return,
            Reason::Ended => None,
            Reason::Changed(compared) => Some(compared),
        };
        let body = notification::slack(news.record, before.as_deref());
        let body = news.gate.redact(body);
        for hook in &self.hooks {
            if let Err(why) = hook.send(&body, news) {
                let host = hook.url.host_str().unwrap_or_default();
                let text = format!(
                    "warning[{}]: the webhook at {host} was not told: {why}",
                    Code::NotNotified
                );
                let text = crate::secret::sanitise_line(&text).into_owned();
                printer.error(&news.gate.redact(text));
            }
        }
    }

    /// Whether there is a reason to tell.
    fn reason(&self, news: &News<'_>) -> Reason {
        let failed = || if news.code == 0 { Reason::Nothing } else { Reason::Ended };
        match self.on {
            _ if self.hooks.is_empty() => Reason::Nothing,
            NotifyOn::Always => Reason::Ended,
            NotifyOn::Failure => failed(),
            NotifyOn::Change => {
                // With nothing before it, only a run that did not pass is news.
                let Some(before) = stored::like(news.root, news.record) else { return failed() };
                let compared = Comparison::of(&before, news.record, 0.1);
                let flipped = |kind: ChangeKind| kind.is_worse() || kind == ChangeKind::Better;
                let changed = verdict_of(&before) != verdict_of(news.record)
                    || compared.changes.iter().any(|change| flipped(change.kind));
                if changed { Reason::Changed(Box::new(compared)) } else { Reason::Nothing }
            }
        }
    }
}

/// Why somebody is told.
enum Reason {
    /// Nobody is.
    Nothing,
    /// A run ended.
    Ended,
    /// It is not as the run before it.
    Changed(Box<Comparison>),
}

/// A run that has ended.
pub(super) struct News<'a> {
    pub(super) record: &'a Record,
    /// Its exit code, before anybody was told.
    pub(super) code: u8,
    /// The project, where its runs are stored.
    pub(super) root: &'a Path,
    pub(super) gate: &'a Gate,
    pub(super) client: Client,
    /// Cuts the telling short.
    pub(super) stop: Option<watch::Receiver<Option<Stop>>>,
}

impl Hook {
    /// Reads `webhook=URL`, `webhook=env:NAME`. What was given is never repeated.
    fn read(argument: &str, process: &Process) -> Result<Self, UsageFault> {
        let Some(source) = argument.strip_prefix("webhook=") else {
            return Err(UsageFault::new(
                "`--notify` wants webhook=env:VARIABLE, a variable that holds the webhook's URL",
            ));
        };
        let (text, visible) = match source.strip_prefix("env:") {
            Some(name) => match process.get(name).map(str::trim) {
                Some(value) if !value.is_empty() => (value, false),
                Some(_) => {
                    return Err(UsageFault::new(format!(
                        "`--notify webhook=env:{name}`: the variable {name} is empty"
                    )));
                }
                None => {
                    return Err(UsageFault::new(format!(
                        "`--notify webhook=env:{name}`: the variable {name} is not set"
                    )));
                }
            },
            None => (source, true),
        };
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
        match url {
            Some(url) => Ok(Self { url, visible }),
            None => Err(UsageFault::new(
                "what `--notify webhook=…` gives is no URL: it begins with `https://`",
            )),
        }
    }

    /// Sends the news; why it was not taken.
    fn send(&self, body: &Redacted<serde_json::Value>, news: &News<'_>) -> Result<(), String> {
        let mut request = Request::new("POST", self.url.clone());
        request.headers.push(("Content-Type".into(), "application/json".into()));
        request.body = serde_json::to_string(body).unwrap_or_default().into();
        request.connect_timeout = TIMEOUT;
        request.timeout = TIMEOUT;
        request.connection = Connection::Fresh;
        request.max_body = ANSWER;
        let runtime = runtime(1).map_err(|error| error.to_string())?;
        let ended = runtime.block_on(async {
            let stopped = async {
                match news.stop.clone() {
                    Some(mut stop) => {
                        // Its deadline may have ended the run already.
                        let _ = stop.borrow_and_update();
                        let _ = stop.changed().await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                sent = news.client.exchange(&request, None) => Some(sent),
                () = stopped => None,
            }
        });
        runtime.shutdown_timeout(Duration::from_millis(100));
        match ended.map(|sent| sent.map(|exchanged| exchanged.answer)) {
            None => Err("interrupted".to_owned()),
            Some(Err(_)) => Err("its URL cannot be asked".to_owned()),
            Some(Ok(Err(transport))) => Err(transport.message),
            Some(Ok(Ok(answer))) if (200..300).contains(&answer.status) => Ok(()),
            Some(Ok(Ok(answer))) => Err(format!("it answered {}", answer.status)),
        }
    }
}
