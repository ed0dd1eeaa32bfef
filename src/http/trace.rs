//! Measures one exchange from inside reqwest: when the name was resolved, the connection made, the
//! handshake begun, the request written.
//!
//! reqwest has no timings of its own. The request's future runs in a task-local scope; the
//! resolver, a layer round the connector and the key exchange of the crypto provider find the
//! [`Trace`] there and leave their marks on it, and the body leaves its own as it is pulled.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::http::Extensions;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpInfo};
use tower_layer::Layer;
use tower_service::Service;

use super::barrier::Ticket;
use super::redirect::is_internal;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

tokio::task_local! {
    static TRACE: Arc<Trace>;
}

/// The one clock of this room.
#[expect(clippy::disallowed_methods, reason = "`http` measures, so it may look at the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// What is known about one request on its way.
#[derive(Debug)]
pub(crate) struct Trace {
    marks: Mutex<Marks>,
    connect_timeout: Duration,
    ticket: Mutex<Option<Ticket>>,
}

/// What happened when, as far as it has happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    pub(crate) dns_started: Option<Instant>,
    pub(crate) dns_ended: Option<Instant>,
    pub(crate) connect_started: Option<Instant>,
    pub(crate) tls_started: Option<Instant>,
    pub(crate) connected: Option<Instant>,
    /// When the barrier opened, where there was one.
    pub(crate) released: Option<Instant>,
    /// Our end of the connection that was made for this request.
    pub(crate) local: Option<SocketAddr>,
    /// The other end of it.
    pub(crate) remote: Option<SocketAddr>,
    /// What the name resolved to.
    pub(crate) resolved: Vec<IpAddr>,
    /// When the last byte of the request was handed over, or its head where it has no body.
    pub(crate) sent: Option<Instant>,
    /// How much of the body was handed over.
    pub(crate) sent_bytes: u64,
    /// Whether the body was handed over whole.
    pub(crate) all_sent: bool,
    /// SHA-256 of a streamed body that was handed over whole.
    pub(crate) sent_digest: Option<String>,
}

impl Trace {
    pub(crate) fn new(connect_timeout: Duration, ticket: Option<Ticket>) -> Arc<Self> {
        Arc::new(Self { marks: Mutex::default(), connect_timeout, ticket: Mutex::new(ticket) })
    }

    /// Runs a request's future so that it leaves its marks here.
    pub(crate) async fn follow<F: Future>(self: &Arc<Self>, request: F) -> F::Output {
        TRACE.scope(Arc::clone(self), request).await
    }

    pub(crate) fn marks(&self) -> Marks {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn mark(&self, set: impl FnOnce(&mut Marks)) {
        set(&mut self.marks.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Called when a TLS handshake begins: the first key share is made while the `ClientHello` is built.
pub(crate) fn mark_tls() {
    let _ = TRACE.try_with(|trace| {
        trace.mark(|marks| {
            marks.tls_started.get_or_insert_with(now);
        });
    });
}

/// The ends of a connection, ours first; by ours one that was made just now is told from a kept one.
pub(crate) fn ends_of(connected: &Connected) -> Option<(SocketAddr, SocketAddr)> {
    let mut extensions = Extensions::new();
    connected.get_extras(&mut extensions);
    ends(&extensions)
}

/// The ends of the connection that a response came over.
pub(crate) fn ends(extensions: &Extensions) -> Option<(SocketAddr, SocketAddr)> {
    let info = extensions.get::<HttpInfo>()?;
    Some((info.local_addr(), info.remote_addr()))
}

/// No connection within the time that the request allows for it.
#[derive(Debug)]
pub(crate) struct ConnectTimedOut;

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection in time")
    }
}

impl std::error::Error for ConnectTimedOut {}

/// Puts [`Connecting`] round reqwest's connector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectLayer;

impl<S> Layer<S> for ConnectLayer {
    type Service = Connecting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Connecting { inner }
    }
}

/// A connector that keeps time, in both senses.
#[derive(Debug, Clone)]
pub(crate) struct Connecting<S> {
    inner: S,
}

impl<S, R> Service<R> for Connecting<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: Connection + Send,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let connecting = self.inner.call(to);
        let Ok(trace) = TRACE.try_with(Arc::clone) else {
            return Box::pin(connecting);
        };
        trace.mark(|marks| marks.connect_started = Some(now()));
        let ticket = trace.ticket.lock().unwrap_or_else(PoisonError::into_inner).take();
        // If a kept connection becomes free first, the pool finishes this one in the background:
        // so the future carries the scope with it.
        Box::pin(TRACE.scope(Arc::clone(&trace), async move {
            let made = tokio::time::timeout(trace.connect_timeout, connecting)
                .await
                .map_err(|_| BoxError::from(ConnectTimedOut))??;
            trace.mark(|marks| {
                marks.connected = Some(now());
                if let Some((local, remote)) = ends_of(&made.connected()) {
                    marks.local = Some(local);
                    marks.remote = Some(remote);
                }
            });
            if let Some(ticket) = ticket {
                ticket.pass().await;
                trace.mark(|marks| marks.released = Some(now()));
            }
            Ok(made)
        }))
    }
}

