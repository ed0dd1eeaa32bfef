//! Taps: proxies that record what the system under test sends to its own dependencies, and pass it on.
//!
//! A tap is bound before anything else is started, so that its address can be told; where it
//! forwards to may follow later. What it sees is kept by the [`Hub`], tied to the step that it
//! belongs to. Nothing is changed on the way but what belongs to one connection.

mod hub;
mod passing;
mod recorded;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

pub use hub::{Hub, Seen, Stray, Unsure, Watching};
use passing::{Passing, Target};

use super::client::Client;
use super::request::{Dial, HttpVersion};

/// A tap that is bound and not served yet: who connects already waits.
#[derive(Debug)]
pub struct TapListener {
    name: String,
    address: SocketAddr,
    listener: TcpListener,
}

/// What a tap works with.
#[derive(Clone)]
pub struct TapWork {
    /// Keeps what it sees.
    pub hub: Hub,
    /// Asks the dependency.
    pub client: Client,
    /// The contract that its requests are held against afterwards.
    pub contract: Option<String>,
    /// Says before a request is passed on why it is not; nothing where everything is.
    pub refuse: Option<Refuse>,
}

/// Why a request is answered with 502 instead of being passed on: its method, its path with the
/// query, its headers and its body.
pub type Refuse =
    Arc<dyn Fn(&str, &str, &[(String, String)], &[u8]) -> Option<String> + Send + Sync>;

impl std::fmt::Debug for TapWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TapWork").field("contract", &self.contract).finish_non_exhaustive()
    }
}

impl TapListener {
    /// Binds a tap; without an address, or with port 0, to a free port.
    ///
    /// # Errors
    /// An address that is taken or cannot be bound.
    pub async fn bind(name: &str, address: Option<SocketAddr>) -> io::Result<Self> {
        let address = address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { name: name.to_owned(), address, listener })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the tap is dropped. What comes before it is known where to forward to is
    /// answered with 502.
    #[must_use]
    pub fn serve(self, work: TapWork) -> Tap {
        let (forward, to) = watch::channel(None);
        let name: Arc<str> = self.name.as_str().into();
        let address = self.address;
        let task = tokio::spawn(accept(self.listener, Arc::new(Passing::new(name, work, to))));
        Tap { name: self.name, address, forward, task }
    }
}

/// A tap at work; it ends when this value is dropped.
#[derive(Debug)]
pub struct Tap {
    name: String,
    address: SocketAddr,
    forward: watch::Sender<Option<Target>>,
    task: JoinHandle<()>,
}

impl Tap {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its origin, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Forwards to a dependency from now on, over connections that are made so.
    pub fn forward_to(&self, url: Url, dial: &Dial) {
        // What is recorded is HTTP/1.1 on both sides.
        let dial = Arc::new(Dial { http: HttpVersion::One, ..dial.clone() });
        let _ = self.forward.send(Some(Target { url, dial }));
    }

    /// Ends it, and waits until its port is free again.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts connections; they end with this task.
async fn accept(listener: TcpListener, passing: Arc<Passing>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // What could not be accepted is the caller's to try again.
                let Ok((stream, _)) = accepted else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let passing = Arc::clone(&passing);
                connections.spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let passing = Arc::clone(&passing);
                        async move { Ok::<_, std::convert::Infallible>(passing.pass(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    let _ = connection.await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests;
