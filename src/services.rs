//! Starts what an environment needs before the run, waits for it, and stops it afterwards; runs the
//! commands that secrets come from.

mod command;
mod exec;
mod groups;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use crate::finding::{Code, Finding};
use crate::http::{Client, Origin};
use crate::source::{Place, Spanned};

use command::Running;
pub use exec::{ExecFault, Words, output_of};
pub use groups::Groups;

/// Fields of a built-in service's values that are secrets.
pub const SECRET_FIELDS: [&str; 2] = ["api_key", "expired_key"];

/// What `services.NAME.…` of a built-in service can be asked for, for the check phase.
pub const FIELDS: [&str; 6] =
    ["url", "auth_url", "direct_url", "service_id", "api_key", "expired_key"];

/// The same of a service that is a command: the origin of what tells that it is ready.
pub const COMMAND_FIELDS: [&str; 1] = ["url"];

/// A service, ready to be started.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name, for `services.NAME.…`.
    pub name: Spanned<String>,
    /// What it is.
    pub work: Work,
}

/// What a service is.
#[derive(Debug, Clone)]
pub enum Work {
    /// The built-in registry.
    Demo {
        /// Where that is written.
        place: Place,
        /// What makes it sick.
        fault: Option<Spanned<String>>,
        /// Where its proxy asks about keys, instead of its own auth service.
        auth_url: Option<Spanned<String>>,
    },
    /// A command that serves until it is ended.
    Command(Command),
}

/// A command that serves.
#[derive(Debug, Clone)]
pub struct Command {
    /// Where it is written.
    pub place: Place,
    /// The program with its arguments.
    pub words: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Answers with a 2xx or 3xx once it is up.
    pub ready: Spanned<Url>,
    /// How long that may take.
    pub timeout: Duration,
}

impl Command {
    /// What the service gives as its `url`: the origin of what tells that it is ready.
    #[must_use]
    pub fn url(&self) -> String {
        Origin::of(&self.ready.value).map(|origin| origin.to_string()).unwrap_or_default()
    }
}

/// What services are started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A run: all of them.
    Run,
    /// Showing requests: none; what only a running one can know is a placeholder.
    Look,
}

/// What services are started with.
#[derive(Debug, Clone)]
pub struct How {
    /// Looks whether they are ready.
    pub client: Client,
    /// Knows them, so that they can be ended with planrun.
    pub groups: Arc<Groups>,
}

/// Why services were not started.
#[derive(Debug)]
pub enum StartFault {
    /// One could not be: a located finding.
    Failed(Box<Finding>),
    /// The run was to end first.
    Stopped,
}

/// The services of one environment, running until they are stopped or dropped.
#[derive(Default)]
pub struct Services {
    #[cfg(feature = "demo")]
    demos: Vec<(String, crate::demo::Demo)>,
    commands: Vec<Running>,
    /// The origins of services that are commands.
    urls: Vec<(String, String)>,
    /// Built-in ones that were not started.
    absent: Vec<String>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

impl Services {
    /// Starts each service in the order of the file, and waits until it is ready, but not beyond
    /// the end of `stop`.
    ///
    /// # Errors
    /// Why one could not be started; what was started before is stopped.
    pub async fn start(
        services: &[Service],
        purpose: Purpose,
        how: &How,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<Self, StartFault> {
        let mut running = Self::default();
        for service in services {
            let name = &service.name;
            let started = match &service.work {
                Work::Demo { place, fault, auth_url } => match purpose {
                    Purpose::Look => {
                        running.absent.push(name.value.clone());
                        Ok(())
                    }
                    Purpose::Run => {
                        let how = (fault.as_ref(), auth_url.as_ref());
                        let demo = running.start_demo(name, *place, how).await;
                        demo.map_err(StartFault::Failed)
                    }
                },
                Work::Command(command) => {
                    running.urls.push((name.value.clone(), command.url()));
                    match purpose {
                        Purpose::Look => Ok(()),
                        Purpose::Run => Running::start(name, command, how, stop)
                            .await
                            .map(|service| running.commands.push(service)),
                    }
                }
            };
            if let Err(fault) = started {
                let _ = running.stop().await;
                return Err(fault);
            }
        }
        Ok(running)
    }

    #[cfg(feature = "demo")]
    async fn start_demo(
        &mut self,
        name: &Spanned<String>,
        _: Place,
        (fault, auth_url): (Option<&Spanned<String>>, Option<&Spanned<String>>),
    ) -> Result<(), Box<Finding>> {
        use crate::demo::{Demo, Fault, Options};
        let fault = match fault {
            None => Fault::None,
            Some(word) => word.value.parse().map_err(|_| {
                Finding::error(
                    Code::ServiceFailed,
                    format!("the demo has no fault `{}`", word.value),
                )
                .at(word.place, "not a fault of the demo")
            })?,
        };
        let asked = auth_url.map(|url| url.value.clone());
        let options = Options { fault, auth_url: asked, ..Options::default() };
        let demo = Demo::start(options).await.map_err(|error| {
            Finding::error(
                Code::ServiceFailed,
                format!("the service `{}` could not be started: {error}", name.value),
            )
            .at(auth_url.map_or(name.place, |url| url.place), "this service")
        })?;
        self.demos.push((name.value.clone(), demo));
        Ok(())
    }

    #[cfg(not(feature = "demo"))]
    #[expect(
        clippy::unused_async,
        clippy::unused_self,
        reason = "the same face with and without the demo"
    )]
    async fn start_demo(
        &mut self,
        _: &Spanned<String>,
        place: Place,
        _: (Option<&Spanned<String>>, Option<&Spanned<String>>),
    ) -> Result<(), Box<Finding>> {
        Err(Box::new(
            Finding::error(Code::ServiceFailed, "this build has no demo registry")
                .at(place, "needs the demo")
                .help("build with `--features demo`"),
        ))
    }

    /// The values that the services give to their environment file: `services.NAME.url` and so on.
    #[must_use]
    pub fn values(&self) -> Value {
        let mut values = Map::new();
        #[cfg(feature = "demo")]
        for (name, demo) in &self.demos {
            values.insert(name.clone(), demo.values());
        }
        for name in &self.absent {
            let field = |field: &str| {
                let place = format!("{{services.{name}.{field}}}");
                // An address has to be one, so that what is put behind it makes a URL.
                let is_url = field.ends_with("url");
                let value = if is_url { format!("http://{place}") } else { place };
                (field.to_owned(), Value::from(value))
            };
            values
                .insert(name.clone(), FIELDS.into_iter().map(field).collect::<Map<_, _>>().into());
        }
        for (name, url) in &self.urls {
            values.insert(name.clone(), json!({"url": url}));
        }
        Value::Object(values)
    }

    /// Stops them all, the last started first; what ended by itself before is said.
    pub async fn stop(self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for command in self.commands.into_iter().rev() {
            findings.extend(command.stop().await);
        }
        #[cfg(feature = "demo")]
        for (_, demo) in self.demos.into_iter().rev() {
            demo.stop().await;
        }
        findings
    }
}