/// Why a name gave no address.
#[derive(Debug)]
pub(crate) enum NameFault {
    /// The resolver said so.
    Unknown { seen: String },
    /// A URL out of a response, and the name stands for an address that such a one may not lead to.
    Internal { address: IpAddr },
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { seen } => f.write_str(seen),
            Self::Internal { address } => write!(f, "{address} is not asked"),
        }
    }
}

impl std::error::Error for NameFault {}

/// Resolves names with the system's resolver, under the addresses that an environment states.
#[derive(Debug)]
pub(crate) struct Names {
    stated: Vec<(String, Vec<SocketAddr>)>,
    /// A name that stands in the URL for the sake of TLS, and the host that is really asked.
    stand_in: Option<(String, String)>,
    /// Whether names that stand for link-local and metadata addresses are refused.
    guarded: bool,
}

impl Names {
    pub(crate) fn new(
        stated: Vec<(String, Vec<SocketAddr>)>,
        stand_in: Option<(String, String)>,
        guarded: bool,
    ) -> Arc<Self> {
        Arc::new(Self { stated, stand_in, guarded })
    }
}

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let trace = TRACE.try_with(Arc::clone).ok();
        let host = match &self.stand_in {
            Some((stand_in, host)) if stand_in.eq_ignore_ascii_case(name.as_str()) => {
                host.trim_matches(['[', ']']).to_owned()
            }
            Some(_) | None => name.as_str().to_owned(),
        };
        let guarded = self.guarded;
        let stated = self
            .stated
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(&host))
            .map(|(_, addresses)| addresses.clone());
        Box::pin(async move {
            let mark = |set: fn(&mut Marks, Instant)| {
                if let Some(trace) = &trace {
                    trace.mark(|marks| set(marks, now()));
                }
            };
            mark(|marks, at| marks.dns_started = Some(at));
            let found = match stated {
                Some(addresses) => addresses,
                None => match tokio::net::lookup_host((host.as_str(), 0)).await {
                    Ok(addresses) => addresses.collect(),
                    Err(error) => {
                        let seen = error.to_string();
                        return Err(BoxError::from(NameFault::Unknown { seen }));
                    }
                },
            };
            mark(|marks, at| marks.dns_ended = Some(at));
            if let Some(trace) = &trace {
                trace.mark(|marks| marks.resolved = found.iter().map(SocketAddr::ip).collect());
            }
            let mut addresses = found.iter().map(SocketAddr::ip);
            if let Some(address) = addresses.find(|address| guarded && is_internal(*address)) {
                return Err(BoxError::from(NameFault::Internal { address }));
            }
            if found.is_empty() {
                let seen = "the name has no address".to_owned();
                return Err(BoxError::from(NameFault::Unknown { seen }));
            }
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
