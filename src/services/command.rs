//! A service that is a command: started in a process group of its own, waited for until it answers,
//! ended with all that it started.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use url::Url;

use super::exec::{Words, how};
use super::groups::{Groups, is_alive, terminate};
use super::{Command, How, StartFault};
use crate::finding::{Code, Finding};
use crate::http::{Client, Connection, Request};
use crate::source::{Place, Spanned};
use crate::units::show_duration;

/// The pause between two looks at whether a service is ready, or gone.
const PAUSE: Duration = Duration::from_millis(50);

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(2);

/// How long a service has to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How long what it started has, once the service itself is gone. Where nobody asks how an orphan
/// ended, it looks alive for ever.
const AFTER: Duration = Duration::from_secs(2);

/// How much of what a service prints is kept, in bytes.
const KEPT: usize = 64 << 10;

/// How many lines of it are shown.
const LINES: usize = 20;

/// A service that runs. It is killed where it is dropped without being stopped.
pub(super) struct Running {
    name: String,
    place: Place,
    child: Child,
    group: u32,
    groups: Arc<Groups>,
    tail: Tail,
    /// What fills the tail; ends when nobody can print any more.
    pumps: Vec<tokio::task::JoinHandle<()>>,
}

/// The end of what a service printed, on both of its outputs.
#[derive(Debug, Clone, Default)]
struct Tail(Arc<Mutex<VecDeque<u8>>>);

/// What answered a look at a service.
enum Look {
    Ready,
    /// In words.
    NotReady(String),
}

impl Running {
    /// Starts a service and waits until it is ready.
    pub(super) async fn start(
        name: &Spanned<String>,
        command: &Command,
        how: &How,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<Self, StartFault> {
        // What answers already would be taken for the service, and be tested in its place.
        if matches!(look(&how.client, &command.ready.value).await, Look::Ready) {
            return Err(StartFault::Failed(Box::new(
                Finding::error(
                    Code::ServiceFailed,
                    format!(
                        "`{}` answers already, before the service `{}` is started",
                        command.ready.value, name.value
                    ),
                )
                .at(command.ready.place, "something else serves this")
                .help("stop what runs there, or choose another port"),
            )));
        }
        let mut running = Self::spawn(name, command, &how.groups).map_err(StartFault::Failed)?;
        let mut seen = String::new();
        let failed = tokio::select! {
            status = running.child.wait() => Some(Some(running.ended(status))),
            () = wait(&how.client, &command.ready.value, &mut seen) => None,
            () = tokio::time::sleep(command.timeout) => Some(Some(running.too_slow(command))),
            () = stop => Some(None),
        };
        let Some(failed) = failed else { return Ok(running) };
        let Some(mut finding) = failed else {
            running.end().await;
            return Err(StartFault::Stopped);
        };
        if let (Some(label), false) = (finding.labels.get_mut(1), seen.is_empty()) {
            label.text = seen;
        }
        running.end().await;
        Err(StartFault::Failed(Box::new(running.with_output(finding))))
    }

    fn spawn(
        name: &Spanned<String>,
        command: &Command,
        groups: &Arc<Groups>,
    ) -> Result<Self, Box<Finding>> {
        let words = Words { words: &command.words, folder: &command.folder };
        let refused = |why: String| {
            Box::new(
                Finding::error(
                    Code::ServiceFailed,
                    format!("the service `{}` could not be started: {why}", name.value),
                )
                .at(command.place, "this command"),
            )
        };
        let mut start = words.command();
        #[cfg(unix)]
        start.process_group(0);
        let mut child =
            start.spawn().map_err(|error| refused(words.not_started(&error).to_string()))?;
        let group = child.id().ok_or_else(|| refused("it ended at once".to_owned()))?;
        groups.add(group);
        let tail = Tail::default();
        let out = child.stdout.take().map(|out| tokio::spawn(tail.clone().fill(out)));
        let err = child.stderr.take().map(|err| tokio::spawn(tail.clone().fill(err)));
        let pumps = out.into_iter().chain(err).collect();
        let (name, place, groups) = (name.value.clone(), command.place, Arc::clone(groups));
        Ok(Self { name, place, child, group, groups, tail, pumps })
    }

    fn ended(&self, status: std::io::Result<ExitStatus>) -> Finding {
        let done = status.as_ref().is_ok_and(ExitStatus::success);
        let how = status.map_or_else(|error| error.to_string(), how);
        let message = format!("the service `{}` ended before it was ready: {how}", self.name);
        let finding = Finding::error(Code::ServiceFailed, message).at(self.place, "this command");
        if done {
            finding.help("it must stay in the foreground: planrun stops it after the run")
        } else {
            finding
        }
    }

    fn too_slow(&self, command: &Command) -> Finding {
        let within = show_duration(command.timeout);
        let message = format!("the service `{}` was not ready within {within}", self.name);
        Finding::error(Code::ServiceFailed, message)
            .at(self.place, "this command")
            .at(command.ready.place, "this did not answer")
            .help("raise `timeout` if it needs longer")
    }

    /// The last lines of what it printed go with a finding about it.
    fn with_output(&self, finding: Finding) -> Finding {
        self.tail.lines().into_iter().fold(finding, Finding::help)
    }

    /// Stops the service; a finding where it had ended by itself.
    pub(super) async fn stop(mut self) -> Option<Finding> {
        let ended = self.child.try_wait().ok().flatten();
        self.end().await;
        ended.map(|status| {
            let message =
                format!("the service `{}` ended during the run: {}", self.name, how(status));
            let finding = Finding::error(Code::ServiceFailed, message);
            self.with_output(finding.at(self.place, "this command"))
        })
    }

    /// Asks the whole group to end, and kills what is left of it after [`GRACE`].
    async fn end(&mut self) {
        terminate(self.group);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_ok() {
            let gone = async {
                while is_alive(self.group) {
                    tokio::time::sleep(PAUSE).await;
                }
            };
            let _ = tokio::time::timeout(AFTER, gone).await;
        }
        self.groups.end_one(self.group);
        let _ = self.child.wait().await;
        // What left the group and still holds an output is not waited for.
        let pumps = futures_util::future::join_all(self.pumps.drain(..));
        let _ = tokio::time::timeout(LOOK, pumps).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.groups.end_one(self.group);
    }
}

impl Tail {
    async fn fill(self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 8 << 10];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(buffer.iter().take(count));
            let beyond = kept.len().saturating_sub(KEPT);
            kept.drain(..beyond);
        }
    }

    /// The last lines, for a finding; the gate masks them there.
    fn lines(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
        last.iter().map(|line| format!("it said: {}", line.trim_end())).collect()
    }
}

/// Looks again and again until the service is ready; `seen` is what the last look saw.
async fn wait(client: &Client, ready: &Url, seen: &mut String) {
    loop {
        match look(client, ready).await {
            Look::Ready => return,
            Look::NotReady(words) => *seen = words,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One look: a 2xx or 3xx is an answer of a service that is ready.
async fn look(client: &Client, ready: &Url) -> Look {
    let mut request = Request::new("GET", ready.clone());
    request.timeout = LOOK;
    request.connection = Connection::Fresh;
    match client.exchange(&request, None).await {
        Ok(exchanged) => match exchanged.answer {
            Ok(answer) if (200..400).contains(&answer.status) => Look::Ready,
            Ok(answer) => Look::NotReady(format!("answered {} last", answer.status)),
            Err(transport) => Look::NotReady(transport.message),
        },
        Err(fault) => Look::NotReady(fault.to_string()),
    }
}
