//! The built-in registry: an auth service, an authenticating proxy and an MLflow-shaped registry
//! behind it, on loopback, with real state and with faults on request.
//!
//! It is what a newcomer's first run talks to, and what the plans of the repository are tested
//! against. Three servers stand on three ports and speak HTTP with each other over real sockets,
//! so that what goes wrong between them goes wrong as it does in the field.

mod answer;
mod artifacts;
mod auth;
mod experiments;
mod fault;
mod filter;
mod keys;
mod models;
mod params;
mod proxy;
mod registry;
mod runs;
mod spool;
mod state;
mod versions;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use fault::{Fault, UnknownFault};

/// How long [`Demo::stop`] waits for exchanges that are still under way.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// What a caller may choose; the default is a healthy demo on a free port.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port of the proxy; 0 takes a free one.
    pub port: u16,
    /// What is wrong with it.
    pub fault: Fault,
    /// Where the proxy asks about keys, instead of the demo's own auth service: an origin.
    pub auth_url: Option<String>,
    /// What stands behind the proxy, instead of the demo's own registry: an origin.
    pub registry_url: Option<String>,
}

/// A running demo; it ends when this value is dropped.
#[derive(Debug)]
pub struct Demo {
    url: String,
    auth_url: String,
    direct_url: String,
    keys: Arc<keys::Keys>,
    fault: Fault,
    stopping: watch::Sender<()>,
    servers: Vec<JoinHandle<io::Result<()>>>,
}

impl Demo {
    /// Starts the three servers as tasks of the caller's tokio runtime; they accept connections
    /// when this returns.
    ///
    /// # Errors
    /// A port that cannot be bound, an override that is no URL, or no randomness for the keys.
    pub async fn start(options: Options) -> io::Result<Self> {
        let keys = Arc::new(keys::Keys::generate()?);
        let behind = Listening::on(0).await?;
        let auth = Listening::on(0).await?;
        let front = Listening::on(options.port).await?;
        let auth_url = auth.url.clone();

        let registry = registry::service(state::State::new(options.fault, &keys));
        let asked = options.auth_url.as_deref().unwrap_or(&auth_url);
        let direct_url = options.registry_url.unwrap_or_else(|| behind.url.clone());
        let proxy = proxy::service(proxy::Settings::of(options.fault, asked, &direct_url, &keys))?;
        let auth_service = auth::service(auth::Settings {
            keys: Arc::clone(&keys),
            misrouted_to: (options.fault == Fault::Misrouted).then(|| proxy.clone()),
        });

        let (stopping, stop) = watch::channel(());
        let url = front.url.clone();
        let servers = vec![
            behind.serve(registry, stop.clone()),
            auth.serve(auth_service, stop.clone()),
            front.serve(proxy, stop),
        ];
        Ok(Self { url, auth_url, direct_url, keys, fault: options.fault, stopping, servers })
    }

    /// The origin of the proxy, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The origin of the demo's own auth service.
    #[must_use]
    pub fn auth_url(&self) -> &str {
        &self.auth_url
    }

    /// The origin of what stands behind the proxy: it asks for no key.
    #[must_use]
    pub fn direct_url(&self) -> &str {
        &self.direct_url
    }

    /// A live key of the service `platform`; new at every start.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.keys.live()
    }

    /// A key that has the right shape and is no longer valid.
    #[must_use]
    pub fn expired_key(&self) -> &str {
        self.keys.expired()
    }

    /// The service for which the proxy asks: `platform`, where nothing is wrong.
    #[must_use]
    pub fn service_id(&self) -> &'static str {
        self.fault.service_id()
    }

    /// All of this by name, as environments and programs are told it.
    #[must_use]
    pub fn values(&self) -> serde_json::Value {
        serde_json::json!({
            "url": self.url(),
            "auth_url": self.auth_url(),
            "direct_url": self.direct_url(),
            "service_id": self.service_id(),
            "api_key": self.api_key(),
            "expired_key": self.expired_key(),
        })
    }

    /// Ends the demo and waits for it: exchanges under way get a second to finish.
    pub async fn stop(self) {
        let Self { stopping, servers, .. } = self;
        drop(stopping);
        let hurry: Vec<_> = servers.iter().map(JoinHandle::abort_handle).collect();
        let all = futures_util::future::join_all(servers);
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            for server in hurry {
                server.abort();
            }
        }
    }
}

/// A bound loopback port that already queues connections.
struct Listening {
    listener: TcpListener,
    url: String,
}

impl Listening {
    async fn on(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }

    fn serve(self, service: Router, mut stop: watch::Receiver<()>) -> JoinHandle<io::Result<()>> {
        tokio::spawn(async move {
            axum::serve(self.listener, service)
                .with_graceful_shutdown(async move {
                    // The sender never sends: an error means that it was dropped.
                    while stop.changed().await.is_ok() {}
                })
                .await
        })
    }
}

#[cfg(test)]
mod tests;
