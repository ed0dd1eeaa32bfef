//! Starts what an environment needs before the run, and stops it afterwards.

mod exec;

use std::fmt;

use serde_json::{Map, Value};

use crate::environment::ServiceAst;
use crate::finding::{Code, Finding};

pub use exec::{ExecFault, Words, output_of};

/// The services of one environment, running until they are stopped or dropped.
#[derive(Default)]
pub struct Services {
    #[cfg(feature = "demo")]
    demos: Vec<(String, crate::demo::Demo)>,
}

/// Fields of a service's values that are secrets.
pub const SECRET_FIELDS: [&str; 2] = ["api_key", "expired_key"];

/// What `services.NAME.…` can be asked for, for the check phase.
pub const FIELDS: [&str; 5] = ["url", "auth_url", "service_id", "api_key", "expired_key"];

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

impl Services {
    /// Starts each service in the order of the file.
    ///
    /// # Errors
    /// A located finding where one could not be started; what was started before is stopped.
    pub async fn start(services: &[&ServiceAst]) -> Result<Self, Box<Finding>> {
        let mut running = Self::default();
        for service in services {
            running.start_one(service).await?;
        }
        Ok(running)
    }

    #[cfg(feature = "demo")]
    async fn start_one(&mut self, service: &ServiceAst) -> Result<(), Box<Finding>> {
        use crate::demo::{Demo, Fault, Options};
        let fault = match &service.fault {
            None => Fault::None,
            Some(word) => word.value.parse().map_err(|_| {
                Finding::error(
                    Code::ServiceFailed,
                    format!("the demo has no fault `{}`", word.value),
                )
                .at(word.place, "not a fault of the demo")
            })?,
        };
        let demo = Demo::start(Options { port: 0, fault, ..Options::default() }).await.map_err(
            |error| {
                Finding::error(
                    Code::ServiceFailed,
                    format!("the service `{}` could not be started: {error}", service.name.value),
                )
                .at(service.name.place, "this service")
            },
        )?;
        self.demos.push((service.name.value.clone(), demo));
        Ok(())
    }

    #[cfg(not(feature = "demo"))]
    #[expect(clippy::unused_async, reason = "the same face with and without the demo")]
    async fn start_one(&mut self, service: &ServiceAst) -> Result<(), Box<Finding>> {
        Err(Box::new(
            Finding::error(Code::ServiceFailed, "this build has no demo registry")
                .at(service.builtin.place, "needs the demo")
                .help("build with `--features demo`"),
        ))
    }

    /// The values that the services give to their environment file: `services.NAME.url` and so on.
    #[must_use]
    pub fn values(&self) -> Value {
        #[cfg_attr(not(feature = "demo"), expect(unused_mut, reason = "filled by the demo"))]
        let mut values = Map::new();
        #[cfg(feature = "demo")]
        for (name, demo) in &self.demos {
            values.insert(
                name.clone(),
                serde_json::json!({
                    "url": demo.url(),
                    "auth_url": demo.auth_url(),
                    "service_id": demo.service_id(),
                    "api_key": demo.api_key(),
                    "expired_key": demo.expired_key(),
                }),
            );
        }
        Value::Object(values)
    }

    /// Stops them all.
    pub async fn stop(self) {
        #[cfg(feature = "demo")]
        for (_, demo) in self.demos {
            demo.stop().await;
        }
    }
}
